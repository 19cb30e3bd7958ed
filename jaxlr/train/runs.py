"""Many runs at once: an epoch of all of them is one compiled call.

Runs have the functions and the data in common, and differ in their seeds and in the schedules of
their hyperparameters. :func:`jaxlr.train.fit` is one run, :func:`jaxlr.train.sweep` many.

What is compiled
----------------

Before each epoch every schedule is evaluated at the counts of that epoch, by the same call for one
run as for many; the compiled epoch gets rows of values. So it is one program whatever the families
are, and a run has the very rates it would have alone. A schedule that listens to a metric is
evaluated within the epoch; :mod:`jaxlr.train.stateful` says how several kinds of them, and plain
ones beside them, are one program.

``runs_per_batch`` says how many runs are computed side by side. With 1, a loop goes from run to run
and passes over those that have ended: each run is bit for bit what it is alone, and on a CPU this
is fastest for all but tiny models. With more, the loop goes over batches of runs mapped by
``jax.vmap``, which is what keeps an accelerator busy, and tiny models worth their calls; it passes
over batches in which all have ended. The state of the runs is updated in place, and the order of
the data is shared by runs of one seed.

On several devices each has its part of the runs and all of the data, and computes by itself: there
is no communication within an epoch. The number of *slots* is a multiple of the number of devices;
those beyond the last run idle.

A run that has ended, because it diverged or by early stopping, stays in its slot as it was.
:meth:`Trainer.keep` drops runs for good, and deals those left to the devices anew.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.feedback.stopping import EarlyStopping, Watch
from jaxlr.train import checks as _checks
from jaxlr.train import epoch, stateful
from jaxlr.train.epoch import Init, Loss, Metric, Optimizer, TrainState
from jaxlr.train.stateful import OneOf, is_stateful

__all__ = ["DIVERGED", "DROPPED", "STOPPED", "TRAINING", "Program", "Runs", "Trainer"]

Array = np.ndarray[Any, Any]
Columns = dict[str, Array]

TRAINING, STOPPED, DIVERGED, DROPPED = range(4)
"""How a run stands: in training (or at its last epoch), or what has ended it."""


class Program(NamedTuple):
    """What is compiled in; all of it can be compared and hashed.

    Attributes:
      loss: as for :func:`jaxlr.train.epoch.train_epoch`.
      metric: as for :func:`jaxlr.train.epoch.evaluate`.
      optimizer: the structure of the optimizer.
      batch_size: the number of examples per update.
      validation_batch_size: the number of examples to validate on together.
      runs_per_batch: the number of runs computed side by side on a device.
      mesh: the devices, along an axis ``"run"``; None for the one that the data are on.
    """

    loss: Loss
    metric: Metric
    optimizer: Optimizer
    batch_size: int
    validation_batch_size: int
    runs_per_batch: int = 1
    mesh: Mesh | None = None

    def distributed(self, function: Callable[..., Any], *specs: PartitionSpec) -> Any:
        """Lets each device work on its part; ``specs`` say which arguments have parts."""
        if self.mesh is None:
            return function
        return jax.shard_map(
            function, mesh=self.mesh, in_specs=specs, out_specs=_PARTS, check_vma=False
        )

    def placed(self, tree: Any, spec: PartitionSpec) -> Any:
        """Puts arrays on the devices."""
        if self.mesh is None:
            return jax.tree.map(jnp.asarray, tree)
        return jax.device_put(tree, NamedSharding(self.mesh, spec))

    def replicated(self, tree: Any) -> Any:
        """Puts arrays on every device."""
        return self.placed(tree, _WHOLE)

    def slots(self, runs: int) -> int:
        """Returns the number of slots for some runs: equally many batches for each device."""
        devices = 1 if self.mesh is None else self.mesh.size
        each = -(-runs // devices)
        return devices * self.width(each) * -(-each // self.width(each))

    def width(self, runs: int) -> int:
        """Returns the number of runs side by side, of those on a device; at most what was set."""
        batches = -(-runs // self.runs_per_batch)
        return -(-runs // batches)


_PARTS, _WHOLE = PartitionSpec("run"), PartitionSpec()


@functools.partial(jax.jit, static_argnums=(0, 1))
def _start(
    program: Program, init: Init, hyperparameters: Any, seeds: jax.Array, keys: jax.Array
) -> TrainState:
    """The state of all slots before the first update."""

    def start(hyperparameters: Any, seeds: jax.Array, keys: jax.Array) -> TrainState:
        # Runs of one seed begin alike: their parameters are drawn only once.
        drawn = lax.map(init, keys) if len(keys) < len(seeds) else None

        def start_run(of: tuple[Any, jax.Array]) -> TrainState:
            hyperparameters, seed = of
            draw = init if drawn is None else lambda key: _of(drawn, seed)
            return epoch.start(draw, program.optimizer, hyperparameters, keys[seed])

        return lax.map(start_run, (hyperparameters, seeds))

    begin = program.distributed(start, _PARTS, _PARTS, _WHOLE)
    state: TrainState = begin(hyperparameters, seeds, keys)
    return state


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def _train_epoch(
    program: Program,
    state: TrainState,
    active: jax.Array,
    seeds: jax.Array,
    hyperparameters: Mapping[str, Any],
    train: Any,
    validation: Any,
    keys: jax.Array,
    number: jax.Array,
) -> tuple[TrainState, dict[str, jax.Array], dict[str, jax.Array]]:
    """An epoch of all slots: the state after it, the record of its steps, and the metrics."""
    examples = epoch.num_examples(train)

    def epoch_of_part(
        state: Any, active: Any, seeds: Any, hyperparameters: Any, train: Any, validation: Any,
        keys: Any, number: Any,
    ) -> Any:  # fmt: skip
        orders = lax.map(
            lambda key: epoch.draw_batches(key, number, examples, program.batch_size), keys
        )

        def epoch_of_run(state: TrainState, of: Any) -> Any:
            seed, hyperparameters = of
            # Of one seed, all runs see the same batches, which are then picked only once.
            batches = orders[0] if len(keys) == 1 else orders[seed]
            state, steps = epoch.train_epoch(
                program.loss, program.optimizer, state, hyperparameters, train, batches
            )
            metrics = {}
            if validation is not None:
                size = program.validation_batch_size
                metrics = epoch.evaluate(program.metric, size, state.params, validation)
            return state, (steps, metrics)

        width = program.width(len(active))
        return _advance(epoch_of_run, width, state, active, (seeds, hyperparameters))

    parts = (_PARTS,) * 4
    run = program.distributed(epoch_of_part, *parts, *(_WHOLE,) * 4)
    state, (steps, metrics) = run(
        state, active, seeds, hyperparameters, train, validation, keys, number
    )
    return state, steps, metrics


def _advance(
    advance: Callable[[Any, Any], Any], width: int, state: Any, active: jax.Array, others: Any
) -> Any:
    """Maps ``state, outputs = advance(state, others)`` over the runs that are active.

    The state of all others stays, and their outputs are 0.
    """

    def work(state: Any, active: jax.Array, others: Any) -> Any:
        if width == 1:
            return advance(state, others)
        after, outputs = jax.vmap(advance)(state, others)
        return jax.tree.map(lax.select, _like(active, after), after, state), outputs

    def batch(at: jax.Array, everything: Any) -> Any:
        index = order[at]
        new = work(*_of((everything[0], active, others), index))
        put = functools.partial(lax.dynamic_update_index_in_dim, index=index, axis=0)
        return jax.tree.map(put, everything, new)

    if width > 1:
        state, active, others = jax.tree.map(
            lambda x: x.reshape(-1, width, *x.shape[1:]), (state, active, others)
        )
    one = jax.eval_shape(work, *_of((state, active, others), 0))[1]
    outputs = jax.tree.map(lambda x: jnp.zeros((len(active), *x.shape), x.dtype), one)
    # Only through the batches in which a run is active.
    busy = active.any(axis=1) if width > 1 else active
    order = jnp.argsort(~busy, stable=True)
    state, outputs = lax.fori_loop(0, jnp.sum(busy), batch, (state, outputs))
    if width > 1:
        state, outputs = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (state, outputs))
    return state, outputs


def _like(active: jax.Array, tree: Any) -> Any:
    """The mask once for every leaf, in its shape."""
    return jax.tree.map(
        lambda x: jnp.broadcast_to(active.reshape(-1, *[1] * (x.ndim - 1)), x.shape), tree
    )


@functools.partial(jax.jit, donate_argnums=0)
def _choose(best: Any, params: Any, improved: jax.Array) -> Any:
    """The parameters of the runs that improved, and the best ones before of all others."""
    return jax.tree.map(lax.select, _like(improved, params), params, best)


@functools.partial(jax.jit, donate_argnums=0)
def _observe(states: Any, schedules: Any, metrics: Any, active: jax.Array) -> Any:
    """The states of stateful schedules, by parameter name, after they have heard metrics."""

    def observe(states: Any, schedules: Any, metrics: Any) -> Any:
        return {name: stateful.observe(schedules[name], states[name], metrics) for name in states}

    heard = jax.vmap(observe)(states, schedules, metrics)
    return jax.tree.map(lax.select, _like(active, states), heard, states)


class Runs(NamedTuple):
    """How all runs stand after an epoch.

    Attributes:
      state: what training changes, with an axis of slots.
      best: with early stopping the parameters of the best epochs, with an axis of slots; else None.
      slots: the run in each slot; -1 for one that idles.
      watch: with early stopping what it has seen, with an axis of runs; else None.
      status: for each run, how it stands.
      epochs: for each run, the number of epochs it was trained for.
      best_epoch: for each run, the epoch that its parameters are of: the best one with early
        stopping, else the last.
    """

    state: TrainState
    best: Any
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
    def params(self) -> Any:
        """The parameters that count, with an axis of slots."""
        return self.state.params if self.watch is None else self.best


@dataclasses.dataclass(frozen=True)
class Trainer:
    """What stays the same while runs are trained.

    Attributes:
      program: what is compiled in.
      init: returns the parameters for a random key.
      hyperparameters: by parameter name, a schedule for each run, in a form of
        :func:`jaxlr.train.epoch.as_schedule`.
      seeds: the seed of each run.
      train: the training data, on the devices.
      validation: the validation data, on the devices, or None.
      early_stopping: when a run is to end before the last epoch.
      diverges: called with a run's row of the epoch; tells whether to end the run. A run whose loss
        is not finite at the last step of an epoch ends anyway.
    """

    program: Program
    init: Init
    hyperparameters: Mapping[str, Sequence[Any]]
    seeds: Sequence[int]
    train: Any
    validation: Any
    early_stopping: EarlyStopping | None = None
    diverges: Callable[[dict[str, float]], bool] | None = None

    def begin(self) -> Runs:
        """Returns the runs before the first epoch."""
        count = len(self.seeds)
        slots = self._slots
        state = _start(*self._first_arguments(slots))
        zeros = np.zeros(count, np.int32)
        watch, best = None, None
        if self.early_stopping is not None:
            watch = jax.tree.map(
                lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape)),
                self.early_stopping.init(),
            )
            best = jax.tree.map(jnp.copy, state.params)
        return Runs(state, best, slots, watch, zeros.astype(np.int8), zeros, zeros)

    def columns(self, runs: Runs) -> list[str]:
        """Names the numbers that an epoch will have, without training."""
        _, steps, metrics = _train_epoch.eval_shape(*self._arguments(runs, 0))
        return [*self._means(steps), *(f"validation_{name}" for name in metrics)]

    def check_monitors(self, runs: Runs) -> None:
        """Refuses to listen to a number that an epoch does not have."""
        monitors = list(self._monitors)
        if self.early_stopping is not None:
            monitors.append(("early_stopping", self.early_stopping.monitor))
        columns = self.columns(runs) if monitors else []
        for where, monitor in monitors:
            _checks.monitor(where, monitor, columns)

    def advance(self, runs: Runs, number: int) -> tuple[Runs, Columns, Columns]:
        """Trains all runs that have not ended for one epoch; the state in ``runs`` is used up.

        Args:
          runs: the runs after the epochs before.
          number: the number of these epochs.

        Returns:
          The runs, the record of the steps of this epoch, and its means and metrics. Both have an
          axis of runs; what a run did not do is NaN, or 0 for integers.
        """
        state, *outputs = _train_epoch(*self._arguments(runs, number))
        # Reading the numbers waits for the devices.
        steps, metrics = (self._by_run(runs, x) for x in fetch(tuple(outputs)))
        rows: Columns = {}
        for name in self._means(steps):
            rows[name] = np.asarray(np.mean(steps[name], axis=1, dtype=np.float64))
        rows |= {f"validation_{name}": column for name, column in metrics.items()}
        active = runs.active
        epochs = np.where(active, number + 1, runs.epochs).astype(np.int32)
        runs = runs._replace(state=state, epochs=epochs, best_epoch=epochs)
        runs = self._watched(self._heard(runs, rows), rows, active)
        diverged = active & (~np.isfinite(steps["loss"][:, -1]) | self._refused(rows, active))
        status = np.where(diverged, DIVERGED, runs.status).astype(np.int8)
        return runs._replace(status=status), steps, rows

    def keep(self, runs: Runs, kept: npt.ArrayLike) -> Runs:
        """Drops all runs but some, and deals these to the devices anew."""
        kept = np.asarray(kept)
        status = runs.status.copy()
        dropped = np.setdiff1d(runs.slots[runs.slots >= 0], kept)
        status[dropped] = np.where(status[dropped] == DIVERGED, DIVERGED, DROPPED)
        runs = runs._replace(status=status)
        devices = 1 if self.program.mesh is None else self.program.mesh.size
        if devices == self.program.runs_per_batch == 1:
            return runs._replace(slots=np.where(np.isin(runs.slots, kept), runs.slots, -1))
        # Those in training first, so that each device gets as many of them as any other.
        order = kept[np.argsort(status[kept] != TRAINING, kind="stable")]
        size = self.program.slots(len(order))
        if self.program.runs_per_batch == 1:
            size = max(size, len(runs.slots))  # Empty slots cost nothing, another program does.
        slots = _padded(order, size).reshape(-1, devices).T.ravel()
        place = {run: slot for slot, run in enumerate(runs.slots) if run >= 0}
        return self._moved(runs, slots, [place.get(run, 0) for run in slots])

    def params(self, runs: Runs, run: int) -> Any:
        """Returns the parameters of one run."""
        (slot,) = np.flatnonzero(runs.slots == run)
        params = _of(runs.params, slot)
        if self.program.mesh is None:
            return params
        # From the devices of the sweep to this process, where they are free to move.
        return jax.tree.map(jnp.asarray, jax.device_get(self.program.replicated(params)))

    def bytes_per_run(self) -> int:
        """Returns the memory for the state of a run, with early stopping its best one too."""
        state = _start.eval_shape(*self._first_arguments(self._slots))
        kept = (state, state.params) if self.early_stopping is not None else state
        sizes = [leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept)]
        return sum(sizes) // len(self._slots)

    # What a checkpoint has of the runs: their states one after another, without idle slots, so
    # that another number of devices can take them up.

    def packed(self, runs: Runs) -> tuple[Any, Columns]:
        """Returns what to save: a pytree of JAX arrays, and one of NumPy arrays."""
        slots = np.flatnonzero(runs.slots >= 0)
        order = slots[np.argsort(runs.slots[slots])]
        state = _of((runs.state, runs.best), order)
        record = {name: getattr(runs, name) for name in ("status", "epochs", "best_epoch")}
        record["kept"] = runs.slots[order]
        watch = [np.asarray(leaf) for leaf in jax.tree.leaves(runs.watch)]
        return state, record | {f"watch{i}": leaf for i, leaf in enumerate(watch)}

    def packed_like(self, runs: Runs, kept: int) -> Any:
        """Returns a state of the form that :meth:`packed` has for so many runs left."""
        return jax.tree.map(
            lambda leaf: jnp.zeros((kept, *leaf.shape[1:]), leaf.dtype), (runs.state, runs.best)
        )

    def unpacked(self, runs: Runs, state: Any, record: Columns) -> Runs:
        """Returns the runs that were packed, on the devices of this trainer."""
        kept = record["kept"]
        watch = None
        if runs.watch is not None:
            structure = jax.tree.structure(runs.watch)
            names = sorted(name for name in record if name.startswith("watch"))
            leaves = [jnp.asarray(record[name]) for name in names]
            watch = jax.tree.unflatten(structure, leaves)
        status, epochs, best_epoch = (record[x] for x in ("status", "epochs", "best_epoch"))
        packed = Runs(state[0], state[1], kept, watch, status, epochs, best_epoch)
        return self.keep(packed, kept) if len(kept) < len(self.seeds) else self._spread(packed)

    def _spread(self, packed: Runs) -> Runs:
        slots = _padded(packed.slots, self.program.slots(len(packed.slots)))
        return self._moved(packed, slots, np.maximum(slots, 0))

    def _moved(self, runs: Runs, slots: Array, places: npt.ArrayLike) -> Runs:
        """Fills the slots with what is at other places."""
        index = np.asarray(places)
        taken = _of((runs.state, runs.best), index)
        state, best = self.program.placed(taken, _PARTS)
        return runs._replace(state=state, best=best, slots=slots)

    @functools.cached_property
    def _slots(self) -> Array:
        """The run in each slot at first."""
        count = len(self.seeds)
        return _padded(np.arange(count), self.program.slots(count))

    def _first_arguments(self, slots: Array) -> tuple[Any, ...]:
        values = self._values(slots, 0)
        first = {name: x[:, 0] if isinstance(x, np.ndarray) else x for name, x in values.items()}
        return self.program, self.init, first, self._seed_places[slots], self._keys[0]

    def _arguments(self, runs: Runs, number: int) -> tuple[Any, ...]:
        values = self._values(runs.slots, number)
        keys, seeds = self._keys[1], self._seed_places[runs.slots]
        data = (self.train, self.validation)
        return (
            self.program,
            runs.state,
            runs.active_slots,
            seeds,
            values,
            *data,
            keys,
            np.int32(number),
        )

    def _values(self, slots: Array, number: int) -> dict[str, Any]:
        """The hyperparameters of the slots in an epoch: rows of values, or stateful schedules."""
        steps = epoch.num_examples(self.train) // self.program.batch_size
        counts = np.arange(number * steps, (number + 1) * steps)
        values: dict[str, Any] = {}
        for name, schedules in self.hyperparameters.items():
            column = self._stateful.get(name)
            if column is None:
                column = _rows(schedules, counts)
            elif isinstance(column, OneOf):
                begin = np.full(len(schedules), counts[0], np.int32)
                column = column.with_values(_rows(schedules, counts), begin)
            values[name] = _of(column, slots)
        return values

    @functools.cached_property
    def _stateful(self) -> dict[str, Any]:
        """The stateful schedules by parameter name, with an axis of runs."""
        return {
            name: stateful.together(schedules)
            for name, schedules in self.hyperparameters.items()
            if any(map(is_stateful, schedules))
        }

    @functools.cached_property
    def _monitors(self) -> list[tuple[str, str]]:
        """What schedules hear once an epoch: the name of a parameter, and that of a number."""
        pairs = [
            (name, lr.monitor)
            for name, schedules in self.hyperparameters.items()
            for lr in schedules
            if isinstance(lr, AdaptiveSchedule) and lr.monitor != "value"
        ]
        return list(dict.fromkeys(pairs))

    @functools.cached_property
    def _seed_places(self) -> Array:
        return np.unique(self.seeds, return_inverse=True)[1].astype(np.int32)

    @functools.cached_property
    def _keys(self) -> tuple[jax.Array, jax.Array]:
        """The keys of each seed: for the parameters, and for the order of the data."""
        seeds = [int(seed) for seed in np.unique(self.seeds)]
        pairs = [jax.random.split(jax.random.key(seed)) for seed in seeds]
        init_keys, order_keys = jnp.stack(pairs, axis=1)
        return init_keys, order_keys

    def _by_run(self, runs: Runs, columns: Columns) -> Columns:
        """Brings what has an axis of slots to one of runs."""
        filled = np.flatnonzero(runs.active_slots)
        by_run = {}
        for name, column in columns.items():
            shape = (len(self.seeds), *column.shape[1:])
            blank = np.nan if np.issubdtype(column.dtype, np.floating) else 0
            by_run[name] = np.full(shape, blank, column.dtype)
            by_run[name][runs.slots[filled]] = column[filled]
        return by_run

    def _means(self, steps: Mapping[str, Any]) -> list[str]:
        """Names what of the record of the steps is a mean over the data."""
        others = {"step", "gradient_norm", *self.hyperparameters}
        return [name for name in steps if name not in others]

    def _heard(self, runs: Runs, rows: Columns) -> Runs:
        """Lets schedules hear the metrics of an epoch that they wait for."""
        if not self._monitors:
            return runs
        monitors = {monitor for _, monitor in self._monitors}
        metrics = {name: rows[name][runs.slots].astype(np.float32) for name in monitors}
        schedules, opt_state = _of(self._stateful, runs.slots), runs.state.opt_state
        states = _observe(opt_state.hyperparams_states, schedules, metrics, runs.active_slots)
        opt_state = opt_state._replace(hyperparams_states=states)
        return runs._replace(state=runs.state._replace(opt_state=opt_state))

    def _watched(self, runs: Runs, rows: Columns, active: Array) -> Runs:
        """Lets early stopping look at the rows of an epoch."""
        rule = self.early_stopping
        if rule is None or runs.watch is None:
            return runs
        after = jax.vmap(rule.update)(runs.watch, jnp.asarray(rows[rule.monitor]))
        watch = jax.tree.map(lambda old, new: jnp.where(active, new, old), runs.watch, after)
        improved = active & (np.asarray(watch.stale) == 0)
        best_epoch = (runs.epochs - np.asarray(watch.stale)).astype(np.int32)
        stops = active & np.asarray(jax.vmap(rule.stops)(watch))
        return runs._replace(
            best=_choose(runs.best, runs.state.params, improved[runs.slots]),
            watch=watch,
            status=np.where(stops, STOPPED, runs.status).astype(np.int8),
            best_epoch=best_epoch,
        )

    def _refused(self, rows: Columns, active: Array) -> Array:
        """Tells which runs have diverged by the user's rule."""
        refused = np.zeros(len(active), bool)
        if self.diverges is not None:
            for run in np.flatnonzero(active):
                row = {name: column[run].item() for name, column in rows.items()}
                refused[run] = bool(self.diverges(row))
        return refused


def fetch(tree: Any) -> Any:
    """Reads arrays to NumPy, on each host all of them."""
    if jax.process_count() > 1:
        tree = multihost_utils.process_allgather(tree, tiled=True)
    return jax.device_get(tree)


def _of(tree: Any, index: Any) -> Any:
    """What the leaves have at some places of their first axis."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _padded(runs: Array, slots: int) -> Array:
    return np.append(runs, np.full(slots - len(runs), -1)).astype(np.int32)


def _rows(schedules: Sequence[Any], counts: Array) -> Array:
    """The values of plain schedules at some counts, a row for each; 0 for stateful ones."""
    plain = {id(lr): lr for lr in schedules if not is_stateful(lr)}
    rows = jax.device_get({key: lr(counts) for key, lr in plain.items()})
    blank = np.zeros(len(counts))
    return np.stack([rows.get(id(lr), blank) for lr in schedules], dtype=np.float32)
