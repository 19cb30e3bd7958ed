"""Elapsed and remaining fractions of a phase, both at full precision.

``1 - count / steps`` cancels near the end, and a float32 cannot hold every ``count`` above 2**24.
So :func:`progress` subtracts while the numbers are still integers, and returns both fractions. A
time between two counts is an :class:`Instant`: whole steps plus a fraction of one.

XLA may replace division by a scalar with multiplication by its reciprocal, and may regroup products
of constants. The functions here multiply each count once, by a precomputed scalar, so that compiled
and uncompiled code agree to the last bit.
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
    as_steps,
    exact,
    float_dtype,
    int_dtype,
    is_integer,
    largest,
    namespace,
    on_host,
)

__all__ = [
    "Instant",
    "Phase",
    "Progress",
    "blend",
    "either_progress",
    "instant",
    "inverse",
    "later",
    "most_steps",
    "offset_from",
    "phase",
    "progress",
    "progress_in",
    "steps_since",
    "total",
    "unit",
    "whole_periods",
]


class Progress(NamedTuple):
    """The elapsed and remaining fractions of a phase, each in [0, 1] and at full precision."""

    elapsed: jax.Array
    remaining: jax.Array


def progress(count: ArrayLike, steps: ArrayLike, begin: ArrayLike = 0) -> Progress:
    """Returns the elapsed and remaining fractions of a phase at a count.

    Args:
      count: the count, of any shape.
      steps: the length of the phase. A phase of length 0 or less is over at every count.
      begin: the count at which the phase begins; a negative one counts as 0.

    Returns:
      ``elapsed``, which is exactly 0 up to ``begin`` and exactly 1 from ``begin + steps`` on, and
      ``remaining``, which is ``1 - elapsed`` computed without cancellation.
    """
    count, steps, begin = as_steps(count, steps, begin)
    zero, length = jnp.zeros((), count.dtype), _length(steps)
    # Treat a phase of length 0 as one of length 1 that is over.
    least = jnp.where(steps > zero, zero, length)
    done = jnp.clip(count - jnp.maximum(begin, zero), least, length)
    return _fractions(done, length - done, _inverse_up(length))


def either_progress(
    count: ArrayLike, steps: ArrayLike, end: ArrayLike
) -> tuple[jax.Array, Progress]:
    """Returns :func:`progress` in two phases: up to ``steps``, then from there to ``end``.

    Returns:
      Whether the count is in the first phase, and the fractions of the phase that it is in.
    """
    count, steps, end = as_steps(count, steps, end)
    zero, second = jnp.zeros((), count.dtype), end - steps
    first = count < steps
    left = jnp.maximum(jnp.where(first, steps, jnp.maximum(end, steps)) - count, zero)
    length = jnp.where(first, steps, _length(second))
    scale = jnp.where(first, _inverse_up(_length(steps)), _inverse_up(_length(second)))
    return first, _fractions(length - left, left, scale)


def _length(steps: jax.Array) -> jax.Array:
    """Returns the length of a phase, with 1 in place of 0 so that it can be divided by."""
    return jnp.where(steps > 0, steps, jnp.ones_like(steps))


def _inverse_up(length: ArrayLike) -> Any:
    """Returns ``1 / length`` of a positive length, rounded so that ``length`` times it is >= 1."""
    steps = as_float(length)
    unit = 1.0 / steps
    next_unit = unit + unit * np.finfo(float_dtype()).epsneg
    return namespace(steps).where(unit * steps < 1.0, next_unit, unit)


def unit(length: ArrayLike) -> Any:
    """Returns ``1 / length`` rounded in the same way, or 2**100 if the length is not positive."""
    array, steps = namespace(length), as_float(length)
    positive = steps > 0.0
    return array.where(positive, _inverse_up(array.where(positive, steps, 1.0)), 2.0**100)


def _fractions(done: jax.Array, left: jax.Array, unit: jax.Array) -> Progress:
    """Returns steps done and left as fractions of a length whose inverse is ``unit``."""
    return Progress(*(jnp.minimum(as_float(part) * unit, 1.0) for part in (done, left)))


def steps_since(count: ArrayLike, begin: ArrayLike) -> jax.Array:
    """Returns the number of steps since ``begin``; 0 before it."""
    count, begin = as_steps(count, begin)
    return jnp.maximum(count - begin, jnp.zeros((), count.dtype))


@exported_tuple
class Instant(NamedTuple):
    """A time as whole steps plus a part of at most half a step, so that no precision is lost."""

    whole: Any
    part: Any


def most_steps() -> int:
    """Returns the most whole steps that an :class:`Instant` holds; any excess is in the part."""
    return 2**53 if float_dtype() == jnp.float64 else 2**31 - 1


def instant(time: ArrayLike) -> Instant:
    """Splits a time, which must not be negative, into whole steps and a part.

    A time within rounding error of a whole step becomes that step. Whatever exceeds the largest
    integer goes into the part, and so does the gradient with respect to the time.
    """
    if not on_host(time) and is_integer(time):
        return Instant(time, jnp.zeros(jnp.shape(time), float_dtype()))
    array: Any = namespace(time)
    number = array.asarray(exact(time))
    known = number if on_host(time) else lax.stop_gradient(number)
    whole = array.round(known)
    missed = known - whole
    # Allow for the rounding of a product or two, and of a decimal fraction.
    is_whole = array.abs(missed) <= 1e-9 + 16.0 * np.finfo(known.dtype).eps * known
    part = (number - known) + array.where(is_whole, 0.0, missed)
    most, dtype = most_steps(), np.int64 if on_host(time) else int_dtype()
    fits = whole < most
    steps = array.where(fits, whole, 0.0).astype(dtype)
    beyond = array.where(fits, 0.0, whole - float(most))
    return Instant(array.where(fits, steps, np.asarray(most, dtype)), part + beyond)


def later(time: Instant, steps: Instant) -> Instant:
    """Returns ``time + steps``."""
    begin, length = as_steps(time.whole, steps.whole)
    first, second = as_float(time.part), as_float(steps.part)
    more = jnp.clip(jnp.round(first + second), -1.0, 1.0)
    return Instant(begin + length + more.astype(begin.dtype), (first - more) + second)


def offset_from(count: ArrayLike, time: Instant) -> jax.Array:
    """Returns ``count - time``, which is negative before ``time``."""
    count, whole = as_steps(count, time.whole)
    return as_float(count - whole) - as_float(time.part)


class Phase(NamedTuple):
    """A phase whose ends may lie between counts, with the inverse :func:`unit` of its length."""

    begin: Instant
    end: Instant
    unit: jax.Array


def phase(begin: Instant, end: Instant) -> Phase:
    """Returns the phase between two times; one of length 0 or less is over at its end."""
    start, stop = as_steps(begin.whole, end.whole)
    length = as_float(stop - start) + (as_float(end.part) - as_float(begin.part))
    return Phase(begin, end, unit(length))


def progress_in(count: ArrayLike, phase: Phase) -> Progress:
    """Returns :func:`progress` in a phase whose ends may lie between counts."""
    done, left = offset_from(count, phase.begin), -offset_from(count, phase.end)
    # `where` is one instruction; `minimum` takes several, because it propagates NaN.
    parts = (jnp.where(part > 0.0, part * phase.unit, 0.0) for part in (done, left))
    elapsed, remaining = (jnp.where(part < 1.0, part, 1.0) for part in parts)
    return Progress(jnp.where(left > 0.0, elapsed, 1.0), remaining)


def whole_periods(count: ArrayLike, period: ArrayLike) -> jax.Array:
    """Returns exactly ``floor(count / period)``, or 0 if the period is not positive."""
    count, period = as_steps(count, period)
    zero = jnp.zeros((), period.dtype)
    length = jnp.where(period > zero, period, jnp.ones_like(period))
    if is_integer(count):
        whole = _quotient(count, length)
    else:
        whole = jnp.floor(count * (1.0 / length))
        whole = whole + jnp.where((whole + 1.0) * length <= count, 1.0, 0.0)
        whole = whole - jnp.where(whole * length > count, 1.0, 0.0)
    return jnp.where(period > zero, whole, jnp.zeros_like(whole))


def _quotient(count: jax.Array, length: jax.Array) -> jax.Array:
    """Returns ``count // length`` of non-negative integers; CPUs have no SIMD integer division."""
    if count.dtype != jnp.int32:
        return count // length
    unit = 1.0 / as_float(length)
    # The first estimate is off by a few hundred at most, and the second by one. Adding `shift`
    # leaves a small integer in the last bits of the float, where it is read without a conversion.
    first = (as_float(count) * unit).astype(count.dtype)
    rest = count - first * length
    shift = np.float32(1.5 * 2.0**23)
    digits = lax.bitcast_convert_type(as_float(rest) * unit + shift, jnp.int32)
    second = digits - shift.view(np.int32)
    rest = rest - second * length
    return first + second + (rest >= length).astype(count.dtype) - (rest < 0).astype(count.dtype)


def inverse(period: ArrayLike) -> jax.Array:
    """Returns ``1 / period``, or 0 if the period is not positive, as if no time ever passed."""
    length = jnp.asarray(as_float(period))
    return jnp.where(length > 0.0, 1.0 / jnp.where(length > 0.0, length, 1.0), 0.0)


def blend(start: ArrayLike, end: ArrayLike, elapsed: jax.Array, remaining: jax.Array) -> jax.Array:
    """Returns ``start * remaining + end * elapsed``, which is exact at both ends."""
    # XLA may fuse either product with the sum, and the last digit depends on which. The minimum
    # never changes the value; it makes sure that only the first product can be fused.
    most = np.finfo(float_dtype()).max
    return as_float(start) * remaining + jnp.minimum(as_float(end) * elapsed, most)


def total(first: ArrayLike, *others: ArrayLike) -> Any:
    """Returns the sum of lengths; a sum of integers saturates at the largest integer."""
    lengths: Any = [first, *others]
    array: Any
    if on_host(*lengths):
        lengths, array = [np.asarray(as_number(length)) for length in lengths], np
        if not all(map(is_integer, lengths)):
            lengths = [np.asarray(length, np.float64) for length in lengths]
    else:
        lengths, array = as_steps(*lengths), jnp
    whole, zero = lengths[0], np.zeros((), lengths[0].dtype)
    for length in lengths[1:]:
        length = array.maximum(length, zero)
        whole = array.minimum(whole, largest(whole.dtype) - length) + length
    return whole
