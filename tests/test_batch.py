"""Many schedules as one: what goes in comes out, with the values that each has alone."""

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, SOME, some
from cases import COUNTS as STEPS
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import INTS, curve

import jaxlr

ALL = list(CASES.values())
COUNTS = np.asarray(STEPS)
NUMBERS = [lr for lr in SOME if jax.tree.leaves(lr)]
ULP = 4 if jax.config.jax_enable_x64 else 0  # Vectors have other exponentials there.


def alone(schedules):
    return np.stack([np.asarray(lr(COUNTS)) for lr in schedules])


def test_a_batch_of_all_families_has_the_values_of_each():
    batch = jaxlr.stack(ALL)
    assert list(batch) == ALL
    values, expected = np.asarray(batch(INTS)), np.stack([curve(name) for name in CASES])
    # An exponential or a power may differ by the last digit where LLVM fuses another product.
    np.testing.assert_array_max_ulp(values, expected, max(ULP, 1))
    equal = [np.array_equal(*rows) for rows in zip(values, expected, strict=True)]
    assert np.mean(equal) > (0.5 if ULP else 0.95)


@pytest.mark.parametrize("lr", SOME, ids=str)
def test_a_batch_of_one_family_has_the_values_of_each(lr):
    others = jax.tree.map(lambda x: np.asarray(x) * 2, lr)
    members = [lr, others, lr]
    values = np.asarray(jaxlr.stack(members)(COUNTS))
    np.testing.assert_array_max_ulp(values, alone(members), ULP)
    np.testing.assert_array_equal(jaxlr.stack(members)(7), jaxlr.stack(members)(COUNTS)[:, 7])


def test_values_have_the_shape_of_the_counts():
    batch = some()
    assert batch(3).shape == (len(SOME),)
    assert batch(COUNTS.reshape(3, -1)).shape == (len(SOME), 3, len(COUNTS) // 3)
    assert batch(3).dtype == SOME[0](3).dtype


def test_equal_batches_have_equal_members():
    members = [jaxlr.constant_schedule(0.1), jaxlr.table_schedule([0.1, 0.7], 3)]
    batch = jaxlr.stack(members)
    single = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), batch)
    assert batch == single
    assert list(batch) == list(single)
    assert jaxlr.stack(members * 2) != jaxlr.stack([*members, *members[::-1]])


# Which members, and in which order.


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, len(SOME) - 1), min_size=1, max_size=12), st.data())
def test_what_goes_in_comes_out(places, data):
    members = [SOME[place] for place in places]
    batch = jaxlr.stack(members)
    assert len(batch) == len(members)
    assert list(batch) == members
    assert [batch[index] for index in range(-len(members), 0)] == members
    chosen = data.draw(st.lists(st.integers(-len(members), len(members) - 1), min_size=1))
    assert batch[np.array(chosen)] == jaxlr.stack([members[index] for index in chosen])
    cut = data.draw(st.integers(1, len(members)))
    assert list(batch[:cut]) == members[:cut]
    if cut < len(members):
        assert jaxlr.concatenate([batch[:cut], batch[cut:]]) == batch


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(len(SOME))), st.permutations(range(len(SOME))))
def test_members_of_one_structure_share_a_stack_in_every_order(first, second):
    batch = jaxlr.stack([SOME[index] for index in (*first, *second)])
    assert len(batch.stacks) == len(SOME) - 1  # Two are lines.
    assert sum(batch._layout.sizes) == 2 * len(SOME)
    assert batch[::-1][::-1] == batch


RATES, LENGTHS = st.floats(2**-20, 1.0, width=32), st.integers(0, 2**31 - 1)
FORMULAS = st.one_of(
    st.builds(jaxlr.constant_schedule, RATES),
    st.builds(jaxlr.linear_schedule, RATES, RATES, LENGTHS, st.integers(0, 50)),
    st.builds(jaxlr.cosine_decay_schedule, RATES, st.integers(1, 2**31 - 1), st.floats(0, 1)),
    st.builds(jaxlr.rex_schedule, RATES, LENGTHS, RATES),
    st.builds(jaxlr.warmup_constant_schedule, RATES, RATES, st.integers(0, 60)),
    st.builds(
        jaxlr.piecewise_constant_schedule,
        RATES,
        st.dictionaries(st.integers(0, 60), st.floats(0.1, 2.0), min_size=2, max_size=3),
    ),
)
COMPOSITIONS = st.one_of(
    FORMULAS,
    st.builds(jaxlr.with_warmup, FORMULAS, st.integers(0, 60)),
    st.builds(jaxlr.per_epoch, FORMULAS, st.integers(1, 9)),
    st.builds(
        lambda first, second, boundary: jaxlr.join_schedules([first, second], [boundary]),
        FORMULAS,
        FORMULAS,
        st.integers(0, 60),
    ),
)


@settings(deadline=None, max_examples=20)
@given(st.lists(COMPOSITIONS, min_size=1, max_size=5), st.data())
def test_a_mixed_batch_is_the_loop_over_its_members(drawn, data):
    """Whatever the families and their numbers are, in every order, with members twice."""
    places = data.draw(st.permutations([*range(len(drawn)), *range(len(drawn))]))
    members = [drawn[place] for place in places]
    batch = jaxlr.stack(members)
    assert list(batch) == members
    counts = np.array([0, 1, 2, 7, 30, 59, 60, 61, 2**24 + 1, 2**31 - 1])
    expected = np.stack([lr(counts) for lr in members])
    np.testing.assert_array_max_ulp(np.asarray(batch(counts)), expected, ULP)
    assert jaxlr.Batch.from_dict(json.loads(json.dumps(batch.to_dict()))) == batch


def test_values_follow_their_members():
    places = np.random.default_rng(0).integers(0, len(SOME), 30)
    np.testing.assert_array_equal(some()[places](COUNTS), np.asarray(some()(COUNTS))[places])
    mask = np.arange(len(SOME)) % 2 == 0
    assert list(some()[mask]) == SOME[::2]


@pytest.mark.parametrize("kind", [int, np.int32, np.uint8, np.array, jnp.array])
def test_one_member_is_chosen_by_an_integer_of_any_kind(kind):
    """Such as ``jnp.argmin(losses)``."""
    assert some()[kind(2)] == SOME[2]
    assert len(some()[jnp.array([2, 0])]) == 2


def test_python_numbers_and_types_are_kept():
    lr = jaxlr.cosine_decay_schedule(0.1, 1000)
    assert repr(jaxlr.stack([lr, lr])[1]) == repr(lr)
    single = jaxlr.constant_schedule(np.float32(0.1))
    assert repr(jaxlr.stack([single])[0]) == repr(single)


def test_counts_that_are_not_whole_are_a_structure_of_their_own():
    members = [jaxlr.linear_schedule(1.0, 0.0, 4), jaxlr.linear_schedule(1.0, 0.0, 4.5)]
    batch = jaxlr.stack(members)
    assert len(batch.stacks) == 2
    np.testing.assert_array_equal(batch(COUNTS), alone(members))


def test_exponents_that_are_products_are_the_same_products():
    cycle = {"init_value": 0.1, "peak_value": 0.5, "warmup_steps": 3, "decay_steps": 20}
    for exponent in (1.0, 2, 3.0):
        members = [
            jaxlr.cosine_decay_schedule(0.3, 41, 0.1, exponent),
            jaxlr.warmup_cosine_decay_schedule(0.0, 0.5, 9, 41, 0.01, exponent),
            jaxlr.polynomial_schedule(0.3, 0.01, exponent, 41, 3),
            jaxlr.transition_schedule(0.3, 0.1, 41, jaxlr.curves.polynomial(exponent)),
            jaxlr.sgdr_schedule([cycle | {"exponent": exponent}] * 2),
        ]
        batch = jaxlr.stack(members)
        program = str(jax.make_jaxpr(lambda b: b(COUNTS))(batch.as_arrays()))
        assert "log" not in program and "bitcast" not in program  # Nor are there any of a power.
        np.testing.assert_array_equal(batch(COUNTS), alone(members))
        mixed = jaxlr.stack(
            [lr for lr in members for _ in (0, 1)] + [members[0].replace(exponent=1.5)]
        )
        np.testing.assert_array_equal(mixed(COUNTS)[:-1:2], alone(members))
    slope = jax.grad(lambda exponent: jaxlr.polynomial_schedule(1.0, 0.0, exponent, 10)(4))(2.0)
    np.testing.assert_allclose(slope, 0.36 * np.log(0.6), rtol=1e-5)


# Inside JAX.


def test_a_batch_is_an_argument_of_compiled_code_and_never_traced_twice():
    traces = []

    @jax.jit
    def values(batch, counts):
        traces.append(1)
        return batch(counts)

    batch = jaxlr.stack(NUMBERS)
    np.testing.assert_array_max_ulp(
        np.asarray(values(batch.as_arrays(), COUNTS)), np.asarray(batch(COUNTS)), ULP
    )
    other = jax.tree.map(lambda leaf: (leaf * 2).astype(leaf.dtype), batch.as_arrays())
    assert values(other, COUNTS).shape == (len(NUMBERS), len(COUNTS))
    assert len(traces) == 1
    member = jax.jit(lambda batch: batch[5](COUNTS))
    np.testing.assert_array_max_ulp(
        np.asarray(member(batch.as_arrays())), np.asarray(NUMBERS[5](COUNTS)), ULP
    )


def test_a_batch_goes_through_scan():
    def step(batch, count):
        return batch, batch(count)

    batch = jaxlr.stack(NUMBERS).as_arrays()
    last, values = jax.lax.scan(step, jax.tree.map(jnp.asarray, batch), COUNTS)
    np.testing.assert_array_max_ulp(np.asarray(values).T, alone(NUMBERS), max(ULP, 1))
    assert last == batch


def test_a_batch_goes_through_vmap():
    lines = jaxlr.grid(
        jaxlr.linear_schedule, init_value=[1.0, 2.0], end_value=0.0, transition_steps=8
    )
    arrays = lines.as_arrays()
    floats = jax.tree.map(lambda x: jnp.asarray(x, arrays(0).dtype), arrays)
    scales = jnp.asarray([1.0, 2.0, 3.0], arrays(0).dtype)
    scaled = jax.vmap(lambda s: jax.tree.map(lambda x: jnp.asarray(x * s, x.dtype), floats))(scales)
    values = jax.vmap(lambda batch: batch(COUNTS))(scaled)
    for scale, rows in zip((1, 2, 3), values, strict=True):
        expected = [jaxlr.linear_schedule(v * scale, 0.0, 8 * scale)(COUNTS) for v in (1.0, 2.0)]
        np.testing.assert_allclose(rows, expected, rtol=1e-6)
    (schedules,) = lines.stacks
    np.testing.assert_array_equal(jax.vmap(lambda lr: lr(COUNTS))(schedules), lines(COUNTS))


def test_a_batch_can_be_differentiated():
    batch = jaxlr.stack([jaxlr.linear_schedule(v, 0.0, 8.0, 0.0) for v in (1.0, 2.0)])
    arrays = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), batch.as_arrays())
    slope = jax.grad(lambda batch: jnp.sum(batch(COUNTS)[1]))(arrays)
    assert [float(lr.params["init_value"]) for lr in slope] == [0.0, 4.5]


def test_traced_members_can_be_stacked():
    @jax.jit
    def values(peaks):
        return jaxlr.stack([jaxlr.linear_schedule(peak, 0.0, 8) for peak in peaks])(COUNTS)

    expected = [jaxlr.linear_schedule(peak, 0.0, 8)(COUNTS) for peak in (1.0, 2.0)]
    np.testing.assert_allclose(values(jnp.array([1.0, 2.0])), expected, rtol=1e-6)
    assert "traced" in str(jax.eval_shape(lambda batch: batch, some()))


# Texts, files, tables.


def test_json_and_pickle_read_back():
    batch = jaxlr.stack([lr for lr in ALL if jax.tree.leaves(lr)])
    assert jaxlr.Batch.from_dict(json.loads(json.dumps(batch.to_dict()))) == batch
    assert pickle.loads(pickle.dumps(some())) == some()
    design = jaxlr.grid(jaxlr.constant_schedule, value=[0.1, 0.2])
    again = jaxlr.Batch.from_dict(json.loads(json.dumps(design.to_dict())))
    assert again == design
    assert again.table.keys() == {"value"}
    with pytest.raises(ValueError, match="`data`"):
        jaxlr.Batch.from_dict({"schedules": []})


def test_a_grid_has_every_combination_and_says_so():
    batch = jaxlr.grid(
        jaxlr.warmup_cosine_decay_schedule,
        init_value=0.0,
        peak_value=[0.1, 0.2, 0.3],
        warmup_steps=[10, 20],
        decay_steps=np.array([100, 200]),
    )
    assert len(batch) == 12
    assert list(batch.table) == ["peak_value", "warmup_steps", "decay_steps"]
    for index, lr in enumerate(batch):
        assert {name: batch.table[name][index] for name in batch.table}.items() <= lr.params.items()
    assert len(set(zip(*batch.table.values(), strict=True))) == 12
    assert len(batch.stacks) == 1
    assert batch[3:5].table["peak_value"].tolist() == batch.table["peak_value"][3:5].tolist()


def test_numbers_of_jax_are_those_of_the_host_in_a_design():
    """They make the same schedules, at once, and a table of numbers."""
    rates, steps = np.float32([0.1, 0.2]), np.int32([7, 9])
    expected = jaxlr.batches.zipped(
        jaxlr.cosine_decay_schedule, init_value=rates, decay_steps=steps
    )
    for values in (jnp.asarray(rates), list(jnp.asarray(rates))):
        batch = jaxlr.batches.zipped(
            jaxlr.cosine_decay_schedule, init_value=values, decay_steps=steps
        )
        assert batch == expected
        assert batch.table["init_value"].dtype == np.float32
    table = jax.tree.map(jnp.asarray, jaxlr.stack(list(expected))).table
    assert table["init_value"].dtype == np.float32
    assert table["decay_steps"].tolist() == [7, 9]
    short = jnp.asarray(rates, jnp.bfloat16)
    batch = jaxlr.grid(jaxlr.constant_schedule, value=[short[0], 0.5])
    np.testing.assert_array_equal(batch(0), [np.float32(short[0]), 0.5])
    assert batch[0].replace() == jaxlr.constant_schedule(short[0])


def test_a_column_of_switches_is_a_mask():
    batch = jaxlr.grid(
        jaxlr.step_decay, init_value=[0.1, 0.2], step_size=5, decay_rate=np.array([0.1, 0.5])
    )
    stairs = jaxlr.grid(
        jaxlr.exponential_decay,
        init_value=[0.1, 0.2],
        transition_steps=5,
        decay_rate=0.5,
        staircase=[False, True],
    )
    assert len(stairs[stairs.table["staircase"]]) == 2
    assert len(batch[batch.table["decay_rate"] > 0.2]) == 2


def test_a_table_cannot_be_changed():
    rates = np.array([0.1, 0.2])
    batch = jaxlr.batches.zipped(jaxlr.constant_schedule, value=rates)
    rates[0] = 9.0
    assert batch.table["value"].tolist() == [0.1, 0.2]
    for part in (batch, batch[::-1], jaxlr.concatenate([batch, batch])):
        with pytest.raises(ValueError, match="read-only"):
            part.table["value"][0] = 9.0


def test_a_check_that_wants_single_numbers_gets_them():
    def check(*, length):
        if not length.is_integer():
            raise ValueError(f"{length} is no whole number")

    @jaxlr.schedule(check=check)
    def _slope(count, length: jaxlr.core.Value):
        return count / length

    assert len(jaxlr.grid(_slope, length=[1.0, 2.0])) == 2
    with pytest.raises(ValueError, match=r"^_slope: 1.5 is no whole number$"):
        jaxlr.grid(_slope, length=[1.0, 1.5])


def test_a_parameter_may_be_called_family():
    batch = jaxlr.grid(lambda family: jaxlr.constant_schedule(family), family=[0.1, 0.2])
    assert batch.table["family"].tolist() == [0.1, 0.2]


def test_axes_may_be_curves_lists_and_texts():
    batch = jaxlr.grid(
        jaxlr.transition_schedule,
        init_value=[1.0, 2.0],
        end_value=0.0,
        transition_steps=8,
        curve=["linear", jaxlr.curves.polynomial(2.0)],
    )
    assert len(batch.stacks) == 2
    assert batch[3] == jaxlr.transition_schedule(2.0, 0.0, 8, jaxlr.curves.polynomial(2.0))
    stairs = jaxlr.grid(jaxlr.multistep_decay, init_value=1.0, milestones=[[2, 4], [3, 6]])
    assert stairs[1] == jaxlr.multistep_decay(1.0, [3, 6])
    assert stairs.table["milestones"][1] == [3, 6]
    again = jaxlr.Batch.from_dict(json.loads(json.dumps(batch.to_dict())))
    assert again.table["curve"].tolist() == batch.table["curve"].tolist()


def test_a_zipped_design_pairs_its_lists():
    batch = jaxlr.batches.zipped(
        jaxlr.cosine_decay_schedule, init_value=[0.1, 0.2], decay_steps=(100, 50)
    )
    assert list(batch) == [
        jaxlr.cosine_decay_schedule(0.1, 100),
        jaxlr.cosine_decay_schedule(0.2, 50),
    ]


def test_tables_are_joined_with_their_batches():
    lines = jaxlr.grid(jaxlr.linear_schedule, init_value=[1.0], end_value=0.0, transition_steps=[4])
    waves = jaxlr.batches.zipped(jaxlr.cosine_decay_schedule, init_value=[2.0, 3.0], decay_steps=4)
    table = jaxlr.concatenate([lines, waves]).table
    np.testing.assert_array_equal(table["init_value"], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(table["transition_steps"], [4, np.nan, np.nan])
    assert jaxlr.stack(NUMBERS).table["family"][0] == "linear_schedule"


def test_a_long_batch_has_a_short_text():
    lines = str(jaxlr.grid(jaxlr.constant_schedule, value=np.linspace(0.0, 1.0, 1001))).splitlines()
    assert lines[0] == "Batch of 1001 schedules"
    assert lines[1].split() == ["value"]
    assert lines[2].split() == ["0", "0.0"]
    assert lines[-1].split() == ["1000", "1.0"]
    assert len(lines) < 30


def test_a_row_of_the_text_is_a_line():
    members = [jaxlr.constant_schedule(0.1)] * 2
    text = str(jaxlr.stack(members, {"note": ["two\nlines", "one"]}))
    assert text.splitlines()[2:] == ["0  two lines", "1  one"]
    assert str(jaxlr.stack(members, {})) == str(jaxlr.stack(members))


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: jaxlr.stack([]), ValueError, ["`schedules`", "none"]),
        (lambda: jaxlr.stack([abs]), TypeError, ["`schedules`", "jaxlr.wrap"]),
        (lambda: jaxlr.stack(SOME, {"a": [1]}), ValueError, ["`table`", "'a'", "1"]),
        (lambda: jaxlr.stack(SOME[0]), TypeError, ["`schedules`", "list"]),
        (lambda: jaxlr.stack(SOME, [1]), TypeError, ["`table`", "[1]"]),
        (lambda: jaxlr.stack(SOME, {"a": 1}), TypeError, ["`table`", "1"]),
        (lambda: jaxlr.batches.batched(some()), TypeError, ["`schedules`", "Batch"]),
        (lambda: jaxlr.Batch.from_dict(5), ValueError, ["`data`", "5"]),
        (lambda: jaxlr.grid(lambda x: x, x=[1]), TypeError, ["`family`", "{'x': 1}"]),
        (lambda: jaxlr.concatenate([]), ValueError, ["`batches`"]),
        (lambda: jaxlr.concatenate(SOME), TypeError, ["`batches`", "jaxlr.stack"]),
        (lambda: jaxlr.Batch(), TypeError, ["jaxlr.stack"]),
        (lambda: jaxlr.grid(jaxlr.constant_schedule, value=0.1), ValueError, ["list"]),
        (lambda: jaxlr.grid(jaxlr.constant_schedule, value=[]), ValueError, ["`value`"]),
        (
            lambda: jaxlr.batches.zipped(
                jaxlr.cosine_decay_schedule, init_value=[1, 2], decay_steps=[1]
            ),
            ValueError,
            ["equally long", "'decay_steps': 1"],
        ),
        (
            lambda: jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=1.0, decay_steps=[5, -5]),
            ValueError,
            ["`decay_steps`", "-5"],
        ),
        (lambda: some()[[]], IndexError, ["`index`"]),
        (lambda: some()[len(SOME)], IndexError, ["index"]),
        (lambda: some()[True], IndexError, ["`index`", "True"]),
        (lambda: some()[[[0, 1], [1, 2]]], IndexError, ["`index`", "[[0, 1], [1, 2]]"]),
        (lambda: some()[1.0], IndexError, ["`index`", "1.0"]),
        (lambda: some()[None], IndexError, ["`index`", "None"]),
        (lambda: jax.jit(lambda index: some()[index](0))(1), TypeError, ["`index`", "traced"]),
    ],
)
def test_bad_input_is_named(build, error, words):
    with pytest.raises(error) as caught:
        build()
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_schedule_with_batched_leaves_becomes_a_batch():
    peaks, lengths = jnp.array([0.1, 0.2, 0.3]), jnp.array([10, 20, 30])
    mapped = jax.vmap(lambda peak, steps: jaxlr.cosine_decay_schedule(peak, steps))(peaks, lengths)
    batch = jaxlr.batches.batched(mapped, {"run": ["a", "b", "c"]})
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
    batch, expected = (
        jaxlr.batches.batched(recipe(**given)),
        jaxlr.stack([recipe(*row) for row in rows]),
    )
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
        jaxlr.batches.batched(lr)


# Members of JAX arrays beside members of the host.

BESIDE = jaxlr.linear_schedule(jnp.float32(1.0), 0.0, 4)


@pytest.mark.parametrize(
    "lr",
    [
        jaxlr.exponential_decay(1.0, 1, 0.999999),
        jaxlr.cosine_decay_schedule(0.1, 2**40),
        jaxlr.linear_schedule(2**40, 0.0, 2**33),
    ],
    ids=["rate near 1", "length beyond int32", "value beyond int32"],
)
def test_members_of_the_host_keep_their_digits_beside_those_of_jax(lr):
    counts = np.array([0, 7, 10**7, 2**31 - 1])
    expected = [lr(counts), BESIDE(counts), lr(counts)]
    one, other = jaxlr.stack([lr]), jaxlr.stack([BESIDE])
    for batch in (
        jaxlr.stack([lr, BESIDE, lr]),
        jaxlr.concatenate([one, other, one]),
        jaxlr.concatenate([other, one])[[1, 0, 1]],
        jaxlr.stack([lr, BESIDE, lr]).as_arrays(),
    ):
        np.testing.assert_array_equal(batch(counts), expected)
        np.testing.assert_array_equal(jaxlr.evaluate(batch, counts), expected)
    assert list(jaxlr.stack([lr, BESIDE, lr])) == [lr, BESIDE, lr]


def test_members_keep_their_own_type():
    """A Python number is not rounded to the type of an array beside it."""
    short, long = jaxlr.constant_schedule(jnp.bfloat16(0.5)), jaxlr.constant_schedule(0.1)
    one, other = jaxlr.stack([short]), jaxlr.stack([long])
    for batch in (jaxlr.stack([short, long]), jaxlr.concatenate([one, other])):
        np.testing.assert_array_equal(batch(0), [short(0), long(0)])


def test_a_mapped_batch_is_converted_as_one_that_is_built():
    built = jaxlr.stack(
        [lr for lr in ALL for _ in range(2) if jax.tree.leaves(lr)]
        + [jaxlr.cosine_decay_schedule(0.1, steps) for steps in (7, 2**40)]
    )
    mapped = jax.tree.map(lambda leaf: leaf, built)
    leaves = jax.tree.leaves(mapped.as_arrays()), jax.tree.leaves(built.as_arrays())
    for mine, theirs in zip(*leaves, strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)
