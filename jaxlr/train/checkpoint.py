"""Saving a run after each epoch, and taking it up again exactly where it was.

A directory of checkpoints belongs to one run. After each epoch the run is written to a folder named
by the number of epochs; the folder takes this name only when it is complete, and the one before is
deleted only then. So whatever interrupts the run, the directory holds its newest whole state, or
nothing. Files are written by orbax, on all hosts together where there are several.

Beside the state, the configuration is written as texts by name. Only a run with the same
configuration may go on from it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

__all__ = ["Checkpoints"]


class Checkpoints:
    """A directory with the newest checkpoint of one run; a context manager.

    Args:
      directory: the directory; it is made if it is missing.
      configuration: all that makes this run another than others, as texts by name.
      resume: whether to go on from a checkpoint that is there.

    Raises:
      FileExistsError: if there is a checkpoint but ``resume`` is False.
      ValueError: if there is one of a run with another configuration.

    >>> import tempfile, jax.numpy as jnp, numpy as np
    >>> state, record = {"w": jnp.ones(3)}, {"loss": np.ones(7)}
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     with Checkpoints(directory, {"seed": "0"}) as checkpoints:
    ...         checkpoints.save(1, state, record)
    ...     with Checkpoints(directory, {"seed": "0"}) as checkpoints:
    ...         checkpoints.restore({"w": jnp.zeros(3)})
    ({'w': Array([1., 1., 1.], dtype=float32)}, {'loss': array([1., 1., 1., 1., 1., 1., 1.])})
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        configuration: Mapping[str, str],
        resume: bool = True,
    ):
        self._path = Path(directory).expanduser().absolute()
        self._configuration = dict(configuration)
        self._manager = ocp.CheckpointManager(
            self._path,
            options=ocp.CheckpointManagerOptions(
                max_to_keep=1, create=True, enable_async_checkpointing=False
            ),
        )
        try:
            self._check(resume)
        except BaseException:
            self._manager.close()
            raise

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._manager.close()

    @property
    def epoch(self) -> int | None:
        """The number of epochs in the newest checkpoint, or None if there is none."""
        newest: int | None = self._manager.latest_step()
        return newest

    def save(self, epoch: int, state: Any, record: Any) -> None:
        """Writes the run after an epoch, and then deletes the checkpoint before.

        Args:
          epoch: the number of epochs so far.
          state: any pytree of JAX arrays.
          record: dicts of NumPy arrays, of any lengths.
        """
        args = ocp.args.Composite(
            configuration=ocp.args.JsonSave(self._configuration),
            state=ocp.args.StandardSave(_by_path(state)),
            record=ocp.args.StandardSave(record),
        )
        self._manager.save(epoch, args=args)

    def restore(self, state: Any) -> tuple[Any, Any] | None:
        """Reads the newest checkpoint.

        Args:
          state: a state of the structure, shapes, dtypes and devices to read.

        Returns:
          The state and the record that were saved, or None if there is no checkpoint.
        """
        epoch = self.epoch
        if epoch is None:
            return None
        saved = self._manager.restore(
            epoch,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(_by_path(state)),
                record=ocp.args.StandardRestore(),
            ),
        )
        leaves = [_place(saved.state[path], like) for path, like in _by_path(state).items()]
        return jax.tree.unflatten(jax.tree.structure(state), leaves), saved.record

    def _check(self, resume: bool) -> None:
        epoch = self.epoch
        if epoch is None:
            return
        if not resume:
            raise FileExistsError(
                f"`checkpoint`: {self._path} has a run already, saved after epoch {epoch}. Choose "
                "another directory or delete this one; to continue the run, set `resume`."
            )
        args = ocp.args.Composite(configuration=ocp.args.JsonRestore())
        there = self._manager.restore(epoch, args=args).configuration
        here = self._configuration
        different = [
            f"  {name}: {there.get(name)} there, {here.get(name)} here"
            for name in there | here
            if there.get(name) != here.get(name)
        ]
        if different:
            raise ValueError(
                f"`checkpoint`: {self._path} has a run with another configuration:\n"
                + "\n".join(different)
                + "\nGive the same configuration to continue it, or choose another directory."
            )


def _place(leaf: jax.Array, like: jax.Array) -> jax.Array:
    # orbax commits each array to its device. One that was not committed must not become so: it
    # could no longer be computed with beside data that lie on several devices.
    if like.committed:
        return leaf
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = np.asarray(jax.random.key_data(leaf))
        return jax.random.wrap_key_data(jnp.array(data), impl=jax.random.key_impl(leaf))
    return jnp.array(np.asarray(leaf))


def _by_path(tree: Any) -> dict[str, Any]:
    """Names each leaf by its place, so that any kind of pytree becomes a plain dict."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves}
