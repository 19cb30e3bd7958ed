r"""Schedules that begin with a warm-up.

A warm-up starts at ``init_value`` at count 0 and reaches its peak at count ``warmup_steps``. If
``init_value`` is 0, the first update does nothing. Some libraries avoid this by counting
differently, which is a different line here. For a peak :math:`M` and :math:`W` steps:

* :math:`M (t + 1) / W` (torchtitan, fairseq, modded-nanogpt): from ``M / W`` in ``W - 1`` steps;
* :math:`M (t + 1) / (W + 1)` (NeMo): from ``M / (W + 1)`` in ``W`` steps.

>>> import jaxlr, numpy as np
>>> M, W, counts = 1.0, 4, np.arange(6)
>>> jaxlr.warmup_constant_schedule(M / W, M, W - 1)(counts)
Array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ], dtype=float32)
>>> jaxlr.warmup_constant_schedule(M / (W + 1), M, W)(counts)
Array([0.2, 0.4, 0.6, 0.8, 1. , 1. ], dtype=float32)

Untuned warm-ups for Adam derive their length from ``b2``, so you only choose the peak. The exact
one is :func:`radam_warmup_schedule`; these are simpler:

>>> b2 = 0.999
>>> W = round(2 / (1 - b2))
>>> linear = jaxlr.warmup_constant_schedule(M / W, M, W - 1)
>>> exponential = jaxlr.exponential_warmup_schedule(M, time_constant=1 / (1 - b2))
>>> print(f"{linear(999):.3f} {exponential(999):.3f}")
0.500 0.632

See Ma and Yarats, `On the adequacy of untuned warmup for adaptive optimization
<https://arxiv.org/abs/1910.04209>`_, 2021.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.catalogue.decays import (
    exponential_decay,
    inverse_power_decay_schedule,
    inverse_sqrt_schedule,
)
from jaxlr.catalogue.transitions import linear_schedule
from jaxlr.compose import join_schedules
from jaxlr.core.export import exported_tuple
from jaxlr.core.numbers import as_float, as_steps, exact, float_dtype, namespace
from jaxlr.core.parameters import Fraction, NonNegative, Period, Positive, Steps, Value
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.exact.doubles import divide, log
from jaxlr.exact.parameters import Exponent
from jaxlr.exact.powers import exp2m1, log1p, raised
from jaxlr.exact.time import blend, either_progress, inverse, progress, total
from jaxlr.exact.waves import half_cosines


@schedule
def warmup_constant_schedule(
    count: jax.Array, init_value: Value, peak_value: Value, warmup_steps: Steps
) -> jax.Array:
    r"""A schedule with a linear warm-up to a value that then holds.

    Args:
      init_value: the value at count 0.
      peak_value: the value from count ``warmup_steps`` on.
      warmup_steps: the length of the warm-up. With 0 there is none, whereas optax would hold
        ``init_value`` forever.

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
            f"`decay_steps` must be at least `warmup_steps`, got {decay_steps} and "
            f"{warmup_steps}. It is the length of the whole schedule, warm-up "
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
    exponent: Exponent = 1.0,
) -> jax.Array:
    r"""A schedule with a linear warm-up followed by a cosine decay.

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
      ValueError: if ``decay_steps < warmup_steps``. If they are equal, the warm-up ends with a jump
        to ``end_value``; optax raises an error for that too.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=2, decay_steps=6)
    >>> print(np.asarray(lr(np.arange(8))).round(3))
    [0.    0.5   1.    0.854 0.5   0.146 0.    0.   ]
    """
    rises, fraction = either_progress(count, warmup_steps, decay_steps)
    wave = raised(half_cosines(fraction), exponent)
    return jnp.where(
        rises,
        blend(init_value, peak_value, *fraction),
        blend(peak_value, end_value, *wave),
    )


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
    """A schedule with a linear warm-up followed by an exponential decay.

    Args:
      init_value: the value at count 0.
      peak_value: the value at count ``warmup_steps``.
      warmup_steps: the length of the warm-up.
      transition_steps: the number of steps in which the value is multiplied by the rate once.
      decay_rate: the rate.
      transition_begin: the number of steps for which the peak holds before the decay begins.
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


def _check_inverse_sqrt(*, warmup_steps: ArrayLike, timescale: ArrayLike | None, **_: Any) -> None:
    if timescale is None and np.any(np.asarray(warmup_steps) == 0):
        raise ValueError(
            "`timescale` defaults to `warmup_steps`, so it must be "
            "given if there is no warm-up; a common one is 10_000."
        )


@schedule(check=_check_inverse_sqrt)
def warmup_inverse_sqrt_schedule(
    init_value: Value,
    peak_value: Value,
    warmup_steps: Steps,
    timescale: Period | None = None,
) -> Schedule:
    r"""A schedule with a linear warm-up, then a decay with the inverse square root of time.

    .. math::
      I (1 - t / W) + M t / W \quad (t < W), \qquad
      M \Big/ \sqrt{1 + \frac{t - W}{S}} \quad (t \ge W)

    With :math:`S = W` the second part is :math:`M \sqrt{W / t}`.

    Args:
      init_value: :math:`I`, the value at count 0.
      peak_value: :math:`M`, the value at count ``warmup_steps``.
      warmup_steps: :math:`W`, the length of the warm-up.
      timescale: :math:`S`, the number of steps in which the peak falls by a factor of
        :math:`\sqrt 2`; None means ``warmup_steps``.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if there is neither a warm-up nor a timescale; fairseq divides by 0 then. If such
        a length is traced, the schedule is constant.

    >>> import jaxlr, numpy as np
    >>> counts = np.array([0, 50, 100, 200, 400])
    >>> lr = jaxlr.warmup_inverse_sqrt_schedule(0.0, 1.0, warmup_steps=100)
    >>> print(np.asarray(lr(counts)).round(3))
    [0.    0.5   1.    0.707 0.5  ]

    References:
      With ``timescale=None``: ``inverse_sqrt`` in fairseq and in Megatron-LM, which drops to its
      minimum at the end of its horizon. With a default timescale of 10,000: ``inverse_sqrt`` in
      transformers (without a warm-up) and ``rsqrt`` in big_vision. ``InverseSquareRootAnnealing``
      in NeMo starts at ``M / (W + 1)`` and has a timescale of ``W + 1``. For other forms see
      :func:`jaxlr.inverse_sqrt_schedule`.
    """
    scale = warmup_steps if timescale is None else timescale
    return join_schedules(
        [
            linear_schedule(init_value, peak_value, warmup_steps),
            inverse_sqrt_schedule(peak_value, scale, shift=scale),
        ],
        [warmup_steps],
    )


@schedule
def noam_schedule(model_size: Positive, warmup_steps: Period, scale: Value = 1.0) -> Schedule:
    r"""The schedule of the original Transformer: a warm-up, then an inverse square root.

    .. math::
      b \, d^{-1/2} \min(t^{-1/2}, \, t \, W^{-3/2})

    It is 0 at count 0, and reaches its peak :math:`b / \sqrt{d W}` at count :math:`W`.

    Args:
      model_size: :math:`d`, the width of the model.
      warmup_steps: :math:`W`, the length of the warm-up.
      scale: :math:`b`, a factor.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``model_size`` or ``warmup_steps`` is not positive.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.noam_schedule(model_size=16, warmup_steps=100)
    >>> print(np.asarray(lr(np.array([0, 50, 100, 400]))))
    [0.     0.0125 0.025  0.0125]

    The paper counts updates from 1, so its first value is not 0 and its peak is one update earlier:

    >>> peak, W = 0.025, 100
    >>> paper = jaxlr.warmup_inverse_sqrt_schedule(peak / W, peak, W - 1, timescale=W)
    >>> print(np.asarray(paper(np.array([49, 99, 399]))))
    [0.0125 0.025  0.0125]

    References:
      Vaswani et al., `Attention Is All You Need <https://arxiv.org/abs/1706.03762>`_, 2017

      ``NoamDecay`` in Paddle; ``NoamAnnealing`` in NeMo, which also uses the value at count 1 for
      count 0, and has a lower bound.
    """
    product = exact(model_size) * exact(warmup_steps)
    # The smallest normal float under the root keeps its derivative finite.
    root = namespace(product).sqrt(
        namespace(product).maximum(product, float(np.finfo(np.float32).tiny))
    )
    return warmup_inverse_sqrt_schedule(0.0, divide(scale, root), warmup_steps)


@schedule
def noam_hold_schedule(
    peak_value: Value,
    warmup_steps: Period,
    hold_steps: Steps,
    decay_exponent: NonNegative = 0.5,
    init_value: Value = 0.0,
) -> Schedule:
    r"""A schedule with a linear warm-up, a constant peak and an inverse power decay.

    .. math::
      I (1 - t / W) + M t / W, \qquad M, \qquad M \left(\frac{W}{t - H}\right)^P

    The third part begins at count :math:`W + H`, at the peak.

    Args:
      peak_value: :math:`M`.
      warmup_steps: :math:`W`, the length of the warm-up and the unit of time of the decay.
      hold_steps: :math:`H`, the number of steps for which the peak holds.
      decay_exponent: :math:`P`.
      init_value: :math:`I`, the value at count 0.

    Returns:
      The schedule. It has no end.

    Raises:
      ValueError: if ``warmup_steps`` is not positive.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.noam_hold_schedule(1.0, warmup_steps=2, hold_steps=3)
    >>> print(np.asarray(lr(np.array([0, 1, 2, 5, 11]))))
    [0.  0.5 1.  1.  0.5]

    References:
      Kim et al., `Squeezeformer: An Efficient Transformer for Automatic Speech Recognition
      <https://arxiv.org/abs/2206.00888>`_, 2022

      ``NoamHoldAnnealing`` in NeMo, whose warm-up starts at ``M / (W + 1)``.
    """
    return join_schedules(
        [
            warmup_constant_schedule(init_value, peak_value, warmup_steps),
            inverse_power_decay_schedule(peak_value, warmup_steps, decay_exponent),
        ],
        [total(warmup_steps, hold_steps)],
    )


@schedule
def exponential_warmup_schedule(
    count: jax.Array, peak_value: Value, time_constant: Period
) -> ArrayLike:
    r"""A schedule that approaches its peak exponentially.

    .. math::
      M \left(1 - e^{-(t + 1) / \tau}\right)

    Args:
      peak_value: :math:`M`.
      time_constant: :math:`\tau`, in steps; after five time constants less than 1% is missing. With
        ``1 / (1 - b2)`` this is the untuned exponential warm-up for Adam.

    Returns:
      The schedule. It has no end; its first value is not 0.

    Raises:
      ValueError: if ``time_constant`` is not positive. If it is traced, the warm-up is over at
        once.

    >>> import jaxlr, numpy as np
    >>> print(np.asarray(jaxlr.exponential_warmup_schedule(1.0, 2.0)(np.arange(4))).round(3))
    [0.393 0.632 0.777 0.865]

    References:
      Ma and Yarats, `On the adequacy of untuned warmup for adaptive optimization
      <https://arxiv.org/abs/1910.04209>`_, 2021; ``ExponentialWarmup`` in pytorch_warmup.
    """
    rate = jnp.where(as_float(time_constant) > 0.0, inverse(time_constant), 1e9)
    return peak_value * -exp2m1((as_float(count) + 1.0) * (-rate / np.log(2.0)))


def _logarithm(*, warmup_steps: ArrayLike, **_: Any) -> Any:
    """Returns ``1 / log(1 + steps)``."""
    array, steps = namespace(warmup_steps), exact(warmup_steps)
    return 1.0 / array.log1p(array.where(steps > 0.0, steps, 1.0))


@schedule(prepare=_logarithm)
def log_warmup_schedule(
    count: jax.Array, unit: jax.Array, init_value: Value, peak_value: Value, warmup_steps: Steps
) -> jax.Array:
    r"""A schedule with a logarithmic warm-up, steepest at its start, to a value that then holds.

    .. math::
      I + (M - I) \frac{\ln(t + 1)}{\ln(W + 1)}

    Args:
      init_value: :math:`I`, the value at count 0.
      peak_value: :math:`M`, the value from count ``warmup_steps`` on.
      warmup_steps: :math:`W`, the length of the warm-up; with 0 there is none.

    Returns:
      The schedule.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.log_warmup_schedule(0.0, 1.0, warmup_steps=7)
    >>> print(np.asarray(lr(np.array([0, 1, 3, 7, 8]))).round(3))
    [0.    0.333 0.667 1.    1.   ]

    References:
      ``WarmupLR`` in DeepSpeed reaches its peak one step earlier: use ``warmup_num_steps - 1`` for
      ``warmup_steps``.
    """
    count, steps = as_steps(count, warmup_steps)
    zero = jnp.zeros((), steps.dtype)
    left = jnp.maximum(steps - count, zero)
    over = left <= zero
    done, left = as_float(jnp.where(over, zero, count)), as_float(left)
    # ln(W + 1) - ln(t + 1) = ln(1 + (W - t) / (t + 1)), which stays precise near the end.
    value = blend(init_value, peak_value, log1p(done) * unit, log1p(left / (1.0 + done)) * unit)
    value = jnp.where(count > zero, value, init_value)
    return jnp.where(over, peak_value, value)


def _check_radam(*, b2: ArrayLike, **_: Any) -> None:
    if np.any(np.asarray(b2) < 0.62) or np.any(np.asarray(b2) >= 1.0):
        raise ValueError(
            f"`b2` must be at least 0.62 and below 1, got {b2}. Near "
            "0.6 there is nothing to rectify."
        )


@exported_tuple
class _Rectified(NamedTuple):
    """Constants that depend on ``b2`` alone; ``first`` is :math:`n_0` and ``rate`` is :math:`q`."""

    first: Any
    rate: Any
    unit: Any
    rest: Any
    most: Any
    scale: Any
    least: Any


def _rectified(*, b2: ArrayLike, **_: Any) -> _Rectified:
    """Computes the constants, in double precision if ``b2`` is a host number."""
    array: Any = namespace(b2)
    rate = array.clip(-log(b2), 1e-7, -np.log(0.62))
    unit = 2.0 / rate
    rest = rate / 6.0 * _series(rate * rate)  # coth(q / 2) - 2 / q
    most = unit + rest - 4.0
    counts = array.expand_dims(array.arange(1.0, 65.0), tuple(range(1, 1 + np.ndim(rate))))
    excesses = _excess(counts, rate, unit, rest, most, array)
    least = array.min(array.where(excesses > 0.0, excesses, np.inf), axis=0)
    first = 1 + array.sum(excesses <= 0.0, axis=0)
    scale = (4.0 + most) / (2.0 + most) / most
    return _Rectified(first, rate, unit, rest, most, scale, least)


@schedule(prepare=_rectified, check=_check_radam)
def radam_warmup_schedule(
    count: jax.Array, rectified: _Rectified, peak_value: Value, b2: Fraction = 0.999
) -> ArrayLike:
    r"""A schedule that applies RAdam's variance rectification as a warm-up.

    .. math::
      M \sqrt{\frac{(\rho_n - 4) (\rho_n - 2) \rho_\infty}{
      (\rho_\infty - 4) (\rho_\infty - 2) \rho_n}}, \qquad
      \rho_n = \rho_\infty - \frac{2 n \beta_2^n}{1 - \beta_2^n}, \qquad
      \rho_\infty = \frac{2}{1 - \beta_2} - 1

    with :math:`n = t + n_0`, where :math:`n_0` is the first :math:`n` with :math:`\rho_n > 4`: 5
    for most :math:`\beta_2`.

    Args:
      peak_value: :math:`M`, approached within about :math:`2 / (1 - \beta_2)` updates.
      b2: :math:`\beta_2` of Adam, at least 0.62 and below 1.

    Returns:
      The schedule. It has no end; its first value is not 0.

    Raises:
      ValueError: if ``b2`` is below 0.62 or not below 1. A traced one is clipped to that range.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.radam_warmup_schedule(1.0, b2=0.999)
    >>> print(np.asarray(lr(np.array([0, 100, 1_000, 10_000]))).round(3))
    [0.017 0.221 0.647 1.   ]

    References:
      Liu et al., `On the Variance of the Adaptive Learning Rate and Beyond
      <https://arxiv.org/abs/1908.03265>`_, 2019; ``RAdamWarmup`` in pytorch_warmup.
    """
    first, rate, unit, rest, most, scale, least = rectified
    excess = _excess(as_float(count) + as_float(first), rate, unit, rest, most, jnp)
    excess = jnp.where(count > 0, excess, least)  # The difference of two numbers that are close.
    factor = excess * ((2.0 + excess) / (4.0 + excess)) * scale
    return peak_value * jnp.sqrt(jnp.clip(factor, np.finfo(factor.dtype).tiny, 1.0))


def _excess(n: Any, rate: Any, unit: Any, rest: Any, most: Any, array: Any) -> Any:
    r"""Returns :math:`\rho_n - 4`, computed without cancellation.

    With the rate :math:`q`, ``unit`` :math:`2 / q` and :math:`x = qn`, it equals
    :math:`\rho_\infty - 4 - \frac 2 q \frac{x}{e^x - 1}`. Its series for small :math:`x` begins
    with :math:`n - 4 - n x / 6`.
    """
    x = n * rate
    near, far = array.minimum(x, 1.0), array.maximum(x, 1.0)
    early = (n - 4.0) - n * near / 6.0 * _series(near * near) + rest
    share = array.exp(-far)
    late = most - unit * (far * (share / (1.0 - share)))
    return array.where(x < 1.0, early, late)


_RATIOS = (60.0, 42.0, 40.0, 39.6, 27300.0 / 691.0, 1382.0 / 35.0, 39.4802, 39.479, 39.48)
"""The ratios between terms of the series below; all of them together suffice for float64."""


def _series(square: Any) -> Any:
    r"""Returns S in :math:`x / (e^x - 1) = 1 - x / 2 + x^2 S / 12`, for x up to 1."""
    digits = _RATIOS if float_dtype() == jnp.float64 else _RATIOS[:3]
    series = 1.0
    for ratio in reversed(digits):
        series = 1.0 - square / ratio * series
    return series
