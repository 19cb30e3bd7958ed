"""The borders of phases: where they lie, and what a phase of length zero is."""

import numpy as np
import pytest

import jaxlr

LATE = 2**31 - 1


def values(lr, counts):
    return np.asarray(lr(np.asarray(counts)), np.float64)


def close(lr, counts, expected, rtol=1e-6):
    np.testing.assert_allclose(values(lr, counts), expected, rtol=rtol, atol=0)


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


@pytest.mark.x64
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


@pytest.mark.x64
@pytest.mark.parametrize("pct_start", [0.29, 0.57, 0.3, 0.07])
def test_corners_lie_where_optax_has_them(pct_start):
    for steps in (100, 57, 1000):
        corner = int(pct_start * steps)
        lr = jaxlr.linear_onecycle_schedule(steps, 1.0, pct_start)
        assert lr(corner) == 1
        assert lr(corner - 1) < 1
        assert lr(corner + 1) < 1
