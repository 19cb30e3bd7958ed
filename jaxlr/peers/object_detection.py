"""The schedules of ``object_detection.utils.learning_schedules`` of the TensorFlow models.

The step, which they take first, is the count of the schedule.

>>> from jaxlr.peers import object_detection
>>> object_detection.manual_stepping([100, 200], [0.1, 0.01, 0.001])
piecewise_constant_values_schedule(boundaries=[100, 200], values=[0.1, 0.01, 0.001], switch='at')
"""

from typing import Any

import numpy as np

from jaxlr import schedules
from jaxlr.compose import clip_schedule, join_schedules
from jaxlr.core.numbers import on_host
from jaxlr.core.parameters import Positive, Steps
from jaxlr.core.schedule import Schedule
from jaxlr.peers.arguments import (
    Lengths,
    Period,
    Rate,
    Rates,
    constructor,
    is_zero,
    require_one_more,
)
from jaxlr.schedules import (
    linear_schedule,
    piecewise_constant_values_schedule,
    warmup_hold_cosine_decay_schedule,
)

__all__ = ["cosine_decay_with_warmup", "exponential_decay_with_burnin", "manual_stepping"]


@constructor
def exponential_decay_with_burnin(
    learning_rate_base: Rate,
    learning_rate_decay_steps: Period,
    learning_rate_decay_factor: Positive,
    burnin_learning_rate: Rate = 0.0,
    burnin_steps: Steps = 0,
    min_learning_rate: Rate = 0.0,
    staircase: bool = True,
) -> Schedule:
    """A constant, then stairs that fall: :func:`jaxlr.exponential_decay_with_burnin`.

    A ``burnin_learning_rate`` of 0 stands for the base rate. The stairs begin at the end of the
    burn-in; in old versions they began at step 0. ``min_learning_rate`` is a floor for both:
    :func:`jaxlr.clip_schedule`.
    """
    schedule = schedules.exponential_decay_with_burnin(
        learning_rate_base,
        learning_rate_decay_steps,
        learning_rate_decay_factor,
        burnin_value=None if is_zero(burnin_learning_rate) else burnin_learning_rate,
        burnin_steps=burnin_steps,
        staircase=staircase,
    )
    return schedule if is_zero(min_learning_rate) else clip_schedule(schedule, min_learning_rate)


@constructor
def cosine_decay_with_warmup(
    learning_rate_base: Rate,
    total_steps: Steps,
    warmup_learning_rate: Rate = 0.0,
    warmup_steps: Steps = 0,
    hold_base_rate_steps: Steps = 0,
) -> Schedule:
    """A warm-up, a constant, and half a cosine: :func:`jaxlr.warmup_hold_cosine_decay_schedule`.

    A constant that reaches beyond ``total_steps`` is cut off there, and then the rate is 0.
    """
    total: Any = total_steps
    hold: Any = hold_base_rate_steps
    if on_host(total, warmup_steps, hold):
        if np.any(np.less(total, warmup_steps)):
            raise ValueError(
                f"`total_steps` must be at least `warmup_steps`, got {total} and {warmup_steps}."
            )
        hold = np.minimum(hold, total - warmup_steps)[()]
    return warmup_hold_cosine_decay_schedule(
        warmup_learning_rate, learning_rate_base, warmup_steps, hold, total_steps
    )


@constructor
def manual_stepping(boundaries: Lengths, rates: Rates, warmup: bool = False) -> Schedule:
    """Given rates, each from a boundary on: :func:`jaxlr.piecewise_constant_values_schedule`.

    With ``warmup`` the first rate goes to the second in a line, up to the first boundary.
    """
    require_one_more(rates, "rates", boundaries, "boundaries")
    if not warmup or not len(boundaries):
        return piecewise_constant_values_schedule(boundaries, rates)
    bounds: Any = boundaries
    first, *others = bounds
    others = [step - first for step in others]
    rest = piecewise_constant_values_schedule(others, rates[1:])
    return join_schedules([linear_schedule(rates[0], rates[1], first), rest], [first])
