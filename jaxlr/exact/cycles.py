"""Finds the cycle that a count is in. Cycles may begin between two counts.

For cycles of equal length this is a division. For cycles that grow by a constant factor, the starts
are looked up in a table: a logarithm would have its rounding errors exactly at the counts where one
cycle ends and the next begins.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr.core.export import exported_tuple
from jaxlr.core.numbers import as_float, as_steps, exact, is_integer, namespace, on_host
from jaxlr.exact.doubles import Double, double, exponential, log, most_exponent, product
from jaxlr.exact.intervals import anywhere, by_interval, counts_before
from jaxlr.exact.time import Instant, instant, inverse, most_steps, offset_from, total, unit

__all__ = [
    "Cycle",
    "Entry",
    "Length",
    "Table",
    "as_instant",
    "at_most",
    "by_cycle",
    "cycle_of",
    "cycle_table",
    "length",
]

_CYCLES = 256
"""The most cycles that may differ in length; with a factor of 1.1 they span 2**31 steps."""


class Cycle(NamedTuple):
    """The cycle that a count is in."""

    number: jax.Array
    """The index of the cycle, from 0."""
    begin: Instant
    end: Instant


@exported_tuple
class Length(NamedTuple):
    """The length of a cycle: whole steps, plus at most half a step with 36 bits."""

    whole: Any
    part: Double


def length(*steps: ArrayLike) -> Length:
    """Returns the sum of some numbers of steps, as the length of a cycle."""
    if on_host(*steps):
        time = instant(sum(map(exact, steps)))
        return Length(time.whole, double(time.part))
    whole, part = zip(*map(instant, steps), strict=True)
    return Length(total(*whole), double(sum(part)))


def as_instant(length: Length) -> Instant:
    """Returns a length as an instant, counted from 0."""
    return Instant(length.whole, length.part.high + length.part.low)


def cycle_of(count: ArrayLike, length: Length) -> Cycle:
    """Returns the cycle that each count is in, if all cycles have the same length."""
    count, _ = as_steps(count, length.whole)
    unit = _inverse(length)
    main, rest = product(count, unit)
    half = jnp.floor(0.5 * main)  # Twice the product may overflow an integer; half of it cannot.
    # After subtracting a quarter, rounding down gives this cycle or the one before.
    rest = jnp.floor((main - 2.0 * half) + rest - 0.25)
    number = 2 * half.astype(count.dtype) + rest.astype(count.dtype)
    late = offset_from(count, _begin(number + 1, length)) >= 0.0
    number = number + late.astype(count.dtype)
    is_first = (unit.high <= 0.0) | (length.whole >= most_steps())  # No count reaches its end.
    number = jnp.where(is_first, jnp.zeros_like(number), number)
    ends = _begin(number + 1, length), as_instant(length)
    end = Instant(*(jnp.where(is_first, *as_steps(y, x)) for x, y in zip(*ends, strict=True)))
    return Cycle(number, _begin(number, length), end)


def _inverse(length: Length) -> Double:
    """Returns ``1 / length`` in two parts, or 0 if the length is not positive."""
    (whole,), (high, low) = as_steps(length.whole), length.part
    unit = double(inverse(as_float(whole) + (high + low)))
    main, rest = product(whole, unit)
    missing = ((1.0 - main) - unit.high * high) - (rest + unit.high * low + unit.low * (high + low))
    return Double(unit.high, unit.low + (unit.high + unit.low) * missing)


def _begin(number: jax.Array, length: Length) -> Instant:
    """Returns when a cycle begins, within 2**-36 steps per earlier cycle of fractional length."""
    number, whole = as_steps(number, length.whole)
    main, rest = product(number, length.part)
    steps, more = jnp.round(main), jnp.round(rest)
    main, rest = main - steps, rest - more
    last = jnp.round(main + rest)
    # The sum may wrap around, but then its difference from a nearby count wraps back.
    whole = number * whole + steps.astype(whole.dtype) + (more + last).astype(whole.dtype)
    return Instant(whole, (main - last) + rest)


@exported_tuple
class Table(NamedTuple):
    """Precomputed columns for cycles that grow, one entry per cycle."""

    first: Length
    """The length of the first cycle."""
    growth: Any
    """The ratio of the length of a cycle to the one before."""
    rate: Double
    """The logarithm of the factor between consecutive cycles."""
    ends: Instant
    lasts: Any
    """The last count of each cycle except the final one."""
    units: Any
    """The inverse of the length after the delay."""
    powers: Any
    """The accumulated factor of each cycle."""


class Entry(NamedTuple):
    """The row of a :class:`Table` for the cycle that a count is in."""

    cycle: Cycle
    unit: jax.Array
    power: jax.Array


def cycle_table(
    first: ArrayLike,
    growth: ArrayLike,
    factor: ArrayLike,
    cycles: ArrayLike | None = None,
    delay: ArrayLike = 0,
) -> Table:
    """Tabulates cycles in which cycle ``i`` has length ``first * growth ** i``.

    The table is exact if all lengths are whole.

    Args:
      first: the length of the first cycle.
      growth: the ratio of the length of a cycle to the one before.
      factor: the factor between consecutive cycles.
      cycles: the number of cycles after which the factor stays constant; None for no limit.
      delay: the number of steps at the start of each cycle that its ``unit`` leaves out.
    """
    ends = _ends(first, growth)
    starts = _starts(ends)
    whole, part = as_float(ends.whole - starts.whole), as_float(ends.part) - as_float(starts.part)
    return Table(
        length(first),
        as_float(growth),
        double(log(factor)),
        ends,
        counts_before(Instant(*(end[..., :-1] for end in ends))),
        unit(whole + part - _column(as_float(delay))),
        _powers(factor, cycles),
    )


def _column(number: Any) -> Any:
    """Adds an axis to a batch of numbers, so that it broadcasts against the cycles."""
    return number[..., None] if np.ndim(number) else number


def _ends(first: Any, growth: Any) -> Instant:
    """Returns the end of each cycle."""
    if on_host(first, growth):
        with np.errstate(over="ignore"):
            powers = _column(exact(growth)) ** np.arange(_CYCLES)
            lengths = np.minimum(_column(exact(first)) * powers, 2.0**60)
            return instant(np.cumsum(lengths, axis=-1))
    factors = jnp.full(_CYCLES, as_float(growth)).at[0].set(as_float(first))
    lengths = lax.associative_scan(lambda x, y: jnp.minimum(x * y, 2.0**60), factors)
    # Sum whole steps and fractions separately, so that neither sum loses precision.
    whole = jnp.floor(lax.stop_gradient(lengths))
    rest = instant(jnp.cumsum(lengths - whole))
    # A float sum this close to the largest integer may really be beyond it.
    late = jnp.cumsum(whole) >= most_steps() - 2.0**14
    sums = jnp.cumsum(jnp.where(late, 0.0, whole).astype(rest.whole.dtype)) + rest.whole
    end = instant(jnp.cumsum(lengths))
    return Instant(jnp.where(late, end.whole, sums), jnp.where(late, end.part, rest.part))


def _starts(ends: Instant) -> Instant:
    """Returns the start of each cycle, given the ends."""
    array = namespace(*ends)
    return Instant(*(array.concatenate([0 * end[..., :1], end[..., :-1]], axis=-1) for end in ends))


def _powers(factor: ArrayLike, cycles: ArrayLike | None) -> Any:
    """Returns the accumulated factor of each cycle."""
    if on_host(factor, cycles):
        last: Any = _CYCLES if cycles is None else _column(np.asarray(cycles) - 1)
        numbers = np.minimum(np.arange(_CYCLES), last)
        return np.exp(np.minimum(numbers * _column(log(factor)), most_exponent()))
    return exponential(at_most(jnp.arange(_CYCLES), cycles)[0], double(log(factor)))


def by_cycle(
    formula: Callable[[jax.Array, Entry], Any],
    count: ArrayLike,
    table: Table,
    cycles: ArrayLike | None = None,
) -> Any:
    """Evaluates ``formula(count, entry)`` with the table entry of the cycle that each count is in.

    If the growth is 1, cycles beyond the end of the table are found by division. See also
    :func:`jaxlr.exact.intervals.by_interval`.
    """
    (count,) = as_steps(count)
    table = jax.tree.map(jnp.asarray, table)
    numbers = jnp.arange(_CYCLES, dtype=count.dtype)
    rows = Entry(Cycle(numbers, _starts(table.ends), table.ends), table.units, table.powers)

    if is_integer(count):
        value = by_interval(formula, table.lasts, count, rows, side="left")
    else:
        value = by_interval(formula, jax.tree.map(lambda x: x[:-1], table.ends), count, rows)

    def counted() -> Any:
        late = offset_from(count, jax.tree.map(lambda x: x[-2], table.ends)) >= 0.0
        cycle = cycle_of(jnp.where(late, count, jnp.zeros_like(count)), table.first)
        power = exponential(at_most(cycle.number, cycles)[0], table.rate)
        return jnp.where(late, formula(count, Entry(cycle, table.units[-1], power)), value)

    late = offset_from(jnp.max(count, initial=0), jax.tree.map(lambda x: x[-2], table.ends)) >= 0.0
    beyond = late & (table.growth == 1.0)
    return lax.cond(anywhere(beyond), counted, lambda: value)


def at_most(number: jax.Array, cycles: ArrayLike | None) -> tuple[jax.Array, jax.Array]:
    """Limits the index of a cycle to the last one; also returns whether all cycles are over."""
    if cycles is None:
        return number, jnp.zeros_like(number, dtype=bool)
    number, cycles = as_steps(number, cycles)
    return jnp.minimum(number, cycles - 1), number >= cycles
