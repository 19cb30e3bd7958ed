"""What a parameter may be: the annotations of families, and the checks that they stand for.

``init_value: Value`` is ``ArrayLike`` to a type checker and to a reader. To the constructor it says
how to store the number, what to refuse, and what a compiled formula gets. Only numbers that are
known are checked: a tracer has no value yet.
"""

import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core import numbers
from jaxlr.core import text as _text
from jaxlr.exact import powers as _powers

__all__ = [
    "Boundaries",
    "Cycles",
    "Fraction",
    "Growth",
    "NonNegative",
    "Period",
    "Positive",
    "Steps",
    "Value",
]


def is_static(value: Any) -> bool:
    """Tells whether a value is structure (a string, a bool, None, a plain callable)."""
    if value is None or isinstance(value, str | bool):
        return True
    return callable(value) and jax.tree_util.all_leaves([value])


class Kind:
    """How one parameter is stored, checked, compiled and written. This one takes it as it is."""

    def store(self, where: str, value: Any) -> Any:
        """Converts the argument to what the schedule keeps; raises TypeError on a wrong type."""
        return _store(value)

    def check(self, where: str, value: Any) -> None:
        """Raises ValueError if a known number is out of range."""

    def is_static(self, value: Any) -> bool:
        """Tells whether the value is structure rather than a pytree of numbers."""
        return is_static(value)

    def as_array(self, leaf: Any) -> Any:
        """Converts one leaf to what the formula computes with."""
        return numbers.as_number(leaf)

    def is_product(self, leaf: Any) -> bool:
        """Tells whether to raise to this, or to all of these, takes a product and no more."""
        return False

    def text(self, value: Any) -> str:
        """Writes the value as an argument in Python's syntax."""
        return _text.write(value)


def _store(value: Any) -> Any:
    """Keeps containers immutable, so that a schedule never changes behind its user's back."""
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    elif isinstance(value, Mapping):
        return {key: _store(item) for key, item in value.items()}
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(map(_store, value))
    return value


@dataclass(frozen=True)
class Number(Kind):
    """A number or an array of numbers.

    Attributes:
      cure: what to give instead of a refused number.
      least: the smallest number allowed.
      open: whether ``least`` itself is refused.
      most: the largest number allowed.
      counted: whether it is in steps, so that an integer stays one.
      exponent: whether something is raised to it, which is a product where it is 1, 2 or 3.
    """

    cure: str = "Give a finite number."
    least: float = -math.inf
    open: bool = False
    most: float = math.inf
    counted: bool = False
    exponent: bool = False

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            value = self._array_of(where, value)
        if isinstance(value, bool) or not _is_numeric(value):
            raise TypeError(f"{where} must be a number or an array, got {value!r}. {self.cure}")
        return _store(value)

    def _array_of(self, where: str, items: Any) -> Any:
        try:
            if not numbers.on_host(*jax.tree.leaves(items)):
                return jnp.array(items)
            return np.asarray(items) if len(items) else np.zeros(0, np.int32)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{where} must be a number or an array, got {items!r}.") from error

    def check(self, where: str, value: Any) -> None:
        try:
            numbers = np.asarray(value, np.float64)
        except OverflowError:  # Of an integer of some hundred digits.
            raise ValueError(f"{where} must be {self._range()}. {self.cure}") from None
        low = numbers <= self.least if self.open else numbers < self.least
        refused = low | (numbers > self.most) | ~np.isfinite(numbers)
        if refused.any():
            first = numbers[refused].flat[0]
            raise ValueError(f"{where} must be {self._range()}, got {first:g}. {self.cure}")

    def _range(self) -> str:
        if self.least == -math.inf:
            return "finite"
        if self.most < math.inf:
            return f"from {self.least:g} to {self.most:g}"
        if self.least == 0.0 and self.open:
            return "positive and finite"
        return f"at least {self.least:g} and finite"

    def as_array(self, leaf: Any) -> Any:
        return numbers.as_number(leaf) if self.counted else numbers.as_float(leaf)

    def is_product(self, leaf: Any) -> bool:
        if not self.exponent or not numbers.on_host(leaf):
            return False
        exponents = np.unique(leaf)
        return len(exponents) == 1 and _powers.is_whole(exponents[0])


@dataclass(frozen=True)
class Whole(Number):
    """A whole number from ``least`` on, or an array of such numbers."""

    def check(self, where: str, value: Any) -> None:
        super().check(where, value)
        numbers = np.asarray(value, np.float64)
        if np.any(numbers % 1.0):
            first = numbers[numbers % 1.0 != 0.0].flat[0]
            raise ValueError(f"{where} must be a whole number, got {first:g}. {self.cure}")

    def as_array(self, leaf: Any) -> Any:
        """Converts to int32; a traced number out of range counts as the nearest one in it."""
        least, most = int(self.least), np.iinfo(np.int32).max
        if numbers.on_host(leaf):
            return np.clip(np.ceil(leaf), least, most).astype(np.int32)
        number = jnp.ceil(numbers.as_number(leaf))
        return jnp.where(number < most, jnp.maximum(number, least).astype(jnp.int32), most)


@dataclass(frozen=True)
class Size(Kind):
    """The length of an array: a Python integer, and structure, so it is never traced."""

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(
                f"{where} must be a whole number from 1 on, got {value!r}. It is the length of an "
                "array, so it cannot be traced or batched."
            )
        return int(value)

    def is_static(self, value: Any) -> bool:
        return True


def _is_numeric(value: Any) -> bool:
    if isinstance(value, int | float | jax.Array):
        return True
    return isinstance(value, np.ndarray | np.generic) and (
        value.dtype.kind in "iuf" or jnp.issubdtype(value.dtype, np.floating)
    )


@dataclass(frozen=True)
class _Switch(Kind):
    """A ``bool``: structure, so it is never traced."""

    def store(self, where: str, value: Any) -> Any:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(
                f"{where} must be True or False, got {value!r}. It chooses the formula, so it "
                "cannot be traced or batched; build one schedule for each choice."
            )
        return bool(value)


@dataclass(frozen=True)
class _Name(Kind):
    """A ``str``: structure, so it is never traced."""

    def store(self, where: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{where} must be a string, got {value!r}.")
        return value


@dataclass(frozen=True)
class _Choice(Kind):
    """One of some strings: structure, so it is never traced."""

    choices: tuple[str, ...]

    def store(self, where: str, value: Any) -> Any:
        if value not in self.choices:
            names = " or ".join(map(repr, self.choices))
            raise ValueError(f"{where} must be {names}, got {value!r}.")
        return value


Value = Annotated[ArrayLike, Number()]
"""A value of the schedule, or any other finite number."""

NonNegative = Annotated[ArrayLike, Number("Give 0 or a positive number.", least=0.0)]
"""A number that is not negative."""

Exponent = Annotated[ArrayLike, Number("Give 0 or a positive number.", least=0.0, exponent=True)]
"""A number that is not negative, to which something is raised."""

Positive = Annotated[ArrayLike, Number("Give a positive number.", least=0.0, open=True)]
"""A number above zero, such as one whose logarithm is taken."""

PositiveExponent = Annotated[
    ArrayLike, Number("Give a positive number.", least=0.0, open=True, exponent=True)
]
"""A number above zero, to which something is raised."""

Fraction = Annotated[ArrayLike, Number("Give a fraction, such as 0.3.", least=0.0, most=1.0)]
"""A number from 0 to 1."""

Growth = Annotated[ArrayLike, Number("Give 1 or a larger number, such as 2.", least=1.0)]
"""The ratio of something to what it was before, at least 1."""

Steps = Annotated[
    ArrayLike,
    Number("Give a number of steps; 0 leaves the phase out.", least=0.0, counted=True),
]
"""The length or the begin of a phase in steps; a phase of length 0 is over at once."""

Cycles = Annotated[ArrayLike, Whole("Give a number of whole cycles.", least=1.0)]
"""How many cycles there are."""

Boundaries = Annotated[
    ArrayLike | Sequence[ArrayLike],
    Number("Give the counts in steps from the start of training.", least=0.0, counted=True),
]
"""Counts at which something changes, in increasing order: a list or an array."""

Period = Annotated[
    ArrayLike,
    Number("Give a number of steps, such as 1000.", least=0.0, open=True, counted=True),
]
"""A time in steps that something is divided by."""


def kinds_of(function: Callable[..., Any]) -> dict[str, Kind]:
    """Reads the kind of every parameter off a function's annotations."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError:  # An annotation that only a type checker can see says nothing to us.
        hints = {}
    return {name: kind_of(hint) for name, hint in hints.items()}


def kind_of(hint: Any) -> Kind:
    """Reads the kind off one annotation."""
    if hint is bool:
        return _Switch()
    if hint is str:
        return _Name()
    if typing.get_origin(hint) is typing.Literal:
        return _Choice(typing.get_args(hint))
    for candidate in (hint, *typing.get_args(hint)):
        for extra in getattr(candidate, "__metadata__", ()):
            if isinstance(extra, Kind):
                return extra
    return Kind()
