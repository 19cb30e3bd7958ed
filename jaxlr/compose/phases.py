"""Operators that add a warm-up or a cooldown to any schedule."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxlr.compose.wrapping import AnySchedule
from jaxlr.core.numbers import as_steps
from jaxlr.core.parameters import Steps, Value
from jaxlr.core.schedule import schedule
from jaxlr.curves import Shape, along
from jaxlr.exact.time import progress


@schedule
def with_warmup(
    count: jax.Array,
    schedule: AnySchedule,
    warmup_steps: Steps,
    init_value: Value = 0.0,
    curve: Shape = "linear",
    mode: Literal["prefix", "overlay", "multiply"] = "prefix",
) -> ArrayLike:
    r"""A schedule that adds a warm-up to another one.

    With :math:`p = \min(t / W, 1)` and the curve :math:`D`, which falls from 1 to 0,

    .. math::
      I D(p) + (1 - D(p)) \begin{cases}
      s(\max(t - W, 0)) & \text{prefix} \\ s(\max(t, W)) & \text{overlay} \\ s(t) & \text{multiply}
      \end{cases}

    so the warm-up always ends at the value of the schedule, without a jump.

    Args:
      schedule: the schedule to warm up.
      warmup_steps: :math:`W`, the length of the warm-up.
      init_value: :math:`I`, the value at count 0.
      curve: :math:`D`, a curve of :mod:`jaxlr.curves` or the name of one.
      mode: ``"prefix"`` runs the schedule after the warm-up, so it ends later; ``"overlay"``
        replaces its first steps with the warm-up; ``"multiply"`` runs the schedule from count 0
        while the warm-up rises towards its current value, which is a product if ``init_value`` is
        0.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length.
      TypeError: if ``curve`` is neither a curve nor the name of one.

    >>> import jax.numpy as jnp, jaxlr
    >>> decay = jaxlr.linear_schedule(1.0, 0.0, transition_steps=8)
    >>> jaxlr.with_warmup(decay, 4)(jnp.array([0, 2, 4, 8, 12]))
    Array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    >>> jaxlr.with_warmup(decay, 4, mode="overlay")(jnp.array([0, 2, 4, 8]))
    Array([0.  , 0.25, 0.5 , 0.  ], dtype=float32)
    >>> jaxlr.with_warmup(decay, 4, mode="multiply")(jnp.array([0, 2, 4, 8]))
    Array([0.   , 0.375, 0.5  , 0.   ], dtype=float32)

    References:
      Paddle's ``LinearWarmup`` and Ignite's ``create_lr_scheduler_with_warmup`` use a prefix. timm
      with ``warmup_prefix=False`` overlays, but then jumps to the schedule:
      ``join_schedules([warmup, schedule], [W], clock="absolute")``. ``pytorch_warmup`` and Big
      Vision multiply.
    """
    step, begin = as_steps(count, warmup_steps)
    own = {
        "prefix": jnp.maximum(step, begin) - begin,
        "overlay": jnp.maximum(step, begin),
        "multiply": count,
    }[mode]
    return along(curve, progress(count, warmup_steps), init_value, schedule(own))


@schedule
def with_cooldown(
    count: jax.Array,
    schedule: AnySchedule,
    cooldown_begin: Steps,
    cooldown_steps: Steps,
    end_value: Value = 0.0,
    curve: Shape = "linear",
) -> ArrayLike:
    r"""A schedule that adds a cooldown to another one, from the value that it has reached.

    With :math:`p = \operatorname{clip}((t - B) / T, 0, 1)` and the curve :math:`D`, which falls
    from 1 to 0,

    .. math::
      s(\min(t, B)) \, D(p) + E (1 - D(p))

    You can decide during training when to cool down. Start with a ``cooldown_begin`` that is never
    reached, such as ``2**31 - 1``; later, ``lr.replace(cooldown_begin=now)`` does not recompile.

    Args:
      schedule: the schedule to cool down.
      cooldown_begin: :math:`B`, the count at which the cooldown begins.
      cooldown_steps: :math:`T`, its length; with 0 the value jumps to ``end_value``.
      end_value: :math:`E`, the value from count ``cooldown_begin + cooldown_steps`` on.
      curve: :math:`D`, a curve of :mod:`jaxlr.curves` or the name of one.

    Returns:
      The schedule.

    Raises:
      ValueError: for a negative length or begin.
      TypeError: if ``curve`` is neither a curve nor the name of one.

    >>> import jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.with_cooldown(jaxlr.constant_schedule(1.0), 10, 4, curve="one_minus_sqrt")
    >>> lr(jnp.array([0, 10, 11, 14, 20]))
    Array([1. , 1. , 0.5, 0. , 0. ], dtype=float32)

    References:
      Hägele et al., `Scaling laws and compute-optimal training beyond fixed training durations
      <https://arxiv.org/abs/2405.18392>`_, 2024.
    """
    step, begin = as_steps(count, cooldown_begin)
    before = schedule(jnp.minimum(step, begin))
    fraction = progress(count, cooldown_steps, cooldown_begin)
    return along(curve, fraction, before, end_value)
