"""The schedulers of ``ignite.handlers``, as in PyTorch-Ignite 0.5.

Those for an attribute of the state, such as ``ExpStateScheduler``, are schedules as well. The
optimizer or the name of the parameter is left out.

>>> from jaxlr.peers import ignite
>>> ignite.PiecewiseLinear([(10, 0.5), (20, 0.45)])
piecewise_curve_schedule(knots=[10, 20], values=[0.5, 0.45], curve=linear())
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from jax.typing import ArrayLike

from jaxlr.compose import join_schedules, repeat_schedule, wrap
from jaxlr.core.schedule import Schedule
from jaxlr.curves import Shape
from jaxlr.schedules import (
    cyclic_schedule,
    exponential_decay,
    linear_schedule,
    multistep_decay,
    piecewise_curve_schedule,
    step_decay,
    transition_schedule,
)

__all__ = [
    "ConcatScheduler",
    "CosineAnnealingScheduler",
    "ExpStateScheduler",
    "LambdaStateScheduler",
    "LinearCyclicalScheduler",
    "MultiStepStateScheduler",
    "PiecewiseLinear",
    "PiecewiseLinearStateScheduler",
    "StepStateScheduler",
    "create_lr_scheduler_with_warmup",
]


def LinearCyclicalScheduler(
    start_value: ArrayLike,
    end_value: ArrayLike,
    cycle_size: int,
    cycle_mult: float = 1.0,
    start_value_mult: float = 1.0,
    end_value_mult: float = 1.0,
    warmup_duration: int = 0,
    monotonic: bool = False,
) -> Schedule:
    """Lines from one value to another and back, again and again: :func:`jaxlr.cyclic_schedule`.

    With ``monotonic`` a cycle is only the way there, as in :func:`CosineAnnealingScheduler`; so it
    is with ``warmup_duration``. Where cycles grow or values change it is
    :func:`jaxlr.repeat_schedule`.
    """
    multipliers = cycle_mult, start_value_mult, end_value_mult
    if monotonic or warmup_duration:
        fall = _fall("linear", cycle_size, warmup_duration)
        return _repeated(fall, start_value, end_value, cycle_size + warmup_duration, *multipliers)
    if multipliers == (1.0, 1.0, 1.0):
        return cyclic_schedule(start_value, end_value, cycle_size / 2)

    def triangle(start: ArrayLike, end: ArrayLike, _: ArrayLike) -> Schedule:
        return cyclic_schedule(start, end, cycle_size / 2)

    return _repeated(triangle, start_value, end_value, cycle_size, *multipliers)


def CosineAnnealingScheduler(
    start_value: ArrayLike,
    end_value: ArrayLike,
    cycle_size: int,
    cycle_mult: float = 1.0,
    start_value_mult: float = 1.0,
    end_value_mult: float = 1.0,
    warmup_duration: int = 0,
) -> Schedule:
    """Half cosine waves from one value to another, again and again: :func:`jaxlr.repeat_schedule`.

    Each cycle is ``cycle_mult`` times as long as the one before, and its values are
    ``start_value_mult`` and ``end_value_mult`` times those. Ignite rounds a length down; here a
    cycle may begin between two steps. In ``warmup_duration`` steps at the end of a cycle a line
    leads to the begin of the next.
    """
    return _repeated(
        _fall("cosine", cycle_size, warmup_duration),
        start_value,
        end_value,
        cycle_size + warmup_duration,
        cycle_mult,
        start_value_mult,
        end_value_mult,
    )


_OneCycle = Callable[[ArrayLike, ArrayLike, ArrayLike], Schedule]
"""A cycle from its start value, its end value, and the next start value."""


def _fall(curve: Shape, cycle_size: int, warmup_duration: int) -> _OneCycle:
    def fall(start: ArrayLike, end: ArrayLike, following: ArrayLike) -> Schedule:
        way = transition_schedule(start, end, cycle_size, curve)
        if not warmup_duration:
            return way
        return join_schedules([way, linear_schedule(end, following, warmup_duration)], [cycle_size])

    return fall


def _repeated(
    one: _OneCycle,
    start: ArrayLike,
    end: ArrayLike,
    period: int,
    cycle_mult: float,
    start_mult: float,
    end_mult: float,
) -> Schedule:
    t_mul = None if cycle_mult == 1.0 else cycle_mult
    if start_mult == end_mult:
        return repeat_schedule(one(start, end, start * start_mult), period, t_mul, start_mult)
    starts = repeat_schedule(one(start, 0.0, start * start_mult), period, t_mul, start_mult)
    return starts + repeat_schedule(one(0.0, end, 0.0), period, t_mul, end_mult)


def PiecewiseLinear(milestones_values: Sequence[tuple[ArrayLike, ArrayLike]]) -> Schedule:
    """Lines through given points: :func:`jaxlr.piecewise_curve_schedule`."""
    milestones, values = zip(*milestones_values, strict=True)
    return piecewise_curve_schedule(milestones, values)


def ConcatScheduler(schedulers: Sequence[Schedule], durations: Sequence[int]) -> Schedule:
    """One schedule after another, each from its own step 0: :func:`jaxlr.join_schedules`."""
    return join_schedules(schedulers, list(itertools.accumulate(durations)))


def create_lr_scheduler_with_warmup(
    lr_scheduler: Schedule,
    warmup_start_value: ArrayLike,
    warmup_duration: int,
    warmup_end_value: ArrayLike | None = None,
) -> Schedule:
    """A line, then a schedule from its own step 0: :func:`jaxlr.join_schedules`.

    The line ends at step ``warmup_duration - 1``, at the first value of the schedule if no other is
    given; that step is then the first of the schedule too. Its values must be known.
    """
    first = np.asarray(lr_scheduler(0))
    end = first if warmup_end_value is None else warmup_end_value
    shared = bool(np.isclose(end, first, rtol=1e-6, atol=0.0))
    warmup = linear_schedule(warmup_start_value, end, warmup_duration - 1)
    return join_schedules([warmup, lr_scheduler], [warmup_duration - shared])


def ExpStateScheduler(initial_value: ArrayLike, gamma: ArrayLike) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return exponential_decay(initial_value, 1, gamma)


def StepStateScheduler(
    initial_value: ArrayLike, gamma: ArrayLike, step_size: ArrayLike
) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return step_decay(initial_value, step_size, gamma)


def MultiStepStateScheduler(
    initial_value: ArrayLike, gamma: ArrayLike, milestones: Sequence[ArrayLike]
) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`."""
    return multistep_decay(initial_value, milestones, gamma)


def PiecewiseLinearStateScheduler(
    milestones_values: Sequence[tuple[ArrayLike, ArrayLike]],
) -> Schedule:
    """Lines through given points, as :func:`PiecewiseLinear`."""
    return PiecewiseLinear(milestones_values)


def LambdaStateScheduler(lambda_obj: Callable[[ArrayLike], ArrayLike]) -> Schedule:
    """A function of the step, which must work on traced counts: :func:`jaxlr.wrap`."""
    return wrap(lambda_obj)
