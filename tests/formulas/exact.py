"""Arithmetic in extended precision that formulas share."""

import mpmath
import numpy as np

T = 1_000_003
"""The length of most schedules here: odd, and too long for a float32 to count its thirds."""

LATE = 2**31 - 1
COUNTS = np.unique(
    np.concatenate(
        [np.geomspace(1, LATE, 400), np.linspace(0, 2 * T, 400), T - np.geomspace(1, T, 200)]
    ).astype(np.int64)
)
"""The counts at which they are tested."""


def f(x):
    return mpmath.mpf(x)


def clip(x):
    return min(max(x, f(0)), f(1))


def rest(t):
    """The part of ``T`` steps that is left."""
    return clip(1 - f(t) / T)


def between(start, end, share):
    """The mean of two values, with some share of the first."""
    return start * share + end * (1 - share)


def cosine(p):
    """(1 + cos(pi p)) / 2 without its cancellation."""
    return mpmath.sin(mpmath.pi * (1 - p) / 2) ** 2


def risen_cosine(p):
    return cosine(1 - p)
