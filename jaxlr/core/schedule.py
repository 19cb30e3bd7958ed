r"""Schedules: callables that are also data.

A :class:`Schedule` maps an update count to a value, so it works with every optax optimizer. It is
also a JAX pytree whose leaves are its parameters. You can pass it to a compiled function (a new
rate does not recompile), batch it with ``jax.vmap``, differentiate it, print it and read it back,
compare it, pickle it, and save it as JSON.

A *family* of schedules is a function decorated with :func:`schedule`. There are two kinds:

* a *formula* takes the count first and returns the value at it:

  >>> import jaxlr
  >>> from jaxlr.core import NonNegative, Steps, Value
  >>> @jaxlr.schedule
  ... def inverse_power_decay(count, init_value: Value, power: NonNegative = 0.5):
  ...     return init_value * (1.0 + count) ** -power

* a *recipe* takes only parameters and returns a schedule built from others:

  >>> @jaxlr.schedule
  ... def half_cosine(init_value: Value, decay_steps: Steps):
  ...     return jaxlr.cosine_decay_schedule(init_value, decay_steps, alpha=0.5)

Either way the decorated name becomes the constructor, with everything that built-in families have:

>>> lr = inverse_power_decay(0.1)
>>> lr
inverse_power_decay(init_value=0.1, power=0.5)
>>> float(lr(3))
0.05000000074505806
>>> jaxlr.parse("half_cosine(1.0, decay_steps=10 * 100)")
half_cosine(init_value=1.0, decay_steps=1000)

Annotations such as :data:`Value` and :data:`Steps` say which values a parameter accepts. A
parameter without one accepts anything.
"""

import functools
import importlib
from collections.abc import Callable
from types import UnionType
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, overload

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxlr.core import numbers
from jaxlr.core.family import Constructor, Parametric, compiled, constructor_of, constructors
from jaxlr.core.text import parse as read

__all__ = ["Schedule", "families", "parse", "schedule"]

P = ParamSpec("P")
Made = TypeVar("Made", bound=Parametric)


class Arithmetic(Parametric):
    """A parametric with ``+``, ``-``, ``*`` and ``/``, which make ordinary registered families."""

    __slots__ = ()

    __array_ufunc__ = None  # So that a NumPy number on the left calls our reflected operators.

    def __add__(self, other: Any) -> Self:
        return self._combine("add_schedules", self, other)

    def __radd__(self, other: Any) -> Self:
        return self._combine("add_schedules", other, self)

    def __sub__(self, other: Any) -> Self:
        function = callable(other) and not isinstance(other, Arithmetic)
        negative = self._combine("multiply_schedules", other, -1) if function else -other
        return self._combine("add_schedules", self, negative)

    def __rsub__(self, other: Any) -> Self:
        return self._combine("add_schedules", other, -self)

    def __neg__(self) -> Self:
        return self * -1

    def __mul__(self, other: Any) -> Self:
        return self._combine("multiply_schedules", self, other)

    def __rmul__(self, other: Any) -> Self:
        return self._combine("multiply_schedules", other, self)

    def __truediv__(self, other: Any) -> Self:
        if callable(other):
            return NotImplemented
        return self * (1 / other)

    @classmethod
    def _combine(cls, name: str, first: Any, second: Any) -> Any:
        """Returns a sum or product; appends to ``first`` if it already is one."""
        same = isinstance(first, cls) and first.family.name == name
        terms = first.params["schedules"] if same else (first,)
        return cls._constructors()[name]([*terms, second])


class Schedule(Arithmetic):
    """A function of the update count that is also a pytree of its parameters.

    Schedules are made by the constructors of their families, such as
    :func:`jaxlr.cosine_decay_schedule`. They are immutable; :meth:`replace` returns a changed copy.

    A schedule takes a count, or an array of counts of any shape and number type, and returns values
    of the same shape in float32 (float64 under ``jax_enable_x64``). Negative counts count as 0.

    >>> import jax, jax.numpy as jnp, jaxlr
    >>> lr = jaxlr.linear_schedule(1.0, 0.0, transition_steps=4)
    >>> lr(jnp.arange(6))
    Array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ], dtype=float32)
    >>> jax.tree.leaves(lr)
    [1.0, 0.0, 4, 0]

    Parameters may be traced, so a new value never recompiles, and a batch of schedules is one
    schedule with batched leaves:

    >>> halved = jax.jit(lambda lr, count: lr(count) / 2)
    >>> float(halved(lr, 2)), float(halved(lr.replace(transition_steps=8), 2))
    (0.25, 0.375)
    >>> grid = jax.vmap(jaxlr.linear_schedule, in_axes=(0, None, 0))(
    ...     jnp.array([1.0, 2.0]), 0.0, jnp.array([4, 8]))
    >>> grid(2)
    Array([0.5, 1.5], dtype=float32)
    """

    __slots__ = ()
    _arguments = ("count",)

    @classmethod
    def _combine(cls, name: str, first: Any, second: Any) -> Any:
        others = (x for x in (first, second) if isinstance(x, Arithmetic))
        if not all(isinstance(other, cls) for other in others):
            return NotImplemented  # A search space handles the operation itself.
        return super()._combine(name, first, second)

    def __call__(self, count: ArrayLike) -> jax.Array:
        """Returns the value for update number ``count``, counted from 0.

        Raises:
          TypeError: if ``count`` is not a number or an array of numbers.
          ValueError: if ``count`` is an array and the parameters have a batch axis, as ``jax.vmap``
            of a constructor adds.
        """
        count = numbers.host_count(count)
        if np.ndim(count) and self.batch_axes:
            raise ValueError(
                f"`count` must be one number for a batch of schedules, got the shape "
                f"{np.shape(count)}. For the values of each at all counts call "
                "jax.vmap(lambda lr: lr(count))(schedules), or make a batch with "
                "jaxlr.batches.batched(schedules)."
            )
        return _evaluate(self.as_arrays(), count)

    def plot(self, steps: int | None = None, *, ax: Any = None, **line: Any) -> Any:
        """Plots the schedule and returns the axes; see :func:`jaxlr.plot.plot_schedules`."""
        plot = importlib.import_module("jaxlr.plot")  # Lazily: plot imports this module.
        return plot.plot_schedules(self, steps, ax=ax, **line)


@compiled
def _evaluate(self: Schedule, count: jax.Array) -> jax.Array:
    count = numbers.as_count(count)
    value = numbers.as_float(self._apply(count))
    return jnp.broadcast_to(value, jnp.broadcast_shapes(value.shape, count.shape))


@overload
def families() -> dict[str, Constructor[..., Schedule]]: ...
@overload
def families(kind: type[Made], /) -> dict[str, Constructor[..., Made]]: ...
def families(kind: type[Any] = Schedule, /) -> dict[str, Any]:
    """Returns the constructors of all public families by name, including your own.

    Args:
      kind: the type that they make: by default :class:`Schedule`, else for example
        :class:`jaxlr.AdaptiveSchedule`.

    >>> import jaxlr
    >>> jaxlr.families()["constant_schedule"](0.1)
    constant_schedule(value=0.1)
    """
    return constructors(kind)


@overload
def parse(text: str, /, **numbers: float) -> Schedule: ...
@overload
def parse(text: str, kind: type[Made], /, **numbers: float) -> Made: ...
@overload
def parse(text: str, kind: UnionType, /, **numbers: float) -> Any: ...
def parse(text: str, kind: Any = Schedule, /, **numbers: float) -> Any:
    """Parses a schedule from text: a call in Python syntax, as ``repr`` prints it.

    The text may contain family names, numbers, arithmetic on numbers, strings, lists, dicts, True,
    False and None. Nothing is evaluated as Python code, so text from a command line or a
    configuration file is safe.

    >>> import jaxlr
    >>> jaxlr.parse("cosine_decay_schedule(3e-4, 90 * 1000)")
    cosine_decay_schedule(init_value=0.0003, decay_steps=90000, alpha=0.0, exponent=1.0)
    >>> jaxlr.parse("step_decay(0.1, total_steps // 3)", total_steps=90)
    step_decay(init_value=0.1, step_size=30, decay_rate=0.1, end_value=None)
    >>> jaxlr.parse("early_stopping(patience=3)", jaxlr.EarlyStopping)
    early_stopping(monitor='validation_loss', mode='min', patience=3, min_delta=0.0, \
baseline=None, begin=0)

    Args:
      text: the text.
      kind: the type that it must describe: by default :class:`Schedule`, else
        :class:`jaxlr.AdaptiveSchedule`, :class:`jaxlr.EarlyStopping` or a union of these.
      **numbers: numbers that the text may refer to by name.

    Returns:
      The schedule, or an object of another ``kind``.

    Raises:
      ValueError: if the text cannot be parsed or names an unknown family; the message says where.
        Also if the text is longer than a million characters or nested more than 32 deep.
      TypeError: if a family does not accept the arguments, as when it is called.
    """
    return read(text, kind, constructors(), numbers)


class Decorator(Protocol):
    """The decorator that :func:`schedule` returns when given only a ``check``."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], ArrayLike], /
    ) -> Constructor[P, Schedule]: ...
    @overload
    def __call__(self, function: Callable[P, Schedule], /) -> Constructor[P, Schedule]: ...


class PreparedDecorator(Protocol):
    """The decorator that :func:`schedule` returns when given a ``prepare``."""

    def __call__(
        self, function: Callable[Concatenate[Any, Any, P], ArrayLike], /
    ) -> Constructor[P, Schedule]: ...


@overload
def schedule(function: Callable[Concatenate[Any, P], ArrayLike], /) -> Constructor[P, Schedule]: ...
@overload
def schedule(function: Callable[P, Schedule], /) -> Constructor[P, Schedule]: ...
@overload
def schedule(*, check: Callable[..., None]) -> Decorator: ...
@overload
def schedule(
    *, prepare: Callable[..., Any], check: Callable[..., None] | None = None
) -> PreparedDecorator: ...
def schedule(function: Any = None, /, *, prepare: Any = None, check: Any = None) -> Any:
    """Makes a family of schedules from a function; see the top of this page.

    Args:
      function: ``f(count, **parameters)`` that returns the value at an array of counts, or
        ``f(**parameters)`` that returns a schedule. Counts are never negative; they are int32, or
        float32 if the caller's are floats.
      prepare: called once per schedule as ``prepare(**parameters)``, with the NumPy and Python
        numbers that the caller gave, or with tracers. It returns any pytree of numbers, which the
        formula gets as its second argument: ``f(count, prepared, **parameters)``. For a batch it
        may get arrays in place of single numbers, so it must work elementwise.
      check: called by the constructor as ``check(**parameters)`` if no parameter is traced. It
        raises a ``ValueError`` if the parameters do not fit together; the family's name is added
        to the front of the message.

    Returns:
      The constructor ``f(**parameters) -> Schedule``, with the docstring of the function.

    This example takes a logarithm once, in double precision, instead of at every count:

    >>> import jax, jaxlr, numpy as np
    >>> from jaxlr.core import Positive, Value
    >>> @jaxlr.schedule(prepare=lambda decay_rate, **_: np.log(decay_rate))
    ... def exponential(count, log_rate, init_value: Value, decay_rate: Positive):
    ...     return init_value * jax.numpy.exp(count * log_rate)
    >>> exponential(1.0, 0.5)(2)
    Array(0.25, dtype=float32)
    """
    if function is None:
        return functools.partial(schedule, prepare=prepare, check=check)
    return constructor_of(function, Schedule, check, prepare)
