"""Arguments of constructors, checked by their annotations where they are given.

``step_size: Period`` is ``ArrayLike`` to a type checker and to a reader. To :func:`constructor` it
says what to refuse. An error has the names that the caller knows from the peer.
"""

import functools
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ParamSpec, TypeVar, overload

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core.numbers import known, on_host
from jaxlr.core.parameters import Kind, Length, Number, Whole, is_sequence, kinds_of
from jaxlr.feedback.adaptive import OneOrNumber

__all__ = [
    "Base",
    "Count",
    "Fractions",
    "Function",
    "Label",
    "Lengths",
    "Metrics",
    "Period",
    "Rate",
    "Rates",
    "Step",
    "Verbosity",
    "at_least",
    "constructor",
    "is_zero",
    "renamed",
    "require_one_more",
    "whole",
]

P = ParamSpec("P")
R = TypeVar("R")


class _OfGroup:
    """An argument for which a peer may take a list, one for each group of parameters."""

    one = "one number"


@dataclass(frozen=True)
class _Rate(Number, _OfGroup):
    """A learning rate, or a momentum."""


@dataclass(frozen=True)
class _Rates(Number):
    """A list of one or more numbers."""

    def check(self, where: str, value: Any) -> None:
        if np.size(value) == 0:
            raise ValueError(f"{where} must have one number at least, got none.")
        super().check(where, value)


class _Function(Kind, _OfGroup):
    """A function."""

    one = "one function"

    def store(self, where: str, value: Any) -> Any:
        if not callable(value):
            raise TypeError(f"{where} must be a function, got {value!r}.")
        return value


class _Label(Kind):
    """A text that has no influence."""

    def store(self, where: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{where} must be a text, got {value!r}.")
        return value


class _Base(OneOrNumber, _OfGroup):
    """The base of an adaptive schedule."""


Rate = Annotated[ArrayLike, _Rate("Rate")]
"""A learning rate, or a momentum: one number, where a peer may take a list for groups."""

Rates = Annotated[Sequence[ArrayLike], _Rates("Rates", axes=1)]
"""A list of learning rates, one after another."""

Period = Annotated[
    ArrayLike,
    Length("Period", "Give a number of steps, such as 1000.", least=0.0, open=True, counted=True),
]
"""A number of steps, at least 1."""

Lengths = Annotated[
    Sequence[ArrayLike],
    Length("Lengths", "Give numbers of steps.", least=0.0, counted=True, axes=1),
]
"""A list of numbers of steps."""

Fractions = Annotated[
    Sequence[float],
    Number("Fractions", "Give fractions, such as 0.3.", least=0.0, most=1.0, axes=1),
]
"""A list of parts of a whole."""

Count = Annotated[int, Whole("Count", "Give a whole number, at least 1.", least=1.0)]
"""How many there are of something."""

Step = Annotated[
    ArrayLike,
    Whole("Step", "For a part of the run, give the steps of that part.", least=0.0),
]
"""A step, counted from 0."""

Metrics = Annotated[ArrayLike, Whole("Metrics", "Give a number of metrics.", least=0.0)]
"""How many metrics to wait."""

Function = Annotated[Callable[..., Any], _Function()]
"""A function."""

Label = Annotated[str | None, _Label()]
"""The name of a schedule, which is ignored."""

Verbosity = Annotated[int, Whole("Verbosity", "Give 0 or 1.", least=0.0)]
"""Whether a peer prints what it does. It is ignored: here nothing is printed."""

Base = Annotated[Callable[[ArrayLike], ArrayLike] | ArrayLike, _Base()]
"""The base of an adaptive schedule: a rate, a schedule, or a function of the count."""


@overload
def constructor(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def constructor(
    *, within: Mapping[str, str] = ..., elsewhere: Mapping[str, str] = ...
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def constructor(
    function: Any = None,
    /,
    *,
    within: Mapping[str, str] = MappingProxyType({}),
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Makes a function check its arguments before it runs, as their annotations say.

    A list may be any ``Sequence``: the function gets it as a list. No argument is changed
    otherwise, and none that is traced is looked at. An error about an argument that comes from
    within, such as about boundaries out of order, gets the name of the constructor.

    Args:
      function: the function.
      within: by the name that an inner function has for an argument, its name here.
      elsewhere: by the name of an argument of the peer, the constructor here that takes it.

    Raises:
      TypeError: of the constructor that is made: for an argument of a wrong type, for one that is
        not known, and for one that is missing.
      ValueError: of the constructor that is made: for a number out of range, or an unknown choice.
    """
    if function is None:
        return functools.partial(_checked, within, elsewhere)
    return _checked(within, elsewhere, function)


def _checked(
    within: Mapping[str, str], elsewhere: Mapping[str, str], function: Callable[..., Any]
) -> Callable[..., Any]:
    name, signature, kinds = function.__name__, inspect.signature(function), kinds_of(function)

    @functools.wraps(function)
    def construct(*args: Any, **kwargs: Any) -> Any:
        for key in elsewhere.keys() & kwargs.keys():
            raise TypeError(f"{name}: `{key}` is for {elsewhere[key]}, a schedule of its own.")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            takes = ", ".join(signature.parameters)
            raise TypeError(f"{name}: {error}. It takes {takes}.") from None
        for key, value in bound.arguments.items():
            left_out = value is None and signature.parameters[key].default is None
            if not left_out and key in kinds:
                bound.arguments[key] = _taken(f"{name}: `{key}`", kinds[key], value)
        try:
            return function(*bound.args, **bound.kwargs)
        except ValueError as error:
            about = re.fullmatch(r"(?:\w+: )?(`\w+.*)", str(error), re.DOTALL)
            if about is None:
                raise
            told = re.sub(r"`(\w+)`", lambda word: f"`{within.get(word[1], word[1])}`", about[1])
            raise ValueError(f"{name}: {told}") from None

    return construct


def renamed(construct: Callable[P, R], name: str) -> Callable[P, R]:
    """The same constructor under another name, which its errors have too."""
    inner: Any = inspect.unwrap(construct)

    @functools.wraps(inner)
    def function(*args: P.args, **kwargs: P.kwargs) -> R:
        return construct(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    return constructor(function)


def _taken(where: str, kind: Kind, value: Any) -> Any:
    """An argument as the constructor takes it, checked as far as it is known."""
    value = _as_list(value)
    if isinstance(value, list) and isinstance(kind, _OfGroup):
        raise TypeError(
            f"{where} must be {kind.one}, got {value!r}. For groups of parameters make a schedule "
            "and an optimizer for each, and join them by optax.partition."
        )
    stored = kind.store(where, value)
    if kind.axes and np.ndim(stored) == 0:
        raise ValueError(f"{where} must be a list of numbers, got {value!r}.")
    if known(stored):
        kind.check(where, stored)
    return stored


def _as_list(value: Any) -> Any:
    return [_as_list(item) for item in value] if is_sequence(value) else value


def require_one_more(values: Any, name: str, boundaries: Any, of: str) -> None:
    """Refuses boundaries that do not rise, and values that are not one more than they are."""
    if len(values) != len(boundaries) + 1:
        raise ValueError(
            f"`{name}` must be one more than `{of}`, got {len(values)} and {len(boundaries)}. The "
            "first is in turn before the first boundary."
        )
    if known(boundaries) and np.any(np.diff(np.asarray(boundaries)) < 0):
        raise ValueError(f"`{of}` must be in increasing order, got {boundaries!r}.")


def is_zero(value: Any) -> bool:
    """Whether a number is known to be 0."""
    return on_host(value) and np.ndim(value) == 0 and bool(value == 0)


def at_least(value: Any, least: Any) -> Any:
    """The larger of two numbers, known or traced."""
    if not on_host(value, least):
        return jnp.maximum(value, least)
    batched = np.ndim(value) or np.ndim(least)
    return np.maximum(value, least) if batched else max(value, least)


def whole(steps: Any) -> Any:
    """A number of steps, as an integer if it is known to be whole up to its rounding."""
    if not isinstance(steps, float | np.floating) or not math.isfinite(steps):
        return steps
    nearest = round(steps)
    return int(nearest) if math.isclose(steps, nearest, rel_tol=1e-15) else steps
