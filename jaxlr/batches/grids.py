"""Batches over parameter values: every combination, or values paired by position."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxlr.batches import tables
from jaxlr.batches.batch import Batch, batched, stack
from jaxlr.core.family import Family
from jaxlr.core.schedule import Schedule

__all__ = ["grid", "zipped"]


def grid(family: Callable[..., Schedule], /, **axes: Any) -> Batch:
    """Makes a batch of every combination of parameter values; the last parameter varies fastest.

    Args:
      family: the constructor of a family, or your own function that returns a schedule.
      **axes: for each parameter, a list, array or range of values; or anything else for a parameter
        that is fixed. If a single value is itself a list, such as the boundaries of a piecewise
        schedule, give a list of lists.

    Returns:
      The batch. Its :attr:`Batch.table` has a column for each parameter that was given as a list.

    Raises:
      TypeError: if ``family`` returns something other than a schedule.
      ValueError: if a list is empty, or the family rejects a value.

    >>> import jaxlr
    >>> def decay(peak, length, warmup):
    ...     return jaxlr.warmup_cosine_decay_schedule(0.0, peak, int(warmup * length), length)
    >>> batch = jaxlr.grid(decay, peak=[0.1, 0.2], length=[100, 200], warmup=[0.0, 0.05, 0.1])
    >>> len(batch)
    12
    >>> batch.table["peak"][7], batch.table["length"][7], batch.table["warmup"][7]
    (np.float64(0.2), np.int64(100), np.float64(0.05))
    """
    columns, fixed = _axes(axes)
    places = np.indices([len(column) for column in columns.values()]).reshape(len(columns), -1)
    columns = {name: columns[name][index] for name, index in zip(columns, places, strict=True)}
    return _design(family, columns, fixed)


def zipped(family: Callable[..., Schedule], /, **axes: Any) -> Batch:
    """Makes a batch from parameter values paired by position, as the built-in ``zip`` does.

    Args:
      family: the constructor of a family, or your own function that returns a schedule.
      **axes: for each parameter, a list, array or range with one value per member; or anything else
        for a parameter that is fixed.

    Returns:
      The batch. Its :attr:`Batch.table` has a column for each parameter that was given as a list.

    Raises:
      TypeError: if ``family`` returns something other than a schedule.
      ValueError: if the lists are empty or differ in length, or the family rejects a value.

    >>> import jaxlr
    >>> jaxlr.batches.zipped(
    ...     jaxlr.cosine_decay_schedule, init_value=[0.1, 0.2], decay_steps=[100, 50])
    Batch of 2 schedules
       init_value  decay_steps
    0  0.1         100
    1  0.2         50
    """
    columns, fixed = _axes(axes)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"The lists must be equally long, got {lengths}. Use jaxlr.grid to combine."
        )
    return _design(family, columns, fixed)


def _axes(axes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separates the parameters that vary, as columns, from the fixed ones."""
    columns, fixed = {}, {}
    for name, values in axes.items():
        if isinstance(values, list | tuple | range) or np.ndim(values) > 0:
            columns[name] = tables.as_column(values)
            if len(columns[name]) == 0:
                raise ValueError(f"`{name}` must have at least one value, got {values!r}.")
        else:
            fixed[name] = values
    if not columns:
        raise ValueError(f"At least one parameter must be a list of values, got {dict(axes)}.")
    return columns, fixed


def _design(
    family: Callable[..., Schedule],
    columns: Mapping[str, np.ndarray[Any, Any]],
    fixed: Mapping[str, Any],
) -> Batch:
    """Returns a batch with one member for each row of the columns."""
    together = _made_at_once(family, columns, fixed)
    if together is not None:
        return batched(together, columns)
    members = []
    for values in zip(*(column.tolist() for column in columns.values()), strict=True):
        point = dict(zip(columns, values, strict=True))
        members.append(family(**point, **fixed))
        if not isinstance(members[-1], Schedule):
            raise TypeError(f"`family` must return a schedule, got {members[-1]!r} for {point}.")
    return stack(members, columns)


def _made_at_once(
    family: Any, columns: Mapping[str, np.ndarray[Any, Any]], fixed: Mapping[str, Any]
) -> Schedule | None:
    """Makes and checks all members in one call of the constructor; None if that is impossible."""
    if not isinstance(getattr(family, "family", None), Family):
        return None
    if not all(column.dtype.kind in "if" for column in columns.values()):
        return None
    first = family(**{name: column[0].item() for name, column in columns.items()}, **fixed)
    if not all(isinstance(leaf, int | float) for leaf in first._leaves):
        return None
    try:
        together: Schedule = family(**columns, **fixed)
    except Exception:
        # The check failed, or needs single numbers. One by one, an error can name the value.
        return None
    size = len(next(iter(columns.values())))
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (size,)), together)
