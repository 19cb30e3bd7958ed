"""Lengths that are no number of steps."""

import math

import pytest

from jaxlr.units import epochs_to_steps, samples_to_steps


@pytest.mark.parametrize("size", [0, -1, 2.5, math.inf, math.nan])
def test_a_size_that_is_no_whole_number_is_named(size):
    with pytest.raises(ValueError, match=f"`num_examples` must be .* got {size}"):
        epochs_to_steps(1, num_examples=size, batch_size=1)
    with pytest.raises(ValueError, match=f"`batch_size` must be .* got {size}"):
        samples_to_steps(1, batch_size=size)
