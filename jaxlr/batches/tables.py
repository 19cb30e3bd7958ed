"""Tables of what made the members of a batch: an array for each column, by name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import numpy.typing as npt

from jaxlr.core import text as _text
from jaxlr.core.numbers import known

__all__ = ["as_column", "checked", "concatenated", "from_rows", "lines", "shown"]

_MOST_ROWS = 20
_MOST_WIDTH = 30


def as_column(values: Any) -> np.ndarray[Any, Any]:
    """A column of a table: of numbers, bools or texts if all entries are, else of objects."""
    entries = list(map(_plain, np.asarray(values) if _is_known_array(values) else values))
    if all(map(_is_number, entries)):
        return np.asarray(entries)
    if any(all(isinstance(x, kind) for x in entries) for kind in (bool | np.bool_, str)):
        return np.asarray(entries)
    column = np.empty(len(entries), object)
    column[:] = entries
    return column


def _is_known_array(value: Any) -> bool:
    return isinstance(value, jax.Array) and known(value)


def _plain(entry: Any) -> Any:
    """An entry of a table; a number of JAX as one of NumPy."""
    return np.asarray(entry)[()] if _is_known_array(entry) else entry


def _is_number(entry: Any) -> bool:
    return isinstance(entry, int | float | np.number) and not isinstance(entry, bool)


def from_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """A table of what several dicts have, with NaN where one has no such number."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: as_column(_filled([row.get(name) for row in rows])) for name in names}


def _filled(entries: Sequence[Any]) -> Sequence[Any]:
    present = [entry for entry in entries if entry is not None]
    if all(map(_is_number, present)):
        return [np.nan if entry is None else entry for entry in entries]
    return entries


def concatenated(
    tables: Sequence[Mapping[str, np.ndarray[Any, Any]]], lengths: Sequence[int]
) -> dict[str, np.ndarray[Any, Any]]:
    """The tables of several batches, one below the other."""
    rows: list[dict[str, Any]] = []
    for table, length in zip(tables, lengths, strict=True):
        columns = [column.tolist() for column in table.values()]
        entries = zip(*columns, strict=True) if columns else [()] * length
        rows.extend(dict(zip(table, entry, strict=True)) for entry in entries)
    return from_rows(rows)


def checked(
    table: Mapping[str, npt.ArrayLike] | None, length: int
) -> dict[str, np.ndarray[Any, Any]] | None:
    """The columns that a caller gave, each with an entry for each schedule."""
    if not table and isinstance(table, Mapping | None):
        return None
    if not isinstance(table, Mapping) or not all(
        isinstance(values, Iterable) for values in table.values()
    ):
        raise TypeError(
            f"`table` must be a dict of columns with an entry for each schedule, got {table!r}."
        )
    columns = {name: as_column(values) for name, values in table.items()}
    for name, column in columns.items():
        if len(column) != length:
            raise ValueError(
                f"`table` must have one entry for each schedule in {name!r}, got {len(column)} for "
                f"{length} schedules."
            )
    return columns


def shown(length: int) -> np.ndarray[Any, Any]:
    """Which rows of so many to write: all, or the first and the last of many."""
    half, every = _MOST_ROWS // 2, np.arange(length)
    return every if length <= _MOST_ROWS else np.append(every[:half], every[-half:])


def lines(table: Mapping[str, np.ndarray[Any, Any]], numbers: np.ndarray[Any, Any]) -> list[str]:
    """The rows as text below the names; a line tells where numbers are left out."""
    rows = [["", *table]]
    for number, entries in zip(numbers, zip(*table.values(), strict=True), strict=True):
        rows.append([str(number), *map(_entry, entries)])
    if numbers[-1] >= len(numbers):
        rows.insert(1 + len(numbers) // 2, ["…"] * len(rows[0]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _entry(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = value if isinstance(value, str) else _text.write(value)
    text = " ".join(text.split())  # A row is a line.
    return text if len(text) <= _MOST_WIDTH else f"{text[: _MOST_WIDTH - 2]} …"
