"""What a rule that listens to the loss costs in a training step, beside none and optax's."""

import jax
import jax.numpy as jnp
import optax
from timing import compare

import jaxlr

STEPS = 20_000
TRAPEZOID = (0.0, 1e-3, 500, 15_000, 4_500)
RULE = {"factor": 0.5, "patience": 100, "cooldown": 50}


def training(optimizer):
    """A step that does next to nothing but compute a loss, whoever listens to it."""
    optimizer = optax.with_extra_args_support(optimizer)

    @jax.jit
    def train(w):
        def step(carry, _):
            w, state = carry
            loss = jnp.sum(w * w)
            updates, state = optimizer.update(2 * w, state, w, value=loss)
            return (optax.apply_updates(w, updates), state), loss

        (w, _), losses = jax.lax.scan(step, (w, optimizer.init(w)), length=STEPS)
        return w, losses

    w = jnp.ones(1000)
    return lambda: jax.block_until_ready(train(w))


def sgd(rate):
    return optax.inject_hyperparams(optax.sgd)(learning_rate=rate)


if __name__ == "__main__":
    trapezoid = jaxlr.warmup_stable_decay_schedule(*TRAPEZOID)
    theirs = optax.contrib.reduce_on_plateau(**RULE)
    print(f"{STEPS} steps of sgd on 1000 numbers and their loss")
    compare(
        {
            "jaxlr: warm-up, plateau rule, cooldown": training(
                sgd(jaxlr.reduce_on_plateau(trapezoid, **RULE))
            ),
            "jaxlr: the rule alone": training(sgd(jaxlr.reduce_on_plateau(1e-3, **RULE))),
            "jaxlr: greedy": training(sgd(jaxlr.greedy(1e-3, 1e-5, 1e-1))),
            "jaxlr: the warm-up and cooldown alone": training(sgd(trapezoid)),
            "optax: warm-up and cooldown, then its rule": training(
                optax.chain(sgd(trapezoid), theirs)
            ),
            "optax: sgd(1e-3), then its rule": training(optax.chain(optax.sgd(1e-3), theirs)),
            "a constant rate in the state": training(sgd(1e-3)),
            "a constant rate, compiled in": training(optax.sgd(1e-3)),
        }
    )
