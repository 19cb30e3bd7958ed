"""MMEngine computes in double precision, so its values are held to 1e-6 at every step.

Its schedulers act from step `begin` to step `end - 1`, and leave the rate as it is after that.
"""

import pytest
from peers.comparison import (
    COUNTS,
    compare,
    drawn,
    either,
    flags,
    floats,
    fractions,
    integers,
    lengths,
    lists,
    peer,
    rates,
    ratios,
)

import jaxlr
from jaxlr.peers import mmengine as ours

torch = peer("torch")
scheduler = peer("mmengine.optim.scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

ends = integers(1, 60)
begins = integers(0, 30)
lasts = either(None, integers(2, 90))


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
    schedule = getattr(ours, name)(lr, **arguments)
    compare(f"mmengine {name}", schedule, steps_of(lr, number, (name, arguments)), holds=True)


@drawn(lr=rates, step_size=lengths, gamma=floats(0.01, 1.2), begin=begins, last=lasts)
def test_step(lr, step_size, gamma, begin, last):
    agree("StepLR", lr, step_size=step_size, gamma=gamma, **window(begin, last))


@drawn(
    lr=rates,
    milestones=lists(lengths, 3),
    gamma=floats(0.01, 2.0),
    begin=begins,
    last=lasts,
)
def test_multi_step(lr, milestones, gamma, begin, last):
    agree("MultiStepLR", lr, milestones=milestones, gamma=gamma, **window(begin, last))


@drawn(lr=rates, gamma=floats(0.5, 1.05), begin=begins, last=lasts)
def test_exponential(lr, gamma, begin, last):
    agree("ExponentialLR", lr, gamma=gamma, **window(begin, last))


@drawn(lr=rates, end=ends, begin=begins, power=floats(0.2, 4.0), floor=ratios)
def test_polynomial(lr, end, begin, power, floor):
    agree("PolyLR", lr, eta_min=floor * lr, power=power, begin=begin, end=begin + end)


@drawn(lr=rates, end=ends, begin=begins, start=fractions, stop=ratios)
def test_linear(lr, end, begin, start, stop):
    agree("LinearLR", lr, start_factor=start, end_factor=stop, begin=begin, end=begin + end)


@drawn(lr=rates, end=ends, begin=begins, factor=fractions)
def test_constant(lr, end, begin, factor):
    agree("ConstantLR", lr, factor=factor, begin=begin, end=begin + end)


@drawn(lr=rates, T_max=lengths, floor=floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    agree("CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min=floor * lr)


@drawn(lr=rates, T_max=lengths, ratio=ratios)
def test_cosine_annealing_to_a_ratio(lr, T_max, ratio):
    agree("CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min_ratio=ratio)


@drawn(lr=rates, end=ends, begin=begins, ratio=ratios)
def test_cosine_annealing_stops_with_its_window(lr, end, begin, ratio):
    agree("CosineAnnealingLR", lr, eta_min_ratio=ratio, begin=begin, end=begin + end)


@drawn(lr=rates, T_max=lengths, ratio=ratios, absolute=flags)
def test_cosine_annealing_rises_again(lr, T_max, ratio, absolute):
    floor = {"eta_min": ratio * lr} if absolute else {"eta_min_ratio": ratio}
    schedule = ours.CosineAnnealingLR(lr, T_max, **floor, periodic=True)
    theirs = steps_of(lr, COUNTS.size, ("CosineAnnealingLR", {"T_max": T_max, **floor}))
    # Theirs is computed from step to step, through a division by what is nearly 0.
    compare("mmengine CosineAnnealingLR, periodic", schedule, theirs, atol=1e-9)


@drawn(
    lr=rates,
    periods=lists(integers(1, 40), 3),
    weights=lists(floats(0.1, 2.0), 3),
    floor=floats(0.0, 0.1),
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
    end=integers(2, 120),
    begin=begins,
    pct_start=ratios,
    anneal_strategy=either("cos", "linear"),
    div_factor=floats(1.0, 100.0),
    final_div_factor=floats(1.0, 1e4),
    three_phase=flags,
)
def test_one_cycle(eta_max, end, begin, **arguments):
    arguments = {"eta_max": eta_max, "begin": begin, "end": begin + end, **arguments}
    schedule = ours.OneCycleLR(**arguments)
    theirs = steps_of(eta_max / arguments["div_factor"], COUNTS.size, ("OneCycleLR", arguments))
    compare("mmengine OneCycleLR", schedule, theirs)


@drawn(lr=rates, warmup=ends, T_max=lengths, ratio=floats(0.01, 1.0))
def test_one_after_the_other(lr, warmup, T_max, ratio):
    first = {"start_factor": 0.1, "end": warmup + 1}
    second = {"T_max": T_max, "eta_min_ratio": ratio}
    schedule = jaxlr.join_schedules(
        [ours.LinearLR(lr, **first), ours.CosineAnnealingLR(lr, **second, periodic=True)], [warmup]
    )
    settings = ("LinearLR", first), ("CosineAnnealingLR", {**second, "begin": warmup})
    theirs = steps_of(lr, COUNTS.size, *settings)
    compare("mmengine joined", schedule, theirs, atol=1e-9)


@drawn(lr=rates, warmup=ends, milestones=lists(lengths, 2))
def test_one_over_the_other(lr, warmup, milestones):
    first, second = {"start_factor": 0.1, "end": warmup}, {"milestones": milestones}
    schedule = ours.LinearLR(lr, **first) * ours.MultiStepLR(1.0, **second)
    theirs = steps_of(lr, COUNTS.size, ("LinearLR", first), ("MultiStepLR", second))
    compare("mmengine product", schedule, theirs)
