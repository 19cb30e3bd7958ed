"""Looking up what holds at a count: whichever way it is done, comparing with all says the same."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxlr.exact.intervals import by_interval, interval
from jaxlr.exact.time import Instant

NUMBERS = (0, 1, 17, 300)


def rows(formula, boundaries, count, values, **kwargs):
    """What a plain loop over counts says."""
    side = kwargs.get("side", "right")
    index = np.searchsorted(boundaries, count.ravel(), side=side)
    return np.asarray(formula(count, values[index].reshape(count.shape)))


def scaled(count, entry):
    return entry * (1 + count % 7)


@functools.partial(jax.jit, static_argnums=3)
def _looked_up(boundaries, count, values, side="right"):
    return by_interval(scaled, boundaries, count, values, side=side)


@pytest.mark.parametrize(
    ("shape", "side"), [((3,), "right"), ((4099,), "left"), ((70, 90), "right")], ids=str
)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("far", [100, 100_000], ids=["close together", "far apart"])
def test_each_count_gets_the_entry_of_its_interval(number, shape, far, side):
    rng = np.random.default_rng(number)
    boundaries = np.sort(rng.integers(0, far, number)).astype(np.int32)
    values = rng.integers(0, 1000, number + 1).astype(np.int32)
    size = int(np.prod(shape))
    for counts in (np.arange(size), rng.integers(-5, far + 5, size), far * np.arange(size) // 9):
        count = counts.reshape(shape).astype(np.int32)
        found = _looked_up(boundaries, count, values, side)
        np.testing.assert_array_equal(found, rows(scaled, boundaries, count, values, side=side))


@pytest.mark.parametrize("columns", [1, 7])
def test_few_or_many_boundaries_in_a_block_of_counts(columns):
    """Each of some gaps is looked up in another way."""

    def formula(count, entries):
        return count + sum((i + 1) * entry for i, entry in enumerate(entries))

    look_up = jax.jit(functools.partial(by_interval, formula))
    count, values = (
        np.arange(5003),
        np.random.default_rng(columns).integers(0, 1000, (columns, 2301)),
    )
    for gap in (200, 40, 10, 2):
        boundaries = gap * np.arange(1, 2301)
        index = np.searchsorted(boundaries, count, side="right")
        found = look_up(boundaries, count, tuple(values))
        np.testing.assert_array_equal(found, formula(count, values[:, index]))


@pytest.mark.parametrize("number", [0, 1, 32, 33, 256, 1024, 1025])
def test_the_interval_of_a_count(number):
    rng = np.random.default_rng(number)
    look_up = jax.jit(interval, static_argnames="side")
    for most, side in itertools.product((10, 2 * number + 1), ("left", "right")):
        boundaries = np.sort(rng.integers(0, most, number)).astype(np.int32)
        counts = np.arange(-1, most + 1, dtype=np.int32)
        expected = np.searchsorted(boundaries, counts, side=side)
        np.testing.assert_array_equal(look_up(boundaries, counts, side=side), expected)
        assert look_up(boundaries, counts[-1], side=side) == expected[-1]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2**31 - 1), min_size=30, max_size=30), st.integers(0, 2**31 - 1))
def test_boundaries_anywhere(numbers, begin):
    boundaries, values = np.sort(np.asarray(numbers, np.int32)), np.arange(31, dtype=np.int32)
    count = np.clip(begin + np.arange(-2100, 2100), 0, 2**31 - 1).astype(np.int32)
    found = _looked_up(boundaries, count, values)
    np.testing.assert_array_equal(found, rows(scaled, boundaries, count, values))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_batch_is_what_its_members_are(number):
    rng = np.random.default_rng(0)
    count = np.arange(4200, dtype=np.int32)
    # The boundaries of one are far apart, those of another all in one block.
    spans = np.array([10, 4200, 10**6, 700])[:, None]
    boundaries = np.sort(rng.integers(0, spans, (4, number)), axis=1).astype(np.int32)
    values = rng.integers(0, 1000, (4, number + 1)).astype(np.int32)
    batch = jax.vmap(_looked_up, in_axes=(0, None, 0))(boundaries, count, values)
    for member, steps, column in zip(batch, boundaries, values, strict=True):
        np.testing.assert_array_equal(member, rows(scaled, steps, count, column))


_chosen = jax.jit(functools.partial(by_interval, lambda count, entry: entry))


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
@pytest.mark.parametrize("number", [4, 40])
def test_boundaries_between_two_counts(number, dtype):
    whole = np.arange(10, 10 + 3 * number, 3).astype(np.int32)
    part = np.resize(np.float32([0.0, 0.25, -0.25, 0.5]), number)
    times = whole.astype(np.float64) + part
    values, count = np.arange(number + 1), np.arange(5000).astype(dtype)
    found = _chosen(Instant(whole, part), count, values)
    np.testing.assert_array_equal(found, np.searchsorted(times, count, side="right"))


def test_a_boundary_beyond_every_integer_never_comes():
    most = 2**31 - 1
    times = Instant(np.array([5, most], np.int32), np.float32([0.0, 1e5]))
    count = np.array([4, 5, most], np.int32)
    found = _chosen(times, count, np.arange(3))
    np.testing.assert_array_equal(found, [0, 1, 1])


@pytest.mark.parametrize("size", [3, 5000], ids=["few counts", "many counts"])
@pytest.mark.parametrize("number", [3, 30], ids=["few boundaries", "many boundaries"])
def test_gradients_go_to_the_entries_that_were_taken(number, size):
    boundaries = np.arange(100, 100 * number + 1, 100).astype(np.int32)
    count = np.linspace(0, 700, size).astype(np.int32)

    def total(values):
        return jnp.sum(by_interval(lambda count, entry: entry**2, boundaries, count, values))

    values = np.linspace(1.0, 2.0, number + 1).astype(np.float32)
    taken = np.bincount(np.searchsorted(boundaries, count, side="right"), minlength=number + 1)
    for gradient in jax.jit(lambda x: (jax.grad(total)(x), jax.jacfwd(total)(x)))(values):
        np.testing.assert_allclose(gradient, 2 * values * taken, rtol=1e-5)
