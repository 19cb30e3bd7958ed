"""The current rate, read from every kind of optimizer state."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlr

pytestmark = pytest.mark.promotes

LR = jaxlr.linear_schedule(1.0, 0.0, 10)
PARAMS = {"w": jnp.ones(2)}


def after(optimizer, updates):
    state = optimizer.init(PARAMS)
    for _ in range(updates):
        _, state = jax.jit(optimizer.update)(PARAMS, state, PARAMS)
    return state


@pytest.mark.parametrize(("updates", "rate"), [(0, 1.0), (1, 1.0), (2, 0.9), (5, 0.6)])
def test_the_value_is_the_one_that_the_last_update_used(updates, rate):
    injected = optax.inject_hyperparams(optax.adam)(LR)
    chained = optax.chain(optax.clip(1.0), optax.inject_hyperparams(optax.sgd)(LR))
    stepped = optax.MultiSteps(injected, 1)
    for optimizer in (injected, chained, stepped):
        value = jaxlr.current_value(after(optimizer, updates))
        np.testing.assert_allclose(value, rate, rtol=1e-6)
    plain = jaxlr.current_value(after(optax.adam(LR), updates), schedule=LR)
    np.testing.assert_allclose(plain, rate, rtol=1e-6)


def test_it_works_inside_a_trace():
    optimizer = optax.inject_hyperparams(optax.adam)(LR)
    assert jax.jit(jaxlr.current_value)(after(optimizer, 3)) == np.float32(0.8)


def test_it_reads_the_state_of_flax():
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.inject_hyperparams(optax.adam)(LR), wrt=nnx.Param)
    gradients = jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param))
    for _ in range(3):
        optimizer.update(model, gradients)
    np.testing.assert_allclose(jaxlr.current_value(optimizer.opt_state), 0.8, rtol=1e-6)


def test_other_hyperparameters_are_read_by_name():
    optimizer = optax.inject_hyperparams(optax.adamw, static_args="mask")(LR, weight_decay=LR)
    state = after(optimizer, 2)
    np.testing.assert_allclose(jaxlr.current_value(state, "weight_decay"), 0.9, rtol=1e-6)
    with pytest.raises(ValueError, match=r"`momentum`.*weight_decay"):
        jaxlr.current_value(state, "momentum")


def test_what_is_missing_or_ambiguous_is_said():
    with pytest.raises(ValueError, match=r"`schedule`.*inject_hyperparams"):
        jaxlr.current_value(after(optax.adam(LR), 1))
    with pytest.raises(ValueError, match="count of a schedule, got 0"):
        jaxlr.current_value(after(optax.adam(0.1), 1), schedule=LR)
    both = optax.chain(*[optax.inject_hyperparams(optax.sgd)(LR)] * 2)
    with pytest.raises(ValueError, match="got 2"):
        jaxlr.current_value(after(both, 1))
