"""Early stopping: a small state machine that watches one metric.

>>> import jaxlr
>>> rule = jaxlr.early_stopping("validation_loss", patience=2)
>>> watch = rule.init()
>>> for value in [3.0, 1.0, 2.0, 1.0]:
...     watch = rule.update(watch, value)
>>> float(watch.best), int(watch.stale), bool(rule.stops(watch))
(1.0, 2, True)

The state is a pytree of arrays and the rule a pytree of its numbers. Both work with ``jax.jit``,
``jax.lax.scan`` and ``jax.vmap``, so many runs can share one program, each with its own patience.
The trainer decides what to do on stopping, such as restoring the best parameters: ``watch.stale``
is 0 right after an improvement.
"""

from collections.abc import Callable
from typing import Annotated, Any, Concatenate, NamedTuple, ParamSpec

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxlr.core.export import exported_tuple
from jaxlr.core.family import Constructor, Parametric, constructor_of
from jaxlr.core.numbers import as_float
from jaxlr.core.parameters import Value, Whole
from jaxlr.feedback.improvement import Mode, Patience, Threshold, improves, none_yet

__all__ = ["EarlyStopping", "Watch", "early_stopping"]

P = ParamSpec("P")

_Values = Annotated[ArrayLike, Whole("Values", "Give a number of values.", least=0.0)]


@exported_tuple
class Watch(NamedTuple):
    """The state of an early stopping rule; it no longer changes once the rule has stopped.

    Attributes:
      seen: the number of values seen.
      best: the best value; infinite before there is one.
      stale: the number of values since the last improvement, or since the start; 0 right after an
        improvement. If the rule has a baseline, only improvements that beat it count.
      stopped: whether the rule has stopped.
    """

    seen: jax.Array
    best: jax.Array
    stale: jax.Array
    stopped: jax.Array


class EarlyStopping(Parametric):
    """An early stopping rule, made by :func:`early_stopping`; a pytree of its numbers."""

    __slots__ = ()
    _arguments = ("watch", "value")

    @property
    def monitor(self) -> str:
        """The name of the metric to watch."""
        name: str = self.params["monitor"]
        return name

    def init(self) -> Watch:
        """Returns the state before the first value."""
        zero = jnp.zeros((), jnp.int32)
        return Watch(zero, none_yet(), zero, jnp.zeros((), bool))

    def update(self, watch: Watch, value: ArrayLike) -> Watch:
        """Returns the state after one more value."""
        if jnp.shape(value) != jnp.shape(watch.best):
            raise ValueError(
                f"`{self.monitor}` must be one number, got the shape {jnp.shape(value)}. Give a "
                "mean; for a batch of rules use jax.vmap."
            )
        after: Watch = self.as_arrays()._apply(watch, value)
        return jax.tree.map(lambda old, new: jnp.where(watch.stopped, old, new), watch, after)

    def stops(self, watch: Watch) -> jax.Array:
        """Tells whether training should stop; once True, it stays True."""
        return watch.stopped


def _rule(function: Callable[Concatenate[Any, Any, P], Watch], /) -> Constructor[P, EarlyStopping]:
    """Makes a family of early stopping rules from a function."""
    constructor: Any = constructor_of(function, EarlyStopping, None)
    return constructor


@_rule
def early_stopping(
    watch: Watch,
    value: ArrayLike,
    monitor: str = "validation_loss",
    *,
    mode: Mode = "min",
    patience: Patience = 5,
    min_delta: Threshold = 0.0,
    baseline: Value | None = None,
    begin: _Values = 0,
) -> Watch:
    """A rule that stops training when a metric has not improved for some time.

    A value that is NaN or infinite is never an improvement.

    Args:
      monitor: the name of the metric. For ``jaxlr.train.fit`` it is a column of the epoch history,
        such as ``"loss"``, ``"validation_loss"`` or ``"validation_accuracy"``.
      mode: ``"min"`` if lower is better, ``"max"`` if higher is better.
      patience: the number of consecutive values without improvement after which to stop; at least
        1.
      min_delta: the change that an improvement must exceed.
      baseline: a value to beat, or None. An improvement that does not also beat the baseline by
        more than ``min_delta`` does not reset ``patience``.
      begin: the number of values at the start to ignore.

    Returns:
      The rule, with ``init()``, ``update(watch, value)`` and ``stops(watch)``.

    Raises:
      ValueError: if a number is out of range.

    >>> import jax, jax.numpy as jnp, jaxlr
    >>> @jax.jit
    ... @jax.vmap  # One run for each patience.
    ... def run(rule):
    ...     def epoch(watch, loss):
    ...         return rule.update(watch, loss), None
    ...     return jax.lax.scan(epoch, rule.init(), jnp.array([3.0, 1.0, 2.0, 2.0, 0.5]))[0]
    >>> watch = run(jax.vmap(lambda p: jaxlr.early_stopping(patience=p))(jnp.array([1, 2, 3])))
    >>> print(watch.best, watch.seen, watch.stopped)
    [1.  1.  0.5] [3 4 5] [ True  True False]

    References:
      Prechelt, `Early Stopping - But When? <https://doi.org/10.1007/3-540-49430-8_3>`_, 1998.
      ``keras.callbacks.EarlyStopping`` uses the same names.
    """
    improved = proven = improves(value, watch.best, min_delta, mode, "abs")
    if baseline is not None:
        proven &= improves(value, jnp.asarray(as_float(baseline)), min_delta, mode, "abs")
    looked_at = watch.seen >= begin
    stale = jnp.where(looked_at & ~proven, watch.stale + 1, 0)
    best = jnp.where(looked_at & improved, as_float(value), watch.best)
    stops = ~improved & (stale >= patience)
    return Watch(watch.seen + 1, best, stale, watch.stopped | stops)
