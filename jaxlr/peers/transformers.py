"""The schedules of ``transformers.get_scheduler``, as in Transformers 5.23.

``lr`` stands for the optimizer. ``num_training_steps`` includes the warm-up, which is at 0 at step
0, so that the first update does nothing. After the last step a schedule holds its value; there the
cosines of Transformers rise and fall on, as those here do with ``periodic=True``. A warm-up that
leaves no step for the decay is followed by a decay of one step, as there.

>>> from jaxlr.peers import transformers
>>> transformers.get_scheduler("cosine", 0.1, num_warmup_steps=10, num_training_steps=100)
warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.1, warmup_steps=10, decay_steps=100, \
end_value=0.0, exponent=1.0)
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np

from jaxlr import curves
from jaxlr.compose import clip_schedule, join_schedules, shift_schedule
from jaxlr.core.numbers import on_host
from jaxlr.core.parameters import Fraction, NonNegative, Positive, Size, Steps, Value
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, greedy
from jaxlr.peers import torch
from jaxlr.peers.arguments import (
    Base,
    Count,
    Metrics,
    Period,
    Rate,
    at_least,
    constructor,
    is_zero,
    whole,
)
from jaxlr.schedules import (
    constant_schedule,
    cosine_restarts_schedule,
    cyclic_schedule,
    inverse_power_decay_schedule,
    linear_schedule,
    piecewise_curve_schedule,
    polynomial_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_inverse_sqrt_schedule,
    warmup_stable_decay_schedule,
)

__all__ = [
    "GreedyLR",
    "get_adafactor_schedule",
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_greedy_schedule",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_reduce_on_plateau_schedule",
    "get_scheduler",
    "get_wsd_schedule",
]

Ramp = Literal["linear", "cosine", "1-sqrt"]


@constructor
def get_constant_schedule(lr: Rate) -> Schedule:
    """The same rate at every step: :func:`jaxlr.constant_schedule`."""
    return constant_schedule(lr)


@constructor
def get_constant_schedule_with_warmup(lr: Rate, num_warmup_steps: Steps) -> Schedule:
    """A warm-up from 0 to ``lr``, which holds: :func:`jaxlr.warmup_constant_schedule`."""
    return warmup_constant_schedule(0.0, lr, num_warmup_steps)


@constructor
def get_linear_schedule_with_warmup(
    lr: Rate, num_warmup_steps: Steps, num_training_steps: Steps
) -> Schedule:
    """A warm-up from 0 and a line back to 0: :func:`jaxlr.piecewise_curve_schedule`."""
    end = at_least(num_training_steps, num_warmup_steps)
    return piecewise_curve_schedule([0, num_warmup_steps, end], [0.0, lr, 0.0])


@constructor
def get_cosine_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: Steps,
    num_training_steps: Steps,
    num_cycles: NonNegative = 0.5,
    periodic: bool = False,
) -> Schedule:
    """A warm-up from 0 and half a cosine wave to 0: :func:`jaxlr.warmup_cosine_decay_schedule`.

    With ``num_cycles`` other than 0.5 it rises again: :func:`jaxlr.cyclic_schedule`.
    """
    end = _end(num_warmup_steps, num_training_steps)
    return _cosine(0.0, lr, num_warmup_steps, end, 0.0, num_cycles, periodic)


@constructor
def get_cosine_with_min_lr_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: Steps,
    num_training_steps: Steps,
    num_cycles: NonNegative = 0.5,
    min_lr: Rate | None = None,
    min_lr_rate: Value | None = None,
    periodic: bool = False,
) -> Schedule:
    """A warm-up from 0 and half a cosine wave down to ``min_lr``, or to ``min_lr_rate * lr``.

    For other ``num_cycles`` see :func:`get_cosine_schedule_with_warmup`.
    """
    floor, end = _floor(lr, min_lr, min_lr_rate), _end(num_warmup_steps, num_training_steps)
    return _cosine(0.0, lr, num_warmup_steps, end, floor, num_cycles, periodic)


@constructor
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    lr: Rate,
    num_warmup_steps: Steps,
    num_training_steps: Steps,
    num_cycles: NonNegative = 0.5,
    min_lr: Rate | None = None,
    min_lr_rate: Value | None = None,
    warmup_lr_rate: Value | None = None,
    periodic: bool = False,
) -> Schedule:
    """The same one step early: it begins above 0, and the last step has the last value.

    The warm-up begins at ``warmup_lr_rate * lr``, or at ``lr / num_warmup_steps``. If it is a
    single step, only that has this value.
    """
    floor, warmup = _floor(lr, min_lr, min_lr_rate), num_warmup_steps
    end = _end(warmup, num_training_steps)
    if is_zero(warmup):
        return shift_schedule(_cosine(0.0, lr, 0, end, floor, num_cycles, periodic), -1)
    start = lr / warmup if warmup_lr_rate is None else lr * warmup_lr_rate
    rest = _cosine(start, lr, _less(warmup, 1), _less(end, 1), floor, num_cycles, periodic)
    if warmup_lr_rate is not None and on_host(warmup) and warmup == 1:
        return join_schedules([constant_schedule(start), rest], [1], clock="absolute")
    return rest


@constructor
def get_cosine_with_hard_restarts_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: Steps,
    num_training_steps: Steps,
    num_cycles: Positive = 1,
) -> Schedule:
    """A warm-up from 0 and ``num_cycles`` half cosine waves of equal length, then 0.

    The waves are :func:`jaxlr.cosine_restarts_schedule`.
    """
    end = _end(num_warmup_steps, num_training_steps)
    length = _less(end, num_warmup_steps) / num_cycles
    pieces = [
        linear_schedule(0.0, lr, num_warmup_steps),
        cosine_restarts_schedule(lr, length, t_mul=1.0),
        constant_schedule(0.0),
    ]
    return join_schedules(pieces, [num_warmup_steps, end])


@constructor
def get_polynomial_decay_schedule_with_warmup(
    lr: Rate,
    num_warmup_steps: Steps,
    num_training_steps: Steps,
    lr_end: Rate = 1e-7,
    power: NonNegative = 1.0,
) -> Schedule:
    """A warm-up from 0 and a power of the time that remains, down to ``lr_end``.

    The power is :func:`jaxlr.polynomial_schedule`.
    """
    steps = at_least(_less(num_training_steps, num_warmup_steps), 0)
    decay = polynomial_schedule(lr, lr_end, power, steps)
    warmup = linear_schedule(0.0, lr, num_warmup_steps)
    return join_schedules([warmup, decay], [num_warmup_steps])


@constructor
def get_inverse_sqrt_schedule(
    lr: Rate, num_warmup_steps: Steps, timescale: Period | None = None
) -> Schedule:
    """A warm-up from 0, then an inverse square root: :func:`jaxlr.warmup_inverse_sqrt_schedule`.

    ``timescale`` is ``num_warmup_steps``, or 10,000 without a warm-up, where it is not given.
    """
    if timescale is None and is_zero(num_warmup_steps):
        timescale = 10_000
    return warmup_inverse_sqrt_schedule(0.0, lr, num_warmup_steps, timescale)


_WARMUPS: dict[str, curves.Shape] = {
    "linear": "linear",
    "cosine": "cosine",
    "1-sqrt": curves.polynomial(0.5),
}
_DECAYS: dict[str, curves.Shape] = {
    "linear": "linear",
    "cosine": "cosine",
    "1-sqrt": "one_minus_sqrt",
}


@constructor(within={"stable_steps": "num_stable_steps"})
def get_wsd_schedule(
    lr: Rate,
    num_warmup_steps: Steps,
    num_decay_steps: Steps,
    num_training_steps: Steps | None = None,
    num_stable_steps: Steps | None = None,
    warmup_type: Ramp = "linear",
    decay_type: Ramp = "cosine",
    min_lr_ratio: Value = 0.0,
    num_cycles: NonNegative = 0.5,
) -> Schedule:
    """A warm-up from ``min_lr_ratio * lr``, a constant, and a decay back to it.

    It is :func:`jaxlr.warmup_stable_decay_schedule`. With other ``num_cycles`` than 0.5 a cosine
    decay is :func:`jaxlr.cyclic_schedule`, from whose end it jumps. A decay that would begin within
    the warm-up is entered where that ends.
    """
    warmup, decay = num_warmup_steps, num_decay_steps
    stable: Any = num_stable_steps
    if stable is None:
        if num_training_steps is None:
            raise ValueError("`num_training_steps` or `num_stable_steps` must be given.")
        stable = _less(num_training_steps, warmup, decay)
    end, rise, fall = lr * min_lr_ratio, _WARMUPS[warmup_type], _DECAYS[decay_type]
    waves = decay_type == "cosine" and not (on_host(num_cycles) and num_cycles == 0.5)
    early = on_host(stable) and bool(np.any(np.less(stable, 0)))
    if not (waves or early):
        return warmup_stable_decay_schedule(end, lr, warmup, stable, decay, end, rise, fall)
    first = warmup_stable_decay_schedule(end, lr, warmup, 0, 0, lr, rise)
    rest = warmup_stable_decay_schedule(end, lr, 0, 0, decay, end, rise, fall)
    if waves and not is_zero(decay):
        wave = _waves(lr, end, decay, num_cycles)
        rest = join_schedules([wave, constant_schedule(end)], [decay])
    if early:
        return join_schedules([first, shift_schedule(rest, stable)], [warmup])
    return join_schedules([first, rest], [stable + warmup])


@constructor
def get_adafactor_schedule(warmup_init: bool = False) -> Schedule:
    """The relative step size of ``Adafactor``, which it computes where it is given no ``lr``.

    It is the smaller of ``1 / sqrt(step)`` and a constant of 0.01, or of ``1e-6 * step`` with
    ``warmup_init``, where steps are counted from 1. The optimizer multiplies it by the root mean
    square of each parameter, which no schedule knows: that is ``multiply_by_parameter_scale`` of
    ``optax.adafactor``. Before the first step Transformers shows ``initial_lr``, which no update
    uses.
    """
    decay = inverse_power_decay_schedule(1.0, 1, 0.5)
    if not warmup_init:
        return clip_schedule(decay, max_value=1e-2)
    return join_schedules([linear_schedule(1e-6, 1e-2, 9999), decay], [9999], clock="absolute")


@constructor
def get_reduce_on_plateau_schedule(lr: Base, **kwargs: Any) -> AdaptiveSchedule:
    """:func:`jaxlr.peers.torch.ReduceLROnPlateau`, with the same arguments."""
    return torch.ReduceLROnPlateau(lr, **kwargs)


@constructor
def get_greedy_schedule(lr: Base, **kwargs: Any) -> AdaptiveSchedule:
    """:func:`GreedyLR`, with the same arguments."""
    return GreedyLR(lr, **kwargs)


_SCHEDULES: dict[str, Callable[..., Any]] = {
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "greedy": get_greedy_schedule,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "linear": get_linear_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "reduce_lr_on_plateau": get_reduce_on_plateau_schedule,
    "warmup_stable_decay": get_wsd_schedule,
}


@constructor
def get_scheduler(
    name: str,
    lr: Any,
    num_warmup_steps: Steps | None = None,
    num_training_steps: Steps | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """The schedule of a name, such as ``"cosine"``; the other arguments go to its function.

    ``"reduce_lr_on_plateau"`` and ``"greedy"`` depend on the loss: they are an
    :class:`jaxlr.AdaptiveSchedule`, all others a :class:`jaxlr.Schedule`.
    """
    if name not in _SCHEDULES:
        raise ValueError(f"`name` must be one of {', '.join(_SCHEDULES)}, got {name!r}.")
    lengths = {
        "num_warmup_steps": num_warmup_steps,
        "num_training_steps": num_training_steps,
    }
    function = _SCHEDULES[name]
    taken = inspect.signature(function).parameters
    given = {key: steps for key, steps in lengths.items() if key in taken and steps is not None}
    return function(lr, **given, **(scheduler_specific_kwargs or {}))


@constructor(within={"min_value": "min_lr"})
def GreedyLR(
    lr: Base,
    mode: Literal["min", "max"] = "min",
    factor: Fraction = 0.95,
    patience: Metrics = 10,
    threshold: NonNegative = 1e-6,
    threshold_mode: Literal["rel", "abs"] = "abs",
    cooldown: Metrics = 0,
    warmup: Metrics = 0,
    min_lr: Rate = 1e-3,
    max_lr: Rate = 1.0,
    eps: NonNegative = 1e-8,
    verbose: bool = False,
    smooth: bool = False,
    window_size: Annotated[int, Size()] = 50,
    reset_start: Count = 500,
) -> AdaptiveSchedule:
    """Raised while a metric improves, lowered while it does not: :func:`jaxlr.greedy`.

    Unlike in Transformers ``lr`` may be a schedule too, and an infinite metric is no improvement.
    ``verbose`` is ignored.
    """
    if on_host(min_lr, max_lr) and np.any(np.greater(min_lr, max_lr)):
        raise ValueError(f"`min_lr` must not be above `max_lr`, got {min_lr} and {max_lr}.")
    return greedy(
        lr,
        min_lr,
        max_lr,
        factor,
        patience + 1,
        mode=mode,
        threshold=threshold,
        threshold_mode="signed" if threshold_mode == "rel" else threshold_mode,
        cooldown=cooldown,
        warmup=warmup,
        eps=eps,
        window_size=window_size if smooth else 1,
        reset_start=reset_start,
    )


def _cosine(
    start: Any, lr: Any, warmup: Any, end: Any, floor: Any, num_cycles: Any, periodic: bool
) -> Schedule:
    """A line up to ``lr``, and cosine waves between it and ``floor``, up to step ``end``."""
    if num_cycles == 0.5 and not periodic:
        return warmup_cosine_decay_schedule(start, lr, warmup, end, floor)
    pieces = [
        linear_schedule(start, lr, warmup),
        _waves(lr, floor, _less(end, warmup), num_cycles),
    ]
    boundaries = [warmup]
    if not periodic:
        last = math.cos(math.pi * num_cycles) ** 2
        pieces.append(constant_schedule(lr * last + floor * (1.0 - last)))
        boundaries.append(end)
    return join_schedules(pieces, boundaries)


def _waves(lr: Any, floor: Any, steps: Any, num_cycles: Any) -> Schedule:
    """``num_cycles`` cosine waves in some steps, of which each falls and rises."""
    if is_zero(num_cycles):
        return constant_schedule(lr)
    return cyclic_schedule(lr, floor, whole(steps / (2 * num_cycles)), curve="cosine")


def _floor(lr: Any, value: Any, ratio: Any) -> Any:
    if (value is None) == (ratio is None):
        raise ValueError(f"`min_lr` or `min_lr_rate` must be given, got {value} and {ratio}.")
    return lr * ratio if value is None else value


def _end(num_warmup_steps: Any, num_training_steps: Any) -> Any:
    """The step at which a decay ends that has one step at least."""
    return at_least(num_training_steps, num_warmup_steps + 1)


def _less(steps: Any, *phases: Any) -> Any:
    for phase in phases:
        steps = steps - phase
    return steps
