"""Digits at the horizons of integers and floats, and numbers that no schedule can have."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr

LAST = 2**31 - 1

CASES = [
    # A whole length given as a float is an integer, with all its digits.
    (jaxlr.linear_schedule(1.0, 0.0, 1e8), 99_999_998, 2e-8),
    (jaxlr.cosine_decay_schedule(1.0, 2e8), 199_999_998, np.sin(np.pi / 2e8) ** 2),
    # A period, or the end of a cycle, beyond every integer.
    (jaxlr.cyclic_schedule(0.1, 1.0, 1_600_000_000), 1_900_000_000, 1 - 0.9 * 3 / 16),
    (jaxlr.cosine_restarts_schedule(1.0, 1, 2.0, alpha=0.5), LAST, 1.0),
    (jaxlr.cosine_restarts_schedule(1.0, 1, 2.0, alpha=0.5), LAST - 1, 0.5),
    # A cycle that begins between two counts, some 1.4e9 steps on.
    (
        jaxlr.cosine_restarts_schedule(
            3.77, 378867980, 2.6898863902232986, 0.828, 0.3, shrinks="range"
        ),
        1397979803,
        1.131,
    ),
    # Cancellation: the power of a rate near 1, and the first value of a warm-up.
    (
        jaxlr.cyclic_schedule(2.0, 1e-4, 138, mode="exp_range", gamma=1 - 2e-9),
        138,
        2.0 + (1e-4 - 2.0) * (1 - 2e-9) ** 138,
    ),
    # Cycles whose lengths sum beyond every integer.
    (
        jaxlr.sgdr_schedule(
            [
                {"init_value": 0.05, "peak_value": 0.1, "warmup_steps": 0, "decay_steps": n}
                for n in (10, LAST, 5)
            ]
        ),
        10,
        0.1,
    ),
    # Growth without an end times nothing.
    (jaxlr.linear_schedule(1.0, 0.0, 10) * jaxlr.step_decay(9.0, 3, 5.5), 300, 0.0),
    # Restarts that come more and more often, and a rate of 0.
    (jaxlr.cosine_restarts_schedule(1.0, 8, 0.5), 8, 1.0),
    (jaxlr.cosine_restarts_schedule(1.0, 8, 0.5), 10, 0.5),
    (jaxlr.cosine_restarts_schedule(1.0, 8, 0.5, alpha=0.1), 16, 0.1),
    # A negative value decays towards 0, and stops at its bound on the way.
    (jaxlr.step_decay(-0.1, 3, 0.5, -0.03), 0, -0.1),
    (jaxlr.step_decay(-0.1, 3, 0.5, -0.03), 3, -0.05),
    (jaxlr.step_decay(-0.1, 3, 0.5, -0.03), 9, -0.03),
    (jaxlr.natural_exponential_decay(-0.1, 3, 0.5, end_value=-0.03), 0, -0.1),
    (jaxlr.natural_exponential_decay(-0.1, 3, 0.5, end_value=-0.03), 99, -0.03),
    (jaxlr.step_decay(0.1, 3, 0.0), 2, 0.1),
    (jaxlr.step_decay(0.1, 3, 0.0), 3, 0.0),
    (jaxlr.multistep_decay(0.1, [3], 0.0), 3, 0.0),
]


def test_values_keep_their_digits_to_the_last_count():
    values = [float(lr(count)) for lr, count, _ in CASES]
    np.testing.assert_allclose(values, [value for *_, value in CASES], rtol=1e-6, atol=0)
    batch = jaxlr.stack(lr for lr, *_ in CASES)
    counts = np.array([count for _, count, _ in CASES])
    np.testing.assert_allclose(np.diagonal(batch(counts)), values, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jaxlr.linear_schedule(0.1, 1e39, 10), r"`end_value` must be at most 3.4e\+38"),
        (lambda: jaxlr.constant_schedule(jnp.complex64(1 + 2j)), "`value` must be a number"),
        (lambda: jaxlr.constant_schedule(jnp.array(True)), "`value` must be a number"),
        (lambda: jaxlr.cosine_decay_schedule([0.1, 0.2], 10), "`init_value` must be one number"),
        (lambda: jaxlr.cosine_decay_schedule("2e-5", 10), "`init_value` .* Give 2e-05 without"),
        (lambda: jaxlr.linear_schedule(0.1, 0.0, 0.3), "`transition_steps` .* less than one"),
        (lambda: jaxlr.constant_schedule(jnp.ones(2))(jnp.arange(2)), "`count` must be one number"),
    ],
)
def test_what_is_no_number_of_a_schedule_is_refused(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()
