"""What holds for schedules that listen to a metric; tests/peers/test_plateau.py has the traces."""

import copy
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlr

pytestmark = pytest.mark.x64

FLOAT = jnp.float64 if jax.config.jax_enable_x64 else jnp.float32
WARMUP = jaxlr.warmup_stable_decay_schedule(0.0, 0.5, 4, 30, 10)

CASES = {
    "plateau": jaxlr.reduce_on_plateau(0.1, 0.5, 2),
    "plateau_of_all": jaxlr.reduce_on_plateau(
        WARMUP,
        0.3,
        2,
        mode="max",
        threshold=0.01,
        threshold_mode="abs",
        cooldown=2,
        min_value=0.01,
        eps=1e-3,
        begin=4,
        accumulation_size=2,
        monitor="accuracy",
    ),
    "plateau_signed": jaxlr.reduce_on_plateau(WARMUP, 0.5, 1, threshold_mode="signed"),
    "greedy": jaxlr.greedy(0.1, 0.01, 1.0, 0.5, 2),
    "greedy_of_all": jaxlr.greedy(
        WARMUP,
        0.01,
        1.0,
        0.5,
        1,
        mode="max",
        threshold=0.01,
        threshold_mode="rel",
        cooldown=1,
        warmup=2,
        eps=1e-3,
        window_size=3,
        reset_start=2,
        begin=4,
        accumulation_size=2,
        monitor="accuracy",
    ),
}

every_case = pytest.mark.parametrize("lr", CASES.values(), ids=CASES.keys())

METRICS = np.round(np.random.default_rng(1).normal(3.0, 1.0, 60), 2).astype(np.float32)
METRICS[[0, 17, 31]] = np.nan, np.inf, -np.inf


def walk(lr, metrics):
    """The values that updates with these metrics use, in a loop of Python; and the last state."""
    state, values = lr.init(), []
    for metric in metrics:
        values.append(lr(state, **{lr.monitor: metric}))
        state = lr.update(state, **{lr.monitor: metric})
    return np.asarray(values), state


def scan(lr, metrics):
    def step(state, metric):
        heard = {lr.monitor: metric}
        return lr.update(state, **heard), lr(state, **heard)

    state, values = jax.lax.scan(step, lr.init(), metrics)
    return values, state


def same(a, b):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)
        assert x.dtype == y.dtype


# It is data, and optax takes it for a stateful schedule.


def test_every_family_has_a_case():
    ours = {
        name
        for name, constructor in jaxlr.families(jaxlr.AdaptiveSchedule).items()
        if constructor.__module__ == "jaxlr.feedback.adaptive"
    }
    assert {lr.family.name for lr in CASES.values()} == ours
    assert not ours & set(jaxlr.families())


@every_case
def test_it_is_a_stateful_schedule_and_no_other(lr):
    assert isinstance(lr, optax.schedules.StatefulSchedule)
    assert not isinstance(lr, jaxlr.Schedule)


@every_case
def test_text_json_and_copies_are_the_same(lr):
    assert jaxlr.parse(repr(lr), jaxlr.AdaptiveSchedule) == lr
    data = json.loads(json.dumps(lr.to_dict()))
    assert jaxlr.AdaptiveSchedule.from_dict(data) == lr
    for other in (copy.deepcopy(lr), pickle.loads(pickle.dumps(lr)), lr.replace()):
        assert other == lr
        assert hash(other) == hash(lr)
        same(walk(other, METRICS[:9]), walk(lr, METRICS[:9]))
    assert lr.replace(factor=0.25) != lr
    with pytest.raises(ValueError, match="must name a"):
        jaxlr.parse(repr(lr))


@every_case
def test_unflatten_takes_anything(lr):
    leaves, structure = jax.tree.flatten(lr)
    for thing in (None, object(), jax.ShapeDtypeStruct((), jnp.float32)):
        rebuilt = jax.tree.unflatten(structure, [thing] * len(leaves))
        assert isinstance(rebuilt, jaxlr.AdaptiveSchedule)


@every_case
def test_the_constructor_documents_itself(lr):
    text = jaxlr.families(jaxlr.AdaptiveSchedule)[lr.family.name].__doc__
    for word in (">>>", "Returns:", "References:"):
        assert word in text
    for name in lr.family.signature.parameters:
        assert f"  {name}: " in text, f"no word on `{name}`"


# The same values however they are computed.


@every_case
def test_compiled_and_in_a_scan_it_is_the_loop_of_python(lr):
    expected = walk(lr, METRICS)
    same(jax.jit(scan)(lr.as_arrays(), METRICS), expected)
    same(jax.jit(lambda metrics: scan(lr, metrics))(METRICS), expected)
    assert np.unique(expected[0]).size > 3
    assert np.isfinite(expected[0]).all()


@every_case
def test_a_batch_is_each_of_its_members_to_the_last_bit(lr):
    """Every number of the rule batched, the base included, and the metrics too."""
    arrays = lr.as_arrays()
    batch = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 16), arrays)
    index = np.arange(16)
    numbers = {
        "factor": jnp.asarray(np.linspace(0.1, 0.9, 16), FLOAT),
        "patience": jnp.asarray(index % 3 + 1, jnp.int32),
        "cooldown": jnp.asarray(index // 3 % 3, jnp.int32),
        "threshold": jnp.asarray(index % 4 * 0.1, FLOAT),
        "eps": jnp.asarray(index % 2 * 0.01, FLOAT),
    }
    batch = jax.vmap(lambda lr, numbers: lr.replace(**numbers))(batch, numbers)
    metrics = np.stack([np.roll(METRICS, i) for i in index])
    values, states = jax.jit(jax.vmap(scan))(batch, metrics)
    single = jax.jit(scan)
    for i in index:
        alone = jax.tree.map(lambda leaf, i=i: leaf[i], batch)
        same(
            (values[i], jax.tree.map(lambda leaf, i=i: leaf[i], states)), single(alone, metrics[i])
        )


@every_case
def test_other_numbers_are_no_other_trace(lr):
    traces = []

    @jax.jit
    def run(lr, metrics):
        traces.append(1)
        return scan(lr, metrics)

    for scale in (1, 2, 3):
        run(jax.tree.map(lambda x, s=scale: (x * s).astype(x.dtype), lr.as_arrays()), METRICS)
    assert len(traces) == 1


@every_case
def test_the_state_keeps_its_types(lr):
    state = lr.init()
    types = [(leaf.dtype, leaf.shape, leaf.weak_type) for leaf in jax.tree.leaves(state)]
    assert {dtype for dtype, _, weak in types} <= {np.dtype(FLOAT), np.dtype("int32")}
    assert not any(weak for *_, weak in types)
    for metric in (3, 3.0, np.float64(3.0), jnp.bfloat16(3.0), np.int8(3)):
        state = lr.update(state, **{lr.monitor: metric})
        assert [(x.dtype, x.shape, x.weak_type) for x in jax.tree.leaves(state)] == types
        assert lr(state).dtype == FLOAT
        assert not lr(state).weak_type


def test_metrics_in_bfloat16_are_averaged_in_float32():
    lr = jaxlr.reduce_on_plateau(0.1, accumulation_size=10_000)
    metrics = jnp.asarray(np.random.default_rng(0).uniform(1.0, 2.0, 10_000), jnp.bfloat16)
    _, state = scan(lr, metrics)
    np.testing.assert_allclose(state.memory.best, np.asarray(metrics, np.float64).mean(), rtol=1e-5)
    assert int(state.waiting) == 0


@pytest.mark.promotes
@every_case
def test_gradients_are_finite(lr):
    finite = np.where(np.isfinite(METRICS), METRICS, 1.0)
    total = jax.grad(lambda lr: jnp.sum(scan(lr, finite)[0]), allow_int=True)
    gradient = jax.jit(total)(lr.as_arrays())
    leaves = [leaf for leaf in jax.tree.leaves(gradient) if leaf.dtype != jax.dtypes.float0]
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert abs(gradient.params["factor"]) > 0.0


# What metrics do.


def rates(lr, metrics):
    return walk(lr, metrics)[0].tolist()


def test_patience_counts_metrics_without_improvement():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 2, threshold=0.0)
    assert rates(lr, [3, 3, 2, 2, 2, 2, 2]) == [1, 1, 1, 1, 0.5, 0.5, 0.25]
    once = lr.replace(patience=1)
    assert rates(once, [3, 3, 2, 2]) == [1, 0.5, 0.5, 0.25]
    rests = once.replace(cooldown=2)
    assert rates(rests, [3, 3, 3, 3, 3, 3, 3]) == [1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_not_a_number_is_no_improvement_and_leaves_no_trace():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 2)
    bad = [np.nan, np.inf, -np.inf]
    for mode in ("min", "max"):
        moded = lr.replace(mode=mode)
        assert rates(moded, [3, *bad]) == [1, 1, 0.5, 0.5]
        assert rates(moded, bad) == [1, 0.5, 0.5]
        assert np.isfinite(walk(moded, [*bad, 3])[1].memory.best)
        rests = moded.replace(accumulation_size=2)
        assert walk(rests, [*bad, 1, 3, 4])[1].memory.best == 3.5
    for lr in CASES.values():
        clean, spoilt = walk(lr, [2.0, 3.0] * 9), walk(lr, [2.0, 3.0] * 8 + bad[:2])
        assert np.isfinite(clean[0]).all() and np.isfinite(spoilt[0]).all()
        assert all(not np.isnan(leaf).any() for leaf in jax.tree.leaves(spoilt[1]))


def test_a_metric_that_stays_negative_is_a_plateau():
    """Under optax's and PyTorch's threshold it improves for ever: google-deepmind/optax#1767."""
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 2)
    assert rates(lr, [-3.0] * 4) == [1, 1, 0.5, 0.5]
    assert rates(lr.replace(mode="max"), [-3.0] * 4) == [1, 1, 0.5, 0.5]
    assert rates(lr.replace(threshold_mode="signed"), [-3.0] * 4) == [1, 1, 1, 1]
    assert rates(lr.replace(threshold=0.5), [-3.0, -4.0, -4.4, -4.6]) == [1, 1, 0.5, 0.5]


def test_it_multiplies_any_base():
    steps = np.arange(40)
    metrics = np.full(40, 3.0)
    for base in (
        WARMUP,
        0.3,
        np.float32(0.3),
        lambda count: 0.1 / (1.0 + jnp.asarray(count, FLOAT)),
    ):
        lr = jaxlr.reduce_on_plateau(base, 0.5, 15)
        scale = np.where(steps < 15, 1.0, np.where(steps < 30, 0.5, 0.25))
        curve = np.asarray([base(t) if callable(base) else base for t in steps])
        np.testing.assert_allclose(walk(lr, metrics)[0], curve * scale, rtol=1e-6)


def test_a_floor_limits_reductions_and_not_the_base():
    base = jaxlr.piecewise_constant_values_schedule([3, 6], [1.0, 0.0, 0.125])
    lr = jaxlr.reduce_on_plateau(base, 0.25, 1, min_value=0.125, cooldown=0)
    # Reduced to the floor, then the base goes to 0 and comes back below the floor by itself.
    expected = [1, 0.25, 0.125, 0, 0, 0, 0.125 * 0.125, 0.125 * 0.125]
    assert rates(lr, [3.0] * 8) == expected
    with pytest.raises(ValueError, match="`min_value` must be below the rate, .* got 0.5 for"):
        jaxlr.reduce_on_plateau(0.125, 0.5, 1, min_value=0.5)


def test_small_reductions_are_left_out():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1, eps=0.2)
    assert rates(lr, [3.0] * 5) == [1, 0.5, 0.25, 0.25, 0.25]


def test_metrics_before_the_begin_are_not_heard():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1, begin=3)
    assert rates(lr, [0, 0, 0, 3, 3]) == [1, 1, 1, 1, 0.5]
    assert lr.observe(lr.init(), 3.0).memory.best == np.inf


def test_several_metrics_count_as_their_mean():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1, threshold=0.0, accumulation_size=3)
    assert rates(lr, [1, 2, 3, 9, 0, -3.75, 1, 2, 2.5]) == [1, 1, 1, 1, 1, 1, 1, 1, 0.5]


def test_only_its_own_keyword_is_heard():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1, monitor="validation_loss")
    state = lr.init()
    for _ in range(3):
        state = lr.update(state, value=3.0)
    with pytest.warns(UserWarning, match="`validation_loss` is None, which is no metric"):
        state = lr.update(state, value=3.0, validation_loss=None)
    with pytest.warns(UserWarning, match="`validation_loss` is None, which is no metric"):
        state = lr.observe(state, None)
    assert int(state.count) == 4
    assert state.memory.best == np.inf
    for _ in range(2):
        state = lr.update(state, value=7.0, validation_loss=3.0)
    assert lr(state) == 0.5


def test_a_metric_under_another_name_is_not_silently_ignored():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1)
    with pytest.warns(UserWarning, match="it waits for `value`, but was given only `loss`"):
        lr.update(lr.init(), loss=3.0)
    with pytest.raises(TypeError, match="`value` must be a number, got the string '3.0'"):
        lr.update(lr.init(), value="3.0")


def test_a_factor_of_0_goes_to_the_floor():
    assert rates(jaxlr.reduce_on_plateau(1.0, 0.0, 1, min_value=0.25), [3.0] * 3) == [1, 0.25, 0.25]


def test_greedy_raises_and_lowers():
    lr = jaxlr.greedy(0.25, 0.125, 0.5, 0.5, 1, threshold=0.0)
    assert rates(lr, [5, 4, 3, 3, 3, 3, 3]) == [0.5, 0.5, 0.5, 0.25, 0.125, 0.125, 0.125]
    again = lr.replace(reset_start=2)
    assert rates(again, [5, 5, 5, 5]) == [0.5, 0.25, 0.125, 0.25]


@pytest.mark.promotes
@pytest.mark.parametrize("seed", range(3))
def test_optax_has_the_same_traces(seed):
    """Where its metrics are positive and its patience at least 1."""
    rng = np.random.default_rng(seed)
    for patience, cooldown, size, floor in [(1, 0, 1, 0.0), (3, 2, 1, 0.01), (2, 1, 4, 0.0)]:
        metrics = np.round(np.abs(rng.normal(4.0, 1.0, 200)), 1).astype(np.float32)
        theirs = optax.contrib.reduce_on_plateau(
            0.7, patience, 1e-2, 0.0, cooldown, size, min_scale=floor
        )

        def step(state, metric, theirs=theirs):
            updates, state = theirs.update(jnp.ones(()), state, value=metric)
            return state, updates

        _, scales = jax.lax.scan(step, theirs.init(jnp.ones((), FLOAT)), metrics)
        ours = jaxlr.reduce_on_plateau(
            1.0,
            0.7,
            patience,
            threshold=1e-2,
            cooldown=cooldown,
            accumulation_size=size,
            min_value=floor,
        )
        np.testing.assert_allclose(scan(ours, metrics)[0], scales, rtol=1e-5)
        assert np.unique(scales).size > 3


# In an optimizer.


def updates_of(optimizer, state, metrics):
    """The size of each update under a gradient of 1, so the rate that it used."""
    sizes = []
    for metric in metrics:
        updates, state = jax.jit(optimizer.update)({"w": jnp.ones(2)}, state, value=metric)
        sizes.append(-float(updates["w"][0]))
    return sizes, state


def sgd(lr):
    optimizer = optax.inject_hyperparams(optax.sgd)(learning_rate=lr)
    return optimizer, optimizer.init({"w": jnp.ones(2, jnp.float32)})


def test_the_update_that_gets_the_metric_uses_the_reduced_rate():
    """Another one, as optax asks for it, comes one update late."""

    class Late:
        def __init__(self, schedule):
            self.init, self.update, self.schedule = schedule.init, schedule.update, schedule

        def __call__(self, state, **metrics):
            return self.schedule(state)

    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1)
    metrics = [3.0, 3.0, 2.0, 2.0]
    sizes, state = updates_of(*sgd(lr), metrics)
    assert sizes == [1.0, 0.5, 0.5, 0.25] == rates(lr, metrics)
    assert jaxlr.current_value(state) == 0.25
    assert updates_of(*sgd(Late(lr)), metrics)[0] == [1.0, 1.0, 0.5, 0.5]


def test_a_metric_between_two_updates_decides_on_the_next():
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1, monitor="validation_loss")
    optimizer, state = sgd(lr)
    used = []
    for validation_loss in [3.0, 3.0, 2.0, 2.0]:
        sizes, state = updates_of(optimizer, state, [9.0, 9.0])
        used.append(sizes)
        count, state = state.count, jax.jit(jaxlr.observe)(state, lr, validation_loss)
        assert state.count == count
    assert used == [[1.0, 1.0], [1.0, 1.0], [0.5, 0.5], [0.5, 0.5]]


@pytest.mark.promotes
def test_it_is_found_in_states_of_every_kind():
    nnx = pytest.importorskip("flax.nnx")
    lr = jaxlr.reduce_on_plateau(1.0, 0.5, 1)
    injected = optax.inject_hyperparams(optax.add_decayed_weights, static_args="mask")(lr)
    params = {"w": jnp.ones(2, jnp.float32)}
    for optimizer in (
        optax.chain(optax.clip(1.0), injected),
        optax.MultiSteps(injected, 2),
    ):
        state = optimizer.init(params)
        for _ in range(2):
            state = jaxlr.observe(state, lr, 3.0, "weight_decay")
        for _ in range(2):
            _, state = optimizer.update(params, state, params)
        assert jaxlr.current_value(state, "weight_decay") == 0.5
    model = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, injected, wrt=nnx.Param)
    for _ in range(2):
        optimizer.opt_state = jaxlr.observe(optimizer.opt_state, lr, 3.0, "weight_decay")
    optimizer.update(model, jax.tree.map(jnp.ones_like, nnx.state(model, nnx.Param)))
    assert jaxlr.current_value(optimizer.opt_state, "weight_decay") == 0.5


def test_a_state_without_it_or_with_several_is_refused():
    lr = jaxlr.reduce_on_plateau(1.0)
    with pytest.raises(ValueError, match=r"one state of an adaptive schedule for `b1`, got 0"):
        jaxlr.observe(sgd(lr)[1], lr, 3.0, "b1")
    with pytest.raises(ValueError, match=r"for `learning_rate`, got 0"):
        jaxlr.observe(sgd(0.1)[1], lr, 3.0)
    with pytest.raises(ValueError, match="got 2. Pass only the part"):
        jaxlr.observe((sgd(lr)[1], sgd(lr)[1]), lr, 3.0)


# Errors.


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"factor": 1.5}, ValueError, "`factor` must be from 0 to 1, got 1.5. Give a fraction"),
        ({"factor": -0.5}, ValueError, "`factor` must be from 0 to 1, got -0.5"),
        (
            {"patience": 0},
            ValueError,
            "`patience` must be at least 1 and finite, got 0. Patience 1",
        ),
        ({"patience": 1.5}, ValueError, "`patience` must be a whole number, got 1.5"),
        ({"cooldown": -1}, ValueError, "`cooldown` must be at least 0"),
        ({"threshold": np.nan}, ValueError, "`threshold` must be at least 0 and finite, got nan"),
        ({"mode": "least"}, ValueError, "`mode` must be 'min' or 'max', got 'least'"),
        (
            {"threshold_mode": "r"},
            ValueError,
            "`threshold_mode` must be 'rel' or 'abs' or 'signed'",
        ),
        ({"accumulation_size": 0}, ValueError, "`accumulation_size` must be at least 1"),
        ({"monitor": None}, TypeError, "`monitor` must be a string, got None"),
        ({"schedule": "0.1"}, TypeError, "`schedule` must be a schedule, a function.*, got '0.1'"),
        ({"schedule": CASES["plateau"]}, TypeError, "`schedule` must be a schedule"),
        ({"gamma": 0.1}, TypeError, "gamma"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, error, message):
    with pytest.raises(error, match=f"reduce_on_plateau: .*{message}"):
        jaxlr.reduce_on_plateau(**{"schedule": 0.1, **arguments})


def test_it_goes_around_other_schedules_and_not_among_them():
    for make in (
        lambda lr: jaxlr.with_cooldown(lr, 10, 5),
        lambda lr: jaxlr.join_schedules([lr], []),
        lambda lr: WARMUP * lr,
    ):
        with pytest.raises(TypeError, match="must be the outermost one"):
            make(CASES["plateau"])


def test_greedy_refuses():
    with pytest.raises(ValueError, match="`min_value` must not be above `max_value`, got 1.0 and"):
        jaxlr.greedy(0.1, 1.0, 0.5)
    for size in (0, 2.0, True):
        with pytest.raises(ValueError, match="`window_size` must be a whole number from 1 on"):
            jaxlr.greedy(0.1, 0.1, 0.5, window_size=size)


def test_an_optimizer_that_calls_it_with_a_count_is_told_what_to_do():
    optimizer = optax.sgd(CASES["plateau"])
    with pytest.raises(TypeError, match=r"`state` must be .*optax.inject_hyperparams\("):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))


def test_a_metric_of_another_shape_is_refused():
    lr = CASES["plateau"]
    with pytest.raises(ValueError, match=r"`value` must be one number, got the shape \(3,\)"):
        lr.update(lr.init(), value=np.zeros(3))


def test_traced_numbers_are_not_checked_and_stay_total():
    """Out of range they count as the nearest number in it."""
    numbers = {"patience": jnp.array([0, 1]), "cooldown": jnp.array([-3, 0])}
    batch = jax.vmap(lambda n: jaxlr.reduce_on_plateau(1.0, 0.5, **n))(numbers)
    values, _ = jax.vmap(scan, in_axes=(0, None))(batch, METRICS)
    np.testing.assert_array_equal(values[0], values[1])


def test_a_rule_of_ones_own():
    @jaxlr.adaptive_schedule(start=lambda **_: {"last": jnp.inf})
    def own_rule(
        memory, metric, scale, base, schedule: jaxlr.feedback.Base, drop: jaxlr.core.Fraction = 0.5
    ):
        return {"last": metric}, jnp.where(metric > memory["last"], scale * drop, scale)

    lr = own_rule(WARMUP, 0.25)
    assert jaxlr.parse(repr(lr), jaxlr.AdaptiveSchedule) == lr
    np.testing.assert_allclose(
        rates(lr, [3, 2, 4, 1, 1, 2]),
        np.asarray(WARMUP(np.arange(6))) * [1, 1, *[0.25] * 3, 0.0625],
    )
    same(jax.jit(scan)(lr.as_arrays(), METRICS), walk(lr, METRICS))
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(lr.init()))
    with pytest.raises(TypeError, match="must be memory, metric, scale, base"):

        @jaxlr.adaptive_schedule(start=dict)
        def wrong_rule(state, metric, schedule):
            return state, 1.0
