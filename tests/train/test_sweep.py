"""Tests of many runs at once: each is the run it would be alone, whatever the others do."""

import csv
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from marks import slow

import jaxlr
from jaxlr.train import fit, sweep
from jaxlr.train.layout import Layout

pytestmark = pytest.mark.xdist_group("sweep")  # They share programs.

N = 50
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5], np.float32) + 0.1 * RNG.normal(size=N)).astype(np.float32)
TRAIN = (X, Y)

TRACES = {"loss": 0}


def init(key):
    first, second = jax.random.split(key)
    return {
        "hidden": 0.5 * jax.random.normal(first, (3, 8)),
        "out": 0.5 * jax.random.normal(second, (8,)),
    }


def predict(params, x):
    return jnp.tanh(x @ params["hidden"]) @ params["out"]


def loss(params, batch):
    TRACES["loss"] += 1
    x, y = batch
    error = predict(params, x) - y
    return jnp.mean(error**2), {"mae": jnp.mean(jnp.abs(error))}


# One of each kind: a formula, a recipe, a composition, a function, a number.
MIXED = [
    jaxlr.cosine_decay_schedule(0.1, 18),
    jaxlr.warmup_stable_decay_schedule(0.0, 0.05, 4, 10, 4),
    jaxlr.with_warmup(jaxlr.exponential_decay(0.1, 6, 0.5), 3),
    lambda count: 0.1 / (1.0 + count),
    0.03,
]
PEAKS = jaxlr.grid(jaxlr.linear_schedule, init_value=[0.01, 0.03, 0.1], end_value=0.0,
                   transition_steps=18)  # fmt: skip


def train(schedules=PEAKS, **kwargs):
    settings = {"epochs": 3, "batch_size": 8, "progress": False} | kwargs
    return sweep(schedules, init, loss, TRAIN, TRAIN, **settings)


def alone(schedule, **kwargs):
    settings = {"epochs": 3, "batch_size": 8, "progress": False} | kwargs
    return fit(schedule, init, loss, TRAIN, TRAIN, **settings)


def assert_is(result, index, run, seed=0, rtol=0.0):
    """A run of a sweep is the same bit for bit, or nearly, as one of its own."""
    for name, column in run.history.epochs.items():
        if name not in ("epoch", "seconds"):
            got = result.runs[name][index, result.seeds.index(seed)]
            np.testing.assert_allclose(got[: len(column)], column, rtol=rtol, atol=0)
            assert np.isnan(got[len(column) :]).all()
    used, got = run.history.steps["learning_rate"], result.rates[index, result.seeds.index(seed)]
    np.testing.assert_allclose(got[: len(used)], used, rtol=rtol, atol=0)
    assert np.isnan(got[len(used) :]).all()
    compare = functools.partial(np.testing.assert_allclose, rtol=10 * rtol, atol=rtol)
    jax.tree.map(compare, result.params(index, seed), run.params)


@pytest.mark.parametrize("runs_per_batch", [1, 2, slow(5)])
def test_each_run_is_what_it_is_alone(runs_per_batch):
    result = train(MIXED, runs_per_batch=runs_per_batch)
    assert result.metrics["validation_loss"].shape == (5, 3)
    assert result.status.tolist() == [["trained"]] * 5
    for index, schedule in enumerate(MIXED):
        assert_is(result, index, alone(schedule), rtol=0.0 if runs_per_batch == 1 else 1e-5)


def test_it_is_one_program_whatever_the_schedules_are():
    train(MIXED)
    before = dict(TRACES)
    train(list(reversed(MIXED)))
    train([jaxlr.constant_schedule(x) for x in (0.1, 0.2, 0.3, 0.4, 0.5)])
    assert before == TRACES
    train(MIXED[:2])
    assert TRACES["loss"] > before["loss"]  # The counter does count.


@pytest.mark.parametrize("runs_per_batch", [1, slow(6)])
def test_seeds(runs_per_batch):
    result = train(PEAKS[:2], seeds=[0, 4, 2], runs_per_batch=runs_per_batch)
    rtol = 0.0 if runs_per_batch == 1 else 1e-5
    for index, schedule in enumerate(PEAKS[:2]):
        for seed in (0, 4, 2):
            assert_is(result, index, alone(schedule, seed=seed), seed, rtol)
    runs = result.runs["validation_loss"]
    np.testing.assert_allclose(result.metrics["validation_loss"], runs.mean(axis=1))
    np.testing.assert_allclose(result.spread["validation_loss"], runs.std(axis=1, ddof=1))
    best = result.best()
    np.testing.assert_allclose(best.score, runs[best.index, :, -1].mean())
    np.testing.assert_allclose(best.spread, runs[best.index, :, -1].std(ddof=1))


def test_other_hyperparameters_vary_beside_the_schedule():
    decays, b2 = [0.0, 0.1, 0.5], jaxlr.stack(jaxlr.constant_schedule(x) for x in (0.9, 0.99, 0.9))
    result = train(optimizer=functools.partial(optax.adamw, b1=0.8),
                   hyperparameters={"weight_decay": decays, "b2": b2, "eps": 1e-6})  # fmt: skip
    for index, (schedule, decay) in enumerate(zip(PEAKS, decays, strict=True)):
        optimizer = functools.partial(
            optax.adamw,
            b1=0.8,
            weight_decay=jnp.float32(decay),
            b2=b2[index],
            eps=jnp.float32(1e-6),
        )
        assert_is(result, index, alone(schedule, optimizer=optimizer))
    np.testing.assert_array_equal(result.table["weight_decay"], decays)
    assert list(result.table) == ["init_value", "weight_decay", "b2", "eps"]


class Listening:
    """A stateful schedule: a rate times the loss before."""

    def __init__(self, factor):
        self.factor = factor

    def init(self):
        return jnp.ones(())

    def update(self, state, *, value, **extra_args):
        return value

    def __call__(self, state, **extra_args):
        return self.factor * jnp.minimum(state, 1.0)


jax.tree_util.register_pytree_node(
    Listening, lambda x: ((x.factor,), None), lambda _, leaves: Listening(*leaves)
)


@pytest.mark.slow
def test_stateful_schedules_have_a_state_for_each_run():
    factors = [0.01, 0.1]
    result = train([Listening(factor) for factor in factors], seeds=2)
    for index, factor in enumerate(factors):
        for seed in (0, 1):
            assert_is(result, index, alone(Listening(np.float32(factor)), seed=seed), seed)


@pytest.mark.parametrize("monitor", ["validation_loss", slow("value")])
@pytest.mark.parametrize("runs_per_batch", [1, slow(4)])
def test_adaptive_schedules_listen_to_their_own_runs(monitor, runs_per_batch):
    """Half of them climb from the third epoch on, and are slowed down by different factors."""
    schedules = [
        jaxlr.reduce_on_plateau(
            jaxlr.piecewise_constant_values_schedule([12], [0.05, after]),
            factor, patience=1, monitor=monitor,
        )
        for after in (0.05, -0.05) for factor in (0.5, 0.9)
    ]  # fmt: skip
    settings = {"epochs": 5, "optimizer": optax.sgd}
    result = train(schedules, runs_per_batch=runs_per_batch, **settings)
    for index, schedule in enumerate(schedules):
        one = alone(schedule, **settings)
        assert_is(result, index, one, rtol=0.0 if runs_per_batch == 1 else 1e-4)
        rates = one.history.steps["learning_rate"].reshape(5, -1)[:, -1]
        np.testing.assert_allclose(result.runs["learning_rate"][index, 0], rates, rtol=1e-6)
    assert len(np.unique(result.runs["learning_rate"][:, 0, -1])) > 2
    assert "validation_loss" in str(result.table["schedule"][0]) or monitor == "value"


@jaxlr.adaptive_schedule(start=lambda **parameters: jnp.inf)
def halve_at_a_rise(memory, metric, scale, base, schedule: jaxlr.feedback.Base):
    return metric, jnp.where(metric > memory, scale / 2, scale)


# Plain ones, rules that hear the steps or two numbers of the epochs, arrays of two lengths within
# one family, a rule and a class of its own.
LISTENING = [
    jaxlr.cosine_decay_schedule(0.1, 18),
    jaxlr.reduce_on_plateau(
        jaxlr.piecewise_constant_schedule(0.1, {5: 0.5}), 0.5, patience=1, begin=3
    ),
    jaxlr.greedy(0.05, 0.001, 1.0, factor=0.7, patience=1, monitor="validation_mae"),
    halve_at_a_rise(jaxlr.linear_schedule(0.0, 0.1, transition_steps=3)),
    jaxlr.reduce_on_plateau(0.2, 0.5, patience=1, threshold=0.5, monitor="validation_loss"),
    0.03,
    jaxlr.reduce_on_plateau(jaxlr.piecewise_constant_schedule(0.1, {5: 0.5, 9: 2.0}), patience=2),
    Listening(np.float32(0.1)),
]


def assert_mixed(rtol, schedules=LISTENING, **kwargs):
    """A sweep over schedules of several kinds, each run of which is what it is alone."""
    settings = {"epochs": 4} | kwargs
    result = train(schedules, **settings)
    for name in ("keep", "runs_per_batch", "seeds"):
        settings.pop(name, None)
    for index, schedule in enumerate(schedules):
        for seed in result.seeds if "dropped" not in result.status[index] else ():
            assert_is(result, index, alone(schedule, seed=seed, **settings), seed, rtol)
    return result


@pytest.mark.parametrize("runs_per_batch", [1, slow(3)])
def test_schedules_of_several_kinds_are_one_sweep(runs_per_batch):
    rtol = 0.0 if runs_per_batch == 1 else 1e-4
    result = assert_mixed(rtol, runs_per_batch=runs_per_batch, seeds=[2, 0])
    changed = result.rates[:, 0].min(axis=1) < result.rates[:, 0].max(axis=1)
    assert result.best().schedule is LISTENING[result.best().index]
    assert changed.tolist() == [True] * 5 + [False] + [True] * 2  # All rules have acted.


@pytest.mark.slow
def test_several_kinds_are_one_program_whatever_their_numbers_are():
    train(LISTENING)
    before = dict(TRACES)
    changed = [
        LISTENING[1].replace(begin=5),
        LISTENING[2].replace(factor=0.8, patience=2, max_value=0.1),
        halve_at_a_rise(jaxlr.linear_schedule(0.1, 0.2, transition_steps=9)),
    ]
    train([0.1, *changed, *LISTENING[4:]])
    assert before == TRACES


@pytest.mark.slow
def test_kinds_that_have_no_plain_one_among_them():
    assert_mixed(0.0, [LISTENING[i] for i in (2, 4, 7, 2)])


@pytest.mark.parametrize("runs_per_batch", [1, slow(4)])
def test_several_kinds_with_halving_and_early_stopping(runs_per_batch):
    """What is left is dealt anew, and each run takes its own schedule and state along."""
    rule = jaxlr.early_stopping("validation_loss", patience=1, min_delta=0.02)
    result = assert_mixed(
        0.0 if runs_per_batch == 1 else 1e-4,
        epochs=6,
        keep={1: 6, 3: 4},
        early_stopping=rule,
        runs_per_batch=runs_per_batch,
    )
    left = [
        lr for lr, (end,) in zip(result.schedules, result.status, strict=True) if end != "dropped"
    ]
    assert len(left) == 4
    assert len({getattr(lr, "family", type(lr)) for lr in left}) > 2
    assert "stopped" in result.status
    steps = np.sum(~np.isnan(result.rates), axis=2)
    np.testing.assert_array_equal(steps, result.epochs * (N // 8))


@pytest.mark.slow
def test_several_kinds_of_another_hyperparameter():
    decays = [0.1, jaxlr.reduce_on_plateau(0.5, 0.5, patience=1), halve_at_a_rise(0.5)]
    result = train(optimizer=optax.adamw, hyperparameters={"weight_decay": decays})
    for index, (schedule, decay) in enumerate(zip(PEAKS, decays, strict=True)):
        decay = jnp.float32(decay) if index == 0 else decay
        # `fit` takes a stateful schedule for another hyperparameter, too.
        optimizer = functools.partial(optax.adamw, weight_decay=decay)
        assert_is(result, index, alone(schedule, optimizer=optimizer))


def test_the_monitor_of_each_kind_is_looked_for():
    other = jaxlr.reduce_on_plateau(0.1, monitor="accuracy")
    with pytest.raises(ValueError, match="`learning_rate`: `monitor` must be one of .*'accuracy'"):
        train([*LISTENING, other])


@pytest.mark.parametrize("runs_per_batch", [1, slow(3)])
def test_batches_are_accumulated_and_losses_have_keys(runs_per_batch):
    def noisy(params, batch, key):
        x, y = batch
        noise = 0.1 * jax.random.normal(key, y.shape)
        return jnp.mean((predict(params, x) - y - noise) ** 2)

    def metric(params, batch):
        x, y = batch
        return {"loss": (predict(params, x) - y) ** 2}

    settings = {"epochs": 2, "batch_size": 4, "accumulate": 3, "progress": False, "metric": metric}
    result = sweep(PEAKS, init, noisy, TRAIN, TRAIN, seeds=2, **settings,
                   runs_per_batch=runs_per_batch)  # fmt: skip
    assert result.rates.shape == (3, 2, 8)
    for seed in (0, 1):
        one = fit(PEAKS[1], init, noisy, TRAIN, TRAIN, seed=seed, **settings)
        assert_is(result, 1, one, seed, rtol=0.0 if runs_per_batch == 1 else 1e-4)


# Runs that end.


@pytest.mark.parametrize("runs_per_batch", [1, slow(3)])
def test_a_diverged_run_leaves_no_trace_in_the_others(runs_per_batch):
    others = [0.01, 0.03]
    with_it = train([0.01, 1e30, 0.03], optimizer=optax.sgd, epochs=5,
                    runs_per_batch=runs_per_batch)  # fmt: skip
    assert with_it.status[:, 0].tolist() == ["trained", "diverged", "trained"]
    assert with_it.epochs[1, 0] < 3
    assert np.isnan(with_it.runs["loss"][1, 0, 3:]).all()
    for index, rate in zip((0, 2), others, strict=True):
        rtol = 0.0 if runs_per_batch == 1 else 1e-5
        assert_is(with_it, index, alone(rate, optimizer=optax.sgd, epochs=5), rtol=rtol)
    assert with_it.order()[-1] == 1
    assert "1 diverged" in with_it.summary()


def test_all_diverged():
    result = train([1e30, 1e31, 1e32], optimizer=optax.sgd, epochs=50)
    assert (result.status == "diverged").all()
    assert len(result.seconds) < 4  # There is no epoch without a run.
    assert result.metrics["loss"].shape == (3, 50)
    with pytest.raises(ValueError, match="All schedules have a run that diverged"):
        result.best()
    assert result.summary().endswith("3 diverged")


def test_a_rule_of_ones_own_says_what_diverged():
    def diverges(row):
        assert set(row) == {"loss", "mae", "validation_loss", "validation_mae"}
        return row["loss"] > 5.0

    result = train([0.05, 1e-6, 0.05], diverges=diverges)
    assert result.status[:, 0].tolist() == ["trained", "diverged", "trained"]
    assert result.epochs[:, 0].tolist() == [3, 1, 3]


@pytest.mark.parametrize("runs_per_batch", [1, slow(3)])
def test_early_stopping_for_each_run(runs_per_batch):
    def climbing_from(step):
        pieces = [jaxlr.constant_schedule(0.02), jaxlr.constant_schedule(-0.02)]
        return jaxlr.join_schedules(pieces, boundaries=[step])

    schedules = [climbing_from(6), climbing_from(18), climbing_from(1000)]
    settings = {
        "epochs": 8,
        "optimizer": optax.sgd,
        "early_stopping": jaxlr.early_stopping("validation_loss", patience=2),
    }
    result = train(schedules, runs_per_batch=runs_per_batch, **settings)
    assert result.status[:, 0].tolist() == ["stopped", "stopped", "trained"]
    assert result.epochs[:, 0].tolist() == [3, 5, 8]
    assert result.best_epoch[:, 0].tolist() == [1, 3, 8]
    for index, schedule in enumerate(schedules):
        one = alone(schedule, **settings)
        assert_is(result, index, one, rtol=0.0 if runs_per_batch == 1 else 1e-5)
        assert result.best_epoch[index, 0] == one.best_epoch
    at = result.best_epoch[:, 0] - 1
    np.testing.assert_array_equal(
        result.scores()[:, 0], result.runs["validation_loss"][np.arange(3), 0, at]
    )


# Successive halving. The model is one number that descends to 0 at the speed of its rate, so that
# the best rate, the optimum, is known: 0.5, and what is nearer to it is better in every epoch.
# It is a float32 under x64, too, so that a rate of 1e30 leaves all numbers in the first epoch.


def place(key):
    return 1.0 + jax.random.uniform(key, dtype=jnp.float32)


def slide(params, batch):
    return 0.5 * jnp.mean(batch) * params**2


RATES = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1e30, 0.01]


def halved(keep, **kwargs):
    settings = {"epochs": 8, "batch_size": 10, "optimizer": optax.sgd, "progress": False} | kwargs
    data = np.full(20, 2.0, np.float32)
    return sweep(RATES, place, slide, data, keep=keep, **settings)


@pytest.mark.parametrize(
    ("runs_per_batch", "seeds"), [(1, 1), (8, 1), *(slow(3, s) for s in (1, 2)), slow(1, 2)]
)
def test_halving_finds_the_optimum(runs_per_batch, seeds):
    full, result = (
        halved(keep, runs_per_batch=runs_per_batch, seeds=seeds) for keep in (None, {1: 4, 3: 2})
    )
    assert full.best().index == result.best().index == 5
    assert result.order()[:4].tolist() == [5, 4, 3, 2]
    assert result.status[:, 0].tolist() == [
        *["dropped"] * 4, "trained", "trained", "diverged", "dropped",
    ]  # fmt: skip
    assert result.epochs[:, 0].tolist()[:6] == [1, 1, 3, 3, 8, 8]
    for name, column in full.runs.items():
        kept = ~np.isnan(result.runs[name])
        np.testing.assert_allclose(result.runs[name][kept], column[kept], rtol=1e-6)
    with pytest.raises(ValueError, match="schedule 0 was dropped"):
        result.params(0)
    np.testing.assert_allclose(result.params(5), full.params(5), rtol=1e-6)


def test_halving_does_less_work():
    """The runs that are left are fewer in memory, too, where they are side by side."""
    sizes = []
    original = Layout.size

    def size(self, runs):
        sizes.append(original(self, runs))
        return sizes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layout, "size", size)
        halved({1: 4, 3: 2}, runs_per_batch=8)
    assert sizes == [8, 4, 2]


def test_a_stopped_run_may_win_a_rung():
    rule = jaxlr.early_stopping("loss", patience=1, min_delta=100.0)
    result = halved({2: 3}, early_stopping=rule)  # All stop after two epochs, the first is best.
    assert result.status[:, 0].tolist() == [
        *["dropped"] * 3,
        *["stopped"] * 3,
        "diverged",
        "dropped",
    ]
    assert result.best().index == 5


# What is returned and written.


def test_ranks_and_tables(tmp_path):
    result = train(seeds=2)
    scores = result.runs["validation_loss"][:, :, -1].mean(axis=1)
    np.testing.assert_array_equal(result.order(), np.argsort(scores))
    np.testing.assert_array_equal(result.order(mode="max"), np.argsort(-scores))
    assert result.best("mae", "min").score == pytest.approx(result.metrics["mae"][:, -1].min())
    assert result.best().schedule == PEAKS[result.best().index]
    assert result.best().parameters == {
        "init_value": PEAKS.table["init_value"][result.best().index]
    }
    with pytest.raises(ValueError, match="`mode` must be 'min' or 'max' for 'mae'"):
        result.best("mae")
    with pytest.raises(ValueError, match="`metric` must be one of .*, got 'accuracy'"):
        result.best("accuracy")
    assert result.rich_table().row_count == 3
    for rows in ("runs", "epochs", "steps"):
        result.to_csv(tmp_path / f"{rows}.csv", rows=rows)
    with open(tmp_path / "runs.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["index"], row["seed"]) for row in rows] == [
        (str(k), str(s)) for k in range(3) for s in range(2)
    ]
    np.testing.assert_array_equal(
        [float(row["validation_loss"]) for row in rows], result.scores().ravel()
    )
    with open(tmp_path / "epochs.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    np.testing.assert_array_equal([float(row["loss"]) for row in rows], result.runs["loss"].ravel())
    with open(tmp_path / "steps.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    np.testing.assert_array_equal(
        [np.float32(row["learning_rate"]) for row in rows], result.rates.ravel()
    )
    assert [int(row["step"]) for row in rows] == [*range(18)] * 6
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(ValueError, match="`rows` must be"):
        result.to_csv(tmp_path / "other.csv", rows="batches")


@pytest.mark.slow
def test_the_picture_has_the_rates_that_were_used():
    pytest.importorskip("matplotlib")
    from jaxlr.plot import figure

    result = train([LISTENING[3], 1e30], optimizer=optax.sgd, epochs=3, seeds=2)
    axes = figure(2).axes
    left, right = result.plot("loss", axes=axes)
    drawn = {line.get_label(): line for line in left.get_lines()}
    (label,) = (label for label in drawn if "halve_at_a_rise" in label)
    np.testing.assert_array_equal(drawn[label].get_ydata(), result.rates[0].mean(axis=0))
    assert drawn[label].get_xdata().tolist() == list(range(18))
    (line,) = (line for line in right.get_lines() if line.get_label() == label)
    np.testing.assert_array_equal(line.get_ydata(), result.metrics["loss"][0])
    assert not np.any(right.get_xticks() % 1)


def test_what_is_shown_of_a_result_is_short():
    result = train(seeds=2)
    assert repr(result).startswith("SweepResult(3 schedules, 2 seeds; 6 runs in ")
    assert repr(result).endswith(f": {result.best().schedule})")
    assert len(repr(train([1e30, 1e31, 1e32], optimizer=optax.sgd))) < 200


def test_the_memory_of_a_run():
    state = 3 * (3 * 8 + 8) * 4 + 3 * 4  # Adam's two moments beside the parameters; rate, counts
    assert train().bytes_per_run == state
    rule = jaxlr.early_stopping("loss")
    assert train(early_stopping=rule).bytes_per_run == state + (3 * 8 + 8) * 4


def test_what_does_not_fit_says_what_to_set():
    def huge(key):
        return {"w": jnp.zeros((2**20, 2**18)), "v": jax.random.normal(key)}

    with pytest.raises(MemoryError, match=r"takes .* MiB, that of all 9 .* `runs_per_batch` lower"):
        sweep([0.1] * 9, huge, lambda params, batch: jnp.sum(params["w"][0]) * jnp.mean(batch),
              X, epochs=1, batch_size=8, progress=False)  # fmt: skip


def test_progress_and_on_epoch(capsys):
    rows = []
    halved({1: 4}, progress=True, on_epoch=rows.append)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("epoch 1, training 4, diverged 1, dropped 3, best_loss ")
    assert len(lines) == len(rows) == 8


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"schedules": []}, ValueError, "`schedules` must have at least one"),
        ({"schedules": 0.1}, TypeError, "`schedules` must be a batch or a sequence"),
        ({"schedules": ["0.1"]}, TypeError, "`schedules` must be .*jaxlr.parse"),
        (
            {"schedules": [jaxlr.constant_schedule(jnp.array([0.1, 0.2]))]},
            ValueError,
            r"the shape \(2,\)",
        ),
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1"),
        ({"seeds": 0}, ValueError, "`seeds` must be"),
        ({"seeds": [1, 1]}, ValueError, "`seeds` must be"),
        ({"seeds": [2**32]}, ValueError, "`seeds` must be from 0 to 4294967295"),
        ({"seeds": [1.5]}, ValueError, "`seeds` must be a whole number, got 1.5"),
        ({"seeds": 10**9}, ValueError, "`seeds` must be from 1 to 333333, got 1000000000"),
        ({"seeds": "12"}, TypeError, "`seeds` must be a whole number, got '12'"),
        ({"epochs": 2.5}, ValueError, "`epochs` must be a whole number, got 2.5"),
        ({"early_stopping": 5}, TypeError, "`early_stopping` must be a rule"),
        ({"diverges": 5.0}, TypeError, "`diverges` must be a function, got 5.0"),
        ({"accumulate": 9}, ValueError, "`accumulate` batches of 8 must fit"),
        ({"devices": ["cpu"]}, ValueError, "`devices` must have"),
        ({"keep": 3}, TypeError, "`keep` must be a dict"),
        ({"keep": {3: 1}}, ValueError, "`keep` must say after which of the 3 epochs"),
        ({"keep": {1: 4}}, ValueError, "`keep` must say"),
        ({"keep": {1: 1, 2: 2}}, ValueError, "`keep` must say"),
        ({"mode": "least"}, ValueError, "`mode` must be"),
        ({"monitor": "accuracy"}, ValueError, "`monitor` must be one of loss, mae"),
        ({"runs_per_batch": 0}, ValueError, "`runs_per_batch` must be at least 1"),
        ({"devices": []}, ValueError, "`devices` must have"),
        ({"hyperparameters": {"b2": [0.9]}}, ValueError, "'b2' must have one entry for each of"),
        ({"hyperparameters": {"c": 0.9}}, TypeError, "an open parameter `c`"),
        (
            {"early_stopping": jaxlr.early_stopping("x")},
            ValueError,
            "`early_stopping`: `monitor` must be",
        ),
    ],
)
def test_errors_name_the_argument(change, error, message):
    with pytest.raises(error, match=message):
        train(**change)


# Checkpoints.


class Interruption(Exception):
    pass


def interrupted_after(number, **kwargs):
    def stop(row):
        if row["epoch"] == number:
            raise Interruption

    with pytest.raises(Interruption):
        train(on_epoch=stop, **kwargs)


def assert_same_sweep(a, b):
    assert list(a.runs) == list(b.runs)
    for name in a.runs:
        np.testing.assert_array_equal(a.runs[name], b.runs[name])
    for name in ("rates", "status", "epochs", "best_epoch"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert a.best() == b.best()
    jax.tree.map(np.testing.assert_array_equal, a.params(a.best().index), b.params(b.best().index))


@pytest.mark.parametrize("number", [2, slow(1), slow(4)])
def test_a_resumed_sweep_is_the_undisturbed_one(tmp_path, number):
    settings = {
        "schedules": [0.01, 1e30, 0.03, 0.1, 0.2],
        "optimizer": functools.partial(optax.sgd, momentum=0.5),
        "epochs": 5,
        "keep": {2: 3, 3: 2},
        "early_stopping": jaxlr.early_stopping("validation_loss", patience=2),
        "seeds": 2,
    }
    interrupted_after(number, checkpoint=tmp_path, **settings)
    rows = []
    resumed = train(checkpoint=tmp_path, on_epoch=rows.append, **settings)
    assert rows[0]["epoch"] == number + 1
    assert_same_sweep(resumed, train(**settings))
    with pytest.raises(ValueError, match=r"keep: \{2: 3, 3: 2\}.* there, all here"):
        train(checkpoint=tmp_path, **(settings | {"keep": None}))


@pytest.mark.slow
def test_a_resumed_sweep_over_several_kinds_is_the_undisturbed_one(tmp_path):
    settings = {"schedules": LISTENING, "epochs": 5, "keep": {2: 5}, "seeds": 2}
    interrupted_after(3, checkpoint=tmp_path, **settings)
    assert_same_sweep(train(checkpoint=tmp_path, **settings), train(**settings))
