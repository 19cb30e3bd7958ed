"""Lengths in other units than steps."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from jaxlr.units import epochs_to_steps, fractions_to_steps, samples_to_steps, tokens_to_steps

CALLS = {
    "epochs": lambda x: epochs_to_steps(x, 10, 3),
    "num_examples": lambda x: epochs_to_steps(1, x, 1),
    "batch_size": lambda x: epochs_to_steps(1, 10, x),
    "samples": lambda x: samples_to_steps(x, 3),
    "batch_size ": lambda x: samples_to_steps(3, x),
    "tokens": lambda x: tokens_to_steps(x, 3, 5),
    "batch_size  ": lambda x: tokens_to_steps(15, x, 5),
    "sequence_length": lambda x: tokens_to_steps(15, 3, x),
    "fractions": lambda x: fractions_to_steps([0.1, x], 100),
    "total_steps": lambda x: fractions_to_steps([0.1, 0.2], x),
}
SIZES = [name for name in CALLS if "size" in name or "num" in name or "length" in name]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("value", [-1, -0.5, math.inf, -math.inf, math.nan, 10**400])
def test_an_amount_out_of_range_is_named(name, value):
    with pytest.raises(
        ValueError, match=rf"`{name.strip()}` must be .* got ({value}|1000.*\.\.\.)"
    ):
        CALLS[name](value)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, 2.5])
def test_a_size_that_is_no_whole_number_is_named(name, value):
    with pytest.raises(ValueError, match=f"`{name.strip()}` must be .*whole.* got {value}"):
        CALLS[name](value)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("value", ["2e-5", "many", None, True, [1], np.ones(2), 1j])
def test_an_amount_that_is_no_number_is_named(name, value):
    with pytest.raises(TypeError, match=f"`{name.strip()}` must be a number, got") as caught:
        CALLS[name](value)
    assert ("Give 2e-05 without quotes" in str(caught.value)) == (
        isinstance(value, str) and value == "2e-5"
    )


@pytest.mark.parametrize("fractions", [None, 0.5, "0.5", np.float32(0.5)])
def test_fractions_are_a_list(fractions):
    with pytest.raises(TypeError, match="`fractions` must be a list of numbers, got"):
        fractions_to_steps(fractions, 100)


def test_fractions_of_more_than_the_run_are_refused():
    with pytest.raises(ValueError, match=r"`fractions` .* \[0.6, 0.5\], which is 1.1 together"):
        fractions_to_steps([0.6, 0.5], 100)


@pytest.mark.promotes
def test_numbers_of_all_types_are_taken():
    for one in (1, 1.0, np.int64(1), np.float32(1), np.asarray(1), jnp.int32(1)):
        assert epochs_to_steps(one, 10 * one, one) == 10
        assert fractions_to_steps([0.5 * one, 0.5 * one], 7 * one) == [4, 3]
    assert fractions_to_steps(np.full(3, 1 / 3), 100) == [33, 34, 33]


@pytest.mark.parametrize("batch_size", [2, 98, 1024, 3 * 2**20])
def test_half_a_step_is_a_step(batch_size):
    assert samples_to_steps(3 * batch_size // 2, batch_size) == 2
    assert samples_to_steps(3 * batch_size // 2 - 1, batch_size) == 1
    assert tokens_to_steps(3 * batch_size // 2 * 7, batch_size, 7) == 2
