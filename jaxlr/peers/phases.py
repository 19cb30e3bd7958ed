"""Schedules that several peers share: one-cycles, values that hold, and decays to 0 at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxlr.compose import join_schedules, shift_schedule
from jaxlr.core.numbers import known, on_host
from jaxlr.core.schedule import Schedule
from jaxlr.peers.arguments import is_zero
from jaxlr.schedules import (
    constant_schedule,
    exponential_decay,
    piecewise_constant_values_schedule,
    piecewise_curve_schedule,
)

__all__ = ["exponential", "fits_one_cycle", "held", "one_cycle"]


def held(schedule: Schedule, last: Any) -> Schedule:
    """A schedule up to its value at a step, which holds from then on."""
    value = schedule(last)
    # A number of the host leaves the rates in the schedule in double precision.
    end = constant_schedule(np.asarray(value) if known(value) else value)
    return join_schedules([schedule, end], [last + 1])


def exponential(start: Any, steps: Any, rate: Any, staircase: bool = False) -> Schedule:
    """:func:`jaxlr.exponential_decay`, which with a rate of 0 jumps to 0, as the peers do."""
    if is_zero(rate):
        return piecewise_constant_values_schedule([steps if staircase else 1], [start, 0.0])
    return exponential_decay(start, steps, rate, staircase=staircase)


def fits_one_cycle(total_steps: Any, pct_start: Any, three_phase: bool) -> bool:
    """Whether no phase of a one-cycle is cut off or left out; traced ones are taken to fit."""
    if not on_host(total_steps, pct_start):
        return True
    ends = _ends(total_steps, pct_start, 3 if three_phase else 2)
    in_order = np.greater_equal(ends[0], 0) & np.less(ends[-2], ends[-1])
    return bool(np.all(in_order & np.less_equal(pct_start, 0.5 if three_phase else 1.0)))


def one_cycle(total_steps: Any, pct_start: Any, values: Sequence[Any], curve: str) -> Schedule:
    """Curves through the values at the ends of the phases of a one-cycle, as PyTorch has them.

    The phase in turn is the first that ends at the step or after it. So one that ends before step 0
    never is, though the next one begins at its end, and one that ends after the last step is cut.
    """
    ends = _ends(total_steps, pct_start, len(values) - 1)
    if fits_one_cycle(total_steps, pct_start, len(values) == 4):
        return piecewise_curve_schedule([0, *ends], values, curve)
    last, knots = ends[-1], [0, *ends]
    first = next(i for i, end in enumerate(ends) if end >= 0)
    stop = next(i for i, end in enumerate(ends) if end >= last)
    knots, values = knots[first : stop + 2], values[first : stop + 2]
    early = 2 if knots[0] < 0 else 0  # By more than 2 steps no phase can begin before the first.
    cycle = piecewise_curve_schedule([knot + early for knot in knots], values, curve)
    if early:
        cycle = shift_schedule(cycle, -early)
    return held(cycle, last) if knots[-1] > last else cycle


def _ends(total_steps: Any, pct_start: Any, phases: int) -> list[Any]:
    peak = pct_start * total_steps - 1
    return [peak, *([2 * peak] if phases == 3 else []), total_steps - 1]
