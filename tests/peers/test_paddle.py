"""Paddle computes in double precision, so its values are held to 1e-6 at every step."""

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

from jaxlr.peers import paddle as ours

paddle = peer("paddle")
lr_scheduler = paddle.optimizer.lr

pytestmark = pytest.mark.filterwarnings("ignore")


def values_of(scheduler, number):
    values = []
    for _ in range(number):
        values.append(scheduler())
        if len(values) < number:
            scheduler.step()
    return values


def agree(name, *args, end=COUNTS.size, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    theirs = values_of(getattr(lr_scheduler, name)(*args, **arguments), end)
    compare(f"paddle {name}", getattr(ours, name)(*args, **arguments), theirs, holds=True)


@drawn(lr=rates, step_size=lengths, gamma=floats(0.01, 0.99))
def test_step(lr, step_size, gamma):
    agree("StepDecay", lr, step_size, gamma)


@drawn(
    lr=rates,
    milestones=lists(lengths, 3, rising=True, unique=True),
    gamma=floats(0.01, 0.99),
)
def test_multi_step(lr, milestones, gamma):
    agree("MultiStepDecay", lr, milestones, gamma)


@drawn(
    boundaries=lists(lengths, 3, rising=True),
    values=lists(rates, 4),
)
def test_piecewise(boundaries, values):
    agree("PiecewiseDecay", boundaries, values)


@drawn(lr=rates, gamma=floats(0.5, 0.999))
def test_exponential(lr, gamma):
    agree("ExponentialDecay", lr, gamma)


@drawn(lr=rates, gamma=floats(1e-4, 1.0))
def test_natural_exponential(lr, gamma):
    agree("NaturalExpDecay", lr, gamma)


@drawn(lr=rates, gamma=floats(0.0, 2.0))
def test_inverse_time(lr, gamma):
    agree("InverseTimeDecay", lr, gamma)


@drawn(lr=rates, steps=lengths, floor=floats(0.0, 2.0), power=floats(0.2, 4.0))
def test_polynomial(lr, steps, floor, power):
    agree("PolynomialDecay", lr, steps, floor * lr, power)


@drawn(lr=rates, steps=lengths, floor=ratios, power=floats(0.2, 4.0))
def test_polynomial_cycle(lr, steps, floor, power):
    agree("PolynomialDecay", lr, steps, floor * lr, power, cycle=True)


@drawn(lr=rates, warmup=lengths, start=floats(0.0, 0.9), peak=rates)
def test_linear_warmup(lr, warmup, start, peak):
    agree("LinearWarmup", lr, warmup, start * peak, peak)


@drawn(lr=rates, warmup=lengths, start=floats(0.0, 0.9), steps=lengths, floor=fractions)
def test_linear_warmup_of_a_scheduler(lr, warmup, start, steps, floor):
    decay = lr, steps, floor * lr, 2.0
    schedule = ours.LinearWarmup(ours.PolynomialDecay(*decay), warmup, start * lr, lr)
    theirs = lr_scheduler.LinearWarmup(lr_scheduler.PolynomialDecay(*decay), warmup, start * lr, lr)
    compare("paddle LinearWarmup", schedule, values_of(theirs, COUNTS.size))


@drawn(d_model=integers(1, 4096), warmup=lengths, scale=rates)
def test_noam(d_model, warmup, scale):
    agree("NoamDecay", d_model, warmup, scale)


@drawn(lr=rates, T_max=lengths, floor=floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    agree("CosineAnnealingDecay", lr, T_max, floor * lr, end=T_max + 1)


@drawn(lr=rates, T_max=lengths, floor=ratios)
def test_cosine_annealing_rises_again(lr, T_max, floor):
    schedule = ours.CosineAnnealingDecay(lr, T_max, floor * lr, periodic=True)
    theirs = values_of(lr_scheduler.CosineAnnealingDecay(lr, T_max, floor * lr), COUNTS.size)
    # Theirs is computed from step to step, through a division by what is nearly 0.
    compare("paddle CosineAnnealingDecay, periodic", schedule, theirs, atol=1e-9)


@drawn(lr=rates, T_0=integers(1, 30), T_mult=integers(1, 3), floor=ratios)
def test_cosine_annealing_warm_restarts(lr, T_0, T_mult, floor):
    agree("CosineAnnealingWarmRestarts", lr, T_0, T_mult, floor * lr)


@drawn(
    max_lr=rates,
    total_steps=integers(2, COUNTS.size),
    end=floats(1e-5, 1.0),
    divide_factor=floats(1.0, 100.0),
    phase_pct=ratios,
    anneal_strategy=either("cos", "linear"),
    three_phase=flags,
)
def test_one_cycle(max_lr, total_steps, end, **arguments):
    arguments["end_learning_rate"] = end * max_lr
    if arguments["three_phase"]:
        arguments["phase_pct"] *= 0.49
    agree("OneCycleLR", max_lr, total_steps, end=total_steps, **arguments)


@drawn(
    base=ratios,
    max_lr=rates,
    up=integers(1, 40),
    down=either(None, integers(1, 40)),
    mode=either("triangular", "triangular2", "exp_range"),
    gamma=floats(0.9, 1.01),
)
def test_cyclic(base, max_lr, up, down, mode, gamma):
    # At the end of each cycle Paddle subtracts from 1 what is nearly 1, and keeps 1e-14.
    agree("CyclicLR", base * max_lr, max_lr, up, down, mode, gamma)


@drawn(cases=2, max_lr=rates, up=lengths, down=lengths, mode=either("cycle", "iterations"))
def test_cyclic_with_a_function(max_lr, up, down, mode):
    agree(
        "CyclicLR",
        0.1 * max_lr,
        max_lr,
        up,
        down,
        scale_fn=lambda x: 1.0 / (1.0 + 0.1 * x),
        scale_mode=mode,
    )


@drawn(lr=rates, steps=lengths, start=fractions, stop=ratios)
def test_linear(lr, steps, start, stop):
    agree("LinearLR", lr, steps, start, stop)


@drawn(cases=3, lr=rates, scale=floats(1.0, 50.0))
def test_lambda(lr, scale):
    agree("LambdaDecay", lr, lambda step: 1.0 / (1.0 + step / scale))
