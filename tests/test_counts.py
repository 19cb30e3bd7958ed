"""Counts and periods that no integer type holds, or no count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr

pytestmark = pytest.mark.x64


def test_a_period_may_be_a_fraction_of_a_step():
    lr = jaxlr.exponential_decay(1.0, 2.5, 0.5, staircase=True)
    np.testing.assert_allclose(lr(np.arange(8)), 0.5 ** np.floor(np.arange(8) / 2.5), rtol=1e-6)


def test_counts_beyond_every_integer_type_are_taken_as_floats():
    lr = jaxlr.cosine_decay_schedule(1.0, 10**12)
    exact = np.sin(np.pi / 2 * 0.25) ** 2
    np.testing.assert_allclose(lr(750 * 10**9), exact, rtol=1e-6)
    np.testing.assert_allclose(lr(np.array([750 * 10**9])), [exact], rtol=1e-6)


@pytest.mark.parametrize("count", [2**31, 2**32 - 1])
def test_an_unsigned_count_does_not_wrap_around(count):
    lr = jaxlr.linear_schedule(1.0, 0.5, 10)
    assert lr(jnp.uint32(count)) == 0.5
    assert jax.jit(lr)(jnp.uint32(count)) == 0.5
