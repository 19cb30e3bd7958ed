r"""Batches: many schedules that are evaluated as one.

A :class:`Batch` of K schedules returns K values at a count, and a K by T table at T counts. It may
mix schedules of any families, including compositions. Members of equal structure are stored as one
schedule with batched leaves. So a batch compiles as fast as one schedule per family, and each
family is evaluated only for its own members.

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

Like a schedule, a batch is a pytree of numbers: you can pass it to a compiled function,
differentiate it, and spread its leaves over several devices.
"""

import functools
import importlib
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, overload

import jax
import numpy as np
import numpy.typing as npt
from jax.sharding import NamedSharding, PartitionSpec, Sharding
from jax.typing import ArrayLike

from jaxlr.batches import tables
from jaxlr.batches.members import values_of_all
from jaxlr.core import numbers, text
from jaxlr.core.family import Parametric
from jaxlr.core.schedule import Schedule
from jaxlr.core.stacks import Layout, form, grouped, stacked

__all__ = ["Batch", "batched", "concatenate", "stack"]

_ARRAYS = (jax.Array, np.ndarray)


class Batch:
    """A batch of schedules that is called like a single schedule; see the top of this page.

    :func:`stack`, :func:`grid` and :func:`concatenate` make batches, which are immutable. A batch
    is a sequence of schedules: ``batch[3]`` is a schedule, equal to the one that went in, and
    ``batch[10:20]``, ``batch[indices]`` and ``batch[mask]`` are batches.
    """

    __slots__ = ("__weakref__", "_arrays", "_columns", "_layout", "_placed", "_stacks")

    _arrays: "tuple[Any, Batch] | None"
    """A cache of :meth:`as_arrays`: the dtype it was made for, and the result."""
    _columns: dict[str, np.ndarray[Any, Any]] | None
    _layout: Layout
    _placed: "tuple[Sharding, Batch] | None"
    _stacks: tuple[Schedule, ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("A Batch is made by jaxlr.stack, jaxlr.grid or jaxlr.concatenate.")

    @classmethod
    def _make(
        cls,
        layout: Layout,
        stacks: Iterable[Schedule],
        columns: Mapping[str, np.ndarray[Any, Any]] | None = None,
    ) -> Self:
        # JAX also unflattens with tracers, None and object(), so do not inspect the leaves here.
        self = object.__new__(cls)
        self._layout, self._stacks = layout, tuple(stacks)
        self._arrays, self._placed = None, None
        self._columns = None if columns is None else dict(columns)
        for column in (columns or {}).values():
            column.flags.writeable = False
        return self

    @property
    def stacks(self) -> tuple[Schedule, ...]:
        """One schedule with batched leaves for each structure in the batch.

        If all members have one structure, you can map a function over them with ``jax.vmap``:

        >>> import jax, jaxlr
        >>> batch = jaxlr.stack([jaxlr.linear_schedule(peak, 0.0, 4) for peak in (1.0, 2.0)])
        >>> (schedules,) = batch.stacks
        >>> jax.vmap(lambda lr: lr(1) / lr(0))(schedules)
        Array([0.75, 0.75], dtype=float32)
        """
        return self._stacks

    @property
    def table(self) -> dict[str, np.ndarray[Any, Any]]:
        """The parameters of each member: a read-only array for each column, by name.

        A :func:`grid` has one column per axis. Other batches have the family and all parameters,
        with NaN for a parameter that a member does not have. Indexing and concatenation keep the
        table; a JAX transformation drops it and leaves the family and all parameters.
        """
        return self._rows_of_table(np.arange(len(self)))

    def _rows_of_table(self, places: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
        """Returns some rows of :attr:`table`."""
        if self._columns is not None:
            whole = np.array_equal(places, np.arange(len(self)))
            return {name: c if whole else c[places] for name, c in self._columns.items()}
        # Indexing JAX arrays one by one would take a thousand times as long.
        members = jax.device_get(self) if numbers.known(jax.tree.leaves(self)) else self
        rows = (members[place] for place in places.tolist())
        return tables.from_rows([{"family": lr.family.name, **lr.params} for lr in rows])

    def as_arrays(self) -> "Batch":
        """Returns the equivalent form to pass to compiled code without losing precision.

        See :meth:`jaxlr.Schedule.as_arrays`.
        """
        dtype = numbers.float_dtype()
        if self._arrays is None or self._arrays[0] is not dtype:
            if not any(map(_on_host, self._stacks)):
                return self
            self._keep_arrays(map(_as_arrays, self._stacks, self._layout.sizes))
        assert self._arrays is not None
        return self._arrays[1]

    def _keep_arrays(self, stacks: Iterable[Schedule]) -> Self:
        """Caches these stacks as the result of :meth:`as_arrays`."""
        arrays = Batch._make(self._layout, stacks)
        self._arrays = arrays._arrays = numbers.float_dtype(), arrays
        return self

    def __call__(self, count: ArrayLike) -> jax.Array:
        """Returns the values of all K members: shape (K,) at a count, (K, T) at T counts."""
        count = numbers.host_count(count)
        is_opaque = any(schedules._structure.is_opaque for schedules in self._stacks)
        return (_values if is_opaque else _evaluate)(self.as_arrays(), count)

    def __len__(self) -> int:
        return len(self._layout.groups)

    def __iter__(self) -> Iterator[Schedule]:
        stacks = jax.tree.map(whole_rows, self._stacks)
        return (self._member(stacks, place) for place in range(len(self)))

    def _member(self, stacks: Sequence[Schedule], place: int) -> Schedule:
        """Returns one member, taken from the given stacks."""
        item = functools.partial(_item, row=self._layout.rows[place])
        return jax.tree.map(item, stacks[self._layout.groups[place]])

    @overload
    def __getitem__(self, index: int) -> Schedule: ...
    @overload
    def __getitem__(self, index: slice | npt.ArrayLike) -> "Batch": ...
    def __getitem__(self, index: Any) -> Any:
        """Returns one member, or a batch of several."""
        chosen = index if isinstance(index, slice) else _chosen(index)
        if isinstance(chosen, int):
            return self._member(self._stacks, range(len(self))[chosen])
        places = np.arange(len(self))[chosen]
        if len(places) == 0:
            raise IndexError(f"`index` must choose at least one member, got {index!r}.")
        groups = self._layout.groups[places]
        used = list(dict.fromkeys(groups.tolist()))  # In order of first appearance.
        rows = {group: self._layout.rows[places[groups == group]] for group in used}
        columns = None if self._columns is None else self._rows_of_table(places)
        numbers_of_used = dict(zip(used, range(len(used)), strict=True))
        layout = Layout([numbers_of_used[group] for group in groups.tolist()])
        some = Batch._make(layout, _rows_of(self._stacks, rows), columns)
        if self._arrays is not None:
            some._keep_arrays(_rows_of(self.as_arrays()._stacks, rows))
        return some

    def plot(self, steps: int | None = None, *, ax: Any = None, **line: Any) -> Any:
        """Plots the schedules and returns the axes; see :func:`jaxlr.plot.plot_schedules`."""
        plot = importlib.import_module("jaxlr.plot")  # Lazily: plot imports this module.
        return plot.plot_schedules(self, steps, ax=ax, **line)

    def __repr__(self) -> str:
        title = f"Batch of {len(self)} schedules"
        leaves = jax.tree.leaves(self)
        if not numbers.known(leaves) or not all(isinstance(x, _ARRAYS) for x in leaves):
            return f"<{title}, traced>"
        shown = tables.shown(len(self))
        return "\n".join([title, *tables.lines(self._rows_of_table(shown), shown)])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Batch):
            return NotImplemented
        if self._layout == other._layout and self._stacks == other._stacks:
            return True
        return len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        return _rebuild, (self._layout.groups, self._stacks, self._columns)

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-compatible description: nested dicts, lists, strings and numbers.

        >>> import json, jaxlr
        >>> batch = jaxlr.stack([jaxlr.constant_schedule(0.1), jaxlr.linear_schedule(1.0, 0.0, 4)])
        >>> jaxlr.Batch.from_dict(json.loads(json.dumps(batch.to_dict()))) == batch
        True

        Raises:
          TypeError: if a parameter is a plain callable or traced; neither can be serialized.
        """
        columns = self._columns
        table = None if columns is None else {name: c.tolist() for name, c in columns.items()}
        return {"schedules": [lr.to_dict() for lr in self], "table": text.to_dict(table)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Batch":
        """Rebuilds a batch from :meth:`to_dict`, and checks its parameters."""
        if not isinstance(data, Mapping) or set(data) != {"schedules", "table"}:
            raise ValueError(f"`data` must describe a batch, got {data!r}.")
        schedules = [Schedule.from_dict(item) for item in data["schedules"]]
        return stack(schedules, table=text.from_dict(data["table"], Schedule._constructors()))


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
    """Converts an index to a Python integer for one member, or to an array for several."""
    if isinstance(index, int) and not isinstance(index, bool):
        return index
    if not numbers.known(index):
        raise TypeError(
            "`index` must be known when a function is compiled, got a traced one. Index the "
            "leaves of `batch.stacks` instead."
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


def _rows_of(stacks: Sequence[Schedule], rows: Mapping[int, Any]) -> Iterator[Schedule]:
    """Yields the chosen rows of each of the chosen stacks."""
    for group, places in rows.items():
        yield jax.tree.map(lambda leaf, places=places: whole_rows(leaf)[places], stacks[group])


def _values(batch: Batch, count: Any) -> jax.Array:
    """Returns the values of all members at a count."""
    return values_of_all(batch._stacks, batch._layout.sizes, batch._layout.order, count)


_evaluate = jax.jit(_values, inline=True)


def stack(schedules: Iterable[Schedule], table: Mapping[str, npt.ArrayLike] | None = None) -> Batch:
    """Makes a batch of schedules of any families.

    Args:
      schedules: one or more schedules.
      table: columns for :attr:`Batch.table`, with one entry per schedule.

    Returns:
      The batch, whose members equal the schedules, in the same order.

    Raises:
      TypeError: if an item is not a schedule.
      ValueError: if there are no schedules, or a column has the wrong length.

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
                f"`schedules` must hold schedules, got {member!r}. Use jaxlr.wrap for a "
                "plain function of the count."
            )
    if not members:
        raise ValueError("`schedules` must have at least one schedule, got none.")
    layout, groups = grouped(members, _key)
    columns = tables.checked(table, len(members))
    batch = Batch._make(layout, (jax.tree.map(stacked, *group) for group in groups), columns)
    if not any(map(_on_host, batch._stacks)):
        return batch
    arrays = ((member.as_arrays() for member in group) for group in groups)
    return batch._keep_arrays(jax.tree.map(stacked, *group) for group in arrays)


def _key(schedule: Schedule) -> Any:
    """Returns a key that is equal for schedules that can share a stack."""
    return jax.tree.structure(schedule), _on_host(schedule), form(schedule.as_arrays())


def batched(schedules: Schedule, table: Mapping[str, npt.ArrayLike] | None = None) -> Batch:
    """Makes a batch from one schedule with batched leaves, such as ``jax.vmap`` returns.

    Args:
      schedules: a schedule whose leaves all have a leading axis, with one row per member.
      table: columns for :attr:`Batch.table`, as for :func:`stack`.

    Returns:
      The batch.

    Raises:
      TypeError: if ``schedules`` is not a schedule.
      ValueError: if the leaves have no rows or different numbers of rows, or a column has the wrong
        length.

    >>> import jax, jax.numpy as jnp, jaxlr
    >>> peaks = jnp.array([1.0, 2.0])
    >>> jaxlr.batches.batched(jax.vmap(lambda peak: jaxlr.linear_schedule(peak, 0.0, 4))(peaks))(2)
    Array([0.5, 1. ], dtype=float32)
    """
    if not isinstance(schedules, Schedule):
        raise TypeError(f"`schedules` must be one schedule with batched leaves, got {schedules!r}.")
    leaves = jax.tree.leaves(schedules)
    sizes = {np.shape(leaf)[:1] for leaf in leaves}
    if len(sizes) != 1 or sizes <= {(), (0,)}:
        raise ValueError(
            f"`schedules` must have leaves with one row for each member, got {schedules!r}. "
            "Use jaxlr.stack for single schedules."
        )
    ((size,),) = sizes
    if _on_host(schedules) and not _is_elementwise(schedules):
        return stack(_members(schedules, size), table)
    return Batch._make(Layout(np.zeros(size)), [schedules], tables.checked(table, size))


def _members(schedules: Schedule, size: int) -> Iterator[Schedule]:
    """Yields the members of a stack."""
    rows = (functools.partial(_item, row=row) for row in range(size))
    return (jax.tree.map(item, schedules) for item in rows)


def _as_arrays(schedules: Schedule, size: int) -> Schedule:
    """Returns a stack in the form of :meth:`Batch.as_arrays`."""
    if not _on_host(schedules):
        return schedules
    if _is_elementwise(schedules):
        arrays = schedules.as_arrays()
        return jax.tree.map(lambda leaf: leaf if np.ndim(leaf) else np.full(size, leaf), arrays)
    return jax.tree.map(stacked, *(member.as_arrays() for member in _members(schedules, size)))


def _is_elementwise(schedules: Parametric) -> bool:
    """Tells whether a stack can be prepared in one call: all are formulas of single numbers.

    A list parameter has an axis of its own, and a recipe may not work on arrays.
    """
    kinds, names = schedules.family.kinds, schedules._structure.names
    if schedules.family.is_recipe or any(kinds[name].axes for name in names):
        return False
    return all(
        _is_elementwise(part) if isinstance(part, Parametric) else _have_one_form(part)
        for value in schedules._leaves
        for part in jax.tree.leaves(value, is_leaf=lambda x: isinstance(x, Parametric))
    )


def _on_host(schedules: Schedule) -> bool:
    return numbers.on_host(*jax.tree.leaves(schedules))


def _have_one_form(leaf: Any) -> bool:
    """Tells whether all numbers, or none, are integers that fit in JAX's: those become integers."""
    integers = (np.asarray(leaf) % 1 == 0) & (np.abs(leaf) <= np.iinfo(numbers.int_dtype()).max)
    return not integers.any() or bool(integers.all())


def _item(leaf: Any, row: int) -> Any:
    """Returns one row of a leaf."""
    item = whole_rows(leaf)[row]
    # A float64 or int64 was a Python number when it went in. A float32 keeps its lower precision.
    return item.item() if isinstance(item, np.float64 | np.int64) else item


def whole_rows(leaf: Any) -> Any:
    """Returns a leaf that can be indexed: on an explicit mesh, its rows are first replicated."""
    if not isinstance(leaf, jax.Array):
        return leaf
    sharding = jax.typeof(leaf).sharding
    if not any(sharding.spec[:1]):
        return leaf
    spec = PartitionSpec(None, *sharding.spec[1:])
    return jax.sharding.reshard(leaf, NamedSharding(sharding.mesh, spec))


def _rebuild(groups: npt.ArrayLike, stacks: Sequence[Schedule], columns: Any) -> Batch:
    """Restores a pickled batch."""
    return Batch._make(Layout(groups), stacks, columns)


def concatenate(batches: Iterable[Batch]) -> Batch:
    """Joins batches into one, keeping the order of their members.

    Args:
      batches: one or more batches.

    Returns:
      The batch. If any of the batches was made with a table, the new table has the columns of all
      batches, with NaN for missing numbers.

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
            raise TypeError(
                f"`batches` must hold batches, got {part!r}. Use jaxlr.stack to make one."
            )
    if not parts:
        raise ValueError("`batches` must have at least one batch, got none.")
    columns = None
    if any(part._columns is not None for part in parts):
        columns = tables.concatenated([part.table for part in parts], list(map(len, parts)))
    alike: dict[Any, list[Schedule]] = {}
    groups = []
    for part in parts:
        keys = list(map(_key_of_stack, part._stacks, part.as_arrays()._stacks))
        for key, schedules in zip(keys, part._stacks, strict=True):
            alike.setdefault(key, []).append(schedules)
        numbers_of = [list(alike).index(key) for key in keys]
        groups.append(np.asarray(numbers_of)[part._layout.groups])
    stacks = (jax.tree.map(_concatenated, *schedules) for schedules in alike.values())
    return Batch._make(Layout(np.concatenate(groups)), stacks, columns)


def _key_of_stack(schedules: Schedule, arrays: Schedule) -> Any:
    """Returns a key that is equal for stacks that can be merged, like :func:`_key` for members."""
    leaves, tree = jax.tree.flatten(arrays)
    forms = tuple((np.shape(leaf)[1:], numbers.is_integer(leaf)) for leaf in leaves)
    return jax.tree.structure(schedules), _on_host(schedules), tree, forms


def _concatenated(*leaves: Any) -> Any:
    """Concatenates the rows of several leaves."""
    return numbers.namespace(*leaves).concatenate(list(map(whole_rows, leaves)))
