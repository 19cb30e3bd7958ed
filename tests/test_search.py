"""Spaces: what is drawn from them, by every method, is valid, inside, and the same again."""

import collections
import copy
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import in_parts, quick
from scipy import stats

import jaxlr
from jaxlr.search import (
    Distribution,
    Space,
    choice,
    default_space,
    distribution,
    grid_design,
    integer,
    log_integer,
    log_uniform,
    parse_space,
    random_schedules,
    sample,
    space,
    typical_schedules,
    uniform,
)
from jaxlr.search.defaults import DEFAULT_SPACES

KEY = jax.random.key(0)
METHODS = ["random", "latin_hypercube", "sobol", "halton"]
NESTED = parse_space(
    """choice([
        linear_schedule(log_uniform(1e-4, 1e-1), 0.0, integer(10, 100)),
        transition_schedule(
            choice([0.1, 0.2, uniform(0.3, 0.4)]), 0.0, 100,
            choice(['linear', one_minus_power(uniform(0.5, 2.0)), 'cosine'], [1, 2, 1]),
        ),
        join_schedules(
            [linear_schedule(0.0, log_uniform(0.1, 1.0), 10),
             choice([constant_schedule(0.1), step_decay(0.1, log_integer(1, 50), 0.5)])],
            [integer(10, 20)],
        ),
        multistep_decay(0.1, [integer(0, 40), 50], choice([0.1, 0.5])),
        multistep_decay(0.1, choice([[30, 60], [50]])),
        constant_schedule(0.05),
    ])"""
)
"""A space of every kind of part: choices within families within choices, lists, fixed values."""

every_space = pytest.mark.parametrize(
    "drawn_from",
    [NESTED, *(default_space(name, 1000, 0.5) for name in DEFAULT_SPACES)],
    ids=["nested", *DEFAULT_SPACES],
)


def test_every_family_with_a_text_has_a_default_space():
    ours = {
        name
        for name, constructor in jaxlr.families().items()
        if str(constructor.__module__).startswith(("jaxlr.catalogue.", "jaxlr.compose."))
    }
    assert set(DEFAULT_SPACES) == ours - {"wrap"}


@in_parts(DEFAULT_SPACES, 4)
def test_default_spaces_are_sensible(part, subtests):
    values_of = quick(lambda batches: {name: b(np.arange(1000)) for name, b in batches.items()})
    for total_steps in (1, 2, 9, 1000):  # All with 1000 counts, so there is one compilation.
        batches = {
            family: sample(KEY, default_space(family, total_steps, 0.5), 64, "sobol").as_arrays()
            for family in part
        }
        for family, curves in values_of(batches).items():
            with subtests.test(f"{family} in {total_steps} steps"):
                values = np.asarray(curves)[:, :total_steps]
                assert np.all(np.isfinite(values))
                assert np.all(values >= 0.0)
                assert np.all(values <= 0.5 * (1 + 1e-6))
                if total_steps == 1000:
                    largest = values.max(axis=1)
                    assert np.all(largest >= 0.5 / 200)
                    assert np.ptp(largest) > 0.1, "they differ"


@pytest.mark.parametrize("family", DEFAULT_SPACES)
def test_typical_schedules_are_what_the_default_space_draws(family):
    """One for each variant, in the middle of what may be drawn, the same ones every time."""
    schedules = typical_schedules(family, total_steps=100, peak=0.5)
    assert len(schedules) == len(DEFAULT_SPACES[family])
    assert schedules == typical_schedules(family, total_steps=100, peak=0.5)
    structures = {jax.tree.structure(lr) for lr in schedules}
    drawn = {jax.tree.structure(lr) for lr in sample(KEY, default_space(family, 100, 0.5), 64)}
    assert structures <= drawn


@every_space
def test_text_and_json_read_back_as_the_same_space(drawn_from):
    assert parse_space(repr(drawn_from)) == drawn_from
    assert repr(parse_space(repr(drawn_from))) == repr(drawn_from)
    assert Space.from_dict(json.loads(json.dumps(drawn_from.to_dict()))) == drawn_from


@every_space
def test_copies_are_equal(drawn_from):
    for other in (copy.deepcopy(drawn_from), pickle.loads(pickle.dumps(drawn_from))):
        assert other == drawn_from
        assert hash(other) == hash(drawn_from)
        assert type(other) is type(drawn_from)
    assert drawn_from.replace() == drawn_from


@every_space
def test_a_batch_has_the_members_that_constructors_make(drawn_from):
    """What is drawn all at once equals the schedules that their families make one by one."""
    batch = sample(KEY, drawn_from, 50)
    members = list(batch)
    again = [lr.family.constructor(**lr.params) for lr in members]
    assert members == again
    assert batch == jaxlr.stack(again)
    assert [lr.family.name for lr in members] == batch.table["family"].tolist()
    mine = jax.tree.leaves(batch.as_arrays())
    for leaf, other in zip(mine, jax.tree.leaves(jaxlr.stack(again).as_arrays()), strict=True):
        assert leaf.dtype == other.dtype
        np.testing.assert_array_equal(leaf, other)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_key_draws_the_same(method):
    first = sample(KEY, NESTED, 40, method)
    assert sample(jax.random.key(0), NESTED, 40, method) == first
    assert sample(jax.random.PRNGKey(0), NESTED, 40, method) == first
    assert sample(jax.random.key(1), NESTED, 40, method) != first
    if method != "latin_hypercube":
        assert list(sample(KEY, NESTED, 60, method))[:40] == list(first)


def test_what_a_key_draws_stays():
    """Records name a key: a change here changes what they stand for."""
    rates = sample(KEY, space(jaxlr.constant_schedule, uniform(0.0, 1.0)), 3).table["value"]
    expected = [0.6369616873214543, 0.2697867137638703, 0.04097352393619469]
    np.testing.assert_allclose(rates, expected, rtol=1e-15)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 70),
    method=st.sampled_from(METHODS),
    low=st.floats(1e-6, 1e-2),
    ratio=st.floats(1.0, 1e4),
    shortest=st.integers(1, 1000),
    longer=st.integers(0, 10**6),
)
def test_everything_drawn_is_inside_valid_and_drawn_again(
    seed, n, method, low, ratio, shortest, longer
):
    high, longest = low * ratio, shortest + longer
    lines = space(
        jaxlr.linear_schedule,
        log_uniform(low, high),
        uniform(-low, high),
        integer(shortest, longest),
        log_integer(shortest, longest),
    )
    stairs = space(jaxlr.step_decay, choice([low, high]), shortest, decay_rate=uniform(0.1, 0.9))
    both = choice([lines, stairs], [3, 1])
    batch = sample(jax.random.key(seed), both, n, method)
    assert len(batch) == n
    assert sample(jax.random.key(seed), parse_space(repr(both)), n, method) == batch
    assert [lr.replace() for lr in batch] == list(batch)
    for lr in batch:
        if lr.family.name == "linear_schedule":
            assert low <= lr.params["init_value"] <= high
            assert -low <= lr.params["end_value"] <= high
            for name in ("transition_steps", "transition_begin"):
                assert isinstance(lr.params[name], int)
                assert shortest <= lr.params[name] <= longest
        else:
            assert lr.params["init_value"] in (low, high)
            assert lr.params["step_size"] == shortest
            assert 0.1 <= lr.params["decay_rate"] <= 0.9


def test_a_table_has_the_parameters_of_each_family_only():
    batch = sample(KEY, NESTED, 500)
    table = batch.table
    assert list(table)[:3] == ["family", "init_value", "transition_steps"]
    is_line = table["family"] == "linear_schedule"
    np.testing.assert_array_equal(np.isfinite(table["transition_steps"]), is_line)
    power = table["curve"] == "one_minus_power"
    np.testing.assert_array_equal(np.isfinite(table["curve.power"]), power)
    stairs = np.isfinite(table["schedules.1.step_size"])
    np.testing.assert_array_equal(stairs, table["schedules.1"] == "step_decay")
    for lr, row in zip(batch, range(len(batch)), strict=True):
        if lr.family.name == "transition_schedule":
            assert lr.params["init_value"] == table["init_value"][row]
            assert lr.params["curve"].family.name == table["curve"][row]
        if lr.family.name == "join_schedules":
            assert (
                lr.params["schedules"][0].params["end_value"] == table["schedules.0.end_value"][row]
            )
            assert lr.params["boundaries"][0] == table["boundaries.0"][row]
            follower = lr.params["schedules"][1]
            assert follower.family.name == table["schedules.1"][row]


def test_options_are_drawn_by_their_weights():
    curves = [lr.params.get("curve") for lr in sample(KEY, NESTED, 6 * 1024, "sobol")]
    names = collections.Counter(curve.family.name for curve in curves if curve is not None)
    total = sum(names.values())
    assert total == pytest.approx(1024, rel=0.01)
    assert names["one_minus_power"] == pytest.approx(total / 2, rel=0.05)
    assert names["linear"] == pytest.approx(total / 4, rel=0.1)


@pytest.mark.parametrize(
    ("drawn", "cdf"),
    [
        (uniform(-1.0, 3.0), lambda x: (x + 1) / 4),
        (log_uniform(1e-4, 10.0), lambda x: np.log(x / 1e-4) / np.log(1e5)),
    ],
)
def test_continuous_distributions_are_what_they_say(drawn, cdf):
    values = sample(KEY, space(jaxlr.constant_schedule, drawn), 5000).table["value"]
    assert stats.kstest(values, cdf).pvalue > 0.01
    quantiles = np.linspace(0, 1, 101)
    np.testing.assert_allclose(cdf(drawn(quantiles)), quantiles, rtol=1e-12, atol=1e-12)
    assert drawn([0.0, 1.0]).tolist() == [drawn.params["low"], drawn.params["high"]]


@settings(deadline=None)
@given(a=st.floats(1e-300, 1e38), b=st.floats(1e-300, 1e38), quantile=st.floats(0.0, 1.0))
def test_continuous_distributions_stay_within_their_ends_and_never_fall(a, b, quantile):
    low, high = min(a, b), max(a, b)
    for drawn in (uniform(low, high), uniform(-high, low), log_uniform(low, high)):
        first, value, last = drawn([0.0, quantile, 1.0])
        assert (first, last) == (drawn.params["low"], drawn.params["high"])
        assert first <= value <= last
        assert drawn(quantile / 2) <= value + 1e-12 * max(abs(first), abs(last))


@pytest.mark.parametrize("low", [1, 3])
def test_integers_are_as_likely_as_they_should_be(low):
    quantiles = (np.arange(10**5) + 0.5) / 10**5
    k = np.arange(low, low + 9)
    for drawn, weights in [
        (integer(low, low + 8), np.ones(9)),
        (log_integer(low, low + 8), np.log((k + 0.5) / (k - 0.5))),
    ]:
        values, counts = np.unique(drawn(quantiles), return_counts=True)
        np.testing.assert_array_equal(values, k)
        np.testing.assert_allclose(counts / 10**5, weights / weights.sum(), atol=2e-5)


@settings(deadline=None, max_examples=50)
@given(low=st.integers(1, 2**40), width=st.integers(0, 2**40), quantile=st.floats(0.0, 1.0))
def test_integers_stay_within_their_ends(low, width, quantile):
    for drawn in (integer(low, low + width), log_integer(low, low + width)):
        assert low <= drawn(quantile) <= low + width
        assert drawn([0.0, 1.0]).tolist() == [low, low + width]


@pytest.mark.parametrize("method", ["sobol", "latin_hypercube"])
def test_designs_are_balanced(method):
    """Each of n equal parts of every coordinate has one of n points."""
    n = 256
    numbers = uniform(0, 1), uniform(0, 1)
    cube = space(jaxlr.warmup_cosine_decay_schedule, *numbers, 5, 9, uniform(0, 1))
    table = sample(KEY, cube, n, method).table
    for name in ("init_value", "peak_value", "end_value"):
        np.testing.assert_array_equal(np.sort(np.floor(table[name] * n)), np.arange(n))
    families = random_schedules(
        KEY, n, total_steps=100, peak=1.0, method=method,
        families=["linear_schedule", "cosine_decay_schedule"],
    ).table["family"]  # fmt: skip
    assert collections.Counter(families) == {
        "linear_schedule": n / 2,
        "cosine_decay_schedule": n / 2,
    }


def test_halton_points_spread_more_evenly_than_random_ones():
    cube = space(jaxlr.linear_schedule, uniform(0, 1), uniform(0, 1), 5)

    def discrepancy(method):
        table = sample(KEY, cube, 200, method).table
        return stats.qmc.discrepancy(np.stack([table["init_value"], table["end_value"]], 1))

    assert discrepancy("halton") < discrepancy("random") / 4
    assert discrepancy("sobol") < discrepancy("random") / 4


def test_a_grid_has_every_combination():
    drawn_from = space(
        jaxlr.cosine_decay_schedule,
        log_uniform(0.01, 1.0),
        integer(10, 12),
        choice([0.0, 0.1, 0.2]),
    )
    batch = grid_design(drawn_from, {"init_value": 3, "decay_steps": 5, "alpha": 1})
    expected = jaxlr.grid(
        jaxlr.cosine_decay_schedule,
        init_value=[0.01, 0.1, 1.0],
        decay_steps=[10, 11, 12],
        alpha=[0.0, 0.1, 0.2],
    )
    assert batch == expected
    assert grid_design(drawn_from, 1)[0] == jaxlr.cosine_decay_schedule(0.1, 11, 0.0)


def test_a_grid_of_a_choice_is_the_grids_of_its_options():
    batch = grid_design(NESTED, 2)
    table = batch.table
    counts = collections.Counter(table["family"].tolist())
    assert counts == {
        "linear_schedule": 2 * 2,
        "transition_schedule": (1 + 1 + 2) * (1 + 2 + 1),
        "join_schedules": 2 * (1 + 2) * 2,
        "multistep_decay": 2 * 2 + 2,
        "constant_schedule": 1,
    }
    assert len({repr(lr) for lr in batch}) == len(batch)


def test_random_schedules_are_those_of_the_article_by_default():
    batch = random_schedules(KEY, 300, total_steps=500, peak=0.1)
    families = collections.Counter(batch.table["family"].tolist())
    assert set(families) == {"linear_schedule", "exponential_decay", "step_decay"}
    assert min(families.values()) > 60
    values = np.asarray(batch(jnp.arange(500)))
    assert np.all(np.diff(values, axis=1) <= 1e-9), "each of them falls"


def test_random_schedules_take_spaces_too():
    mine = space(jaxlr.constant_schedule, uniform(0.1, 0.2))
    batch = random_schedules(KEY, 20, total_steps=9, peak=1.0, families=["rex_schedule", mine])
    assert set(batch.table["family"]) == {"rex_schedule", "constant_schedule"}


@pytest.mark.parametrize("method", METHODS)
def test_a_space_without_distributions_is_one_schedule(method):
    for text in ("constant_schedule(0.1)", "0.5 * multistep_decay(0.2, [3, 5])"):
        fixed, lr = parse_space(text), jaxlr.parse(text)
        assert list(sample(KEY, fixed, 3, method)) == [lr] * 3
        assert list(grid_design(fixed, 2)) == [lr]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.array, jnp.array, np.float64])
def test_numbers_in_texts_may_be_of_any_kind(kind):
    text = "step_decay(0.1, integer(1, total_steps // 3))"
    assert parse_space(text, total_steps=kind(90)) == parse_space(text, total_steps=90)
    assert jaxlr.parse("step_decay(0.1, n // 3)", n=kind(90)) == jaxlr.step_decay(0.1, 30)
    names = ["step_decay", "rex_schedule"]
    batch = random_schedules(KEY, 5, total_steps=kind(90), peak=1.0, families=names)
    assert batch == random_schedules(KEY, 5, total_steps=90, peak=1.0, families=names)


def test_a_choice_may_have_schedules_and_plain_functions():
    baseline = jaxlr.wrap(jnp.sqrt)
    options = [baseline, jaxlr.constant_schedule(0.5), NESTED]
    batch = sample(KEY, choice(options), 30)
    assert {"wrap", "constant_schedule"} <= set(batch.table["family"])
    index = batch.table["family"].tolist().index("wrap")
    assert batch[index] == baseline


def test_a_distribution_of_ones_own():
    @distribution
    def _squared(quantile, high: jaxlr.core.Positive):
        return high * quantile**2

    @distribution
    def _halved(high: jaxlr.core.Positive):
        return _squared(high / 2)

    assert isinstance(_halved(2.0), Distribution)
    batch = sample(KEY, space(jaxlr.constant_schedule, _halved(2.0)), 1000)
    assert stats.kstest(batch.table["value"], np.sqrt).pvalue > 0.01


@pytest.mark.parametrize(
    "options", [np.array([3, 5]), jnp.array([3, 5]), range(3, 7, 2), [jnp.int32(3), np.array(5)]]
)
def test_options_may_be_numbers_of_any_kind(options):
    steps = choice(options)
    assert steps == choice([3, 5])
    table = sample(KEY, space(jaxlr.step_decay, 0.1, steps), 20).table
    assert set(table["step_size"].tolist()) == {3, 5}


def test_a_schedule_takes_a_space_on_its_right():
    line, constant = jaxlr.linear_schedule(1, 0, 9), space(jaxlr.constant_schedule, uniform(1, 2))
    for combined, expected in (
        (line + constant, lambda value: line + jaxlr.constant_schedule(value)),
        (line - constant, lambda value: line - jaxlr.constant_schedule(value)),
        (line * constant, lambda value: line * jaxlr.constant_schedule(value)),
    ):
        batch = sample(KEY, combined, 5)
        (drawn,) = (column for name, column in batch.table.items() if name != "family")
        assert list(batch) == list(map(expected, drawn.tolist()))


def test_sums_and_products_of_spaces():
    text = "0.5 * linear_schedule(uniform(0.1, 0.2), 0, 9) + choice([0.1, 0.2]) * step_decay(1, 5)"
    drawn_from = parse_space(text)
    assert parse_space(repr(drawn_from)) == drawn_from
    table = (batch := sample(KEY, drawn_from, 40)).table
    names = "schedules.0.schedules.1.init_value", "schedules.1.schedules.0"
    for lr, value, scale in zip(batch, *(table[name] for name in names), strict=True):
        line, stairs = jaxlr.linear_schedule(value, 0, 9), jaxlr.step_decay(1, 5)
        assert lr == 0.5 * line + scale * stairs


def test_parameters_in_dicts():
    jumps = space(jaxlr.piecewise_constant_schedule, 1.0, {10: uniform(0.1, 0.2), 20: 0.5})
    batch = sample(KEY, jumps, 5)
    for lr, scale in zip(batch, batch.table["boundaries_and_scales.1.0"], strict=True):
        assert lr == jaxlr.piecewise_constant_schedule(1.0, {10: scale, 20: 0.5})
    cycle = {
        "init_value": 0.0,
        "peak_value": uniform(0.1, 0.2),
        "warmup_steps": 1,
        "decay_steps": 9,
    }
    cycles = space(jaxlr.sgdr_schedule, [cycle, {**cycle, "peak_value": 0.1}])
    batch = sample(KEY, cycles, 2)
    for lr, peak in zip(batch, batch.table["cosine_kwargs.0.peak_value"], strict=True):
        expected = jaxlr.sgdr_schedule([{**cycle, "peak_value": p} for p in (peak, 0.1)])
        assert lr == expected


def test_parameters_that_do_not_fit_together_are_refused_when_drawn():
    warmups = space(jaxlr.warmup_cosine_decay_schedule, 0.0, 0.1, integer(1, 100), 50)
    with pytest.raises(ValueError, match=r"`decay_steps` must be at least `warmup_steps`, got 50"):
        sample(KEY, warmups, 100)


def test_a_check_that_wants_single_numbers_gets_them():
    def check(*, low, high):
        if not high.is_integer() and low > high:
            raise ValueError(f"{low} is more than {high}")

    @jaxlr.schedule(check=check)
    def _ramp(count, low: jaxlr.core.Value, high: jaxlr.core.Value):
        return low + (high - low) * count

    assert len(sample(KEY, space(_ramp, uniform(0, 1), uniform(1, 2)), 20)) == 20
    with pytest.raises(ValueError, match=r"^_ramp: [\d.]+ is more than [\d.]+$"):
        sample(KEY, space(_ramp, uniform(0, 1), uniform(0, 1)), 20)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: uniform(2.0, 1.0), ValueError, "uniform: `low`"),
        (lambda: uniform([1.0, 2.0], 3.0), TypeError, "uniform: `low`"),
        (lambda: uniform("a", 1.0), TypeError, "uniform: `low`"),
        (lambda: uniform(0.0, np.inf), ValueError, "uniform: `high`"),
        (lambda: log_uniform(0.0, 1.0), ValueError, "log_uniform: `low`"),
        (lambda: integer(0.5, 2), ValueError, "integer: `low` must be an integer"),
        (lambda: log_integer(0, 2), ValueError, "log_integer: `low`"),
        (lambda: integer(0, 2**63 - 1), ValueError, "integer: `high`"),
        (lambda: integer(-(2**70), 0), ValueError, "integer: `low`"),
        (lambda: log_integer(1, 2**63), ValueError, "log_integer: `high`"),
        (lambda: choice([]), TypeError, "choice: `options`"),
        (lambda: choice("ab"), TypeError, "choice: `options`"),
        (lambda: choice([1, 2], [1.0]), ValueError, "`weights`"),
        (lambda: choice([1, 2], [1.0, 0.0]), ValueError, "`weights`"),
        (lambda: uniform(0, 1)(1.5), ValueError, "`quantile`"),
        (lambda: space(uniform, 0, 1), TypeError, "`family`"),
        (lambda: space("linear_schedule"), TypeError, "`family`"),
        (lambda: space(jaxlr.constant_schedule), TypeError, "'value'"),
        (lambda: space(jaxlr.step_decay, 1, uniform(-1, 5)), ValueError, "`step_size`"),
        (lambda: space(jaxlr.step_decay, 1, choice([5, 0])), ValueError, "`step_size`"),
        (lambda: space(jaxlr.step_decay, 1, choice([5, uniform(0, 1)])), ValueError, "`step_size`"),
        (lambda: space(jaxlr.step_decay, "a", uniform(1, 5)), TypeError, "`init_value`"),
        (
            lambda: space(jaxlr.transition_schedule, 1, 0, 9, choice(["cosine", "kosine"])),
            TypeError,
            "`curve`",
        ),
        (lambda: parse_space("linear_schedule(unifrom(0, 1), 0, 5)"), ValueError, "uniform"),
        (lambda: parse_space("0.1"), ValueError, "must name a Space"),
        (lambda: jaxlr.parse("constant_schedule(uniform(0, 1))"), TypeError, "`value`"),
        (lambda: Space.from_dict({"a": 1}), ValueError, "`data`"),
        (lambda: sample(KEY, uniform(0, 1), 5), TypeError, "one of schedules"),
        (lambda: sample(KEY, jaxlr.linear_schedule, 5), TypeError, "`space`"),
        (lambda: sample(KEY, NESTED, 0), ValueError, "`n`"),
        (lambda: sample(KEY, NESTED, 2.5), TypeError, "`n` must be an integer, got 2.5"),
        (lambda: jax.jit(lambda key: sample(key, NESTED, 5)(0))(KEY), TypeError, "`key`"),
        (lambda: space(jaxlr.wrap, uniform(0, 1)), TypeError, "`function`"),
        (lambda: sample(0, NESTED, 5), TypeError, "jax.random.key"),
        (lambda: sample(jax.random.split(KEY), NESTED, 5), ValueError, "single key"),
        (lambda: sample(KEY, NESTED, 5, "grid"), ValueError, "`method`"),
        (lambda: grid_design(NESTED, 0), ValueError, "`levels`"),
        (lambda: grid_design(NESTED, "3"), TypeError, "`levels` must be an integer, got '3'"),
        (lambda: grid_design(NESTED, {"init_value": 2}), ValueError, "`transition_steps`"),
        (
            lambda: grid_design(
                space(jaxlr.constant_schedule, uniform(0, 1)), {"value": 2, "x": 1}
            ),
            ValueError,
            "got x",
        ),
        (
            lambda: random_schedules(KEY, 5, total_steps=9, peak=1.0, families="step_decay"),
            TypeError,
            "`families`",
        ),
        (
            lambda: random_schedules(KEY, 5, total_steps=9, peak=1.0, families=[]),
            TypeError,
            "`families`",
        ),
        (lambda: default_space("wrap", 10, 1.0), ValueError, "'wrap'"),
        (lambda: typical_schedules("wrap", 10, 1.0), ValueError, "'wrap'"),
        (lambda: default_space("step_decay", 0, 1.0), ValueError, "`total_steps`"),
        (lambda: default_space("step_decay", 10, 0.0), ValueError, "`peak`"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
