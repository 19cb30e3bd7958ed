"""The schedules of ``object_detection.utils.learning_schedules`` of the TensorFlow models.

The step, which they take first, is the count of the schedule.

>>> from jaxlr.peers import object_detection
>>> object_detection.manual_stepping([100, 200], [0.1, 0.01, 0.001])
piecewise_constant_values_schedule(boundaries=[100, 200], values=[0.1, 0.01, 0.001], switch='at')
"""

from collections.abc import Sequence
from typing import Any

from jax.typing import ArrayLike

from jaxlr import schedules
from jaxlr.compose import join_schedules
from jaxlr.core.schedule import Schedule
from jaxlr.schedules import (
    linear_schedule,
    piecewise_constant_values_schedule,
    warmup_hold_cosine_decay_schedule,
)

__all__ = ["cosine_decay_with_warmup", "exponential_decay_with_burnin", "manual_stepping"]


def exponential_decay_with_burnin(
    learning_rate_base: ArrayLike,
    learning_rate_decay_steps: ArrayLike,
    learning_rate_decay_factor: ArrayLike,
    burnin_learning_rate: ArrayLike = 0.0,
    burnin_steps: ArrayLike = 0,
    min_learning_rate: ArrayLike = 0.0,
    staircase: bool = True,
) -> Schedule:
    """A constant, then stairs that fall: :func:`jaxlr.exponential_decay_with_burnin`.

    A ``burnin_learning_rate`` of 0 stands for the base rate. The stairs begin at the end of the
    burn-in; in old versions they began at step 0. With a ``min_learning_rate`` the factor must be
    below 1.
    """
    return schedules.exponential_decay_with_burnin(
        learning_rate_base,
        learning_rate_decay_steps,
        learning_rate_decay_factor,
        burnin_value=_unless_zero(burnin_learning_rate),
        burnin_steps=burnin_steps,
        staircase=staircase,
        end_value=_unless_zero(min_learning_rate),
    )


def _unless_zero(value: ArrayLike) -> ArrayLike | None:
    return None if isinstance(value, int | float) and value == 0.0 else value


def cosine_decay_with_warmup(
    learning_rate_base: ArrayLike,
    total_steps: ArrayLike,
    warmup_learning_rate: ArrayLike = 0.0,
    warmup_steps: ArrayLike = 0,
    hold_base_rate_steps: ArrayLike = 0,
) -> Schedule:
    """A warm-up, a constant, and half a cosine: :func:`jaxlr.warmup_hold_cosine_decay_schedule`."""
    return warmup_hold_cosine_decay_schedule(
        warmup_learning_rate, learning_rate_base, warmup_steps, hold_base_rate_steps, total_steps
    )


def manual_stepping(
    boundaries: Sequence[ArrayLike], rates: Sequence[ArrayLike], warmup: bool = False
) -> Schedule:
    """Given rates, each from a boundary on: :func:`jaxlr.piecewise_constant_values_schedule`.

    With ``warmup`` the first rate goes to the second in a line, up to the first boundary.
    """
    if not warmup or not boundaries:
        return piecewise_constant_values_schedule(boundaries, rates)
    first: Any = boundaries[0]
    others = [step - first for step in boundaries[1:]]
    rest = piecewise_constant_values_schedule(others, rates[1:])
    return join_schedules([linear_schedule(rates[0], rates[1], first), rest], [first])
