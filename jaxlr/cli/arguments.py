"""What several commands take, and the checks of it."""

import argparse
import re
import typing
from typing import Any

from jaxlr import search

__all__ = [
    "MOST_STEPS",
    "add_method",
    "add_numbers",
    "check_drawn",
    "key",
    "names",
    "numbers_in",
    "whole",
]

MOST_STEPS = 2**31 - 1
"""Counts are integers of 32 bits."""

_TOTAL_STEPS = 1000
_EPOCHS = 10
_MOST_SEED = 2**32 - 1


def whole(name: str, value: int, least: int = 1, most: int = MOST_STEPS) -> int:
    """An integer of the command line, if it is in range."""
    if not least <= value <= most:
        limit = f"at least {least}" if value < least else f"at most {most:,}"
        raise ValueError(f"`{name}` must be {limit}, got {value}.")
    return value


def add_numbers(command: argparse.ArgumentParser) -> None:
    """Adds the numbers of updates that texts may call by name."""
    command.add_argument(
        "--total-steps",
        "--steps",
        type=int,
        metavar="N",
        help=f"the number that total_steps in a text stands for ({_TOTAL_STEPS})",
    )
    command.add_argument(
        "--steps-per-epoch",
        type=int,
        metavar="N",
        help=f"the number that steps_per_epoch in a text stands for (1/{_EPOCHS} of total_steps)",
    )


def numbers_in(options: argparse.Namespace) -> dict[str, int]:
    """The numbers of updates that texts may call by name."""
    total = _TOTAL_STEPS if options.total_steps is None else options.total_steps
    whole("--total-steps", total)
    per_epoch = options.steps_per_epoch
    per_epoch = max(1, total // _EPOCHS) if per_epoch is None else per_epoch
    return {"total_steps": total, "steps_per_epoch": whole("--steps-per-epoch", per_epoch)}


def names(text: str, number: str) -> bool:
    """Tells whether a text calls a number by name; the name of a parameter is something else.

    >>> [names(text, "total_steps") for text in ("f(total_steps=100)", "f(total_steps - 1)")]
    [False, True]
    """
    return re.search(rf"\b{number}\b(?!\s*=)", text) is not None


def add_method(command: argparse.ArgumentParser, default: str) -> None:
    """Adds the way to draw from a space."""
    command.add_argument(
        "--method",
        default=default,
        choices=typing.get_args(search.Method),
        help="how to draw (%(default)s)",
    )


def check_drawn(space: Any) -> None:
    """Refuses to draw several times from a space in which nothing varies."""
    from jaxlr.search.spaces import dimensions

    if dimensions(space) == 0:
        raise ValueError(
            f"Nothing is drawn in {space}: all that came of it would be the same. Write a "
            "distribution in place of a number, such as log_uniform(1e-4, 1e-1), uniform(0.1, 0.9) "
            "or choice([30, 60])."
        )


def key(seed: int) -> Any:
    """The random key for a seed."""
    import jax

    return jax.random.key(whole("--seed", seed, 0, _MOST_SEED))
