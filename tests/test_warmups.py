"""What is special to schedules with a warm-up, a constant or a cooldown, and to lists of values."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr

LATE = 2**31 - 1


def values(lr, counts):
    return np.asarray(lr(np.asarray(counts)), np.float64)


def close(lr, counts, expected, rtol=1e-6):
    np.testing.assert_allclose(values(lr, counts), expected, rtol=rtol, atol=0)


# The borders of phases


CONTINUOUS = {
    "wsd": (
        jaxlr.warmup_stable_decay_schedule(0.0, 0.3, 1000, 500, 2000, 0.1),
        {0: 0.0, 1000: 0.3, 1499: 0.3, 1500: 0.3, 3500: 0.1, LATE: 0.1},
    ),
    "wsds": (
        jaxlr.wsds_schedule(0.0, 0.3, 1000, [2000, 3000], 500, 0.1),
        {0: 0.0, 1000: 0.3, 1500: 0.3, 2000: 0.3, 4500: 0.3, 5000: 0.1, LATE: 0.1},
    ),
    "infinite": (
        jaxlr.infinite_schedule(0.0, 0.3, 1000, 500, 0.1),
        {0: 0.0, 1000: 0.3, 1500: 0.1, LATE: 0.1},
    ),
    "infinite_annealed": (
        jaxlr.infinite_schedule(0.0, 0.3, 1000, 500, 0.1, 2000, 700, 0.007),
        {0: 0.0, 1000: 0.3, 1500: 0.1, 3500: 0.1, 4200: 0.007, LATE: 0.007},
    ),
    "tri_stage": (
        jaxlr.tri_stage_schedule(0.3, 1000, 500, 2000, 0.5, 0.1),
        {0: 0.15, 1000: 0.3, 1500: 0.3, 3500: 0.3 * 0.1, LATE: 0.3 * 0.1},
    ),
    "warmup_hold_cosine": (
        jaxlr.warmup_hold_cosine_decay_schedule(0.0, 0.3, 1000, 500, 3500, 0.1),
        {0: 0.0, 1000: 0.3, 1500: 0.3, 3500: 0.1, LATE: 0.1},
    ),
    "warmup_inverse_sqrt": (
        jaxlr.warmup_inverse_sqrt_schedule(0.0, 0.3, 1000),
        {0: 0.0, 1000: 0.3},
    ),
    "noam_hold": (
        jaxlr.noam_hold_schedule(0.3, 1000, 500),
        {0: 0.0, 1000: 0.3, 1499: 0.3, 1500: 0.3},
    ),
    "log_warmup": (
        jaxlr.log_warmup_schedule(0.1, 0.3, 1000),
        {0: 0.1, 1000: 0.3, LATE: 0.3},
    ),
    "piecewise_curve": (
        jaxlr.piecewise_curve_schedule([10, 1000, 5000], [0.1, 0.3, 0.7], "cosine"),
        {0: 0.1, 10: 0.1, 1000: 0.3, 5000: 0.7, LATE: 0.7},
    ),
}


@pytest.mark.parametrize(("lr", "corners"), CONTINUOUS.values(), ids=CONTINUOUS.keys())
def test_corners_are_exact(lr, corners):
    for count, value in corners.items():
        assert lr(count) == lr(count).dtype.type(value), count


@pytest.mark.parametrize(
    "lr",
    [lr for name, (lr, _) in CONTINUOUS.items() if name != "wsds"],
    ids=[name for name in CONTINUOUS if name != "wsds"],
)
def test_no_value_jumps(lr):
    jumps = np.abs(np.diff(values(lr, np.arange(6000))))
    slow = 40.0 if lr.family.name == "log_warmup_schedule" else 2.0
    assert jumps.max() < slow * 0.3 / 500


def test_a_stable_phase_may_be_as_long_as_no_run_will_be():
    lr = jaxlr.warmup_stable_decay_schedule(0.0, 0.5, 1000, LATE, 1000)
    close(lr, [500, 1000, 10**9, LATE - 1], [0.25, 0.5, 0.5, 0.5])
    lr = jaxlr.wsds_schedule(0.0, 0.5, 1000, [2000, LATE], 1000)
    close(lr, [500, 1500, 2000, 10**9], [0.25, 0.25, 0.5, 0.5])
    lr = jaxlr.noam_hold_schedule(0.5, 1000, LATE)
    close(lr, [500, 1000, LATE - 1], [0.25, 0.5, 0.5])


def test_phases_of_length_zero_are_over():
    lr = jaxlr.warmup_stable_decay_schedule(0.1, 0.5, 0, 3, 0, 0.2)
    close(lr, range(5), [0.5, 0.5, 0.5, 0.2, 0.2])
    lr = jaxlr.infinite_schedule(0.1, 0.5, 0, 0, 0.25, 2, 0, 0.125)
    close(lr, range(4), [0.25, 0.25, 0.125, 0.125])
    lr = jaxlr.wsds_schedule(0.1, 0.5, 0, [2, 0, 3], 0, 0.25)
    close(lr, range(7), [0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25])
    close(jaxlr.log_warmup_schedule(0.1, 0.5, 0), [0, 1], [0.5, 0.5])
    close(jaxlr.tri_stage_schedule(0.5, 0, 0, 0), [0, 1], [0.005, 0.005])
    close(jaxlr.warmup_inverse_sqrt_schedule(0.1, 0.5, 0, 4), [0, 12], [0.5, 0.25])


@pytest.mark.parametrize("shape", ["linear", "cosine", "one_minus_sqrt", "mirror_cosine", "rex"])
def test_a_cooldown_follows_its_curve(shape):
    lr = jaxlr.warmup_stable_decay_schedule(0.0, 0.5, 3, 4, 10, 0.1, decay_curve=shape)
    turned = jaxlr.warmup_stable_decay_schedule(0.5, 0.1, 10, 5, 5, warmup_curve=shape)
    np.testing.assert_allclose(values(lr, np.arange(7, 18)), values(turned, np.arange(11)), 1e-6)


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


def test_milestones_in_any_order_and_twice():
    lr = jaxlr.multistep_decay(1.0, [4, 2.5, 4], 0.1)
    close(lr, range(6), [1, 1, 1, 0.1, 0.001, 0.001])
    close(jaxlr.multistep_decay(0.5, []), [0, 7], [0.5, 0.5])
    traced = jax.jit(lambda rate: jaxlr.multistep_decay(1.0, [4, 2.5, 4], rate)(np.arange(6)))
    np.testing.assert_allclose(traced(0.1), [1, 1, 1, 0.1, 0.001, 0.001], rtol=1e-6)


def test_both_sides_of_a_boundary_at_every_kind_of_count():
    lr = jaxlr.piecewise_constant_values_schedule([2, 5, LATE], [1.0, 2.0, 3.0, 4.0])
    close(lr, [1, 2, 4, 5, LATE - 1, LATE], [1, 2, 2, 3, 3, 4])
    after = lr.replace(switch="after")
    close(after, [1, 2, 3, 5, 6, LATE], [1, 1, 2, 2, 3, 3])
    close(after.replace(boundaries=[2.5, 5, 7]), [2, 3, 5, 6], [1, 2, 2, 3])
    with pytest.raises(ValueError, match="'at' or 'after'"):
        lr.replace(switch="before")


def test_equal_knots_are_a_jump():
    lr = jaxlr.piecewise_curve_schedule([0, 2, 2, 4], [1.0, 0.5, 0.25, 0.75])
    close(lr, range(6), [1, 0.75, 0.25, 0.5, 0.75, 0.75])
    close(jaxlr.piecewise_curve_schedule([3], [0.5]), [0, 3, 9], [0.5] * 3)


def test_a_list_of_knots_and_values_can_be_batched():
    made = jax.vmap(jaxlr.piecewise_curve_schedule)(
        jnp.array([[0, 2, 4], [0, 1, 5]]), jnp.array([[0.0, 1.0, 0.0], [1.0, 0.0, 2.0]])
    )
    curve = jax.vmap(lambda lr: lr(jnp.arange(6)))(made)
    np.testing.assert_allclose(curve, [[0, 0.5, 1, 0.5, 0, 0], [1, 0, 0.5, 1, 1.5, 2]])
    peaks = jax.vmap(lambda m: jaxlr.wsds_schedule(0.0, m, 1, [3, 3], 1)(jnp.arange(7)))(
        jnp.array([[1.0, 0.5], [2.0, 4.0]])
    )
    np.testing.assert_allclose(peaks, [[0, 1, 1, 0.5, 0.5, 0.5, 0], [0, 2, 2, 4, 4, 4, 0]])


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
            "`timescale` is `warmup_steps` by default",
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
        "no knots": (lambda: jaxlr.piecewise_curve_schedule([], []), "one at the least"),
        "empty table": (lambda: jaxlr.table_schedule([]), "one or more numbers"),
        "a number for a table": (lambda: jaxlr.table_schedule(0.1), "one or more numbers"),
    }.values(),
)
def test_errors_say_what_is_wrong(make, words):
    with pytest.raises(ValueError) as error:
        make()
    assert words in str(error.value)
