"""Schedules that rise and fall, once or again and again."""

import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr._numerics import (
    as_float,
    as_number,
    as_steps,
    divide,
    interval,
    known,
    on_host,
    stack,
)
from jaxlr._parameters import Fraction, Kind, NonNegative, Period, Positive, Steps, Value
from jaxlr.catalogue.piecewise import _interpolation
from jaxlr.catalogue.warmups import warmup_cosine_decay_schedule
from jaxlr.schedule import Schedule, schedule

__all__ = [
    "cosine_onecycle_schedule",
    "linear_onecycle_schedule",
    "sgdr_schedule",
]


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
