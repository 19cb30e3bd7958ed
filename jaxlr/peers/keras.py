"""The schedules of ``keras.optimizers.schedules`` and a callback, as in Keras 3.15.

Their lengths leave the warm-up out; those here, as in optax, include it.

>>> from jaxlr.peers import keras
>>> keras.CosineDecay(0.0, 900, alpha=0.1, warmup_target=1.0, warmup_steps=100)
warmup_cosine_decay_schedule(init_value=0.0, peak_value=1.0, warmup_steps=100, decay_steps=1000, \
end_value=0.1, exponent=1.0)
"""

from collections.abc import Sequence
from typing import Literal

from jax.typing import ArrayLike

from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule, Base, reduce_on_plateau
from jaxlr.schedules import (
    cosine_decay_schedule,
    cosine_restarts_schedule,
    cyclic_polynomial_schedule,
    exponential_decay,
    inverse_time_decay,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    warmup_cosine_decay_schedule,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "ReduceLROnPlateau",
]


def ExponentialDecay(
    initial_learning_rate: ArrayLike,
    decay_steps: ArrayLike,
    decay_rate: ArrayLike,
    staircase: bool = False,
) -> Schedule:
    """Multiplication by ``decay_rate`` every ``decay_steps``: :func:`jaxlr.exponential_decay`."""
    return exponential_decay(initial_learning_rate, decay_steps, decay_rate, staircase=staircase)


def InverseTimeDecay(
    initial_learning_rate: ArrayLike,
    decay_steps: ArrayLike,
    decay_rate: ArrayLike,
    staircase: bool = False,
) -> Schedule:
    """The inverse of a line or of stairs: :func:`jaxlr.inverse_time_decay`."""
    return inverse_time_decay(initial_learning_rate, decay_steps, decay_rate, staircase=staircase)


def PiecewiseConstantDecay(
    boundaries: Sequence[ArrayLike], values: Sequence[ArrayLike]
) -> Schedule:
    """Given values, each up to its boundary: :func:`jaxlr.piecewise_constant_values_schedule`.

    The old value still holds at the boundary itself.
    """
    return piecewise_constant_values_schedule(boundaries, values, "after")


def PolynomialDecay(
    initial_learning_rate: ArrayLike,
    decay_steps: ArrayLike,
    end_learning_rate: ArrayLike = 0.0001,
    power: ArrayLike = 1.0,
    cycle: bool = False,
) -> Schedule:
    """A power of the time that remains: :func:`jaxlr.polynomial_schedule`.

    With ``cycle`` it starts over, with a longer time: :func:`jaxlr.cyclic_polynomial_schedule`.
    """
    if cycle:
        return cyclic_polynomial_schedule(
            initial_learning_rate, end_learning_rate, power, decay_steps
        )
    return polynomial_schedule(initial_learning_rate, end_learning_rate, power, decay_steps)


def CosineDecay(
    initial_learning_rate: ArrayLike,
    decay_steps: ArrayLike,
    alpha: ArrayLike = 0.0,
    warmup_target: ArrayLike | None = None,
    warmup_steps: ArrayLike = 0,
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


def CosineDecayRestarts(
    initial_learning_rate: ArrayLike,
    first_decay_steps: ArrayLike,
    t_mul: ArrayLike = 2.0,
    m_mul: ArrayLike = 1.0,
    alpha: ArrayLike = 0.0,
) -> Schedule:
    """Half cosine waves, each longer and lower: :func:`jaxlr.cosine_restarts_schedule`.

    Keras finds the cycle by a logarithm, which is rounded: at its first step a cycle may still have
    the last value of the one before.
    """
    return cosine_restarts_schedule(initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha)


def ReduceLROnPlateau(
    learning_rate: Base,
    monitor: str = "val_loss",
    factor: ArrayLike = 0.1,
    patience: int = 10,
    mode: Literal["auto", "min", "max"] = "auto",
    min_delta: float = 1e-4,
    cooldown: int = 0,
    min_lr: ArrayLike = 0.0,
) -> AdaptiveSchedule:
    """A factor for each time that a metric has stalled: :func:`jaxlr.reduce_on_plateau`.

    Unlike in Keras ``learning_rate`` may be a schedule too, and a first metric that is NaN spoils
    nothing. The prefix of ``monitor`` becomes ``validation_``.

    Raises:
      ValueError: if ``mode`` is ``"auto"`` and ``monitor`` is not a loss.
    """
    if mode == "auto":
        if monitor.removeprefix("val_") != "loss":
            raise ValueError(f"`mode` must be 'min' or 'max' for the metric {monitor!r}.")
        mode = "min"
    return reduce_on_plateau(
        learning_rate,
        factor,
        max(patience, 1),
        mode=mode,
        threshold=abs(min_delta),
        threshold_mode="abs",
        cooldown=max(cooldown - 1, 0),  # The last metric of a cooldown counts there.
        min_value=min_lr,
        monitor=monitor.replace("val_", "validation_", 1) if monitor[:4] == "val_" else monitor,
    )
