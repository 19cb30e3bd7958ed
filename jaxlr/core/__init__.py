"""A schedule as a callable and a pytree: families, the kinds of their parameters, and their texts.

Nothing here knows a family. Whoever writes one annotates its parameters with the kinds:
``init_value: Value`` is a finite number, ``warmup_steps: Steps`` a length in steps.
"""

from jaxlr.core.parameters import (
    Boundaries,
    Cycles,
    Fraction,
    NonNegative,
    Period,
    Positive,
    Steps,
    Value,
)
from jaxlr.core.schedule import Schedule, families, parse, schedule

__all__ = [
    "Boundaries",
    "Cycles",
    "Fraction",
    "NonNegative",
    "Period",
    "Positive",
    "Schedule",
    "Steps",
    "Value",
    "families",
    "parse",
    "schedule",
]
