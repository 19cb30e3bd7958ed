"""The schedulers of ``timm.scheduler``, as in timm 1.0.31.

``lr`` stands for the optimizer. A step is what timm counts, an epoch or an update.

A warm-up is a line from ``warmup_lr_init`` over the first ``warmup_t`` steps. With
``warmup_prefix=True`` the rest begins after it. Without, it takes the place of the first steps of
the rest, so that the rate jumps at its end.

With ``noise_range_t``, a step or the first step and the one after the last, there is noise:
:func:`jaxlr.with_noise`, whose random numbers differ from timm's.

>>> from jaxlr.peers import timm
>>> timm.MultiStepLRScheduler(0.1, decay_t=[30, 60], decay_rate=0.1)
multistep_decay(init_value=0.1, milestones=[29, 59], decay_rate=0.1)
"""

import itertools
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr import curves
from jaxlr.compose import clip_schedule, join_schedules, with_noise, with_warmup
from jaxlr.core.numbers import on_host
from jaxlr.core.parameters import Fraction, Kind, NonNegative, Positive, Steps, Value, Whole
from jaxlr.core.schedule import Schedule
from jaxlr.curves import Curve, Progress
from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.peers import torch
from jaxlr.peers.arguments import (
    Count,
    Lengths,
    Metrics,
    Period,
    Rate,
    at_least,
    constructor,
    is_zero,
    whole,
)
from jaxlr.schedules import (
    inverse_power_decay_schedule,
    linear_schedule,
    multistep_decay,
    piecewise_curve_schedule,
    step_decay,
    transition_schedule,
    warmup_constant_schedule,
    warmup_stable_decay_schedule,
)

__all__ = [
    "CosineLRScheduler",
    "MultiStepLRScheduler",
    "PlateauLRScheduler",
    "PolyLRScheduler",
    "StepLRScheduler",
    "TanhLRScheduler",
    "WSDLRScheduler",
]


class _Range(Kind):
    """The first step with noise, or a pair of it and the first step without it again."""

    def store(self, where: str, value: Any) -> Any:
        pair = value if isinstance(value, list) else [value, None]
        if len(pair) != 2 or any(isinstance(step, str | bool) for step in pair):
            raise ValueError(f"{where} must be a step or a pair of steps, got {value!r}.")
        return tuple(pair)


NoiseRange = Annotated[int | Sequence[int] | None, _Range()]
Seed = Annotated[int, Whole("Seed", "Give an integer.", least=0.0)]


@constructor
def StepLRScheduler(
    lr: Rate,
    decay_t: Period,
    decay_rate: NonNegative = 1.0,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = True,
    *,
    noise_range_t: NoiseRange = None,
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed = 42,
) -> Schedule:
    """Multiplication by a rate at every ``decay_t``-th step: :func:`jaxlr.step_decay`."""
    decay = step_decay(lr, decay_t, decay_rate)
    schedule = _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, decay)
    return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)


@constructor
def MultiStepLRScheduler(
    lr: Rate,
    decay_t: Lengths,
    decay_rate: NonNegative = 1.0,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = True,
    *,
    noise_range_t: NoiseRange = None,
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed = 42,
) -> Schedule:
    """Multiplication by a rate one step *before* each in ``decay_t``, as timm does it.

    It is :func:`jaxlr.multistep_decay` at these counts less 1.
    """
    decay = multistep_decay(lr, [at_least(step - 1, 0) for step in decay_t], decay_rate)
    schedule = _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, decay)
    return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)


@constructor
def CosineLRScheduler(
    lr: Rate,
    t_initial: Period,
    lr_min: Rate = 0.0,
    cycle_mul: Positive = 1.0,
    cycle_decay: NonNegative = 1.0,
    cycle_limit: Count = 1,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = False,
    k_decay: Positive = 1.0,
    *,
    noise_range_t: NoiseRange = None,
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed = 42,
) -> Schedule:
    """Half cosine waves down to ``lr_min``, which holds after ``cycle_limit`` of them.

    A single one is :func:`jaxlr.transition_schedule`, several are
    :func:`jaxlr.piecewise_curve_schedule`. Each is ``cycle_mul`` times as long as the one before,
    and begins at ``cycle_decay`` times its peak. timm finds the cycle by a logarithm, which is
    rounded: at its first step a cycle may still have the last value of the one before.
    """
    peaks = _peaks(lr, cycle_decay, cycle_limit)
    values = [(peak, lr_min) for peak in peaks]
    cycles = _cycles(values, t_initial, cycle_mul, _late("cosine", k_decay))
    schedule = _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, cycles)
    return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)


@constructor
def PolyLRScheduler(
    lr: Rate,
    t_initial: Period,
    power: Positive = 0.5,
    lr_min: Rate = 0.0,
    cycle_mul: Positive = 1.0,
    cycle_decay: NonNegative = 1.0,
    cycle_limit: Count = 1,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = False,
    k_decay: Positive = 1.0,
    *,
    noise_range_t: NoiseRange = None,
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed = 42,
) -> Schedule:
    """Powers of the time that remains, in cycles like those of :func:`CosineLRScheduler`."""
    peaks = _peaks(lr, cycle_decay, cycle_limit)
    values = [(peak, lr_min) for peak in peaks]
    cycles = _cycles(values, t_initial, cycle_mul, _late(curves.polynomial(power), k_decay))
    schedule = _after_warmup(lr, warmup_t, warmup_lr_init, warmup_prefix, cycles)
    return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)


@constructor
def TanhLRScheduler(
    lr: Rate,
    t_initial: Period,
    lb: Value = -7.0,
    ub: Value = 3.0,
    lr_min: Rate = 0.0,
    cycle_mul: Positive = 1.0,
    cycle_decay: NonNegative = 1.0,
    cycle_limit: Count = 1,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    warmup_prefix: bool = False,
    *,
    noise_range_t: NoiseRange = None,
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed = 42,
) -> Schedule:
    """Parts of a hyperbolic tangent, in cycles like those of :func:`CosineLRScheduler`.

    A part begins a little below ``lr`` and ends a little above ``lr_min``, as the formula does.
    With ``warmup_prefix=False`` the warm-up leads to where the tangent is at its end.
    """
    peaks = _peaks(lr, cycle_decay, cycle_limit)
    first, last = _left(lb), _left(ub)
    values = [(lr_min + (peak - lr_min) * first, lr_min + (peak - lr_min) * last) for peak in peaks]
    schedule = _cycles(values, t_initial, cycle_mul, curves.tanh(lb, ub), [lr_min])
    if warmup_prefix:
        schedule = _after_warmup(lr, warmup_t, warmup_lr_init, True, schedule)
    elif not is_zero(warmup_t):
        schedule = with_warmup(schedule, warmup_t, warmup_lr_init, mode="overlay")
    return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)


def _left(bound: ArrayLike) -> ArrayLike:
    """``(1 - tanh(bound)) / 2``."""
    exp: Any = np.exp if on_host(bound) else jnp.exp
    return 1.0 / (1.0 + exp(2.0 * bound))


@constructor
def WSDLRScheduler(
    lr: Rate,
    t_initial: Period,
    decay_t: Period,
    lr_min: Rate = 0.0,
    stable_fn: Literal["constant", "rsqrt", "power"] = "constant",
    stable_timescale: Period | None = None,
    stable_power: Positive = 0.5,
    decay_fn: Callable[[Any], Any] | str = "1-sqrt",
    decay_power: Positive = 0.5,
    decay_ratio: Positive = 0.1,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    *,
    noise_range_t: NoiseRange = None,
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed = 42,
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
    if on_host(begin) and np.any(np.less(begin, 0)):
        raise ValueError(f"`decay_t` must be at most `t_initial`, got {decay_t} and {t_initial}.")
    if stable_fn == "constant":
        schedule = warmup_stable_decay_schedule(
            warmup_lr_init, lr, warmup_t, begin, decay_t, lr_min, decay_curve=curve
        )
        return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)
    timescale = warmup_t if stable_timescale is None else stable_timescale
    if is_zero(timescale):
        raise ValueError(f"`stable_timescale` must be given for {stable_fn!r} without a warm-up.")
    power = 0.5 if stable_fn == "rsqrt" else stable_power
    stable = clip_schedule(inverse_power_decay_schedule(lr, timescale, power), lr_min)
    cooldown = transition_schedule(1.0, 0.0, decay_t, curve, begin)
    rest = (stable - lr_min) * cooldown + lr_min
    schedule = _after_warmup(lr, warmup_t, warmup_lr_init, True, rest)
    return _noisy(schedule, noise_range_t, noise_pct, noise_std, noise_seed)


@constructor(within={"min_value": "lr_min"})
def PlateauLRScheduler(
    lr: Rate,
    decay_rate: Fraction = 0.1,
    patience_t: Metrics = 10,
    threshold: NonNegative = 1e-4,
    cooldown_t: Metrics = 0,
    warmup_t: Steps = 0,
    warmup_lr_init: Rate = 0.0,
    lr_min: Rate = 0.0,
    mode: Literal["min", "max"] = "max",
    noise_range_t: NoiseRange = None,
    noise_type: Literal["normal", "uniform"] = "normal",
    noise_pct: Positive = 0.67,
    noise_std: Positive = 1.0,
    noise_seed: Seed | None = None,
) -> AdaptiveSchedule:
    """A warm-up, then a factor for each time that a metric has stalled.

    It is :func:`jaxlr.peers.torch.ReduceLROnPlateau` of :func:`jaxlr.warmup_constant_schedule`. It
    listens from step ``warmup_t + 1`` on. Noise begins there too, and ``lr_min`` is a bound of the
    rate with it.
    """
    base = warmup_constant_schedule(warmup_lr_init, lr, warmup_t)
    begin: Any = 0 if is_zero(warmup_t) else warmup_t + 1
    if noise_range_t is not None:
        first, end = typing.cast(tuple[Any, Any], noise_range_t)
        pair = (at_least(first, warmup_t + 1), end)
        seed = 42 if noise_seed is None else noise_seed
        base = _noisy(base, pair, noise_pct, noise_std, seed, noise_type)
    plateau = torch.ReduceLROnPlateau(
        base, mode, decay_rate, patience_t, threshold, cooldown=cooldown_t, min_lr=lr_min
    )
    return plateau.replace(begin=begin)


@curves.curve
def _share(
    fraction: Progress, start: ArrayLike, end: ArrayLike, function: Callable[[Any], Any]
) -> Any:
    """A curve whose share of the start is a function of the part that is over."""
    share = function(fraction.elapsed)
    return end * (1.0 - share) + start * share


def _late(curve: Curve | str, k: ArrayLike) -> Curve | str:
    return curve if on_host(k) and k == 1.0 else curves.k_decay(k, curve)


def _peaks(lr: Any, cycle_decay: Any, cycle_limit: int) -> list[Any]:
    return [lr * cycle_decay**i for i in range(cycle_limit)]


def _cycles(
    values: Sequence[tuple[Any, Any]],
    length: Any,
    growth: Any,
    curve: Curve | str,
    rest: Sequence[Any] = (),
) -> Schedule:
    """A curve between each pair of values, each longer than the one before, and a last value."""
    if len(values) == 1 and not rest:
        return transition_schedule(*values[0], length, curve)
    lengths = [whole(length * growth**i) for i in range(len(values))]
    ends = [whole(end) for end in itertools.accumulate(lengths)]
    # Each end is the begin of the next cycle, where the value jumps.
    knots = [0, *(end for end in ends for _ in range(2))][: 2 * len(values) + len(rest)]
    return piecewise_curve_schedule(knots, [*itertools.chain(*values), *rest], curve)


def _after_warmup(
    lr: Any, warmup_t: Any, warmup_lr_init: Any, warmup_prefix: bool, rest: Schedule
) -> Schedule:
    if is_zero(warmup_t):
        return rest
    return join_schedules(
        [linear_schedule(warmup_lr_init, lr, warmup_t), rest],
        [warmup_t],
        clock="relative" if warmup_prefix else "absolute",
    )


def _noisy(
    schedule: Schedule,
    steps: Any,
    noise_pct: Any,
    noise_std: Any,
    noise_seed: Any,
    noise_type: Literal["normal", "uniform"] = "normal",
) -> Schedule:
    if steps is None:
        return schedule
    return with_noise(schedule, noise_pct, noise_seed, noise_type, noise_std, *steps)
