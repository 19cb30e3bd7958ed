r"""What a schedule is: a callable and, at the same time, data.

A :class:`Schedule` maps an update count to a value, so every optax optimizer takes it. It is also a
JAX pytree whose leaves are its parameters, so it can be an argument of a compiled function (another
rate does not compile again), be batched by ``jax.vmap``, be differentiated, printed and read back,
compared, pickled and saved as JSON.

A *family* of schedules is one function under the :func:`schedule` decorator, of two kinds:

* a *formula* takes the count first and returns the value at it:

  >>> import jaxlr
  >>> from jaxlr.core import NonNegative, Steps, Value
  >>> @jaxlr.schedule
  ... def inverse_power_decay(count, init_value: Value, power: NonNegative = 0.5):
  ...     return init_value * (1.0 + count) ** -power

* a *recipe* takes parameters only and returns a schedule made of others:

  >>> @jaxlr.schedule
  ... def half_cosine(init_value: Value, decay_steps: Steps):
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
    """What has sums and products by operators: families like all others, which are registered."""

    __slots__ = ()

    __array_ufunc__ = None  # A NumPy number on the left leaves the operation to the schedule.

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
        """A sum or a product; one that is continued gets another term."""
        same = isinstance(first, cls) and first.family.name == name
        terms = first.params["schedules"] if same else (first,)
        return cls._constructors()[name]([*terms, second])


class Schedule(Arithmetic):
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

    __slots__ = ()
    _arguments = ("count",)

    @classmethod
    def _combine(cls, name: str, first: Any, second: Any) -> Any:
        others = (x for x in (first, second) if isinstance(x, Arithmetic))
        if not all(isinstance(other, cls) for other in others):
            return NotImplemented  # A space knows how to hold a schedule.
        return super()._combine(name, first, second)

    def __call__(self, count: ArrayLike) -> jax.Array:
        """Returns the value for update number ``count``, counted from 0.

        Raises:
          TypeError: if the count is no number or array of numbers.
          ValueError: if the parameters have an axis, as ``jax.vmap`` of a constructor adds, and the
            count has one too.
        """
        count = numbers.host_count(count)
        if np.ndim(count) and self.batch_axes:
            raise ValueError(
                f"`count` must be one number for a batch of schedules, got the shape "
                f"{np.shape(count)}. For the values of each at all counts call "
                "jax.vmap(lambda lr: lr(count))(schedules), or make a batch of them by "
                "jaxlr.batches.batched(schedules)."
            )
        return _evaluate(self.as_arrays(), count)

    def plot(self, steps: int | None = None, *, ax: Any = None, **line: Any) -> Any:
        """Draws the curve, and returns its axes; see :func:`jaxlr.plot.plot_schedules`."""
        from jaxlr.plot import plot_schedules

        return plot_schedules(self, steps, ax=ax, **line)


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
    """Returns the constructors of all public families of schedules, the user's included, by name.

    Args:
      kind: what they make: by default a :class:`Schedule`, else such as
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
    """Reads a schedule from its text: a call in Python's syntax, as ``repr`` writes it.

    Only names of families, numbers, arithmetic on numbers, strings, lists, dicts, True, False and
    None are understood. Nothing is evaluated as Python code, so the text may come from a command
    line or a configuration file.

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
      kind: what it must name: by default a :class:`Schedule`, else
        :class:`jaxlr.AdaptiveSchedule`, :class:`jaxlr.EarlyStopping` or a union of these.
      **numbers: numbers that the text may call by name.

    Returns:
      The schedule, or what else it is.

    Raises:
      ValueError: if the text is anything else, or names no family; it says where and what. So it
        does if the text has more than a million characters or is nested more than 64 times.
      TypeError: if a family does not take the arguments, as when it is called.
    """
    return read(text, kind, constructors(), numbers)


class Decorator(Protocol):
    """The decorator that :func:`schedule` returns for a check alone."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], ArrayLike], /
    ) -> Constructor[P, Schedule]: ...
    @overload
    def __call__(self, function: Callable[P, Schedule], /) -> Constructor[P, Schedule]: ...


class PreparedDecorator(Protocol):
    """The decorator that :func:`schedule` returns where there is something to prepare."""

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
    """Makes a family of schedules out of a function; see the top of this page.

    Args:
      function: ``f(count, **parameters)`` that returns the value at an array of counts (never
        negative; int32, or float32 if the caller's are), or ``f(**parameters)`` that returns a
        schedule.
      prepare: called as ``prepare(**parameters)`` once for each schedule, with NumPy and Python
        numbers as the caller gave them, or with tracers. What it returns, any pytree of numbers,
        comes to the formula as its second argument: ``f(count, prepared, **parameters)``. Where the
        parameters are single numbers, it is given arrays of them for a batch, so it must work
        elementwise.
      check: called as ``check(**parameters)`` by the constructor when all numbers are known, to
        raise a ``ValueError`` about parameters that do not fit together. The name of the family is
        put in front of its message.

    Returns:
      The constructor ``f(**parameters) -> Schedule``, with the documentation of the function.

    A logarithm that is taken in double precision, and not again at every count:

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
