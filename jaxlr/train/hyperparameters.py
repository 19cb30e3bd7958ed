"""The hyperparameters of all runs: schedules in, rows of values out."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.train import program, stateful
from jaxlr.train.stateful import OneOf, is_stateful
from jaxlr.train.types import Array, Columns, PyTree

__all__ = ["Hyperparameters", "rows"]


@dataclass(frozen=True)
class Hyperparameters:
    """The schedules of all runs.

    Attributes:
      schedules: by name, a schedule for each run, as :func:`jaxlr.train.optimizer.as_schedule`
        returns it.
    """

    schedules: Mapping[str, Sequence[Any]]

    @functools.cached_property
    def stateful(self) -> dict[str, PyTree]:
        """The schedules that have a state, by name, with an axis of runs."""
        return {
            name: stateful.together(schedules)
            for name, schedules in self.schedules.items()
            if any(map(is_stateful, schedules))
        }

    @functools.cached_property
    def monitors(self) -> list[tuple[str, str]]:
        """The metrics that schedules hear once an epoch: pairs of hyperparameter and metric."""
        pairs = [
            (name, lr.monitor)
            for name, schedules in self.schedules.items()
            for lr in schedules
            if isinstance(lr, AdaptiveSchedule) and lr.monitor != "value"
        ]
        return list(dict.fromkeys(pairs))

    def values(self, slots: Array, counts: Array) -> dict[str, PyTree]:
        """Returns the rows of values of some slots at some counts, and the stateful schedules."""
        values: dict[str, PyTree] = {}
        for name, schedules in self.schedules.items():
            column = self.stateful.get(name)
            if column is None:
                column = rows(schedules, counts)
            elif isinstance(column, OneOf):
                begin = np.full(len(schedules), counts[0], np.int32)
                column = column.with_values(rows(schedules, counts), begin)
            values[name] = program.take(column, slots)
        return values

    def heard(self, states: PyTree, means: Columns, slots: Array, active: Array) -> PyTree:
        """Returns the states of the stateful schedules after the metrics of an epoch.

        Args:
          states: by name, the states, with an axis of slots.
          means: the metrics of the epoch, with an axis of runs.
          slots: the run in each slot.
          active: which slots have a run in training.
        """
        monitors = {monitor for _, monitor in self.monitors}
        metrics = {name: means[name][slots].astype(np.float32) for name in monitors}
        return program.observe(states, program.take(self.stateful, slots), metrics, active)


def rows(schedules: Sequence[Any], counts: Array) -> Array:
    """Returns the values of plain schedules at some counts, a row for each; 0 for stateful ones."""
    plain = {id(lr): lr for lr in schedules if not is_stateful(lr)}
    values = jax.device_get({key: lr(counts) for key, lr in plain.items()})
    blank = np.zeros(len(counts))
    return np.stack([values.get(id(lr), blank) for lr in schedules], dtype=np.float32)
