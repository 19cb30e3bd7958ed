"""How fast many schedules are evaluated, beside filling the same memory and beside optax.

Each result takes the memory of the one before, as the fill does, so that no fresh memory has to be
found. optax can be batched in some parameters only; it gets those, and the first value of the rest.
"""

import argparse

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from timing import compare

import jaxlr
from jaxlr.search import random_schedules
from jaxlr.search.defaults import DEFAULT_SPACES

RNG = np.random.default_rng(0)


def floats(low, high, k):
    return RNG.uniform(low, high, k)


def steps(low, high, k):
    return RNG.integers(low, high, k)


def linear(k):
    return jaxlr.batches.zipped(
        jaxlr.linear_schedule,
        init_value=floats(0.1, 1.0, k),
        end_value=floats(0.0, 0.1, k),
        transition_steps=steps(100, 9000, k),
        transition_begin=steps(0, 500, k),
    )


def cosine(k):
    return jaxlr.batches.zipped(
        jaxlr.cosine_decay_schedule,
        init_value=floats(0.1, 1.0, k),
        decay_steps=steps(100, 9000, k),
        alpha=floats(0.0, 0.1, k),
        exponent=np.ones(k),
    )


def exponential(k):
    return jaxlr.batches.zipped(
        jaxlr.exponential_decay,
        init_value=floats(0.1, 1.0, k),
        transition_steps=steps(100, 9000, k),
        decay_rate=floats(0.1, 0.99, k),
        transition_begin=steps(0, 500, k),
    )


def warmup_cosine(k, exponents=None):
    return jaxlr.batches.zipped(
        jaxlr.warmup_cosine_decay_schedule,
        init_value=floats(0.0, 0.1, k),
        peak_value=floats(0.1, 1.0, k),
        warmup_steps=steps(10, 100, k),
        decay_steps=steps(1000, 9000, k),
        end_value=floats(0.0, 0.01, k),
        exponent=np.ones(k) if exponents is None else exponents,
    )


def warmup_cosine_powers(k):
    return warmup_cosine(k, floats(0.5, 3.0, k))


def staircase(k):
    return jaxlr.batches.zipped(
        jaxlr.step_decay,
        init_value=floats(0.1, 1.0, k),
        step_size=steps(100, 3000, k),
        decay_rate=floats(0.1, 0.9, k),
    )


def restarts(shortest, longest):
    def batch(k):
        return jaxlr.batches.zipped(
            jaxlr.cosine_restarts_schedule,
            init_value=floats(0.1, 1.0, k),
            first_decay_steps=steps(shortest, longest, k),
            t_mul=floats(1.0, 2.0, k),
            m_mul=floats(0.5, 1.0, k),
        )

    return batch


def piecewise(boundaries):
    def batch(k):
        counts = np.sort(RNG.integers(0, 10_000, (k, boundaries)))
        scales = RNG.uniform(0.9, 1.0, (k, boundaries))
        return jaxlr.batches.zipped(
            jaxlr.piecewise_constant_schedule,
            init_value=floats(0.1, 1.0, k),
            boundaries_and_scales=list(zip(counts, scales, strict=True)),
        )

    return batch


def mixed(k):
    """All families that there are, as random schedules have them."""
    return random_schedules(
        jax.random.key(0), k, total_steps=10_000, peak=1.0, families=list(DEFAULT_SPACES)
    )


def in_optax(lr, parameter):
    """Optax's schedules of one family, of which one parameter is batched, as a function."""
    family = getattr(optax, lr.family.name)
    rest = {name: value for name, value in lr.params.items() if name != parameter}
    return lambda values, counts: jax.vmap(
        lambda value: jax.vmap(family(**rest, **{parameter: value}))(counts)
    )(values)


KINDS = {
    "linear": (linear, "init_value"),
    "cosine": (cosine, "init_value"),
    "exponential": (exponential, "init_value"),
    "warm-up cosine": (warmup_cosine, "init_value"),
    "warm-up cosine, exponents 0.5 to 3": (warmup_cosine_powers, "init_value"),
    "stairs": (staircase, None),
    "10 boundaries": (piecewise(10), None),
    "100 boundaries": (piecewise(100), None),
    "1,000 boundaries": (piecewise(1000), None),
    "cosine restarts": (restarts(100, 1000), None),
    "short cosine restarts": (restarts(10, 100), None),
    "all families": (mixed, None),
}


def into_its_memory(function, *arguments):
    """A contestant whose result takes the memory of its last one."""
    state = [function(None, *arguments)]

    def again():
        state[0] = jax.block_until_ready(function(state[0], *arguments))

    return again


def show(name, k, t, rounds):
    kind, parameter = KINDS[name]
    batch, counts = kind(k), jnp.arange(t)
    print(f"{name}, {k:,} schedules at {t:,} counts")
    contestants = {
        "jaxlr": into_its_memory(lambda out: jaxlr.evaluate(batch, counts, out=out)),
    }
    if parameter is not None:
        optaxs = in_optax(batch[0], parameter)
        values = jnp.asarray(batch.table[parameter], jnp.float32)
        call = jax.jit(
            lambda out, values: optaxs(values, counts), donate_argnums=0, keep_unused=True
        )
        contestants[f"optax, batched in {parameter} alone"] = into_its_memory(call, values)
    spread = NamedSharding(Mesh(np.asarray(jax.devices()), ("batch",)), PartitionSpec("batch"))
    fill = jax.jit(
        lambda out, x: jnp.full((k, t), x),
        donate_argnums=0,
        keep_unused=True,
        out_shardings=spread,
    )
    contestants["filling the memory"] = into_its_memory(fill, jnp.float32(1.0))
    medians = compare(contestants, rounds)
    print(f"  jaxlr at {1 / medians['jaxlr']:.2f} of the speed of memory\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), help="which families")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--largest", action="store_true", help="only 10,000 at 10,000")
    parser.add_argument("--devices", type=int, default=1, help="as how many a processor counts")
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", options.devices)
    for name in options.kinds:
        show(name, 10_000, 10_000, options.rounds)
    if not options.largest:
        for name in ("linear", "exponential", "warm-up cosine"):
            for k, t in ((1, 10**7), (10**5, 100), (10**6, 10), (10**3, 10**3)):
                show(name, k, t, options.rounds)
        print("How the cost grows, warm-up cosine: schedules, then counts")
        for k in (100, 1000, 10_000):
            show("warm-up cosine", k, 1000, options.rounds)
        for t in (100, 1000, 10_000):
            show("warm-up cosine", 1000, t, options.rounds)
