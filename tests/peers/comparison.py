"""How schedules are compared with those of a peer, over hundreds of drawn arguments at once.

A test draws the arguments of one constructor and hands each schedule, with the values of the peer,
to :func:`compare`. All of them are evaluated at the end of the test as one batch, which compiles
once. The seed is fixed; ``PEERS_SEED=7 PEERS_CASES=200 make peers`` draws others, and more.
"""

import functools
import importlib.util
import inspect
import os
import sys
import types
import warnings
import zlib
from typing import NamedTuple

import numpy as np
import pytest

import jaxlr

COUNTS = np.arange(160)

worst: dict[str, float] = {}
"""The largest relative difference seen by now, by peer and schedule; see conftest.py."""


def peer(name):
    """Imports a peer, or skips the module that asks for it where the peer is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def bare_package(name):
    """Enters a package without running its own imports, so that one of its parts can be had.

    timm imports all of its models, and these need torchvision; its schedulers do not.
    """
    if name in sys.modules:
        return
    spec = importlib.util.find_spec(name)
    if spec is None:
        pytest.skip(f"could not import {name!r}", allow_module_level=True)
    package = types.ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules.setdefault(name, package)


# What an argument may be: a function of a random generator. The ends of a range come often.


def floats(low, high):
    return lambda rng: float(
        rng.choice([low, high]) if rng.random() < 0.1 else rng.uniform(low, high)
    )


def integers(low, high):
    return lambda rng: int(
        rng.choice([low, high]) if rng.random() < 0.1 else rng.integers(low, high + 1)
    )


def either(*values):
    """One of some values; those that are draws themselves are drawn."""

    def draw(rng):
        value = values[rng.integers(len(values))]
        return value(rng) if inspect.isfunction(value) and value.__module__ == __name__ else value

    return draw


def lists(draw, size, *, rising=False, unique=False):
    def draw_list(rng):
        while True:
            values = [draw(rng) for _ in range(size)]
            if not unique or len(set(values)) == size:
                return sorted(values) if rising else values

    return draw_list


rates = floats(1e-5, 10.0)
fractions = floats(0.01, 1.0)
ratios = floats(0.0, 1.0)
lengths = integers(1, 60)
flags = either(False, True)


class _Pair(NamedTuple):
    label: str
    schedule: jaxlr.Schedule
    theirs: np.ndarray
    at: np.ndarray
    rtol: float
    atol: float
    holds: bool
    arguments: str


_pairs: list[_Pair] = []
_drawn = ""


_CASES = int(os.environ.get("PEERS_CASES", "50"))


def drawn(cases=_CASES, **draws):
    """Runs a test with many sets of drawn arguments, and compares all that it has handed over."""

    def decorate(test):
        @functools.wraps(test)
        def run():
            global _drawn
            rng = np.random.default_rng(
                [int(os.environ.get("PEERS_SEED", "0")), zlib.crc32(test.__qualname__.encode())]
            )
            _pairs.clear()
            for _ in range(cases):
                arguments = {name: draw(rng) for name, draw in draws.items()}
                _drawn = f"{arguments}"
                test(**arguments)
            _compare_all()

        run.__signature__ = inspect.Signature()  # pytest shall take no argument for a fixture.
        return run

    return decorate


def compare(label, schedule, theirs, *, at=None, rtol=1e-6, atol=1e-12, holds=False):
    """Notes that a schedule has the values of a peer at some counts, by default the first ones.

    ``atol`` is a fraction of the largest value of the peer. Its default hides only what is left of
    a zero in double precision. With ``holds`` the last of these values must hold from there on.
    """
    theirs = np.asarray(theirs, np.float64)
    at = COUNTS[: len(theirs)] if at is None else at
    assert theirs.shape == at.shape
    _pairs.append(_Pair(label, schedule, theirs, at, rtol, atol, holds, _drawn))


def _compare_all():
    assert _pairs, "nothing was handed over"
    ours = np.asarray(jaxlr.stack([pair.schedule for pair in _pairs])(COUNTS), np.float64)
    for values, pair in zip(ours, _pairs, strict=True):
        assert_same(*pair[:1], values[pair.at], *pair[2:6], note=pair.arguments)
        if pair.holds:
            last = pair.at[-1]
            assert np.all(values[last:] == values[last]), f"it does not hold: {pair.arguments}"
    # One by itself, and at counts of its own, is the same.
    schedule, values = _pairs[-1].schedule, ours[-1]
    np.testing.assert_allclose(schedule(COUNTS), values, rtol=1e-6, atol=1e-12)
    _pairs.clear()


def assert_same(label, ours, theirs, at, rtol=1e-6, atol=1e-12, note=""):
    """Compares two curves at each count."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    floor = atol * np.max(np.abs(theirs))
    beyond = np.maximum(np.abs(ours - theirs) - floor, 0.0)
    relative = beyond / np.where(theirs == 0.0, np.finfo(np.float32).tiny, np.abs(theirs))
    worst[label] = max(worst.get(label, 0.0), float(relative.max()))
    i = int(relative.argmax())
    assert relative.max() <= rtol, (
        f"{label} at count {at[i]}: {ours[i]!r} here, {theirs[i]!r} there, for {note}"
    )
