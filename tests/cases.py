"""One or more schedules of every public family: what the laws are tested on."""

import functools

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
    "transition": jaxlr.transition_schedule(0.3, 0.1, 41, "one_minus_sqrt", 3),
    "transition_parameter": jaxlr.transition_schedule(0.0, 0.7, 41, jaxlr.curves.polynomial(3.0)),
    "geometric": jaxlr.geometric_schedule(0.2, 0.7, 41, 3),
    "range_test": jaxlr.range_test_schedule(0.1, 7, 0.5),
    "range_test_staircase": jaxlr.range_test_schedule(0.1, 7, 0.5, True),
    "rex": jaxlr.rex_schedule(0.3, 41, 0.01, 0.9),
    "tanh": jaxlr.tanh_decay_schedule(0.3, 41, 0.01),
    "tanh_unstretched": jaxlr.tanh_decay_schedule(0.3, 41, 0.01, -2.0, 2.0, False),
    "k_decay": jaxlr.k_decay_schedule(0.3, 41, 0.01, 1.5),
    "k_decay_polynomial": jaxlr.k_decay_schedule(0.3, 41, 0.0, 2.0, jaxlr.curves.polynomial(0.5)),
    "half_cosine": jaxlr.half_cosine_schedule(0.3, 41, 0.01),
    "cosine_linear_envelope": jaxlr.cosine_linear_envelope_schedule(0.3, 41, 0.1),
    "hyperbolic": jaxlr.hyperbolic_decay_schedule(0.3, 41, 0.01, 100),
    "exp_hyperbolic": jaxlr.exp_hyperbolic_decay_schedule(0.7, 41, 0.2, 100),
    "onecycle": jaxlr.onecycle_schedule(41, 0.5),
    "onecycle_three_phase": jaxlr.onecycle_schedule(41, 0.5, three_phase=True, curve="linear"),
    "onecycle_after": jaxlr.onecycle_schedule(41, 0.5, end_at="transition_steps"),
    "cosine_restarts": jaxlr.cosine_restarts_schedule(0.5, 7, 1.5, 0.8, 0.1),
    "cosine_restarts_even": jaxlr.cosine_restarts_schedule(0.5, 11, 1.0, 0.8, 0.1, 3, 3, "peak"),
    "cosine_restarts_between": jaxlr.cosine_restarts_schedule(0.5, 10.4, 1.0),
    "cosine_restarts_all": jaxlr.cosine_restarts_schedule(
        0.5, 5, 2.0, 0.8, 0.1, warmup_steps=2, shrinks="all"
    ),
    "chebyshev": jaxlr.chebyshev_schedule(0.1, 0.5, 16),
    "cyclic": jaxlr.cyclic_schedule(0.1, 0.5, 7, 4),
    "cyclic_halves": jaxlr.cyclic_schedule(0.1, 0.5, 7, None, "triangular2", curve="cosine"),
    "cyclic_sine": jaxlr.cyclic_schedule(0.1, 0.5, 7.5, curve="sine"),
    "cyclic_exponential": jaxlr.cyclic_schedule(0.1, 0.5, 7, 3, "exp_range", 0.98),
    "cyclic_polynomial": jaxlr.cyclic_polynomial_schedule(0.5, 0.1, 1.5, 11),
    "warmup_constant": jaxlr.warmup_constant_schedule(0.01, 0.5, 9),
    "warmup_cosine": jaxlr.warmup_cosine_decay_schedule(0.0, 0.5, 9, 41, 0.01, 1.5),
    "warmup_exponential": jaxlr.warmup_exponential_decay_schedule(0.0, 0.5, 9, 7, 0.8, 2),
    "sgdr": jaxlr.sgdr_schedule(
        [
            {"init_value": 0.0, "peak_value": 0.5, "warmup_steps": 3, "decay_steps": 15},
            {"init_value": 0.1, "peak_value": 0.4, "warmup_steps": 5, "decay_steps": 20},
        ]
    ),
    "warmup_inverse_sqrt": jaxlr.warmup_inverse_sqrt_schedule(0.01, 0.5, 9),
    "warmup_inverse_sqrt_timescale": jaxlr.warmup_inverse_sqrt_schedule(0.01, 0.5, 9, 5),
    "noam": jaxlr.noam_schedule(64, 9, 0.7),
    "noam_hold": jaxlr.noam_hold_schedule(0.5, 6, 4),
    "noam_hold_power": jaxlr.noam_hold_schedule(0.5, 6, 4, 0.8, 0.1),
    "exponential_warmup": jaxlr.exponential_warmup_schedule(0.5, 7.0),
    "log_warmup": jaxlr.log_warmup_schedule(0.01, 0.5, 41),
    "radam_warmup": jaxlr.radam_warmup_schedule(0.5, 0.9),
    "wsd": jaxlr.warmup_stable_decay_schedule(0.0, 0.5, 9, 11, 17, 0.01),
    "wsd_shapes": jaxlr.warmup_stable_decay_schedule(
        0.1, 0.5, 3, 5, 17, 0.01, "cosine", jaxlr.curves.one_minus_power(0.5)
    ),
    "wsds": jaxlr.wsds_schedule(0.0, 0.5, 3, [9, 11, 15], [2, 9, 3], 0.1),
    "wsds_peaks": jaxlr.wsds_schedule(
        0.0, [0.5, 0.3], 3, [9, 21], 5, [0.1, 0.0], decay_curve="one_minus_sqrt"
    ),
    "infinite": jaxlr.infinite_schedule(0.0, 0.5, 3, 20, 0.1),
    "infinite_annealed": jaxlr.infinite_schedule(0.0, 0.5, 2, 5, 0.1, 4, 30, 0.01),
    "tri_stage": jaxlr.tri_stage_schedule(0.5, 3, 4, 33),
    "warmup_hold_cosine": jaxlr.warmup_hold_cosine_decay_schedule(0.01, 0.5, 3, 4, 41, 0.02, 1.5),
    "inverse_sqrt": jaxlr.inverse_sqrt_schedule(0.5, 9),
    "inverse_sqrt_shift": jaxlr.inverse_sqrt_schedule(0.5, 9, 11),
    "inverse_power": jaxlr.inverse_power_decay_schedule(0.5, 9, 0.75),
    "power": jaxlr.power_decay_schedule(0.02, 1.1, -0.51, 1000.0, 3),
    "multistep": jaxlr.multistep_decay(0.5, [7, 20, 9, 9], 0.3),
    "piecewise_constant_values": jaxlr.piecewise_constant_values_schedule([7, 19], [0.5, 0.7, 0.1]),
    "piecewise_constant_after": jaxlr.piecewise_constant_values_schedule(
        [7, 19], [0.5, 0.7, 0.1], "after"
    ),
    "piecewise_curve": jaxlr.piecewise_curve_schedule([3, 9, 25, 40], [0.5, 0.1, 0.7, 0.2]),
    "piecewise_curve_cosine": jaxlr.piecewise_curve_schedule([0, 9, 25], [0.5, 0.1, 0.7], "cosine"),
    "piecewise_curve_between": jaxlr.piecewise_curve_schedule([0.5, 9.75, 25.2], [0.5, 0.1, 0.7]),
    "table": jaxlr.table_schedule([0.5, 0.7, 0.1], 9),
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
    "join_absolute": jaxlr.join_schedules(
        [jaxlr.cosine_decay_schedule(0.5, 20), jaxlr.linear_schedule(0.7, 0.1, 40)], [9], "absolute"
    ),
    "join_carry_over": jaxlr.join_schedules(
        [
            jaxlr.linear_schedule(0.1, 0.5, 6),
            jaxlr.exponential_decay(0.2, 3, 0.5),
            jaxlr.linear_schedule(0.5, 0.1, 20),
        ],
        [6, 12],
        carry_over=True,
    ),
    "window": jaxlr.window_schedule(jaxlr.cosine_decay_schedule(0.5, 20), 5, 17, 0.2),
    "window_absolute": jaxlr.window_schedule(
        jaxlr.cosine_decay_schedule(0.5, 20), 5, 17, 0.2, "absolute"
    ),
    "with_warmup": jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.5, 30), 9, 0.1),
    "with_warmup_overlay": jaxlr.with_warmup(
        jaxlr.inverse_sqrt_schedule(0.5, 9), 9, 0.1, "cosine", "overlay"
    ),
    "with_warmup_multiply": jaxlr.with_warmup(
        jaxlr.exponential_decay(0.5, 7, 0.8), 9, mode="multiply"
    ),
    "with_cooldown": jaxlr.with_cooldown(
        jaxlr.inverse_sqrt_schedule(0.5, 9), 20, 17, 0.01, "one_minus_sqrt"
    ),
    "shift": jaxlr.shift_schedule(jaxlr.cosine_decay_schedule(0.5, 30), 7),
    "shift_back": jaxlr.shift_schedule(jaxlr.cosine_decay_schedule(0.5, 30), -7),
    "stretch": jaxlr.stretch_schedule(jaxlr.cosine_decay_schedule(0.5, 12), 3),
    "stretch_fraction": jaxlr.stretch_schedule(jaxlr.linear_schedule(0.5, 0.1, 9), 1.7),
    "per_epoch": jaxlr.per_epoch(jaxlr.step_decay(0.5, 2, 0.7), 7),
    "per_epoch_continuous": jaxlr.per_epoch(jaxlr.cosine_decay_schedule(0.5, 5), 7, True),
    "repeat": jaxlr.repeat_schedule(jaxlr.linear_schedule(0.5, 0.1, 11), 11, m_mul=0.8, cycles=3),
    "repeat_for_ever": jaxlr.repeat_schedule(jaxlr.cosine_decay_schedule(0.5, 7, 0.1), 7),
    "repeat_growing": jaxlr.repeat_schedule(
        jaxlr.linear_schedule(0.1, 0.5, 6), 6, t_mul=1.5, m_mul=0.8, cycles=4
    ),
    "add": jaxlr.cosine_decay_schedule(0.5, 20) + 0.1 + jaxlr.linear_schedule(0.0, 0.3, 40),
    "multiply": 0.5 * jaxlr.linear_schedule(0.0, 1.0, 9) * jaxlr.cosine_decay_schedule(0.5, 41),
    "clip": jaxlr.clip_schedule(jaxlr.exponential_decay(0.5, 7, 0.7), 0.1, 0.4),
    "with_noise": jaxlr.with_noise(
        jaxlr.cosine_decay_schedule(0.5, 41), 0.3, 7, noise_begin=5, noise_end=40
    ),
    "with_noise_uniform": jaxlr.with_noise(
        jaxlr.constant_schedule(0.5), 0.3, distribution="uniform"
    ),
    "wrap": jaxlr.wrap(abs),
}

COUNTS = range(60)
"""Counts that reach beyond the end of every case."""

SOME = [
    CASES[name]
    for name in (
        "linear",
        "linear_up",
        "cosine",
        "exponential",
        "piecewise_constant",
        "join",
        "wrap",
    )
]
"""A few of them, to make batches of."""


@functools.cache
def some():
    return jaxlr.stack(SOME)
