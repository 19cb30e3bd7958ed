"""The schedules of ``transformers.get_scheduler``, as in Transformers 5.23.

``lr`` stands for the optimizer. ``num_training_steps`` includes the warm-up, which is at 0 at step
0, so that the first update does nothing. After the last step a schedule holds its value; there the
cosines of Transformers rise and fall on, as those here do with ``periodic=True``.

>>> from jaxlr.peers import transformers
>>> transformers.get_scheduler("cosine", 0.1, num_warmup_steps=10, num_training_steps=100)
warmup_cosine_decay_schedule(init_value=0.0, peak_value=0.1, warmup_steps=10, decay_steps=100, \
end_value=0.0, exponent=1.0)
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from jax.typing import ArrayLike

from jaxlr import curves
from jaxlr.compose import join_schedules, shift_schedule
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, Base, greedy
from jaxlr.schedules import (
    constant_schedule,
    cosine_restarts_schedule,
    cyclic_schedule,
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
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_scheduler",
    "get_wsd_schedule",
]


def get_constant_schedule(lr: ArrayLike) -> Schedule:
    """The same rate at every step: :func:`jaxlr.constant_schedule`."""
    return constant_schedule(lr)


def get_constant_schedule_with_warmup(lr: ArrayLike, num_warmup_steps: ArrayLike) -> Schedule:
    """A warm-up from 0 to ``lr``, which holds: :func:`jaxlr.warmup_constant_schedule`."""
    return warmup_constant_schedule(0.0, lr, num_warmup_steps)


def get_linear_schedule_with_warmup(
    lr: ArrayLike, num_warmup_steps: ArrayLike, num_training_steps: ArrayLike
) -> Schedule:
    """A warm-up from 0 and a line back to 0: :func:`jaxlr.piecewise_curve_schedule`."""
    return piecewise_curve_schedule([0, num_warmup_steps, num_training_steps], [0.0, lr, 0.0])


def get_cosine_schedule_with_warmup(
    lr: ArrayLike,
    num_warmup_steps: ArrayLike,
    num_training_steps: ArrayLike,
    num_cycles: float = 0.5,
    periodic: bool = False,
) -> Schedule:
    """A warm-up from 0 and half a cosine wave to 0: :func:`jaxlr.warmup_cosine_decay_schedule`.

    Other ``num_cycles`` than 0.5 are waves that rise again: :func:`jaxlr.cyclic_schedule`.
    """
    return _cosine(0.0, lr, num_warmup_steps, num_training_steps, 0.0, num_cycles, periodic)


def get_cosine_with_min_lr_schedule_with_warmup(
    lr: ArrayLike,
    num_warmup_steps: ArrayLike,
    num_training_steps: ArrayLike,
    num_cycles: float = 0.5,
    min_lr: ArrayLike | None = None,
    min_lr_rate: ArrayLike | None = None,
    periodic: bool = False,
) -> Schedule:
    """A warm-up from 0 and half a cosine wave down to ``min_lr``, or to ``min_lr_rate * lr``.

    For other ``num_cycles`` see :func:`get_cosine_schedule_with_warmup`.
    """
    end = _floor(lr, min_lr, min_lr_rate)
    return _cosine(0.0, lr, num_warmup_steps, num_training_steps, end, num_cycles, periodic)


def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    lr: ArrayLike,
    num_warmup_steps: ArrayLike,
    num_training_steps: ArrayLike,
    num_cycles: float = 0.5,
    min_lr: ArrayLike | None = None,
    min_lr_rate: ArrayLike | None = None,
    warmup_lr_rate: ArrayLike | None = None,
    periodic: bool = False,
) -> Schedule:
    """The same one step early: it begins above 0, and the last step has the last value.

    The warm-up begins at ``warmup_lr_rate * lr``, or at ``lr / num_warmup_steps``. If it is a
    single step, only that has this value.
    """
    end, warmup = _floor(lr, min_lr, min_lr_rate), num_warmup_steps
    if isinstance(warmup, int) and warmup == 0:
        wave = _cosine(0.0, lr, 0, num_training_steps, end, num_cycles, periodic)
        return shift_schedule(wave, -1)
    start = lr / warmup if warmup_lr_rate is None else lr * warmup_lr_rate
    steps = _less(num_training_steps, 1)
    rest = _cosine(start, lr, _less(warmup, 1), steps, end, num_cycles, periodic)
    if isinstance(warmup, int) and warmup == 1 and warmup_lr_rate is not None:
        return join_schedules([constant_schedule(start), rest], [1], clock="absolute")
    return rest


def get_cosine_with_hard_restarts_schedule_with_warmup(
    lr: ArrayLike, num_warmup_steps: ArrayLike, num_training_steps: ArrayLike, num_cycles: int = 1
) -> Schedule:
    """A warm-up from 0 and ``num_cycles`` half cosine waves of equal length, then 0.

    The waves are :func:`jaxlr.cosine_restarts_schedule`.
    """
    length = _less(num_training_steps, num_warmup_steps) / num_cycles
    waves = cosine_restarts_schedule(lr, length, t_mul=1.0, cycles=num_cycles)
    return _after_warmup(lr, num_warmup_steps, waves)


def get_polynomial_decay_schedule_with_warmup(
    lr: ArrayLike,
    num_warmup_steps: ArrayLike,
    num_training_steps: ArrayLike,
    lr_end: ArrayLike = 1e-7,
    power: ArrayLike = 1.0,
) -> Schedule:
    """A warm-up from 0 and a power of the time that remains, down to ``lr_end``.

    The power is :func:`jaxlr.polynomial_schedule`.
    """
    decay = polynomial_schedule(lr, lr_end, power, _less(num_training_steps, num_warmup_steps))
    return _after_warmup(lr, num_warmup_steps, decay)


def get_inverse_sqrt_schedule(
    lr: ArrayLike, num_warmup_steps: ArrayLike, timescale: ArrayLike | None = None
) -> Schedule:
    """A warm-up from 0, then an inverse square root: :func:`jaxlr.warmup_inverse_sqrt_schedule`.

    ``timescale`` is ``num_warmup_steps``, or 10,000 without a warm-up, where it is not given.
    """
    if timescale is None and isinstance(num_warmup_steps, int) and num_warmup_steps == 0:
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


def get_wsd_schedule(
    lr: ArrayLike,
    num_warmup_steps: ArrayLike,
    num_decay_steps: ArrayLike,
    num_training_steps: ArrayLike | None = None,
    num_stable_steps: ArrayLike | None = None,
    warmup_type: Literal["linear", "cosine", "1-sqrt"] = "linear",
    decay_type: Literal["linear", "cosine", "1-sqrt"] = "cosine",
    min_lr_ratio: ArrayLike = 0.0,
    num_cycles: float = 0.5,
) -> Schedule:
    """A warm-up from ``min_lr_ratio * lr``, a constant, and a decay back to it.

    It is :func:`jaxlr.warmup_stable_decay_schedule`. With other ``num_cycles`` than 0.5 a cosine
    decay is :func:`jaxlr.cyclic_schedule`, from whose end it jumps.
    """
    if num_stable_steps is None:
        if num_training_steps is None:
            raise ValueError("`num_training_steps` or `num_stable_steps` must be given.")
        num_stable_steps = _less(num_training_steps, num_warmup_steps, num_decay_steps)
    end, warmup_curve = lr * min_lr_ratio, _WARMUPS[warmup_type]
    phases = num_warmup_steps, num_stable_steps, num_decay_steps
    if decay_type != "cosine" or num_cycles == 0.5:
        return warmup_stable_decay_schedule(
            end, lr, *phases, end, warmup_curve, _DECAYS[decay_type]
        )
    warmup = warmup_stable_decay_schedule(end, lr, num_warmup_steps, 0, 0, lr, warmup_curve)
    waves = cyclic_schedule(lr, end, num_decay_steps / (2 * num_cycles), curve="cosine")
    begin = num_warmup_steps + num_stable_steps
    boundaries = [begin, begin + num_decay_steps]
    return join_schedules([warmup, waves, constant_schedule(end)], boundaries)


_SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": get_constant_schedule,
    "constant_with_warmup": get_constant_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "cosine_warmup_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "cosine_with_min_lr": get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_with_restarts": get_cosine_with_hard_restarts_schedule_with_warmup,
    "inverse_sqrt": get_inverse_sqrt_schedule,
    "linear": get_linear_schedule_with_warmup,
    "polynomial": get_polynomial_decay_schedule_with_warmup,
    "warmup_stable_decay": get_wsd_schedule,
}


def get_scheduler(
    name: str,
    lr: ArrayLike,
    num_warmup_steps: ArrayLike | None = None,
    num_training_steps: ArrayLike | None = None,
    scheduler_specific_kwargs: Mapping[str, Any] | None = None,
) -> Schedule:
    """The schedule of a name, such as ``"cosine"``; the other arguments go to its function.

    A plateau and ``"greedy"`` depend on the loss, so they are no schedules; :func:`GreedyLR` is the
    latter, and :func:`jaxlr.peers.torch.ReduceLROnPlateau` the former.
    """
    if name in ("greedy", "reduce_lr_on_plateau"):
        raise ValueError(
            f"`name` must be that of a schedule, and {name!r} depends on the loss. Take "
            "jaxlr.peers.transformers.GreedyLR or jaxlr.peers.torch.ReduceLROnPlateau."
        )
    if name not in _SCHEDULES:
        raise ValueError(f"`name` must be one of {', '.join(_SCHEDULES)}, got {name!r}.")
    lengths = {
        "num_warmup_steps": num_warmup_steps,
        "num_training_steps": num_training_steps,
    }
    function = _SCHEDULES[name]
    known = inspect.signature(function).parameters
    given = {key: steps for key, steps in lengths.items() if key in known and steps is not None}
    return function(lr, **given, **(scheduler_specific_kwargs or {}))


def GreedyLR(
    lr: Base,
    mode: Literal["min", "max"] = "min",
    factor: ArrayLike = 0.95,
    patience: ArrayLike = 10,
    threshold: ArrayLike = 1e-6,
    threshold_mode: Literal["rel", "abs"] = "abs",
    cooldown: ArrayLike = 0,
    warmup: ArrayLike = 0,
    min_lr: ArrayLike = 1e-3,
    max_lr: ArrayLike = 1.0,
    eps: ArrayLike = 1e-8,
    smooth: bool = False,
    window_size: int = 50,
    reset_start: ArrayLike = 500,
) -> AdaptiveSchedule:
    """Raised while a metric improves, lowered while it does not: :func:`jaxlr.greedy`.

    Unlike in Transformers ``lr`` may be a schedule too, and an infinite metric is no improvement.
    """
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
    start: ArrayLike,
    lr: ArrayLike,
    num_warmup_steps: ArrayLike,
    num_training_steps: ArrayLike,
    end: Any,
    num_cycles: float,
    periodic: bool,
) -> Schedule:
    """A line up to ``lr``, and cosine waves between it and ``end``."""
    if num_cycles == 0.5 and not periodic:
        return warmup_cosine_decay_schedule(start, lr, num_warmup_steps, num_training_steps, end)
    half = _less(num_training_steps, num_warmup_steps) / (2 * num_cycles)
    pieces: list[Schedule] = [
        linear_schedule(start, lr, num_warmup_steps),
        cyclic_schedule(lr, end, half, curve="cosine"),
    ]
    boundaries = [num_warmup_steps]
    if not periodic:
        last = math.cos(math.pi * num_cycles) ** 2
        pieces.append(constant_schedule(lr * last + end * (1.0 - last)))
        boundaries.append(num_training_steps)
    return join_schedules(pieces, boundaries)


def _floor(lr: ArrayLike, value: ArrayLike | None, ratio: ArrayLike | None) -> ArrayLike:
    if value is not None and ratio is None:
        return value
    if ratio is not None and value is None:
        return lr * ratio
    raise ValueError(f"One of `min_lr` and `min_lr_rate` must be given, got {value} and {ratio}.")


def _less(steps: Any, *phases: Any) -> Any:
    for phase in phases:
        steps = steps - phase
    return steps


def _after_warmup(lr: ArrayLike, num_warmup_steps: ArrayLike, decay: Schedule) -> Schedule:
    return join_schedules([linear_schedule(0.0, lr, num_warmup_steps), decay], [num_warmup_steps])
