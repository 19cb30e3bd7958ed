"""Saving a run after each epoch, to go on exactly where it was.

A directory of checkpoints belongs to one run. After each epoch the run is written to a file named
by the number of epochs, ``epoch3.checkpoint``. The file takes this name only when it is complete;
the newest two stay, and older ones are deleted only then. However the run is interrupted, the
directory holds its newest whole state, or nothing. Of several processes the first writes.

A file has, one after another:

* a line that names the format;
* the SHA-256 of all that follows, 32 bytes. It is verified before anything is used;
* the length of the index, 8 bytes, the lowest first;
* the index, in JSON: the configuration of the run, and name, dtype and shape of each array;
* the arrays.

Only a run with the same configuration, texts by name, may go on from a checkpoint. And only one
process at a time may use a directory: it holds a lock on the file ``lock`` there, which ends with
the process, however that ends.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from jaxlr.files import hold, write_whole
from jaxlr.train.types import Array

__all__ = ["Checkpoints"]

_FORMAT = b"jaxlr checkpoint 1\n"
_KEPT = 2


class Checkpoints:
    """A directory with the newest checkpoints of one run; a context manager.

    Args:
      directory: the directory; it is made if it is missing.
      configuration: texts by name that tell this run from others.
      resume: whether to go on from a checkpoint that is there.

    Raises:
      FileExistsError: if there is a checkpoint but ``resume`` is False.
      BlockingIOError: if another process uses the directory.
      ValueError: if the newest checkpoint is damaged, or of a run with another configuration.

    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     with Checkpoints(directory, {"seed": "0"}) as checkpoints:
    ...         checkpoints.save(1, {"loss": np.ones(3)})
    ...     with Checkpoints(directory, {"seed": "0"}) as checkpoints:
    ...         print(checkpoints.epoch, checkpoints.load())
    1 {'loss': array([1., 1., 1.])}
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        configuration: Mapping[str, str],
        resume: bool = True,
    ):
        if not isinstance(directory, str | os.PathLike) or not os.fspath(directory):
            kind = ValueError if directory == "" else TypeError
            raise kind(f"`checkpoint` must name a directory, got {directory!r}.")
        self._path = Path(directory).expanduser().absolute()
        self._configuration = dict(configuration)
        self._resources = contextlib.ExitStack()
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(self._resources.close)
            self._open()
            self._saved = self._checked(resume)
            cleanup.pop_all()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    @property
    def epoch(self) -> int | None:
        """The number of epochs in the newest checkpoint, or None if there is none."""
        return max(self._epochs(), default=None)

    def load(self) -> dict[str, Array] | None:
        """Returns the arrays of the newest checkpoint there was at first, or None."""
        return self._saved

    def save(self, epoch: int, arrays: Mapping[str, Array]) -> None:
        """Writes the run after an epoch, and then deletes all but the newest two checkpoints."""
        if jax.process_index() != 0:
            return
        index = {
            "configuration": self._configuration,
            "arrays": [[name, str(x.dtype), list(x.shape)] for name, x in arrays.items()],
        }
        head = json.dumps(index).encode()
        parts: list[Any] = [len(head).to_bytes(8, "little"), head, *map(_bytes, arrays.values())]
        checksum = hashlib.sha256()
        for part in parts:
            checksum.update(part)
        with write_whole(self._file(epoch), "wb") as stream:
            stream.writelines([_FORMAT, checksum.digest(), *parts])
        for old in sorted(self._epochs())[:-_KEPT]:
            self._file(old).unlink()

    def _open(self) -> None:
        """Makes the directory and takes the lock, in the first process on behalf of all."""
        error: OSError | None = None
        if jax.process_index() == 0:
            try:
                self._path.mkdir(parents=True, exist_ok=True)
                self._resources.enter_context(_lock(self._path))
            except BlockingIOError as problem:
                error = problem
            except OSError as problem:
                error = OSError(
                    problem.errno, f"`checkpoint`: {problem.strerror}", problem.filename
                )
        failed = bool(error)
        if jax.process_count() > 1:
            failed = bool(multihost_utils.broadcast_one_to_all(np.int32(failed)))
        if failed:
            raise error or OSError(f"`checkpoint`: the first process could not use {self._path}.")

    def _checked(self, resume: bool) -> dict[str, Array] | None:
        epoch = self.epoch
        if epoch is None:
            return None
        if not resume:
            raise FileExistsError(
                f"`checkpoint`: {self._path} has a run already, saved after epoch {epoch}. Choose "
                "another directory or delete this one; to continue the run, set `resume`."
            )
        try:
            configuration, arrays = _read(self._file(epoch))
        except _DamagedError as error:
            raise ValueError(f"`checkpoint`: {error} {self._cure(epoch)}") from None
        self._compare(configuration)
        return arrays

    def _compare(self, there: Mapping[str, str]) -> None:
        here = self._configuration
        different = [
            f"  {name}: {there.get(name)} there, {here.get(name)} here"
            for name in {**there, **here}
            if there.get(name) != here.get(name)
        ]
        if different:
            raise ValueError(
                f"`checkpoint`: {self._path} has a run with another configuration:\n"
                + "\n".join(different)
                + "\nGive the same configuration to continue it, or choose another directory."
            )

    def _cure(self, damaged: int) -> str:
        for epoch in sorted(self._epochs() - {damaged}, reverse=True):
            with contextlib.suppress(_DamagedError):
                _read(self._file(epoch))
                return f"Delete this file to go on from epoch {epoch}, whose checkpoint is whole."
        return "Delete the directory to begin anew, or choose another one."

    def _epochs(self) -> set[int]:
        found = (re.fullmatch(r"epoch(\d+)\.checkpoint", name) for name in os.listdir(self._path))
        return {int(match[1]) for match in found if match}

    def _file(self, epoch: int) -> Path:
        return self._path / f"epoch{epoch}.checkpoint"


class _DamagedError(Exception):
    """A file is no whole checkpoint."""


def _read(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Returns the configuration and the arrays in a file, all of it verified."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _DamagedError(f"{path} cannot be read: {error.strerror}.") from None
    begin = len(_FORMAT) + hashlib.sha256().digest_size
    body = memoryview(data)[begin:]
    if not data.startswith(_FORMAT) or hashlib.sha256(body).digest() != data[len(_FORMAT) : begin]:
        raise _DamagedError(f"{path} is damaged, or no checkpoint.")
    end = 8 + int.from_bytes(body[:8], "little")
    index: dict[str, Any] = json.loads(bytes(body[8:end]))
    arrays = {}
    for name, dtype_name, shape in index["arrays"]:
        dtype, count = jnp.dtype(dtype_name), int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype, count, offset=end).reshape(shape)
        end += count * dtype.itemsize
    return index["configuration"], arrays


def _bytes(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


@contextlib.contextmanager
def _lock(directory: Path) -> Any:
    """Keeps other processes out of a directory, and deletes the halves that killed ones left."""
    with open(directory / "lock", "a+", encoding="utf-8") as stream:
        if not hold(stream):
            stream.seek(0)
            raise BlockingIOError(
                f"`checkpoint`: {directory} is in use by another process, "
                f"{stream.read().strip() or 'which has just begun'}. Wait for it to end, or choose "
                "another directory."
            )
        for left in directory.glob("epoch*.part"):
            left.unlink()
        stream.truncate(0)
        stream.write(f"number {os.getpid()}")
        stream.flush()
        yield
