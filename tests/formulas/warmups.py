"""Formulas of warm-ups."""

import mpmath

import jaxlr
from formulas.exact import T, between, clip, cosine, f, rest


def rectification(b2):
    """0.3 times the factor of RAdam, from the first count at which it exists."""
    limit = 2 / (1 - f(b2)) - 1

    def value(t):
        with mpmath.workdps(40):
            n = t + 5
            length = limit - 2 * n / (f(b2) ** -n - 1)
            part = (length - 4) * (length - 2) * limit
            return f(0.3) * mpmath.sqrt(part / ((limit - 4) * (limit - 2) * length))

    return value


FORMULAS = [
    (
        jaxlr.warmup_cosine_decay_schedule(0.0, 0.3, 1001, T),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else cosine(clip(f(t - 1001) / (T - 1001)))),
    ),
    (
        jaxlr.warmup_exponential_decay_schedule(0.0, 0.3, 1001, 1000, 0.99, 7),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else f(0.99) ** (f(max(t - 1008, 0)) / 1000)),
    ),
    (
        jaxlr.warmup_inverse_sqrt_schedule(0.0, 0.3, 1001),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else mpmath.sqrt(f(1001) / t)),
    ),
    (
        jaxlr.warmup_inverse_sqrt_schedule(0.0, 0.3, 1001, 7),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else 1 / mpmath.sqrt(1 + f(t - 1001) / 7)),
    ),
    (
        jaxlr.noam_schedule(512, 4000, 2.0),
        lambda t: 2 / mpmath.sqrt(512) * min(1 / mpmath.sqrt(t), t / f(4000) ** 1.5) if t else f(0),
    ),
    (
        jaxlr.noam_hold_schedule(0.3, 1001, 5000, 1.3),
        lambda t: f(0.3) * min(f(t) / 1001, 1, (f(1001) / max(t - 5000, 1001)) ** f(1.3)),
    ),
    (
        jaxlr.exponential_warmup_schedule(0.3, 2000),
        lambda t: -f(0.3) * mpmath.expm1(-f(t + 1) / 2000),
    ),
    (
        jaxlr.log_warmup_schedule(0.0, 0.3, T),
        lambda t: f(0.3) * clip(mpmath.log(t + 1) / mpmath.log(T + 1)),
    ),
    (
        jaxlr.log_warmup_schedule(0.3, 0.0, T),
        lambda t: f(0.3) * clip(1 - mpmath.log(t + 1) / mpmath.log(T + 1)),
    ),
    (jaxlr.radam_warmup_schedule(0.3, 0.999), rectification(0.999)),
    (jaxlr.radam_warmup_schedule(0.3, 0.99999), rectification(0.99999)),
    (
        jaxlr.warmup_constant_schedule(0.0, 0.3, T),
        lambda t: f(0.3) * (1 - rest(t)),
    ),
    (
        jaxlr.warmup_constant_schedule(0.01, 0.3, 1001),
        lambda t: between(f(0.01), f(0.3), clip(1 - f(t) / 1001)),
    ),
]
