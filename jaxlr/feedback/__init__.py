"""Schedules that react to a metric, early stopping, and access to optimizer state."""

from jaxlr.feedback.adaptive import (
    AdaptiveSchedule,
    AdaptiveState,
    Base,
    adaptive_schedule,
    greedy,
    reduce_on_plateau,
)
from jaxlr.feedback.state import current_value, observe
from jaxlr.feedback.stopping import EarlyStopping, Watch, early_stopping

__all__ = [
    "AdaptiveSchedule",
    "AdaptiveState",
    "Base",
    "EarlyStopping",
    "Watch",
    "adaptive_schedule",
    "current_value",
    "early_stopping",
    "greedy",
    "observe",
    "reduce_on_plateau",
]
