"""Describing a run, to tell it from others: texts by name, which a checkpoint keeps.

Data are told apart by a digest of all their bytes. So are functions, as far as they can be known:

* a function of the user's by its code (comments and layout do not count), by the values that it
  takes from around it (closure variables, defaults, and globals that are numbers, texts or tuples
  of these), and by the functions that it calls, likewise;
* a function or class of an installed package by its name, and by its closure variables: another
  version of a package is not another run;
* a ``functools.partial``, a method, a dataclass, a schedule and a pytree by their parts.

Not known are other objects, and globals and attributes that can change, such as lists and dicts.
They count by their type only.
"""

import ast
import contextlib
import dataclasses
import functools
import hashlib
import inspect
import re
import sys
import sysconfig
import types
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jaxlr.core.family import Parametric
from jaxlr.train.hyperparameters import rows
from jaxlr.train.record import Record
from jaxlr.train.runs import Runs, Trainer, plain
from jaxlr.train.stateful import is_stateful
from jaxlr.train.types import PyTree

__all__ = ["check_rates", "describe", "of_trainer", "text"]

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def of_trainer(trainer: Trainer, runs: Runs) -> dict[str, str]:
    """Describes a trainer: its functions, its data, the state of a run."""
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), runs.state)
    return {
        "init": describe(trainer.init),
        "loss": describe(trainer.program.loss),
        "metric": describe(trainer.program.metric),
        "diverges": describe(trainer.diverges),
        "early_stopping": str(trainer.early_stopping),
        "batch_size": str(trainer.program.batch_size),
        "accumulate": str(trainer.program.accumulate),
        "train": _data(trainer.train),
        "validation": _data(trainer.validation),
        "parameters": _shapes(state.params),
        "optimizer_state": _shapes(state.opt_state),
    }


def check_rates(trainer: Trainer, record: Record) -> None:
    """Catches another schedule behind the same description.

    Raises:
      ValueError: if a schedule does not give the rates that a saved run has used.
    """
    if record.num_epochs == 0:
        return
    schedules = trainer.hyperparameters.schedules["learning_rate"]
    used = record.steps["learning_rate"]
    plain = [run for run, lr in enumerate(schedules) if not is_stateful(lr)]
    given = rows(schedules, np.arange(used.shape[1]))[plain]
    if not np.allclose(np.where(np.isnan(used[plain]), given, used[plain]), given, 1e-4, 0.0):
        raise ValueError(
            "`schedule` does not give the learning rates that the run in `checkpoint` has used so "
            "far. Give the same schedule to continue it, or another directory to begin anew."
        )


def describe(value: Any) -> str:
    """Writes a value in a form that is the same in every process, functions with a digest.

    >>> describe(0.5), describe(None)
    ('0.5', 'None')
    >>> def scaled(factor):
    ...     return lambda x: factor * x
    >>> describe(scaled(2.0)) == describe(scaled(2.0))
    True
    >>> describe(scaled(2.0)) == describe(scaled(3.0))
    False
    """
    if isinstance(value, _PLAIN):
        return str(value)
    many = isinstance(value, list | tuple | dict) and len(value) > 10
    shown = f"{len(value)} entries" if many else text(value)
    if len(shown) > 500:
        shown = f"{shown[:450]} ... {shown[-50:]}"
    return f"{shown} ({_digest(chr(10).join(_parts(value, ())).encode())})"


def text(value: Any) -> str:
    """Writes a value without addresses, which differ between processes."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _digest(*data: Any) -> str:
    checksum = hashlib.sha256()
    for part in data:
        checksum.update(part)
    return checksum.hexdigest()[:16]


def _data(data: PyTree) -> str:
    if data is None:
        return "None"
    arrays = [np.ascontiguousarray(plain(leaf)) for leaf in jax.tree.leaves(data)]
    return f"{_shapes(data)} ({_digest(*(x.reshape(-1).view(np.uint8) for x in arrays))})"


def _shapes(tree: PyTree) -> str:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    name = jax.tree_util.keystr
    return ", ".join(f"{name(path)} {x.dtype}{list(x.shape)}".strip() for path, x in leaves)


def _parts(value: Any, outer: tuple[Any, ...]) -> Iterator[str]:
    """Lists all that is known of a value; ``outer`` are the values that it is a part of."""
    if any(value is one for one in outer):
        yield "itself"
    elif isinstance(value, _PLAIN):
        yield repr(value)
    elif isinstance(value, np.ndarray | np.generic | jax.Array) and value.dtype != object:
        yield _data(value)
    else:
        children = _children(value)
        yield getattr(value, "__name__", None) or type(value).__qualname__
        for name, child in children.items():
            yield f"{name}:"
            yield from _parts(child, (*outer, value))


def _children(value: Any) -> Mapping[str, Any]:
    """Returns the parts of a value by name; none if its name is all that is known."""
    if isinstance(value, types.FunctionType | type):
        return _children_of_code(value)
    if isinstance(value, types.MethodType):
        return {"function": value.__func__, "self": value.__self__}
    if isinstance(value, functools.partial):
        return {"function": value.func, "arguments": value.args, **value.keywords}
    if isinstance(value, Parametric):
        return {"family": value.family.name, **value.params}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {repr(key): child for key, child in value.items()}
    if isinstance(value, set | frozenset):
        return {str(at): child for at, child in enumerate(sorted(value, key=repr))}
    if isinstance(value, tuple | list):
        return {str(at): child for at, child in enumerate(value)}
    wrapped = getattr(value, "__wrapped__", None)
    if wrapped is not None:
        return {"wrapped": wrapped}
    leaves = jax.tree.leaves(value)
    if any(leaf is value for leaf in leaves):
        return {"type": type(value)} if callable(value) else {}
    return {"type": type(value), **{str(at): leaf for at, leaf in enumerate(leaves)}}


def _children_of_code(value: Any) -> dict[str, Any]:
    """Returns the source of a function or class, and the values that a function refers to."""
    if not isinstance(value, types.FunctionType):
        return {"source": _qualified(value) if _installed(value) else _source(value)}
    code = value.__code__
    around: dict[str, Any] = {}
    for name, cell in zip(code.co_freevars, value.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # An empty cell: the name is bound later.
            around[name] = cell.cell_contents
    if _installed(value):
        return {"name": _qualified(value), **around}
    seen = {name: value.__globals__.get(name) for name in sorted(_names(code))}
    around |= {name: one for name, one in seen.items() if _constant(one)}
    defaults = value.__defaults__, value.__kwdefaults__
    return {"source": _source(value), "defaults": defaults, **around}


def _constant(value: Any) -> bool:
    """Tells whether a global is a function, or a value that cannot change."""
    if isinstance(value, tuple):
        return all(map(_constant, value))
    return isinstance(value, (*_PLAIN, types.FunctionType)) and value is not None


def _names(code: types.CodeType) -> set[str]:
    """Returns the globals and attributes that code names, also within inner functions."""
    inner = [_names(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*inner)


def _installed(value: Any) -> bool:
    """Tells whether a function or class belongs to Python or to an installed package."""
    module = sys.modules.get(value.__module__)
    if module is None or module.__name__ == "__main__":
        return False
    file = getattr(module, "__file__", None)  # What is written in C has none.
    return file is None or file.startswith(_INSTALLED)


def _source(value: Any) -> str:
    """Returns the source of a function or class, without comments and layout."""
    try:
        nodes = _definitions("".join(inspect.findsource(value)[0]))
    except (OSError, TypeError, SyntaxError):
        return _compiled(value.__code__) if hasattr(value, "__code__") else _qualified(value)
    if isinstance(value, type):
        classes = [x for x in nodes if isinstance(x, ast.ClassDef) and x.name == value.__name__]
        return "".join(map(ast.unparse, classes))
    code = value.__code__
    # Of several lambdas in a line one may be within another, which comes first here.
    lambdas = [x for x in nodes if isinstance(x, ast.Lambda) and _covers(x.body, code)][-1:]
    functions = [
        x
        for x in nodes
        if isinstance(x, ast.FunctionDef)
        and (x.name, _first_line(x)) == (code.co_name, code.co_firstlineno)
    ]
    found: list[ast.AST] = [*(lambdas if code.co_name == "<lambda>" else functions)]
    return "".join(map(ast.unparse, found)) or _compiled(code)


def _first_line(node: ast.FunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _covers(node: ast.expr, code: types.CodeType) -> bool:
    """Tells whether all code comes of one expression of the source."""
    begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    spans = [span for span in code.co_positions() if None not in span and span[2:] != (0, 0)]
    return bool(spans) and all(
        begin <= (line, column) and (last_line, last_column) <= end
        for line, last_line, column, last_column in spans
    )


@functools.lru_cache(maxsize=8)
def _definitions(source: str) -> list[ast.AST]:
    kinds = ast.FunctionDef | ast.Lambda | ast.ClassDef
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


def _compiled(code: types.CodeType) -> str:
    """Writes code that has no source file, as in ``python -c``."""
    consts = [_compiled(x) if isinstance(x, types.CodeType) else repr(x) for x in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {consts}"


def _qualified(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
