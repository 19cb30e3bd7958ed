"""Many runs at once, beside one after another.

* naive: a new closure of optax as schedule and a new jitted step for each run, as a script does
  that loops over candidates;
* loop: one compiled step for all runs, the rate an argument, called from Python;
* fit: :func:`jaxlr.train.fit` for each schedule, an epoch being one compiled call;
* plain: as the loop, with the model made of ``nnx.Conv`` and ``nnx.max_pool`` as they are;
* sweep: :func:`jaxlr.train.sweep`, compiled before.

All train with Adam under cosine schedules on random data, which none of them looks at. For several
CPU devices set ``XLA_FLAGS=--xla_force_host_platform_device_count=2``; without, the case that wants
two devices starts a process that has them.
"""

import argparse
import functools
import itertools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from timing import compare

import jaxlr
from jaxlr.train import MODELS, classification, fit, sweep


def problem(name, hidden=None, shape=(28, 28, 1), batches=8, batch_size=128):
    rng = np.random.default_rng(0)
    examples = batches * batch_size
    data = rng.random((examples, *shape), np.float32), rng.integers(0, 10, examples, np.int32)
    options = {} if hidden is None else {"hidden": hidden}
    task = classification(MODELS[name], input_shape=shape, **options)
    return task, jax.device_put(data), batch_size


def peaks(runs):
    return np.geomspace(1e-5, 1e-2, runs).tolist()


def swept(task, data, batch_size, runs, epochs=1, **kwargs):
    """A call that sweeps, under new numbers each time."""
    steps = epochs * (len(data[0]) // batch_size)
    scales = itertools.count(1)

    def run():
        scale = 1 + 1e-3 * next(scales)
        batch = jaxlr.grid(
            jaxlr.cosine_decay_schedule,
            init_value=[scale * peak for peak in peaks(runs)],
            decay_steps=steps,
        )
        settings = {"epochs": epochs, "batch_size": batch_size, "progress": False} | kwargs
        return sweep(batch, task.init, task.loss, data, **settings)

    return run


def fitted(task, data, batch_size, runs, epochs=1):
    """A call that fits one after another."""

    def run():
        for peak in peaks(runs):
            lr = jaxlr.cosine_decay_schedule(peak, epochs * (len(data[0]) // batch_size))
            fit(
                lr, task.init, task.loss, data, epochs=epochs, batch_size=batch_size, progress=False
            )

    return run


def step_of(loss, optimizer):
    def step(params, state, data, indices, *rate):
        batch = jax.tree.map(lambda x: x[indices], data)
        (value, _), gradient = jax.value_and_grad(loss, has_aux=True)(params, batch)
        if rate:
            state.hyperparams["learning_rate"] = rate[0]
        changes, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, changes), state, value

    return jax.jit(step, donate_argnums=(0, 1))


def orders(data, batch_size):
    order = jax.random.permutation(jax.random.key(0), len(data[0]))
    return jnp.asarray(order[: len(order) // batch_size * batch_size]).reshape(-1, batch_size)


def naive(task, data, batch_size, runs):
    """A call that makes a schedule and compiles a step for each run."""

    def run():
        batches = orders(data, batch_size)
        for peak in peaks(runs):
            optimizer = optax.adam(optax.cosine_decay_schedule(peak, len(batches)))
            params = task.init(jax.random.key(0))
            state, step = optimizer.init(params), step_of(task.loss, optimizer)
            for indices in batches:
                params, state, value = step(params, state, data, indices)
            float(value)

    return run


def looped(task, data, batch_size, runs):
    """A call that goes through runs and steps with one compiled step."""
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=0.0)
    step, init = step_of(task.loss, optimizer), jax.jit(task.init)
    start = jax.jit(optimizer.init)

    def run():
        batches = orders(data, batch_size)
        for peak in peaks(runs):
            params = init(jax.random.key(0))
            state = start(params)
            rates = np.asarray(
                jaxlr.cosine_decay_schedule(peak, len(batches))(np.arange(len(batches)))
            )
            for indices, rate in zip(batches, rates, strict=True):
                params, state, value = step(params, state, data, indices, rate)
            float(value)

    return run


def plain_cnn():
    """The layers of the fast CNN as Flax has them."""
    from training_epoch import plain_model

    return classification(functools.partial(plain_model, "fast-cnn"))


def against_naive(rounds):
    print("32 runs of 32 steps, the MLP in batches of 128: closures that compile anew")
    job = problem("mlp", batches=32)
    compare({"sweep": swept(*job, 32), "naive": naive(*job, 32)}, rounds)


def tiny(rounds):
    print("128 runs of 256 steps, 64-32-10 in batches of 32")
    job = problem("mlp", (32,), (64,), batches=256, batch_size=32)
    contestants = {
        f"sweep, {width} side by side": swept(*job, 128, runs_per_batch=width) for width in (1, 64)
    }
    compare({**contestants, "fit": fitted(*job, 128), "loop": looped(*job, 128)}, rounds)


def mlp(rounds):
    print(f"128 runs of 8 steps, the MLP in batches of 128, {jax.device_count()} devices")
    job = problem("mlp")
    compare(
        {"sweep": swept(*job, 128), "fit": fitted(*job, 128), "loop": looped(*job, 128)}, rounds
    )


def cnn(rounds):
    print("8 runs of 6 steps, the fast CNN in batches of 64")
    task, data, batch_size = problem("fast-cnn", batches=6, batch_size=64)
    compare(
        {
            "sweep": swept(task, data, batch_size, 8),
            "fit": fitted(task, data, batch_size, 8),
            "plain": looped(plain_cnn(), data, batch_size, 8),
        },
        rounds,
    )


def halving(rounds):
    print("32 runs of 16 epochs, halved to 16, 8 and 4 after the epochs 2, 4 and 6: the MLP")
    job = problem("mlp", batches=10)
    keep = {2: 16, 4: 8, 6: 4}
    compare(
        {"halving": swept(*job, 32, 16, keep=keep), "all to the end": swept(*job, 32, 16)}, rounds
    )


CASES = {"naive": against_naive, "tiny": tiny, "mlp": mlp, "cnn": cnn, "halving": halving}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for name in [options.case] if options.case else CASES:
        if name == "mlp" and options.case is None and jax.default_backend() == "cpu":
            flags = "--xla_force_host_platform_device_count=2"
            arguments = [sys.executable, __file__, "--case", name, "--rounds", str(options.rounds)]
            subprocess.run(arguments, env=os.environ | {"XLA_FLAGS": flags}, check=True)
        else:
            CASES[name](options.rounds)
