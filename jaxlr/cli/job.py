"""What ``train`` and ``sweep`` have in common: the data, the model and the settings."""

import argparse
import functools
from typing import Any, NamedTuple

from jaxlr.cli.arguments import MOST_STEPS, whole

__all__ = ["RESULTS", "Job", "add_training", "job_of"]

MOST_SEEDS = 10_000

RESULTS = """\
With --out DIR the folder has tables (.csv), a picture (.png) and run.json: the
texts, settings, versions and the command, all it takes to do the same again."""


class Job(NamedTuple):
    """What to train.

    Attributes:
      title: a line about it.
      settings: those of the recipe, with what the command line gives instead.
      numbers: the numbers that schedules may call by name.
      seeds: the seeds.
      arguments: those of :func:`jaxlr.train.fit` that do not depend on the schedule.
    """

    title: str
    settings: dict[str, Any]
    numbers: dict[str, int]
    seeds: range
    arguments: dict[str, Any]

    def facts(self) -> dict[str, Any]:
        """All of it for the record."""
        train, validation = self.arguments["train"], self.arguments["validation"]
        return {
            "settings": self.settings,
            **self.numbers,
            "training_images": len(train[0]),
            "validation_images": len(validation[0]),
        }


def add_training(command: argparse.ArgumentParser) -> None:
    """Adds the options."""
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
        "--label-smoothing",
        type=float,
        metavar="SHARE",
        help="the share of each label that is spread over all classes, in the training loss only",
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the first seed (%(default)s)"
    )
    command.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="how many seeds (%(default)s)"
    )
    command.add_argument(
        "--hold-out",
        type=int,
        default=0,
        metavar="N",
        help="validate on the last N training examples, and leave the test data alone",
    )
    command.add_argument(
        "--out", metavar="DIR", help="write the record there, in place of one that is there"
    )
    command.add_argument("--checkpoint", metavar="DIR", help="save there, and resume from there")
    command.add_argument("--quiet", action="store_true", help="show the results only")


def job_of(options: argparse.Namespace) -> Job:
    """Reads the options, the data last; refuses what does not go together."""
    import optax

    from jaxlr.train import MODELS, classification, load

    seeds = _seeds(options)
    settings = _settings(options)
    if settings["model"] not in MODELS:
        names = ", ".join(MODELS)
        raise ValueError(f"`--model` must be one of {names}, got {settings['model']!r}.")
    data = load(options.data, options.data_dir)
    train, validation = _split(data, options.hold_out)
    images = len(train[0])
    if settings["batch_size"] > images:
        raise ValueError(
            f"`--batch-size` must be at most {images}, the number of training images, got "
            f"{settings['batch_size']}."
        )
    task = classification(
        MODELS[settings["model"]],
        label_smoothing=settings["label_smoothing"],
        input_shape=data.train_images.shape[1:],
        classes=data.num_classes,
    )
    steps_per_epoch = images // settings["batch_size"]
    whole("--epochs", settings["epochs"], most=MOST_STEPS // steps_per_epoch)
    return Job(
        title=f"{settings['model']} on {images} images of {options.data}",
        settings=settings,
        numbers={
            "steps_per_epoch": steps_per_epoch,
            "total_steps": steps_per_epoch * settings["epochs"],
        },
        seeds=seeds,
        arguments={
            "init": task.init,
            "loss": task.loss,
            "train": train,
            "validation": validation,
            "metric": task.metric,
            "epochs": settings["epochs"],
            "batch_size": settings["batch_size"],
            "validation_batch_size": 1000,
            "optimizer": functools.partial(optax.adam, **settings["hyperparameters"]),
        },
    )


def _seeds(options: argparse.Namespace) -> range:
    count = whole("--seeds", options.seeds, most=MOST_SEEDS)
    first = whole("--seed", options.seed, 0, 2**32 - count)
    return range(first, first + count)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings of the recipe, each replaced where the command line gives another."""
    from jaxlr.train import RECIPES

    name = options.recipe or ("digits" if options.data == "digits" else "fast")
    if name not in RECIPES:
        raise ValueError(f"`--recipe` must be one of {', '.join(RECIPES)}, got {name!r}.")
    given = {key: value for key, value in vars(options).items() if value is not None}
    settings = {key: given.get(key, value) for key, value in vars(RECIPES[name]).items()}
    settings["hyperparameters"] = dict(settings["hyperparameters"])
    for key in ("epochs", "batch_size"):
        whole(f"--{key.replace('_', '-')}", settings[key])
    share = settings["label_smoothing"]
    if not 0.0 <= share < 1.0:
        raise ValueError(f"`--label-smoothing` must be at least 0 and below 1, got {share}.")
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
