"""The schedules that the laws are tested on: every variant of every family, and some odd ones."""

import functools

import jaxlr
from jaxlr.search.defaults import DEFAULT_SPACES

TYPICAL = {
    f"{family}_{number}": lr
    for family in DEFAULT_SPACES
    for number, lr in enumerate(jaxlr.search.typical_schedules(family, 42, 0.7), 1)
}
"""Every family in each of its variants, which no family can escape: its default space has them."""

SPECIAL: dict[str, jaxlr.Schedule] = {
    # They begin or end at 0, where a relative error has nothing to be relative to.
    "linear_up": jaxlr.linear_schedule(0.0, 0.7, 37),
    # The slope is infinite at the end.
    "polynomial_root": jaxlr.polynomial_schedule(1.0, 0.0, 0.5, 41),
    # It grows up to a bound.
    "exponential_growth": jaxlr.exponential_decay(0.1, 7, 1.5, end_value=3.0),
    # Lists without an element, out of order, with two equal elements.
    "piecewise_constant_bare": jaxlr.piecewise_constant_schedule(0.7),
    "join_one": jaxlr.join_schedules([jaxlr.constant_schedule(0.1)], []),
    "multistep_unsorted": jaxlr.multistep_decay(0.5, [7, 20, 9, 9], 0.3),
    # The first knot is not at 0, or a phase begins between two counts.
    "piecewise_curve_late": jaxlr.piecewise_curve_schedule([3, 9, 25, 40], [0.5, 0.1, 0.7, 0.2]),
    "piecewise_curve_between": jaxlr.piecewise_curve_schedule([0.5, 9.75, 25.2], [0.5, 0.1, 0.7]),
    "cosine_restarts_between": jaxlr.cosine_restarts_schedule(0.5, 10.4, 1.0),
    "cyclic_between": jaxlr.cyclic_schedule(0.1, 0.5, 7.5, curve="sine"),
    "stretch_between": jaxlr.stretch_schedule(jaxlr.linear_schedule(0.5, 0.1, 9), 1.7),
    # Pieces of equal structure are stacked, others are not.
    "join_stacked": jaxlr.join_schedules(
        [
            jaxlr.linear_schedule(0.0, 0.5, 6),
            jaxlr.constant_schedule(0.5),
            jaxlr.linear_schedule(0.5, 0.0, 20),
            jaxlr.exponential_decay(0.1, 3, 0.5),
        ],
        [6, 12, 32],
    ),
    # It has no text, so no default space, and no number.
    "wrap": jaxlr.wrap(abs),
}
"""Schedules with a corner that no typical one has, each beside its reason."""

CASES: dict[str, jaxlr.Schedule] = {**TYPICAL, **SPECIAL}

COUNTS = range(60)
"""Counts that reach beyond the end of every case."""

SOME = [
    CASES[name]
    for name in (
        "linear_schedule_1",
        "linear_up",
        "cosine_decay_schedule_2",
        "exponential_decay_1",
        "piecewise_constant_schedule_1",
        "join_stacked",
        "wrap",
    )
]
"""A few of them, to make batches of."""


@functools.cache
def some():
    return jaxlr.stack(SOME)
