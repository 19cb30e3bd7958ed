"""Powers against extended precision, at every base and exponent that a schedule may meet."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlr.core.numbers import float_dtype
from jaxlr.exact.doubles import Double, double
from jaxlr.exact.powers import exp2m1, log1p, power, raised, root
from jaxlr.exact.time import Progress

X64 = jax.config.jax_enable_x64
RTOL = 1e-13 if X64 else 2e-7
DTYPE = float_dtype()
RNG = np.random.default_rng(0)
COMPILED = jax.jit(power)
EXPONENTS = [
    -20.0,
    -3.7,
    -1.0,
    -0.51,
    1e-3,
    0.1,
    0.5,
    0.9,
    1.0,
    1.0000001,
    2.0,
    2.5,
    3.0,
    7.3,
    20.0,
]

BASES = {
    "small": np.exp(RNG.uniform(-87.0, 0.0, 500)),
    "large": np.exp(RNG.uniform(0.0, 88.0, 500)),
    "below 1": 1.0 - np.exp(RNG.uniform(-16.0, -0.1, 500)),
    "above 1": 1.0 + np.exp(RNG.uniform(-16.0, 1.0, 500)),
    "at the corners": np.ravel(
        [0.5**0.5, 1.0, 2.0**0.5, 2.0, 0.5] * np.arange(0.9999, 1.0001, 1e-5)[:, None]
    ),
}


def exact(base, exponent):
    """The power of numbers that are as they are in double precision."""
    base, exponent = np.broadcast_arrays(np.float64(base), np.float64(exponent))
    pairs = zip(base.flat, exponent.flat, strict=True)
    with mpmath.workdps(40):
        values = [float(min(mpmath.mpf(x) ** mpmath.mpf(p), mpmath.mpf(1e300))) for x, p in pairs]
    return np.reshape(values, base.shape)


def fractions(elapsed):
    """The fractions of a phase as :func:`progress` hands them out, each rounded once."""
    return Progress(jnp.asarray(elapsed, DTYPE), jnp.asarray(1.0 - elapsed, DTYPE))


@pytest.mark.parametrize("bases", BASES.values(), ids=BASES.keys())
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_power_has_all_digits(bases, exponent):
    bases, exponent = bases.astype(DTYPE), DTYPE(exponent)
    expected = exact(bases, exponent)
    normal = (expected > 1.2e-38) & (expected < 1.7e38)
    for values in (power(bases, exponent), COMPILED(bases, exponent)):  # Of the host, and not.
        np.testing.assert_allclose(values[normal], expected[normal], rtol=RTOL)
        if not X64 and exponent not in (1, 2, 3):
            np.testing.assert_array_equal(values[expected < 5e-39], 0.0)
            np.testing.assert_allclose(values[expected > 1.8e38], 2.0**127)


def exact_each(function, numbers):
    with mpmath.workdps(40):
        return [float(function(mpmath.mpf(float(x)))) for x in numbers]


SMALL_AND_LARGE = np.exp(np.linspace(-60.0, 21.0, 2000)).astype(DTYPE)


@pytest.mark.parametrize("function", [log1p, jax.jit(log1p)])
def test_a_logarithm_of_1_and_more_has_all_digits(function):
    values, slopes = jax.vmap(jax.value_and_grad(function))(jnp.asarray(SMALL_AND_LARGE))
    np.testing.assert_allclose(values, exact_each(mpmath.log1p, SMALL_AND_LARGE), rtol=1.25 * RTOL)
    np.testing.assert_allclose(slopes, 1.0 / (1.0 + SMALL_AND_LARGE), rtol=RTOL)
    assert function(jnp.zeros((), DTYPE)) == 0.0


@pytest.mark.parametrize("function", [exp2m1, jax.jit(exp2m1)])
def test_what_a_power_of_2_lacks_to_1_has_all_digits(function):
    x = -SMALL_AND_LARGE
    values, slopes = jax.vmap(jax.value_and_grad(function))(jnp.asarray(x))
    expected = exact_each(lambda x: mpmath.expm1(x * mpmath.log(2)), x)
    np.testing.assert_allclose(values, expected, rtol=RTOL)
    np.testing.assert_allclose(slopes, np.log(2.0) * 2.0 ** np.float64(x), rtol=1e-6, atol=1e-7)
    assert function(jnp.zeros((), DTYPE)) == 0.0


@settings(deadline=None, max_examples=300)
@given(
    base=st.floats(2.0**-126, 2.0**127, width=32),
    exponent=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)
def test_any_power_has_all_digits(base, exponent):
    expected = exact(base, exponent)
    if 1.2e-38 < expected < 1.7e38:
        value = COMPILED(DTYPE(base), DTYPE(exponent))
        # Long exponents of a base near 1 multiply what its logarithm lacks of 30 binary digits.
        np.testing.assert_allclose(value, expected, rtol=2 * RTOL)


@pytest.mark.parametrize("exponent", [-0.51, -0.7, 0.123456789, 1.0 / 3.0])
def test_an_exponent_of_the_host_has_more_digits_than_a_float(exponent):
    bases = np.geomspace(1.0, 1e30, 500).astype(DTYPE)
    expected = exact(bases, exponent)
    np.testing.assert_allclose(power(bases, exponent), expected, rtol=RTOL)
    parts = Double(*map(jnp.asarray, double(exponent)))
    np.testing.assert_allclose(jax.jit(power)(bases, parts), expected, rtol=RTOL)


def test_whole_exponents_are_products():
    bases = RNG.uniform(0.0, 10.0, 1000).astype(DTYPE)
    part = fractions(RNG.uniform(0.0, 1.0, 1000))
    left = np.asarray(part.remaining)
    terms = {1: 1.0, 2: left + 1, 3: (left + 1) * left + 1}
    for whole, product in {1: bases, 2: bases * bases, 3: bases * (bases * bases)}.items():
        for exponent in (whole, float(whole), jnp.asarray(whole, DTYPE)):
            np.testing.assert_array_max_ulp(np.asarray(power(bases, exponent)), product, 1)
            np.testing.assert_array_equal(power(bases, exponent), power(bases, whole))
            values = raised(part, exponent)
            np.testing.assert_array_equal(values.remaining, power(left, whole))
            np.testing.assert_allclose(values.elapsed, part.elapsed * terms[whole], rtol=2 * RTOL)


def test_powers_are_total():
    most = np.finfo(np.float32).max
    bases = jnp.asarray([0.0, 1e-45, 1e-38, 0.5, 1.0, 1.5, most, np.inf], DTYPE)[:, None]
    exponents = jnp.asarray([0.0, 1e-37, 0.5, 1.0, 2.5, 1e5, 1e30, most], DTYPE)[None, :]
    bases, exponents = jnp.broadcast_arrays(bases, exponents)
    values = np.asarray(power(bases, exponents))
    assert not np.any(np.isnan(values))
    np.testing.assert_array_equal(values[:, 0], 1.0)  # 0 ** 0 too.
    np.testing.assert_array_equal(values[0, 1:], 0.0)
    np.testing.assert_array_equal(values[4], 1.0)
    np.testing.assert_array_equal(values[3, -3:], 0.0)
    falling = np.asarray(power(bases, -exponents))
    assert not np.any(np.isnan(falling))
    if not X64:
        general = exponents[0] != 1.0
        assert np.all(np.isfinite(values[:, general]))
        assert np.all(np.isfinite(falling))
    for part in raised(Progress(1.0 - jnp.minimum(bases, 1.0), jnp.minimum(bases, 1.0)), exponents):
        assert np.all((part >= 0.0) & (part <= 1.0))


# The elapsed fraction.

ELAPSED = {
    "anywhere": RNG.uniform(0.0, 1.0, 500),
    "early": np.exp(RNG.uniform(-21.0, -1.0, 500)),
    "late": 1.0 - np.exp(RNG.uniform(-21.0, -1.0, 500)),
}


@pytest.mark.parametrize("elapsed", ELAPSED.values(), ids=ELAPSED.keys())
@pytest.mark.parametrize("exponent", [0.02, 0.3, 0.5, 0.9, 1.0, 1.0000001, 1.7, 2.0, 3.0, 4.0])
def test_both_fractions_have_all_digits(elapsed, exponent):
    exponent = float(DTYPE(exponent))
    late = exact(1.0 - elapsed, exponent)
    early = [float(-mpmath.expm1(exponent * mpmath.log1p(-mpmath.mpf(x)))) for x in elapsed]
    values = raised(fractions(elapsed), jnp.asarray(exponent, DTYPE))
    # Both fractions have been rounded; a power multiplies that by its exponent.
    rtol = 1e-13 * (1000 if X64 else 1) if X64 else 2e-7 + max(1.0, exponent) * 6e-8
    np.testing.assert_allclose(values.elapsed, early, rtol=rtol)
    np.testing.assert_allclose(values.remaining, late, rtol=rtol)


@pytest.mark.parametrize("exponent", [0.0, 1e-3, 0.5, 1.0, 1.5, 2.0, 40.0])
def test_the_ends_are_exact(exponent):
    ends = Progress(jnp.asarray([0.0, 1.0], DTYPE), jnp.asarray([1.0, 0.0], DTYPE))
    for one in (exponent, jnp.asarray(exponent, DTYPE)):
        values = raised(ends, one)
        at_end = float(exponent > 0.0)
        np.testing.assert_array_equal(values.elapsed, [0.0, at_end])
        np.testing.assert_array_equal(values.remaining, [1.0, 1.0 - at_end])


# Gradients.


def slopes(function, order=1):
    for _ in range(order):
        function = jax.grad(function)
    return jax.jit(jax.vmap(function, in_axes=(0, None)))


@pytest.mark.parametrize("exponent", [-2.0, -0.51, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 6.5])
def test_derivatives_are_those_of_a_power(exponent):
    bases = np.concatenate([np.geomspace(1e-3, 1e3, 200), 1.0 + np.geomspace(1e-5, 1, 50)])
    bases = bases.astype(DTYPE)
    x, p = bases.astype(np.float64), np.float64(DTYPE(exponent))
    one = jnp.asarray(exponent, DTYPE)
    first, second = slopes(power)(bases, one), slopes(power, 2)(bases, one)
    np.testing.assert_allclose(first, p * x ** (p - 1), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(second, p * (p - 1) * x ** (p - 2), rtol=1e-6, atol=1e-30)
    by_exponent = jax.jit(jax.vmap(jax.grad(power, 1), in_axes=(0, None)))(bases, one)
    np.testing.assert_allclose(by_exponent, x**p * np.log(x), rtol=1e-5, atol=1e-30)
    twice = jax.grad(jax.grad(lambda p: jnp.sum(power(bases, p))))(one)
    np.testing.assert_allclose(twice, np.sum(x**p * np.log(x) ** 2), rtol=1e-5)


@pytest.mark.parametrize("exponent", [0.3, 1.0, 1.5, 2.0, 6.5])
def test_derivatives_of_both_fractions_are_opposite(exponent):
    elapsed = np.concatenate([np.geomspace(1e-6, 0.9, 100), RNG.uniform(0.0, 1.0, 100)])
    left, p = 1.0 - elapsed, float(DTYPE(exponent))

    def both(elapsed, exponent):
        return raised(Progress(elapsed, 1.0 - elapsed), exponent)

    slopes = jax.jit(jax.vmap(jax.jacrev(both, (0, 1)), in_axes=(0, None)))
    early, late = slopes(jnp.asarray(elapsed, DTYPE), jnp.asarray(exponent, DTYPE))
    np.testing.assert_allclose(early[0], p * left ** (p - 1), rtol=1e-5)
    np.testing.assert_allclose(early[1], -(left**p) * np.log1p(-elapsed), rtol=1e-5, atol=1e-30)
    for mine, other in zip(early, late, strict=True):
        np.testing.assert_array_equal(mine, -other)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_are_finite(order):
    bases = jnp.asarray([0.0, 1e-38, 1e-30, 5e-19, 0.5, 1.0, 1e19, 1e38], DTYPE)
    for exponent in (0.0, 1e-3, 0.5, 1.0, 1.5, 2.0, 3.0, 50.0, -0.5, -3.0):
        one = jnp.asarray(exponent, DTYPE)
        assert np.all(np.isfinite(slopes(power, order)(bases, one)))
        by_exponent = jax.grad(lambda p: jnp.sum(power(bases, p)))
        if order == 2:
            by_exponent = jax.grad(by_exponent)
        if abs(exponent) < 2.0:
            assert np.isfinite(by_exponent(one))
        if exponent < 0.0:
            continue
        left = jnp.minimum(bases, 1.0)

        def elapsed(left, exponent):
            return raised(Progress(1.0 - left, left), exponent).elapsed

        assert np.all(np.isfinite(slopes(elapsed, order)(left, one)))
    assert jax.grad(power)(jnp.asarray(0.0, DTYPE), jnp.asarray(1.0, DTYPE)) == 1.0
    assert jax.grad(root)(0.0) == 0.0


def test_a_root_is_that_of_the_processor():
    x = np.concatenate([[0.0], np.geomspace(1e-30, 1e30, 1000)]).astype(DTYPE)
    np.testing.assert_array_max_ulp(np.asarray(root(x)), np.sqrt(x), 1)


# Inside JAX.


@pytest.mark.skipif(X64, reason="XLA has other powers for vectors than for scalars in float64")
@pytest.mark.parametrize("exponent", [0.5, 0.9, 1.3, 2.7, 7.7])
def test_closed_batched_and_single_powers_are_the_same(exponent):
    bases = jnp.concatenate([jnp.asarray([0.0, 1.0], DTYPE), *fractions(RNG.uniform(0, 1, 500))])
    one = jnp.asarray(exponent, DTYPE)
    for function in (power, lambda x, p: raised(Progress(1.0 - x, x), p)):
        values = jax.jit(function)(bases, one)
        closed = jax.jit(lambda x, function=function: function(x, DTYPE(exponent)))(bases)
        rows = jax.jit(jax.vmap(function, in_axes=(None, 0)))(bases, jnp.stack([one + 1, one]))
        singles = jax.lax.map(lambda x, function=function: function(x, one), bases)
        jax.tree.map(np.testing.assert_array_equal, values, closed)
        jax.tree.map(lambda mine, row: np.testing.assert_array_equal(mine, row[1]), values, rows)
        jax.tree.map(np.testing.assert_array_max_ulp, *jax.device_get((values, singles)))


def test_neither_a_call_nor_a_slow_function_is_in_a_power():
    """What compilers make no vector code of."""

    def both(part, exponent):
        return raised(part, exponent), power(part.remaining, exponent)

    text = str(jax.make_jaxpr(both)(fractions(np.zeros(3)), jnp.asarray(0.5, DTYPE)))
    calls = {"pow", "exp", "log", "expm1", "log1p", "pure_callback"}
    assert X64 or calls.isdisjoint(text.replace("[", " ").split())
