"""Tables of results that fit the terminal."""

import shutil
from collections.abc import Collection, Mapping, Sequence

from rich import box
from rich.table import Column, Table
from rich.text import Text

from jaxlr.batches.tables import described, fitted

__all__ = ["rich_table"]

_GAP = 2


def rich_table(
    columns: Mapping[str, Sequence[str]],
    constants: Mapping[str, str] | None = None,
    whole: Collection[str] = (),
    width: int | None = None,
) -> Table:
    """Returns a table for ``rich.print``.

    Args:
      columns: the entries by title.
      constants: entries that are the same in every row; they are shown above the table.
      whole: titles of columns that are never shortened or left out.
      width: the characters of a line; by default as many as the terminal has, 80 without one.
    """
    width = shutil.get_terminal_size().columns if width is None else width
    text = fitted(columns, width, _GAP, whole)
    notes = [described(constants)] if constants else []
    if text.left_out:
        notes.append(f"not shown: {', '.join(text.left_out)}")
    table = Table(
        *(Column(Text(title), no_wrap=True, vertical="bottom") for title in text.titles),
        box=box.SIMPLE_HEAD,
        padding=(0, _GAP - 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        title=Text("\n".join(notes)) if notes else None,
        title_justify="left",
    )
    for row in zip(*text.cells, strict=True):
        table.add_row(*map(Text, row))
    return table
