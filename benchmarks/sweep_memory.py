"""The memory that a sweep takes, beside what it states: that of the state of all its runs.

Each number of runs is trained in a process of its own, whose largest size the operating system
keeps. Sweeps over one run and over two go before, so that what the data, the libraries and the
compiler take is there already; what comes on top is the state, what a training step needs, and some
tens of megabytes for one more compiled program.
"""

import argparse
import resource
import subprocess
import sys

import numpy as np
from sweep import problem

from jaxlr.train import sweep

MB = 1e6


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def run(model, runs, width):
    task, data, batch_size = problem(model, batches=4)

    def swept(runs):
        rates = np.geomspace(1e-5, 1e-2, runs).tolist()
        return sweep(
            rates, task.init, task.loss, data, data, metric=task.metric, epochs=1,
            batch_size=batch_size, runs_per_batch=width, progress=False,
        )  # fmt: skip

    for few in (1, 2):
        swept(few)
    before = peak()
    state = runs * swept(runs).bytes_per_run / MB
    more = peak() - before
    print(f"{model:<9} {runs:4} runs {state:7.0f} MB of state {more:7.0f} MB more", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="one of them, here in this process")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--runs-per-batch", type=int, default=1)
    options = parser.parse_args()
    if options.model is not None:
        run(options.model, options.runs, options.runs_per_batch)
    else:
        for model in ("mlp", "fast-cnn"):
            for runs in (8, 32, 128):
                case = "--model", model, "--runs", str(runs)
                subprocess.run([sys.executable, __file__, *case], check=True)
