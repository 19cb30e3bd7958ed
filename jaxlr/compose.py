"""Schedules made of schedules: one after another, and plain callables among them."""

import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr import _numerics
from jaxlr._parameters import Boundaries, Kind
from jaxlr.schedule import Schedule, schedule

__all__ = ["join_schedules", "wrap"]


@schedule
def wrap(count: jax.Array, function: Callable[[ArrayLike], ArrayLike]) -> ArrayLike:
    """A plain function of the count, such as an optax schedule, as a schedule.

    The function is structure, not data: two functions are two programs, and numbers that it holds
    are compiled into it. Operators such as :func:`join_schedules` wrap what is given to them.

    Args:
      function: maps a count to a value. It gets counts from 0 on.

    Returns:
      The schedule.

    >>> import jaxlr
    >>> lr = jaxlr.wrap(lambda count: 0.1 / (1 + count))
    >>> float(lr(1))
    0.05000000074505806
    """
    return function(count)


class _Schedules(Kind):
    """A sequence of schedules; plain callables among them are wrapped."""

    def store(self, where: str, value: Any) -> Any:
        if callable(value) or not isinstance(value, Sequence) or len(value) == 0:
            raise TypeError(f"{where} must be a list of one or more schedules, got {value!r}.")
        for item in value:
            if not callable(item):
                raise TypeError(
                    f"{where} must hold schedules or functions of the count, got {item!r}. "
                    "For a constant give jaxlr.constant_schedule(value)."
                )
        return tuple(item if isinstance(item, Schedule) else wrap(item) for item in value)


def _check_join(schedules: Sequence[Schedule], boundaries: ArrayLike) -> None:
    steps = np.asarray(boundaries)
    if steps.shape[-1:] != (len(schedules) - 1,):
        raise ValueError(
            f"join_schedules: `boundaries` must have one number fewer than `schedules`, got "
            f"{steps.tolist()} for {len(schedules)} schedules."
        )
    if np.any(np.diff(steps) < 0):
        raise ValueError(
            f"join_schedules: `boundaries` must be in increasing order, got {steps.tolist()}. "
            "They are counts from the start of training, not lengths."
        )


@schedule(check=_check_join)
def join_schedules(
    schedules: Annotated[Sequence[Callable[[ArrayLike], ArrayLike]], _Schedules()],
    boundaries: Boundaries,
) -> Schedule:
    """One schedule after another, each with its own count from 0.

    At a count ``t`` with ``boundaries[i - 1] <= t < boundaries[i]`` the value is
    ``schedules[i](t - boundaries[i - 1])``. A schedule that is not in turn never sees a count
    beyond its own piece, so it can neither warn nor spoil a gradient. Pieces of equal structure are
    stacked and the one in turn is picked, so a thousand of them compile as fast as one.

    Args:
      schedules: one or more schedules or plain functions of the count.
      boundaries: the counts at which the second, third, ... schedule begins, in increasing order;
        they may be traced. A piece between two equal boundaries is left out.

    Returns:
      The schedule. Before count 0 it holds its first value; past the last boundary the last
      schedule decides.

    Raises:
      ValueError: if the boundaries are unsorted or not one fewer than the schedules.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.join_schedules(
    ...     [jaxlr.linear_schedule(0.0, 1.0, 4), jaxlr.constant_schedule(0.5)], boundaries=[4])
    >>> lr(jnp.arange(6))
    Array([0.  , 0.25, 0.5 , 0.75, 0.5 , 0.5 ], dtype=float32)

    References:
      The name and the meaning are those of ``optax.join_schedules``.
    """
    pieces = [piece._expand()._convert() for piece in typing.cast(Sequence[Schedule], schedules)]
    members: dict[Any, list[int]] = {}
    for index, piece in enumerate(pieces):
        leaves, structure = jax.tree.flatten(piece)
        members.setdefault((structure, tuple(map(np.shape, leaves))), []).append(index)
    group, place = np.zeros(len(pieces), np.int32), np.zeros(len(pieces), np.int32)
    for number, indices in enumerate(members.values()):
        group[indices], place[indices] = number, np.arange(len(indices))
    stacks = [_stack([pieces[i] for i in indices]) for indices in members.values()]
    return _pieces(stacks, group, place, boundaries)


def _stack(schedules: Sequence[Schedule]) -> Schedule:
    def stack(*leaves: Any) -> Any:
        if _numerics.on_host(*leaves):
            return _numerics.as_number(np.stack(leaves))
        return jnp.stack(_numerics.as_steps(*leaves))

    return jax.tree.map(stack, *schedules)


_FEW = 8
"""Up to so many pieces, evaluating all for every count is faster than gathering the one in turn."""


@schedule
def _pieces(
    count: jax.Array, stacks: Any, group: ArrayLike, place: ArrayLike, boundaries: Boundaries
) -> jax.Array:
    """The expanded form of a join: piece i is schedule ``place[i]`` in ``stacks[group[i]]``."""
    count, steps = _numerics.as_steps(count, jnp.asarray(boundaries))
    group, place = jnp.asarray(group), jnp.asarray(place)
    starts = jnp.concatenate([jnp.zeros(1, steps.dtype), steps])
    lengths = jnp.diff(starts, append=jnp.full(1, _numerics.largest(steps.dtype)))

    def value_at(count: jax.Array) -> jax.Array:
        current = _numerics.interval(steps, count)
        value = jnp.zeros((), _numerics.float_dtype())
        for number, stack in enumerate(stacks):
            in_turn = group[current] == number
            piece = jnp.where(in_turn, current, jnp.argmax(group == number))
            # Out of turn a piece is still computed. Its second count, where it has one, is the
            # safest: many curves are singular at 0.
            own = jnp.where(in_turn, count - starts[piece], jnp.clip(lengths[piece] - 1, 0, 1))
            chosen: Schedule = jax.tree.map(
                lambda leaf, i=place[piece]: jnp.asarray(leaf)[i], stack
            )
            value = jnp.where(in_turn, chosen(own), value)
        return value

    def value_of_all(count: jax.Array) -> jax.Array:
        current, numbers = _numerics.interval(steps, count), jnp.arange(len(group))
        value = jnp.zeros((), _numerics.float_dtype())
        for number, stack in enumerate(stacks):
            leaves = jax.tree.leaves(stack)
            for row in range(len(leaves[0]) if leaves else 1):
                own = (group == number) & (place == row)
                if not leaves:  # All of them are the same, so one stands for the one in turn.
                    in_group = group[current] == number
                    own = jnp.where(in_group, numbers == current, own)
                start, length, index = (
                    jnp.sum(jnp.where(own, x, jnp.zeros_like(x)))
                    for x in (starts, lengths, numbers)
                )
                in_turn = current == index
                at = jnp.where(in_turn, count - start, jnp.clip(length - 1, 0, 1))
                piece: Schedule = jax.tree.map(lambda leaf, row=row: jnp.asarray(leaf)[row], stack)
                value = jnp.where(in_turn, piece(at), value)
        return value

    value = value_of_all if len(group) <= _FEW else value_at
    return jax.vmap(value)(count.ravel()).reshape(count.shape) if count.ndim else value(count)
