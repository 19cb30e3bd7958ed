"""Lengths in epochs, samples, tokens and fractions of a run, as steps.

A step is one update of the parameters. Schedules count in steps alone; whoever thinks in another
unit converts it here, once. Where micro-batches are accumulated, the batch is what all of them hold
together, over all devices.

>>> import jaxlr
>>> total = jaxlr.units.epochs_to_steps(3, num_examples=60_000, batch_size=128)
>>> warmup, hold, decay = jaxlr.units.fractions_to_steps([0.1, 0.4, 0.5], total)
>>> total, (warmup, hold, decay)
(1404, (140, 562, 702))
>>> lr = jaxlr.warmup_stable_decay_schedule(0.0, 0.1, warmup, hold, decay)
"""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jaxlr.core import text

__all__ = ["epochs_to_steps", "fractions_to_steps", "samples_to_steps", "tokens_to_steps"]


def epochs_to_steps(
    epochs: float, num_examples: int, batch_size: int, drop_remainder: bool = True
) -> int:
    """Converts epochs to steps.

    Args:
      epochs: the number of epochs; half an epoch is 0.5.
      num_examples: the number of examples in the data.
      batch_size: the number of examples per step.
      drop_remainder: whether an epoch leaves out the examples that do not fill a batch; otherwise
        they are one more, smaller batch.

    Returns:
      The nearest number of steps.

    Raises:
      ValueError: if a number is negative or not finite, or an epoch has no step.
      TypeError: if an argument is not a number.

    >>> epochs_to_steps(90, num_examples=1_281_167, batch_size=256)
    450360
    >>> epochs_to_steps(1, 1_281_167, 256, drop_remainder=False)
    5005
    """
    examples = _size("num_examples", num_examples)
    batch = _size("batch_size", batch_size)
    whole, rest = divmod(examples, batch)
    steps_per_epoch = whole if drop_remainder or not rest else whole + 1
    if steps_per_epoch == 0:
        raise ValueError(
            f"`batch_size` must be at most `num_examples`, got {batch} and {examples}: an epoch "
            "has no full batch. Give a smaller batch or drop_remainder=False."
        )
    return _nearest(_number("epochs", epochs) * steps_per_epoch)


def samples_to_steps(samples: float, batch_size: int) -> int:
    """Converts a number of samples to steps.

    Args:
      samples: the number of samples, or examples, seen in training.
      batch_size: the number of samples per step.

    Returns:
      The nearest number of steps.

    Raises:
      ValueError: if ``samples`` is negative or not finite, or ``batch_size`` is not a positive
        whole number.
      TypeError: if an argument is not a number.

    >>> samples_to_steps(1_000_000, batch_size=256)
    3906
    """
    return _nearest(_number("samples", samples) / _size("batch_size", batch_size))


def tokens_to_steps(tokens: float, batch_size: int, sequence_length: int) -> int:
    """Converts a number of tokens to steps.

    Args:
      tokens: the number of tokens seen in training, such as ``20e9``.
      batch_size: the number of sequences per step.
      sequence_length: the number of tokens in a sequence.

    Returns:
      The nearest number of steps.

    Raises:
      ValueError: if ``tokens`` is negative or not finite, or another is not positive and
        whole.
      TypeError: if an argument is not a number.

    >>> tokens_to_steps(20e9, batch_size=1024, sequence_length=4096)
    4768
    """
    per_step = _size("batch_size", batch_size) * _size("sequence_length", sequence_length)
    return _nearest(_number("tokens", tokens) / per_step)


def fractions_to_steps(fractions: Sequence[float], total_steps: int) -> list[int]:
    """Divides a run into phases.

    Each phase ends at the step that is nearest to where it should, so what one loses by rounding
    the next one gains, and fractions of 1 together are exactly the whole run.

    Args:
      fractions: the length of each phase as a fraction of the run; at most 1 together.
      total_steps: the length of the run in steps.

    Returns:
      The length of each phase in steps.

    Raises:
      ValueError: if a number is negative or not finite, or the fractions are more than 1 together.
      TypeError: if ``fractions`` is no list of numbers, or ``total_steps`` no number.

    >>> fractions_to_steps([0.05, 0.15, 0.30, 0.50], total_steps=937)
    [47, 140, 282, 468]
    >>> fractions_to_steps([1 / 3, 1 / 3, 1 / 3], total_steps=100)
    [33, 34, 33]
    """
    if isinstance(fractions, str) or not isinstance(fractions, Iterable):
        raise TypeError(f"`fractions` must be a list of numbers, got {text.brief(fractions)}.")
    shares = [_number("fractions", share) for share in fractions]
    if sum(shares) > 1.0 + 1e-9:
        raise ValueError(
            f"`fractions` must not be more than 1 together, got {text.brief(shares)}, which is "
            f"{sum(shares):g} together."
        )
    total = _number("total_steps", total_steps)
    ends = [_nearest(total * share) for share in np.cumsum(shares)]
    return np.diff(ends, prepend=0).tolist()


def _size(name: str, value: Any) -> int:
    number = _number(name, value)
    if number == 0 or number % 1 != 0:
        raise ValueError(f"`{name}` must be a positive whole number, got {number!r}.")
    return int(number)


def _number(name: str, value: Any) -> float:
    number = text.plain(value)
    if isinstance(number, str):
        meant = text.number_meant(number)
        raise TypeError(f"`{name}` must be a number, got the string {text.brief(number)}.{meant}")
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError(f"`{name}` must be a number, got {text.brief(value)}.")
    if not 0 <= number <= sys.float_info.max:
        raise ValueError(f"`{name}` must be finite and not negative, got {text.brief(number)}.")
    return number


def _nearest(steps: float) -> int:
    return math.floor(steps + 0.5)
