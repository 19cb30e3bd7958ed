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

import math
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from jaxlr.batches.batch import Batch, stack
from jaxlr.batches.processors import known_devices, values_on
from jaxlr.core.numbers import float_dtype, host_count
from jaxlr.core.schedule import Schedule
from jaxlr.files import write_whole

__all__ = ["Block", "blocks", "evaluate"]

_BLOCK_BYTES = 2**25


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
    batch, devices = _as_batch(schedules, counts), known_devices(devices)
    if path is None:
        return values_on(batch, counts, out, devices, isinstance(schedules, Schedule))
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
    return _blocks(batch, flat, block_bytes, known_devices(devices))


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
                values = values_on(part, flat[columns], None, devices)
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
