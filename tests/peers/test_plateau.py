"""Metric-driven schedules, trace for trace beside the peers that run live.

A batch of rules with numbers of their own is one compiled program here; a peer is stepped one by
one. PyTorch and Transformers compute in double precision, and so do we where we are beside them.
Keras compares in float32, so its metrics and thresholds are multiples of 1/64, exact in either.
"""

import itertools
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from peers.comparison import peer, worst

import jaxlr
from jaxlr.peers import keras as keras_names
from jaxlr.peers import torch as torch_names
from jaxlr.peers import transformers as transformers_names

os.environ.setdefault("KERAS_BACKEND", "jax")

RUNS, STEPS = 1000, 60

pytestmark = pytest.mark.filterwarnings("ignore")

MODES = ("min", "max")


def metrics(rng, grid=None):
    """Noisy ways down and up, with plateaus, of either sign, and some that are NaN or infinite."""
    drift = rng.choice([-0.3, -0.05, 0.0, 0.05], (RUNS, 1))
    noise = rng.normal(drift, rng.choice([0.01, 0.3, 1.0], (RUNS, 1)), (RUNS, STEPS))
    still = rng.random((RUNS, STEPS)) < rng.choice([0.0, 0.4, 0.95], (RUNS, 1))
    values = rng.uniform(-5.0, 20.0, (RUNS, 1)) + np.cumsum(np.where(still, 0.0, noise), axis=1)
    if grid:
        values = np.round(values * grid) / grid
    return values


def spoilt(rng, values, mode):
    """NaN, and the infinity that is worse than all; the other one PyTorch takes for the best."""
    worst = np.inf if mode == "min" else -np.inf
    where = rng.random(values.shape)
    return np.where(where < 0.01, np.nan, np.where(where < 0.02, worst, values))


def traces(make, numbers, values):
    """The rates after each metric, of a batch of rules."""

    def trace(numbers, values):
        lr = make(**numbers)

        def step(state, value):
            state = lr.update(state, value=value)
            return state, lr(state)

        return jax.lax.scan(step, lr.init(), values)[1]

    return np.asarray(jax.jit(jax.vmap(trace))(numbers, values))


def assert_same(label, ours, theirs, rtol):
    relative = np.abs(ours - theirs) / np.maximum(theirs, 1e-30)  # Keras has float32 down to 0.
    worst[label] = max(worst.get(label, 0.0), float(relative.max()))
    run, step = np.unravel_index(relative.argmax(), relative.shape)
    assert relative.max() <= rtol, f"run {run}, step {step}: {ours[run]} here, {theirs[run]} there"


def pick(numbers, i):
    return {name: values[i].item() for name, values in numbers.items()}


def drawn_numbers(rng):
    return {
        "lr": 10.0 ** rng.uniform(-4, 0, RUNS),
        "factor": rng.uniform(0.1, 0.95, RUNS),
        "patience": rng.integers(0, 5, RUNS),
        "threshold": rng.choice([0.0, 1e-4, 0.02, 0.3], RUNS),
        "cooldown": rng.integers(0, 5, RUNS),
        "min_lr": rng.choice([0.0, 1e-5, 1e-3, 0.05], RUNS),
        "eps": rng.choice([0.0, 1e-8, 1e-3], RUNS),
    }


def torch_traces(scheduler, numbers, values, **choices):
    torch = peer("torch")
    rates = np.zeros_like(values)
    for i, row in enumerate(values):
        given = pick(numbers, i)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=given.pop("lr"))
        rule = scheduler(optimizer, **choices, **given)
        for j, value in enumerate(row):
            rule.step(value)
            rates[i, j] = optimizer.param_groups[0]["lr"]
    return rates


@pytest.mark.parametrize(("mode", "threshold_mode"), [*itertools.product(MODES, ("rel", "abs"))])
def test_torch(mode, threshold_mode):
    torch = peer("torch")
    rng = np.random.default_rng()
    choices = {"mode": mode, "threshold_mode": threshold_mode}
    numbers, values = drawn_numbers(rng), spoilt(rng, metrics(rng), mode)
    theirs = torch_traces(torch.optim.lr_scheduler.ReduceLROnPlateau, numbers, values, **choices)
    with jax.enable_x64(True):
        ours = traces(
            lambda **numbers: torch_names.ReduceLROnPlateau(**choices, **numbers), numbers, values
        )
    assert_same("torch ReduceLROnPlateau", ours, theirs, rtol=1e-12)
    assert (np.diff(theirs) < 0).sum() > RUNS, "many reductions"


def test_torch_in_float32():
    """The decisions are the same where float32 holds what they hang on."""
    torch = peer("torch")
    rng = np.random.default_rng()
    numbers = drawn_numbers(rng) | {
        "threshold": rng.integers(0, 20, RUNS) / 64,
        "eps": np.zeros(RUNS),
    }
    values, choices = metrics(rng, grid=64), {"mode": "min", "threshold_mode": "abs"}
    theirs = torch_traces(torch.optim.lr_scheduler.ReduceLROnPlateau, numbers, values, **choices)
    ours = traces(
        lambda **numbers: torch_names.ReduceLROnPlateau(**choices, **numbers), numbers, values
    )
    assert_same("torch ReduceLROnPlateau in float32", ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("steps_per_epoch", [1, 3])
def test_the_order_of_events_is_that_of_torch(steps_per_epoch):
    """Under a constant gradient the parameter shows the rate of every single update."""
    torch = peer("torch")
    rng = np.random.default_rng()
    losses = rng.integers(0, 5, 40).astype(np.float64)
    lr = torch_names.ReduceLROnPlateau(0.5, factor=0.75, patience=1, cooldown=1)
    w = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    sgd = torch.optim.SGD([w], lr=0.5)
    rule = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, factor=0.75, patience=1, cooldown=1)

    def with_metrics_between(lr):
        """As PyTorch has it, the loss of an epoch decides on the first step of the next one."""
        optimizer = optax.inject_hyperparams(optax.sgd)(lr.replace(monitor="validation_loss"))
        state, place = optimizer.init(jnp.zeros(())), 0.0
        update = jax.jit(optimizer.update)
        for loss in losses:
            for _ in range(steps_per_epoch):
                change, state = update(jnp.ones(()), state, value=-1.0)
                place += float(change)
                yield place
            state = jaxlr.observe(state, lr, loss)

    def with_metrics_in_updates(lr):
        """The loss of an epoch comes with the first update of the next one."""
        optimizer = optax.inject_hyperparams(optax.sgd)(lr)
        state, place, known = optimizer.init(jnp.zeros(())), 0.0, {}
        for loss in losses:
            for _ in range(steps_per_epoch):
                change, state = optimizer.update(jnp.ones(()), state, **known)
                place, known = place + float(change), {}
                yield place
            known = {"value": loss}

    theirs = []
    for loss in losses:
        for _ in range(steps_per_epoch):
            w.grad = torch.ones((), dtype=torch.float64)
            sgd.step()
            theirs.append(w.item())
        rule.step(loss)
    assert np.unique(np.diff(theirs).round(9)).size > 3
    np.testing.assert_allclose([*with_metrics_between(lr)], theirs, rtol=1e-5)
    np.testing.assert_allclose([*with_metrics_in_updates(lr)], theirs, rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_keras(mode):
    keras = peer("keras")
    rng = np.random.default_rng()
    runs = slice(RUNS // 4)  # A step of Keras is some calls of tensor operations.
    numbers = {
        "learning_rate": 10.0 ** rng.uniform(-4, 0, RUNS),
        "factor": rng.uniform(0.1, 0.95, RUNS),
        "min_lr": rng.choice([0.0, 1e-5, 1e-3, 0.05], RUNS),
    }
    numbers = {name: column[runs] for name, column in numbers.items()}
    values = metrics(rng, grid=64)
    values = np.concatenate([values[:, :1], spoilt(rng, values, mode)[:, 1:]], axis=1)[runs]
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    for patience, cooldown, delta in [(0, 0, 0.0), (1, 1, 1 / 64), (2, 3, 0.25), (4, 2, 0.0)]:
        choices = {"patience": patience, "cooldown": cooldown, "min_delta": delta, "mode": mode}
        theirs = np.zeros_like(values)
        for i, row in enumerate(values):
            given = pick(numbers, i)
            model.optimizer.learning_rate = given.pop("learning_rate")
            callback = keras.callbacks.ReduceLROnPlateau(monitor="value", **choices, **given)
            callback.set_model(model)
            callback.on_train_begin()
            for j, value in enumerate(row):
                callback.on_epoch_end(j, {"value": value})
                theirs[i, j] = float(model.optimizer.learning_rate)
        ours = traces(
            lambda choices=choices, **numbers: keras_names.ReduceLROnPlateau(
                monitor="value", **choices, **numbers
            ),
            numbers,
            values,
        )
        assert_same("keras ReduceLROnPlateau", ours, theirs, rtol=1e-5)
        assert (np.diff(theirs) < 0).sum() > len(values)


@pytest.mark.parametrize("mode", MODES)
def test_keras_early_stopping(mode):
    keras = peer("keras")
    rng = np.random.default_rng()
    values = metrics(rng, grid=64)[: RUNS // 4]
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    for i, row in enumerate(values):
        choices = {"mode": mode, "patience": i % 5 + 1, "min_delta": i % 3 / 64}
        callback = keras.callbacks.EarlyStopping(
            monitor="value", restore_best_weights=True, **choices
        )
        callback.set_model(model)
        callback.on_train_begin()
        model.stop_training = False
        rule = jaxlr.early_stopping("value", **choices)
        watch = rule.init()
        for j, value in enumerate(row):
            callback.on_epoch_end(j, {"value": value})
            watch = rule.update(watch, value)
            assert bool(rule.stops(watch)) == model.stop_training
            assert int(watch.seen - watch.stale) == callback.best_epoch + 1
            if model.stop_training:
                break


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "smooth"),
    [*itertools.product(MODES, ("rel", "abs"), (False, True))],
)
def test_greedy(mode, threshold_mode, smooth):
    peer("torch")
    optimization = peer("transformers.optimization")
    if not hasattr(optimization, "GreedyLR"):
        pytest.skip("this version of transformers has no GreedyLR")
    rng = np.random.default_rng()
    choices = {"mode": mode, "threshold_mode": threshold_mode, "smooth": smooth, "window_size": 7}
    numbers = drawn_numbers(rng) | {
        "warmup": rng.integers(0, 4, RUNS),
        "reset_start": rng.choice([1, 2, 3, 500], RUNS),
        "patience": rng.integers(0, 3, RUNS),
    }
    # A raise from the lowest rate and a reduction back to it is a tie that rounding decides, and
    # the reset hangs on it; powers of two leave nothing to round.
    exact, resets = 0.5 ** rng.integers(1, 4, RUNS), numbers["reset_start"] < 500
    numbers["factor"] = np.where(resets, exact, numbers["factor"])
    numbers["max_lr"] = numbers["min_lr"] + 10.0 ** rng.uniform(-3, 0, RUNS)
    # Their window keeps a running sum: it never forgets what is not finite, and is rounded.
    values = metrics(rng, grid=64) if smooth else spoilt(rng, metrics(rng), mode)
    theirs = torch_traces(optimization.GreedyLR, numbers, values, **choices)
    with jax.enable_x64(True):
        ours = traces(
            lambda **numbers: transformers_names.GreedyLR(**choices, **numbers), numbers, values
        )
    assert_same("transformers GreedyLR", ours, theirs, rtol=1e-12)
    assert (np.diff(theirs) > 0).any() and (np.diff(theirs) < 0).any()
