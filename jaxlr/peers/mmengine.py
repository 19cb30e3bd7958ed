"""The schedulers of ``mmengine.optim.scheduler``, as in MMEngine 0.10.

``lr`` stands for the optimizer. A step is what MMEngine counts, an epoch or an update. A scheduler
acts from step ``begin`` to step ``end - 1``: before, the rate is ``lr``, and after, it stays as it
is. Those whose length is ``end - begin`` reach their last value at step ``end - 1``.

>>> from jaxlr.peers import mmengine
>>> mmengine.LinearLR(0.1, start_factor=0.01, end=501)
linear_schedule(init_value=0.001, end_value=0.1, transition_steps=500, transition_begin=0)

Several schedulers in one configuration act on the same rate. Where one begins as the other ends,
they are joined; where they overlap, the rates of the first are multiplied by the factors of the
others, which are these schedulers for an ``lr`` of 1:

>>> import jaxlr
>>> warmup = mmengine.LinearLR(0.1, start_factor=0.01, end=501)
>>> joined = jaxlr.join_schedules([warmup, mmengine.CosineAnnealingLR(0.1, T_max=1000)], [500])
>>> overlapping = warmup * mmengine.MultiStepLR(1.0, milestones=[800, 1100])
>>> print(f"{joined(1000):.3f} {overlapping(1000):.3f}")
0.050 0.010
"""

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jax.typing import ArrayLike

from jaxlr.compose import join_schedules
from jaxlr.core.numbers import known
from jaxlr.core.schedule import Schedule
from jaxlr.peers import torch
from jaxlr.schedules import (
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    linear_schedule,
    multistep_decay,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    step_decay,
    transition_schedule,
)

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineRestartLR",
    "ExponentialLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolyLR",
    "StepLR",
]


def StepLR(
    lr: ArrayLike,
    step_size: ArrayLike,
    gamma: ArrayLike = 0.1,
    begin: int = 0,
    end: int | None = None,
) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return _window(lr, step_decay(lr, step_size, gamma), begin, end)


def MultiStepLR(
    lr: ArrayLike,
    milestones: Sequence[ArrayLike],
    gamma: ArrayLike = 0.1,
    begin: int = 0,
    end: int | None = None,
) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`."""
    return _window(lr, multistep_decay(lr, milestones, gamma), begin, end)


def ExponentialLR(
    lr: ArrayLike, gamma: ArrayLike, begin: int = 0, end: int | None = None
) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return _window(lr, exponential_decay(lr, 1, gamma), begin, end)


def ConstantLR(
    lr: ArrayLike, factor: ArrayLike = 1.0 / 3.0, *, begin: int = 0, end: int
) -> Schedule:
    """``factor * lr`` up to step ``end - 2``, then ``lr``: it is not constant."""
    steps = _length(begin, end)
    return _window(lr, piecewise_constant_values_schedule([steps], [lr * factor, lr]), begin)


def LinearLR(
    lr: ArrayLike,
    start_factor: ArrayLike = 1.0 / 3.0,
    end_factor: ArrayLike = 1.0,
    *,
    begin: int = 0,
    end: int,
) -> Schedule:
    """A line between two multiples of ``lr``: :func:`jaxlr.linear_schedule`."""
    steps = _length(begin, end)
    return _window(lr, linear_schedule(lr * start_factor, lr * end_factor, steps), begin)


def PolyLR(
    lr: ArrayLike,
    eta_min: ArrayLike = 0.0,
    power: ArrayLike = 1.0,
    *,
    begin: int = 0,
    end: int,
) -> Schedule:
    """A power of the time that remains: :func:`jaxlr.polynomial_schedule`."""
    return _window(lr, polynomial_schedule(lr, eta_min, power, _length(begin, end)), begin)


def CosineAnnealingLR(
    lr: ArrayLike,
    T_max: int | None = None,
    eta_min: ArrayLike | None = None,
    begin: int = 0,
    end: int | None = None,
    eta_min_ratio: ArrayLike | None = None,
    periodic: bool = False,
) -> Schedule:
    """Half a cosine wave from ``lr`` to ``eta_min``, or to ``eta_min_ratio * lr``.

    ``T_max`` is ``end - begin`` by default; then MMEngine stops a step before ``eta_min``. Without
    ``end`` it holds ``eta_min``, where MMEngine rises again, as here with ``periodic``.
    """
    steps = _length(begin, end) + 1 if T_max is None else T_max
    if eta_min_ratio is None:
        wave = torch.CosineAnnealingLR(lr, steps, _or_zero(eta_min), periodic)
    elif periodic:
        wave = torch.CosineAnnealingLR(lr, steps, lr * eta_min_ratio, periodic)
    else:
        wave = cosine_decay_schedule(lr, steps, eta_min_ratio)
    return _window(lr, wave, begin, end)


def CosineRestartLR(
    lr: ArrayLike,
    periods: Sequence[int],
    restart_weights: Sequence[ArrayLike] = (1,),
    eta_min: ArrayLike | None = None,
    eta_min_ratio: ArrayLike | None = None,
    begin: int = 0,
    end: int | None = None,
) -> Schedule:
    """Half cosine waves of given lengths, from given multiples of ``lr``.

    Each is :func:`jaxlr.transition_schedule`. After the last MMEngine stays a step before
    ``eta_min``.
    """
    floor = _or_zero(eta_min) if eta_min_ratio is None else lr * eta_min_ratio
    waves = [
        transition_schedule(lr * weight, floor, period, "cosine")
        for weight, period in zip(restart_weights, periods, strict=True)
    ]
    *starts, stop = itertools.accumulate(periods)
    last = begin + stop if end is None else min(begin + stop, end)
    return _window(lr, join_schedules(waves, starts), begin, last)


def OneCycleLR(
    eta_max: ArrayLike,
    total_steps: int | None = None,
    pct_start: ArrayLike = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: ArrayLike = 25.0,
    final_div_factor: ArrayLike = 1e4,
    three_phase: bool = False,
    begin: int = 0,
    end: int | None = None,
) -> Schedule:
    """Up to ``eta_max`` and down to nearly nothing, as :func:`jaxlr.peers.torch.OneCycleLR`.

    ``total_steps`` is ``end - begin`` by default. Before ``begin`` it has its first value.
    """
    steps = _length(begin, end) + 1 if total_steps is None else total_steps
    cycle = torch.OneCycleLR(
        eta_max,
        steps,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        three_phase=three_phase,
    )
    return _window(eta_max / div_factor, cycle, begin)


def _or_zero(value: ArrayLike | None) -> ArrayLike:
    return 0.0 if value is None else value


def _length(begin: int, end: int | None) -> int:
    """The steps from the first value to the last."""
    if end is None:
        raise ValueError("`end` must be given, the step from which the scheduler no longer acts.")
    return end - begin - 1


def _window(lr: ArrayLike, schedule: Schedule, begin: int, end: int | None = None) -> Schedule:
    """``lr`` before the window, and after it the last value in it."""
    pieces: list[Any] = [schedule]
    boundaries = []
    if begin:
        pieces, boundaries = [constant_schedule(lr), schedule], [begin]
    if end is not None:
        last = schedule(end - begin - 1)
        # A number of the host leaves the rates in the schedule in double precision.
        pieces.append(constant_schedule(np.asarray(last) if known(last) else last))
        boundaries.append(end)
    return join_schedules(pieces, boundaries) if boundaries else schedule
