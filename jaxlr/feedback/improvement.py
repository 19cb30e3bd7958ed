"""Decides whether a metric has improved on the best one so far."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float, float_dtype
from jaxlr.core.parameters import Number, Whole

__all__ = ["Mode", "Patience", "Threshold", "ThresholdMode", "improves", "none_yet"]

Mode = Literal["min", "max"]
ThresholdMode = Literal["rel", "abs", "signed"]

Patience = Annotated[
    ArrayLike,
    Whole("Patience", "Patience 1 acts on the first metric that is no improvement.", least=1.0),
]
Threshold = Annotated[ArrayLike, Number("Threshold", "0 takes every improvement.", least=0.0)]


def none_yet() -> jax.Array:
    """Returns the initial best metric: infinity, in either mode."""
    return jnp.asarray(np.inf, float_dtype())


def improves(
    metric: ArrayLike,
    best: jax.Array,
    threshold: ArrayLike,
    mode: Mode,
    threshold_mode: ThresholdMode,
) -> jax.Array:
    """Tells whether a metric beats the best one by more than the threshold.

    The first finite metric always does. A metric that is not finite never does.
    """
    metric = jnp.asarray(as_float(metric))
    threshold = as_float(threshold)
    has_best = jnp.isfinite(best)
    best = jnp.where(has_best, best, 0.0)
    sign = -1.0 if mode == "min" else 1.0
    if threshold_mode == "abs":
        bar = best + sign * threshold
    elif threshold_mode == "rel":
        bar = best * (1.0 + sign * jnp.sign(best) * threshold)
    else:
        bar = best * (1.0 + sign * threshold)
    beats = metric < bar if mode == "min" else metric > bar
    return jnp.isfinite(metric) & (beats | ~has_best)
