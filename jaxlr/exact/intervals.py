"""Which of some intervals a count lies in, and a formula of what is known there.

A schedule of many pieces looks up the numbers of its piece. For the many counts of a curve, that
would cost more than all else; but counts that follow one another lie in few pieces, which are
looked up once for hundreds of counts.
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

from jaxlr.core.numbers import as_float, as_number, as_steps, is_integer, largest, on_host
from jaxlr.exact.time import Instant

__all__ = ["by_interval", "counts_before", "entry_at", "interval"]

Side = Literal["right", "left"]

_FEW, _SOME = 16, 128
"""Up to so many boundaries (or entries, for many counts) comparing with all beats bisection."""

_LONG = 4096
"""From so many counts on, sharing what is looked up is worth the longer compilation."""

_BLOCK = 500
"""How many counts at least share it."""

_WITHIN = (5, 19, 96)
"""So many boundaries within a block of counts are compared with: the fewest that suffice."""

_MOST_BYTES, _MOST_AT_ONCE = 550, 150
"""So many bytes a count may have to choose from; and if all blocks are evaluated at a time.

The choices of a whole batch should take less than 32 MB: an allocation of more is new to the
process at every call, and its first touch takes longer than the values.
"""


def by_interval(
    formula: Callable[[jax.Array, Any], Any],
    boundaries: ArrayLike | Instant,
    count: ArrayLike,
    columns: Any,
    *,
    side: Side = "right",
    prepare: Callable[[Any], Any] = lambda entries: entries,
    before_last: Callable[[jax.Array, Any], Any] | None = None,
) -> Any:
    """Evaluates ``formula(count, prepare(entries))``, each count with the entries of its interval.

    Args:
      formula: computes a value, or a pytree of some, for each count, elementwise.
      boundaries: the sorted boundaries, of shape ``[n]``. They may lie between two counts.
      count: the counts, of any shape.
      columns: a pytree of arrays of shape ``[n + 1]``. Its entries are those of the interval that
        :func:`interval` says.
      side: as for :func:`interval`.
      prepare: computes elementwise what depends on the entries alone; where it can be, that is
        done once for many counts.
      before_last: a cheaper formula, that holds for counts before the last boundary.
    """
    if isinstance(boundaries, Instant):
        limits, side = _limits(boundaries, count)
    else:
        limits = boundaries
    boundaries, count = as_steps(limits, count)
    columns = jax.tree.map(jnp.asarray, columns)

    def value_of(count: jax.Array) -> Any:
        index = interval(boundaries, count, side)
        return formula(count, prepare(_rows(columns, index)))

    entries = boundaries.size * len(jax.tree.leaves(columns))
    if boundaries.size <= _FEW or (count.ndim and count.size < _LONG and entries <= _SOME):
        return formula(count, _compared(count, boundaries, prepare(columns), side))
    if count.size < _LONG:
        return value_of(count)

    blocks = _blocks(count.ravel())
    least, most = jnp.min(blocks, axis=1), jnp.max(blocks, axis=1)
    first = interval(boundaries, least, side)

    def has_more_than(within: int) -> jax.Array:
        """Whether each block passes the boundary after so many."""
        after = _rows(boundaries, jnp.minimum(first + within, boundaries.size - 1))
        return (first + within < boundaries.size) & _passes(most, after, side)

    def near(within: int, blocks: jax.Array, first: jax.Array) -> Any:
        """The values where there are at most so many boundaries within each block."""
        places = jnp.minimum(first[:, None] + jnp.arange(within + 1)[None], boundaries.size)
        nearby = prepare(_rows(columns, places))
        # Where there are no more boundaries, the last entry comes after the last one again.
        ends = _rows(boundaries, jnp.minimum(places[:, :-1], boundaries.size - 1))
        ends, nearby = jax.tree.map(lambda x: x[:, None], (ends, nearby))
        return (before_last or formula)(blocks, _compared(blocks, ends, nearby, side))

    def values_of(within: int) -> Callable[[], Any]:
        if within * size <= _MOST_AT_ONCE:
            return lambda: near(within, blocks, first)
        return lambda: _row_by_row(lambda *rows: near(within, *rows), blocks, first)

    def all_values() -> Any:
        longest = min(max(32, blocks.size // 512), blocks.shape[1])
        length = max(n for n in range(1, longest + 1) if blocks.shape[1] % n == 0)
        values = _row_by_row(value_of, blocks.reshape(-1, length))
        return jax.tree.map(lambda x: x.reshape(blocks.shape), values)

    size = sum(column.dtype.itemsize for column in jax.tree.leaves(columns))
    widths = [within for within in _WITHIN if within * size <= _MOST_BYTES]
    method = sum(has_more_than(within).astype(int) for within in widths)
    if before_last is not None:
        method = jnp.where(_passes(most, boundaries[-1], side), len(widths), method)
    values = lax.switch(_most(method), [*map(values_of, widths), all_values])
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
    """``column[index]``, for an index from 0 on that there is."""
    if column.size > _FEW:
        return _rows(column, index)
    value: jax.Array = _compared(index, jnp.arange(1, column.size), column, "right")
    return value


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
    array: Any = np if on_host(whole, part) else jnp
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


def _row_by_row(function: Callable[..., Any], *rows: jax.Array) -> Any:
    """A function of rows, one after another, so that little else is in memory beside the result."""

    def row(index: ArrayLike) -> Any:
        return function(*(lax.dynamic_slice_in_dim(x, index, 1) for x in rows))

    def write(index: jax.Array, results: Any) -> Any:
        return jax.tree.map(
            lambda x, y: lax.dynamic_update_slice_in_dim(x, y, index, 0), results, row(index)
        )

    number = len(rows[0])
    empty = jax.tree.map(
        lambda x: jnp.zeros((number, *x.shape[1:]), x.dtype), jax.eval_shape(row, 0)
    )
    return lax.fori_loop(0, number, write, empty)


def _blocks(counts: jax.Array) -> jax.Array:
    """Counts side by side in blocks of one length; those that are missing are as the last."""
    # A divisor of their number leaves nothing to fill up, and nothing to cut off again. It should
    # have short divisors itself.
    lengths = range(_BLOCK, 2 * _BLOCK, 4)
    length = next((n for n in lengths if counts.size % n == 0), _BLOCK)
    return jnp.pad(counts, (0, -counts.size % length), mode="edge").reshape(-1, length)


@custom_vmap
def _most(numbers: jax.Array) -> jax.Array:
    """The largest of some numbers: of all members, where it is called for a batch."""
    return jnp.max(numbers)


@_most.def_vmap
def _(size: int, batched: Any, numbers: jax.Array) -> Any:
    return _most(numbers), False
