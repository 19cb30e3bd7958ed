"""Default spaces: where to draw the schedules of a family from if nothing else is known."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from jaxlr.batches.batch import Batch
from jaxlr.core import text as _text
from jaxlr.core.schedule import Schedule
from jaxlr.search.designs import Method, sample
from jaxlr.search.distributions import choice, log_uniform, uniform
from jaxlr.search.drawing import design
from jaxlr.search.spaces import Space

# A family has one text for each of its variants: every switch, every mode, arguments left out and
# given. The gallery draws a curve for each text, and the laws are tested on a schedule of each.
#
# A text may name `total_steps`, the length of training; `peak`, the largest value; `top`, which is
# log-uniform from a hundredth of the peak; and `floor`, which is uniform up to that hundredth. Values
# must stay between 0 and `peak` at all of these steps, even where training is one step long.
_TEXTS = [
    "add_schedules([cosine_decay_schedule(log_uniform(peak / 10, peak / 2), total_steps), floor, linear_schedule(0, log_uniform(peak / 100, peak / 4), total_steps)])",
    "chebyshev_schedule(log_uniform(peak / 100, peak / 10), log_uniform(peak / 10, peak), choice([2, 4, 8, 16, 32]))",
    "clip_schedule(exponential_decay(top, total_steps, log_uniform(0.001, 0.1)), floor)",
    "clip_schedule(linear_schedule(0, top, total_steps), max_value=log_uniform(peak / 10, peak))",
    "clip_schedule(exponential_decay(top, total_steps, log_uniform(0.001, 0.1)), floor, log_uniform(peak / 10, peak))",
    "constant_schedule(top)",
    "cosine_decay_schedule(top, total_steps)",
    "cosine_decay_schedule(top, total_steps, uniform(0, 0.1), uniform(0.5, 2))",
    "cosine_linear_envelope_schedule(top, total_steps, uniform(0, 0.1))",
    "cosine_onecycle_schedule(total_steps, top, uniform(0.05, 0.5), log_uniform(2, 100), log_uniform(10, 1e4))",
    "cosine_restarts_schedule(top, integer(1 + total_steps // 20, 1 + total_steps // 2), choice([1.0, 1.5, 2.0]), uniform(0.5, 1), uniform(0, 0.1))",
    "cosine_restarts_schedule(top, integer(1 + total_steps // 10, 1 + total_steps // 4), 1, uniform(0.5, 1), uniform(0, 0.1), integer(2, 4), integer(0, total_steps // 20), 'peak')",
    "cosine_restarts_schedule(top, integer(1 + total_steps // 10, 1 + total_steps // 4), uniform(1, 2), uniform(0.5, 1), uniform(0, 0.1), warmup_steps=integer(0, total_steps // 20), shrinks='all')",
    "cyclic_polynomial_schedule(top, floor, uniform(0.5, 2), integer(1 + total_steps // 20, 1 + total_steps // 2))",
    "cyclic_schedule(floor, top, integer(1 + total_steps // 40, 1 + total_steps // 4), integer(1 + total_steps // 40, 1 + total_steps // 10))",
    "cyclic_schedule(floor, top, integer(1 + total_steps // 40, 1 + total_steps // 4), mode='triangular2', curve='cosine')",
    "cyclic_schedule(floor, top, integer(1 + total_steps // 40, 1 + total_steps // 4), integer(1 + total_steps // 40, 1 + total_steps // 10), 'exp_range', 0.5 ** (2 / (1 + total_steps)))",
    "cyclic_schedule(floor, top, integer(1 + total_steps // 40, 1 + total_steps // 4), curve='sine')",
    "exp_hyperbolic_decay_schedule(top, total_steps, log_uniform(peak / 10000, peak / 100), integer(total_steps, 4 * total_steps))",
    "exponential_decay(top, total_steps, log_uniform(0.001, 1))",
    "exponential_decay(top, 1 + total_steps // 10, uniform(0.3, 0.9), integer(0, total_steps // 4), True, floor)",
    "exponential_decay_with_burnin(top, total_steps, log_uniform(0.001, 1), floor, integer(0, total_steps // 10))",
    "exponential_decay_with_burnin(top, total_steps, log_uniform(0.001, 1), burnin_steps=integer(0, total_steps // 5))",
    "exponential_decay_with_burnin(top, 1 + total_steps // 10, uniform(0.3, 0.9), floor, integer(0, total_steps // 5), True, floor)",
    "exponential_warmup_schedule(top, log_uniform(1 + total_steps / 100, 1 + total_steps / 5))",
    "geometric_schedule(top, log_uniform(peak / 10000, peak / 100), total_steps)",
    "geometric_schedule(log_uniform(peak / 10000, peak / 100), top, total_steps // 2, integer(0, total_steps // 4))",
    "half_cosine_schedule(top, total_steps, floor)",
    "hyperbolic_decay_schedule(top, total_steps, floor, integer(total_steps, 4 * total_steps))",
    "infinite_schedule(0, log_uniform(peak / 10, peak), integer(0, total_steps // 10), integer(total_steps // 20, total_steps // 4), uniform(peak / 100, peak / 10))",
    "infinite_schedule(0, log_uniform(peak / 10, peak), integer(0, total_steps // 10), integer(total_steps // 20, total_steps // 4), uniform(peak / 100, peak / 10), total_steps // 4, integer(total_steps // 20, total_steps // 4), log_uniform(peak / 10000, peak / 100))",
    "infinite_schedule(0, log_uniform(peak / 10, peak), integer(0, total_steps // 10), integer(total_steps // 20, total_steps // 4), uniform(peak / 100, peak / 10), cooldown_curve='one_minus_sqrt')",
    "inverse_power_decay_schedule(top, log_uniform(1 + total_steps / 100, 1 + total_steps), uniform(0.5, 1))",
    "inverse_sqrt_schedule(top, log_uniform(1 + total_steps / 100, 1 + total_steps))",
    "inverse_sqrt_schedule(top, log_uniform(1 + total_steps / 10, 1 + total_steps), integer(0, total_steps // 2))",
    "inverse_time_decay(top, total_steps, log_uniform(0.1, 100))",
    "inverse_time_decay(top, 1 + total_steps // 10, log_uniform(0.1, 1), integer(0, total_steps // 4), True)",
    "join_schedules([linear_schedule(0, top, total_steps // 10), constant_schedule(top), cosine_decay_schedule(top, total_steps // 2)], [total_steps // 10, integer(total_steps // 5, total_steps // 2)])",
    "join_schedules([cosine_decay_schedule(top, total_steps), linear_schedule(top, floor, total_steps)], [integer(total_steps // 4, total_steps // 2)], 'absolute')",
    "join_schedules([linear_schedule(top, floor, total_steps), exponential_decay(top, 1 + total_steps // 10, uniform(0.3, 0.9)), linear_schedule(top, floor, total_steps)], [total_steps // 3, integer(total_steps // 2, total_steps)], carry_over=True)",
    "k_decay_schedule(top, total_steps, floor, uniform(1, 3))",
    "k_decay_schedule(top, total_steps, floor, uniform(1, 3), 'linear')",
    "k_decay_schedule(top, total_steps, floor, uniform(1, 3), polynomial(uniform(0.5, 3)))",
    "linear_onecycle_schedule(total_steps, top, uniform(0.05, 0.5), uniform(0.6, 0.95), log_uniform(2, 100), log_uniform(10, 1e4))",
    "linear_schedule(top, floor, integer(total_steps // 2, total_steps))",
    "linear_schedule(top, floor, integer(total_steps // 4, total_steps // 2), integer(0, total_steps // 2))",
    "log_warmup_schedule(floor, top, integer(0, total_steps // 5))",
    "multiply_schedules([top, linear_schedule(0, 1, integer(0, total_steps // 5)), cosine_decay_schedule(1, total_steps)])",
    "multistep_decay(top, [integer(0, total_steps // 2), integer(total_steps // 2, total_steps)], log_uniform(0.05, 0.5))",
    "natural_exponential_decay(top, total_steps, uniform(0, 7))",
    "natural_exponential_decay(top, 1 + total_steps // 10, uniform(0.1, 1), integer(0, total_steps // 4), True)",
    "natural_exponential_decay(top, 1 + total_steps // 2, uniform(0, 7), end_value=floor)",
    "noam_hold_schedule(top, integer(1, 1 + total_steps // 10), integer(0, total_steps // 4), uniform(0.5, 1), floor)",
    "noam_schedule(512, 1 + total_steps // 20, log_uniform(peak / 100 * (512 * (1 + total_steps // 20)) ** 0.5, peak * (512 * (1 + total_steps // 20)) ** 0.5))",
    "onecycle_schedule(total_steps, top, uniform(0.05, 0.5), log_uniform(2, 100), log_uniform(10, 1e4))",
    "onecycle_schedule(total_steps, top, uniform(0.05, 0.5), log_uniform(2, 100), log_uniform(10, 1e4), True, 'linear')",
    "onecycle_schedule(total_steps, top, uniform(0.05, 0.5), log_uniform(2, 100), log_uniform(10, 1e4), end_at='transition_steps')",
    "per_epoch(cosine_decay_schedule(top, integer(5, 20)), 1 + total_steps // 20)",
    "per_epoch(cosine_decay_schedule(top, integer(5, 10)), 1 + total_steps // 10, True)",
    "piecewise_constant_schedule(top, [[total_steps // 3, 2 * total_steps // 3], [uniform(0.1, 0.9), uniform(0.1, 0.9)]])",
    "piecewise_constant_values_schedule([total_steps // 3, 2 * total_steps // 3], [top, log_uniform(peak / 100, peak), log_uniform(peak / 1000, peak / 10)])",
    "piecewise_constant_values_schedule([integer(0, total_steps // 2)], [log_uniform(peak / 100, peak / 10), top], 'after')",
    "piecewise_curve_schedule([0, integer(0, total_steps // 10), integer(total_steps // 3, 2 * total_steps // 3), total_steps], [0, top, log_uniform(peak / 100, peak), 0])",
    "piecewise_curve_schedule([0, integer(0, total_steps // 10), integer(total_steps // 3, 2 * total_steps // 3), total_steps], [0, top, log_uniform(peak / 100, peak), 0], 'cosine')",
    "piecewise_interpolate_schedule('linear', top, {total_steps // 2: uniform(0.1, 0.9), total_steps: uniform(0, 0.9)})",
    "piecewise_interpolate_schedule('cosine', top, {total_steps // 2: uniform(0.1, 0.9), total_steps: uniform(0, 0.9)})",
    "polynomial_schedule(top, floor, uniform(0.5, 4), total_steps)",
    "polynomial_schedule(top, floor, uniform(0.5, 4), integer(total_steps // 4, total_steps // 2), integer(0, total_steps // 2))",
    "power_decay_schedule(top, log_uniform(peak, peak * (1 + total_steps) ** 0.5))",
    "power_decay_schedule(top, log_uniform(peak, 10 * peak), uniform(-0.9, -0.3), log_uniform(1, 10), integer(0, 9))",
    "radam_warmup_schedule(top, choice([0.95, 0.98, 0.99, 0.999]))",
    "range_test_schedule(log_uniform(peak / 1000, peak / 100), 1 + total_steps // 10, uniform(2, 9.9))",
    "range_test_schedule(log_uniform(peak / 1000, peak / 100), 1 + total_steps // 10, uniform(2, 9.9), True)",
    "repeat_schedule(cosine_decay_schedule(top, 1 + total_steps // 5), 1 + total_steps // 5, m_mul=uniform(0.5, 1))",
    "repeat_schedule(linear_schedule(top, floor, 1 + total_steps // 5), 1 + total_steps // 5, m_mul=uniform(0.5, 1), cycles=integer(2, 4))",
    "repeat_schedule(linear_schedule(0, top, 1 + total_steps // 10), 1 + total_steps // 10, uniform(1, 2), uniform(0.5, 1), integer(2, 4))",
    "rex_schedule(top, total_steps, floor, uniform(0.1, 0.9))",
    "sgdr_schedule([{'init_value': 0, 'peak_value': log_uniform(peak / 10, peak), 'warmup_steps': integer(0, total_steps // 10), 'decay_steps': 1 + total_steps // 3}, {'init_value': 0, 'peak_value': top, 'warmup_steps': integer(0, total_steps // 10), 'decay_steps': 1 + 2 * total_steps // 3}])",
    "shift_schedule(cosine_decay_schedule(top, 3 * total_steps // 4), integer(0, total_steps // 4))",
    "shift_schedule(cosine_decay_schedule(top, total_steps), integer(-(total_steps // 4), 0))",
    "step_decay(top, integer(1 + total_steps // 10, 1 + total_steps // 2), uniform(0.1, 0.9))",
    "step_decay(top, integer(1 + total_steps // 10, 1 + total_steps // 4), uniform(0.1, 0.9), floor)",
    "stretch_schedule(cosine_decay_schedule(top, 1 + total_steps // 4), uniform(1, 4))",
    "table_schedule([uniform(0, peak), uniform(0, peak), uniform(0, peak), uniform(0, peak), uniform(0, peak)], (1 + total_steps) / 5)",
    "tanh_decay_schedule(top, total_steps, floor, uniform(-9, -3), uniform(1, 5))",
    "tanh_decay_schedule(top, total_steps, floor, uniform(-9, -3), uniform(1, 5), False)",
    "transition_schedule(top, floor, total_steps)",
    "transition_schedule(top, floor, total_steps, 'cosine')",
    "transition_schedule(top, floor, total_steps, 'one_minus_sqrt')",
    "transition_schedule(top, floor, total_steps, one_minus_power(uniform(0.5, 3)))",
    "transition_schedule(top, floor, total_steps // 2, polynomial(uniform(0.5, 3)), integer(0, total_steps // 2))",
    "tri_stage_schedule(top, integer(0, total_steps // 10), integer(0, total_steps // 2), integer(total_steps // 5, total_steps), log_uniform(0.001, 0.1), log_uniform(0.001, 0.1))",
    "warmup_constant_schedule(floor, top, integer(0, total_steps // 5))",
    "warmup_cosine_decay_schedule(floor, top, integer(0, total_steps // 5), total_steps, floor, uniform(0.5, 2))",
    "warmup_exponential_decay_schedule(floor, top, integer(0, total_steps // 5), total_steps, log_uniform(0.001, 1))",
    "warmup_exponential_decay_schedule(floor, top, integer(0, total_steps // 5), 1 + total_steps // 10, uniform(0.3, 0.9), integer(0, total_steps // 5), True, floor)",
    "warmup_hold_cosine_decay_schedule(floor, top, integer(0, total_steps // 5), integer(0, total_steps // 2), total_steps, floor, uniform(0.5, 2))",
    "warmup_inverse_sqrt_schedule(floor, top, integer(1, 1 + total_steps // 5))",
    "warmup_inverse_sqrt_schedule(floor, top, integer(1, 1 + total_steps // 5), log_uniform(1 + total_steps / 100, 1 + total_steps))",
    "warmup_stable_decay_schedule(0, top, integer(0, total_steps // 10), total_steps // 2, integer(total_steps // 10, total_steps // 2), floor)",
    "warmup_stable_decay_schedule(0, top, integer(0, total_steps // 10), total_steps // 2, integer(total_steps // 10, total_steps // 2), floor, decay_curve='one_minus_sqrt')",
    "warmup_stable_decay_schedule(0, top, integer(0, total_steps // 10), total_steps // 2, integer(total_steps // 10, total_steps // 2), floor, 'cosine', one_minus_power(uniform(0.5, 3)))",
    "window_schedule(cosine_decay_schedule(top, total_steps), integer(0, total_steps // 4), integer(total_steps // 2, total_steps), floor)",
    "window_schedule(cosine_decay_schedule(top, total_steps), integer(0, total_steps // 4), integer(total_steps // 2, total_steps), floor, 'absolute')",
    "with_cooldown(inverse_sqrt_schedule(top, 1 + total_steps // 10), integer(total_steps // 2, 3 * total_steps // 4), total_steps // 4, floor)",
    "with_cooldown(inverse_sqrt_schedule(top, 1 + total_steps // 10), integer(total_steps // 2, 3 * total_steps // 4), total_steps // 4, floor, 'one_minus_sqrt')",
    "with_noise(cosine_decay_schedule(log_uniform(peak / 10, peak / 2), total_steps), uniform(0.1, 0.5), integer(0, 1000), noise_begin=integer(0, total_steps // 4), noise_end=integer(total_steps // 2, total_steps))",
    "with_noise(constant_schedule(log_uniform(peak / 10, peak / 2)), uniform(0.1, 0.5), integer(0, 1000), 'uniform')",
    "with_warmup(cosine_decay_schedule(top, 4 * total_steps // 5), integer(0, total_steps // 5), floor)",
    "with_warmup(inverse_sqrt_schedule(top, 1 + total_steps // 10), integer(0, total_steps // 5), floor, 'cosine', 'overlay')",
    "with_warmup(exponential_decay(top, total_steps, log_uniform(0.001, 1)), integer(0, total_steps // 5), floor, mode='multiply')",
    "wsds_schedule(0, top, integer(0, total_steps // 20), [1 + total_steps // 3, 1 + total_steps // 3, 1 + total_steps // 3], integer(0, total_steps // 10), floor)",
    "wsds_schedule(0, [top, log_uniform(peak / 10, peak)], integer(0, total_steps // 10), [1 + total_steps // 2, 1 + total_steps // 2], [integer(0, total_steps // 10), integer(0, total_steps // 4)], [floor, floor], decay_curve='one_minus_sqrt')",
]

DEFAULT_SPACES: dict[str, list[str]] = {}
"""The texts by the names of their families."""

for _each in _TEXTS:
    DEFAULT_SPACES.setdefault(_each.partition("(")[0], []).append(_each)


def _variants(
    family: str, total_steps: int, peak: float, top: Callable[[float], Any]
) -> list[Space]:
    """The space of every variant of a family."""
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
        "top": top(peak),
        "floor": uniform(0.0, peak / 100),
    }
    constructors = Space._constructors()
    return [_text.parse(text, Space, constructors, names) for text in DEFAULT_SPACES[family]]


def default_space(family: str, total_steps: int, peak: float) -> Space:
    """The space that :func:`random_schedules` draws a family from.

    Args:
      family: the name of the family.
      total_steps: the length of training, in updates.
      peak: the largest value that a schedule may have. Few stay below a hundredth of it.

    Returns:
      The space, with values between 0 and ``peak`` at all of the ``total_steps`` counts. It is a
      choice where a family has variants, such as with and without a floor.

    Raises:
      ValueError: if there is no such space for the family, as for one of your own.

    >>> from jaxlr.search import default_space
    >>> default_space("rex_schedule", total_steps=100, peak=1.0)
    rex_schedule(init_value=log_uniform(low=0.01, high=1.0), decay_steps=100, \
end_value=uniform(low=0.0, high=0.01), beta=uniform(low=0.1, high=0.9))
    """
    variants = _variants(family, total_steps, peak, top=lambda peak: log_uniform(peak / 100, peak))
    return variants[0] if len(variants) == 1 else choice(variants)


def typical_schedules(family: str, total_steps: int, peak: float) -> list[Schedule]:
    """One schedule for each variant of a family, to look at; always the same ones.

    Args:
      family: the name of the family.
      total_steps: the length of training, in updates.
      peak: the largest value.

    Returns:
      The schedules. They reach ``peak`` where their family lets them. Every other number is from
      the middle half of its distribution in :func:`default_space`, and rounded to three digits.

    Raises:
      ValueError: if there is no default space for the family, as for one of your own.

    >>> from jaxlr.search import typical_schedules
    >>> for lr in typical_schedules("linear_schedule", total_steps=100, peak=1.0):
    ...     print(lr)
    linear_schedule(init_value=1.0, end_value=0.00375, transition_steps=84, transition_begin=0)
    linear_schedule(init_value=1.0, end_value=0.00375, transition_steps=42, transition_begin=25)
    """
    members = (
        design(variant, lambda dimensions: _middle(dimensions)[None])[0]
        for variant in _variants(family, total_steps, peak, top=lambda peak: peak)
    )
    return [jax.tree.map(_rounded, member).replace() for member in members]


def _rounded(number: Any) -> Any:
    """A number, or an array of them, to three digits; integers as they are."""
    if np.ndim(number):
        return np.asarray([_rounded(item) for item in np.asarray(number).tolist()])
    return float(f"{number:.3g}") if isinstance(number, float) else number


def _middle(number: int) -> np.ndarray[Any, Any]:
    """Quantiles between a quarter and three quarters, each far from the one before."""
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    return 0.25 + 0.5 * ((0.25 + golden * np.arange(number)) % 1.0)


def random_schedules(
    key: jax.Array,
    n: int,
    *,
    total_steps: int,
    peak: float,
    families: Sequence[str | Space] = ("linear_schedule", "exponential_decay", "step_decay"),
    method: Method = "random",
) -> Batch:
    """Draws schedules of several families, all equally likely, with sensible parameters.

    Args:
      key: a JAX key, such as ``jax.random.key(0)``.
      n: how many to draw.
      total_steps: the length of training, in updates.
      peak: the largest value that a schedule may have. Most schedules reach a log-uniform fraction
        of it, from a hundredth up.
      families: spaces, or names of families to draw from their :func:`default_space`.
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
