r"""Schedules that listen to a metric: lower the rate when the loss stalls, raise it while it falls.

An :class:`AdaptiveSchedule` multiplies an ordinary schedule by a scale that depends on the metrics
it has heard, so a warm-up, a plateau rule and a cooldown are one expression:

>>> import jaxlr
>>> base = jaxlr.warmup_stable_decay_schedule(0.0, 0.1, 500, 8000, 1500)
>>> lr = jaxlr.reduce_on_plateau(base, factor=0.5, patience=20, begin=500)

It is a *stateful schedule* of optax: ``optax.inject_hyperparams`` takes it, keeps its state within
that of the optimizer, and hands it what comes to ``update`` by name.

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

As any schedule of jaxlr it is data: a pytree of its numbers, with a text, copies and a form in
JSON; under ``jax.vmap`` a batch of patiences and factors is one program. It is no
:class:`jaxlr.Schedule`, for a count alone does not tell its value.

When a metric takes effect
--------------------------

The update that a metric is handed to uses the rate that follows from it, as does PyTorch's first
``optimizer.step()`` after ``scheduler.step(metric)``. optax asks a stateful schedule for its value
first and updates it afterwards, so a reduction would come one update late. But it hands the
metrics to both calls, and an adaptive schedule that is asked for its value counts them in.

Where a metric is known between two updates, such as once an epoch, :func:`jaxlr.observe` puts it
into the state of the optimizer. A schedule hears nothing but the keyword that ``monitor`` names:
with ``monitor="validation_loss"`` it does not take the losses of the steps, which come as
``value``, for what it waits for.

A metric that is NaN or infinite is never an improvement, and leaves no other trace. An optimizer in
``optax.MultiSteps`` is handed the metric of the last small batch only.

A rule of one's own
-------------------

The decorator :func:`adaptive_schedule` makes a family out of a function that takes what the rule
remembers, a new metric, the scale and the value of the base schedule, and returns the new memory
and scale:

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


class AdaptiveState(NamedTuple):
    """What an adaptive schedule knows.

    Attributes:
      count: the number of updates so far.
      scale: what the base schedule is multiplied by.
      mean: the mean of the metrics that the rule has not looked at yet.
      waiting: how many of them there are.
      memory: what the rule remembers of those before.
    """

    count: jax.Array  # type: ignore[assignment]  # a tuple has a method of this name
    scale: jax.Array
    mean: jax.Array
    waiting: jax.Array
    memory: Any


class AdaptiveSchedule(Parametric):
    """A schedule that depends on metrics, made by the constructor of its family.

    It has the protocol of ``optax.schedules.StatefulSchedule``: :meth:`update` is called once per
    update of the parameters, and calling the schedule with a state returns the value. All methods
    are pure functions. See the top of this page.
    """

    __slots__ = ()
    _arguments = ("memory", "metric", "scale", "base")

    @property
    def monitor(self) -> str:
        """The keyword by which the metric comes; all others are ignored."""
        name: str = self.params.get("monitor", "value")
        return name

    def init(self) -> AdaptiveState:
        """Returns the state before the first update."""
        return _init(self.as_arrays())

    def update(self, state: AdaptiveState, **metrics: Any) -> AdaptiveState:
        """Returns the state after an update that was handed these metrics, if any."""
        state = self._hear(state, metrics)
        return state._replace(count=optax.safe_increment(state.count))

    def observe(self, state: AdaptiveState, metric: ArrayLike | None) -> AdaptiveState:
        """Returns the state after a metric that comes between two updates.

        None is no metric: it is left out, with a warning.
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
        """Returns the value for an update that is handed these metrics, if any."""
        return _evaluate(self.as_arrays(), self._hear(state, metrics))

    def _hear(self, state: AdaptiveState, metrics: dict[str, Any]) -> AdaptiveState:
        if not isinstance(state, AdaptiveState):  # An optimizer by itself calls it with a count.
            raise TypeError(
                f"`state` must be what `init` returns, got {state!r}. In an optimizer a schedule "
                "that listens to a metric has its state from inject_hyperparams: "
                "optax.inject_hyperparams(optax.adam)(learning_rate=lr)."
            )
        if self.monitor in metrics:
            return self.observe(state, metrics[self.monitor])
        if metrics and self.monitor == "value":
            warnings.warn(
                f"{self.family.name} hears nothing: it waits for `value`, and there is only "
                f"{', '.join(f'`{name}`' for name in metrics)}. Give the metric as `value`, or "
                "name its keyword by `monitor`.",
                stacklevel=3,
            )
        return state


# One call of compiled code each from Python, and inlined where they are called in a trace.


@compiled
def _init(self: AdaptiveSchedule) -> AdaptiveState:
    rule = self._prepared()
    zero, one = jnp.zeros((), jnp.int32), jnp.ones((), float_dtype())
    # With a dtype, so that a Python number is not taken for one of any precision.
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
    # The running mean of thousands of metrics keeps its digits, where their sum would not.
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
    """Chooses one of two states; the dtypes are those of the second."""
    return jax.tree.map(
        lambda x, y: jnp.where(condition, jnp.asarray(x).astype(y.dtype), y), chosen, other
    )


class OneOrNumber(One):
    """A schedule; a function of the count is wrapped, a number is a constant."""

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, int | float | np.number | np.ndarray | jax.Array):
            return constructors()["constant_schedule"](value)
        if callable(value):
            return super().store(where, value)
        raise TypeError(
            f"{where} must be a schedule, a function of the count or a number, got {value!r}. "
            "A text is read by jaxlr.parse."
        )


Base = Annotated[Callable[[ArrayLike], ArrayLike] | ArrayLike, OneOrNumber()]
"""What is multiplied: a schedule, a function of the count or a number."""

_Factor = Annotated[
    ArrayLike, Number("Factor", "Give a fraction, such as 0.5.", least=0.0, open=True, most=1.0)
]
_Metrics = Annotated[ArrayLike, Whole("Metrics", "Give a number of metrics.", least=0.0)]
_Several = Annotated[
    ArrayLike, Whole("Metrics", "Give a number of metrics, at least 1.", least=1.0)
]
_Window = Annotated[int, Size()]


class Decorator(Protocol):
    """What :func:`adaptive_schedule` returns."""

    def __call__(
        self, function: Callable[Concatenate[Any, Any, Any, Any, P], tuple[Any, Any]], /
    ) -> Constructor[P, AdaptiveSchedule]: ...


def adaptive_schedule(
    *, start: Callable[..., Any], check: Callable[..., None] | None = None
) -> Decorator:
    """Makes a family of adaptive schedules out of a function; see the top of this page.

    The function has a parameter ``schedule``, the base. It may have some more that work the same in
    every family: ``monitor``, ``begin`` and ``accumulation_size``; see :func:`reduce_on_plateau`.

    Args:
      start: called as ``start(**parameters)``; returns what the rule remembers at first, any pytree
        of numbers.
      check: called as ``check(**parameters)`` by the constructor when all numbers are known, to
        raise a ``ValueError`` about parameters that do not fit together.

    Returns:
      A decorator of a function ``f(memory, metric, scale, base, **parameters)`` that returns the
      new memory and the new scale. It returns the constructor ``f(**parameters)``.

    Raises:
      TypeError: if the function has other first parameters, or no parameter ``schedule``.
    """

    def decorate(function: Any, /) -> Any:
        arguments = AdaptiveSchedule._arguments
        names = tuple(inspect.signature(function).parameters)
        if names[: len(arguments)] != arguments or "schedule" not in names:
            raise TypeError(
                f"{function.__name__}: a rule takes {', '.join(arguments)} first, and has a "
                f"parameter `schedule`; got {', '.join(names)}."
            )
        constructor = constructor_of(function, AdaptiveSchedule, check)
        constructor.family.start = start
        return constructor

    return decorate


class Plateau(NamedTuple):
    """What :func:`reduce_on_plateau` remembers.

    Attributes:
      best: the best metric; infinite before there is one.
      stale: the number of metrics since then that count.
      pause: how many of the next ones do not count.
    """

    best: jax.Array
    stale: jax.Array
    pause: jax.Array


def _plateau(**parameters: Any) -> Plateau:
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
    r"""A schedule times a factor for each time that a metric has stalled.

    A metric is an improvement if it is below the best one by more than the threshold. At the
    ``patience``-th one in a row that is none, the scale is multiplied by ``factor``.

    Args:
      schedule: what is scaled: a schedule, a function of the count or a number.
      factor: what the scale is multiplied by.
      patience: the number of metrics in a row without improvement at which to reduce, at least 1.
      mode: ``"min"`` if less is better, ``"max"`` if more is.
      threshold: by how much a metric must be better than the best one.
      threshold_mode: ``"abs"`` for a difference; ``"rel"`` for a fraction of the absolute value of
        the best metric; ``"signed"`` for a fraction of the best metric itself.
      cooldown: the number of metrics after a reduction that do not count against patience.
      improves_in_cooldown: whether one of these can be the best metric, to be beaten by others.
      min_value: no reduction goes below this value. The base schedule may, such as in a warm-up
        from 0; then nothing is reduced.
      eps: a reduction by no more than this is not made.
      begin: the count from which on metrics are heard, such as the end of a warm-up.
      accumulation_size: how many metrics are averaged to one, such as the losses of an epoch.
      monitor: the keyword by which the metric comes to ``update``; for ``jaxlr.train.fit`` also a
        column of the history of epochs, which then is heard once an epoch.

    Returns:
      The schedule, an :class:`AdaptiveSchedule`.

    Raises:
      TypeError: if the base is no schedule.
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

    Other frameworks differ, and :mod:`jaxlr.peers` has constructors that do as they do:

    * PyTorch reduces one metric later, so that its patience 0 is 1 here. Its relative threshold is
      the signed one, under which a metric that stays at the same negative value improves for ever,
      and nothing is reduced. It leaves out reductions by less than ``eps=1e-8``, and takes an
      infinite metric for the best one, after which no other can improve.
    * Keras has absolute thresholds, and the last metric of its cooldown counts again, so that a
      cooldown of 0 and 1 are the same; so are patience 0 and 1. If its first metric is NaN,
      no other is ever an improvement.
    * Paddle is like PyTorch, but hears nothing within its cooldown.
    * optax's ``contrib.reduce_on_plateau`` has the same patience and cooldown, both thresholds at
      once, and the signed one; 0 as patience reduces at every improvement.

    References:
      ``torch.optim.lr_scheduler.ReduceLROnPlateau``, ``keras.callbacks.ReduceLROnPlateau``
    """
    improved = improves(metric, memory.best, threshold, mode, threshold_mode)
    stale = jnp.where(improved | (memory.pause > 0), 0, memory.stale + 1)
    reduces = stale >= patience
    lower = _unless_tiny(scale, _reduced(scale, factor, _as_scale(min_value, base)), base, eps)
    hears = improves_in_cooldown | (memory.pause == 0)
    return Plateau(
        best=jnp.where(improved & hears, metric, memory.best),
        stale=jnp.where(reduces, 0, stale),
        pause=jnp.where(reduces, cooldown, jnp.maximum(memory.pause - 1, 0)),
    ), jnp.where(reduces, lower, scale)


class Greedy(NamedTuple):
    """What :func:`greedy` remembers.

    Attributes:
      best: the best metric; infinite before there is one.
      streak: the number of improvements in a row; less than 0 for metrics that are none.
      pause: how many of the next metrics do not count.
      at_bottom: how often the value could not be reduced any more since it was last raised.
      recent: the metrics whose mean is looked at, the newest last.
      recorded: how many of them there are.
    """

    best: jax.Array
    streak: jax.Array
    pause: jax.Array
    at_bottom: jax.Array
    recent: jax.Array
    recorded: jax.Array


def _greedy(*, window_size: int, **parameters: Any) -> Greedy:
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
    r"""A schedule that is raised while a metric improves, and lowered while it does not.

    After ``patience`` improvements in a row the scale is divided by ``factor``, after ``patience``
    metrics in a row without one it is multiplied by it.

    Args:
      schedule: what is scaled: a schedule, a function of the count or a number.
      min_value: no reduction goes below this value.
      max_value: no raise goes above this value. The base schedule may be outside of the two.
      factor: what the scale is multiplied by, or divided by.
      patience: the number of metrics in a row at which to act, at least 1.
      mode: ``"min"`` if less is better, ``"max"`` if more is.
      threshold: by how much a metric must be better than the best one.
      threshold_mode: as for :func:`reduce_on_plateau`.
      cooldown: the number of metrics after a reduction that are not looked at.
      warmup: the number of metrics after a raise that are not looked at.
      eps: a change by no more than this is not made.
      window_size: how many of the last metrics are averaged, an integer; 1 for no smoothing.
      reset_start: at the ``reset_start``-th reduction that leaves the value at ``min_value``, with
        no raise between them, the scale becomes 1 again and the past is forgotten.
      begin: the count from which on metrics are heard.
      accumulation_size: how many metrics are averaged to one, before all else.
      monitor: the keyword by which the metric comes to ``update``, as for
        :func:`reduce_on_plateau`.

    Returns:
      The schedule, an :class:`AdaptiveSchedule`.

    Raises:
      TypeError: if the base is no schedule.
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

    Transformers acts one metric later; :func:`jaxlr.peers.transformers.GreedyLR` does as it does.
    There the relative threshold is the signed one, and a metric that is NaN spoils the mean of the
    window for ever; here it is no improvement, and does not enter.

    References:
      `GreedyLR: A Novel Adaptive Learning Rate Scheduler <https://arxiv.org/abs/2512.14527>`_,
      2025; ``transformers.optimization.GreedyLR``
    """
    rests = memory.pause > 0
    recent, recorded, metric = _smoothed(memory.recent, memory.recorded, metric)
    improved = improves(metric, memory.best, threshold, mode, threshold_mode)
    good, bad = jnp.maximum(memory.streak, 0), jnp.minimum(memory.streak, 0)
    streak = jnp.where(rests, 0, jnp.where(improved, good + 1, bad - 1))
    raises, reduces = streak >= patience, -streak >= patience
    bottom, top = _as_scale(min_value, base), _as_scale(max_value, base)
    higher = _unless_tiny(scale, _raised(scale, factor, top), base, eps)
    lower = _unless_tiny(scale, _reduced(scale, factor, bottom), base, eps)
    at_bottom = jnp.where(reduces & (lower <= bottom), memory.at_bottom + 1, memory.at_bottom)
    resets = at_bottom >= reset_start
    after = Greedy(
        best=jnp.where(improved & ~rests, metric, memory.best),
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
    """The scale at which the base has a value; 0 where the base is not positive."""
    positive = base > 0.0
    return jnp.where(positive, value / jnp.where(positive, base, 1.0), 0.0)


def _reduced(scale: jax.Array, factor: ArrayLike, bottom: jax.Array) -> jax.Array:
    return jnp.maximum(scale * factor, jnp.minimum(bottom, scale))


def _raised(scale: jax.Array, factor: ArrayLike, top: jax.Array) -> jax.Array:
    return jnp.minimum(doubles.divide(scale, factor), jnp.maximum(top, scale))


def _unless_tiny(scale: jax.Array, new: jax.Array, base: jax.Array, eps: ArrayLike) -> jax.Array:
    return jnp.where(jnp.abs(base * new - base * scale) > eps, new, scale)


def _smoothed(
    recent: jax.Array, recorded: jax.Array, metric: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Puts a metric at the end of a window; returns it, how much it holds and its mean."""
    finite = jnp.isfinite(metric)
    recent = jnp.where(finite, jnp.concatenate([recent[1:], metric[None]]), recent)
    recorded = jnp.where(finite, jnp.minimum(recorded + 1, recent.size), recorded)
    mean = jnp.sum(recent) / as_float(jnp.maximum(recorded, 1))
    return recent, recorded, jnp.where(finite, mean, metric)
