"""Optuna draws from the same spaces, through its trials; it is not imported here."""

from typing import Any

from jaxlr.core import text as _text
from jaxlr.core.schedule import Schedule
from jaxlr.search.spaces import (
    Choice,
    Distribution,
    FamilySpace,
    Space,
    checked,
    checked_schedule,
    children,
    dimensions,
    label,
    path,
)


def suggest(trial: Any, space: Space) -> Schedule:
    """Lets a trial of Optuna choose a schedule from a space.

    Args:
      trial: an ``optuna.Trial``, or anything else with its ``suggest_float``, ``suggest_int`` and
        ``suggest_categorical``. The trial names its parameters as the space does. Within a choice
        the name of the option comes first, as in ``step_decay.init_value``; the choice of a family
        is called ``family``.
      space: the space. The distributions map to Optuna's, quantile by quantile; a distribution of
        your own is suggested by its quantile. Optuna ignores the weights of a choice.

    Returns:
      The schedule.

    >>> import jaxlr, optuna
    >>> from jaxlr.search import parse_space, suggest
    >>> space = parse_space("linear_schedule(log_uniform(0.01, 1.0), 0.0, integer(50, 100))")
    >>> suggest(optuna.trial.FixedTrial({"init_value": 0.1, "transition_steps": 70}), space)
    linear_schedule(init_value=0.1, end_value=0.0, transition_steps=70, transition_begin=0)
    """
    return checked_schedule(_suggest(trial, checked(space), ""), space)


_SUGGESTED = {
    "uniform": lambda trial, name, low, high: trial.suggest_float(name, low, high),
    "log_uniform": lambda trial, name, low, high: trial.suggest_float(name, low, high, log=True),
    "integer": lambda trial, name, low, high: trial.suggest_int(name, low, high),
    "log_integer": lambda trial, name, low, high: trial.suggest_int(name, low, high, log=True),
}


def _suggest(trial: Any, value: Any, name: str) -> Any:
    if isinstance(value, Choice):
        options = value.options
        labels = list(map(label, options))
        if len(set(labels)) < len(labels):  # Such as two spaces of one family.
            labels = list(map(_text.write, options))
        chosen = trial.suggest_categorical(name or "family", labels)
        return _suggest(trial, options[labels.index(chosen)], path(name, str(chosen)))
    if isinstance(value, Distribution):
        if value.family.name in _SUGGESTED:
            return _SUGGESTED[value.family.name](trial, name, **value.params)
        return value(trial.suggest_float(name, 0.0, 1.0)).item()
    if dimensions(value) == 0:
        return value
    drawn = {k: _suggest(trial, child, path(name, k)) for k, child in children(value).items()}
    if isinstance(value, FamilySpace):
        return value.family.constructor(**drawn)
    return tuple(drawn.values()) if isinstance(value, tuple) else drawn
