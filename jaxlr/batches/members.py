"""The values of all members of a batch at once."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from jaxlr.core.schedule import Schedule
from jaxlr.core.stacks import Stacks

__all__ = ["values_of_all"]

_MOST_AT_ONCE = 2**13
"""So many values at a time are computed where each takes much memory on the way."""

_FEW = 8
"""A join of more pieces looks up all numbers of its piece for every count."""


_PARTS = (Schedule, Stacks)


def values_of_all(
    stacks: Sequence[Schedule],
    sizes: Sequence[int],
    order: np.ndarray[Any, Any] | None,
    count: jax.Array,
) -> jax.Array:
    """The values at some counts, of shape ``[K, *counts]``.

    Args:
      stacks: the schedules of each structure, with batched leaves.
      sizes: how many there are of each.
      order: where each member is in all of the stacks, one after another; None if just there.
      count: the counts.
    """

    def table(stacks: Sequence[Schedule], count: jax.Array) -> jax.Array:
        values = [_values(lr, count, size) for lr, size in zip(stacks, sizes, strict=True)]
        if len(values) == 1:
            return values[0]
        together = jnp.concatenate(values)
        return together if order is None else together[order]

    sharding = _explicit_sharding(stacks, count)
    if sharding is None:
        return table(stacks, count)
    # JAX cannot say how all is spread that a formula may do, such as to choose a branch for all.
    values: jax.Array = jax.sharding.auto_axes(table, out_sharding=sharding)(stacks, count)
    return values


def _explicit_sharding(stacks: Sequence[Schedule], count: jax.Array) -> NamedSharding | None:
    """That of the values, where leaves or counts are spread over explicit axes of a mesh."""
    *leaves, counts = (jax.typeof(x).sharding for x in (*jax.tree.leaves(stacks), count))
    meshes = [sharding.mesh for sharding in (*leaves, counts) if any(sharding.spec)]
    if not meshes:
        return None
    axes = {sharding.spec[0] for sharding in leaves}
    members = axes.pop() if len(axes) == 1 else None
    return NamedSharding(meshes[0], PartitionSpec(members, *counts.spec))


def _values(schedules: Schedule, count: jax.Array, size: int) -> jax.Array:
    rows = max(1, _MOST_AT_ONCE // max(count.size, 1))
    if size > rows and _is_heavy(schedules):
        return lax.map(lambda lr: lr(count), schedules, batch_size=rows)
    return jax.vmap(lambda lr: lr(count), axis_size=size)(schedules)


def _is_heavy(part: Schedule | Stacks) -> bool:
    """Tells whether all members at once would take several times the memory of their values."""
    if isinstance(part, Stacks):
        if len(part.layout.groups) > _FEW:
            return True
    elif part.family.is_heavy:
        return True
    inner = jax.tree.leaves(part, is_leaf=lambda x: x is not part and isinstance(x, _PARTS))
    return any(_is_heavy(x) for x in inner if isinstance(x, _PARTS))
