"""Evaluates a batch on devices: placement, vector width, and the order of the members.

None of this changes a value. It makes evaluating a large batch as fast as writing memory.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding, SingleDeviceSharding
from jax.typing import ArrayLike

from jaxlr.batches.batch import Batch, whole_rows
from jaxlr.core.numbers import float_dtype, host_count
from jaxlr.core.schedule import Schedule

__all__ = ["known_devices", "values_on"]

_MOST_FUSED, _LONG = 8, 512
"""On one CPU, evaluating all members at once is faster up to this many structures or counts."""


def known_devices(devices: Sequence[jax.Device] | None) -> list[jax.Device]:
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


def values_on(
    batch: Batch,
    counts: ArrayLike,
    out: jax.Array | None,
    devices: Sequence[jax.Device],
    single: bool = False,
) -> jax.Array:
    """Returns the values of all members at the given counts, computed on the given devices.

    Args:
      batch: the batch.
      counts: the counts.
      out: an array whose memory the result reuses, or None.
      devices: the devices to spread the members over.
      single: whether to drop the axis of members, for a batch that stands for one schedule.
    """
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
    stacks = _placed(batch, everywhere if by_row else spread, len(devices))
    if isinstance(counts, jax.Array):
        counts = jax.device_put(counts, everywhere)
    plan = _Plan(spread, result, None if single else number, by_row)
    # Override a mesh that the caller may have set.
    with jax.set_mesh(Mesh(np.asarray(devices), ("batch",))):
        values: jax.Array = _compiled(platform)(out, stacks, counts, plan)
        return values


def _placed(batch: Batch, sharding: Sharding, number: int) -> Batch:
    """Returns the batch's arrays spread over ``number`` devices; the last result is cached."""
    if batch._placed is None or batch._placed[0] != sharding:
        arrays = batch.as_arrays()

        def where(leaf: Any) -> Sharding:
            # A stack that does not divide evenly is replicated.
            if isinstance(sharding, NamedSharding) and np.shape(leaf)[0] % number:
                return NamedSharding(sharding.mesh, PartitionSpec())
            return sharding

        leaves, places = jax.tree.map(whole_rows, arrays), jax.tree.map(where, arrays)
        batch._placed = sharding, jax.device_put(leaves, places)
    return batch._placed[1]


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
            f"`out` must have the sharding of the result, {sharding}, got "
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
