"""The arguments that ``fit`` and ``sweep`` share: refused, or made into a trainer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

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

__all__ = ["check_monitors", "check_sizes", "make_trainer", "one_schedule"]


def make_trainer(
    columns: Mapping[str, Sequence[Any]],
    seeds: Sequence[int],
    init: Init,
    loss: Loss,
    train: PyTree,
    validation: PyTree,
    *,
    batch_size: int,
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
      batch_size: the number of examples per update.
      metric: the metrics.
      validation_batch_size: the number of examples to validate on together.
      optimizer: makes the optimizer.
      early_stopping: when to end a run.
      diverges: as for :func:`jaxlr.train.sweep`.
      layout: where the runs lie.
    """
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


def check_sizes(
    train: Any, validation: Any, epochs: int, batch_size: int, validation_batch_size: int | None
) -> None:
    """Refuses sizes of data, epochs and batches that do not fit together."""
    examples = epoch.num_examples(train, "train")
    if validation is not None:
        epoch.num_examples(validation, "validation")
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1, got {epochs}.")
    if not 1 <= batch_size <= examples:
        raise ValueError(
            f"`batch_size` must be from 1 to the number of training examples, {examples}, got "
            f"{batch_size}."
        )
    if validation_batch_size is not None and validation_batch_size < 1:
        raise ValueError(
            f"`validation_batch_size` must be at least 1, got {validation_batch_size}."
        )


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
