"""Programs of many cases at once, since to compile one for each takes most of the time of tests."""

import functools

import jax
import numpy as np
import pytest
from cases import CASES, COUNTS

BEFORE = 3
"""So many counts before 0 come first."""

INTS = np.array([-(2**31), -1000, -1, *COUNTS, 2**24 + 1, 2**31 - 2, 2**31 - 1])
FLOATS = np.array([-1000, -1, -0.5, *COUNTS, 2**24, 2**31, 1e12])
"""The counts of the cases, some before 0, and some long after the end of each. JAX makes numbers of
32 bits of them, but not in float64."""

USUAL = slice(BEFORE, BEFORE + len(COUNTS))
"""The counts of the cases among them."""


@functools.cache
def curve(name):
    """The values of a case at all integer counts, called from Python."""
    return np.asarray(CASES[name](INTS))


def quick(function):
    """Compiles in a third of the time, where no digit depends on it, into a slower program."""
    return jax.jit(
        function,
        compiler_options={
            "xla_backend_optimization_level": 0,
            "xla_cpu_use_fusion_emitters": False,
        },
    )


def in_parts(names, number):
    """A mark to run a test on parts of some names, which may go to several workers."""
    names = list(names)
    parts = {str(i): names[i::number] for i in range(number)}
    return pytest.mark.parametrize("part", parts.values(), ids=parts.keys())


def of_each(function, cases):
    """The result of a function for each case, by name; an error says which case it is about."""
    results = {}
    for name, case in cases.items():
        try:
            results[name] = function(case)
        except Exception as error:
            error.add_note(f"The case is {name}.")
            raise
    return results
