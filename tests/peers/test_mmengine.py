"""MMEngine computes in double precision, so its values are held to 1e-6 at every step.

Its schedulers act from step `begin` to step `end - 1`, and leave the rate as it is after that.
"""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, fractions, lengths, peer, rates

import jaxlr
from jaxlr.peers import mmengine as ours

torch = peer("torch")
scheduler = peer("mmengine.optim.scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

ends = st.integers(2, 60)
begins = st.integers(0, 30)
lasts = st.none() | st.integers(2, 90)


def window(begin, last):
    return {"begin": begin} if last is None else {"begin": begin, "end": begin + last}


def steps_of(lr, number, *settings):
    """What some schedulers, acting on one rate, make of it."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedulers = [getattr(scheduler, name)(optimizer, **arguments) for name, arguments in settings]
    theirs = []
    for _ in range(number):
        theirs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(theirs) < number:
            for each in schedulers:
                each.step()
    return theirs


def agree(name, lr, number=COUNTS.size, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    values = np.asarray(getattr(ours, name)(lr, **arguments)(COUNTS))
    theirs = steps_of(lr, number, (name, arguments))
    assert_same(f"mmengine {name}", values[:number], theirs)
    assert np.all(values[number:] == values[number - 1])


@drawn(lr=rates, step_size=lengths, gamma=st.floats(0.01, 1.2), begin=begins, last=lasts)
def test_step(lr, step_size, gamma, begin, last):
    agree("StepLR", lr, step_size=step_size, gamma=gamma, **window(begin, last))


@drawn(
    lr=rates,
    milestones=st.lists(lengths, min_size=3, max_size=3),
    gamma=st.floats(0.01, 2.0),
    begin=begins,
    last=lasts,
)
def test_multi_step(lr, milestones, gamma, begin, last):
    agree("MultiStepLR", lr, milestones=milestones, gamma=gamma, **window(begin, last))


@drawn(lr=rates, gamma=st.floats(0.5, 1.05), begin=begins, last=lasts)
def test_exponential(lr, gamma, begin, last):
    agree("ExponentialLR", lr, gamma=gamma, **window(begin, last))


@drawn(lr=rates, end=ends, begin=begins, power=st.floats(0.2, 4.0), floor=st.floats(0.0, 1.0))
def test_polynomial(lr, end, begin, power, floor):
    agree("PolyLR", lr, eta_min=floor * lr, power=power, begin=begin, end=begin + end)


@drawn(lr=rates, end=ends, begin=begins, start=fractions, stop=st.floats(0.0, 1.0))
def test_linear(lr, end, begin, start, stop):
    agree("LinearLR", lr, start_factor=start, end_factor=stop, begin=begin, end=begin + end)


@drawn(lr=rates, end=ends, begin=begins, factor=fractions)
def test_constant(lr, end, begin, factor):
    agree("ConstantLR", lr, factor=factor, begin=begin, end=begin + end)


@drawn(lr=rates, T_max=lengths, floor=st.floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    agree("CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min=floor * lr)


@drawn(lr=rates, T_max=lengths, ratio=st.floats(0.0, 1.0))
def test_cosine_annealing_to_a_ratio(lr, T_max, ratio):
    agree("CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min_ratio=ratio)


@drawn(lr=rates, end=ends, begin=begins, ratio=st.floats(0.0, 1.0))
def test_cosine_annealing_stops_with_its_window(lr, end, begin, ratio):
    agree("CosineAnnealingLR", lr, eta_min_ratio=ratio, begin=begin, end=begin + end)


@drawn(lr=rates, T_max=lengths, ratio=st.floats(0.0, 1.0), absolute=st.booleans())
def test_cosine_annealing_rises_again(lr, T_max, ratio, absolute):
    floor = {"eta_min": ratio * lr} if absolute else {"eta_min_ratio": ratio}
    values = ours.CosineAnnealingLR(lr, T_max, **floor, periodic=True)(COUNTS)
    theirs = steps_of(lr, COUNTS.size, ("CosineAnnealingLR", {"T_max": T_max, **floor}))
    # Theirs is computed from step to step, through a division by what is nearly 0.
    assert_same("mmengine CosineAnnealingLR, periodic", values, theirs, atol=1e-9)


@drawn(
    lr=rates,
    periods=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    weights=st.lists(st.floats(0.1, 2.0), min_size=3, max_size=3),
    floor=st.floats(0.0, 0.1),
    begin=begins,
)
def test_cosine_restarts(lr, periods, weights, floor, begin):
    agree(
        "CosineRestartLR",
        lr,
        periods=periods,
        restart_weights=weights,
        eta_min=floor * lr,
        begin=begin,
    )


@drawn(
    eta_max=rates,
    end=st.integers(20, 120),
    begin=begins,
    pct_start=st.floats(0.11, 0.5),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    div_factor=st.floats(1.0, 100.0),
    final_div_factor=st.floats(1.0, 1e4),
    three_phase=st.booleans(),
)
def test_one_cycle(eta_max, end, begin, **arguments):
    arguments = {"eta_max": eta_max, "begin": begin, "end": begin + end, **arguments}
    values = ours.OneCycleLR(**arguments)(COUNTS)
    theirs = steps_of(eta_max / arguments["div_factor"], COUNTS.size, ("OneCycleLR", arguments))
    assert_same("mmengine OneCycleLR", values, theirs)


@drawn(lr=rates, warmup=ends, T_max=lengths, ratio=st.floats(0.01, 1.0))
def test_one_after_the_other(lr, warmup, T_max, ratio):
    first = {"start_factor": 0.1, "end": warmup + 1}
    second = {"T_max": T_max, "eta_min_ratio": ratio}
    schedule = jaxlr.join_schedules(
        [ours.LinearLR(lr, **first), ours.CosineAnnealingLR(lr, **second, periodic=True)], [warmup]
    )
    settings = ("LinearLR", first), ("CosineAnnealingLR", {**second, "begin": warmup})
    theirs = steps_of(lr, COUNTS.size, *settings)
    assert_same("mmengine joined", schedule(COUNTS), theirs, atol=1e-9)


@drawn(lr=rates, warmup=ends, milestones=st.lists(lengths, min_size=2, max_size=2))
def test_one_over_the_other(lr, warmup, milestones):
    first, second = {"start_factor": 0.1, "end": warmup}, {"milestones": milestones}
    schedule = ours.LinearLR(lr, **first) * ours.MultiStepLR(1.0, **second)
    theirs = steps_of(lr, COUNTS.size, ("LinearLR", first), ("MultiStepLR", second))
    assert_same("mmengine product", schedule(COUNTS), theirs)
