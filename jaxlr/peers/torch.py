"""The schedulers of ``torch.optim.lr_scheduler``, as in PyTorch 2.13.

``lr`` stands for the optimizer, whose learning rate it is. Momentum is not scheduled along: it is
another schedule.

>>> from jaxlr.peers import torch
>>> torch.ExponentialLR(0.1, gamma=0.9)
exponential_decay(init_value=0.1, transition_steps=1, decay_rate=0.9, transition_begin=0, \
staircase=False, end_value=None)
"""

from collections.abc import Callable, Sequence
from typing import Literal

from jax.typing import ArrayLike

from jaxlr.compose import join_schedules, per_epoch, shift_schedule, wrap
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, Base, reduce_on_plateau
from jaxlr.schedules import (
    cosine_restarts_schedule,
    cyclic_schedule,
    exponential_decay,
    linear_schedule,
    multistep_decay,
    onecycle_schedule,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    step_decay,
    transition_schedule,
)

__all__ = [
    "SWALR",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


def LambdaLR(lr: ArrayLike, lr_lambda: Callable[[ArrayLike], ArrayLike]) -> Schedule:
    """``lr`` times a function of the step, which must work on traced counts.

    The function is structure: the schedule has no text, and another function compiles again.
    """
    return wrap(lr_lambda) * lr


def StepLR(lr: ArrayLike, step_size: ArrayLike, gamma: ArrayLike = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return step_decay(lr, step_size, gamma)


def MultiStepLR(lr: ArrayLike, milestones: Sequence[ArrayLike], gamma: ArrayLike = 0.1) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`.

    A milestone that is no integer counts from the next step on; in PyTorch it never does.
    """
    return multistep_decay(lr, milestones, gamma)


def ConstantLR(
    lr: ArrayLike, factor: ArrayLike = 1.0 / 3.0, total_iters: ArrayLike = 5
) -> Schedule:
    """``factor * lr`` for ``total_iters`` steps, then ``lr``: it is not constant."""
    return piecewise_constant_values_schedule([total_iters], [lr * factor, lr])


def LinearLR(
    lr: ArrayLike,
    start_factor: ArrayLike = 1.0 / 3.0,
    end_factor: ArrayLike = 1.0,
    total_iters: ArrayLike = 5,
) -> Schedule:
    """A line from ``start_factor * lr`` to ``end_factor * lr``: :func:`jaxlr.linear_schedule`."""
    return linear_schedule(lr * start_factor, lr * end_factor, total_iters)


def ExponentialLR(lr: ArrayLike, gamma: ArrayLike) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return exponential_decay(lr, 1, gamma)


def PolynomialLR(lr: ArrayLike, total_iters: ArrayLike = 5, power: ArrayLike = 1.0) -> Schedule:
    """A power of the time that remains, down to 0: :func:`jaxlr.polynomial_schedule`."""
    return polynomial_schedule(lr, 0.0, power, total_iters)


def CosineAnnealingLR(
    lr: ArrayLike, T_max: ArrayLike, eta_min: ArrayLike = 0.0, periodic: bool = False
) -> Schedule:
    """Half a cosine wave from ``lr`` to ``eta_min``: :func:`jaxlr.transition_schedule`.

    It holds ``eta_min`` after step ``T_max``, where PyTorch rises again, as here with ``periodic``:
    :func:`jaxlr.cyclic_schedule`.
    """
    if periodic:
        return cyclic_schedule(lr, eta_min, T_max, curve="cosine")
    return transition_schedule(lr, eta_min, T_max, "cosine")


def CosineAnnealingWarmRestarts(
    lr: ArrayLike, T_0: ArrayLike, T_mult: ArrayLike = 1, eta_min: ArrayLike = 0.0
) -> Schedule:
    """Half cosine waves to ``eta_min``, again and again: :func:`jaxlr.cosine_restarts_schedule`.

    ``lr`` must not be 0.
    """
    return cosine_restarts_schedule(lr, T_0, T_mult, alpha=eta_min / lr)


def OneCycleLR(
    max_lr: ArrayLike,
    total_steps: ArrayLike | None = None,
    epochs: ArrayLike | None = None,
    steps_per_epoch: ArrayLike | None = None,
    pct_start: ArrayLike = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: ArrayLike = 25.0,
    final_div_factor: ArrayLike = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """Up to ``max_lr`` and down to nearly nothing: :func:`jaxlr.onecycle_schedule`.

    It reaches its last value at step ``total_steps - 1`` and holds it, where PyTorch leaves the
    curve (below 0 if it is a line) and then raises an error. Where ``pct_start * total_steps`` is
    at most 1 it begins at the peak.
    """
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("`total_steps` must be given, or `epochs` and `steps_per_epoch`.")
        total_steps = epochs * steps_per_epoch
    return onecycle_schedule(
        total_steps,
        max_lr,
        pct_start,
        div_factor,
        final_div_factor,
        three_phase,
        _CURVES[anneal_strategy],
    )


def CyclicLR(
    base_lr: ArrayLike,
    max_lr: ArrayLike,
    step_size_up: ArrayLike = 2000,
    step_size_down: ArrayLike | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: ArrayLike = 1.0,
    scale_fn: Callable[[ArrayLike], ArrayLike] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
) -> Schedule:
    """Up and down between two rates, again and again: :func:`jaxlr.cyclic_schedule`.

    ``gamma`` is ignored unless ``mode`` is ``"exp_range"``; with ``scale_fn`` so is ``mode``. That
    function, of the number of the cycle from 1 or of the step, must work on traced numbers.
    """
    if scale_fn is not None:
        triangle = cyclic_schedule(base_lr, max_lr, step_size_up, step_size_down)
        scale: Schedule = wrap(scale_fn)
        if scale_mode == "cycle":
            down = step_size_up if step_size_down is None else step_size_down
            scale = per_epoch(shift_schedule(scale, -1), step_size_up + down)
        return (triangle - base_lr) * scale + base_lr
    factor = gamma if mode == "exp_range" else 1.0
    return cyclic_schedule(base_lr, max_lr, step_size_up, step_size_down, mode, factor)


def SWALR(
    lr: ArrayLike,
    swa_lr: ArrayLike,
    anneal_epochs: ArrayLike = 10,
    anneal_strategy: Literal["cos", "linear"] = "cos",
) -> Schedule:
    """From ``lr`` to ``swa_lr``, which holds: :func:`jaxlr.transition_schedule`.

    It is in ``torch.optim.swa_utils``.
    """
    return transition_schedule(lr, swa_lr, anneal_epochs, _CURVES[anneal_strategy])


_CURVES = {"cos": "cosine", "linear": "linear"}


def SequentialLR(schedulers: Sequence[Schedule], milestones: Sequence[ArrayLike]) -> Schedule:
    """One schedule after another, each from its own step 0: :func:`jaxlr.join_schedules`."""
    return join_schedules(schedulers, milestones)


def ReduceLROnPlateau(
    lr: Base,
    mode: Literal["min", "max"] = "min",
    factor: ArrayLike = 0.1,
    patience: ArrayLike = 10,
    threshold: ArrayLike = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: ArrayLike = 0,
    min_lr: ArrayLike = 0.0,
    eps: ArrayLike = 1e-8,
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
