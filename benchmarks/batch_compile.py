"""How long it takes to get the curves of a grid of schedules for the first time, beside optax.

In optax a length is not traceable, so a grid over (warm-up, decay length, peak) is one program with
each schedule unrolled in it, or one program for each schedule.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxlr

COUNTS = jnp.arange(1000)
PEAKS, WARMUPS, LENGTHS = np.geomspace(1e-4, 1e-2, 10), range(10, 60, 10), range(500, 1500, 100)


def of_jaxlr(peaks):
    batch = jaxlr.grid(
        jaxlr.warmup_cosine_decay_schedule,
        init_value=0.0,
        peak_value=peaks,
        warmup_steps=WARMUPS,
        decay_steps=LENGTHS,
    )
    return batch(COUNTS)


def of_optax(peaks):
    return [
        optax.warmup_cosine_decay_schedule(0.0, peak, warmup, length)
        for peak in peaks
        for warmup in WARMUPS
        for length in LENGTHS
    ]


def unrolled(peaks):
    schedules = of_optax(peaks)
    return jax.jit(lambda counts: jnp.stack([lr(counts) for lr in schedules]))(COUNTS)


def one_by_one(peaks):
    return jnp.stack([jax.jit(lr)(COUNTS) for lr in of_optax(peaks)])


def first_call(function, peaks):
    jax.clear_caches()
    begin = time.perf_counter()
    jax.block_until_ready(function(peaks))
    return time.perf_counter() - begin


if __name__ == "__main__":
    of_jaxlr(PEAKS)  # Starts the backend.
    ours = [first_call(of_jaxlr, PEAKS) for _ in range(5)]
    median = sorted(ours)[2]
    print(f"a grid of {len(PEAKS) * len(WARMUPS) * len(LENGTHS)} warm-up cosines, the first call")
    print(f"  jaxlr                      {median:8.3f} s   ratio     1")
    peers = {"optax, unrolled in one jit": unrolled, "optax, a jit each": one_by_one}
    for name, function in peers.items():
        taken = first_call(function, PEAKS)
        print(f"  {name:<26} {taken:8.3f} s   ratio {taken / median:5.0f}", flush=True)
    print("compiling and running for the first time, as the number of schedules grows")
    for factor in (1, 10, 100):
        peaks = np.geomspace(1e-4, 1e-2, 10 * factor)
        taken = sorted(first_call(of_jaxlr, peaks) for _ in range(3))[1]
        begin = time.perf_counter()
        jax.block_until_ready(of_jaxlr(peaks))
        again = time.perf_counter() - begin
        print(f"  {500 * factor:>7,} schedules {taken:8.3f} s, once compiled {again:8.3f} s")
