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
from jaxlr.search import random_schedules
from jaxlr.search.defaults import DEFAULT_SPACES

MIB, RNG = 2**20, np.random.default_rng(0)


def lines(k):
    return jaxlr.batches.zipped(
        jaxlr.linear_schedule, init_value=np.ones(k), end_value=0.0, transition_steps=1000
    )


def mixed(k):
    waves = jaxlr.batches.zipped(
        jaxlr.cosine_decay_schedule, init_value=np.ones(k // 2), decay_steps=1000
    )
    return jaxlr.concatenate([lines(k // 2), waves])[RNG.permutation(k)]


def boundaries(k):
    counts = np.sort(RNG.integers(0, 10_000, (k, 100)))
    return jaxlr.batches.zipped(
        jaxlr.piecewise_constant_schedule,
        init_value=np.ones(k),
        boundaries_and_scales=list(zip(counts, np.full((k, 100), 0.9), strict=True)),
    )


def families(k):
    return random_schedules(
        jax.random.key(0), k, total_steps=10_000, peak=1.0, families=list(DEFAULT_SPACES)
    )


BATCHES = {
    "lines": lines,
    "lines and waves": mixed,
    "100 boundaries": boundaries,
    "all families": families,
}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def run(way, name):
    schedules, counts = BATCHES[name](10_000), np.arange(10_000)
    jax.block_until_ready(jaxlr.evaluate(schedules[::100], counts[:600]))
    before = peak()
    if way == "table":
        values = jax.block_until_ready(jaxlr.evaluate(schedules, counts))
        size = values.nbytes / MIB
    elif way == "blocks":
        size = sum(block.values.nbytes for block in jaxlr.batches.blocks(schedules, counts)) / MIB
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "values.npy"
            size = jaxlr.evaluate(schedules, counts, path=path).nbytes / MIB
    more = peak() - before
    print(f"{f'{way}, {name}':<24} {size:8.0f} MiB of values {more:8.0f} MiB more", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(*sys.argv[1:])
    else:
        for case in [
            *(("table", name) for name in BATCHES),
            *(("blocks", name) for name in ("lines", "lines and waves")),
            ("file", "lines"),
        ]:
            subprocess.run([sys.executable, __file__, *case], check=True)
