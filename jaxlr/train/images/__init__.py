"""Classifying images: data, models, the functions to train them, and settings that train well.

* :func:`load` gives MNIST, Fashion-MNIST or the embedded 8x8 digits;
* ``MODELS`` are three classifiers by name, :class:`CNN`, :class:`FastCNN` and :class:`MLP`;
* :func:`classification` makes the functions that :func:`jaxlr.train.fit` needs for one of them, or
  for any other Flax model that returns logits;
* ``RECIPES`` are settings that train well.

:mod:`jaxlr.train.images.convolution` has the convolution and the pooling of these models, which are
faster on a CPU than XLA's own.
"""

from jaxlr.train.images.classifying import Classification, classification
from jaxlr.train.images.data import Dataset, load
from jaxlr.train.images.models import CNN, MLP, MODELS, FastCNN
from jaxlr.train.images.recipes import RECIPES, Recipe

__all__ = [
    "CNN",
    "MLP",
    "MODELS",
    "RECIPES",
    "Classification",
    "Dataset",
    "FastCNN",
    "Recipe",
    "classification",
    "load",
]
