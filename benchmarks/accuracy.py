"""The worst relative error of each family at counts up to 2**31 - 1, beside optax's.

The truth is computed in extended precision; both libraries are compiled, in float32. First come
cases in which optax loses digits, then the formulas that the tests check, one or more for each
family; optax is beside those that it has.
"""

import pathlib
import sys

import jax
import mpmath
import numpy as np
import optax

import jaxlr

sys.path.append(str(pathlib.Path(__file__).parents[1] / "tests"))
from formulas import FORMULAS
from formulas.exact import COUNTS

LATE = 2**31 - 1


def counts(end):
    """Counts from the beginning to the end, dense at both ends."""
    near = np.geomspace(1, end, 2000).astype(np.int64)
    return np.unique(np.concatenate([near, end - near, np.linspace(0, end, 2000, dtype=np.int64)]))


def clip(t, steps):
    return min(mpmath.mpf(t) / steps, mpmath.mpf(1))


def wave(p):
    return mpmath.sin(mpmath.pi * (1 - p) / 2) ** 2


def cases():
    for steps in (10**3, 10**6, LATE):
        yield (
            f"linear_schedule to 0, {steps} steps",
            ("linear_schedule", (1.0, 0.0, steps)),
            steps,
            lambda t, steps=steps: 1 - clip(t, steps),
        )
        yield (
            f"cosine_decay_schedule, {steps} steps",
            ("cosine_decay_schedule", (1.0, steps)),
            steps,
            lambda t, steps=steps: wave(clip(t, steps)),
        )
        yield (
            f"polynomial_schedule to 0, power 2, {steps} steps",
            ("polynomial_schedule", (1.0, 0.0, 2, steps)),
            steps,
            lambda t, steps=steps: (1 - clip(t, steps)) ** 2,
        )
        yield (
            f"cosine_onecycle_schedule, {steps} steps",
            ("cosine_onecycle_schedule", (steps, 1.0)),
            steps,
            lambda t, steps=steps: onecycle(t, steps),
        )
    for rate in (0.9, 0.999, 0.999999):
        end = int(80 / -np.log(rate))
        yield (
            f"exponential_decay, rate {rate} a step",
            ("exponential_decay", (1.0, 1, rate)),
            end,
            lambda t, rate=rate: mpmath.mpf(rate) ** t,
        )
    yield (
        "piecewise_constant_schedule, 100 scales",
        ("piecewise_constant_schedule", (1.0, {10 * i: 0.97 for i in range(1, 101)})),
        1000,
        lambda t: mpmath.mpf(0.97) ** min(t // 10, 100),
    )


def onecycle(t, steps):
    corner, low = int(0.3 * steps), mpmath.mpf(1) / 25
    if t < corner:
        return low + (1 - low) * wave(1 - mpmath.mpf(t) / corner)
    end = low / 10_000
    return end + (1 - end) * wave(clip(t - corner, steps - corner))


def worst(schedule, at, exact):
    # optax cannot evaluate every family on an array of counts.
    values = np.asarray(jax.jit(lambda at: jax.lax.map(schedule, at))(at), np.float64)
    normal = np.abs(exact) > 1.2e-38  # Below, a float32 has fewer digits to lose.
    errors = np.abs(values - exact)[normal] / np.abs(exact)[normal]
    return np.max(np.where(np.isnan(errors), np.inf, errors))


def in_optax(schedule):
    """The same schedule in optax, or None."""
    constructor = getattr(optax, schedule.family.name, None)
    if constructor is None:
        return None
    parameters = dict(schedule.params)
    if parameters.get("boundaries_and_scales"):
        counts, scales = parameters["boundaries_and_scales"]
        parameters["boundaries_and_scales"] = dict(
            zip(counts.tolist(), scales.tolist(), strict=True)
        )
    if "cosine_kwargs" in parameters:
        columns = parameters["cosine_kwargs"]
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        parameters["cosine_kwargs"] = [dict(zip(columns, row, strict=True)) for row in rows]
    return constructor(**parameters)


def show(label, ours, theirs, at, formula):
    exact = np.array([float(formula(int(t))) for t in at])
    beside = "" if theirs is None else f"{worst(theirs, at, exact):9.1e}"
    print(f"{label:<54} {worst(ours, at, exact):9.1e} {beside}", flush=True)


if __name__ == "__main__":
    print(f"{'worst relative error':<54} {'jaxlr':>9} {'optax':>9}")
    for label, (family, arguments), end, formula in cases():
        ours, theirs = (getattr(library, family)(*arguments) for library in (jaxlr, optax))
        show(label, ours, theirs, counts(end), formula)
    for family, entries in FORMULAS.items():
        for number, (schedule, formula) in enumerate(entries, 1):
            theirs = None if "join" in family else in_optax(schedule)
            show(f"{family} ({number})", schedule, theirs, COUNTS, formula)
