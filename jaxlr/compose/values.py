"""Operators on values: sums, products, bounds and noise."""

import functools
import operator
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from jaxlr.compose.wrapping import AnySchedule, Terms
from jaxlr.core.numbers import as_float, as_steps
from jaxlr.core.parameters import Positive, Steps, Value, Whole
from jaxlr.core.schedule import schedule
from jaxlr.exact.doubles import divide


@schedule
def add_schedules(count: jax.Array, schedules: Terms) -> ArrayLike:
    r"""A schedule that is the sum of others.

    .. math::
      s_1(t) + s_2(t) + \dots

    Args:
      schedules: one or more schedules, plain functions of the count, and numbers.

    Returns:
      The schedule. ``a + b``, ``a + 0.1`` and ``a - b`` are short forms.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.linear_schedule(1.0, 0.0, 4) + 0.5
    >>> jaxlr.constant_schedule(1.0) + 0.5
    add_schedules(schedules=[constant_schedule(value=1.0), 0.5])
    >>> lr(jnp.arange(5))
    Array([1.5 , 1.25, 1.  , 0.75, 0.5 ], dtype=float32)
    """
    return functools.reduce(operator.add, _values(count, schedules))


@schedule
def multiply_schedules(count: jax.Array, schedules: Terms) -> ArrayLike:
    r"""A schedule that is the product of others.

    .. math::
      s_1(t) \, s_2(t) \cdots

    A factor that rises from 0 to 1 acts as a warm-up; one that falls from 1 to 0 as a cooldown.

    Args:
      schedules: one or more schedules, plain functions of the count, and numbers.

    Returns:
      The schedule. ``a * b``, ``0.5 * a``, ``a / 2`` and ``-a`` are short forms.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.linear_schedule(0.0, 1.0, 2) * jaxlr.step_decay(0.8, 3, 0.5)
    >>> lr(jnp.arange(5))
    Array([0. , 0.4, 0.8, 0.4, 0.4], dtype=float32)

    References:
      T5X and Scenic multiply factors: ``"constant * linear_warmup * rsqrt_decay"``. PyTorch's
      ``ChainedScheduler`` multiplies its schedulers.
    """
    return functools.reduce(operator.mul, _values(count, schedules))


def _values(count: jax.Array, schedules: Any) -> list[Any]:
    """Returns the value of each term at a count."""
    return [as_float(term(count) if callable(term) else term) for term in schedules]


def _check_bounds(*, min_value: Any, max_value: Any, **_: Any) -> None:
    if min_value is None and max_value is None:
        raise ValueError("`min_value` or `max_value` must be given.")
    if min_value is not None and max_value is not None and np.any(min_value > max_value):
        raise ValueError(
            f"`max_value` must be at least `min_value`, got {max_value} and {min_value}."
        )


@schedule(check=_check_bounds)
def clip_schedule(
    count: jax.Array,
    schedule: AnySchedule,
    min_value: Value | None = None,
    max_value: Value | None = None,
) -> ArrayLike:
    r"""A schedule that keeps another one within bounds.

    .. math::
      \min(\max(s(t), \text{min}), \text{max})

    Args:
      schedule: the schedule to bound.
      min_value: the smallest value, such as a floor for a decay that has none.
      max_value: the largest value.

    Returns:
      The schedule.

    Raises:
      ValueError: if neither bound is given, or ``min_value`` is above ``max_value``.

    >>> import jax.numpy as jnp, jaxlr
    >>> jaxlr.clip_schedule(jaxlr.step_decay(1.0, 1, 0.5), min_value=0.2)(jnp.arange(5))
    Array([1.  , 0.5 , 0.25, 0.2 , 0.2 ], dtype=float32)
    """
    value = as_float(schedule(count))
    if min_value is not None:
        value = jnp.maximum(value, as_float(min_value))
    return value if max_value is None else jnp.minimum(value, as_float(max_value))


_Seed = Annotated[
    ArrayLike, Whole("Seed", "Give an integer.", least=-(2.0**31), most=2.0**31 - 1.0)
]


@schedule
def with_noise(
    count: jax.Array,
    schedule: AnySchedule,
    limit: Positive = 0.67,
    seed: _Seed = 42,
    distribution: Literal["normal", "uniform"] = "normal",
    stddev: Positive = 1.0,
    noise_begin: Steps = 0,
    noise_end: Steps | None = None,
) -> ArrayLike:
    r"""A schedule that adds reproducible, proportional noise to another one.

    .. math::
      s(t) \, (1 + n_t) \quad (B \le t < E), \qquad s(t) \quad \text{otherwise}

    where :math:`n_t` in :math:`(-l, l)` depends only on the seed and :math:`t`, so every run has
    the same noise.

    Args:
      schedule: the schedule to add noise to.
      limit: :math:`l`, the largest noise as a fraction of the value.
      seed: a 32-bit integer, which may be batched.
      distribution: ``"normal"``, truncated at the limit, or ``"uniform"``.
      stddev: the standard deviation of the normal distribution before truncation.
      noise_begin: :math:`B`, the first count with noise.
      noise_end: :math:`E`, the first count without noise again; None for no end.

    Returns:
      The schedule.

    Raises:
      ValueError: if ``seed`` is not a 32-bit integer.

    >>> import jaxlr
    >>> lr = jaxlr.with_noise(jaxlr.constant_schedule(1.0), limit=0.1, noise_begin=10)
    >>> float(lr(9)), 0.9 < float(lr(10)) < 1.1, bool(lr(10) == lr(10)), bool(lr(10) == lr(11))
    (1.0, True, True, False)

    References:
      ``noise_range_t``, ``noise_pct``, ``noise_std`` and ``noise_seed`` of timm's schedulers, which
      draw different random numbers.
    """
    value = as_float(schedule(count))
    limit, stddev = jnp.asarray(as_float(limit)), jnp.asarray(as_float(stddev))
    # Other implementations may draw different numbers for one count and for a batch of counts.
    key = jax.random.key(_as_integer(seed), impl="threefry2x32")

    def noise_at(count: jax.Array) -> jax.Array:
        own = jax.random.fold_in(key, count)
        if distribution == "uniform":
            return limit * as_float(jax.random.uniform(own, dtype=jnp.float32, minval=-1.0))
        bound = divide(limit, stddev).astype(jnp.float32)
        draw = jax.random.truncated_normal(own, -bound, bound, dtype=jnp.float32)
        return stddev * as_float(draw)

    step, begin = as_steps(count, noise_begin)
    noisy = step >= begin
    if noise_end is not None:
        step, end = as_steps(count, noise_end)
        noisy &= step < end
    counts = _as_integer(count)
    noise = jax.vmap(noise_at)(counts.ravel()).reshape(counts.shape)
    return jnp.where(noisy, value * (1.0 + noise), value)


with_noise.family.is_heavy = True


def _as_integer(number: ArrayLike) -> jax.Array:
    """Converts a whole number to int32, saturating, for use in a random key."""
    number = lax.stop_gradient(jnp.asarray(number))
    most = jnp.asarray(2**31 - 128, number.dtype)  # Exact in float32.
    return jnp.minimum(number, most).astype(jnp.int32)
