"""When to stop training: a small state machine that watches one number per epoch.

>>> import jaxlr.train.early_stopping as early_stopping
>>> rule = early_stopping.EarlyStopping("validation_loss", patience=2)
>>> watch = rule.init()
>>> for value in [3.0, 1.0, 2.0, 1.0]:
...     watch = rule.update(watch, value)
>>> float(watch.best), int(watch.stale), bool(rule.stops(watch))
(1.0, 2, True)

The state is a pytree of arrays and the functions are made of JAX operations, so one rule may watch
many runs at once, each with its own value.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

__all__ = ["EarlyStopping", "Watch"]


class Watch(NamedTuple):
    """What has been seen so far.

    Attributes:
      best: the best value; infinite before there is one.
      stale: the number of values since then. Right after an improvement it is 0.
    """

    best: jax.Array
    stale: jax.Array


@dataclass(frozen=True)
class EarlyStopping:
    """Stops training when a number has not improved for some epochs in a row.

    Attributes:
      monitor: the name of the number: a column of the history of epochs, such as ``"loss"``,
        ``"validation_loss"`` or ``"validation_accuracy"``.
      mode: ``"min"`` if less is better, ``"max"`` if more is.
      patience: the number of epochs without improvement after which to stop, at least 1.
      min_delta: an improvement is a change by more than this.

    Raises:
      ValueError: if an attribute is out of range.
    """

    monitor: str = "validation_loss"
    mode: Literal["min", "max"] = "min"
    patience: int = 5
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"`mode` must be 'min' or 'max', got {self.mode!r}.")
        if self.patience < 1:
            raise ValueError(f"`patience` must be at least 1 epoch, got {self.patience}.")
        if not 0.0 <= self.min_delta < math.inf:
            raise ValueError(f"`min_delta` must be finite and at least 0, got {self.min_delta}.")

    def init(self) -> Watch:
        """Returns the state before the first value."""
        worst = math.inf if self.mode == "min" else -math.inf
        return Watch(jnp.asarray(worst, float), jnp.asarray(0, jnp.int32))

    def update(self, watch: Watch, value: ArrayLike) -> Watch:
        """Returns the state after one more value; one that is not finite never improves."""
        value = jnp.asarray(value, float)
        gain = watch.best - value if self.mode == "min" else value - watch.best
        improved = jnp.isfinite(value) & (gain > self.min_delta)
        best = jnp.where(improved, value, watch.best)
        return Watch(best, jnp.where(improved, 0, watch.stale + 1))

    def stops(self, watch: Watch) -> jax.Array:
        """Tells whether patience is over; a later improvement would make it begin anew."""
        return watch.stale >= self.patience
