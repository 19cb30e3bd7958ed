"""A warm-up before, and a cooldown after, any schedule."""

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
    r"""A warm-up in front of any schedule.

    With :math:`p = \min(t / W, 1)` and the curve :math:`D`, which falls from 1 to 0,

    .. math::
      I D(p) + (1 - D(p)) \begin{cases}
      s(\max(t - W, 0)) & \text{prefix} \\ s(\max(t, W)) & \text{overlay} \\ s(t) & \text{multiply}
      \end{cases}

    so the warm-up always ends where the schedule is, without a jump.

    Args:
      schedule: the schedule.
      warmup_steps: :math:`W`, the length of the warm-up.
      init_value: :math:`I`, the value at count 0.
      curve: :math:`D`, a curve of :mod:`jaxlr.curves` or the name of one.
      mode: ``"prefix"``: the schedule begins after the warm-up, so all takes longer;
        ``"overlay"``: the warm-up takes the place of its first steps;
        ``"multiply"``: the schedule runs from count 0, and the warm-up rises towards its current
        value. From 0 this is a product of the two.

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
      ``LinearWarmup`` of Paddle and ``create_lr_scheduler_with_warmup`` of Ignite put one in front;
      timm lays it over where ``warmup_prefix=False``, but with a jump to the schedule, which is
      ``join_schedules([warmup, schedule], [W], clock="absolute")``; that of ``pytorch_warmup`` and
      of Big Vision multiplies.
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
    r"""A cooldown at the end of any schedule, from the value that it has there.

    With :math:`p = \operatorname{clip}((t - B) / T, 0, 1)` and the curve :math:`D`, which falls
    from 1 to 0,

    .. math::
      s(\min(t, B)) \, D(p) + E (1 - D(p))

    When to cool down may be decided late. Train with a ``cooldown_begin`` that never comes, such as
    ``2**31 - 1``; when the time has come, ``lr.replace(cooldown_begin=now)`` is the same program.

    Args:
      schedule: the schedule.
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
