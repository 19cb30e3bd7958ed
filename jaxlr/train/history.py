"""The record of a training run: one row per step, and one per epoch.

>>> import numpy as np
>>> history = History().add({"loss": np.float32([2.0, 1.0])}, {"epoch": 1, "loss": 1.5})
>>> history = history.add({"loss": np.float32([0.5, 0.25])}, {"epoch": 2, "loss": 0.375})
>>> history.steps["loss"]
array([2.  , 1.  , 0.5 , 0.25], dtype=float32)
>>> history.epochs["loss"]
array([1.5  , 0.375])
>>> history.num_epochs
2
"""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.table import Table

from jaxlr.files import write_whole
from jaxlr.train.tables import rich_table
from jaxlr.train.types import Columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["History", "format_row", "format_value"]


@dataclass(frozen=True, repr=False)
class History:
    """The record of each step and each epoch; it never changes, :meth:`add` makes another.

    Attributes:
      steps: arrays with one value per step: ``step``, counted from 0; ``learning_rate`` and any
        other scheduled hyperparameter, as used by the update of that step; ``loss``;
        ``gradient_norm``; and the other means that the loss function returned.
      epochs: arrays with one value per epoch: ``epoch``, counted from 1; the means over its steps
        of ``loss`` and the other means of the loss function; the metrics on the validation data
        after it, under ``validation_`` and their names; and ``seconds``, compilation included.
    """

    steps: Columns = field(default_factory=dict)
    epochs: Columns = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Compiled code and files return dicts in the order of the alphabet.
        for name in ("steps", "epochs"):
            columns = getattr(self, name)
            ordered = {key: columns[key] for key in sorted(columns, key=_place)}
            object.__setattr__(self, name, ordered)

    def __repr__(self) -> str:
        steps, epochs = ", ".join(self.steps), ", ".join(self.epochs)
        return f"History({self.num_epochs} epochs; steps: {steps}; epochs: {epochs})"

    @property
    def num_epochs(self) -> int:
        """The number of epochs so far."""
        return len(next(iter(self.epochs.values()), ()))

    def add(self, steps: Columns, epoch: Mapping[str, float]) -> "History":
        """Returns the history with the steps of one more epoch, and the row of that epoch."""
        row = {name: np.asarray([value]) for name, value in epoch.items()}
        return History(_append(self.steps, steps), _append(self.epochs, row))

    def row(self, index: int) -> dict[str, float]:
        """Returns the row of one epoch, counted from 0, or from the end if negative."""
        return {name: column[index].item() for name, column in self.epochs.items()}

    def to_csv(
        self, path: str | os.PathLike[str], rows: Literal["steps", "epochs"] = "steps"
    ) -> None:
        """Writes the steps or the epochs as a CSV file, which is there whole or not at all.

        Numbers have as many digits as it takes to read the same number back.

        Args:
          path: the file; one that is there already is replaced, missing folders are made.
          rows: which of the two.

        Raises:
          ValueError: if ``rows`` is something else.
        """
        if rows not in ("steps", "epochs"):
            raise ValueError(f"`rows` must be 'steps' or 'epochs', got {rows!r}.")
        columns: Columns = getattr(self, rows)
        with write_whole(path) as stream:
            writer = csv.writer(stream)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    def plot(
        self,
        title: str = "",
        *,
        label_smoothing: float = 0.0,
        axes: "Sequence[Axes] | None" = None,
    ) -> "list[Axes]":
        """Draws the run; see :func:`jaxlr.plot.plot_history`."""
        from jaxlr.plot import plot_history

        return plot_history(self, title, label_smoothing=label_smoothing, axes=axes)

    def table(self, width: int | None = None) -> Table:
        """Returns the epochs as a table for ``rich.print``.

        Args:
          width: the characters of a line; by default those of the terminal.
        """
        columns = {
            name: list(map(format_value, column.tolist())) for name, column in self.epochs.items()
        }
        compared = [name for name in columns if name.startswith(("loss", "validation_"))]
        return rich_table(columns, whole=["epoch", *compared], width=width)


def format_row(row: Mapping[str, float]) -> str:
    """Writes a row in one line.

    >>> format_row({"epoch": 3, "loss": 0.123456, "seconds": 1.5})
    'epoch 3, loss 0.1235, seconds 1.5'
    """
    return ", ".join(f"{name} {format_value(value)}" for name, value in row.items())


def format_value(value: Any) -> str:
    """Writes a number with four digits, and anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


_FIRST = ("epoch", "step", "learning_rate", "loss")
_LAST = ("gradient_norm", "seconds")


def _place(name: str) -> tuple[int, str]:
    """Sorts columns: counts, the rate, the loss, other means, validation, and costs last."""
    if name in _FIRST:
        return _FIRST.index(name), name
    return len(_FIRST) + (name in _LAST) * 2 + name.startswith("validation_"), name


def _append(columns: Columns, more: Columns) -> Columns:
    if not columns:
        return dict(more)
    return {name: np.concatenate([columns[name], more[name]]) for name in columns}
