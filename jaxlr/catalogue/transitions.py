"""Schedules that go from one value to another."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float, as_steps
from jaxlr.core.parameters import NonNegative, Period, Positive, Steps, Value
from jaxlr.core.schedule import schedule
from jaxlr.curves import Shape, along
from jaxlr.exact.doubles import Double, exponential, log, per_step
from jaxlr.exact.parameters import Exponent
from jaxlr.exact.powers import power, raised
from jaxlr.exact.time import blend, inverse, progress, steps_since, whole_periods
from jaxlr.exact.waves import half_cosine


@schedule
def constant_schedule(count: jax.Array, value: Value) -> ArrayLike:
    """A schedule that has the same value at every count.

    Args:
      value: the value.

    Returns:
      The schedule.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.constant_schedule(0.1)(jnp.arange(3))
    Array([0.1, 0.1, 0.1], dtype=float32)
    """
    return value


@schedule
def linear_schedule(
    count: jax.Array,
    init_value: Value,
    end_value: Value,
    transition_steps: Steps,
    transition_begin: Steps = 0,
) -> jax.Array:
    r"""A schedule that moves along a straight line from one value to another.

    .. math::
      I (1 - p) + E p, \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      transition_steps: :math:`T`, the length of the line; with 0 it is a jump.
      transition_begin: :math:`B`, the count at which the line begins.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length or begin. optax returns a constant for the one and uses 0
        for the other. For length 0, optax holds ``init_value`` forever; here the line is over.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.linear_schedule(1.0, 0.5, transition_steps=2, transition_begin=1)(jnp.arange(5))
    Array([1.  , 1.  , 0.75, 0.5 , 0.5 ], dtype=float32)
    """
    return blend(init_value, end_value, *progress(count, transition_steps, transition_begin))


@schedule
def polynomial_schedule(
    count: jax.Array,
    init_value: Value,
    end_value: Value,
    power: Exponent,
    transition_steps: Steps,
    transition_begin: Steps = 0,
) -> jax.Array:
    r"""A schedule that moves from one value to another with a power of the remaining time.

    .. math::
      E + (I - E) (1 - p)^P, \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      power: :math:`P`; 1 is a line; above 1 most of the change comes early, below 1 late.
      transition_steps: :math:`T`, the length of the transition; with 0 it is a jump.
      transition_begin: :math:`B`, the count at which the transition begins.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative power, length or begin.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)(jnp.arange(6))
    Array([1.    , 0.5625, 0.25  , 0.0625, 0.    , 0.    ], dtype=float32)
    """
    fraction = progress(count, transition_steps, transition_begin)
    return blend(init_value, end_value, *raised(fraction, power))


@schedule
def cosine_decay_schedule(
    count: jax.Array,
    init_value: Value,
    decay_steps: Steps,
    alpha: Value = 0.0,
    exponent: Exponent = 1.0,
) -> ArrayLike:
    r"""A schedule that decays along half a cosine wave to a fraction of its start.

    .. math::
      I \left(\alpha + (1 - \alpha) \left[\frac{1 + \cos \pi p}{2}\right]^P\right),
      \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which ``alpha * init_value`` holds.
      alpha: :math:`\alpha`, the last value as a fraction of the first.
      exponent: :math:`P`, the power to which the wave is raised.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length or exponent.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_decay_schedule(1.0, decay_steps=3, alpha=0.2)
    >>> print(np.asarray(lr(np.arange(5))).round(3))
    [1.  0.8 0.4 0.2 0.2]

    References:
      Loshchilov and Hutter, `SGDR: Stochastic Gradient Descent with Warm Restarts
      <https://arxiv.org/abs/1608.03983>`_, 2017
    """
    wave = power(half_cosine(progress(count, decay_steps).remaining), exponent)
    return init_value * (wave + alpha * (1.0 - wave))


@schedule
def transition_schedule(
    count: jax.Array,
    init_value: Value,
    end_value: Value,
    transition_steps: Steps,
    curve: Shape = "linear",
    transition_begin: Steps = 0,
) -> jax.Array:
    r"""A schedule that moves along any curve from one value to another.

    .. math::
      I D(p) + E (1 - D(p)), \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      transition_steps: :math:`T`, the length of the transition; with 0 it is a jump.
      curve: :math:`D`, a curve of :mod:`jaxlr.curves` or the name of one.
      transition_begin: :math:`B`, the count at which the transition begins.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length or begin.
      TypeError: if ``curve`` is neither a curve nor the name of one.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.transition_schedule(1.0, 0.0, 4, "one_minus_sqrt")(jnp.array([0, 1, 4, 5]))
    Array([1. , 0.5, 0. , 0. ], dtype=float32)
    >>> jaxlr.transition_schedule(1.0, 0.0, 4, jaxlr.curves.polynomial(3.0))(2)
    Array(0.125, dtype=float32)

    References:
      ``SWALR`` in PyTorch goes from the last training rate to ``swa_lr`` with the curve
      ``"cosine"`` or ``"linear"``. ``sched_lin``, ``sched_cos`` and ``sched_poly`` in fastai are
      ``"linear"``, ``"cosine"`` and ``curves.one_minus_power(power)``.
    """
    fraction = progress(count, transition_steps, transition_begin)
    return along(curve, fraction, init_value, end_value)


def _growth(
    *, init_value: ArrayLike, end_value: ArrayLike, transition_steps: ArrayLike, **_: Any
) -> Double:
    """Returns the logarithm of the ratio between consecutive values."""
    return per_step(log(end_value) - log(init_value), transition_steps)


@schedule(prepare=_growth)
def geometric_schedule(
    count: jax.Array,
    growth: Double,
    init_value: Positive,
    end_value: Positive,
    transition_steps: Steps,
    transition_begin: Steps = 0,
) -> ArrayLike:
    r"""A schedule that changes by the same ratio at every step, from one value to another.

    .. math::
      I \, (E / I)^p, \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      transition_steps: :math:`T`, the length of the transition; with 0 it is a jump.
      transition_begin: :math:`B`, the count at which the transition begins.

    Returns:
      The schedule. Unlike the curve ``"geometric"``, it stays precise over many powers of ten, such
      as in a range test from 1e-7 to 10.

    Raises:
      ValueError: if one of the values is not positive, or for a negative length or begin.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.geometric_schedule(1.0, 16.0, transition_steps=4)(jnp.arange(6))
    Array([ 1.,  2.,  4.,  8., 16., 16.], dtype=float32)

    References:
      ``sched_exp`` in fastai, ``ExponentialParamScheduler`` in fvcore (whose start times decay is
      ``end_value``), and the exponential scheduler in OLMo-core.
    """
    elapsed, steps = as_steps(steps_since(count, transition_begin), transition_steps)
    value = init_value * exponential(jnp.minimum(elapsed, steps), growth)
    return jnp.where(elapsed < steps, value, end_value)


@schedule
def range_test_schedule(
    count: jax.Array,
    init_value: Value,
    step_size: Period,
    step_rate: NonNegative = 1.0,
    staircase: bool = False,
) -> ArrayLike:
    r"""A schedule that rises without end, to find the rate at which training diverges.

    .. math::
      I (1 + \gamma n), \qquad n = t / S \quad \text{or, in stairs,} \quad \lfloor t / S \rfloor

    Args:
      init_value: :math:`I`, the value at count 0.
      step_size: :math:`S`, the unit of time in steps.
      step_rate: :math:`\gamma`, the rise per unit, as a multiple of ``init_value``.
      staircase: whether the value changes only every ``step_size`` steps.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``step_size`` is not positive, or ``step_rate`` is negative.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.range_test_schedule(0.5, step_size=2)(jnp.arange(5))
    Array([0.5 , 0.75, 1.  , 1.25, 1.5 ], dtype=float32)

    References:
      Smith, `Cyclical Learning Rates for Training Neural Networks
      <https://arxiv.org/abs/1506.01186>`_, 2017. ``LRRangeTest`` in DeepSpeed counts from 1, so its
      values are one count ahead of these. For a test over several powers of ten, use
      :func:`geometric_schedule`.
    """
    if staircase:
        units, rate = whole_periods(count, step_size), step_rate
    else:
        units, rate = count, step_rate * inverse(step_size)
    return init_value * (1.0 + rate * as_float(units))
