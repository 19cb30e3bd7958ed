"""``jaxlr show``: what schedules look like."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

import jaxlr
from jaxlr.cli.arguments import add_numbers, names, numbers_in
from jaxlr.cli.printing import curve, say
from jaxlr.cli.records import writable_folder

__all__ = ["add_to", "run"]

_HELP = """\
A schedule is drawn over its own length. With --total-steps, or where its text
names total_steps, so many steps are drawn.

Examples:
  jaxlr show "cosine_decay_schedule(0.1, 1000)"
  jaxlr show "with_warmup(step_decay(0.1, steps_per_epoch), 9)" --steps 500
  jaxlr show "step_decay(0.1, 30)" "linear_schedule(0.1, 0, 90)" --out both.png
"""


def add_to(add: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    command = add(
        "show",
        help="draw schedules and say what they are",
        description="Draw schedules in the terminal or as a picture, with all their parameters.",
        epilog=_HELP,
    )
    command.add_argument("schedule", nargs="+", help="the text of a schedule, in quotes")
    add_numbers(command)
    command.add_argument("--out", metavar="FILE", help="write a picture, such as schedule.png")
    return command


def run(options: argparse.Namespace) -> int:
    """Draws each schedule, and all of them in a picture."""
    from jaxlr.plot.lengths import counts_to_draw, length_to_draw

    numbers = numbers_in(options)
    schedules = [_drawable(text, numbers) for text in options.schedule]
    named = [name for name in numbers if any(names(text, name) for text in options.schedule)]
    lengths = [
        numbers["total_steps"]
        if options.total_steps is not None or names(text, "total_steps")
        else length_to_draw(lr)
        for text, lr in zip(options.schedule, schedules, strict=True)
    ]
    if options.out is not None:
        _picture(schedules, max(lengths), Path(options.out))
    if named:
        say(", ".join(f"{name}={numbers[name]}" for name in named))
    for lr, length in zip(schedules, lengths, strict=True):
        say(f"{lr}\n{curve(np.asarray(lr(counts_to_draw(length))), length)}\n")
    if options.out is not None:
        say(f"wrote {options.out}")
    return 0


def _picture(schedules: list[jaxlr.Schedule], steps: int, path: Path) -> None:
    from jaxlr.plot import figure, plot_schedules, save

    picture = figure()
    writable_folder(path.parent)
    save(plot_schedules(schedules, steps, ax=picture.axes[0]), path)


def _drawable(text: str, numbers: dict[str, int]) -> jaxlr.Schedule:
    lr = jaxlr.parse(text, jaxlr.Schedule | jaxlr.AdaptiveSchedule, **numbers)
    if isinstance(lr, jaxlr.AdaptiveSchedule):
        raise ValueError(
            f"{lr.family.name} listens to a metric, so it has no curve. Show the schedule that it "
            "multiplies."
        )
    return lr
