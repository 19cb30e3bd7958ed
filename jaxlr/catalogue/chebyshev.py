"""Step sizes that are optimal for a quadratic, in an order that keeps descent stable."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float, as_steps
from jaxlr.core.parameters import Period, Positive
from jaxlr.core.schedule import schedule
from jaxlr.exact.time import inverse, whole_periods
from jaxlr.exact.waves import half_cosine


def _check_order(*, min_value: ArrayLike, max_value: ArrayLike, period: ArrayLike) -> None:
    if np.any(np.asarray(min_value) > np.asarray(max_value)):
        raise ValueError(
            f"`max_value` must be at least `min_value`, got {max_value} and "
            f"{min_value}. They are the inverses of the smallest and the largest curvature."
        )
    steps = np.asarray(period)
    if np.any(np.log2(steps) % 1.0 != 0.0) or np.any((steps < 1) | (steps > 2**30)):
        raise ValueError(
            f"`period` must be a power of 2 up to 2**30, such as 64, got "
            f"{period}. The order of the values is made by doubling."
        )


@schedule(check=_check_order)
def chebyshev_schedule(
    count: jax.Array, min_value: Positive, max_value: Positive, period: Period
) -> ArrayLike:
    r"""Steps of gradient descent that are best for a quadratic, in a fractal order.

    .. math::
      \left(\frac{\sin^2 \theta}{m} + \frac{\cos^2 \theta}{M}\right)^{-1}, \qquad
      \theta = \frac{\pi}{2} \, \frac{\sigma_T(t \bmod T) + 1/2}{T}

    Large steps, which alone would diverge, are each made up for by small ones at once. The order
    :math:`\sigma_T` is that of a single step for :math:`T = 1`; each doubling puts
    :math:`2 T - 1 - \sigma_T(i)` after every :math:`\sigma_T(i)`.

    Args:
      min_value: :math:`m`, a bound below all values: the inverse of the largest curvature.
      max_value: :math:`M`, a bound above them: the inverse of the smallest curvature.
      period: :math:`T`, after how many steps all is repeated; a power of 2.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if a value is not positive, or ``period`` is no power of 2. A traced one that is
        not counts as the next smaller power.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.chebyshev_schedule(1.0, 10.0, period=4)
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [7.449 1.035 2.647 1.385 7.449 1.035 2.647 1.385]

    References:
      Agarwal, Goel and Zhang, `Acceleration via Fractal Learning Rate Schedules
      <https://arxiv.org/abs/2103.01338>`_, 2021. ``get_chebyshev_schedule`` of pytorch_optimizer
      is for the values 1 and 10.
    """
    bits = 31 - jax.lax.clz(jnp.maximum(jnp.asarray(period), 1).astype(jnp.int32))
    length = jnp.left_shift(jnp.ones_like(bits), bits)
    count, steps, passed = as_steps(count, length, whole_periods(count, length))
    own = count - passed * steps
    part = (as_float(_fractal(own.astype(jnp.int32), bits)) + 0.5) * inverse(length)
    low, high = min_value, max_value
    wave = half_cosine(part)
    return low * high / (high * wave + low * (1.0 - wave))


def _fractal(place: jax.Array, bits: jax.Array) -> jax.Array:
    """The number at some place of the order of ``2**bits`` steps.

    Each doubling passes a number on, or its complement: so the leading bit of the number is the
    parity of all bits of the place, and each next one leaves out the highest of these.
    """
    parities = place
    for shift in (1, 2, 4, 8, 16):
        parities = parities ^ (parities << shift)
    return (_reversed(parities.astype(jnp.uint32)) >> 1).astype(place.dtype) >> (31 - bits)


def _reversed(word: jax.Array) -> jax.Array:
    """The 32 bits in the opposite order: neighbours change places, then pairs, then fours, ..."""
    for size, low in (
        (1, 0x55555555),
        (2, 0x33333333),
        (4, 0x0F0F0F0F),
        (8, 0xFF00FF),
        (16, 0xFFFF),
    ):
        mask = np.uint32(low)
        word = ((word & mask) << size) | ((word >> size) & mask)
    return word
