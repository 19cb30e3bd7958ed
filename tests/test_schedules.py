"""Each formula against the same formula in exact arithmetic, in double precision at the least."""

import mpmath
import numpy as np
import pytest

import jaxlr

T = 1_000_003
LATE = 2**31 - 1
COUNTS = np.unique(
    np.concatenate(
        [np.geomspace(1, LATE, 400), np.linspace(0, 2 * T, 400), T - np.geomspace(1, T, 200)]
    ).astype(np.int64)
)


def clip(x):
    return min(max(x, mpmath.mpf(0)), mpmath.mpf(1))


def cosine(p):
    """(1 + cos(pi p)) / 2 without its cancellation."""
    return mpmath.sin(mpmath.pi * (1 - p) / 2) ** 2


def onecycle(corners, values, curve):
    def value(t):
        for i in range(len(corners) - 1):
            if t < corners[i + 1]:
                weight = curve(mpmath.mpf(t - corners[i]) / (corners[i + 1] - corners[i]))
                return values[i] * (1 - weight) + values[i + 1] * weight
        return values[-1]

    return value


def f(x):
    return mpmath.mpf(x)


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


def rest(t):
    return clip(1 - f(t) / T)


def between(start, end, share):
    """The mean of two values, with some share of the first."""
    return start * share + end * (1 - share)


def risen_cosine(p):
    return cosine(1 - p)


def hyperbola(t, bound):
    def depth(t):
        return mpmath.sqrt(f(T - t) / bound * (2 - f(T + t) / bound))

    return depth(0) - depth(min(t, T))


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


def repeated(first, growth, shrink, cycles, inside):
    def value(t):
        start, length, i = f(0), f(first), 0
        while start + length <= t and i < cycles - 1:
            start, length, i = start + length, length * growth, i + 1
        return f(shrink) ** i * inside(first * min((t - start) / length, f(1)))

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


FORMULAS = {
    "linear": (
        jaxlr.linear_schedule(0.3, 0.001, T, 7),
        lambda t: f(0.3) * clip(1 - f(t - 7) / T) + f(0.001) * clip(f(t - 7) / T),
    ),
    "linear_from_zero": (jaxlr.linear_schedule(0, 0.3, T), lambda t: f(0.3) * clip(f(t) / T)),
    "polynomial": (
        jaxlr.polynomial_schedule(0.3, 0.0, 2.0, T),
        lambda t: f(0.3) * clip(1 - f(t) / T) ** 2,
    ),
    "polynomial_from_zero": (
        jaxlr.polynomial_schedule(0.0, 0.3, 3.0, T),
        lambda t: f(0.3) * (1 - clip(1 - f(t) / T) ** 3),
    ),
    "piecewise_constant": (
        jaxlr.piecewise_constant_schedule(0.3, {i * 100: 0.97 for i in range(1, 101)}),
        lambda t: f(0.3) * f(0.97) ** min(t // 100, 100),
    ),
    "exponential": (
        jaxlr.exponential_decay(0.3, 100_000, 0.9, 5),
        lambda t: f(0.3) * f(0.9) ** (f(max(t - 5, 0)) / 100_000),
    ),
    "exponential_staircase": (
        jaxlr.exponential_decay(0.3, 41, 0.9999, 0, True),
        lambda t: f(0.3) * f(0.9999) ** (t // 41),
    ),
    "exponential_end": (
        jaxlr.exponential_decay(0.3, 1000, 0.99, 0, False, 0.001),
        lambda t: max(f(0.3) * f(0.99) ** (f(t) / 1000), f(0.001)),
    ),
    "natural_exponential": (
        jaxlr.natural_exponential_decay(0.3, 12345, 0.01),
        lambda t: f(0.3) * mpmath.exp(-f(0.01) * t / 12345),
    ),
    "inverse_time": (
        jaxlr.inverse_time_decay(0.3, 1000, 0.7),
        lambda t: f(0.3) / (1 + f(0.7) * t / 1000),
    ),
    "inverse_time_staircase": (
        jaxlr.inverse_time_decay(0.3, 1000, 0.7, 3, True),
        lambda t: f(0.3) / (1 + f(0.7) * (max(t - 3, 0) // 1000)),
    ),
    "step": (jaxlr.step_decay(0.3, 41_000, 0.999), lambda t: f(0.3) * f(0.999) ** (t // 41_000)),
    "burnin": (
        jaxlr.exponential_decay_with_burnin(0.3, 1000, 0.99, 0.01, 500),
        lambda t: f(0.01) if t < 500 else f(0.3) * f(0.99) ** (f(t - 500) / 1000),
    ),
    "cosine": (
        jaxlr.cosine_decay_schedule(0.3, T),
        lambda t: f(0.3) * cosine(clip(f(t) / T)),
    ),
    "cosine_floor": (
        jaxlr.cosine_decay_schedule(0.3, T, 0.1),
        lambda t: f(0.3) * (f(0.1) + f(0.9) * cosine(clip(f(t) / T))),
    ),
    "cosine_root": (
        jaxlr.cosine_decay_schedule(0.3, T, exponent=0.5),
        lambda t: f(0.3) * mpmath.sqrt(cosine(clip(f(t) / T))),
    ),
    "warmup_cosine": (
        jaxlr.warmup_cosine_decay_schedule(0.0, 0.3, 1001, T),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else cosine(clip(f(t - 1001) / (T - 1001)))),
    ),
    "warmup_exponential": (
        jaxlr.warmup_exponential_decay_schedule(0.0, 0.3, 1001, 1000, 0.99, 7),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else f(0.99) ** (f(max(t - 1008, 0)) / 1000)),
    ),
    "linear_onecycle": (
        jaxlr.linear_onecycle_schedule(T, 0.3),
        onecycle(
            [0, int(0.3 * T), int(0.85 * T), T],
            [f(0.3) / 25, f(0.3), f(0.3) / 25, f(0.3) / 25 / 10_000],
            lambda p: p,
        ),
    ),
    "cosine_onecycle": (
        jaxlr.cosine_onecycle_schedule(T, 0.3),
        onecycle(
            [0, int(0.3 * T), T],
            [f(0.3) / 25, f(0.3), f(0.3) / 25 / 10_000],
            lambda p: cosine(1 - p),
        ),
    ),
    "warmup_inverse_sqrt": (
        jaxlr.warmup_inverse_sqrt_schedule(0.0, 0.3, 1001),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else mpmath.sqrt(f(1001) / t)),
    ),
    "warmup_inverse_sqrt_timescale": (
        jaxlr.warmup_inverse_sqrt_schedule(0.0, 0.3, 1001, 7),
        lambda t: f(0.3) * (f(t) / 1001 if t < 1001 else 1 / mpmath.sqrt(1 + f(t - 1001) / 7)),
    ),
    "noam": (
        jaxlr.noam_schedule(512, 4000, 2.0),
        lambda t: 2 / mpmath.sqrt(512) * min(1 / mpmath.sqrt(t), t / f(4000) ** 1.5) if t else f(0),
    ),
    "noam_hold": (
        jaxlr.noam_hold_schedule(0.3, 1001, 5000, 1.3),
        lambda t: f(0.3) * min(f(t) / 1001, 1, (f(1001) / max(t - 5000, 1001)) ** f(1.3)),
    ),
    "exponential_warmup": (
        jaxlr.exponential_warmup_schedule(0.3, 2000),
        lambda t: -f(0.3) * mpmath.expm1(-f(t + 1) / 2000),
    ),
    "log_warmup": (
        jaxlr.log_warmup_schedule(0.0, 0.3, T),
        lambda t: f(0.3) * clip(mpmath.log(t + 1) / mpmath.log(T + 1)),
    ),
    "log_warmup_down": (
        jaxlr.log_warmup_schedule(0.3, 0.0, T),
        lambda t: f(0.3) * clip(1 - mpmath.log(t + 1) / mpmath.log(T + 1)),
    ),
    "radam_warmup": (jaxlr.radam_warmup_schedule(0.3, 0.999), rectification(0.999)),
    "radam_warmup_long": (jaxlr.radam_warmup_schedule(0.3, 0.99999), rectification(0.99999)),
    "wsd": (
        jaxlr.warmup_stable_decay_schedule(
            0.0, 0.3, 1001, 200_000, T - 201_001, decay_curve="one_minus_sqrt"
        ),
        lambda t: f(0.3) * min(f(t) / 1001, 1 - mpmath.sqrt(clip(f(t - 201_001) / (T - 201_001)))),
    ),
    "wsds": (
        jaxlr.wsds_schedule(0.0, 0.3, 1001, [100_000, T - 100_000], [20_000, 300_000]),
        lambda t: (
            f(0.3)
            * min(f(t) / 1001, clip(f(100_000 - t) / 20_000 if t < 100_000 else f(T - t) / 300_000))
        ),
    ),
    "infinite": (
        jaxlr.infinite_schedule(0.0, 3e-4, 1001, 100_000, 3e-5, 500_000, 700_000, 1e-9, "linear"),
        lambda t: (
            min(
                f(3e-4) * t / 1001,
                f(3e-5) + (f(3e-4) - f(3e-5)) * clip(1 - f(t - 1001) / 100_000),
            )
            * (f(1e-9) / f(3e-5)) ** clip(f(t - 601_001) / 700_000)
        ),
    ),
    "tri_stage": (
        jaxlr.tri_stage_schedule(5e-4, 1001, 100_000, T - 101_001, 0.01, 1e-5),
        lambda t: (
            f(5e-4)
            * min(f(0.01) + f(0.99) * t / 1001, 1)
            * f(1e-5) ** clip(f(t - 101_001) / (T - 101_001))
        ),
    ),
    "warmup_hold_cosine": (
        jaxlr.warmup_hold_cosine_decay_schedule(0.0, 0.3, 1001, 100_000, T),
        lambda t: f(0.3) * min(f(t) / 1001, cosine(clip(f(t - 101_001) / (T - 101_001)))),
    ),
    "inverse_sqrt": (
        jaxlr.inverse_sqrt_schedule(0.3, 12_345, 67),
        lambda t: f(0.3) / mpmath.sqrt(max(f(1), f(t + 67) / 12_345)),
    ),
    "inverse_power": (
        jaxlr.inverse_power_decay_schedule(0.3, 7, 1.7),
        lambda t: f(0.3) * (1 + f(t) / 7) ** -f(1.7),
    ),
    "power": (
        jaxlr.power_decay_schedule(0.02, 4.6 * 128, -0.51, 128 * 4096, 100),
        lambda t: min(f(0.02), f(4.6) * 128 * f(128 * 4096 * (t + 100)) ** -f(0.51)),
    ),
    "multistep": (
        jaxlr.multistep_decay(0.3, [1000 * i for i in range(100, 0, -1)], 0.97),
        lambda t: f(0.3) * f(0.97) ** min(t // 1000, 100),
    ),
    "piecewise_curve": (
        jaxlr.piecewise_curve_schedule([7, 100_000, T], [0.0, 0.3, 0.001], "cosine"),
        lambda t: (
            f(0.3) * cosine(clip(f(100_000 - t) / (100_000 - 7)))
            if t < 100_000
            else f(0.001) + f(0.299) * cosine(clip(f(t - 100_000) / (T - 100_000)))
        ),
    ),
    "piecewise_curve_between_counts": (
        jaxlr.piecewise_curve_schedule([0.7, 100_000 / 3, T + 0.25], [0.0, 0.3, 0.0]),
        lambda t: (
            f(0.3) * clip(f(t - f(0.7)) / (f(100_000) / 3 - f(0.7)))
            if t < 33_334
            else f(0.3) * clip((T + f(0.25) - t) / (T + f(0.25) - f(100_000) / 3))
        ),
    ),
    "table": (
        jaxlr.table_schedule([0.3, 0.1, 0.7], 100_003),
        lambda t: f((0.3, 0.1, 0.7)[min(t // 100_003, 2)]),
    ),
    "geometric": (
        jaxlr.geometric_schedule(1e-7, 10.0, T, 7),
        lambda t: f(1e-7) * f(1e8) ** clip(f(t - 7) / T),
    ),
    "range_test": (
        jaxlr.range_test_schedule(0.001, 2000, 0.7),
        lambda t: f(0.001) * (1 + f(0.7) * t / 2000),
    ),
    "range_test_staircase": (
        jaxlr.range_test_schedule(0.001, 2000, 0.7, True),
        lambda t: f(0.001) * (1 + f(0.7) * (t // 2000)),
    ),
    "transition": (
        jaxlr.transition_schedule(0.3, 0.001, T, "one_minus_sqrt", 7),
        lambda t: between(f(0.3), f(0.001), 1 - mpmath.sqrt(clip(f(t - 7) / T))),
    ),
    "rex": (
        jaxlr.rex_schedule(0.3, T, beta=0.9),
        lambda t: f(0.3) * rest(t) / (f(0.1) + f(0.9) * rest(t)),
    ),
    "tanh": (
        jaxlr.tanh_decay_schedule(0.3, T, 0.001, -2.0, 2.0),
        lambda t: between(
            f(0.3),
            f(0.001),
            (mpmath.tanh(2) - mpmath.tanh(2 - 4 * rest(t))) / (2 * mpmath.tanh(2)),
        ),
    ),
    "k_decay": (
        jaxlr.k_decay_schedule(0.3, T, 0.001, 1.5),
        lambda t: between(f(0.3), f(0.001), cosine((1 - rest(t)) ** f(1.5))),
    ),
    "k_decay_polynomial": (
        jaxlr.k_decay_schedule(0.3, T, 0.001, 3.0, jaxlr.curves.polynomial(0.5)),
        lambda t: between(f(0.3), f(0.001), mpmath.sqrt(1 - (1 - rest(t)) ** 3)),
    ),
    "half_cosine": (
        jaxlr.half_cosine_schedule(0.3, T),
        lambda t: f(0.3) * 2 * mpmath.sin(mpmath.pi / 4 * rest(t)) ** 2,
    ),
    "half_cosine_from_zero": (
        jaxlr.half_cosine_schedule(0.0, T, 0.3),
        lambda t: f(0.3) * mpmath.sin(mpmath.pi / 2 * (1 - rest(t))),
    ),
    "cosine_linear_envelope": (
        jaxlr.cosine_linear_envelope_schedule(0.3, T, 0.01),
        lambda t: between(f(0.3), f(0.003), rest(t) * cosine(1 - rest(t))),
    ),
    "cosine_linear_envelope_to_zero": (
        jaxlr.cosine_linear_envelope_schedule(0.3, T),
        lambda t: f(0.3) * rest(t) * cosine(1 - rest(t)),
    ),
    "hyperbolic": (
        jaxlr.hyperbolic_decay_schedule(0.3, T, 0.001, 2 * T),
        lambda t: between(f(0.001), f(0.3), hyperbola(t, 2 * T)),
    ),
    "hyperbolic_almost_a_line": (
        jaxlr.hyperbolic_decay_schedule(0.3, T, 0.0, T + 10),
        lambda t: between(0, f(0.3), hyperbola(t, T + 10)),
    ),
    "hyperbolic_line": (
        jaxlr.hyperbolic_decay_schedule(0.3, T, 0.0, T),
        lambda t: f(0.3) * rest(t),
    ),
    "exp_hyperbolic_far": (
        jaxlr.exp_hyperbolic_decay_schedule(0.3, T, 3e-7, T),
        lambda t: f(0.3) * f("1e-6") ** hyperbola(t, T),
    ),
    "exp_hyperbolic": (
        jaxlr.exp_hyperbolic_decay_schedule(0.3, T, 0.0003, 2 * T),
        lambda t: f(0.3) * f("0.001") ** hyperbola(t, 2 * T),
    ),
    "onecycle": (
        jaxlr.onecycle_schedule(T, 0.3),
        onecycle([0, f(0.3) * T - 1, T - 1], [f(0.3) / 25, f(0.3), f(0.3) / 250_000], risen_cosine),
    ),
    "onecycle_three_phase": (
        jaxlr.onecycle_schedule(T, 0.3, three_phase=True, curve="linear"),
        onecycle(
            [0, f(0.3) * T - 1, 2 * (f(0.3) * T - 1), T - 1],
            [f(0.3) / 25, f(0.3), f(0.3) / 25, f(0.3) / 250_000],
            lambda p: p,
        ),
    ),
    "onecycle_long": (
        jaxlr.onecycle_schedule(10**9, 0.3, 0.123456789, curve="linear"),
        onecycle(
            [0, f("123456788"), 10**9 - 1],
            [f(0.3) / 25, f(0.3), f(0.3) / 250_000],
            lambda p: p,
        ),
    ),
    "cosine_restarts": (
        jaxlr.cosine_restarts_schedule(0.3, 1000, 2.0, 0.9, 0.01),
        restarts(1000, 2, lambda i: (f(0.3) * (f("0.01") + f("0.99") * f("0.9") ** i), f("0.003"))),
    ),
    "cosine_restarts_thrice": (
        jaxlr.cosine_restarts_schedule(0.3, 999, 3, 0.9),
        restarts(999, 3, lambda i: (f(0.3) * f("0.9") ** i, 0)),
    ),
    "cosine_restarts_between_counts": (
        jaxlr.cosine_restarts_schedule(0.3, 1000, 1.23, 0.9, 0.01, shrinks="all"),
        restarts(1000, f("1.23"), lambda i: (f(0.3) * f("0.9") ** i, f("0.003") * f("0.9") ** i)),
    ),
    "cosine_restarts_even": (
        jaxlr.cosine_restarts_schedule(0.3, 300_007, 1.0, 0.999, 0.01, shrinks="peak"),
        lambda t: between(
            f(0.3) * f("0.999") ** (t // 300_007),
            f("0.003"),
            cosine(f(t % 300_007) / 300_007),
        ),
    ),
    "cosine_restarts_even_between_counts": (
        jaxlr.cosine_restarts_schedule(0.3, 300_001 / 3, 1.0),
        lambda t: f(0.3) * cosine(turn(t, 300_001 / 3)),
    ),
    "chebyshev": (
        jaxlr.chebyshev_schedule(0.001, 0.3, 64),
        lambda t: chebyshev_steps(0.001, 0.3, 64)[fractal_order(64)[t % 64]],
    ),
    "cyclic": (
        jaxlr.cyclic_schedule(0.001, 0.3, 2003, 1009),
        lambda t: between(f(0.3), f(0.001), triangle(t)),
    ),
    "cyclic_cosine": (
        jaxlr.cyclic_schedule(0.0, 0.3, 2003, 1009, curve="cosine"),
        lambda t: f(0.3) * risen_cosine(triangle(t)),
    ),
    "cyclic_sine": (
        jaxlr.cyclic_schedule(0.0, 0.3, 1003, curve="sine"),
        lambda t: f(0.3) * mpmath.sin(mpmath.pi * (t % 2006) / 2006),
    ),
    "cyclic_cosine_between_counts": (
        jaxlr.cyclic_schedule(0.3, 0.0, 500_003 / 7, curve="cosine"),
        lambda t: f(0.3) * mpmath.cos(mpmath.pi * turn(t, 2 * 500_003 / 7)) ** 2,
    ),
    "cyclic_halves": (
        jaxlr.cyclic_schedule(0.0, 0.3, 2003, 1009, "triangular2"),
        lambda t: f(0.3) * triangle(t) / f(2) ** (t // 3012),
    ),
    "cyclic_exponential": (
        jaxlr.cyclic_schedule(0.001, 0.3, 2003, 1009, "exp_range", 0.99999),
        lambda t: between(f(0.3), f(0.001), triangle(t) * f("0.99999") ** t),
    ),
    "cyclic_polynomial": (
        jaxlr.cyclic_polynomial_schedule(0.3, 0.001, 2.0, 41_003),
        lambda t: between(f(0.3), f(0.001), (1 - f(t) / (41_003 * max(1, -(-t // 41_003)))) ** 2),
    ),
    "cyclic_polynomial_to_zero": (
        jaxlr.cyclic_polynomial_schedule(0.3, 0.0, 0.5, 41_003),
        lambda t: f(0.3) * mpmath.sqrt(1 - f(t) / (41_003 * max(1, -(-t // 41_003)))),
    ),
    "sgdr": (
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
    "with_warmup": (
        jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.3, T), 1000, 0.01),
        lambda t: (
            between(f(0.01), f(0.3), 1 - f(t) / 1000)
            if t < 1000
            else f(0.3) * cosine(clip(f(t - 1000) / T))
        ),
    ),
    "with_warmup_overlay": (
        jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.3, T), 1000, 0.01, mode="overlay"),
        lambda t: between(
            f(0.01), f(0.3) * cosine(clip(f(max(t, 1000)) / T)), clip(1 - f(t) / 1000)
        ),
    ),
    "with_warmup_multiply": (
        jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.3, T), 1000, mode="multiply"),
        lambda t: f(0.3) * cosine(clip(f(t) / T)) * clip(f(t) / 1000),
    ),
    "with_cooldown": (
        jaxlr.with_cooldown(jaxlr.inverse_sqrt_schedule(0.3, 1000), T, 30_000, 1e-6),
        lambda t: between(
            f(0.3) * mpmath.sqrt(f(1000) / max(min(t, T), 1000)),
            f(1e-6),
            clip(1 - f(t - T) / 30_000),
        ),
    ),
    "shift": (
        jaxlr.shift_schedule(jaxlr.cosine_decay_schedule(0.3, T - 1000), 1000),
        lambda t: f(0.3) * cosine(clip(f(t - 1000) / (T - 1000))),
    ),
    "shift_back": (
        jaxlr.shift_schedule(jaxlr.cosine_decay_schedule(0.3, T + 1000), -1000),
        lambda t: f(0.3) * cosine(clip(f(t + 1000) / (T + 1000))),
    ),
    "stretch": (
        jaxlr.stretch_schedule(jaxlr.inverse_time_decay(0.3, 1000, 0.7), 3),
        lambda t: f(0.3) / (1 + f(0.7) * t / 3000),
    ),
    "per_epoch": (
        jaxlr.per_epoch(jaxlr.cosine_decay_schedule(0.3, 1000), 1407),
        lambda t: f(0.3) * cosine(clip(f(t // 1407) / 1000)),
    ),
    "repeat": (
        jaxlr.repeat_schedule(jaxlr.linear_schedule(0.3, 0.0, 123_457), 123_457, m_mul=0.99),
        repeated(123_457, 1, 0.99, 10**6, lambda t: f(0.3) * (1 - t / 123_457)),
    ),
    "repeat_growing": (
        jaxlr.repeat_schedule(jaxlr.linear_schedule(0.3, 0.1, 1000), 1000, 2.0, 0.9, 12),
        repeated(1000, 2, 0.9, 12, lambda t: between(f(0.3), f(0.1), 1 - t / 1000)),
    ),
    "add": (
        jaxlr.linear_schedule(0.3, 0.0, T) + 0.01,
        lambda t: f(0.3) * rest(t) + f(0.01),
    ),
    "multiply": (
        jaxlr.cosine_decay_schedule(0.3, T) * jaxlr.linear_schedule(1.0, 0.1, T) * 0.7,
        lambda t: f(0.3) * cosine(1 - rest(t)) * between(1, f(0.1), rest(t)) * f(0.7),
    ),
    "clip": (
        jaxlr.clip_schedule(jaxlr.exponential_decay(0.3, 1000, 0.99), 0.001, 0.2),
        lambda t: min(max(f(0.3) * f(0.99) ** (f(t) / 1000), f(0.001)), f(0.2)),
    ),
    "window": (
        jaxlr.window_schedule(jaxlr.cosine_decay_schedule(0.3, T), 500, T, 0.1),
        lambda t: f(0.3) * cosine(f(t - 500) / T) if 500 <= t < T else f(0.1),
    ),
    "join_absolute": (
        jaxlr.join_schedules(
            [jaxlr.linear_schedule(0.0, 0.3, 1000), jaxlr.cosine_decay_schedule(0.3, T)],
            [1000],
            clock="absolute",
        ),
        lambda t: f(0.3) * (f(t) / 1000 if t < 1000 else cosine(clip(f(t) / T))),
    ),
    "join_carry_over": (
        jaxlr.join_schedules(
            [jaxlr.inverse_sqrt_schedule(0.3, 1000), jaxlr.linear_schedule(0.7, 0.0, T)],
            [9000],
            carry_over=True,
        ),
        lambda t: (
            f(0.3) * mpmath.sqrt(f(1000) / max(t, 1000))
            if t < 9000
            else f(0.1) * clip(1 - f(t - 9000) / T)
        ),
    ),
}


@pytest.mark.parametrize(("lr", "formula"), FORMULAS.values(), ids=FORMULAS.keys())
def test_relative_error_is_below_one_millionth_at_every_count(lr, formula):
    exact = np.array([float(formula(int(t))) for t in COUNTS])
    values = np.asarray(lr(COUNTS), np.float64)
    zero = exact == 0
    np.testing.assert_array_equal(values[zero], 0)
    normal = np.abs(exact) > 1.2e-38  # Below, a float32 has fewer digits to keep.
    error = np.abs(values[normal] / exact[normal] - 1)
    assert error.max() < 1e-6, (COUNTS[normal][error.argmax()], error.max())


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 41, 300, 1000, 2**24 + 1, 10**9, LATE])
def test_ends_are_exact(steps):
    for lr in (
        jaxlr.linear_schedule(0.1, 0.3, steps),
        jaxlr.polynomial_schedule(0.1, 0.3, 0.9, steps),
        jaxlr.warmup_cosine_decay_schedule(0.1, 0.7, steps // 2, steps, 0.3),
        jaxlr.piecewise_interpolate_schedule("cosine", 0.1, {steps: 3.0}),
    ):
        first = 0.7 if lr.family.name.startswith("warmup") and steps == 1 else 0.1
        assert np.float32(lr(0)) == np.float32(first)
        assert np.float32(lr(steps)) == np.float32(0.3)
        if steps < LATE:
            assert np.float32(lr(steps + 1)) == np.float32(0.3)


@pytest.mark.parametrize("pct_start", [0.29, 0.57, 0.3, 0.07])
def test_corners_lie_where_optax_has_them(pct_start):
    for steps in (100, 57, 1000):
        corner = int(pct_start * steps)
        lr = jaxlr.linear_onecycle_schedule(steps, 1.0, pct_start)
        assert lr(corner) == 1
        assert lr(corner - 1) < 1
        assert lr(corner + 1) < 1


def test_a_period_may_be_a_fraction_of_a_step():
    lr = jaxlr.exponential_decay(1.0, 2.5, 0.5, staircase=True)
    np.testing.assert_allclose(lr(np.arange(8)), 0.5 ** np.floor(np.arange(8) / 2.5), rtol=1e-6)


def test_counts_beyond_every_integer_type_are_taken_as_floats():
    lr = jaxlr.cosine_decay_schedule(1.0, 10**12)
    exact = np.sin(np.pi / 2 * 0.25) ** 2
    np.testing.assert_allclose(lr(750 * 10**9), exact, rtol=1e-6)
    np.testing.assert_allclose(lr(np.array([750 * 10**9])), [exact], rtol=1e-6)
