"""What holds for every schedule, whatever its family."""

import copy
import functools
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import CASES, COUNTS

import jaxlr

NUMERIC = {name: lr for name, lr in CASES.items() if jax.tree.leaves(lr)}

every_case = pytest.mark.parametrize("lr", CASES.values(), ids=CASES.keys())
every_numeric_case = pytest.mark.parametrize("lr", NUMERIC.values(), ids=NUMERIC.keys())


@functools.cache
def curve(lr):
    return np.asarray(lr(np.asarray(COUNTS)))


def test_every_family_has_a_case():
    tested = {lr.family.name for lr in CASES.values()}
    shipped = {
        name
        for name, constructor in jaxlr.families().items()
        if str(constructor.__module__).startswith(("jaxlr.catalogue.", "jaxlr.compose"))
    }
    assert tested == shipped
    assert all(hasattr(jaxlr, name) for name in shipped)


@every_case
def test_compiled_and_uncompiled_agree_bitwise(lr):
    counts = np.asarray(COUNTS)
    closed, handed = jax.jit(lr), jax.jit(lambda lr, counts: lr(counts))
    # XLA may regroup a product of constants.
    for values, ulp in (closed(counts), 1), (handed(lr.as_arrays(), counts), 0):
        if "noise" in lr.family.name:
            # XLA folds the erf of the bounds with other digits, in float32 under x64 too.
            np.testing.assert_allclose(values, curve(lr), rtol=5e-7)
            continue
        # In float64 XLA makes of a power by a constant 2 a product, which differs in the last
        # digit. The tanh has more products of constants than it can keep XLA from regrouping.
        ulp = 2 if jax.config.jax_enable_x64 or "tanh" in lr.family.name else ulp
        np.testing.assert_array_max_ulp(np.asarray(values), curve(lr), ulp)


@every_case
def test_scalars_and_arrays_of_counts_agree_to_the_last_digit(lr):
    scalars = np.asarray([lr(count) for count in COUNTS])
    # XLA has other exponentials for vectors than for scalars in float64.
    ulp = 4 if jax.config.jax_enable_x64 else 1
    np.testing.assert_array_max_ulp(scalars, curve(lr), maxulp=ulp)
    table = lr(np.asarray(COUNTS).reshape(3, -1))
    np.testing.assert_array_equal(table, curve(lr).reshape(3, -1))
    assert lr(np.zeros((2, 0), np.int32)).shape == (2, 0)


@every_case
@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint8", "uint32", "int64", "uint64", "float32", "float64"]
)
def test_every_type_of_count_gives_the_same_values(lr, dtype):
    values = lr(np.asarray(COUNTS, dtype))
    np.testing.assert_allclose(values, curve(lr), rtol=1e-6, atol=0)


@every_case
def test_values_are_float32_whatever_goes_in(lr):
    dtype = jnp.float64 if jax.config.jax_enable_x64 else jnp.float32
    for count in (3, 3.0, np.uint32(3), jnp.bfloat16(3), np.arange(3)):
        value = lr(count)
        assert value.dtype == dtype
        assert not value.weak_type
        assert value.shape == np.shape(count)


@every_numeric_case
def test_bfloat16_parameters_still_give_float32(lr):
    low = jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16) if isinstance(x, float) else x, lr)
    assert low(3).dtype == lr(3).dtype
    np.testing.assert_allclose(low(3), lr(3), rtol=0.1)


@every_case
def test_the_first_value_holds_before_count_0(lr):
    for count in (-1, -1000, -(2**31), -0.5):
        np.testing.assert_array_equal(lr(count), lr(0))


@every_case
@pytest.mark.parametrize("count", [0, 1, 2**24 + 1, 2**31 - 2, 2**31 - 1, 2**32 - 1, 10**12])
def test_values_are_finite_at_every_count(lr, count):
    assert np.isfinite(lr(count))
    if count < 2**32:
        assert np.isfinite(lr(np.uint32(count)))


def _float_leaves(lr):
    """The same schedule with float parameters, to be differentiated in."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), lr)


@every_numeric_case
def test_gradients_are_finite_at_every_count(lr):
    gradient = jax.jit(jax.grad(lambda lr, count: lr(count)))
    for count in (*COUNTS, 10**6, 2**31 - 1):
        leaves = jax.tree.leaves(gradient(_float_leaves(lr), count))
        assert all(np.all(np.isfinite(leaf)) for leaf in leaves), (count, leaves)


@every_numeric_case
def test_gradients_with_respect_to_the_count_are_finite(lr):
    slope = jax.jit(jax.vmap(jax.grad(lr)))
    assert np.all(np.isfinite(slope(np.asarray(COUNTS, np.float32))))


@every_numeric_case
def test_gradients_agree_with_differences(lr):
    """Between the corners, where the schedule is smooth."""
    floats = _float_leaves(lr)
    leaves, structure = jax.tree.flatten(floats)
    count = 13.5  # No corner of any case lies here.
    stairs = ("step", "constant", "chebyshev")
    if "stair" in str(lr) or any(word in lr.family.name for word in stairs):
        pytest.skip("a staircase has corners everywhere that matter")
    if "noise" in lr.family.name:
        pytest.skip("a seed has no neighbours")
    gradients = jax.tree.leaves(jax.jit(jax.grad(lambda lr: lr(count)))(floats))
    for i, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
        for j in range(leaf.size):
            step = np.zeros(leaf.size, np.float32)
            size = abs(float(leaf.flatten()[j]))
            step[j] = 0.1 * size if 0.0 < size < 0.02 else 2e-3 * max(1.0, size)

            def shifted(sign, i=i, step=step, leaf=leaf):
                moved = [*leaves[:i], leaf + sign * step.reshape(leaf.shape), *leaves[i + 1 :]]
                return float(jax.tree.unflatten(structure, moved)(count))

            difference = (shifted(1) - shifted(-1)) / (2 * step[j])
            np.testing.assert_allclose(np.ravel(gradient)[j], difference, rtol=0.02, atol=2e-4)


@every_numeric_case
def test_every_number_can_be_batched(lr):
    """A batch of schedules, each with another number doubled, equals a loop over them."""
    leaves, structure = jax.tree.flatten(jax.tree.map(jnp.asarray, lr))
    counts, every = np.asarray(COUNTS), range(len(leaves))

    def values(*leaves):
        return jax.tree.unflatten(structure, leaves)(counts)

    schedules = [[2 * x if i == j else x for i, x in enumerate(leaves)] for j in every]
    batch = [jnp.stack(column) for column in zip(*schedules, strict=True)]
    expected = [jax.jit(values)(*each) for each in schedules]
    np.testing.assert_allclose(jax.jit(jax.vmap(values))(*batch), expected, rtol=2e-6, atol=1e-7)
    for i in every:  # Each alone, beside numbers that are not batched; only traced, to be fast.
        one = [batch[j] if i == j else leaves[j] for j in every]
        alone = jax.vmap(values, in_axes=[0 if i == j else None for j in every])
        assert jax.eval_shape(alone, *one).shape == (len(every), len(counts))


@every_numeric_case
def test_another_value_is_not_another_trace(lr):
    traces = []

    @jax.jit
    def value(lr, count):
        traces.append(1)
        return lr(count)

    arrays = lr.as_arrays()
    for scale in (1, 2, 3):
        value(jax.tree.map(lambda x, s=scale: (x * s).astype(x.dtype), arrays), scale)
    assert len(traces) == 1


@every_case
def test_unflatten_takes_anything(lr):
    leaves, structure = jax.tree.flatten(lr)
    for thing in (None, object(), "leaf", jax.ShapeDtypeStruct((), jnp.float32)):
        rebuilt = jax.tree.unflatten(structure, [thing] * len(leaves))
        assert isinstance(rebuilt, jaxlr.Schedule)
    assert jax.tree.unflatten(structure, leaves) == lr


@every_case
def test_copies_are_equal(lr):
    for other in (copy.copy(lr), copy.deepcopy(lr), pickle.loads(pickle.dumps(lr))):
        assert other == lr
        assert hash(other) == hash(lr)
        np.testing.assert_array_equal(other(np.asarray(COUNTS)), curve(lr))
    assert lr.replace() == lr


@every_numeric_case
def test_another_value_is_not_equal(lr):
    leaves, structure = jax.tree.flatten(lr)
    for i, leaf in enumerate(leaves):
        if np.size(leaf) == 0:
            continue
        assert jax.tree.unflatten(structure, [*leaves[:i], leaf + 1, *leaves[i + 1 :]]) != lr


@every_numeric_case
def test_text_and_json_read_back_as_the_same_schedule(lr):
    assert jaxlr.parse(repr(lr)) == lr
    assert repr(jaxlr.parse(repr(lr))) == repr(lr)
    data = json.loads(json.dumps(lr.to_dict()))
    assert jaxlr.Schedule.from_dict(data) == lr
    single = jax.tree.map(lambda x: np.asarray(x, np.float32) if isinstance(x, float) else x, lr)
    assert jaxlr.parse(repr(single)) == lr


@every_case
def test_the_pytree_form_keeps_the_values(lr):
    np.testing.assert_array_equal(lr.as_arrays()(np.asarray(COUNTS)), curve(lr))
    assert lr.as_arrays().as_arrays() is lr.as_arrays()


@every_case
def test_optax_takes_it_for_a_schedule(lr):
    """A schedule must never have both `init` and `update`, or optax takes it for another thing."""
    assert callable(lr)
    assert not isinstance(lr, optax.schedules.StatefulSchedule)
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=lr)
    params = {"w": jnp.ones(2)}
    state = optimizer.init(params)
    updates, state = jax.jit(optimizer.update)({"w": jnp.ones(2)}, state, params)
    np.testing.assert_allclose(updates["w"], -np.full(2, lr(0)), rtol=1e-6)
    updates, state = jax.jit(optimizer.update)({"w": jnp.ones(2)}, state, params)
    np.testing.assert_allclose(updates["w"], -np.full(2, lr(1)), rtol=1e-6)
    assert state.hyperparams["learning_rate"].dtype == lr(0).dtype


@every_case
def test_the_constructor_documents_itself(lr):
    constructor = jaxlr.families()[lr.family.name]
    text = constructor.__doc__
    assert ">>>" in text, "an example"
    assert "Args:" in text
    assert "Returns:" in text
    for name in lr.family.signature.parameters:
        assert f"      {name}: " in text, f"no word on `{name}`"
    assert constructor.__module__ == constructor.family.function.__module__
