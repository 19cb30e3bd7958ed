"""Which of some intervals a count lies in, and a formula of what is known there.

A schedule of many pieces looks up the numbers of its piece. For the many counts of a curve, that
would cost more than all else. But counts that follow one another lie in few pieces: a block of them
shares one search, and each count is compared only with the boundaries within its block.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_batching import custom_vmap
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float, as_number, as_steps, is_integer, largest, namespace
from jaxlr.exact.time import Instant

__all__ = ["anywhere", "by_interval", "counts_before", "entry_at", "interval"]

Side = Literal["right", "left"]

_FEW = (5, 20)
"""Comparing a count with so many boundaries is faster than a search; with 5, much faster."""

_BLOCK = 500
"""So many counts share a search. With fewer than 8 blocks, that is not worth its compilation."""


def by_interval(
    formula: Callable[[jax.Array, Any], Any],
    boundaries: ArrayLike | Instant,
    count: ArrayLike,
    columns: Any,
    side: Side = "right",
) -> Any:
    """Evaluates ``formula(count, entries)``, each count with the entries of its interval.

    Args:
      formula: computes a value, or a pytree of some, for each count, elementwise.
      boundaries: the sorted boundaries, of shape ``[n]``. They may lie between two counts.
      count: the counts, of any shape.
      columns: a pytree of arrays of shape ``[n + 1]``. Its entries are those of the interval that
        :func:`interval` says.
      side: as for :func:`interval`.
    """
    if isinstance(boundaries, Instant):
        limits, side = _limits(boundaries, count)
    else:
        limits = boundaries
    limits, count = as_steps(limits, count)
    number = limits.size
    columns = jax.tree.map(jnp.asarray, columns)

    def searched(count: jax.Array) -> Any:
        return formula(count, _rows(columns, interval(limits, count, side)))

    if number <= _FEW[-1]:
        return formula(count, _compared(count, limits, columns, side))
    if count.size < 8 * _BLOCK:
        return searched(count)

    blocks = jnp.pad(count.ravel(), (0, -count.size % _BLOCK), mode="edge").reshape(-1, _BLOCK)
    first = interval(limits, jnp.min(blocks, axis=1), side)
    last = interval(limits, jnp.max(blocks, axis=1), side)

    def compared(few: int) -> Any:
        """The values where no more boundaries than these are within a block."""
        nearby = first[:, None] + jnp.arange(few + 1)[None]
        ends = _rows(limits, jnp.minimum(nearby[:, :-1], number - 1))
        entries = _rows(columns, jnp.minimum(nearby, number))
        ends, entries = jax.tree.map(lambda x: x[:, None], (ends, entries))
        return formula(blocks, _compared(blocks, ends, entries, side))

    # Searching for every count takes much memory, so the last way goes through the blocks in turn.
    ways = [functools.partial(compared, few) for few in _FEW]
    way = sum(anywhere(last - first > few).astype(int) for few in _FEW)
    values = lax.switch(way, [*ways, lambda: lax.map(searched, blocks)])
    return jax.tree.map(lambda x: x.ravel()[: count.size].reshape(count.shape), values)


def interval(boundaries: ArrayLike, count: ArrayLike, side: Side = "right") -> jax.Array:
    """How many of the sorted boundaries lie at or before each count; on the left, before it."""
    boundaries, count = as_steps(boundaries, count)
    number = boundaries.shape[-1]
    if number <= 32:
        return jnp.searchsorted(boundaries, count, side=side, method="compare_all")
    if number > 1024:
        return jnp.searchsorted(boundaries, count, side=side, method="scan_unrolled")
    # Of every so many the last, and then those between two of them.
    width = math.isqrt(number) + 1
    milestones = jnp.expand_dims(boundaries[width - 1 :: width], tuple(range(count.ndim)))
    begin = width * _number_passed(count, milestones, side)
    begin = jnp.minimum(begin, number - width)
    near = jax.vmap(lambda begin: lax.dynamic_slice_in_dim(boundaries, begin, width))(begin.ravel())
    return begin + _number_passed(count, near.reshape(*count.shape, width), side)


def entry_at(index: jax.Array, column: jax.Array) -> jax.Array:
    """``column[index]``, for an index from 0 on that there is; one index if the column has rows."""
    if len(column) > _FEW[-1]:
        return _rows(column, index)
    entry = jnp.broadcast_to(column[0], (*index.shape, *column.shape[1:]))
    for place in range(1, len(column)):
        entry = jnp.where(index == place, column[place], entry)
    return entry


def _number_passed(count: jax.Array, boundaries: jax.Array, side: Side) -> jax.Array:
    return jnp.sum(_passes(count[..., None], boundaries, side), axis=-1, dtype=jnp.int32)


def _limits(times: Instant, count: ArrayLike) -> tuple[Any, Side]:
    """Boundaries of the given kind of counts, and the side on which they lie of these times."""
    if is_integer(as_number(count)):
        return counts_before(times), "left"
    return as_float(times.whole) + as_float(times.part), "right"


def counts_before(times: Instant) -> Any:
    """The last whole count before each of some times."""
    whole, part = as_number(times.whole), as_float(times.part)
    array = namespace(whole, part)
    most = largest(whole.dtype)
    # A traced time has no digits to tell the largest integer from what is beyond it.
    never = (whole == most) & (part > 0.0 if array is np else part >= 0.0)
    return array.where(never, most, array.where(part > 0.0, whole, whole - 1))


def _rows(columns: Any, index: jax.Array) -> Any:
    """The entries at places that there are."""
    return jax.tree.map(
        lambda x: x.at[index].get(mode="promise_in_bounds", wrap_negative_indices=False), columns
    )


def _passes(count: jax.Array, boundary: jax.Array, side: Side) -> jax.Array:
    return count >= boundary if side == "right" else count > boundary


def _compared(count: jax.Array, boundaries: jax.Array, columns: Any, side: Side) -> Any:
    """The entries after the last boundary that each count has passed: a bisection of selections."""

    def between(first: int, last: int) -> Any:
        if first == last:
            return jax.tree.map(
                lambda column: jnp.broadcast_to(column[..., first], count.shape), columns
            )
        middle = (first + last + 1) // 2
        boundary = boundaries[..., middle - 1]
        choose = functools.partial(jnp.where, _passes(count, boundary, side))
        return jax.tree.map(choose, between(middle, last), between(first, middle - 1))

    return between(0, boundaries.shape[-1])


@custom_vmap
def anywhere(condition: jax.Array) -> jax.Array:
    """Whether a condition holds anywhere: in any member, where it is called for a batch.

    With an answer for each member, ``jax.vmap`` would turn a choice of one way into all ways and a
    selection.
    """
    return jnp.any(condition)


@anywhere.def_vmap
def _(size: int, batched: Any, condition: jax.Array) -> Any:
    return anywhere(condition), False
