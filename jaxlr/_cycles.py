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

from jaxlr._intervals import by_interval
from jaxlr._numerics import (
    Double,
    Instant,
    as_float,
    as_steps,
    double,
    instant,
    inverse,
    largest,
    later,
    on_host,
    product,
    since,
    total,
)

__all__ = ["Cycle", "Length", "Table", "at_most", "by_cycle", "cycle_of", "cycle_table", "length"]

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
    whole, part = zip(*map(instant, steps), strict=True)
    return Length(total(*whole), double(sum(part)))


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
    number = jnp.where(unit.high > 0.0, number, jnp.zeros_like(number))
    return Cycle(number, _begin(number, length), _begin(number + 1, length))


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
    """When each cycle begins and how long it is, where they grow."""

    first: Length
    starts: Instant
    lengths: Instant


def cycle_table(first: ArrayLike, growth: ArrayLike) -> Table:
    """The cycles of which number ``i`` is ``first * growth ** i`` long; exact if all are whole."""
    return Table(length(first), *_instants(first, growth))


def _instants(first: Any, growth: Any) -> tuple[Instant, Instant]:
    if on_host(first, growth):
        with np.errstate(over="ignore"):
            powers = np.power(np.float64(growth), np.arange(_CYCLES))
            lengths = np.minimum(np.float64(first) * powers, 2.0**60)
        return instant(np.append(0.0, np.cumsum(lengths[:-1]))), instant(lengths)
    factors = jnp.full(_CYCLES, as_float(growth)).at[0].set(as_float(first))
    lengths = lax.associative_scan(lambda x, y: jnp.minimum(x * y, 2.0**60), factors)
    # Whole steps and parts are added up apart, so that no sum needs more digits than there are.
    whole = jnp.floor(lax.stop_gradient(lengths))
    rest = instant(jnp.cumsum(lengths - whole))
    far = 2.0**31 - 128.0  # The last float32 that an int32 can hold.
    sums = jnp.cumsum(jnp.minimum(whole, far).astype(rest.whole.dtype)) + rest.whole
    late = jnp.cumsum(whole) >= far
    ends = jnp.where(late, largest(sums.dtype), sums), jnp.where(late, 0.0, rest.part)
    starts = (jnp.append(jnp.zeros_like(end[:1]), end[:-1]) for end in ends)
    return Instant(*starts), instant(lengths)


def by_cycle(
    formula: Callable[[jax.Array, Cycle], Any], count: ArrayLike, growth: ArrayLike, table: Table
) -> Any:
    """Evaluates ``formula(count, cycle)``, each count with its cycle, where they grow.

    With a growth of 1 there may be more cycles than the table has; they are counted. For the rest
    see :func:`jaxlr._intervals.by_interval`.
    """
    (count,) = as_steps(count)
    starts, lengths = (Instant(*map(jnp.asarray, column)) for column in table[1:])
    numbers = jnp.arange(_CYCLES, dtype=count.dtype)

    def prepare(row: tuple[jax.Array, Instant, Instant]) -> Cycle:
        number, start, length = row
        return Cycle(number, start, later(start, length))

    def value(count: jax.Array, cycle: Cycle) -> Any:
        beyond = (as_float(growth) == 1.0) & (cycle.number == _CYCLES - 1)
        counted = cycle_of(count, table.first)
        return formula(
            count, jax.tree.map(lambda x, y: jnp.where(beyond, *as_steps(x, y)), counted, cycle)
        )

    others = jax.tree.map(lambda x: x[1:], starts)
    columns = numbers, starts, lengths
    return by_interval(value, others, count, columns, prepare=prepare, before_last=formula)


def at_most(number: jax.Array, cycles: ArrayLike | None) -> tuple[jax.Array, jax.Array]:
    """The number of a cycle, if there are only some the last one's, and whether all are over."""
    if cycles is None:
        return number, jnp.zeros_like(number, dtype=bool)
    number, cycles = as_steps(number, cycles)
    return jnp.minimum(number, cycles - 1), number >= cycles
