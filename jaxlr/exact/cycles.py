"""Cycles that follow one another, which may begin between two counts: which one a count is in.

Cycles of one length are counted. Where each is longer than the one before by the same factor, all
begins are in a table, since a logarithm would be rounded at just the counts where one cycle passes
into the next.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float, as_steps, exact, is_integer, namespace, on_host
from jaxlr.exact.doubles import Double, double, exponential, log, most_exponent, product
from jaxlr.exact.intervals import anywhere, by_interval, counts_before
from jaxlr.exact.time import Instant, instant, inverse, most_steps, since, total, unit

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
"""How many cycles of growing length there may be; with the factor 1.1 they last 2**31 steps."""


class Cycle(NamedTuple):
    """The cycle that a count is in."""

    number: jax.Array
    """The number of the cycle, from 0."""
    begin: Instant
    end: Instant


class Length(NamedTuple):
    """The length of a cycle: whole steps, and at most half of one with 36 binary digits."""

    whole: Any
    part: Double


def length(*steps: ArrayLike) -> Length:
    """The sum of some numbers of steps, as the length of a cycle."""
    if on_host(*steps):
        time = instant(sum(map(exact, steps)))
        return Length(time.whole, double(time.part))
    whole, part = zip(*map(instant, steps), strict=True)
    return Length(total(*whole), double(sum(part)))


def as_instant(length: Length) -> Instant:
    """The end of a first cycle of this length."""
    return Instant(length.whole, length.part.high + length.part.low)


def cycle_of(count: ArrayLike, length: Length) -> Cycle:
    """Finds the cycle that each count is in where all have the same length."""
    count, _ = as_steps(count, length.whole)
    unit = _inverse(length)
    main, rest = product(count, unit)
    half = jnp.floor(0.5 * main)  # Twice as much may be more than an integer holds; the sum is not.
    # A quarter less than what was rounded is in this cycle or in the one before.
    rest = jnp.floor((main - 2.0 * half) + rest - 0.25)
    number = 2 * half.astype(count.dtype) + rest.astype(count.dtype)
    late = since(count, _begin(number + 1, length)) >= 0.0
    number = number + late.astype(count.dtype)
    is_first = (unit.high <= 0.0) | (length.whole >= most_steps())  # It ends beyond every count.
    number = jnp.where(is_first, jnp.zeros_like(number), number)
    ends = _begin(number + 1, length), as_instant(length)
    end = Instant(*(jnp.where(is_first, *as_steps(y, x)) for x, y in zip(*ends, strict=True)))
    return Cycle(number, _begin(number, length), end)


def _inverse(length: Length) -> Double:
    """``1 / length`` in two parts, and 0 where the length is not positive."""
    (whole,), (high, low) = as_steps(length.whole), length.part
    unit = double(inverse(as_float(whole) + (high + low)))
    main, rest = product(whole, unit)
    missing = ((1.0 - main) - unit.high * high) - (rest + unit.high * low + unit.low * (high + low))
    return Double(unit.high, unit.low + (unit.high + unit.low) * missing)


def _begin(number: jax.Array, length: Length) -> Instant:
    """When a cycle begins, within 2**-36 of a step for each one before it that is not whole."""
    number, whole = as_steps(number, length.whole)
    main, rest = product(number, length.part)
    steps, more = jnp.round(main), jnp.round(rest)
    main, rest = main - steps, rest - more
    last = jnp.round(main + rest)
    # Beyond every integer the sum wraps around, and so does its difference from a count nearby.
    whole = number * whole + steps.astype(whole.dtype) + (more + last).astype(whole.dtype)
    return Instant(whole, (main - last) + rest)


class Table(NamedTuple):
    """What is known of each of some cycles that grow."""

    first: Length
    """The length of the first one."""
    growth: Any
    """How many times as long each is as the one before."""
    rate: Double
    """The logarithm of what is multiplied from one to the next."""
    ends: Instant
    lasts: Any
    """The last count in each but the last."""
    units: Any
    """``1 / length`` of the part after the delay."""
    powers: Any
    """What has been multiplied."""


class Entry(NamedTuple):
    """What is known of the cycle that a count is in."""

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
    """The cycles of which number ``i`` is ``first * growth ** i`` long; exact if all are whole.

    Args:
      first: the length of the first one.
      growth: the ratio of two lengths, at least 1.
      factor: what is multiplied from one to the next.
      cycles: after so many of them nothing is multiplied any more; None is for ever.
      delay: the number of steps at the start of each that its ``unit`` leaves out.
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
    """A number beside all cycles, which have the last axis."""
    return number[..., None] if np.ndim(number) else number


def _ends(first: Any, growth: Any) -> Instant:
    if on_host(first, growth):
        with np.errstate(over="ignore"):
            powers = _column(exact(growth)) ** np.arange(_CYCLES)
            lengths = np.minimum(_column(exact(first)) * powers, 2.0**60)
            return instant(np.cumsum(lengths, axis=-1))
    factors = jnp.full(_CYCLES, as_float(growth)).at[0].set(as_float(first))
    lengths = lax.associative_scan(lambda x, y: jnp.minimum(x * y, 2.0**60), factors)
    # Whole steps and parts are added up apart, so that no sum needs more digits than there are.
    whole = jnp.floor(lax.stop_gradient(lengths))
    rest = instant(jnp.cumsum(lengths - whole))
    # A sum of floats that comes so near to the largest integer may stand for one beyond it.
    late = jnp.cumsum(whole) >= most_steps() - 2.0**14
    sums = jnp.cumsum(jnp.where(late, 0.0, whole).astype(rest.whole.dtype)) + rest.whole
    end = instant(jnp.cumsum(lengths))
    return Instant(jnp.where(late, end.whole, sums), jnp.where(late, end.part, rest.part))


def _starts(ends: Instant) -> Instant:
    array = namespace(*ends)
    return Instant(*(array.concatenate([0 * end[..., :1], end[..., :-1]], axis=-1) for end in ends))


def _powers(factor: ArrayLike, cycles: ArrayLike | None) -> Any:
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
    """Evaluates ``formula(count, entry)``, each count with what is known of its cycle.

    With a growth of 1 there may be more cycles than the table has; they are counted. For the rest
    see :func:`jaxlr.exact.intervals.by_interval`.
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
        late = since(count, jax.tree.map(lambda x: x[-2], table.ends)) >= 0.0
        cycle = cycle_of(jnp.where(late, count, jnp.zeros_like(count)), table.first)
        power = exponential(at_most(cycle.number, cycles)[0], table.rate)
        return jnp.where(late, formula(count, Entry(cycle, table.units[-1], power)), value)

    late = since(jnp.max(count, initial=0), jax.tree.map(lambda x: x[-2], table.ends)) >= 0.0
    beyond = late & (table.growth == 1.0)
    return lax.cond(anywhere(beyond), counted, lambda: value)


def at_most(number: jax.Array, cycles: ArrayLike | None) -> tuple[jax.Array, jax.Array]:
    """The number of a cycle, if there are only some the last one's, and whether all are over."""
    if cycles is None:
        return number, jnp.zeros_like(number, dtype=bool)
    number, cycles = as_steps(number, cycles)
    return jnp.minimum(number, cycles - 1), number >= cycles
