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
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, lengths, rates

import jaxlr

pytestmark = pytest.mark.filterwarnings("ignore")

ratios = st.floats(0.0, 1.0)
factors = st.floats(0.1, 1.5)
begins = st.integers(0, 40)
# optax multiplies by the inverse of a length: its staircase is late, and its power below 1 does not
# reach the end, at a length whose inverse is rounded.
periods = st.sampled_from([1, 2, 4, 8, 16, 32])
scales = st.dictionaries(st.integers(1, 100), factors, min_size=3, max_size=3)

ARGUMENTS = {
    "constant_schedule": [rates],
    "cosine_decay_schedule": [rates, lengths, ratios, st.floats(0.5, 3.0)],
    "cosine_onecycle_schedule": [st.integers(10, 100), rates, st.floats(0.1, 0.9), rates, rates],
    "exponential_decay": [rates, periods, factors, begins, st.booleans(), st.none() | rates],
    "linear_onecycle_schedule": [
        st.integers(10, 100),
        rates,
        st.floats(0.1, 0.4),
        st.floats(0.5, 0.9),
        rates,
        rates,
    ],
    "linear_schedule": [rates, rates, lengths, begins],
    "piecewise_constant_schedule": [rates, scales],
    "piecewise_interpolate_schedule": [st.sampled_from(["linear", "cosine"]), rates, scales],
    "polynomial_schedule": [rates, rates, st.floats(0.2, 4.0), periods, begins],
    "warmup_constant_schedule": [rates, rates, lengths],
    "warmup_cosine_decay_schedule": [
        rates,
        rates,
        st.integers(1, 40),
        st.integers(41, 100),
        ratios,
        st.floats(0.5, 3.0),
    ],
    "warmup_exponential_decay_schedule": [
        rates,
        rates,
        lengths,
        periods,
        factors,
        begins,
        st.booleans(),
        st.none() | rates,
    ],
}


def agree(name, *args):
    with jax.enable_x64(True):
        theirs = np.asarray(jax.vmap(getattr(optax, name)(*args))(COUNTS))
    assert_same(f"optax {name}", getattr(jaxlr, name)(*args)(COUNTS), theirs)


@pytest.mark.parametrize("name", ARGUMENTS)
@drawn(data=st.data())
def test_family(name, data):
    agree(name, *data.draw(st.tuples(*ARGUMENTS[name])))


cycles = st.fixed_dictionaries(
    {
        "init_value": rates,
        "peak_value": rates,
        "warmup_steps": st.integers(1, 20),
        "decay_steps": st.integers(21, 50),
        "end_value": ratios,
    }
)


@drawn(cosine_kwargs=st.lists(cycles, min_size=2, max_size=2))
def test_sgdr(cosine_kwargs):
    agree("sgdr_schedule", cosine_kwargs)


@drawn(rate=rates, steps=periods, factor=factors, end=st.integers(1, 60), gap=st.integers(1, 40))
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
    assert_same("optax join_schedules", joined(jaxlr)(COUNTS), theirs)


def test_none_is_left_out():
    names = vars(importlib.import_module("optax.schedules"))
    public = {n for n in names if n.endswith(("_schedule", "_schedules", "_decay")) and n[0] != "_"}
    assert public == {*ARGUMENTS, "sgdr_schedule", "join_schedules"}
