"""What schedules and curves have in common: a function and its parameters, as a pytree.

A :class:`Family` is a function and what is known of its parameters; a :class:`Parametric` is a
family with values for them. Its leaves are the numbers, its structure is all else.

A parametric has two forms. As it is made, it keeps the numbers that the caller gave, with all their
digits. :meth:`Parametric.as_arrays` returns the form that a formula computes with: numbers as
arrays of its dtypes, and beside them what the family's ``prepare`` made of the parameters once.
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

__all__ = [
    "Constructor",
    "Family",
    "Parametric",
    "compiled",
    "constructor_of",
    "constructors",
    "same_tree",
]

P = ParamSpec("P")
Made = TypeVar("Made", bound="Parametric")
Made_co = TypeVar("Made_co", bound="Parametric", covariant=True)


class Constructor(Protocol[P, Made_co]):
    """What a decorator makes of a function: it takes parameters and returns a parametric."""

    __name__: str
    family: "Family"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Made_co:
        """Makes a parametric of this family."""
        ...


class Parametric:
    """A function with values for its parameters; a pytree of these values."""

    __slots__ = ("__weakref__", "_arrays", "_leaves", "_structure")

    _arguments: tuple[str, ...]
    """What a formula of this kind takes before its parameters."""

    _arrays: tuple[Any, Self] | None
    """The form that formulas compute with, after the dtype that it was made for."""

    _leaves: tuple[Any, ...]
    _structure: "_Structure"

    def __init_subclass__(cls) -> None:
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, cls._make, lambda self: (self._leaves, self._structure)
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"A {type(self).__name__} is made by the constructor of its family; "
            "jaxlr.families() has them all, and jaxlr.parse reads their texts."
        )

    @classmethod
    def _make(cls, structure: "_Structure", leaves: Iterable[Any]) -> Self:
        # JAX unflattens with tracers, None and object(), so nothing is looked at here.
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
        """The family: its name, signature and function."""
        return self._structure.family

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters by name, in the order of the constructor; read-only."""
        given, kinds = self._given, self.family.kinds
        if self._structure.is_ready:
            given = {name: kinds[name].plain(value) for name, value in given.items()}
        return MappingProxyType({name: given[name] for name in self.family.signature.parameters})

    @property
    def _given(self) -> dict[str, Any]:
        """The parameters in the form that this has."""
        structure = self._structure
        return {**dict(structure.static), **dict(zip(structure.names, self._leaves, strict=False))}

    @property
    def batch_axes(self) -> int:
        """How many axes the numbers have beyond those of a single one, as ``jax.vmap`` adds."""
        kinds, given = self.family.kinds, self._given
        return max((0, *(kinds[n].batch_axes(given[n]) for n in self._structure.names)))

    def replace(self, **changes: Any) -> Self:
        """Returns the same with other values for the named parameters.

        Raises:
          TypeError: if the family has no parameter of that name.
        """
        made: Self = self.family.build(**{**self.params, **changes})
        return made.as_arrays() if self._structure.is_ready else made

    def as_arrays(self) -> Self:
        """Returns the same in the form that compiled code takes with all digits.

        Recipes are expanded, the logarithms of rates are taken in double precision, and all leaves
        are NumPy arrays of the dtypes that JAX computes in. Hand this form to a compiled function
        as an argument: a plain Python number there would be rounded to float32 first, and counts
        as another type than an array.

        >>> import jax, jaxlr
        >>> lr = jaxlr.exponential_decay(1.0, transition_steps=1, decay_rate=0.999999)
        >>> value = jax.jit(lambda lr: lr(10_000_000))
        >>> print(f"{value(lr.as_arrays()):.2e} {value(lr):.2e}")  # The first is right.
        4.54e-05 3.98e-05

        A schedule with a JAX array among its leaves is returned as it is.
        """
        if self._structure.is_ready:
            return self
        dtype = numbers.float_dtype()
        if self._arrays is None or self._arrays[0] is not dtype:
            if not numbers.on_host(*jax.tree.leaves(self)):
                return self
            with jax.ensure_compile_time_eval():  # No tracer of a trace under way may be kept.
                self._arrays = dtype, jax.device_get(self._prepared())
        return self._arrays[1]

    @classmethod
    def _constructors(cls) -> Mapping[str, Callable[..., Any]]:
        """What names stand for in texts and dicts of this kind."""
        return constructors()

    def _expand(self) -> Self:
        """Follows recipes down to a formula."""
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
        """The form that the formula computes with."""
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
        """Calls the formula, whose first arguments these are."""
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
        return same_tree(self, other) if isinstance(other, Parametric) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._structure, tuple(map(_fingerprint, jax.tree.leaves(self)))))

    def __reduce__(self) -> Any:
        names, static, *flags = self._structure[1:]
        return _rebuild, (self.family.constructor, names, static, flags, self._leaves)

    def to_dict(self) -> dict[str, Any]:
        """Returns the same as nested dicts, lists, strings and numbers, as JSON has them.

        >>> import json, jaxlr
        >>> lr = jaxlr.linear_schedule(1.0, 0.0, transition_steps=4)
        >>> json.dumps(lr.to_dict()["parameters"])
        '{"init_value": 1.0, "end_value": 0.0, "transition_steps": 4, "transition_begin": 0}'
        >>> jaxlr.Schedule.from_dict(json.loads(json.dumps(lr.to_dict()))) == lr
        True

        Raises:
          TypeError: if a parameter is a plain callable or traced, which has no such form.
        """
        return text.to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Builds what :meth:`to_dict` described, with all checks."""
        made = text.from_dict(data, cls._constructors())
        if not isinstance(made, cls):
            raise ValueError(f"`data` must describe a {cls.__name__}, got {text.brief(data)}.")
        return made


class _Structure(NamedTuple):
    """All of a parametric that is not a number.

    Attributes:
      family: its family.
      names: the names of the parameters that are leaves.
      static: the other parameters, by name.
      is_ready: whether it has the form that the formula computes with, in which another leaf
        follows where the family has a ``prepare``.
      is_opaque: whether there is a plain function in it, which is no data.
    """

    family: "Family"
    names: tuple[str, ...]
    static: tuple[tuple[str, Any], ...]
    is_ready: bool
    is_opaque: bool


def _is_opaque(value: Any) -> bool:
    parts = jax.tree.leaves(value, is_leaf=lambda x: isinstance(x, Parametric))
    return any(isinstance(x, Parametric) and x._structure.is_opaque for x in parts)


def _flatten_with_keys(self: Parametric) -> tuple[Any, _Structure]:
    keys = map(jax.tree_util.GetAttrKey, (*self._structure.names, "prepared"))
    return tuple(zip(keys, self._leaves, strict=False)), self._structure


def _rebuild(constructor: Any, names: Any, static: Any, flags: Any, leaves: Any) -> Parametric:
    family: Family = constructor.family
    return family.made._make(_Structure(family, names, static, *flags), leaves)


def compiled(function: Any) -> Any:
    """Compiles a function of a parametric and arrays, for a short call from Python.

    In a trace it is inlined. A parametric that holds a plain function is evaluated step by step,
    since JAX would keep every such function, and all that it refers to, in its cache for ever.
    """
    at_once = jax.jit(function, inline=True)

    @functools.wraps(function)
    def call(self: Parametric, *arguments: Any) -> Any:
        return (function if self._structure.is_opaque else at_once)(self, *arguments)

    return call


def same_tree(a: Any, b: Any) -> bool:
    """Compares two pytrees, as ``==`` does for schedules."""
    mine, theirs = jax.tree.flatten(a), jax.tree.flatten(b)
    same_structure: bool = mine[1] == theirs[1]  # type: ignore[operator]
    return same_structure and all(map(_same, mine[0], theirs[0]))


def _same(a: Any, b: Any) -> bool:
    """Compares two leaves; a number takes on the precision of a float32 beside it."""
    if a is b:
        return True
    if not numbers.known([a, b]):
        return False
    if isinstance(a, str | bool) or isinstance(b, str | bool):
        return type(a) is type(b) and bool(a == b)
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype and all(jnp.issubdtype(z.dtype, jnp.floating) for z in (x, y)):
        x, y = x.astype(np.float32), y.astype(np.float32)
    return x.shape == y.shape and bool(np.all(x == y))


def _fingerprint(leaf: Any) -> Any:
    if not numbers.known(leaf):
        return id(leaf)
    if isinstance(leaf, str | bool):
        return leaf
    return (np.asarray(leaf, np.float32) + np.float32(0.0)).tobytes()  # -0.0 equals 0.0.


class Family:
    """A formula or a recipe, and what is known of its parameters.

    Attributes:
      name: the name of the function.
      function: the function. A formula takes the arguments of its kind first, then what ``prepare``
        returned; a recipe takes parameters alone.
      made: the type that its constructor makes.
      is_recipe: whether it is a recipe.
      signature: the signature of the constructor.
      kinds: what each parameter may be.
      prepare: computes once, of the parameters, what the formula needs of them; or None.
      constructor: makes a parametric of this family.
      start: for a formula with a memory, returns the memory at first; other families have none.
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
        """Makes a parametric of this family from checked parameters."""
        given = self.bind(*args, **kwargs)
        stored = {name: self.stored(name, value) for name, value in given.items()}
        if self._check is not None and numbers.known(stored):
            try:
                self._check(**stored)
            except ValueError as error:
                raise ValueError(f"{self.name}: {error}") from None
        return self.made._of(self, stored)

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the arguments of a call by name, those left out with their defaults."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"{self.name}: {error}. It takes {self._parameters_text()}.{self._hint()}"
            ) from None
        bound.apply_defaults()
        return bound.arguments

    def _hint(self) -> str:
        """Says which name the first parameter of a formula has, to who may have chosen another."""
        first = self.made._arguments[0]
        if not self.is_recipe or self.function.__module__.startswith("jaxlr."):
            return ""
        return f" If it is a formula, its first parameter must be named `{first}`."

    def stored(self, name: str, value: Any) -> Any:
        """Returns one argument as a parametric keeps it, checked if it is known."""
        if value is None and self.signature.parameters[name].default is None:
            return None
        where, kind = f"{self.name}: `{name}`", self.kinds[name]
        value = kind.store(where, value)
        if numbers.known(value):
            kind.check(where, value)
        return value

    def shown_signature(self) -> inspect.Signature:
        """The signature of the constructor, with short names for the kinds of parameters."""

        def shown(parameter: inspect.Parameter) -> inspect.Parameter:
            name = self.kinds[parameter.name].name
            if not name:
                return parameter
            optional = " | None" if parameter.default is None else ""
            return parameter.replace(annotation=_Shown(name + optional))

        own = map(shown, self.signature.parameters.values())
        return inspect.Signature(list(own), return_annotation=self.made)

    def _parameters_text(self) -> str:
        own = self.signature.parameters.values()
        return ", ".join(str(p.replace(annotation=p.empty)) for p in own)

    def __repr__(self) -> str:
        return f"<family {self.name}({self._parameters_text()})>"


class _Shown(str):
    """A name that signatures show without quotes."""

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
    """Makes a family of a function, enters it in the register, and returns its constructor."""
    family = Family(function, made, check, prepare)
    known = _FAMILIES.get(family.name)
    if known is not None and known.function.__module__ != function.__module__:
        raise ValueError(
            f"A family named `{family.name}` exists already, in {known.function.__module__}. "
            "Choose another name: a name stands for one family in texts and files."
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
    """Returns the constructors of all public families that make some type, by name."""
    return {
        name: family.constructor
        for name, family in sorted(_FAMILIES.items())
        if not name.startswith("_") and issubclass(family.made, made)
    }
