"""The schedulers of ``fvcore.common.param_scheduler``, as in fvcore 0.1.5.

There a scheduler is a function of the part of training that is done. A schedule has its lengths in
steps, so ``num_updates`` is given where fvcore has none: the number of updates from ``where=0`` to
``where=1``.

>>> from jaxlr.peers import fvcore
>>> fvcore.CosineParamScheduler(0.1, 0.001, num_updates=90_000)
transition_schedule(init_value=0.1, end_value=0.001, transition_steps=90000, curve=cosine(), \
transition_begin=0)
"""

import itertools
import math
import typing
from collections.abc import Sequence
from typing import Any, Literal

from jaxlr.compose import join_schedules, shift_schedule
from jaxlr.compose.wrapping import Pieces
from jaxlr.core.parameters import NonNegative
from jaxlr.core.schedule import Schedule
from jaxlr.peers.arguments import (
    Count,
    Fractions,
    Lengths,
    Period,
    Rate,
    Rates,
    constructor,
    whole,
)
from jaxlr.peers.phases import exponential
from jaxlr.schedules import (
    constant_schedule,
    linear_schedule,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    step_decay,
    table_schedule,
    transition_schedule,
)

__all__ = [
    "CompositeParamScheduler",
    "ConstantParamScheduler",
    "CosineParamScheduler",
    "ExponentialParamScheduler",
    "LinearParamScheduler",
    "MultiStepParamScheduler",
    "PolynomialDecayParamScheduler",
    "StepParamScheduler",
    "StepWithFixedGammaParamScheduler",
]


@constructor
def ConstantParamScheduler(value: Rate) -> Schedule:
    """The same value at every step: :func:`jaxlr.constant_schedule`."""
    return constant_schedule(value)


@constructor
def CosineParamScheduler(start_value: Rate, end_value: Rate, num_updates: Period) -> Schedule:
    """Half a cosine wave from one value to another: :func:`jaxlr.transition_schedule`."""
    return transition_schedule(start_value, end_value, num_updates, "cosine")


@constructor
def ExponentialParamScheduler(
    start_value: Rate, decay: NonNegative, num_updates: Period
) -> Schedule:
    """Multiplication by ``decay`` in all of training: :func:`jaxlr.exponential_decay`."""
    return exponential(start_value, num_updates, decay)


@constructor
def LinearParamScheduler(start_value: Rate, end_value: Rate, num_updates: Period) -> Schedule:
    """A line from one value to another: :func:`jaxlr.linear_schedule`."""
    return linear_schedule(start_value, end_value, num_updates)


@constructor
def MultiStepParamScheduler(
    values: Rates, num_updates: Period | None = None, milestones: Lengths | None = None
) -> Schedule:
    """Given values, each from a milestone on: :func:`jaxlr.piecewise_constant_values_schedule`.

    Without ``milestones`` they divide ``num_updates`` equally; without ``num_updates`` the last
    milestone is the end of training.
    """
    number, updates = len(values), typing.cast(Any, num_updates)
    if milestones is None:
        if updates is None:
            raise ValueError("`num_updates` or `milestones` must be given.")
        width = math.ceil(updates / number)
        milestones = [width * i for i in range(1, number)]
    elif updates is None:
        milestones = milestones[:-1]
    if number != len(milestones) + 1:
        raise ValueError(
            f"`values` must be one more than `milestones` if `num_updates` is given, and else as "
            f"many, got {number} and {len(milestones) + (num_updates is None)}."
        )
    return piecewise_constant_values_schedule(milestones, values)


@constructor
def PolynomialDecayParamScheduler(
    base_value: Rate, power: NonNegative, num_updates: Period
) -> Schedule:
    """A power of the time that remains, down to 0: :func:`jaxlr.polynomial_schedule`."""
    return polynomial_schedule(base_value, 0.0, power, num_updates)


@constructor
def StepParamScheduler(num_updates: Period, values: Rates) -> Schedule:
    """Given values for the same time each: :func:`jaxlr.table_schedule`."""
    return table_schedule(values, whole(num_updates / len(values)))


@constructor
def StepWithFixedGammaParamScheduler(
    base_value: Rate, num_decays: Count, gamma: NonNegative, num_updates: Period
) -> Schedule:
    """``num_decays`` multiplications by ``gamma`` in all: :func:`jaxlr.step_decay`."""
    return step_decay(base_value, whole(num_updates / (num_decays + 1)), gamma)


@constructor
def CompositeParamScheduler(
    schedulers: Pieces,
    lengths: Fractions,
    interval_scaling: Sequence[Literal["rescaled", "fixed"]],
    num_updates: Period,
) -> Schedule:
    """One schedule after another, each for a part of training: :func:`jaxlr.join_schedules`.

    One that is ``"rescaled"`` begins at its own step 0, so its ``num_updates`` is its part of the
    whole; one that is ``"fixed"`` goes by the steps of the whole.
    """
    if not len(schedulers) == len(lengths) == len(interval_scaling):
        raise ValueError(
            "`schedulers`, `lengths` and `interval_scaling` must be as many, got "
            f"{len(schedulers)}, {len(lengths)} and {len(interval_scaling)}."
        )
    unknown = [way for way in interval_scaling if way not in ("rescaled", "fixed")]
    if unknown:
        raise ValueError(f"`interval_scaling` must be 'rescaled' or 'fixed', got {unknown[0]!r}.")
    total = sum(lengths)
    if not math.isclose(total, 1.0, rel_tol=1e-6):
        raise ValueError(f"`lengths` must be parts of the whole, whose sum is 1, got {total:g}.")
    updates: Any = num_updates
    ends = [length * updates for length in itertools.accumulate(lengths)]
    # A sum of fractions such as 0.1 + 0.2 may miss the step that it means.
    begins = [round(end) if math.isclose(end, round(end)) else end for end in (0, *ends[:-1])]
    pieces = [
        schedule if scaling == "rescaled" else shift_schedule(schedule, -begin)
        for schedule, scaling, begin in zip(schedulers, interval_scaling, begins, strict=True)
    ]
    return join_schedules(pieces, begins[1:])
