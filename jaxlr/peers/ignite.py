"""The schedulers of ``ignite.handlers``, as in PyTorch-Ignite 0.5.

Those for an attribute of the state, such as ``ExpStateScheduler``, are schedules as well. The
optimizer or the name of the parameter is left out.

>>> from jaxlr.peers import ignite
>>> ignite.PiecewiseLinear([(10, 0.5), (20, 0.45)])
piecewise_curve_schedule(knots=[10, 20], values=[0.5, 0.45], curve=linear())
"""

import itertools
from collections.abc import Sequence
from typing import Annotated, Any

import jax
import numpy as np
from jax.typing import ArrayLike

from jaxlr.compose import join_schedules, repeat_schedule, wrap
from jaxlr.compose.wrapping import AnySchedule, Pieces
from jaxlr.core.numbers import known, on_host
from jaxlr.core.parameters import Kind, NonNegative, Number, Positive, Whole
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.peers import torch
from jaxlr.peers.arguments import (
    Base,
    Function,
    Lengths,
    Period,
    Rate,
    constructor,
    is_zero,
    require_one_more,
)
from jaxlr.peers.phases import exponential
from jaxlr.schedules import (
    cyclic_schedule,
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
    "LRScheduler",
    "LambdaStateScheduler",
    "LinearCyclicalScheduler",
    "MultiStepStateScheduler",
    "ParamGroupScheduler",
    "PiecewiseLinear",
    "PiecewiseLinearStateScheduler",
    "ReduceLROnPlateauScheduler",
    "StepStateScheduler",
    "create_lr_scheduler_with_warmup",
]


class _Points(Kind):
    """Pairs of a milestone and a value, in one list."""

    def store(self, where: str, value: Any) -> Any:
        if not isinstance(value, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in value
        ):
            raise TypeError(f"{where} must be a list of milestones and values, got {value!r}.")
        if not value:
            raise ValueError(f"{where} must have one milestone at least, got {value!r}.")
        milestones, values = zip(*value, strict=True)
        lengths = Number("Milestones", "Milestones are in steps.", least=0.0, counted=True)
        for kind, numbers in ((lengths, milestones), (Number(), values)):
            for number in numbers:
                kind.store(where, number)
                if known(number):
                    kind.check(where, number)
        return milestones, values


CycleSize = Annotated[ArrayLike, Whole("CycleSize", "Give a number of steps.", least=2.0)]
Duration = Annotated[ArrayLike, Whole("Duration", "Give a number of steps.", least=0.0)]
Points = Annotated[Sequence[tuple[Any, Any]], _Points()]


@constructor
def LinearCyclicalScheduler(
    start_value: Rate,
    end_value: Rate,
    cycle_size: CycleSize,
    cycle_mult: Positive = 1.0,
    start_value_mult: Positive = 1.0,
    end_value_mult: Positive = 1.0,
    warmup_duration: Duration = 0,
    monotonic: bool = False,
) -> Schedule:
    """Lines from one value to another and back, again and again: :func:`jaxlr.cyclic_schedule`.

    With ``monotonic`` a cycle is only the way there, as in :func:`CosineAnnealingScheduler`, whose
    other arguments it has too. Then, or where cycles grow or values change, it is
    :func:`jaxlr.repeat_schedule` or :func:`jaxlr.piecewise_curve_schedule`. With
    ``warmup_duration`` it is monotonic; Ignite asks for both.
    """
    one_way = monotonic or not is_zero(warmup_duration)
    multipliers = cycle_mult, start_value_mult, end_value_mult
    if not one_way and on_host(*multipliers) and multipliers == (1.0, 1.0, 1.0):
        return cyclic_schedule(start_value, end_value, cycle_size / 2)
    return _cycles(
        "linear", start_value, end_value, cycle_size, warmup_duration, *multipliers, one_way
    )


@constructor
def CosineAnnealingScheduler(
    start_value: Rate,
    end_value: Rate,
    cycle_size: CycleSize,
    cycle_mult: Positive = 1.0,
    start_value_mult: Positive = 1.0,
    end_value_mult: Positive = 1.0,
    warmup_duration: Duration = 0,
) -> Schedule:
    """Half cosine waves from one value to another, again and again: :func:`jaxlr.repeat_schedule`.

    Each cycle is ``cycle_mult`` times as long as the one before, rounded down, and its values are
    ``start_value_mult`` and ``end_value_mult`` times those; where lengths change the cycles are
    :func:`jaxlr.piecewise_curve_schedule`. In ``warmup_duration`` steps at the end of a cycle a
    line leads to the begin of the next.
    """
    return _cycles(
        "cosine",
        start_value,
        end_value,
        cycle_size,
        warmup_duration,
        cycle_mult,
        start_value_mult,
        end_value_mult,
        one_way=True,
    )


def _cycles(
    curve: str,
    start: Any,
    end: Any,
    size: Any,
    warmup: Any,
    size_mult: Any,
    start_mult: Any,
    end_mult: Any,
    one_way: bool,
) -> Schedule:
    """Cycles of a curve there, and back again or, after it, to the next start along a line."""
    if on_host(start, end, size, warmup, size_mult, start_mult, end_mult):
        changed = int(size * size_mult), int(warmup * size_mult)
        if changed != (size, warmup):
            return _changing_cycles(
                curve, start, end, size, warmup, size_mult, start_mult, end_mult, one_way
            )

    def one(start: Any, end: Any, following: Any) -> Schedule:
        if not one_way:
            return cyclic_schedule(start, end, size / 2)
        way = transition_schedule(start, end, size, curve)
        if is_zero(warmup):
            return way
        return join_schedules([way, linear_schedule(end, following, warmup)], [size])

    period = size + warmup
    growth = None if on_host(size_mult) else size_mult
    following = start * start_mult
    if on_host(start_mult, end_mult) and start_mult == end_mult:
        return repeat_schedule(one(start, end, following), period, growth, start_mult)
    starts = repeat_schedule(one(start, 0.0, following), period, growth, start_mult)
    return starts + repeat_schedule(one(0.0, end, 0.0), period, growth, end_mult)


def _changing_cycles(
    curve: str,
    start: Any,
    end: Any,
    size: Any,
    warmup: Any,
    size_mult: Any,
    start_mult: Any,
    end_mult: Any,
    one_way: bool,
) -> Schedule:
    """All cycles up to the last count, point for point."""
    most = np.finfo(np.float32).max
    begin, apart = 0, curve != "linear" and warmup > 0
    ways: list[tuple[Any, Any]] = []
    lines: list[tuple[Any, Any]] = []
    while begin < 2**31 and size >= 1:
        top = begin + size
        ways += [(begin, start), (top, end)]
        if not one_way:
            ways[-1:] = [(begin + size / 2, end), (top, start)]
        start = np.clip(start * start_mult, -most, most)
        rise = [(top, end), (top + warmup, start)]
        if apart:  # Two curves in turn are a sum, where either is 0 in the turn of the other.
            lines += [(begin, 0.0), (top, 0.0), *rise]
            ways += [(at, 0.0) for at, _ in rise]
        elif warmup:
            ways += rise
        end = np.clip(end * end_mult, -most, most)
        begin = top + warmup
        size, warmup = int(size * size_mult), int(warmup * size_mult)
    schedule = _through(ways, curve)
    return schedule + _through(lines, "linear") if apart else schedule


def _through(points: Sequence[tuple[Any, Any]], curve: str) -> Schedule:
    knots, values = zip(*points, strict=True)
    return piecewise_curve_schedule(knots, values, curve)


@constructor
def PiecewiseLinear(milestones_values: Points) -> Schedule:
    """Lines through given points: :func:`jaxlr.piecewise_curve_schedule`."""
    milestones, values = milestones_values
    return piecewise_curve_schedule(milestones, values)


@constructor
def ConcatScheduler(schedulers: Pieces, durations: Lengths) -> Schedule:
    """One schedule after another, each from its own step 0: :func:`jaxlr.join_schedules`."""
    boundaries = list(itertools.accumulate(durations))
    require_one_more(schedulers, "schedulers", boundaries, "durations")
    return join_schedules(schedulers, boundaries)


@constructor
def create_lr_scheduler_with_warmup(
    lr_scheduler: AnySchedule,
    warmup_start_value: Rate,
    warmup_duration: Annotated[int, Whole("Count", "A line has two ends.", least=2.0)],
    warmup_end_value: Rate | None = None,
) -> Schedule:
    """A line, then a schedule from its own step 0: :func:`jaxlr.join_schedules`.

    The line ends at step ``warmup_duration - 1``, at the first value of the schedule if no other is
    given; that step is then the first of the schedule too. Its values must be known.
    """
    with jax.ensure_compile_time_eval():
        first = lr_scheduler(0)
    if not known(first):
        raise ValueError("`lr_scheduler` must have values that are known, and not traced ones.")
    first = np.asarray(first)
    end = first if warmup_end_value is None else warmup_end_value
    shared = bool(np.isclose(end, first, rtol=1e-6, atol=0.0))
    warmup = linear_schedule(warmup_start_value, end, warmup_duration - 1)
    return join_schedules([warmup, lr_scheduler], [warmup_duration - shared])


@constructor
def LRScheduler(lr_scheduler: AnySchedule) -> Schedule:
    """The schedule itself, such as one of :mod:`jaxlr.peers.torch`: there is nothing to wrap."""
    return lr_scheduler  # type: ignore[return-value]


@constructor
def ParamGroupScheduler(
    schedulers: Pieces, names: Sequence[str] | None = None
) -> dict[Any, Schedule]:
    """The schedule of each group of parameters, by its name or its number.

    An optimizer has one schedule, so there is one for each group, and ``optax.partition`` joins
    them:

    >>> import optax
    >>> from jaxlr.peers import ignite
    >>> rates = ignite.ParamGroupScheduler(
    ...     [ignite.PiecewiseLinear([(0, 0.1), (90, 0.0)]), ignite.ExpStateScheduler(0.5, 0.9)],
    ...     names=["body", "head"])
    >>> optimizer = optax.partition(
    ...     {name: optax.sgd(rate) for name, rate in rates.items()},
    ...     param_labels={"body": "body", "head": "head"})
    """
    keys: Sequence[Any] = range(len(schedulers)) if names is None else names
    if len(keys) != len(schedulers) or len(set(keys)) != len(keys):
        raise ValueError(
            f"`names` must be another one for each of the `schedulers`, got {names!r} for "
            f"{len(schedulers)} of them."
        )
    return dict(zip(keys, schedulers, strict=True))


@constructor
def ReduceLROnPlateauScheduler(
    lr: Base, metric_name: str, **scheduler_kwargs: Any
) -> AdaptiveSchedule:
    """:func:`jaxlr.peers.torch.ReduceLROnPlateau`, whose arguments it takes.

    It hears the keyword ``metric_name``. Ignite leaves ``min_lr`` out unless there is a
    ``param_group_index``; here it holds.
    """
    plateau = torch.ReduceLROnPlateau(lr, **scheduler_kwargs)
    return plateau.replace(monitor=metric_name)


@constructor
def ExpStateScheduler(initial_value: Rate, gamma: NonNegative) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return exponential(initial_value, 1, gamma)


@constructor
def StepStateScheduler(initial_value: Rate, gamma: NonNegative, step_size: Period) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return step_decay(initial_value, step_size, gamma)


@constructor
def MultiStepStateScheduler(
    initial_value: Rate, gamma: NonNegative, milestones: Lengths
) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`."""
    return multistep_decay(initial_value, milestones, gamma)


@constructor
def PiecewiseLinearStateScheduler(milestones_values: Points) -> Schedule:
    """Lines through given points, as :func:`PiecewiseLinear`."""
    milestones, values = milestones_values
    return piecewise_curve_schedule(milestones, values)


@constructor
def LambdaStateScheduler(lambda_obj: Function) -> Schedule:
    """A function of the step, which must work on traced counts: :func:`jaxlr.wrap`."""
    return wrap(lambda_obj)
