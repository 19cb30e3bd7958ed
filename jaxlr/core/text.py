"""Schedules as text: numbers and calls in Python's syntax, and dicts for JSON."""

import ast
import difflib
import inspect
import math
import operator
import re
import reprlib
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxlr.core.numbers import known

Families = Mapping[str, Callable[..., Any]]

MOST_NESTED = 32
"""How deep calls, lists and arithmetic may be nested.

JAX takes up to twenty Python frames to trace a schedule within another, of the thousand there are.
"""

_LONGEST_TEXT = 2**20
_LONGEST_ARRAY = 2**15  # So many doubles, with a count each, are shorter than the longest text.
_LONGEST_DEVICE_ARRAY = 64  # Writing an array of a device waits for it.
_LARGEST = 2**1023  # The arithmetic of larger integers takes long, and no float can hold them.
_SHOWN = 60


def brief(value: Any) -> str:
    """Writes any value in a line or two for an error, however long or deep it is."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxother = writer.maxlong = 4 * _SHOWN
    writer.maxlevel = 4
    return writer.repr(value)


def call(name: str, arguments: Mapping[str, str]) -> str:
    """Writes a call with every argument named."""
    return f"{name}({', '.join(f'{key}={value}' for key, value in arguments.items())})"


def write(value: Any) -> str:
    """Writes a parameter so that :func:`parse` reads it back, where it has a text."""
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return _write_array(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(write, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{write(k)}: {write(v)}' for k, v in value.items())}}}"
    if inspect.isroutine(value):
        return f"<{value.__module__}.{value.__qualname__}>"
    return repr(value)


def _write_array(value: Any) -> str:
    longest = _LONGEST_DEVICE_ARRAY if isinstance(value, jax.Array) else _LONGEST_ARRAY
    if not known(value) or value.size > longest:
        return f"<{value.dtype.name}[{','.join(map(str, value.shape))}]>"
    return _write_numbers(np.asarray(value))


def _write_numbers(value: np.ndarray[Any, Any]) -> str:
    if value.ndim:
        return f"[{', '.join(map(_write_numbers, value))}]"
    # The shortest digits that float32 reads back as the same number; exact for all others.
    return str(value) if value.dtype == np.float32 else repr(value.item())


def _power(base: float, exponent: float) -> float:
    rounded = math.pow(base, exponent)  # It refuses what would be a very long integer.
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent >= 0
    return base**exponent if whole and abs(rounded) < 2**63 else rounded


_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}

_CONSTANTS = {"inf": math.inf, "nan": math.nan}


def parse(text: str, kind: Any, families: Families, numbers: Mapping[str, float]) -> Any:
    """Reads an object of some kind from a call in Python's syntax; evaluates nothing else.

    The kind is a type or a union of types.
    """
    if not isinstance(text, str):
        raise TypeError(f"`text` must be a string, got {brief(text)}.")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(
            f"`text` must have at most {_LONGEST_TEXT:,} characters, got {len(text):,}: "
            f"{brief(text)}. Save longer schedules by `to_dict`."
        )
    for name, number in numbers.items():
        if isinstance(number, str):
            raise TypeError(f"`{name}` must be a number, got {number!r}.{number_meant(number)}")
    numbers = {name: plain(number) for name, number in numbers.items()}
    text = text.strip()
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError) as error:  # A ValueError for what is no Unicode.
        why = error.msg if isinstance(error, SyntaxError) else error
        raise ValueError(f"`text` is no call in Python's syntax: {brief(text)} ({why}).") from None
    except (RecursionError, MemoryError):
        raise _too_deep(text) from None
    result = _Reader(text, families, {**_CONSTANTS, **numbers}).read(tree)
    if not isinstance(result, kind):
        names = " or ".join(item.__name__ for item in typing.get_args(kind) or (kind,))
        raise ValueError(
            f"`text` must name a {names}, got {brief(text)}. "
            "Write a call, such as 'cosine_decay_schedule(0.1, decay_steps=1000)'."
        )
    return result


def _too_deep(text: str) -> ValueError:
    return ValueError(f"`text` is nested too deeply, more than {MOST_NESTED} times: {brief(text)}.")


def plain(number: Any) -> Any:
    """A number of NumPy or JAX as one of Python; all else as it is."""
    is_scalar = isinstance(number, np.generic | np.ndarray | jax.Array) and np.ndim(number) == 0
    return number.item() if is_scalar and known(number) else number


def number_meant(string: str) -> str:
    """Which number a string was meant to be, for an error; YAML reads ``2e-5`` as a string."""
    try:
        number = float(string)
    except ValueError:
        return ""
    return f" Give {number:g} without quotes; in YAML, a number such as 2e-5 is written 2.0e-5."


class _Reader:
    """Walks the syntax tree of one text."""

    def __init__(self, text: str, families: Families, numbers: Mapping[str, float]):
        self.text = text
        self.families = families
        self.numbers = numbers

    def read(self, node: ast.AST, depth: int = 0) -> Any:
        if depth > MOST_NESTED:
            raise _too_deep(self.text)

        def inner(part: ast.AST) -> Any:
            return self.read(part, depth + 1)

        match node:
            case ast.Constant(value=int() | float() | str() | None as value):
                return self._bounded(node, value)
            case ast.Name(id=name) if name in self.numbers:
                return self.numbers[name]
            case ast.Name(id=name):
                raise self._error(node, self._unknown(name))
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return list(map(inner, items))
            case ast.Dict(keys=keys, values=values):
                if None in keys:
                    raise self._error(node, "`**` is not understood; name each key")
                names = [self._key(key, inner(key)) for key in filter(None, keys)]
                self._refuse_repeated(node, names)
                return dict(zip(names, map(inner, values), strict=True))
            case ast.UnaryOp(op=op, operand=operand):
                return self._apply(node, op, inner(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self._apply(node, op, inner(left), inner(right))
            case ast.Call(func=function, args=args, keywords=keywords):
                if any(keyword.arg is None for keyword in keywords):
                    raise self._error(node, "`**` is not understood; name each argument")
                self._refuse_repeated(node, [keyword.arg for keyword in keywords])
                named = {keyword.arg: inner(keyword.value) for keyword in keywords}
                return self._family(function)(*map(inner, args), **named)  # type: ignore[arg-type]
        raise self._error(node, "only families, numbers, strings, lists and dicts are understood")

    def _key(self, node: ast.AST, key: Any) -> Any:
        if not isinstance(key, int | float | str):
            raise self._error(node, "only a number or a string can be a key of a dict")
        return key

    def _refuse_repeated(self, node: ast.AST, names: Sequence[Any]) -> None:
        seen: set[Any] = set()
        for name in names:
            if name in seen:
                raise self._error(node, f"{brief(name)} is given more than once")
            seen.add(name)

    def _unknown(self, name: str) -> str:
        if name in self.families:
            return f"a family is called, as in {name}(...)"
        known = f", only {', '.join(self.numbers)}" if self.numbers else ""
        return f"no number is named `{_shortened(name)}`{known}"

    def _family(self, node: ast.AST) -> Callable[..., Any]:
        match node:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="jaxlr"), attr=name):
                if name in self.families:
                    return self.families[name]
                near = difflib.get_close_matches(name[:_SHOWN], self.families, n=3, cutoff=0.4)
                hint = f"did you mean {' or '.join(near)}?" if near else "see jaxlr.families()."
                raise self._error(node, f"no family is named `{_shortened(name)}`; {hint}")
        raise self._error(node, "only the name of a family can be called")

    def _apply(self, node: ast.AST, op: ast.AST, *operands: Any) -> Any:
        understood = all(
            (isinstance(x, int | float) and not isinstance(x, bool)) or hasattr(x, "family")
            for x in operands
        )
        if not understood or type(op) not in _OPERATORS:
            meant = "".join(number_meant(x) for x in operands if isinstance(x, str))
            why = "arithmetic is understood on numbers and schedules only."
            raise self._error(node, (why + meant).removesuffix("."))
        try:
            return self._bounded(node, _OPERATORS[type(op)](*operands))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self._error(node, str(error)) from None

    def _bounded(self, node: ast.AST, value: Any) -> Any:
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise self._error(node, "this integer is too large")
        return value

    def _error(self, node: ast.AST, why: str) -> ValueError:
        start, end = self._place(node)
        before, after = self.text[:start], self.text[end:]
        whole = before[-2 * _SHOWN :] + _shortened(self.text[start:end]) + after[: 2 * _SHOWN]
        if len(before) > 2 * _SHOWN:
            whole = "..." + whole
        if len(after) > 2 * _SHOWN:
            whole = whole + "..."
        return ValueError(f"Cannot read {_shortened(self.text[start:end])!r} in {whole!r}: {why}.")

    def _place(self, node: Any) -> tuple[int, int]:
        """Where a node begins and ends in the text; Python counts in bytes of each line."""
        lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", self.text)

        def offset(line: int, column: int) -> int:
            within = lines[line - 1].encode()[:column].decode()
            return sum(map(len, lines[: line - 1])) + len(within)

        return (
            offset(node.lineno, node.col_offset),
            offset(node.end_lineno, node.end_col_offset),
        )


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]}...{text[-_SHOWN:]}"


def to_dict(value: Any, depth: int = 0) -> Any:
    """Turns an object with a family, and all within it, into dicts, lists and numbers."""

    def inner(part: Any) -> Any:
        return to_dict(part, depth + 1)

    is_array = isinstance(value, jax.Array | np.ndarray | np.generic)
    if depth + (value.ndim if is_array else 0) > MOST_NESTED:
        raise ValueError(f"Nothing can be saved that is nested more than {MOST_NESTED} times.")
    if is_array and known(value):
        return np.asarray(value).tolist()
    if hasattr(value, "family"):
        parameters = {name: inner(item) for name, item in value.params.items()}
        return {"family": value.family.name, "parameters": parameters}
    if isinstance(value, dict):
        return {key: inner(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(inner, value))
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{write(value)} has no form in JSON; it is a callable or traced.")


def from_dict(data: Any, families: Families, depth: int = 0) -> Any:
    """Builds what :func:`to_dict` has written."""
    if depth > MOST_NESTED:
        raise ValueError(f"`data` is nested too deeply, more than {MOST_NESTED} times.")

    def inner(part: Any) -> Any:
        return from_dict(part, families, depth + 1)

    if isinstance(data, Mapping) and set(data) == {"family", "parameters"}:
        name, parameters = data["family"], data["parameters"]
        if not isinstance(name, str) or name not in families:
            raise ValueError(f"`family` must be one of jaxlr.families(), got {brief(name)}.")
        if not isinstance(parameters, Mapping) or not all(isinstance(k, str) for k in parameters):
            raise ValueError(
                f"`parameters` of {name} must be a dict by name, got {brief(parameters)}."
            )
        return families[name](**{key: inner(item) for key, item in parameters.items()})
    if isinstance(data, Mapping):
        return {key: inner(item) for key, item in data.items()}
    if isinstance(data, list):
        return list(map(inner, data))
    return data
