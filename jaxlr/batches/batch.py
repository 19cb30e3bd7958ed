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
from typing import Any, Self, overload

import jax
import numpy as np
import numpy.typing as npt
from jax.sharding import NamedSharding, PartitionSpec, Sharding
from jax.typing import ArrayLike

from jaxlr.batches import tables
from jaxlr.batches.members import values_of_all
from jaxlr.core import numbers, text
from jaxlr.core.family import Parametric, same_tree
from jaxlr.core.schedule import Schedule
from jaxlr.core.stacks import Layout, form, grouped, stacked

__all__ = ["Batch", "batched", "concatenate", "stack"]

_ARRAYS = (jax.Array, np.ndarray)


class Batch:
    """Schedules that behave as one schedule of as many values; see the top of this page.

    :func:`stack`, :func:`grid` and :func:`concatenate` make batches. They never
    change. ``len``, iteration and indexing are those of a sequence of schedules: ``batch[3]`` is a
    schedule, equal to what went in; ``batch[10:20]``, ``batch[indices]`` and ``batch[mask]`` are
    batches.
    """

    __slots__ = ("__weakref__", "_arrays", "_columns", "_layout", "_placed", "_stacks")

    _arrays: "tuple[Any, Batch] | None"
    """The form that is evaluated, after the dtype that it was made for."""
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
        # JAX unflattens with tracers, None and object(), so nothing is looked at here.
        self = object.__new__(cls)
        self._layout, self._stacks = layout, tuple(stacks)
        self._arrays, self._placed = None, None
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
        return tables.from_rows([{"family": lr.family.name, **lr.params} for lr in rows])

    def as_arrays(self) -> "Batch":
        """Returns the same in the form that compiled code takes with all digits.

        As :meth:`jaxlr.Schedule.as_arrays` does for one schedule.
        """
        dtype = numbers.float_dtype()
        if self._arrays is None or self._arrays[0] is not dtype:
            if not any(map(_on_host, self._stacks)):
                return self
            self._keep_arrays(map(_as_arrays, self._stacks, self._layout.sizes))
        assert self._arrays is not None
        return self._arrays[1]

    def _keep_arrays(self, stacks: Iterable[Schedule]) -> Self:
        arrays = Batch._make(self._layout, stacks)
        self._arrays = arrays._arrays = numbers.float_dtype(), arrays
        return self

    def _placed_as(self, sharding: Sharding, number: int) -> "Batch":
        """The form that is evaluated, spread over so many devices; kept for the next time."""
        if self._placed is None or self._placed[0] != sharding:
            arrays = self.as_arrays()

            def where(leaf: Any) -> Sharding:
                # What has too few members is on each device as a whole.
                if isinstance(sharding, NamedSharding) and np.shape(leaf)[0] % number:
                    return NamedSharding(sharding.mesh, PartitionSpec())
                return sharding

            leaves, places = jax.tree.map(_whole, arrays), jax.tree.map(where, arrays)
            self._placed = sharding, jax.device_put(leaves, places)
        return self._placed[1]

    def __call__(self, count: ArrayLike) -> jax.Array:
        """Returns the values of all members: K of them for a count, K by T for T counts."""
        count = numbers.host_count(count)
        is_opaque = any(schedules._structure.is_opaque for schedules in self._stacks)
        return (_values if is_opaque else _evaluate)(self.as_arrays(), count)

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
        groups = self._layout.groups[places]
        used = list(dict.fromkeys(groups.tolist()))  # In the order in which they come first.
        rows = {group: self._layout.rows[places[groups == group]] for group in used}
        columns = None if self._columns is None else self._rows_of_table(places)
        layout = Layout([used.index(group) for group in groups.tolist()])
        some = Batch._make(layout, _rows_of(self._stacks, rows), columns)
        if self._arrays is not None:
            some._keep_arrays(_rows_of(self.as_arrays()._stacks, rows))
        return some

    def plot(self, steps: int | None = None, *, ax: Any = None, **line: Any) -> Any:
        """Draws the curves, and returns their axes; see :func:`jaxlr.plot.plot_schedules`."""
        from jaxlr.plot import plot_schedules

        return plot_schedules(self, steps, ax=ax, **line)

    def __repr__(self) -> str:
        title = f"Batch of {len(self)} schedules"
        leaves = jax.tree.leaves(self)
        if not numbers.known(leaves) or not all(isinstance(x, _ARRAYS) for x in leaves):
            return f"<{title}, traced>"
        shown = tables.shown(len(self))
        return "\n".join([title, *tables.lines(self._rows_of_table(shown), shown)])

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
        return {"schedules": [lr.to_dict() for lr in self], "table": text.to_dict(table)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Batch":
        """Builds what :meth:`to_dict` described, with all checks."""
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


def _rows_of(stacks: Sequence[Schedule], rows: Mapping[int, Any]) -> Iterator[Schedule]:
    """Some rows of some stacks."""
    for group, places in rows.items():
        yield jax.tree.map(lambda leaf, places=places: _whole(leaf)[places], stacks[group])


def _values(batch: Batch, count: Any) -> jax.Array:
    return values_of_all(batch._stacks, batch._layout.sizes, batch._layout.order, count)


_evaluate = jax.jit(_values, inline=True)


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
    layout, groups = grouped(members, _key)
    columns = tables.checked(table, len(members))
    batch = Batch._make(layout, (jax.tree.map(stacked, *group) for group in groups), columns)
    if not any(map(_on_host, batch._stacks)):
        return batch
    arrays = ((member.as_arrays() for member in group) for group in groups)
    return batch._keep_arrays(jax.tree.map(stacked, *group) for group in arrays)


def _key(schedule: Schedule) -> Any:
    """What two schedules must share to be evaluated by one program."""
    return jax.tree.structure(schedule), _on_host(schedule), form(schedule.as_arrays())


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
            "jaxlr.stack makes a batch of single schedules."
        )
    ((size,),) = sizes
    if _on_host(schedules) and not _is_elementwise(schedules):
        return stack(_members(schedules, size), table)
    return Batch._make(Layout(np.zeros(size)), [schedules], tables.checked(table, size))


def _members(schedules: Schedule, size: int) -> Iterator[Schedule]:
    """The members of a stack."""
    rows = (functools.partial(_item, row=row) for row in range(size))
    return (jax.tree.map(item, schedules) for item in rows)


def _as_arrays(schedules: Schedule, size: int) -> Schedule:
    """A stack in the form that is evaluated; one of JAX arrays is in it."""
    if not _on_host(schedules):
        return schedules
    if _is_elementwise(schedules):
        arrays = schedules.as_arrays()
        return jax.tree.map(lambda leaf: leaf if np.ndim(leaf) else np.full(size, leaf), arrays)
    return jax.tree.map(stacked, *(member.as_arrays() for member in _members(schedules, size)))


def _is_elementwise(schedules: Parametric) -> bool:
    """Tells whether a stack can be prepared at once: if all in it are formulas of single numbers.

    A list has an axis of its own, and a recipe may do anything with a number.
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
    return Batch._make(Layout(groups), stacks, columns)


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
        columns = tables.concatenated([part.table for part in parts], list(map(len, parts)))
    alike: dict[Any, list[Schedule]] = {}
    groups = []
    for part in parts:
        keys = list(map(_key_of_stack, part._stacks, part.as_arrays()._stacks))
        for key, schedules in zip(keys, part._stacks, strict=True):
            alike.setdefault(key, []).append(schedules)
        numbers_of = [list(alike).index(key) for key in keys]
        groups.append(np.asarray(numbers_of)[part._layout.groups])
    stacks = (jax.tree.map(_together, *schedules) for schedules in alike.values())
    return Batch._make(Layout(np.concatenate(groups)), stacks, columns)


def _key_of_stack(schedules: Schedule, arrays: Schedule) -> Any:
    """What stacks must share to become one, as :func:`_key` for their members."""
    leaves, tree = jax.tree.flatten(arrays)
    forms = tuple((np.shape(leaf)[1:], numbers.is_integer(leaf)) for leaf in leaves)
    return jax.tree.structure(schedules), _on_host(schedules), tree, forms


def _together(*leaves: Any) -> Any:
    """The rows of several leaves, one below the other."""
    return numbers.namespace(*leaves).concatenate(list(map(_whole, leaves)))
