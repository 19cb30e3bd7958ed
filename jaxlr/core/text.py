"""Schedules as text: numbers and calls in Python's syntax, and dicts for JSON."""

import ast
import difflib
import inspect
import math
import operator
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxlr.core.numbers import known

Families = Mapping[str, Callable[..., Any]]

_LONGEST_ARRAY = 64


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
    if not known(value) or value.size > _LONGEST_ARRAY:
        return f"<{value.dtype.name}[{','.join(map(str, value.shape))}]>"
    if value.shape == ():
        # The shortest digits that float32 reads back as the same number; exact for all others.
        return str(value) if value.dtype == np.float32 else repr(value.item())
    return f"[{', '.join(_write_array(item) for item in np.asarray(value))}]"


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
    numbers = {name: _plain(number) for name, number in numbers.items()}
    if not isinstance(text, str):
        raise TypeError(f"`text` must be a string, got {text!r}.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        result = _Reader(text.strip(), families, {**_CONSTANTS, **numbers}).read(tree)
    except SyntaxError as error:
        raise ValueError(f"`text` is no call in Python's syntax: {text!r} ({error.msg}).") from None
    except (RecursionError, MemoryError):
        raise ValueError(f"`text` is nested too deeply: {text[:40]!r}...") from None
    if not isinstance(result, kind):
        names = " or ".join(item.__name__ for item in typing.get_args(kind) or (kind,))
        raise ValueError(
            f"`text` must name a {names}, got {text!r}. "
            "Write a call, such as 'cosine_decay_schedule(0.1, decay_steps=1000)'."
        )
    return result


def _plain(number: Any) -> Any:
    """A number of NumPy or JAX as one of Python."""
    is_scalar = isinstance(number, np.generic | np.ndarray | jax.Array) and np.ndim(number) == 0
    return number.item() if is_scalar and known(number) else number


class _Reader:
    """Walks the syntax tree of one text."""

    def __init__(self, text: str, families: Families, numbers: Mapping[str, float]):
        self.text = text
        self.families = families
        self.numbers = numbers

    def read(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant(value=int() | float() | str() | None as value):
                return value
            case ast.Name(id=name) if name in self.numbers:
                return self.numbers[name]
            case ast.Name(id=name):
                raise self._error(node, self._unknown(name))
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return [self.read(item) for item in items]
            case ast.Dict(keys=keys, values=values):
                if None in keys:
                    raise self._error(node, "`**` is not understood; name each key")
                names = [self._key(key) for key in filter(None, keys)]
                self._refuse_repeated(node, names)
                return dict(zip(names, map(self.read, values), strict=True))
            case ast.UnaryOp(op=op, operand=operand):
                return self._apply(node, op, self.read(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return self._apply(node, op, self.read(left), self.read(right))
            case ast.Call(func=function, args=args, keywords=keywords):
                if any(keyword.arg is None for keyword in keywords):
                    raise self._error(node, "`**` is not understood; name each argument")
                self._refuse_repeated(node, [keyword.arg for keyword in keywords])
                named = {keyword.arg: self.read(keyword.value) for keyword in keywords}
                return self._family(function)(*map(self.read, args), **named)  # type: ignore[arg-type]
        raise self._error(node, "only families, numbers, strings, lists and dicts are understood")

    def _key(self, node: ast.AST) -> Any:
        key = self.read(node)
        if not isinstance(key, int | float | str):
            raise self._error(node, "only a number or a string can be a key of a dict")
        return key

    def _refuse_repeated(self, node: ast.AST, names: Sequence[Any]) -> None:
        repeated = {name: None for name in names if names.count(name) > 1}
        if repeated:
            raise self._error(node, f"{', '.join(map(str, repeated))} is given more than once")

    def _unknown(self, name: str) -> str:
        if name in self.families:
            return f"a family is called, as in {name}(...)"
        known = f", only {', '.join(self.numbers)}" if self.numbers else ""
        return f"no number is named `{name}`{known}"

    def _family(self, node: ast.AST) -> Callable[..., Any]:
        match node:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="jaxlr"), attr=name):
                if name in self.families:
                    return self.families[name]
                near = difflib.get_close_matches(name, self.families, n=3, cutoff=0.4)
                hint = f"did you mean {' or '.join(near)}?" if near else "see jaxlr.families()."
                raise self._error(node, f"no family is named `{name}`; {hint}")
        raise self._error(node, "only the name of a family can be called")

    def _apply(self, node: ast.AST, op: ast.AST, *operands: Any) -> Any:
        understood = all(
            (isinstance(x, int | float) and not isinstance(x, bool)) or hasattr(x, "family")
            for x in operands
        )
        if not understood or type(op) not in _OPERATORS:
            raise self._error(node, "arithmetic is understood on numbers and schedules only")
        try:
            return _OPERATORS[type(op)](*operands)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self._error(node, str(error)) from None

    def _error(self, node: ast.AST, why: str) -> ValueError:
        segment = ast.get_source_segment(self.text, node)
        return ValueError(f"Cannot read {segment!r} in {self.text!r}: {why}.")


def to_dict(value: Any) -> Any:
    """Turns an object with a family, and all within it, into dicts, lists and numbers."""
    if hasattr(value, "family"):
        parameters = {name: to_dict(item) for name, item in value.params.items()}
        return {"family": value.family.name, "parameters": parameters}
    if isinstance(value, dict):
        return {key: to_dict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_dict(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, jax.Array | np.ndarray | np.generic) and known(value):
        return np.asarray(value).tolist()
    raise TypeError(f"{write(value)} has no form in JSON; it is a callable or traced.")


def from_dict(data: Any, families: Families) -> Any:
    """Builds what :func:`to_dict` has written."""
    if isinstance(data, Mapping) and set(data) == {"family", "parameters"}:
        name, parameters = data["family"], data["parameters"]
        if not isinstance(name, str) or name not in families:
            raise ValueError(f"`family` must be one of jaxlr.families(), got {name!r}.")
        if not isinstance(parameters, Mapping):
            raise ValueError(f"`parameters` of {name} must be a dict by name, got {parameters!r}.")
        return families[name](**{k: from_dict(v, families) for k, v in parameters.items()})
    if isinstance(data, Mapping):
        return {key: from_dict(item, families) for key, item in data.items()}
    if isinstance(data, list):
        return [from_dict(item, families) for item in data]
    return data
