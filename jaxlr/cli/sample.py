"""``jaxlr sample``: schedules from a space."""

import argparse
from collections.abc import Callable

from jaxlr import search
from jaxlr.cli.arguments import add_method, add_numbers, check_drawn, key, numbers_in, whole
from jaxlr.cli.printing import say

__all__ = ["add_to", "run"]

_MOST = 1_000_000
_LINES = 1000

_HELP = """\
A space is the text of a schedule with distributions in place of numbers:
uniform, log_uniform, integer, log_integer, choice.

Examples:
  jaxlr sample "cosine_decay_schedule(log_uniform(1e-4, 0.1), total_steps)" -n 3
  jaxlr sample "step_decay(choice([0.1, 1]), integer(9, 99))" -n 8 --seed 1
"""


def add_to(add: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    command = add(
        "sample",
        help="draw schedules from a space",
        description="Draw schedules from a space and print their texts, one on each line.",
        epilog=_HELP,
    )
    command.add_argument("space", help="the text of a space, in quotes")
    command.add_argument("-n", type=int, default=1, metavar="N", help="how many (%(default)s)")
    add_numbers(command)
    command.add_argument("--seed", type=int, default=0, metavar="N", help="the seed (%(default)s)")
    add_method(command, "random")
    return command


def run(options: argparse.Namespace) -> int:
    """Prints the text of each schedule."""
    whole("-n", options.n, most=_MOST)
    space = search.parse_space(options.space, **numbers_in(options))
    if options.n > 1:
        check_drawn(space)
    drawn = search.sample(key(options.seed), space, options.n, options.method)
    lines: list[str] = []
    for lr in drawn:
        lines.append(str(lr))
        if len(lines) == _LINES:
            if not say("\n".join(lines)):
                return 0
            lines = []
    if lines:
        say("\n".join(lines))
    return 0
