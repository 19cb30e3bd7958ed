"""Exponentials of large exponents, using numbers split into two floats.

In plain float32, a rate near 1 is rounded before its logarithm is taken, and a large exponent is
rounded before the exponential is. :func:`log` uses double precision for plain numbers, and
:func:`exponential` multiplies count and slope in two parts.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr.core.export import exported_tuple
from jaxlr.core.numbers import (
    as_float,
    as_number,
    exact,
    float_dtype,
    is_integer,
    namespace,
    on_host,
)

__all__ = [
    "Double",
    "divide",
    "double",
    "exponential",
    "leading_digits",
    "log",
    "most_exponent",
    "per_step",
    "product",
]


def divide(x: ArrayLike, y: ArrayLike) -> Any:
    """Returns ``x / y`` for positive y, in double precision if both are host numbers."""
    divisor = exact(y)
    return exact(x) / namespace(y).maximum(divisor, np.finfo(divisor.dtype).tiny)


@exported_tuple
class Double(NamedTuple):
    """A number as the unevaluated sum ``high + low``.

    In float32 ``high`` has only the leading 12 of 24 bits, so the product of two of them is exact.
    """

    high: Any
    low: Any


def leading_digits(x: Any) -> Any:
    """Returns a float32 truncated to the leading 12 of its 24 bits."""
    mask = np.uint32(0xFFFFF000)
    if on_host(x):
        return (np.asarray(x, np.float32).view(np.uint32) & mask).view(np.float32)[()]
    return lax.bitcast_convert_type(lax.bitcast_convert_type(x, jnp.uint32) & mask, jnp.float32)


def double(x: ArrayLike) -> Double:
    """Splits a number in two. A host number keeps 36 bits, a traced one its 24."""
    if float_dtype() == jnp.float64:
        whole = as_float(x)
        return Double(whole, 0.0 * whole)
    high = leading_digits(as_float(x))
    return Double(high, as_float(exact(x) - high))


def log(x: ArrayLike) -> Any:
    """Returns the natural logarithm, in double precision for a host number.

    Numbers below the smallest normal float are raised to it, so the result is finite.
    """
    array, number = namespace(x), exact(x)
    return array.log(array.maximum(number, np.finfo(number.dtype).tiny))


def per_step(amount: ArrayLike, steps: ArrayLike) -> Double:
    """Returns ``amount / steps`` in two parts, or 0 if ``steps`` is not positive."""
    array, length = namespace(amount, steps), exact(steps)
    there = length > 0.0
    return double(array.where(there, exact(amount), 0.0) / array.where(there, length, 1.0))


def product(count: jax.Array, factor: Double) -> tuple[jax.Array, jax.Array]:
    """Returns ``count * factor`` as an exact product of two 12-bit numbers and a remainder."""
    if float_dtype() == jnp.float64:
        return as_float(count) * factor.high, as_float(count) * factor.low
    rounded = as_float(count)
    count_high = leading_digits(rounded)
    if is_integer(count):
        upper, lower = as_float(count >> 16) * 65536.0, as_float(count & 0xFFFF)
        count_low = (upper - count_high) + lower
    else:
        count_low = rounded - count_high
    return count_high * factor.high, count_low * factor.high + rounded * factor.low


def most_exponent() -> float:
    """Returns the largest whole ``x`` for which ``exp(x)`` is finite."""
    return 709.0 if float_dtype() == jnp.float64 else 88.0


def exponential(count: ArrayLike, slope: Double) -> jax.Array:
    """Returns ``exp(count * slope)`` with a relative error of 3e-7, however large the exponent.

    The product is computed in two parts: an exact one of 12 by 12 bits, and a small remainder.
    Growth saturates at the largest power of e that a float can hold.
    """
    count = jnp.asarray(as_number(count))
    whole = slope.high + slope.low
    most = most_exponent()
    if float_dtype() == jnp.float64:
        return jnp.exp(jnp.minimum(as_float(count) * whole, most))
    high, low = _split(count, whole)
    main = high * slope.high
    rest = low * whole + high * slope.low
    exponent = jnp.minimum(main + rest, most)
    correction = jnp.where(exponent < most, (main - exponent) + rest, 0.0)
    return jnp.exp(exponent) * (1.0 + correction)


def _split(count: jax.Array, slope: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Splits a count so that the first part has 12 bits, as long as exp(count * slope) > 0."""
    if not is_integer(count):
        high = leading_digits(count)
        return high, count - high
    # `high` is a multiple of u / 2048, for u the largest power of 2 up to the last count that
    # matters.
    size = jnp.maximum(jnp.abs(lax.stop_gradient(as_float(slope))), 128.0 / 2.0**30)
    bits = lax.bitcast_convert_type(jnp.maximum(128.0 / size, 2048.0), jnp.uint32)
    step = lax.bitcast_convert_type(bits & np.uint32(0x7F800000), jnp.float32) * (1.0 / 2048.0)
    low = count & (step.astype(count.dtype) - 1)
    return as_float(count - low), as_float(low)
