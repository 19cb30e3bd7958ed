"""Small image classifiers as `flax.nnx` modules.

Three models, each of which takes images ``[N, height, width, channels]`` and returns logits
``[N, classes]``. `MODELS` maps their names to them:

==============  ==========  ===========================================================
name            class       for 28x28x1 images
==============  ==========  ===========================================================
``"cnn"``       `CNN`       two 5x5 convolutions, three dense layers; 3 529 354 parameters
``"fast-cnn"``  `FastCNN`   two small convolutions, two dense layers; 215 194 parameters
``"mlp"``       `MLP`       three dense layers; 235 146 parameters
==============  ==========  ===========================================================

The sizes of the dense layers follow from ``input_shape``, so the same classes serve the 8x8
digits of scikit-learn. Convolution and pooling come from
`jaxlr.train.images.convolution`.

Use them with plain JAX transformations. Split a model once into its structure and its
parameters, and merge the two inside the loss; the parameters are then an ordinary pytree,
which `jax.grad`, `jax.jit`, `jax.vmap`, `jax.lax.scan` and optax take as it is:

>>> import jax, jax.numpy as jnp, optax
>>> from flax import nnx
>>> graphdef, params = nnx.split(MLP(input_shape=(8, 8, 1), rngs=nnx.Rngs(0)))
>>> def loss(params, images, labels):
...     logits = nnx.merge(graphdef, params)(images)
...     return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
>>> images, labels = jnp.ones((4, 8, 8, 1)), jnp.array([0, 1, 2, 3])
>>> gradient = jax.jit(jax.grad(loss))(params, images, labels)
>>> jax.tree.structure(gradient) == jax.tree.structure(params)
True
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import jax
from flax import nnx

from jaxlr.train.images.convolution import conv_general_dilated, max_pool

__all__ = ["CNN", "MLP", "MODELS", "FastCNN"]

_Shape = tuple[int, int, int]


class CNN(nnx.Module):
    """Two wide convolutions and three dense layers.

    5x5 convolution to 32 channels, ReLU, 2x2 maximum; 5x5 convolution to 64 channels, ReLU,
    2x2 maximum; dense layers of 1024, 256 and ``classes`` units with ReLU in between. Both
    convolutions pad with ``"SAME"``.

    Args:
        input_shape: Height, width and channels of the images; at least 4x4.
        classes: The number of classes.
        rngs: The source of the initial parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> CNN(input_shape=(8, 8, 1), rngs=nnx.Rngs(0))(jnp.ones((2, 8, 8, 1))).shape
        (2, 10)
    """

    def __init__(
        self, input_shape: _Shape = (28, 28, 1), classes: int = 10, *, rngs: nnx.Rngs
    ) -> None:
        height, width, channels = input_shape
        self.conv1 = _conv(channels, 32, 5, "SAME", rngs)
        self.conv2 = _conv(32, 64, 5, "SAME", rngs)
        self.dense = _dense((height // 4 * (width // 4) * 64, 1024, 256, classes), rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits of images ``[N, height, width, channels]``."""
        x = max_pool(nnx.relu(self.conv1(images)))
        x = max_pool(nnx.relu(self.conv2(x)))
        return _apply_dense(self.dense, x)


class FastCNN(nnx.Module):
    """A convolutional network for quick experiments.

    5x5 convolution to 24 channels, 2x2 maximum, ReLU; 3x3 convolution to 32 channels, 2x2
    maximum, ReLU; dense layers of 256 and ``classes`` units with ReLU in between. The
    convolutions pad with ``"VALID"``, but with ``"SAME"`` where an image with a side below
    12 would leave nothing to pool.

    Args:
        input_shape: Height, width and channels of the images; at least 4x4.
        classes: The number of classes.
        rngs: The source of the initial parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> FastCNN(rngs=nnx.Rngs(0))(jnp.ones((2, 28, 28, 1))).shape
        (2, 10)
    """

    def __init__(
        self, input_shape: _Shape = (28, 28, 1), classes: int = 10, *, rngs: nnx.Rngs
    ) -> None:
        *sides, channels = input_shape
        padding = "VALID" if min(sides) >= 12 else "SAME"
        self.conv1 = _conv(channels, 24, 5, padding, rngs)
        self.conv2 = _conv(24, 32, 3, padding, rngs)
        lost = (4, 2) if padding == "VALID" else (0, 0)
        height, width = (((side - lost[0]) // 2 - lost[1]) // 2 for side in sides)
        self.dense = _dense((height * width * 32, 256, classes), rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits of images ``[N, height, width, channels]``."""
        # Maximum and ReLU commute; the ReLU of the smaller array is cheaper.
        x = nnx.relu(max_pool(self.conv1(images)))
        x = nnx.relu(max_pool(self.conv2(x)))
        return _apply_dense(self.dense, x)


class MLP(nnx.Module):
    """Dense layers with ReLU in between.

    Args:
        input_shape: The shape of one image, or of any other example.
        classes: The number of classes.
        hidden: The sizes of the hidden layers.
        rngs: The source of the initial parameters.

    Example:
        >>> import jax.numpy as jnp
        >>> MLP(hidden=(32,), rngs=nnx.Rngs(0))(jnp.ones((2, 28, 28, 1))).shape
        (2, 10)
    """

    def __init__(
        self,
        input_shape: Sequence[int] = (28, 28, 1),
        classes: int = 10,
        hidden: Sequence[int] = (256, 128),
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.dense = _dense((math.prod(input_shape), *hidden, classes), rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits of images ``[N, height, width, channels]``."""
        return _apply_dense(self.dense, images)


MODELS: Mapping[str, Callable[..., nnx.Module]] = MappingProxyType(
    {"cnn": CNN, "fast-cnn": FastCNN, "mlp": MLP}
)
"""The models by name; each is called as ``MODELS[name](input_shape, classes, rngs=...)``."""


def _conv(inputs: int, outputs: int, side: int, padding: str, rngs: nnx.Rngs) -> nnx.Conv:
    return nnx.Conv(
        inputs,
        outputs,
        (side, side),
        padding=padding,
        conv_general_dilated=conv_general_dilated,
        rngs=rngs,
    )


def _dense(sizes: Sequence[int], rngs: nnx.Rngs) -> nnx.List[nnx.Linear]:
    return nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in itertools.pairwise(sizes)])


def _apply_dense(layers: nnx.List[nnx.Linear], x: jax.Array) -> jax.Array:
    x = x.reshape(x.shape[0], -1)
    *hidden, last = layers
    for layer in hidden:
        x = nnx.relu(layer(x))
    return last(x)
