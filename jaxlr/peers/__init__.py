"""Schedules under the names and the arguments that other libraries give them.

There is a module for each peer, such as :mod:`jaxlr.peers.torch`. A constructor in it takes what
the peer's takes, with the learning rate in the place of the optimizer, and returns an ordinary
schedule of jaxlr, an adaptive one where it depends on a metric, so its ``repr`` says how to write
it without the peer's name. The values are the peer's at every step up to its end; from there on the
last value holds, where a peer may rise again, fall below 0 or raise an error, as each docstring
says. With ``periodic=True`` a cosine rises again too.

>>> import jaxlr.peers
>>> jaxlr.peers.torch.StepLR(0.1, step_size=30)
step_decay(init_value=0.1, step_size=30, decay_rate=0.1, end_value=None)

A step is one call of the peer's ``step``, so lengths in epochs stay lengths in epochs. No peer is
imported.

Each argument is checked where it is given, and an error has its name in the peer. Where a peer
takes a list of rates for groups of parameters, make a schedule and an optimizer for each group, and
join the optimizers by ``optax.partition``.
"""

from jaxlr.peers import (
    fvcore,
    ignite,
    keras,
    mmengine,
    object_detection,
    paddle,
    timm,
    torch,
    transformers,
)

__all__ = [
    "fvcore",
    "ignite",
    "keras",
    "mmengine",
    "object_detection",
    "paddle",
    "timm",
    "torch",
    "transformers",
]
