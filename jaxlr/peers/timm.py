"""The schedulers of ``timm.scheduler``, as in timm 1.0.31.

``lr`` stands for the optimizer. A step is what timm counts, an epoch or an update.

A warm-up is a line from ``warmup_lr_init`` over the first ``warmup_t`` steps. With
``warmup_prefix=True`` the rest begins after it. Without, it takes the place of the first steps of
the rest, so that the rate jumps at its end. There is no noise: see :func:`jaxlr.with_noise`.

>>> from jaxlr.peers import timm
>>> timm.MultiStepLRScheduler(0.1, decay_t=[30, 60], decay_rate=0.1)
multistep_decay(init_value=0.1, milestones=[29, 59], decay_rate=0.1)
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr import curves
from jaxlr.compose import clip_schedule, join_schedules, with_warmup
from jaxlr.core.numbers import on_host
from jaxlr.core.schedule import Schedule
from jaxlr.curves import Curve, Progress
from jaxlr.schedules import (
    constant_schedule,
    inverse_power_decay_schedule,
    linear_schedule,
    multistep_decay,
    step_decay,
    transition_schedule,
    warmup_stable_decay_schedule,
)

__all__ = [
    "CosineLRScheduler",
    "MultiStepLRScheduler",
    "PolyLRScheduler",
    "StepLRScheduler",
    "TanhLRScheduler",
    "WSDLRScheduler",
]


def StepLRScheduler(
    lr: ArrayLike,
    decay_t: ArrayLike,
    decay_rate: ArrayLike = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: ArrayLike = 0.0,
    warmup_prefix: bool = True,
) -> Schedule:
    """Multiplication by a rate at every ``decay_t``-th step: :func:`jaxlr.step_decay`."""
    decay = step_decay(lr, decay_t, decay_rate)
    return _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, decay)


def MultiStepLRScheduler(
    lr: ArrayLike,
    decay_t: Sequence[int],
    decay_rate: ArrayLike = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: ArrayLike = 0.0,
    warmup_prefix: bool = True,
) -> Schedule:
    """Multiplication by a rate one step *before* each in ``decay_t``, as timm does it.

    It is :func:`jaxlr.multistep_decay` at these counts less 1.
    """
    decay = multistep_decay(lr, [max(step - 1, 0) for step in decay_t], decay_rate)
    return _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, decay)


def CosineLRScheduler(
    lr: ArrayLike,
    t_initial: ArrayLike,
    lr_min: ArrayLike = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: ArrayLike = 0.0,
    warmup_prefix: bool = False,
    k_decay: ArrayLike = 1.0,
) -> Schedule:
    """Half cosine waves down to ``lr_min``, which holds after ``cycle_limit`` of them.

    Each is :func:`jaxlr.transition_schedule`, ``cycle_mul`` times as long as the one before, and
    begins at ``cycle_decay`` times its peak. timm finds the cycle by a logarithm, which is rounded:
    at its first step a cycle may still have the last value of the one before.
    """
    decay = _falls_to(lr_min, _late("cosine", k_decay))
    cycles = _cycles(decay, lr, t_initial, cycle_mul, cycle_decay, cycle_limit)
    return _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, cycles)


def PolyLRScheduler(
    lr: ArrayLike,
    t_initial: ArrayLike,
    power: ArrayLike = 0.5,
    lr_min: ArrayLike = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: ArrayLike = 0.0,
    warmup_prefix: bool = False,
    k_decay: ArrayLike = 1.0,
) -> Schedule:
    """Powers of the time that remains, in cycles as those of :func:`CosineLRScheduler`."""
    decay = _falls_to(lr_min, _late(curves.polynomial(power), k_decay))
    cycles = _cycles(decay, lr, t_initial, cycle_mul, cycle_decay, cycle_limit)
    return _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, cycles)


def TanhLRScheduler(
    lr: ArrayLike,
    t_initial: ArrayLike,
    lb: ArrayLike = -7.0,
    ub: ArrayLike = 3.0,
    lr_min: ArrayLike = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: ArrayLike = 0.0,
    warmup_prefix: bool = False,
) -> Schedule:
    """Parts of a hyperbolic tangent, in cycles as those of :func:`CosineLRScheduler`.

    A part begins a little below ``lr`` and ends a little above ``lr_min``, as the formula does.
    With ``warmup_prefix=False`` the warm-up leads to where the tangent is at its end.
    """
    curve = curves.tanh(lb, ub)

    def decay(peak: Any, steps: ArrayLike) -> Schedule:
        first, last = (lr_min + (peak - lr_min) * _left(bound) for bound in (lb, ub))
        return transition_schedule(first, last, steps, curve)

    end = constant_schedule(lr_min)
    cycles = _cycles(decay, lr, t_initial, cycle_mul, cycle_decay, cycle_limit, end)
    if warmup_t and not warmup_prefix:
        return with_warmup(cycles, warmup_t, warmup_lr_init, mode="overlay")
    return _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, cycles)


def _left(bound: ArrayLike) -> ArrayLike:
    """``(1 - tanh(bound)) / 2``."""
    exp: Any = np.exp if on_host(bound) else jnp.exp
    return 1.0 / (1.0 + exp(2.0 * bound))


def WSDLRScheduler(
    lr: ArrayLike,
    t_initial: ArrayLike,
    decay_t: ArrayLike,
    lr_min: ArrayLike = 0.0,
    stable_fn: Literal["constant", "rsqrt", "power"] = "constant",
    stable_timescale: ArrayLike | None = None,
    stable_power: ArrayLike = 0.5,
    decay_fn: Callable[[Any], Any] | str = "1-sqrt",
    decay_power: ArrayLike = 0.5,
    decay_ratio: ArrayLike = 0.1,
    warmup_t: int = 0,
    warmup_lr_init: ArrayLike = 0.0,
) -> Schedule:
    """A warm-up, a constant, and a cooldown: :func:`jaxlr.warmup_stable_decay_schedule`.

    ``t_initial`` leaves the warm-up out. ``decay_fn`` is ``"1-sqrt"``, ``"linear"``, ``"cosine"``,
    ``"power"``, ``"exp"``, or a function that falls from 1 to 0 and works on traced numbers.
    Another ``stable_fn`` is :func:`jaxlr.inverse_power_decay_schedule` over the whole length, times
    the cooldown.
    """
    named: dict[str, Curve | str] = {
        "1-sqrt": "one_minus_sqrt",
        "linear": "linear",
        "cosine": "cosine",
        "power": curves.one_minus_power(decay_power),
        "exp": curves.normalized_exponential(decay_ratio),
    }
    if not callable(decay_fn) and decay_fn not in named:
        raise ValueError(
            f"`decay_fn` must be a function or one of {', '.join(named)}, got {decay_fn!r}."
        )
    curve = _share(decay_fn) if callable(decay_fn) else named[decay_fn]
    length: Any = t_initial
    begin = length - decay_t
    if stable_fn == "constant":
        return warmup_stable_decay_schedule(
            warmup_lr_init, lr, warmup_t, begin, decay_t, lr_min, decay_curve=curve
        )
    timescale = warmup_t if stable_timescale is None else stable_timescale
    power = 0.5 if stable_fn == "rsqrt" else stable_power
    stable = clip_schedule(inverse_power_decay_schedule(lr, timescale, power), lr_min)
    cooldown = transition_schedule(1.0, 0.0, decay_t, curve, begin)
    rest = (stable - lr_min) * cooldown + lr_min
    return _after_warmup(lr, warmup_t, warmup_lr_init, True, rest)


@curves.curve
def _share(
    fraction: Progress, start: ArrayLike, end: ArrayLike, function: Callable[[Any], Any]
) -> Any:
    """A curve whose share of the start is a function of the part that is over."""
    share = function(fraction.elapsed)
    return end * (1.0 - share) + start * share


def _falls_to(end: ArrayLike, curve: Curve | str) -> Callable[[ArrayLike, ArrayLike], Schedule]:
    return lambda peak, steps: transition_schedule(peak, end, steps, curve)


def _late(curve: Curve | str, k: ArrayLike) -> Curve | str:
    return curve if isinstance(k, int | float) and k == 1.0 else curves.k_decay(k, curve)


def _cycles(
    decay: Callable[[ArrayLike, ArrayLike], Schedule],
    lr: ArrayLike,
    steps: ArrayLike,
    cycle_mul: float,
    cycle_decay: float,
    cycle_limit: int,
    end: Schedule | None = None,
) -> Schedule:
    """Decays one after another, and ``end`` after them, or the last one holds its last value."""
    lengths = [steps * cycle_mul**i for i in range(cycle_limit)]
    pieces = [decay(lr * cycle_decay**i, length) for i, length in enumerate(lengths)]
    if end is not None:
        pieces.append(end)
    starts = list(itertools.accumulate(lengths))[: len(pieces) - 1]
    return join_schedules(pieces, starts) if starts else pieces[0]


def _after_warmup(
    lr: ArrayLike, warmup_t: int, warmup_lr_init: ArrayLike, warmup_prefix: bool, rest: Schedule
) -> Schedule:
    if not warmup_t:
        return rest
    return join_schedules(
        [linear_schedule(warmup_lr_init, lr, warmup_t), rest],
        [warmup_t],
        clock="relative" if warmup_prefix else "absolute",
    )
