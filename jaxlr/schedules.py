r"""All families of schedules that depend only on the count.

Every family follows these rules:

* Values are absolute and lengths are in steps. Update number ``count`` uses the value at ``count``.
  Counts start at 0; negative counts get the first value.
* A schedule that ends holds its last value from then on.
* A phase of length 0 is over at every count.
* Both ends are exact. In between, the relative error is below 1e-6 for every count up to 2**31 - 1.
  For a traced rate, the error from rounding it to float32 is added.
* Every number may be a tracer or an array, so you can batch lengths, boundaries and rates with
  ``jax.vmap``, and change them without recompiling. ``bool``, ``str`` and ``None`` are static.

The fourteen schedules of optax have the same names, argument order and defaults here, so you can
replace ``optax.X`` with ``jaxlr.X`` and change nothing else. If an edge case differs, the docstring
says so.
"""

from jaxlr.catalogue.annealings import (
    cosine_linear_envelope_schedule,
    exp_hyperbolic_decay_schedule,
    half_cosine_schedule,
    hyperbolic_decay_schedule,
    k_decay_schedule,
    rex_schedule,
    tanh_decay_schedule,
)
from jaxlr.catalogue.chebyshev import chebyshev_schedule
from jaxlr.catalogue.cycles import (
    cosine_onecycle_schedule,
    cyclic_polynomial_schedule,
    cyclic_schedule,
    linear_onecycle_schedule,
    onecycle_schedule,
    sgdr_schedule,
)
from jaxlr.catalogue.decays import (
    exponential_decay,
    exponential_decay_with_burnin,
    inverse_power_decay_schedule,
    inverse_sqrt_schedule,
    inverse_time_decay,
    natural_exponential_decay,
    power_decay_schedule,
    step_decay,
)
from jaxlr.catalogue.piecewise import (
    multistep_decay,
    piecewise_constant_schedule,
    piecewise_constant_values_schedule,
    piecewise_curve_schedule,
    piecewise_interpolate_schedule,
    table_schedule,
    tabulate,
)
from jaxlr.catalogue.restarts import cosine_restarts_schedule
from jaxlr.catalogue.stable import (
    infinite_schedule,
    tri_stage_schedule,
    warmup_hold_cosine_decay_schedule,
    warmup_stable_decay_schedule,
    wsds_schedule,
)
from jaxlr.catalogue.transitions import (
    constant_schedule,
    cosine_decay_schedule,
    geometric_schedule,
    linear_schedule,
    polynomial_schedule,
    range_test_schedule,
    transition_schedule,
)
from jaxlr.catalogue.warmups import (
    exponential_warmup_schedule,
    log_warmup_schedule,
    noam_hold_schedule,
    noam_schedule,
    radam_warmup_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
    warmup_inverse_sqrt_schedule,
)

__all__ = [
    "chebyshev_schedule",
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_linear_envelope_schedule",
    "cosine_onecycle_schedule",
    "cosine_restarts_schedule",
    "cyclic_polynomial_schedule",
    "cyclic_schedule",
    "exp_hyperbolic_decay_schedule",
    "exponential_decay",
    "exponential_decay_with_burnin",
    "exponential_warmup_schedule",
    "geometric_schedule",
    "half_cosine_schedule",
    "hyperbolic_decay_schedule",
    "infinite_schedule",
    "inverse_power_decay_schedule",
    "inverse_sqrt_schedule",
    "inverse_time_decay",
    "k_decay_schedule",
    "linear_onecycle_schedule",
    "linear_schedule",
    "log_warmup_schedule",
    "multistep_decay",
    "natural_exponential_decay",
    "noam_hold_schedule",
    "noam_schedule",
    "onecycle_schedule",
    "piecewise_constant_schedule",
    "piecewise_constant_values_schedule",
    "piecewise_curve_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "power_decay_schedule",
    "radam_warmup_schedule",
    "range_test_schedule",
    "rex_schedule",
    "sgdr_schedule",
    "step_decay",
    "table_schedule",
    "tabulate",
    "tanh_decay_schedule",
    "transition_schedule",
    "tri_stage_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
    "warmup_hold_cosine_decay_schedule",
    "warmup_inverse_sqrt_schedule",
    "warmup_stable_decay_schedule",
    "wsds_schedule",
]
