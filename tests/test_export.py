"""Functions of schedules as files: ``jax.export`` knows every type that a schedule is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES
from jax import export

import jaxlr

pytest.importorskip("flatbuffers", reason="jax.export writes with flatbuffers")


def reloaded(function, *arguments):
    exported = export.export(jax.jit(function))(*arguments)
    return export.deserialize(exported.serialize(vjp_order=0))


def test_a_function_of_all_schedules_comes_back():
    schedules = {k: lr.as_arrays() for k, lr in CASES.items() if lr.family.name != "wrap"}
    function = reloaded(lambda lrs, count: {k: lr(count) for k, lr in lrs.items()}, schedules, 7)
    values = function.call(schedules, jnp.int32(7))
    expected = {k: lr(7) for k, lr in schedules.items()}
    for name, value in values.items():
        np.testing.assert_allclose(value, expected[name], rtol=2e-6, err_msg=name)


def test_a_function_of_an_adaptive_state_comes_back():
    for lr in (jaxlr.reduce_on_plateau(0.1, 0.5, 1), jaxlr.greedy(0.1, 0.01, 1.0)):
        rule = lr.as_arrays()
        state = rule.init()
        step = reloaded(lambda lr, state, loss: lr.update(state, value=loss), rule, state, 1.0)
        again = step.call(rule, state, jnp.float32(1.0))
        jax.tree.map(np.testing.assert_array_equal, again, rule.update(state, value=1.0))


def test_a_plain_function_has_no_export():
    lr = jaxlr.wrap(lambda count: 0.1 / (1.0 + count))
    with pytest.raises(ValueError, match="wrap holds a plain function, which has no export"):
        reloaded(lambda lr, count: lr(count), lr, 7.0)
