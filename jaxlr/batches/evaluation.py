"""The values of many schedules at many counts: as fast as memory is written, and in parts.

:func:`evaluate` returns a table, over all local devices, or writes it to a file. :func:`blocks`
hands out its parts, for a table that fits nowhere.

>>> import jaxlr, numpy as np
>>> batch = jaxlr.grid(jaxlr.linear_schedule, init_value=[1.0, 2.0], end_value=0.0,
...                    transition_steps=4)
>>> jaxlr.evaluate(batch, np.arange(5))
Array([[1.  , 0.75, 0.5 , 0.25, 0.  ],
       [2.  , 1.5 , 1.  , 0.5 , 0.  ]], dtype=float32)
>>> largest = 0.0
>>> for block in jaxlr.batches.blocks(batch, np.arange(1000)):
...     largest = max(largest, float(block.values.max()))
>>> largest
2.0
"""

import functools
import math
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding
from jax.typing import ArrayLike

from jaxlr.batches.batch import Batch, stack
from jaxlr.core.numbers import float_dtype, host_count
from jaxlr.core.schedule import Schedule
from jaxlr.files import write_whole

__all__ = ["Block", "blocks", "evaluate"]

_BLOCK_BYTES = 2**25

_MOST_FUSED, _LONG = 8, 512
"""Up to so many structures, or fewer counts, evaluating all at once is faster on one processor."""


def evaluate(
    schedules: Schedule | Batch,
    counts: ArrayLike,
    *,
    path: str | os.PathLike[str] | None = None,
    out: jax.Array | None = None,
    devices: Sequence[jax.Device] | None = None,
    progress: bool = True,
) -> jax.Array | np.memmap[Any, Any]:
    """Evaluates a schedule, or a batch of them, at many counts.

    The values are those of ``schedules(counts)``, to the last bit; in inverse square roots and some
    compositions, wide vectors may round otherwise, by a unit or two in it. It is faster on large
    tables, since it is compiled for them.

    Args:
      schedules: a schedule or a batch of K.
      counts: the counts, of any shape.
      path: a ``.npy`` file to write the values to, block by block, for what does not fit in memory.
        It is there whole or not at all.
      out: an array like the result, on the same devices, such as an earlier one. The result takes
        its memory, and it is gone then. Fresh memory may cost more time than the values.
      devices: the devices to share the members; all local ones by default.
      progress: show a bar on the terminal, if there is one, while a file is written.

    Returns:
      The values: of the shape of the counts for a schedule, K such for a batch. On several devices
      the members are spread over them; where their number is no multiple, each has all values.
      With ``path``, the file as a read-only memory map.

    Raises:
      TypeError: if it is called inside a compiled function; call ``schedules(counts)`` there.
      ValueError: if both ``path`` and ``out`` are given, or ``out`` is not like the result.
    """
    batch, devices = _as_batch(schedules, counts), _known_devices(devices)
    if path is None:
        return _evaluate(batch, counts, out, devices, isinstance(schedules, Schedule))
    if out is not None:
        raise ValueError(f"`out` has no meaning for a file; give it or `path`, got {path!r}.")
    return _write(schedules, counts, path, devices, progress)


def _as_batch(schedules: Schedule | Batch, counts: ArrayLike) -> Batch:
    if not isinstance(schedules, Schedule | Batch):
        raise TypeError(
            f"`schedules` must be a schedule or a batch, got {schedules!r}. jaxlr.stack makes a "
            "batch of a list."
        )
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((schedules, counts))):
        raise TypeError(
            "`schedules` and `counts` must be known, got a traced number. Call schedules(counts) "
            "inside a compiled function."
        )
    return stack([schedules]) if isinstance(schedules, Schedule) else schedules


def _known_devices(devices: Sequence[jax.Device] | None) -> list[jax.Device]:
    if devices is None:
        return jax.local_devices()
    known: list[jax.Device] = np.ravel(np.asarray(devices, object)).tolist()
    if not known or len(set(known)) < len(known):
        raise ValueError(f"`devices` must be one or more devices, all different, got {devices!r}.")
    return known


class _Plan(NamedTuple):
    """How to evaluate a batch.

    Attributes:
      spread: where the members are, as many on each device.
      result: where the values are.
      number: of how many members they are; the last one may fill up the last device. ``None`` is
        for those of one schedule.
      by_row: whether to evaluate one member after another.
    """

    spread: Sharding
    result: Sharding
    number: int | None
    by_row: bool


def _evaluate(
    batch: Batch,
    counts: ArrayLike,
    out: jax.Array | None,
    devices: Sequence[jax.Device],
    single: bool = False,
) -> jax.Array:
    number, counts = len(batch), host_count(counts)
    devices = devices if number > 1 else devices[:1]
    platform = devices[0].platform
    spread, everywhere = _sharding(devices, "batch"), _sharding(devices, None)
    result = everywhere if number % len(devices) else spread
    if out is not None:
        _check_out(out, np.shape(counts) if single else (number, *np.shape(counts)), result)
    if number % len(devices):
        whole = -(-number // len(devices)) * len(devices)
        batch = batch[np.minimum(np.arange(whole), number - 1)]
    by_row = platform == "cpu" and _is_faster_by_row(batch, np.size(counts), len(devices))
    # The members of a part of the rows are anywhere in the stacks.
    stacks = batch._placed_as(everywhere if by_row else spread, len(devices))
    if isinstance(counts, jax.Array):
        counts = jax.device_put(counts, everywhere)
    plan = _Plan(spread, result, None if single else number, by_row)
    # A mesh of the caller's does not take the place of this one.
    with jax.set_mesh(Mesh(np.asarray(devices), ("batch",))):
        values: jax.Array = _compiled(platform)(out, stacks, counts, plan)
        return values


def _is_faster_by_row(batch: Batch, number: int, devices: int) -> bool:
    structures = len(batch.stacks)
    if devices > 1:  # All at once, the devices would exchange the values of several structures.
        return structures > 1
    return structures > _MOST_FUSED and number >= _LONG


def _check_out(out: Any, shape: tuple[int, ...], sharding: Sharding) -> None:
    if not isinstance(out, jax.Array):
        raise TypeError(f"`out` must be an array of JAX, such as an earlier result, got {out!r}.")
    dtype: np.dtype[Any] = np.dtype(float_dtype())
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"`out` must be an array like the result, of the shape {shape} and {dtype}, got one of "
            f"{out.shape} and {out.dtype}."
        )
    if out.is_deleted():
        raise ValueError("`out` must be an array with its memory, got one that lost it already.")
    if not out.sharding.is_equivalent_to(sharding, out.ndim):
        raise ValueError(
            f"`out` must be on its devices as the result is, with {sharding}, got one with "
            f"{out.sharding}. Give an earlier result of as many members."
        )


def _sharding(devices: Sequence[jax.Device], axis: str | None) -> Sharding:
    """The first axis spread over all devices, or the whole on each."""
    if len(devices) == 1:
        return SingleDeviceSharding(devices[0])
    return NamedSharding(Mesh(np.asarray(devices), ("batch",)), PartitionSpec(axis))


@functools.cache
def _compiled(platform: str) -> Any:
    # Half of what the vector units of a processor can do is what XLA takes by default.
    options = {"xla_cpu_prefer_vector_width": 512} if platform == "cpu" else None

    @functools.partial(
        jax.jit, donate_argnums=0, static_argnums=3, keep_unused=True, compiler_options=options
    )
    def values(out: jax.Array | None, batch: Batch, counts: jax.Array, plan: _Plan) -> jax.Array:
        is_whole = plan.number == len(batch)
        if plan.by_row:
            table = _one_by_one(out if is_whole else None, batch, counts, plan.spread)
        else:
            table = batch(counts)
        if plan.number is None:
            return table[0]
        table = jax.lax.with_sharding_constraint(table, plan.spread)
        if is_whole:
            return table
        return jax.lax.with_sharding_constraint(table[: plan.number], plan.result)

    return values


def _one_by_one(
    out: jax.Array | None, batch: Batch, counts: jax.Array, spread: Sharding
) -> jax.Array:
    """The values of each member into its row: XLA makes one loop of few structures only."""
    if out is None:
        out = jnp.zeros((len(batch), *counts.shape), float_dtype())

    def write_all(stacks: Any, counts: Any, places: Any, rows: Any, bounds: Any, table: Any) -> Any:
        for group, schedules in enumerate(stacks):

            def write(index: Any, table: Any, schedules: Schedule = schedules) -> Any:
                member: Schedule = jax.tree.map(lambda leaf: leaf[rows[index]], schedules)
                values = member(counts)
                return jax.lax.dynamic_update_index_in_dim(table, values, places[index], 0)

            table = jax.lax.fori_loop(bounds[group], bounds[group + 1], write, table)
        return table

    if isinstance(spread, NamedSharding):
        each, all_ = spread.spec, PartitionSpec()
        write_all = jax.shard_map(
            write_all,
            mesh=spread.mesh,
            in_specs=(all_, all_, each, each, each, each),
            out_specs=each,
            check_vma=False,
        )
    places, rows, bounds = _in_order(batch, len(spread.device_set))
    return write_all(batch.stacks, counts, places, rows, bounds, out)


def _in_order(batch: Batch, parts: int) -> tuple[jax.Array, ...]:
    """The places of the members by structure, their rows there, and where each structure begins.

    Each holds these for every one of some equal parts of the batch, side by side.
    """
    layout = batch._layout
    groups, rows = (x.reshape(parts, -1) for x in (layout.groups, layout.rows))
    places = np.argsort(groups, axis=1, kind="stable")
    starts = [np.searchsorted(np.sort(part), np.arange(len(batch.stacks) + 1)) for part in groups]
    arrays = places, np.take_along_axis(rows, places, axis=1), np.stack(starts)
    return tuple(jnp.asarray(array.ravel(), jnp.int32) for array in arrays)


class Block(NamedTuple):
    """A part of a table of values.

    Attributes:
      members: which members of the batch: a slice, or an array where they are not side by side.
      counts: which of the counts, flattened: a slice.
      values: their values; ``table[block.members, block.counts] = block.values``.
    """

    members: slice | np.ndarray[Any, Any]
    counts: slice
    values: jax.Array


def blocks(
    schedules: Schedule | Batch,
    counts: ArrayLike,
    *,
    block_bytes: int = _BLOCK_BYTES,
    devices: Sequence[jax.Device] | None = None,
) -> Iterator[Block]:
    """Hands out the values of :func:`evaluate` in parts, of which only one is in memory at a time.

    Args:
      schedules: a schedule or a batch.
      counts: the counts, of any shape; in the blocks they are flattened.
      block_bytes: how large a block may be, as long as it has one value for each device.
      devices: the devices to share the members of a block; all local ones by default.

    Returns:
      An iterator of the blocks, family by family. Every value is in one of them.
    """
    if block_bytes < 1:
        raise ValueError(f"`block_bytes` must be at least 1, got {block_bytes}.")
    batch, flat = _as_batch(schedules, counts), np.ravel(host_count(counts))
    return _blocks(batch, flat, block_bytes, _known_devices(devices))


def _blocks(
    batch: Batch, flat: np.ndarray[Any, Any], block_bytes: int, devices: Sequence[jax.Device]
) -> Iterator[Block]:
    most = max(1, block_bytes // np.dtype(float_dtype()).itemsize)
    width = max(1, min(flat.size, most))
    height = max(1, most // width // len(devices) * len(devices))
    groups = batch._layout.groups
    for group in range(len(batch.stacks)):
        members = np.flatnonzero(groups == group)
        for row in range(0, len(members), height):
            chosen = members[row : row + height]
            part = batch[chosen]
            for column in range(0, flat.size, width):
                columns = slice(column, min(column + width, flat.size))
                values = _evaluate(part, flat[columns], None, devices)
                yield Block(_as_slice(chosen), columns, values)


def _as_slice(members: np.ndarray[Any, Any]) -> slice | np.ndarray[Any, Any]:
    first, last = int(members[0]), int(members[-1])
    return slice(first, last + 1) if last - first == len(members) - 1 else members


def _write(
    schedules: Schedule | Batch,
    counts: ArrayLike,
    path: str | os.PathLike[str],
    devices: Sequence[jax.Device],
    progress: bool,
) -> np.memmap[Any, Any]:
    dtype: np.dtype[Any] = np.dtype(float_dtype())
    members = () if isinstance(schedules, Schedule) else (len(schedules),)
    shape = (*members, *np.shape(counts))
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    total, done = math.prod(shape), 0
    with write_whole(path, "w+b") as stream:
        np.lib.format.write_array_header_2_0(stream, header)
        if sys.platform == "linux" and total:
            # A full disk is an error here; to write to memory that has no disk ends the process.
            os.posix_fallocate(stream.fileno(), stream.tell(), total * dtype.itemsize)
        rows = math.prod(members)
        table = np.memmap(stream, dtype, "r+", stream.tell(), (rows, total // rows))
        for block in blocks(schedules, counts, devices=devices):
            table[block.members, block.counts] = block.values
            done += block.values.size
            _show(progress, done, total)
        table.flush()
    written: np.memmap[Any, Any] = np.load(path, mmap_mode="r")
    return written


def _show(progress: bool, done: int, total: int) -> None:
    if progress and sys.stderr.isatty():
        bar = "█" * (30 * done // total)
        end = "\n" if done == total else ""
        print(f"\r{bar:<30} {done:,} of {total:,} values", end=end, file=sys.stderr, flush=True)
