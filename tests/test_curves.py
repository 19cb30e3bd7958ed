"""The shapes of transitions: their formulas, their ends, and what they share with schedules."""

import copy
import pickle

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import jaxlr
from jaxlr import curves
from jaxlr.core.family import constructors
from jaxlr.exact import time

mpmath.mp.dps = 60
f = mpmath.mpf


def weight(shape):
    """A curve from its share of the start."""
    return lambda p, a, b: a * shape(p) + b * (1 - shape(p))


def half_cosine(p):
    return mpmath.sin(mpmath.pi * (1 - p) / 2) ** 2


def tanh(p):
    return (1 - mpmath.tanh(f(-2) * (1 - p) + f(3) * p)) / 2


CASES = {
    "linear": (curves.linear(), weight(lambda p: 1 - p)),
    "polynomial": (curves.polynomial(3.0), weight(lambda p: (1 - p) ** 3)),
    "polynomial_root": (curves.polynomial(0.5), weight(lambda p: mpmath.sqrt(1 - p))),
    "cosine": (curves.cosine(), weight(half_cosine)),
    "sine": (curves.sine(), weight(lambda p: 2 * mpmath.sin(mpmath.pi * (1 - p) / 4) ** 2)),
    "square": (curves.one_minus_power(), weight(lambda p: 1 - p**2)),
    "one_minus_power": (curves.one_minus_power(1.5), weight(lambda p: 1 - p ** f(1.5))),
    "one_minus_sqrt": (curves.one_minus_sqrt(), weight(lambda p: 1 - mpmath.sqrt(p))),
    "geometric": (curves.geometric(), lambda p, a, b: a ** (1 - p) * b**p),
    "normalized_exponential": (
        curves.normalized_exponential(0.1),
        weight(lambda p: (f(0.1) ** p - f(0.1)) / (1 - f(0.1))),
    ),
    "normalized_exponential_up": (
        curves.normalized_exponential(3.0),
        weight(lambda p: (f(3) ** p - 3) / (1 - 3)),
    ),
    "normalized_exponential_flat": (curves.normalized_exponential(1.0), weight(lambda p: 1 - p)),
    "mirror_cosine": (curves.mirror_cosine(), weight(lambda p: 2 * (1 - p) - half_cosine(p))),
    "tanh": (
        curves.tanh(-2.0, 3.0),
        weight(lambda p: (tanh(p) - tanh(f(1))) / (tanh(f(0)) - tanh(f(1)))),
    ),
    "rex": (curves.rex(0.9), weight(lambda p: (1 - p) / (f(0.1) + f(0.9) * (1 - p)))),
    "rex_late": (curves.rex(0.999), weight(lambda p: (1 - p) / (1 - f(0.999) * p))),
    "harmonic": (curves.harmonic(), lambda p, a, b: 1 / ((1 - p) / a + p / b)),
    "k_decay": (curves.k_decay(2.5), weight(lambda p: half_cosine(p ** f(2.5)))),
}

every_curve = pytest.mark.parametrize("curve", [c for c, _ in CASES.values()], ids=CASES)

STEPS = 1_000_003
COUNTS = np.unique(
    np.concatenate(
        [np.geomspace(1, STEPS, 300), STEPS - np.geomspace(1, STEPS, 300), [0, STEPS]]
    ).astype(np.int64)
)


def test_every_curve_has_a_case():
    every = constructors(curves.Curve).items()
    ours = {name for name, constructor in every if constructor.__module__ == "jaxlr.curves"}
    assert {curve.family.name for curve, _ in CASES.values()} == ours


@pytest.mark.parametrize(("curve", "formula"), CASES.values(), ids=CASES)
@pytest.mark.parametrize(("start", "end"), [(1.0, 0.01), (0.01, 1.0), (5e-4, 5e-7)])
def test_relative_error_is_below_a_millionth(curve, formula, start, end):
    values = curve(time.progress(COUNTS, STEPS), start, end)
    exact = [float(formula(f(int(c)) / STEPS, f(start), f(end))) for c in COUNTS]
    np.testing.assert_allclose(values, exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", [n for n in CASES if n not in ("geometric", "harmonic")])
def test_digits_are_kept_down_to_zero_and_up_from_it(name):
    curve, formula = CASES[name]
    fraction = time.progress(COUNTS[1:-1], STEPS)
    down = [float(formula(f(int(c)) / STEPS, f(1), f(0))) for c in COUNTS[1:-1]]
    up = [float(formula(f(int(c)) / STEPS, f(0), f(1))) for c in COUNTS[1:-1]]
    np.testing.assert_allclose(curve(fraction, 1.0, 0.0), down, rtol=2e-6, atol=0)
    np.testing.assert_allclose(curve(fraction, 0.0, 1.0), up, rtol=2e-6, atol=0)


@every_curve
@pytest.mark.parametrize("steps", [0, 1, 3, 1000, 2**31 - 1])
def test_ends_are_exact(curve, steps):
    first, last = time.progress(0, steps), time.progress(steps, steps)
    assert np.float32(curve(first, 0.3, 0.1)) == np.float32(0.3 if steps else 0.1)
    assert np.float32(curve(last, 0.3, 0.1)) == np.float32(0.1)


@every_curve
@pytest.mark.parametrize(("start", "end"), [(1.0, 0.1), (0.1, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_values_and_gradients_are_finite(curve, start, end):
    def value(curve, start, end, steps, count):
        return curve(time.progress(count, steps), start, end)

    floats = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), curve)
    gradient = jax.jit(jax.value_and_grad(value, argnums=(0, 1, 2, 3), allow_int=True))
    for count in (0, 1, 50, 99, 100, 200):
        got = gradient(floats, jnp.float32(start), jnp.float32(end), jnp.float32(100), count)
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(got)), (count, got)


@every_curve
def test_a_curve_is_data(curve):
    for other in (copy.deepcopy(curve), pickle.loads(pickle.dumps(curve))):
        assert other == curve
    assert curves.Curve.from_dict(curve.to_dict()) == curve
    leaves, structure = jax.tree.flatten(curve)
    assert jax.tree.unflatten(structure, [object()] * len(leaves)).family is curve.family
    assert curve.replace() == curve


def test_a_name_stands_for_a_curve_in_a_family():
    k_decay = curves.k_decay(2.0, shape="linear")
    assert k_decay == curves.k_decay(2.0, curves.linear())
    with pytest.raises(TypeError, match="`shape`.*'cosin'.*one_minus_sqrt"):
        curves.k_decay(2.0, "cosin")


def test_the_tanh_of_the_paper_leaves_a_rest():
    raw = curves.tanh(exact_ends=False)
    near = raw(time.progress(999_999, 1_000_000), 1.0, 0.0)
    np.testing.assert_allclose(near, (1 - np.tanh(3)) / 2, rtol=1e-3)


def test_a_users_curve_is_one():
    @curves.curve
    def staircase(fraction, start, end, stairs: jaxlr.core.Positive = 4):
        over = jnp.floor(fraction.elapsed * stairs) / stairs
        return start * (1 - over) + end * over

    curve = staircase(2)
    assert repr(curve) == "staircase(stairs=2)"
    values = curve(time.progress(np.arange(5), 4), 1.0, 0.0)
    np.testing.assert_allclose(values, [1, 1, 0.5, 0.5, 0])
