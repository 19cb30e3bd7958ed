"""Tests of what tells one run from another."""

import dataclasses
import functools
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlr
from jaxlr.train import MLP, classification, fit, sweep
from jaxlr.train.identity import describe

X = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
Y = X @ np.array([1.0, -2.0, 0.5], np.float32)
FACTOR = 1.0
COUNTS = {"calls": 0}


def factory(factor, also=None):
    def inner(x):
        return x * factor

    return inner


def helper(x):
    return x * FACTOR


def user(x):
    COUNTS["calls"] += 1
    return helper(x)


def with_default(x, factor=2.0):
    return x * factor


def layout_one(x):
    # A comment.
    return x + 1


layout_two = layout_one


@dataclasses.dataclass
class Setting:
    factor: float
    function: object = None


class Method:
    def __init__(self, factor):
        self.factor = factor

    def call(self, x):
        return x


DIFFERENT = {
    "closure": lambda: (factory(1.0), factory(2.0)),
    "array": lambda: (factory(np.arange(3)), factory(np.arange(3) + 1)),
    "jax": lambda: (factory(jnp.arange(3)), factory(jnp.arange(3) * 2)),
    "dtype": lambda: (factory(np.arange(3)), factory(np.arange(3.0))),
    "nested": lambda: (factory([{"a": factory(1)}]), factory([{"a": factory(2)}])),
    "set": lambda: (factory({"a", "b"}), factory({"a", "c"})),
    "code": lambda: (lambda x: x + 1, lambda x: x + 2),
    "partial": lambda: (functools.partial(factory, 1), functools.partial(factory, 2)),
    "keyword": lambda: (functools.partial(factory, also=1), functools.partial(factory, also=2)),
    "dataclass": lambda: (Setting(1.0), Setting(2.0)),
    "function": lambda: (Setting(1.0, factory(1)), Setting(1.0, factory(2))),
    "jitted": lambda: (jax.jit(factory(1.0)), jax.jit(factory(2.0))),
    "optax": lambda: (optax.linear_schedule(1, 0, 5), optax.linear_schedule(1, 0, 6)),
    "schedule": lambda: (jaxlr.linear_schedule(1.0, 0.0, 5), jaxlr.linear_schedule(1.0, 0.0, 6)),
    "wrapped": lambda: (jaxlr.wrap(factory(1.0)), jaxlr.wrap(factory(2.0))),
    "transform": lambda: (optax.clip(1.0), optax.clip(2.0)),
    "name": lambda: (jnp.sin, jnp.cos),
    "model": lambda: (
        classification(MLP, hidden=(4,), input_shape=(3,)).loss,
        classification(MLP, hidden=(4,), input_shape=(3,), label_smoothing=0.1).loss,
    ),
    "flax": lambda: (
        classification(MLP, hidden=(4,), input_shape=(3,)).init,
        classification(MLP, hidden=(5,), input_shape=(3,)).init,
    ),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_differs_is_told_apart_and_what_is_the_same_is_not(kind):
    first, second = DIFFERENT[kind]()
    again, _ = DIFFERENT[kind]()
    assert describe(first) == describe(again)
    assert describe(first) != describe(second)


def test_globals_count_through_the_functions_that_use_them(monkeypatch):
    before = describe(user)
    COUNTS["calls"] += 1  # What can change does not count.
    assert describe(user) == before
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3.0)
    assert describe(user) != before


def test_defaults_count():
    before = describe(with_default)
    with_default.__defaults__ = (3.0,)
    assert describe(with_default) != before
    with_default.__defaults__ = (2.0,)
    assert describe(with_default) == before


def test_comments_and_layout_do_not_count(tmp_path):
    texts = []
    for source in (
        "def f(x):\n    return (x + 1)\n",
        "import math\n\n\ndef f(x):  # A.\n    # B.\n    return (\n        x + 1\n    )\n",
        "def f(x):\n    return x + 2\n",
    ):
        path = tmp_path / f"one{len(texts)}.py"
        path.write_text(source)
        namespace = {"__name__": "one"}
        exec(compile(source, path, "exec"), namespace)
        texts.append(describe(namespace["f"]))
    assert texts[0] == texts[1] != texts[2]


def test_a_function_that_calls_itself_has_an_end():
    def around(n):
        return around(n - 1)

    assert describe(around) == describe(around)


@pytest.mark.slow
def test_it_is_the_same_in_every_process():
    program = textwrap.dedent(
        """
        import sys
        sys.path[:0] = sys.argv[1], sys.argv[1] + "/.."
        import test_identity as t
        t.FACTOR = 1.0
        print([t.describe(x) for make in t.DIFFERENT.values() for x in make()])
        print(t.describe(t.user), t.describe(t.Method(1.0).call), t.describe(lambda x: x + 1))
        """
    )
    command = [sys.executable, "-c", program, __file__.rpartition("/")[0]]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert first == second
    assert " at 0x" not in first


# What fit and sweep refuse to go on from.


def init(key):
    return {"w": jax.random.normal(key, (3,))}


def make_loss(scale=1.0):
    def loss(params, batch):
        x, y = batch
        return scale * jnp.mean((x @ params["w"] - y) ** 2)

    return loss


def metric(params, batch):
    x, y = batch
    return {"loss": (x @ params["w"] - y) ** 2}


def half_metric(params, batch):
    x, y = batch
    return {"loss": 0.5 * (x @ params["w"] - y) ** 2}


BASE = {
    "init": init,
    "loss": make_loss(),
    "train": (X, Y),
    "validation": (X, Y),
    "metric": metric,
    "epochs": 1,
    "batch_size": 4,
    "progress": False,
}

CHANGES = {
    "train": {"train": (X, Y + 1.0)},
    "validation": {"validation": (X, Y + 1.0)},
    "loss": {"loss": make_loss(2.0)},
    "init": {"init": lambda key: {"w": jnp.ones(3)}},
    "metric": {"metric": half_metric},
    "accumulate": {"accumulate": 2},
}


@pytest.fixture(scope="module", params=[fit, sweep])
def saved(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param.__name__)
    first = 0.1 if request.param is fit else [0.1]
    run = functools.partial(request.param, first, checkpoint=directory)
    run(**BASE)
    return run


@pytest.mark.parametrize("name", CHANGES)
def test_another_run_is_refused(saved, name):
    with pytest.raises(ValueError, match=rf"another configuration:\n  {name}: .* there, ") as error:
        saved(**BASE | CHANGES[name])
    assert str(error.value).count(" there, ") == 1
    rows = []
    saved(**BASE, on_epoch=rows.append)
    assert rows == []  # The run is still there, and goes on, or is at its end.


def test_the_data_may_come_in_another_form(saved):
    saved(**BASE | {"train": (jnp.asarray(X), np.asfortranarray(Y)), "loss": make_loss(1.0)})
