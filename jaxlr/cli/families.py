"""``jaxlr list``: the families of schedules."""

import argparse
import shutil
import sys
from collections.abc import Callable

import jaxlr
from jaxlr.cli.printing import say

__all__ = ["add_to", "run"]

_HELP = """\
Examples:
  jaxlr list
  jaxlr list | grep warmup
  python -c "import jaxlr; help(jaxlr.cosine_decay_schedule)"
"""


def add_to(add: Callable[..., argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds the command."""
    title = "list the families of schedules"
    return add("list", help=title, description=f"{title.capitalize()}.", epilog=_HELP)


def run(options: argparse.Namespace) -> int:
    """Prints a line for each family, which is cut to the width of a terminal."""
    families = jaxlr.families() | jaxlr.families(jaxlr.AdaptiveSchedule)
    width = max(map(len, families))
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    most = shutil.get_terminal_size().columns if on_terminal else None
    lines = []
    for name, constructor in families.items():
        summary = (constructor.__doc__ or "").partition("\n")[0]
        line = f"{name:<{width}}  {summary}".rstrip()
        lines.append(line if most is None or len(line) <= most else f"{line[: most - 1]}…")
    say("\n".join(lines))
    return 0
