"""Stacks of parametrics: members with equal structure share one set of batched leaves."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.tree_util import register_dataclass

from jaxlr.core.numbers import is_integer, on_host

__all__ = ["Layout", "Stacks", "form", "grouped", "stacked"]


class Layout:
    """Which stack each member is in. Within a stack, members keep their order.

    It determines the structure of each member, so it is static rather than data.
    """

    def __init__(self, groups: npt.ArrayLike):
        self.groups = np.asarray(groups, np.int32)
        self.groups.flags.writeable = False
        self._hash = hash(self.groups.tobytes())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Layout) and np.array_equal(self.groups, other.groups)

    def __hash__(self) -> int:
        return self._hash

    @functools.cached_property
    def sizes(self) -> list[int]:
        """The number of members in each stack."""
        return np.bincount(self.groups).tolist()

    @functools.cached_property
    def order(self) -> np.ndarray[Any, Any] | None:
        """The position of each member in the concatenated stacks; None if they are in order."""
        by_group = np.argsort(self.groups, kind="stable")
        order = np.empty_like(by_group)
        order[by_group] = np.arange(len(by_group))
        return None if np.array_equal(order, np.arange(len(order))) else order

    @functools.cached_property
    def rows(self) -> np.ndarray[Any, Any]:
        """The row of each member within its stack."""
        starts = np.append(0, np.cumsum(self.sizes))[self.groups]
        order = np.arange(len(self.groups)) if self.order is None else self.order
        return order - starts


@functools.partial(register_dataclass, data_fields=["stacks"], meta_fields=["layout"])
@dataclass(frozen=True)
class Stacks:
    """Members of several structures, stacked by structure.

    Attributes:
      stacks: one parametric with batched leaves for each structure.
      layout: the stack and row of each member.
    """

    stacks: tuple[Any, ...]
    layout: Layout

    @classmethod
    def of(cls, members: Iterable[Any]) -> "Stacks":
        """Stacks members that have the same structure and leaf shapes."""
        layout, groups = grouped(members, form)
        return cls(tuple(jax.tree.map(stacked, *group) for group in groups), layout)

    def members(self, axis: int = 0) -> list[Any]:
        """Returns the members in their original order; ``axis`` is the one that they lie along."""
        every = (slice(None),) * axis
        places = zip(self.layout.groups, self.layout.rows, strict=True)
        return [
            jax.tree.map(lambda leaf, row=row: leaf[(*every, row)], self.stacks[group])
            for group, row in places
        ]


def form(parametric: Any) -> Any:
    """Returns a key that is equal for parametrics that can be stacked."""
    leaves, tree = jax.tree.flatten(parametric)
    return tree, tuple((np.shape(leaf), is_integer(leaf)) for leaf in leaves)


def grouped(
    members: Iterable[Any], key: Callable[[Any], Any]
) -> tuple[Layout, Sequence[Sequence[Any]]]:
    """Groups members by key; groups are ordered by first appearance."""
    groups: dict[Any, list[Any]] = {}
    numbers: dict[Any, int] = {}
    places = []
    for member in members:
        own = key(member)
        places.append(numbers.setdefault(own, len(numbers)))
        groups.setdefault(own, []).append(member)
    return Layout(places), list(groups.values())


def stacked(*leaves: Any) -> Any:
    """Stacks leaves along a new first axis; in NumPy if all are on the host."""
    return np.stack(leaves) if on_host(*leaves) else jnp.stack(leaves)
