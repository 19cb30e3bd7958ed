"""What holds for every schedule, whatever its family.

To compile a program for each case and law would take most of the time of all tests, so the values
of all cases come from a few programs that compute them together. A law names the cases that break
it.
"""

import collections
import copy
import functools
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import CASES, COUNTS, SOME
from programs import BEFORE, FLOATS, INTS, USUAL, curve, in_parts, of_each, quick

import jaxlr

pytestmark = pytest.mark.x64
together = pytest.mark.xdist_group("laws")  # They share programs.

NUMERIC = {name: lr for name, lr in CASES.items() if jax.tree.leaves(lr)}
ONE_OF_EACH = {lr.family.name: lr for lr in CASES.values()}
FLOAT = jnp.float64 if jax.config.jax_enable_x64 else jnp.float32

BETWEEN = 13.5  # No corner of any case lies at this count.


@functools.cache
def arrays():
    return {name: lr.as_arrays() for name, lr in CASES.items()}


def float_leaves(lr):
    """The same schedule with float parameters, to be differentiated in."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), lr)


TRACES = collections.Counter()


@jax.jit
def handed(cases, counts):
    """The values of schedules that are arguments."""
    TRACES.update(cases.keys())
    return of_each(lambda lr: lr(counts), cases)


def test_every_family_has_a_case():
    tested = {lr.family.name for lr in CASES.values()}
    shipped = {
        name
        for name, constructor in jaxlr.families().items()
        if str(constructor.__module__).startswith(("jaxlr.catalogue.", "jaxlr.compose"))
    }
    assert tested == shipped
    assert all(hasattr(jaxlr, name) for name in shipped)


# Values.


@together
def test_compiled_and_uncompiled_agree_bitwise(subtests):
    closed = jax.jit(lambda counts: of_each(lambda lr: lr(counts), CASES))(INTS)
    argument = handed(arrays(), INTS)
    for name, lr in CASES.items():
        with subtests.test(name):
            # XLA may regroup a product of constants.
            for values, ulp in (closed[name], 1), (argument[name], 0):
                if "noise" in lr.family.name:
                    # XLA folds the erf of the bounds with other digits, in float32 under x64 too.
                    np.testing.assert_allclose(values, curve(name), rtol=5e-7)
                    continue
                # In float64 XLA makes of a power by a constant 2 a product, which differs in the
                # last digit.
                ulp = 2 if jax.config.jax_enable_x64 or "tanh" in lr.family.name else ulp
                np.testing.assert_array_max_ulp(np.asarray(values), curve(name), ulp)


@together
def test_scalars_and_arrays_of_counts_agree_to_the_last_digit(subtests):
    columns = [handed(arrays(), count) for count in INTS]
    # XLA has other exponentials for vectors than for scalars in float64.
    ulp = 4 if jax.config.jax_enable_x64 else 1
    for name, lr in CASES.items():
        with subtests.test(name):
            scalars = np.asarray([column[name] for column in columns])
            np.testing.assert_array_max_ulp(scalars, curve(name), maxulp=ulp)
            assert jax.eval_shape(lr, np.zeros((2, 0), np.int32)).shape == (2, 0)
    for lr in SOME:
        with subtests.test(str(lr)):
            table = lr(INTS.reshape(3, -1))
            np.testing.assert_array_equal(table, np.asarray(lr(INTS)).reshape(3, -1))


@together
def test_every_type_of_count_gives_the_same_values(subtests):
    """All become one of two types before a family sees them: int32 and float32."""
    values = handed(arrays(), FLOATS)
    for name, lr in CASES.items():
        with subtests.test(name):
            np.testing.assert_allclose(values[name][USUAL], curve(name)[USUAL], rtol=1e-6, atol=0)
            np.testing.assert_array_equal(lr(INTS.astype(np.int32)), curve(name))
    usual = np.asarray(COUNTS)
    for lr in SOME:
        for dtype in ("int8", "int16", "uint8", "uint32", "uint64", "float32", "float64"):
            with subtests.test(f"{lr} {dtype}"):
                for counts in (usual.astype(dtype), jnp.asarray(usual.astype(dtype))):
                    np.testing.assert_allclose(lr(counts), lr(usual), rtol=1e-6, atol=0)
                    np.testing.assert_allclose(jax.jit(lr)(counts), lr(usual), rtol=1e-6, atol=0)


def test_values_are_float32_whatever_goes_in(subtests):
    """Parameters, too."""
    for name, lr in CASES.items():
        low = low_precision(lr)
        with subtests.test(name):
            for count in (3, jnp.bfloat16(3), np.arange(3)):
                value = jax.eval_shape(lr, count)
                assert (value.dtype, value.weak_type) == (FLOAT, False)
                assert value.shape == np.shape(count)
            value = jax.eval_shape(lambda lr: lr(3), low)
            assert (value.dtype, value.weak_type, value.shape) == (FLOAT, False, ())
    for name, lr in ONE_OF_EACH.items():
        with subtests.test(name):
            value = lr(3)
            assert (value.dtype, value.weak_type, value.shape) == (FLOAT, False, ())
    for lr in SOME:
        for count in (3.0, np.uint32(3)):
            assert lr(count).dtype == FLOAT


def low_precision(lr):
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16) if isinstance(x, float) else x, lr)


@together
def test_bfloat16_parameters_are_as_good_as_the_float32_that_they_stand_for(subtests):
    low = {name: low_precision(lr) for name, lr in CASES.items()}
    same = jax.tree.map(lambda x: np.float32(x) if jnp.result_type(x) == jnp.bfloat16 else x, low)
    values = handed({name: lr.as_arrays() for name, lr in low.items()}, INTS)
    expected = handed({name: lr.as_arrays() for name, lr in same.items()}, INTS)
    for name in CASES:
        with subtests.test(name):
            np.testing.assert_allclose(values[name], expected[name], rtol=1e-5, atol=0)


@together
def test_the_first_value_holds_before_count_0(subtests):
    values = handed(arrays(), FLOATS)
    for name in CASES:
        with subtests.test(name):
            for row in (curve(name), np.asarray(values[name])):
                np.testing.assert_array_equal(row[:BEFORE], row[BEFORE])


@together
def test_values_are_finite_at_every_count(subtests):
    values = handed(arrays(), FLOATS)
    for name in CASES:
        with subtests.test(name):
            assert np.all(np.isfinite(curve(name)))
            assert np.all(np.isfinite(values[name]))
    for lr in SOME:
        for count in (2**32 - 1, np.uint32(2**32 - 1), 10**12):
            with subtests.test(f"{lr} at {count}"):
                assert np.isfinite(lr(count))


@together
def test_every_number_can_be_batched(subtests):
    """A batch of schedules, each with another number doubled, equals a loop over them."""
    every = {name: jax.tree.flatten(lr) for name, lr in arrays().items() if name in NUMERIC}
    most = max(len(leaves) for leaves, _ in every.values())

    def doubled(name, i):
        leaves, structure = every[name]
        return jax.tree.unflatten(
            structure, [(x * 2).astype(x.dtype) if i == j else x for j, x in enumerate(leaves)]
        )

    batches = {
        name: jax.tree.map(
            lambda *column: np.stack(column), *(doubled(name, i) for i in range(len(leaves)))
        )
        for name, (leaves, _) in every.items()
    }
    rows = quick(
        lambda cases: {name: jax.vmap(lambda lr: lr(INTS[USUAL]))(lr) for name, lr in cases.items()}
    )(batches)
    columns = [
        handed(arrays() | {name: doubled(name, i) for name in every}, INTS) for i in range(most)
    ]
    for name, (leaves, structure) in every.items():
        with subtests.test(name):
            expected = [columns[i][name][USUAL] for i in range(len(leaves))]
            np.testing.assert_allclose(rows[name], expected, rtol=2e-6, atol=1e-7)
            for i in range(len(leaves)):  # Each alone, beside numbers that are not batched.
                axes = jax.tree.unflatten(
                    structure, [0 if i == j else None for j in range(len(leaves))]
                )
                one = jax.tree.unflatten(
                    structure,
                    [np.stack([x] * 2) if i == j else x for j, x in enumerate(leaves)],
                )
                alone = jax.vmap(lambda lr: lr(INTS), in_axes=(axes,))
                assert jax.eval_shape(alone, one).shape == (2, len(INTS))


@together
def test_another_value_is_not_another_trace(subtests):
    handed(arrays(), INTS)
    before = TRACES.copy()
    for scale in (2, 3):
        scaled = jax.tree.map(lambda x, s=scale: (x * s).astype(x.dtype), arrays())
        handed(scaled, INTS)
    for name in CASES:
        with subtests.test(name):
            assert TRACES[name] == before[name] > 0


# Gradients.

# A gradient takes ten times as long to compile as its curve, so they are compiled quickly.
every_part = in_parts(NUMERIC, 8)


def cases_of(part):
    return {name: NUMERIC[name] for name in part}


def finite(tree):
    return all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(tree))


@every_part
def test_gradients_are_finite_at_every_count(part, subtests):
    def gradients(cases, counts):
        def at(count):
            return jax.grad(lambda cases: sum(of_each(lambda lr: lr(count), cases).values()))(cases)

        return jax.vmap(at)(counts)

    counts = np.array([*COUNTS, 10**6, 2**31 - 1], np.int32)
    all_of_them = quick(gradients)(
        {name: float_leaves(lr) for name, lr in cases_of(part).items()}, counts
    )
    for name, gradient in all_of_them.items():
        with subtests.test(name):
            for i, count in enumerate(counts):
                leaves = jax.tree.map(lambda leaf, i=i: leaf[i], gradient)
                assert finite(leaves), (count, leaves)


@every_part
def test_gradients_with_respect_to_the_count_are_finite(part, subtests):
    def slopes(counts):
        return {
            name: jax.grad(lambda counts, lr=lr: jnp.sum(lr(counts)))(counts)
            for name, lr in cases_of(part).items()
        }

    for name, slope in quick(slopes)(FLOATS[USUAL]).items():
        with subtests.test(name):
            assert finite(slope), slope


def step_of(size):
    """How far to move numbers of these sizes for a difference."""
    return np.where((size > 0.0) & (size < 0.1), 2e-2 * size, 2e-3 * np.maximum(1.0, size))


def smooth(lr):
    """Whether it has no corners everywhere that matter, and its seed, if it has one, neighbours."""
    corners = ("step", "constant", "chebyshev", "noise")
    return "stair" not in str(lr) and not any(word in lr.family.name for word in corners)


@every_part
def test_gradients_agree_with_differences(part, subtests):
    """Between the corners, where the schedule is smooth."""

    def values_between(cases):
        return of_each(lambda lr: lr(BETWEEN), cases)

    values = quick(values_between)

    floats = {name: float_leaves(lr) for name, lr in cases_of(part).items() if smooth(lr)}
    gradients = quick(jax.grad(lambda cases: sum(values_between(cases).values())))(floats)
    flat = {name: jax.flatten_util.ravel_pytree(lr) for name, lr in floats.items()}
    steps = {name: step_of(np.abs(numbers)) for name, (numbers, _) in flat.items()}

    def moved(i, sign):
        """All schedules with their i-th number moved by a step, those with fewer as they are."""
        return {
            name: back(numbers + jnp.asarray(sign * steps[name] * (np.arange(numbers.size) == i)))
            for name, (numbers, back) in flat.items()
        }

    most = max(numbers.size for numbers, _ in flat.values())
    ends = [[values(moved(i, sign)) for sign in (-1, 1)] for i in range(most)]
    for name in flat:
        with subtests.test(name):
            gradient = jax.flatten_util.ravel_pytree(gradients[name])[0]
            differences = [
                (float(high[name]) - float(low[name])) / (2 * step)
                for (low, high), step in zip(ends, steps[name], strict=False)
            ]
            np.testing.assert_allclose(gradient, differences, rtol=0.02, atol=2e-4)


# Data.


def test_unflatten_takes_anything(subtests):
    for name, lr in CASES.items():
        leaves, structure = jax.tree.flatten(lr)
        with subtests.test(name):
            for thing in (None, object(), "leaf", jax.ShapeDtypeStruct((), jnp.float32)):
                rebuilt = jax.tree.unflatten(structure, [thing] * len(leaves))
                assert isinstance(rebuilt, jaxlr.Schedule)
            assert jax.tree.unflatten(structure, leaves) == lr


@together
def test_copies_are_equal(subtests):
    for name, lr in CASES.items():
        with subtests.test(name):
            for other in (copy.copy(lr), copy.deepcopy(lr), pickle.loads(pickle.dumps(lr))):
                assert other == lr
                assert hash(other) == hash(lr)
                np.testing.assert_array_equal(other(INTS), curve(name))
            assert lr.replace() == lr


def test_another_value_is_not_equal(subtests):
    for name, lr in NUMERIC.items():
        leaves, structure = jax.tree.flatten(lr)
        with subtests.test(name):
            for i, leaf in enumerate(leaves):
                other = jax.tree.unflatten(structure, [*leaves[:i], leaf + 1, *leaves[i + 1 :]])
                assert (other != lr) == (np.size(leaf) > 0)


def test_text_and_json_read_back_as_the_same_schedule(subtests):
    for name, lr in NUMERIC.items():
        with subtests.test(name):
            assert jaxlr.parse(repr(lr)) == lr
            assert repr(jaxlr.parse(repr(lr))) == repr(lr)
            data = json.loads(json.dumps(lr.to_dict()))
            assert jaxlr.Schedule.from_dict(data) == lr
            single = jax.tree.map(lambda x: np.float32(x) if isinstance(x, float) else x, lr)
            assert jaxlr.parse(repr(single)) == lr


@together
def test_the_pytree_form_keeps_the_values(subtests):
    for name, lr in CASES.items():
        with subtests.test(name):
            np.testing.assert_array_equal(lr.as_arrays()(INTS), curve(name))
            assert lr.as_arrays().as_arrays() is lr.as_arrays()


@together
def test_optax_takes_it_for_a_schedule(subtests):
    """A schedule must never have both `init` and `update`, or optax takes it for another thing."""
    for name, lr in CASES.items():
        with subtests.test(name):
            assert callable(lr)
            assert not isinstance(lr, optax.schedules.StatefulSchedule)
    optimizers = {
        name: optax.inject_hyperparams(optax.sgd)(learning_rate=lr) for name, lr in CASES.items()
    }
    params = {"w": jnp.ones(2, FLOAT)}

    @quick
    def update(states):
        return {name: optimizers[name].update(params, states[name], params) for name in states}

    states = {name: optimizer.init(params) for name, optimizer in optimizers.items()}
    for count in (0, 1):
        results = update(states)
        states = {name: state for name, (_, state) in results.items()}
        for name in CASES:
            with subtests.test(name):
                rate = curve(name)[BEFORE + count]
                np.testing.assert_allclose(results[name][0]["w"], [-rate, -rate], rtol=1e-6)
                assert states[name].hyperparams["learning_rate"].dtype == FLOAT


def test_the_constructor_documents_itself(subtests):
    for name, constructor in jaxlr.families().items():
        if name not in ONE_OF_EACH:
            continue  # A family of another test.
        with subtests.test(name):
            text = constructor.__doc__
            assert ">>>" in text, "an example"
            assert "Args:" in text
            assert "Returns:" in text
            for parameter in constructor.family.signature.parameters:
                assert f"  {parameter}: " in text, f"no word on `{parameter}`"
            assert constructor.__module__ == constructor.family.function.__module__
