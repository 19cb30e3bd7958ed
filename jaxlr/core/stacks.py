"""Many parametrics of a few structures: those of each structure as one with batched leaves."""

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
    """Which stack each member is in; its row there is its rank among the members of the stack.

    It says of which structure each member is, so it is structure, not data.
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
        """How many members each stack has."""
        return np.bincount(self.groups).tolist()

    @functools.cached_property
    def order(self) -> np.ndarray[Any, Any] | None:
        """Where in all stacks, one after another, each member is; None if just there."""
        by_group = np.argsort(self.groups, kind="stable")
        order = np.empty_like(by_group)
        order[by_group] = np.arange(len(by_group))
        return None if np.array_equal(order, np.arange(len(order))) else order

    @functools.cached_property
    def rows(self) -> np.ndarray[Any, Any]:
        """Where in its own stack each member is."""
        starts = np.append(0, np.cumsum(self.sizes))[self.groups]
        order = np.arange(len(self.groups)) if self.order is None else self.order
        return order - starts


@functools.partial(register_dataclass, data_fields=["stacks"], meta_fields=["layout"])
@dataclass(frozen=True)
class Stacks:
    """The members of all structures.

    Attributes:
      stacks: one parametric with batched leaves for each structure.
      layout: which member is where.
    """

    stacks: tuple[Any, ...]
    layout: Layout

    @classmethod
    def of(cls, members: Iterable[Any]) -> "Stacks":
        """Stacks the members, those of one structure and of leaves of one shape together."""
        layout, groups = grouped(members, form)
        return cls(tuple(jax.tree.map(stacked, *group) for group in groups), layout)

    def members(self) -> list[Any]:
        """The members, in their order."""
        places = zip(self.layout.groups, self.layout.rows, strict=True)
        return [jax.tree.map(lambda x, r=row: x[r], self.stacks[group]) for group, row in places]


def form(parametric: Any) -> Any:
    """What parametrics must share to be stacked: structure, shapes, and which are integers."""
    leaves, tree = jax.tree.flatten(parametric)
    return tree, tuple((np.shape(leaf), is_integer(leaf)) for leaf in leaves)


def grouped(
    members: Iterable[Any], key: Callable[[Any], Any]
) -> tuple[Layout, Sequence[Sequence[Any]]]:
    """Brings members of one key together, in the order in which the keys come first."""
    groups: dict[Any, list[Any]] = {}
    numbers: dict[Any, int] = {}
    places = []
    for member in members:
        own = key(member)
        places.append(numbers.setdefault(own, len(numbers)))
        groups.setdefault(own, []).append(member)
    return Layout(places), list(groups.values())


def stacked(*leaves: Any) -> Any:
    """Leaves one above the other; in NumPy if all are of the host."""
    return np.stack(leaves) if on_host(*leaves) else jnp.stack(leaves)
