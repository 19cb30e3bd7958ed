"""Exponentials of long exponents, with numbers in two parts.

A rate near 1 is rounded to float32 before its logarithm is taken, and a long exponent before it is
raised. :func:`log` works in double precision wherever the rate is a plain number, and
:func:`exponential` multiplies count and slope in two parts.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

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
    """``x / y`` for positive y, in double precision for numbers of the host."""
    divisor = exact(y)
    return exact(x) / namespace(y).maximum(divisor, np.finfo(divisor.dtype).tiny)


class Double(NamedTuple):
    """A number as the unevaluated sum ``high + low``.

    In float32 ``high`` has the leading 12 of 24 binary digits, so that its product with another
    such number is exact.
    """

    high: Any
    low: Any


def leading_digits(x: Any) -> Any:
    """A float32 cut off after 12 of its 24 binary digits."""
    mask = np.uint32(0xFFFFF000)
    if on_host(x):
        return (np.asarray(x, np.float32).view(np.uint32) & mask).view(np.float32)[()]
    return lax.bitcast_convert_type(lax.bitcast_convert_type(x, jnp.uint32) & mask, jnp.float32)


def double(x: ArrayLike) -> Double:
    """Splits a number in two. A number of the host keeps 36 binary digits, a traced one its 24."""
    if float_dtype() == jnp.float64:
        whole = as_float(x)
        return Double(whole, 0.0 * whole)
    high = leading_digits(as_float(x))
    return Double(high, as_float(exact(x) - high))


def log(x: ArrayLike) -> Any:
    """The natural logarithm, in double precision for a number of the host.

    A number below the smallest normal float counts as that one, so the result is finite.
    """
    array, number = namespace(x), exact(x)
    return array.log(array.maximum(number, np.finfo(number.dtype).tiny))


def per_step(amount: ArrayLike, steps: ArrayLike) -> Double:
    """``amount / steps`` in two parts; 0 where ``steps`` is not positive."""
    array, length = namespace(amount, steps), exact(steps)
    there = length > 0.0
    return double(array.where(there, exact(amount), 0.0) / array.where(there, length, 1.0))


def product(count: jax.Array, factor: Double) -> tuple[jax.Array, jax.Array]:
    """``count * factor`` as a product of 12 by 12 binary digits, which is exact, and a rest."""
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
    """The largest whole number to which e can be raised."""
    return 709.0 if float_dtype() == jnp.float64 else 88.0


def exponential(count: ArrayLike, slope: Double) -> jax.Array:
    """``exp(count * slope)``, with a relative error of 3e-7 however long the exponent.

    The product is taken in two parts: one of 12 by 12 binary digits, which is exact, and a small
    rest. Growth stops at the largest power of e that a float can hold.
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
    """Two parts of a count; the first has 12 binary digits while exp(count * slope) is not 0."""
    if not is_integer(count):
        high = leading_digits(count)
        return high, count - high
    # With u the largest power of 2 up to the last count that matters: multiples of u / 2048.
    size = jnp.maximum(jnp.abs(lax.stop_gradient(as_float(slope))), 128.0 / 2.0**30)
    bits = lax.bitcast_convert_type(jnp.maximum(128.0 / size, 2048.0), jnp.uint32)
    step = lax.bitcast_convert_type(bits & np.uint32(0x7F800000), jnp.float32) * (1.0 / 2048.0)
    low = count & (step.astype(count.dtype) - 1)
    return as_float(count - low), as_float(low)
