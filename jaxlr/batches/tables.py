"""Tables of what made the members of a batch: an array for each column, by name."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import numpy.typing as npt

from jaxlr.core import text as _text
from jaxlr.core.numbers import known

__all__ = [
    "Fitted",
    "as_column",
    "checked",
    "concatenated",
    "described",
    "fitted",
    "from_rows",
    "is_absent",
    "lines",
    "shortened",
    "shown",
    "texts",
    "without_constants",
]

_MOST_ROWS = 20
_MOST_WIDTH = 30
_LEAST_WIDTH = 7
_WIDTH, _GAP = 80, 2
_NUMBER = re.compile(r"[-+.\d]")


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
    """The rows as text below the names; a line tells where numbers are left out.

    Where they are wider than a terminal, numbers have four digits, and columns that say the same in
    every row become one line.
    """
    left_out = numbers[-1] >= len(numbers)
    columns = _texts(table, numbers)
    heads = []
    if _total(_natural_widths(columns), _GAP) > _WIDTH:
        columns = _texts(table, numbers, digits=4)
        if not left_out:
            constants, columns = without_constants(columns)
            heads = [described(constants)] if constants else []
    text = fitted(columns, _WIDTH, _GAP)
    rows = list(zip(*text.cells, strict=True))
    if left_out:
        rows.insert(len(numbers) // 2, ("…",) * len(text.titles))
    depth = max(title.count("\n") for title in text.titles) + 1
    titles = [[""] * (depth - len(t.split("\n"))) + t.split("\n") for t in text.titles]
    rows = [*zip(*titles, strict=True), *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    heads += [(" " * _GAP).join(map(str.ljust, row, widths)).rstrip() for row in rows]
    if text.left_out:
        heads.append(f"not shown: {', '.join(text.left_out)}")
    return heads


def is_absent(value: Any) -> bool:
    """Tells whether a row has no such entry, which a column of numbers has as NaN."""
    return value is None or (isinstance(value, float) and np.isnan(value))


def _texts(
    table: Mapping[str, np.ndarray[Any, Any]],
    numbers: np.ndarray[Any, Any],
    digits: int | None = None,
) -> dict[str, Sequence[str]]:
    columns: dict[str, Sequence[str]] = {"": list(map(str, numbers))}
    return columns | {name: texts(column, digits) for name, column in table.items()}


def texts(column: Iterable[Any], digits: int | None = None) -> list[str]:
    """The entries of a column as texts of one line, blank where one is absent.

    >>> texts([30.0, float("nan"), 45.0])  # The other rows have made floats of whole numbers.
    ['30', '', '45']
    >>> texts([0.123456789, 2.0], digits=4)
    ['0.1235', '2']
    """
    entries = list(column)
    present = [entry for entry in entries if not is_absent(entry)]
    if len(present) < len(entries) and all(map(_is_whole, present)):
        entries = [None if is_absent(entry) else int(entry) for entry in entries]
    return [_entry(entry, digits) for entry in entries]


def _is_whole(entry: Any) -> bool:
    return _is_number(entry) and float(entry).is_integer()


def _entry(value: Any, digits: int | None) -> str:
    if is_absent(value):
        return ""
    if digits is not None and isinstance(value, float | np.floating):
        return f"{value:.{digits}g}"
    text = value if isinstance(value, str) else _text.write(value)
    return shortened(" ".join(text.split()), _MOST_WIDTH)


def without_constants(
    columns: Mapping[str, Sequence[str]],
) -> tuple[dict[str, str], dict[str, Sequence[str]]]:
    """Takes out the columns of text that say the same in every row: what they say, and the rest."""
    constants, varying = {}, {}
    for name, column in columns.items():
        if len(column) > 1 and len(set(column)) == 1:
            constants[name] = column[0]
        else:
            varying[name] = column
    return {name: text for name, text in constants.items() if text}, varying


def described(row: Mapping[str, str]) -> str:
    """A row in words; a family needs no name before it, and what is absent is not told.

    >>> described({"family": "step_decay", "init_value": "0.1", "power": ""})
    'step_decay, init_value=0.1'
    """
    entries = ((name, text) for name, text in row.items() if text)
    return ", ".join(text if name == "family" else f"{name}={text}" for name, text in entries)


def shortened(text: str, most: int) -> str:
    """A text with its middle left out if it is longer than ``most`` characters.

    >>> shortened("cosine_decay_schedule", 11)
    'cosin…edule'
    """
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


class Fitted(NamedTuple):
    """Columns of text that fit side by side.

    Attributes:
      titles: their titles, of one line or more.
      cells: their entries.
      left_out: the titles of columns for which there was no room at all.
    """

    titles: list[str]
    cells: list[list[str]]
    left_out: list[str]


def fitted(
    columns: Mapping[str, Sequence[str]], width: int, gap: int, whole: Collection[str] = ()
) -> Fitted:
    r"""Makes columns fit: breaks their titles, then shortens the longest texts, then drops some.

    Args:
      columns: the entries by title.
      width: the characters of a line.
      gap: the characters between two columns.
      whole: titles of columns that are neither shortened nor dropped.

    >>> fitted({"family": ["cosine_decay_schedule"], "init_value": ["0.1"]}, 18, gap=2)
    Fitted(titles=['family', 'init\nvalue'], cells=[['cosin…edule'], ['0.1']], left_out=[])
    """
    widths = _natural_widths(columns)
    titles = dict(zip(columns, columns, strict=True))
    if _total(widths, gap) > width:
        titles = {name: _broken(name, _cell_width(cells)) for name, cells in columns.items()}
        for name, cells in columns.items():
            widths[name] = _cell_width([*cells, *titles[name].split("\n")])
    least = {
        name: widths[name] if name in whole else _least_width(cells, widths[name])
        for name, cells in columns.items()
    }
    droppable = [name for name in list(columns)[1:] if name not in whole]
    left_out = []
    while droppable and _total(least, gap) > width:
        left_out.append(droppable.pop())
        del least[left_out[-1]]
    widths = {name: widths[name] for name in least}
    while _total(widths, gap) > width and widths != least:
        widest = max(widths, key=lambda name: widths[name] - least[name] and widths[name])
        widths[widest] -= 1
    return Fitted(
        titles=[
            "\n".join(shortened(line, widths[name]) for line in titles[name].split("\n"))
            for name in widths
        ],
        cells=[[shortened(cell, widths[name]) for cell in columns[name]] for name in widths],
        left_out=left_out[::-1],
    )


def _least_width(cells: Sequence[str], width: int) -> int:
    """How narrow a column may become: a number without its middle would be another one."""
    numbers = _cell_width(cell for cell in cells if _NUMBER.match(cell))
    return min(width, max(_LEAST_WIDTH, numbers))


def _natural_widths(columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    return {name: max(len(name), _cell_width(cells)) for name, cells in columns.items()}


def _cell_width(cells: Iterable[str]) -> int:
    return max(map(len, cells), default=0)


def _total(widths: Mapping[str, int], gap: int) -> int:
    return sum(widths.values()) + gap * (len(widths) - 1)


def _broken(title: str, width: int) -> str:
    """A title in lines, broken between its words where it is wider than its column."""
    lines: list[str] = []
    for word in re.findall(r"[^_.]+[_.]*|[_.]+", title):
        if lines and len(lines[-1]) + len(word.rstrip("_.")) <= width:
            lines[-1] += word
        else:
            lines.append(word)
    return "\n".join(line.rstrip("_.") or line for line in lines)
