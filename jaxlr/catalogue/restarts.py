"""Schedules that start over in cycles which may grow and shrink."""

from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr._numerics import (
    Double,
    Instant,
    as_float,
    as_steps,
    double,
    exponential,
    half_cosine,
    instant,
    interval,
    largest,
    log,
    on_host,
    progress_between,
    whole_periods,
)
from jaxlr._parameters import Number, Period, Positive, Steps, Value
from jaxlr.schedule import Schedule, schedule

__all__ = ["cosine_restarts_schedule"]

_CYCLES = 256
"""How many cycles of growing length there may be; with the factor 1.1 they last 2**31 steps."""

_Growth = Annotated[ArrayLike, Number("Give 1 or a larger number, such as 2.", least=1.0)]


@schedule
def cosine_restarts_schedule(
    init_value: Value,
    first_decay_steps: Period,
    t_mul: _Growth = 2.0,
    m_mul: Positive = 1.0,
    alpha: Value = 0.0,
    cycles: Period | None = None,
    warmup_steps: Steps = 0,
    shrinks: Literal["range", "peak", "all"] = "range",
) -> Schedule:
    r"""Half cosine waves again and again, each cycle longer and lower than the one before.

    Cycle number :math:`i` is :math:`T_i = T_0 k^i` steps long. At a fraction :math:`p` of it the
    value is

    .. math::
      F_i + (M_i - F_i) \frac{1 + \cos \pi p}{2}

    where the floor and the peak are

    .. math::
      F_i = \alpha I, \quad M_i = \alpha I + (1 - \alpha) I m^i \quad \text{(range)}, \qquad
      F_i = \alpha I, \quad M_i = I m^i \quad \text{(peak)}, \qquad
      F_i = \alpha I m^i, \quad M_i = I m^i \quad \text{(all)}

    Args:
      init_value: :math:`I`, the peak of the first cycle.
      first_decay_steps: :math:`T_0`, the length of the first cycle.
      t_mul: :math:`k`, the ratio of the length of a cycle to that of the one before. A cycle may
        begin between two counts.
      m_mul: :math:`m`, what is multiplied to ``shrinks`` from cycle to cycle.
      alpha: :math:`\alpha`, the floor of the first cycle as a fraction of its peak.
      cycles: the number of cycles, after which the floor holds; None is for ever.
      warmup_steps: the length of a line from the floor to the peak at the start of every cycle,
        which is part of the cycle; the wave fills the rest of it.
      shrinks: what ``m_mul`` multiplies: ``"range"`` for the height of the peak above the floor,
        ``"peak"`` for the peak while the floor stays, ``"all"`` for both.

    Returns:
      The schedule. It has no end, except that after ``cycles``, or after 256 cycles that grow, the
      floor holds.

    Raises:
      ValueError: if ``first_decay_steps``, ``m_mul`` or ``cycles`` is not positive, ``t_mul`` is
        below 1, or ``warmup_steps`` is negative.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_restarts_schedule(1.0, first_decay_steps=2, m_mul=0.5, cycles=2)
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [1.    0.5   0.5   0.427 0.25  0.073 0.    0.   ]

    References:
      Loshchilov and Hutter, `SGDR: Stochastic Gradient Descent with Warm Restarts
      <https://arxiv.org/abs/1608.03983>`_, 2017. The names and defaults are those of
      ``CosineDecayRestarts`` of Keras. ``CosineAnnealingWarmRestarts(T_0, T_mult, eta_min)`` of
      PyTorch is ``t_mul=T_mult, alpha=eta_min / init_value``. ``CosineLRScheduler`` of timm with
      ``cycle_mul``, ``cycle_decay`` and ``cycle_limit`` is
      ``t_mul, m_mul, cycles, shrinks="peak"``; fairseq's ``cosine`` with ``lr_shrink`` is
      ``shrinks="all"``; ``cosine_with_restarts`` of transformers has ``t_mul=1`` and the length
      divided by ``cycles``.
    """
    starts, lengths = _table(first_decay_steps, t_mul)
    rate = double(log(m_mul))
    return _restarts(
        init_value,
        first_decay_steps,
        t_mul,
        rate,
        alpha,
        warmup_steps,
        shrinks,
        (*starts, *lengths),
        cycles,
    )


def _table(first: Any, growth: Any) -> tuple[Instant, Instant]:
    """When each cycle begins and how long it is; exact if all are whole steps."""
    if on_host(first, growth):
        with np.errstate(over="ignore"):
            powers = np.power(np.float64(growth), np.arange(_CYCLES))
            lengths = np.minimum(np.float64(first) * powers, 2.0**60)
        return instant(np.append(0.0, np.cumsum(lengths[:-1]))), instant(lengths)
    factors = jnp.full(_CYCLES, as_float(growth)).at[0].set(as_float(first))
    lengths = lax.associative_scan(lambda x, y: jnp.minimum(x * y, 2.0**60), factors)
    # Whole steps and parts are added up apart, so that no sum needs more digits than there are.
    whole = jnp.floor(lax.stop_gradient(lengths))
    rest = instant(jnp.cumsum(lengths - whole))
    far = 2.0**31 - 128.0  # The last float32 that an int32 can hold.
    sums = jnp.cumsum(jnp.minimum(whole, far).astype(rest.whole.dtype)) + rest.whole
    late = jnp.cumsum(whole) >= far
    ends = jnp.where(late, largest(sums.dtype), sums), jnp.where(late, 0.0, rest.part)
    starts = (jnp.append(jnp.zeros_like(end[:1]), end[:-1]) for end in ends)
    return Instant(*starts), instant(lengths)


@schedule
def _restarts(
    count: jax.Array,
    init_value: Value,
    first: Period,
    growth: Value,
    rate: Double,
    alpha: Value,
    warmup_steps: Steps,
    shrinks: str,
    table: Any,
    cycles: Period | None = None,
) -> jax.Array:
    """The expanded form: finds the cycle, and evaluates it at its own count."""
    starts, shifts, lengths, parts = map(jnp.asarray, table)
    count, first = as_steps(count, first)
    even = as_float(growth) == 1.0  # Then there may be any number of cycles.
    repeats = jnp.where(even, whole_periods(count, first), jnp.zeros_like(count))
    own, starts = as_steps(count - repeats * first, starts)

    # A start that no integer can hold is stored as the largest, and never comes.
    current = interval(starts, jnp.minimum(own, largest(own.dtype) - 1)) - 1
    early = as_float(own - starts[current]) < as_float(shifts[current])
    current = jnp.maximum(current - early.astype(current.dtype), 0)

    own, length = as_steps(own - starts[current], lengths[current])
    shift = as_float(shifts[current])
    warm = jnp.broadcast_to(jnp.asarray(warmup_steps), length.shape)
    begin, top = Instant(jnp.zeros_like(length), shift), Instant(warm, shift)
    rise = progress_between(own, begin, top)
    fall = progress_between(own, top, Instant(length, shift + as_float(parts[current])))
    wave = jnp.where(rise.remaining > 0.0, rise.elapsed, half_cosine(fall.remaining))

    cycle = repeats + current.astype(repeats.dtype)
    if cycles is not None:
        cycle, cycles = as_steps(cycle, cycles)
        wave = jnp.where(cycle < cycles, wave, 0.0)
        cycle = jnp.minimum(cycle, cycles - 1)
    shrink, floor = exponential(cycle, rate), as_float(alpha)
    if shrinks == "range":
        share = shrink * wave
        mean = share + floor * (1.0 - share)
    elif shrinks == "peak":
        mean = shrink * wave + floor * (1.0 - wave)
    else:
        mean = shrink * (wave + floor * (1.0 - wave))
    return as_float(init_value) * mean
