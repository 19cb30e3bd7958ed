"""``jaxlr sweep``: a classifier under many schedules."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxlr import search
from jaxlr.cli.arguments import add_method, check_drawn, key, whole
from jaxlr.cli.job import RESULTS, Job, add_training, job_of
from jaxlr.cli.printing import say, say_table
from jaxlr.cli.records import Record
from jaxlr.cli.train import DIVERGED

__all__ = ["add_to", "run"]

_MOST_RUNS = 100_000

_HELP = f"""\
A space is the text of a schedule with distributions in place of numbers:
uniform, log_uniform, integer, log_integer, choice. In it total_steps stands for
the number of updates of a run, and steps_per_epoch for those of an epoch.

Examples:
  jaxlr sweep "cosine_decay_schedule(log_uniform(1e-4, 1e-1), total_steps)"
  jaxlr sweep "step_decay(log_uniform(1e-4, 1e-2), steps_per_epoch)" --grid 5
  jaxlr sweep "linear_schedule(log_uniform(1e-4, 1e-2), 0, total_steps)" \\
      -n 32 --epochs 8 --keep 2:16,4:8 --hold-out 200 --out results

{RESULTS}
Exit status 1 says that every schedule had a run that diverged.
"""


def add_to(add: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    title = "train a classifier under many schedules from a space, all at once"
    command = add("sweep", help=title, description=f"{title.capitalize()}.", epilog=_HELP)
    command.add_argument("space", help="the text of a space, in quotes")
    design = command.add_mutually_exclusive_group()
    design.add_argument("-n", type=int, default=16, metavar="N", help="draw so many (%(default)s)")
    design.add_argument("--grid", type=int, metavar="N", help="or take N values of each")
    add_method(command, "sobol")
    command.add_argument(
        "--keep",
        default="",
        metavar="EPOCH:N,...",
        help="successive halving: after these epochs keep the best so many, such as 2:8,4:4",
    )
    command.add_argument(
        "--monitor", default="validation_accuracy", help="what to rank by (%(default)s)"
    )
    command.add_argument("--mode", choices=("min", "max"), help="by default max for accuracies")
    command.add_argument(
        "--runs-per-batch",
        type=int,
        metavar="N",
        help="how many runs to compute side by side; fewer save memory (one on a CPU, else all)",
    )
    add_training(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Trains under all schedules; writes what came of it, then prints it."""
    from jaxlr.train import sweep

    keep = _keep(options.keep)
    job = job_of(options)
    space = search.parse_space(options.space, **job.numbers)
    check_drawn(space)
    schedules = _design(options, space, len(job.seeds))
    _check_memory(job, len(schedules) * len(job.seeds))
    record = None
    if options.out is not None:
        texts = {"space": str(space), "schedules": list(map(str, schedules))}
        record = Record(Path(options.out), options, texts | job.facts())
    say(f"{job.title}, {len(schedules)} schedules from {space}")
    result = sweep(
        schedules,
        **job.arguments,
        seeds=job.seeds,
        keep=keep,
        monitor=options.monitor,
        mode=options.mode or ("max" if "accuracy" in options.monitor else "min"),
        runs_per_batch=options.runs_per_batch,
        checkpoint=options.checkpoint,
        progress=not options.quiet,
    )
    best = result.candidate(int(result.order()[0]))
    if record is not None:
        _write(result, record.folder)
        found = {"index": best.index, "schedule": str(best.schedule), options.monitor: best.score}
        record.write({"best": found, "summary": result.summary()})
    if not options.quiet:
        say_table(result.rich_table())
    say(result.summary())
    if record is not None:
        say(f"wrote the tables, a picture and run.json in {record.folder}")
    if np.isnan(best.score):
        say("all schedules diverged; try lower learning rates")
        return DIVERGED
    say(best.schedule)
    return 0


def _design(options: argparse.Namespace, space: Any, seeds: int) -> Any:
    """The schedules: a grid of the space, or some drawn from it."""
    from jaxlr.search.spaces import dimensions

    if options.grid is None:
        whole("-n", options.n, most=_MOST_RUNS // seeds)
        return search.sample(key(options.seed), space, options.n, options.method)
    size = whole("--grid", options.grid, most=_MOST_RUNS) ** dimensions(space)
    if size * seeds > _MOST_RUNS:
        raise ValueError(
            f"`--grid` must be lower: {options.grid} values of each parameter may make {size:,} "
            f"schedules, and {_MOST_RUNS:,} runs are the most."
        )
    return search.grid_design(space, options.grid)


def _check_memory(job: Job, runs: int) -> None:
    """Refuses what cannot fit; a system that is out of memory kills without a word."""
    import jax

    params = jax.tree.leaves(jax.eval_shape(job.arguments["init"], jax.random.key(0)))
    state = 3 * sum(leaf.size * leaf.dtype.itemsize for leaf in params)  # Adam has two more.
    on_host = state if jax.default_backend() == "cpu" else 0
    needed = runs * (on_host + 4 * job.numbers["total_steps"])
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise MemoryError(
            f"{runs:,} runs need {needed / 2**30:,.1f} GiB of memory, and this machine has "
            f"{there / 2**30:,.1f}. Lower `-n`, `--grid` or `--seeds`."
        )


def _write(result: Any, folder: Path) -> None:
    from jaxlr.plot import figure, save

    result.to_csv(folder / "runs.csv", "runs")
    result.to_csv(folder / "epochs.csv", "epochs")
    save(result.plot(axes=figure(2).axes), folder / "sweep.png")


def _keep(text: str) -> dict[int, int]:
    """Reads rungs: ``2:8,4:4``."""
    try:
        pairs = [rung.split(":") for rung in text.split(",") if rung]
        rungs = [(int(epoch), int(count)) for epoch, count in pairs]
    except ValueError:
        raise ValueError(f"`--keep` must be such as 2:8,4:4, got {text!r}.") from None
    if len(dict(rungs)) < len(rungs):
        raise ValueError(f"`--keep` must name each epoch once, got {text!r}.")
    return dict(rungs)
