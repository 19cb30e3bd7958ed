"""Successive halving: after some epochs only the best candidates stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from jaxlr.train.record import Record
from jaxlr.train.runs import DIVERGED, DROPPED, Runs, Trainer
from jaxlr.train.types import Array

__all__ = ["Halving", "rungs"]


@dataclass(frozen=True)
class Halving:
    """Which candidates are kept after which epochs.

    Attributes:
      monitor: the number to rank by.
      sign: 1 if less of it is better, -1 if more is.
      seeds: the number of runs of each candidate; they are ranked by the mean.
      rungs: after which epochs to keep how many candidates.
    """

    monitor: str
    sign: int
    seeds: int
    rungs: Mapping[int, int]

    def thinned(self, trainer: Trainer, runs: Runs, records: Sequence[Record]) -> Runs:
        """Keeps the best candidates where this epoch is a rung."""
        count = self.rungs.get(sum(record.num_epochs for record in records))
        if count is None:
            return runs
        values = self.sign * np.concatenate([x.epochs[self.monitor] for x in records], axis=1)
        means = _newest(values, runs).reshape(-1, self.seeds).mean(axis=1)
        # Of equals the first are kept; NaN, of those that were dropped before, comes last.
        kept = np.argsort(means, kind="stable")[:count]
        return trainer.keep(runs, (kept[:, None] * self.seeds + np.arange(self.seeds)).ravel())

    def row(self, runs: Runs, records: Sequence[Record]) -> dict[str, float]:
        """Returns the numbers to show after an epoch."""
        epoch = sum(record.num_epochs for record in records)
        row: dict[str, float] = {"epoch": epoch, "training": int(runs.active.sum())}
        for name, status in (("diverged", DIVERGED), ("dropped", DROPPED)):
            if (runs.status == status).any():
                row[name] = int((runs.status == status).sum())
        values = records[-1].epochs[self.monitor][:, -1]
        if np.isfinite(values).any():
            row[f"best_{self.monitor}"] = float(self.sign * np.nanmin(self.sign * values))
        return row | {"seconds": float(records[-1].seconds[-1])}


def _newest(values: Array, runs: Runs) -> Array:
    """Returns the newest values of a number; for runs that stopped early, of their best epochs.

    It is infinity for runs that diverged, and NaN for runs that were dropped.
    """
    places = np.arange(len(values))
    at = np.where(runs.active, values.shape[1], runs.best_epoch)
    newest = values[places, np.maximum(at - 1, 0)]
    lost = (runs.status == DIVERGED) | ~np.isfinite(newest)
    return np.where(np.isin(places, runs.slots), np.where(lost, np.inf, newest), np.nan)


def rungs(keep: Mapping[int, int] | None, count: int, epochs: int) -> dict[int, int]:
    """Returns the rungs in order, or refuses them."""
    if not isinstance(keep, Mapping | None):
        raise TypeError(f"`keep` must be a dict such as {{2: 8, 4: 4}}, got {keep!r}.")
    pairs = dict(sorted((keep or {}).items()))
    left = count
    for after, survivors in pairs.items():
        if not 1 <= after < epochs or not 1 <= survivors <= left:
            raise ValueError(
                f"`keep` must say after which of the {epochs} epochs to keep how many of the "
                f"{count} schedules, fewer each time, got {dict(keep or {})}."
            )
        left = survivors
    return pairs
