"""One or more schedules of every public family: what the laws are tested on."""

import jaxlr

CASES: dict[str, jaxlr.Schedule] = {
    "constant": jaxlr.constant_schedule(0.1),
    "linear": jaxlr.linear_schedule(0.3, 0.1, 40, 3),
    "linear_up": jaxlr.linear_schedule(0.0, 0.7, 37),
    "polynomial": jaxlr.polynomial_schedule(0.3, 0.01, 2.0, 41, 3),
    "polynomial_root": jaxlr.polynomial_schedule(1.0, 0.0, 0.5, 41),
    "piecewise_constant": jaxlr.piecewise_constant_schedule(0.7, {5: 0.5, 11: 3.0, 30: 0.1}),
    "piecewise_constant_bare": jaxlr.piecewise_constant_schedule(0.7),
    "exponential": jaxlr.exponential_decay(0.1, 7, 0.9, 3),
    "exponential_staircase": jaxlr.exponential_decay(0.1, 7, 0.5, 2, True, 0.02),
    "exponential_growth": jaxlr.exponential_decay(0.1, 7, 1.5, end_value=3.0),
    "natural_exponential": jaxlr.natural_exponential_decay(0.1, 7, 0.3, 3, end_value=0.01),
    "natural_exponential_staircase": jaxlr.natural_exponential_decay(0.1, 7, 0.3, 3, True),
    "inverse_time": jaxlr.inverse_time_decay(0.1, 7, 0.5, 2),
    "inverse_time_staircase": jaxlr.inverse_time_decay(0.1, 7, 0.5, 2, True),
    "step": jaxlr.step_decay(0.1, 7, 0.5, 0.001),
    "exponential_burnin": jaxlr.exponential_decay_with_burnin(0.1, 7, 0.9, 0.01, 6),
    "exponential_burnin_bare": jaxlr.exponential_decay_with_burnin(0.1, 7, 0.9, burnin_steps=6),
    "cosine": jaxlr.cosine_decay_schedule(0.3, 41, 0.1),
    "cosine_power": jaxlr.cosine_decay_schedule(0.3, 41, 0.0, 0.5),
    "piecewise_linear": jaxlr.piecewise_interpolate_schedule("linear", 0.2, {7: 2.0, 19: 0.1}),
    "piecewise_cosine": jaxlr.piecewise_interpolate_schedule("cosine", 0.2, {7: 2.0, 19: 0.1}),
    "linear_onecycle": jaxlr.linear_onecycle_schedule(41, 0.5),
    "cosine_onecycle": jaxlr.cosine_onecycle_schedule(41, 0.5),
    "warmup_constant": jaxlr.warmup_constant_schedule(0.01, 0.5, 9),
    "warmup_cosine": jaxlr.warmup_cosine_decay_schedule(0.0, 0.5, 9, 41, 0.01, 1.5),
    "warmup_exponential": jaxlr.warmup_exponential_decay_schedule(0.0, 0.5, 9, 7, 0.8, 2),
    "sgdr": jaxlr.sgdr_schedule(
        [
            {"init_value": 0.0, "peak_value": 0.5, "warmup_steps": 3, "decay_steps": 15},
            {"init_value": 0.1, "peak_value": 0.4, "warmup_steps": 5, "decay_steps": 20},
        ]
    ),
    "join": jaxlr.join_schedules(
        [
            jaxlr.linear_schedule(0.0, 0.5, 6),
            jaxlr.constant_schedule(0.5),
            jaxlr.linear_schedule(0.5, 0.0, 20),
            jaxlr.exponential_decay(0.1, 3, 0.5),
        ],
        [6, 12, 32],
    ),
    "join_one": jaxlr.join_schedules([jaxlr.constant_schedule(0.1)], []),
    "wrap": jaxlr.wrap(abs),
}

COUNTS = range(60)
"""Counts that reach beyond the end of every case."""
