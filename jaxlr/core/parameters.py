"""Kinds of parameters: annotations that say how a value is stored, checked and compiled.

To a type checker ``init_value: Value`` is just ``ArrayLike``. To the constructor it says how to
store the number, which numbers to reject, and what to pass to a compiled formula. Only concrete
numbers are checked: a tracer has no value yet.
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

from jaxlr.core import numbers, text

__all__ = [
    "Boundaries",
    "Cycles",
    "Fraction",
    "NonNegative",
    "Period",
    "Positive",
    "Steps",
    "Value",
]


def is_static(value: Any) -> bool:
    """Tells whether a value is structure: a string, a bool, None or a plain callable."""
    if value is None or isinstance(value, str | bool):
        return True
    return callable(value) and jax.tree_util.all_leaves([value])


def is_sequence(value: Any) -> bool:
    """Tells whether a value is a list, tuple, range or the like, but not a string."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


class Kind:
    """How one parameter is stored, checked, compiled and printed. The base class accepts anything.

    Attributes:
      name: the annotation as signatures show it.
      axes: the number of axes that the value has in a single schedule.
    """

    name: str = ""
    axes: int = 0

    def store(self, where: str, value: Any) -> Any:
        """Converts an argument to the stored form; raises TypeError if its type is wrong."""
        return _store(value)

    def check(self, where: str, value: Any) -> None:
        """Raises ValueError if a known number is out of range."""

    def is_static(self, value: Any) -> bool:
        """Tells whether the value is structure rather than a pytree of numbers."""
        return is_static(value)

    def prepare(self, value: Any) -> Any:
        """Converts the stored value to what the formula computes with."""
        return jax.tree.map(
            lambda x: x.as_arrays() if _is_parametric(x) else numbers.as_number(x),
            value,
            is_leaf=_is_parametric,
        )

    def plain(self, value: Any) -> Any:
        """Undoes :meth:`prepare`: returns the value as a caller would have given it."""
        return value

    def batch_axes(self, value: Any) -> int:
        """Returns how many batch axes the value has beyond :attr:`axes`."""
        parts = jax.tree.leaves(value, is_leaf=_is_parametric)
        return max((x.batch_axes for x in parts if _is_parametric(x)), default=0)

    def text(self, value: Any) -> str:
        """Returns the value as Python source, as an argument of a call."""
        return text.write(value)


def _is_parametric(value: Any) -> bool:
    """Tells whether a value is a schedule, a curve or the like, without importing them."""
    return hasattr(value, "family") and hasattr(value, "as_arrays")


def _store(value: Any) -> Any:
    """Makes containers immutable, so that a schedule cannot change after it was made."""
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
    """A number, or a list of numbers if ``axes`` is 1.

    Any further axes are batch axes, as ``jax.vmap`` of a constructor adds them.

    Attributes:
      name: the name of the annotation.
      cure: what to give instead of a rejected number; the end of the error message.
      least: the smallest number allowed.
      open: whether ``least`` itself is rejected.
      most: the largest number allowed.
      counted: whether it counts steps, so that integers stay integers.
      axes: 1 for a list of numbers, else 0.
    """

    name: str = "Value"
    cure: str = "Give a finite number."
    least: float = -math.inf
    open: bool = False
    most: float = math.inf
    counted: bool = False
    axes: int = 0

    def store(self, where: str, value: Any) -> Any:
        if is_sequence(value):
            value = self._array_of(where, value)
        if isinstance(value, str):
            meant = text.number_meant(value)
            raise TypeError(f"{where} must be a number, got the string {text.brief(value)}.{meant}")
        if isinstance(value, bool) or not _is_numeric(value):
            expected = "a list of numbers" if self.axes else "a number or an array"
            raise TypeError(f"{where} must be {expected}, got {text.brief(value)}. {self.cure}")
        return _store(value)

    def _array_of(self, where: str, items: Sequence[Any]) -> Any:
        if self.axes == 0:
            raise TypeError(
                f"{where} must be one number, got the list {text.brief(items)}. For many schedules "
                "use jaxlr.grid, jaxlr.stack, or jax.vmap over an array."
            )
        try:
            if not numbers.on_host(*jax.tree.leaves(list(items))):
                return jnp.array(list(items))
            return np.asarray(items) if len(items) else np.zeros(0, np.int32)
        except (TypeError, ValueError) as error:
            given = text.brief(items)
            raise TypeError(f"{where} must be a list of numbers, got {given}.") from error

    def check(self, where: str, value: Any) -> None:
        try:
            known = np.asarray(value, np.float64)
        except OverflowError:  # An integer with hundreds of digits.
            raise ValueError(f"{where} must be {self._range()}. {self.cure}") from None
        low = known <= self.least if self.open else known < self.least
        if not self.counted:
            largest = float(np.finfo(numbers.float_dtype()).max)
            wide = np.isfinite(known) & (np.abs(known) > largest)
            self._refuse(where, known, wide, f"at most {largest:.3g}, as a float")
        self._refuse(where, known, low | (known > self.most) | ~np.isfinite(known), self._range())

    def _refuse(self, where: str, values: Any, refused: Any, allowed: str) -> None:
        if np.any(refused):
            first = np.asarray(values)[refused].flat[0]
            raise ValueError(f"{where} must be {allowed}, got {first:g}. {self.cure}")

    def _range(self) -> str:
        if self.least == -math.inf:
            return "finite"
        if self.most < math.inf:
            if self.open:
                return f"above {self.least:g} and at most {self.most:g}"
            return f"from {self.least:g} to {self.most:g}"
        if self.least == 0.0 and self.open:
            return "positive and finite"
        return f"at least {self.least:g} and finite"

    def prepare(self, value: Any) -> Any:
        return numbers.as_number(_as_integers(value)) if self.counted else numbers.as_float(value)

    def batch_axes(self, value: Any) -> int:
        return max((np.ndim(leaf) - self.axes for leaf in jax.tree.leaves(value)), default=0)


def _as_integers(value: Any) -> Any:
    """Converts host floats to integers if all are whole; float32 would lose large ones."""
    if not numbers.on_host(value) or np.size(value) == 0:
        return value
    known = np.asarray(value)
    are_whole = known.dtype.kind == "f" and np.all((known % 1.0 == 0.0) & (known < 2.0**63))
    return known.astype(np.int64)[()] if are_whole else value


@dataclass(frozen=True)
class Whole(Number):
    """A whole number that is at least ``least``, or an array of them."""

    def check(self, where: str, value: Any) -> None:
        super().check(where, value)
        known = np.asarray(value, np.float64)
        self._refuse(where, known, known % 1.0 != 0.0, "a whole number")

    def prepare(self, value: Any) -> Any:
        """Converts to int32; a traced number out of range is clipped."""
        least, most = int(self.least), np.iinfo(np.int32).max
        if numbers.on_host(value):
            return np.clip(np.ceil(value), least, most).astype(np.int32)
        number = jnp.ceil(numbers.as_number(value))
        return jnp.where(number < most, jnp.maximum(number, least).astype(jnp.int32), most)


@dataclass(frozen=True)
class Length(Number):
    """The length of a phase. Rejects lengths between 0 and 1, which were meant as fractions."""

    def check(self, where: str, value: Any) -> None:
        super().check(where, value)
        known = np.asarray(value, np.float64)
        if np.any(refused := (known > 0.0) & (known < 1.0)):
            raise ValueError(
                f"{where} must be a number of steps, got {known[refused].flat[0]:g}, which is less "
                "than one. For a fraction of the run give int(fraction * total_steps); 0 leaves "
                "the phase out."
            )


@dataclass(frozen=True)
class Size(Kind):
    """The length of an array: a Python integer, which is static and never traced."""

    name: str = "int"

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(
                f"{where} must be a whole number from 1 on, got {text.brief(value)}. It is the "
                "length of an array, so it cannot be traced or batched."
            )
        return int(value)

    def is_static(self, value: Any) -> bool:
        return True


def _is_numeric(value: Any) -> bool:
    """Tells whether a value is a real number or an array of them; a bool is not."""
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, int | float):
        return True
    return isinstance(value, np.ndarray | np.generic | jax.Array) and (
        jnp.issubdtype(value.dtype, jnp.integer) or jnp.issubdtype(value.dtype, jnp.floating)
    )


@dataclass(frozen=True)
class _Switch(Kind):
    """A ``bool``, which is static and never traced."""

    name: str = "bool"

    def store(self, where: str, value: Any) -> Any:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(
                f"{where} must be True or False, got {text.brief(value)}. It chooses the formula, "
                "so it cannot be traced or batched; build one schedule for each choice."
            )
        return bool(value)


@dataclass(frozen=True)
class _Name(Kind):
    """A ``str``, which is static and never traced."""

    name: str = "str"

    def store(self, where: str, value: Any) -> Any:
        if not isinstance(value, str):
            raise TypeError(f"{where} must be a string, got {text.brief(value)}.")
        return value


@dataclass(frozen=True)
class _Choice(Kind):
    """One of a fixed set of strings, which is static and never traced."""

    choices: tuple[str, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"Literal[{', '.join(map(repr, self.choices))}]"

    def store(self, where: str, value: Any) -> Any:
        if value not in self.choices:
            names = " or ".join(map(repr, self.choices))
            raise ValueError(f"{where} must be {names}, got {text.brief(value)}.")
        return value


Value = Annotated[ArrayLike, Number()]
"""A value of the schedule, or any other finite number."""

NonNegative = Annotated[ArrayLike, Number("NonNegative", "Give 0 or a positive number.", least=0.0)]
"""A number that is not negative."""

Positive = Annotated[ArrayLike, Number("Positive", "Give a positive number.", least=0.0, open=True)]
"""A number above zero, such as one whose logarithm is taken."""

Fraction = Annotated[
    ArrayLike, Number("Fraction", "Give a fraction, such as 0.3.", least=0.0, most=1.0)
]
"""A number from 0 to 1."""

Steps = Annotated[
    ArrayLike,
    Length("Steps", "Give a number of steps; 0 leaves the phase out.", least=0.0, counted=True),
]
"""The length or the start of a phase, in steps; a phase of length 0 is over at once."""

Cycles = Annotated[ArrayLike, Whole("Cycles", "Give a number of whole cycles.", least=1.0)]
"""The number of cycles, at least 1."""

Boundaries = Annotated[
    ArrayLike | Sequence[ArrayLike],
    Number(
        "Boundaries",
        "Give the counts in steps from the start of training.",
        least=0.0,
        counted=True,
        axes=1,
    ),
]
"""Increasing counts at which something changes: a list or an array."""

Period = Annotated[
    ArrayLike,
    Number("Period", "Give a number of steps, such as 1000.", least=0.0, open=True, counted=True),
]
"""A positive number of steps, such as the length of a cycle."""


def kinds_of(function: Callable[..., Any]) -> dict[str, Kind]:
    """Returns the kind of each annotated parameter of a function."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError:  # An annotation imported only under TYPE_CHECKING cannot be a kind.
        hints = {}
    return {name: kind_of(hint) for name, hint in hints.items()}


def kind_of(hint: Any) -> Kind:
    """Returns the kind that an annotation stands for."""
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
