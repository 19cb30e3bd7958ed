"""The command line: ``jaxlr list``, ``show``, ``sample``, ``train`` and ``sweep``.

``python -m jaxlr`` is the same. Schedules are given by their texts, as :func:`jaxlr.parse` reads
them. Each command is a module of this package.
"""

import argparse
import functools
import sys
import warnings
from collections.abc import Sequence

import jaxlr
from jaxlr.cli import families, sample, show, sweep, train
from jaxlr.cli.interrupts import INTERRUPTED, leaving_at_once
from jaxlr.cli.printing import complain

__all__ = ["main"]

REFUSED = 2

_REFUSALS = (ValueError, TypeError, OSError, ImportError, OverflowError, MemoryError)

_STATUS = """\
Exit status: 0 done; 1 trained, but a run of `train` or every schedule of
`sweep` diverged (what was recorded is written all the same); 2 refused, with
one line that says why; 130 interrupted.

A schedule is given as a call in quotes. `jaxlr list` names them all:

  jaxlr show "cosine_decay_schedule(0.1, 1000)"
  jaxlr show "with_warmup(step_decay(0.1, 300, 0.5), 100)" --out picture.png
  jaxlr train --schedule "linear_schedule(1e-3, 0, total_steps)"
  jaxlr sweep "cosine_decay_schedule(log_uniform(1e-4, 1e-1), total_steps)"

`jaxlr COMMAND --help` says more about each command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit status, as the help says."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    if not arguments:
        parser.print_help()
        return REFUSED
    options = parser.parse_args(arguments, argparse.Namespace(arguments=arguments))
    farewell = _farewell(options)
    try:
        with warnings.catch_warnings(), leaving_at_once(farewell):
            warnings.showwarning = lambda message, *place, **options: complain(message)
            status: int = options.run(options)
    except (KeyboardInterrupt, Exception) as error:
        if _comes_of_interrupt(error):
            complain(farewell)
            return INTERRUPTED
        if isinstance(error, MemoryError) and not str(error):
            error = MemoryError("There is not enough memory for this. Ask for less.")
        if not isinstance(error, _REFUSALS):
            raise
        complain(error)
        return REFUSED
    return status


def _comes_of_interrupt(error: BaseException | None) -> bool:
    """Tells whether Ctrl-C is behind an error; an import that it ends is said to have failed."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _farewell(options: argparse.Namespace) -> str:
    """What to say after Ctrl-C."""
    if not hasattr(options, "checkpoint"):
        return "interrupted"
    if options.checkpoint is None:
        return (
            "interrupted; the run is lost. Started with --checkpoint DIR, the same command goes on "
            "after the last whole epoch."
        )
    return "interrupted; the same command goes on after the last whole epoch."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jaxlr",
        description="Learning-rate schedules as data, for JAX and optax.",
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jaxlr {jaxlr.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    add = functools.partial(commands.add_parser, formatter_class=parser.formatter_class)
    for command in (families, show, sample, train, sweep):
        command.add_to(add).set_defaults(run=command.run)
    return parser
