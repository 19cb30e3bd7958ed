"""Tests of one training run: against a hand-written optax loop, and against its own promises."""

import csv
import functools
import io
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from marks import slow
from rich.console import Console

import jaxlr
from jaxlr.train import fit
from jaxlr.train.epoch import draw_batches, evaluate, start, train_epoch
from jaxlr.train.optimizer import split_optimizer

pytestmark = pytest.mark.xdist_group("fit")  # They share programs.

N = 50
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5], np.float32) + 0.1 * RNG.normal(size=N)).astype(np.float32)
TRAIN = (X, Y)

TRACES = {"loss": 0, "metric": 0, "init": 0}


def init(key):
    TRACES["init"] += 1
    return {"w": 0.1 * jax.random.normal(key, (3,)), "b": jnp.zeros(())}


def predict(params, x):
    return x @ params["w"] + params["b"]


def loss(params, batch):
    TRACES["loss"] += 1
    x, y = batch
    error = predict(params, x) - y
    return jnp.mean(error**2), {"mae": jnp.mean(jnp.abs(error))}


def metric(params, batch):
    TRACES["metric"] += 1
    x, y = batch
    return {"loss": (predict(params, x) - y) ** 2, "close": jnp.abs(predict(params, x) - y) < 1.0}


def train(schedule, *args, **kwargs):
    settings = {"epochs": 3, "batch_size": 8, "progress": False} | kwargs
    return fit(schedule, init, loss, TRAIN, *args, **settings)


def same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)
        assert x.dtype == y.dtype


def by_hand(tx, epochs=3, batch_size=8, seed=0):
    """The same training as a plain loop: optax used directly, one jitted call per step."""
    init_key, order_key = jax.random.split(jax.random.key(seed))
    params = init(init_key)
    state = tx.init(params)

    @jax.jit
    def step(params, state, batch):
        (value, _), grads = jax.value_and_grad(loss, has_aux=True)(params, batch)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value, optax.tree.norm(grads)

    losses, norms = [], []
    for epoch in range(epochs):
        order = jax.random.permutation(jax.random.fold_in(order_key, epoch), N)
        for i in range(N // batch_size):
            chosen = order[i * batch_size : (i + 1) * batch_size]
            params, state, value, norm = step(params, state, (X[chosen], Y[chosen]))
            losses.append(value)
            norms.append(norm)
    return params, np.array(losses), np.array(norms)


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        (optax.adam, optax.adam),
        slow(
            functools.partial(
                optax.adamw, b2=0.9, weight_decay=0.3, mask=lambda p: {"w": True, "b": False}
            ),
            lambda lr: optax.adamw(lr, b2=0.9, weight_decay=0.3, mask={"w": True, "b": False}),
        ),
        slow(
            functools.partial(optax.adamw, weight_decay=0.3, mask={"w": True, "b": False}),
            lambda lr: optax.adamw(lr, weight_decay=0.3, mask={"w": True, "b": False}),
        ),
        slow(
            functools.partial(optax.sgd, momentum=0.5, nesterov=True),
            lambda lr: optax.sgd(lr, momentum=0.5, nesterov=True),
        ),
        (optax.adafactor, optax.adafactor),  # It has integers that must not be traced.
        slow(
            lambda learning_rate: optax.chain(
                optax.clip_by_global_norm(0.1), optax.sgd(learning_rate)
            ),
            lambda lr: optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(lr)),
        ),
    ],
    ids=["adam", "adamw-mask-function", "adamw-mask-tree", "sgd", "adafactor", "chain"],
)
def test_it_is_the_plain_optax_loop(optimizer, make):
    schedule = jaxlr.warmup_cosine_decay_schedule(0.0, 0.1, 4, 18)
    params, losses, norms = by_hand(make(schedule))
    result = train(schedule, optimizer=optimizer)
    steps = result.history.steps
    assert list(steps) == ["step", "learning_rate", "loss", "mae", "gradient_norm"]
    np.testing.assert_allclose(steps["loss"], losses, rtol=2e-5)
    np.testing.assert_allclose(steps["gradient_norm"], norms, rtol=2e-5)
    np.testing.assert_array_equal(steps["step"], np.arange(18))
    np.testing.assert_allclose(steps["learning_rate"], schedule(np.arange(18)), rtol=1e-6, atol=0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5), result.params, params)


def test_weight_decay_with_a_mask_shrinks_only_what_the_mask_says():
    def flat(params, batch):
        return 0.0 * jnp.sum(params["w"]) * jnp.sum(batch)

    result = fit(
        0.1,
        lambda key: {"w": jnp.ones(2), "b": jnp.ones(2)},
        flat,
        X,
        epochs=1,
        batch_size=10,
        optimizer=functools.partial(
            optax.adamw, weight_decay=0.5, mask=lambda params: {"w": True, "b": False}
        ),
        progress=False,
    )
    np.testing.assert_allclose(result.params["w"], 0.95**5, rtol=1e-6)
    np.testing.assert_array_equal(result.params["b"], 1.0)


def test_other_hyperparameters_may_be_schedules_and_are_recorded():
    decay = jaxlr.linear_schedule(0.5, 0.0, transition_steps=18)
    optimizer = functools.partial(
        optax.adamw, weight_decay=decay, b1=lambda count: 0.9 / (1 + count)
    )
    steps = train(0.1, optimizer=optimizer).history.steps
    assert list(steps)[:3] == ["step", "learning_rate", "loss"]
    np.testing.assert_allclose(steps["weight_decay"], decay(np.arange(18)), rtol=1e-6)
    np.testing.assert_allclose(steps["b1"], 0.9 / (1 + np.arange(18)), rtol=1e-6)
    np.testing.assert_allclose(steps["learning_rate"], 0.1, rtol=1e-6)


def test_nothing_is_compiled_again_for_other_numbers():
    validation = (X[:21], Y[:21])

    def run(peak, seed):
        schedule = jaxlr.warmup_cosine_decay_schedule(0.0, peak, 5, 18)
        optimizer = functools.partial(
            optax.adamw, b2=0.95, weight_decay=jaxlr.constant_schedule(peak)
        )
        return train(
            schedule,
            validation,
            metric=metric,
            seed=seed,
            optimizer=optimizer,
            early_stopping=jaxlr.early_stopping("validation_loss"),
        )

    first = run(0.1, 0)
    before = dict(TRACES)
    second = run(0.2, 1)
    assert before == TRACES
    assert first.history.epochs["loss"][-1] != second.history.epochs["loss"][-1]
    run(0.2, 1)
    before = dict(TRACES)
    for schedule in (jaxlr.linear_schedule(0.1, 0.0, 18), lambda count: 0.1 / (1 + count)):
        after = train(schedule, optimizer=optax.sgd) and dict(TRACES)
        assert (after["loss"] > before["loss"]) == isinstance(schedule, jaxlr.Schedule)
        before = after  # Another optimizer is another program, another schedule is not.


def test_python_numbers_as_parameters_compile_one_program():
    traces = []

    def count(params, batch):
        traces.append(1)
        return jnp.mean((params["a"] * batch - 1.0) ** 2)

    settings = {"epochs": 1, "batch_size": 8, "progress": False}
    fit(0.1, lambda key: {"a": 1.0}, count, X[:, 0], **settings)
    once = len(traces)
    traces.clear()
    result = fit(0.1, lambda key: {"a": 2.0}, count, X[:, 0], **{**settings, "epochs": 3})
    assert len(traces) == 0
    assert once >= 1
    assert result.history.num_epochs == 3


@pytest.mark.parametrize(
    "schedule",
    [0.1, np.float32(0.1), jnp.asarray(0.1), lambda count: 0.1, optax.constant_schedule(0.1)],
)
def test_numbers_and_functions_are_schedules(schedule):
    expected = train(jaxlr.constant_schedule(0.1))
    result = train(schedule)
    np.testing.assert_allclose(result.history.steps["learning_rate"], 0.1, rtol=1e-6)
    np.testing.assert_allclose(
        result.history.steps["loss"], expected.history.steps["loss"], rtol=1e-6
    )


def test_a_stateful_schedule_sees_the_loss():
    @jax.tree_util.register_static
    class Loss:
        def init(self):
            return jnp.ones(())

        def update(self, state, *, value, **extra_args):
            return 0.01 * value

        def __call__(self, state, **extra_args):
            return state

    steps = train(Loss(), optimizer=optax.sgd).history.steps
    np.testing.assert_allclose(steps["learning_rate"][1:], 0.01 * steps["loss"][:-1], rtol=1e-6)


def test_bfloat16_parameters_are_safe():
    def half(key):
        return {"w": jnp.ones(4, jnp.bfloat16)}

    def slope(params, batch):
        return jnp.sum(params["w"]) * jnp.mean(batch)

    ones = np.ones((200, 1), jnp.bfloat16)
    schedule = jaxlr.linear_schedule(0.1, 0.0, 1000)
    result = fit(schedule, half, slope, ones, epochs=1, batch_size=1, progress=False)
    assert result.params["w"].dtype == jnp.bfloat16
    assert np.isfinite(np.asarray(result.params["w"], np.float32)).all()
    steps = result.history.steps
    assert all(steps[name].itemsize >= 4 for name in ("learning_rate", "loss", "gradient_norm"))
    assert len(np.unique(steps["learning_rate"])) == 200
    # Rounded to bfloat16, b2 would be 1 and the moment 0.001 * 200.
    nu = result.state.opt_state.inner_state[0].nu["w"]
    np.testing.assert_allclose(nu, 1 - 0.999**200, rtol=1e-5)


def test_metrics_average_over_every_example():
    validation = (X[:21], Y[:21])
    result = train(0.1, validation, metric=metric, validation_batch_size=8)
    params, epochs = result.params, result.history.epochs
    error = X[:21] @ np.asarray(params["w"]) + np.asarray(params["b"]) - Y[:21]
    np.testing.assert_allclose(epochs["validation_loss"][-1], np.mean(error**2), rtol=1e-5)
    np.testing.assert_allclose(
        epochs["validation_close"][-1], np.mean(np.abs(error) < 1), rtol=1e-6
    )
    # Without a metric it is the loss, weighted by the sizes of the batches.
    plain = train(0.1, validation, validation_batch_size=8).history.epochs
    np.testing.assert_allclose(plain["validation_loss"], epochs["validation_loss"], rtol=1e-5)
    np.testing.assert_allclose(plain["validation_mae"][-1], np.mean(np.abs(error)), rtol=1e-5)


@pytest.mark.parametrize("batch_size", [8, 100, slow(1), slow(7), slow(21)])
def test_the_validation_batch_size_does_not_matter(batch_size):
    params = {"w": jnp.arange(3.0), "b": jnp.ones(())}
    values = evaluate(metric, batch_size, params, (X[:21], Y[:21]))
    expected = metric(params, (X[:21], Y[:21]))
    for name, value in values.items():
        np.testing.assert_allclose(value, np.mean(np.asarray(expected[name])), rtol=1e-6)


def test_an_epoch_uses_each_example_at_most_once_and_epochs_differ():
    data = np.arange(50)

    def record(params, batch):
        powers = 2.0 ** jnp.asarray(batch % 10)
        return 0.0 * params["a"] + jnp.sum(batch), {"low": jnp.sum(powers)}

    result = fit(
        0.1, lambda key: {"a": jnp.zeros(())}, record, data, epochs=2, batch_size=1, progress=False
    )
    first, second = np.split(result.history.steps["loss"], 2)
    np.testing.assert_array_equal(np.sort(first), np.arange(50))
    np.testing.assert_array_equal(np.sort(second), np.arange(50))
    assert (first != second).any()


def test_the_epoch_means_and_the_order_of_columns():
    result = train(0.1, TRAIN, metric=metric)
    history = result.history
    assert list(history.epochs) == [
        "epoch",
        "loss",
        "mae",
        "validation_close",
        "validation_loss",
        "seconds",
    ]
    np.testing.assert_array_equal(history.epochs["epoch"], [1, 2, 3])
    means = history.steps["loss"].reshape(3, 6).astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(history.epochs["loss"], means, rtol=1e-12)
    assert (history.epochs["seconds"] > 0).all()
    assert history.num_epochs == 3


def test_an_epoch_is_a_pure_function_that_can_be_mapped():
    peaks = jnp.array([0.01, 0.1, 0.3])
    optimizer, _ = split_optimizer(optax.adam, {"learning_rate": 0.1})
    init_key, order_key = jax.random.split(jax.random.key(0))

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(0, None))
    def run(peak, data):
        rates = jaxlr.linear_schedule(peak, 0.0, 12)(jnp.arange(12)).reshape(2, 6)
        state = start(init, optimizer, {"learning_rate": rates[0, 0]}, init_key)
        for number in range(2):
            batches = draw_batches(order_key, number, N, 8)
            values = {"learning_rate": rates[number]}
            state, record = train_epoch(loss, optimizer, state, values, data, batches)
        return state.params, record["loss"]

    params, losses = run(peaks, jax.tree.map(jnp.asarray, TRAIN))
    for i, peak in enumerate(peaks):
        alone = train(jaxlr.linear_schedule(float(peak), 0.0, 12), epochs=2)
        np.testing.assert_allclose(losses[i], alone.history.steps["loss"][6:], rtol=1e-4)
        np.testing.assert_allclose(params["w"][i], alone.params["w"], rtol=1e-4)


def test_a_run_repeats_bit_for_bit_and_another_seed_is_another_run():
    first, second, other = train(0.1), train(0.1), train(0.1, seed=1)
    same(first.state, second.state)
    same(first.history.steps, second.history.steps)
    assert (first.history.steps["loss"] != other.history.steps["loss"]).any()


def test_another_default_generator_is_the_same_run():
    with jax.default_prng_impl("unsafe_rbg"):
        other = train(0.1)
    same(other.history.steps, train(0.1).history.steps)


def test_the_users_arrays_survive():
    mine = {"w": jnp.ones(3), "b": jnp.zeros(())}
    data = jax.tree.map(jnp.asarray, TRAIN)
    for _ in range(2):
        result = fit(0.1, lambda key: mine, loss, data, epochs=2, batch_size=8, progress=False)
    np.testing.assert_array_equal(mine["w"], 1.0)
    np.testing.assert_array_equal(data[0], X)
    assert np.isfinite(result.params["w"]).all()


# Accumulation.


def test_accumulated_batches_are_one_batch_of_their_size():
    """The schedule counts updates, and everything else is as it is for the larger batch."""
    lr = jaxlr.linear_schedule(0.1, 0.0, 18)
    whole, accumulated = train(lr, batch_size=8), train(lr, batch_size=2, accumulate=4)
    for name, column in whole.history.steps.items():
        np.testing.assert_allclose(accumulated.history.steps[name], column, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(
        accumulated.history.steps["learning_rate"], whole.history.steps["learning_rate"]
    )
    np.testing.assert_allclose(accumulated.params["w"], whole.params["w"], rtol=1e-5)
    assert int(accumulated.state.opt_state.count) == 18


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda learning_rate: optax.MultiSteps(optax.adam(learning_rate), 4),
        lambda learning_rate: optax.chain(
            optax.clip(1.0), optax.MultiSteps(optax.sgd(learning_rate), 4).gradient_transformation()
        ),
    ],
)
def test_multi_steps_are_refused(optimizer):
    with pytest.raises(ValueError, match=r"`optimizer` must not .*Give `accumulate`"):
        train(0.1, optimizer=optimizer)


# Losses that take a random key.


def test_a_loss_may_take_a_random_key_for_each_batch():
    def noisy(params, batch, key):
        noise = jax.random.uniform(key)
        return 0.0 * jnp.sum(params["w"]) + noise, {"noise": noise}

    def run(**kwargs):
        settings = {"epochs": 2, "batch_size": 10, "progress": False} | kwargs
        return fit(0.1, init, noisy, X, **settings).history.steps["noise"]

    noise = run()
    assert len(np.unique(noise)) == 10
    np.testing.assert_array_equal(run(), noise)
    assert not np.isin(run(seed=1), noise).any()
    halves = run(batch_size=5, accumulate=2)  # Means of two draws each.
    assert len(np.unique(halves)) == 10
    assert not np.isin(halves, noise).any()
    with pytest.raises(ValueError, match="`metric` must be given beside a `loss` that takes"):
        fit(0.1, init, noisy, X, X, epochs=1, batch_size=5, progress=False)


class Dropping(nnx.Module):
    def __init__(self, rngs):
        self.linear = nnx.Linear(3, 4, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.out = nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x, **kwargs):
        return self.out(self.dropout(self.linear(x), **kwargs))[:, 0]


@pytest.mark.slow
def test_dropout_in_a_loss():
    graphdef, _, rest = nnx.split(Dropping(nnx.Rngs(0)), nnx.Param, ...)

    def parameters(key):
        return nnx.split(Dropping(nnx.Rngs(key)), nnx.Param, ...)[1]

    def model(params):
        return nnx.merge(graphdef, params, rest)

    def dropping(params, batch, key):
        x, y = batch
        return jnp.mean((model(params)(x, rngs=nnx.Rngs(dropout=key)) - y) ** 2)

    def exact(params, batch):
        x, y = batch
        return {"loss": (model(params)(x, deterministic=True) - y) ** 2}

    settings = {"epochs": 3, "batch_size": 10, "progress": False}
    result = fit(0.05, parameters, dropping, TRAIN, TRAIN, metric=exact, **settings)
    losses = result.history.epochs["validation_loss"]
    assert losses[-1] < losses[0]
    again = fit(0.05, parameters, dropping, TRAIN, TRAIN, metric=exact, **settings)
    np.testing.assert_array_equal(again.history.steps["loss"], result.history.steps["loss"])


def test_parameters_that_cannot_be_trained_are_named():
    def everything(key):
        return nnx.split(Dropping(nnx.Rngs(key)))[1]

    with pytest.raises(TypeError, match=r"got (uint32|key<fry>) at .*dropout.*nnx.Param, \.\.\."):
        fit(0.1, everything, loss, TRAIN, epochs=1, batch_size=10, progress=False)


# Divergence.


def test_a_diverged_run_ends_and_says_so():
    with pytest.warns(
        RuntimeWarning, match=r"became (nan|inf) at step \d+.*rate of 1e\+20.*epoch [12]"
    ):
        result = train(1e20, optimizer=optax.sgd, epochs=5)
    assert result.diverged
    assert result.history.num_epochs < 3
    assert "diverged" in result.summary()
    assert not train(0.1).diverged


def test_a_diverged_run_keeps_the_best_parameters():
    schedule = jaxlr.join_schedules(
        [jaxlr.constant_schedule(0.05), jaxlr.constant_schedule(1e20)], boundaries=[12]
    )
    with pytest.warns(RuntimeWarning, match=r"at step \d+, .* after epoch [34]"):
        result = train(
            schedule,
            TRAIN,
            optimizer=optax.sgd,
            epochs=5,
            early_stopping=jaxlr.early_stopping("validation_loss"),
        )
    same(result.params, train(0.05, optimizer=optax.sgd, epochs=2).params)
    assert (result.best_epoch, result.stopped_epoch, result.diverged) == (2, None, True)
    assert not (np.abs(result.state.params["w"]) < 1e6).any()


# Early stopping.


def test_fit_stops_early_and_returns_the_best_parameters():
    # From the third epoch on it climbs.
    schedule = jaxlr.join_schedules(
        [jaxlr.constant_schedule(0.05), jaxlr.constant_schedule(-0.05)], boundaries=[12]
    )
    rule = jaxlr.early_stopping("validation_loss", patience=2)
    result = train(schedule, TRAIN, epochs=20, optimizer=optax.sgd, early_stopping=rule)
    assert result.best_epoch == 2
    assert result.stopped_epoch == 4 == result.history.num_epochs
    same(result.params, train(schedule, epochs=2, optimizer=optax.sgd).params)
    same(result.state, train(schedule, epochs=4, optimizer=optax.sgd).state)
    assert int(result.state.opt_state.count) == 24


def test_a_monitor_that_is_not_there_is_refused_before_training():
    lr = jaxlr.reduce_on_plateau(0.1, monitor="accuracy")
    with pytest.raises(ValueError, match=r"`learning_rate`: `monitor` must be one of loss, mae,"):
        train(lr, TRAIN)
    with pytest.raises(ValueError, match=r"one of loss, mae, validation_loss, .*got 'accuracy'"):
        train(0.1, TRAIN, early_stopping=jaxlr.early_stopping("accuracy", mode="max"))


def test_a_plateau_of_the_validation_loss_lowers_the_rate_of_the_next_epoch():
    """From the third epoch on the loss climbs, and each epoch is one more without improvement."""
    lr = jaxlr.reduce_on_plateau(
        jaxlr.piecewise_constant_values_schedule([12], [0.05, -0.05]),
        factor=0.5,
        patience=1,
        monitor="validation_loss",
    )
    steps = train(lr, TRAIN, epochs=5, optimizer=optax.sgd).history.steps
    expected = np.repeat([0.05, 0.05, -0.05, -0.025, -0.0125], 6)
    np.testing.assert_allclose(steps["learning_rate"], expected, rtol=1e-6)


def test_the_loss_of_each_step_drives_a_schedule_that_hears_value():
    lr = jaxlr.reduce_on_plateau(0.1, factor=0.9, patience=1)
    steps = train(lr, TRAIN, epochs=3, optimizer=optax.sgd).history.steps
    state, expected = lr.init(), []
    for loss in steps["loss"]:
        expected.append(lr(state, value=loss))
        state = lr.update(state, value=loss)
    np.testing.assert_array_equal(steps["learning_rate"], expected)
    assert np.unique(expected).size > 2


def test_a_batch_of_adaptive_schedules_is_refused():
    batch = jaxlr.reduce_on_plateau(0.1, patience=jnp.array([1, 2]))
    with pytest.raises(ValueError, match=r"must be one schedule, got a batch of the shape \(2,\)"):
        train(batch)


# Errors.


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1, got 0"),
        ({"batch_size": 51}, ValueError, "`batch_size` must be from 1 to .*50, got 51"),
        ({"batch_size": 0}, ValueError, "`batch_size`"),
        ({"train": (X, Y[:-1])}, ValueError, r"`train` .*\(50, 3\), \(49,\)"),
        ({"train": ()}, ValueError, "`train`"),
        ({"train": (X, 1.0)}, ValueError, "`train`"),
        ({"train": X[:0]}, ValueError, "`train`"),
        ({"validation": (X[:4], Y)}, ValueError, "`validation` .*leading axis"),
        ({"validation_batch_size": 0}, ValueError, "`validation_batch_size`"),
        ({"epochs": 2.5}, ValueError, "`epochs` must be a whole number, got 2.5"),
        ({"epochs": "3"}, TypeError, "`epochs` must be a whole number, got '3'"),
        ({"epochs": math.nan}, ValueError, "`epochs` must be a whole number, got nan"),
        ({"epochs": True}, TypeError, "`epochs` must be a whole number, got True"),
        ({"batch_size": 2.5}, ValueError, "`batch_size` must be a whole number, got 2.5"),
        ({"validation_batch_size": math.inf}, ValueError, "`validation_batch_size` .* got inf"),
        ({"accumulate": 0}, ValueError, "`accumulate` must be at least 1, got 0"),
        ({"accumulate": 7}, ValueError, "`accumulate` batches of 8 must fit .* 50 .*, got 7"),
        ({"seed": 2**32}, ValueError, "`seed` must be from 0 to 4294967295, got 4294967296"),
        ({"seed": 10**400}, ValueError, "`seed` must be from 0 to 4294967295, got 1000"),
        ({"seed": -1}, ValueError, "`seed` must be from 0 to 4294967295, got -1"),
        ({"seed": 1.5}, ValueError, "`seed` must be a whole number, got 1.5"),
        ({"seed": "1"}, TypeError, "`seed` must be a whole number, got '1'"),
        ({"early_stopping": 5}, TypeError, r"`early_stopping` must be .*\(patience=5\)"),
        ({"init": 5}, TypeError, "`init` must be a function, got 5"),
        ({"loss": "mse"}, TypeError, "`loss` must be a function, got 'mse'"),
        ({"metric": 5}, TypeError, "`metric` must be a function, got 5"),
        ({"on_epoch": 5}, TypeError, "`on_epoch` must be a function, got 5"),
        ({"schedule": "0.1"}, TypeError, "`schedule` must be .*jaxlr.parse"),
        (
            {"schedule": jaxlr.constant_schedule(jnp.array([0.1, 0.2]))},
            ValueError,
            r"batch of the shape \(2,\)",
        ),
        ({"optimizer": optax.adam(0.1)}, TypeError, "`optimizer` must be .*not optax.adam"),
        ({"optimizer": functools.partial(optax.adam, 0.1)}, TypeError, "`optimizer` must be"),
        (
            {"optimizer": functools.partial(optax.adam, learning_rate=0.1)},
            TypeError,
            "`optimizer` must be",
        ),
        ({"validation": TRAIN, "metric": lambda p, b: {"m": 1.0}}, ValueError, "`m` has the shape"),
        ({"loss": lambda p, b: (0.0, {"m": b[1]})}, ValueError, "`m` has the shape"),
        (
            {"loss": lambda p, b: (0.0 * p["b"], {"step": 0.0})},
            ValueError,
            "must not return `step`",
        ),
    ],
)
def test_errors_name_the_argument(change, error, message):
    settings = {
        "schedule": 0.1,
        "init": init,
        "loss": loss,
        "train": TRAIN,
        "epochs": 1,
        "batch_size": 8,
    }
    with pytest.raises(error, match=message):
        fit(**(settings | change), progress=False)


# What is shown and written.


def test_progress_is_a_line_per_epoch_where_there_is_no_terminal(capsys):
    train(0.1, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3"]
    train(0.1)
    assert capsys.readouterr() == ("", "")


def test_progress_is_a_bar_on_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "48")  # Narrower than the row; the bar stays.
    train(0.1, progress=True)
    assert "3 epochs" in sys.stderr.getvalue()
    assert "epoch 3" in sys.stderr.getvalue()


def test_numbers_may_be_of_any_kind_that_is_whole():
    expected = train(0.1, epochs=2, batch_size=10, seed=2**32 - 1)
    given = train(0.1, epochs=2.0, batch_size=np.int64(10), seed=np.uint32(2**32 - 1))
    same(given.params, expected.params)


def test_what_is_shown_of_a_result_is_short():
    result = train(0.1, TRAIN)
    for value in (result, result.history):
        assert len(repr(value)) < 400 and "\n" not in repr(value)
    assert repr(result).startswith("FitResult(epoch 3, loss ")
    assert repr(result).endswith("; 4 parameters)")


def test_on_epoch_gets_each_row():
    rows = []
    result = train(0.1, on_epoch=rows.append)
    assert rows == [result.history.row(i) for i in range(3)]


def test_history_as_csv_and_table(tmp_path):
    history = train(0.1, TRAIN).history
    history.to_csv(tmp_path / "steps.csv")
    history.to_csv(tmp_path / "epochs.csv", rows="epochs")
    for name, columns in (("steps", history.steps), ("epochs", history.epochs)):
        with open(tmp_path / f"{name}.csv", newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert list(rows[0]) == list(columns)
        for column, values in columns.items():
            read = np.array([float(row[column]) for row in rows]).astype(values.dtype)
            np.testing.assert_array_equal(read, values)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epochs.csv", "steps.csv"]
    with pytest.raises(ValueError, match="`rows` must be"):
        history.to_csv(tmp_path / "other.csv", rows="batches")
    table = history.table()
    assert table.row_count == 3
    assert [str(column.header) for column in table.columns] == list(history.epochs)
    narrow = Console(width=40, file=io.StringIO())
    narrow.print(history.table(width=40))
    lines = narrow.file.getvalue().splitlines()
    assert f"{history.epochs['validation_loss'][-1]:.4g}" in lines[-1]
    assert len(lines[-1]) <= 40


def test_a_failed_csv_leaves_the_old_file(tmp_path):
    path = tmp_path / "steps.csv"
    history = train(0.1).history
    history.to_csv(path)
    before = path.read_text()
    broken = type(history)({"step": np.arange(3), "loss": np.arange(2)}, {})
    with pytest.raises(ValueError, match="zip"):
        broken.to_csv(path)
    assert path.read_text() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_summary_is_one_line():
    rule = jaxlr.early_stopping("loss", patience=1, min_delta=100.0)
    summary = train(0.1, early_stopping=rule, epochs=5).summary()
    assert "\n" not in summary
    assert summary.startswith("epoch 2, loss ")
    assert summary.endswith("; best epoch 1; stopped early")


@pytest.mark.parametrize(
    "optimizer",
    [
        functools.partial(optax.noisy_sgd, eta=0.01, key=0),
        slow(lambda learning_rate: optax.contrib.schedule_free_adamw(learning_rate)),
        slow(lambda learning_rate: optax.apply_if_finite(optax.adam(learning_rate), 2)),
    ],
    ids=["random-key", "copy-of-parameters", "counters"],
)
@pytest.mark.slow
def test_states_of_other_kinds(optimizer):
    result = train(0.05, optimizer=optimizer)
    assert result.history.epochs["loss"][-1] < result.history.epochs["loss"][0]
