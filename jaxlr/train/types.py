"""Names for the types in the signatures of ``fit`` and ``sweep``."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import jax
import numpy.typing as npt
from jax.typing import ArrayLike

__all__ = [
    "Array",
    "Columns",
    "Init",
    "Loss",
    "Metric",
    "Mode",
    "OptimizerFactory",
    "PyTree",
    "ScheduleLike",
    "StatefulSchedule",
]

Array: TypeAlias = npt.NDArray[Any]
"""A NumPy array, on the host."""

Columns: TypeAlias = Mapping[str, Array]
"""Arrays by name."""

PyTree: TypeAlias = Any
"""Any nesting of containers that JAX knows, with arrays in it."""

Init: TypeAlias = Callable[[jax.Array], PyTree]
"""``init(key)`` returns the parameters."""

Loss: TypeAlias = Callable[..., Any]
"""``loss(params, batch)`` returns a mean, or a pair of it and a dict of other means.

With a third parameter named ``key`` it also gets a random key, another one for each step.
"""

Metric: TypeAlias = Callable[[PyTree, PyTree], Mapping[str, jax.Array]]
"""``metric(params, batch)`` returns arrays by name, with one value per example."""

Mode: TypeAlias = Literal["min", "max"]
"""Whether less or more is better."""

OptimizerFactory: TypeAlias = Callable[..., Any]
"""A function that makes an optax optimizer for a ``learning_rate``, such as ``optax.adam``."""


@runtime_checkable
class StatefulSchedule(Protocol):
    """A schedule with a state, as ``optax.inject_hyperparams`` takes it.

    :class:`jaxlr.AdaptiveSchedule` is one. To train with it, it must be a pytree.
    """

    def init(self) -> PyTree:
        """Returns the state before the first update."""

    def update(self, *args: Any, **kwargs: Any) -> PyTree:
        """Returns the state after an update, ``update(state, value=loss)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> ArrayLike:
        """Returns the value for an update, ``schedule(state, value=loss)``."""


ScheduleLike: TypeAlias = Callable[[ArrayLike], ArrayLike] | StatefulSchedule | ArrayLike
"""A :class:`jaxlr.Schedule`, any other function of the count, a stateful schedule, or a number."""
