"""Warm-ups by the formulas of their sources, and what schedules of phases refuse."""

import jax
import numpy as np
import pytest

import jaxlr

LATE = 2**31 - 1


def values(lr, counts):
    return np.asarray(lr(np.asarray(counts)), np.float64)


def close(lr, counts, expected, rtol=1e-6):
    np.testing.assert_allclose(values(lr, counts), expected, rtol=rtol, atol=0)


# Peers, by their formulas


def test_warm_ups_that_count_from_one():
    steps, counts = 100, np.arange(150)
    lr = jaxlr.warmup_stable_decay_schedule(0.3 / steps, 0.3, steps - 1, 1000, 10)
    close(lr, counts, 0.3 * np.minimum((counts + 1) / steps, 1))
    lr = jaxlr.warmup_stable_decay_schedule(0.3 / (steps + 1), 0.3, steps, 1000, 10)
    close(lr, counts, 0.3 * np.minimum((counts + 1) / (steps + 1), 1))


def test_six_inverse_square_roots():
    counts, W, S, H = np.arange(3000), 400, 250, 30
    after = counts[W:] - W
    lr = jaxlr.inverse_sqrt_schedule(0.3, W)
    close(lr, counts, 0.3 * np.sqrt(W / np.maximum(counts, W)))
    lr = jaxlr.inverse_sqrt_schedule(0.3 / W**0.5, W)
    close(lr, counts, 0.3 / np.sqrt(np.maximum(counts, W)))
    lr = jaxlr.inverse_sqrt_schedule(0.3, S, shift=S)
    close(lr, after, 0.3 / np.sqrt((counts[W:] + S - W) / S))
    lr = jaxlr.inverse_sqrt_schedule(0.3, S, shift=S + H)
    close(lr, after, 0.3 / np.sqrt(1 + (counts[W:] - W + H) / S))
    lr = jaxlr.warmup_inverse_sqrt_schedule(0.3 / (W + 1), 0.3, W, W + 1)
    nemo = np.where(counts < W, (counts + 1) / (W + 1), np.sqrt((W + 1) / (counts + 1)))
    close(lr, counts, 0.3 * nemo)
    lr = jaxlr.inverse_sqrt_schedule(0.3, S, shift=40)
    close(lr, after, 0.3 * np.minimum(1, 1 / np.sqrt((after + 40) / S)))


def test_noam_as_in_the_paper():
    d, W = 512, 400
    n = np.arange(3000) + 1
    peak = (d * W) ** -0.5
    lr = jaxlr.warmup_inverse_sqrt_schedule(peak / W, peak, W - 1, timescale=W)
    close(lr, n - 1, d**-0.5 * np.minimum(n**-0.5, n * W**-1.5))
    close(jaxlr.noam_schedule(d, W), n, d**-0.5 * np.minimum(n**-0.5, n * W**-1.5))


@pytest.mark.parametrize("b2", [0.7, 0.9, 0.95, 0.99, 0.999, 0.99999])
def test_the_warm_up_of_radam(b2):
    limit = 2 / (1 - b2) - 1
    n = np.arange(1, 2000, dtype=np.longdouble)
    powers = np.longdouble(b2) ** n
    length = limit - 2 * n * powers / (1 - powers)
    length = length[length > 4]
    factor = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
    lr = jaxlr.radam_warmup_schedule(0.3, b2)
    close(lr, np.arange(length.size), 0.3 * np.sqrt(factor))
    assert abs(lr(LATE) - 0.3) < 1e-6
    traced = jax.jit(lambda b2: jaxlr.radam_warmup_schedule(0.3, b2)(np.arange(length.size)))
    np.testing.assert_allclose(traced(b2), 0.3 * np.sqrt(factor), rtol=1e-6 + 1e-7 / (1 - b2))
    if jax.config.jax_enable_x64:
        np.testing.assert_allclose(lr(np.arange(length.size)), 0.3 * np.sqrt(factor), rtol=1e-9)


def test_a_traced_b2_out_of_range_counts_as_one_in_it():
    value = jax.jit(lambda b2: jaxlr.radam_warmup_schedule(0.3, b2)(np.array([0, 7, LATE])))
    for b2 in (-1.0, 0.0, 0.5, 1.0, 2.0):
        assert np.all(np.isfinite(value(b2)) & (value(b2) >= 0) & (value(b2) <= 0.3001))


def test_a_log_warm_up_of_deepspeed():
    counts, W = np.arange(120), 100
    gamma = np.log(np.minimum(counts, W - 1) + 1) / np.log(W)
    lr = jaxlr.log_warmup_schedule(0.01, 0.3, W - 1)
    close(lr, counts, 0.01 + (0.3 - 0.01) * gamma)


def test_a_power_of_tokens_after_a_warm_up():
    lr = jaxlr.join_schedules(
        [
            jaxlr.linear_schedule(0.0, 0.02, 100),
            jaxlr.power_decay_schedule(0.02, 4.6 * 16, tokens_per_step=16 * 2048, shift=100),
        ],
        [100],
    )
    counts = np.arange(100, 3000)
    tokens = counts * 16 * 2048.0
    close(lr, counts, np.minimum(0.02, 4.6 * 16 * tokens**-0.51))


# What is refused


@pytest.mark.parametrize(
    ("make", "words"),
    {
        "geometric to 0": (
            lambda: jaxlr.warmup_stable_decay_schedule(0, 1, 2, 2, 2, decay_curve="geometric"),
            "`decay_curve='geometric'` needs positive values",
        ),
        "geometric from 0": (
            lambda: jaxlr.warmup_stable_decay_schedule(0, 1, 2, 2, 2, warmup_curve="geometric"),
            "`warmup_curve='geometric'`",
        ),
        "period too short": (
            lambda: jaxlr.wsds_schedule(0, 1, 5, [6, 9], 2),
            "room for its cooldown",
        ),
        "no periods": (
            lambda: jaxlr.wsds_schedule(0, 1, 0, [], 2),
            "`period_steps` must be a list",
        ),
        "peaks": (
            lambda: jaxlr.wsds_schedule(0, [1, 2, 3], 0, [9, 9], 2),
            "`peak_value` must be one number, or one for each of the 2 periods",
        ),
        "anneal for nothing": (
            lambda: jaxlr.infinite_schedule(0, 1, 2, 2, 0.5, anneal_steps=3, end_value=0.1),
            "without `constant_steps`",
        ),
        "anneal to where": (
            lambda: jaxlr.infinite_schedule(0, 1, 2, 2, 0.5, 100, 3),
            "Give `end_value`",
        ),
        "anneal from 0": (
            lambda: jaxlr.infinite_schedule(0, 1, 2, 2, 0.0, 100, 3, 0.1),
            "`constant_value` must be positive",
        ),
        "tri-stage to 0": (
            lambda: jaxlr.tri_stage_schedule(1, 2, 2, 2, final_scale=0.0),
            "`final_scale` must be positive",
        ),
        "whole too short": (
            lambda: jaxlr.warmup_hold_cosine_decay_schedule(0, 1, 5, 5, 9),
            "`decay_steps` must be at least `warmup_steps",
        ),
        "no timescale": (
            lambda: jaxlr.warmup_inverse_sqrt_schedule(0, 1, 0),
            "`timescale` defaults to `warmup_steps`",
        ),
        "b2": (lambda: jaxlr.radam_warmup_schedule(1, 0.5), "`b2` must be at least 0.62"),
        "unsorted": (
            lambda: jaxlr.piecewise_constant_values_schedule([5, 2], [1, 2, 3]),
            "in increasing order",
        ),
        "too few values": (
            lambda: jaxlr.piecewise_constant_values_schedule([2, 5], [1, 2]),
            "one number more than `boundaries`",
        ),
        "knots": (
            lambda: jaxlr.piecewise_curve_schedule([2, 5], [1, 2, 3]),
            "one number for each of the `knots`",
        ),
        "no knots": (lambda: jaxlr.piecewise_curve_schedule([], []), "at least one"),
        "empty table": (lambda: jaxlr.table_schedule([]), "one or more numbers"),
        "a number for a table": (lambda: jaxlr.table_schedule(0.1), "one or more numbers"),
    }.values(),
)
def test_errors_say_what_is_wrong(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
