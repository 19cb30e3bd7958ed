"""PyTorch computes in double precision, so its values are held to 1e-6 at every step."""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, fractions, lengths, peer, rates

import jaxlr
from jaxlr.peers import torch as ours

torch = peer("torch")
lr_scheduler = torch.optim.lr_scheduler

pytestmark = pytest.mark.filterwarnings("ignore")


def optimizer_of(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def steps_of(scheduler, number):
    values = []
    for _ in range(number):
        values.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return np.asarray(values)


def theirs_of(name, lr, number, **arguments):
    return steps_of(getattr(lr_scheduler, name)(optimizer_of(lr), **arguments), number)


def agree(name, lr, end=COUNTS.size, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    values = np.asarray(getattr(ours, name)(lr, **arguments)(COUNTS))
    assert_same(f"torch {name}", values[:end], theirs_of(name, lr, end, **arguments))
    assert np.all(values[end:] == values[end - 1])


@drawn(lr=rates, step_size=lengths, gamma=st.floats(0.01, 1.2))
def test_step(lr, step_size, gamma):
    agree("StepLR", lr, step_size=step_size, gamma=gamma)


@drawn(lr=rates, milestones=st.lists(lengths, min_size=3, max_size=3), gamma=st.floats(0.01, 2.0))
def test_multi_step(lr, milestones, gamma):
    agree("MultiStepLR", lr, milestones=sorted(milestones), gamma=gamma)


@drawn(lr=rates, factor=fractions, total_iters=lengths)
def test_constant(lr, factor, total_iters):
    agree("ConstantLR", lr, factor=factor, total_iters=total_iters)


@drawn(lr=rates, start_factor=fractions, end_factor=st.floats(0.0, 1.0), total_iters=lengths)
def test_linear(lr, start_factor, end_factor, total_iters):
    agree("LinearLR", lr, start_factor=start_factor, end_factor=end_factor, total_iters=total_iters)


@drawn(lr=rates, gamma=st.floats(0.5, 1.05))
def test_exponential(lr, gamma):
    agree("ExponentialLR", lr, gamma=gamma)


@drawn(lr=rates, total_iters=lengths, power=st.floats(0.2, 4.0))
def test_polynomial(lr, total_iters, power):
    agree("PolynomialLR", lr, total_iters=total_iters, power=power)


@drawn(lr=rates, T_max=lengths, floor=st.floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    agree("CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min=floor * lr)


@drawn(lr=rates, T_max=lengths, floor=st.floats(0.0, 1.0))
def test_cosine_annealing_rises_again(lr, T_max, floor):
    values = ours.CosineAnnealingLR(lr, T_max, floor * lr, periodic=True)(COUNTS)
    theirs = theirs_of("CosineAnnealingLR", lr, COUNTS.size, T_max=T_max, eta_min=floor * lr)
    # Theirs is computed from step to step, through a division by what is nearly 0.
    assert_same("torch CosineAnnealingLR, periodic", values, theirs, atol=1e-9)


@drawn(lr=rates, T_0=st.integers(1, 30), T_mult=st.integers(1, 3), floor=st.floats(0.0, 1.0))
def test_cosine_annealing_warm_restarts(lr, T_0, T_mult, floor):
    agree("CosineAnnealingWarmRestarts", lr, T_0=T_0, T_mult=T_mult, eta_min=floor * lr)


@drawn(
    max_lr=rates,
    total_steps=st.integers(20, COUNTS.size),
    pct_start=st.floats(0.11, 0.5),
    anneal_strategy=st.sampled_from(["cos", "linear"]),
    div_factor=st.floats(1.0, 100.0),
    final_div_factor=st.floats(1.0, 1e4),
    three_phase=st.booleans(),
)
def test_one_cycle(max_lr, total_steps, **arguments):
    values = np.asarray(ours.OneCycleLR(max_lr, total_steps, **arguments)(COUNTS))
    theirs = lr_scheduler.OneCycleLR(
        optimizer_of(1.0), max_lr, total_steps, cycle_momentum=False, **arguments
    )
    assert_same("torch OneCycleLR", values[:total_steps], steps_of(theirs, total_steps))
    assert np.all(values[total_steps:] == values[total_steps - 1])


@drawn(
    base=st.floats(0.0, 1.0),
    max_lr=rates,
    step_size_up=st.integers(1, 40),
    step_size_down=st.none() | st.integers(1, 40),
    mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
    gamma=st.floats(0.9, 1.01),
)
def test_cyclic(base, max_lr, **arguments):
    theirs = lr_scheduler.CyclicLR(
        optimizer_of(1.0), base * max_lr, max_lr, cycle_momentum=False, **arguments
    )
    values = ours.CyclicLR(base * max_lr, max_lr, **arguments)(COUNTS)
    # At the end of each cycle PyTorch subtracts from 1 what is nearly 1, and keeps 1e-14.
    assert_same("torch CyclicLR", values, steps_of(theirs, COUNTS.size))


@drawn(max_lr=rates, up=lengths, down=lengths, mode=st.sampled_from(["cycle", "iterations"]))
def test_cyclic_with_a_function(max_lr, up, down, mode):
    arguments = {
        "base_lr": 0.1 * max_lr,
        "max_lr": max_lr,
        "step_size_up": up,
        "step_size_down": down,
        "scale_fn": lambda x: 1.0 / (1.0 + 0.1 * x),
        "scale_mode": mode,
    }
    theirs = lr_scheduler.CyclicLR(optimizer_of(1.0), **arguments, cycle_momentum=False)
    values = ours.CyclicLR(**arguments)(COUNTS)
    assert_same("torch CyclicLR", values, steps_of(theirs, COUNTS.size))


def momenta_of(scheduler, number):
    values = []
    for _ in range(number):
        values.append(scheduler.optimizer.param_groups[0]["momentum"])
        scheduler.optimizer.step()
        scheduler.step()
    return values


@drawn(
    steps=st.integers(20, COUNTS.size),
    low=st.floats(0.1, 0.9),
    pct_start=st.floats(0.11, 0.5),
    three_phase=st.booleans(),
)
def test_momentum_of_one_cycle(steps, low, pct_start, three_phase):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    theirs = lr_scheduler.OneCycleLR(
        optimizer,
        1.0,
        steps,
        pct_start=pct_start,
        three_phase=three_phase,
        base_momentum=low,
        max_momentum=0.95,
    )
    top = pct_start * steps - 1
    knots, values = [0, top, steps - 1], [0.95, low, 0.95]
    if three_phase:
        knots, values = [0, top, 2 * top, steps - 1], [0.95, low, 0.95, 0.95]
    schedule = jaxlr.piecewise_curve_schedule(knots, values, "cosine")
    assert_same("torch OneCycleLR, momentum", schedule(COUNTS)[:steps], momenta_of(theirs, steps))


@drawn(up=lengths, down=lengths, mode=st.sampled_from(["triangular", "triangular2"]))
def test_momentum_of_cycles(up, down, mode):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    theirs = lr_scheduler.CyclicLR(
        optimizer, 0.1, 1.0, up, down, mode, base_momentum=0.8, max_momentum=0.95
    )
    schedule = jaxlr.cyclic_schedule(0.95, 0.8, up, down, mode)
    assert_same("torch CyclicLR, momentum", schedule(COUNTS), momenta_of(theirs, COUNTS.size))


@drawn(lr=rates, swa=st.floats(0.0, 1.0), epochs=lengths, way=st.sampled_from(["cos", "linear"]))
def test_stochastic_weight_averaging(lr, swa, epochs, way):
    arguments = {"swa_lr": swa * lr, "anneal_epochs": epochs, "anneal_strategy": way}
    theirs = torch.optim.swa_utils.SWALR(optimizer_of(lr), **arguments)
    values = ours.SWALR(lr, **arguments)(COUNTS)
    # Theirs is computed back from its own value, which the share that is left divides.
    assert_same("torch SWALR", values, steps_of(theirs, COUNTS.size), atol=1e-9)


@drawn(lr=rates, factor=fractions, iters=lengths, step_size=lengths, gamma=st.floats(0.5, 1.0))
def test_chained(lr, factor, iters, step_size, gamma):
    optimizer = optimizer_of(lr)
    theirs = lr_scheduler.ChainedScheduler(
        [
            lr_scheduler.ConstantLR(optimizer, factor, iters),
            lr_scheduler.StepLR(optimizer, step_size, gamma),
        ]
    )
    schedule = ours.ConstantLR(lr, factor, iters) * ours.StepLR(1.0, step_size, gamma)
    assert_same("torch ChainedScheduler", schedule(COUNTS), steps_of(theirs, COUNTS.size))


@drawn(lr=rates, scale=st.floats(1.0, 50.0))
def test_multiplicative(lr, scale):
    def factor(step):
        return 1.0 - 0.1 / (1.0 + step / scale)

    factors = [1.0, *(factor(step) for step in COUNTS[1:].tolist())]
    schedule = jaxlr.table_schedule(lr * np.cumprod(factors))
    theirs = theirs_of("MultiplicativeLR", lr, COUNTS.size, lr_lambda=factor)
    assert_same("torch MultiplicativeLR", schedule(COUNTS), theirs)


def test_one_cycle_of_epochs():
    assert ours.OneCycleLR(1.0, epochs=4, steps_per_epoch=5) == ours.OneCycleLR(1.0, 20)


@drawn(lr=rates, scale=st.floats(1.0, 50.0))
def test_lambda(lr, scale):
    agree("LambdaLR", lr, lr_lambda=lambda step: 1.0 / (1.0 + step / scale))


@drawn(lr=rates, warmup=st.integers(1, 20), T_max=lengths, gamma=st.floats(0.5, 1.0))
def test_sequential(lr, warmup, T_max, gamma):
    milestones = [warmup, warmup + T_max]
    optimizer = optimizer_of(lr)
    theirs = lr_scheduler.SequentialLR(
        optimizer,
        [
            lr_scheduler.LinearLR(optimizer, 0.1, total_iters=warmup),
            lr_scheduler.CosineAnnealingLR(optimizer, T_max, 0.01 * lr),
            lr_scheduler.ExponentialLR(optimizer, gamma),
        ],
        milestones,
    )
    schedule = ours.SequentialLR(
        [
            ours.LinearLR(lr, 0.1, total_iters=warmup),
            ours.CosineAnnealingLR(lr, T_max, 0.01 * lr),
            ours.ExponentialLR(lr, gamma),
        ],
        milestones,
    )
    assert_same("torch SequentialLR", schedule(COUNTS), steps_of(theirs, COUNTS.size))
