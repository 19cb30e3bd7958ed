"""Classification: the functions that training needs, for any Flax model that returns logits.

>>> import numpy as np
>>> from jaxlr.train.fitting import fit
>>> from jaxlr.train.images.models import MLP
>>> task = classification(MLP, input_shape=(2,), classes=2, hidden=(8,))
>>> points = np.random.default_rng(0).uniform(-1.0, 1.0, (256, 2)).astype(np.float32)
>>> labels = (points[:, 0] > points[:, 1]).astype(np.int32)
>>> data = (points, labels)
>>> result = fit(0.01, task.init, task.loss, data, data, metric=task.metric,
...              epochs=10, batch_size=16, progress=False)
>>> bool(result.history.epochs["validation_accuracy"][-1] > 0.95)
True
>>> logits = task.model(result.params)(points)
>>> logits.shape
(256, 2)
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

__all__ = ["Classification", "classification"]


class Classification(NamedTuple):
    """The functions of one kind of model; a batch is a pair of inputs and integer labels.

    Attributes:
      init: ``init(key)`` returns the parameters of a new model, an ``nnx.State``.
      loss: ``loss(params, batch)`` returns the mean cross entropy and ``{"accuracy": mean}``.
      metric: ``metric(params, batch)`` returns ``{"loss": ..., "accuracy": ...}`` with one value
        per example: the cross entropy, always without smoothing, and whether the label is right.
      model: ``model(params)`` returns the model with these parameters, to call on inputs.
    """

    init: Callable[[jax.Array], Any]
    loss: Callable[[Any, Any], tuple[jax.Array, dict[str, jax.Array]]]
    metric: Callable[[Any, Any], dict[str, jax.Array]]
    model: Callable[[Any], Any]


@functools.cache
def classification(
    model: Callable[..., nnx.Module], label_smoothing: float = 0.0, **options: Hashable
) -> Classification:
    """Makes the functions to train a classifier with.

    The same arguments give the same functions, so that their compiled programs are used again.

    Args:
      model: makes the module, as ``model(rngs=rngs, **options)``, such as
        :class:`jaxlr.train.CNN`. Called on inputs the module returns logits. It must hold
        parameters only: no dropout and no batch statistics.
      label_smoothing: the share of each label that is spread evenly over all classes, in the loss
        only; from 0 up to 1.
      **options: arguments of ``model``. They must be hashable: tuples, not lists.

    Returns:
      The functions.

    Raises:
      ValueError: if ``label_smoothing`` is out of range, or the module holds other state than
        parameters.

    >>> from jaxlr.train.images.models import MLP
    >>> classification(MLP, hidden=(32,)) is classification(MLP, hidden=(32,))
    True
    """
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(
            f"`label_smoothing` must be at least 0 and below 1, got {label_smoothing}. 0 is none."
        )
    abstract = nnx.eval_shape(lambda: model(rngs=nnx.Rngs(0), **options))
    graphdef, state = nnx.split(abstract)
    others = nnx.filter_state(state, nnx.Not(nnx.Param))
    if jax.tree.leaves(others):
        raise ValueError(
            f"`model` must hold parameters only, got {model!r} with other state:\n{others}\n"
            "For dropout or batch statistics, give functions of your own to fit."
        )

    def init(key: jax.Array) -> Any:
        return nnx.split(model(rngs=nnx.Rngs(key), **options))[1]

    def merge(params: Any) -> Any:
        return nnx.merge(graphdef, params)

    def logits_and_hits(params: Any, batch: Any) -> tuple[jax.Array, jax.Array]:
        inputs, labels = batch
        # In float32 whatever the model computes in: 16 bits are too few for a logarithm.
        logits = merge(params)(inputs).astype(jnp.float32)
        return logits, (jnp.argmax(logits, axis=-1) == labels).astype(jnp.float32)

    def loss(params: Any, batch: Any) -> tuple[jax.Array, dict[str, jax.Array]]:
        logits, hits = logits_and_hits(params, batch)
        entropy = optax.softmax_cross_entropy_with_integer_labels(logits, batch[1])
        if label_smoothing:
            even = -jnp.mean(jax.nn.log_softmax(logits), axis=-1)
            entropy = (1.0 - label_smoothing) * entropy + label_smoothing * even
        return jnp.mean(entropy), {"accuracy": jnp.mean(hits)}

    def metric(params: Any, batch: Any) -> dict[str, jax.Array]:
        logits, hits = logits_and_hits(params, batch)
        entropy = optax.softmax_cross_entropy_with_integer_labels(logits, batch[1])
        return {"loss": entropy, "accuracy": hits}

    return Classification(init, loss, metric, merge)
