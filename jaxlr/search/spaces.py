"""Spaces: families with distributions in place of some parameters."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from jaxlr.core import text as _text
from jaxlr.core.family import Family, Parametric, constructors
from jaxlr.core.parameters import is_static
from jaxlr.core.schedule import Arithmetic, Schedule

Array = np.ndarray[Any, Any]


class Space(Parametric):
    """A set of schedules, with a distribution over it; see :mod:`jaxlr.search`.

    :func:`space` and :func:`choice` make spaces, :func:`parse_space` and :meth:`from_dict` read
    them. They never change, are compared by value and written as they are read:

    >>> import jaxlr
    >>> from jaxlr.search import Space, space, uniform
    >>> waves = space(jaxlr.cosine_decay_schedule, uniform(0.1, 0.5), decay_steps=1000)
    >>> waves
    cosine_decay_schedule(init_value=uniform(low=0.1, high=0.5), decay_steps=1000, alpha=0.0, exponent=1.0)
    >>> Space.from_dict(waves.to_dict()) == waves
    True
    """  # noqa: E501

    __slots__ = ()
    _arguments: tuple[str, ...] = ()

    @classmethod
    def _constructors(cls) -> Mapping[str, Callable[..., Any]]:
        return {
            name: made if issubclass(made.family.made, Space) else functools.partial(space, made)
            for name, made in constructors().items()
        }


class Distribution(Space):
    """A distribution of numbers or of other values, as its quantile function.

    >>> from jaxlr.search import log_uniform
    >>> log_uniform(1e-4, 1e-2)([0.0, 0.5, 1.0])
    array([0.0001, 0.001 , 0.01  ])
    """

    __slots__ = ()
    _arguments = ("quantile",)

    def __call__(self, quantile: npt.ArrayLike) -> Array:
        """Returns the values at quantiles from 0 to 1, in double precision or as integers."""
        quantile = np.asarray(quantile, np.float64)
        if not np.all((quantile >= 0.0) & (quantile <= 1.0)):
            raise ValueError(f"`quantile` must be from 0 to 1, got {quantile}.")
        formula = self._expand()
        return np.asarray(formula.family.function(quantile, **formula.params))


class Choice(Distribution):
    """A distribution over options, which may be anything."""

    __slots__ = ()

    @property
    def options(self) -> tuple[Any, ...]:
        """The options to choose from."""
        return self.params["options"]

    @property
    def is_numeric(self) -> bool:
        """Whether all options are numbers, so that a draw is a number too."""
        return are_numbers(self.options)


def are_numbers(options: Sequence[Any]) -> bool:
    """Tells whether all options of a choice are numbers."""
    return all(isinstance(x, int | float | np.number) and not is_static(x) for x in options)


def option_ends(options: Sequence[Any], weights: npt.ArrayLike | None) -> Array:
    """The quantiles at which each option of a choice ends."""
    ends = np.cumsum(np.ones(len(options)) if weights is None else np.asarray(weights, np.float64))
    return ends / ends[-1]


def option_index(quantile: Array, options: Sequence[Any], weights: npt.ArrayLike | None) -> Array:
    """The index of the option at each quantile."""
    return np.searchsorted(option_ends(options, weights)[:-1], quantile, side="right")


class FamilySpace(Arithmetic, Space):
    """A family with distributions among its parameters."""

    __slots__ = ()

    def replace(self, **changes: Any) -> Self:
        """Returns the same with other values or distributions for the named parameters."""
        made: Any = space(self.family.constructor, **{**self.params, **changes})
        return made

    def __repr__(self) -> str:
        return _text.call(self.family.name, {k: _text.write(v) for k, v in self.params.items()})

    def __reduce__(self) -> Any:
        return _rebuild, (self.family.constructor, dict(self.params))


def _rebuild(constructor: Callable[..., Any], parameters: Mapping[str, Any]) -> Space:
    return space(constructor, **parameters)


def space(family: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Space:
    """A family with distributions in place of some of its parameters.

    Args:
      family: the constructor of a family of schedules or curves, such as
        :func:`jaxlr.linear_schedule`.
      *args: its arguments, as for a schedule. In place of any value, also within a list or a dict,
        there may be a distribution or, for a curve or a schedule, a space.
      **kwargs: likewise by name.

    Returns:
      The space.

    Raises:
      TypeError: if the family has no such parameter, or cannot take what may be drawn for it.
      ValueError: if it refuses an end of a distribution, or one of its options. Parameters that do
        not fit together, such as a warm-up longer than the whole, are refused when they are drawn.

    >>> import jaxlr
    >>> from jaxlr.search import choice, space, uniform
    >>> power = space(jaxlr.curves.one_minus_power, uniform(0.5, 2.0))
    >>> space(jaxlr.transition_schedule, 1.0, 0.0, 100, curve=choice(["cosine", power]))
    transition_schedule(init_value=1.0, end_value=0.0, transition_steps=100, \
curve=choice(options=['cosine', one_minus_power(power=uniform(low=0.5, high=2.0))], weights=None), \
transition_begin=0)
    """
    owner = getattr(family, "family", None)
    if not isinstance(owner, Family) or issubclass(owner.made, Space):
        raise TypeError(
            f"`family` must be the constructor of a family, such as jaxlr.linear_schedule, got "
            f"{family!r}."
        )
    given = {name: settled(value) for name, value in owner.bind(*args, **kwargs).items()}
    for name, value in given.items():
        if dimensions(value) == 0:
            given[name] = owner.stored(name, value)
        for drawn in _extremes(value):
            owner.stored(name, drawn)
    return FamilySpace._of(owner, given)


def settled(value: Any) -> Any:
    """A value as a space keeps it: immutable, and a schedule if nothing is drawn."""
    if isinstance(value, FamilySpace) and dimensions(value) == 0:
        return value.family.constructor(**value.params)
    if isinstance(value, list | tuple):
        return tuple(map(settled, value))
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            # Keys of JSON are no numbers. A pair of lists is the other form that families take.
            return tuple(zip(*sorted(value.items()), strict=True))
        return {key: settled(item) for key, item in value.items()}
    return value


def _extremes(value: Any) -> Iterator[Any]:
    """The ends of a distribution, or the options of a choice."""
    if not isinstance(value, Distribution):
        return
    if not isinstance(value, Choice):
        yield from value([0.0, 1.0]).tolist()
        return
    for option in value.options:
        if isinstance(option, Distribution):
            yield from _extremes(option)
        elif dimensions(option) == 0:
            yield option


def parse_space(text: str, **numbers: float) -> Space:
    """Reads a space from text: a schedule with distributions in place of some numbers.

    Args:
      text: the text, as ``repr`` writes it; see :func:`jaxlr.parse` for what it may hold.
      **numbers: numbers that the text may use by name.

    Returns:
      The space.

    Raises:
      ValueError: if the text is no space. The message quotes the part that is wrong.

    >>> from jaxlr.search import parse_space
    >>> parse_space("constant_schedule(log_uniform(peak / 10, peak))", peak=0.1)
    constant_schedule(value=log_uniform(low=0.01, high=0.1))
    """
    return _text.parse(text, Space, Space._constructors(), numbers)


def checked(space: Any) -> Any:
    """The argument of a caller as a space, or as a schedule if nothing is drawn."""
    if not isinstance(space, Space):
        raise TypeError(
            f"`space` must be a space, got {space!r}. jaxlr.search.space makes one of a family, "
            "jaxlr.search.parse_space of a text."
        )
    return settled(space)


def checked_schedule(drawn: Any, space: Space) -> Schedule:
    """A drawn value, refused if it is no schedule."""
    if not isinstance(drawn, Schedule):
        raise TypeError(
            f"`space` must be one of schedules, got {space!r}. One that listens to a metric "
            "has no space; give it as it is, in a list beside others, to jaxlr.train.sweep."
        )
    return drawn


def children(value: Any) -> Mapping[str, Any]:
    """The parts of a space, a list or a dict, by name."""
    if isinstance(value, FamilySpace):
        return value.params
    if isinstance(value, tuple):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def path(name: str, child: str) -> str:
    """The name of a child in tables and trials; the root has an empty one."""
    return f"{name}.{child}" if name else child


def dimensions(value: Any) -> int:
    """How many coordinates of the unit cube a value takes: one for each distribution, in order.

    The options of a choice share their coordinates, since only one of them is drawn from.
    """
    if isinstance(value, Choice):
        return 1 + max(map(dimensions, value.options))
    if isinstance(value, Distribution):
        return 1
    return sum(map(dimensions, children(value).values()))


def label(option: Any) -> Any:
    """The name of an option: a space has that of its family, a plain value is its own."""
    if isinstance(option, Parametric):
        return option.family.name
    plain = option is None or isinstance(option, str | int | float)
    return option if plain else _text.write(option)
