"""Formulas of transitions from one value to another."""

import mpmath

import jaxlr
from formulas.exact import T, between, clip, cosine, f

FORMULAS = [
    (
        jaxlr.linear_schedule(0.3, 0.001, T, 7),
        lambda t: f(0.3) * clip(1 - f(t - 7) / T) + f(0.001) * clip(f(t - 7) / T),
    ),
    (jaxlr.linear_schedule(0, 0.3, T), lambda t: f(0.3) * clip(f(t) / T)),
    (
        jaxlr.polynomial_schedule(0.3, 0.0, 2.0, T),
        lambda t: f(0.3) * clip(1 - f(t) / T) ** 2,
    ),
    (
        jaxlr.polynomial_schedule(0.0, 0.3, 3.0, T),
        lambda t: f(0.3) * (1 - clip(1 - f(t) / T) ** 3),
    ),
    (
        jaxlr.cosine_decay_schedule(0.3, T),
        lambda t: f(0.3) * cosine(clip(f(t) / T)),
    ),
    (
        jaxlr.cosine_decay_schedule(0.3, T, 0.1),
        lambda t: f(0.3) * (f(0.1) + f(0.9) * cosine(clip(f(t) / T))),
    ),
    (
        jaxlr.cosine_decay_schedule(0.3, T, exponent=0.5),
        lambda t: f(0.3) * mpmath.sqrt(cosine(clip(f(t) / T))),
    ),
    (
        jaxlr.geometric_schedule(1e-7, 10.0, T, 7),
        lambda t: f(1e-7) * f(1e8) ** clip(f(t - 7) / T),
    ),
    (
        jaxlr.range_test_schedule(0.001, 2000, 0.7),
        lambda t: f(0.001) * (1 + f(0.7) * t / 2000),
    ),
    (
        jaxlr.range_test_schedule(0.001, 2000, 0.7, True),
        lambda t: f(0.001) * (1 + f(0.7) * (t // 2000)),
    ),
    (
        jaxlr.transition_schedule(0.3, 0.001, T, "one_minus_sqrt", 7),
        lambda t: between(f(0.3), f(0.001), 1 - mpmath.sqrt(clip(f(t - 7) / T))),
    ),
    (jaxlr.constant_schedule(0.3), lambda t: f(0.3)),
]
