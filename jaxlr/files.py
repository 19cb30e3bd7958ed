"""Files that are there whole or not at all."""

import contextlib
import errno
import os
import stat
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["hold", "write_whole"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


@contextlib.contextmanager
def write_whole(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file that takes its place only when the block ends without an error.

    Missing folders are made. The old file stays until then: at no time does anybody see half a
    file. A new file has the mode of the one that it replaces. A link is followed, and stays. A
    device or a pipe is never replaced, but written to as it is.

    Args:
      path: the file.
      mode: ``"w"`` for text in UTF-8, with line ends as they are written; ``"wb"`` for bytes.

    Raises:
      OSError: if the file cannot be written, with its name.
    """
    given = str(path)
    target = Path(os.path.realpath(path))
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    if target.exists() and not target.is_file() and not target.is_dir():
        with _naming(given), open(target, mode, **text) as stream:  # type: ignore[call-overload]
            yield stream
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    _clear(target)
    # In the same folder: only within one file system is the last step a single one.
    temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with _naming(given, temporary):
            with open(temporary, mode.replace("w", "x"), **text) as stream:  # type: ignore[call-overload]
                hold(stream)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            if target.is_file():
                os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
            os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def hold(stream: IO[Any]) -> bool:
    """Takes the lock of an open file; returns False if another holder has it.

    It is held until the file is closed, by the end of the process at the latest, however that ends.
    Where a file system has no locks, this counts as held.
    """
    try:
        if sys.platform == "win32":
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True


@contextlib.contextmanager
def _naming(given: str, temporary: Path | None = None) -> Iterator[None]:
    """Names the file that was asked for in errors about the temporary one, or about none."""
    try:
        yield
    except OSError as error:
        unnamed = error.filename is None and error.errno in _NO_ROOM
        if not unnamed and str(error.filename) != str(temporary):
            raise
        raise OSError(error.errno, error.strerror, given) from None


def _clear(target: Path) -> None:
    """Deletes the halves that killed writers of a file have left, which nobody holds."""
    for left in target.parent.glob(f"{_literal(target.name)}.*.part"):
        with contextlib.suppress(OSError), open(left, "rb+") as stream:
            # A writer that has just begun may not hold its file yet.
            old = time.time() - os.fstat(stream.fileno()).st_mtime > 60.0
            if old and sys.platform != "win32" and hold(stream):
                os.unlink(left)


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
