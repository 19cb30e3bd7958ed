"""Many schedules as one: what goes in comes out, with the values that each has alone."""

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, COUNTS

import jaxlr

ALL = list(CASES.values())
COUNTS = np.asarray(COUNTS)


def alone(schedules):
    return np.stack([np.asarray(lr(COUNTS)) for lr in schedules])


def test_a_batch_of_all_families_has_the_values_of_each():
    batch = jaxlr.stack(ALL)
    assert list(batch) == ALL
    np.testing.assert_array_max_ulp(np.asarray(batch(COUNTS)), alone(ALL), 1)
    assert batch(7).shape == (len(ALL),)


def test_selection_and_concatenation_keep_the_members():
    places = np.random.default_rng(0).integers(0, len(ALL), 50)
    chosen = jaxlr.stack(ALL)[places]
    assert chosen == jaxlr.stack([ALL[place] for place in places])
    assert jaxlr.concatenate([chosen[:20], chosen[20:]]) == chosen
    np.testing.assert_array_equal(chosen(COUNTS), jaxlr.stack(ALL)(COUNTS)[places])


def test_text_and_pickle_read_back():
    batch = jaxlr.stack([lr for lr in ALL if jax.tree.leaves(lr)])
    assert jaxlr.Batch.from_dict(json.loads(json.dumps(batch.to_dict()))) == batch
    assert pickle.loads(pickle.dumps(batch)) == batch


def test_a_batch_is_an_argument_of_compiled_code():
    batch = jaxlr.stack(ALL)
    np.testing.assert_array_equal(
        jax.jit(lambda batch, count: batch(count))(batch.as_arrays(), jnp.asarray(COUNTS)),
        batch(COUNTS),
    )


def test_unequal_lists_are_refused():
    with pytest.raises(ValueError, match="equally long"):
        jaxlr.zipped(jaxlr.constant_schedule, value=[0.1, 0.2], other=[1])
