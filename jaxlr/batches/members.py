"""The values of all members of a batch at once."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import ClosedJaxpr
from jax.sharding import NamedSharding, PartitionSpec

from jaxlr.core.schedule import Schedule

__all__ = ["values_of_all"]

_MOST_AT_ONCE = 2**13
"""So many values at a time are computed where each needs several lists."""


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
    if size > rows and jax.tree.leaves(schedules) and _looks_up(schedules, count):
        # To look into many lists at once takes XLA several times as long, and much memory.
        return lax.map(lambda lr: lr(count), schedules, batch_size=rows)
    return jax.vmap(lambda lr: lr(count), axis_size=size)(schedules)


def _looks_up(schedules: Schedule, count: jax.Array) -> bool:
    """Tells whether a member looks up several things for every count, or draws random numbers."""
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), schedules)
    formula = jax.make_jaxpr(lambda lr, count: lr(count))(one, count)
    wide = [
        equation.primitive.name
        for equation in _equations(formula.jaxpr)
        if any(variable.aval.size >= count.size for variable in equation.outvars)
    ]
    return wide.count("gather") > 1 or "random_bits" in wide


def _equations(formula: Any) -> Iterator[Any]:
    """The equations that are always evaluated, those of called functions included."""
    for equation in formula.eqns:
        yield equation
        if equation.primitive.name != "cond":
            for part in jax.tree.leaves(list(equation.params.values())):
                if isinstance(part, ClosedJaxpr):
                    yield from _equations(part.jaxpr)
