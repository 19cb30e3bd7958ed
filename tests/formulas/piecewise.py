"""Formulas of lists of values."""

import jaxlr
from formulas.exact import T, between, clip, cosine, f

FORMULAS = [
    (
        jaxlr.piecewise_constant_schedule(0.3, {i * 100: 0.97 for i in range(1, 101)}),
        lambda t: f(0.3) * f(0.97) ** min(t // 100, 100),
    ),
    (
        jaxlr.multistep_decay(0.3, [1000 * i for i in range(100, 0, -1)], 0.97),
        lambda t: f(0.3) * f(0.97) ** min(t // 1000, 100),
    ),
    (
        jaxlr.piecewise_curve_schedule([7, 100_000, T], [0.0, 0.3, 0.001], "cosine"),
        lambda t: (
            f(0.3) * cosine(clip(f(100_000 - t) / (100_000 - 7)))
            if t < 100_000
            else f(0.001) + f(0.299) * cosine(clip(f(t - 100_000) / (T - 100_000)))
        ),
    ),
    (
        jaxlr.piecewise_curve_schedule([0.7, 100_000 / 3, T + 0.25], [0.0, 0.3, 0.0]),
        lambda t: (
            f(0.3) * clip(f(t - f(0.7)) / (f(100_000) / 3 - f(0.7)))
            if t < 33_334
            else f(0.3) * clip((T + f(0.25) - t) / (T + f(0.25) - f(100_000) / 3))
        ),
    ),
    (
        jaxlr.table_schedule([0.3, 0.1, 0.7], 100_003),
        lambda t: f((0.3, 0.1, 0.7)[min(t // 100_003, 2)]),
    ),
    (
        jaxlr.piecewise_constant_values_schedule([7, 100_000, T], [0.3, 0.7, 0.1, 0.2]),
        lambda t: f((0.3, 0.7, 0.1, 0.2)[sum(t >= boundary for boundary in (7, 100_000, T))]),
    ),
    (
        jaxlr.piecewise_constant_values_schedule([7, T], [0.3, 0.7, 0.1], "after"),
        lambda t: f((0.3, 0.7, 0.1)[(t > 7) + (t > T)]),
    ),
    (
        jaxlr.piecewise_interpolate_schedule("linear", 0.3, {1000: 0.5, T: 0.1}),
        lambda t: (
            between(f(0.3), f(0.3) * f(0.5), 1 - f(t) / 1000)
            if t < 1000
            else f(0.3) * f(0.5) * between(f(1), f(0.1), clip(f(T - t) / (T - 1000)))
        ),
    ),
    (
        jaxlr.piecewise_interpolate_schedule("cosine", 0.3, {1000: 2.0, T: 0.0}),
        lambda t: (
            between(f(0.3), f(0.6), cosine(f(t) / 1000))
            if t < 1000
            else f(0.6) * cosine(clip(f(t - 1000) / (T - 1000)))
        ),
    ),
]
