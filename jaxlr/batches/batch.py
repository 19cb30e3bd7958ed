r"""Many schedules as one.

A :class:`Batch` is a schedule of K values: called with a count it returns K of them, called with T
counts a table of K by T. It may hold schedules of any families, compositions included; those of one
structure are kept as one schedule with batched leaves, so that a batch compiles as fast as one
schedule of each family, and every family is evaluated for its own members only.

>>> import jax.numpy as jnp, jaxlr
>>> batch = jaxlr.grid(jaxlr.linear_schedule, init_value=[1.0, 2.0], end_value=0.0,
...                    transition_steps=[2, 4])
>>> batch
Batch of 4 schedules
   init_value  transition_steps
0  1.0         2
1  1.0         4
2  2.0         2
3  2.0         4
>>> batch(jnp.arange(5))
Array([[1.  , 0.5 , 0.  , 0.  , 0.  ],
       [1.  , 0.75, 0.5 , 0.25, 0.  ],
       [2.  , 1.  , 0.  , 0.  , 0.  ],
       [2.  , 1.5 , 1.  , 0.5 , 0.  ]], dtype=float32)
>>> batch[2]
linear_schedule(init_value=2.0, end_value=0.0, transition_steps=2, transition_begin=0)

Like a schedule, a batch is a pytree whose leaves are numbers: an argument of a compiled function,
differentiable, and with its leaves on several devices wherever they are put.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self, overload

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.sharding import NamedSharding, PartitionSpec, Sharding
from jax.typing import ArrayLike

from jaxlr.batches import tables as _tables
from jaxlr.batches.members import values_of_all
from jaxlr.core import numbers
from jaxlr.core import text as _text
from jaxlr.core.family import Parametric, same_tree
from jaxlr.core.schedule import Schedule

__all__ = ["Batch", "batched", "concatenate", "stack"]

_ARRAYS = (jax.Array, np.ndarray)


class _Layout:
    """Which of the stacks each member is in; its row there is its rank among those of the stack.

    It says of what family each member is, so it is structure, not data.
    """

    def __init__(self, groups: npt.ArrayLike):
        self.groups = np.asarray(groups, np.int32)
        self.groups.flags.writeable = False
        self._hash = hash(self.groups.tobytes())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, _Layout) and np.array_equal(self.groups, other.groups)

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
        return None if np.array_equal(order, by_group) and not np.any(np.diff(order) < 0) else order

    @functools.cached_property
    def rows(self) -> np.ndarray[Any, Any]:
        """Where in its own stack each member is."""
        starts = np.append(0, np.cumsum(self.sizes))[self.groups]
        order = np.arange(len(self.groups)) if self.order is None else self.order
        return order - starts


class Batch:
    """Schedules that behave as one schedule of as many values; see the top of this page.

    :func:`stack`, :func:`grid`, :func:`zipped` and :func:`concatenate` make batches. They never
    change. ``len``, iteration and indexing are those of a sequence of schedules: ``batch[3]`` is a
    schedule, equal to what went in; ``batch[10:20]``, ``batch[indices]`` and ``batch[mask]`` are
    batches.
    """

    __slots__ = ("__weakref__", "_arrays", "_columns", "_fastest", "_layout", "_placed", "_stacks")

    _arrays: "Batch | None"
    _columns: dict[str, np.ndarray[Any, Any]] | None
    _fastest: "Batch | None"
    _layout: _Layout
    _placed: "tuple[Sharding, Batch] | None"
    _stacks: tuple[Schedule, ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("A Batch is made by jaxlr.stack, jaxlr.grid, jaxlr.zipped or concatenate.")

    @classmethod
    def _make(
        cls,
        layout: _Layout,
        stacks: Iterable[Schedule],
        arrays: "Batch | None" = None,
        columns: Mapping[str, np.ndarray[Any, Any]] | None = None,
    ) -> Self:
        # JAX unflattens with tracers, None and object(), so nothing is looked at here.
        self = object.__new__(cls)
        self._layout, self._stacks = layout, tuple(stacks)
        self._arrays, self._fastest, self._placed = arrays, None, None
        self._columns = None if columns is None else dict(columns)
        for column in (columns or {}).values():
            column.flags.writeable = False
        return self

    @property
    def stacks(self) -> tuple[Schedule, ...]:
        """One schedule with batched leaves for each structure that is in the batch.

        A batch of one structure has one, over which ``jax.vmap`` maps what takes one schedule:

        >>> import jax, jaxlr
        >>> batch = jaxlr.stack([jaxlr.linear_schedule(peak, 0.0, 4) for peak in (1.0, 2.0)])
        >>> (schedules,) = batch.stacks
        >>> jax.vmap(lambda lr: lr(1) / lr(0))(schedules)
        Array([0.75, 0.75], dtype=float32)
        """
        return self._stacks

    @property
    def table(self) -> dict[str, np.ndarray[Any, Any]]:
        """What made each member: a read-only array for each column, by name.

        For a :func:`grid` the columns are its axes, else the family and all parameters; a number
        that a member does not have is NaN. A table stays with its batch through indexing and
        concatenation; what comes out of a JAX transformation has the parameters.
        """
        return self._rows_of_table(np.arange(len(self)))

    def _rows_of_table(self, places: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        if self._columns is not None:
            whole = len(places) == len(self)
            return {name: c if whole else c[places] for name, c in self._columns.items()}
        # One by one, arrays of JAX take a thousand times as long.
        members = jax.device_get(self) if numbers.known(jax.tree.leaves(self)) else self
        rows = (members[place] for place in places.tolist())
        return _tables.from_rows([{"family": lr.family.name, **lr.params} for lr in rows])

    def as_arrays(self) -> "Batch":
        """Returns the same in the form that compiled code takes with all digits.

        As :meth:`jaxlr.Schedule.as_arrays` does for one schedule.
        """
        if self._arrays is None:
            if not any(map(_on_host, self._stacks)):
                return self
            stacks = map(_converted, self._stacks, self._layout.sizes)
            self._arrays = Batch._make(self._layout, stacks)
            self._arrays._arrays = self._arrays
        return self._arrays

    def _specialized(self) -> "Batch":
        """The form that is fastest to evaluate: with exponents of 1, 2 or 3 as structure."""
        if self._fastest is None:
            if not any(map(_on_host, self._stacks)):
                return self
            stacks = [schedules._specialize() for schedules in self.as_arrays()._stacks]
            self._fastest = Batch._make(self._layout, stacks)
        return self._fastest

    def _placed_as(self, sharding: Sharding, number: int) -> "Batch":
        """The fastest form, its members spread over so many devices; kept for the next time."""
        if self._placed is None or self._placed[0] != sharding:
            fastest = self._specialized()

            def where(leaf: Any) -> Sharding:
                # What has too few members is on each device as a whole.
                if isinstance(sharding, NamedSharding) and np.shape(leaf)[0] % number:
                    return NamedSharding(sharding.mesh, PartitionSpec())
                return sharding

            leaves, places = jax.tree.map(_whole, fastest), jax.tree.map(where, fastest)
            self._placed = sharding, jax.device_put(leaves, places)
        return self._placed[1]

    def __call__(self, count: ArrayLike) -> jax.Array:
        """Returns the values of all members: K of them for a count, K by T for T counts."""
        return _evaluate(self._specialized(), numbers.host_count(count))

    def __len__(self) -> int:
        return len(self._layout.groups)

    def __iter__(self) -> Iterator[Schedule]:
        stacks = jax.tree.map(_whole, self._stacks)
        return (self._member(stacks, place) for place in range(len(self)))

    def _member(self, stacks: Sequence[Schedule], place: int) -> Schedule:
        item = functools.partial(_item, row=self._layout.rows[place])
        return jax.tree.map(item, stacks[self._layout.groups[place]])

    @overload
    def __getitem__(self, index: int) -> Schedule: ...
    @overload
    def __getitem__(self, index: slice | npt.ArrayLike) -> "Batch": ...
    def __getitem__(self, index: Any) -> Any:
        """Returns one member, or a batch of some."""
        chosen = index if isinstance(index, slice) else _chosen(index)
        if isinstance(chosen, int):
            return self._member(self._stacks, range(len(self))[chosen])
        places = np.arange(len(self))[chosen]
        if len(places) == 0:
            raise IndexError(f"`index` must choose at least one member, got {index!r}.")
        groups, rows = self._layout.groups[places], self._layout.rows[places]
        columns = self._columns
        if columns is not None:
            columns = {name: column[places] for name, column in columns.items()}
        return _regroup(list(_sources(self)), groups, rows, columns)

    def __repr__(self) -> str:
        title = f"Batch of {len(self)} schedules"
        leaves = jax.tree.leaves(self)
        if not numbers.known(leaves) or not all(isinstance(x, _ARRAYS) for x in leaves):
            return f"<{title}, traced>"
        shown = _tables.shown(len(self))
        return "\n".join([title, *_tables.lines(self._rows_of_table(shown), shown)])

    def __eq__(self, other: object) -> bool:
        return same_tree(self, other) if isinstance(other, Batch) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return _rebuild, (self._layout.groups, self._stacks, self._columns)

    def to_dict(self) -> dict[str, Any]:
        """Returns the same as nested dicts, lists, strings and numbers, as JSON has them.

        >>> import json, jaxlr
        >>> batch = jaxlr.stack([jaxlr.constant_schedule(0.1), jaxlr.linear_schedule(1.0, 0.0, 4)])
        >>> jaxlr.Batch.from_dict(json.loads(json.dumps(batch.to_dict()))) == batch
        True

        Raises:
          TypeError: if a parameter is a plain callable or traced, which has no such form.
        """
        columns = self._columns
        table = None if columns is None else {name: c.tolist() for name, c in columns.items()}
        return {"schedules": [lr.to_dict() for lr in self], "table": _text.to_dict(table)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Batch":
        """Builds what :meth:`to_dict` described, with all checks."""
        if not isinstance(data, Mapping) or set(data) != {"schedules", "table"}:
            raise ValueError(f"`data` must describe a batch, got {data!r}.")
        schedules = [Schedule.from_dict(item) for item in data["schedules"]]
        return stack(schedules, table=_text.from_dict(data["table"], Schedule._constructors()))


jax.tree_util.register_pytree_with_keys(
    Batch,
    lambda self: (
        [(jax.tree_util.SequenceKey(i), lr) for i, lr in enumerate(self._stacks)],
        self._layout,
    ),
    Batch._make,
    lambda self: (self._stacks, self._layout),
)


def _chosen(index: Any) -> Any:
    """The index of one member as a Python integer, or that of some as an array."""
    if isinstance(index, int) and not isinstance(index, bool):
        return index
    if not numbers.known(index):
        raise TypeError(
            "`index` must be known when a function is compiled, got a traced one. The leaves of "
            "`batch.stacks` are arrays, which take it."
        )
    places = np.asarray(index)
    kinds = "iu" if places.ndim == 0 else "iub"
    if places.ndim > 1 or (places.size and places.dtype.kind not in kinds):
        raise IndexError(
            "`index` must be an integer, a slice, or a list of integers or of True and False, got "
            f"{index!r}."
        )
    if places.ndim == 0:
        return places.item()
    return places if places.size else places.astype(int)


@functools.partial(jax.jit, inline=True)
def _evaluate(batch: Batch, count: jax.Array) -> jax.Array:
    return values_of_all(batch._stacks, batch._layout.sizes, batch._layout.order, count)


def stack(schedules: Iterable[Schedule], table: Mapping[str, npt.ArrayLike] | None = None) -> Batch:
    """Makes a batch of schedules of any families.

    Args:
      schedules: the schedules; one or more.
      table: columns to keep with the batch, with one entry for each schedule; see
        :attr:`Batch.table`.

    Returns:
      The batch, whose members are equal to the schedules and in their order.

    Raises:
      TypeError: if something else than a schedule is among them.
      ValueError: if there is none, or a column has another length.

    >>> import jaxlr
    >>> batch = jaxlr.stack([jaxlr.constant_schedule(0.5), jaxlr.linear_schedule(1.0, 0.0, 4)])
    >>> batch(2)
    Array([0.5, 0.5], dtype=float32)
    """
    if not isinstance(schedules, Iterable):
        raise TypeError(f"`schedules` must be a list of schedules, got {schedules!r}.")
    members = list(schedules)
    for member in members:
        if not isinstance(member, Schedule):
            raise TypeError(
                f"`schedules` must hold schedules, got {member!r}. jaxlr.wrap makes one of a plain "
                "function of the count."
            )
    if not members:
        raise ValueError("`schedules` must have at least one schedule, got none.")
    names: dict[Any, int] = {}
    groups = [names.setdefault(_structure(member), len(names)) for member in members]
    together: list[list[Schedule]] = [[] for _ in names]
    for group, member in zip(groups, members, strict=True):
        together[group].append(member)
    stacks, arrays = zip(*map(_together, together), strict=True)
    return _batch(_Layout(groups), stacks, arrays, _tables.checked(table, len(members)))


def batched(schedules: Schedule, table: Mapping[str, npt.ArrayLike] | None = None) -> Batch:
    """Makes a batch of one schedule with batched leaves, such as ``jax.vmap`` returns.

    Args:
      schedules: a schedule all leaves of which have a first axis more, with a row for each member.
      table: columns to keep with the batch, as for :func:`stack`.

    Returns:
      The batch. Numbers of the host are brought to the form that is evaluated at once where the
      family is a formula or an elementwise recipe; any other recipe is followed for each member.

    Raises:
      TypeError: if it is something else than a schedule.
      ValueError: if the leaves have no or not one number of rows, or a column has another length.

    >>> import jax, jax.numpy as jnp, jaxlr
    >>> peaks = jnp.array([1.0, 2.0])
    >>> jaxlr.batched(jax.vmap(lambda peak: jaxlr.linear_schedule(peak, 0.0, 4))(peaks))(2)
    Array([0.5, 1. ], dtype=float32)
    """
    if not isinstance(schedules, Schedule):
        raise TypeError(f"`schedules` must be one schedule with batched leaves, got {schedules!r}.")
    leaves = jax.tree.leaves(schedules)
    sizes = {np.shape(leaf)[:1] for leaf in leaves}
    if len(sizes) != 1 or sizes <= {(), (0,)}:
        raise ValueError(
            f"`schedules` must have leaves with one row for each member, got {schedules!r}. "
            "jaxlr.stack makes a batch of single schedules."
        )
    ((size,),) = sizes
    columns, layout = _tables.checked(table, size), _Layout(np.zeros(size))
    arrays = _converted_at_once(schedules, size) if _on_host(schedules) else schedules
    if arrays is None:
        return stack(_members(schedules, size), columns)
    return _batch(layout, [schedules], [arrays], columns)


def _members(schedules: Schedule, size: int) -> Iterator[Schedule]:
    """The members of a stack."""
    rows = (functools.partial(_item, row=row) for row in range(size))
    return (jax.tree.map(item, schedules) for item in rows)


def _converted(schedules: Schedule, size: int) -> Schedule:
    """A stack in the form that is evaluated; what has JAX arrays is in it."""
    if not _on_host(schedules):
        return schedules
    arrays = _converted_at_once(schedules, size)
    if arrays is not None:
        return arrays
    return jax.tree.map(_stacked, *(member.as_arrays() for member in _members(schedules, size)))


def _converted_at_once(schedules: Schedule, size: int) -> Schedule | None:
    """A stack of the host in the form that is evaluated; None if its members may differ there."""
    # An integer beyond int32 becomes a float in its own member, but in a stack in all.
    exact = all(
        _is_integer(leaf) == _is_integer(numbers.as_number(leaf))
        for leaf in jax.tree.leaves(schedules)
    )
    if not exact or not _is_elementwise(schedules):
        return None
    arrays = schedules._expand()._convert()
    return jax.tree.map(lambda leaf: leaf if np.ndim(leaf) else np.full(size, leaf), arrays)


def _is_elementwise(parametric: Parametric) -> bool:
    """Tells whether many of a structure are brought at once to the form that is evaluated."""
    family = parametric.family
    within = jax.tree.leaves(
        parametric, is_leaf=lambda x: isinstance(x, Parametric) and x is not parametric
    )
    if family.is_recipe and not (
        family.elementwise and all(np.ndim(leaf) == 1 for leaf in jax.tree.leaves(parametric))
    ):
        return False
    return all(_is_elementwise(part) for part in within if isinstance(part, Parametric))


def _together(members: Sequence[Schedule]) -> tuple[Schedule, Schedule]:
    """One schedule of several of one structure, and the form of it that is evaluated."""
    if all(map(_on_host, members)):
        arrays = (member.as_arrays() for member in members)
        return jax.tree.map(_stacked, *members), jax.tree.map(_stacked, *arrays)
    if any(map(_on_host, members)):  # They keep the digits that they have alone.
        members = [member.as_arrays()._convert() for member in members]
    stacked = jax.tree.map(_stacked, *members)
    return stacked, stacked


def _on_host(schedules: Schedule) -> bool:
    return numbers.on_host(*jax.tree.leaves(schedules))


def _structure(schedule: Schedule) -> Any:
    """What two schedules must share to be evaluated by one program."""
    arrays = schedule.as_arrays()
    leaves, tree = jax.tree.flatten(arrays)
    forms = tuple((np.shape(leaf), _is_integer(leaf)) for leaf in leaves)
    return jax.tree.structure(schedule), tree, forms


def _is_integer(leaf: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.integer))


def _stacked(*leaves: Any) -> Any:
    return np.stack(leaves) if numbers.on_host(*leaves) else jnp.stack(leaves)


def _item(leaf: Any, row: int) -> Any:
    item = _whole(leaf)[row]
    # A Python number went in; one of float32 keeps its type, as it has fewer digits.
    return item.item() if isinstance(item, np.float64 | np.int64) else item


def _whole(leaf: Any) -> Any:
    """A leaf with all its rows on every device of a mesh of explicit axes, to choose from."""
    if not isinstance(leaf, jax.Array):
        return leaf
    sharding = jax.typeof(leaf).sharding
    if not any(sharding.spec[:1]):
        return leaf
    spec = PartitionSpec(None, *sharding.spec[1:])
    return jax.sharding.reshard(leaf, NamedSharding(sharding.mesh, spec))


def _rebuild(groups: npt.ArrayLike, stacks: Sequence[Schedule], columns: Any) -> Batch:
    return Batch._make(_Layout(groups), stacks, None, columns)


def concatenate(batches: Iterable[Batch]) -> Batch:
    """Makes one batch of the members of several, in their order.

    Args:
      batches: the batches; one or more.

    Returns:
      The batch. Its table has the columns of all, with NaN where a batch had no such number, if
      one of them was made with a table.

    >>> import jaxlr
    >>> lines = jaxlr.grid(jaxlr.linear_schedule, init_value=[1.0, 2.0], end_value=0.0,
    ...                    transition_steps=4)
    >>> waves = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=[1.0, 2.0], decay_steps=4)
    >>> jaxlr.concatenate([lines, waves])(1)
    Array([0.75     , 1.5      , 0.8535535, 1.707107 ], dtype=float32)
    """
    parts = list(batches)
    for part in parts:
        if not isinstance(part, Batch):
            raise TypeError(f"`batches` must hold batches, got {part!r}. jaxlr.stack makes one.")
    if not parts:
        raise ValueError("`batches` must have at least one batch, got none.")
    columns = None
    if any(part._columns is not None for part in parts):
        columns = _tables.concatenated([part.table for part in parts], list(map(len, parts)))
    firsts = np.append(0, np.cumsum([len(part._stacks) for part in parts]))[:-1]
    pairs = zip(firsts, parts, strict=True)
    return _regroup(
        [source for part in parts for source in _sources(part)],
        np.concatenate([first + part._layout.groups for first, part in pairs]),
        np.concatenate([part._layout.rows for part in parts]),
        columns,
    )


class _Source(NamedTuple):
    """A stack of a batch, the form of it that is evaluated, and how many members it has."""

    schedules: Schedule
    arrays: Schedule
    size: int

    @property
    def structure(self) -> Any:
        """What stacks must share to become one, as :func:`_structure` for their members."""
        leaves, tree = jax.tree.flatten(self.arrays)
        forms = tuple((np.shape(leaf)[1:], _is_integer(leaf)) for leaf in leaves)
        return jax.tree.structure(self.schedules), tree, forms


def _sources(batch: Batch) -> Iterator[_Source]:
    return map(_Source, batch._stacks, batch.as_arrays()._stacks, batch._layout.sizes)


def _alike(parts: Sequence[_Source]) -> tuple[list[Schedule], list[Schedule]]:
    """Stacks of one structure that are to become one, as in :func:`_together`."""
    given, converted = [part.schedules for part in parts], [part.arrays for part in parts]
    if all(map(_on_host, given)):
        return given, converted
    if any(map(_on_host, given)):
        converted = [schedules._convert() for schedules in converted]
    return converted, converted


def _regroup(
    sources: Sequence[_Source],
    source: np.ndarray[Any, Any],
    rows: np.ndarray[Any, Any],
    columns: Mapping[str, np.ndarray[Any, Any]] | None,
) -> Batch:
    """The batch whose member k is row ``rows[k]`` of ``sources[source[k]]``."""
    alike: dict[Any, list[int]] = {}
    for index in dict.fromkeys(source.tolist()):
        alike.setdefault(sources[index].structure, []).append(index)
    group_of, start_of = np.zeros((2, len(sources)), np.int64)
    stacks, arrays = [], []
    for group, indices in enumerate(alike.values()):
        group_of[indices] = group
        sizes = [sources[index].size for index in indices]
        start_of[indices] = np.cumsum(sizes) - sizes
    groups, places = group_of[source], start_of[source] + rows
    for group, indices in enumerate(alike.values()):
        taken = places[groups == group]
        given, converted = _alike([sources[index] for index in indices])
        arrays.append(_rows(converted, taken))
        stacks.append(arrays[-1] if given is converted else _rows(given, taken))
    return _batch(_Layout(groups), stacks, arrays, columns)


def _rows(stacks: Sequence[Schedule], rows: np.ndarray[Any, Any]) -> Schedule:
    """Some rows of stacks of one structure, counted through all of them."""

    def take(*leaves: Any) -> Any:
        array: Any = np if numbers.on_host(*leaves) else jnp
        parts = list(map(_whole, leaves))
        return (parts[0] if len(parts) == 1 else array.concatenate(parts))[rows]

    return jax.tree.map(take, *stacks)


def _batch(
    layout: _Layout, stacks: Sequence[Schedule], arrays: Sequence[Schedule], columns: Any
) -> Batch:
    """A batch whose form that is evaluated is known; that of JAX arrays is itself."""
    if not any(map(_on_host, stacks)):
        return Batch._make(layout, stacks, None, columns)
    expanded = Batch._make(layout, arrays)
    expanded._arrays = expanded
    return Batch._make(layout, stacks, expanded, columns)
