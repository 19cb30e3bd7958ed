"""Files that are there whole or not at all."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["write_whole"]


@contextlib.contextmanager
def write_whole(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Opens a file that takes its place only when the block ends without an error.

    Missing folders are made. What was there before stays until then; whatever happens in between,
    nobody sees half a file.

    Args:
      path: the file.
      mode: ``"w"`` for text in UTF-8, with line ends as they are written; ``"wb"`` for bytes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    # In the same folder: only within one file system is the last step a single one.
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(temporary, mode.replace("w", "x"), **text) as stream:  # type: ignore[call-overload]
            yield stream
        os.replace(temporary, path)
    except OSError as error:
        if str(error.filename) != str(temporary):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
