"""What training refuses, and the texts by which checkpoints tell one run from another."""

import re
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.train import epoch


def sizes(
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


def scalar(name: str, schedule: Any) -> None:
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


def monitor(where: str, monitor: str, columns: Sequence[str]) -> None:
    """Refuses the name of a number that an epoch does not have."""
    if monitor not in columns:
        raise ValueError(
            f"`{where}`: `monitor` must be one of {', '.join(columns)}, got {monitor!r}."
        )


def text(value: Any) -> str:
    """Writes a value without the addresses of functions, which differ between processes."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def shapes(tree: Any) -> str:
    """Writes the dtypes and shapes of arrays."""
    return " ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree))
