r"""Every closed-form family of schedules: one pure function each, which reads like its formula.

All of them keep these rules.

* Values are absolute, lengths are in steps. The value at ``count`` is the one that update number
  ``count`` uses; counts begin at 0, and before 0 the first value holds.
* A schedule with an end holds its last value from there on.
* A phase of length 0 is over at every count.
* Both ends are exact. In between, the relative error is below 1e-6 at every count up to 2**31 - 1;
  where a rate is traced rather than known, its rounding to float32 comes on top.
* Every number may be a tracer or an array, so lengths, boundaries and rates can be batched by
  ``jax.vmap`` and changed without compiling again. ``bool``, ``str`` and ``None`` are structure.

The names, positions and defaults of the fourteen optax schedules are those of optax, so that
``optax.X`` becomes ``jaxlr.X`` by that edit alone; where the meaning at an odd argument differs,
the docstring says so.
"""

import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr._numerics import (
    Double,
    Progress,
    as_float,
    as_number,
    as_steps,
    blend,
    divide,
    double,
    exponential,
    half_cosine,
    interval,
    inverse,
    known,
    log,
    on_host,
    per_step,
    power,
    progress,
    raised,
    stack,
    whole_periods,
)
from jaxlr._parameters import Fraction, Kind, NonNegative, Period, Positive, Steps, Value, kind_of
from jaxlr.compose import join_schedules
from jaxlr.schedule import Schedule, schedule

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "exponential_decay",
    "exponential_decay_with_burnin",
    "inverse_time_decay",
    "linear_onecycle_schedule",
    "linear_schedule",
    "natural_exponential_decay",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "sgdr_schedule",
    "step_decay",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]


@schedule
def constant_schedule(count: jax.Array, value: Value) -> Any:
    """The same value at every count.

    Args:
      value: the value.

    Returns:
      The schedule. Its values are arrays of the shape of the count, as for every family.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.constant_schedule(0.1)(jnp.arange(3))
    Array([0.1, 0.1, 0.1], dtype=float32)
    """
    return value


@schedule
def linear_schedule(
    count: jax.Array,
    init_value: Value,
    end_value: Value,
    transition_steps: Steps,
    transition_begin: Steps = 0,
) -> jax.Array:
    r"""A straight line from one value to another.

    .. math::
      I (1 - p) + E p, \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      transition_steps: :math:`T`, the length of the line; with 0 it is a jump.
      transition_begin: :math:`B`, the count at which the line begins.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length or begin, which optax takes for a constant or for 0. For
        length 0 optax holds ``init_value`` for ever; here the line is over.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.linear_schedule(1.0, 0.5, transition_steps=2, transition_begin=1)(jnp.arange(5))
    Array([1.  , 1.  , 0.75, 0.5 , 0.5 ], dtype=float32)
    """
    return blend(init_value, end_value, *progress(count, transition_steps, transition_begin))


@schedule
def polynomial_schedule(
    count: jax.Array,
    init_value: Value,
    end_value: Value,
    power: NonNegative,
    transition_steps: Steps,
    transition_begin: Steps = 0,
) -> jax.Array:
    r"""A power of the time that remains, from one value to another.

    .. math::
      E + (I - E) (1 - p)^P, \qquad p = \operatorname{clip}\left(\frac{t - B}{T}, 0, 1\right)

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      end_value: :math:`E`, the value from count ``transition_begin + transition_steps`` on.
      power: :math:`P`; 1 is a line, above 1 most of the way is made early, below 1 late.
      transition_steps: :math:`T`, the length of the transition; with 0 it is a jump.
      transition_begin: :math:`B`, the count at which the transition begins.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative power, length or begin.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)(jnp.arange(6))
    Array([1.    , 0.5625, 0.25  , 0.0625, 0.    , 0.    ], dtype=float32)
    """
    fraction = progress(count, transition_steps, transition_begin)
    return blend(init_value, end_value, *raised(fraction, power))


@schedule
def cosine_decay_schedule(
    count: jax.Array,
    init_value: Value,
    decay_steps: Steps,
    alpha: Value = 0.0,
    exponent: NonNegative = 1.0,
) -> jax.Array:
    r"""Half a cosine wave from a value down to a fraction of it.

    .. math::
      I \left(\alpha + (1 - \alpha) \left[\frac{1 + \cos \pi p}{2}\right]^P\right),
      \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which ``alpha * init_value`` holds.
      alpha: :math:`\alpha`, the last value as a fraction of the first.
      exponent: :math:`P`, the power to which the wave is raised.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length or exponent.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_decay_schedule(1.0, decay_steps=3, alpha=0.2)
    >>> print(np.asarray(lr(np.arange(5))).round(3))
    [1.  0.8 0.4 0.2 0.2]

    References:
      Loshchilov and Hutter, `SGDR: Stochastic Gradient Descent with Warm Restarts
      <https://arxiv.org/abs/1608.03983>`_, 2017
    """
    wave = power(half_cosine(progress(count, decay_steps).remaining), exponent)
    return as_float(init_value) * (wave + as_float(alpha) * (1.0 - wave))


@schedule
def warmup_constant_schedule(
    count: jax.Array, init_value: Value, peak_value: Value, warmup_steps: Steps
) -> jax.Array:
    r"""A linear warm-up to a value that then holds.

    Args:
      init_value: the value at count 0.
      peak_value: the value from count ``warmup_steps`` on.
      warmup_steps: the length of the warm-up; with 0 there is none, where optax would hold
        ``init_value`` for ever.

    Returns:
      The schedule.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.warmup_constant_schedule(0.0, 1.0, warmup_steps=4)(jnp.arange(6))
    Array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ], dtype=float32)
    """
    return blend(init_value, peak_value, *progress(count, warmup_steps))


def _check_warmup(*, warmup_steps: ArrayLike, decay_steps: ArrayLike, **_: Any) -> None:
    if np.any(np.asarray(warmup_steps) > np.asarray(decay_steps)):
        raise ValueError(
            f"warmup_cosine_decay_schedule: `decay_steps` must be at least `warmup_steps`, got "
            f"{decay_steps} and {warmup_steps}. It is the length of the whole schedule, warm-up "
            "included."
        )


@schedule(check=_check_warmup)
def warmup_cosine_decay_schedule(
    count: jax.Array,
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    decay_steps: Steps,
    end_value: Value = 0.0,
    exponent: NonNegative = 1.0,
) -> jax.Array:
    r"""A linear warm-up followed by half a cosine wave.

    With :math:`w = t / W` up to :math:`W` and then :math:`p = (t - W) / (T - W)`, clipped to 1:

    .. math::
      I (1 - w) + M w \quad (t < W), \qquad
      E + (M - E) \left[\frac{1 + \cos \pi p}{2}\right]^P \quad (t \ge W)

    Args:
      init_value: :math:`I`, the value at count 0.
      peak_value: :math:`M`, the value at count ``warmup_steps``; it may be 0.
      warmup_steps: :math:`W`, the length of the warm-up.
      decay_steps: :math:`T`, the length of the whole schedule, warm-up included.
      end_value: :math:`E`, the value from count ``decay_steps`` on.
      exponent: :math:`P`, the power to which the wave is raised.

    Returns:
      The schedule.

    Raises:
      ValueError: if ``decay_steps < warmup_steps``. Where they are equal, the warm-up ends with a
        jump to ``end_value``; optax refuses that too.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=2, decay_steps=6)
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [0.    0.5   1.    0.854 0.5   0.146 0.    0.   ]
    """
    warmup = progress(count, warmup_steps)
    steps, decay_steps = as_steps(warmup_steps, decay_steps)
    decay = progress(count, decay_steps - steps, begin=steps)
    wave = type(decay)(half_cosine(decay.elapsed), half_cosine(decay.remaining))
    return jnp.where(
        warmup.remaining > 0.0,
        blend(init_value, peak_value, *warmup),
        blend(peak_value, end_value, *raised(wave, exponent)),
    )


@schedule
def exponential_decay(
    init_value: Value,
    transition_steps: Period,
    decay_rate: Positive,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    r"""Multiplication by a rate every so many steps, continuously or in stairs.

    .. math::
      I \, r^{n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the steps in which the value is multiplied by the rate once.
      decay_rate: :math:`r`; above 1 the value grows.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.
      end_value: a lower bound if ``decay_rate < 1``, else an upper bound.

    Returns:
      The schedule. It has no end; growth stops at 1e38 times ``init_value``.

    Raises:
      ValueError: if ``transition_steps`` or ``decay_rate`` is not positive, which optax takes for a
        constant. Traced, such a length gives the constant ``init_value`` and such a rate counts as
        1e-38.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.exponential_decay(1.0, transition_steps=2, decay_rate=0.25)(jnp.arange(5))
    Array([1.    , 0.5   , 0.25  , 0.125 , 0.0625], dtype=float32)
    """
    return _decay_by(
        log(decay_rate), init_value, transition_steps, transition_begin, staircase, end_value
    )


@schedule
def natural_exponential_decay(
    init_value: Value,
    transition_steps: Period,
    decay_rate: Value,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    r"""A power of e that falls with time, continuously or in stairs.

    .. math::
      I \, e^{-\gamma n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the unit of time in steps.
      decay_rate: :math:`\gamma`, the decay in one unit; below 0 the value grows.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.
      end_value: a lower bound if ``decay_rate > 0``, else an upper bound.

    Returns:
      The schedule. It has no end.

    >>> import jaxlr
    >>> lr = jaxlr.natural_exponential_decay(1.0, transition_steps=10, decay_rate=0.5)
    >>> print(f"{lr(20):.6f}")
    0.367879

    References:
      ``NaturalExpDecay`` of Paddle, ``natural_exp_decay`` of TensorFlow 1.
    """
    rate = -np.asarray(decay_rate, np.float64) if on_host(decay_rate) else -as_float(decay_rate)
    return _decay_by(rate, init_value, transition_steps, transition_begin, staircase, end_value)


@schedule
def step_decay(
    init_value: Value,
    step_size: Period,
    decay_rate: Positive = 0.1,
    end_value: Value | None = None,
) -> Schedule:
    r"""Multiplication by a rate at every ``step_size``-th count.

    .. math::
      I \, r^{\lfloor t / S \rfloor}

    Args:
      init_value: :math:`I`, the value of the first ``step_size`` updates.
      step_size: :math:`S`, the length of a stair in steps.
      decay_rate: :math:`r`, the ratio of a stair to the one before.
      end_value: a lower bound if ``decay_rate < 1``, else an upper bound.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.step_decay(1.0, step_size=2, decay_rate=0.5)(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)

    References:
      ``StepLR`` of PyTorch, ``StepDecay`` of Paddle.
    """
    return _decay_by(log(decay_rate), init_value, step_size, 0, True, end_value)


@schedule
def exponential_decay_with_burnin(
    init_value: Value,
    transition_steps: Period,
    decay_rate: Positive,
    burnin_value: Value | None = None,
    burnin_steps: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    r"""A constant value at first, then an exponential decay that begins at its own start.

    .. math::
      I_0 \quad (t < B), \qquad I \, r^{(t - B) / T} \quad (t \ge B)

    Args:
      init_value: :math:`I`, the value at count ``burnin_steps``, where the decay begins.
      transition_steps: :math:`T`, the steps in which the value is multiplied by the rate once.
      decay_rate: :math:`r`.
      burnin_value: :math:`I_0`, the value before; None stands for ``init_value``.
      burnin_steps: :math:`B`, the length of the burn-in.
      staircase: whether the decay changes the value only every ``transition_steps`` steps.
      end_value: a bound of the decay, as in :func:`exponential_decay`.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.exponential_decay_with_burnin(
    ...     1.0, 1, 0.5, burnin_value=0.1, burnin_steps=2)(jnp.arange(5))
    Array([0.1 , 0.1 , 1.  , 0.5 , 0.25], dtype=float32)

    References:
      ``exponential_decay_with_burnin`` of the TensorFlow Object Detection API, whose default is a
      staircase.
    """
    burnin = constant_schedule(init_value if burnin_value is None else burnin_value)
    decay = exponential_decay(
        init_value, transition_steps, decay_rate, staircase=staircase, end_value=end_value
    )
    return join_schedules([burnin, decay], [burnin_steps])


@schedule
def warmup_exponential_decay_schedule(
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    transition_steps: Period,
    decay_rate: Positive,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> Schedule:
    """A linear warm-up followed by an exponential decay.

    Args:
      init_value: the value at count 0.
      peak_value: the value at count ``warmup_steps``.
      warmup_steps: the length of the warm-up.
      transition_steps: the steps in which the value is multiplied by the rate once.
      decay_rate: the rate.
      transition_begin: how long after the warm-up the peak holds before the decay begins.
      staircase: whether the decay changes the value only every ``transition_steps`` steps.
      end_value: a bound of the decay, as in :func:`exponential_decay`.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.warmup_exponential_decay_schedule(0.0, 1.0, 2, 1, 0.5)(jnp.arange(5))
    Array([0.  , 0.5 , 1.  , 0.5 , 0.25], dtype=float32)
    """
    decay = exponential_decay(
        peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value
    )
    return join_schedules(
        [linear_schedule(init_value, peak_value, warmup_steps), decay], [warmup_steps]
    )


def _decay_by(
    log_rate: Any,
    init_value: ArrayLike,
    transition_steps: ArrayLike,
    transition_begin: ArrayLike,
    staircase: bool,
    end_value: ArrayLike | None,
) -> Schedule:
    if staircase:
        slope, stair = double(log_rate), transition_steps
    else:
        slope, stair = per_step(log_rate, transition_steps), None
    return _exponential(init_value, slope, transition_begin, stair, end_value)


@schedule
def _exponential(
    count: jax.Array,
    init_value: Value,
    slope: Double,
    begin: Steps,
    stair: Period | None = None,
    end_value: Value | None = None,
) -> jax.Array:
    """``init_value * exp(slope * n)``: the expanded form of every exponential decay."""
    count, begin = as_steps(count, begin)
    elapsed = jnp.maximum(count - begin, jnp.zeros((), count.dtype))
    if stair is not None:
        elapsed = whole_periods(elapsed, stair)
    value = as_float(init_value) * exponential(elapsed, slope)
    if end_value is None:
        return value
    falls = slope.high + slope.low < 0.0
    return jnp.where(falls, jnp.maximum(value, end_value), jnp.minimum(value, end_value))


@schedule
def inverse_time_decay(
    count: jax.Array,
    init_value: Value,
    transition_steps: Period,
    decay_rate: NonNegative,
    transition_begin: Steps = 0,
    staircase: bool = False,
) -> jax.Array:
    r"""The inverse of a line, or of its stairs.

    .. math::
      \frac{I}{1 + \gamma n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the unit of time in steps.
      decay_rate: :math:`\gamma`; after ``transition_steps / decay_rate`` steps half is left.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.

    Returns:
      The schedule. It has no end.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.inverse_time_decay(1.0, transition_steps=2, decay_rate=2.0)
    >>> print(np.asarray(lr(np.arange(4))).round(3))
    [1.    0.5   0.333 0.25 ]

    References:
      ``InverseTimeDecay`` of Keras and of Paddle.
    """
    count, begin = as_steps(count, transition_begin)
    elapsed = jnp.maximum(count - begin, jnp.zeros((), count.dtype))
    if staircase:
        elapsed, rate = whole_periods(elapsed, transition_steps), as_float(decay_rate)
    else:
        rate = as_float(decay_rate) * inverse(transition_steps)
    return as_float(init_value) / (1.0 + rate * as_float(elapsed))


class _Jumps(Kind):
    """A dict ``{count: scale}``, kept as two arrays so that both may be traced."""

    counts, scales = kind_of(Steps), kind_of(NonNegative)

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            pair = sorted(value.items())
            value = [key for key, _ in pair], [scale for _, scale in pair]
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise TypeError(
                f"{where} must be a dict of scales by count, such as {{1000: 0.1}}, or a pair "
                f"(counts, scales) of arrays, got {value!r}."
            )
        counts = self.counts.store(f"{where} (its counts)", value[0])
        scales = self.scales.store(f"{where} (its scales)", value[1])
        if np.ndim(counts) == 0 or np.shape(counts) != np.shape(scales):
            raise ValueError(
                f"{where} must have one scale for each count, got arrays of the shapes "
                f"{np.shape(counts)} and {np.shape(scales)}."
            )
        return counts, scales

    def check(self, where: str, value: Any) -> None:
        self.counts.check(f"{where} (its counts)", value[0])
        self.scales.check(f"{where} (its scales)", value[1])

    def text(self, value: Any) -> str:
        if value is not None and known(value) and np.ndim(value[0]) == 1:
            value = dict(zip(*map(np.asarray, value), strict=True))
        return super().text(value)


Jumps = Annotated[Mapping[int, float] | tuple[ArrayLike, ArrayLike] | None, _Jumps()]
"""Scales by the count from which on they multiply: a dict, or a pair of arrays."""


def _levels(init_value: ArrayLike, jumps: Any) -> tuple[Any, Any]:
    """The sorted counts of the jumps and the values before, between and after them."""
    counts, scales = (np.zeros(0, np.int32), np.zeros(0)) if jumps is None else jumps
    if on_host(init_value, counts, scales):
        order = np.argsort(counts, kind="stable")
        factors = np.cumprod(np.append(1.0, np.asarray(scales, np.float64)[order]))
        return np.asarray(counts)[order], np.asarray(init_value, np.float64) * factors
    (steps,) = as_steps(counts)
    ranks = jnp.argsort(steps)
    products = jnp.cumprod(jnp.asarray(as_float(scales))[ranks])
    return steps[ranks], as_float(init_value) * jnp.append(
        jnp.ones_like(products, shape=1), products
    )


@schedule
def piecewise_constant_schedule(init_value: Value, boundaries_and_scales: Jumps = None) -> Schedule:
    r"""A constant that is multiplied by a scale at each of some counts.

    .. math::
      I \prod_{i:\, t \ge b_i} s_i

    Args:
      init_value: :math:`I`, the value before the first jump.
      boundaries_and_scales: a dict :math:`\{b_i: s_i\}`, or a pair of arrays
        :math:`(b, s)`, which may be traced and need not be sorted.

    Returns:
      The schedule. It holds the product of all scales after the last jump.

    Raises:
      ValueError: for a negative count or scale.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.1})(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.05, 0.05], dtype=float32)
    """
    return _steps(*_levels(init_value, boundaries_and_scales))


@schedule
def _steps(count: jax.Array, boundaries: Steps, values: Value) -> Any:
    """Piecewise constant: value i holds from the i-th boundary on."""
    return jnp.asarray(values)[interval(boundaries, count)]


@schedule
def piecewise_interpolate_schedule(
    interpolate_type: Literal["linear", "cosine"],
    init_value: Value,
    boundaries_and_scales: Jumps = None,
) -> Schedule:
    r"""Lines or half cosine waves between values that are scaled at each of some counts.

    At count :math:`b_i` the value is :math:`I s_1 \cdots s_i`; between two of these counts it goes
    from the one value to the other.

    Args:
      interpolate_type: ``"linear"`` or ``"cosine"``.
      init_value: :math:`I`, the value at count 0.
      boundaries_and_scales: a dict :math:`\{b_i: s_i\}`, or a pair of arrays
        :math:`(b, s)`, which may be traced and need not be sorted.

    Returns:
      The schedule. It holds its value at the last of the counts.

    Raises:
      ValueError: for another type of interpolation, or a negative count or scale.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 4: 0.0})(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """
    return _interpolation(interpolate_type, *_levels(init_value, boundaries_and_scales))


@schedule
def _interpolation(
    count: jax.Array, interpolate_type: str, boundaries: Steps, values: Value
) -> jax.Array:
    """Interpolation between ``values[0]`` at 0 and ``values[i]`` at the i-th boundary."""
    count, steps = as_steps(count, boundaries)
    values = jnp.asarray(values)
    knots = jnp.append(jnp.zeros((), steps.dtype), steps)
    left = interval(steps, count)
    right = jnp.minimum(left + 1, steps.size)
    fraction = progress(count, knots[right] - knots[left], begin=knots[left])
    if interpolate_type == "cosine":
        fraction = Progress(*map(half_cosine, fraction))
    return blend(values[left], values[right], *fraction)


def _check_onecycle(*, pct_start: ArrayLike, pct_final: ArrayLike, **_: Any) -> None:
    if np.any(np.asarray(pct_start) > np.asarray(pct_final)):
        raise ValueError(
            f"linear_onecycle_schedule: `pct_final` must be at least `pct_start`, got {pct_final} "
            f"and {pct_start}. Both are parts of the whole cycle."
        )


@schedule(check=_check_onecycle)
def linear_onecycle_schedule(
    transition_steps: Period,
    peak_value: Value,
    pct_start: Fraction = 0.3,
    pct_final: Fraction = 0.85,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    r"""One cycle of three lines: up to a peak, back down, and down to nearly nothing.

    The corners lie at the counts :math:`0`, :math:`\lfloor p_s T \rfloor`,
    :math:`\lfloor p_f T \rfloor` and :math:`T`, where the values are :math:`M / d`, :math:`M`,
    :math:`M / d` and :math:`M / (d\, d_f)`.

    Args:
      transition_steps: :math:`T`, the length of the cycle.
      peak_value: :math:`M`.
      pct_start: :math:`p_s`, the part of the cycle before the peak (0.3, not 30).
      pct_final: :math:`p_f`, the part of the cycle before the last line.
      div_factor: :math:`d`, the ratio of the peak to the first value.
      final_div_factor: :math:`d_f`, the ratio of the first value to the last.

    Returns:
      The schedule. It holds its last value.

    Raises:
      ValueError: if ``transition_steps`` or a factor is not positive, or a part not in [0, 1].

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.linear_onecycle_schedule(8, 1.0, 0.25, 0.75, 4.0, 4.0)(jnp.arange(0, 10, 2))
    Array([0.25  , 1.    , 0.625 , 0.25  , 0.0625], dtype=float32)

    References:
      Smith and Topin, `Super-Convergence: Very Fast Training of Neural Networks Using Large
      Learning Rates <https://arxiv.org/abs/1708.07120>`_, 2017
    """
    corners = [_part(pct_start, transition_steps), _part(pct_final, transition_steps)]
    low = divide(peak_value, div_factor)
    values = [low, peak_value, low, divide(low, final_div_factor)]
    return _interpolation("linear", stack(*corners, transition_steps), stack(*values))


@schedule
def cosine_onecycle_schedule(
    transition_steps: Period,
    peak_value: Value,
    pct_start: Fraction = 0.3,
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
) -> Schedule:
    r"""One cycle of two half cosine waves: up to a peak, and down to nearly nothing.

    At the counts :math:`0`, :math:`\lfloor p_s T \rfloor` and :math:`T` the values are
    :math:`M / d`, :math:`M` and :math:`M / (d\, d_f)`.

    Args:
      transition_steps: :math:`T`, the length of the cycle.
      peak_value: :math:`M`.
      pct_start: :math:`p_s`, the part of the cycle before the peak (0.3, not 30).
      div_factor: :math:`d`, the ratio of the peak to the first value.
      final_div_factor: :math:`d_f`, the ratio of the first value to the last.

    Returns:
      The schedule. It holds its last value.

    Raises:
      ValueError: if ``transition_steps`` or a factor is not positive, or a part not in [0, 1].

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_onecycle_schedule(8, 1.0, 0.25, div_factor=4.0, final_div_factor=4.0)
    >>> print(np.asarray(lr(np.array([0, 1, 2, 5, 8]))).round(3))
    [0.25  0.625 1.    0.531 0.062]

    References:
      Smith and Topin, `Super-Convergence: Very Fast Training of Neural Networks Using Large
      Learning Rates <https://arxiv.org/abs/1708.07120>`_, 2017
    """
    low = divide(peak_value, div_factor)
    values = [low, peak_value, divide(low, final_div_factor)]
    corners = stack(_part(pct_start, transition_steps), transition_steps)
    return _interpolation("cosine", corners, stack(*values))


def _part(fraction: ArrayLike, steps: ArrayLike) -> Any:
    """The whole steps in a fraction of some steps; of known numbers in double precision."""
    if on_host(fraction, steps):
        return np.floor(np.asarray(fraction, np.float64) * steps).astype(np.int64)
    return as_number(jnp.floor(as_float(fraction) * as_float(steps)).astype(int))


class _Cycles(Kind):
    """A list of the arguments of each cycle, kept as one dict of arrays."""

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, Mapping):  # One array for each argument.
            columns = dict(value)
        else:
            cycles = [
                warmup_cosine_decay_schedule(**cycle).params  # It checks them.
                for cycle in value
            ]
            if not cycles:
                raise ValueError(f"{where} must have at least one cycle, got {value!r}.")
            columns = {name: [cycle[name] for cycle in cycles] for name in cycles[0]}
        kinds = warmup_cosine_decay_schedule.family.kinds
        return {name: kinds[name].store(where, column) for name, column in columns.items()}

    def text(self, value: Any) -> str:
        if known(value) and all(np.ndim(column) == 1 for column in value.values()):
            rows = zip(*map(np.asarray, value.values()), strict=True)
            return super().text([dict(zip(value, row, strict=True)) for row in rows])
        return super().text(value)


@schedule
def sgdr_schedule(
    cosine_kwargs: Annotated[Sequence[Mapping[str, ArrayLike]], _Cycles()],
) -> Schedule:
    """Warm-ups and cosine decays, one after another: stochastic descent with warm restarts.

    Args:
      cosine_kwargs: the arguments of :func:`warmup_cosine_decay_schedule` for each cycle. Its
        ``decay_steps`` is the length of the cycle.

    Returns:
      The schedule. It holds the last value of the last cycle.

    Raises:
      ValueError: as :func:`warmup_cosine_decay_schedule` does for any of the cycles.

    >>> import jaxlr, numpy as np
    >>> cycles = [
    ...     dict(init_value=0.0, peak_value=1.0, warmup_steps=1, decay_steps=3),
    ...     dict(init_value=0.0, peak_value=0.5, warmup_steps=1, decay_steps=3),
    ... ]
    >>> print(np.asarray(jaxlr.sgdr_schedule(cycles)(np.arange(8))).round(3))
    [0.   1.   0.5  0.   0.5  0.25 0.   0.  ]

    References:
      Loshchilov and Hutter, `SGDR: Stochastic Gradient Descent with Warm Restarts
      <https://arxiv.org/abs/1608.03983>`_, 2017
    """
    return _cycles(**typing.cast(Mapping[str, ArrayLike], cosine_kwargs))


@schedule
def _cycles(
    count: jax.Array,
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    decay_steps: Steps,
    end_value: Value,
    exponent: NonNegative,
) -> jax.Array:
    """The expanded form of a list of cycles: picks one and evaluates it at its own count."""
    starts = jnp.cumsum(decay_steps) - decay_steps
    index = jnp.maximum(interval(starts, count) - 1, 0)
    columns = (init_value, peak_value, warmup_steps, decay_steps, end_value, exponent)
    cycle = warmup_cosine_decay_schedule(*(jnp.asarray(column)[index] for column in columns))
    count, start = as_steps(count, starts[index])
    return cycle(count - start)
