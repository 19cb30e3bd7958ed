"""Another value in a schedule compiles nothing; a closure of optax is another program."""

import jax
import jax.numpy as jnp
import optax
from timing import compare

import jaxlr

PARAMS = [jnp.ones((128, 128)) for _ in range(4)]
X = jnp.ones((32, 128))


def loss(params):
    x = X
    for w in params:
        x = jnp.tanh(x @ w)
    return jnp.mean(x**2)


def train(optimizer, params):
    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, optimizer.init(params)), length=10)[0][0]


@jax.jit
def train_under(schedule, params):
    return train(optax.adam(schedule), params)


peaks = iter(range(1, 10_000))


def jaxlr_change():
    schedule = jaxlr.warmup_cosine_decay_schedule(0.0, next(peaks) * 1e-5, 3, 10)
    jax.block_until_ready(train_under(schedule.as_arrays(), PARAMS))


def optax_change():
    schedule = optax.warmup_cosine_decay_schedule(0.0, next(peaks) * 1e-5, 3, 10)
    jax.block_until_ready(jax.jit(lambda params: train(optax.adam(schedule), params))(PARAMS))


if __name__ == "__main__":
    print("ten steps of a small network under a new schedule")
    compare({"optax: a new closure": optax_change, "jaxlr: an argument": jaxlr_change})
