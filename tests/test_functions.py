"""Plain functions in schedules: they may close over tracers, and nothing keeps them alive."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlr

CONSTRUCTS = {
    "wrap": jaxlr.wrap,
    "with_warmup": lambda f: jaxlr.with_warmup(f, 3),
    "join_schedules": lambda f: jaxlr.join_schedules([f, jaxlr.constant_schedule(0.1)], [5]),
    "multiply_schedules": lambda f: jaxlr.multiply_schedules([f, 0.5]),
    "per_epoch": lambda f: jaxlr.per_epoch(f, 2),
    "stack": lambda f: jaxlr.stack([jaxlr.wrap(f), jaxlr.constant_schedule(0.1)]),
}

every_construct = pytest.mark.parametrize("make", CONSTRUCTS.values(), ids=CONSTRUCTS.keys())


@every_construct
def test_nothing_keeps_a_function_alive(make):
    def decay(count):
        return jnp.exp2(-jnp.asarray(count, jnp.float32))

    known = weakref.ref(decay)
    lr = make(decay)
    values = np.asarray(lr(jnp.arange(4)))
    compiled = jax.jit(lambda counts, lr=lr: lr(counts))(jnp.arange(4))
    np.testing.assert_allclose(compiled, values, rtol=1e-6)
    del decay, lr
    gc.collect()
    assert known() is None


def test_nothing_keeps_a_function_under_a_plateau_alive():
    def decay(count):
        return jnp.exp2(-jnp.asarray(count, jnp.float32))

    known = weakref.ref(decay)
    lr = jaxlr.reduce_on_plateau(decay, 0.5, 1)
    state = lr.update(lr.init(), value=1.0)
    assert lr(state, value=2.0) == 0.25
    del decay, lr
    gc.collect()
    assert known() is None


@pytest.mark.promotes
@every_construct
def test_a_function_may_close_over_a_tracer(make):
    with jax.checking_leaks():
        values = jax.jit(lambda peak: make(optax.cosine_decay_schedule(peak, 10))(4))(0.1)
    expected = make(optax.cosine_decay_schedule(0.1, 10))(4)
    np.testing.assert_allclose(values, expected, rtol=1e-6)
