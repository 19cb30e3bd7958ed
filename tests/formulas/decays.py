"""Formulas of schedules that fall for ever."""

import mpmath

import jaxlr
from formulas.exact import f

FORMULAS = [
    (
        jaxlr.exponential_decay(0.3, 100_000, 0.9, 5),
        lambda t: f(0.3) * f(0.9) ** (f(max(t - 5, 0)) / 100_000),
    ),
    (
        jaxlr.exponential_decay(0.3, 41, 0.9999, 0, True),
        lambda t: f(0.3) * f(0.9999) ** (t // 41),
    ),
    (
        jaxlr.exponential_decay(0.3, 1000, 0.99, 0, False, 0.001),
        lambda t: max(f(0.3) * f(0.99) ** (f(t) / 1000), f(0.001)),
    ),
    (
        jaxlr.natural_exponential_decay(0.3, 12345, 0.01),
        lambda t: f(0.3) * mpmath.exp(-f(0.01) * t / 12345),
    ),
    (
        jaxlr.inverse_time_decay(0.3, 1000, 0.7),
        lambda t: f(0.3) / (1 + f(0.7) * t / 1000),
    ),
    (
        jaxlr.inverse_time_decay(0.3, 1000, 0.7, 3, True),
        lambda t: f(0.3) / (1 + f(0.7) * (max(t - 3, 0) // 1000)),
    ),
    (jaxlr.step_decay(0.3, 41_000, 0.999), lambda t: f(0.3) * f(0.999) ** (t // 41_000)),
    (
        jaxlr.exponential_decay_with_burnin(0.3, 1000, 0.99, 0.01, 500),
        lambda t: f(0.01) if t < 500 else f(0.3) * f(0.99) ** (f(t - 500) / 1000),
    ),
    (
        jaxlr.inverse_sqrt_schedule(0.3, 12_345, 67),
        lambda t: f(0.3) / mpmath.sqrt(max(f(1), f(t + 67) / 12_345)),
    ),
    (
        jaxlr.inverse_power_decay_schedule(0.3, 7, 1.7),
        lambda t: f(0.3) * (1 + f(t) / 7) ** -f(1.7),
    ),
    (
        jaxlr.power_decay_schedule(0.02, 4.6 * 128, -0.51, 128 * 4096, 100),
        lambda t: min(f(0.02), f(4.6) * 128 * f(128 * 4096 * (t + 100)) ** -f(0.51)),
    ),
]
