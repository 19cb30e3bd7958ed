"""Schedules that start over in cycles which may grow and shrink."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core.numbers import on_host
from jaxlr.core.parameters import Cycles, Period, Positive, Steps, Value
from jaxlr.core.schedule import schedule
from jaxlr.exact.cycles import Entry, Table, at_most, by_cycle, cycle_table
from jaxlr.exact.time import Instant, Phase, instant, later, phase, progress_in
from jaxlr.exact.waves import half_cosine


class _Restarts(NamedTuple):
    """The cycles, and the warm-up of each if there is one: only then it is worth its time."""

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
      t_mul: :math:`k`, the ratio of the length of a cycle to the length of the one before. Below
        1, restarts come more and more often, until :math:`T_0 / (1 - k)`. A cycle may begin between
        two counts.
      m_mul: :math:`m`, what is multiplied to ``shrinks`` from cycle to cycle.
      alpha: :math:`\alpha`, the floor of the first cycle as a fraction of its peak.
      cycles: the number of cycles, after which the floor holds; None is for ever.
      warmup_steps: the length of a line from the floor to the peak at the start of every cycle,
        which is part of the cycle; the wave fills the rest of it.
      shrinks: what ``m_mul`` multiplies: ``"range"`` for the height of the peak above the floor,
        ``"peak"`` for the peak while the floor stays, ``"all"`` for both.

    Returns:
      The schedule. It has no end, except that after ``cycles``, or after 256 cycles of different
      lengths, the floor holds.

    Raises:
      ValueError: if ``first_decay_steps`` or ``m_mul`` is not positive, ``cycles`` is no whole
        number from 1 on, ``t_mul`` is not positive, or ``warmup_steps`` is negative.

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
