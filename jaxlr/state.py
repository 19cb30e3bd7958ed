"""The current rate, read from the state of an optimizer.

optax keeps it in several places, or not at all: ``inject_hyperparams`` stores the value that the
last update used, beside a state of the schedule under the same name; a plain ``optax.adam(lr)``
stores only a count. :func:`current_value` reads either.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

__all__ = ["current_value"]

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
