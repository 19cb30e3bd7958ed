"""One schedule after another."""

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

__all__ = ["join_schedules", "window_schedule"]


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
    """What to multiply each piece by, so that it begins where the one before it ends."""
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
    """One schedule after another, each with its own count from 0.

    At a count ``t`` with ``boundaries[i - 1] <= t < boundaries[i]`` the value is
    ``schedules[i](t - boundaries[i - 1])``, or ``schedules[i](t)`` by the absolute clock. A
    schedule that is not in turn never sees a count beyond its own piece, so it can neither warn nor
    spoil a gradient. Pieces of equal structure are stacked and the one in turn is picked, so a
    thousand of them compile as fast as one.

    Args:
      schedules: one or more schedules or plain functions of the count.
      boundaries: the counts at which the second, third, ... schedule begins, in increasing order;
        they may be traced. A piece between two equal boundaries is left out.
      clock: what count a schedule gets: ``"relative"`` to its own begin, or ``"absolute"``.
      carry_over: whether each schedule is scaled to begin with the value at which the one before it
        ends. One that begins at 0 cannot be, and is left as it is.

    Returns:
      The schedule. Before count 0 it holds its first value; past the last boundary the last
      schedule decides.

    Raises:
      ValueError: if the boundaries are unsorted or not one fewer than the schedules.

    >>> import jax.numpy as jnp, jaxlr
    >>> pieces = [jaxlr.linear_schedule(0.0, 1.0, 2), jaxlr.step_decay(0.5, 2, 0.5)]
    >>> jaxlr.join_schedules(pieces, boundaries=[2])(jnp.arange(6))
    Array([0.  , 0.5 , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)
    >>> jaxlr.join_schedules(pieces, boundaries=[2], clock="absolute")(jnp.arange(6))
    Array([0.   , 0.5  , 0.25 , 0.25 , 0.125, 0.125], dtype=float32)
    >>> jaxlr.join_schedules(pieces, boundaries=[2], carry_over=True)(jnp.arange(6))
    Array([0. , 0.5, 1. , 1. , 0.5, 0.5], dtype=float32)

    References:
      The name and the meaning are those of ``optax.join_schedules``, as of ``SequentialLR`` of
      PyTorch. The windows of MMEngine have the relative clock; OLMo's sequential scheduler carries
      the value over.
    """
    pieces: Any = schedules
    groups, rows = map(jnp.asarray, (pieces.layout.groups, pieces.layout.rows))
    count, steps = as_steps(count, jnp.asarray(boundaries))
    starts = jnp.concatenate([jnp.zeros(1, steps.dtype), steps])
    lengths = jnp.diff(starts, append=jnp.full(1, largest(steps.dtype)))
    begins = starts if clock == "relative" else jnp.zeros_like(starts)
    # Out of turn a piece is still computed. Its second count, where it has one, is the safest: many
    # curves are singular at 0.
    seconds = starts + jnp.clip(lengths - 1, 0, 1)

    def value_at(count: jax.Array) -> jax.Array:
        current = interval(steps, count)
        value = jnp.zeros((), float_dtype())
        for group, stack in enumerate(pieces.stacks):
            in_turn = entry_at(current, groups) == group
            piece = jnp.where(in_turn, current, jnp.argmax(groups == group))
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
    r"""A schedule for some time, and a constant before and after it.

    .. math::
      s(t - B) \quad (B \le t < E), \qquad o \quad \text{otherwise}

    In a sum an outside value of 0, in a product one of 1, leaves the others alone.

    Args:
      schedule: the schedule.
      begin: :math:`B`, the first count at which it decides.
      end: :math:`E`, the first count at which it no longer does.
      outside_value: :math:`o`, the value before and after.
      clock: what count the schedule gets: ``"relative"`` to ``begin``, or ``"absolute"``.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative begin, or an end before it.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.window_schedule(jaxlr.linear_schedule(1.0, 0.0, 4), 2, 5)(jnp.arange(7))
    Array([0.  , 0.  , 1.  , 0.75, 0.5 , 0.  , 0.  ], dtype=float32)

    References:
      The ``begin`` and ``end`` of the schedulers of MMEngine.
    """
    step, begin, end = as_steps(count, begin, end)
    inside = (step >= begin) & (step < end)
    own = jnp.clip(step, begin, jnp.maximum(end - 1, begin))
    value = schedule(own - begin if clock == "relative" else own)
    return jnp.where(inside, as_float(value), as_float(outside_value))
