"""Maps points of the unit cube to the schedules of a space."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxlr.batches.batch import Batch, batched, concatenate, stack
from jaxlr.core.parameters import is_static
from jaxlr.search.spaces import (
    Array,
    Choice,
    Distribution,
    FamilySpace,
    checked,
    checked_schedule,
    children,
    dimensions,
    label,
    option_index,
    path,
)


class _Part(NamedTuple):
    """Values drawn at some points, with a row for each point, and the table of the draws."""

    points: Array
    value: Any
    table: dict[str, Array]

    def joined(self, key: str, new: "_Part") -> "_Part":
        """Adds the values of one more child, drawn at some of the points."""
        value = {name: _rows(item, new.points) for name, item in self.value.items()}
        table = {name: column[new.points] for name, column in self.table.items()}
        return _Part(self.points[new.points], {**value, key: new.value}, {**table, **new.table})


def _rows(tree: Any, rows: Any) -> Any:
    """Some rows of drawn values, or a single one."""
    return jax.tree.map(lambda leaf: leaf[rows] if isinstance(leaf, np.ndarray) else leaf, tree)


def _draw(value: Any, cube: Array, name: str) -> list[_Part]:
    """Maps points of the unit cube, of shape ``[n, dimensions]``, to values.

    A number becomes an array with a row for each point. Anything else is the same at all points of
    a part, so there is a part for each combination of options.
    """
    if isinstance(value, Choice) and not value.is_numeric:
        return list(_draw_options(value, cube, name))
    points = np.arange(len(cube))
    if isinstance(value, Distribution):
        drawn = value(cube[:, 0])
        return [_Part(points, drawn, {name: drawn})]
    if dimensions(value) == 0:
        return [_Part(points, _repeated(value, len(cube)), {})]
    parts, first = [_Part(points, {}, {})], 0
    for key, child in children(value).items():
        last = first + dimensions(child)
        parts = [
            part.joined(key, new)
            for part in parts
            for new in _draw(child, cube[part.points, first:last], path(name, key))
        ]
        first = last
    return [part._replace(value=_assembled(value, part)) for part in parts]


def _draw_options(value: Choice, cube: Array, name: str) -> Iterator[_Part]:
    chosen = option_index(cube[:, 0], **value.params)
    for index, option in enumerate(value.options):
        points = np.flatnonzero(chosen == index)
        if points.size:
            for part in _draw(option, cube[points, 1:], name):
                labels = {name: np.full(len(part.points), label(option))} if name else {}
                yield _Part(points[part.points], part.value, {**labels, **part.table})


def _repeated(value: Any, size: int) -> Any:
    """A fixed value with a row for each of ``size`` points."""

    def repeat(leaf: Any) -> Any:
        return leaf if is_static(leaf) else np.broadcast_to(leaf, (size, *np.shape(leaf)))

    return jax.tree.map(repeat, value)


def _assembled(value: Any, part: _Part) -> Any:
    """Builds a space, a list or a dict from its children, once they are drawn."""
    if isinstance(value, tuple):
        return tuple(part.value.values())
    if not isinstance(value, FamilySpace):
        return part.value
    constructor = value.family.constructor
    members = (
        constructor(**jax.tree.map(_plain, _rows(part.value, row)))
        for row in range(len(part.points))
    )
    first = next(members)
    if all(np.ndim(leaf) == 0 for leaf in jax.tree.leaves(first)):
        # Scalar parameters may be arrays with a number for each member. If a check cannot take
        # arrays, or refuses some member, build the members one by one, which names the bad one.
        with contextlib.suppress(Exception):
            return constructor(**part.value)
    return jax.tree.map(lambda *leaves: np.stack(leaves), first, *members)


def _plain(leaf: Any) -> Any:
    return leaf.item() if isinstance(leaf, np.generic) else leaf


def _batch_of(part: _Part) -> Batch:
    size, value = len(part.points), part.value
    table: dict[str, Any] = {"family": [value.family.name] * size, **part.table}
    # A wrapped function has no numbers, so no leaf tells the number of rows.
    return batched(value, table) if jax.tree.leaves(value) else stack([value] * size, table)


def design(space: Any, points: Callable[[int], Array]) -> Batch:
    """The batch of schedules at ``points(dimensions)``, which returns points of the unit cube."""
    drawn_from = checked(space)
    parts = _draw(drawn_from, points(dimensions(drawn_from)), "")
    for part in parts:
        checked_schedule(part.value, space)
    batches = map(_batch_of, parts)
    order = np.argsort(np.concatenate([part.points for part in parts]))
    return concatenate(batches)[order]
