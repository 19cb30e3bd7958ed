"""One epoch of one run, as pure functions that a caller may compile, map or distribute.

* :func:`start` draws the parameters and makes the optimizer's state;
* :func:`draw_batches` draws the order of the data;
* :func:`train_epoch` updates parameters and state once per batch, and records every step;
* :func:`evaluate` averages metrics over a data set.

Functions and sizes among the arguments are structure, for static arguments of ``jax.jit``. All
others are arrays or pytrees of arrays. A schedule arrives as a row of values, one for each step:
any schedule is the same program, and many runs at once are ``jax.vmap`` or ``jax.lax.map`` over the
state and the rows, with the data and their order shared. :mod:`jaxlr.train.program` does that.

The optimizer sees gradients and parameters of 16 bits in float32, and keeps its moments so: in
bfloat16 a second moment with decay 0.999 never decays, since 0.999 itself rounds to 1.
"""

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.typing import ArrayLike

from jaxlr.train.optimizer import Optimizer
from jaxlr.train.stateful import is_stateful
from jaxlr.train.types import Init, Loss, Metric, PyTree

__all__ = [
    "LossMetric",
    "TrainState",
    "draw_batches",
    "evaluate",
    "loss_key",
    "num_examples",
    "start",
    "takes_key",
    "train_epoch",
]


class TrainState(NamedTuple):
    """The part of a run that training changes.

    Attributes:
      params: the parameters of the model.
      opt_state: the state of the optimizer; ``opt_state.count`` is the number of updates so far
        and ``opt_state.hyperparams`` has the values that the last one used.
    """

    params: PyTree
    opt_state: PyTree


def num_examples(data: PyTree, name: str = "data") -> int:
    """Returns the common length of the arrays of a data set.

    Args:
      data: a pytree of arrays with a common leading axis.
      name: the name of the argument, for errors.

    Returns:
      The length of that axis.

    Raises:
      ValueError: if there is no array or no example, or the leading axes differ.

    >>> import numpy as np
    >>> num_examples((np.zeros((10, 8, 8)), np.zeros(10)))
    10
    """
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(data)]
    lengths = {shape[:1] for shape in shapes}
    if len(lengths) != 1 or lengths <= {(), (0,)}:
        raise ValueError(
            f"`{name}` must be arrays with a common leading axis, one entry per example, got the "
            f"shapes {shapes}."
        )
    return int(lengths.pop()[0])


def start(
    init: Init, optimizer: Optimizer, hyperparameters: Mapping[str, Any], key: jax.Array
) -> TrainState:
    """Makes the state before the first update.

    Args:
      init: returns the parameters, a pytree of arrays, for a random key.
      optimizer: the structure of the optimizer.
      hyperparameters: by parameter name, the first value or a stateful schedule.
      key: the random key for ``init``.

    Returns:
      The state.
    """
    params = init(key)
    _check_trainable(params)
    opt_state = optimizer.build(hyperparameters).init(_widen(params))
    if any(_is_multi_steps(node) for node in jax.tree.leaves(opt_state, is_leaf=_is_multi_steps)):
        raise ValueError(
            "`optimizer` must not be one of optax.MultiSteps, with which a schedule would count "
            "batches and not updates. Give `accumulate`, the number of batches per update, and the "
            "optimizer without optax.MultiSteps."
        )
    return jax.tree.map(_strong, TrainState(params, opt_state))


def _is_multi_steps(node: Any) -> bool:
    return isinstance(node, optax.MultiStepsState)


def _check_trainable(params: PyTree) -> None:
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        dtype = jnp.result_type(leaf)
        if not jnp.issubdtype(dtype, jnp.inexact):
            raise TypeError(
                "`init` must return parameters that can be trained, floats, got "
                f"{dtype} at {jax.tree_util.keystr(path)}. Of a Flax module with dropout or other "
                "state take the parameters alone, nnx.split(model, nnx.Param, ...)[1]; a `loss` "
                "with a third parameter `key` gets a random key for each batch."
            )


def draw_batches(key: jax.Array, epoch: ArrayLike, examples: int, batch_size: int) -> jax.Array:
    """Draws the order of the training data in one epoch.

    Args:
      key: the random key of the run.
      epoch: the number of epochs before this one.
      examples: the number of examples.
      batch_size: the number of examples per update.

    Returns:
      The examples of each update, by their places: ``[examples // batch_size, batch_size]``. Those
      that come last in the order are left out; the next epoch leaves out others.

    >>> draw_batches(jax.random.key(0), 0, examples=7, batch_size=3).shape
    (2, 3)
    """
    order = jax.random.permutation(jax.random.fold_in(key, epoch), examples)
    return order[: examples - examples % batch_size].reshape(-1, batch_size)


def loss_key(loss: Loss, key: jax.Array) -> jax.Array | None:
    """Returns the random key of a run for its losses, if ``loss`` takes one.

    Args:
      loss: as for :func:`train_epoch`.
      key: the key of the run for :func:`draw_batches`.
    """
    # No epoch has this number.
    return jax.random.fold_in(key, 2**32 - 1) if takes_key(loss) else None


def train_epoch(
    loss: Loss,
    optimizer: Optimizer,
    state: TrainState,
    hyperparameters: Mapping[str, Any],
    data: PyTree,
    batches: jax.Array,
    key: jax.Array | None = None,
    accumulate: int = 1,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Makes one update for each batch of an epoch.

    Args:
      loss: returns the mean loss over a batch for parameters and that batch; or a pair of it and a
        dict of other means to record.
      optimizer: the structure of the optimizer. Its ``update`` gets the loss as ``value``.
      state: the state before the epoch.
      hyperparameters: by parameter name, an array with the value for each of the updates, or a
        stateful schedule.
      data: a pytree of arrays with a common leading axis.
      batches: the examples of each update, as :func:`draw_batches` returns them.
      key: the random key of the run for its losses, if ``loss`` takes one.
      accumulate: into how many batches to split the examples of an update, to need less memory; its
        gradient is the mean over them.

    Returns:
      The state after the epoch, and for each of its steps: ``step``, counted from 0 over all
      epochs; the value of each scheduled hyperparameter in this update; ``loss``; the other
      means of ``loss``; ``gradient_norm``, the Euclidean norm of the whole gradient.
    """
    stateful = {name: x for name, x in hyperparameters.items() if is_stateful(x)}
    values = {name: x for name, x in hyperparameters.items() if name not in stateful}
    # Of a number, `inject_hyperparams` takes the value from its state; each step puts it there.
    update = optimizer.build({**dict.fromkeys(values, 0.0), **stateful}).update

    def step(state: TrainState, at: tuple[Any, Any]) -> tuple[TrainState, dict[str, jax.Array]]:
        indices, values = at
        (value, means), gradient = _gradient(
            loss, state.params, data, indices, _folded(key, state.opt_state.count)
        )
        # Where the optimizer squares the gradient too, XLA would store the squares for both.
        norm = optax.tree.norm(_widen(lax.optimization_barrier(gradient)))
        gradient = _widen(gradient)
        used = state.opt_state._replace(hyperparams=state.opt_state.hyperparams | values)
        changes, opt_state = update(gradient, used, _widen(state.params), value=_widen(value))
        params = optax.apply_updates(state.params, changes)
        record = _merge(
            {"step": state.opt_state.count},
            opt_state.hyperparams,
            {"loss": value, "gradient_norm": norm},
            means,
        )
        return TrainState(params, opt_state), _widen(record)

    batches = batches.reshape(len(batches), accumulate, -1)
    return lax.scan(step, state, (batches, values))


def _gradient(
    loss: Loss, params: PyTree, data: PyTree, batches: jax.Array, key: jax.Array | None
) -> tuple[tuple[jax.Array, dict[str, jax.Array]], PyTree]:
    """Returns loss, means and gradient, each the mean over some batches."""
    value_and_gradient = jax.value_and_grad(functools.partial(_loss_and_means, loss), has_aux=True)

    def of_batch(at: ArrayLike) -> Any:
        batch = jax.tree.map(lambda array: array[batches[at]], data)
        return value_and_gradient(params, batch, _folded(key, at))

    if len(batches) == 1:
        return of_batch(0)

    def add(total: Any, at: jax.Array) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, _widen(of_batch(at))), None

    first = _widen(of_batch(0))
    total, _ = lax.scan(add, first, jnp.arange(1, len(batches)))
    return jax.tree.map(lambda x: x / len(batches), total)


def evaluate(metric: Metric, batch_size: int, params: PyTree, data: PyTree) -> dict[str, jax.Array]:
    """Averages metrics over all examples of a data set, the last incomplete batch included.

    Args:
      metric: returns a dict of arrays with one value per example for parameters and a batch.
      batch_size: the number of examples to look at together; the result does not depend on it.
      params: the parameters.
      data: a pytree of arrays with a common leading axis.

    Returns:
      The mean of each metric.

    Raises:
      ValueError: if a metric has not one value per example.
    """
    examples = num_examples(data)
    batch_size = min(batch_size, examples)
    whole, rest = divmod(examples, batch_size)

    def totals(begin: ArrayLike, size: int) -> dict[str, jax.Array]:
        batch = jax.tree.map(lambda array: lax.dynamic_slice_in_dim(array, begin, size), data)
        values = dict(metric(params, batch))
        for name, value in values.items():
            if jnp.shape(value) != (size,):
                raise ValueError(
                    f"`metric` must return one value per example: `{name}` has the shape "
                    f"{jnp.shape(value)} for a batch of {size}. Leave the averaging to the caller."
                )
        return {name: jnp.sum(value, dtype=_wide(value)) for name, value in values.items()}

    # First over each batch, then over the batches: a long sum in float32 loses digits.
    batches = jnp.arange(whole) * batch_size
    sums = jax.tree.map(jnp.sum, lax.map(lambda begin: totals(begin, batch_size), batches))
    if rest:
        sums = jax.tree.map(jnp.add, sums, totals(whole * batch_size, rest))
    return {name: total / examples for name, total in sums.items()}


@dataclass(frozen=True)
class LossMetric:
    """A loss as a metric: every example of a batch counts with the mean of the batch.

    The mean over all examples is exact all the same, since batches weigh as much as they hold.

    Attributes:
      loss: as for :func:`train_epoch`.
    """

    loss: Loss

    def __call__(self, params: Any, batch: Any) -> dict[str, jax.Array]:
        """Returns the loss and its other means, repeated for each example."""
        value, means = _loss_and_means(self.loss, params, batch, None)
        size = num_examples(batch)
        return {name: jnp.full(size, x) for name, x in _merge({"loss": value}, means).items()}


def _folded(key: jax.Array | None, number: ArrayLike) -> jax.Array | None:
    return None if key is None else jax.random.fold_in(key, number)


def takes_key(loss: Loss) -> bool:
    """Tells whether a loss has a parameter ``key`` that nobody has given yet."""
    try:
        parameter = inspect.signature(loss).parameters.get("key")
    except (TypeError, ValueError):  # It does not say.
        return False
    return parameter is not None and parameter.default is inspect.Parameter.empty


def _loss_and_means(
    loss: Loss, params: PyTree, batch: PyTree, key: jax.Array | None
) -> tuple[Any, dict[str, Any]]:
    result = loss(params, batch, key=key) if takes_key(loss) else loss(params, batch)
    value, means = result if isinstance(result, tuple) else (result, {})
    for name, mean in means.items():
        if jnp.shape(mean) != ():
            raise ValueError(
                f"`loss` must return means over the batch: `{name}` has the shape "
                f"{jnp.shape(mean)}."
            )
    return value, dict(means)


def _merge(*records: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for record in records:
        for name in merged.keys() & record.keys():
            raise ValueError(f"`loss` must not return `{name}`: that name is taken in the record.")
        merged |= record
    return merged


def _wide(x: ArrayLike) -> Any:
    return jnp.promote_types(jnp.result_type(x), jnp.float32)


def _widen(tree: Any) -> Any:
    """Converts floats of fewer than 32 bits to float32."""

    def convert(leaf: Any) -> Any:
        floating = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        return jnp.asarray(leaf, _wide(leaf)) if floating else leaf

    return jax.tree.map(convert, tree)


def _strong(leaf: Any) -> Any:
    """Fixes the dtype of a leaf that came of Python numbers.

    Otherwise the first update fixes it, and the second epoch would be another program.
    """
    weak = isinstance(leaf, int | float) or getattr(leaf, "weak_type", False)
    return jnp.asarray(leaf, jnp.result_type(leaf)) if weak else leaf
