"""Formulas of cycles."""

import mpmath

import jaxlr
from formulas.exact import T, between, cosine, f, risen_cosine


def restarts(first, growth, ends):
    def value(t):
        start, length, i = f(0), f(first), 0
        while start + length <= t:
            start, length, i = start + length, length * growth, i + 1
        return between(*ends(i), cosine((t - start) / length))

    return value


def turn(t, period):
    """The part of a cycle that is over."""
    whole = f(t) / period
    return whole - mpmath.floor(whole)


def triangle(t):
    own = t % 3012
    return f(own) / 2003 if own < 2003 else f(3012 - own) / 1009


def onecycle(corners, values, curve):
    def value(t):
        for i in range(len(corners) - 1):
            if t < corners[i + 1]:
                weight = curve(mpmath.mpf(t - corners[i]) / (corners[i + 1] - corners[i]))
                return values[i] * (1 - weight) + values[i + 1] * weight
        return values[-1]

    return value


def fractal_order(length):
    order = [0]
    while len(order) < length:
        order = [j for i in order for j in (i, 2 * len(order) - 1 - i)]
    return order


def chebyshev_steps(low, high, number):
    angles = [mpmath.pi * (i + f(0.5)) / number for i in range(number)]
    middle, radius = (1 / f(low) + 1 / f(high)) / 2, (1 / f(low) - 1 / f(high)) / 2
    return [1 / (middle - radius * mpmath.cos(angle)) for angle in angles]


FORMULAS = [
    (
        jaxlr.linear_onecycle_schedule(T, 0.3),
        onecycle(
            [0, int(0.3 * T), int(0.85 * T), T],
            [f(0.3) / 25, f(0.3), f(0.3) / 25, f(0.3) / 25 / 10_000],
            lambda p: p,
        ),
    ),
    (
        jaxlr.cosine_onecycle_schedule(T, 0.3),
        onecycle(
            [0, int(0.3 * T), T],
            [f(0.3) / 25, f(0.3), f(0.3) / 25 / 10_000],
            lambda p: cosine(1 - p),
        ),
    ),
    (
        jaxlr.onecycle_schedule(T, 0.3),
        onecycle([0, f(0.3) * T - 1, T - 1], [f(0.3) / 25, f(0.3), f(0.3) / 250_000], risen_cosine),
    ),
    (
        jaxlr.onecycle_schedule(T, 0.3, three_phase=True, curve="linear"),
        onecycle(
            [0, f(0.3) * T - 1, 2 * (f(0.3) * T - 1), T - 1],
            [f(0.3) / 25, f(0.3), f(0.3) / 25, f(0.3) / 250_000],
            lambda p: p,
        ),
    ),
    (
        jaxlr.onecycle_schedule(10**9, 0.3, 0.123456789, curve="linear"),
        onecycle(
            [0, f("123456788"), 10**9 - 1],
            [f(0.3) / 25, f(0.3), f(0.3) / 250_000],
            lambda p: p,
        ),
    ),
    (
        jaxlr.cyclic_schedule(0.001, 0.3, 2003, 1009),
        lambda t: between(f(0.3), f(0.001), triangle(t)),
    ),
    (
        jaxlr.cyclic_schedule(0.0, 0.3, 2003, 1009, curve="cosine"),
        lambda t: f(0.3) * risen_cosine(triangle(t)),
    ),
    (
        jaxlr.cyclic_schedule(0.0, 0.3, 1003, curve="sine"),
        lambda t: f(0.3) * mpmath.sin(mpmath.pi * (t % 2006) / 2006),
    ),
    (
        jaxlr.cyclic_schedule(0.3, 0.0, 500_003 / 7, curve="cosine"),
        lambda t: f(0.3) * mpmath.cos(mpmath.pi * turn(t, 2 * 500_003 / 7)) ** 2,
    ),
    (
        jaxlr.cyclic_schedule(0.0, 0.3, 2003, 1009, "triangular2"),
        lambda t: f(0.3) * triangle(t) / f(2) ** (t // 3012),
    ),
    (
        jaxlr.cyclic_schedule(0.001, 0.3, 2003, 1009, "exp_range", 0.99999),
        lambda t: between(f(0.3), f(0.001), triangle(t) * f("0.99999") ** t),
    ),
    (
        jaxlr.cyclic_polynomial_schedule(0.3, 0.001, 2.0, 41_003),
        lambda t: between(f(0.3), f(0.001), (1 - f(t) / (41_003 * max(1, -(-t // 41_003)))) ** 2),
    ),
    (
        jaxlr.cyclic_polynomial_schedule(0.3, 0.0, 0.5, 41_003),
        lambda t: f(0.3) * mpmath.sqrt(1 - f(t) / (41_003 * max(1, -(-t // 41_003)))),
    ),
    (
        jaxlr.sgdr_schedule(
            [
                {"init_value": 0, "peak_value": p, "warmup_steps": 10, "decay_steps": 100_000}
                for p in (0.3, 0.2, 0.1)
            ]
        ),
        lambda t: (
            0
            if t >= 300_000
            else f((0.3, 0.2, 0.1)[t // 100_000])
            * (
                f(t % 100_000) / 10
                if t % 100_000 < 10
                else cosine(f(t % 100_000 - 10) / (100_000 - 10))
            )
        ),
    ),
    (
        jaxlr.cosine_restarts_schedule(0.3, 1000, 2.0, 0.9, 0.01),
        restarts(1000, 2, lambda i: (f(0.3) * (f("0.01") + f("0.99") * f("0.9") ** i), f("0.003"))),
    ),
    (
        jaxlr.cosine_restarts_schedule(0.3, 999, 3, 0.9),
        restarts(999, 3, lambda i: (f(0.3) * f("0.9") ** i, 0)),
    ),
    (
        jaxlr.cosine_restarts_schedule(0.3, 1000, 1.23, 0.9, 0.01, shrinks="all"),
        restarts(1000, f("1.23"), lambda i: (f(0.3) * f("0.9") ** i, f("0.003") * f("0.9") ** i)),
    ),
    (
        jaxlr.cosine_restarts_schedule(0.3, 300_007, 1.0, 0.999, 0.01, shrinks="peak"),
        lambda t: between(
            f(0.3) * f("0.999") ** (t // 300_007),
            f("0.003"),
            cosine(f(t % 300_007) / 300_007),
        ),
    ),
    (
        jaxlr.cosine_restarts_schedule(0.3, 300_001 / 3, 1.0),
        lambda t: f(0.3) * cosine(turn(t, 300_001 / 3)),
    ),
    (
        jaxlr.chebyshev_schedule(0.001, 0.3, 64),
        lambda t: chebyshev_steps(0.001, 0.3, 64)[fractal_order(64)[t % 64]],
    ),
]
