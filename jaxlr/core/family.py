"""The base of schedules and curves: a function with its parameters, as a pytree.

A :class:`Family` is a function plus a description of its parameters. A :class:`Parametric` is a
family with values for those parameters. The numbers are its leaves; everything else is structure.

A parametric has two forms. A new one keeps the numbers exactly as the caller gave them.
:meth:`Parametric.as_arrays` returns the form that formulas use: arrays in the dtypes that JAX
computes in, plus the result of the family's ``prepare``.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxlr.core import numbers, parameters, text
from jaxlr.core.export import exported_node

__all__ = [
    "Constructor",
    "Family",
    "Parametric",
    "compiled",
    "constructor_of",
    "constructors",
]

P = ParamSpec("P")
Made = TypeVar("Made", bound="Parametric")
Made_co = TypeVar("Made_co", bound="Parametric", covariant=True)


class Constructor(Protocol[P, Made_co]):
    """The result of decorating a function: takes parameters, returns a parametric."""

    __name__: str
    family: "Family"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Made_co:
        """Makes a parametric of this family."""
        ...


class Parametric:
    """A function bound to values for its parameters, and a pytree of those values."""

    __slots__ = ("__weakref__", "_arrays", "_leaves", "_structure")

    _arguments: tuple[str, ...]
    """The names of the arguments that a formula takes before its parameters."""

    _arrays: tuple[Any, Self] | None
    """A cache of :meth:`as_arrays`: the dtype it was made for, and the result."""

    _leaves: tuple[Any, ...]
    _structure: "_Structure"

    def __init_subclass__(cls) -> None:
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, cls._make, lambda self: (self._leaves, self._structure)
        )
        exported_node(cls, _structure_to_data, _structure_from_data)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"A {type(self).__name__} cannot be made directly. Use a constructor from "
            "jaxlr.families(), or jaxlr.parse."
        )

    @classmethod
    def _make(cls, structure: "_Structure", leaves: Iterable[Any]) -> Self:
        # JAX also unflattens with tracers, None and object(), so do not inspect the leaves here.
        self = object.__new__(cls)
        self._structure, self._leaves, self._arrays = structure, tuple(leaves), None
        return self

    @classmethod
    def _of(cls, family: "Family", given: Mapping[str, Any]) -> Self:
        static = {k: v for k, v in given.items() if family.kinds[k].is_static(v)}
        leaves = {k: v for k, v in given.items() if k not in static}
        is_opaque = any(map(callable, static.values())) or any(map(_is_opaque, leaves.values()))
        structure = _Structure(family, tuple(leaves), tuple(static.items()), False, is_opaque)
        return cls._make(structure, leaves.values())

    @property
    def family(self) -> "Family":
        """The family, with its name, signature and function."""
        return self._structure.family

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters by name, in constructor order; read-only."""
        given, kinds = self._given, self.family.kinds
        if self._structure.is_ready:
            given = {name: kinds[name].plain(value) for name, value in given.items()}
        return MappingProxyType({name: given[name] for name in self.family.signature.parameters})

    @property
    def _given(self) -> dict[str, Any]:
        """The parameters in the current form, not converted back."""
        structure = self._structure
        return {**dict(structure.static), **dict(zip(structure.names, self._leaves, strict=False))}

    @property
    def batch_axes(self) -> int:
        """The number of leading batch axes, such as ``jax.vmap`` adds; 0 for a single schedule."""
        kinds, given = self.family.kinds, self._given
        return max((0, *(kinds[n].batch_axes(given[n]) for n in self._structure.names)))

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with new values for the named parameters.

        Raises:
          TypeError: if the family has no parameter of that name.
        """
        made: Self = self.family.build(**{**self.params, **changes})
        return made.as_arrays() if self._structure.is_ready else made

    def as_arrays(self) -> Self:
        """Returns the equivalent form to pass to compiled code without losing precision.

        Recipes are expanded, logarithms of rates are taken in double precision, and every leaf is
        a NumPy array in the dtype that JAX computes in. Pass this form as the argument of a
        compiled function: a plain Python number would be rounded to float32 first, and would
        trigger another compilation because it is weakly typed.

        >>> import jax, jaxlr
        >>> lr = jaxlr.exponential_decay(1.0, transition_steps=1, decay_rate=0.999999)
        >>> value = jax.jit(lambda lr: lr(10_000_000))
        >>> print(f"{value(lr.as_arrays()):.2e} {value(lr):.2e}")  # The first is right.
        4.54e-05 3.98e-05

        A schedule with a JAX array among its leaves is returned unchanged.
        """
        if self._structure.is_ready:
            return self
        dtype = numbers.float_dtype()
        if self._arrays is None or self._arrays[0] is not dtype:
            if not numbers.on_host(*jax.tree.leaves(self)):
                return self
            with jax.ensure_compile_time_eval():  # Do not cache tracers of an outer trace.
                self._arrays = dtype, jax.device_get(self._prepared())
        return self._arrays[1]

    @classmethod
    def _constructors(cls) -> Mapping[str, Callable[..., Any]]:
        """Returns the constructors that names in a text or dict refer to."""
        return constructors()

    def _expand(self) -> Self:
        """Calls recipes until the result is a formula."""
        while self.family.is_recipe:
            result = self.family.function(**self.params)
            if not isinstance(result, type(self)):
                raise TypeError(
                    f"{self.family.name}: a recipe must return a {type(self).__name__}, got "
                    f"{result!r}. A formula has the first parameter `{self._arguments[0]}`."
                )
            self = result
        return self

    def _prepared(self) -> Self:
        """Returns the form that the formula computes with."""
        self = self._expand()
        if self._structure.is_ready:
            return self
        kinds, prepare = self.family.kinds, self.family.prepare
        named = zip(self._structure.names, self._leaves, strict=True)
        leaves = [kinds[name].prepare(value) for name, value in named]
        if prepare is not None:
            leaves.append(jax.tree.map(numbers.as_number, prepare(**self.params)))
        return self._make(self._structure._replace(is_ready=True), leaves)

    def _apply(self, *arguments: Any) -> Any:
        """Calls the formula with these leading arguments."""
        self = self._prepared()
        extra = self._leaves[len(self._structure.names) :]
        return self.family.function(*arguments, *extra, **self._given)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self.family.signature.parameters:
            return self.params[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.family.signature.parameters]

    def __repr__(self) -> str:
        return text.call(
            self.family.name,
            {name: self.family.kinds[name].text(value) for name, value in self.params.items()},
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parametric):
            return NotImplemented
        return self.family is other.family and _same_values(self.params, other.params)

    def __hash__(self) -> int:
        leaves = jax.tree.leaves(dict(self.params), is_leaf=_is_parametric)
        return hash((self.family, tuple(map(_fingerprint, leaves))))

    def __reduce__(self) -> Any:
        names, static, *flags = self._structure[1:]
        return _rebuild, (self.family.constructor, names, static, flags, self._leaves)

    def to_dict(self) -> dict[str, Any]:
        """Returns a JSON-compatible description: nested dicts, lists, strings and numbers.

        >>> import json, jaxlr
        >>> lr = jaxlr.linear_schedule(1.0, 0.0, transition_steps=4)
        >>> json.dumps(lr.to_dict()["parameters"])
        '{"init_value": 1.0, "end_value": 0.0, "transition_steps": 4, "transition_begin": 0}'
        >>> jaxlr.Schedule.from_dict(json.loads(json.dumps(lr.to_dict()))) == lr
        True

        Raises:
          TypeError: if a parameter is a plain callable or traced; neither can be serialized.
        """
        return text.to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuilds an object from :meth:`to_dict`, and checks its parameters."""
        made = text.from_dict(data, cls._constructors())
        if not isinstance(made, cls):
            raise ValueError(f"`data` must describe a {cls.__name__}, got {text.brief(data)}.")
        return made


class _Structure(NamedTuple):
    """The static part of a parametric: everything but the numbers.

    Attributes:
      family: its family.
      names: the names of the parameters that are leaves.
      static: the other parameters, by name.
      is_ready: whether the leaves are in the form that the formula computes with. If the family
        has a ``prepare``, its result is then the last leaf.
      is_opaque: whether it contains a plain function, which cannot be data.
    """

    family: "Family"
    names: tuple[str, ...]
    static: tuple[tuple[str, Any], ...]
    is_ready: bool
    is_opaque: bool


def _structure_to_data(structure: _Structure) -> Any:
    """Returns JSON data for a structure; a plain function has none."""
    if structure.is_opaque:
        raise ValueError(f"{structure.family.name} holds a plain function, which has no export.")
    return [structure.family.name, *structure[1:]]


def _structure_from_data(data: Any) -> _Structure:
    """Rebuilds a structure from JSON data."""
    name, names, static, *flags = data
    return _Structure(_FAMILIES[name], tuple(names), tuple(map(tuple, static)), *flags)


def _is_opaque(value: Any) -> bool:
    """Tells whether a value contains a parametric that wraps a plain function."""
    parts = jax.tree.leaves(value, is_leaf=_is_parametric)
    return any(x._structure.is_opaque for x in parts if isinstance(x, Parametric))


def _flatten_with_keys(self: Parametric) -> tuple[Any, _Structure]:
    """Flattens for JAX, with the parameter names as keys."""
    keys = map(jax.tree_util.GetAttrKey, (*self._structure.names, "prepared"))
    return tuple(zip(keys, self._leaves, strict=False)), self._structure


def _rebuild(constructor: Any, names: Any, static: Any, flags: Any, leaves: Any) -> Parametric:
    """Restores a pickled parametric."""
    family: Family = constructor.family
    return family.made._make(_Structure(family, names, static, *flags), leaves)


def compiled(function: Any) -> Any:
    """Compiles a function of a parametric and arrays, so that calls from Python are fast.

    Inside another trace it is inlined. A parametric that holds a plain function is not compiled:
    JAX would keep that function, and everything it references, in its cache forever.
    """
    at_once = jax.jit(function, inline=True)

    @functools.wraps(function)
    def call(self: Parametric, *arguments: Any) -> Any:
        return (function if self._structure.is_opaque else at_once)(self, *arguments)

    return call


def _is_parametric(value: Any) -> bool:
    """Tells whether a value is a schedule, a curve or the like."""
    return isinstance(value, Parametric)


def _same_values(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Tells whether two sets of parameters are equal, in either of the two forms."""
    mine, theirs = (jax.tree.flatten(dict(x), is_leaf=_is_parametric) for x in (a, b))
    same_structure: bool = mine[1] == theirs[1]  # type: ignore[operator]
    return same_structure and all(map(_same, mine[0], theirs[0]))


def _same(a: Any, b: Any) -> bool:
    """Tells whether two leaves are equal; floats of different dtypes are compared as float32."""
    if a is b:
        return True
    if not all(isinstance(x, str) or _is_number(x) for x in (a, b)):
        return bool(a == b)
    if not numbers.known([a, b]):
        return False
    if isinstance(a, str | bool) or isinstance(b, str | bool):
        return type(a) is type(b) and bool(a == b)
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype and all(jnp.issubdtype(z.dtype, jnp.floating) for z in (x, y)):
        x, y = x.astype(np.float32), y.astype(np.float32)
    return x.shape == y.shape and bool(np.all(x == y))


def _is_number(value: Any) -> bool:
    """Tells whether a value is a Python, NumPy or JAX number or array."""
    return isinstance(value, int | float | np.ndarray | np.generic | jax.Array)


def _fingerprint(leaf: Any) -> Any:
    """Returns a hashable stand-in for a leaf; leaves that are equal have the same one."""
    if isinstance(leaf, str | bool) or not _is_number(leaf):
        return leaf
    if not numbers.known(leaf):
        return id(leaf)
    return (np.asarray(leaf, np.float32) + np.float32(0.0)).tobytes()  # -0.0 equals 0.0.


class Family:
    """A formula or a recipe, with a description of its parameters.

    Attributes:
      name: the name of the function.
      function: the function. A formula takes the leading arguments of its type (such as ``count``),
        then the result of ``prepare`` if there is one, then the parameters. A recipe takes only
        the parameters.
      made: the type that its constructor returns.
      is_recipe: whether it is a recipe.
      signature: the signature of the constructor.
      kinds: the kind of each parameter, by name.
      prepare: computes from the parameters, once, what the formula needs; or None.
      is_heavy: whether computing a value takes several times its own memory, so that a batch is
        better evaluated a few members at a time.
      constructor: makes a parametric of this family.
      start: returns the initial memory of a formula that has one; not set for other families.
    """

    constructor: Constructor[..., Any]
    start: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        made: type[Parametric],
        check: Callable[..., None] | None = None,
        prepare: Callable[..., Any] | None = None,
    ):
        own = list(inspect.signature(function).parameters.values())
        for parameter in own:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"{function.__name__}: `*{parameter.name}` has no name for each parameter. "
                    "Name the parameters; take a sequence for a variable number of them."
                )
        self.name = function.__name__
        self.function = function
        self.made = made
        self.prepare = prepare
        self.is_heavy = False
        self.is_recipe = not own or own[0].name != made._arguments[0]
        if prepare is not None and self.is_recipe:
            raise TypeError(
                f"{self.name}: only a formula has `prepare`, and its first parameter is "
                f"`{made._arguments[0]}`; got `{next(iter(own), 'none')}`."
            )
        if not self.is_recipe:
            own = own[len(made._arguments) + (prepare is not None) :]
        self.signature = inspect.Signature(own)
        kinds = parameters.kinds_of(function)
        self.kinds = {n: kinds.get(n, parameters.Kind()) for n in self.signature.parameters}
        self._check = check

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Checks the parameters and returns a parametric of this family."""
        given = self.bind(*args, **kwargs)
        stored = {name: self.stored(name, value) for name, value in given.items()}
        if self._check is not None and numbers.known(stored):
            try:
                self._check(**stored)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from None
        return self.made._of(self, stored)

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the arguments of a call by name, with defaults filled in."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{self.name}: {error}. It takes {self._parameters_text()}.{self._hint()}"
            ) from None
        bound.apply_defaults()
        return bound.arguments

    def _hint(self) -> str:
        """Returns a hint for a user whose formula may have a misnamed first parameter."""
        first = self.made._arguments[0]
        if not self.is_recipe or self.function.__module__.startswith("jaxlr."):
            return ""
        return f" If it is a formula, its first parameter must be named `{first}`."

    def stored(self, name: str, value: Any) -> Any:
        """Returns an argument in the form that a parametric stores, checked unless it is traced."""
        if value is None and self.signature.parameters[name].default is None:
            return None
        where, kind = f"{self.name}: `{name}`", self.kinds[name]
        value = kind.store(where, value)
        if numbers.known(value):
            kind.check(where, value)
        return value

    def shown_signature(self) -> inspect.Signature:
        """Returns the constructor's signature, with short names for the parameter kinds."""

        def shown(parameter: inspect.Parameter) -> inspect.Parameter:
            name = self.kinds[parameter.name].name
            if not name:
                return parameter
            optional = " | None" if parameter.default is None else ""
            return parameter.replace(annotation=_Shown(name + optional))

        own = map(shown, self.signature.parameters.values())
        return inspect.Signature(list(own), return_annotation=self.made)

    def _parameters_text(self) -> str:
        """Returns the parameters and their defaults, as an error message shows them."""
        own = self.signature.parameters.values()
        return ", ".join(str(p.replace(annotation=p.empty)) for p in own)

    def __repr__(self) -> str:
        return f"<family {self.name}({self._parameters_text()})>"


class _Shown(str):
    """A string that signatures show without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_FAMILIES: dict[str, Family] = {}


def constructor_of(
    function: Callable[..., Any],
    made: type[Made],
    check: Callable[..., None] | None = None,
    prepare: Callable[..., Any] | None = None,
) -> Constructor[..., Made]:
    """Makes a family from a function, registers it, and returns its constructor."""
    family = Family(function, made, check, prepare)
    known = _FAMILIES.get(family.name)
    if known is not None and known.function.__module__ != function.__module__:
        raise ValueError(
            f"A family named `{family.name}` exists already, in {known.function.__module__}. "
            "Choose another name, because texts and files refer to families by name."
        )

    @functools.wraps(function)
    def constructor(*args: Any, **kwargs: Any) -> Made:
        made: Made = family.build(*args, **kwargs)
        return made

    annotations = function.__annotations__
    constructor.__annotations__ = {
        **{name: annotations[name] for name in family.signature.parameters if name in annotations},
        "return": made,
    }
    constructor.__signature__ = family.shown_signature()  # type: ignore[attr-defined]
    constructor.family = family  # type: ignore[attr-defined]
    family.constructor = constructor  # type: ignore[assignment]
    _FAMILIES[family.name] = family
    return family.constructor


def constructors(made: type[Parametric] = Parametric) -> dict[str, Constructor[..., Any]]:
    """Returns the constructors of all public families of one type, by name."""
    return {
        name: family.constructor
        for name, family in sorted(_FAMILIES.items())
        if not name.startswith("_") and issubclass(family.made, made)
    }
