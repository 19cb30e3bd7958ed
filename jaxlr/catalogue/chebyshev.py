"""Step sizes that are optimal for a quadratic, ordered so that descent stays stable."""

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
            f"{period}. The order is built by doubling."
        )


@schedule(check=_check_order)
def chebyshev_schedule(
    count: jax.Array, min_value: Positive, max_value: Positive, period: Period
) -> ArrayLike:
    r"""A schedule of optimal gradient descent steps for a quadratic, in a fractal order.

    .. math::
      \left(\frac{\sin^2 \theta}{m} + \frac{\cos^2 \theta}{M}\right)^{-1}, \qquad
      \theta = \frac{\pi}{2} \, \frac{\sigma_T(t \bmod T) + 1/2}{T}

    Large steps alone would diverge, so each is offset by small ones right after it. The order
    :math:`\sigma_T` starts from a single 0 for :math:`T = 1`; each doubling inserts
    :math:`2 T - 1 - \sigma_T(i)` after every :math:`\sigma_T(i)`.

    Args:
      min_value: :math:`m`, a lower bound of all values: the inverse of the largest curvature.
      max_value: :math:`M`, an upper bound: the inverse of the smallest curvature.
      period: :math:`T`, the number of steps after which the values repeat; a power of 2.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if a value is not positive, or ``period`` is not a power of 2. A traced one is
        rounded down to a power of 2.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.chebyshev_schedule(1.0, 10.0, period=4)
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [7.449 1.035 2.647 1.385 7.449 1.035 2.647 1.385]

    References:
      Agarwal, Goel and Zhang, `Acceleration via Fractal Learning Rate Schedules
      <https://arxiv.org/abs/2103.01338>`_, 2021. ``get_chebyshev_schedule`` in pytorch_optimizer
      has the values 1 and 10.
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
    """Returns the entry at one position of the order of ``2**bits`` steps.

    Each doubling keeps an entry or complements it. So the leading bit of the entry is the parity of
    all bits of the position, and each following bit leaves out one more of the highest bits.
    """
    parities = place
    for shift in (1, 2, 4, 8, 16):
        parities = parities ^ (parities << shift)
    return (_reversed(parities.astype(jnp.uint32)) >> 1).astype(place.dtype) >> (31 - bits)


def _reversed(word: jax.Array) -> jax.Array:
    """Reverses the order of 32 bits: swaps neighbors, then pairs, then groups of four, ..."""
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
