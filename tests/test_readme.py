"""The README tells the truth: its code runs, its table is complete."""

import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxlr

PAGES = pathlib.Path(__file__).parents[1] / "docs"
TEXT = (pathlib.Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_the_first_screen_runs():
    names: dict = {}
    exec(BLOCKS[0], names)
    curves = jax.vmap(lambda lr: lr(jnp.arange(10_000)))(names["grid"])
    assert curves.shape == (10, 10_000)
    np.testing.assert_allclose(curves.max(axis=1), names["peaks"], rtol=1e-6)


def test_the_composition_runs():
    names: dict = {"jaxlr": jaxlr}
    exec(next(block for block in BLOCKS if block.startswith("N = ")), names)
    lr, N = names["lr"], names["N"]
    counts = np.array([0, 1, 5, 34, 35, 64, 65, 85, 90]) * N
    expected = np.array([0, 0.2, 1, 1, 0.1, 0.1, 0.01, 0.01, 0]) * 0.05
    np.testing.assert_allclose(lr(counts), expected, rtol=1e-6)


def test_the_family_of_ones_own_runs():
    names: dict = {"jax": jax, "jnp": jnp, "jaxlr": jaxlr}
    exec(next(block for block in BLOCKS if block.startswith("@jaxlr.schedule")), names)
    np.testing.assert_allclose(names["lr"](3000), 0.05, rtol=1e-6)


def test_the_schedule_that_listens_runs():
    names: dict = {"jaxlr": jaxlr, "optax": optax, "loss": 3.0, "validation_loss": 2.0}
    params = names["params"] = names["gradient"] = jnp.ones(2)
    block = next(block for block in BLOCKS if "reduce_on_plateau" in block)
    build, use = block.split("updates, state")
    exec(build, names)
    names["state"] = names["optimizer"].init(params)
    exec("updates, state" + use, names)
    state = names["state"].hyperparams_states["learning_rate"]
    assert state.count == 1


def test_the_search_runs():
    names: dict = {"jax": jax, "jnp": jnp, "jaxlr": jaxlr}
    exec(next(block for block in BLOCKS if block.startswith("space = ")), names)
    assert names["batch"].table["step_size"].min() >= 10


def test_a_batch_of_many_runs():
    names: dict = {"jax": jax, "jnp": jnp, "jaxlr": jaxlr}
    names["lr"] = jaxlr.constant_schedule(0.1)
    exec(next(block for block in BLOCKS if block.startswith("grid = jaxlr.grid")), names)
    assert len(names["grid"]) == 30


def test_the_page_on_batches_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    page = (PAGES / "batches.md").read_text()
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, names)
    np.testing.assert_array_equal(names["on_disk"], names["table"])


def test_the_table_has_every_family():
    rows = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == {
        name for name in jaxlr.families() if hasattr(jaxlr, name)
    }
