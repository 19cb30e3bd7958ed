"""The README tells the truth: its code runs, its table is complete."""

import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np

import jaxlr

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


def test_the_search_runs():
    names: dict = {"jax": jax, "jnp": jnp, "jaxlr": jaxlr}
    exec(next(block for block in BLOCKS if block.startswith("space = ")), names)
    assert names["batch"].table["step_size"].min() >= 10


def test_the_table_has_every_family():
    rows = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", rows)) == {
        name for name in jaxlr.families() if hasattr(jaxlr, name)
    }
