"""Reads the current rate from an optimizer's state, and passes metrics to adaptive schedules.

``optax.inject_hyperparams`` stores the value that the last update used, and the state of an
adaptive schedule under the same name. A plain ``optax.adam(lr)`` stores only a count.
:func:`current_value` handles both. :func:`observe` passes a metric to an adaptive schedule between
two updates.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxlr.feedback.adaptive import AdaptiveSchedule, AdaptiveState

__all__ = ["current_value", "observe"]

State = TypeVar("State")

_PASS_A_PART = "Pass only the part of the state that you mean."

_INJECTED = (optax.InjectHyperparamsState, optax.InjectStatefulHyperparamsState)


def current_value(
    state: Any,
    name: str = "learning_rate",
    schedule: Callable[[ArrayLike], ArrayLike] | None = None,
) -> jax.Array:
    """Returns the value of a hyperparameter that the last update used.

    Before the first update, it returns the value that the first update will use.

    Args:
      state: the state of an optax optimizer, or anything that contains one: a chain, a dict, a
        ``flax`` train state, ``nnx.Optimizer.opt_state``.
      name: the name of the hyperparameter in the optimizer.
      schedule: the schedule; needed only if the optimizer was not made by
        ``optax.inject_hyperparams``, so that its state holds only a count.

    Returns:
      The value, as an array.

    Raises:
      ValueError: if the state contains no such value, or more than one.

    >>> import jax.numpy as jnp, jaxlr, optax
    >>> lr = jaxlr.linear_schedule(1.0, 0.0, transition_steps=4)
    >>> optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=lr)
    >>> state = optimizer.init(jnp.zeros(2))
    >>> for _ in range(3):
    ...     _, state = optimizer.update(jnp.ones(2), state)
    >>> float(jaxlr.current_value(state)), float(jaxlr.current_value(state, "b2"))
    (0.5, 0.9990000128746033)
    >>> _, state = optax.adam(lr).update(jnp.ones(2), optax.adam(lr).init(jnp.zeros(2)))
    >>> float(jaxlr.current_value(state, schedule=lr))
    1.0
    """
    if schedule is not None:
        counts = [node.count for node in _find(state, optax.ScaleByScheduleState)]
        count = _only(counts, "count of a schedule", _PASS_A_PART)
        return jnp.asarray(schedule(jnp.maximum(_plain(count) - 1, 0)))
    hyperparams = [node.hyperparams for node in _find(state, _INJECTED)]
    values = [found[name] for found in hyperparams if name in found]
    known = sorted({key for found in hyperparams for key in found})
    cure = (
        f"It holds {', '.join(known)}; pass only the part of the state that you mean."
        if known
        else "Give `schedule`, or make the optimizer by optax.inject_hyperparams."
    )
    return _plain(_only(values, f"`{name}`", cure))


def observe(
    state: State, schedule: AdaptiveSchedule, metric: ArrayLike, name: str = "learning_rate"
) -> State:
    """Returns an optimizer's state after its adaptive schedule has observed a metric.

    Use it for metrics that become known between two updates, such as the validation loss after an
    epoch; the next update uses the new rate. If you also pass the loss of every step to the
    optimizer as ``value``, give the schedule another ``monitor``.

    Args:
      state: the state of an optimizer made by ``optax.inject_hyperparams``, or anything that
        contains one, as for :func:`current_value`.
      schedule: the schedule that the optimizer was made with.
      metric: the metric, a single number.
      name: the name of the hyperparameter that the schedule controls.

    Returns:
      The state, in which only the state of the schedule has changed.

    Raises:
      ValueError: if the state contains no adaptive schedule of that name, or more than one.

    >>> import jax.numpy as jnp, jaxlr, optax
    >>> lr = jaxlr.reduce_on_plateau(1.0, factor=0.5, patience=1, monitor="validation_loss")
    >>> optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=lr)
    >>> state = optimizer.init(jnp.zeros(2))
    >>> for validation_loss in [3.0, 3.0, 2.0]:
    ...     for batch in range(5):
    ...         _, state = optimizer.update(jnp.ones(2), state, value=7.0)  # Ignored.
    ...     print(jaxlr.current_value(state))
    ...     state = jaxlr.observe(state, lr, validation_loss)
    1.0
    1.0
    0.5
    """

    def mine(node: Any) -> bool:
        return isinstance(node, optax.InjectStatefulHyperparamsState) and isinstance(
            node.hyperparams_states.get(name), AdaptiveState
        )

    found = [node.hyperparams_states[name] for node in _find(state, _INJECTED) if mine(node)]
    one = _only(found, f"state of an adaptive schedule for `{name}`", _PASS_A_PART)
    leaves, structure = jax.tree.flatten(one)
    plain = jax.tree.unflatten(jax.tree.structure(schedule.init()), leaves)
    heard = jax.tree.unflatten(structure, jax.tree.leaves(schedule.observe(plain, metric)))
    return jax.tree.map(
        lambda node: heard if node is one else node, state, is_leaf=lambda node: node is one
    )


def _find(tree: Any, kinds: Any) -> Iterator[Any]:
    """Yields all nodes of the given types, outer ones first."""
    for node in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, kinds)):
        if isinstance(node, kinds):
            yield node
            yield from _find(tuple(node), kinds)


def _only(found: list[Any], what: str, cure: str) -> Any:
    """Returns the single item found, or raises an error."""
    if len(found) != 1:
        raise ValueError(f"`state` must hold one {what}, got {len(found)}. {cure}")
    return found[0]


def _plain(value: Any) -> jax.Array:
    """Returns the array in a value that flax may have wrapped."""
    (leaf,) = jax.tree.leaves(value)
    return jnp.asarray(leaf)
