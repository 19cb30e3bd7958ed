"""What is special about cycles: where they begin and end, and the values of other frameworks."""

import itertools
import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr
from jaxlr.exact.cycles import cycle_of, length

LATE = 2**31 - 1


def starts(first, growth):
    """The counts below 2**31 at which cycles of whole steps begin."""
    lengths = (first * growth**i for i in itertools.count())
    return list(itertools.takewhile(lambda t: t < LATE, itertools.accumulate(lengths, initial=0)))


@pytest.mark.parametrize(("first", "growth"), [(1, 2), (7, 2), (1000, 2), (10, 3), (999, 10)])
def test_cycles_begin_at_their_counts(first, growth):
    counts = np.array(starts(first, growth)[1:])
    known = jaxlr.cosine_restarts_schedule(1.0, first, growth)
    traced = jax.jit(lambda lr, count: lr(count))
    for values in (known, lambda count: traced(known, count)):
        np.testing.assert_array_equal(values(counts), 1)
        before = counts - 1
        lengths = np.diff([0, *counts]).astype(float)
        expected = np.sin(np.pi / 2 / lengths) ** 2
        exact = lengths < 2**24  # A traced length is a float32.
        np.testing.assert_allclose(values(before)[exact], expected[exact], rtol=1e-6)


@pytest.mark.parametrize(("first", "growth"), [(10**9, 2.0), (1.5e9, 1.0), (3e9, 1.5)])
def test_a_traced_cycle_that_ends_beyond_every_integer_is_as_long_as_a_known_one(first, growth):
    counts = np.array([10**9 - 1, 2 * 10**9, LATE])
    known = jaxlr.cosine_restarts_schedule(1.0, first, growth)(counts)
    begin = np.where(counts < first, 0.0, first)
    last = first * growth ** (begin > 0.0)
    exact = np.cos(0.5 * np.pi * (counts - begin) / last) ** 2
    np.testing.assert_allclose(known, exact, rtol=1e-6, atol=1e-15)
    build = jax.jit(lambda *cycle: jaxlr.cosine_restarts_schedule(1.0, *cycle)(counts))
    np.testing.assert_allclose(build(first, growth), exact, rtol=1e-5, atol=1e-15)


@pytest.mark.parametrize("period", [1, 3, 41, 1000, 2**20 + 1, 10**9])
def test_even_cycles_never_drift(period):
    lr = jaxlr.cosine_restarts_schedule(1.0, period, t_mul=1.0)
    last = LATE // period * period
    np.testing.assert_array_equal(lr(np.array([0, period, last])), 1)
    np.testing.assert_allclose(lr(last - 1), np.sin(np.pi / 2 / period) ** 2, rtol=1e-6)


@pytest.mark.parametrize("steps", [1.0625, 2.9185, 3.2072, 5.721, 44.5, 123.456, 1e5 / 3])
def test_even_cycles_between_two_counts_have_their_numbers_at_every_count(steps):
    period = length(steps)
    exact = sum(Fraction(float(part)) for part in (period.whole, *period.part))
    most = 2**31 - 1 - math.ceil(2 * exact)
    begins = np.arange(0, int(most / exact), max(1, int(most / exact / 2000)))
    counts = np.array([math.ceil(int(number) * exact) for number in begins])
    for shift in (0, -1):
        shifted = np.maximum(counts + shift, 0)
        numbers = [math.floor(int(count) / exact) for count in shifted]
        found = jax.jit(cycle_of)(shifted.astype(np.int32), period).number
        # What begins within 0.01 of a step of a count may be taken for the one before or after.
        clear = [
            min(count % exact, exact - count % exact) > 0.01 or count % exact == 0
            for count in map(int, shifted)
        ]
        np.testing.assert_array_equal(np.asarray(found)[clear], np.array(numbers)[clear])


def test_growth_can_be_batched_and_one_is_no_exception():
    growths = jnp.array([1.0, 1.5, 2.0, 3.0])
    counts = np.append(np.arange(200), [2400, 2407])  # Of 300 cycles of one length, too.
    batch = jax.jit(jax.vmap(lambda k: jaxlr.cosine_restarts_schedule(0.5, 8, k, 0.9, 0.1)(counts)))
    expected = [jaxlr.cosine_restarts_schedule(0.5, 8, float(k), 0.9, 0.1)(counts) for k in growths]
    np.testing.assert_allclose(batch(growths), expected, rtol=2e-6, atol=1e-7)


def test_cycles_may_begin_between_two_counts():
    lr = jaxlr.cosine_restarts_schedule(1.0, 2, t_mul=1.25)
    np.testing.assert_allclose(lr(4), np.cos(np.pi / 2 * 2 / 2.5) ** 2, rtol=1e-6)
    np.testing.assert_allclose(lr(5), np.cos(np.pi / 2 * 0.5 / 3.125) ** 2, rtol=1e-6)


def test_a_sum_of_rounded_lengths_does_not_miss_a_whole_step():
    lr = jaxlr.cosine_restarts_schedule(1.0, 10, t_mul=1.1)  # 10 + 11.000000000000002
    assert lr(21) == 1
    assert jax.jit(lambda lr: lr(21))(lr) == 1


def test_a_limit_of_cycles_leaves_the_floor():
    for shrinks, floor in (("range", 0.1), ("peak", 0.1), ("all", 0.025)):
        lr = jaxlr.cosine_restarts_schedule(1.0, 4, 1, 0.5, 0.1, cycles=3, shrinks=shrinks)
        np.testing.assert_allclose(lr(np.array([12, 13, 1000, LATE])), floor, rtol=1e-6)
        assert lr(11) > floor


def test_what_shrinks():
    lr = jaxlr.cosine_restarts_schedule(2.0, 4, 1, 0.5, 0.1)
    np.testing.assert_allclose(lr(8), 0.2 + 1.8 * 0.25, rtol=1e-6)
    np.testing.assert_allclose(lr.replace(shrinks="peak")(np.array([8, 10])), [0.5, 0.35], 1e-6)
    np.testing.assert_allclose(lr.replace(shrinks="all")(np.array([8, 10])), [0.5, 0.275], 1e-6)


def test_every_cycle_warms_up_from_the_floor():
    lr = jaxlr.cosine_restarts_schedule(1.0, 6, 2.0, 0.5, 0.1, warmup_steps=2, shrinks="peak")
    counts = np.array([0, 1, 2, 4, 6, 7, 8, 13, 18])
    expected = [0.1, 0.55, 1.0, 0.55, 0.1, 0.3, 0.5, 0.3, 0.1]
    np.testing.assert_allclose(lr(counts), expected, rtol=1e-6)


def test_a_warmup_longer_than_its_cycle_is_cut_off():
    lr = jaxlr.cosine_restarts_schedule(1.0, 2, 1.0, warmup_steps=4)
    np.testing.assert_allclose(lr(np.arange(4)), [0, 0.25, 0, 0.25])


def test_the_cycle_of_pytorch():
    """Its phases end at 0.3 T - 1 and T - 1; past that it would fall to -0.143."""
    lr = jaxlr.onecycle_schedule(10, 1.0, curve="linear")
    expected = [0.04, 0.52, *(1 - (1 - 4e-6) * np.arange(8) / 7), 4e-6, 4e-6]
    np.testing.assert_allclose(lr(np.arange(12)), expected, rtol=1e-6)


def test_the_cycle_of_optax():
    counts = np.arange(50)
    for steps, part in ((41, 0.3), (40, 0.57), (7, 0.1)):
        lr = jaxlr.onecycle_schedule(steps, 0.5, part, end_at="transition_steps")
        other = jaxlr.cosine_onecycle_schedule(steps, 0.5, part)
        np.testing.assert_allclose(lr(counts), other(counts), rtol=1e-6)


def test_three_phases():
    lr = jaxlr.onecycle_schedule(11, 1.0, 4 / 11, 10.0, 10.0, three_phase=True, curve="linear")
    np.testing.assert_allclose(lr(np.array([0, 3, 6, 8, 10, 11])), [0.1, 1, 0.1, 0.055, 0.01, 0.01])
    with pytest.raises(ValueError, match="`pct_start` must be at most 0.5"):
        jaxlr.onecycle_schedule(11, 1.0, 0.6, three_phase=True)


@pytest.mark.parametrize("end_at", ["last_update", "transition_steps"])
@pytest.mark.parametrize("pct_start", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 10])
def test_degenerate_phases_are_over(steps, pct_start, end_at):
    for three_phase in {False, pct_start <= 0.5}:
        lr = jaxlr.onecycle_schedule(
            steps, 1.0, pct_start, three_phase=three_phase, curve="linear", end_at=end_at
        )
        values = np.asarray(lr(np.arange(20)))
        assert np.all((values > 3.9e-6) & (values <= 1))
        np.testing.assert_allclose(values[steps:], 4e-6, rtol=1e-6)


def test_triangles_at_late_counts():
    lr = jaxlr.cyclic_schedule(0.0, 1.0, 2000, 1000)
    corner = LATE // 3000 * 3000
    np.testing.assert_allclose(
        lr(corner + np.array([-1000, -1, 0, 1, 500])), [1, 0.001, 0, 0.0005, 0.25], rtol=1e-6
    )


def test_triangles_shrink_by_cycle_or_by_count():
    halves = jaxlr.cyclic_schedule(0.1, 0.5, 2, 3, "triangular2")
    np.testing.assert_allclose(halves(np.array([2, 7, 12, 10])), [0.5, 0.3, 0.2, 0.1], rtol=1e-6)
    powers = jaxlr.cyclic_schedule(0.1, 0.5, 2, 3, "exp_range", 0.9)
    np.testing.assert_allclose(powers(7), 0.1 + 0.4 * 0.9**7, rtol=1e-6)
    np.testing.assert_allclose(powers(8), 0.1 + 0.4 * 0.9**8 * 2 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match="`gamma` has no effect in mode 'triangular'"):
        jaxlr.cyclic_schedule(0.1, 0.5, 2, gamma=0.9)


def test_a_triangle_may_fall_at_once():
    lr = jaxlr.cyclic_schedule(0.0, 1.0, 4, 0)
    np.testing.assert_array_equal(lr(np.arange(6)), [0, 0.25, 0.5, 0.75, 0, 0.25])


def test_the_cyclic_polynomial_of_keras():
    lr = jaxlr.cyclic_polynomial_schedule(1.0, 0.1, 1.0, 4)
    expected = [1, 0.775, 0.55, 0.325, 0.1, 0.4375, 0.325, 0.2125, 0.1, 0.325]
    np.testing.assert_allclose(lr(np.arange(10)), expected, rtol=1e-6)
    np.testing.assert_allclose(lr(np.array([2**30, 2**31 - 4])), 0.1, rtol=1e-7)


def test_a_hyperbola_for_the_longest_training_is_a_line():
    lr = jaxlr.hyperbolic_decay_schedule(0.3, 8, 0.1, 8)
    np.testing.assert_allclose(lr(np.arange(10)), np.linspace(0.3, 0.1, 9)[[*range(9), 8]], 1e-6)
    with pytest.raises(ValueError, match="`upper_bound` must be at least `decay_steps`"):
        jaxlr.hyperbolic_decay_schedule(0.3, 8, 0.1, 7)


@pytest.mark.parametrize(
    "lr",
    [
        jaxlr.geometric_schedule(0.1, 0.3, 0),
        jaxlr.transition_schedule(0.1, 0.3, 0, "cosine"),
        jaxlr.half_cosine_schedule(0.1, 0, 0.3),
        jaxlr.rex_schedule(0.1, 0, 0.3),
    ],
    ids=lambda lr: lr.family.name,
)
def test_a_transition_of_no_length_is_over(lr):
    np.testing.assert_allclose(lr(np.array([0, 1, LATE])), 0.3, rtol=1e-7)
