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
    batch, devices = _as_batch(schedules, counts), known_devices(devices)
    if path is None:
        return values_on(batch, counts, out, devices, isinstance(schedules, Schedule))
    if out is not None:
        raise ValueError(f"`out` cannot be combined with `path`, got {path!r}. Give one of them.")
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
    return _blocks(batch, flat, block_bytes, known_devices(devices))


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
                values = values_on(part, flat[columns], None, devices)
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
