"""Metric-driven schedules, trace for trace beside the peers that run live.

A batch of rules with numbers of their own is one compiled program here; a peer is stepped one by
one. PyTorch and Transformers compute in double precision, and so do we where we are beside them.
Keras compares in float32, so its metrics and thresholds are multiples of 1/64, exact in either.
"""

import importlib
import itertools
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from peers.comparison import bare_package, peer, worst

import jaxlr
from jaxlr.peers import ignite as ignite_names
from jaxlr.peers import keras as keras_names
from jaxlr.peers import mmengine as mmengine_names
from jaxlr.peers import paddle as paddle_names
from jaxlr.peers import timm as timm_names
from jaxlr.peers import torch as torch_names
from jaxlr.peers import transformers as transformers_names

os.environ.setdefault("KERAS_BACKEND", "jax")

RUNS, STEPS = 120, 60

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
    rng = np.random.default_rng(0)
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
    rng = np.random.default_rng(0)
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
    rng = np.random.default_rng(0)
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
    rng = np.random.default_rng(0)
    runs = slice(RUNS // 5)  # A step of Keras is some calls of tensor operations.
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


def of_all(rule, values):
    """What a rule has seen after each of some values."""

    def step(watch, value):
        watch = rule.update(watch, value)
        return watch, watch

    return jax.lax.scan(step, rule.init(), values)[1]


@pytest.mark.parametrize("mode", MODES)
def test_keras_early_stopping(mode):
    keras = peer("keras")
    rng = np.random.default_rng(0)
    values = metrics(rng, grid=64)[: RUNS // 2]
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    stopped = 0
    for i, row in enumerate(values):
        choices = {
            "mode": mode,
            "patience": i % 5,
            "min_delta": i % 3 / 64,
            "baseline": None if i % 2 else float(row[3]),
            "start_from_epoch": i % 4,
        }
        callback = keras.callbacks.EarlyStopping(
            monitor="value", restore_best_weights=True, **choices
        )
        callback.set_model(model)
        callback.on_train_begin()
        model.stop_training = False
        rule = keras_names.EarlyStopping("value", **choices)
        watches = jax.jit(of_all)(rule, row)
        for j, value in enumerate(row):
            callback.on_epoch_end(j, {"value": value})
            watch = jax.tree.map(lambda x, j=j: x[j], watches)
            assert bool(watch.stopped) == model.stop_training, (choices, row, j)
            if choices["baseline"] is None and j >= choices["start_from_epoch"]:
                assert int(watch.seen - watch.stale) == callback.best_epoch + 1
            if model.stop_training:
                stopped += 1
                break
    assert stopped > 20
    assert keras_names.EarlyStopping() == jaxlr.early_stopping(patience=1)


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "smooth"),
    [*itertools.product(MODES, ("rel", "abs"), (False, True))],
)
def test_greedy(mode, threshold_mode, smooth):
    peer("torch")
    optimization = peer("transformers.optimization")
    if not hasattr(optimization, "GreedyLR"):
        pytest.skip("this version of transformers has no GreedyLR")
    rng = np.random.default_rng(0)
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


@pytest.mark.parametrize(("mode", "threshold_mode"), [*itertools.product(MODES, ("rel", "abs"))])
def test_paddle(mode, threshold_mode):
    paddle = peer("paddle")
    rng = np.random.default_rng(0)
    choices = {"mode": mode, "threshold_mode": threshold_mode}
    numbers, values = drawn_numbers(rng), metrics(rng)
    numbers["epsilon"] = numbers.pop("eps")
    theirs = np.zeros_like(values)
    for i, row in enumerate(values):
        given = pick(numbers, i)
        rule = paddle.optimizer.lr.ReduceOnPlateau(given.pop("lr"), **choices, **given)
        for j, value in enumerate(row):
            rule.step(float(value))
            theirs[i, j] = rule()
    with jax.enable_x64(True):
        ours = traces(
            lambda lr, **numbers: paddle_names.ReduceOnPlateau(lr, **choices, **numbers),
            numbers,
            values,
        )
    assert_same("paddle ReduceOnPlateau", ours, theirs, rtol=1e-12)
    plain = torch_names.ReduceLROnPlateau(0.1)
    assert paddle_names.ReduceOnPlateau(0.1) == plain.replace(improves_in_cooldown=False)


@pytest.mark.parametrize(
    ("rule", "threshold_rule"), [*itertools.product(("less", "greater"), ("rel", "abs"))]
)
def test_mmengine(rule, threshold_rule):
    torch, scheduler = peer("torch"), peer("mmengine.optim.scheduler")
    rng = np.random.default_rng(0)
    choices = {"rule": rule, "threshold_rule": threshold_rule, "monitor": "value"}
    mode = {"less": "min", "greater": "max"}[rule]
    numbers, values = drawn_numbers(rng), spoilt(rng, metrics(rng), mode)
    numbers["min_value"] = numbers.pop("min_lr")
    theirs = np.zeros_like(values)
    for i, row in enumerate(values):
        given = pick(numbers, i)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=given.pop("lr"))
        each = scheduler.ReduceOnPlateauLR(optimizer, **choices, **given)
        for j, value in enumerate(row):
            each.step({"value": value})
            theirs[i, j] = optimizer.param_groups[0]["lr"]
    with jax.enable_x64(True):
        ours = traces(
            lambda lr, **numbers: mmengine_names.ReduceOnPlateauLR(lr, **choices, **numbers),
            numbers,
            values,
        )
    assert_same("mmengine ReduceOnPlateauLR", ours, theirs, rtol=1e-12)
    momentum = mmengine_names.ReduceOnPlateauMomentum(0.9, **choices, begin=3)
    assert momentum == mmengine_names.ReduceOnPlateauLR(0.9, **choices, begin=3)


@pytest.mark.parametrize("warmup", [0, 4])
@pytest.mark.parametrize("mode", MODES)
def test_timm(mode, warmup):
    torch = peer("torch")
    bare_package("timm")
    scheduler = importlib.import_module("timm.scheduler")
    rng = np.random.default_rng(0)
    values = metrics(rng, grid=64)[:50]
    choices = {"decay_rate": 0.5, "cooldown_t": 1, "mode": mode, "warmup_t": warmup}
    choices |= {"patience_t": 2, "warmup_lr_init": 0.01}
    theirs = np.zeros_like(values)
    for i, row in enumerate(values):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        rule = scheduler.PlateauLRScheduler(optimizer, **choices)
        for j, value in enumerate(row):
            rule.step(j + 1, value)
            theirs[i, j] = optimizer.param_groups[0]["lr"]
    lr = timm_names.PlateauLRScheduler(0.1, **choices)

    def trace(values):
        def epoch(state, value):
            state = lr.observe(lr.update(state), value)
            return state, lr(state)

        return jax.lax.scan(epoch, lr.init(), values)[1]

    with jax.enable_x64(True):
        ours = jax.jit(jax.vmap(trace))(values)
    assert_same("timm PlateauLRScheduler", ours, theirs, rtol=1e-12)
    assert (np.diff(theirs) < 0).sum() > len(values)


def test_timm_with_noise():
    arguments = {"noise_range_t": (10, 20), "noise_pct": 0.1, "noise_type": "uniform"}
    lr = timm_names.PlateauLRScheduler(1.0, warmup_t=12, **arguments)
    state = lr.init()
    values = []
    for _ in range(30):
        values.append(float(lr(state)))
        state = lr.update(state)
    noisy = np.flatnonzero(np.abs(np.diff(values[12:], prepend=1.0)) > 1e-6) + 12
    assert noisy[0] == 13 and noisy[-1] <= 20
    assert np.abs(np.asarray(values[13:]) - 1.0).max() < 0.1


def test_ignite():
    torch, handlers, engine = peer("torch"), peer("ignite.handlers"), peer("ignite.engine")
    rng = np.random.default_rng(0)
    values = metrics(rng)[:20]
    choices = {"factor": 0.5, "patience": 1, "cooldown": 1}
    theirs = np.zeros_like(values)
    for i, row in enumerate(values):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        rule = handlers.ReduceLROnPlateauScheduler(optimizer, "loss", **choices)
        runner = engine.Engine(lambda engine, batch: None)
        for j, value in enumerate(row):
            runner.state.metrics["loss"] = value
            rule(runner)
            theirs[i, j] = optimizer.param_groups[0]["lr"]
    rule = ignite_names.ReduceLROnPlateauScheduler(0.1, "loss", **choices)
    with jax.enable_x64(True):
        ours = traces(lambda: rule.replace(monitor="value"), {}, values)
    assert_same("ignite ReduceLROnPlateauScheduler", ours, theirs, rtol=1e-12)
