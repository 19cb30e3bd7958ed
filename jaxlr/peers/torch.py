"""The schedulers of ``torch.optim.lr_scheduler``, as in PyTorch 2.13.

``lr`` stands for the optimizer, whose learning rate it is. Momentum is not scheduled along: it is
another schedule, :func:`OneCycleMomentum` or :func:`CyclicMomentum`.

>>> from jaxlr.peers import torch
>>> torch.ExponentialLR(0.1, gamma=0.9)
exponential_decay(init_value=0.1, transition_steps=1, decay_rate=0.9, transition_begin=0, \
staircase=False, end_value=None)
"""

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jax.typing import ArrayLike

from jaxlr.compose import join_schedules, per_epoch, repeat_schedule, shift_schedule, wrap
from jaxlr.compose.wrapping import Pieces
from jaxlr.core.parameters import Fraction, NonNegative, Positive, Steps, Value
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, reduce_on_plateau
from jaxlr.peers.arguments import (
    Base,
    Count,
    Function,
    Lengths,
    Metrics,
    Period,
    Rate,
    constructor,
    is_zero,
    require_one_more,
)
from jaxlr.peers.phases import exponential, fits_one_cycle, one_cycle
from jaxlr.schedules import (
    cosine_restarts_schedule,
    cyclic_schedule,
    linear_schedule,
    multistep_decay,
    onecycle_schedule,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    step_decay,
    table_schedule,
    transition_schedule,
)

__all__ = [
    "SWALR",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "CyclicMomentum",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "OneCycleMomentum",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

Anneal = Literal["cos", "linear"]
CyclicMode = Literal["triangular", "triangular2", "exp_range"]
ScaleMode = Literal["cycle", "iterations"]

CURVES = {"cos": "cosine", "linear": "linear"}
"""The curve of each ``anneal_strategy``."""

_MOMENTUM = ("cycle_momentum", "base_momentum", "max_momentum")
"""Arguments of PyTorch for the momentum, which here has constructors of its own."""


@constructor
def LambdaLR(lr: Rate, lr_lambda: Function) -> Schedule:
    """``lr`` times a function of the step, which must work on traced counts.

    The function is structure: the schedule has no text, and another function compiles again.
    """
    return wrap(lr_lambda) * lr


@constructor
def MultiplicativeLR(lr: Rate, lr_lambda: Function, num_steps: Count) -> Schedule:
    """The rate before, times a function of the step: :func:`jaxlr.table_schedule`.

    The function runs on the host, once for each step from 1 to ``num_steps - 1``, so it may be any.
    PyTorch needs no ``num_steps``; here the value of the last of them holds.
    """
    factors = [1.0, *(float(lr_lambda(step)) for step in range(1, num_steps))]
    return table_schedule(lr * np.cumprod(factors))


@constructor
def StepLR(lr: Rate, step_size: Period, gamma: NonNegative = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return step_decay(lr, step_size, gamma)


@constructor
def MultiStepLR(lr: Rate, milestones: Lengths, gamma: NonNegative = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`.

    A milestone between two steps counts from the next one on; in PyTorch it never does.
    """
    return multistep_decay(lr, milestones, gamma)


@constructor
def ConstantLR(lr: Rate, factor: Value = 1.0 / 3.0, total_iters: Steps = 5) -> Schedule:
    """``factor * lr`` for ``total_iters`` steps, then ``lr``: it is not constant.

    With ``total_iters=0`` it is ``lr``, where PyTorch stays at ``factor * lr`` for ever.
    """
    return piecewise_constant_values_schedule([total_iters], [lr * factor, lr])


@constructor
def LinearLR(
    lr: Rate,
    start_factor: Value = 1.0 / 3.0,
    end_factor: Value = 1.0,
    total_iters: Steps = 5,
) -> Schedule:
    """A line from ``start_factor * lr`` to ``end_factor * lr``: :func:`jaxlr.linear_schedule`.

    With ``total_iters=0`` it is at its end, where PyTorch stays at its start for ever.
    """
    return linear_schedule(lr * start_factor, lr * end_factor, total_iters)


@constructor
def ExponentialLR(lr: Rate, gamma: NonNegative) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return exponential(lr, 1, gamma)


@constructor
def PolynomialLR(lr: Rate, total_iters: Steps = 5, power: NonNegative = 1.0) -> Schedule:
    """A power of the time that remains, down to 0: :func:`jaxlr.polynomial_schedule`."""
    return polynomial_schedule(lr, 0.0, power, total_iters)


@constructor
def CosineAnnealingLR(
    lr: Rate, T_max: Period, eta_min: Value = 0.0, periodic: bool = False
) -> Schedule:
    """Half a cosine wave from ``lr`` to ``eta_min``: :func:`jaxlr.transition_schedule`.

    ``eta_min`` holds after step ``T_max``, where PyTorch rises again. So does this schedule with
    ``periodic``; then it is :func:`jaxlr.cyclic_schedule`.
    """
    if periodic:
        return cyclic_schedule(lr, eta_min, T_max, curve="cosine")
    return transition_schedule(lr, eta_min, T_max, "cosine")


@constructor
def CosineAnnealingWarmRestarts(
    lr: Rate, T_0: Period, T_mult: Positive = 1, eta_min: Value = 0.0
) -> Schedule:
    """Half cosine waves to ``eta_min``, again and again: :func:`jaxlr.cosine_restarts_schedule`.

    That has its floor as a fraction of ``lr``. For an ``lr`` of 0 the waves, which rise, are
    :func:`jaxlr.repeat_schedule` or :func:`jaxlr.join_schedules`.
    """
    if is_zero(lr):
        return _rising_waves(eta_min, T_0, T_mult)
    return cosine_restarts_schedule(lr, T_0, T_mult, alpha=eta_min / lr)


def _rising_waves(top: ArrayLike, length: Any, growth: Any) -> Schedule:
    if growth == 1:
        return repeat_schedule(transition_schedule(0.0, top, length, "cosine"), length)
    begin, waves, begins = 0, [], []
    while begin < 2**31 and length >= 1:
        waves.append(transition_schedule(0.0, top, length, "cosine"))
        begins.append(begin)
        begin, length = begin + length, length * growth
    return join_schedules(waves, begins[1:])


@constructor(elsewhere=dict.fromkeys(_MOMENTUM, "OneCycleMomentum"))
def OneCycleLR(
    max_lr: Rate,
    total_steps: Period | None = None,
    epochs: Period | None = None,
    steps_per_epoch: Period | None = None,
    pct_start: Fraction = 0.3,
    anneal_strategy: Anneal = "cos",
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """Up to ``max_lr`` and down to nearly nothing: :func:`jaxlr.onecycle_schedule`.

    The last value comes at step ``total_steps - 1`` and holds, where PyTorch leaves the curve
    (below 0 if it is a line) and then raises an error. Where ``pct_start`` leaves no room for a
    phase, the others are as in PyTorch: :func:`jaxlr.piecewise_curve_schedule`.
    """
    steps = _steps_of(total_steps, epochs, steps_per_epoch)
    curve = CURVES[anneal_strategy]
    if fits_one_cycle(steps, pct_start, three_phase):
        return onecycle_schedule(
            steps, max_lr, pct_start, div_factor, final_div_factor, three_phase, curve
        )
    first = max_lr / div_factor
    values = [first, max_lr, *([first] if three_phase else []), first / final_div_factor]
    return one_cycle(steps, pct_start, values, curve)


@constructor
def OneCycleMomentum(
    total_steps: Period | None = None,
    epochs: Period | None = None,
    steps_per_epoch: Period | None = None,
    pct_start: Fraction = 0.3,
    anneal_strategy: Anneal = "cos",
    base_momentum: Rate = 0.85,
    max_momentum: Rate = 0.95,
    three_phase: bool = False,
) -> Schedule:
    """The momentum that ``OneCycleLR`` of PyTorch schedules along with the rate.

    It falls from ``max_momentum`` to ``base_momentum`` while the rate rises, and comes back while
    the rate falls: :func:`jaxlr.piecewise_curve_schedule`.
    """
    steps = _steps_of(total_steps, epochs, steps_per_epoch)
    values = [max_momentum, base_momentum, max_momentum, *([max_momentum] if three_phase else [])]
    return one_cycle(steps, pct_start, values, CURVES[anneal_strategy])


def _steps_of(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> Any:
    if total_steps is not None:
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError("`total_steps` must be given, or `epochs` and `steps_per_epoch`.")
    return epochs * steps_per_epoch


@constructor(elsewhere=dict.fromkeys(_MOMENTUM, "CyclicMomentum"))
def CyclicLR(
    base_lr: Rate,
    max_lr: Rate,
    step_size_up: Period = 2000,
    step_size_down: Steps | None = None,
    mode: CyclicMode = "triangular",
    gamma: Positive = 1.0,
    scale_fn: Function | None = None,
    scale_mode: ScaleMode = "cycle",
) -> Schedule:
    """Up and down between two rates, again and again: :func:`jaxlr.cyclic_schedule`.

    ``gamma`` is ignored unless ``mode`` is ``"exp_range"``; with ``scale_fn`` so is ``mode``. That
    function, of the number of the cycle from 1 or of the step, must work on traced numbers.
    """
    if scale_fn is not None:
        triangle = cyclic_schedule(base_lr, max_lr, step_size_up, step_size_down)
        scale: Schedule = wrap(scale_fn)
        if scale_mode == "cycle":
            up: Any = step_size_up
            period = up + (up if step_size_down is None else step_size_down)
            scale = per_epoch(shift_schedule(scale, -1), period)
        return (triangle - base_lr) * scale + base_lr
    factor = gamma if mode == "exp_range" else 1.0
    return cyclic_schedule(base_lr, max_lr, step_size_up, step_size_down, mode, factor)


@constructor
def CyclicMomentum(
    base_momentum: Rate = 0.8,
    max_momentum: Rate = 0.9,
    step_size_up: Period = 2000,
    step_size_down: Steps | None = None,
    mode: CyclicMode = "triangular",
    gamma: Positive = 1.0,
    scale_fn: Function | None = None,
    scale_mode: ScaleMode = "cycle",
) -> Schedule:
    """The momentum that ``CyclicLR`` of PyTorch schedules along with the rate.

    It falls from ``max_momentum`` while the rate rises, and rises while the rate falls, as
    :func:`CyclicLR` between two values of which the first is the larger.
    """
    return CyclicLR(
        max_momentum,
        base_momentum,
        step_size_up,
        step_size_down,
        mode,
        gamma,
        scale_fn,
        scale_mode,
    )


@constructor
def SWALR(
    lr: Rate, swa_lr: Rate, anneal_epochs: Steps = 10, anneal_strategy: Anneal = "cos"
) -> Schedule:
    """From ``lr`` to ``swa_lr``, which holds: :func:`jaxlr.transition_schedule`.

    It is in ``torch.optim.swa_utils``.
    """
    return transition_schedule(lr, swa_lr, anneal_epochs, CURVES[anneal_strategy])


@constructor
def SequentialLR(schedulers: Pieces, milestones: Lengths) -> Schedule:
    """One schedule after another, each from its own step 0: :func:`jaxlr.join_schedules`."""
    require_one_more(schedulers, "schedulers", milestones, "milestones")
    return join_schedules(schedulers, milestones)


@constructor
def ChainedScheduler(schedulers: Pieces, lr: Rate) -> Schedule:
    """Schedules that act on the same rate, one after another: their product, for one ``lr``.

    Each of ``schedulers`` is for ``lr``, which must not be 0. It is a product in PyTorch too where
    they multiply the rate that they find, as all do but ``LambdaLR``, ``CyclicLR``, ``OneCycleLR``,
    and cosines with an ``eta_min``.
    """
    if is_zero(lr):
        raise ValueError(f"ChainedScheduler: `lr` must not be 0, got {lr!r}.")
    chain: Sequence[Any] = schedulers
    return functools.reduce(lambda product, schedule: product * (schedule * (1.0 / lr)), chain)


@constructor(within={"min_value": "min_lr"})
def ReduceLROnPlateau(
    lr: Base,
    mode: Literal["min", "max"] = "min",
    factor: Fraction = 0.1,
    patience: Metrics = 10,
    threshold: NonNegative = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: Metrics = 0,
    min_lr: Rate = 0.0,
    eps: NonNegative = 1e-8,
) -> AdaptiveSchedule:
    """A factor for each time that a metric has stalled: :func:`jaxlr.reduce_on_plateau`.

    Unlike in PyTorch ``lr`` may be a schedule too, and an infinite metric is no improvement.
    """
    return reduce_on_plateau(
        lr,
        factor,
        patience + 1,
        mode=mode,
        threshold=threshold,
        threshold_mode="signed" if threshold_mode == "rel" else threshold_mode,
        cooldown=cooldown,
        min_value=min_lr,
        eps=eps,
    )
