"""Schedules that begin with a warm-up."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr._numerics import (
    as_steps,
    blend,
    half_cosine,
    progress,
    raised,
)
from jaxlr._parameters import NonNegative, Period, Positive, Steps, Value
from jaxlr.catalogue.decays import exponential_decay
from jaxlr.catalogue.transitions import linear_schedule
from jaxlr.compose import join_schedules
from jaxlr.schedule import Schedule, schedule

__all__ = [
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]


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
