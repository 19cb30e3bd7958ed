"""The schedule as data: construction, checks, parameters, families of users."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlr

pytestmark = pytest.mark.x64


def columns(init_value=0, peak_value=1, warmup_steps=1, decay_steps=3):
    """The arguments of some cycles, an array for each."""
    return dict(locals())


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (
            lambda: jaxlr.cosine_decay_schedule(0.1, -5),
            ValueError,
            ["`decay_steps`", "-5", "at least 0"],
        ),
        (lambda: jaxlr.linear_schedule(0.1, 0.0, 10, -1), ValueError, ["`transition_begin`", "-1"]),
        (
            lambda: jaxlr.exponential_decay(0.1, 0, 0.5),
            ValueError,
            ["`transition_steps`", "0", "1000"],
        ),
        (lambda: jaxlr.exponential_decay(0.1, 10, 0.0), ValueError, ["`decay_rate`", "positive"]),
        (lambda: jaxlr.exponential_decay(0.1, 10, -0.5), ValueError, ["`decay_rate`", "-0.5"]),
        (lambda: jaxlr.constant_schedule(float("nan")), ValueError, ["`value`", "nan", "finite"]),
        (lambda: jaxlr.constant_schedule(np.array([0.1, np.inf])), ValueError, ["`value`", "inf"]),
        (lambda: jaxlr.constant_schedule(jnp.array(jnp.nan)), ValueError, ["`value`", "nan"]),
        (lambda: jaxlr.constant_schedule("0.1"), TypeError, ["`value`", "'0.1'"]),
        (lambda: jaxlr.constant_schedule(True), TypeError, ["`value`", "True"]),
        (lambda: jaxlr.constant_schedule(np.bool_(True)), TypeError, ["`value`", "True"]),
        (lambda: jaxlr.constant_schedule(jnp.array(True)), TypeError, ["`value`", "True"]),
        (lambda: jaxlr.constant_schedule(None), TypeError, ["`value`", "None"]),
        (lambda: jaxlr.constant_schedule(abs), TypeError, ["`value`", "abs"]),
        (
            lambda: jaxlr.exponential_decay(0.1, 5, 0.5, staircase=1),
            TypeError,
            ["`staircase`", "1"],
        ),
        (lambda: jaxlr.constant_schedule(), TypeError, ["constant_schedule", "'value'"]),
        (lambda: jaxlr.constant_schedule(valu=1), TypeError, ["constant_schedule", "'valu"]),
        (lambda: jaxlr.constant_schedule(0.1).replace(rate=1), TypeError, ["'rate'"]),
        (
            lambda: jaxlr.cosine_onecycle_schedule(10, 0.1, 30),
            ValueError,
            ["`pct_start`", "30", "0.3"],
        ),
        (
            lambda: jaxlr.warmup_cosine_decay_schedule(0.0, 0.1, 10, 5),
            ValueError,
            ["`decay_steps`", "10", "5", "warm-up included"],
        ),
        (
            lambda: jaxlr.linear_onecycle_schedule(10, 0.1, 0.5, 0.4),
            ValueError,
            ["`pct_final`", "0.4", "0.5"],
        ),
        (
            lambda: jaxlr.piecewise_constant_schedule(0.1, {5: -2.0}),
            ValueError,
            ["`boundaries_and_scales`", "-2"],
        ),
        (
            lambda: jaxlr.piecewise_constant_schedule(0.1, ([5, 6], [0.1])),
            ValueError,
            ["`boundaries_and_scales`", "([5, 6], [0.1])", "{1000: 0.1}"],
        ),
        (
            lambda: jaxlr.piecewise_constant_schedule(0.1, [5]),
            TypeError,
            ["`boundaries_and_scales`", "[5]"],
        ),
        (
            lambda: jaxlr.piecewise_interpolate_schedule("linar", 0.1),
            ValueError,
            ["`interpolate_type`", "'linar'", "'cosine'"],
        ),
        (
            lambda: jaxlr.join_schedules([jaxlr.constant_schedule(0.1)] * 3, [5, 4]),
            ValueError,
            ["`boundaries`", "[5, 4]", "increasing"],
        ),
        (
            lambda: jaxlr.join_schedules([jaxlr.constant_schedule(0.1)] * 3, [5]),
            ValueError,
            ["`boundaries`", "[5]", "3 schedules"],
        ),
        (lambda: jaxlr.join_schedules([], []), TypeError, ["`schedules`", "[]"]),
        (
            lambda: jaxlr.join_schedules([0.1, 0.2], [5]),
            TypeError,
            ["`schedules`", "0.1", "constant"],
        ),
        (lambda: jaxlr.sgdr_schedule([]), ValueError, ["`cosine_kwargs`", "one cycle"]),
        (
            lambda: jaxlr.sgdr_schedule(
                [{"init_value": 0, "peak_value": 1, "warmup_steps": 5, "decay_steps": 3}]
            ),
            ValueError,
            ["`decay_steps`", "5", "3"],
        ),
        (lambda: jaxlr.sgdr_schedule([3]), TypeError, ["`cosine_kwargs`", "list of dicts", "[3]"]),
        (lambda: jaxlr.sgdr_schedule(columns()), ValueError, ["each cycle", "'init_value': 0"]),
        (lambda: jaxlr.sgdr_schedule(columns([0], [1, 2])), ValueError, ["each cycle", "[1, 2]"]),
        (
            lambda: jaxlr.sgdr_schedule(columns([0], [1], [5], [3])),
            ValueError,
            ["`decay_steps`", "5", "3"],
        ),
        (
            lambda: jaxlr.sgdr_schedule(columns([0], [1], [0], [-3])),
            ValueError,
            ["`decay_steps`", "-3"],
        ),
        (
            lambda: jaxlr.piecewise_constant_schedule(1.0, {5: 0.1, "a": 0.1}),
            TypeError,
            ["`boundaries_and_scales`", "'a'"],
        ),
        (lambda: jaxlr.constant_schedule(10**400), ValueError, ["`value`", "finite"]),
        (lambda: jaxlr.chebyshev_schedule(1, 2, 2**31), ValueError, ["`period`", "2147483648"]),
        (lambda: jaxlr.cosine_restarts_schedule(1, 9, cycles=2.5), ValueError, ["`cycles`", "2.5"]),
        (
            lambda: jaxlr.repeat_schedule(jaxlr.constant_schedule(1), 9, cycles=0.5),
            ValueError,
            ["`cycles`", "0.5"],
        ),
        (
            lambda: jaxlr.with_noise(jaxlr.constant_schedule(1), seed=1.5),
            ValueError,
            ["`seed`", "1.5"],
        ),
        (lambda: jaxlr.with_noise(jaxlr.constant_schedule(1), seed="a"), TypeError, ["`seed`"]),
        (lambda: jaxlr.with_noise(jaxlr.constant_schedule(1), seed=2**40), ValueError, ["`seed`"]),
        (lambda: jaxlr.Schedule(), TypeError, ["constructor", "parse"]),
        (lambda: jaxlr.multistep_decay(1.0, 3), ValueError, ["`milestones`", "list", "3"]),
        (lambda: jaxlr.constant_schedule(1.0)([0, 1]), TypeError, ["`count`", "[0, 1]", "asarray"]),
        (lambda: jaxlr.constant_schedule(1.0)(None), TypeError, ["`count`", "None"]),
    ],
)
def test_bad_parameters_are_named_with_their_value_and_the_cure(build, error, words):
    with pytest.raises(error) as caught:
        build()
    for word in words:
        assert word in str(caught.value)


def test_traced_parameters_are_not_checked_and_give_finite_values():
    @jax.jit
    def value(steps, rate):
        return (
            jaxlr.exponential_decay(0.1, steps, rate)(5),
            jaxlr.cosine_decay_schedule(0.1, steps)(5),
            jaxlr.inverse_time_decay(0.1, steps, rate)(5),
            jaxlr.step_decay(0.1, steps, rate)(5),
        )

    held = value(-3, 0.5)
    np.testing.assert_allclose(held, [0.1, 0.0, 0.1, 0.1])
    assert np.all(np.isfinite(value(3, -0.5)))


def test_parameters_can_be_read_and_replaced_but_not_changed():
    lr = jaxlr.exponential_decay(0.1, 1000, 0.96)
    assert dict(lr.params) == {
        "init_value": 0.1,
        "transition_steps": 1000,
        "decay_rate": 0.96,
        "transition_begin": 0,
        "staircase": False,
        "end_value": None,
    }
    assert lr.replace(decay_rate=0.5).params["decay_rate"] == 0.5
    assert lr.params["decay_rate"] == 0.96
    with pytest.raises(TypeError):
        lr.params["decay_rate"] = 0.5
    with pytest.raises(AttributeError):
        lr.decay_rate = 0.5


def test_a_schedule_keeps_its_own_copy_of_an_array():
    values = np.array([0.1, 0.2])
    lr = jaxlr.constant_schedule(values)
    values[0] = 7.0
    np.testing.assert_allclose(lr(0), [0.1, 0.2])
    with pytest.raises(ValueError, match="read-only"):
        lr.params["value"][0] = 7.0


def test_leaves_are_the_numbers_and_their_paths_are_the_names():
    lr = jaxlr.exponential_decay(0.1, 1000, 0.96, staircase=True)
    paths = jax.tree_util.tree_leaves_with_path(lr)
    assert [(jax.tree_util.keystr(path), leaf) for path, leaf in paths] == [
        (".init_value", 0.1),
        (".transition_steps", 1000),
        (".decay_rate", 0.96),
        (".transition_begin", 0),
    ]


def test_equality_follows_structure_and_numbers():
    lr = jaxlr.cosine_decay_schedule(0.1, 1000)
    assert lr == jaxlr.cosine_decay_schedule(0.1, decay_steps=1000)
    assert lr == jax.tree.map(jnp.float32, lr), "a number and its float32 are the same"
    for number in (0.1, 2**24 + 1):
        exact = jaxlr.constant_schedule(number)
        assert exact == jaxlr.constant_schedule(np.array(number))
        assert exact == jaxlr.constant_schedule(float(number))
    rates = jaxlr.table_schedule([0.1, 0.7], 3)
    assert rates == jax.tree.map(jnp.asarray, rates)
    assert lr != jaxlr.cosine_decay_schedule(0.2, 1000)
    assert lr != jaxlr.linear_schedule(0.1, 0.0, 1000)
    numbers = 0.0, 0.1, 1000
    assert jaxlr.warmup_constant_schedule(*numbers) != jaxlr.log_warmup_schedule(*numbers)
    assert jaxlr.exponential_decay(1.0, 2, 0.5) != jaxlr.exponential_decay(
        1.0, 2, 0.5, staircase=True
    )
    assert lr != 0.1
    zeros = jaxlr.constant_schedule(0.0), jaxlr.constant_schedule(-0.0)
    assert zeros[0] == zeros[1]
    assert len(set(zeros)) == 1
    assert len({lr, jaxlr.cosine_decay_schedule(0.1, 1000), lr.replace(alpha=0.1)}) == 2


def test_a_schedule_of_tracers_can_be_printed_and_compared():
    seen = []

    @jax.jit
    def inside(lr):
        seen.append((repr(lr), lr == lr, lr == lr.replace(alpha=0.0)))
        return lr(3)

    inside(jaxlr.cosine_decay_schedule(0.1, 1000))
    real, whole = jnp.result_type(float).name, jnp.result_type(int).name
    assert seen == [
        (
            f"cosine_decay_schedule(init_value=<{real}[]>, decay_steps=<{whole}[]>, "
            f"alpha=<{real}[]>, exponent=<{real}[]>)",
            True,
            False,
        )
    ]


def test_long_arrays_are_printed_short():
    assert (
        repr(jaxlr.constant_schedule(np.zeros(10**5)))
        == "constant_schedule(value=<float64[100000]>)"
    )
    assert (
        repr(jaxlr.constant_schedule(np.float32([0.1, 2]))) == "constant_schedule(value=[0.1, 2.0])"
    )


def test_a_call_inside_a_trace_adds_no_call_to_the_program():
    program = jax.jit(jaxlr.cosine_decay_schedule(0.1, 1000)).lower(3).as_text()
    assert "_evaluate" not in program


def test_a_call_from_python_traces_once_for_a_family():
    lr = jaxlr.cosine_decay_schedule(0.1, 1000)
    lr(0)
    with jax.log_compiles(False), jax.no_tracing():
        lr(1)
        lr.replace(init_value=0.2, decay_steps=77)(12)


@jaxlr.schedule
def inverse_power(
    count, init_value: jaxlr.core.Value, power: jaxlr.core.NonNegative = 0.5, table=(1, 2)
):
    """A user's formula."""
    return init_value * (1.0 + jnp.asarray(count, float)) ** -power


@jaxlr.schedule
def warm_inverse_power(init_value: jaxlr.core.Value, warmup_steps: jaxlr.core.Steps):
    """A user's recipe."""
    warmup = jaxlr.linear_schedule(0.0, init_value, warmup_steps)
    return jaxlr.join_schedules([warmup, inverse_power(init_value)], [warmup_steps])


def test_a_users_family_has_all_that_ours_have():
    lr = warm_inverse_power(0.1, 4)
    np.testing.assert_allclose(lr(np.array([0, 2, 4, 7])), [0, 0.05, 0.1, 0.05], rtol=1e-6)
    assert jaxlr.parse(repr(lr)) == lr
    assert jaxlr.Schedule.from_dict(lr.to_dict()) == lr
    assert pickle.loads(pickle.dumps(lr)) == lr
    assert inverse_power.__doc__ == "A user's formula."
    assert list(inverse_power.family.signature.parameters) == ["init_value", "power", "table"]
    assert inverse_power(0.1).params["table"] == (1, 2)
    with pytest.raises(ValueError, match="`power` must be at least 0"):
        inverse_power(0.1, power=-1)


def test_a_name_stands_for_one_family():
    def cosine_decay_schedule(count, x):
        return x

    with pytest.raises(ValueError, match="`cosine_decay_schedule` exists already"):
        jaxlr.schedule(cosine_decay_schedule)


def test_a_recipe_must_return_a_schedule():
    @jaxlr.schedule
    def forgot_the_count(init_value):
        return init_value

    with pytest.raises(TypeError, match="first parameter `count`"):
        forgot_the_count(0.1)(0)


def test_a_family_names_its_parameters():
    with pytest.raises(TypeError, match=r"`\*values`"):
        jaxlr.schedule(lambda count, *values: 0)


@pytest.mark.promotes
def test_a_plain_callable_is_wrapped_and_kept_as_structure():
    outside = optax.cosine_decay_schedule(0.1, 10)
    lr = jaxlr.join_schedules([outside, jaxlr.constant_schedule(0.5)], [10])
    assert lr.params["schedules"][0].params["function"] is outside
    np.testing.assert_allclose(lr(np.array([0, 5, 10])), [0.1, 0.05, 0.5], rtol=1e-5)
    with pytest.raises(TypeError, match="callable"):
        lr.to_dict()


def test_a_join_hands_each_piece_its_own_count():
    seen = []

    def spy(count):
        jax.debug.callback(lambda count: seen.append(int(count)), count)
        return jnp.float32(0)

    lr = jaxlr.join_schedules([spy, jaxlr.linear_schedule(0.0, 1.0, 10)], [5])
    for count in (0, 4, 5, 100):
        lr(count).block_until_ready()
    jax.effects_barrier()
    assert all(0 <= count < 5 for count in seen)
    np.testing.assert_allclose(lr(np.array([5, 10, 15])), [0.0, 0.5, 1.0])


def test_joins_can_be_nested_and_leave_empty_pieces_out():
    inner = jaxlr.join_schedules([jaxlr.constant_schedule(1.0), jaxlr.constant_schedule(2.0)], [3])
    outer = jaxlr.join_schedules([inner, inner, jaxlr.constant_schedule(9.0), inner], [5, 8, 8])
    np.testing.assert_array_equal(outer(np.arange(12)), [1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 2])


def test_a_batch_of_schedules_is_one_schedule():
    peaks, lengths = jnp.array([0.1, 0.2, 0.3]), jnp.array([10, 20, 30])
    batch = jax.vmap(jaxlr.cosine_decay_schedule)(peaks, lengths)
    assert isinstance(batch, jaxlr.Schedule)
    values = jax.vmap(lambda lr: lr(jnp.arange(40)))(batch)
    for row, peak, length in zip(values, peaks, lengths, strict=True):
        alone = jaxlr.cosine_decay_schedule(float(peak), int(length))
        np.testing.assert_allclose(row, alone(jnp.arange(40)), rtol=3e-7, atol=1e-9)


@pytest.mark.promotes
def test_a_schedule_is_an_optax_schedule_under_jit_and_scan():
    optimizer = optax.adam(jaxlr.warmup_cosine_decay_schedule(0.0, 0.1, 10, 100))

    @jax.jit
    def train(w):
        def step(carry, _):
            w, state = carry
            updates, state = optimizer.update(jax.grad(lambda w: jnp.sum(w**2))(w), state, w)
            return (optax.apply_updates(w, updates), state), None

        return jax.lax.scan(step, (w, optimizer.init(w)), length=100)[0][0]

    assert np.all(np.abs(train(jnp.ones(3))) < 0.1)
