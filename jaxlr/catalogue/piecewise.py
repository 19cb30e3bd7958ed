"""Schedules that are given at some counts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr._numerics import (
    Progress,
    as_float,
    as_steps,
    blend,
    half_cosine,
    interval,
    known,
    on_host,
    progress,
)
from jaxlr._parameters import Kind, NonNegative, Steps, Value, kind_of
from jaxlr.schedule import Schedule, schedule

__all__ = [
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
]


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
def _steps(count: jax.Array, boundaries: Steps, values: Value) -> Any:
    """Piecewise constant: value i holds from the i-th boundary on."""
    return jnp.asarray(values)[interval(boundaries, count)]


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
