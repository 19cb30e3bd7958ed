"""Stateful schedules of many runs, of one kind or of several, and plain schedules beside them.

A loop over runs, or ``jax.vmap`` over them, needs schedules of one structure.
:func:`together` makes them so. Where all are of one kind their numbers are stacked. Else each run
has a :class:`OneOf`: a schedule of every kind, and the place of the one that is its own.

>>> import jax, jax.numpy as jnp, jaxlr
>>> rules = [jaxlr.reduce_on_plateau(0.1, 0.5, patience=1), jaxlr.greedy(0.2, 0.01, 1.0)]
>>> schedules = together(rules)
>>> states = jax.vmap(lambda lr: lr.init())(schedules)
>>> jax.vmap(lambda lr, state: lr(state, value=1.0))(schedules, states)
Array([0.1, 0.2], dtype=float32)
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from jaxlr.core.numbers import float_dtype
from jaxlr.feedback.adaptive import AdaptiveSchedule

__all__ = ["Listed", "OneOf", "is_stateful", "observe", "together"]


def is_stateful(value: Any) -> bool:
    """Tells whether a value is a stateful schedule of optax."""
    return callable(value) and hasattr(value, "init") and hasattr(value, "update")


class Listed(NamedTuple):
    """A plain schedule as a stateful one: its values at some counts; the state is the count.

    Attributes:
      values: the values.
      begin: the count of the first.
    """

    values: Any
    begin: Any

    def init(self) -> jax.Array:
        """Returns the state before the first update."""
        return jnp.zeros((), jnp.int32)

    def update(self, state: jax.Array, **metrics: Any) -> jax.Array:
        """Returns the state after an update."""
        return optax.safe_increment(state)

    def __call__(self, state: jax.Array, **metrics: Any) -> jax.Array:
        """Returns the value for an update."""
        value: jax.Array = jnp.asarray(self.values)[state - self.begin]
        return value


class OneOf(NamedTuple):
    """One of several stateful schedules, chosen by a number; it has a state for each of them.

    Only the chosen one is evaluated, unless ``jax.vmap`` maps over choices: then it is picked from
    the values of all.

    Attributes:
      which: the place of the chosen one.
      schedules: the schedules. The first is a :class:`Listed` for a plain one.
    """

    which: Any
    schedules: tuple[Any, ...]

    def with_values(self, values: Any, begin: Any) -> "OneOf":
        """Returns the same with values for the runs whose schedule is a plain one."""
        return self._replace(schedules=(Listed(values, begin), *self.schedules[1:]))

    def init(self) -> tuple[Any, ...]:
        """Returns the states before the first update."""
        return tuple(schedule.init() for schedule in self.schedules)

    def update(self, state: tuple[Any, ...], **metrics: Any) -> tuple[Any, ...]:
        """Returns the states after an update; only the state of the chosen one changes."""

        def chosen(place: int, state: tuple[Any, ...]) -> tuple[Any, ...]:
            after = self.schedules[place].update(state[place], **metrics)
            return (*state[:place], after, *state[place + 1 :])

        return self._switch(chosen, state)

    def __call__(self, state: tuple[Any, ...], **metrics: Any) -> jax.Array:
        """Returns the value of the chosen one."""

        def chosen(place: int, state: tuple[Any, ...]) -> jax.Array:
            value = self.schedules[place](state[place], **metrics)
            return jnp.asarray(value, float_dtype())

        return self._switch(chosen, state)

    def _switch(self, chosen: Any, state: tuple[Any, ...]) -> Any:
        places = range(len(self.schedules))
        branches = [lambda state, place=place: chosen(place, state) for place in places]
        return lax.switch(self.which, branches, state)


def together(schedules: Sequence[Any]) -> Any:
    """Makes one stateful schedule out of the schedules of many runs, with an axis of runs.

    Args:
      schedules: the schedules, at least one of them stateful. Each is a pytree.

    Returns:
      A schedule of the same kind, if they are all of one; else a :class:`OneOf`, in which the
      values of plain ones are 0 until :meth:`OneOf.with_values` sets them.
    """
    kinds: dict[Any, int] = {None: 0}
    which = np.array([kinds.setdefault(_kind(lr), len(kinds)) for lr in schedules], np.int32)
    stacks = []
    for place in range(1, len(kinds)):
        # In the places of the others, where they are not used, are the numbers of the first.
        first = schedules[int(np.argmax(which == place))]
        mine = [lr if at == place else first for lr, at in zip(schedules, which, strict=True)]
        stacks.append(jax.tree.map(lambda *leaves: np.stack(leaves), *mine))
    if np.all(which == 1):
        return stacks[0]
    count = len(schedules)
    blank = Listed(np.zeros((count, 1), np.float32), np.zeros(count, np.int32))
    return OneOf(which, (blank, *stacks))


def _kind(schedule: Any) -> Any:
    """Names the kind of a stateful schedule, which can be stacked with its like; None if plain."""
    if not is_stateful(schedule):
        return None
    leaves, structure = jax.tree.flatten(schedule)
    return structure, tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


def observe(schedule: Any, state: Any, metrics: Mapping[str, Any]) -> Any:
    """Returns the state of a schedule after metrics that come between two updates.

    Args:
      schedule: a stateful schedule.
      state: its state.
      metrics: numbers by name. An adaptive schedule hears the one that is its ``monitor``.

    >>> import jaxlr
    >>> lr = jaxlr.reduce_on_plateau(0.1, patience=1, monitor="validation_loss")
    >>> state = lr.init()
    >>> for metric in (1.0, 2.0):
    ...     state = observe(lr, state, {"validation_loss": metric, "loss": 0.0})
    >>> float(state.scale)
    0.10000000149011612
    """
    if isinstance(schedule, OneOf):
        # All of them may hear it: the states of those that are not chosen are not used.
        pairs = zip(schedule.schedules, state, strict=True)
        return tuple(observe(one, its_state, metrics) for one, its_state in pairs)
    if isinstance(schedule, AdaptiveSchedule) and schedule.monitor in metrics:
        return schedule.observe(state, metrics[schedule.monitor])
    return state
