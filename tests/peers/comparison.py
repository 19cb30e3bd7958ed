"""How a schedule is compared with the peer that it stands for."""

import importlib.util
import os
import sys
import types
import warnings

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

COUNTS = np.arange(160)

rates = st.floats(1e-5, 10.0)
fractions = st.floats(0.01, 1.0)
lengths = st.integers(1, 60)

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
    spec = importlib.util.find_spec(name)
    if spec is None:
        pytest.skip(f"could not import {name!r}", allow_module_level=True)
    package = types.ModuleType(name)
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules.setdefault(name, package)


def drawn(examples=25, **strategies):
    """Draws the arguments of a test anew in every run; a failure prints them."""
    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize="CI" in os.environ,
        print_blob=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    return lambda test: settings(hypothesis.given(**strategies)(test))


def assert_same(label, ours, theirs, *, rtol=1e-6, atol=1e-12, counts=None):
    """Compares two curves at each count; `atol` is a fraction of the peer's largest value.

    Its default hides only what is left of a zero in double precision.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    floor = atol * np.max(np.abs(theirs))
    beyond = np.maximum(np.abs(ours - theirs) - floor, 0.0)
    relative = beyond / np.where(theirs == 0.0, np.finfo(np.float32).tiny, np.abs(theirs))
    worst[label] = max(worst.get(label, 0.0), float(relative.max()))
    at = int(relative.argmax())
    count = at if counts is None else counts[at]
    hypothesis.note(f"{label}: at count {count} ours {ours[at]!r}, theirs {theirs[at]!r}")
    assert relative.max() <= rtol
