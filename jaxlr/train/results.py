"""The outcome of a sweep: every number of every run, and which did best."""

import csv
import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import jax
import numpy as np
from rich.table import Table

from jaxlr.batches.batch import Batch
from jaxlr.batches.tables import described, texts, without_constants
from jaxlr.core.numbers import float_dtype
from jaxlr.files import write_whole
from jaxlr.train.history import format_value
from jaxlr.train.record import Record
from jaxlr.train.runs import Runs, Trainer
from jaxlr.train.tables import rich_table
from jaxlr.train.types import Array, Mode

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["STATUS", "Candidate", "SweepResult", "result_of", "sign_of"]

STATUS = np.array(["trained", "stopped", "diverged", "dropped"])
"""How a run ended, by the numbers that :class:`jaxlr.train.runs.Runs` has for it."""


class Candidate(NamedTuple):
    """One of the schedules of a sweep, and how it did.

    Attributes:
      index: its place among the schedules.
      schedule: the schedule, as it was given.
      parameters: its row of the table: the arguments that made it, and other hyperparameters.
      score: the metric, of the epoch that the parameters of each run are of; the mean over seeds.
      spread: the standard deviation over seeds; NaN for one seed.
    """

    index: int  # type: ignore[assignment]  # a tuple has a method of this name
    schedule: Any
    parameters: dict[str, Any]
    score: float
    spread: float


@dataclass(frozen=True, repr=False)
class SweepResult:
    """The outcome of a sweep over K schedules with S seeds each.

    Attributes:
      schedules: the schedules, as they were given.
      table: the arguments that made each, and other hyperparameters, by name: arrays of K.
      seeds: the seeds.
      runs: arrays [K, S, epochs] by name: the columns of the history of epochs of
        :func:`jaxlr.train.fit`, and ``learning_rate``, at the last step of the epoch. NaN where
        a run was not trained.
      rates: the learning rate of every update of every run, [K, S, steps]: schedules that listen to
        a metric included, and NaN where a run was not trained. It is kept on the host, in 4 bytes
        for each run and step.
      status: how each run ended, [K, S]: ``"trained"`` to the last epoch, ``"stopped"`` early,
        ``"diverged"``, or ``"dropped"`` by ``keep``.
      epochs: for how many epochs each run was trained, [K, S].
      best_epoch: the epoch that the parameters of each run are of, [K, S], counted from 1: with
        early stopping the best one (0 for the initial parameters), else the last.
      seconds: how long each epoch took, compilation included.
      monitor: the number to rank by, unless another is named.
      mode: whether less or more of it is better.
      bytes_per_run: the memory for the state of a run.
    """

    schedules: Sequence[Any] | Batch
    table: Mapping[str, Array]
    seeds: tuple[int, ...]
    runs: Mapping[str, Array]
    rates: Array
    status: Array
    epochs: Array
    best_epoch: Array
    seconds: Array
    monitor: str
    mode: Mode
    bytes_per_run: int
    _trainer: Trainer
    _final: Runs

    def __repr__(self) -> str:
        candidates, seeds = self.status.shape
        text = f"SweepResult({candidates} schedules, {seeds} seeds; {self.summary()}"
        if not np.isnan(self.scores()).any(axis=1).all():
            text += f": {textwrap.shorten(repr(self.best().schedule), 300)}"
        return text + ")"

    @property
    def metrics(self) -> dict[str, Array]:
        """The means over seeds, arrays [K, epochs] by name."""
        return {name: np.mean(column, axis=1) for name, column in self.runs.items()}

    @property
    def spread(self) -> dict[str, Array]:
        """The standard deviations over seeds, arrays [K, epochs] by name; NaN for one seed."""
        return {name: _deviation(column) for name, column in self.runs.items()}

    def scores(self, metric: str | None = None) -> Array:
        """Returns a metric of every run, [K, S], in the epoch that its parameters are of."""
        column = self.runs[self._known(metric)]
        at = np.maximum(self.best_epoch - 1, 0)
        scores = np.take_along_axis(column, at[:, :, None], axis=2)[:, :, 0]
        lost = (self.best_epoch == 0) | (self.status == "diverged")
        return np.where(lost, np.nan, scores)

    def order(self, metric: str | None = None, mode: Mode | None = None) -> Array:
        """Returns the schedules by rank, the best first.

        They are ranked by the mean over seeds; behind those that were dropped, the earlier the
        further, and last those of which a run diverged.
        """
        sign = self._sign(metric, mode)
        scores = np.mean(self.scores(metric), axis=1)
        dropped = (self.status == "dropped").any(axis=1)
        reached = np.where(dropped, self.epochs.max(axis=1), self.runs[self.monitor].shape[2])
        return np.lexsort((sign * scores, -reached, np.isnan(scores)))

    def best(self, metric: str | None = None, mode: Mode | None = None) -> Candidate:
        """Returns the best schedule.

        Args:
          metric: the number to rank by, a name in ``runs``; by default ``monitor``.
          mode: ``"min"`` if less is better, ``"max"`` if more is; by default as for ``monitor``.

        Raises:
          ValueError: if there is no such metric, ``mode`` is missing for another metric than
            ``monitor``, or all runs diverged.
        """
        index = int(self.order(metric, mode)[0])
        candidate = self.candidate(index, metric)
        if np.isnan(candidate.score):
            raise ValueError("All schedules have a run that diverged; try lower learning rates.")
        return candidate

    def candidate(self, index: int, metric: str | None = None) -> Candidate:
        """Returns one schedule and how it did."""
        scores = self.scores(metric)[index]
        return Candidate(
            index=index,
            schedule=self.schedules[index],
            parameters={name: _plain(column[index]) for name, column in self.table.items()},
            score=float(np.mean(scores)),
            spread=float(_deviation(scores[None])[0]),
        )

    def params(self, index: int, seed: int | None = None) -> Any:
        """Returns the trained parameters of a run: of the epoch that ``best_epoch`` says.

        Args:
          index: the place of the schedule.
          seed: one of the seeds; by default the first.

        Raises:
          ValueError: if the run was dropped; the parameters of those are not kept.
        """
        place = 0 if seed is None else self.seeds.index(seed)
        run = index * len(self.seeds) + place
        if run not in self._final.slots:
            raise ValueError(f"`index`: schedule {index} was dropped, and its parameters with it.")
        return self._trainer.params(self._final, run)

    def to_csv(
        self, path: str | os.PathLike[str], rows: Literal["runs", "epochs", "steps"] = "runs"
    ) -> None:
        """Writes a row for each run, for each of its epochs or of its steps, as a CSV file.

        The file is there whole or not at all. Of several processes the first writes it.

        Args:
          path: the file; one that is there already is replaced, missing folders are made.
          rows: which of the three. For a run the metrics are those of its ``best_epoch``; for a
            step there is the learning rate.

        Raises:
          ValueError: if ``rows`` is something else.
        """
        kinds = {"runs": self._run_rows, "epochs": self._epoch_rows, "steps": self._step_rows}
        if rows not in kinds:
            raise ValueError(f"`rows` must be 'runs', 'epochs' or 'steps', got {rows!r}.")
        if jax.process_index() != 0:
            return
        with write_whole(path) as stream:
            csv.writer(stream).writerows(kinds[rows]())

    def _run_rows(self) -> Iterator[Sequence[Any]]:
        scores = {name: self.scores(name) for name in self.runs}
        ends = ["status", "epochs", "best_epoch", *scores]
        yield ["index", *self.table, "seed", *ends]
        for k, s in np.ndindex(self.status.shape):
            made = [_plain(column[k]) for column in self.table.values()]
            how = (self.status, self.epochs, self.best_epoch, *scores.values())
            yield [k, *made, self.seeds[s], *(column[k, s] for column in how)]

    def _epoch_rows(self) -> Iterator[Sequence[Any]]:
        yield ["index", "seed", "epoch", *self.runs]
        for k, s in np.ndindex(self.status.shape):
            for at in range(self.epochs[k, s]):
                values = (column[k, s, at] for column in self.runs.values())
                yield [k, self.seeds[s], at + 1, *values]

    def _step_rows(self) -> Iterator[Sequence[Any]]:
        yield ["index", "seed", "step", "learning_rate"]
        per_epoch = self.rates.shape[2] // self.runs[self.monitor].shape[2]
        for k, s in np.ndindex(self.status.shape):
            trained = self.rates[k, s, : self.epochs[k, s] * per_epoch]
            for step, rate in enumerate(trained):
                yield [k, self.seeds[s], step, rate]

    def rich_table(self, most: int = 20, width: int | None = None) -> Table:
        """Returns the best schedules as a table for ``rich.print``.

        Args:
          most: how many.
          width: the characters of a line; by default those of the terminal.
        """
        made = {name: texts(column, digits=4) for name, column in self.table.items()}
        constants, varying = without_constants(made)
        if any("" in column for column in varying.values()):
            # Of several families, each with parameters of its own.
            rows = [
                dict(zip(varying, row, strict=True)) for row in zip(*varying.values(), strict=True)
            ]
            varying = {"schedule": list(map(described, rows))}
        order = self.order()[:most].tolist()
        columns = {"rank": list(map(str, range(1, len(order) + 1))), "index": list(map(str, order))}
        columns |= {name: [column[index] for index in order] for name, column in varying.items()}
        columns[self.monitor] = [self._score_text(index) for index in order]
        columns["status"] = [
            ", ".join(dict.fromkeys(self.status[index].tolist())) for index in order
        ]
        whole = "rank", "index", self.monitor, "status"
        return rich_table(columns, constants, whole, width)

    def _score_text(self, index: int) -> str:
        score, spread = self.candidate(index)[-2:]
        if np.isnan(score):
            return ""
        return format_value(score) + (f" ± {spread:.2g}" if len(self.seeds) > 1 else "")

    def plot(
        self, metric: str | None = None, *, axes: "Sequence[Axes] | None" = None
    ) -> "list[Axes]":
        """Draws the schedules and how they did; see :func:`jaxlr.plot.plot_sweep`."""
        from jaxlr.plot import plot_sweep

        return plot_sweep(self, self._known(metric), axes=axes)

    def summary(self) -> str:
        """Returns one line: how many runs there were, how they ended, and the best."""
        counts = {name: int(np.sum(self.status == name)) for name in STATUS}
        ends = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        line = f"{self.status.size} runs in {self.seconds.sum():.4g} s: {ends}"
        if counts["diverged"] == self.status.size:
            return line
        best = self.best()
        return f"{line}; best {self.monitor} {best.score:.4g}, schedule {best.index}"

    def _known(self, metric: str | None) -> str:
        metric = self.monitor if metric is None else metric
        if metric not in self.runs:
            raise ValueError(f"`metric` must be one of {', '.join(self.runs)}, got {metric!r}.")
        return metric

    def _sign(self, metric: str | None, mode: Mode | None) -> int:
        if mode is None:
            if self._known(metric) != self.monitor:
                raise ValueError(f"`mode` must be 'min' or 'max' for {metric!r}, got None.")
            mode = self.mode
        return sign_of(mode)


def result_of(
    trainer: Trainer,
    runs: Runs,
    record: Record,
    *,
    schedules: Sequence[Any] | Batch,
    table: Mapping[str, Array],
    seeds: Sequence[int],
    epochs: int,
    monitor: str,
    mode: Mode,
) -> SweepResult:
    """Makes the result of runs that have ended, by candidate and seed, up to the last epoch."""
    shape, per_epoch = (len(schedules), len(seeds)), trainer.steps_per_epoch
    missing = epochs - record.num_epochs

    def padded(column: Array, count: int) -> Array:
        more = np.full((*shape, count), np.nan)
        return np.append(column.reshape(*shape, -1), more, axis=2)

    numbers = {name: padded(column, missing) for name, column in record.epochs.items()}
    rates = padded(record.steps["learning_rate"], missing * per_epoch).astype(float_dtype())
    numbers["learning_rate"] = rates[..., per_epoch - 1 :: per_epoch].astype(np.float64)
    return SweepResult(
        schedules=schedules,
        table=table,
        seeds=tuple(seeds),
        runs=numbers,
        rates=rates,
        status=STATUS[runs.status].reshape(shape),
        epochs=runs.epochs.reshape(shape),
        best_epoch=runs.best_epoch.reshape(shape),
        seconds=record.seconds,
        monitor=monitor,
        mode=mode,
        bytes_per_run=trainer.bytes_per_run(),
        _trainer=trainer,
        _final=runs,
    )


def sign_of(mode: str) -> int:
    """1 where less is better, and -1 where more is."""
    if mode not in ("min", "max"):
        raise ValueError(f"`mode` must be 'min' or 'max', got {mode!r}.")
    return 1 if mode == "min" else -1


def _deviation(values: Array) -> Array:
    """The standard deviation over the second axis."""
    if values.shape[1] < 2:
        return np.full((values.shape[0], *values.shape[2:]), np.nan)
    deviation: Array = np.std(values, axis=1, ddof=1)
    return deviation


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
