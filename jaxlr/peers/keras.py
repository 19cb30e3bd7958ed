"""The schedules of ``keras.optimizers.schedules`` and three callbacks, as in Keras 3.15.

Lengths there leave the warm-up out; the schedules here, as in optax, include it. A
``name`` is ignored, and so is ``verbose``: nothing is printed.

>>> from jaxlr.peers import keras
>>> keras.CosineDecay(0.0, 900, alpha=0.1, warmup_target=1.0, warmup_steps=100)
warmup_cosine_decay_schedule(init_value=0.0, peak_value=1.0, warmup_steps=100, decay_steps=1000, \
end_value=0.1, exponent=1.0)
"""

import inspect
from typing import Any, Literal

import numpy as np

from jaxlr.core.parameters import Fraction, NonNegative, Positive, Steps, Value
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, reduce_on_plateau
from jaxlr.feedback.stopping import EarlyStopping as Rule
from jaxlr.feedback.stopping import early_stopping
from jaxlr.peers.arguments import (
    Base,
    Count,
    Function,
    Label,
    Lengths,
    Metrics,
    Period,
    Rate,
    Rates,
    Verbosity,
    at_least,
    constructor,
    require_one_more,
)
from jaxlr.peers.phases import exponential
from jaxlr.schedules import (
    cosine_decay_schedule,
    cosine_restarts_schedule,
    cyclic_polynomial_schedule,
    inverse_time_decay,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    tabulate,
    warmup_cosine_decay_schedule,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "EarlyStopping",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateScheduler",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "ReduceLROnPlateau",
]

Mode = Literal["auto", "min", "max"]


@constructor
def ExponentialDecay(
    initial_learning_rate: Rate,
    decay_steps: Period,
    decay_rate: NonNegative,
    staircase: bool = False,
    name: Label = None,
) -> Schedule:
    """Multiplication by ``decay_rate`` every ``decay_steps``: :func:`jaxlr.exponential_decay`."""
    return exponential(initial_learning_rate, decay_steps, decay_rate, staircase=staircase)


@constructor
def InverseTimeDecay(
    initial_learning_rate: Rate,
    decay_steps: Period,
    decay_rate: NonNegative,
    staircase: bool = False,
    name: Label = None,
) -> Schedule:
    """The inverse of a line or of stairs: :func:`jaxlr.inverse_time_decay`."""
    return inverse_time_decay(initial_learning_rate, decay_steps, decay_rate, staircase=staircase)


@constructor
def PiecewiseConstantDecay(boundaries: Lengths, values: Rates, name: Label = None) -> Schedule:
    """Given values, each up to its boundary: :func:`jaxlr.piecewise_constant_values_schedule`.

    The old value still holds at the boundary itself.
    """
    require_one_more(values, "values", boundaries, "boundaries")
    return piecewise_constant_values_schedule(boundaries, values, "after")


@constructor
def PolynomialDecay(
    initial_learning_rate: Rate,
    decay_steps: Period,
    end_learning_rate: Rate = 0.0001,
    power: NonNegative = 1.0,
    cycle: bool = False,
    name: Label = None,
) -> Schedule:
    """A power of the time that remains: :func:`jaxlr.polynomial_schedule`.

    With ``cycle`` it starts over, with a longer time: :func:`jaxlr.cyclic_polynomial_schedule`.
    """
    if cycle:
        return cyclic_polynomial_schedule(
            initial_learning_rate, end_learning_rate, power, decay_steps
        )
    return polynomial_schedule(initial_learning_rate, end_learning_rate, power, decay_steps)


@constructor
def CosineDecay(
    initial_learning_rate: Rate,
    decay_steps: Period,
    alpha: Value = 0.0,
    name: Label = None,
    warmup_target: Rate | None = None,
    warmup_steps: Steps = 0,
) -> Schedule:
    """Half a cosine wave to ``alpha`` times its begin, maybe after a linear warm-up.

    Without ``warmup_target`` it is :func:`jaxlr.cosine_decay_schedule`, and ``warmup_steps`` is
    ignored, as in Keras. With it, it is :func:`jaxlr.warmup_cosine_decay_schedule`.
    """
    if warmup_target is None:
        return cosine_decay_schedule(initial_learning_rate, decay_steps, alpha)
    return warmup_cosine_decay_schedule(
        initial_learning_rate,
        warmup_target,
        warmup_steps,
        warmup_steps + decay_steps,
        alpha * warmup_target,
    )


@constructor
def CosineDecayRestarts(
    initial_learning_rate: Rate,
    first_decay_steps: Period,
    t_mul: Positive = 2.0,
    m_mul: NonNegative = 1.0,
    alpha: Value = 0.0,
    name: Label = None,
) -> Schedule:
    """Half cosine waves, each longer and lower: :func:`jaxlr.cosine_restarts_schedule`.

    Keras finds the cycle by a logarithm, which is rounded: at its first step a cycle may still have
    the last value of the one before.
    """
    return cosine_restarts_schedule(initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha)


@constructor
def LearningRateScheduler(
    schedule: Function,
    verbose: Verbosity = 0,
    *,
    num_epochs: Count,
    steps_per_epoch: Period = 1,
    learning_rate: Rate | None = None,
) -> Schedule:
    """The values of a function of the epoch, and of the rate before: :func:`jaxlr.tabulate`.

    The function runs on the host, once for each of ``num_epochs``, so it may be any. Keras asks it
    as training goes on and needs no number; here the last value holds. Where it takes the rate,
    ``learning_rate`` is the one before training.
    """
    if not _takes(schedule, 2):
        return tabulate(schedule, num_epochs, steps_per_epoch)
    rate: Any = learning_rate
    if rate is None:
        raise ValueError("`learning_rate` must be given, since `schedule` takes the rate.")
    return tabulate(schedule, num_epochs, steps_per_epoch, rate)


def _takes(function: Any, arguments: int) -> bool:
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError:
        return False
    return True


@constructor(within={"min_value": "min_lr"})
def ReduceLROnPlateau(
    learning_rate: Base,
    monitor: str = "val_loss",
    factor: Fraction = 0.1,
    patience: Metrics = 10,
    verbose: Verbosity = 0,
    mode: Mode = "auto",
    min_delta: Value = 1e-4,
    cooldown: Metrics = 0,
    min_lr: Rate = 0.0,
) -> AdaptiveSchedule:
    """A factor for each time that a metric has stalled: :func:`jaxlr.reduce_on_plateau`.

    Unlike in Keras ``learning_rate`` may be a schedule too, and a first metric that is NaN spoils
    nothing. The prefix of ``monitor`` becomes ``validation_``.

    Raises:
      ValueError: if ``mode`` is ``"auto"`` and ``monitor`` is not a loss.
    """
    return reduce_on_plateau(
        learning_rate,
        factor,
        at_least(patience, 1),
        mode=_direction(mode, monitor),
        threshold=np.abs(min_delta),
        threshold_mode="abs",
        cooldown=at_least(cooldown - 1, 0),  # The last metric of a cooldown counts there.
        min_value=min_lr,
        monitor=_here(monitor),
    )


@constructor
def EarlyStopping(
    monitor: str = "val_loss",
    min_delta: Value = 0.0,
    patience: Metrics = 0,
    verbose: Verbosity = 0,
    mode: Mode = "auto",
    baseline: Value | None = None,
    restore_best_weights: bool = False,
    start_from_epoch: Metrics = 0,
) -> Rule:
    """A rule when to stop training: :func:`jaxlr.early_stopping`.

    Whether to restore the best weights is for the trainer to decide, so ``restore_best_weights``
    is ignored. Unlike in Keras a first metric that is NaN spoils nothing.

    Raises:
      ValueError: if ``mode`` is ``"auto"`` and ``monitor`` is not a loss.
    """
    return early_stopping(
        _here(monitor),
        mode=_direction(mode, monitor),
        patience=at_least(patience, 1),
        min_delta=np.abs(min_delta),
        baseline=baseline,
        begin=start_from_epoch,
    )


def _direction(mode: Mode, monitor: str) -> Literal["min", "max"]:
    if mode != "auto":
        return mode
    if monitor.removeprefix("val_") != "loss":
        raise ValueError(f"`mode` must be 'min' or 'max' for the metric {monitor!r}.")
    return "min"


def _here(monitor: str) -> str:
    """The name of a metric in the history of :func:`jaxlr.train.fit`."""
    return "validation_" + monitor[4:] if monitor.startswith("val_") else monitor
