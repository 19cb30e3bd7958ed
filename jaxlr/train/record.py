"""All numbers of all runs, as arrays by name."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxlr.train.types import Array, Columns

__all__ = ["Record"]


class Record(NamedTuple):
    """The numbers of all runs in some epochs; NaN, or 0 for integers, where a run was not trained.

    Attributes:
      steps: arrays [runs, steps].
      epochs: arrays [runs, epochs]: means over the steps, and metrics on the validation data.
      seconds: how long each epoch took, compilation included.

    >>> rows = [Record({}, {"loss": np.array([[loss]])}, np.ones(1)) for loss in (3.0, 2.0)]
    >>> Record.joined(rows).epochs["loss"]
    array([[3., 2.]])
    """

    steps: Columns
    epochs: Columns
    seconds: Array

    @property
    def num_epochs(self) -> int:
        """The number of epochs."""
        return len(self.seconds)

    @staticmethod
    def joined(parts: "Sequence[Record]") -> "Record":
        """Joins the records of epochs that follow one another."""
        if not parts:
            return Record({}, {}, np.zeros(0))
        steps, epochs = (
            {name: np.concatenate([part[name] for part in columns], axis=1) for name in columns[0]}
            for columns in ([part.steps for part in parts], [part.epochs for part in parts])
        )
        return Record(steps, epochs, np.concatenate([part.seconds for part in parts]))
