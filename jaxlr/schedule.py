r"""What a schedule is: a callable and, at the same time, data.

A :class:`Schedule` maps an update count to a value, so every optax optimizer takes it. It is also a
JAX pytree whose leaves are its parameters, so it can be an argument of a compiled function (another
rate does not compile again), be batched by ``jax.vmap``, be differentiated, printed and read back,
compared, pickled and saved as JSON.

A *family* of schedules is one function under the :func:`schedule` decorator, of two kinds:

* a *formula* takes the count first and returns the value at it:

  >>> import jaxlr
  >>> @jaxlr.schedule
  ... def inverse_power_decay(count, init_value: jaxlr.Value, power: jaxlr.NonNegative = 0.5):
  ...     return init_value * (1.0 + count) ** -power

* a *recipe* takes parameters only and returns a schedule made of others:

  >>> @jaxlr.schedule
  ... def half_cosine(init_value: jaxlr.Value, decay_steps: jaxlr.Steps):
  ...     return jaxlr.cosine_decay_schedule(init_value, decay_steps, alpha=0.5)

Either way the decorated name becomes the constructor, and has all that the built-in families have:

>>> lr = inverse_power_decay(0.1)
>>> lr
inverse_power_decay(init_value=0.1, power=0.5)
>>> float(lr(3))
0.05000000074505806
>>> jaxlr.parse("half_cosine(1.0, decay_steps=10 * 100)")
half_cosine(init_value=1.0, decay_steps=1000)

The annotations :data:`Value`, :data:`Steps` and their like say what a parameter may be; a parameter
without one is taken as it is.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr import _numerics, _parameters, _text

__all__ = ["Schedule", "families", "parse", "schedule"]

P = ParamSpec("P")


class Schedule:
    """A map from an update count to a value that is also a pytree of its parameters.

    Schedules come from the constructors of their families, such as
    :func:`jaxlr.cosine_decay_schedule`. They never change; :meth:`replace` makes another one.

    Calling one with a count of any shape and number type returns values of that shape in float32
    (float64 under ``jax_enable_x64``). Before count 0 the value is the one at 0.

    >>> import jax, jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.linear_schedule(1.0, 0.0, transition_steps=4)
    >>> lr(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    >>> jax.tree.leaves(lr)
    [1.0, 0.0, 4, 0]

    Its parameters may be traced, so another value never compiles again, and a batch of schedules is
    one schedule with batched leaves:

    >>> halved = jax.jit(lambda lr, count: lr(count) / 2)
    >>> float(halved(lr, 2)), float(halved(lr.replace(transition_steps=8), 2))
    (0.25, 0.375)
    >>> grid = jax.vmap(jaxlr.linear_schedule, in_axes=(0, None, 0))(
    ...     jnp.array([1.0, 2.0]), 0.0, jnp.array([4, 8]))
    >>> grid(2)
    Array([0.5, 1.5], dtype=float32)
    """

    __slots__ = ("__weakref__", "_arrays", "_leaves", "_structure")

    _arrays: "Schedule | None"
    _leaves: tuple[Any, ...]
    _structure: "_Structure"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            "A Schedule is made by the constructor of its family, such as "
            "jaxlr.cosine_decay_schedule(0.1, decay_steps=1000), or by jaxlr.parse."
        )

    @classmethod
    def _make(cls, structure: "_Structure", leaves: Iterable[Any]) -> "Schedule":
        # JAX unflattens with tracers, None and object(), so nothing is looked at here.
        self = object.__new__(cls)
        self._structure, self._leaves, self._arrays = structure, tuple(leaves), None
        return self

    @classmethod
    def _of(cls, family: "Family", parameters: Mapping[str, Any]) -> "Schedule":
        static = tuple((k, v) for k, v in parameters.items() if _parameters.is_static(v))
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

    def replace(self, **changes: Any) -> "Schedule":
        """Returns the same schedule with other values for the named parameters.

        Raises:
          TypeError: if the family has no parameter of that name.
        """
        return self.family.build(**{**self.params, **changes})

    def as_arrays(self) -> "Schedule":
        """Returns the same schedule in the form that compiled code takes with all digits.

        Recipes are expanded, the logarithms of rates are taken in double precision, and all leaves
        are NumPy arrays of the dtypes that JAX computes in. Hand this form to a compiled function
        as an argument: a plain Python number there would be rounded to float32 first, and counts
        as another type than an array.

        >>> import jax, jaxlr
        >>> lr = jaxlr.exponential_decay(1.0, transition_steps=1, decay_rate=0.999999)
        >>> value = jax.jit(lambda lr: lr(10_000_000))
        >>> print(f"{value(lr.as_arrays()):.2e} {value(lr):.2e}")  # The first is right.
        4.54e-05 3.98e-05

        A schedule that has a JAX array among its leaves is returned as it is.
        """
        if self._arrays is None:
            if not _numerics.on_host(*jax.tree.leaves(self)):
                return self
            self._arrays = self._expand()._convert()
            self._arrays._arrays = self._arrays
        return self._arrays

    def _expand(self) -> "Schedule":
        while self.family.is_recipe:
            result = self.family.function(**self.params)
            if not isinstance(result, Schedule):
                raise TypeError(
                    f"{self.family.name}: a recipe must return a Schedule, got {result!r}. "
                    "To compute the value at a count, name the first parameter `count`."
                )
            self = result
        return self

    def _convert(self) -> "Schedule":
        def convert(kind: _parameters.Kind, value: Any) -> Any:
            return jax.tree.map(
                lambda x: x.as_arrays() if isinstance(x, Schedule) else kind.as_array(x),
                value,
                is_leaf=lambda x: isinstance(x, Schedule),
            )

        kinds = self.family.kinds
        names = self._structure.names
        leaves = (convert(kinds[n], v) for n, v in zip(names, self._leaves, strict=True))
        return Schedule._make(self._structure, leaves)

    def __call__(self, count: ArrayLike) -> jax.Array:
        """Returns the value for update number ``count``, counted from 0."""
        return _evaluate(self.as_arrays(), _numerics.host_count(count))

    def __repr__(self) -> str:
        return _text.call(
            self.family.name,
            {name: self.family.kinds[name].text(value) for name, value in self.params.items()},
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        mine, theirs = jax.tree.flatten(self), jax.tree.flatten(other)
        same_structure: bool = mine[1] == theirs[1]  # type: ignore[operator]
        return same_structure and all(map(_same, mine[0], theirs[0]))

    def __hash__(self) -> int:
        return hash((self._structure, tuple(map(_fingerprint, jax.tree.leaves(self)))))

    def __reduce__(self) -> Any:
        return _rebuild, (self.family.constructor, dict(self.params))

    def to_dict(self) -> dict[str, Any]:
        """Returns the schedule as nested dicts, lists, strings and numbers, as JSON has them.

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

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "Schedule":
        """Builds the schedule that :meth:`to_dict` described, with all checks."""
        return _text.from_dict(data, families())


class Constructor(Protocol[P]):
    """What :func:`schedule` makes of a function: it takes parameters and returns a schedule."""

    __name__: str
    family: "Family"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Schedule: ...


class _Structure(NamedTuple):
    """What of a schedule is not a number: its family and its static parameters."""

    family: "Family"
    names: tuple[str, ...]
    static: tuple[tuple[str, Any], ...]


def _flatten_with_keys(self: Schedule) -> tuple[Any, _Structure]:
    keys = map(jax.tree_util.GetAttrKey, self._structure.names)
    return tuple(zip(keys, self._leaves, strict=True)), self._structure


jax.tree_util.register_pytree_with_keys(
    Schedule,
    _flatten_with_keys,
    Schedule._make,
    lambda self: (self._leaves, self._structure),
)


def _rebuild(constructor: Any, parameters: Mapping[str, Any]) -> Schedule:
    return Schedule._of(constructor.family, parameters)


@functools.partial(jax.jit, inline=True)
def _evaluate(self: Schedule, count: jax.Array) -> jax.Array:
    formula = self._expand()._convert()
    count = _numerics.as_count(count)
    value = _numerics.as_float(formula.family.function(count, **formula.params))
    return jnp.broadcast_to(value, jnp.broadcast_shapes(value.shape, count.shape))


def _same(a: Any, b: Any) -> bool:
    """Compares two leaves; a Python number takes on the precision of an array beside it."""
    if a is b:
        return True
    if not _numerics.known([a, b]):
        return False
    x, y = np.asarray(a), np.asarray(b)
    if isinstance(a, float) != isinstance(b, float):
        x, y = (np.asarray(z, np.float32) if isinstance(z, float) else z for z in (a, b))
    return x.shape == y.shape and bool(np.all(x == y))


def _fingerprint(leaf: Any) -> Any:
    if not _numerics.known(leaf):
        return id(leaf)
    return np.asarray(leaf, np.float32).tobytes()


class Family:
    """One kind of schedule: a formula or a recipe, and what is known of its parameters."""

    def __init__(self, function: Callable[..., Any], check: Callable[..., None] | None = None):
        parameters = list(inspect.signature(function).parameters.values())
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise TypeError(
                    f"{function.__name__}: `*{parameter.name}` has no name for each parameter. "
                    "Name the parameters; take a sequence for a variable number of them."
                )
        self.name = function.__name__
        self.function = function
        self.is_recipe = not parameters or parameters[0].name != "count"
        self.signature = inspect.Signature(parameters if self.is_recipe else parameters[1:])
        kinds = _parameters.kinds_of(function)
        self.kinds = {n: kinds.get(n, _parameters.Kind()) for n in self.signature.parameters}
        self.constructor: Constructor[...]
        self._check = check

    def build(self, *args: Any, **kwargs: Any) -> Schedule:
        """Makes a schedule of this family from checked parameters."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}. It takes {self._parameters_text()}.") from None
        bound.apply_defaults()
        parameters = bound.arguments
        for name, value in parameters.items():
            where = f"{self.name}: `{name}`"
            if value is None and self.signature.parameters[name].default is None:
                continue
            parameters[name] = self.kinds[name].store(where, value)
            if _numerics.known(parameters[name]):
                self.kinds[name].check(where, parameters[name])
        if self._check is not None and _numerics.known(parameters):
            self._check(**parameters)
        return Schedule._of(self, parameters)

    def _parameters_text(self) -> str:
        parameters = self.signature.parameters.values()
        return ", ".join(str(p.replace(annotation=p.empty)) for p in parameters)

    def __repr__(self) -> str:
        return f"<family {self.name}({self._parameters_text()})>"


_FAMILIES: dict[str, Family] = {}


def _register(family: Family) -> None:
    known = _FAMILIES.get(family.name)
    if known is not None and known.function.__module__ != family.function.__module__:
        raise ValueError(
            f"A schedule named `{family.name}` exists already, in {known.function.__module__}. "
            "Choose another name: a name stands for one family in texts and files."
        )
    _FAMILIES[family.name] = family


def families() -> dict[str, Constructor[...]]:
    """Returns the constructors of all public families, the user's included, by name.

    >>> import jaxlr
    >>> jaxlr.families()["constant_schedule"](0.1)
    constant_schedule(value=0.1)
    """
    return {
        name: family.constructor
        for name, family in sorted(_FAMILIES.items())
        if not name.startswith("_")
    }


def parse(text: str, **numbers: float) -> Schedule:
    """Reads a schedule from its text: a call in Python's syntax, as ``repr`` writes it.

    Only names of families, numbers, arithmetic on numbers, strings, lists, dicts, True, False and
    None are understood. Nothing is evaluated as Python code, so the text may come from a command
    line or a configuration file.

    >>> import jaxlr
    >>> jaxlr.parse("cosine_decay_schedule(3e-4, 90 * 1000)")
    cosine_decay_schedule(init_value=0.0003, decay_steps=90000, alpha=0.0, exponent=1.0)
    >>> jaxlr.parse("step_decay(0.1, total_steps // 3)", total_steps=90)
    step_decay(init_value=0.1, step_size=30, decay_rate=0.1, end_value=None)

    Args:
      text: the text.
      **numbers: numbers that the text may call by name.

    Returns:
      The schedule.

    Raises:
      ValueError: if the text is anything else, or names no family; it says where and what.
    """
    return _text.parse(text, families(), numbers)


class Decorator(Protocol):
    """What :func:`schedule` returns when it is given options only."""

    @overload
    def __call__(self, function: Callable[P, Schedule], /) -> Constructor[P]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], ArrayLike], /) -> Constructor[P]: ...


@overload
def schedule(function: Callable[P, Schedule], /) -> Constructor[P]: ...
@overload
def schedule(function: Callable[Concatenate[Any, P], ArrayLike], /) -> Constructor[P]: ...
@overload
def schedule(*, check: Callable[..., None]) -> Decorator: ...
def schedule(function: Any = None, /, *, check: Any = None) -> Any:
    """Makes a family of schedules out of a function; see the top of this page.

    Args:
      function: ``f(count, **parameters)`` that returns the value at an array of counts (never
        negative; int32, or float32 if the caller's are), or ``f(**parameters)`` that returns a
        schedule.
      check: called as ``check(**parameters)`` by the constructor when all numbers are known, to
        raise a ``ValueError`` about parameters that do not fit together.

    Returns:
      The constructor ``f(**parameters) -> Schedule``, with the documentation of the function.
    """
    if function is None:
        return functools.partial(schedule, check=check)
    family = Family(function, check)

    @functools.wraps(function)
    def constructor(*args: Any, **kwargs: Any) -> Schedule:
        return family.build(*args, **kwargs)

    constructor.__signature__ = family.signature.replace(return_annotation=Schedule)  # type: ignore[attr-defined]
    constructor.__annotations__ = {
        **{k: v for k, v in function.__annotations__.items() if k in family.signature.parameters},
        "return": Schedule,
    }
    constructor.family = family  # type: ignore[attr-defined]
    family.constructor = constructor  # type: ignore[assignment]
    _register(family)
    return constructor
