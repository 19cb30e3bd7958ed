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
