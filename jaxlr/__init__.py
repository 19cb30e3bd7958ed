"""jaxlr: learning-rate schedules as data, for JAX and optax.

This namespace has all schedules, the operators that combine them, batches, and adaptive schedules.
The modules below are loaded on first use:

* ``jaxlr.curves``: the shapes of transitions;
* ``jaxlr.units``: conversion of epochs, samples and tokens to steps;
* ``jaxlr.batches``: values of many schedules, in blocks or written to files;
* ``jaxlr.search``: search spaces, random schedules and designs;
* ``jaxlr.peers``: constructors with the names and arguments of other libraries;
* ``jaxlr.plot`` and ``jaxlr.train``: plotting and training (install the extras of those names);
* ``jaxlr.core``: parameter kinds, for families of your own.
"""

import importlib
from typing import TYPE_CHECKING, Any

from jaxlr.batches import Batch, concatenate, evaluate, grid, stack
from jaxlr.compose import *
from jaxlr.compose import __all__ as _operators
from jaxlr.core.schedule import Schedule, families, parse, schedule
from jaxlr.feedback import (
    AdaptiveSchedule,
    EarlyStopping,
    adaptive_schedule,
    current_value,
    early_stopping,
    greedy,
    observe,
    reduce_on_plateau,
)
from jaxlr.schedules import *
from jaxlr.schedules import __all__ as _families

if TYPE_CHECKING:
    from jaxlr import (
        batches,
        compose,
        core,
        curves,
        feedback,
        peers,
        plot,
        schedules,
        search,
        train,
        units,
    )

__version__ = "0.1.0"

_MODULES = (
    "batches",
    "compose",
    "core",
    "curves",
    "feedback",
    "peers",
    "plot",
    "schedules",
    "search",
    "train",
    "units",
)

__all__ = [
    "AdaptiveSchedule",
    "Batch",
    "EarlyStopping",
    "Schedule",
    "adaptive_schedule",
    "concatenate",
    "current_value",
    "early_stopping",
    "evaluate",
    "families",
    "greedy",
    "grid",
    "observe",
    "parse",
    "reduce_on_plateau",
    "schedule",
    "stack",
    *_operators,
    *_families,
    *_MODULES,
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"jaxlr.{name}")
    raise AttributeError(f"module 'jaxlr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
