"""Schedules that fall for ever."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr._numerics import (
    Double,
    as_float,
    as_steps,
    double,
    exponential,
    inverse,
    log,
    on_host,
    per_step,
    whole_periods,
)
from jaxlr._parameters import NonNegative, Period, Positive, Steps, Value
from jaxlr.catalogue.transitions import constant_schedule
from jaxlr.compose import join_schedules
from jaxlr.schedule import Schedule, schedule

__all__ = [
    "exponential_decay",
    "exponential_decay_with_burnin",
    "inverse_time_decay",
    "natural_exponential_decay",
    "step_decay",
]


@schedule
def exponential_decay(
    init_value: Value,
    transition_steps: Period,
    decay_rate: Positive,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    r"""Multiplication by a rate every so many steps, continuously or in stairs.

    .. math::
      I \, r^{n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the steps in which the value is multiplied by the rate once.
      decay_rate: :math:`r`; above 1 the value grows.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.
      end_value: a lower bound if ``decay_rate < 1``, else an upper bound.

    Returns:
      The schedule. It has no end; growth stops at 1e38 times ``init_value``.

    Raises:
      ValueError: if ``transition_steps`` or ``decay_rate`` is not positive, which optax takes for a
        constant. Traced, such a length gives the constant ``init_value`` and such a rate counts as
        1e-38.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.exponential_decay(1.0, transition_steps=2, decay_rate=0.25)(jnp.arange(5))
    Array([1.    , 0.5   , 0.25  , 0.125 , 0.0625], dtype=float32)
    """
    return _decay_by(
        log(decay_rate), init_value, transition_steps, transition_begin, staircase, end_value
    )


@schedule
def natural_exponential_decay(
    init_value: Value,
    transition_steps: Period,
    decay_rate: Value,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    r"""A power of e that falls with time, continuously or in stairs.

    .. math::
      I \, e^{-\gamma n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the unit of time in steps.
      decay_rate: :math:`\gamma`, the decay in one unit; below 0 the value grows.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.
      end_value: a lower bound if ``decay_rate > 0``, else an upper bound.

    Returns:
      The schedule. It has no end.

    >>> import jaxlr
    >>> lr = jaxlr.natural_exponential_decay(1.0, transition_steps=10, decay_rate=0.5)
    >>> print(f"{lr(20):.6f}")
    0.367879

    References:
      ``NaturalExpDecay`` of Paddle, ``natural_exp_decay`` of TensorFlow 1.
    """
    rate = -np.asarray(decay_rate, np.float64) if on_host(decay_rate) else -as_float(decay_rate)
    return _decay_by(rate, init_value, transition_steps, transition_begin, staircase, end_value)


@schedule
def step_decay(
    init_value: Value,
    step_size: Period,
    decay_rate: Positive = 0.1,
    end_value: Value | None = None,
) -> Schedule:
    r"""Multiplication by a rate at every ``step_size``-th count.

    .. math::
      I \, r^{\lfloor t / S \rfloor}

    Args:
      init_value: :math:`I`, the value of the first ``step_size`` updates.
      step_size: :math:`S`, the length of a stair in steps.
      decay_rate: :math:`r`, the ratio of a stair to the one before.
      end_value: a lower bound if ``decay_rate < 1``, else an upper bound.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.step_decay(1.0, step_size=2, decay_rate=0.5)(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)

    References:
      ``StepLR`` of PyTorch, ``StepDecay`` of Paddle.
    """
    return _decay_by(log(decay_rate), init_value, step_size, 0, True, end_value)


@schedule
def exponential_decay_with_burnin(
    init_value: Value,
    transition_steps: Period,
    decay_rate: Positive,
    burnin_value: Value | None = None,
    burnin_steps: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    r"""A constant value at first, then an exponential decay that begins at its own start.

    .. math::
      I_0 \quad (t < B), \qquad I \, r^{(t - B) / T} \quad (t \ge B)

    Args:
      init_value: :math:`I`, the value at count ``burnin_steps``, where the decay begins.
      transition_steps: :math:`T`, the steps in which the value is multiplied by the rate once.
      decay_rate: :math:`r`.
      burnin_value: :math:`I_0`, the value before; None stands for ``init_value``.
      burnin_steps: :math:`B`, the length of the burn-in.
      staircase: whether the decay changes the value only every ``transition_steps`` steps.
      end_value: a bound of the decay, as in :func:`exponential_decay`.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.exponential_decay_with_burnin(
    ...     1.0, 1, 0.5, burnin_value=0.1, burnin_steps=2)(jnp.arange(5))
    Array([0.1 , 0.1 , 1.  , 0.5 , 0.25], dtype=float32)

    References:
      ``exponential_decay_with_burnin`` of the TensorFlow Object Detection API, whose default is a
      staircase.
    """
    burnin = constant_schedule(init_value if burnin_value is None else burnin_value)
    decay = exponential_decay(
        init_value, transition_steps, decay_rate, staircase=staircase, end_value=end_value
    )
    return join_schedules([burnin, decay], [burnin_steps])


@schedule
def inverse_time_decay(
    count: jax.Array,
    init_value: Value,
    transition_steps: Period,
    decay_rate: NonNegative,
    transition_begin: Steps = 0,
    staircase: bool = False,
) -> jax.Array:
    r"""The inverse of a line, or of its stairs.

    .. math::
      \frac{I}{1 + \gamma n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the unit of time in steps.
      decay_rate: :math:`\gamma`; after ``transition_steps / decay_rate`` steps half is left.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.

    Returns:
      The schedule. It has no end.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.inverse_time_decay(1.0, transition_steps=2, decay_rate=2.0)
    >>> print(np.asarray(lr(np.arange(4))).round(3))
    [1.    0.5   0.333 0.25 ]

    References:
      ``InverseTimeDecay`` of Keras and of Paddle.
    """
    count, begin = as_steps(count, transition_begin)
    elapsed = jnp.maximum(count - begin, jnp.zeros((), count.dtype))
    if staircase:
        elapsed, rate = whole_periods(elapsed, transition_steps), as_float(decay_rate)
    else:
        rate = as_float(decay_rate) * inverse(transition_steps)
    return as_float(init_value) / (1.0 + rate * as_float(elapsed))


def _decay_by(
    log_rate: Any,
    init_value: ArrayLike,
    transition_steps: ArrayLike,
    transition_begin: ArrayLike,
    staircase: bool,
    end_value: ArrayLike | None,
) -> Schedule:
    if staircase:
        slope, stair = double(log_rate), transition_steps
    else:
        slope, stair = per_step(log_rate, transition_steps), None
    return _exponential(init_value, slope, transition_begin, stair, end_value)


@schedule
def _exponential(
    count: jax.Array,
    init_value: Value,
    slope: Double,
    begin: Steps,
    stair: Period | None = None,
    end_value: Value | None = None,
) -> jax.Array:
    """``init_value * exp(slope * n)``: the expanded form of every exponential decay."""
    count, begin = as_steps(count, begin)
    elapsed = jnp.maximum(count - begin, jnp.zeros((), count.dtype))
    if stair is not None:
        elapsed = whole_periods(elapsed, stair)
    value = as_float(init_value) * exponential(elapsed, slope)
    if end_value is None:
        return value
    falls = slope.high + slope.low < 0.0
    return jnp.where(falls, jnp.maximum(value, end_value), jnp.minimum(value, end_value))
