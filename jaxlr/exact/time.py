"""How much of a phase is over and how much is left, with all digits of both.

``1 - count / steps`` cancels near the end, and a ``count`` from 2**24 on has more digits than a
float32. So :func:`progress` subtracts while the numbers are still integers, and hands out both
fractions. A time between two counts is an :class:`Instant`: whole steps and a part of one.

XLA divides by a scalar through its reciprocal, and regroups products of constants, where it sees
fit. The functions here multiply each count once, by a scalar that is ready, so that compiled and
uncompiled code agree to the last bit.
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
    "passed",
    "phase",
    "progress",
    "progress_in",
    "since",
    "total",
    "unit",
    "whole_periods",
]


class Progress(NamedTuple):
    """How much of a phase is over and how much is left; each in [0, 1], each with all digits."""

    elapsed: jax.Array
    remaining: jax.Array


def progress(count: ArrayLike, steps: ArrayLike, begin: ArrayLike = 0) -> Progress:
    """The fractions of the phase from ``begin`` to ``begin + steps`` before and after ``count``.

    Args:
      count: the count, of any shape.
      steps: the length of the phase. One of length zero (or less) is over at every count.
      begin: the count at which the phase begins; less than 0 counts as 0.

    Returns:
      ``elapsed``, which is exactly 0 up to ``begin`` and exactly 1 from ``begin + steps`` on, and
      ``remaining``, which is ``1 - elapsed`` without its cancellation.
    """
    count, steps, begin = as_steps(count, steps, begin)
    zero, length = jnp.zeros((), count.dtype), _length(steps)
    # A phase of length 0 is one of length 1 that is over.
    least = jnp.where(steps > zero, zero, length)
    done = jnp.clip(count - jnp.maximum(begin, zero), least, length)
    return _fractions(done, length - done, _unit(length))


def either_progress(
    count: ArrayLike, steps: ArrayLike, end: ArrayLike
) -> tuple[jax.Array, Progress]:
    """:func:`progress` of the phase in turn, of one up to ``steps`` and one from there to ``end``.

    Returns:
      Whether the first phase is in turn, and the fractions of that phase.
    """
    count, steps, end = as_steps(count, steps, end)
    zero, second = jnp.zeros((), count.dtype), end - steps
    first = count < steps
    left = jnp.maximum(jnp.where(first, steps, jnp.maximum(end, steps)) - count, zero)
    length = jnp.where(first, steps, _length(second))
    scale = jnp.where(first, _unit(_length(steps)), _unit(_length(second)))
    return first, _fractions(length - left, left, scale)


def _length(steps: jax.Array) -> jax.Array:
    """The length of a phase, which is 1 for one of length 0: that is over from its start."""
    return jnp.where(steps > 0, steps, jnp.ones_like(steps))


def _unit(length: ArrayLike) -> Any:
    """``1 / length`` of a positive length, rounded so that its product with it is not below 1."""
    steps = as_float(length)
    unit = 1.0 / steps
    next_unit = unit + unit * np.finfo(float_dtype()).epsneg
    return namespace(steps).where(unit * steps < 1.0, next_unit, unit)


def unit(length: ArrayLike) -> Any:
    """``1 / length`` in the same way; for no length 2**100, as it is over once any time passed."""
    array, steps = namespace(length), as_float(length)
    positive = steps > 0.0
    return array.where(positive, _unit(array.where(positive, steps, 1.0)), 2.0**100)


def _fractions(done: jax.Array, left: jax.Array, unit: jax.Array) -> Progress:
    return Progress(*(jnp.minimum(as_float(part) * unit, 1.0) for part in (done, left)))


def passed(count: ArrayLike, begin: ArrayLike) -> jax.Array:
    """The steps since a count; 0 before it."""
    count, begin = as_steps(count, begin)
    return jnp.maximum(count - begin, jnp.zeros((), count.dtype))


class Instant(NamedTuple):
    """A time as whole steps and a part of one, at most half, so that no digits of it are lost."""

    whole: Any
    part: Any


def most_steps() -> int:
    """The largest number of whole steps that an :class:`Instant` has; what is more is a part."""
    return 2**53 if float_dtype() == jnp.float64 else 2**31 - 1


def instant(time: ArrayLike) -> Instant:
    """Splits a time of at least 0; one that misses a whole step by its rounding counts as that.

    What is beyond every integer is in the part; so is a gradient with respect to the time.
    """
    if not on_host(time) and is_integer(time):
        return Instant(time, jnp.zeros(jnp.shape(time), float_dtype()))
    array: Any = namespace(time)
    number = array.asarray(exact(time))
    known = number if on_host(time) else lax.stop_gradient(number)
    whole = array.round(known)
    missed = known - whole
    # Some roundings of a product or two, and of a decimal fraction.
    is_whole = array.abs(missed) <= 1e-9 + 16.0 * np.finfo(known.dtype).eps * known
    part = (number - known) + array.where(is_whole, 0.0, missed)
    most, dtype = most_steps(), np.int64 if on_host(time) else int_dtype()
    fits = whole < most
    steps = array.where(fits, whole, 0.0).astype(dtype)
    beyond = array.where(fits, 0.0, whole - float(most))
    return Instant(array.where(fits, steps, np.asarray(most, dtype)), part + beyond)


def later(time: Instant, steps: Instant) -> Instant:
    """The time some steps after another."""
    begin, length = as_steps(time.whole, steps.whole)
    first, second = as_float(time.part), as_float(steps.part)
    more = jnp.clip(jnp.round(first + second), -1.0, 1.0)
    return Instant(begin + length + more.astype(begin.dtype), (first - more) + second)


def since(count: ArrayLike, time: Instant) -> jax.Array:
    """``count - time``; negative before it."""
    count, whole = as_steps(count, time.whole)
    return as_float(count - whole) - as_float(time.part)


class Phase(NamedTuple):
    """A phase whose ends may lie between two counts, and the :func:`unit` of its length."""

    begin: Instant
    end: Instant
    unit: jax.Array


def phase(begin: Instant, end: Instant) -> Phase:
    """The phase from one time to another; one of length zero (or less) is over at its end."""
    start, stop = as_steps(begin.whole, end.whole)
    length = as_float(stop - start) + (as_float(end.part) - as_float(begin.part))
    return Phase(begin, end, unit(length))


def progress_in(count: ArrayLike, phase: Phase) -> Progress:
    """:func:`progress` of a phase whose ends may lie between two counts."""
    done, left = since(count, phase.begin), -since(count, phase.end)
    # A selection is one instruction; a minimum is several, as it hands on what is not a number.
    parts = (jnp.where(part > 0.0, part * phase.unit, 0.0) for part in (done, left))
    elapsed, remaining = (jnp.where(part < 1.0, part, 1.0) for part in parts)
    return Progress(jnp.where(left > 0.0, elapsed, 1.0), remaining)


def whole_periods(count: ArrayLike, period: ArrayLike) -> jax.Array:
    """``floor(count / period)``, exactly, and 0 where the period is not positive."""
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
    """``count // length`` of integers that are not negative; no processor divides many at once."""
    if count.dtype != jnp.int32:
        return count // length
    unit = 1.0 / as_float(length)
    # The first estimate is off by few hundred counts, and the second, which is a small integer in
    # the last digits of a float, by one period.
    first = (as_float(count) * unit).astype(count.dtype)
    rest = count - first * length
    shift = np.float32(1.5 * 2.0**23)
    digits = lax.bitcast_convert_type(as_float(rest) * unit + shift, jnp.int32)
    second = digits - shift.view(np.int32)
    rest = rest - second * length
    return first + second + (rest >= length).astype(count.dtype) - (rest < 0).astype(count.dtype)


def inverse(period: ArrayLike) -> jax.Array:
    """``1 / period``, and 0 where the period is not positive: no time ever passes then."""
    length = jnp.asarray(as_float(period))
    return jnp.where(length > 0.0, 1.0 / jnp.where(length > 0.0, length, 1.0), 0.0)


def blend(start: ArrayLike, end: ArrayLike, elapsed: jax.Array, remaining: jax.Array) -> jax.Array:
    """``start * remaining + end * elapsed``: the weighted mean that is exact at both ends."""
    # Either product could be fused with the sum, with another last digit. The bound, which is
    # above every number, makes sure that it is always the first.
    most = np.finfo(float_dtype()).max
    return as_float(start) * remaining + jnp.minimum(as_float(end) * elapsed, most)


# sin(pi / 2 * x) = x + x * q(x ** 2), minimax in the relative error (6e-9) under q(1) = 0.


def total(first: ArrayLike, *others: ArrayLike) -> Any:
    """The sum of some lengths; one of integers stops at the largest integer."""
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
