"""Schedules that restart in cycles."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core.export import exported_tuple
from jaxlr.core.numbers import on_host
from jaxlr.core.parameters import Cycles, Period, Positive, Steps, Value
from jaxlr.core.schedule import schedule
from jaxlr.exact.cycles import Entry, Table, at_most, by_cycle, cycle_table
from jaxlr.exact.time import Instant, Phase, instant, later, phase, progress_in
from jaxlr.exact.waves import half_cosine


@exported_tuple
class _Restarts(NamedTuple):
    """The cycles, and the warm-up of each cycle, or None to skip its computation."""

    table: Table
    warmup: Instant | None


def _restarts(
    *,
    first_decay_steps: ArrayLike,
    t_mul: ArrayLike,
    m_mul: ArrayLike,
    cycles: ArrayLike | None,
    warmup_steps: ArrayLike,
    **_: Any,
) -> _Restarts:
    """Tabulates the cycles."""
    table = cycle_table(first_decay_steps, t_mul, m_mul, cycles, warmup_steps)
    has_warmup = not on_host(warmup_steps) or np.any(np.asarray(warmup_steps) > 0)
    return _Restarts(table, instant(warmup_steps) if has_warmup else None)


@schedule(prepare=_restarts)
def cosine_restarts_schedule(
    count: jax.Array,
    restarts: _Restarts,
    init_value: Value,
    first_decay_steps: Period,
    t_mul: Positive = 2.0,
    m_mul: Positive = 1.0,
    alpha: Value = 0.0,
    cycles: Cycles | None = None,
    warmup_steps: Steps = 0,
    shrinks: Literal["range", "peak", "all"] = "range",
) -> ArrayLike:
    r"""A schedule that restarts a cosine decay in cycles, which may grow longer and lower.

    Cycle :math:`i` has :math:`T_i = T_0 k^i` steps. At a fraction :math:`p` of it the value is

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
      t_mul: :math:`k`, the ratio of the length of a cycle to the length of the one before. Below
        1, restarts become more and more frequent, up to count :math:`T_0 / (1 - k)`. A cycle may
        begin between two counts.
      m_mul: :math:`m`, the factor between consecutive cycles, applied as ``shrinks`` says.
      alpha: :math:`\alpha`, the floor of the first cycle as a fraction of its peak.
      cycles: the number of cycles, after which the floor holds; None for no limit.
      warmup_steps: the length of a linear warm-up from the floor to the peak at the start of every
        cycle. It is part of the cycle; the cosine fills the rest.
      shrinks: what ``m_mul`` multiplies: ``"range"`` for the height of the peak above the floor,
        ``"peak"`` for the peak alone, ``"all"`` for both peak and floor.

    Returns:
      The schedule. It has no end unless ``cycles`` is given; but after 256 cycles of different
      lengths the floor holds.

    Raises:
      ValueError: if ``first_decay_steps``, ``t_mul`` or ``m_mul`` is not positive, ``cycles`` is
        not a positive whole number, or ``warmup_steps`` is negative.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_restarts_schedule(1.0, first_decay_steps=2, m_mul=0.5, cycles=2)
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [1.    0.5   0.5   0.427 0.25  0.073 0.    0.   ]

    References:
      Loshchilov and Hutter, `SGDR: Stochastic Gradient Descent with Warm Restarts
      <https://arxiv.org/abs/1608.03983>`_, 2017. ``CosineDecayRestarts`` in Keras has the
      same names and defaults. For ``CosineAnnealingWarmRestarts(T_0, T_mult, eta_min)`` in PyTorch
      use ``t_mul=T_mult, alpha=eta_min / init_value``. For ``cycle_mul``, ``cycle_decay`` and
      ``cycle_limit`` of ``CosineLRScheduler`` in timm use ``t_mul``, ``m_mul`` and ``cycles`` with
      ``shrinks="peak"``. For ``cosine`` with ``lr_shrink`` in fairseq use ``shrinks="all"``. For
      ``cosine_with_restarts`` in transformers use ``t_mul=1`` and divide the length by ``cycles``.
    """

    def value(count: jax.Array, entry: Entry) -> ArrayLike:
        number, begin, end = entry.cycle
        top = begin if restarts.warmup is None else later(begin, restarts.warmup)
        wave = half_cosine(progress_in(count, Phase(top, end, entry.unit)).remaining)
        if restarts.warmup is not None:
            rise = progress_in(count, phase(begin, top))
            wave = jnp.where(rise.remaining > 0.0, rise.elapsed, wave)
        if cycles is not None:
            wave = jnp.where(at_most(number, cycles)[1], 0.0, wave)
        shrink = entry.power
        if shrinks == "range":
            share = shrink * wave
            mean = share + alpha * (1.0 - share)
        elif shrinks == "peak":
            mean = shrink * wave + alpha * (1.0 - wave)
        else:
            mean = shrink * (wave + alpha * (1.0 - wave))
        return init_value * mean

    return by_cycle(value, count, restarts.table, cycles)
