"""The bookkeeping of runs: how each stands, which slot it is in, when it has ended.

Runs have the functions and the data in common, and differ in their seeds and in the schedules of
their hyperparameters. :func:`jaxlr.train.fit` trains one run, :func:`jaxlr.train.sweep` many.

A run that has ended, because it diverged or by early stopping, stays in its slot as it was.
:meth:`Trainer.keep` drops runs for good, and deals those left to the devices anew.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.experimental import multihost_utils

from jaxlr.feedback.stopping import EarlyStopping, Watch
from jaxlr.train import epoch, program
from jaxlr.train.epoch import TrainState
from jaxlr.train.hyperparameters import Hyperparameters
from jaxlr.train.layout import PARTS, WHOLE
from jaxlr.train.program import Program
from jaxlr.train.types import Array, Columns, Init, PyTree

__all__ = ["DIVERGED", "DROPPED", "STOPPED", "TRAINING", "Runs", "Trainer", "fetch", "plain"]

TRAINING, STOPPED, DIVERGED, DROPPED = range(4)
"""The status of a run: in training (or at its last epoch), or the reason why it ended."""


class Runs(NamedTuple):
    """All runs after some epochs.

    Attributes:
      state: parameters and state of the optimizer, with an axis of slots.
      best: with early stopping the parameters of the best epochs, with an axis of slots; else None.
      slots: the run in each slot; -1 in a slot that idles.
      watch: the state of early stopping, with an axis of runs; None without it.
      status: the status of each run.
      epochs: the number of epochs that each run was trained for.
      best_epoch: for each run, the epoch that its parameters are of: the best one with early
        stopping, else the last.
    """

    state: TrainState
    best: PyTree
    slots: Array
    watch: Watch | None
    status: Array
    epochs: Array
    best_epoch: Array

    @property
    def active(self) -> Array:
        """Which runs are in training."""
        active: Array = self.status == TRAINING
        return active

    @property
    def active_slots(self) -> Array:
        """Which slots have a run in training."""
        active: Array = (self.slots >= 0) & self.active[self.slots]
        return active

    @property
    def params(self) -> PyTree:
        """The parameters that count, with an axis of slots."""
        return self.state.params if self.watch is None else self.best

    def ended(self, which: Array, status: int) -> "Runs":
        """Returns the runs after some have ended."""
        return self._replace(status=np.where(which, status, self.status).astype(np.int8))

    def training_first(self, kept: Array) -> Array:
        """Returns some runs in an order in which those in training come first."""
        order: Array = kept[np.argsort(~self.active[kept], kind="stable")]
        return order

    def by_run(self, columns: Columns) -> dict[str, Array]:
        """Turns an axis of slots into one of runs; runs not in training get NaN, or 0."""
        filled = np.flatnonzero(self.active_slots)
        by_run = {}
        for name, column in columns.items():
            blank = np.nan if np.issubdtype(column.dtype, np.floating) else 0
            by_run[name] = np.full((len(self.status), *column.shape[1:]), blank, column.dtype)
            by_run[name][self.slots[filled]] = column[filled]
        return by_run


@dataclass(frozen=True)
class Trainer:
    """All that stays the same while runs are trained.

    Attributes:
      program: the structure of training, which is compiled in.
      init: returns the parameters for a random key.
      hyperparameters: the schedules of each run.
      seeds: the seed of each run.
      train: the training data, on the devices.
      validation: the validation data, on the devices, or None.
      early_stopping: when a run ends before the last epoch.
      diverges: called with a run's row of the epoch; tells whether to end the run. A run whose loss
        is not finite at the last step of an epoch ends anyway.
    """

    program: Program
    init: Init
    hyperparameters: Hyperparameters
    seeds: Sequence[int]
    train: PyTree
    validation: PyTree
    early_stopping: EarlyStopping | None = None
    diverges: Callable[[dict[str, float]], bool] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """The number of updates in an epoch."""
        return epoch.num_examples(self.train) // self.program.examples_per_update

    def begin(self) -> Runs:
        """Returns the runs before the first epoch."""
        runs = self._untrained(program.start(*self._beginning))
        if self.early_stopping is None:
            return runs
        first, count = self.early_stopping.init(), len(self.seeds)
        watch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)), first)
        return runs._replace(watch=watch, best=jax.tree.map(jnp.copy, runs.state.params))

    def columns(self) -> list[str]:
        """Names the numbers that an epoch will have, without training."""
        runs = self._untrained(program.start.eval_shape(*self._beginning))
        _, steps, metrics = program.train_epoch.eval_shape(*self._inputs(runs, 0))
        return [*self._names_of_means(steps), *(f"validation_{name}" for name in metrics)]

    def advance(self, runs: Runs, number: int) -> tuple[Runs, Columns, Columns]:
        """Trains all runs that have not ended for one epoch; the state in ``runs`` is used up.

        Args:
          runs: the runs after the epochs before.
          number: the number of these epochs.

        Returns:
          The runs, the record of the steps of this epoch, and its means and metrics. Both have an
          axis of runs; runs that were not trained have NaN, or 0 for integers.
        """
        state, *outputs = program.train_epoch(*self._inputs(runs, number))
        # Reading the numbers waits for the devices.
        steps, metrics = map(runs.by_run, fetch(tuple(outputs)))
        means: dict[str, Array] = {
            name: np.asarray(np.mean(steps[name], axis=1, dtype=np.float64))
            for name in self._names_of_means(steps)
        }
        means |= {f"validation_{name}": x.astype(np.float64) for name, x in metrics.items()}
        active = runs.active
        epochs = np.where(active, number + 1, runs.epochs).astype(np.int32)
        runs = runs._replace(state=state, epochs=epochs, best_epoch=epochs)
        runs = self._watched(self._heard(runs, means), means, active)
        lost = ~np.isfinite(steps["loss"][:, -1]) | self._refused(means, active)
        return runs.ended(active & lost, DIVERGED), steps, means

    def keep(self, runs: Runs, kept: npt.ArrayLike) -> Runs:
        """Drops all runs but some, and deals these to the devices anew."""
        kept = np.asarray(kept)
        dropped = np.setdiff1d(runs.slots[runs.slots >= 0], kept)
        lost = np.isin(np.arange(len(runs.status)), dropped) & (runs.status != DIVERGED)
        runs = runs.ended(lost, DROPPED)
        slots = self.program.layout.dealt(runs.slots, runs.training_first(kept))
        if len(slots) == len(runs.slots) and np.all((slots == runs.slots) | (slots < 0)):
            return runs._replace(slots=slots)
        place = {run: slot for slot, run in enumerate(runs.slots) if run >= 0}
        index = np.array([place.get(run, 0) for run in slots])
        moved = program.take((runs.state, runs.best), index)
        state, best = self.program.layout.placed(moved, PARTS)
        return runs._replace(state=state, best=best, slots=slots)

    def params(self, runs: Runs, run: int) -> PyTree:
        """Returns the parameters of one run."""
        (slot,) = np.flatnonzero(runs.slots == run)
        params = program.take(runs.params, slot)
        layout = self.program.layout
        if layout.mesh is None:
            return params
        # From the devices of the sweep to this process, where they are free to move.
        return jax.tree.map(jnp.asarray, jax.device_get(layout.placed(params, WHOLE)))

    def bytes_per_run(self) -> int:
        """Returns the memory for the state of a run, with early stopping its best one too."""
        state = program.start.eval_shape(*self._beginning)
        kept = (state, state.params) if self.early_stopping is not None else state
        sizes = [leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept)]
        return sum(sizes) // len(self._slots)

    @functools.cached_property
    def _slots(self) -> Array:
        """The run in each slot at first."""
        return self.program.layout.slots(len(self.seeds))

    @functools.cached_property
    def _keys(self) -> tuple[Array, jax.Array, jax.Array]:
        """The place of each run's seed among all, and their keys: for parameters, for batches."""
        seeds, places = np.unique(self.seeds, return_inverse=True)
        # By name: the default may be a generator that differs under vmap and between devices.
        keys = [jax.random.key(int(seed), impl="threefry2x32") for seed in seeds]
        pairs = [jax.random.split(key) for key in keys]
        init_keys, order_keys = jnp.stack(pairs, axis=1)
        return places.astype(np.int32), init_keys, order_keys

    def _untrained(self, state: TrainState) -> Runs:
        zeros = np.zeros(len(self.seeds), np.int32)
        return Runs(state, None, self._slots, None, zeros.astype(np.int8), zeros, zeros)

    @property
    def _beginning(self) -> tuple[Any, ...]:
        """The arguments of :func:`jaxlr.train.program.start`."""
        seeds, keys, _ = self._keys
        values = self._values(self._slots, 0)
        first = {name: x[:, 0] if isinstance(x, np.ndarray) else x for name, x in values.items()}
        return self.program, self.init, first, seeds[self._slots], keys

    def _inputs(self, runs: Runs, number: int) -> tuple[Any, ...]:
        """The arguments of :func:`jaxlr.train.program.train_epoch`."""
        seeds, _, keys = self._keys
        values = self._values(runs.slots, number)
        placed = runs.state, runs.active_slots, seeds[runs.slots], values
        return self.program, *placed, self.train, self.validation, keys, np.int32(number)

    def _values(self, slots: Array, number: int) -> dict[str, PyTree]:
        steps = self.steps_per_epoch
        return self.hyperparameters.values(slots, np.arange(number * steps, (number + 1) * steps))

    def _names_of_means(self, steps: Mapping[str, Any]) -> list[str]:
        """Names the columns of the steps that are means over the data."""
        others = {"step", "gradient_norm", *self.hyperparameters.schedules}
        return [name for name in steps if name not in others]

    def _heard(self, runs: Runs, means: Columns) -> Runs:
        """Lets schedules hear the metrics of an epoch that they wait for."""
        if not self.hyperparameters.monitors:
            return runs
        state = runs.state.opt_state
        states = self.hyperparameters.heard(
            state.hyperparams_states, means, runs.slots, runs.active_slots
        )
        state = state._replace(hyperparams_states=states)
        return runs._replace(state=runs.state._replace(opt_state=state))

    def _watched(self, runs: Runs, means: Columns, active: Array) -> Runs:
        """Lets early stopping look at the metrics of an epoch."""
        rule = self.early_stopping
        if rule is None or runs.watch is None:
            return runs
        after = jax.vmap(rule.update)(runs.watch, jnp.asarray(means[rule.monitor]))
        watch = jax.tree.map(lambda old, new: jnp.where(active, new, old), runs.watch, after)
        improved = active & (np.asarray(watch.stale) == 0)
        best = program.choose(runs.best, runs.state.params, improved[runs.slots])
        best_epoch = (runs.epochs - np.asarray(watch.stale)).astype(np.int32)
        stops = active & np.asarray(jax.vmap(rule.stops)(watch))
        return runs._replace(best=best, watch=watch, best_epoch=best_epoch).ended(stops, STOPPED)

    def _refused(self, means: Columns, active: Array) -> Array:
        """Tells which runs have diverged by the user's rule."""
        refused = np.zeros(len(active), bool)
        if self.diverges is not None:
            for run in np.flatnonzero(active):
                row = {name: column[run].item() for name, column in means.items()}
                refused[run] = bool(self.diverges(row))
        return refused


def fetch(tree: PyTree) -> PyTree:
    """Reads arrays to NumPy, on each host all of them; of random keys the integers."""
    tree = jax.tree.map(plain, tree)
    if jax.process_count() > 1:
        tree = multihost_utils.process_allgather(tree, tiled=True)
    return jax.device_get(tree)


def plain(leaf: Any) -> Any:
    """Returns the integers of random keys, and any other array as it is."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf
