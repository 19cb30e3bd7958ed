"""Printing that never stands in the way of the work.

A reader may have gone (``jaxlr train | head -1``), or may not know the characters; neither is a
reason to lose results.
"""

import contextlib
import os
import shutil
import sys
from typing import Any, TextIO

import numpy.typing as npt

__all__ = ["complain", "curve", "readable", "say", "say_table"]

_ASCII = str.maketrans(dict(zip("▁▂▃▄▅▆▇█┤└…─│", "__.-==##|+~-|", strict=True)) | {"±": "+-"})


def say(text: object) -> bool:
    """Prints on standard output; returns False once nobody reads it any more."""
    return _print(text, sys.stdout)


def complain(text: object) -> None:
    """Prints a line about something on standard error."""
    _print(f"jaxlr: {text}", sys.stderr)


def _print(text: object, stream: TextIO | None) -> bool:
    if stream is None:  # Python was started without it.
        return False
    try:
        print(readable(str(text), stream.encoding), file=stream, flush=True)
    except BrokenPipeError:  # Whoever reads it, such as `head`, has enough.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    except OSError as error:  # Such as a disk that is full.
        raise OSError(error.errno, error.strerror, "standard output") from None
    return True


def readable(text: str, encoding: str | None) -> str:
    """A text in characters of an encoding.

    >>> readable("0.1 ┤█▄ … ±", "latin-1")
    '0.1 |#- ~ ±'
    """
    encoding = encoding or "utf-8"
    with contextlib.suppress(UnicodeEncodeError):
        text.encode(encoding)
        return text
    simple = "".join(
        letter if _has(letter, encoding) else letter.translate(_ASCII) for letter in text
    )
    return simple.encode(encoding, "backslashreplace").decode(encoding)


def _has(letter: str, encoding: str) -> bool:
    with contextlib.suppress(UnicodeEncodeError):
        return bool(letter.encode(encoding))
    return False


def say_table(table: Any) -> None:
    """Prints a table of rich, in colour on a terminal that has some."""
    from rich.console import Console

    if sys.stdout is None:
        return
    console = Console(file=sys.stdout, width=shutil.get_terminal_size().columns)
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    say("\n".join(line.rstrip() for line in lines))


def curve(values: npt.ArrayLike, steps: int) -> str:
    """A picture of a curve that is no wider than the terminal."""
    from jaxlr.plot.terminal import SCALE_WIDTH, text_plot

    beside = shutil.get_terminal_size().columns - SCALE_WIDTH
    return text_plot(values, width=max(min(beside, 72), 1), last=steps - 1)
