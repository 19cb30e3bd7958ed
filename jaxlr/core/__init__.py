"""The machinery that makes a function a schedule: families, parameter kinds, text form.

This package defines no family itself. To write one, annotate its parameters with the kinds below:
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
