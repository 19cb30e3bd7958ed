"""When to stop: counted by hand, for many runs at once, and for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr

pytestmark = pytest.mark.x64


def walk(values, rule):
    watch = rule.init()
    for value in values:
        watch = rule.update(watch, value)
        yield bool(rule.stops(watch))


def test_it_counts_values_without_improvement():
    rule = jaxlr.early_stopping("loss", patience=2)
    assert list(walk([3, 2, 2, 1, 1.5, 1], rule)) == [False] * 5 + [True]
    rule = jaxlr.early_stopping("loss", patience=2, min_delta=0.5)
    assert list(walk([3, 2.6, 2.5, 2.5], rule)) == [False, False, True, True]
    rule = jaxlr.early_stopping("accuracy", mode="max", patience=1)
    assert list(walk([0.1, 0.2, 0.2], rule)) == [False, False, True]
    rule = jaxlr.early_stopping("loss", patience=2)
    assert list(walk([np.nan, 5.0, np.nan, np.nan], rule)) == [False, False, False, True]
    rule = jaxlr.early_stopping("accuracy", mode="max", patience=3)
    assert list(walk([-np.inf, np.inf, 1.0, np.inf], rule)) == [False] * 4


def test_once_stopped_nothing_changes():
    rule = jaxlr.early_stopping(patience=2)
    watch = rule.init()
    for value in [3.0, 4.0, 4.0, 1.0, 0.5]:
        watch = rule.update(watch, value)
    assert (int(watch.seen), float(watch.best), int(watch.stale)) == (3, 3.0, 2)
    assert bool(rule.stops(watch))


def test_a_batch_of_rules_in_a_scan_is_each_of_them_in_a_loop():
    values = np.random.default_rng(0).normal(-0.5, 1.0, (40, 12)).astype(np.float32).cumsum(axis=1)
    values[::7, 3] = np.nan
    rules = jax.vmap(lambda p, d: jaxlr.early_stopping(patience=p, min_delta=d))(
        jnp.arange(40) % 4 + 1, jnp.linspace(0.0, 2.0, 40)
    )

    @jax.jit
    @jax.vmap
    def run(rule, values):
        def step(watch, value):
            watch = rule.update(watch, value)
            return watch, rule.stops(watch)

        return jax.lax.scan(step, rule.init(), values)[1]

    stops = run(rules, values)
    assert 0 < stops[:, -1].sum() < 40
    for i, row in enumerate(values):
        rule = jax.tree.map(lambda leaf, i=i: leaf[i], rules)
        assert list(walk(row, rule)) == list(stops[i])


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"mode": "least"}, ValueError, "`mode` must be 'min' or 'max', got 'least'"),
        ({"patience": 0}, ValueError, "`patience` must be at least 1 and finite, got 0"),
        ({"patience": 2.5}, ValueError, "`patience` must be a whole number, got 2.5"),
        ({"min_delta": -1.0}, ValueError, "`min_delta` must be at least 0 and finite, got -1"),
        ({"min_delta": np.inf}, ValueError, "`min_delta` must be at least 0 and finite, got inf"),
        ({"monitor": 3}, TypeError, "`monitor` must be a string, got 3"),
    ],
)
def test_it_refuses(kwargs, error, message):
    with pytest.raises(error, match=message):
        jaxlr.early_stopping(**kwargs)


def test_it_is_data():
    rule = jaxlr.early_stopping("accuracy", mode="max", patience=3, min_delta=0.25)
    assert jaxlr.parse(repr(rule), jaxlr.EarlyStopping) == rule
    assert jaxlr.EarlyStopping.from_dict(rule.to_dict()) == rule
    assert jax.tree.leaves(rule) == [3, 0.25, 0]
    traces = []

    @jax.jit
    def stop(rule, watch):
        traces.append(1)
        return rule.update(watch, 1.0)

    for patience in (1, 2, 3):
        stop(rule.replace(patience=patience).as_arrays(), rule.init())
    assert len(traces) == 1


def test_one_rule_takes_one_number():
    rule = jaxlr.early_stopping("loss")
    with pytest.raises(ValueError, match=r"`loss` must be one number, got the shape \(2,\)"):
        rule.update(rule.init(), np.ones(2))
