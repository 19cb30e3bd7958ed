"""Tests of the functions for classification, against numpy and on real digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import jaxlr
from jaxlr.train import program
from jaxlr.train.fitting import fit
from jaxlr.train.images.classifying import classification
from jaxlr.train.images.data import load
from jaxlr.train.images.models import MLP, FastCNN

OPTIONS = {"input_shape": (5,), "classes": 3, "hidden": (4,)}
IMAGES = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0], np.int32)


def entropies(logits):
    logits = np.asarray(logits, np.float64)
    return np.log(np.exp(logits).sum(axis=1, keepdims=True)) - logits


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_loss_and_metric_are_the_formulas(smoothing):
    task = classification(MLP, label_smoothing=smoothing, **OPTIONS)
    params = task.init(jax.random.key(0))
    logits = task.model(params)(IMAGES)
    all_entropies = entropies(logits)
    own = all_entropies[np.arange(7), LABELS]
    hits = np.argmax(logits, axis=1) == LABELS
    assert 0 < hits.sum() < 7
    value, means = task.loss(params, (IMAGES, LABELS))
    target = (1 - smoothing) * np.eye(3)[LABELS] + smoothing / 3
    np.testing.assert_allclose(value, (target * all_entropies).sum(axis=1).mean(), rtol=1e-5)
    np.testing.assert_allclose(means["accuracy"], hits.mean(), rtol=1e-6)
    values = task.metric(params, (IMAGES, LABELS))
    np.testing.assert_allclose(values["loss"], own, rtol=1e-5)
    np.testing.assert_array_equal(values["accuracy"], hits)


def test_init_is_the_model_of_that_key():
    task = classification(MLP, **OPTIONS)
    state = nnx.split(MLP(rngs=nnx.Rngs(jax.random.key(3)), **OPTIONS))[1]
    params = jax.jit(task.init)(jax.random.key(3))
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_logits_of_16_bits_lose_no_digits_in_the_loss():
    class Half(nnx.Module):
        def __init__(self, rngs):
            self.scale = nnx.Param(jnp.ones((), jnp.bfloat16))

        def __call__(self, x):
            return x.astype(jnp.bfloat16) * self.scale[...]

    task = classification(Half)
    value, _ = task.loss(task.init(jax.random.key(0)), (np.zeros((4, 3)), np.zeros(4, np.int32)))
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, np.log(3), rtol=1e-6)


def test_the_same_arguments_compile_once():
    program.train_epoch.clear_cache()
    for peak in (0.01, 0.02):
        task = classification(MLP, **OPTIONS)
        fit(
            jaxlr.linear_schedule(peak, 0.0, 6),
            task.init,
            task.loss,
            (IMAGES, LABELS),
            epochs=2,
            batch_size=2,
            progress=False,
        )
    assert program.train_epoch._cache_size() == 1
    assert classification(MLP, **OPTIONS) is not classification(MLP, 0.1, **OPTIONS)


@pytest.mark.slow
def test_a_convolutional_network_learns_digits():
    digits = load("digits")
    task = classification(FastCNN, input_shape=(8, 8, 1))
    train = (digits.train_images[:320], digits.train_labels[:320])
    validation = (digits.test_images[:100], digits.test_labels[:100])
    result = fit(
        jaxlr.cosine_decay_schedule(0.003, decay_steps=60),
        task.init,
        task.loss,
        train,
        validation,
        metric=task.metric,
        epochs=6,
        batch_size=32,
        progress=False,
    )
    assert result.history.epochs["accuracy"][-1] > 0.95
    assert result.history.epochs["validation_accuracy"][-1] > 0.8
    images, labels = validation
    hits = np.argmax(task.model(result.params)(images), axis=1) == labels
    np.testing.assert_allclose(
        result.history.epochs["validation_accuracy"][-1], hits.mean(), rtol=1e-6
    )


def test_a_model_with_other_state_is_refused():
    class Dropped(nnx.Module):
        def __init__(self, rngs):
            self.dropout = nnx.Dropout(0.5, rngs=rngs)

    with pytest.raises(ValueError, match="`model` must hold parameters only"):
        classification(Dropped)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_label_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ValueError, match="`label_smoothing` must be"):
        classification(MLP, label_smoothing=smoothing)
