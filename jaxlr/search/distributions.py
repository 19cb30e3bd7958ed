"""Distributions, each written as its quantile function."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Concatenate, ParamSpec, overload

import jax
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxlr.core import numbers
from jaxlr.core.family import Constructor, constructor_of
from jaxlr.core.parameters import Kind, Number, Positive, Value
from jaxlr.search.spaces import (
    Array,
    Choice,
    Distribution,
    are_numbers,
    option_index,
    settled,
)

P = ParamSpec("P")


@overload
def distribution(
    function: Callable[Concatenate[Any, P], npt.ArrayLike], /
) -> Constructor[P, Distribution]: ...
@overload
def distribution(function: Callable[P, Distribution], /) -> Constructor[P, Distribution]: ...
def distribution(function: Any, /) -> Any:
    """Makes a family of distributions out of a function.

    Args:
      function: ``f(quantile, **parameters)`` that returns the values at an array of quantiles from
        0 to 1, never falling, or ``f(**parameters)`` that returns another distribution.

    Returns:
      The constructor ``f(**parameters) -> Distribution``.

    >>> from jaxlr.search import distribution
    >>> @distribution
    ... def triangular(quantile, high):
    ...     return high * quantile**0.5
    >>> float(triangular(2.0)(0.25))
    1.0
    """
    return constructor_of(function, Distribution, None)


class _Whole(Number):
    """An integer, or a float with the value of one, as ``total_steps / 2`` may be."""

    def store(self, where: str, value: Any) -> Any:
        number = super().store(where, value)
        if np.ndim(number) == 0 and numbers.known(number) and number % 1 == 0:
            return int(number)
        raise ValueError(f"{where} must be an integer, got {value!r}.")


_MOST = 2.0**53
"""Beyond this a quantile, which is a float64, cannot tell an integer from the next."""

Whole = Annotated[int, _Whole("int", "Give an integer of at most 2**53.", least=-_MOST, most=_MOST)]
"""An integer."""

PositiveWhole = Annotated[
    int, _Whole("int", "Give a positive integer of at most 2**53.", least=1.0, most=_MOST)
]
"""An integer above zero."""


def _between(
    function: Callable[Concatenate[Any, P], npt.ArrayLike], /
) -> Constructor[P, Distribution]:
    """Makes a family of distributions between two numbers."""

    def check(low: Any, high: Any) -> None:
        if np.ndim(low) or np.ndim(high) or low > high:
            raise ValueError(
                f"{function.__name__}: `low` must be a number and at most `high`, got {low} and "
                f"{high}."
            )

    made: Any = constructor_of(function, Distribution, check)
    return made


@_between
def uniform(quantile: Array, low: Value, high: Value) -> npt.ArrayLike:
    r"""A number between two others, all equally likely: :math:`a (1 - u) + b u`.

    Args:
      low: :math:`a`, the smallest number.
      high: :math:`b`, the largest number.

    >>> from jaxlr.search import uniform
    >>> uniform(1.0, 2.0)([0.0, 0.25, 1.0])
    array([1.  , 1.25, 2.  ])
    """
    a, b = np.asarray([low, high], np.float64)
    return np.clip(a * (1.0 - quantile) + b * quantile, a, b)


@_between
def log_uniform(quantile: Array, low: Positive, high: Positive) -> npt.ArrayLike:
    r"""A number whose logarithm is uniform: :math:`a^{1 - u} b^u`.

    Args:
      low: :math:`a`, the smallest number.
      high: :math:`b`, the largest number.

    >>> from jaxlr.search import log_uniform
    >>> log_uniform(1.0, 100.0)([0.0, 0.5, 1.0])
    array([  1.,  10., 100.])
    """
    a, b = np.asarray([low, high], np.float64)
    return np.clip(a ** (1.0 - quantile) * b**quantile, a, b)


@_between
def integer(quantile: Array, low: Whole, high: Whole) -> npt.ArrayLike:
    r"""An integer in a range, all equally likely: :math:`\lfloor a + (b + 1 - a) u \rfloor`.

    Args:
      low: :math:`a`, the smallest integer.
      high: :math:`b`, the largest integer; it is among them.

    >>> from jaxlr.search import integer
    >>> integer(1, 6)([0.0, 0.5, 1.0])
    array([1, 4, 6])
    """
    return low + np.minimum(np.floor((high + 1 - low) * quantile), high - low).astype(np.int64)


@_between
def log_integer(quantile: Array, low: PositiveWhole, high: PositiveWhole) -> npt.ArrayLike:
    r"""An integer that is the likelier the smaller it is.

    A log-uniform number from :math:`a - 1/2` to :math:`b + 1/2`, rounded, as in Optuna. The
    probability of :math:`k` is :math:`\log \frac{k + 1/2}{k - 1/2} / \log \frac{b + 1/2}{a - 1/2}`.

    Args:
      low: :math:`a`, the smallest integer; at least 1.
      high: :math:`b`, the largest integer; it is among them.

    >>> from jaxlr.search import log_integer
    >>> log_integer(1, 1000)([0.0, 0.5, 1.0])
    array([   1,   22, 1000])
    """
    number = (low - 0.5) ** (1.0 - quantile) * (high + 0.5) ** quantile
    return np.clip(np.rint(number).astype(np.int64), low, high)


class _Options(Kind):
    """A list of values, spaces among them."""

    def store(self, where: str, value: Any) -> Any:
        if isinstance(value, np.ndarray | jax.Array | range):
            value = np.asarray(value).tolist()
        if not isinstance(value, list | tuple) or not value:
            raise TypeError(f"{where} must be a list of one or more values, got {value!r}.")
        return tuple(settled(self._plain(option)) for option in value)

    def _plain(self, option: Any) -> Any:
        """An option, with an array of one number as that number."""
        is_number = isinstance(option, np.ndarray | jax.Array) and np.ndim(option) == 0
        return np.asarray(option)[()] if is_number and numbers.known(option) else option


def _check_weights(options: Sequence[Any], weights: ArrayLike | None) -> None:
    if weights is not None and np.shape(weights) != (len(options),):
        raise ValueError(
            f"choice: `weights` must have one number for each of the `options`, got {weights} for "
            f"{len(options)} options."
        )


def _between_options(
    function: Callable[Concatenate[Any, P], npt.ArrayLike], /
) -> Constructor[P, Distribution]:
    made: Any = constructor_of(function, Choice, _check_weights)
    return made


@_between_options
def choice(
    quantile: Array,
    options: Annotated[Sequence[Any], _Options()],
    weights: Annotated[
        Sequence[float] | None,
        Number("Weights", "Give a positive number.", least=0.0, open=True, axes=1),
    ] = None,
) -> npt.ArrayLike:
    """One of several options; if it is a space, something drawn from it.

    Args:
      options: numbers, strings, True, False, None, curves, schedules, distributions or spaces; a
        list, or an array or a range of numbers. A choice of spaces or schedules is a space.
      weights: how likely each option is, relative to the others. By default all are equally likely.

    >>> from jaxlr.search import choice
    >>> choice([1.0, 1.5, 2.0], weights=[1, 2, 1])([0.0, 0.3, 0.8])
    array([1. , 1.5, 2. ])
    """
    index = option_index(quantile, options, weights)
    if are_numbers(options):
        return np.asarray(options)[index]
    objects = np.empty(len(options), object)
    objects[:] = options
    return objects[index]
