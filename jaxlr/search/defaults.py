"""Random schedules of any family: where to draw from if nothing else is known."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax

from jaxlr.batches.batch import Batch
from jaxlr.core import text as _text
from jaxlr.search.designs import Method, sample
from jaxlr.search.distributions import choice, log_uniform, uniform
from jaxlr.search.spaces import Space

__all__ = ["default_space", "random_schedules"]

# They may call by name `total_steps`, the length of training, `peak`, the largest value, `top`, which
# is log-uniform from a hundredth of it, and `floor`, which is uniform up to there. Values are from 0
# to `peak` at all of these steps, whatever is drawn and however short the training is.
_TEXTS = [
    "chebyshev_schedule(log_uniform(peak / 100, peak / 10), log_uniform(peak / 10, peak), choice([2, 4, 8, 16, 32]))",
    "constant_schedule(top)",
    "cosine_decay_schedule(top, total_steps, uniform(0, 0.1), uniform(0.5, 2))",
    "cosine_linear_envelope_schedule(top, total_steps, uniform(0, 0.1))",
    "cosine_onecycle_schedule(total_steps, top, uniform(0.05, 0.5), log_uniform(2, 100), log_uniform(10, 1e4))",
    "cosine_restarts_schedule(top, integer(1 + total_steps // 20, 1 + total_steps // 2), choice([1.0, 1.5, 2.0]), uniform(0.5, 1), uniform(0, 0.1))",
    "cyclic_polynomial_schedule(top, floor, uniform(0.5, 2), integer(1 + total_steps // 20, 1 + total_steps // 2))",
    "cyclic_schedule(floor, top, integer(1 + total_steps // 40, 1 + total_steps // 4), mode=choice(['triangular', 'triangular2']))",
    "exp_hyperbolic_decay_schedule(top, total_steps, log_uniform(peak / 10000, peak / 100), integer(total_steps, 4 * total_steps))",
    "exponential_decay(top, total_steps, log_uniform(0.001, 1))",
    "exponential_decay_with_burnin(top, total_steps, log_uniform(0.001, 1), floor, integer(0, total_steps // 10))",
    "exponential_warmup_schedule(top, log_uniform(1 + total_steps / 100, 1 + total_steps / 5))",
    "geometric_schedule(top, log_uniform(peak / 10000, peak / 100), total_steps)",
    "half_cosine_schedule(top, total_steps, floor)",
    "hyperbolic_decay_schedule(top, total_steps, floor, integer(total_steps, 4 * total_steps))",
    "infinite_schedule(0, log_uniform(peak / 10, peak), integer(0, total_steps // 10), integer(total_steps // 20, total_steps // 4), uniform(peak / 100, peak / 10), total_steps // 4, integer(total_steps // 20, total_steps // 4), log_uniform(peak / 10000, peak / 100))",
    "inverse_power_decay_schedule(top, log_uniform(1 + total_steps / 100, 1 + total_steps), uniform(0.5, 1))",
    "inverse_sqrt_schedule(top, log_uniform(1 + total_steps / 100, 1 + total_steps))",
    "inverse_time_decay(top, total_steps, log_uniform(0.1, 100))",
    "k_decay_schedule(top, total_steps, floor, uniform(1, 3))",
    "linear_onecycle_schedule(total_steps, top, uniform(0.05, 0.5), uniform(0.6, 0.95), log_uniform(2, 100), log_uniform(10, 1e4))",
    "linear_schedule(top, floor, integer(total_steps // 2, total_steps))",
    "log_warmup_schedule(floor, top, integer(0, total_steps // 5))",
    "multistep_decay(top, [integer(0, total_steps // 2), integer(total_steps // 2, total_steps)], log_uniform(0.05, 0.5))",
    "natural_exponential_decay(top, total_steps, uniform(0, 7))",
    "noam_hold_schedule(top, integer(1, 1 + total_steps // 10), integer(0, total_steps // 4), uniform(0.5, 1))",
    "noam_schedule(512, 1 + total_steps // 20, log_uniform(peak / 100 * (512 * (1 + total_steps // 20)) ** 0.5, peak * (512 * (1 + total_steps // 20)) ** 0.5))",
    "onecycle_schedule(total_steps, top, uniform(0.05, 0.5), log_uniform(2, 100), log_uniform(10, 1e4), curve=choice(['cosine', 'linear']))",
    "piecewise_constant_schedule(top, [[total_steps // 3, 2 * total_steps // 3], [uniform(0.1, 0.9), uniform(0.1, 0.9)]])",
    "piecewise_constant_values_schedule([total_steps // 3, 2 * total_steps // 3], [log_uniform(peak / 10, peak), log_uniform(peak / 100, peak / 10), log_uniform(peak / 1000, peak / 100)])",
    "piecewise_curve_schedule([0, integer(0, total_steps // 10), integer(total_steps // 3, 2 * total_steps // 3), total_steps], [0, log_uniform(peak / 10, peak), log_uniform(peak / 100, peak / 10), 0], choice(['linear', 'cosine']))",
    "piecewise_interpolate_schedule(choice(['linear', 'cosine']), top, {total_steps // 2: uniform(0.1, 0.9), total_steps: uniform(0, 0.9)})",
    "polynomial_schedule(top, floor, uniform(0.5, 4), total_steps)",
    "power_decay_schedule(top, log_uniform(peak, peak * (1 + total_steps) ** 0.5))",
    "radam_warmup_schedule(top, choice([0.95, 0.98, 0.99, 0.999]))",
    "range_test_schedule(log_uniform(peak / 1000, peak / 100), 1 + total_steps // 10, uniform(2, 9.9), choice([False, True]))",
    "rex_schedule(top, total_steps, floor, uniform(0.1, 0.9))",
    "sgdr_schedule([{'init_value': 0, 'peak_value': log_uniform(peak / 10, peak), 'warmup_steps': integer(0, total_steps // 10), 'decay_steps': 1 + total_steps // 3}, {'init_value': 0, 'peak_value': top, 'warmup_steps': integer(0, total_steps // 10), 'decay_steps': 1 + 2 * total_steps // 3}])",
    "step_decay(top, integer(1 + total_steps // 10, 1 + total_steps // 2), uniform(0.1, 0.9))",
    "table_schedule([uniform(0, peak), uniform(0, peak), uniform(0, peak), uniform(0, peak), uniform(0, peak)], (1 + total_steps) / 5)",
    "tanh_decay_schedule(top, total_steps, floor, uniform(-9, -3), uniform(1, 5))",
    "transition_schedule(top, floor, total_steps, choice(['linear', 'cosine', 'one_minus_sqrt', one_minus_power(uniform(0.5, 3)), polynomial(uniform(0.5, 3))]))",
    "tri_stage_schedule(top, integer(0, total_steps // 10), integer(0, total_steps // 2), integer(total_steps // 5, total_steps), log_uniform(0.001, 0.1), log_uniform(0.001, 0.1))",
    "warmup_constant_schedule(floor, top, integer(0, total_steps // 5))",
    "warmup_cosine_decay_schedule(floor, top, integer(0, total_steps // 5), total_steps, floor, uniform(0.5, 2))",
    "warmup_exponential_decay_schedule(floor, top, integer(0, total_steps // 5), total_steps, log_uniform(0.001, 1))",
    "warmup_hold_cosine_decay_schedule(floor, top, integer(0, total_steps // 5), integer(0, total_steps // 2), total_steps, floor, uniform(0.5, 2))",
    "warmup_inverse_sqrt_schedule(floor, top, integer(1, 1 + total_steps // 5))",
    "warmup_stable_decay_schedule(0, top, integer(0, total_steps // 10), total_steps // 2, integer(total_steps // 10, total_steps // 2), floor, decay_curve=choice(['linear', 'cosine', 'one_minus_sqrt']))",
    "wsds_schedule(0, top, integer(0, total_steps // 20), [1 + total_steps // 3, 1 + total_steps // 3, 1 + total_steps // 3], integer(0, total_steps // 10), floor)",
]

DEFAULT_SPACES = {text.partition("(")[0]: text for text in _TEXTS}
"""The texts by the names of their families."""


def default_space(family: str, total_steps: int, peak: float) -> Space:
    """The space that :func:`random_schedules` draws a family from.

    Args:
      family: the name of the family.
      total_steps: the length of training, in updates.
      peak: the largest value. The largest value of a schedule is at most this, and seldom less
        than a hundredth of it.

    Returns:
      The space. Its values are from 0 to ``peak`` at all of the ``total_steps`` counts.

    Raises:
      ValueError: if there is no such space for the family, as for one of your own.

    >>> from jaxlr.search import default_space
    >>> default_space("step_decay", total_steps=100, peak=1.0)
    step_decay(init_value=log_uniform(low=0.01, high=1.0), step_size=integer(low=11, high=51), \
decay_rate=uniform(low=0.1, high=0.9), end_value=None)
    """
    if family not in DEFAULT_SPACES:
        raise ValueError(
            f"`family` must be a family with a default space, got {family!r}. For any other make "
            f"one by jaxlr.search.space. There are {', '.join(DEFAULT_SPACES)}."
        )
    if total_steps < 1:
        raise ValueError(f"`total_steps` must be at least 1, got {total_steps}.")
    if not 0.0 < peak < math.inf:
        raise ValueError(f"`peak` must be positive and finite, got {peak}.")
    names: dict[str, Any] = {
        "total_steps": total_steps,
        "peak": peak,
        "top": log_uniform(peak / 100, peak),
        "floor": uniform(0.0, peak / 100),
    }
    return _text.parse(DEFAULT_SPACES[family], Space, Space._constructors(), names)


def random_schedules(
    key: jax.Array,
    n: int,
    *,
    total_steps: int,
    peak: float,
    families: Sequence[str | Space] = ("linear_schedule", "exponential_decay", "step_decay"),
    method: Method = "random",
) -> Batch:
    """Draws schedules of several families, each as likely, with sensible parameters.

    Args:
      key: a JAX key, such as ``jax.random.key(0)``.
      n: how many to draw.
      total_steps: the length of training, in updates.
      peak: the largest value that a schedule may have. Their own largest values are log-uniform
        from a hundredth of it.
      families: names of families, which have the parameters of :func:`default_space`, or spaces.
      method: how to draw, as in :func:`sample`.

    Returns:
      The batch, as from :func:`sample`.

    Raises:
      ValueError: if there is no default space for a family.

    >>> import jax, jax.numpy as jnp
    >>> from jaxlr.search import random_schedules
    >>> batch = random_schedules(jax.random.key(0), 100, total_steps=1000, peak=0.1)
    >>> batch(jnp.arange(1000)).shape
    (100, 1000)
    """
    if isinstance(families, str) or not isinstance(families, Iterable) or not list(families):
        raise TypeError(
            f"`families` must be a list of one or more names or spaces, got {families!r}."
        )
    spaces = [
        family if isinstance(family, Space) else default_space(family, total_steps, peak)
        for family in families
    ]
    return sample(key, choice(spaces), n, method)
