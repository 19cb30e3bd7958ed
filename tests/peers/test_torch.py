"""PyTorch computes in double precision, so its values are held to 1e-6 at every step."""

import numpy as np
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

from jaxlr.peers import torch as ours

torch = peer("torch")
lr_scheduler = torch.optim.lr_scheduler

pytestmark = pytest.mark.filterwarnings("ignore")

ways = either("cos", "linear")


def optimizer_of(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


def steps_of(scheduler, number=COUNTS.size, key="lr"):
    values = []
    for _ in range(number):
        values.append(scheduler.optimizer.param_groups[0][key])
        scheduler.optimizer.step()
        if len(values) < number:
            scheduler.step()
    return values


def agree(name, lr, end=COUNTS.size, atol=1e-12, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    theirs = getattr(lr_scheduler, name)(optimizer_of(lr), **arguments)
    schedule = getattr(ours, name)(lr, **arguments)
    compare(f"torch {name}", schedule, steps_of(theirs, end), atol=atol, holds=True)


@drawn(lr=rates, step_size=lengths, gamma=floats(0.01, 1.2))
def test_step(lr, step_size, gamma):
    agree("StepLR", lr, step_size=step_size, gamma=gamma)


@drawn(lr=rates, milestones=lists(lengths, 3, rising=True), gamma=floats(0.01, 2.0))
def test_multi_step(lr, milestones, gamma):
    agree("MultiStepLR", lr, milestones=milestones, gamma=gamma)


@drawn(lr=rates, factor=fractions, total_iters=lengths)
def test_constant(lr, factor, total_iters):
    agree("ConstantLR", lr, factor=factor, total_iters=total_iters)


@drawn(lr=rates, start_factor=fractions, end_factor=ratios, total_iters=lengths)
def test_linear(lr, start_factor, end_factor, total_iters):
    agree("LinearLR", lr, start_factor=start_factor, end_factor=end_factor, total_iters=total_iters)


@drawn(lr=rates, gamma=floats(0.5, 1.05))
def test_exponential(lr, gamma):
    agree("ExponentialLR", lr, gamma=gamma)


@drawn(lr=rates, total_iters=lengths, power=floats(0.2, 4.0))
def test_polynomial(lr, total_iters, power):
    agree("PolynomialLR", lr, total_iters=total_iters, power=power)


@drawn(lr=rates, T_max=lengths, floor=floats(0.0, 2.0))
def test_cosine_annealing(lr, T_max, floor):
    agree("CosineAnnealingLR", lr, T_max + 1, T_max=T_max, eta_min=floor * lr)


@drawn(lr=rates, T_max=lengths, floor=ratios)
def test_cosine_annealing_rises_again(lr, T_max, floor):
    schedule = ours.CosineAnnealingLR(lr, T_max, floor * lr, periodic=True)
    theirs = lr_scheduler.CosineAnnealingLR(optimizer_of(lr), T_max, floor * lr)
    # Theirs is computed from step to step, through a division by what is nearly 0.
    compare("torch CosineAnnealingLR, periodic", schedule, steps_of(theirs), atol=1e-9)


@drawn(lr=either(0.0, rates), T_0=integers(1, 30), T_mult=integers(1, 3), floor=floats(0.0, 1.0))
def test_cosine_annealing_warm_restarts(lr, T_0, T_mult, floor):
    agree("CosineAnnealingWarmRestarts", lr, T_0=T_0, T_mult=T_mult, eta_min=floor * (lr or 1.0))


one_cycles = {
    "total_steps": integers(2, COUNTS.size),
    "pct_start": floats(0.0, 1.0),
    "anneal_strategy": ways,
    "three_phase": flags,
}


@drawn(
    max_lr=rates,
    div_factor=floats(1.0, 100.0),
    final_div_factor=floats(1.0, 1e4),
    **one_cycles,
)
def test_one_cycle(max_lr, total_steps, **arguments):
    theirs = lr_scheduler.OneCycleLR(
        optimizer_of(1.0), max_lr, total_steps, cycle_momentum=False, **arguments
    )
    schedule = ours.OneCycleLR(max_lr, total_steps, **arguments)
    compare("torch OneCycleLR", schedule, steps_of(theirs, total_steps), holds=True)


@drawn(low=floats(0.1, 0.9), **one_cycles)
def test_momentum_of_one_cycle(low, total_steps, **arguments):
    arguments |= {"base_momentum": low, "max_momentum": 0.95}
    theirs = lr_scheduler.OneCycleLR(optimizer_of(1.0), 1.0, total_steps, **arguments)
    schedule = ours.OneCycleMomentum(total_steps, **arguments)
    momenta = steps_of(theirs, total_steps, "momentum")
    compare("torch OneCycleLR, momentum", schedule, momenta, holds=True)


@pytest.mark.parametrize("steps", [3, 10])
@pytest.mark.parametrize("three_phase", [False, True])
def test_one_cycle_whose_warm_up_fills_the_run(steps, three_phase):
    for warmup in (0, 1.5, steps - 1, steps):
        arguments = {"pct_start": warmup / steps, "three_phase": three_phase}
        theirs = lr_scheduler.OneCycleLR(optimizer_of(1.0), 0.1, steps, **arguments)
        np.testing.assert_allclose(
            ours.OneCycleLR(0.1, steps, **arguments)(np.arange(steps)),
            steps_of(theirs, steps),
            rtol=1e-6,
        )
    assert ours.OneCycleLR(0.1, 10, pct_start=1.0)(9) == np.float32(0.1)


def test_a_long_cycle_keeps_its_digits():
    steps = 1_384_547_335
    lr = ours.OneCycleLR(1.0, steps, three_phase=True)
    counts = np.array([0, 0.3 * steps - 1, 0.6 * steps - 2, steps - 2, steps - 1]).astype(np.int64)
    np.testing.assert_allclose(lr(counts), [0.04, 1.0, 0.04, 4e-6, 4e-6], rtol=1e-6)


def test_one_cycle_of_epochs():
    assert ours.OneCycleLR(1.0, epochs=4, steps_per_epoch=5) == ours.OneCycleLR(1.0, 20)
    assert ours.OneCycleMomentum(epochs=4, steps_per_epoch=5) == ours.OneCycleMomentum(20)


cycles = {
    "step_size_up": integers(1, 40),
    "step_size_down": either(None, integers(1, 40)),
    "mode": either("triangular", "triangular2", "exp_range"),
    "gamma": floats(0.9, 1.01),
}


@drawn(base=ratios, max_lr=rates, **cycles)
def test_cyclic(base, max_lr, **arguments):
    theirs = lr_scheduler.CyclicLR(
        optimizer_of(1.0), base * max_lr, max_lr, cycle_momentum=False, **arguments
    )
    schedule = ours.CyclicLR(base * max_lr, max_lr, **arguments)
    # At the end of each cycle PyTorch subtracts from 1 what is nearly 1, and keeps 1e-14.
    compare("torch CyclicLR", schedule, steps_of(theirs))


@drawn(low=floats(0.1, 0.9), **cycles)
def test_momentum_of_cycles(low, gamma, **arguments):
    arguments |= {"gamma": min(gamma, 1.0), "base_momentum": low, "max_momentum": 0.95}
    theirs = lr_scheduler.CyclicLR(optimizer_of(1.0), 0.1, 1.0, **arguments)
    schedule = ours.CyclicMomentum(**arguments)
    compare("torch CyclicLR, momentum", schedule, steps_of(theirs, key="momentum"))


@pytest.mark.parametrize("mode", ["cycle", "iterations"])
def test_cyclic_with_a_function(mode):
    arguments = {
        "step_size_up": 7,
        "step_size_down": 12,
        "scale_fn": lambda x: 1.0 / (1.0 + 0.1 * x),
        "scale_mode": mode,
    }
    theirs = lr_scheduler.CyclicLR(optimizer_of(1.0), 0.1, 2.0, **arguments)
    lr, momentum = ours.CyclicLR(0.1, 2.0, **arguments), ours.CyclicMomentum(**arguments)
    np.testing.assert_allclose(lr(COUNTS), steps_of(theirs), rtol=1e-6)
    theirs = lr_scheduler.CyclicLR(optimizer_of(1.0), 0.1, 2.0, **arguments)
    np.testing.assert_allclose(momentum(COUNTS), steps_of(theirs, key="momentum"), rtol=1e-6)


@drawn(lr=rates, swa=ratios, epochs=lengths, way=ways)
def test_stochastic_weight_averaging(lr, swa, epochs, way):
    arguments = {"swa_lr": swa * lr, "anneal_epochs": epochs, "anneal_strategy": way}
    theirs = torch.optim.swa_utils.SWALR(optimizer_of(lr), **arguments)
    schedule = ours.SWALR(lr, **arguments)
    # Theirs is computed back from its own value, which the share that is left divides.
    compare("torch SWALR", schedule, steps_of(theirs), atol=1e-9)


@drawn(lr=rates, factor=fractions, iters=lengths, step_size=lengths, gamma=floats(0.5, 1.0))
def test_chained(lr, factor, iters, step_size, gamma):
    optimizer = optimizer_of(lr)
    theirs = lr_scheduler.ChainedScheduler(
        [
            lr_scheduler.ConstantLR(optimizer, factor, iters),
            lr_scheduler.StepLR(optimizer, step_size, gamma),
            lr_scheduler.ExponentialLR(optimizer, 0.99),
        ]
    )
    chain = [
        ours.ConstantLR(lr, factor, iters),
        ours.StepLR(lr, step_size, gamma),
        ours.ExponentialLR(lr, 0.99),
    ]
    compare("torch ChainedScheduler", ours.ChainedScheduler(chain, lr), steps_of(theirs))


@drawn(lr=rates, scale=floats(1.0, 50.0))
def test_multiplicative(lr, scale):
    def factor(step):
        return 1.0 - 0.1 / (1.0 + step / scale) if step % 3 else 1.01

    theirs = lr_scheduler.MultiplicativeLR(optimizer_of(lr), factor)
    schedule = ours.MultiplicativeLR(lr, factor, COUNTS.size)
    compare("torch MultiplicativeLR", schedule, steps_of(theirs))


@drawn(cases=3, lr=rates, scale=floats(1.0, 50.0))
def test_lambda(lr, scale):
    agree("LambdaLR", lr, lr_lambda=lambda step: 1.0 / (1.0 + step / scale))


@drawn(lr=rates, warmup=integers(1, 20), T_max=lengths, gamma=floats(0.5, 1.0))
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
    compare("torch SequentialLR", schedule, steps_of(theirs))
