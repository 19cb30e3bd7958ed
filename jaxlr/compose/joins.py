"""Operators that run schedules one after another."""

import functools
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.compose.wrapping import AnySchedule, Pieces
from jaxlr.core.numbers import as_float, as_steps, float_dtype, largest
from jaxlr.core.parameters import Boundaries, Steps, Value
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.exact.intervals import entry_at, interval


def _check_join(schedules: Sequence[Schedule], boundaries: ArrayLike, **_: Any) -> None:
    steps = np.asarray(boundaries)
    if steps.shape[-1:] != (len(schedules) - 1,):
        raise ValueError(
            f"`boundaries` must have one number fewer than `schedules`, got "
            f"{steps.tolist()} for {len(schedules)} schedules."
        )
    if np.any(np.diff(steps) < 0):
        raise ValueError(
            f"`boundaries` must be in increasing order, got {steps.tolist()}. "
            "They are counts from the start of training, not lengths."
        )


def _scales(
    *, schedules: Sequence[Schedule], boundaries: ArrayLike, clock: str, carry_over: bool
) -> jax.Array | None:
    """Returns factors that make each piece begin at the value where the one before it ends."""
    if not carry_over:
        return None
    (steps,) = as_steps(boundaries)
    starts = jnp.concatenate([jnp.zeros(1, steps.dtype), steps])
    scales = [jnp.ones((), float_dtype())]
    for i in range(1, len(schedules)):
        before, begin = (starts[i - 1], starts[i]) if clock == "relative" else (0, 0)
        end, start = schedules[i - 1](starts[i] - before), schedules[i](starts[i] - begin)
        scale = scales[-1] * end / jnp.where(start == 0.0, 1.0, start)
        scales.append(jnp.where(start == 0.0, 1.0, scale))
    return jnp.stack(scales)


@schedule(prepare=_scales, check=_check_join)
def join_schedules(
    count: jax.Array,
    scales: jax.Array | None,
    schedules: Pieces,
    boundaries: Boundaries,
    clock: Literal["relative", "absolute"] = "relative",
    carry_over: bool = False,
) -> jax.Array:
    """A schedule that runs others one after another, each counting from 0.

    At a count ``t`` with ``boundaries[i - 1] <= t < boundaries[i]`` the value is
    ``schedules[i](t - boundaries[i - 1])``, or ``schedules[i](t)`` with the absolute clock. An
    inactive schedule never receives a count outside its own piece, so it can neither raise warnings
    nor produce NaN gradients. Pieces of equal structure are stacked and indexed, so a thousand
    compile as fast as one.

    Args:
      schedules: one or more schedules or plain functions of the count.
      boundaries: the counts at which the second, third, ... schedule begins, in increasing order;
        they may be traced. A piece between two equal boundaries is skipped.
      clock: the count that a schedule receives: ``"relative"`` to its start, or ``"absolute"``.
      carry_over: whether to scale each schedule so that it begins where the one before it ends. A
        schedule that begins at 0 cannot be scaled and stays unchanged.

    Returns:
      The schedule. Before count 0 it holds its first value; after the last boundary it follows the
      last schedule.

    Raises:
      ValueError: if the boundaries are not sorted, or there is not exactly one fewer boundary than
        schedules.

    >>> import jax.numpy as jnp, jaxlr
    >>> pieces = [jaxlr.linear_schedule(0.0, 1.0, 2), jaxlr.step_decay(0.5, 2, 0.5)]
    >>> jaxlr.join_schedules(pieces, boundaries=[2])(jnp.arange(6))
    Array([0.  , 0.5 , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)
    >>> jaxlr.join_schedules(pieces, boundaries=[2], clock="absolute")(jnp.arange(6))
    Array([0.   , 0.5  , 0.25 , 0.25 , 0.125, 0.125], dtype=float32)
    >>> jaxlr.join_schedules(pieces, boundaries=[2], carry_over=True)(jnp.arange(6))
    Array([0. , 0.5, 1. , 1. , 0.5, 0.5], dtype=float32)

    References:
      ``optax.join_schedules`` and PyTorch's ``SequentialLR`` do the same. MMEngine's windows use
      the relative clock; OLMo's sequential scheduler carries the value over.
    """
    pieces: Any = schedules
    groups, rows = map(jnp.asarray, (pieces.layout.groups, pieces.layout.rows))
    count, steps = as_steps(count, jnp.asarray(boundaries))
    starts = jnp.concatenate([jnp.zeros(1, steps.dtype), steps])
    lengths = jnp.diff(starts, append=jnp.full(1, largest(steps.dtype)))
    begins = starts if clock == "relative" else jnp.zeros_like(starts)
    # Inactive pieces are computed too. Give them their second count if they have one, because many
    # curves are singular at their first.
    seconds = starts + jnp.clip(lengths - 1, 0, 1)

    def value_at(count: jax.Array) -> jax.Array:
        current = interval(steps, count)
        value = jnp.zeros((), float_dtype())
        for group, stack in enumerate(pieces.stacks):
            in_turn = entry_at(current, groups) == group
            first = jnp.argmax(groups == group).astype(current.dtype)  # int64 under x64
            piece = jnp.where(in_turn, current, first)
            own = jnp.where(in_turn, count, entry_at(piece, seconds)) - entry_at(piece, begins)
            chosen = jax.tree.map(functools.partial(entry_at, entry_at(piece, rows)), stack)
            value = jnp.where(in_turn, chosen(own), value)
        return value if scales is None else value * entry_at(current, scales)

    return jax.vmap(value_at)(count.ravel()).reshape(count.shape) if count.ndim else value_at(count)


def _check_window(*, begin: ArrayLike, end: ArrayLike, **_: Any) -> None:
    if np.any(np.asarray(end) < np.asarray(begin)):
        raise ValueError(f"`end` must be at least `begin`, got {end} and {begin}.")


@schedule(check=_check_window)
def window_schedule(
    count: jax.Array,
    schedule: AnySchedule,
    begin: Steps,
    end: Steps,
    outside_value: Value = 0.0,
    clock: Literal["relative", "absolute"] = "relative",
) -> ArrayLike:
    r"""A schedule that follows another one for some time, and is constant before and after.

    .. math::
      s(t - B) \quad (B \le t < E), \qquad o \quad \text{otherwise}

    As a term of a sum use an outside value of 0, as a factor of a product use 1.

    Args:
      schedule: the schedule to follow.
      begin: :math:`B`, the first count at which it is followed.
      end: :math:`E`, the first count at which it no longer is.
      outside_value: :math:`o`, the value before and after.
      clock: the count that the schedule receives: ``"relative"`` to ``begin``, or ``"absolute"``.

    Returns:
      The schedule.

    Raises:
      ValueError: if ``begin`` is negative, or ``end`` is less than ``begin``.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.window_schedule(jaxlr.linear_schedule(1.0, 0.0, 4), 2, 5)(jnp.arange(7))
    Array([0.  , 0.  , 1.  , 0.75, 0.5 , 0.  , 0.  ], dtype=float32)

    References:
      ``begin`` and ``end`` of MMEngine's schedulers.
    """
    step, begin, end = as_steps(count, begin, end)
    inside = (step >= begin) & (step < end)
    own = jnp.clip(step, begin, jnp.maximum(end - 1, begin))
    value = schedule(own - begin if clock == "relative" else own)
    return jnp.where(inside, as_float(value), as_float(outside_value))
