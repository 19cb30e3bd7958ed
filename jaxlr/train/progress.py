"""How training shows where it is.

An epoch is one compiled call, in which nothing is reported: asking for it would cost each step
something. So the time that epochs have taken so far says how far the one under way must be.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import jax
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn
from rich.table import Column

from jaxlr.train.history import format_row

__all__ = ["display"]

Show = Callable[[Mapping[str, float]], None]

_SECONDS_OF_SILENCE = 15.0


@contextlib.contextmanager
def display(progress: bool, epochs: int, done: int) -> Iterator[Show]:
    """Yields a function that shows the row of an epoch, on standard error.

    On a terminal there is a bar. Elsewhere there is a line for each epoch, and one every 15 seconds
    while an epoch takes longer.
    """
    if not progress or jax.process_index() != 0:
        yield lambda row: None
        return
    clock = Clock(epochs, done)
    moves = sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    with _bar(clock) if moves else _lines(clock) as show:
        yield show


class Clock:
    """Knows how long epochs take; the first also takes the time to compile.

    >>> clock = Clock(epochs=4, done=0, now=lambda: 0.0)
    >>> clock.status()
    'epoch 1 of 4, compiling and training, 0 s'
    """

    def __init__(self, epochs: int, done: int, now: Callable[[], float] = time.monotonic):
        self.epochs, self.done, self._now = epochs, done, now
        self._begin = now()
        self._seconds: list[float] = []

    def tick(self) -> None:
        """Notes that an epoch is over."""
        now = self._now()
        self._seconds.append(now - self._begin)
        self._begin, self.done = now, self.done + 1

    @property
    def _per_epoch(self) -> float | None:
        """The seconds of an epoch without compiling; None before that is known."""
        later = self._seconds[1:]
        return sum(later) / len(later) if later else None

    def status(self) -> str:
        """Where training is, in words."""
        if self.done >= self.epochs:
            return f"{self.epochs} epochs"
        elapsed = self._now() - self._begin
        text = f"epoch {self.done + 1} of {self.epochs}"
        if not self._seconds:
            return f"{text}, compiling and training, {_duration(elapsed)}"
        if self._per_epoch is None:
            return f"{text}, {_duration(elapsed)}"
        left = self._per_epoch * (self.epochs - self.done) - min(elapsed, self._per_epoch)
        return f"{text}, about {_duration(left)} left"

    def position(self) -> float:
        """How many epochs are over, with the likely part of the one under way."""
        if self.done >= self.epochs or not self._per_epoch:
            return self.done
        return self.done + min(0.99, (self._now() - self._begin) / self._per_epoch)


def _duration(seconds: float) -> str:
    """A length of time.

    >>> [_duration(seconds) for seconds in (4.2, 100, 9000)]
    ['4 s', '1 min 40 s', '2 h 30 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextlib.contextmanager
def _bar(clock: Clock) -> Iterator[Show]:
    class Moving(BarColumn):
        """A bar that also moves between two epochs."""

        def render(self, task: Task):  # type: ignore[no-untyped-def]
            task.completed = clock.position()
            return super().render(task)

    class Status(TextColumn):
        def render(self, task: Task):  # type: ignore[no-untyped-def]
            task.description = clock.status()
            return super().render(task)

    # The row is cut to the width that is left, not the bar.
    row_column = TextColumn("{task.fields[row]}", table_column=Column(ratio=1, no_wrap=True))
    columns = Moving(20), Status("{task.description}"), row_column
    with Progress(*columns, console=Console(stderr=True), expand=True, refresh_per_second=4) as bar:
        task = bar.add_task("", total=clock.epochs, completed=clock.done, row="")

        def show(row: Mapping[str, float]) -> None:
            clock.tick()
            bar.update(task, row=format_row(row), refresh=True)

        yield show


@contextlib.contextmanager
def _lines(clock: Clock) -> Iterator[Show]:
    over = threading.Event()
    said = time.monotonic()

    def say(line: str) -> None:
        nonlocal said
        said = time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # Nobody reads it any more.
            print(line, file=sys.stderr, flush=True)

    def watch() -> None:
        while not over.wait(max(0.0, said + _SECONDS_OF_SILENCE - time.monotonic())):
            if time.monotonic() >= said + _SECONDS_OF_SILENCE:
                say(clock.status())

    def show(row: Mapping[str, float]) -> None:
        clock.tick()
        say(format_row(row))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield show
    finally:
        over.set()
        watcher.join()
