r"""Spaces to draw schedules from, and designs that draw from them.

A *distribution* is written as its quantile function, which maps a number from 0 to 1 to a value. A
*space* is a family with distributions in place of some parameters; the others keep one value. In
Python and as text:

>>> import jax, jaxlr, numpy as np
>>> from jaxlr.search import choice, integer, log_uniform, parse_space, sample, space, uniform
>>> steps = space(jaxlr.step_decay, log_uniform(1e-4, 1e-1), integer(10, 500), uniform(0.1, 0.9))
>>> steps == parse_space("step_decay(log_uniform(1e-4, 1e-1), integer(10, 500), uniform(0.1, 0.9))")
True
>>> lines = parse_space("linear_schedule(log_uniform(1e-4, 1e-1), 0.0, total_steps)",
...                     total_steps=1000)

A :func:`choice` of spaces is a space too: the parameters of a space are drawn only where that space
is chosen. Spaces nest, as in a curve with a parameter or in a list of schedules to join.

>>> both = choice([steps, lines])
>>> batch = sample(jax.random.key(0), both, n=1000)
>>> list(batch.table)
['family', 'init_value', 'step_size', 'decay_rate']
>>> bool((np.isnan(batch.table["step_size"]) == (batch.table["family"] == "linear_schedule")).all())
True

A design is a set of points in the unit cube, with a coordinate for each distribution; the quantile
functions map the points to schedules. :func:`sample` takes random, Latin hypercube, Sobol or Halton
points, :func:`grid_design` takes a lattice, and :func:`suggest` lets Optuna choose.
"""

from jaxlr.search.defaults import default_space, random_schedules, typical_schedules
from jaxlr.search.designs import Method, grid_design, sample
from jaxlr.search.distributions import (
    choice,
    distribution,
    integer,
    log_integer,
    log_uniform,
    uniform,
)
from jaxlr.search.spaces import Distribution, Space, parse_space, space
from jaxlr.search.trials import suggest

__all__ = [
    "Distribution",
    "Method",
    "Space",
    "choice",
    "default_space",
    "distribution",
    "grid_design",
    "integer",
    "log_integer",
    "log_uniform",
    "parse_space",
    "random_schedules",
    "sample",
    "space",
    "suggest",
    "typical_schedules",
    "uniform",
]
