"""Fast evaluation of many schedules at many counts, all at once or in blocks.

:func:`evaluate` computes a table on all local devices, or writes it to a file. :func:`blocks`
yields the table in parts, for tables that are too large for either.

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
"""On one CPU, evaluating all members at once is faster up to this many structures or counts."""


def evaluate(
    schedules: Schedule | Batch,
    counts: ArrayLike,
    *,
    path: str | os.PathLike[str] | None = None,
    out: jax.Array | None = None,
    devices: Sequence[jax.Device] | None = None,
    progress: bool = True,
) -> jax.Array | np.memmap[Any, Any]:
    """Evaluates a schedule or a batch at many counts.

    The values equal ``schedules(counts)`` bit for bit, except that inverse square roots and some
    compositions may differ by one or two units in the last place. For large tables this is faster,
    because it compiles for them.

    Args:
      schedules: a schedule, or a batch of K schedules.
      counts: the counts, of any shape.
      path: a ``.npy`` file to write the values to, block by block, if they do not fit in memory.
        The file appears only once it is complete.
      out: an array to overwrite, of the same shape, dtype and devices as the result, such as an
        earlier result. It is donated and cannot be used afterwards. Reusing memory can save more
        time than computing the values takes.
      devices: the devices to spread the members over; by default all local devices.
      progress: whether to show a progress bar on the terminal while writing a file.

    Returns:
      The values: for a schedule of the shape of ``counts``, for a batch with a leading axis of size
      K. On several devices the members are spread evenly; if K is not a multiple of their number,
      every device holds all values. With ``path``, the file as a read-only memory map.

    Raises:
      TypeError: if called inside a compiled function; call ``schedules(counts)`` there.
      ValueError: if both ``path`` and ``out`` are given, or ``out`` does not match the result.
    """
    batch, devices = _as_batch(schedules, counts), _known_devices(devices)
    if path is None:
        return _evaluate(batch, counts, out, devices, isinstance(schedules, Schedule))
    if out is not None:
        raise ValueError(f"`out` has no meaning for a file; give it or `path`, got {path!r}.")
    return _write(schedules, counts, path, devices, progress)


def _as_batch(schedules: Schedule | Batch, counts: ArrayLike) -> Batch:
    """Returns the schedules as a batch; refuses tracers."""
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
    """Returns a checked list of devices; by default all local ones."""
    if devices is None:
        return jax.local_devices()
    known: list[jax.Device] = np.ravel(np.asarray(devices, object)).tolist()
    if not known or len(set(known)) < len(known):
        raise ValueError(f"`devices` must be one or more devices, all different, got {devices!r}.")
    return known


class _Plan(NamedTuple):
    """How to evaluate a batch.

    Attributes:
      spread: the sharding of the members, equally many on each device.
      result: the sharding of the values.
      number: the number of members before padding; ``None`` for a single schedule.
      by_row: whether to evaluate members one after another.
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
    # By row, a device may need members from anywhere in the stacks.
    stacks = batch._placed_as(everywhere if by_row else spread, len(devices))
    if isinstance(counts, jax.Array):
        counts = jax.device_put(counts, everywhere)
    plan = _Plan(spread, result, None if single else number, by_row)
    # Override a mesh that the caller may have set.
    with jax.set_mesh(Mesh(np.asarray(devices), ("batch",))):
        values: jax.Array = _compiled(platform)(out, stacks, counts, plan)
        return values


def _is_faster_by_row(batch: Batch, number: int, devices: int) -> bool:
    """Tells whether CPUs are faster if they evaluate members one after another."""
    structures = len(batch.stacks)
    if devices > 1:  # All at once, devices would exchange values if there are several structures.
        return structures > 1
    return structures > _MOST_FUSED and number >= _LONG


def _check_out(out: Any, shape: tuple[int, ...], sharding: Sharding) -> None:
    """Raises an error if ``out`` cannot hold the result."""
    if not isinstance(out, jax.Array):
        raise TypeError(f"`out` must be an array of JAX, such as an earlier result, got {out!r}.")
    dtype: np.dtype[Any] = np.dtype(float_dtype())
    if out.shape != shape or out.dtype != dtype:
        raise ValueError(
            f"`out` must be an array like the result, of the shape {shape} and {dtype}, got one of "
            f"{out.shape} and {out.dtype}."
        )
    if out.is_deleted():
        raise ValueError("`out` must not have been donated already, got a deleted array.")
    if not out.sharding.is_equivalent_to(sharding, out.ndim):
        raise ValueError(
            f"`out` must be on its devices as the result is, with {sharding}, got one with "
            f"{out.sharding}. Give an earlier result of as many members."
        )


def _sharding(devices: Sequence[jax.Device], axis: str | None) -> Sharding:
    """Returns a sharding of the first axis over all devices; replicated if ``axis`` is None."""
    if len(devices) == 1:
        return SingleDeviceSharding(devices[0])
    return NamedSharding(Mesh(np.asarray(devices), ("batch",)), PartitionSpec(axis))


@functools.cache
def _compiled(platform: str) -> Any:
    """Returns the compiled evaluation for a platform."""
    # By default XLA uses only half the vector width of the CPU.
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
    """Writes each member's values into its row; XLA fuses the loops of only a few structures."""
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
    """Returns the members sorted by structure, their rows in the stacks, and structure bounds.

    Each array concatenates the results for equal parts of the batch.
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
      members: the members of the batch: a slice, or an index array if they are not contiguous.
      counts: a slice of the flattened counts.
      values: the values, so that ``table[block.members, block.counts] = block.values``.
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
    """Yields the values of :func:`evaluate` in blocks, holding only one in memory at a time.

    Args:
      schedules: a schedule or a batch.
      counts: the counts, of any shape; blocks refer to them flattened.
      block_bytes: the maximum size of a block; a block has at least one value per device.
      devices: the devices to spread the members of a block over; by default all local devices.

    Returns:
      An iterator over the blocks, family by family. Each value is in exactly one block.
    """
    if block_bytes < 1:
        raise ValueError(f"`block_bytes` must be at least 1, got {block_bytes}.")
    batch, flat = _as_batch(schedules, counts), np.ravel(host_count(counts))
    return _blocks(batch, flat, block_bytes, _known_devices(devices))


def _blocks(
    batch: Batch, flat: np.ndarray[Any, Any], block_bytes: int, devices: Sequence[jax.Device]
) -> Iterator[Block]:
    """Yields the blocks of a batch."""
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
    """Returns increasing indices as a slice if they are contiguous."""
    first, last = int(members[0]), int(members[-1])
    return slice(first, last + 1) if last - first == len(members) - 1 else members


def _write(
    schedules: Schedule | Batch,
    counts: ArrayLike,
    path: str | os.PathLike[str],
    devices: Sequence[jax.Device],
    progress: bool,
) -> np.memmap[Any, Any]:
    """Writes the values to a file and returns it as a memory map."""
    dtype: np.dtype[Any] = np.dtype(float_dtype())
    members = () if isinstance(schedules, Schedule) else (len(schedules),)
    shape = (*members, *np.shape(counts))
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    total, done = math.prod(shape), 0
    with write_whole(path, "w+b") as stream:
        np.lib.format.write_array_header_2_0(stream, header)
        if sys.platform == "linux" and total:
            # Reserve space first: on a full disk this raises, but writing to the memory map would
            # kill the process.
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
    """Prints a progress bar if standard error is a terminal."""
    if progress and sys.stderr.isatty():
        bar = "█" * (30 * done // total)
        end = "\n" if done == total else ""
        print(f"\r{bar:<30} {done:,} of {total:,} values", end=end, file=sys.stderr, flush=True)
