"""Tests of the models: sizes, the way they are used, and that they learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax import lax
from marks import slow

from jaxlr.train.images.models import CNN, MLP, MODELS, FastCNN

MNIST = (28, 28, 1)
DIGITS = (8, 8, 1)


def normal(shape):
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))


def size(model):
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def loss_of(graphdef):
    def loss(params, images, labels):
        logits = nnx.merge(graphdef, params)(images)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    return loss


def test_names():
    assert dict(MODELS) == {"cnn": CNN, "fast-cnn": FastCNN, "mlp": MLP}


@pytest.mark.parametrize(
    ("name", "shape", "count"),
    [
        ("cnn", MNIST, 832 + 51_264 + 3_212_288 + 262_400 + 2_570),
        ("cnn", DIGITS, 832 + 51_264 + (2 * 2 * 64 + 1) * 1024 + 262_400 + 2_570),
        ("fast-cnn", MNIST, 215_194),
        ("fast-cnn", DIGITS, 624 + 6_944 + (2 * 2 * 32 + 1) * 256 + 2_570),
        ("mlp", MNIST, 785 * 256 + 257 * 128 + 129 * 10),
        ("mlp", DIGITS, 65 * 256 + 257 * 128 + 129 * 10),
    ],
)
def test_parameter_counts(name, shape, count):
    assert size(nnx.eval_shape(lambda: MODELS[name](shape, rngs=nnx.Rngs(0)))) == count


@pytest.mark.parametrize(
    "shape", [(11, 16, 2), *map(slow, (MNIST, DIGITS, (12, 13, 3), (4, 5, 1)))], ids=str
)
@pytest.mark.parametrize("name", MODELS)
def test_logits_have_one_column_for_each_class(name, shape):
    def logits(images):
        return MODELS[name](input_shape=shape, classes=7, rngs=nnx.Rngs(0))(images)

    assert jax.eval_shape(logits, jnp.ones((3, *shape))).shape == (3, 7)


def test_hidden_layers_of_the_mlp():
    model = MLP((6,), 3, hidden=(5, 4), rngs=nnx.Rngs(0))
    assert [layer.kernel.shape for layer in model.dense] == [(6, 5), (5, 4), (4, 3)]
    assert size(MLP((6,), 3, hidden=(), rngs=nnx.Rngs(0))) == 7 * 3


@pytest.mark.parametrize("name", ["mlp", "fast-cnn", slow("cnn")])
def test_images_are_classified_one_by_one(name):
    model = MODELS[name](DIGITS, rngs=nnx.Rngs(0))
    images = normal((5, *DIGITS))
    changed = model(images.at[1:].set(0.0))
    np.testing.assert_allclose(model(images)[0], changed[0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(model(images)[1], changed[1], atol=1e-3)


@pytest.mark.parametrize("model", [slow(CNN), FastCNN])
def test_layers_are_those_of_flax(model):
    # The same parameters, put through flax's own convolution and pooling.
    shape = MNIST
    net = model(shape, rngs=nnx.Rngs(0))
    images = normal((2, *shape))
    x = images
    for conv, side in ((net.conv1, 5), (net.conv2, 5 if model is CNN else 3)):
        assert conv.kernel.shape[:2] == (side, side)
        x = lax.conv_general_dilated(
            x,
            conv.kernel[...],
            (1, 1),
            "SAME" if model is CNN else "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = nnx.max_pool(nnx.relu(x + conv.bias[...]), (2, 2), (2, 2))
    x = x.reshape(2, -1)
    for layer in net.dense[:-1]:
        x = nnx.relu(layer(x))
    np.testing.assert_allclose(net(images), net.dense[-1](x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_seed_decides_the_parameters(name):
    def parameters(seed):
        model = MODELS[name](DIGITS, rngs=nnx.Rngs(seed))
        leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
        return np.concatenate([np.ravel(leaf) for leaf in leaves])

    np.testing.assert_array_equal(parameters(0), parameters(0))
    assert np.any(parameters(0) != parameters(1))


@pytest.mark.parametrize("name", ["mlp", slow("cnn"), slow("fast-cnn")])
def test_learns_by_heart_in_a_scan_with_every_parameter(name):
    graphdef, params = nnx.split(MODELS[name](DIGITS, rngs=nnx.Rngs(0)))
    images = normal((40, *DIGITS))
    labels = jnp.arange(40) % 10
    tx = optax.adam(3e-3)

    @jax.jit
    def train(params):
        def step(carry, _):
            params, state = carry
            value, gradient = jax.value_and_grad(loss_of(graphdef))(params, images, labels)
            updates, state = tx.update(gradient, state)
            return (optax.apply_updates(params, updates), state), value

        return lax.scan(step, (params, tx.init(params)), length=60)

    (trained, _), losses = train(params)
    assert losses[0] > 2
    assert losses[-1] < 0.1
    for before, after in zip(jax.tree.leaves(params), jax.tree.leaves(trained), strict=True):
        assert np.any(before != after)


def test_runs_side_by_side_under_vmap():
    graphdef, params = nnx.split(FastCNN(DIGITS, rngs=nnx.Rngs(0)))
    images = normal((12, *DIGITS))
    labels = jnp.arange(12) % 10
    runs = jax.tree.map(lambda leaf: jnp.stack([leaf, 0.5 * leaf]), params)
    gradient = jax.jit(jax.grad(loss_of(graphdef)))
    together = jax.jit(jax.vmap(gradient, (0, None, None)))(runs, images, labels)
    for index in range(2):
        alone = gradient(jax.tree.map(lambda leaf, i=index: leaf[i], runs), images, labels)
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[index], b, rtol=1e-3, atol=1e-5)
