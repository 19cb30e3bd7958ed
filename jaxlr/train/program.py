"""The compiled part: an epoch of all runs is one call.

Before each epoch every schedule is evaluated at the counts of that epoch, by the same call for one
run as for many; the compiled epoch gets rows of values. So it is one program for schedules of any
families, and each run has exactly the rates it would have alone. A schedule that listens to a
metric is evaluated within the epoch; :mod:`jaxlr.train.stateful` makes one program of several kinds
of them, with plain schedules beside them.

``runs_per_batch`` says how many runs are computed side by side. With 1, a loop goes from run to run
and skips those that have ended: each run is bit for bit the run it would be alone, and on a CPU
this is fastest for all but tiny models. With more, the loop goes over batches of runs mapped by
``jax.vmap``, and skips batches in which all have ended. That keeps an accelerator busy, and makes
tiny models worth their calls. The state of the runs is updated in place, and runs of one seed share
the order of the data.

On several devices each has its part of the runs and all of the data, and works by itself: there is
no communication within an epoch.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxlr.train import epoch, stateful
from jaxlr.train.epoch import TrainState
from jaxlr.train.layout import PARTS, WHOLE, Layout
from jaxlr.train.optimizer import Optimizer
from jaxlr.train.types import Init, Loss, Metric, PyTree

__all__ = ["Program", "choose", "observe", "start", "take", "train_epoch"]


class Program(NamedTuple):
    """The structure of training, which is compiled in; it can be compared and hashed.

    Attributes:
      loss: as for :func:`jaxlr.train.epoch.train_epoch`.
      metric: as for :func:`jaxlr.train.epoch.evaluate`.
      optimizer: the structure of the optimizer.
      batch_size: the number of examples per batch.
      validation_batch_size: the number of examples to validate on together.
      layout: where the runs lie.
      accumulate: the number of batches per update.
    """

    loss: Loss
    metric: Metric
    optimizer: Optimizer
    batch_size: int
    validation_batch_size: int
    layout: Layout = Layout()
    accumulate: int = 1

    @property
    def examples_per_update(self) -> int:
        """The number of examples per update."""
        return self.batch_size * self.accumulate


@functools.partial(jax.jit, static_argnums=(0, 1))
def start(
    program: Program, init: Init, hyperparameters: PyTree, seeds: jax.Array, keys: jax.Array
) -> TrainState:
    """Returns the state of all slots before the first update.

    Args:
      program: the structure.
      init: returns the parameters for a random key.
      hyperparameters: by name, the first values or the stateful schedules, with an axis of slots.
      seeds: the place of the seed of each slot among the keys.
      keys: the random key of each seed.
    """

    def start_part(hyperparameters: PyTree, seeds: jax.Array, keys: jax.Array) -> TrainState:
        # Runs of one seed begin alike: their parameters are drawn only once.
        drawn = lax.map(init, keys) if len(keys) < len(seeds) else None

        def start_run(of: tuple[PyTree, jax.Array]) -> TrainState:
            hyperparameters, seed = of
            draw = init if drawn is None else lambda key: take(drawn, seed)
            return epoch.start(draw, program.optimizer, hyperparameters, keys[seed])

        return lax.map(start_run, (hyperparameters, seeds))

    state: TrainState = program.layout.distributed(start_part, PARTS, PARTS, WHOLE)(
        hyperparameters, seeds, keys
    )
    return state


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def train_epoch(
    program: Program,
    state: TrainState,
    active: jax.Array,
    seeds: jax.Array,
    hyperparameters: Mapping[str, PyTree],
    train: PyTree,
    validation: PyTree,
    keys: jax.Array,
    number: jax.Array,
) -> tuple[TrainState, dict[str, jax.Array], dict[str, jax.Array]]:
    """Trains all slots for one epoch.

    Args:
      program: the structure.
      state: the state of all slots; it is used up.
      active: which slots have a run in training. The others stay as they are.
      seeds: the place of the seed of each slot among the keys.
      hyperparameters: by name, rows of values or stateful schedules, with an axis of slots.
      train: the training data.
      validation: the validation data, or None.
      keys: for each seed, the random key for the order of the data.
      number: the number of epochs before this one.

    Returns:
      The state after the epoch, the record of its steps, and the metrics; 0 in idle slots.
    """
    examples = epoch.num_examples(train)

    def train_part(
        state: Any, active: Any, seeds: Any, hyperparameters: Any, train: Any, validation: Any,
        keys: Any, number: Any,
    ) -> Any:  # fmt: skip
        orders = lax.map(
            lambda key: epoch.draw_batches(key, number, examples, program.examples_per_update),
            keys,
        )

        def train_run(state: TrainState, of: Any) -> Any:
            seed, hyperparameters = of
            # With one seed all runs see the same batches, which are then picked only once.
            batches = orders[0] if len(keys) == 1 else orders[seed]
            state, steps = epoch.train_epoch(
                program.loss,
                program.optimizer,
                state,
                hyperparameters,
                train,
                batches,
                epoch.loss_key(program.loss, keys[seed]),
                program.accumulate,
            )
            metrics = {}
            if validation is not None:
                size = program.validation_batch_size
                metrics = epoch.evaluate(program.metric, size, state.params, validation)
            return state, (steps, metrics)

        width = program.layout.width(len(active))
        return _advance(train_run, width, state, active, (seeds, hyperparameters))

    run = program.layout.distributed(train_part, *(PARTS,) * 4, *(WHOLE,) * 4)
    state, (steps, metrics) = run(
        state, active, seeds, hyperparameters, train, validation, keys, number
    )
    return state, steps, metrics


@functools.partial(jax.jit, donate_argnums=0)
def choose(best: PyTree, params: PyTree, improved: jax.Array) -> PyTree:
    """Returns the parameters of the slots that improved, and the best ones so far of the others."""
    return jax.tree.map(lax.select, _like(improved, params), params, best)


@functools.partial(jax.jit, donate_argnums=0)
def observe(states: PyTree, schedules: PyTree, metrics: PyTree, active: jax.Array) -> PyTree:
    """Returns the states of stateful schedules, by name, after they have heard metrics."""

    def observe_run(states: PyTree, schedules: PyTree, metrics: PyTree) -> PyTree:
        return {name: stateful.observe(schedules[name], states[name], metrics) for name in states}

    heard = jax.vmap(observe_run)(states, schedules, metrics)
    return jax.tree.map(lax.select, _like(active, states), heard, states)


def take(tree: PyTree, index: Any) -> PyTree:
    """Returns the entries at some places of the first axis of every leaf."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _advance(
    advance: Callable[[Any, Any], Any], width: int, state: Any, active: jax.Array, others: Any
) -> Any:
    """Maps ``state, outputs = advance(state, others)`` over the runs that are active.

    The state of the others stays, and their outputs are 0.
    """

    def work(state: Any, active: jax.Array, others: Any) -> Any:
        if width == 1:
            return advance(state, others)
        after, outputs = jax.vmap(advance)(state, others)
        return jax.tree.map(lax.select, _like(active, after), after, state), outputs

    def batch(at: jax.Array, everything: Any) -> Any:
        index = order[at]
        new = work(*take((everything[0], active, others), index))
        put = functools.partial(lax.dynamic_update_index_in_dim, index=index, axis=0)
        return jax.tree.map(put, everything, new)

    if width > 1:
        state, active, others = jax.tree.map(
            lambda x: x.reshape(-1, width, *x.shape[1:]), (state, active, others)
        )
    one = jax.eval_shape(work, *take((state, active, others), 0))[1]
    outputs = jax.tree.map(lambda x: jnp.zeros((len(active), *x.shape), x.dtype), one)
    # Only the batches in which a run is active.
    busy = active.any(axis=1) if width > 1 else active
    order = jnp.argsort(~busy, stable=True)
    state, outputs = lax.fori_loop(0, jnp.sum(busy), batch, (state, outputs))
    if width > 1:
        state, outputs = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (state, outputs))
    return state, outputs


def _like(active: jax.Array, tree: PyTree) -> PyTree:
    """Returns the mask once for every leaf, in its shape."""
    return jax.tree.map(
        lambda x: jnp.broadcast_to(active.reshape(-1, *[1] * (x.ndim - 1)), x.shape), tree
    )
