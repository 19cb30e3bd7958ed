"""Ctrl-C that ends a command even while compiled code runs."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

from jaxlr.cli.printing import complain

__all__ = ["INTERRUPTED", "leaving_at_once"]

INTERRUPTED = 130
"""The exit status of a command that was interrupted: 128 and the number of the signal."""

_SECONDS_TO_LEAVE = 3.0
_SHOW_CURSOR = "\x1b[?25h"


@contextlib.contextmanager
def leaving_at_once(message: str) -> Iterator[None]:
    """Ends the process some seconds after Ctrl-C, or at a second one, if Python cannot do it.

    Python raises KeyboardInterrupt between two instructions of its own, but an epoch is one call of
    compiled code, which may take minutes. Nothing is lost by leaving in its midst: files are
    written whole or not at all.

    Args:
      message: the line to leave with.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Signals are the business of the main thread.
        return
    heard, written = socket.socketpair()
    written.setblocking(False)
    before = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(heard, message), daemon=True)
    watcher.start()
    hook = sys.unraisablehook

    def leave_or_report(lost: "sys.UnraisableHookArgs") -> None:
        # Within a callback of the garbage collector, such as JAX has, Python ignores Ctrl-C.
        if lost.exc_type is KeyboardInterrupt:
            _leave(message)
        hook(lost)

    sys.unraisablehook = leave_or_report
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.set_wakeup_fd(before)
        written.close()
        watcher.join()
        heard.close()


def _watch(heard: socket.socket, message: str) -> None:
    """Waits for Ctrl-C; then for the end of the block, a second Ctrl-C, or some seconds."""
    while number := heard.recv(1):
        if number[0] != signal.SIGINT:
            continue
        heard.settimeout(_SECONDS_TO_LEAVE)
        with contextlib.suppress(TimeoutError):
            if not heard.recv(1):
                return
        _leave(message)


def _leave(message: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR + "\n")  # A bar of progress may have hidden it.
    complain(message)
    os._exit(INTERRUPTED)
