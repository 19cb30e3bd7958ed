"""What a schedule costs in a training step, beside a constant rate and beside optax's."""

import jax
import jax.numpy as jnp
import optax
from timing import compare

import jaxlr

STEPS = 20_000


def training(rate):
    """The smallest step there is, so that the schedule is as large a part of it as can be."""
    optimizer = optax.sgd(rate)

    @jax.jit
    def train(w):
        def step(carry, _):
            w, state = carry
            updates, state = optimizer.update(2 * w, state)
            return (optax.apply_updates(w, updates), state), None

        return jax.lax.scan(step, (w, optimizer.init(w)), length=STEPS)[0][0]

    w = jnp.ones(1000)
    return lambda: jax.block_until_ready(train(w))


CYCLES = [
    {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 100, "decay_steps": 2000}
    for _ in range(10)
]
FAMILIES = {
    "linear_schedule": (1e-3, 0.0, STEPS),
    "cosine_decay_schedule": (1e-3, STEPS),
    "warmup_cosine_decay_schedule": (0.0, 1e-3, 100, STEPS),
    "exponential_decay": (1e-3, 1000, 0.96),
    "piecewise_constant_schedule": (1e-3, {200 * i: 0.97 for i in range(1, 100)}),
    "sgdr_schedule": (CYCLES,),
}

if __name__ == "__main__":
    for family, arguments in FAMILIES.items():
        print(f"{STEPS} steps of sgd on 1000 numbers under {family}")
        compare(
            {
                "jaxlr": training(getattr(jaxlr, family)(*arguments)),
                "optax": training(getattr(optax, family)(*arguments)),
                "a constant rate": training(1e-3),
            }
        )
