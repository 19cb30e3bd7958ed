"""Operators on the count: shift, stretch and repeat a schedule, or count in epochs."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxlr.compose.wrapping import AnySchedule
from jaxlr.core.numbers import as_float, as_steps, largest
from jaxlr.core.parameters import Cycles, Number, Period, Positive
from jaxlr.core.schedule import schedule
from jaxlr.exact.cycles import Entry, Table, at_most, by_cycle, cycle_table
from jaxlr.exact.doubles import Double, double, exponential, log
from jaxlr.exact.time import Phase, inverse, progress_in, whole_periods

_Shift = Annotated[ArrayLike, Number("Steps", "Give a number of steps.", counted=True)]


@schedule
def shift_schedule(count: jax.Array, schedule: AnySchedule, shift: _Shift) -> ArrayLike:
    r"""A schedule that runs another one later or earlier.

    .. math::
      s(\max(t - S, 0))

    Args:
      schedule: the schedule to shift.
      shift: :math:`S`, the number of steps to delay it by; until then its first value holds. A
        negative shift skips its first steps, as when resuming at that step.

    Returns:
      The schedule.

    >>> import jax.numpy as jnp, jaxlr
    >>> decay = jaxlr.linear_schedule(1.0, 0.0, 4)
    >>> jaxlr.shift_schedule(decay, 2)(jnp.arange(4))
    Array([1.  , 1.  , 1.  , 0.75], dtype=float32)
    >>> jaxlr.shift_schedule(decay, -2)(jnp.arange(4))
    Array([0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """
    step, shift = as_steps(count, shift)
    return schedule(step - jnp.clip(shift, step - largest(step.dtype), step))


@schedule
def stretch_schedule(count: jax.Array, schedule: AnySchedule, factor: Period) -> ArrayLike:
    r"""A schedule that runs another one slower or faster.

    .. math::
      s(t / F)

    The stretched schedule receives fractional counts as floats, which lose precision for large
    counts. For a long schedule, scale its lengths instead. If the factor is whole, the counts at
    its multiples are exactly whole.

    Args:
      schedule: the schedule to stretch.
      factor: :math:`F`, the factor by which it takes longer; below 1 it gets shorter.

    Returns:
      The schedule.

    Raises:
      ValueError: if ``factor`` is not positive.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.stretch_schedule(jaxlr.linear_schedule(1.0, 0.0, 2), 2)(jnp.arange(5))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  ], dtype=float32)

    References:
      Composer's ``scale_schedule_ratio``.
    """
    return schedule(_quotient(count, factor))


@schedule
def per_epoch(
    count: jax.Array,
    schedule: AnySchedule,
    steps_per_epoch: Period,
    continuous: bool = False,
) -> ArrayLike:
    r"""A schedule that evaluates another one by epoch instead of by step.

    .. math::
      s(\lfloor t / N \rfloor) \qquad \text{or, continuous,} \qquad s(t / N)

    Args:
      schedule: a schedule or a function of the epoch, with lengths in epochs.
      steps_per_epoch: :math:`N`. It need not be whole, for example if batches span epochs.
      continuous: whether the value also changes within an epoch, using a fractional epoch.

    Returns:
      The schedule.

    Raises:
      ValueError: if ``steps_per_epoch`` is not positive.

    >>> import jax.numpy as jnp, jaxlr
    >>> every_30_epochs = jaxlr.per_epoch(jaxlr.step_decay(0.1, 30), steps_per_epoch=100)
    >>> every_30_epochs(jnp.array([0, 2999, 3000, 6000]))
    Array([0.1  , 0.1  , 0.01 , 0.001], dtype=float32)
    >>> jaxlr.per_epoch(lambda epoch: 0.5 ** epoch, 4)(jnp.array([0, 3, 4, 8]))
    Array([1.  , 1.  , 0.5 , 0.25], dtype=float32)

    References:
      Keras's ``LearningRateScheduler`` does this with a function of the epoch, as does a PyTorch
      scheduler whose ``step`` is called once per epoch. For a function that JAX cannot trace, such
      as one that uses ``if`` or ``math``, see :func:`jaxlr.tabulate`.
    """
    return schedule(
        _quotient(count, steps_per_epoch) if continuous else whole_periods(count, steps_per_epoch)
    )


def _quotient(count: jax.Array, divisor: ArrayLike) -> jax.Array:
    """Returns ``count / divisor``, exactly whole at every multiple of the divisor."""
    whole = whole_periods(count, divisor)
    step, length, number = as_steps(count, divisor, whole)
    return as_float(whole) + as_float(step - number * length) * inverse(divisor)


def _cycles(
    *,
    period: ArrayLike,
    t_mul: ArrayLike | None,
    m_mul: ArrayLike,
    cycles: ArrayLike | None,
    **_: Any,
) -> Table | Double:
    """Returns a table of the cycles if they change in length, else the logarithm of ``m_mul``."""
    if t_mul is None:
        return double(log(m_mul))
    return cycle_table(period, t_mul, m_mul, cycles)


@schedule(prepare=_cycles)
def repeat_schedule(
    count: jax.Array,
    rate_or_table: Table | Double,
    schedule: AnySchedule,
    period: Period,
    t_mul: Positive | None = None,
    m_mul: Positive = 1.0,
    cycles: Cycles | None = None,
) -> ArrayLike:
    r"""A schedule that repeats another one in cycles, which may grow and be scaled.

    Cycle :math:`i` has :math:`T_i = T_0 k^i` steps. At a fraction :math:`p` of it the value is

    .. math::
      m^i s(p \, T_0)

    Args:
      schedule: the schedule of one cycle.
      period: :math:`T_0`, the length of the first cycle. Any part of the schedule after that is
        unused.
      t_mul: :math:`k`, the ratio of the length of a cycle to the one before; the schedule is
        stretched to fit. None means that all cycles have the same length, and the schedule receives
        whole counts.
      m_mul: :math:`m`, the factor between the values of consecutive cycles. To shrink towards a
        floor, add it afterwards: ``repeat_schedule(...) + floor``.
      cycles: the number of cycles, after which the final value of the last one holds; None repeats
        forever.

    Returns:
      The schedule.

    Raises:
      ValueError: if ``period``, ``t_mul`` or ``m_mul`` is not positive, or ``cycles`` is not a
        positive whole number.

    >>> import jaxlr, numpy as np
    >>> saw = jaxlr.repeat_schedule(jaxlr.linear_schedule(1.0, 0.0, 2), 2, t_mul=2.0, m_mul=0.5)
    >>> print(np.asarray(saw(np.arange(8))))
    [1.      0.5     0.5     0.375   0.25    0.125   0.25    0.21875]

    References:
      ``Loop`` in ParameterSchedulers.jl. Repeating a cosine gives
      :func:`jaxlr.cosine_restarts_schedule`.
    """
    if isinstance(rate_or_table, Table):

        def value(count: jax.Array, entry: Entry) -> jax.Array:
            number, begin, end = entry.cycle
            part = progress_in(count, Phase(begin, end, entry.unit)).elapsed
            part = jnp.where(at_most(number, cycles)[1], 1.0, part)
            return entry.power * as_float(schedule(as_float(period) * part))

        return by_cycle(value, count, rate_or_table, cycles)

    number, _ = at_most(whole_periods(count, period), cycles)
    step, length, passed = as_steps(count, period, number)
    own = jnp.minimum(step - passed * length, length)
    return exponential(number, rate_or_table) * as_float(schedule(own))
