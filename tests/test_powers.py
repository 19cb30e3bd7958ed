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
from jaxlr.exact.powers import exp2m1, exponent_of, log1p, power, raised, root
from jaxlr.exact.time import Progress

X64 = jax.config.jax_enable_x64
RTOL = 1e-13 if X64 else 2e-7
DTYPE = float_dtype()
RNG = np.random.default_rng(0)
COMPILED = jax.jit(power)
ROWS = jax.jit(jax.vmap(power, in_axes=(None, 0)))
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


def of_the_host(exponents):
    """Exponents in two parts, stacked."""
    return Double(*map(jnp.stack, zip(*map(double, exponents), strict=True)))


def test_a_power_has_all_digits():
    bases = np.concatenate(list(BASES.values())).astype(DTYPE)
    exponents = np.asarray(EXPONENTS, DTYPE)
    expected = exact(bases, exponents[:, None])
    normal = (expected > 1.2e-38) & (expected < 1.7e38)
    general = ~np.isin(exponents, (1, 2, 3))[:, None]
    for values in map(np.asarray, (ROWS(bases, exponents), ROWS(bases, of_the_host(exponents)))):
        np.testing.assert_allclose(values[normal], expected[normal], rtol=RTOL)
        if not X64:
            np.testing.assert_array_equal(values[general & (expected < 5e-39)], 0.0)
            np.testing.assert_allclose(values[general & (expected > 1.8e38)], 2.0**127)


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


def test_an_exponent_of_the_host_has_more_digits_than_a_float():
    exponents = [-0.51, -0.7, 0.123456789, 1.0 / 3.0]
    bases = np.geomspace(1.0, 1e30, 500).astype(DTYPE)
    expected = exact(bases, np.asarray(exponents)[:, None])
    np.testing.assert_allclose(ROWS(bases, of_the_host(exponents)), expected, rtol=RTOL)
    closed = jax.jit(lambda bases: [power(bases, exponent) for exponent in exponents])(bases)
    np.testing.assert_allclose(closed, expected, rtol=RTOL)


def test_whole_exponents_are_products():
    bases = RNG.uniform(0.0, 10.0, 1000).astype(DTYPE)
    part = fractions(RNG.uniform(0.0, 1.0, 1000))
    left = np.asarray(part.remaining)
    terms = {1: 1.0, 2: left + 1, 3: (left + 1) * left + 1}
    traced = jax.jit(lambda part, bases, p: (raised(part, p), power(bases, p)))
    for whole, product in {1: bases, 2: bases * bases, 3: bases * (bases * bases)}.items():
        for exponent in (whole, float(whole), np.float32(whole), np.int64(whole)):
            assert exponent_of(exponent) == whole
        known = jax.jit(lambda part, bases, p=whole: (raised(part, p), power(bases, p)))
        values, powers = known(part, bases)
        np.testing.assert_array_max_ulp(np.asarray(powers), product, 1)
        np.testing.assert_array_equal(values.remaining, power(left, whole))
        np.testing.assert_allclose(values.elapsed, part.elapsed * terms[whole], rtol=2 * RTOL)
        also = traced(part, bases, jnp.asarray(whole, DTYPE))
        jax.tree.map(np.testing.assert_array_equal, (values, powers), also)


def test_any_other_exponent_has_two_parts():
    for exponent in (0.0, 4, -1, 1.5, np.array([1.0, 2.0]), jnp.asarray(2.0, DTYPE)):
        parts = exponent_of(exponent)
        assert isinstance(parts, Double)
        assert exponent_of(parts) is parts
        np.testing.assert_allclose(np.add(*parts), exponent)


def test_powers_are_total():
    most = np.finfo(np.float32).max
    bases = jnp.asarray([0.0, 1e-45, 1e-38, 0.5, 1.0, 1.5, most, np.inf], DTYPE)[:, None]
    exponents = jnp.asarray([0.0, 1e-37, 0.5, 1.0, 2.5, 1e5, 1e30, most], DTYPE)[None, :]
    bases, exponents = jnp.broadcast_arrays(bases, exponents)
    values = np.asarray(COMPILED(bases, exponents))
    assert not np.any(np.isnan(values))
    np.testing.assert_array_equal(values[:, 0], 1.0)  # 0 ** 0 too.
    np.testing.assert_array_equal(values[0, 1:], 0.0)
    np.testing.assert_array_equal(values[4], 1.0)
    np.testing.assert_array_equal(values[3, -3:], 0.0)
    falling = np.asarray(COMPILED(bases, -exponents))
    assert not np.any(np.isnan(falling))
    if not X64:
        general = exponents[0] != 1.0
        assert np.all(np.isfinite(values[:, general]))
        assert np.all(np.isfinite(falling))
    left = jnp.minimum(bases, 1.0)
    for part in BOTH(Progress(1.0 - left, left), exponents):
        assert np.all((part >= 0.0) & (part <= 1.0))


# The elapsed fraction.

BOTH = jax.jit(raised)
BOTH_ROWS = jax.jit(jax.vmap(raised, in_axes=(None, 0)))

ELAPSED = {
    "anywhere": RNG.uniform(0.0, 1.0, 500),
    "early": np.exp(RNG.uniform(-21.0, -1.0, 500)),
    "late": 1.0 - np.exp(RNG.uniform(-21.0, -1.0, 500)),
}


def test_both_fractions_have_all_digits():
    exponents = [0.02, 0.3, 0.5, 0.9, 1.0, 1.0000001, 1.7, 2.0, 3.0, 4.0]
    exponents = np.asarray(exponents, DTYPE)
    elapsed = np.concatenate(list(ELAPSED.values()))
    late = exact(1.0 - elapsed, exponents[:, None])
    logs = [mpmath.log1p(-mpmath.mpf(x)) for x in elapsed]
    early = [[float(-mpmath.expm1(float(p) * log)) for log in logs] for p in exponents]
    # Both fractions have been rounded; a power multiplies that by its exponent.
    rtol = 1e-10 if X64 else 2e-7 + np.maximum(1.0, exponents[:, None]) * 6e-8
    for one in (exponents, of_the_host(exponents)):
        values = BOTH_ROWS(fractions(elapsed), one)
        for mine, true in ((values.elapsed, early), (values.remaining, late)):
            assert np.all(np.abs(np.asarray(mine, np.float64) - true) <= rtol * np.asarray(true))


def test_the_ends_are_exact():
    exponents = [0.0, 1e-3, 0.5, 1.0, 1.5, 2.0, 40.0]
    ends = Progress(jnp.asarray([0.0, 1.0], DTYPE), jnp.asarray([1.0, 0.0], DTYPE))
    closed = jax.jit(lambda ends: [raised(ends, exponent) for exponent in exponents])(ends)
    traced = BOTH_ROWS(ends, jnp.asarray(exponents, DTYPE))
    for i, (exponent, values) in enumerate(zip(exponents, closed, strict=True)):
        at_end = float(exponent > 0.0)
        for early, late in (values, (traced.elapsed[i], traced.remaining[i])):
            np.testing.assert_array_equal(early, [0.0, at_end])
            np.testing.assert_array_equal(late, [1.0, 1.0 - at_end])


# Gradients.


def slopes(function, argument=0, order=1):
    """The derivatives of one order, at all bases (or fractions) and exponents."""
    for _ in range(order):
        function = jax.grad(function, argument)
    return jax.vmap(jax.vmap(function, in_axes=(0, None)), in_axes=(None, 0))


def elapsed_after(left, exponent):
    return raised(Progress(1.0 - left, left), exponent).elapsed


@jax.jit
def all_slopes(bases, exponents):
    """The first and the second derivatives by the base, then those by the exponent."""
    return [slopes(power, i, n)(bases, exponents) for i in (0, 1) for n in (1, 2)]


def test_derivatives_are_those_of_a_power():
    exponents = np.asarray([-2.0, -0.51, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 6.5], DTYPE)
    bases = np.concatenate([np.geomspace(1e-3, 1e3, 200), 1.0 + np.geomspace(1e-5, 1, 50)])
    bases = bases.astype(DTYPE)
    x, p = bases.astype(np.float64), exponents.astype(np.float64)[:, None]
    first, second, by_exponent, twice = all_slopes(bases, exponents)
    np.testing.assert_allclose(first, p * x ** (p - 1), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(second, p * (p - 1) * x ** (p - 2), rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(by_exponent, x**p * np.log(x), rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(twice, x**p * np.log(x) ** 2, rtol=1e-5, atol=1e-30)


def test_derivatives_of_both_fractions_are_opposite():
    exponents = np.asarray([0.3, 1.0, 1.5, 2.0, 6.5], DTYPE)
    elapsed = np.concatenate([np.geomspace(1e-6, 0.9, 100), RNG.uniform(0.0, 1.0, 100)])
    elapsed = elapsed.astype(DTYPE).astype(np.float64)
    left, p = 1.0 - elapsed, exponents.astype(np.float64)[:, None]

    def both(elapsed, exponent):
        return raised(Progress(elapsed, 1.0 - elapsed), exponent)

    slope = jax.vmap(jax.jacrev(both, (0, 1)), in_axes=(0, None))
    slope = jax.jit(jax.vmap(slope, in_axes=(None, 0)))
    early, late = slope(jnp.asarray(elapsed, DTYPE), exponents)
    np.testing.assert_allclose(early[0], p * left ** (p - 1), rtol=1e-5)
    np.testing.assert_allclose(early[1], -(left**p) * np.log1p(-elapsed), rtol=1e-5, atol=1e-30)
    for mine, other in zip(early, late, strict=True):
        np.testing.assert_array_equal(mine, -other)


def test_gradients_are_finite():
    exponents = jnp.asarray([0.0, 1e-3, 0.5, 1.0, 1.5, 2.0, 3.0, 50.0, -0.5, -3.0], DTYPE)
    bases = jnp.asarray([0.0, 1e-38, 1e-30, 5e-19, 0.5, 1.0, 1e19, 1e38], DTYPE)
    *by_base, by_exponent, twice = all_slopes(bases, exponents)
    assert np.all(np.isfinite(by_base))
    small = np.abs(exponents) < 2.0
    assert np.all(np.isfinite(by_exponent[small].sum(1)) & np.isfinite(twice[small].sum(1)))
    both = jax.jit(lambda x, p: [slopes(elapsed_after, 0, n)(x, p) for n in (1, 2)])
    assert np.all(np.isfinite(both(jnp.minimum(bases, 1.0), exponents[exponents >= 0.0])))
    assert jax.grad(power)(jnp.asarray(0.0, DTYPE), jnp.asarray(1.0, DTYPE)) == 1.0
    assert jax.grad(root)(0.0) == 0.0


def test_a_root_is_that_of_the_processor():
    x = np.concatenate([[0.0], np.geomspace(1e-30, 1e30, 1000)]).astype(DTYPE)
    np.testing.assert_array_max_ulp(np.asarray(root(x)), np.sqrt(x), 1)


# Inside JAX.


@pytest.mark.skipif(X64, reason="XLA has other powers for vectors than for scalars in float64")
def test_closed_batched_and_single_powers_are_the_same():
    exponents = np.asarray([0.5, 0.9, 1.3, 2.7, 7.7], DTYPE)
    bases = jnp.concatenate([jnp.asarray([0.0, 1.0], DTYPE), *fractions(RNG.uniform(0, 1, 500))])
    for function in (power, lambda x, p: raised(Progress(1.0 - x, x), p)):
        each = jax.jit(function)
        values = [each(bases, exponent) for exponent in exponents]
        closed = jax.jit(lambda x, f=function: [f(x, exponent) for exponent in exponents])(bases)
        jax.tree.map(np.testing.assert_array_equal, values, closed)
        together = jax.tree.map(lambda *rows: np.stack(rows), *values)
        rows = jax.jit(jax.vmap(function, in_axes=(None, 0)))(bases, exponents)
        jax.tree.map(np.testing.assert_array_equal, together, rows)
        one_by_one = jax.jit(jax.vmap(lambda p, f=function: jax.lax.map(lambda x: f(x, p), bases)))(
            exponents
        )
        jax.tree.map(np.testing.assert_array_max_ulp, *jax.device_get((together, one_by_one)))


def test_neither_a_call_nor_a_slow_function_is_in_a_power():
    """What compilers make no vector code of."""

    def both(part, exponent):
        return raised(part, exponent), power(part.remaining, exponent)

    text = str(jax.make_jaxpr(both)(fractions(np.zeros(3)), jnp.asarray(0.5, DTYPE)))
    calls = {"pow", "exp", "log", "expm1", "log1p", "pure_callback"}
    assert X64 or calls.isdisjoint(text.replace("[", " ").split())
