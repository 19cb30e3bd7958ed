"""The command line: ``jaxlr list``, ``show``, ``sample``, ``train`` and ``sweep``.

``python -m jaxlr`` is the same. Schedules are named by their texts, as :func:`jaxlr.parse` reads
them; ``total_steps`` and ``steps_per_epoch`` stand for the numbers of updates.
"""

import argparse
import contextlib
import functools
import os
import shutil
import sys
import typing
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

import jaxlr
from jaxlr import search

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0, or 2 where the input was refused."""
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            options.command(options)
        sys.stdout.flush()
    except UnicodeEncodeError as error:
        print(
            f"jaxlr: The output has characters that {error.encoding} lacks. Set the environment "
            "variable PYTHONIOENCODING=utf-8.",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:  # Whoever reads it, such as `head`, has enough; so has Python.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"jaxlr: {error}", file=sys.stderr)
        return 2
    return 0


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as one line, without the place in the code."""
    print(f"jaxlr: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxlr", description="Learning-rate schedules as data, for JAX and optax."
    )
    parser.add_argument("--version", action="version", version=f"jaxlr {jaxlr.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("list", help="list the families of schedules")
    command.set_defaults(command=_list)

    command = commands.add_parser("show", help="draw schedules and say what they are")
    command.add_argument(
        "schedule", nargs="+", help="the text of a schedule; total_steps in it is --steps"
    )
    command.add_argument("--steps", type=int, default=1000, help="how far to draw (%(default)s)")
    command.add_argument("--out", metavar="FILE", help="write a picture, such as schedule.png")
    command.set_defaults(command=_show)

    command = commands.add_parser("sample", help="draw schedules from a space, one on each line")
    command.add_argument(
        "space", help="the text of a schedule with uniform(0.1, 0.9) or the like for numbers"
    )
    command.add_argument("-n", type=int, default=1, help="how many (%(default)s)")
    command.add_argument(
        "--total-steps", type=int, default=1000, help="total_steps in the text (%(default)s)"
    )
    command.add_argument("--seed", type=int, default=0, help="the seed (%(default)s)")
    _add_method(command, "random")
    command.set_defaults(command=_sample)

    command = commands.add_parser("train", help="train a classifier of images under a schedule")
    command.add_argument(
        "--schedule",
        help="the text of a schedule, in which total_steps and steps_per_epoch are numbers of "
        "updates; by default that of the recipe",
    )
    _add_training(command)
    command.set_defaults(command=_train)

    command = commands.add_parser(
        "sweep", help="train a classifier under many schedules from a space, all at once"
    )
    command.add_argument(
        "space", help="the text of a schedule with uniform(0.1, 0.9) or the like for numbers"
    )
    design = command.add_mutually_exclusive_group()
    design.add_argument("-n", type=int, default=16, help="draw so many (%(default)s)")
    design.add_argument("--grid", type=int, metavar="LEVELS", help="or so many values of each")
    _add_method(command, "sobol")
    command.add_argument(
        "--keep",
        default="",
        metavar="EPOCH:N,...",
        help="successive halving: after these epochs keep the best so many, such as 2:8,4:4",
    )
    command.add_argument("--monitor", default="validation_accuracy", help="(%(default)s)")
    command.add_argument("--mode", choices=("min", "max"), help="by default max for accuracies")
    command.add_argument(
        "--runs-per-batch",
        type=int,
        metavar="N",
        help="how many runs to compute side by side; fewer save memory (one on a CPU, else all)",
    )
    _add_training(command)
    command.set_defaults(command=_sweep)
    return parser


def _add_method(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument(
        "--method",
        default=default,
        choices=typing.get_args(search.Method),
        help="how to draw (%(default)s)",
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", default="digits", help="digits, mnist or fashion-mnist (%(default)s)"
    )
    command.add_argument("--data-dir", metavar="DIR", help="where the files of the data set are")
    command.add_argument(
        "--recipe",
        help="settings to start from: digits, fast or article (digits for digits, else fast); "
        "the next four replace its own",
    )
    command.add_argument("--model", help="cnn, fast-cnn or mlp")
    command.add_argument("--epochs", type=int, metavar="N", help="how many epochs")
    command.add_argument("--batch-size", type=int, metavar="N", help="examples per update")
    command.add_argument(
        "--label-smoothing", type=float, metavar="SHARE", help="spread over all classes"
    )
    command.add_argument("--seed", type=int, default=0, help="the first seed (%(default)s)")
    command.add_argument("--seeds", type=int, default=1, help="how many seeds (%(default)s)")
    command.add_argument(
        "--hold-out",
        type=int,
        default=0,
        metavar="N",
        help="validate on the last N training examples, and leave the test data alone",
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        help="write the record and a picture there, in place of those of the same names",
    )
    command.add_argument("--checkpoint", metavar="DIR", help="save there, and resume from there")
    command.add_argument("--quiet", action="store_true", help="show the results only")


def _list(options: argparse.Namespace) -> None:
    families = jaxlr.families() | jaxlr.families(jaxlr.AdaptiveSchedule)
    width = max(map(len, families))
    for name, constructor in families.items():
        summary = (constructor.__doc__ or "").partition("\n")[0]
        print(f"{name:<{width}}  {summary}".rstrip())


def _show(options: argparse.Namespace) -> None:
    from jaxlr.plot import counts_to_draw, plot_schedules, save

    if options.steps < 1:
        raise ValueError(f"`--steps` must be at least 1, got {options.steps}.")
    schedules = [_drawable(text, options.steps) for text in options.schedule]
    if options.out is not None:
        _folder(Path(options.out).parent)
    counts = counts_to_draw(options.steps)
    for lr in schedules:
        print(lr)
        print(_curve(lr(counts), options.steps), end="\n\n")
    if options.out is not None:
        save(plot_schedules(schedules, options.steps), options.out)
        print(f"wrote {options.out}")


def _drawable(text: str, steps: int) -> jaxlr.Schedule:
    lr = jaxlr.parse(text, jaxlr.Schedule | jaxlr.AdaptiveSchedule, total_steps=steps)
    if isinstance(lr, jaxlr.AdaptiveSchedule):
        raise ValueError(
            f"{lr.family.name} listens to a metric, so it has no curve. Show the schedule that it "
            "multiplies."
        )
    return lr


def _folder(path: Path) -> Path:
    """A folder to write pictures to, found or made before anything is computed for them."""
    from jaxlr.plot import figure_class

    figure_class()
    with contextlib.suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    if not (path.is_dir() and os.access(path, os.W_OK)):
        raise ValueError(f"`--out`: the folder {path} cannot be written to. Give another.")
    return path


def _record(options: argparse.Namespace, last: str) -> Path | None:
    """The folder for a record; says if it has one, whose last file this is."""
    out = None if options.out is None else _folder(Path(options.out))
    if out is not None and (out / last).exists():
        print(f"jaxlr: the record in {out} will be replaced", file=sys.stderr)
    return out


def _print_table(table: Any) -> None:
    import rich

    rich.print(table)


def _curve(values: npt.ArrayLike, steps: int) -> str:
    """A picture that is no wider than the terminal."""
    from jaxlr.plot import SCALE_WIDTH, text_plot

    beside = shutil.get_terminal_size().columns - SCALE_WIDTH
    return text_plot(values, width=max(min(beside, 72), 1), last=steps - 1)


def _sample(options: argparse.Namespace) -> None:
    if options.total_steps < 1:
        raise ValueError(f"`--total-steps` must be at least 1, got {options.total_steps}.")
    space = search.parse_space(options.space, total_steps=options.total_steps)
    for lr in search.sample(_key(options.seed), space, options.n, options.method):
        print(lr)


def _key(seed: int) -> Any:
    import jax

    try:
        return jax.random.key(seed)
    except OverflowError:
        raise ValueError(f"`--seed` must be an integer of 64 bits, got {seed}.") from None


def _train(options: argparse.Namespace) -> None:
    from jaxlr.plot import plot_history, save
    from jaxlr.train.fitting import fit

    job = _job(options)
    kinds = jaxlr.Schedule | jaxlr.AdaptiveSchedule
    lr = jaxlr.parse(job.recipe["schedule"], kinds, **job.numbers)
    print(f"{job.title}, {lr}")
    seeds = range(options.seed, options.seed + options.seeds)
    names = ["run"] if len(seeds) == 1 else [f"seed{seed}" for seed in seeds]
    out = _record(options, f"{names[-1]}.png")
    accuracies = []
    for seed, name in zip(seeds, names, strict=True):
        result = fit(
            lr,
            **job.arguments,
            seed=seed,
            checkpoint=options.checkpoint and Path(options.checkpoint) / name,
            progress=not options.quiet,
        )
        history = result.history
        accuracies.append(100 * float(history.epochs["validation_accuracy"][-1]))
        if not options.quiet and options.seeds == 1:
            _print_table(history.table())
            print("learning rate")
            rates = history.steps["learning_rate"]
            print(_curve(rates, len(rates)))
        seconds = float(history.epochs["seconds"].sum())
        print(f"seed {seed}: accuracy {accuracies[-1]:.2f} % after {seconds:.1f} s")
        if out is not None:
            history.to_csv(out / f"{name}_steps.csv", "steps")
            history.to_csv(out / f"{name}_epochs.csv", "epochs")
            save(plot_history(history, title=str(lr)), out / f"{name}.png")
    if len(accuracies) > 1:
        spread = np.std(accuracies, ddof=1)
        print(
            f"{len(accuracies)} seeds: accuracy {np.mean(accuracies):.3f} +- {spread:.3f} % "
            f"(from {min(accuracies):.2f} to {max(accuracies):.2f})"
        )
    if out is not None:
        pictures = ", ".join(f"{out / name}.png" for name in names)
        print(f"wrote {pictures} and the records beside {'it' if len(names) == 1 else 'them'}")


def _sweep(options: argparse.Namespace) -> None:
    from jaxlr.plot import save
    from jaxlr.train.sweeping import sweep

    job = _job(options)
    space = search.parse_space(options.space, **job.numbers)
    if options.grid is not None:
        schedules = search.grid_design(space, options.grid)
    else:
        schedules = search.sample(_key(options.seed), space, options.n, options.method)
    out = _record(options, "sweep.png")
    print(f"{job.title}, {len(schedules)} schedules from {space}")
    result = sweep(
        schedules,
        **job.arguments,
        seeds=range(options.seed, options.seed + options.seeds),
        keep=_keep(options.keep),
        monitor=options.monitor,
        mode=options.mode or ("max" if "accuracy" in options.monitor else "min"),
        runs_per_batch=options.runs_per_batch,
        checkpoint=options.checkpoint,
        progress=not options.quiet,
    )
    if out is not None:
        result.to_csv(out / "runs.csv", "runs")
        result.to_csv(out / "epochs.csv", "epochs")
        save(result.plot(), out / "sweep.png")
        print(f"wrote {out / 'sweep.png'} and the records beside it")
    if not options.quiet:
        _print_table(result.rich_table())
    print(result.summary())
    print(result.best().schedule)


def _keep(text: str) -> dict[int, int]:
    """Reads rungs: ``2:8,4:4``."""
    try:
        pairs = [rung.split(":") for rung in text.split(",") if rung]
        return {int(epoch): int(count) for epoch, count in pairs}
    except ValueError:
        raise ValueError(f"`--keep` must be such as 2:8,4:4, got {text!r}.") from None


class _Job(NamedTuple):
    """What to train: the settings, the numbers that schedules may name, and arguments of fit."""

    title: str
    recipe: dict[str, Any]
    numbers: dict[str, int]
    arguments: dict[str, Any]


def _job(options: argparse.Namespace) -> _Job:
    import optax

    from jaxlr.train.images.classification import classification
    from jaxlr.train.images.data import load
    from jaxlr.train.images.models import MODELS

    recipe = _recipe(options)
    if recipe["model"] not in MODELS:
        names = ", ".join(MODELS)
        raise ValueError(f"`--model` must be one of {names}, got {recipe['model']!r}.")
    data = load(options.data, options.data_dir)
    train, validation = _split(data, options.hold_out)
    task = classification(
        MODELS[recipe["model"]],
        label_smoothing=recipe["label_smoothing"],
        input_shape=data.train_images.shape[1:],
        classes=data.num_classes,
    )
    steps_per_epoch = len(train[0]) // recipe["batch_size"]
    return _Job(
        title=f"{recipe['model']} on {len(train[0])} images of {options.data}",
        recipe=recipe,
        numbers={
            "steps_per_epoch": steps_per_epoch,
            "total_steps": steps_per_epoch * recipe["epochs"],
        },
        arguments={
            "init": task.init,
            "loss": task.loss,
            "train": train,
            "validation": validation,
            "metric": task.metric,
            "epochs": recipe["epochs"],
            "batch_size": recipe["batch_size"],
            "validation_batch_size": 1000,
            "optimizer": functools.partial(optax.adam, **recipe["hyperparameters"]),
        },
    )


def _recipe(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of the recipe, each replaced where the command line gives another."""
    from jaxlr.train.images.recipes import RECIPES

    name = options.recipe or ("digits" if options.data == "digits" else "fast")
    if name not in RECIPES:
        raise ValueError(f"`--recipe` must be one of {', '.join(RECIPES)}, got {name!r}.")
    given = {key: value for key, value in vars(options).items() if value is not None}
    settings = {**vars(RECIPES[name]), **{k: given[k] for k in vars(RECIPES[name]) if k in given}}
    for key in ("epochs", "batch_size", "seeds"):
        value = {**given, **settings}[key]
        if value < 1:
            raise ValueError(f"`--{key.replace('_', '-')}` must be at least 1, got {value}.")
    return settings


def _split(data: Any, hold_out: int) -> tuple[Any, Any]:
    """The data to train on and to validate on."""
    train, test = data[:2], data[2:]
    if hold_out == 0:
        return train, test
    if not 0 < hold_out < len(train[0]):
        raise ValueError(
            f"`--hold-out` must be from 0 to {len(train[0]) - 1}, fewer than the training "
            f"examples, got {hold_out}."
        )
    return tuple(x[:-hold_out] for x in train), tuple(x[-hold_out:] for x in train)
