"""How training shows where it is."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping

import jax
from rich.console import Console
from rich.progress import Progress

from jaxlr.train.history import format_row


@contextlib.contextmanager
def display(
    progress: bool, epochs: int, done: int
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Yields a function that shows the row of an epoch."""
    if not progress or jax.process_index() != 0:
        yield lambda row: None
    elif sys.stderr.isatty():
        with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=epochs, completed=done)
            yield lambda row: bar.update(task, advance=1, description=format_row(row))
    else:
        yield lambda row: print(format_row(row), file=sys.stderr, flush=True)
