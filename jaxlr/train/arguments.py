"""The arguments that ``fit`` and ``sweep`` share: refused, or made into a trainer."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.feedback.stopping import EarlyStopping
from jaxlr.train import epoch
from jaxlr.train.epoch import LossMetric
from jaxlr.train.hyperparameters import Hyperparameters
from jaxlr.train.layout import WHOLE, Layout
from jaxlr.train.optimizer import split_optimizer
from jaxlr.train.program import Program
from jaxlr.train.runs import Trainer
from jaxlr.train.types import Init, Loss, Metric, OptimizerFactory, PyTree

__all__ = [
    "check_functions",
    "check_monitors",
    "make_trainer",
    "one_schedule",
    "seed_number",
    "whole",
]


def make_trainer(
    columns: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    init: Init,
    loss: Loss,
    train: PyTree,
    validation: PyTree,
    *,
    batch_size: int,
    accumulate: int,
    metric: Metric | None,
    validation_batch_size: int | None,
    optimizer: OptimizerFactory,
    early_stopping: EarlyStopping | None,
    diverges: Callable[[dict[str, float]], bool] | None,
    layout: Layout,
) -> Trainer:
    """Makes the trainer of a run for each candidate and seed.

    Args:
      columns: by name, a schedule for each candidate, ``learning_rate`` among them.
      seeds: the seeds of each candidate.
      init: as for :func:`jaxlr.train.fit`, and so are the others without a note.
      loss: the loss.
      train: the training data.
      validation: the validation data, or None.
      batch_size: the number of examples per batch.
      accumulate: the number of batches per update.
      metric: the metrics.
      validation_batch_size: the number of examples to validate on together.
      optimizer: makes the optimizer.
      early_stopping: when to end a run.
      diverges: as for :func:`jaxlr.train.sweep`.
      layout: where the runs lie.
    """
    check_functions(init=init, loss=loss, metric=metric, diverges=diverges)
    _check_rule(early_stopping)
    batch_size, accumulate = _sizes(train, batch_size, accumulate)
    if validation_batch_size is not None:
        validation_batch_size = whole("validation_batch_size", validation_batch_size, 1)
    if validation is not None:
        epoch.num_examples(validation, "validation")
        if metric is None and epoch.takes_key(loss):
            raise ValueError(
                "`metric` must be given beside a `loss` that takes a random key: there is none in "
                "validation."
            )
    count = len(columns["learning_rate"])
    structure, schedules = split_optimizer(optimizer, columns)
    for name in schedules.keys() - columns.keys():
        one_schedule(name, schedules[name])
        schedules[name] = [schedules[name]] * count
    train, validation = layout.placed((train, validation), WHOLE)
    return Trainer(
        program=Program(
            loss=loss,
            metric=metric or LossMetric(loss),
            optimizer=structure,
            batch_size=batch_size,
            accumulate=accumulate,
            validation_batch_size=validation_batch_size or batch_size,
            layout=layout,
        ),
        init=init,
        hyperparameters=Hyperparameters(
            {name: [lr for lr in column for _ in seeds] for name, column in schedules.items()}
        ),
        seeds=list(seeds) * count,
        train=train,
        validation=validation,
        early_stopping=early_stopping,
        diverges=diverges,
    )


def whole(name: str, value: Any, least: int, most: float = math.inf) -> int:
    """Returns a whole number as an integer, or refuses it."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    if isinstance(value, float | np.floating) and not value.is_integer():
        raise ValueError(f"`{name}` must be a whole number, got {value!r}.")
    if not least <= value <= most:
        allowed = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"`{name}` must be {allowed}, got {value!r}.")
    return int(value)


def seed_number(name: str, value: Any) -> int:
    """Returns a seed as an integer of 32 bits, or refuses it."""
    return whole(name, value, 0, 2**32 - 1)


def _sizes(train: PyTree, batch_size: Any, accumulate: Any) -> tuple[int, int]:
    """Returns the size and the number of the batches of an update, or refuses them."""
    examples = epoch.num_examples(train, "train")
    batch_size = whole("batch_size", batch_size, 1)
    accumulate = whole("accumulate", accumulate, 1)
    if batch_size > examples:
        raise ValueError(
            f"`batch_size` must be from 1 to the number of training examples, {examples}, got "
            f"{batch_size}."
        )
    if batch_size * accumulate > examples:
        raise ValueError(
            f"`accumulate` batches of {batch_size} must fit into the {examples} training examples, "
            f"got {accumulate}."
        )
    return batch_size, accumulate


def _check_rule(early_stopping: Any) -> None:
    if not isinstance(early_stopping, EarlyStopping | None):
        raise TypeError(
            "`early_stopping` must be a rule made by jaxlr.early_stopping, got "
            f"{early_stopping!r}. Such as jaxlr.early_stopping(patience=5)."
        )


def check_functions(**functions: Any) -> None:
    """Refuses arguments that are neither functions nor None."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise TypeError(f"`{name}` must be a function, got {function!r}.")


def one_schedule(name: str, schedule: Any) -> None:
    """Refuses a batch of schedules where one is wanted."""
    if isinstance(schedule, Schedule):
        shape = jnp.shape(schedule(0))
    elif isinstance(schedule, AdaptiveSchedule):
        # Every number of the rule takes part in the state after a metric.
        shape = jnp.shape(schedule(schedule.init(), **{schedule.monitor: 0.0}))
    else:
        return
    if shape != ():
        raise ValueError(
            f"`{name}` must be one schedule, got a batch of the shape {shape}: {schedule!r}. "
            "One run has one; jaxlr.train.sweep trains many."
        )


def check_monitors(trainer: Trainer, monitor: str | None = None) -> None:
    """Refuses to listen to a number that an epoch does not have."""
    monitors = list(trainer.hyperparameters.monitors)
    if trainer.early_stopping is not None:
        monitors.append(("early_stopping", trainer.early_stopping.monitor))
    if monitor is not None:
        monitors.append(("monitor", monitor))
    columns = trainer.columns() if monitors else []
    for where, name in monitors:
        if name not in columns:
            raise ValueError(
                f"`{where}`: `monitor` must be one of {', '.join(columns)}, got {name!r}."
            )
