"""MMEngine computes in double precision, so its values are held to 1e-6 at every step.

Its schedulers act from step `begin` to step `end - 1`, and leave the rate as it is after that.
"""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, fractions, lengths, peer, rates

import jaxlr

torch = peer("torch")
scheduler = peer("mmengine.optim.scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

ends = st.integers(2, 60)


def agree(ours, name, lr, number=COUNTS.size, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    peer_of_ours = getattr(scheduler, name)(optimizer, **arguments)
    theirs = []
    for _ in range(number):
        theirs.append(peer_of_ours.get_last_value()[0])
        optimizer.step()
        if len(theirs) < number:
            peer_of_ours.step()
    values = np.asarray(ours(COUNTS))
    assert_same(f"mmengine {name}", values[:number], theirs)
    assert np.all(values[number:] == values[number - 1])


@drawn(lr=rates, step_size=lengths, gamma=st.floats(0.01, 1.2))
def test_step(lr, step_size, gamma):
    schedule = jaxlr.step_decay(lr, step_size, gamma)
    agree(schedule, "StepLR", lr, step_size=step_size, gamma=gamma)


@drawn(lr=rates, milestones=st.lists(lengths, min_size=3, max_size=3), gamma=st.floats(0.01, 2.0))
def test_multi_step(lr, milestones, gamma):
    schedule = jaxlr.multistep_decay(lr, milestones, gamma)
    agree(schedule, "MultiStepLR", lr, milestones=milestones, gamma=gamma)


@drawn(lr=rates, gamma=st.floats(0.5, 1.05))
def test_exponential(lr, gamma):
    agree(jaxlr.exponential_decay(lr, 1, gamma), "ExponentialLR", lr, gamma=gamma)


@drawn(lr=rates, end=ends, power=st.floats(0.2, 4.0), floor=st.floats(0.0, 1.0))
def test_polynomial(lr, end, power, floor):
    schedule = jaxlr.polynomial_schedule(lr, floor * lr, power, end - 1)
    agree(schedule, "PolyLR", lr, eta_min=floor * lr, power=power, end=end)


@drawn(lr=rates, end=ends, start_factor=fractions, end_factor=st.floats(0.0, 1.0))
def test_linear(lr, end, start_factor, end_factor):
    schedule = jaxlr.linear_schedule(lr * start_factor, lr * end_factor, end - 1)
    agree(schedule, "LinearLR", lr, start_factor=start_factor, end_factor=end_factor, end=end)


@drawn(lr=rates, end=ends, begin=lengths, start_factor=fractions)
def test_linear_that_begins_later(lr, end, begin, start_factor):
    schedule = jaxlr.join_schedules(
        [
            jaxlr.constant_schedule(lr),
            jaxlr.linear_schedule(lr * start_factor, lr, end - 1),
        ],
        [begin],
    )
    agree(schedule, "LinearLR", lr, start_factor=start_factor, begin=begin, end=begin + end)


@drawn(lr=rates, end=ends, factor=fractions)
def test_constant(lr, end, factor):
    schedule = jaxlr.piecewise_constant_values_schedule([end - 1], [lr * factor, lr])
    agree(schedule, "ConstantLR", lr, factor=factor, end=end)


@drawn(lr=rates, T_max=lengths, floor=st.floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    schedule = jaxlr.transition_schedule(lr, floor * lr, T_max, "cosine")
    agree(schedule, "CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min=floor * lr)


@drawn(lr=rates, T_max=lengths, ratio=st.floats(0.0, 1.0))
def test_cosine_annealing_to_a_ratio(lr, T_max, ratio):
    schedule = jaxlr.cosine_decay_schedule(lr, T_max, ratio)
    agree(schedule, "CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min_ratio=ratio)


@drawn(
    lr=rates,
    periods=st.lists(st.integers(1, 40), min_size=3, max_size=3),
    weights=st.lists(st.floats(0.1, 2.0), min_size=3, max_size=3),
    floor=st.floats(0.0, 0.1),
)
def test_cosine_restarts(lr, periods, weights, floor):
    *starts, number = np.cumsum(periods).tolist()
    waves = [
        jaxlr.transition_schedule(lr * weight, floor * lr, period, "cosine")
        for period, weight in zip(periods, weights, strict=True)
    ]
    values = jaxlr.join_schedules(waves, starts)
    # At its end MMEngine stays a step before the floor.
    schedule = jaxlr.join_schedules([values, jaxlr.constant_schedule(values(number - 1))], [number])
    agree(
        schedule,
        "CosineRestartLR",
        lr,
        periods=periods,
        restart_weights=weights,
        eta_min=floor * lr,
    )


@drawn(
    max_lr=rates,
    total_steps=st.integers(20, 120),
    pct_start=st.floats(0.11, 0.5),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    div_factor=st.floats(1.0, 100.0),
    final_div_factor=st.floats(1.0, 1e4),
    three_phase=st.booleans(),
)
def test_one_cycle(max_lr, total_steps, anneal_strategy, **arguments):
    curve = "cosine" if anneal_strategy == "cos" else "linear"
    schedule = jaxlr.onecycle_schedule(total_steps, max_lr, curve=curve, **arguments)
    agree(
        schedule,
        "OneCycleLR",
        1.0,
        eta_max=max_lr,
        end=total_steps,
        anneal_strategy=anneal_strategy,
        **arguments,
    )
