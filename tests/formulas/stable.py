"""Formulas of schedules with a constant phase."""

import mpmath

import jaxlr
from formulas.exact import T, clip, cosine, f

FORMULAS = [
    (
        jaxlr.warmup_stable_decay_schedule(
            0.0, 0.3, 1001, 200_000, T - 201_001, decay_curve="one_minus_sqrt"
        ),
        lambda t: f(0.3) * min(f(t) / 1001, 1 - mpmath.sqrt(clip(f(t - 201_001) / (T - 201_001)))),
    ),
    (
        jaxlr.wsds_schedule(0.0, 0.3, 1001, [100_000, T - 100_000], [20_000, 300_000]),
        lambda t: (
            f(0.3)
            * min(f(t) / 1001, clip(f(100_000 - t) / 20_000 if t < 100_000 else f(T - t) / 300_000))
        ),
    ),
    (
        jaxlr.infinite_schedule(0.0, 3e-4, 1001, 100_000, 3e-5, 500_000, 700_000, 1e-9, "linear"),
        lambda t: (
            min(
                f(3e-4) * t / 1001,
                f(3e-5) + (f(3e-4) - f(3e-5)) * clip(1 - f(t - 1001) / 100_000),
            )
            * (f(1e-9) / f(3e-5)) ** clip(f(t - 601_001) / 700_000)
        ),
    ),
    (
        jaxlr.tri_stage_schedule(5e-4, 1001, 100_000, T - 101_001, 0.01, 1e-5),
        lambda t: (
            f(5e-4)
            * min(f(0.01) + f(0.99) * t / 1001, 1)
            * f(1e-5) ** clip(f(t - 101_001) / (T - 101_001))
        ),
    ),
    (
        jaxlr.warmup_hold_cosine_decay_schedule(0.0, 0.3, 1001, 100_000, T),
        lambda t: f(0.3) * min(f(t) / 1001, cosine(clip(f(t - 101_001) / (T - 101_001)))),
    ),
]
