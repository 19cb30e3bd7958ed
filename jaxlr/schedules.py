r"""Every closed-form family of schedules: one pure function each, which reads like its formula.

All of them keep these rules.

* Values are absolute, lengths are in steps. The value at ``count`` is the one that update number
  ``count`` uses; counts begin at 0, and before 0 the first value holds.
* A schedule with an end holds its last value from there on.
* A phase of length 0 is over at every count.
* Both ends are exact. In between, the relative error is below 1e-6 at every count up to 2**31 - 1;
  where a rate is traced rather than known, its rounding to float32 comes on top.
* Every number may be a tracer or an array, so lengths, boundaries and rates can be batched by
  ``jax.vmap`` and changed without compiling again. ``bool``, ``str`` and ``None`` are structure.

The names, positions and defaults of the fourteen optax schedules are those of optax, so that
``optax.X`` becomes ``jaxlr.X`` by that edit alone; where the meaning at an odd argument differs,
the docstring says so.
"""

from jaxlr.catalogue.annealings import *
from jaxlr.catalogue.chebyshev import *
from jaxlr.catalogue.cycles import *
from jaxlr.catalogue.decays import *
from jaxlr.catalogue.piecewise import *
from jaxlr.catalogue.restarts import *
from jaxlr.catalogue.stable import *
from jaxlr.catalogue.transitions import *
from jaxlr.catalogue.warmups import *
