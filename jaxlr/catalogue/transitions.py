"""Schedules that go from one value to another, and hold it."""

from typing import Any

import jax

from jaxlr._numerics import (
    as_float,
    blend,
    half_cosine,
    power,
    progress,
    raised,
)
from jaxlr._parameters import NonNegative, Steps, Value
from jaxlr.schedule import schedule

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "linear_schedule",
    "polynomial_schedule",
]


@schedule
def constant_schedule(count: jax.Array, value: Value) -> Any:
    """The same value at every count.

    Args:
      value: the value.

    Returns:
      The schedule. Its values are arrays of the shape of the count, as for every family.

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
    r"""A straight line from one value to another.

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
      ValueError: for a negative length or begin, which optax takes for a constant or for 0. For
        length 0 optax holds ``init_value`` for ever; here the line is over.

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
    power: NonNegative,
    transition_steps: Steps,
    transition_begin: Steps = 0,
) -> jax.Array:
    r"""A power of the time that remains, from one value to another.

    .. math::
      E + (I - E) (1 - p)^P, \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      power: :math:`P`; 1 is a line, above 1 most of the way is made early, below 1 late.
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
    exponent: NonNegative = 1.0,
) -> jax.Array:
    r"""Half a cosine wave from a value down to a fraction of it.

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
    return as_float(init_value) * (wave + as_float(alpha) * (1.0 - wave))
