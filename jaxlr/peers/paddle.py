"""The schedulers of ``paddle.optimizer.lr``, as in Paddle 3.3.

>>> from jaxlr.peers import paddle
>>> paddle.NoamDecay(d_model=512, warmup_steps=4000)
noam_schedule(model_size=512, warmup_steps=4000, scale=1.0)
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from jax.typing import ArrayLike

from jaxlr.compose import join_schedules
from jaxlr.core.schedule import Schedule
from jaxlr.peers import keras, torch
from jaxlr.schedules import (
    constant_schedule,
    exponential_decay,
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
    "NaturalExpDecay",
    "NoamDecay",
    "OneCycleLR",
    "PiecewiseDecay",
    "PolynomialDecay",
    "StepDecay",
]


def StepDecay(learning_rate: ArrayLike, step_size: ArrayLike, gamma: ArrayLike = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return step_decay(learning_rate, step_size, gamma)


def MultiStepDecay(
    learning_rate: ArrayLike, milestones: Sequence[ArrayLike], gamma: ArrayLike = 0.1
) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`."""
    return multistep_decay(learning_rate, milestones, gamma)


def PiecewiseDecay(boundaries: Sequence[ArrayLike], values: Sequence[ArrayLike]) -> Schedule:
    """Given values, each from a boundary on: :func:`jaxlr.piecewise_constant_values_schedule`."""
    return piecewise_constant_values_schedule(boundaries, values)


def ExponentialDecay(learning_rate: ArrayLike, gamma: ArrayLike) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return exponential_decay(learning_rate, 1, gamma)


def NaturalExpDecay(learning_rate: ArrayLike, gamma: ArrayLike) -> Schedule:
    """Multiplication by ``exp(-gamma)`` at every step: :func:`jaxlr.natural_exponential_decay`."""
    return natural_exponential_decay(learning_rate, 1, gamma)


def InverseTimeDecay(learning_rate: ArrayLike, gamma: ArrayLike) -> Schedule:
    """Division by ``1 + gamma * step``: :func:`jaxlr.inverse_time_decay`."""
    return inverse_time_decay(learning_rate, 1, gamma)


def PolynomialDecay(
    learning_rate: ArrayLike,
    decay_steps: ArrayLike,
    end_lr: ArrayLike = 0.0001,
    power: ArrayLike = 1.0,
    cycle: bool = False,
) -> Schedule:
    """A power of the time that remains, as :func:`jaxlr.peers.keras.PolynomialDecay`."""
    return keras.PolynomialDecay(learning_rate, decay_steps, end_lr, power, cycle)


def LinearWarmup(
    learning_rate: ArrayLike | Schedule,
    warmup_steps: ArrayLike,
    start_lr: ArrayLike,
    end_lr: ArrayLike,
) -> Schedule:
    """A line from ``start_lr`` to ``end_lr``, then a rate, or a schedule from its own step 0.

    It is :func:`jaxlr.join_schedules`.
    """
    given: Any = learning_rate
    rest = given if isinstance(given, Schedule) else constant_schedule(given)
    return join_schedules([linear_schedule(start_lr, end_lr, warmup_steps), rest], [warmup_steps])


def LinearLR(
    learning_rate: ArrayLike,
    total_steps: ArrayLike,
    start_factor: ArrayLike = 1.0 / 3.0,
    end_factor: ArrayLike = 1.0,
) -> Schedule:
    """A line between two multiples of the rate: :func:`jaxlr.linear_schedule`."""
    return torch.LinearLR(learning_rate, start_factor, end_factor, total_steps)


def NoamDecay(
    d_model: ArrayLike, warmup_steps: ArrayLike, learning_rate: ArrayLike = 1.0
) -> Schedule:
    """A warm-up and an inverse square root: :func:`jaxlr.noam_schedule`."""
    return noam_schedule(d_model, warmup_steps, learning_rate)


def LambdaDecay(learning_rate: ArrayLike, lr_lambda: Callable[[ArrayLike], ArrayLike]) -> Schedule:
    """The rate times a function of the step, as :func:`jaxlr.peers.torch.LambdaLR`."""
    return torch.LambdaLR(learning_rate, lr_lambda)


def CosineAnnealingDecay(
    learning_rate: ArrayLike, T_max: ArrayLike, eta_min: ArrayLike = 0.0, periodic: bool = False
) -> Schedule:
    """Half a cosine wave, as :func:`jaxlr.peers.torch.CosineAnnealingLR`."""
    return torch.CosineAnnealingLR(learning_rate, T_max, eta_min, periodic)


def CosineAnnealingWarmRestarts(
    learning_rate: ArrayLike, T_0: ArrayLike, T_mult: ArrayLike = 1, eta_min: ArrayLike = 0.0
) -> Schedule:
    """Half cosine waves, as :func:`jaxlr.peers.torch.CosineAnnealingWarmRestarts`."""
    return torch.CosineAnnealingWarmRestarts(learning_rate, T_0, T_mult, eta_min)


def OneCycleLR(
    max_learning_rate: Any,
    total_steps: ArrayLike,
    divide_factor: ArrayLike = 25.0,
    end_learning_rate: ArrayLike = 0.0001,
    phase_pct: ArrayLike = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    three_phase: bool = False,
) -> Schedule:
    """Up and down, as :func:`jaxlr.peers.torch.OneCycleLR`, to ``end_learning_rate`` itself.

    That must not be 0.
    """
    return torch.OneCycleLR(
        max_learning_rate,
        total_steps,
        pct_start=phase_pct,
        anneal_strategy=anneal_strategy,
        div_factor=divide_factor,
        final_div_factor=max_learning_rate / divide_factor / end_learning_rate,
        three_phase=three_phase,
    )


def CyclicLR(
    base_learning_rate: ArrayLike,
    max_learning_rate: ArrayLike,
    step_size_up: ArrayLike,
    step_size_down: ArrayLike | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    exp_gamma: ArrayLike = 1.0,
    scale_fn: Callable[[ArrayLike], ArrayLike] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
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
