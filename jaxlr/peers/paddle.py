"""The schedulers of ``paddle.optimizer.lr``, as in Paddle 3.3.

>>> from jaxlr.peers import paddle
>>> paddle.NoamDecay(d_model=512, warmup_steps=4000)
noam_schedule(model_size=512, warmup_steps=4000, scale=1.0)
"""

from typing import Any, Literal

from jaxlr.compose import join_schedules
from jaxlr.core.parameters import Fraction, NonNegative, Positive, Steps, Value
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.peers import keras, torch
from jaxlr.peers.arguments import (
    Base,
    Count,
    Function,
    Lengths,
    Metrics,
    Period,
    Rate,
    Rates,
    constructor,
    require_one_more,
)
from jaxlr.peers.phases import exponential, one_cycle
from jaxlr.schedules import (
    inverse_time_decay,
    linear_schedule,
    multistep_decay,
    natural_exponential_decay,
    noam_schedule,
    piecewise_constant_values_schedule,
    step_decay,
)

__all__ = [
    "CosineAnnealingDecay",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LambdaDecay",
    "LinearLR",
    "LinearWarmup",
    "MultiStepDecay",
    "MultiplicativeDecay",
    "NaturalExpDecay",
    "NoamDecay",
    "OneCycleLR",
    "PiecewiseDecay",
    "PolynomialDecay",
    "ReduceOnPlateau",
    "StepDecay",
]


@constructor
def StepDecay(learning_rate: Rate, step_size: Period, gamma: NonNegative = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return step_decay(learning_rate, step_size, gamma)


@constructor
def MultiStepDecay(learning_rate: Rate, milestones: Lengths, gamma: NonNegative = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`."""
    return multistep_decay(learning_rate, milestones, gamma)


@constructor
def PiecewiseDecay(boundaries: Lengths, values: Rates) -> Schedule:
    """Given values, each from a boundary on: :func:`jaxlr.piecewise_constant_values_schedule`."""
    require_one_more(values, "values", boundaries, "boundaries")
    return piecewise_constant_values_schedule(boundaries, values)


@constructor
def ExponentialDecay(learning_rate: Rate, gamma: NonNegative) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return exponential(learning_rate, 1, gamma)


@constructor
def NaturalExpDecay(learning_rate: Rate, gamma: NonNegative) -> Schedule:
    """Multiplication by ``exp(-gamma)`` at every step: :func:`jaxlr.natural_exponential_decay`."""
    return natural_exponential_decay(learning_rate, 1, gamma)


@constructor
def InverseTimeDecay(learning_rate: Rate, gamma: NonNegative) -> Schedule:
    """Division by ``1 + gamma * step``: :func:`jaxlr.inverse_time_decay`."""
    return inverse_time_decay(learning_rate, 1, gamma)


@constructor
def PolynomialDecay(
    learning_rate: Rate,
    decay_steps: Period,
    end_lr: Rate = 0.0001,
    power: NonNegative = 1.0,
    cycle: bool = False,
) -> Schedule:
    """A power of the time that remains, as :func:`jaxlr.peers.keras.PolynomialDecay`."""
    return keras.PolynomialDecay(learning_rate, decay_steps, end_lr, power, cycle)


@constructor
def LinearWarmup(
    learning_rate: Base, warmup_steps: Steps, start_lr: Rate, end_lr: Rate
) -> Schedule:
    """A line from ``start_lr`` to ``end_lr``, then a rate, or a schedule from its own step 0.

    It is :func:`jaxlr.join_schedules`.
    """
    rest: Any = learning_rate
    return join_schedules([linear_schedule(start_lr, end_lr, warmup_steps), rest], [warmup_steps])


@constructor
def LinearLR(
    learning_rate: Rate,
    total_steps: Steps,
    start_factor: Value = 1.0 / 3.0,
    end_factor: Value = 1.0,
) -> Schedule:
    """A line between two multiples of the rate: :func:`jaxlr.linear_schedule`."""
    return torch.LinearLR(learning_rate, start_factor, end_factor, total_steps)


@constructor
def NoamDecay(d_model: Positive, warmup_steps: Steps, learning_rate: Rate = 1.0) -> Schedule:
    """A warm-up and an inverse square root: :func:`jaxlr.noam_schedule`."""
    return noam_schedule(d_model, warmup_steps, learning_rate)


@constructor
def LambdaDecay(learning_rate: Rate, lr_lambda: Function) -> Schedule:
    """The rate times a function of the step, as :func:`jaxlr.peers.torch.LambdaLR`."""
    return torch.LambdaLR(learning_rate, lr_lambda)


@constructor
def MultiplicativeDecay(learning_rate: Rate, lr_lambda: Function, num_steps: Count) -> Schedule:
    """The rate before, times a function of the step: :func:`jaxlr.peers.torch.MultiplicativeLR`."""
    return torch.MultiplicativeLR(learning_rate, lr_lambda, num_steps)


@constructor
def CosineAnnealingDecay(
    learning_rate: Rate, T_max: Period, eta_min: Value = 0.0, periodic: bool = False
) -> Schedule:
    """Half a cosine wave, as :func:`jaxlr.peers.torch.CosineAnnealingLR`."""
    return torch.CosineAnnealingLR(learning_rate, T_max, eta_min, periodic)


@constructor
def CosineAnnealingWarmRestarts(
    learning_rate: Rate, T_0: Period, T_mult: Positive = 1, eta_min: Value = 0.0
) -> Schedule:
    """Half cosine waves, as :func:`jaxlr.peers.torch.CosineAnnealingWarmRestarts`."""
    return torch.CosineAnnealingWarmRestarts(learning_rate, T_0, T_mult, eta_min)


@constructor
def OneCycleLR(
    max_learning_rate: Rate,
    total_steps: Period,
    divide_factor: Positive = 25.0,
    end_learning_rate: Rate = 0.0001,
    phase_pct: Fraction = 0.3,
    anneal_strategy: torch.Anneal = "cos",
    three_phase: bool = False,
) -> Schedule:
    """Up and down, as :func:`jaxlr.peers.torch.OneCycleLR`, to ``end_learning_rate`` itself.

    It is :func:`jaxlr.piecewise_curve_schedule`.
    """
    first: Any = max_learning_rate / divide_factor
    inner = [max_learning_rate, first] if three_phase else [max_learning_rate]
    values = [first, *inner, end_learning_rate]
    return one_cycle(total_steps, phase_pct, values, torch.CURVES[anneal_strategy])


@constructor
def CyclicLR(
    base_learning_rate: Rate,
    max_learning_rate: Rate,
    step_size_up: Period,
    step_size_down: Steps | None = None,
    mode: torch.CyclicMode = "triangular",
    exp_gamma: Positive = 1.0,
    scale_fn: Function | None = None,
    scale_mode: torch.ScaleMode = "cycle",
) -> Schedule:
    """Up and down between two rates, as :func:`jaxlr.peers.torch.CyclicLR`."""
    return torch.CyclicLR(
        base_learning_rate,
        max_learning_rate,
        step_size_up,
        step_size_down,
        mode,
        exp_gamma,
        scale_fn,
        scale_mode,
    )


@constructor(within={"min_value": "min_lr"})
def ReduceOnPlateau(
    learning_rate: Base,
    mode: Literal["min", "max"] = "min",
    factor: Fraction = 0.1,
    patience: Metrics = 10,
    threshold: NonNegative = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Metrics = 0,
    min_lr: Rate = 0.0,
    epsilon: NonNegative = 1e-8,
    verbose: bool = False,
) -> AdaptiveSchedule:
    """A factor for each time that a metric has stalled, as in PyTorch.

    Unlike there, no metric within the cooldown is heard. Unlike in Paddle, ``learning_rate`` may be
    a schedule, and a first metric that is NaN spoils nothing. ``verbose`` is ignored.
    """
    plateau = torch.ReduceLROnPlateau(
        learning_rate,
        mode,
        factor,
        patience,
        threshold,
        threshold_mode,
        cooldown,
        min_lr,
        epsilon,
    )
    return plateau.replace(improves_in_cooldown=False)
