"""Paddle computes in double precision, so its values are held to 1e-6 at every step."""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, fractions, lengths, peer, rates

import jaxlr

paddle = peer("paddle")
lr_scheduler = paddle.optimizer.lr

pytestmark = pytest.mark.filterwarnings("ignore")


def agree(ours, name, *args, end=COUNTS.size, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    scheduler = getattr(lr_scheduler, name)(*args, **arguments)
    theirs = []
    for _ in range(end):
        theirs.append(scheduler())
        if len(theirs) < end:
            scheduler.step()
    values = np.asarray(ours(COUNTS))
    assert_same(f"paddle {name}", values[:end], theirs)
    assert np.all(values[end:] == values[end - 1])


@drawn(lr=rates, step_size=lengths, gamma=st.floats(0.01, 0.99))
def test_step(lr, step_size, gamma):
    agree(jaxlr.step_decay(lr, step_size, gamma), "StepDecay", lr, step_size, gamma)


@drawn(
    lr=rates,
    milestones=st.lists(lengths, min_size=3, max_size=3, unique=True).map(sorted),
    gamma=st.floats(0.01, 0.99),
)
def test_multi_step(lr, milestones, gamma):
    agree(jaxlr.multistep_decay(lr, milestones, gamma), "MultiStepDecay", lr, milestones, gamma)


@drawn(
    boundaries=st.lists(lengths, min_size=3, max_size=3).map(sorted),
    values=st.lists(rates, min_size=4, max_size=4),
)
def test_piecewise(boundaries, values):
    schedule = jaxlr.piecewise_constant_values_schedule(boundaries, values)
    agree(schedule, "PiecewiseDecay", boundaries, values)


@drawn(lr=rates, gamma=st.floats(0.5, 0.999))
def test_exponential(lr, gamma):
    agree(jaxlr.exponential_decay(lr, 1, gamma), "ExponentialDecay", lr, gamma)


@drawn(lr=rates, gamma=st.floats(1e-4, 1.0))
def test_natural_exponential(lr, gamma):
    agree(jaxlr.natural_exponential_decay(lr, 1, gamma), "NaturalExpDecay", lr, gamma)


@drawn(lr=rates, gamma=st.floats(0.0, 2.0))
def test_inverse_time(lr, gamma):
    agree(jaxlr.inverse_time_decay(lr, 1, gamma), "InverseTimeDecay", lr, gamma)


@drawn(lr=rates, steps=lengths, floor=st.floats(0.0, 2.0), power=st.floats(0.2, 4.0))
def test_polynomial(lr, steps, floor, power):
    schedule = jaxlr.polynomial_schedule(lr, floor * lr, power, steps)
    agree(schedule, "PolynomialDecay", lr, steps, floor * lr, power)


@drawn(lr=rates, steps=lengths, floor=st.floats(0.0, 1.0), power=st.floats(0.2, 4.0))
def test_polynomial_cycle(lr, steps, floor, power):
    schedule = jaxlr.cyclic_polynomial_schedule(lr, floor * lr, power, steps)
    agree(schedule, "PolynomialDecay", lr, steps, floor * lr, power, cycle=True)


@drawn(lr=rates, warmup=lengths, start=st.floats(0.0, 0.9), peak=rates)
def test_linear_warmup(lr, warmup, start, peak):
    schedule = jaxlr.join_schedules(
        [jaxlr.linear_schedule(start * peak, peak, warmup), jaxlr.constant_schedule(lr)], [warmup]
    )
    agree(schedule, "LinearWarmup", lr, warmup, start * peak, peak)


@drawn(lr=rates, warmup=lengths, start=st.floats(0.0, 0.9), steps=lengths, floor=fractions)
def test_linear_warmup_of_a_scheduler(lr, warmup, start, steps, floor):
    schedule = jaxlr.join_schedules(
        [
            jaxlr.linear_schedule(start * lr, lr, warmup),
            jaxlr.polynomial_schedule(lr, floor * lr, 2.0, steps),
        ],
        [warmup],
    )
    after = lr_scheduler.PolynomialDecay(lr, steps, floor * lr, 2.0)
    agree(schedule, "LinearWarmup", after, warmup, start * lr, lr)


@drawn(d_model=st.integers(1, 4096), warmup=lengths, scale=rates)
def test_noam(d_model, warmup, scale):
    agree(jaxlr.noam_schedule(d_model, warmup, scale), "NoamDecay", d_model, warmup, scale)


@drawn(lr=rates, T_max=lengths, floor=st.floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    schedule = jaxlr.transition_schedule(lr, floor * lr, T_max, "cosine")
    agree(schedule, "CosineAnnealingDecay", lr, T_max, floor * lr, end=T_max + 1)


@drawn(lr=rates, T_0=st.integers(1, 30), T_mult=st.integers(1, 3), floor=st.floats(0.0, 1.0))
def test_cosine_annealing_warm_restarts(lr, T_0, T_mult, floor):
    schedule = jaxlr.cosine_restarts_schedule(lr, T_0, T_mult, alpha=floor)
    agree(schedule, "CosineAnnealingWarmRestarts", lr, T_0, T_mult, floor * lr)


@drawn(
    max_lr=rates,
    total_steps=st.integers(20, COUNTS.size),
    div_factor=st.floats(1.0, 100.0),
    end=st.floats(1e-5, 1.0),
    pct_start=st.floats(0.11, 0.49),
    curve=st.sampled_from(["cosine", "linear"]),
    three_phase=st.booleans(),
)
def test_one_cycle(max_lr, total_steps, div_factor, end, pct_start, curve, three_phase):
    last = end * max_lr
    schedule = jaxlr.onecycle_schedule(
        total_steps, max_lr, pct_start, div_factor, max_lr / div_factor / last, three_phase, curve
    )
    agree(
        schedule,
        "OneCycleLR",
        max_lr,
        total_steps,
        divide_factor=div_factor,
        end_learning_rate=last,
        phase_pct=pct_start,
        anneal_strategy={"cosine": "cos", "linear": "linear"}[curve],
        three_phase=three_phase,
        end=total_steps,
    )


@drawn(
    base=st.floats(0.0, 1.0),
    max_lr=rates,
    up=st.integers(1, 40),
    down=st.none() | st.integers(1, 40),
    mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
    gamma=st.floats(0.9, 1.01),
)
def test_cyclic(base, max_lr, up, down, mode, gamma):
    factor = gamma if mode == "exp_range" else 1.0
    schedule = jaxlr.cyclic_schedule(base * max_lr, max_lr, up, down, mode, factor)
    # At the end of each cycle Paddle subtracts from 1 what is nearly 1, and keeps 1e-14.
    agree(schedule, "CyclicLR", base * max_lr, max_lr, up, down, mode, gamma)


@drawn(lr=rates, steps=lengths, start=fractions, stop=st.floats(0.0, 1.0))
def test_linear(lr, steps, start, stop):
    agree(jaxlr.linear_schedule(lr * start, lr * stop, steps), "LinearLR", lr, steps, start, stop)
