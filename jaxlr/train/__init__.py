"""Training Flax models under a schedule; needs ``pip install "jaxlr[train]"``.

* :func:`fit` trains one model: any parameters, any loss, one compiled call per epoch.
* :func:`sweep` trains it under many schedules at once, in one compiled call per epoch for all.
* :func:`load` gives MNIST, Fashion-MNIST or the embedded 8x8 digits; ``MODELS`` three classifiers;
  :func:`classification` the functions that ``fit`` needs to train one of them.
* :data:`RECIPES` are settings that train well.
"""

from importlib.util import find_spec as _find_spec

for _name in ("flax", "rich"):
    if _find_spec(_name) is None:
        raise ImportError(f'jaxlr.train needs the package {_name}: pip install "jaxlr[train]".')

from jaxlr.train.fitting import FitResult, fit
from jaxlr.train.history import History
from jaxlr.train.images import (
    CNN,
    MLP,
    MODELS,
    RECIPES,
    Classification,
    Dataset,
    FastCNN,
    Recipe,
    classification,
    load,
)
from jaxlr.train.results import Candidate, SweepResult
from jaxlr.train.sweeping import sweep

__all__ = [
    "CNN",
    "MLP",
    "MODELS",
    "RECIPES",
    "Candidate",
    "Classification",
    "Dataset",
    "FastCNN",
    "FitResult",
    "History",
    "Recipe",
    "SweepResult",
    "classification",
    "fit",
    "load",
    "sweep",
]
