r"""The shapes of a transition from one value to another.

A curve is what a cooldown, a warm-up or one side of a cycle follows. It is a pytree like a
schedule: its parameters may be traced, it has a text, it compares and pickles. Called with the
fractions of the way that are over and left, and with the two values, it returns the value:

>>> import jax.numpy as jnp
>>> from jaxlr import curves
>>> half = curves.Progress(elapsed=jnp.float32(0.5), remaining=jnp.float32(0.5))
>>> float(curves.polynomial(power=2.0)(half, 1.0, 0.0))
0.25

A curve gets both fractions, since ``1 - elapsed`` has lost its digits near the end. Families take a
curve or the name of one: ``decay_curve="cosine"`` is ``decay_curve=curves.cosine()``.

With :math:`p` for the elapsed fraction, a value is :math:`a D(p) + b (1 - D(p))` between
:math:`a` and :math:`b`, where nothing else is said. ``@curve`` makes a curve of your own function
``f(fraction, start, end, **parameters)``.
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
    """A way from one value to another; see the top of this page."""

    __slots__ = ()
    _arguments = ("fraction", "start", "end")

    def __call__(self, fraction: Progress, start: ArrayLike, end: ArrayLike) -> jax.Array:
        """Returns the value between ``start`` and ``end``; exactly these at the ends."""
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
    """Makes a family of curves out of a function.

    Args:
      function: ``f(fraction, start, end, **parameters)`` that returns the value, elementwise, or
        ``f(**parameters)`` that returns a curve.
      prepare: computes once, from the parameters, a fourth argument of the function, as for
        :func:`jaxlr.schedule`.

    Returns:
      The constructor ``f(**parameters) -> Curve``.
    """
    if function is None:
        return functools.partial(curve, prepare=prepare)
    return constructor_of(function, Curve, prepare=prepare)


class _Shape(Kind):
    """A curve, or the name of one that needs no parameters."""

    name = "Shape"

    def store(self, where: str, value: Any) -> Any:
        names = constructors(Curve)
        if isinstance(value, str) and value in names:
            value = names[value]()
        if not isinstance(value, Curve):
            raise TypeError(
                f"{where} must be a curve, such as jaxlr.curves.cosine(), or the name of one, such "
                f"as 'cosine'; got {text.brief(value)}. There are {', '.join(names)}."
            )
        return value


Shape = Annotated[Curve | str, _Shape()]
"""A curve or the name of one."""


def along(shape: Shape, fraction: Progress, start: ArrayLike, end: ArrayLike) -> jax.Array:
    """The value on the way from ``start`` to ``end`` along a curve."""
    curve: Curve = _Shape().store("`shape`", shape)
    return curve(fraction, start, end)


@curve
def linear(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A straight line: :math:`D = 1 - p`."""
    return blend(start, end, *fraction)


@curve
def polynomial(
    fraction: Progress, start: jax.Array, end: jax.Array, power: Exponent = 2.0
) -> jax.Array:
    r"""A power of what is left: :math:`D = (1 - p)^q`.

    Args:
      power: :math:`q`; above 1 most of the way is made early, below 1 late.
    """
    return blend(start, end, *powers.raised(fraction, power))


@curve
def cosine(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""Half a cosine wave: :math:`D = (1 + \cos \pi p) / 2`."""
    return blend(start, end, *waves.half_cosines(fraction))


@curve
def sine(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""A quarter of a sine wave, fastest at its start: :math:`D = 1 - \sin(\pi p / 2)`."""
    elapsed, remaining = fraction
    return blend(start, end, waves.sine(elapsed), 2.0 * waves.half_cosine(0.5 * remaining))


@curve
def one_minus_power(
    fraction: Progress, start: jax.Array, end: jax.Array, power: PositiveExponent = 2.0
) -> jax.Array:
    r"""One minus a power of what is over: :math:`D = 1 - p^q`.

    From 0 up to a peak it is the power :math:`p^q` of a warm-up.

    Args:
      power: :math:`q`; above 1 most of the way is made late, below 1 early.

    References:
      Hägele et al., `Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
      <https://arxiv.org/abs/2405.18392>`_, 2024, for the square
    """
    left, over = powers.raised(Progress(fraction.remaining, fraction.elapsed), power)
    return blend(start, end, over, left)


@curve
def one_minus_sqrt(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""One minus a square root: :math:`D = 1 - \sqrt p`.

    References:
      Hägele et al., `Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations
      <https://arxiv.org/abs/2405.18392>`_, 2024
    """
    root = powers.root(fraction.elapsed)
    return blend(start, end, root, fraction.remaining / (1.0 + root))


@curve
def geometric(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""The same ratio at every step: :math:`a^{1 - p} b^p`.

    Both values must be positive; one that is not counts as 1e-38 on the way.
    """
    tiny = np.finfo(float_dtype()).tiny
    start, end = jnp.maximum(start, tiny), jnp.maximum(end, tiny)
    slope = _log(end) - _log(start)
    # From the nearer end, so that a long exponent costs half its digits.
    early = start * jnp.exp(jnp.minimum(fraction.elapsed, 0.5) * slope)
    late = end * jnp.exp(-jnp.minimum(fraction.remaining, 0.5) * slope)
    return jnp.where(fraction.elapsed < 0.5, early, late)


def _log(x: jax.Array) -> jax.Array:
    return jnp.asarray(doubles.log(jnp.asarray(x)))


@curve
def normalized_exponential(
    fraction: Progress, start: jax.Array, end: jax.Array, ratio: Positive = 0.1
) -> jax.Array:
    r"""An exponential that reaches its end: :math:`D = (r^p - r) / (1 - r)`.

    Args:
      ratio: :math:`r`, the last value of the exponential before it is stretched to the end; at 1
        the curve is a line, above 1 most of the way is made late.

    References:
      The cooldown ``exp`` of timm, with 0.1; ``exponential`` of Megatron-LM, with 0.5.
    """
    rate = _log(jnp.asarray(as_float(ratio)))
    flat = jnp.abs(rate) < 1e-6
    slope = jnp.where(flat, 1.0, rate)
    whole = jnp.expm1(slope)
    over = jnp.where(flat, fraction.elapsed, jnp.expm1(slope * fraction.elapsed) / whole)
    # r^p - r = r (r^(p - 1) - 1), which keeps its digits near the end.
    left = -jnp.exp(slope) * jnp.expm1(-slope * fraction.remaining) / whole
    return blend(start, end, over, jnp.where(flat, fraction.remaining, left))


@curve
def mirror_cosine(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""The cosine mirrored at the line: :math:`D = 2 (1 - p) - (1 + \cos \pi p) / 2`.

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
    r"""Part of a hyperbolic tangent: :math:`D = (1 - \tanh(l (1 - p) + u p)) / 2`.

    Args:
      lower: :math:`l`, where it begins.
      upper: :math:`u`, where it ends.
      exact_ends: whether to stretch it from exactly 1 to exactly 0; as it is, it begins and ends
        near them, and there is a jump to the end.

    References:
      Hsueh et al., `Stochastic Gradient Descent with Hyperbolic-Tangent Decay on Classification
      <https://arxiv.org/abs/1806.01593>`_, 2018
    """
    low, high = jnp.asarray(as_float(lower)), jnp.asarray(as_float(upper))
    x = blend(low, high, *fraction)
    if not exact_ends:
        # (1 - tanh x) / 2 and (1 + tanh x) / 2 without their cancellation.
        return blend(start, end, jax.nn.sigmoid(2.0 * x), jax.nn.sigmoid(-2.0 * x))
    # With the sign changed if it falls: tanh b - tanh x = sinh(b - x) / (cosh b cosh x), whose
    # difference is known with all digits; all large powers of e are in one.
    sign = jnp.where(high < low, -1.0, 1.0)
    x, low, high = sign * x, sign * low, sign * high
    nearest = jnp.maximum(jnp.maximum(low, -high), 0.0)
    power = jnp.exp(-2.0 * (jnp.abs(x) - nearest))
    cosh = 1.0 / (1.0 + jnp.exp(-2.0 * nearest) * power)
    left = _sinh_share(fraction.remaining, high - low, low, jnp.where(x > 0.0, power, 1.0) * cosh)
    over = _sinh_share(fraction.elapsed, high - low, high, jnp.where(x > 0.0, 1.0, power) * cosh)
    return blend(start, end, over, left)


def _sinh_share(part: jax.Array, size: jax.Array, end: jax.Array, cosh: jax.Array) -> jax.Array:
    """``sinh(part * size) cosh(end) / (sinh(size) cosh(x))``, of which ``cosh`` has the last."""
    flat = size < 1e-6
    twice = -2.0 * jnp.where(flat, 1.0, size)
    unit = (1.0 + jnp.exp(-2.0 * jnp.abs(end))) / jnp.expm1(twice)
    sinh = powers.exp2m1((twice / np.log(2.0)) * part)
    return jnp.where(flat, part, sinh * unit * cosh)


def _straight(*, beta: ArrayLike) -> Any:
    """``1 - beta``, of which a float32 near 1 has lost the digits."""
    return 1.0 - exact(beta)


@curve(prepare=_straight)
def rex(
    fraction: Progress,
    start: jax.Array,
    end: jax.Array,
    straight: jax.Array,
    beta: Fraction = 0.5,
) -> jax.Array:
    r"""A reflected exponential: :math:`D = (1 - p) / ((1 - \beta) + \beta (1 - p))`.

    Args:
      beta: :math:`\beta`; 0 is a line, near 1 most of the way is made at the very end.

    References:
      Chen et al., `REX: Revisiting Budgeted Training with an Improved Schedule
      <https://arxiv.org/abs/2107.04197>`_, 2021
    """
    whole = straight + beta * fraction.remaining
    whole = jnp.where(whole > 0.0, whole, 1.0)
    return blend(start, end, straight * fraction.elapsed / whole, fraction.remaining / whole)


@curve
def harmonic(fraction: Progress, start: jax.Array, end: jax.Array) -> jax.Array:
    r"""The inverse goes in a straight line: :math:`1 / ((1 - p) / a + p / b)`.

    Both values must be positive; where one is 0, so is all of the way.

    References:
      The schedule ``inv`` of levanter.
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
    r"""Another curve at :math:`p^k` instead of :math:`p`.

    Args:
      k: :math:`k`; above 1 the curve is entered late.
      shape: the other curve.

    References:
      Zhang and Li, `k-decay: A New Method For Learning Rate Schedule
      <https://arxiv.org/abs/2004.05909>`_, 2020
    """
    left, over = powers.raised(Progress(fraction.remaining, fraction.elapsed), k)
    return along(shape, Progress(over, left), start, end)
