"""Schedules that are defined by values or factors at given counts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_steps, exact, known, namespace
from jaxlr.core.parameters import (
    Boundaries,
    Kind,
    NonNegative,
    Number,
    Period,
    Value,
    is_sequence,
    kind_of,
)
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.curves import Shape, along
from jaxlr.exact.intervals import by_interval, entry_at
from jaxlr.exact.parameters import Times
from jaxlr.exact.time import Phase, phase, progress_in, whole_periods

Values = Annotated[
    ArrayLike | Sequence[ArrayLike],
    Number("Values", "Give the values of the schedule, such as [0.1, 0.01].", axes=1),
]
"""Successive values of the schedule: a list or an array."""


class _Jumps(Kind):
    """A dict ``{count: scale}``, stored as two arrays so that both may be traced."""

    name = "Jumps"
    counts = kind_of(Boundaries)
    scales = Number("Scales", "Give 0 or a positive number.", least=0.0, axes=1)

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            self.counts.store(f"{where} (its counts)", list(value))  # Check before sorting.
            pair = sorted(value.items())
            value = [key for key, _ in pair], [scale for _, scale in pair]
        if not is_sequence(value) or len(value) != 2:
            raise TypeError(
                f"{where} must be a dict of scales by count, such as {{1000: 0.1}}, or a pair "
                f"(counts, scales) of arrays, got {value!r}."
            )
        counts = self.counts.store(f"{where} (its counts)", value[0])
        scales = self.scales.store(f"{where} (its scales)", value[1])
        if np.ndim(counts) == 0 or np.shape(counts) != np.shape(scales):
            raise ValueError(
                f"{where} must have one scale for each count, got {value!r}. Give a dict of scales "
                "by count, such as {1000: 0.1}."
            )
        return counts, scales

    def batch_axes(self, value: Any) -> int:
        return self.counts.batch_axes(value[0])

    def check(self, where: str, value: Any) -> None:
        self.counts.check(f"{where} (its counts)", value[0])
        self.scales.check(f"{where} (its scales)", value[1])

    def text(self, value: Any) -> str:
        if value is not None and known(value) and np.ndim(value[0]) == 1:
            by_count = dict(zip(*map(np.asarray, value), strict=True))
            value = by_count if len(by_count) == len(value[0]) else value
        return super().text(value)


Jumps = Annotated[Mapping[int, float] | tuple[ArrayLike, ArrayLike] | None, _Jumps()]
"""Factors by the count at which they apply: a dict, or a pair of arrays."""


@schedule
def piecewise_constant_schedule(init_value: Value, boundaries_and_scales: Jumps = None) -> Schedule:
    r"""A schedule that is constant, and multiplied by a scale at each of the given counts.

    .. math::
      I \prod_{i:\, t \ge b_i} s_i

    Args:
      init_value: :math:`I`, the value before the first jump.
      boundaries_and_scales: a dict :math:`\{b_i: s_i\}`, or a pair of arrays
        :math:`(b, s)`, which may be traced and need not be sorted.

    Returns:
      The schedule. It is constant after the last jump.

    Raises:
      ValueError: for a negative count or scale.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.1})(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.05, 0.05], dtype=float32)
    """
    return piecewise_constant_values_schedule(*_levels(init_value, boundaries_and_scales))


@schedule
def piecewise_interpolate_schedule(
    interpolate_type: Literal["linear", "cosine"],
    init_value: Value,
    boundaries_and_scales: Jumps = None,
) -> Schedule:
    r"""A schedule that interpolates between values scaled at each of the given counts.

    At count :math:`b_i` the value is :math:`I s_1 \cdots s_i`; in between it follows a line or half
    a cosine wave.

    Args:
      interpolate_type: ``"linear"`` or ``"cosine"``.
      init_value: :math:`I`, the value at count 0.
      boundaries_and_scales: a dict :math:`\{b_i: s_i\}`, or a pair of arrays
        :math:`(b, s)`, which may be traced and need not be sorted.

    Returns:
      The schedule. It holds its value from the last count on.

    Raises:
      ValueError: for an unknown type of interpolation, or a negative count or scale.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 4: 0.0})(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    """
    counts, values = _levels(init_value, boundaries_and_scales)
    array = namespace(counts)
    knots = array.append(array.zeros_like(counts, shape=1), counts)
    return piecewise_curve_schedule(knots, values, interpolate_type)


def _check_milestones(*, milestones: ArrayLike, **_: Any) -> None:
    if np.ndim(milestones) == 0:
        raise ValueError(
            f"`milestones` must be a list of counts, such as [1000, 2000], got {milestones!r}."
        )


@schedule(check=_check_milestones)
def multistep_decay(
    init_value: Value, milestones: Boundaries, decay_rate: NonNegative = 0.1
) -> Schedule:
    r"""A schedule that is multiplied by the same rate at each of the given counts.

    .. math::
      I \, r^{\,|\{i:\, t \ge m_i\}|}

    Args:
      init_value: :math:`I`, the value before the first milestone.
      milestones: the counts :math:`m_i`, in any order. A repeated milestone applies twice. A
        fractional one, such as 2.5, takes effect at the next count.
      decay_rate: :math:`r`.

    Returns:
      The schedule. It holds its value after the last milestone.

    Raises:
      ValueError: for a negative milestone or rate.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.multistep_decay(1.0, [2, 4], decay_rate=0.5)(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)

    References:
      ``MultiStepLR`` in PyTorch, where fractional milestones never take effect; ``MultiStepDecay``
      in Paddle. ``MultiStepLRScheduler`` in timm acts one count earlier; subtract 1 from its
      milestones.
    """
    counts: Any = milestones
    rates = namespace(decay_rate).broadcast_to(decay_rate, np.shape(counts))
    return piecewise_constant_values_schedule(*_levels(init_value, (counts, rates)))


def _check_values(*, boundaries: ArrayLike, values: ArrayLike, **_: Any) -> None:
    _check_sorted("boundaries", boundaries)
    if np.ndim(values) == 0 or np.shape(values)[-1] != np.shape(boundaries)[-1] + 1:
        raise ValueError(
            "`values` must have one number more than `boundaries`, got "
            f" {np.asarray(values).tolist()} for "
            f"{np.asarray(boundaries).tolist()}. The first holds before the first boundary."
        )


def _check_sorted(name: str, counts: ArrayLike) -> None:
    if np.ndim(counts) == 0 or np.any(np.diff(np.asarray(counts)) < 0):
        raise ValueError(
            f"`{name}` must be a list of counts in increasing order, got "
            f"{np.asarray(counts).tolist()}. They are counts from the start of training, not "
            "lengths."
        )


@schedule(check=_check_values)
def piecewise_constant_values_schedule(
    count: jax.Array,
    boundaries: Boundaries,
    values: Values,
    switch: Literal["at", "after"] = "at",
) -> ArrayLike:
    r"""A schedule that takes one value between each pair of boundaries.

    .. math::
      v_k, \qquad k = |\{i:\, b_i \le t\}|

    Args:
      boundaries: the counts :math:`b_1, b_2, \dots`, in increasing order.
      values: :math:`v_0, v_1, \dots`, one more than boundaries.
      switch: ``"at"`` if a boundary already has the new value; ``"after"`` if it still has the old
        one, so that :math:`k` counts the :math:`b_i < t`.

    Returns:
      The schedule. It holds the last value.

    Raises:
      ValueError: if the boundaries are not sorted, or there is not exactly one more value than
        boundaries.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.piecewise_constant_values_schedule([2, 4], [1.0, 0.5, 0.25])
    >>> lr(jnp.arange(6))
    Array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25], dtype=float32)
    >>> lr.replace(switch="after")(jnp.arange(6))
    Array([1.  , 1.  , 1.  , 0.5 , 0.5 , 0.25], dtype=float32)

    References:
      ``PiecewiseDecay`` in Paddle and ``manual_stepping`` in the TensorFlow Object Detection API
      switch at the boundary; ``PiecewiseConstantDecay`` in Keras switches after it.
    """
    side: Literal["right", "left"] = "right" if switch == "at" else "left"
    counts: Any = boundaries
    return by_interval(lambda count, value: value, counts, count, values, side=side)


def _check_knots(*, knots: ArrayLike, values: ArrayLike, **_: Any) -> None:
    _check_sorted("knots", knots)
    if np.ndim(values) == 0 or np.shape(values)[-1] != np.shape(knots)[-1] or not np.size(knots):
        raise ValueError(
            "`values` must have one number for each of the `knots`, and "
            f"at least one, got {np.asarray(values).tolist()} for "
            f"{np.asarray(knots).tolist()}."
        )


@schedule(check=_check_knots)
def piecewise_curve_schedule(
    count: jax.Array, knots: Times, values: Values, curve: Shape = "linear"
) -> jax.Array:
    r"""A schedule through given points, joined by lines or other curves.

    At count :math:`k_i` the value is :math:`v_i`; in between it follows the curve.

    Args:
      knots: the counts :math:`k_1, k_2, \dots`, in increasing order; they need not be whole. If two
        are equal, the value jumps.
      values: the values :math:`v_1, v_2, \dots` at these counts.
      curve: the shape of each part, such as ``"linear"`` or ``"cosine"``.

    Returns:
      The schedule. It holds the first value before the first knot, and the last after the last.

    Raises:
      ValueError: if the knots are not sorted, or their number differs from the number of values.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.piecewise_curve_schedule([1, 3, 5], [1.0, 0.5, 0.0])(jnp.arange(7))
    Array([1.  , 1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)

    References:
      ``PiecewiseLinear`` in Ignite. With ``curve="cosine"`` and 0 before the boundaries, this is
      ``StepCosineDecayWithOffset`` in the TensorFlow model garden as documented; the actual class
      divides 0 by 0 after the last boundary.
    """
    times: Any = knots
    (begins, starts), (ends, stops) = _neighbours((times, values))
    parts = _Part(phase(begins, ends), starts, stops)

    def value(count: jax.Array, part: _Part) -> jax.Array:
        return along(curve, progress_in(count, part.phase), part.start, part.end)

    return by_interval(value, times, count, parts)


class _Part(NamedTuple):
    """The part of the schedule between two knots."""

    phase: Phase
    start: jax.Array
    end: jax.Array


def _neighbours(columns: Any) -> tuple[Any, Any]:
    """Returns the entries to the left and right of each interval; at the ends, the nearest."""
    columns = jax.tree.map(jnp.asarray, columns)
    lefts = jax.tree.map(lambda x: jnp.concatenate([x[:1], x]), columns)
    rights = jax.tree.map(lambda x: jnp.concatenate([x, x[-1:]]), columns)
    return lefts, rights


def _check_table(*, values: ArrayLike, **_: Any) -> None:
    if np.ndim(values) == 0 or not np.size(values):
        raise ValueError(f"`values` must be a list of one or more numbers, got {values!r}.")


@schedule(check=_check_table)
def table_schedule(count: jax.Array, values: Values, steps_per_value: Period = 1) -> ArrayLike:
    r"""A schedule that steps through a list of values, each for the same number of steps.

    .. math::
      v_k, \qquad k = \min(\lfloor t / S \rfloor, n - 1)

    Args:
      values: :math:`v_0, \dots, v_{n - 1}`, such as one value per epoch.
      steps_per_value: :math:`S`, the number of steps per value; it need not be whole.

    Returns:
      The schedule. It holds the last value.

    Raises:
      ValueError: if there are no values, or ``steps_per_value`` is not positive.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.table_schedule([0.5, 1.0, 0.25], steps_per_value=2)(jnp.arange(8))
    Array([0.5 , 0.5 , 1.  , 1.  , 0.25, 0.25, 0.25, 0.25], dtype=float32)

    References:
      ``StepParamScheduler`` in fvcore; the list of ``fixed`` in fairseq, before it shrinks.
    """
    column = jnp.asarray(values)
    entry = whole_periods(count, steps_per_value)
    return entry_at(jnp.minimum(entry, as_steps(entry, column.size - 1)[1]).astype(int), column)


def tabulate(
    function: Callable[..., float],
    num_values: int,
    steps_per_value: ArrayLike = 1,
    init_value: float | None = None,
) -> Schedule:
    """Makes a schedule from the values of any Python function, such as one of the epoch.

    The function runs in Python, once per value, so it may use ``if``, ``math`` and anything else
    that JAX cannot trace. The result is a :func:`table_schedule`, which is plain data.

    Args:
      function: maps 0, 1, ..., ``num_values - 1`` to a value. If ``init_value`` is given, the
        previous value is its second argument.
      num_values: the number of values.
      steps_per_value: the number of steps per value, such as the steps of an epoch.
      init_value: the value before the first one, if the function takes the previous value.

    Returns:
      The schedule. It holds the last value.

    Raises:
      ValueError: if there are no values, or one is not finite.

    >>> import jax.numpy as jnp, math, jaxlr
    >>> lr = jaxlr.tabulate(lambda epoch: 0.1 * math.pow(0.5, epoch // 2), 6, steps_per_value=10)
    >>> lr(jnp.array([0, 19, 20, 40]))
    Array([0.1  , 0.1  , 0.05 , 0.025], dtype=float32)
    >>> def scheduler(epoch, lr):
    ...     return lr if epoch < 2 else lr / 2
    >>> jaxlr.tabulate(scheduler, 4, init_value=0.01)
    table_schedule(values=[0.01, 0.01, 0.005, 0.0025], steps_per_value=1)

    References:
      ``LearningRateScheduler`` in Keras, whose function takes the epoch and the rate.
    """
    values: list[float] = []
    for index in range(num_values):
        before = [] if init_value is None else [values[-1] if values else init_value]
        values.append(float(function(index, *before)))
    return table_schedule(values, steps_per_value)


def _levels(init_value: ArrayLike, jumps: Any) -> tuple[Any, Any]:
    """Returns the sorted counts of the jumps, and the values before, between and after them."""
    counts, scales = (np.zeros(0, np.int32), np.zeros(0)) if jumps is None else jumps
    array = namespace(init_value, counts, scales)
    order = array.argsort(counts, stable=True)
    products = array.cumprod(array.asarray(exact(scales))[order])
    factors = array.append(array.ones_like(products, shape=1), products)
    return array.asarray(counts)[order], exact(init_value) * factors
