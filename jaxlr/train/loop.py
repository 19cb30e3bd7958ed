"""The loop over epochs: train, record, save, show, until all epochs are done or no run is left."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from jaxlr.train import identity, snapshot
from jaxlr.train.checkpoint import Checkpoints
from jaxlr.train.progress import display
from jaxlr.train.record import Record
from jaxlr.train.runs import Runs, Trainer

__all__ = ["Loop", "Saving"]

Row = dict[str, float]


class Saving(NamedTuple):
    """Where a run is saved, and under which description.

    Attributes:
      directory: the directory of checkpoints, or None to save nothing.
      resume: whether to go on from a checkpoint that is there.
      configuration: the arguments that tell this run from others, beside those of the trainer.
    """

    directory: str | os.PathLike[str] | None
    resume: bool
    configuration: Mapping[str, Any]


@dataclass(frozen=True)
class Loop:
    """The epochs of training, and the steps after each of them.

    Attributes:
      trainer: trains all runs for an epoch.
      epochs: the number of epochs.
      row: writes the numbers to show from the runs and the records of all epochs so far.
      saving: where to save the runs after each epoch.
      progress: whether to show the rows.
      on_epoch: called with each row.
      steps: the columns of the steps to record; all by default.
      thinned: drops runs after an epoch, if need be, seeing the records so far.
    """

    trainer: Trainer
    epochs: int
    row: Callable[[Runs, Sequence[Record]], Row]
    saving: Saving
    progress: bool = True
    on_epoch: Callable[[Row], object] | None = None
    steps: Sequence[str] | None = None
    thinned: Callable[[Runs, Sequence[Record]], Runs] = field(default=lambda runs, records: runs)

    def run(self) -> tuple[Runs, Record]:
        """Trains to the end; returns the runs and their record."""
        runs, records = self.trainer.begin(), list[Record]()
        with contextlib.ExitStack() as stack:
            checkpoints = self._checkpoints(runs, stack)
            saved = None if checkpoints is None else checkpoints.load()
            if saved is not None:
                runs, record = snapshot.unpacked(self.trainer, runs, saved)
                identity.check_rates(self.trainer, record)
                records.append(record)
            done = sum(record.num_epochs for record in records)
            show = stack.enter_context(display(self.progress, self.epochs, done))
            while done < self.epochs and runs.active.any():
                runs, records = self._advance(runs, records, done)
                done += 1
                if checkpoints is not None:
                    checkpoints.save(done, snapshot.packed(runs, Record.joined(records)))
                row = self.row(runs, records)
                show(row)
                if self.on_epoch is not None:
                    self.on_epoch(row)
        return runs, Record.joined(records)

    def _checkpoints(self, runs: Runs, stack: contextlib.ExitStack) -> Checkpoints | None:
        directory, resume, configuration = self.saving
        if directory is None:
            return None
        texts = {name: identity.describe(value) for name, value in configuration.items()}
        texts |= identity.of_trainer(self.trainer, runs)
        return stack.enter_context(Checkpoints(directory, texts, resume))

    def _advance(self, runs: Runs, records: list[Record], number: int) -> tuple[Runs, list[Record]]:
        begin = time.perf_counter()
        runs, steps, means = self.trainer.advance(runs, number)
        steps = {name: steps[name] for name in self.steps or steps}
        record = Record(steps, {name: x[:, None] for name, x in means.items()}, np.zeros(1))
        runs = self.thinned(runs, [*records, record])
        seconds = np.array([time.perf_counter() - begin])
        return runs, [*records, record._replace(seconds=seconds)]
