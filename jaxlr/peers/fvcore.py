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
from collections.abc import Sequence
from typing import Literal

from jax.typing import ArrayLike

from jaxlr.compose import join_schedules, shift_schedule
from jaxlr.core.schedule import Schedule
from jaxlr.schedules import (
    constant_schedule,
    exponential_decay,
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


def ConstantParamScheduler(value: ArrayLike) -> Schedule:
    """The same value at every step: :func:`jaxlr.constant_schedule`."""
    return constant_schedule(value)


def CosineParamScheduler(
    start_value: ArrayLike, end_value: ArrayLike, num_updates: ArrayLike
) -> Schedule:
    """Half a cosine wave from one value to another: :func:`jaxlr.transition_schedule`."""
    return transition_schedule(start_value, end_value, num_updates, "cosine")


def ExponentialParamScheduler(
    start_value: ArrayLike, decay: ArrayLike, num_updates: ArrayLike
) -> Schedule:
    """Multiplication by ``decay`` in all of training: :func:`jaxlr.exponential_decay`."""
    return exponential_decay(start_value, num_updates, decay)


def LinearParamScheduler(
    start_value: ArrayLike, end_value: ArrayLike, num_updates: ArrayLike
) -> Schedule:
    """A line from one value to another: :func:`jaxlr.linear_schedule`."""
    return linear_schedule(start_value, end_value, num_updates)


def MultiStepParamScheduler(
    values: Sequence[ArrayLike],
    num_updates: int | None = None,
    milestones: Sequence[int] | None = None,
) -> Schedule:
    """Given values, each from a milestone on: :func:`jaxlr.piecewise_constant_values_schedule`.

    Without ``milestones`` they divide ``num_updates`` equally; without ``num_updates`` the last
    milestone is the end of training.
    """
    if milestones is None:
        if num_updates is None:
            raise ValueError("`num_updates` or `milestones` must be given.")
        width = math.ceil(num_updates / len(values))
        milestones = [width * i for i in range(1, len(values))]
    elif num_updates is None:
        milestones = milestones[:-1]
    return piecewise_constant_values_schedule(milestones, values)


def PolynomialDecayParamScheduler(
    base_value: ArrayLike, power: ArrayLike, num_updates: ArrayLike
) -> Schedule:
    """A power of the time that remains, down to 0: :func:`jaxlr.polynomial_schedule`."""
    return polynomial_schedule(base_value, 0.0, power, num_updates)


def StepParamScheduler(num_updates: ArrayLike, values: Sequence[ArrayLike]) -> Schedule:
    """Given values for the same time each: :func:`jaxlr.table_schedule`."""
    return table_schedule(values, num_updates / len(values))


def StepWithFixedGammaParamScheduler(
    base_value: ArrayLike, num_decays: int, gamma: ArrayLike, num_updates: ArrayLike
) -> Schedule:
    """``num_decays`` multiplications by ``gamma`` in all: :func:`jaxlr.step_decay`."""
    return step_decay(base_value, num_updates / (num_decays + 1), gamma)


def CompositeParamScheduler(
    schedulers: Sequence[Schedule],
    lengths: Sequence[float],
    interval_scaling: Sequence[Literal["rescaled", "fixed"]],
    num_updates: int,
) -> Schedule:
    """One schedule after another, each for a part of training: :func:`jaxlr.join_schedules`.

    One that is ``"rescaled"`` begins at its own step 0, so its ``num_updates`` is its part of the
    whole; one that is ``"fixed"`` goes by the steps of the whole.
    """
    ends = [length * num_updates for length in itertools.accumulate(lengths)]
    # A sum of fractions such as 0.1 + 0.2 may miss the step that it means.
    begins = [round(end) if math.isclose(end, round(end)) else end for end in (0, *ends[:-1])]
    pieces = [
        schedule if scaling == "rescaled" else shift_schedule(schedule, -begin)
        for schedule, scaling, begin in zip(schedulers, interval_scaling, begins, strict=True)
    ]
    return join_schedules(pieces, begins[1:])
