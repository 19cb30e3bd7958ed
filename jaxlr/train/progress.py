"""How training shows where it is."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping

import jax
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from jaxlr.train.history import format_row


@contextlib.contextmanager
def display(
    progress: bool, epochs: int, done: int
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Yields a function that shows the row of an epoch."""
    if not progress or jax.process_index() != 0:
        yield lambda row: None
    elif sys.stderr.isatty():
        # The row is cut to the width that is left, not the bar.
        row_column = TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True))
        columns = BarColumn(20), TaskProgressColumn(), TimeRemainingColumn(), row_column
        with Progress(*columns, console=Console(stderr=True), expand=True) as bar:
            task = bar.add_task("", total=epochs, completed=done)
            yield lambda row: bar.update(task, advance=1, description=format_row(row))
    else:
        yield lambda row: print(format_row(row), file=sys.stderr, flush=True)
