r"""Powers and logarithms of many numbers at a time, with all digits at both ends of a phase.

Most processors call a function for each power. Here it is :math:`b^p = 2^{p \log_2 b}` in some
sixty sums and products, of which compilers make vector code. Where :math:`p \log_2 b` is 100, a
float32 would round it by 4e-6; so the logarithm has two parts, of which the first has 12 binary
digits, as in :class:`~jaxlr.exact.doubles.Double`, and so has the product with the exponent. In
float64 XLA's own functions serve.

The derivatives are powers and logarithms again. None is infinite: those of ``0 ** p`` with
``p < 1``, which would turn every gradient into NaN that passes through, even where a mask hides the
value, are 0.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float, on_host
from jaxlr.exact.doubles import Double, double, leading_digits
from jaxlr.exact.time import Progress

__all__ = ["exp2m1", "exponent_of", "log1p", "power", "raised", "root"]

_LN2 = float(np.log(2.0))

_WHOLE = (1, 2, 3)
"""Exponents for which a power is a product, to the last digit."""


def exponent_of(value: Any) -> int | Double:
    """An exponent in the form that powers take: 1, 2 or 3 for a product, else two floats."""
    if isinstance(value, Double):
        return value
    if on_host(value):
        first = np.ravel(value)[0] if np.size(value) else 0.0
        if first in _WHOLE and np.all(np.asarray(value) == first):
            return int(first)
    return double(value)


def root(x: ArrayLike) -> jax.Array:
    """The square root for ``x >= 0``, with no infinite gradient at 0."""
    x = jnp.asarray(as_float(x))
    positive = x > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def power(base: ArrayLike, exponent: ArrayLike | Double) -> jax.Array:
    """``base ** exponent`` for ``base >= 0``, with ``0 ** 0 = 1`` and no infinite gradient at 0.

    The relative error is 2e-7 in float32, however large the base: an exponent of the host, and one
    in two parts, has more digits than a float. Any other power of 0 is 0. Where it is no product,
    what is above the range of floats is ``2.0 ** 127``, and what is below it 0.
    """
    base, exponent = jnp.asarray(as_float(base)), exponent_of(exponent)
    if isinstance(exponent, int):
        return lax.integer_pow(base, int(exponent))
    return _power(base, *map(jnp.asarray, exponent))


def raised(fraction: Progress, exponent: ArrayLike | Double) -> Progress:
    """Raises the remaining fraction to a power; the elapsed one keeps its digits near 0."""
    exponent = exponent_of(exponent)
    if isinstance(exponent, int):
        remaining = lax.integer_pow(fraction.remaining, int(exponent))
        return Progress(_whole_elapsed(*fraction, exponent), remaining)
    return Progress(*_raised(*fraction, *map(jnp.asarray, exponent)))


@jax.custom_jvp
def exp2m1(x: jax.Array) -> jax.Array:
    """``2 ** x - 1`` for ``x <= 0``, with a relative error of 2e-7 in float32."""
    if x.dtype == jnp.float64:
        return jnp.expm1(_LN2 * x)
    near, growth = _exp2(Double(jnp.maximum(x, -126.0), 0.0))
    return (near - 1.0) + near * growth


@exp2m1.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (tangent,) = primals, tangents
    result = exp2m1(x)
    return result, (1.0 + result) * (_LN2 * tangent)


@jax.custom_jvp
def log1p(x: jax.Array) -> jax.Array:
    """``log(1 + x)`` for ``x >= 0``, with a relative error of 2.5e-7 in float32."""
    if x.dtype == jnp.float64:
        return jnp.log1p(x)
    scale, part = _split(1.0 + x)
    # The sum has lost the last digits of a small number.
    part = jnp.where(x < 0.4, x, part)
    s = part * (1.0 / (2.0 + part))
    # log((1 + s) / (1 - s)) = 2 * s + s * more, where 2 * s = part - s * part.
    more = s * s * _polynomial(s * s, tuple(_LN2 * coefficient for coefficient in _LOG[1:]))
    return _LN2 * scale + (part - s * (part - more))


@log1p.defjvp
def _(primals: Any, tangents: Any) -> Any:
    (x,), (tangent,) = primals, tangents
    return log1p(x), tangent / (1.0 + x)


@jax.custom_jvp
def _power(base: jax.Array, high: jax.Array, low: jax.Array) -> jax.Array:
    """``base ** (high + low)``."""
    exponent, positive = high + low, base > 0.0
    if base.dtype == jnp.float64:
        result = jnp.where(positive, base, 1.0) ** exponent
    else:
        x = _product(_log2(*_split(base)), Double(high, low))
        near, growth = _exp2(x)
        result = jnp.where(x.high + x.low < 127.0, near * (1.0 + growth), 2.0**127)
        positive = positive & (x.high + x.low > -127.0)
    result = jnp.where(positive, result, _power_of_zero(exponent))
    # A schedule whose exponent is 2 must be equal to a member of a batch with exponents 2 and 2.5.
    for whole in _WHOLE:
        result = jnp.where(exponent == whole, lax.integer_pow(base, whole), result)
    return result


@jax.custom_jvp
def _raised(
    elapsed: jax.Array, remaining: jax.Array, high: jax.Array, low: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """``1 - remaining ** (high + low)``, and the power."""
    exponent, positive = high + low, remaining > 0.0
    if remaining.dtype == jnp.float64:
        late = jnp.where(positive, remaining, 1.0) ** exponent
        early = -jnp.expm1(exponent * jnp.log1p(-jnp.minimum(elapsed, 0.5)))
        early = jnp.where(elapsed < 0.5, early, 1.0 - late)
    else:
        scale, part = _split(remaining)
        # A remaining fraction near 1 has lost the digits of the elapsed one.
        part = jnp.where(elapsed < 0.25, -elapsed, part)
        x = _product(_log2(scale, part), Double(high, low))
        near, growth = _exp2(x)
        early, late = (1.0 - near) - near * growth, near * (1.0 + growth)
        positive = positive & (x.high + x.low > -127.0)
    at_zero = _power_of_zero(exponent)
    early = jnp.where(positive, early, 1.0 - at_zero)
    late = jnp.where(positive, late, at_zero)
    for whole in _WHOLE:
        early = jnp.where(exponent == whole, _whole_elapsed(elapsed, remaining, whole), early)
        late = jnp.where(exponent == whole, lax.integer_pow(remaining, whole), late)
    return early, late


def _power_of_zero(exponent: jax.Array) -> jax.Array:
    return (exponent == 0.0).astype(exponent.dtype)


def _whole_elapsed(elapsed: jax.Array, remaining: jax.Array, exponent: int) -> jax.Array:
    """``1 - remaining ** exponent = elapsed * (1 + remaining + remaining ** 2 + ...)``."""
    terms = jnp.ones_like(remaining)
    for _ in range(exponent - 1):
        terms = terms * remaining + 1.0
    return elapsed * terms


@_power.defjvp
def _(primals: Any, tangents: Any) -> Any:
    base, high, low = primals
    result = _power(base, high, low)
    log = jnp.log(jnp.where(base > 0.0, base, 1.0))
    by_base, by_exponent = _slopes(base, high, low, result, log)
    return result, by_base * tangents[0] + by_exponent * (tangents[1] + tangents[2])


@_raised.defjvp
def _(primals: Any, tangents: Any) -> Any:
    elapsed, remaining, high, low = primals
    early, late = _raised(elapsed, remaining, high, low)
    log = jnp.log(jnp.where(remaining > 0.0, remaining, 1.0))
    log = jnp.where(elapsed < 0.5, jnp.log1p(-jnp.minimum(elapsed, 0.5)), log)
    by_base, by_exponent = _slopes(remaining, high, low, late, log)
    growth = by_exponent * (tangents[2] + tangents[3])
    return (early, late), (by_base * tangents[0] - growth, by_base * tangents[1] + growth)


def _slopes(
    base: jax.Array, high: jax.Array, low: jax.Array, result: jax.Array, log: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The derivatives of a power with respect to its base and to its exponent."""
    most = np.finfo(result.dtype).max
    by_base = (high + low) * _power(base, high - 1.0, low)
    return jnp.clip(by_base, -most, most), jnp.clip(result * log, -most, most)


def _split(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """``scale`` and ``part``, from -0.3 to 0.42, of ``x = 2 ** scale * (1 + part)``, exactly.

    A number that is not normal counts as one between ``2 ** -127`` and ``2 ** -126``.
    """
    root_of_half = np.float32(np.sqrt(0.5)).view(np.int32)
    bits = lax.bitcast_convert_type(x, jnp.int32)
    scale = (bits - root_of_half) >> 23
    return as_float(scale), lax.bitcast_convert_type(bits - (scale << 23), jnp.float32) - 1.0


# log2((1 + s) / (1 - s)) = s * (_SLOPE + q(s ** 2)), minimax in the relative error (8e-10). The
# slope has the leading 12 binary digits of 2 / log(2), and the first coefficient the others.
_SLOPE = np.float32(2954 / 1024)
_LOG = (0.000624456777927, 0.961798275, 0.5767541384, 0.4309564371)


def _log2(scale: jax.Array, part: jax.Array) -> Double:
    """``log2(2 ** scale * (1 + part))`` with 30 binary digits."""
    # The quotient is used once: XLA would keep one that is used twice in memory.
    s = part * (1.0 / (2.0 + part))
    rest = s * _polynomial(s * s, _LOG)
    # What s with 12 digits leaves of the part: the sum has two parts, the first product and each
    # difference are exact, and 1 / (2 + part) = (1 - s) / 2.
    short, whole = leading_digits(s), leading_digits(2.0 + part)
    left = (part - short * whole) - short * (part - (whole - 2.0))
    inverse = 0.5 * _SLOPE - (0.5 * _SLOPE) * s
    main = short * _SLOPE
    high = leading_digits(scale + main)
    # One product in each sum, so that no other can be fused with it.
    return Double(high, left * inverse + (((scale - high) + main) + rest))


def _product(x: Double, y: Double) -> Double:
    """``x * y`` as a product of 12 by 12 binary digits, which is exact, and a rest."""
    return Double(x.high * y.high, x.high * y.low + x.low * (y.high + y.low))


# 2 ** x - 1 = x * q(x) for x from -0.5 to 0.5, minimax in the relative error (1e-8).
_EXP = (
    0.69314718794,
    0.24022649794,
    0.05550357391,
    0.009618237581,
    0.0013390758343,
    0.00015403512566,
)


def _exp2(x: Double) -> tuple[jax.Array, jax.Array]:
    """``near`` and ``growth`` of ``2 ** x = near * (1 + growth)``, for x from -127 to 127.

    The first is a power of 2, so that products with it are exact.
    """
    whole = lax.round(x.high + x.low, lax.RoundingMethod.TO_NEAREST_EVEN)
    part = (x.high - whole) + x.low
    # A float in which a whole number has the last binary digits.
    digits = lax.bitcast_convert_type(whole + np.float32(1.5 * 2.0**23), jnp.int32)
    near = lax.bitcast_convert_type((digits << 23) + np.float32(1.0).view(np.int32), jnp.float32)
    return near, part * _polynomial(part, _EXP)


def _polynomial(x: jax.Array, coefficients: tuple[float, ...]) -> jax.Array:
    result = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        result = result * x + coefficient
    return result
