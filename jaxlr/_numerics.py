"""The few exact building blocks that every formula is made of.

A schedule in float32 loses its digits in three places, and each has one remedy here.

* *Fractions of a phase.* ``1 - count / steps`` cancels near the end, and ``count`` itself has more
  digits than a float32 from 2**24 on. :func:`progress` subtracts while the numbers are still
  integers and hands out the elapsed and the remaining fraction, so that neither end loses digits.
* *Cosines.* ``1 + cos(pi * x)`` cancels near the end. :func:`half_cosine` is the square of the sine
  of half the angle, by a short polynomial.
* *Exponentials.* A rate near 1 is rounded before its logarithm is taken, and a long exponent is
  rounded before it is raised. :func:`log` works in double precision wherever the rate is a
  plain number, and :func:`exponential` multiplies count and slope in two parts.

Powers, which lose them in the same places, have a file of their own: :mod:`jaxlr._powers`.

XLA divides by a scalar through its reciprocal, and regroups products of constants, where it sees
fit. These functions multiply each count once, by a scalar that is ready; so compiled and uncompiled
code agree to the last bit (a tanh to one unit in it), a scalar count and an array of counts to one
unit in it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

__all__ = [
    "Double",
    "Instant",
    "Phase",
    "Progress",
    "as_count",
    "as_float",
    "as_number",
    "as_steps",
    "blend",
    "divide",
    "double",
    "either_progress",
    "exponential",
    "float_dtype",
    "half_cosine",
    "half_cosines",
    "host_count",
    "instant",
    "inverse",
    "is_integer",
    "known",
    "largest",
    "later",
    "leading_digits",
    "log",
    "most_exponent",
    "most_steps",
    "on_host",
    "per_step",
    "phase",
    "product",
    "progress",
    "progress_in",
    "since",
    "sine",
    "stack",
    "total",
    "unit",
    "whole_periods",
]


def on_host(*values: Any) -> bool:
    """Tells whether all values are plain Python or NumPy numbers, so that NumPy may compute."""
    return not any(isinstance(value, jax.Array) for value in values)


def known(value: Any) -> bool:
    """Tells whether all numbers in a pytree can be looked at now: none is traced or elsewhere."""
    return not any(
        isinstance(leaf, jax.core.Tracer)
        or (isinstance(leaf, jax.Array) and not leaf.is_fully_addressable)
        for leaf in jax.tree.leaves(value)
    )


def float_dtype() -> Any:
    """The dtype of every value: float32, or float64 under ``jax_enable_x64``."""
    return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32  # type: ignore[attr-defined]


def _int_dtype() -> Any:
    return jnp.int64 if jax.config.jax_enable_x64 else jnp.int32  # type: ignore[attr-defined]


def is_integer(value: Any) -> bool:
    """Tells whether a number is an integer by its type."""
    return bool(jnp.issubdtype(jnp.result_type(value), jnp.integer))


def as_float(value: ArrayLike) -> Any:
    """Converts a number to the dtype of values; stays in NumPy for host numbers."""
    if on_host(value):
        return np.asarray(value, float_dtype())[()]
    return jnp.asarray(value).astype(float_dtype())


def as_number(value: ArrayLike) -> Any:
    """Converts a number to int32 if it is an integer that fits, else to float32.

    Under ``jax_enable_x64`` to int64 and float64. Host numbers stay in NumPy.
    """
    dtype = _int_dtype()
    if on_host(value):
        array = np.asarray(value)
        if array.dtype.kind in "iub":
            limits = np.iinfo(dtype)
            if array.size == 0 or (limits.min <= array.min() and array.max() <= limits.max):
                return array.astype(dtype)[()]
        return array.astype(float_dtype())[()]
    traced = jnp.asarray(value)
    if traced.dtype == jnp.bool_:
        return traced.astype(dtype)
    if not is_integer(traced):
        return traced.astype(float_dtype())
    # An unsigned count, such as the step of `nnx.Optimizer`, stops at the largest signed one.
    most = min(np.iinfo(traced.dtype).max, np.iinfo(dtype).max)
    return jnp.minimum(traced, np.asarray(most, traced.dtype)).astype(dtype)


def host_count(count: Any) -> Any:
    """Turns counts of the host that no int32 can hold into floats, which JAX would not."""
    if isinstance(count, int | np.integer | np.ndarray) and not isinstance(count, bool):
        return as_number(count)
    if count is None or isinstance(count, list | tuple | str | complex):
        raise TypeError(
            f"`count` must be a number or an array of numbers, got {count!r}. np.asarray makes one "
            "of a list."
        )
    return count


def as_count(count: ArrayLike) -> jax.Array:
    """Converts a count to int32 or float32, and a negative one to 0."""
    number = jnp.asarray(as_number(count))
    return jnp.maximum(number, jnp.zeros((), number.dtype))


def as_steps(*values: ArrayLike) -> tuple[jax.Array, ...]:
    """Brings counts and lengths to one dtype: integers if all are, else floats."""
    numbers = [jnp.asarray(as_number(value)) for value in values]
    if all(map(is_integer, numbers)):
        return tuple(numbers)
    return tuple(number.astype(float_dtype()) for number in numbers)


def largest(dtype: Any) -> Any:
    """The largest finite number of a dtype, as a scalar of it."""
    limits = np.iinfo if jnp.issubdtype(dtype, jnp.integer) else np.finfo
    return np.asarray(limits(dtype).max, dtype)[()]


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
    return _array(steps).where(unit * steps < 1.0, next_unit, unit)


def unit(length: ArrayLike) -> Any:
    """``1 / length`` in the same way; for no length 2**100, as it is over once any time passed."""
    array, steps = _array(length), as_float(length)
    positive = steps > 0.0
    return array.where(positive, _unit(array.where(positive, steps, 1.0)), 2.0**100)


def _array(value: ArrayLike) -> Any:
    """What computes with a value: NumPy with one of the host, else JAX."""
    return np if on_host(value) else jnp


def _fractions(done: jax.Array, left: jax.Array, unit: jax.Array) -> Progress:
    return Progress(*(jnp.minimum(as_float(part) * unit, 1.0) for part in (done, left)))


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
    exact: Any
    array: Any
    if on_host(time):
        exact, array, rounding, dtype = np.asarray(time, np.float64), np, 1e-9, np.int64
    elif is_integer(time):
        return Instant(time, jnp.zeros(jnp.shape(time), float_dtype()))
    else:
        exact, array, rounding, dtype = jnp.asarray(as_float(time)), jnp, 1e-6, _int_dtype()
    known = exact if on_host(time) else lax.stop_gradient(exact)
    whole = array.round(known)
    missed = known - whole
    is_whole = array.abs(missed) <= rounding * array.maximum(known, 1.0)
    part = (exact - known) + array.where(is_whole, 0.0, missed)
    most = most_steps()
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
_SINE = (
    0.5707963109016418,
    -0.6459636688232422,
    0.07968947291374207,
    -0.0046734013594686985,
    0.0001512844319222495,
)


def sine(x: jax.Array) -> jax.Array:
    r"""A quarter of a sine wave: :math:`\sin(\pi x / 2)` for x in [0, 1]; both ends are exact."""
    if x.dtype == jnp.float64:
        return jnp.where(x < 1.0, jnp.sin(0.5 * jnp.pi * x), 1.0)
    square = x * x
    rest = jnp.full_like(x, _SINE[-1])
    for coefficient in reversed(_SINE[:-1]):
        rest = rest * square + coefficient
    return x + x * rest


def half_cosine(x: jax.Array) -> jax.Array:
    r"""Half a cosine wave: :math:`\sin^2(\pi x / 2) = (1 - \cos \pi x) / 2` for x in [0, 1].

    Called on the remaining fraction it falls from 1 to 0, called on the elapsed one it rises. The
    relative error is at most 2.2e-7 in float32, and both ends are exact.
    """
    wave = sine(x)
    return wave * wave


def half_cosines(fraction: Progress) -> Progress:
    """:func:`half_cosine` of both fractions, of which the smaller has all digits of the other."""
    early = fraction.elapsed < fraction.remaining
    less = half_cosine(jnp.where(early, fraction.elapsed, fraction.remaining))
    more = 1.0 - less
    return Progress(jnp.where(early, less, more), jnp.where(early, more, less))


def divide(x: ArrayLike, y: ArrayLike) -> Any:
    """``x / y`` for positive y, in double precision for numbers of the host."""
    if on_host(x, y):
        return np.asarray(x, np.float64) / np.asarray(y, np.float64)
    return as_float(x) / jnp.maximum(as_float(y), np.finfo(float_dtype()).tiny)


def stack(*numbers: ArrayLike) -> Any:
    """One array of some numbers; integers if all are, and of the host if all are."""
    if on_host(*numbers):
        return np.stack(numbers)
    return jnp.stack(as_steps(*numbers))


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
    exact = np.asarray(x, np.float64) if on_host(x) else as_float(x)
    high = leading_digits(as_float(x))
    return Double(high, as_float(exact - high))


def log(x: ArrayLike) -> Any:
    """The natural logarithm, in double precision for a number of the host.

    A traced number below the smallest normal float counts as that one, so the result is finite.
    """
    if on_host(x):
        return np.log(np.asarray(x, np.float64))
    return jnp.log(jnp.maximum(as_float(x), np.finfo(float_dtype()).tiny))


def per_step(amount: ArrayLike, steps: ArrayLike) -> Double:
    """``amount / steps`` in two parts; 0 where ``steps`` is not positive."""
    if on_host(amount, steps):
        length = np.asarray(steps, np.float64)
        positive = length > 0.0
        return double(np.where(positive, amount, 0.0) / np.where(positive, length, 1.0))
    length = as_float(steps)
    positive = length > 0.0
    return double(jnp.where(positive, as_float(amount) / jnp.where(positive, length, 1.0), 0.0))


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
