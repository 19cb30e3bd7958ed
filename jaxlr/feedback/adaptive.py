r"""Schedules that react to a metric, such as lowering the rate when the loss stalls.

An :class:`AdaptiveSchedule` multiplies an ordinary schedule by a scale that depends on the metrics
observed so far. You can combine a warm-up, a plateau rule and a cooldown in one expression:

>>> import jaxlr
>>> base = jaxlr.warmup_stable_decay_schedule(0.0, 0.1, 500, 8000, 1500)
>>> lr = jaxlr.reduce_on_plateau(base, factor=0.5, patience=20, begin=500)

It is an optax *stateful schedule*: ``optax.inject_hyperparams`` accepts it, stores its state in the
optimizer's state, and passes it the keyword arguments of ``update``.

>>> import jax.numpy as jnp, optax
>>> lr = jaxlr.reduce_on_plateau(0.1, factor=0.5, patience=2)
>>> optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=lr)
>>> params = jnp.zeros(3)
>>> state = optimizer.init(params)
>>> for loss in [3.0, 3.0, 3.0, 2.0]:
...     updates, state = optimizer.update(jnp.ones(3), state, params, value=loss)
...     print(f"{jaxlr.current_value(state):.3f}")
0.100
0.100
0.050
0.050

Like every jaxlr schedule it is data: a pytree of its numbers, which can be printed, parsed, copied
and saved as JSON. With ``jax.vmap``, one program runs a batch of patiences and factors. It is not a
:class:`jaxlr.Schedule`, because its value depends on more than the count.

When a metric takes effect
--------------------------

An update that receives a metric already uses the resulting rate, like PyTorch's first
``optimizer.step()`` after ``scheduler.step(metric)``. optax evaluates a stateful schedule before it
updates the state, so a reduction would normally come one update late. But optax passes the metrics
to both calls, and an adaptive schedule takes them into account when it is evaluated.

If a metric becomes known between two updates, such as once per epoch, :func:`jaxlr.observe` puts it
into the optimizer's state. A schedule observes only the keyword that ``monitor`` names: with
``monitor="validation_loss"`` it ignores the step losses, which are passed as ``value``.

A metric that is NaN or infinite counts as no improvement, and has no other effect. An optimizer in
``optax.MultiSteps`` receives only the metric of the last mini-batch.

Writing your own rule
---------------------

The decorator :func:`adaptive_schedule` makes a family from a function. The function takes the
rule's memory, a new metric, the current scale and the value of the base schedule, and returns the
new memory and scale:

>>> @jaxlr.adaptive_schedule(start=lambda **parameters: jnp.inf)
... def halve_on_a_rise(memory, metric, scale, base, schedule: jaxlr.feedback.Base):
...     return metric, jnp.where(metric > memory, scale / 2, scale)
>>> lr = halve_on_a_rise(0.1)
>>> state = lr.init()
>>> for loss in [3.0, 4.0, 2.0]:
...     state = lr.update(state, value=loss)
>>> float(lr(state))
0.05000000074505806
"""

import inspect
import warnings
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, NamedTuple, ParamSpec, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from jaxlr.compose.wrapping import One
from jaxlr.core.export import exported_tuple
from jaxlr.core.family import Constructor, Parametric, compiled, constructor_of, constructors
from jaxlr.core.numbers import as_float, as_steps, float_dtype
from jaxlr.core.parameters import Fraction, NonNegative, Number, Positive, Size, Steps, Whole
from jaxlr.exact import doubles
from jaxlr.feedback.improvement import Mode, Patience, Threshold, ThresholdMode, improves, none_yet

__all__ = [
    "AdaptiveSchedule",
    "AdaptiveState",
    "Base",
    "adaptive_schedule",
    "greedy",
    "reduce_on_plateau",
]

P = ParamSpec("P")


@exported_tuple
class AdaptiveState(NamedTuple):
    """The state of an adaptive schedule.

    Attributes:
      count: the number of updates so far.
      scale: the factor applied to the base schedule.
      mean: the mean of the metrics that the rule has not processed yet.
      waiting: the number of these metrics.
      memory: the memory of the rule.
    """

    count: jax.Array  # type: ignore[assignment]  # Tuples have a method of this name.
    scale: jax.Array
    mean: jax.Array
    waiting: jax.Array
    memory: Any


class AdaptiveSchedule(Parametric):
    """A schedule that depends on metrics, made by the constructor of its family.

    It implements ``optax.schedules.StatefulSchedule``: call :meth:`update` once per parameter
    update, and call the schedule with a state to get the value. All methods are pure functions. See
    the top of this page.
    """

    __slots__ = ()
    _arguments = ("memory", "metric", "scale", "base")

    @property
    def monitor(self) -> str:
        """The keyword argument that carries the metric; all others are ignored."""
        name: str = self.params.get("monitor", "value")
        return name

    def init(self) -> AdaptiveState:
        """Returns the state before the first update."""
        return _init(self.as_arrays())

    def update(self, state: AdaptiveState, **metrics: Any) -> AdaptiveState:
        """Returns the state after an update that received these metrics, if any."""
        state = self._hear(state, metrics)
        return state._replace(count=optax.safe_increment(state.count))

    def observe(self, state: AdaptiveState, metric: ArrayLike | None) -> AdaptiveState:
        """Returns the state after a metric that becomes known between two updates.

        None is ignored, with a warning.
        """
        if metric is None:
            warnings.warn(
                f"`{self.monitor}` is None, which is no metric: {self.family.name} leaves it out.",
                stacklevel=2,
            )
            return state
        if isinstance(metric, str):
            raise TypeError(f"`{self.monitor}` must be a number, got the string {metric!r}.")
        if jnp.shape(metric) != jnp.shape(state.scale):
            raise ValueError(
                f"`{self.monitor}` must be one number, got the shape {jnp.shape(metric)}. Give a "
                "mean; for a batch of schedules use jax.vmap."
            )
        return _observe(self.as_arrays(), state, as_float(metric))

    def __call__(self, state: AdaptiveState, **metrics: Any) -> jax.Array:
        """Returns the value for an update that receives these metrics, if any."""
        return _evaluate(self.as_arrays(), self._hear(state, metrics))

    def _hear(self, state: AdaptiveState, metrics: dict[str, Any]) -> AdaptiveState:
        """Returns the state after the monitored metric, if it is among the given ones."""
        if not isinstance(state, AdaptiveState):  # A plain optimizer passes a count.
            raise TypeError(
                f"`state` must be what `init` returns, got {state!r}. In an optimizer, wrap an "
                "adaptive schedule: optax.inject_hyperparams(optax.adam)(learning_rate=lr)."
            )
        if self.monitor in metrics:
            return self.observe(state, metrics[self.monitor])
        if metrics and self.monitor == "value":
            warnings.warn(
                f"{self.family.name} hears nothing: it waits for `value`, but was given only "
                f"{', '.join(f'`{name}`' for name in metrics)}. Give the metric as `value`, or "
                "name its keyword by `monitor`.",
                stacklevel=3,
            )
        return state


# From Python, each of these is one call of compiled code; inside a trace they are inlined.


@compiled
def _init(self: AdaptiveSchedule) -> AdaptiveState:
    rule = self._prepared()
    zero, one = jnp.zeros((), jnp.int32), jnp.ones((), float_dtype())
    # Give Python numbers a dtype: weak types would change after the first update and recompile.
    start = rule.family.start(**rule.params)
    memory = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), start)
    return AdaptiveState(zero, one, jnp.zeros_like(one), zero, memory)


@compiled
def _evaluate(self: AdaptiveSchedule, state: AdaptiveState) -> jax.Array:
    base: jax.Array = self.params["schedule"](state.count)
    return base * state.scale


@compiled
def _observe(self: AdaptiveSchedule, state: AdaptiveState, metric: jax.Array) -> AdaptiveState:
    rule = self._prepared()
    params = rule.params
    waiting = state.waiting + 1
    # A running mean stays precise over thousands of metrics; a sum would not.
    mean = state.mean + (metric - state.mean) / as_float(waiting)
    base = params["schedule"](state.count)
    memory, scale = rule.family.function(state.memory, mean, state.scale, base, **params)
    decided = AdaptiveState(state.count, scale, jnp.zeros_like(mean), 0 * waiting, memory)
    heard = _choose(
        waiting >= params.get("accumulation_size", 1),
        decided,
        state._replace(mean=mean, waiting=waiting),
    )
    count, begin = as_steps(state.count, params.get("begin", 0))
    return _choose(count >= begin, heard, state)


def _choose(condition: jax.Array, chosen: Any, other: Any) -> Any:
    """Returns one of two states, in the dtypes of the second."""
    return jax.tree.map(
        lambda x, y: jnp.where(condition, jnp.asarray(x).astype(y.dtype), y), chosen, other
    )


class OneOrNumber(One):
    """A schedule; functions of the count are wrapped, numbers become constants."""

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, int | float | np.number | np.ndarray | jax.Array):
            return constructors()["constant_schedule"](value)
        if callable(value):
            return super().store(where, value)
        raise TypeError(
            f"{where} must be a schedule, a function of the count or a number, got {value!r}. "
            "jaxlr.parse reads a text."
        )


Base = Annotated[Callable[[ArrayLike], ArrayLike] | ArrayLike, OneOrNumber()]
"""A base schedule to be scaled: a schedule, a function of the count or a number."""

_Factor = Annotated[
    ArrayLike, Number("Factor", "Give a fraction, such as 0.5.", least=0.0, open=True, most=1.0)
]
_Metrics = Annotated[ArrayLike, Whole("Metrics", "Give a number of metrics.", least=0.0)]
_Several = Annotated[
    ArrayLike, Whole("Metrics", "Give a number of metrics, at least 1.", least=1.0)
]
_Window = Annotated[int, Size()]


class Decorator(Protocol):
    """The decorator that :func:`adaptive_schedule` returns."""

    def __call__(
        self, function: Callable[Concatenate[Any, Any, Any, Any, P], tuple[Any, Any]], /
    ) -> Constructor[P, AdaptiveSchedule]: ...


def adaptive_schedule(
    *, start: Callable[..., Any], check: Callable[..., None] | None = None
) -> Decorator:
    """Makes a family of adaptive schedules from a function; see the top of this page.

    The function must have a parameter ``schedule`` for the base. It may also have ``monitor``,
    ``begin`` and ``accumulation_size``, which work as in :func:`reduce_on_plateau`.

    Args:
      start: called as ``start(**parameters)``; returns the initial memory, any pytree of numbers.
      check: called by the constructor as ``check(**parameters)`` if no parameter is traced. It
        raises a ``ValueError`` if the parameters do not fit together.

    Returns:
      A decorator for a function ``f(memory, metric, scale, base, **parameters)`` that returns the
      new memory and the new scale. The decorator returns the constructor ``f(**parameters)``.

    Raises:
      TypeError: if the leading parameters are different, or there is no parameter ``schedule``.
    """

    def decorate(function: Any, /) -> Any:
        arguments = AdaptiveSchedule._arguments
        names = tuple(inspect.signature(function).parameters)
        if names[: len(arguments)] != arguments or "schedule" not in names:
            raise TypeError(
                f"{function.__name__}: the first parameters of a rule must be "
                f"{', '.join(arguments)}, and another one `schedule`; got {', '.join(names)}."
            )
        constructor = constructor_of(function, AdaptiveSchedule, check)
        constructor.family.start = start
        return constructor

    return decorate


@exported_tuple
class Plateau(NamedTuple):
    """The memory of :func:`reduce_on_plateau`.

    Attributes:
      best: the best metric; infinite before there is one.
      stale: the number of metrics without improvement since then, outside cooldowns.
      pause: the number of metrics left in the current cooldown.
    """

    best: jax.Array
    stale: jax.Array
    pause: jax.Array


def _plateau(**parameters: Any) -> Plateau:
    """Returns the initial memory of :func:`reduce_on_plateau`."""
    zero = jnp.zeros((), jnp.int32)
    return Plateau(none_yet(), zero, zero)


def _check_plateau(*, schedule: Any, min_value: ArrayLike, **_: Any) -> None:
    if schedule.family.name != "constant_schedule":
        return
    rate = np.asarray(schedule.params["value"])
    if np.any((rate > 0.0) & (rate <= np.asarray(min_value))):
        raise ValueError(
            f"`min_value` must be below the rate, or nothing is ever reduced; got {min_value} for "
            f"the rate {rate}."
        )


@adaptive_schedule(start=_plateau, check=_check_plateau)
def reduce_on_plateau(
    memory: Plateau,
    metric: jax.Array,
    scale: jax.Array,
    base: jax.Array,
    schedule: Base,
    factor: Fraction = 0.1,
    patience: Patience = 10,
    *,
    mode: Mode = "min",
    threshold: Threshold = 1e-4,
    threshold_mode: ThresholdMode = "rel",
    cooldown: _Metrics = 0,
    improves_in_cooldown: bool = True,
    min_value: NonNegative = 0.0,
    eps: NonNegative = 0.0,
    begin: Steps = 0,
    accumulation_size: _Several = 1,
    monitor: str = "value",
) -> tuple[Plateau, jax.Array]:
    r"""A schedule that is reduced by a factor whenever a metric stops improving.

    A metric is an improvement if it is better than the best one by more than the threshold. After
    ``patience`` consecutive metrics without improvement, the scale is multiplied by ``factor``.

    Args:
      schedule: the base to scale: a schedule, a function of the count or a number.
      factor: the factor of each reduction.
      patience: the number of consecutive metrics without improvement that trigger a reduction; at
        least 1.
      mode: ``"min"`` if lower is better, ``"max"`` if higher is better.
      threshold: how much better than the best metric an improvement must be.
      threshold_mode: ``"abs"`` for a difference; ``"rel"`` for a fraction of the absolute value of
        the best metric; ``"signed"`` for a fraction of the best metric itself.
      cooldown: the number of metrics after a reduction that do not count against patience.
      improves_in_cooldown: whether a metric during the cooldown can become the best one.
      min_value: the floor of reductions. The base schedule itself may be below it, such as in a
        warm-up from 0; then there is no reduction.
      eps: reductions by no more than this are skipped.
      begin: the count from which metrics are observed, such as the end of a warm-up.
      accumulation_size: the number of metrics to average into one, such as the losses of an epoch.
      monitor: the keyword argument of ``update`` that carries the metric. For ``jaxlr.train.fit``
        it may also be a column of the epoch history, which is then observed once per epoch.

    Returns:
      The schedule, an :class:`AdaptiveSchedule`.

    Raises:
      TypeError: if the base is not a schedule, function or number.
      ValueError: if a number is out of range.

    >>> import jaxlr
    >>> lr = jaxlr.reduce_on_plateau(jaxlr.linear_schedule(0.0, 1.0, 4), factor=0.5, patience=2)
    >>> state = lr.init()
    >>> values = []
    >>> for loss in [5.0, 4.0, 4.0, 4.0, 4.0, 4.0]:
    ...     values.append(float(lr(state, value=loss)))
    ...     state = lr.update(state, value=loss)
    >>> values
    [0.0, 0.25, 0.5, 0.375, 0.5, 0.25]

    Other frameworks differ; the constructors in :mod:`jaxlr.peers` reproduce their behavior:

    * PyTorch reduces one metric later, so its patience 0 is 1 here. Its relative threshold is
      ``"signed"``: a metric that stays at the same negative value counts as improving forever and
      is never reduced. It skips reductions below ``eps=1e-8``, and accepts an infinite metric as
      the best one, after which nothing can improve.
    * Keras uses absolute thresholds. The last metric of its cooldown counts against patience, so
      cooldowns 0 and 1 are the same, and so are patience 0 and 1. If the first metric is NaN, no
      later one is ever an improvement.
    * Paddle is like PyTorch, but ignores all metrics during the cooldown.
    * optax's ``contrib.reduce_on_plateau`` has the same patience and cooldown. It applies an
      absolute and a signed relative threshold together. With patience 0 it reduces at every
      improvement.

    References:
      ``torch.optim.lr_scheduler.ReduceLROnPlateau``, ``keras.callbacks.ReduceLROnPlateau``
    """
    improved = improves(metric, memory.best, threshold, mode, threshold_mode)
    stale = jnp.where(improved | (memory.pause > 0), 0, memory.stale + 1)
    reduces = stale >= patience
    lower = _apply_eps(scale, _reduced(scale, factor, _as_scale(min_value, base)), base, eps)
    counts = improves_in_cooldown | (memory.pause == 0)
    return Plateau(
        best=jnp.where(improved & counts, metric, memory.best),
        stale=jnp.where(reduces, 0, stale),
        pause=jnp.where(reduces, cooldown, jnp.maximum(memory.pause - 1, 0)),
    ), jnp.where(reduces, lower, scale)


@exported_tuple
class Greedy(NamedTuple):
    """The memory of :func:`greedy`.

    Attributes:
      best: the best metric; infinite before there is one.
      streak: the number of consecutive improvements, or minus the number of consecutive metrics
        without one.
      pause: the number of metrics left in the current cooldown or warm-up.
      at_bottom: the number of reductions that ended at ``min_value`` since the last raise.
      recent: the metrics that are averaged, newest last.
      recorded: the number of metrics in ``recent``.
    """

    best: jax.Array
    streak: jax.Array
    pause: jax.Array
    at_bottom: jax.Array
    recent: jax.Array
    recorded: jax.Array


def _greedy(*, window_size: int, **parameters: Any) -> Greedy:
    """Returns the initial memory of :func:`greedy`."""
    zero = jnp.zeros((), jnp.int32)
    recent = jnp.zeros(window_size, float_dtype())
    return Greedy(none_yet(), zero, zero, zero, recent, zero)


def _check_greedy(*, min_value: ArrayLike, max_value: ArrayLike, **_: Any) -> None:
    low, high = np.asarray(min_value), np.asarray(max_value)
    if np.any(low > high):
        raise ValueError(f"`min_value` must not be above `max_value`, got {low} and {high}.")


@adaptive_schedule(start=_greedy, check=_check_greedy)
def greedy(
    memory: Greedy,
    metric: jax.Array,
    scale: jax.Array,
    base: jax.Array,
    schedule: Base,
    min_value: NonNegative,
    max_value: Positive,
    factor: _Factor = 0.95,
    patience: Patience = 10,
    *,
    mode: Mode = "min",
    threshold: Threshold = 1e-6,
    threshold_mode: ThresholdMode = "abs",
    cooldown: _Metrics = 0,
    warmup: _Metrics = 0,
    eps: NonNegative = 0.0,
    window_size: _Window = 1,
    reset_start: _Several = 500,
    begin: Steps = 0,
    accumulation_size: _Several = 1,
    monitor: str = "value",
) -> tuple[Greedy, jax.Array]:
    r"""A schedule that is raised while a metric improves and lowered while it does not.

    After ``patience`` consecutive improvements the scale is divided by ``factor``. After
    ``patience`` consecutive metrics without improvement it is multiplied by ``factor``.

    Args:
      schedule: the base to scale: a schedule, a function of the count or a number.
      min_value: the floor of reductions.
      max_value: the ceiling of raises. The base schedule itself may be outside these bounds.
      factor: the factor of each reduction, and the divisor of each raise.
      patience: the number of consecutive metrics that trigger a change; at least 1.
      mode: ``"min"`` if lower is better, ``"max"`` if higher is better.
      threshold: how much better than the best metric an improvement must be.
      threshold_mode: as for :func:`reduce_on_plateau`.
      cooldown: the number of metrics to ignore after a reduction.
      warmup: the number of metrics to ignore after a raise.
      eps: changes by no more than this are skipped.
      window_size: the number of recent metrics to average, an integer; 1 for no smoothing.
      reset_start: after this many reductions that end at ``min_value``, with no raise in between,
        the scale is reset to 1 and the memory is cleared.
      begin: the count from which metrics are observed.
      accumulation_size: the number of metrics to average into one, before any smoothing.
      monitor: the keyword argument of ``update`` that carries the metric, as for
        :func:`reduce_on_plateau`.

    Returns:
      The schedule, an :class:`AdaptiveSchedule`.

    Raises:
      TypeError: if the base is not a schedule, function or number.
      ValueError: if a number is out of range.

    >>> import jaxlr
    >>> lr = jaxlr.greedy(0.1, min_value=0.01, max_value=1.0, factor=0.5, patience=2)
    >>> state = lr.init()
    >>> values = []
    >>> for loss in [5.0, 4.0, 3.0, 3.0, 3.0]:
    ...     values.append(f"{lr(state, value=loss):.2f}")
    ...     state = lr.update(state, value=loss)
    >>> print(*values)
    0.10 0.20 0.20 0.20 0.10

    Transformers acts one metric later; :func:`jaxlr.peers.transformers.GreedyLR` reproduces that.
    Its relative threshold is ``"signed"``, and a NaN metric makes the mean of the window NaN
    forever. Here a NaN counts as no improvement and stays out of the window.

    References:
      `GreedyLR: A Novel Adaptive Learning Rate Scheduler <https://arxiv.org/abs/2512.14527>`_,
      2025; ``transformers.optimization.GreedyLR``
    """
    paused = memory.pause > 0
    recent, recorded, metric = _smoothed(memory.recent, memory.recorded, metric)
    improved = improves(metric, memory.best, threshold, mode, threshold_mode)
    good, bad = jnp.maximum(memory.streak, 0), jnp.minimum(memory.streak, 0)
    streak = jnp.where(paused, 0, jnp.where(improved, good + 1, bad - 1))
    raises, reduces = streak >= patience, -streak >= patience
    bottom, top = _as_scale(min_value, base), _as_scale(max_value, base)
    higher = _apply_eps(scale, _raised(scale, factor, top), base, eps)
    lower = _apply_eps(scale, _reduced(scale, factor, bottom), base, eps)
    at_bottom = jnp.where(reduces & (lower <= bottom), memory.at_bottom + 1, memory.at_bottom)
    resets = at_bottom >= reset_start
    after = Greedy(
        best=jnp.where(improved & ~paused, metric, memory.best),
        streak=jnp.where(raises | reduces, 0, streak),
        pause=jnp.maximum(memory.pause - 1, 0),
        at_bottom=jnp.where(raises, 0, at_bottom),
        recent=recent,
        recorded=recorded,
    )
    after = _choose(resets, _greedy(window_size=recent.size), after)
    pause = jnp.where(raises, warmup, jnp.where(reduces, cooldown, after.pause))
    scale = jnp.where(raises, higher, jnp.where(reduces, lower, scale))
    return after._replace(pause=pause), jnp.where(resets, 1.0, scale)


def _as_scale(value: ArrayLike, base: jax.Array) -> jax.Array:
    """Returns the scale at which the base reaches a value; 0 if the base is not positive."""
    positive = base > 0.0
    return jnp.where(positive, value / jnp.where(positive, base, 1.0), 0.0)


def _reduced(scale: jax.Array, factor: ArrayLike, bottom: jax.Array) -> jax.Array:
    """Multiplies the scale by the factor, but not below ``bottom``."""
    return jnp.maximum(scale * factor, jnp.minimum(bottom, scale))


def _raised(scale: jax.Array, factor: ArrayLike, top: jax.Array) -> jax.Array:
    """Divides the scale by the factor, but not above ``top``."""
    return jnp.minimum(doubles.divide(scale, factor), jnp.maximum(top, scale))


def _apply_eps(scale: jax.Array, new: jax.Array, base: jax.Array, eps: ArrayLike) -> jax.Array:
    """Returns the new scale if it changes the value by more than ``eps``, else the old one."""
    return jnp.where(jnp.abs(base * new - base * scale) > eps, new, scale)


def _smoothed(
    recent: jax.Array, recorded: jax.Array, metric: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Appends a metric to a window; returns the window, its size and its mean."""
    finite = jnp.isfinite(metric)
    recent = jnp.where(finite, jnp.concatenate([recent[1:], metric[None]]), recent)
    recorded = jnp.where(finite, jnp.minimum(recorded + 1, recent.size), recorded)
    mean = jnp.sum(recent) / as_float(jnp.maximum(recorded, 1))
    return recent, recorded, jnp.where(finite, mean, metric)
