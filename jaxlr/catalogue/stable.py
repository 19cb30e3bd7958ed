r"""Schedules that hold a value for a long time and then cool down.

Schedules with several constant levels need no family of their own. DeepSeek-V3's schedule holds,
falls along a cosine to a tenth, and then holds two more constants. In thousands of updates:

>>> import jaxlr, numpy as np
>>> lr = jaxlr.join_schedules(
...     [
...         jaxlr.warmup_constant_schedule(0.0, 2.2e-4, warmup_steps=2),
...         jaxlr.cosine_decay_schedule(2.2e-4, decay_steps=300, alpha=0.1),
...         jaxlr.constant_schedule(2.2e-5),
...         jaxlr.constant_schedule(7.3e-6),
...     ],
...     boundaries=[700, 1000, 1023],
... )
>>> for count in (0, 2, 699, 850, 1000, 1023):
...     print(f"{count:4d} {lr(count):.2e}")
   0 0.00e+00
   2 2.20e-04
 699 2.20e-04
 850 1.21e-04
1000 2.20e-05
1023 7.30e-06
"""

from collections.abc import Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.catalogue.piecewise import Values
from jaxlr.core.numbers import as_steps, exact
from jaxlr.core.parameters import NonNegative, Number, Positive, Steps, Value
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.curves import Curve, Shape, along
from jaxlr.exact.doubles import Double, divide, exponential, log, per_step
from jaxlr.exact.intervals import by_interval
from jaxlr.exact.parameters import Exponent
from jaxlr.exact.powers import raised
from jaxlr.exact.time import blend, progress, steps_since, total
from jaxlr.exact.waves import half_cosines

Lengths = Annotated[
    ArrayLike | Sequence[ArrayLike],
    Number(
        "Lengths", "Give lengths in steps, such as [1000, 2000].", least=0.0, counted=True, axes=1
    ),
]
"""Lengths of consecutive phases: a list or an array."""


def _refuse_zero(curve_name: str, curve: Curve, *values: ArrayLike) -> None:
    """Raises an error if a curve that needs positive values would start or end at 0."""
    if curve.family.name in ("geometric", "harmonic") and min(map(np.min, values)) <= 0.0:
        raise ValueError(
            f"`{curve_name}={curve.family.name!r}` needs positive values; "
            f"to or from 0 it would jump. Got {' and '.join(map(str, values))}."
        )


def _check_wsd(
    *,
    init_value: ArrayLike,
    peak_value: ArrayLike,
    end_value: ArrayLike,
    warmup_curve: Curve,
    decay_curve: Curve,
    **_: Any,
) -> None:
    _refuse_zero("warmup_curve", warmup_curve, init_value, peak_value)
    _refuse_zero("decay_curve", decay_curve, peak_value, end_value)


@schedule(check=_check_wsd)
def warmup_stable_decay_schedule(
    count: jax.Array,
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    stable_steps: Steps,
    decay_steps: Steps,
    end_value: Value = 0.0,
    warmup_curve: Shape = "linear",
    decay_curve: Shape = "linear",
) -> jax.Array:
    r"""A schedule with a warm-up, a constant peak and a cooldown of any shape (WSD, trapezoid).

    With :math:`D` the shape of the cooldown, in the three phases in turn:

    .. math::
      I \to M, \qquad M, \qquad
      E + (M - E) \, D\left(\frac{t - W - S}{C}\right)

    Args:
      init_value: :math:`I`, the value at count 0.
      peak_value: :math:`M`.
      warmup_steps: :math:`W`, the length of the warm-up.
      stable_steps: :math:`S`, the number of steps for which the peak then holds.
      decay_steps: :math:`C`, the length of the cooldown; with 0 it is a jump.
      end_value: :math:`E`, the value from count :math:`W + S + C` on.
      warmup_curve: the shape of the warm-up.
      decay_curve: the shape of the cooldown, such as ``"one_minus_sqrt"``.

    Returns:
      The schedule. It holds ``end_value`` at the end; big_vision and torchtitan continue below it.

    Raises:
      ValueError: if a geometric or harmonic curve would go to or from 0.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.warmup_stable_decay_schedule(0.0, 1.0, 2, 2, 4)
    >>> lr(jnp.arange(10))
    Array([0.  , 0.5 , 1.  , 1.  , 1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ],      dtype=float32)
    >>> print(lr.replace(decay_curve="one_minus_sqrt")(jnp.arange(4, 9)).round(3))
    [1.    0.5   0.293 0.134 0.   ]

    References:
      Hu et al., `MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training
      Strategies <https://arxiv.org/abs/2404.06395>`_, 2024. Hägele et al., `Scaling Laws and
      Compute-Optimal Training Beyond Fixed Training Durations <https://arxiv.org/abs/2405.18392>`_,
      2024, for the square root.

      ``warmup_stable_decay`` in transformers starts and ends at ``min_lr_ratio`` times the peak,
      and its warm-up ``1-sqrt`` is ``curves.polynomial(power=0.5)``. ``WSDLRScheduler`` in timm.
      ``WSD`` in Megatron-LM takes the cooldown as the last part of the total. ``fit_flat_cos`` in
      fastai has ``decay_curve="cosine"``. The knee schedule is the default here.
    """
    start = total(warmup_steps, stable_steps)
    cooldown = progress(count, decay_steps, begin=start)
    value = along(decay_curve, cooldown, peak_value, end_value)
    value = jnp.where(_before(count, start), peak_value, value)
    warmup = progress(count, warmup_steps)
    rise = along(warmup_curve, warmup, init_value, peak_value)
    return jnp.where(warmup.remaining > 0.0, rise, value)


def _before(count: ArrayLike, start: ArrayLike) -> jax.Array:
    """Returns ``count < start``, compared as integers if both are."""
    count, start = as_steps(count, start)
    return count < start


def _check_wsds(
    *,
    init_value: ArrayLike,
    peak_value: ArrayLike,
    warmup_steps: ArrayLike,
    period_steps: ArrayLike,
    decay_steps: ArrayLike,
    end_value: ArrayLike,
    warmup_curve: Curve,
    decay_curve: Curve,
) -> None:
    periods = np.asarray(period_steps)
    if periods.ndim == 0 or periods.size == 0:
        raise ValueError(f"`period_steps` must be a list of lengths, got {period_steps}.")
    for parameter, value in [
        ("peak_value", peak_value),
        ("decay_steps", decay_steps),
        ("end_value", end_value),
    ]:
        if np.shape(value) not in [(), periods.shape]:
            raise ValueError(
                f"`{parameter}` must be one number, or one for each of the {periods.size} "
                f"periods, got {np.asarray(value).tolist()}."
            )
    needed = np.broadcast_to(decay_steps, periods.shape).astype(np.float64)
    needed[0] += np.asarray(warmup_steps)
    if np.any(needed > periods):
        raise ValueError(
            "each of the `period_steps` must have room for its cooldown, and the first for the "
            f"warm-up too, got {periods.tolist()} where {needed.tolist()} are needed."
        )
    first = np.ravel(peak_value)[0]
    _refuse_zero("warmup_curve", warmup_curve, init_value, first)
    _refuse_zero("decay_curve", decay_curve, peak_value, end_value)


@schedule(check=_check_wsds)
def wsds_schedule(
    count: jax.Array,
    init_value: Value,
    peak_value: Values,
    warmup_steps: Steps,
    period_steps: Lengths,
    decay_steps: Lengths,
    end_value: Values = 0.0,
    warmup_curve: Shape = "linear",
    decay_curve: Shape = "linear",
) -> jax.Array:
    r"""A schedule with a warm-up, then a peak with a cooldown at the end of each period (WSD-S).

    Each cooldown yields a finished model. Training then resumes from it at the peak, without
    another warm-up. In the last :math:`C` counts of a period that ends at :math:`K`, with
    :math:`D` the shape of the cooldown, the value is

    .. math::
      E + (M - E) \, D\left(\frac{t - (K - C)}{C}\right)

    Args:
      init_value: the value at count 0.
      peak_value: :math:`M`, one number for all periods, or a list with one per period.
      warmup_steps: the length of the warm-up at the start of the first period.
      period_steps: the lengths of the periods, including warm-up and cooldowns.
      decay_steps: :math:`C`, the length of the cooldown, for all periods or per period.
      end_value: :math:`E`, the target of the cooldown, for all periods or per period. It would be
        reached at count :math:`K`, which is already the first count of the next period.
      warmup_curve: the shape of the warm-up.
      decay_curve: the shape of the cooldowns.

    Returns:
      The schedule. It holds the last ``end_value`` after the last period.

    Raises:
      ValueError: if a period is too short, a list does not have one number per period, or a
        geometric or harmonic curve would go to or from 0.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.wsds_schedule(0.0, 1.0, 2, period_steps=[5, 4], decay_steps=[2, 4])
    >>> lr(jnp.arange(10))
    Array([0.  , 0.5 , 1.  , 1.  , 0.5 , 1.  , 0.75, 0.5 , 0.25, 0.  ],      dtype=float32)

    References:
      Wen et al., `Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape
      Perspective <https://arxiv.org/abs/2410.05192>`_, 2024.

      ``WSDS`` in OLMo-core, whose ``period_lr_multipliers`` times the peak give ``peak_value``. It
      counts from 1, so update :math:`t` there uses the value at :math:`t + 1` here, except that the
      last update of each period uses ``end_value``.
    """
    count, lengths = as_steps(count, jnp.asarray(period_steps))
    ends = jax.lax.associative_scan(total, lengths)
    columns = [
        jnp.broadcast_to(jnp.asarray(x), ends.shape) for x in (peak_value, end_value, decay_steps)
    ]

    def value(count: jax.Array, period: Any) -> jax.Array:
        stop, peak, end, steps = period
        stop, steps = as_steps(stop, steps)
        start = jnp.maximum(stop - steps, jnp.zeros((), stop.dtype))
        value = along(decay_curve, progress(count, steps, begin=start), peak, end)
        value = jnp.where(_before(count, start), peak, value)
        warmup = progress(count, warmup_steps)
        rise = along(warmup_curve, warmup, init_value, peak)
        return jnp.where(warmup.remaining > 0.0, rise, value)

    return by_interval(value, ends[:-1], count, (ends, *columns))


def _check_infinite(
    *,
    peak_value: ArrayLike,
    constant_value: ArrayLike,
    constant_steps: ArrayLike | None,
    anneal_steps: ArrayLike,
    end_value: ArrayLike | None,
    cooldown_curve: Curve,
    **_: Any,
) -> None:
    if constant_steps is None and (end_value is not None or np.any(np.asarray(anneal_steps) != 0)):
        raise ValueError(
            "without `constant_steps` the constant has no end, so there can be no "
            "annealing. Give its length."
        )
    if constant_steps is not None and end_value is None:
        raise ValueError("`constant_steps` are followed by annealing. Give `end_value`.")
    if constant_steps is not None and np.any(np.asarray(constant_value) <= 0.0):
        raise ValueError(
            "`constant_value` must be positive, since the annealing multiplies it, got "
            f"{constant_value}."
        )
    _refuse_zero("cooldown_curve", cooldown_curve, peak_value, constant_value)


def _annealing(
    *,
    constant_value: ArrayLike,
    constant_steps: ArrayLike | None,
    anneal_steps: ArrayLike,
    end_value: ArrayLike | None,
    **_: Any,
) -> Double | None:
    """Returns the logarithm of the ratio between values of the annealing; None without one."""
    if constant_steps is None or end_value is None:
        return None
    return per_step(log(divide(end_value, constant_value)), anneal_steps)


@schedule(prepare=_annealing, check=_check_infinite)
def infinite_schedule(
    count: jax.Array,
    growth: Double | None,
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    cooldown_steps: Steps,
    constant_value: Value,
    constant_steps: Steps | None = None,
    anneal_steps: Steps = 0,
    end_value: Positive | None = None,
    cooldown_curve: Shape = "cosine",
) -> jax.Array:
    r"""A schedule with a warm-up, a cooldown to a constant, and an optional final annealing.

    Training can be continued from any point of the constant :math:`K`. If the constant ends at
    count :math:`B`, the annealing of :math:`A` steps has the same ratio at every step:

    .. math::
      K \, (E / K)^{(t - B) / A}

    Args:
      init_value: the value at count 0.
      peak_value: the value after the warm-up.
      warmup_steps: the length of the linear warm-up.
      cooldown_steps: the length of the cooldown from the peak to the constant.
      constant_value: :math:`K`.
      constant_steps: the number of steps for which the constant holds; None for no end.
      anneal_steps: :math:`A`, the length of the annealing; with 0 it is a jump.
      end_value: :math:`E`, the value after the annealing.
      cooldown_curve: the shape of the cooldown; in the paper ``"cosine"``, or
        :func:`jaxlr.curves.one_minus_sqrt`.

    Returns:
      The schedule. It holds ``end_value`` at the end, or the constant if there is no annealing.

    Raises:
      ValueError: if only one of ``constant_steps`` and ``end_value`` is given, or a value of the
        annealing is not positive.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.infinite_schedule(0.0, 1.0, 2, 4, 0.5)
    >>> print(np.asarray(lr(np.array([0, 1, 2, 4, 6, 10**9]))).round(3))
    [0.   0.5  1.   0.75 0.5  0.5 ]
    >>> lr = lr.replace(constant_steps=10, anneal_steps=2, end_value=0.125)
    >>> print(np.asarray(lr(np.array([15, 16, 17, 18, 19]))))
    [0.5   0.5   0.25  0.125 0.125]

    References:
      Ibrahim et al., `Simple and Scalable Strategies to Continually Pre-train Large Language Models
      <https://arxiv.org/abs/2403.08763>`_, 2024. Singh et al., `Beyond Cosine Decay: On the
      effectiveness of Infinite Learning Rate Schedule for Continual Pre-training
      <https://arxiv.org/abs/2503.02844>`_, 2025
    """
    warmup = progress(count, warmup_steps)
    cooldown = progress(count, cooldown_steps, begin=warmup_steps)
    value = along(cooldown_curve, cooldown, peak_value, constant_value)
    value = jnp.where(warmup.remaining > 0.0, blend(init_value, peak_value, *warmup), value)
    if growth is None or constant_steps is None or end_value is None:
        return value
    start = total(warmup_steps, cooldown_steps, constant_steps)
    elapsed, steps = as_steps(steps_since(count, start), anneal_steps)
    anneal = constant_value * exponential(jnp.minimum(elapsed, steps), growth)
    anneal = jnp.where(elapsed < steps, anneal, end_value)
    return jnp.where(_before(count, start), value, anneal)


@schedule
def tri_stage_schedule(
    peak_value: Positive,
    warmup_steps: Steps,
    hold_steps: Steps,
    decay_steps: Steps,
    init_scale: NonNegative = 0.01,
    final_scale: Positive = 0.01,
) -> Schedule:
    r"""A schedule with a linear warm-up, a constant peak and an exponential decay.

    .. math::
      M \left(s_0 + (1 - s_0) \frac{t}{W}\right), \qquad M, \qquad M s_1^{(t - W - H) / D}

    Args:
      peak_value: :math:`M`.
      warmup_steps: :math:`W`, the length of the warm-up.
      hold_steps: :math:`H`, the number of steps for which the peak holds.
      decay_steps: :math:`D`, the length of the decay; with 0 it is a jump.
      init_scale: :math:`s_0`, the first value as a fraction of the peak.
      final_scale: :math:`s_1`, the last value as a fraction of the peak. It cannot be 0,
        because an exponential never reaches 0.

    Returns:
      The schedule. It holds ``final_scale * peak_value`` at the end.

    Raises:
      ValueError: if ``peak_value`` or ``final_scale`` is not positive.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.tri_stage_schedule(1.0, 2, 2, 2, init_scale=0.5, final_scale=0.0625)
    >>> print(np.asarray(lr(np.arange(8))))
    [0.5    0.75   1.     1.     1.     0.25   0.0625 0.0625]

    References:
      ``tri_stage`` in fairseq, which divides by 0 if a length is 0. Park et al.,
      `SpecAugment <https://arxiv.org/abs/1904.08779>`_, 2019
    """
    return infinite_schedule(
        exact(peak_value) * exact(init_scale),
        peak_value,
        warmup_steps,
        cooldown_steps=0,
        constant_value=peak_value,
        constant_steps=hold_steps,
        anneal_steps=decay_steps,
        end_value=exact(peak_value) * exact(final_scale),
    )


def _check_hold(
    *, warmup_steps: ArrayLike, hold_steps: ArrayLike, decay_steps: ArrayLike, **_: Any
) -> None:
    if np.any(total(np.asarray(warmup_steps), np.asarray(hold_steps)) > np.asarray(decay_steps)):
        raise ValueError(
            "`decay_steps` must be at least `warmup_steps + "
            f"hold_steps`, got {decay_steps} for {warmup_steps} and {hold_steps}. It is the length "
            "of the whole schedule, as in warmup_cosine_decay_schedule."
        )


@schedule(check=_check_hold)
def warmup_hold_cosine_decay_schedule(
    count: jax.Array,
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    hold_steps: Steps,
    decay_steps: Steps,
    end_value: Value = 0.0,
    exponent: Exponent = 1.0,
) -> jax.Array:
    r"""A schedule with a linear warm-up, a constant peak and a cosine decay.

    With the cosine at :math:`p = (t - W - H) / (T - W - H)`:

    .. math::
      I (1 - t / W) + M t / W, \qquad M, \qquad E + (M - E) \left[\frac{1 + \cos \pi p}{2}\right]^P

    Args:
      init_value: :math:`I`, the value at count 0.
      peak_value: :math:`M`.
      warmup_steps: :math:`W`, the length of the warm-up.
      hold_steps: :math:`H`, the number of steps for which the peak then holds.
      decay_steps: :math:`T`, the length of the whole schedule, as in
        :func:`jaxlr.warmup_cosine_decay_schedule`.
      end_value: :math:`E`, the value from count ``decay_steps`` on.
      exponent: :math:`P`, the power to which the wave is raised.

    Returns:
      The schedule. It holds ``end_value`` at the end.

    Raises:
      ValueError: if ``decay_steps < warmup_steps + hold_steps``.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.warmup_hold_cosine_decay_schedule(0.0, 1.0, 2, 2, decay_steps=8)
    >>> print(np.asarray(lr(np.arange(10))).round(3))
    [0.    0.5   1.    1.    1.    0.854 0.5   0.146 0.    0.   ]

    References:
      ``cosine_decay_with_warmup`` in the TensorFlow Object Detection API, where ``decay_steps`` is
      called ``total_steps``.
    """
    start, steps = as_steps(total(warmup_steps, hold_steps), decay_steps)
    decay = progress(count, steps - start, begin=start)
    value = blend(peak_value, end_value, *raised(half_cosines(decay), exponent))
    value = jnp.where(_before(count, start), peak_value, value)
    warmup = progress(count, warmup_steps)
    return jnp.where(warmup.remaining > 0.0, blend(init_value, peak_value, *warmup), value)
