"""What operators promise beyond the laws of all schedules."""

import functools

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings

import jaxlr

COSINE = jaxlr.cosine_decay_schedule(0.5, 20)
COUNTS = np.arange(60)


def test_the_algebra_of_schedules():
    line = jaxlr.linear_schedule(0.0, 1.0, 30)
    a, b = (np.asarray(lr(COUNTS)) for lr in (COSINE, line))
    for combined, expected in (
        (COSINE + line, a + b),
        (COSINE - line, a - b),
        (COSINE * line, a * b),
        (COSINE + 1, a + 1),
        (1 - COSINE, 1 - a),
        (0.1 + COSINE, a + 0.1),
        (COSINE - 0.1, a - 0.1),
        (COSINE - (lambda count: 0.1 * count.astype(float)), a - 0.1 * COUNTS),
        (0.3 * COSINE, 0.3 * a),
        (COSINE / 4, a / 4),
        (-COSINE, -a),
        (np.float32(0.3) * COSINE, 0.3 * a),
        (np.float64(0.3) + COSINE, 0.3 + a),
        (jnp.float32(0.3) * COSINE, 0.3 * a),
        (COSINE * jnp.float32(0.3), 0.3 * a),
        (COSINE * (lambda count: 1.0 / (1.0 + count.astype(float))), a / (1 + COUNTS)),
    ):
        assert isinstance(combined, jaxlr.Schedule)
        np.testing.assert_allclose(combined(COUNTS), expected, rtol=1e-6, atol=1e-8)
        assert combined.replace() == combined


def test_a_long_sum_is_one_sum():
    assert len((COSINE + COSINE + 0.1 - 0.2).params["schedules"]) == 4
    assert len((2 * COSINE * 3 / 2).params["schedules"]) == 4
    assert repr(2 * jaxlr.constant_schedule(0.1)) == (
        "multiply_schedules(schedules=[2, constant_schedule(value=0.1)])"
    )


def test_texts_may_use_the_algebra():
    text = "0.5 * cosine_decay_schedule(0.5, total // 2) + constant_schedule(0.1) / 2"
    expected = 0.5 * COSINE + jaxlr.constant_schedule(0.1) / 2
    assert jaxlr.parse(text, total=40) == expected
    with pytest.raises(ValueError, match="Cannot read"):
        jaxlr.parse("constant_schedule(0.1) // 2")
    with pytest.raises(ValueError, match="Cannot read"):
        jaxlr.parse("constant_schedule(0.1) * 'a'")


def test_what_cannot_be_combined_is_refused():
    for combine in (lambda: COSINE / COSINE, lambda: COSINE + "0.1", lambda: COSINE * None):
        with pytest.raises(TypeError):
            combine()


@pytest.mark.parametrize("wrong", [0.5, "cosine", None, [abs]])
def test_only_functions_are_wrapped(wrong):
    with pytest.raises(TypeError, match=r"wrap: `function` must be a function of the count"):
        jaxlr.wrap(wrong)


OPERATORS = {
    "join": lambda lr: jaxlr.join_schedules([lr, jaxlr.constant_schedule(0.1)], [30]),
    "window": lambda lr: jaxlr.window_schedule(lr, 5, 30),
    "with_warmup": lambda lr: jaxlr.with_warmup(lr, 9),
    "with_cooldown": lambda lr: jaxlr.with_cooldown(lr, 20, 9),
    "shift": lambda lr: jaxlr.shift_schedule(lr, 4),
    "stretch": lambda lr: jaxlr.stretch_schedule(lr, 2),
    "per_epoch": lambda lr: jaxlr.per_epoch(lr, 4),
    "repeat": lambda lr: jaxlr.repeat_schedule(lr, 20),
    "repeat_growing": lambda lr: jaxlr.repeat_schedule(lr, 20, 1.5),
    "add": lambda lr: jaxlr.add_schedules([lr, 0.1]),
    "multiply": lambda lr: jaxlr.multiply_schedules([lr, 0.1]),
    "clip": lambda lr: jaxlr.clip_schedule(lr, 0.1),
    "with_noise": lambda lr: jaxlr.with_noise(lr),
}
each_operator = pytest.mark.parametrize("operate", OPERATORS.values(), ids=OPERATORS.keys())


@pytest.mark.promotes
@each_operator
def test_operators_take_closures_of_optax(operate):
    ours, theirs = operate(COSINE), operate(optax.cosine_decay_schedule(0.5, 20))
    np.testing.assert_allclose(theirs(COUNTS), ours(COUNTS), rtol=1e-4, atol=1e-6)


@each_operator
def test_operators_refuse_what_is_no_schedule(operate):
    with pytest.raises(TypeError, match=r"`schedules?`(\[0\])? must be"):
        operate("cosine")


@each_operator
def test_operators_nest(operate):
    nested = jaxlr.with_warmup(operate(COSINE + 0.01), 7)
    np.testing.assert_allclose(nested(COUNTS + 7), operate(COSINE + 0.01)(COUNTS), rtol=1e-6)
    assert jaxlr.parse(repr(nested)) == nested


@pytest.mark.parametrize(
    ("lr", "least", "most"),
    [
        (lambda spy: jaxlr.with_cooldown(spy, 20, 9), 0, 20),
        (lambda spy: jaxlr.with_warmup(spy, 9, mode="overlay"), 9, 59),
        (lambda spy: jaxlr.with_warmup(spy, 9), 0, 50),
        (lambda spy: jaxlr.window_schedule(spy, 5, 30), 0, 24),
        (lambda spy: jaxlr.window_schedule(spy, 5, 30, clock="absolute"), 5, 29),
        (lambda spy: jaxlr.repeat_schedule(spy, 20), 0, 19),
        (lambda spy: jaxlr.repeat_schedule(spy, 20, cycles=2), 0, 20),
        (lambda spy: jaxlr.repeat_schedule(spy, 7, 1.5, cycles=3), 0, 7),
        (lambda spy: jaxlr.join_schedules([COSINE, spy, COSINE], [9, 30]), 0, 20),
        (lambda spy: jaxlr.join_schedules([COSINE, spy, COSINE], [9, 30], "absolute"), 9, 29),
        (lambda spy: jaxlr.per_epoch(spy, 7), 0, 8),
        (lambda spy: jaxlr.shift_schedule(spy, -7), 7, 66),
    ],
)
def test_a_schedule_sees_only_counts_of_its_own(lr, least, most):
    seen = []

    def spy(count):
        jax.debug.callback(lambda c: seen.extend(np.ravel(c)), count)
        return 0.1 * count.astype(float)

    jax.block_until_ready(lr(spy)(COUNTS))
    jax.effects_barrier()
    assert min(seen) == least
    assert max(seen) == most


def test_a_late_cooldown_compiles_nothing():
    traces = []

    @jax.jit
    def value(lr, count):
        traces.append(1)
        return lr(count)

    lr = jaxlr.with_cooldown(jaxlr.warmup_constant_schedule(0.0, 0.5, 9), 2**31 - 1, 100)
    np.testing.assert_allclose(value(lr.as_arrays(), 10**6), 0.5)
    decided = lr.replace(cooldown_begin=10**6)
    np.testing.assert_allclose(value(decided.as_arrays(), 10**6 + 25), 0.375)
    np.testing.assert_allclose(value(decided.as_arrays(), 2**31 - 1), 0)
    assert len(traces) == 1


def test_a_cooldown_begins_at_the_value_that_is_there():
    base = jaxlr.inverse_sqrt_schedule(0.5, 9)
    for begin in (0, 5, 9, 1000):
        lr = jaxlr.with_cooldown(base, begin, 100)
        assert lr(begin) == base(begin)
        np.testing.assert_allclose(lr(begin + 50), base(begin) / 2, rtol=1e-6)


def test_windows_of_a_sum_leave_the_others_alone():
    windows = jaxlr.add_schedules(
        [
            jaxlr.window_schedule(jaxlr.linear_schedule(0.0, 0.5, 10), 0, 10),
            jaxlr.window_schedule(COSINE, 10, 2**31 - 1),
        ]
    )
    joined = jaxlr.join_schedules([jaxlr.linear_schedule(0.0, 0.5, 10), COSINE], [10])
    np.testing.assert_array_equal(windows(COUNTS), joined(COUNTS))


def test_carrying_over_leaves_no_jump():
    pieces = [
        jaxlr.constant_schedule(0.5),
        jaxlr.linear_schedule(1.0, 0.5, 10),
        jaxlr.cosine_decay_schedule(3.0, 10, alpha=0.1),
        jaxlr.linear_schedule(0.0, 0.7, 10),  # It begins at 0, so it is left as it is,
        jaxlr.constant_schedule(9.0),  # and this goes on from its end.
    ]
    lr = jaxlr.join_schedules(pieces, [10, 20, 30, 40], carry_over=True)
    np.testing.assert_allclose(
        lr(np.array([0, 10, 15, 20, 29, 30, 40, 50])),
        [0.5, 0.5, 0.375, 0.25, 0.25 * pieces[2](9) / 3.0, 0, 0.7 * 1, 0.7 * 1],
        rtol=1e-6,
    )


def test_carrying_over_works_with_traced_numbers():
    @functools.partial(jax.vmap, in_axes=(0, None))
    def value(peak, count):
        pieces = [jaxlr.linear_schedule(0.0, peak, 4), jaxlr.linear_schedule(1.0, 0.0, 4)]
        return jaxlr.join_schedules(pieces, [4], carry_over=True)(count)

    np.testing.assert_allclose(value(jnp.array([0.1, 0.4]), 6), [0.05, 0.2], rtol=1e-6)


def test_a_recipe_that_computes_with_jax_may_be_built_inside_a_trace():
    pieces = [jaxlr.linear_schedule(0.0, 0.5, 4), jaxlr.linear_schedule(1.0, 0.0, 4)]
    lr = jaxlr.join_schedules(pieces, [4], carry_over=True)
    first = jax.jit(lambda count: lr(count))(6)
    np.testing.assert_array_equal(lr(6), first)
    assert all(
        isinstance(leaf, np.ndarray | np.generic) for leaf in jax.tree.leaves(lr.as_arrays())
    )


def test_a_shift_never_overflows():
    base = jaxlr.linear_schedule(1.0, 0.0, 2**31 - 1)
    for shift in (2**31 - 1, -(2**31 - 1)):
        for count in (0, 1, 2**31 - 1):
            expected = base(min(max(count - shift, 0), 2**31 - 1))
            np.testing.assert_array_equal(jaxlr.shift_schedule(base, shift)(count), expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 2**31 - 1))
def test_epochs_change_exactly_where_they_should(steps, count):
    lr = jaxlr.per_epoch(jaxlr.table_schedule(np.arange(1, 200), 1), steps)
    assert lr(count) == min(count // steps + 1, 199)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_noise_is_bounded_and_the_same_in_every_run(distribution):
    def noise(seed, **options):
        lr = jaxlr.with_noise(
            jaxlr.constant_schedule(1.0), 0.5, seed, distribution, stddev=0.25, **options
        )
        return np.asarray(lr(np.arange(20_000))) - 1

    first = noise(1)
    np.testing.assert_array_equal(noise(1), first)
    assert np.mean(noise(2) == first) < 0.01
    assert 0.45 < np.abs(first).max() <= 0.5
    # The normal is cut off at two standard deviations: 0.25 * 0.8796.
    expected = 0.5 / np.sqrt(3) if distribution == "uniform" else 0.25 * 0.87963
    np.testing.assert_allclose(first.std(), expected, rtol=0.03)
    assert abs(first.mean()) < 0.01
    part = noise(1, noise_begin=100, noise_end=200)
    np.testing.assert_array_equal(part[100:200], first[100:200])
    assert not part[:100].any()
    assert not part[200:].any()


def test_wrong_bounds_are_refused():
    for make, words in (
        (lambda: jaxlr.clip_schedule(COSINE), "`min_value` or `max_value`"),
        (lambda: jaxlr.clip_schedule(COSINE, 0.5, 0.1), "`max_value` must be at least"),
        (lambda: jaxlr.window_schedule(COSINE, 9, 5), "`end` must be at least `begin`"),
        (lambda: jaxlr.with_warmup(COSINE, -1), "`warmup_steps`"),
        (lambda: jaxlr.with_warmup(COSINE, 5, mode="after"), "'prefix' or 'overlay'"),
        (lambda: jaxlr.per_epoch(COSINE, 0), "`steps_per_epoch`"),
        (lambda: jaxlr.repeat_schedule(COSINE, 5, 0.0), "`t_mul`"),
        (lambda: jaxlr.stretch_schedule(COSINE, 0), "`factor`"),
        (lambda: jaxlr.add_schedules([COSINE, np.nan]), r"`schedules`\[1\] must be finite"),
    ):
        with pytest.raises(ValueError, match=words):
            make()


def test_a_thousand_pieces_are_as_small_a_program_as_ten():
    def operations(number):
        pieces = [jaxlr.linear_schedule(i, i + 1.0, 10) for i in range(number)]
        lr = jaxlr.join_schedules(pieces, np.arange(1, number) * 10)
        jaxpr = jax.make_jaxpr(lambda lr, count: lr(count))(lr.as_arrays(), 5)
        return str(jaxpr).count("\n")

    assert abs(operations(1000) - operations(100)) < 10
    assert operations(1000) < 1.5 * operations(10)
