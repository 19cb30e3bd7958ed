"""What schedules keep in the state of an optimizer: the current rate, and what a metric changes.

optax keeps it in several places, or not at all: ``inject_hyperparams`` stores the value that the
last update used, beside a state of the schedule under the same name; a plain ``optax.adam(lr)``
stores only a count. :func:`current_value` reads either. :func:`observe` hands a metric to an
adaptive schedule between two updates.
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

_INJECTED = (optax.InjectHyperparamsState, optax.InjectStatefulHyperparamsState)


def current_value(
    state: Any,
    name: str = "learning_rate",
    schedule: Callable[[ArrayLike], ArrayLike] | None = None,
) -> jax.Array:
    """Returns the value of a hyperparameter that the last update used.

    Before the first update it is the value that the first one will use.

    Args:
      state: the state of an optax optimizer, or anything that holds one: a chain, a dict, a
        ``flax`` train state, ``nnx.Optimizer.opt_state``.
      name: the hyperparameter, as the optimizer names it.
      schedule: the schedule, where the optimizer was not made by ``optax.inject_hyperparams`` and
        so its state holds only a count.

    Returns:
      The value, an array.

    Raises:
      ValueError: if the state holds no such value, or several that differ in their place; it says
        what to do instead.

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
        count = _only(counts, "count of a schedule", "Hand over the part that has the one meant.")
        return jnp.asarray(schedule(jnp.maximum(_plain(count) - 1, 0)))
    hyperparams = [node.hyperparams for node in _find(state, _INJECTED)]
    values = [found[name] for found in hyperparams if name in found]
    known = sorted({key for found in hyperparams for key in found})
    cure = (
        f"It holds {', '.join(known)}; hand over the part that holds the one meant."
        if known
        else "Give `schedule`, or make the optimizer by optax.inject_hyperparams."
    )
    return _plain(_only(values, f"`{name}`", cure))


def observe(
    state: State, schedule: AdaptiveSchedule, metric: ArrayLike, name: str = "learning_rate"
) -> State:
    """Returns the state of an optimizer after its adaptive schedule has heard a metric.

    It is for metrics that are known between two updates, such as the loss on the validation data
    after an epoch; the next update uses the rate that follows. Give the schedule a ``monitor``
    other than ``"value"`` if the optimizer gets the losses of the steps under that name.

    Args:
      state: the state of an optimizer made by ``optax.inject_hyperparams``, or anything that holds
        one, as for :func:`current_value`.
      schedule: the schedule that the optimizer was made with.
      metric: the metric, one number.
      name: the hyperparameter that has the schedule.

    Returns:
      The state; all but the part of the schedule is as it was.

    Raises:
      ValueError: if the state holds none of an adaptive schedule of that name, or several.

    >>> import jax.numpy as jnp, jaxlr, optax
    >>> lr = jaxlr.reduce_on_plateau(1.0, factor=0.5, patience=1, monitor="validation_loss")
    >>> optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=lr)
    >>> state = optimizer.init(jnp.zeros(2))
    >>> for validation_loss in [3.0, 3.0, 2.0]:
    ...     for batch in range(5):
    ...         _, state = optimizer.update(jnp.ones(2), state, value=7.0)  # It is not heard.
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
    cure = "Hand over the part that has the one meant."
    one = _only(found, f"state of an adaptive schedule for `{name}`", cure)
    leaves, structure = jax.tree.flatten(one)
    plain = jax.tree.unflatten(jax.tree.structure(schedule.init()), leaves)
    heard = jax.tree.unflatten(structure, jax.tree.leaves(schedule.observe(plain, metric)))
    return jax.tree.map(
        lambda node: heard if node is one else node, state, is_leaf=lambda node: node is one
    )


def _find(tree: Any, kinds: Any) -> Iterator[Any]:
    """All nodes of some types, the outer ones first."""
    for node in jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, kinds)):
        if isinstance(node, kinds):
            yield node
            yield from _find(tuple(node), kinds)


def _only(found: list[Any], what: str, cure: str) -> Any:
    if len(found) != 1:
        raise ValueError(f"`state` must hold one {what}, got {len(found)}. {cure}")
    return found[0]


def _plain(value: Any) -> jax.Array:
    """The array in a value that flax may have wrapped."""
    (leaf,) = jax.tree.leaves(value)
    return jnp.asarray(leaf)
