"""The most memory that evaluating a batch takes, beside the size of its result.

Each case runs in a process of its own, whose largest size the operating system keeps. That
of a file counts the pages of the file that are in memory, which the system may drop.
"""

import pathlib
import resource
import subprocess
import sys
import tempfile

import jax
import numpy as np

import jaxlr

MIB = 2**20


def batch(mixed):
    k = 5000 if mixed else 10_000
    lines = jaxlr.zipped(
        jaxlr.linear_schedule, init_value=np.ones(k), end_value=0.0, transition_steps=1000
    )
    if not mixed:
        return lines
    waves = jaxlr.zipped(jaxlr.cosine_decay_schedule, init_value=np.ones(k), decay_steps=1000)
    both = jaxlr.concatenate([lines, waves])
    return both[np.random.default_rng(0).permutation(len(both))]


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def run(case):
    schedules, counts = batch("mixed" in case), np.arange(10_000)
    jax.block_until_ready(jaxlr.evaluate(schedules[:100], counts[:100]))
    before = peak()
    if "table" in case:
        values = jax.block_until_ready(jaxlr.evaluate(schedules, counts))
        size = values.nbytes / MIB
    elif "blocks" in case:
        size = sum(block.values.nbytes for block in jaxlr.blocks(schedules, counts)) / MIB
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "values.npy"
            size = jaxlr.evaluate(schedules, counts, path=path).nbytes / MIB
    more = peak() - before
    print(f"{case:<16} {size:8.0f} MiB of values {more:8.0f} MiB more memory", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1])
    else:
        for case in ("table", "table, mixed", "blocks", "blocks, mixed", "file"):
            subprocess.run([sys.executable, __file__, case], check=True)
