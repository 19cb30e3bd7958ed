"""What schedules and curves have in common: a function and its parameters, as a pytree.

A :class:`Family` is a function and what is known of its parameters; a :class:`Parametric` is a
family with values for them. Its leaves are the numbers, its structure all else.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxlr.core import numbers
from jaxlr.core import parameters as _parameters
from jaxlr.core import text as _text

__all__ = ["Constructor", "Family", "Parametric", "constructor_of", "constructors", "same_tree"]

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

    _arrays: Self | None
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
    def _of(cls, family: "Family", parameters: Mapping[str, Any]) -> Self:
        static = tuple((k, v) for k, v in parameters.items() if family.kinds[k].is_static(v))
        fixed = {name for name, _ in static}
        names = tuple(name for name in parameters if name not in fixed)
        return cls._make(_Structure(family, names, static), (parameters[n] for n in names))

    @property
    def family(self) -> "Family":
        """The family: its name, signature and function."""
        return self._structure.family

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters by name, in the order of the constructor; read-only."""
        given = dict(self._structure.static)
        given.update(zip(self._structure.names, self._leaves, strict=True))
        return MappingProxyType({name: given[name] for name in self.family.signature.parameters})

    def replace(self, **changes: Any) -> Self:
        """Returns the same with other values for the named parameters.

        Raises:
          TypeError: if the family has no parameter of that name.
        """
        made: Self = self.family.build(**{**self.params, **changes})
        return made

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

        What has a JAX array among its leaves is returned as it is.
        """
        if self._arrays is None:
            if not numbers.on_host(*jax.tree.leaves(self)):
                return self
            with jax.ensure_compile_time_eval():  # What is kept must not be of a trace under way.
                self._arrays = jax.device_get(self._expand()._convert())
            self._arrays._arrays = self._arrays
        return self._arrays

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

    def _convert(self) -> Self:
        """Brings the leaves to the dtypes that the formula computes in."""

        def convert(kind: _parameters.Kind, value: Any) -> Any:
            return jax.tree.map(
                lambda x: x.as_arrays() if isinstance(x, Parametric) else kind.as_array(x),
                value,
                is_leaf=lambda x: isinstance(x, Parametric),
            )

        kinds, names = self.family.kinds, self._structure.names
        leaves = (convert(kinds[n], v) for n, v in zip(names, self._leaves, strict=True))
        return self._make(self._structure, leaves)

    def _specialize(self) -> Self:
        """Makes structure of every exponent that is known and has a product for its power."""
        static, names, leaves = dict(self._structure.static), [], []
        for name, leaf in zip(self._structure.names, self._leaves, strict=True):
            if self.family.kinds[name].is_product(leaf):
                static[name] = np.asarray(leaf).flat[0].item()
                continue
            names.append(name)
            leaves.append(
                jax.tree.map(
                    lambda x: x._specialize() if isinstance(x, Parametric) else x,
                    leaf,
                    is_leaf=lambda x: isinstance(x, Parametric),
                )
            )
        structure = _Structure(self.family, tuple(names), tuple(static.items()))
        return self._make(structure, leaves)

    def __repr__(self) -> str:
        return _text.call(
            self.family.name,
            {name: self.family.kinds[name].text(value) for name, value in self.params.items()},
        )

    def __eq__(self, other: object) -> bool:
        return same_tree(self, other) if isinstance(other, Parametric) else NotImplemented

    def __hash__(self) -> int:
        return hash((self._structure, tuple(map(_fingerprint, jax.tree.leaves(self)))))

    def __reduce__(self) -> Any:
        return _rebuild, (self.family.constructor, dict(self.params))

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
        return _text.to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Builds what :meth:`to_dict` described, with all checks."""
        made = _text.from_dict(data, cls._constructors())
        if not isinstance(made, cls):
            raise ValueError(f"`data` must describe a {cls.__name__}, got {data!r}.")
        return made


class _Structure(NamedTuple):
    """What of a parametric is not a number: its family and its static parameters."""

    family: "Family"
    names: tuple[str, ...]
    static: tuple[tuple[str, Any], ...]


def _flatten_with_keys(self: Parametric) -> tuple[Any, _Structure]:
    keys = map(jax.tree_util.GetAttrKey, self._structure.names)
    return tuple(zip(keys, self._leaves, strict=True)), self._structure


def _rebuild(constructor: Any, parameters: Mapping[str, Any]) -> Parametric:
    family: Family = constructor.family
    return family.made._of(family, parameters)


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
      function: the function. A formula takes the arguments of its kind first; a recipe does not.
      made: what its constructor makes.
      is_recipe: whether it is a recipe.
      elementwise: whether arrays of parameters stand for as many members, without ``jax.vmap``.
      signature: the signature of the constructor.
      kinds: what each parameter may be.
      constructor: makes a parametric of this family.
      start: returns what a formula with a memory remembers at first; other families have none.
    """

    constructor: Constructor[..., Any]
    start: Callable[..., Any]

    def __init__(
        self,
        function: Callable[..., Any],
        made: type[Parametric],
        check: Callable[..., None] | None = None,
        elementwise: bool = False,
    ):
        parameters = list(inspect.signature(function).parameters.values())
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"{function.__name__}: `*{parameter.name}` has no name for each parameter. "
                    "Name the parameters; take a sequence for a variable number of them."
                )
        self.name = function.__name__
        self.function = function
        self.made = made
        self.is_recipe = not parameters or parameters[0].name != made._arguments[0]
        self.elementwise = elementwise
        own = parameters if self.is_recipe else parameters[len(made._arguments) :]
        self.signature = inspect.Signature(own)
        kinds = _parameters.kinds_of(function)
        self.kinds = {n: kinds.get(n, _parameters.Kind()) for n in self.signature.parameters}
        self._check = check

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Makes a parametric of this family from checked parameters."""
        given = self.bind(*args, **kwargs)
        parameters = {name: self.stored(name, value) for name, value in given.items()}
        if self._check is not None and numbers.known(parameters):
            self._check(**parameters)
        return self.made._of(self, parameters)

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the arguments of a call by name, those left out with their defaults."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}. It takes {self._parameters_text()}.") from None
        bound.apply_defaults()
        return bound.arguments

    def stored(self, name: str, value: Any) -> Any:
        """Returns one argument as a parametric keeps it, checked if it is known."""
        if value is None and self.signature.parameters[name].default is None:
            return None
        where, kind = f"{self.name}: `{name}`", self.kinds[name]
        value = kind.store(where, value)
        if numbers.known(value):
            kind.check(where, value)
        return value

    def _parameters_text(self) -> str:
        parameters = self.signature.parameters.values()
        return ", ".join(str(p.replace(annotation=p.empty)) for p in parameters)

    def __repr__(self) -> str:
        return f"<family {self.name}({self._parameters_text()})>"


_FAMILIES: dict[str, Family] = {}


def constructor_of(
    function: Callable[..., Any],
    made: type[Made],
    check: Callable[..., None] | None,
    elementwise: bool = False,
) -> Constructor[..., Made]:
    """Makes a family of a function, enters it in the register, and returns its constructor."""
    family = Family(function, made, check, elementwise)
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
    constructor.__signature__ = family.signature.replace(return_annotation=made)  # type: ignore[attr-defined]
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
