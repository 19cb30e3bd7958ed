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


def test_a_schedule_with_batched_leaves_becomes_a_batch():
    peaks, lengths = jnp.array([0.1, 0.2, 0.3]), jnp.array([10, 20, 30])
    mapped = jax.vmap(lambda peak, steps: jaxlr.cosine_decay_schedule(peak, steps))(peaks, lengths)
    batch = jaxlr.batched(mapped, {"run": ["a", "b", "c"]})
    assert batch.table["run"].tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(batch(COUNTS), jax.vmap(lambda lr: lr(COUNTS))(mapped), rtol=1e-6)


@pytest.mark.parametrize("recipe", [jaxlr.exponential_decay, jaxlr.noam_hold_schedule])
@pytest.mark.parametrize("steps", [[7, 9, 2], [7, 2**40, 2]])
def test_numbers_of_the_host_are_expanded_as_those_of_each_member(recipe, steps):
    """Elementwise or one by one, and whether or not all of a stack fit into an int32."""
    rows = [(0.1, steps[0], 1), (0.2, steps[1], 3), (0.3, steps[2], 2)]
    columns = map(np.array, zip(*rows, strict=True))
    names = list(recipe.family.signature.parameters)[:3]
    defaults = {k: np.full(3, v) for k, v in recipe(*rows[0]).params.items() if k not in names}
    given = dict(zip(names, columns, strict=True)) | {
        name: value for name, value in defaults.items() if value.dtype.kind in "if"
    }
    batch, expected = jaxlr.batched(recipe(**given)), jaxlr.stack([recipe(*row) for row in rows])
    assert batch == expected
    leaves = jax.tree.leaves(batch.as_arrays()), jax.tree.leaves(expected.as_arrays())
    for mine, theirs in zip(*leaves, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    "lr",
    [
        jaxlr.linear_schedule(1.0, 0.0, 5),
        jaxlr.linear_schedule(np.array([1.0, 2.0]), 0.0, np.array([5, 6])),
        jaxlr.linear_schedule(*np.ones((3, 2)), np.ones(3)),
        jaxlr.wrap(abs),
    ],
    ids=["single", "one is single", "unequal", "no numbers"],
)
def test_leaves_that_are_no_batch_are_refused(lr):
    with pytest.raises(ValueError, match=r"`schedules` must have leaves with one row"):
        jaxlr.batched(lr)
