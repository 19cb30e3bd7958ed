r"""The shapes of a transition from one value to another.

A cooldown, a warm-up or one side of a cycle follows a curve. Like a schedule, a curve is a pytree:
its parameters may be traced, and it can be printed, parsed, compared and pickled. Call it with the
elapsed and remaining fractions and the two values:

>>> import jax.numpy as jnp
>>> from jaxlr import curves
>>> half = curves.Progress(elapsed=jnp.float32(0.5), remaining=jnp.float32(0.5))
>>> float(curves.polynomial(power=2.0)(half, 1.0, 0.0))
0.25

A curve takes both fractions because ``1 - elapsed`` loses precision near the end. Families accept a
curve or its name: ``decay_curve="cosine"`` means ``decay_curve=curves.cosine()``.

Unless stated otherwise, the value between :math:`a` and :math:`b` is
:math:`a D(p) + b (1 - D(p))`, where :math:`p` is the elapsed fraction. ``@curve`` makes a
family of curves from your own function ``f(fraction, start, end, **parameters)``.
"""

import functools
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core import text
from jaxlr.core.family import Constructor, Parametric, constructor_of, constructors
from jaxlr.core.numbers import as_float, exact, float_dtype
from jaxlr.core.parameters import Fraction, Kind, Positive, Value
from jaxlr.exact import doubles, powers, waves
from jaxlr.exact.parameters import Exponent, PositiveExponent
from jaxlr.exact.time import Progress, blend

__all__ = [
    "Curve",
    "Progress",
    "Shape",
    "cosine",
    "curve",
    "geometric",
    "harmonic",
    "k_decay",
    "linear",
    "mirror_cosine",
    "normalized_exponential",
    "one_minus_power",
    "one_minus_sqrt",
    "polynomial",
    "rex",
    "sine",
    "tanh",
]

P = ParamSpec("P")


class Curve(Parametric):
    """The shape of a transition from one value to another; see the top of this page."""

    __slots__ = ()
    _arguments = ("fraction", "start", "end")

    def __call__(self, fraction: Progress, start: ArrayLike, end: ArrayLike) -> jax.Array:
        """Returns the value between ``start`` and ``end``; both ends are exact."""
        value: jax.Array = self.as_arrays()._apply(fraction, as_float(start), as_float(end))
        over = jnp.where(fraction.remaining <= 0.0, as_float(end), value)
        return jnp.where(fraction.elapsed <= 0.0, as_float(start), over)


@overload
def curve(
    function: Callable[Concatenate[Any, Any, Any, P], ArrayLike], /
) -> Constructor[P, Curve]: ...
@overload
def curve(function: Callable[P, Curve], /) -> Constructor[P, Curve]: ...
@overload
def curve(
    *, prepare: Callable[..., Any]
) -> Callable[[Callable[Concatenate[Any, Any, Any, Any, P], ArrayLike]], Constructor[P, Curve]]: ...
def curve(function: Any = None, /, *, prepare: Any = None) -> Any:
    """Makes a family of curves from a function.

    Args:
      function: ``f(fraction, start, end, **parameters)`` that returns the value elementwise, or
        ``f(**parameters)`` that returns a curve.
      prepare: computes the function's fourth argument from the parameters, once, as in
        :func:`jaxlr.schedule`.

    Returns:
      The constructor ``f(**parameters) -> Curve``.
    """
    if function is None:
        return functools.partial(curve, prepare=prepare)
    return constructor_of(function, Curve, prepare=prepare)


class _Shape(Kind):
    """A curve, or the name of a curve that needs no arguments."""

    name = "Shape"

    def store(self, where: str, value: Any) -> Any:
        names = constructors(Curve)
        if isinstance(value, str) and value in names:
            value = names[value]()
        if not isinstance(value, Curve):
            raise TypeError(
                f"{where} must be a curve, such as jaxlr.curves.cosine(), or the name of one, such "
                f"as 'cosine'; got {text.brief(value)}. The names are {', '.join(names)}."
            )
        return value


Shape = Annotated[Curve | str, _Shape()]
"""A curve or the name of one."""


def along(shape: Shape, fraction: Progress, start: ArrayLike, end: ArrayLike) -> jax.Array:
    """Returns the value between ``start`` and ``end`` along a curve."""
    curve: Curve = _Shape().store("`shape`", shape)
    return curve(fraction, start, end)


@curve
def linear(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve that is a straight line: :math:`D = 1 - p`."""
    return blend(start, end, *fraction)


@curve
def polynomial(
    fraction: Progress, start: jax.Array, end: jax.Array, power: Exponent = 2.0
) -> jax.Array:
    r"""A curve that is a power of the remaining fraction: :math:`D = (1 - p)^q`.

    Args:
      power: :math:`q`; above 1 most of the change comes early, below 1 late.
    """
    return blend(start, end, *powers.raised(fraction, power))


@curve
def cosine(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve that is half a cosine wave: :math:`D = (1 + \cos \pi p) / 2`."""
    return blend(start, end, *waves.half_cosines(fraction))


@curve
def sine(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve that is a quarter of a sine wave, steepest at its start.

    .. math::
      D = 1 - \sin(\pi p / 2)
    """
    elapsed, remaining = fraction
    return blend(start, end, waves.sine(elapsed), 2.0 * waves.half_cosine(0.5 * remaining))


@curve
def one_minus_power(
    fraction: Progress, start: jax.Array, end: jax.Array, power: PositiveExponent = 2.0
) -> jax.Array:
    r"""A curve that is one minus a power of the elapsed fraction: :math:`D = 1 - p^q`.

    As a warm-up from 0 it rises like the power :math:`p^q`.

    Args:
      power: :math:`q`; above 1 most of the change comes late, below 1 early.

    References:
      Hägele et al., `Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
      <https://arxiv.org/abs/2405.18392>`_, 2024, for the square
    """
    left, over = powers.raised(Progress(fraction.remaining, fraction.elapsed), power)
    return blend(start, end, over, left)


@curve
def one_minus_sqrt(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve that is one minus a square root: :math:`D = 1 - \sqrt p`.

    References:
      Hägele et al., `Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
      <https://arxiv.org/abs/2405.18392>`_, 2024
    """
    root = powers.root(fraction.elapsed)
    return blend(start, end, root, fraction.remaining / (1.0 + root))


@curve
def geometric(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve that changes by the same ratio at every step: :math:`a^{1 - p} b^p`.

    Both values must be positive; in between, one that is not counts as 1e-38.
    """
    tiny = np.finfo(float_dtype()).tiny
    start, end = jnp.maximum(start, tiny), jnp.maximum(end, tiny)
    slope = _log(end) - _log(start)
    # Start from the nearer end, which halves the exponent and so its rounding error.
    early = start * jnp.exp(jnp.minimum(fraction.elapsed, 0.5) * slope)
    late = end * jnp.exp(-jnp.minimum(fraction.remaining, 0.5) * slope)
    return jnp.where(fraction.elapsed < 0.5, early, late)


def _log(x: jax.Array) -> jax.Array:
    """Returns the natural logarithm."""
    return jnp.asarray(doubles.log(jnp.asarray(x)))


@curve
def normalized_exponential(
    fraction: Progress, start: jax.Array, end: jax.Array, ratio: Positive = 0.1
) -> jax.Array:
    r"""A curve that is an exponential stretched to reach its end.

    .. math::
      D = (r^p - r) / (1 - r)

    Args:
      ratio: :math:`r`, the last value of the exponential before it is stretched. At 1 the curve is
        a line; above 1 most of the change comes late.

    References:
      timm's cooldown ``exp`` has ratio 0.1; Megatron-LM's ``exponential`` has 0.5.
    """
    rate = _log(jnp.asarray(as_float(ratio)))
    flat = jnp.abs(rate) < 1e-6
    slope = jnp.where(flat, 1.0, rate)
    whole = jnp.expm1(slope)
    over = jnp.where(flat, fraction.elapsed, jnp.expm1(slope * fraction.elapsed) / whole)
    # r^p - r = r (r^(p - 1) - 1), which stays precise near the end.
    left = -jnp.exp(slope) * jnp.expm1(-slope * fraction.remaining) / whole
    return blend(start, end, over, jnp.where(flat, fraction.remaining, left))


@curve
def mirror_cosine(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve that is half a cosine wave mirrored at the straight line.

    .. math::
      D = 2 (1 - p) - (1 + \cos \pi p) / 2

    References:
      Hägele et al., `Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
      <https://arxiv.org/abs/2405.18392>`_, 2024
    """
    over, left = (2.0 * part - waves.half_cosine(part) for part in fraction)
    return blend(start, end, over, left)


@curve
def tanh(
    fraction: Progress,
    start: jax.Array,
    end: jax.Array,
    lower: Value = -7.0,
    upper: Value = 3.0,
    exact_ends: bool = True,
) -> jax.Array:
    r"""A curve that is part of a hyperbolic tangent.

    .. math::
      D = (1 - \tanh(l (1 - p) + u p)) / 2

    Args:
      lower: :math:`l`, where on the tangent it begins.
      upper: :math:`u`, where it ends.
      exact_ends: whether to stretch the tangent so that it goes from exactly 1 to exactly 0.
        Otherwise it only comes close, and the value jumps to the exact ones at both ends.

    References:
      Hsueh et al., `Stochastic Gradient Descent with Hyperbolic-Tangent Decay on Classification
      <https://arxiv.org/abs/1806.01593>`_, 2018
    """
    low, high = jnp.asarray(as_float(lower)), jnp.asarray(as_float(upper))
    x = blend(low, high, *fraction)
    if not exact_ends:
        # (1 - tanh x) / 2 and (1 + tanh x) / 2, without cancellation.
        return blend(start, end, jax.nn.sigmoid(2.0 * x), jax.nn.sigmoid(-2.0 * x))
    # tanh b - tanh x = sinh(b - x) / (cosh b cosh x), where b - x does not cancel because it is a
    # multiple of the remaining fraction. All large powers of e are collected in `power`. If the
    # tangent falls, everything is negated first.
    sign = jnp.where(high < low, -1.0, 1.0)
    x, low, high = sign * x, sign * low, sign * high
    nearest = jnp.maximum(jnp.maximum(low, -high), 0.0)
    power = jnp.exp(-2.0 * (jnp.abs(x) - nearest))
    cosh = 1.0 / (1.0 + jnp.exp(-2.0 * nearest) * power)
    left = _sinh_share(fraction.remaining, high - low, low, jnp.where(x > 0.0, power, 1.0) * cosh)
    over = _sinh_share(fraction.elapsed, high - low, high, jnp.where(x > 0.0, 1.0, power) * cosh)
    return blend(start, end, over, left)


def _sinh_share(part: jax.Array, size: jax.Array, end: jax.Array, cosh: jax.Array) -> jax.Array:
    """Returns ``sinh(part * size) cosh(end) / (sinh(size) cosh(x))``.

    ``cosh`` is the factor ``1 / cosh(x)``, with the large powers of e taken out.
    """
    flat = size < 1e-6
    twice = -2.0 * jnp.where(flat, 1.0, size)
    unit = (1.0 + jnp.exp(-2.0 * jnp.abs(end))) / jnp.expm1(twice)
    sinh = powers.exp2m1((twice / np.log(2.0)) * part)
    return jnp.where(flat, part, sinh * unit * cosh)


def _one_minus_beta(*, beta: ArrayLike) -> Any:
    """Returns ``1 - beta``, computed before ``beta`` is rounded to float32."""
    return 1.0 - exact(beta)


@curve(prepare=_one_minus_beta)
def rex(
    fraction: Progress,
    start: jax.Array,
    end: jax.Array,
    one_minus_beta: jax.Array,
    beta: Fraction = 0.5,
) -> jax.Array:
    r"""A curve that is a reflected exponential.

    .. math::
      D = (1 - p) / ((1 - \beta) + \beta (1 - p))

    Args:
      beta: :math:`\beta`; 0 is a line, and near 1 most of the change comes at the very end.

    References:
      Chen et al., `REX: Revisiting Budgeted Training with an Improved Schedule
      <https://arxiv.org/abs/2107.04197>`_, 2021
    """
    whole = one_minus_beta + beta * fraction.remaining
    whole = jnp.where(whole > 0.0, whole, 1.0)
    elapsed = one_minus_beta * fraction.elapsed / whole
    return blend(start, end, elapsed, fraction.remaining / whole)


@curve
def harmonic(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A curve whose inverse is a straight line: :math:`1 / ((1 - p) / a + p / b)`.

    Both values must be positive; if one is 0, the whole curve is 0.

    References:
      levanter's ``inv`` schedule.
    """
    whole = start * fraction.elapsed + end * fraction.remaining
    return start * end / jnp.where(whole == 0.0, 1.0, whole)


@curve
def k_decay(
    fraction: Progress,
    start: jax.Array,
    end: jax.Array,
    k: PositiveExponent = 1.0,
    shape: Shape = "cosine",
) -> jax.Array:
    r"""A curve that follows another one at :math:`p^k` instead of :math:`p`.

    Args:
      k: :math:`k`; above 1 the curve starts late.
      shape: the other curve.

    References:
      Zhang and Li, `k-decay: A New Method For Learning Rate Schedule
      <https://arxiv.org/abs/2004.05909>`_, 2020
    """
    left, over = powers.raised(Progress(fraction.remaining, fraction.elapsed), k)
    return along(shape, Progress(over, left), start, end)
