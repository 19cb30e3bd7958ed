"""Cycles of which each is longer than the one before by the same factor: which one a count is in.

The first is ``first`` steps long and number ``i`` is ``first * growth ** i``, so a cycle may begin
between two counts. All begins are in a table, since a logarithm would be rounded at just the counts
where one cycle passes into the next. With a growth of 1 there may be any number of cycles.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr._numerics import (
    Instant,
    as_float,
    as_steps,
    instant,
    interval,
    largest,
    on_host,
    whole_periods,
)

__all__ = ["Cycle", "cycle_at", "cycle_table"]

_CYCLES = 256
"""How many cycles of growing length there may be; with the factor 1.1 they last 2**31 steps."""


class Cycle(NamedTuple):
    """Where a count is in its cycle.

    Attributes:
      number: the number of the cycle, from 0.
      own: the count since the whole step in or at which the cycle begins.
      begin: how far into that step it begins.
      length: its length, in whole steps and a part of one.
    """

    number: jax.Array
    own: jax.Array
    begin: jax.Array
    length: Instant


def cycle_table(first: ArrayLike, growth: ArrayLike) -> tuple[Any, ...]:
    """When each cycle begins and how long it is; exact if all are whole steps."""
    starts, lengths = _instants(first, growth)
    return (*starts, *lengths)


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


def cycle_at(count: ArrayLike, first: ArrayLike, growth: ArrayLike, table: Any) -> Cycle:
    """Finds the cycle that each count is in, given the table of :func:`cycle_table`."""
    starts, shifts, lengths, parts = map(jnp.asarray, table)
    count, first = as_steps(count, first)
    even = as_float(growth) == 1.0
    repeats = jnp.where(even, whole_periods(count, first), jnp.zeros_like(count))
    own, starts = as_steps(count - repeats * first, starts)

    # A start that no integer can hold is stored as the largest, and never comes.
    current = interval(starts, jnp.minimum(own, largest(own.dtype) - 1)) - 1
    early = as_float(own - starts[current]) < as_float(shifts[current])
    current = jnp.maximum(current - early.astype(current.dtype), 0)

    own, length = as_steps(own - starts[current], lengths[current])
    number = repeats + current.astype(repeats.dtype)
    return Cycle(number, own, as_float(shifts[current]), Instant(length, as_float(parts[current])))
