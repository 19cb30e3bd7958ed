"""Lists of values, of milestones and of knots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr

LATE = 2**31 - 1


def close(lr, counts, expected, rtol=1e-6):
    values = np.asarray(lr(np.asarray(counts)), np.float64)
    np.testing.assert_allclose(values, expected, rtol=rtol, atol=0)


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
