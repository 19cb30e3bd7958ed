"""Runs and their record as arrays by name, and back again, on any number of devices.

The states of the runs are one after another, without idle slots, so that a sweep can go on with
another layout.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxlr.train.record import Record
from jaxlr.train.runs import Runs, Trainer, fetch
from jaxlr.train.types import Array, Columns, PyTree

__all__ = ["packed", "unpacked"]

_ON_DEVICES = ("state", "best")
_BY_RUN = ("status", "epochs", "best_epoch")


def packed(runs: Runs, record: Record) -> dict[str, Array]:
    """Returns all that it takes to go on, as arrays of the host by name."""
    slots = np.flatnonzero(runs.slots >= 0)
    order = slots[np.argsort(runs.slots[slots])]
    arrays = {"kept": runs.slots[order], "seconds": record.seconds}
    for name in _ON_DEVICES:
        leaves = fetch(getattr(runs, name))
        arrays |= {path: leaf[order] for path, leaf in _by_path(name, leaves).items()}
    for name in _BY_RUN:
        arrays[f"runs/{name}"] = getattr(runs, name)
    arrays |= _by_path("watch", fetch(runs.watch))
    for name in ("steps", "epochs"):
        columns: Columns = getattr(record, name)
        arrays |= {f"{name}/{column}": values for column, values in columns.items()}
    return arrays


def unpacked(trainer: Trainer, runs: Runs, arrays: Mapping[str, Array]) -> tuple[Runs, Record]:
    """Returns runs and record as they were when they were packed.

    Args:
      trainer: the trainer.
      runs: the runs before the first epoch; arrays are put where theirs are.
      arrays: as :func:`packed` returned them, for runs of the same structure.
    """
    kept = arrays["kept"]
    by_run: dict[str, Any] = {name: arrays[f"runs/{name}"] for name in _BY_RUN}
    runs = runs._replace(**by_run)
    slots = runs.slots
    if len(kept) < len(runs.status):
        slots = trainer.program.layout.dealt(kept, runs.training_first(kept))
    place = {run: at for at, run in enumerate(kept)}
    index = np.array([place.get(run, 0) for run in slots])

    def restored(name: str, index: Any) -> PyTree:
        like = getattr(runs, name)
        leaves = [_put(arrays[path][index], leaf) for path, leaf in _by_path(name, like).items()]
        return jax.tree.unflatten(jax.tree.structure(like), leaves)

    states = {name: restored(name, index) for name in _ON_DEVICES}
    runs = runs._replace(slots=slots, watch=restored("watch", slice(None)), **states)
    return runs, Record(_under("steps/", arrays), _under("epochs/", arrays), arrays["seconds"])


def _by_path(name: str, tree: PyTree) -> dict[str, Any]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {f"{name}/{jax.tree_util.keystr(path)}": leaf for path, leaf in leaves}


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    names = [name for name in arrays if name.startswith(prefix)]
    return {name.removeprefix(prefix): arrays[name] for name in names}


def _put(array: Array, like: jax.Array) -> jax.Array:
    """Puts an array where another one is."""
    # A copy: training updates it in place. An array that was free to move must stay so, or it could
    # not be computed with beside data that lie on several devices.
    leaf = jnp.array(array)
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        leaf = jax.random.wrap_key_data(leaf, impl=jax.random.key_impl(like))
    return jax.device_put(leaf, like.sharding) if like.committed else leaf
