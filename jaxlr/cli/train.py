"""``jaxlr train``: a classifier under one schedule."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import jaxlr
from jaxlr.cli.job import RESULTS, Job, add_training, job_of
from jaxlr.cli.printing import curve, say, say_table
from jaxlr.cli.records import Record

__all__ = ["DIVERGED", "add_to", "run"]

DIVERGED = 1
"""The exit status after training that has diverged."""

_HELP = f"""\
In the text of the schedule total_steps stands for the number of updates of the
run, and steps_per_epoch for those of an epoch.

Examples:
  jaxlr train
  jaxlr train --schedule "with_warmup(linear_schedule(4e-3, 0, total_steps), 9)"
  jaxlr train --schedule "reduce_on_plateau(2e-3, monitor='validation_loss')"
  jaxlr train --data mnist --epochs 5 --seeds 3 --out results

{RESULTS}
Exit status 1 says that a run diverged.
"""


def add_to(add: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    title = "train a classifier of images under a schedule"
    command = add("train", help=title, description=f"{title.capitalize()}.", epilog=_HELP)
    command.add_argument(
        "--schedule", metavar="TEXT", help="the text of a schedule; by default that of the recipe"
    )
    add_training(command)
    return command


def run(options: argparse.Namespace) -> int:
    """Trains with each seed; writes what came of it, then prints it."""
    from jaxlr.train import fit

    job = job_of(options)
    kinds = jaxlr.Schedule | jaxlr.AdaptiveSchedule
    lr = jaxlr.parse(job.settings["schedule"], kinds, **job.numbers)
    record = None
    if options.out is not None:
        record = Record(Path(options.out), options, {"schedule": str(lr), **job.facts()})
    say(f"{job.title}, {lr}")
    results: list[dict[str, Any]] = []
    for seed in job.seeds:
        name = "run" if len(job.seeds) == 1 else f"seed{seed}"
        result = fit(
            lr,
            **job.arguments,
            seed=seed,
            checkpoint=options.checkpoint and Path(options.checkpoint) / name,
            progress=not options.quiet,
        )
        history = result.history
        results.append(
            {
                "seed": seed,
                "validation_accuracy": float(history.epochs["validation_accuracy"][-1]),
                "epochs": history.num_epochs,
                "diverged": result.diverged,
                "seconds": float(history.epochs["seconds"].sum()),
            }
        )
        if record is not None:
            _write(history, job, str(lr), record.folder, name)
            record.write(results)
        if not options.quiet and len(job.seeds) == 1:
            _show(history, job)
        say(_line(results[-1]))
    if len(results) > 1:
        say(_summary(results))
    if record is not None:
        say(f"wrote the tables, pictures and run.json in {record.folder}")
    return DIVERGED if any(result["diverged"] for result in results) else 0


def _write(history: Any, job: Job, title: str, folder: Path, name: str) -> None:
    from jaxlr.plot import figure, save
    from jaxlr.plot.training import history_panels

    history.to_csv(folder / f"{name}_steps.csv", "steps")
    history.to_csv(folder / f"{name}_epochs.csv", "epochs")
    axes = figure(len(history_panels(history))).axes
    smoothing = job.settings["label_smoothing"]
    save(history.plot(title, label_smoothing=smoothing, axes=axes), folder / f"{name}.png")


def _show(history: Any, job: Job) -> None:
    say_table(history.table())
    smoothing = job.settings["label_smoothing"]
    if smoothing:
        say(f"loss is with labels smoothed by {smoothing:g}, validation_loss without")
    rates = history.steps["learning_rate"]
    say(f"learning rate\n{curve(rates, len(rates))}")


def _line(result: dict[str, Any]) -> str:
    how = f"accuracy {100 * result['validation_accuracy']:.2f} %"
    if result["diverged"]:
        how = f"diverged in epoch {result['epochs']}, {how}"
    return f"seed {result['seed']}: {how} after {result['seconds']:.1f} s"


def _summary(results: list[dict[str, Any]]) -> str:
    accuracies = [100 * x["validation_accuracy"] for x in results if not x["diverged"]]
    ended = f"{len(results)} seeds"
    if len(accuracies) < len(results):
        ended += f", {len(results) - len(accuracies)} diverged"
    if not accuracies:
        return ended
    spread = np.std(accuracies, ddof=1) if len(accuracies) > 1 else math.nan
    return (
        f"{ended}: accuracy {np.mean(accuracies):.3f} ± {spread:.3f} % "
        f"(from {min(accuracies):.2f} to {max(accuracies):.2f})"
    )
