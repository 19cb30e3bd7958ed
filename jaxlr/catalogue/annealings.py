"""Schedules that decay to an end value in a given number of steps, each along its own curve."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr import curves
from jaxlr.catalogue.transitions import transition_schedule
from jaxlr.core.export import exported_tuple
from jaxlr.core.numbers import as_float, as_steps, exact, namespace
from jaxlr.core.parameters import Fraction, Period, Positive, Steps, Value
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.curves import Shape
from jaxlr.exact.doubles import divide, log
from jaxlr.exact.intervals import by_interval
from jaxlr.exact.parameters import PositiveExponent
from jaxlr.exact.powers import root
from jaxlr.exact.time import blend, inverse, progress
from jaxlr.exact.waves import half_cosine


@schedule
def rex_schedule(
    init_value: Value, decay_steps: Steps, end_value: Value = 0.0, beta: Fraction = 0.5
) -> Schedule:
    r"""A schedule that decays along a reflected exponential: high for long, then a late fall.

    .. math::
      E + (I - E) \frac{1 - p}{(1 - \beta) + \beta (1 - p)},
      \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which ``end_value`` holds.
      end_value: :math:`E`.
      beta: :math:`\beta`; 0 is a line, and near 1 most of the change comes at the very end.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length, or ``beta`` outside [0, 1].

    >>> import jaxlr, numpy as np
    >>> print(np.asarray(jaxlr.rex_schedule(1.0, decay_steps=4)(np.arange(6))).round(3))
    [1.    0.857 0.667 0.4   0.    0.   ]

    References:
      Chen et al., `REX: Revisiting Budgeted Training with an Improved Schedule
      <https://arxiv.org/abs/2107.04197>`_, 2021, with ``beta=0.5``. ``RexLR`` in axolotl uses 0.9.
    """
    return transition_schedule(init_value, end_value, decay_steps, curves.rex(beta))


@schedule
def tanh_decay_schedule(
    init_value: Value,
    decay_steps: Steps,
    end_value: Value = 0.0,
    lower: Value = -7.0,
    upper: Value = 3.0,
    exact_ends: bool = True,
) -> Schedule:
    r"""A schedule that decays along a hyperbolic tangent: it stays high, falls, and stays low.

    .. math::
      E + \frac{I - E}{2} \left(1 - \tanh(l (1 - p) + u p)\right),
      \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which ``end_value`` holds.
      end_value: :math:`E`.
      lower: :math:`l`, where on the tangent the decay begins.
      upper: :math:`u`, where it ends. A fraction :math:`(1 - \tanh u) / 2` of the way is left
        there.
      exact_ends: whether to stretch the formula so that it goes from exactly ``init_value`` to
        exactly ``end_value``. Otherwise it only comes close, and the value jumps to the exact ones
        at both ends.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.tanh_decay_schedule(1.0, decay_steps=10)
    >>> print(np.asarray(lr(np.array([0, 6, 7, 8, 10]))).round(3))
    [1.    0.881 0.499 0.117 0.   ]

    References:
      Hsueh et al., `Stochastic Gradient Descent with Hyperbolic-Tangent Decay on Classification
      <https://arxiv.org/abs/1806.01593>`_, 2018. ``TanhLRScheduler`` in timm uses
      ``exact_ends=False``.
    """
    curve = curves.tanh(lower, upper, exact_ends)
    return transition_schedule(init_value, end_value, decay_steps, curve)


@schedule
def k_decay_schedule(
    init_value: Value,
    decay_steps: Steps,
    end_value: Value = 0.0,
    k: PositiveExponent = 1.0,
    curve: Shape = "cosine",
) -> Schedule:
    r"""A schedule that follows a curve at a power of the elapsed fraction.

    .. math::
      I D(p^k) + E (1 - D(p^k)), \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which ``end_value`` holds.
      end_value: :math:`E`.
      k: :math:`k`; 1 is the curve itself, and above 1 the value stays high for longer.
      curve: :math:`D`, a curve of :mod:`jaxlr.curves` or the name of one.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length, or if ``k`` is not positive.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.k_decay_schedule(1.0, decay_steps=4, k=2.0)
    >>> print(np.asarray(lr(np.arange(6))).round(3))
    [1.    0.99  0.854 0.402 0.    0.   ]

    References:
      Zhang and Li, `k-decay: A New Method For Learning Rate Schedule
      <https://arxiv.org/abs/2004.05909>`_, 2020. ``CosineLRScheduler`` in timm has it
      as ``k_decay``, and so has ``PolyLRScheduler``, with ``curve=curves.polynomial(power)`` here.
    """
    return transition_schedule(init_value, end_value, decay_steps, curves.k_decay(k, curve))


@schedule
def half_cosine_schedule(init_value: Value, decay_steps: Steps, end_value: Value = 0.0) -> Schedule:
    r"""A schedule that is the second half of a cosine decay, falling fastest at its start.

    .. math::
      E + (I - E) \left(1 - \sin \frac{\pi p}{2}\right), \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0, halfway down the full cosine.
      decay_steps: :math:`T`, the count from which ``end_value`` holds.
      end_value: :math:`E`.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.half_cosine_schedule(1.0, decay_steps=3)
    >>> print(np.asarray(lr(np.arange(5))).round(3))
    [1.    0.5   0.134 0.    0.   ]

    References:
      ``HalfCosWithWarmup`` in OLMo-core takes the peak of the full cosine, which is
      ``2 * init_value - end_value``.
    """
    return transition_schedule(init_value, end_value, decay_steps, "sine")


@schedule
def cosine_linear_envelope_schedule(
    count: jax.Array, init_value: Value, decay_steps: Steps, alpha: Value = 0.0
) -> ArrayLike:
    r"""A schedule that decays along half a cosine wave times a line, to a fraction of its start.

    .. math::
      I \left(\alpha + (1 - \alpha) (1 - p) \frac{1 + \cos \pi p}{2}\right),
      \qquad p = \operatorname{clip}(t / T, 0, 1)

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which ``alpha * init_value`` holds.
      alpha: :math:`\alpha`, the last value as a fraction of the first.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.cosine_linear_envelope_schedule(1.0, decay_steps=4)
    >>> print(np.asarray(lr(np.arange(6))).round(3))
    [1.    0.64  0.25  0.037 0.    0.   ]

    References:
      ``CosLinearEnvelope`` in OLMo, whose ``alpha_f`` is 0.1.
    """
    remaining = progress(count, decay_steps).remaining
    wave = remaining * half_cosine(remaining)
    return init_value * (wave + alpha * (1.0 - wave))


def _check_bound(*, decay_steps: ArrayLike, upper_bound: ArrayLike, **_: Any) -> None:
    if np.any(np.asarray(decay_steps) > np.asarray(upper_bound)):
        raise ValueError(
            f"`upper_bound` must be at least `decay_steps`, got {upper_bound} and {decay_steps}. "
            "It is the length of the longest training run."
        )


@schedule(check=_check_bound)
def hyperbolic_decay_schedule(
    count: jax.Array,
    init_value: Value,
    decay_steps: Steps,
    infimum: Value,
    upper_bound: Period,
) -> jax.Array:
    r"""A schedule that decays along a hyperbola, and starts alike for any length of training.

    .. math::
      I - (I - J) \left(h(0) - h(\min(t, T))\right), \qquad
      h(t) = \sqrt{\frac{T - t}{U} \left(2 - \frac{T + t}{U}\right)}

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which the last value holds.
      infimum: :math:`J`, the last value of the longest training run.
      upper_bound: :math:`U`, the length of the longest training run in steps. With
        ``decay_steps`` equal to it, the decay is a line.

    Returns:
      The schedule. It holds its last value :math:`I - (I - J) \sqrt{(2 - T / U)\, T / U}`, which
      is above the infimum if ``decay_steps`` is below ``upper_bound``.

    Raises:
      ValueError: if ``upper_bound`` is not positive, or below ``decay_steps``.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.hyperbolic_decay_schedule(1.0, decay_steps=4, infimum=0.0, upper_bound=8)
    >>> print(np.asarray(lr(np.arange(6))).round(3))
    [1.    0.852 0.693 0.509 0.134 0.134]

    References:
      Kim, `HyperbolicLR: Epoch insensitive learning rate scheduler
      <https://arxiv.org/abs/2407.15200>`_, 2024
    """
    depth = _hyperbola(count, decay_steps, upper_bound)
    rest = progress(decay_steps, upper_bound).remaining
    # 1 - h(0) = (1 - T / U)^2 / (1 + h(0)).
    above = rest * rest / (1.0 + depth.whole) + depth.left
    return blend(init_value, infimum, depth.over, above)


@exported_tuple
class _Milestones(NamedTuple):
    """Counts that split the decay into equal parts, with the exact values there.

    Computing from the nearest one keeps all exponents small.
    """

    rate: Any
    starts: Any
    depths: Any
    values: Any
    end_value: Any


def _milestones(
    *, init_value: ArrayLike, decay_steps: ArrayLike, infimum: ArrayLike, upper_bound: ArrayLike
) -> _Milestones:
    """Computes the milestones, in double precision for host numbers."""
    array = namespace(init_value, decay_steps, infimum, upper_bound)
    log_value, part = log(init_value), divide(decay_steps, upper_bound)
    rate = log(infimum) - log_value
    shares = np.linspace(1.0, 0.0, 8, endpoint=False)

    def depth(square: Any) -> Any:  # Kept above 0, so that its derivative is finite.
        return array.sqrt(array.maximum(square, float(np.finfo(np.float32).tiny)))

    whole = depth(part * (2.0 - part))
    each, part, bound, steps = (
        array.asarray(x)[..., None] for x in (whole, part, exact(upper_bound), exact(decay_steps))
    )
    starts = bound * (1.0 - depth((each * shares) ** 2 + (1.0 - part) ** 2))
    starts = array.clip(array.floor(starts), 0, steps)
    passed = starts / bound
    depths = depth((part - passed) * (2.0 - part - passed))
    values = array.exp(array.asarray(log_value)[..., None] + rate[..., None] * (each - depths))
    end_value = array.exp(log_value + rate * whole)
    return _Milestones(rate, starts.astype(int), depths, values, end_value)


@schedule(prepare=_milestones, check=_check_bound)
def exp_hyperbolic_decay_schedule(
    count: jax.Array,
    milestones: _Milestones,
    init_value: Positive,
    decay_steps: Steps,
    infimum: Positive,
    upper_bound: Period,
) -> jax.Array:
    r"""A schedule that decays along the exponential of a hyperbola.

    .. math::
      I \left(J / I\right)^{h(0) - h(\min(t, T))}, \qquad
      h(t) = \sqrt{\frac{T - t}{U} \left(2 - \frac{T + t}{U}\right)}

    Args:
      init_value: :math:`I`, the value at count 0.
      decay_steps: :math:`T`, the count from which the last value holds.
      infimum: :math:`J`, the last value of the longest training run.
      upper_bound: :math:`U`, the length of the longest training run in steps. With
        ``decay_steps`` equal to it, the decay is exponential.

    Returns:
      The schedule. It holds its last value, which is above the infimum if ``decay_steps`` is
      below ``upper_bound``.

    Raises:
      ValueError: if a value or ``upper_bound`` is not positive, or ``upper_bound`` is below
        ``decay_steps``.

    >>> import jaxlr, numpy as np
    >>> lr = jaxlr.exp_hyperbolic_decay_schedule(1.0, 4, infimum=0.01, upper_bound=8)
    >>> print(np.asarray(lr(np.arange(6))).round(3))
    [1.    0.506 0.243 0.104 0.019 0.019]

    References:
      Kim, `HyperbolicLR: Epoch insensitive learning rate scheduler
      <https://arxiv.org/abs/2407.15200>`_, 2024
    """
    over = progress(count, decay_steps).remaining <= 0.0
    count, starts, steps, bound = as_steps(count, milestones.starts, decay_steps, upper_bound)
    count = jnp.minimum(count, steps)

    def value(count: jax.Array, last: Any) -> jax.Array:
        start, depth, known = last
        both = depth + _hyperbola(count, steps, bound).left
        # A difference of squares divided by the sum does not cancel where the two are close.
        unit = inverse(bound)
        passed = as_float(count - start) * unit
        fallen = passed * ((as_float(bound - count) + as_float(bound - start)) * unit)
        return known * jnp.exp(milestones.rate * (fallen / jnp.where(both > 0.0, both, 1.0)))

    columns = (starts, milestones.depths, milestones.values)
    falling = by_interval(value, starts[1:], count, columns)
    return jnp.where(over, milestones.end_value, falling)


class _Depth(NamedTuple):
    """The depth of a hyperbola: so far, ``h(0) - h(t)``; left, ``h(t)``; and in all, ``h(0)``."""

    over: jax.Array
    left: jax.Array
    whole: jax.Array


def _hyperbola(count: ArrayLike, steps: ArrayLike, bound: ArrayLike) -> _Depth:
    """Returns the depth of the hyperbola at a count."""
    part, rest = progress(steps, bound)
    over, left = progress(count, steps)
    curved = 2.0 * rest
    left_depth = root(part * left * (curved + part * left))
    whole = root(part * (1.0 + rest))
    # A difference of squares divided by the sum does not cancel near the start.
    both = whole + left_depth
    fallen = part * over * (curved + part * (1.0 + left)) / jnp.where(both > 0.0, both, 1.0)
    return _Depth(fallen, left_depth, whole)
