"""Schedules that decay without an end."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.catalogue.transitions import constant_schedule
from jaxlr.compose import join_schedules
from jaxlr.core.numbers import as_float, exact, float_dtype
from jaxlr.core.parameters import NonNegative, Period, Positive, Steps, Value
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.exact import powers
from jaxlr.exact.doubles import Double, double, exponential, log, per_step
from jaxlr.exact.time import inverse, steps_since, whole_periods


def _decay(
    *, transition_steps: ArrayLike, decay_rate: ArrayLike, staircase: bool, **_: Any
) -> Double:
    """Returns the exponent per step, or per stair."""
    return _slope(log(decay_rate), transition_steps, staircase)


@schedule(prepare=_decay)
def exponential_decay(
    count: jax.Array,
    slope: Double,
    init_value: Value,
    transition_steps: Period,
    decay_rate: Positive,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> ArrayLike:
    r"""A schedule that decays exponentially, continuously or in stairs.

    .. math::
      I \, r^{n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the number of steps in which the value is multiplied by the rate
        once.
      decay_rate: :math:`r`; above 1 the value grows.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.
      end_value: a lower bound if ``decay_rate < 1``, else an upper bound, as in optax: even where
        ``init_value`` is negative.

    Returns:
      The schedule. It has no end; growth stops at the largest float.

    Raises:
      ValueError: if ``transition_steps`` or ``decay_rate`` is not positive; optax returns a
        constant instead. If such a length is traced, the value stays at ``init_value``; a traced
        rate below 1e-38 counts as 1e-38.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.exponential_decay(1.0, transition_steps=2, decay_rate=0.25)(jnp.arange(5))
    Array([1.    , 0.5   , 0.25  , 0.125 , 0.0625], dtype=float32)
    """
    elapsed = steps_since(count, transition_begin)
    return _exponential(
        elapsed, slope, init_value, transition_steps, staircase, end_value, follows_sign=False
    )


def _natural_decay(
    *, transition_steps: ArrayLike, decay_rate: ArrayLike, staircase: bool, **_: Any
) -> Double:
    """Returns the exponent per step, or per stair."""
    return _slope(-exact(decay_rate), transition_steps, staircase)


@schedule(prepare=_natural_decay)
def natural_exponential_decay(
    count: jax.Array,
    slope: Double,
    init_value: Value,
    transition_steps: Period,
    decay_rate: Value,
    transition_begin: Steps = 0,
    staircase: bool = False,
    end_value: Value | None = None,
) -> ArrayLike:
    r"""A schedule that decays like a power of e, continuously or in stairs.

    .. math::
      I \, e^{-\gamma n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the unit of time in steps.
      decay_rate: :math:`\gamma`, the decay per unit; below 0 the value grows.
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
      ``NaturalExpDecay`` in Paddle, ``natural_exp_decay`` in TensorFlow 1.
    """
    elapsed = steps_since(count, transition_begin)
    return _exponential(elapsed, slope, init_value, transition_steps, staircase, end_value)


@schedule(prepare=lambda decay_rate, **_: double(log(decay_rate)))
def step_decay(
    count: jax.Array,
    slope: Double,
    init_value: Value,
    step_size: Period,
    decay_rate: NonNegative = 0.1,
    end_value: Value | None = None,
) -> ArrayLike:
    r"""A schedule that is multiplied by a rate every ``step_size`` steps.

    .. math::
      I \, r^{\lfloor t / S \rfloor}

    Args:
      init_value: :math:`I`, the value of the first ``step_size`` updates.
      step_size: :math:`S`, the length of a stair in steps.
      decay_rate: :math:`r`, the ratio of a stair to the one before; 0 makes all but the first 0.
      end_value: a lower bound if ``decay_rate < 1``, else an upper bound.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.step_decay(1.0, step_size=2, decay_rate=0.5)(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)

    References:
      ``StepLR`` in PyTorch, ``StepDecay`` in Paddle.
    """
    return _exponential(count, slope, init_value, step_size, True, end_value)


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
    r"""A schedule that is constant at first and then decays exponentially.

    .. math::
      I_0 \quad (t < B), \qquad I \, r^{(t - B) / T} \quad (t \ge B)

    Args:
      init_value: :math:`I`, the value at count ``burnin_steps``, where the decay begins.
      transition_steps: :math:`T`, the number of steps in which the value is multiplied by the rate
        once.
      decay_rate: :math:`r`.
      burnin_value: :math:`I_0`, the value before that; None means ``init_value``.
      burnin_steps: :math:`B`, the length of the burn-in.
      staircase: whether the decay changes the value only every ``transition_steps`` steps.
      end_value: a bound of the decay, as in :func:`exponential_decay`.

    Returns:
      The schedule. It has no end.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.exponential_decay_with_burnin(
    ...     1.0, 1, 0.5, burnin_value=0.1, burnin_steps=2)(jnp.arange(5))
    Array([0.1 , 0.1 , 1.  , 0.5 , 0.25], dtype=float32)

    For the reverse, a decay that turns constant at some count, use a join:

    >>> decay = jaxlr.exponential_decay(1.0, transition_steps=4, decay_rate=0.0625)
    >>> jaxlr.join_schedules([decay, jaxlr.constant_schedule(0.0625)], [2])(jnp.arange(4))
    Array([1.    , 0.5   , 0.0625, 0.0625], dtype=float32)

    References:
      ``exponential_decay_with_burnin`` in the TensorFlow Object Detection API, where a staircase is
      the default, and a ``burnin_value`` of 0 means ``init_value``. Here 0 means 0.
    """
    burnin = constant_schedule(init_value if burnin_value is None else burnin_value)
    decay = exponential_decay(
        init_value, transition_steps, decay_rate, staircase=staircase, end_value=end_value
    )
    return join_schedules([burnin, decay], [burnin_steps])


@schedule
def inverse_time_decay(
    count: jax.Array,
    init_value: Value,
    transition_steps: Period,
    decay_rate: NonNegative,
    transition_begin: Steps = 0,
    staircase: bool = False,
) -> ArrayLike:
    r"""A schedule that decays like the inverse of time, continuously or in stairs.

    .. math::
      \frac{I}{1 + \gamma n}, \qquad n = \max(t - B, 0) / T \quad
      \text{or, in stairs,} \quad \lfloor \max(t - B, 0) / T \rfloor

    Args:
      init_value: :math:`I`, the value up to count ``transition_begin``.
      transition_steps: :math:`T`, the unit of time in steps.
      decay_rate: :math:`\gamma`; after ``transition_steps / decay_rate`` steps the value has
        halved.
      transition_begin: :math:`B`, the count at which the decay begins.
      staircase: whether the value changes only every ``transition_steps`` steps.

    Returns:
      The schedule. It has no end.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.inverse_time_decay(1.0, transition_steps=2, decay_rate=2.0)
    >>> print(np.asarray(lr(np.arange(4))).round(3))
    [1.    0.5   0.333 0.25 ]

    References:
      ``InverseTimeDecay`` in Keras and in Paddle.
    """
    elapsed = steps_since(count, transition_begin)
    if staircase:
        units, rate = whole_periods(elapsed, transition_steps), decay_rate
    else:
        units, rate = elapsed, decay_rate * inverse(transition_steps)
    return init_value / (1.0 + rate * as_float(units))


@schedule
def inverse_sqrt_schedule(
    count: jax.Array, init_value: Value, timescale: Period, shift: Steps = 0
) -> ArrayLike:
    r"""A schedule that decays with the inverse square root of time.

    .. math::
      I \Big/ \sqrt{\max\left(1, \frac{t + H}{S}\right)}

    Libraries agree on the root and on little else. With :math:`t` from the start of training, a
    peak :math:`M` and a warm-up of :math:`W` steps,

    * :math:`M \sqrt{W / \max(t, W)}` (fairseq, Megatron-LM, t5x ``rsqrt_normalized_decay``) is
      ``inverse_sqrt_schedule(M, W)``;
    * :math:`M / \sqrt{\max(t, W)}` (T5, t5x ``rsqrt_decay``), where :math:`M` is not the peak, is
      ``inverse_sqrt_schedule(M / W**0.5, W)``.

    With :math:`t` from the end of the warm-up, as the second part of a join,

    * :math:`M / \sqrt{1 + t / S}` (transformers, timm, scenic, llm-foundry) falls from the first
      step: ``inverse_sqrt_schedule(M, S, shift=S)``;
    * :math:`M / \sqrt{1 + (t + H) / S}` (big_vision) begins below :math:`M`:
      ``inverse_sqrt_schedule(M, S, shift=S + H)``;
    * :math:`M \sqrt{(W + 1) / (W + 1 + t)}` (NeMo) is
      ``inverse_sqrt_schedule(M, W + 1, shift=W + 1)``;
    * :math:`M \min(1, \sqrt{S / (t + W)})` (levanter) is ``inverse_sqrt_schedule(M, S, shift=W)``;
    * :math:`E + (M - E) \sqrt{W / (t + W)}` (OLMo) decays to a floor:
      ``E + inverse_sqrt_schedule(M - E, W, shift=W)``. To cut off at a floor instead (Megatron-LM,
      levanter), use ``clip_schedule(..., E)``.

    :func:`jaxlr.warmup_inverse_sqrt_schedule` combines a warm-up with a decay from its peak.

    Args:
      init_value: :math:`I`, the value while the fraction is at most 1.
      timescale: :math:`S`, the time at which the decay begins, in steps.
      shift: :math:`H`, the time at count 0.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``timescale`` is not positive. If it is traced, the result is then constant.

    >>> import jaxlr, numpy as np
    >>> counts = np.array([0, 50, 100, 200, 400])
    >>> print(np.asarray(jaxlr.inverse_sqrt_schedule(1.0, timescale=100)(counts)).round(3))
    [1.    1.    1.    0.707 0.5  ]
    >>> print(np.asarray(jaxlr.inverse_sqrt_schedule(1.0, 100, shift=100)(counts)).round(3))
    [1.    0.816 0.707 0.577 0.447]

    References:
      Raffel et al., `Exploring the Limits of Transfer Learning with a Unified Text-to-Text
      Transformer <https://arxiv.org/abs/1910.10683>`_, 2020
    """
    # In floats, because a sum of integers might overflow. Nothing cancels in it.
    time = (as_float(count) + as_float(shift)) * inverse(timescale)
    return init_value / jnp.sqrt(jnp.maximum(time, 1.0))


@schedule(prepare=lambda power, **_: double(-exact(power)))
def inverse_power_decay_schedule(
    count: jax.Array,
    exponent: Double,
    init_value: Value,
    timescale: Period,
    power: NonNegative = 1.0,
) -> ArrayLike:
    r"""A schedule that decays with an inverse power of time.

    .. math::
      I \left(1 + \frac{t}{S}\right)^{-P}

    Args:
      init_value: :math:`I`, the value at count 0.
      timescale: :math:`S`, the unit of time in steps.
      power: :math:`P`; 1 halves the value after ``timescale`` steps, 0 keeps it constant.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``timescale`` is not positive. If it is traced, the result is then constant.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.inverse_power_decay_schedule(1.0, timescale=2, power=2.0)(jnp.array([0, 2, 6]))
    Array([1.    , 0.25  , 0.0625], dtype=float32)

    References:
      The policy ``inv`` in Caffe, where ``gamma`` is ``1 / timescale``; ``Inv`` in
      ParameterSchedulers.jl.
    """
    time = 1.0 + as_float(count) * inverse(timescale)
    return init_value * powers.power(time, exponent)


@schedule(prepare=lambda exponent, **_: double(exponent))
def power_decay_schedule(
    count: jax.Array,
    digits: Double,
    init_value: Value,
    amplitude: Positive,
    exponent: Value = -0.51,
    tokens_per_step: Positive = 1.0,
    shift: Steps = 0,
) -> ArrayLike:
    r"""A schedule that is a power of the number of tokens seen, up to a maximum.

    .. math::
      \min(I, \, a n^c), \qquad n = (t + H) \, N

    With this law, a peak tuned for one batch size and budget carries over to others: for batches of
    :math:`\beta` sequences, :math:`a` is :math:`\beta` times a constant. In the paper the constant
    is 4.6, and :math:`c = -0.51`.

    Args:
      init_value: :math:`I`, the maximum; it holds until the power falls below it.
      amplitude: :math:`a`, the value of the power at one token.
      exponent: :math:`c`, normally negative; with a positive one the value grows to ``init_value``.
      tokens_per_step: :math:`N`, the tokens per update: batch size times sequence length.
      shift: :math:`H`, the number of updates before count 0, such as a warm-up that precedes this
        schedule in a join.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``amplitude`` or ``tokens_per_step`` is not positive.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.power_decay_schedule(0.02, amplitude=4.6 * 128, tokens_per_step=128 * 4096)
    >>> print(np.asarray(lr(np.array([0, 100, 1_000, 10_000]))).round(4))
    [0.02   0.02   0.02   0.0065]

    References:
      Shen et al., `Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler
      <https://arxiv.org/abs/2408.13359>`_, 2024
    """
    tokens = (as_float(count) + as_float(shift)) * tokens_per_step
    begun = tokens > 0.0
    value = amplitude * powers.power(jnp.where(begun, tokens, 1.0), digits)
    at_zero = jnp.where(digits.high > 0.0, 0.0, init_value)
    return jnp.where(begun, jnp.minimum(value, init_value), at_zero)


def _slope(log_rate: Any, transition_steps: ArrayLike, staircase: bool) -> Double:
    """Returns the exponent per step, or per stair."""
    return double(log_rate) if staircase else per_step(log_rate, transition_steps)


def _exponential(
    elapsed: jax.Array,
    slope: Double,
    init_value: ArrayLike,
    transition_steps: ArrayLike,
    staircase: bool,
    end_value: ArrayLike | None,
    follows_sign: bool = True,
) -> ArrayLike:
    """Returns ``init_value * exp(slope * n)`` within a bound; ``n`` counts steps or stairs."""
    units = whole_periods(elapsed, transition_steps) if staircase else elapsed
    most = np.finfo(float_dtype()).max  # Growth stays finite.
    value = jnp.clip(init_value * exponential(units, slope), -most, most)
    if end_value is None:
        return value
    shrinks = slope.high + slope.low < 0.0
    if follows_sign:  # A negative value that shrinks rises to its bound.
        shrinks = shrinks == (as_float(init_value) >= 0.0)
    return jnp.where(shrinks, jnp.maximum(value, end_value), jnp.minimum(value, end_value))
