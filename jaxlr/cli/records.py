"""The folder that a command writes its record to."""

import argparse
import contextlib
import json
import math
import os
import platform
import shlex
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from jaxlr.cli.printing import complain
from jaxlr.files import write_whole

__all__ = ["Record", "writable_folder"]

_PACKAGES = ("jax", "jaxlib", "optax", "flax", "numpy", "scipy", "scikit-learn")


def writable_folder(path: Path) -> Path:
    """A folder to write to, found or made before anything is computed for it."""
    with contextlib.suppress(OSError):
        path.mkdir(parents=True, exist_ok=True)
    if not (path.is_dir() and os.access(path, os.W_OK)):
        raise ValueError(f"`--out`: the folder {path} cannot be written to. Give another.")
    return path


class Record:
    """``run.json``: what it takes to do the same again, and what came of it.

    It is written before training without results, and after it with them.
    """

    def __init__(self, folder: Path, options: argparse.Namespace, facts: Mapping[str, Any]):
        import jax

        import jaxlr
        from jaxlr.plot import figure

        figure()  # It names the extra if it is missing, before anything is trained.
        self.folder = writable_folder(folder)
        if (folder / "run.json").exists():
            complain(f"the record in {folder} will be replaced")
        devices = jax.devices()
        self._facts = {
            "command": shlex.join(["jaxlr", *options.arguments]),
            "options": {
                name: value
                for name, value in vars(options).items()
                if name not in ("run", "arguments")
            },
            **facts,
            "versions": {
                "jaxlr": jaxlr.__version__,
                "python": platform.python_version(),
                **{name: version for name in _PACKAGES if (version := _version(name))},
            },
            "device": f"{len(devices)} x {devices[0].device_kind}",
            "system": platform.platform(),
        }
        self.write(None)

    def write(self, results: Any) -> None:
        """Writes the file, in place of the one from before."""
        text = json.dumps({**self._facts, "results": _plain(results)}, indent=2)
        with write_whole(self.folder / "run.json") as stream:
            stream.write(text + "\n")


def _version(package: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def _plain(value: Any) -> Any:
    """The same without numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
