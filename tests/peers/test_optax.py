"""The fourteen schedules of optax, by name: positions, values, and what holds past the end.

optax is run in float64: in float32, relative to the peak, it has some 1e-6 and at times much more,
as tests/test_pitfalls.py shows. Where tests/test_optax_suite.py lists an exception, nothing is
drawn here.
"""

import importlib

import jax
import numpy as np
import optax
import pytest
from peers.comparison import (
    COUNTS,
    compare,
    drawn,
    either,
    flags,
    floats,
    integers,
    lengths,
    lists,
    rates,
    ratios,
)

import jaxlr

pytestmark = pytest.mark.filterwarnings("ignore")

factors = floats(0.1, 1.5)
begins = integers(0, 40)
# optax multiplies by the inverse of a length: its staircase is late, and its power below 1 does not
# reach the end, at a length whose inverse is rounded.
periods = either(1, 2, 4, 8, 16, 32)
jumps = lists(integers(1, 100), 3, unique=True)


def scales(rng):
    return {count: factors(rng) for count in jumps(rng)}


ARGUMENTS = {
    "constant_schedule": [rates],
    "cosine_decay_schedule": [rates, lengths, ratios, floats(0.5, 3.0)],
    "cosine_onecycle_schedule": [integers(10, 100), rates, floats(0.1, 0.9), rates, rates],
    "exponential_decay": [rates, periods, factors, begins, flags, either(None, rates)],
    "linear_onecycle_schedule": [
        integers(10, 100),
        rates,
        floats(0.1, 0.4),
        floats(0.5, 0.9),
        rates,
        rates,
    ],
    "linear_schedule": [rates, rates, lengths, begins],
    "piecewise_constant_schedule": [rates, scales],
    "piecewise_interpolate_schedule": [either("linear", "cosine"), rates, scales],
    "polynomial_schedule": [rates, rates, floats(0.2, 4.0), periods, begins],
    "warmup_constant_schedule": [rates, rates, lengths],
    "warmup_cosine_decay_schedule": [
        rates,
        rates,
        integers(1, 40),
        integers(41, 100),
        ratios,
        floats(0.5, 3.0),
    ],
    "warmup_exponential_decay_schedule": [
        rates,
        rates,
        lengths,
        periods,
        factors,
        begins,
        flags,
        either(None, rates),
    ],
}


def agree(name, *args):
    with jax.enable_x64(True):
        theirs = np.asarray(jax.vmap(getattr(optax, name)(*args))(COUNTS))
    compare(f"optax {name}", getattr(jaxlr, name)(*args), theirs)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_family(name):
    @drawn(args=lambda rng: [draw(rng) for draw in ARGUMENTS[name]])
    def all_agree(args):
        agree(name, *args)

    all_agree()


def cycle(rng):
    return {
        "init_value": rates(rng),
        "peak_value": rates(rng),
        "warmup_steps": int(rng.integers(1, 21)),
        "decay_steps": int(rng.integers(21, 51)),
        "end_value": ratios(rng),
    }


@drawn(cosine_kwargs=lists(cycle, 2))
def test_sgdr(cosine_kwargs):
    agree("sgdr_schedule", cosine_kwargs)


@drawn(rate=rates, steps=periods, factor=factors, end=lengths, gap=integers(1, 40))
def test_join(rate, steps, factor, end, gap):
    def joined(library):
        pieces = [
            library.linear_schedule(0.0, rate, end),
            library.constant_schedule(rate),
            library.exponential_decay(rate, steps, factor),
        ]
        return library.join_schedules(pieces, [end, end + gap])

    with jax.enable_x64(True):
        theirs = np.asarray(jax.vmap(joined(optax))(COUNTS))
    compare("optax join_schedules", joined(jaxlr), theirs)


def test_none_is_left_out():
    names = vars(importlib.import_module("optax.schedules"))
    public = {n for n in names if n.endswith(("_schedule", "_schedules", "_decay")) and n[0] != "_"}
    assert public == {*ARGUMENTS, "sgdr_schedule", "join_schedules"}
