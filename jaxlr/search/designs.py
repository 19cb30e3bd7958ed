"""Designs: points in the unit cube, which become the schedules of a space."""

import functools
import math
import operator
from collections.abc import Mapping
from typing import Any, Literal, get_args

import jax
import numpy as np

from jaxlr.batches.batch import Batch
from jaxlr.core import numbers
from jaxlr.search.drawing import design
from jaxlr.search.spaces import (
    Array,
    Choice,
    Distribution,
    Space,
    children,
    dimensions,
    option_ends,
    path,
)

Method = Literal["random", "latin_hypercube", "sobol", "halton"]
"""How to draw."""


def sample(key: jax.Array, space: Space, n: int, method: Method = "random") -> Batch:
    """Draws schedules from a space.

    Args:
      key: a JAX key, such as ``jax.random.key(0)``. The same key draws the same schedules on every
        machine and in every precision.
      space: the space.
      n: how many to draw.
      method: ``"random"`` for independent ones, or quasi-random points, which spread more evenly:
        ``"sobol"`` (scrambled; balanced in every coordinate where ``n`` is a power of 2),
        ``"halton"`` (scrambled), or ``"latin_hypercube"`` (one in each n-th part of every
        coordinate).

    Returns:
      The batch. Its table has the family and every drawn parameter by name; the name is dotted, as
      in ``curve.power``, where a parameter has parameters. A larger ``n`` begins with the same
      schedules, except with ``"latin_hypercube"``.

    Raises:
      TypeError: if ``n`` is no integer or ``key`` no known key.
      ValueError: for another method, ``n`` less than 1, or parameters that do not fit together.

    >>> import jax
    >>> from jaxlr.search import parse_space, sample
    >>> space = parse_space("step_decay(choice([0.1, 0.2, 0.4]), log_integer(10, 500), 0.5)")
    >>> sample(jax.random.key(0), space, n=4, method="sobol")
    Batch of 4 schedules
       family      init_value  step_size
    0  step_decay  0.2         434
    1  step_decay  0.4         15
    2  step_decay  0.4         77
    3  step_decay  0.1         49

    References:
      ``scipy.stats.qmc`` of SciPy 1.15 or later has the same points. Bergstra and Bengio,
      `Random Search for Hyper-Parameter Optimization
      <https://jmlr.org/papers/v13/bergstra12a.html>`_, 2012
    """
    return design(space, functools.partial(_points, method, _generator(key), _number("n", n)))


def _number(name: str, value: Any) -> int:
    """How many of something, checked."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer, got {value!r}.") from None
    if number < 1:
        raise ValueError(f"`{name}` must be at least 1, got {number}.")
    return number


def _generator(key: jax.Array) -> np.random.Generator:
    """NumPy's generator for a JAX key: the same on every machine, and known to ``scipy``."""
    if not isinstance(key, jax.Array) or not numbers.known(key):
        raise TypeError(f"`key` must be a known JAX key, such as jax.random.key(0), got {key!r}.")
    data = np.asarray(jax.random.key_data(key))
    if data.ndim != 1:
        raise ValueError(f"`key` must be a single key, got an array of the shape {key.shape}.")
    return np.random.default_rng(data)


def _points(method: Method, generator: np.random.Generator, n: int, dimensions: int) -> Array:
    """Points in the unit cube, of shape ``[n, dimensions]``."""
    if method not in get_args(Method):
        names = ", ".join(get_args(Method))
        raise ValueError(f"`method` must be one of {names}, got {method!r}.")
    if method == "random" or dimensions == 0:
        return generator.random((n, dimensions))
    from scipy.stats import qmc

    if method == "sobol":  # More of them keep SciPy from a warning, and change none of the first.
        sobol = qmc.Sobol(dimensions, rng=generator)
        return sobol.random_base2(math.ceil(math.log2(n)))[:n]
    if method == "halton":
        return qmc.Halton(dimensions, rng=generator).random(n)
    return qmc.LatinHypercube(dimensions, rng=generator).random(n)


def grid_design(space: Space, levels: int | Mapping[str, int]) -> Batch:
    """All combinations of some values of each parameter of a space: a full factorial design.

    Args:
      space: the space.
      levels: how many quantiles of each distribution to take, evenly from its smallest to its
        largest value: the same number for all, or one for each by the names that
        :func:`sample` has in its table. Integers that coincide are taken once, and of a choice all
        options.

    Returns:
      The batch, in which the last parameter changes fastest. A choice of spaces gives the grids of
      all of them, one after another.

    Raises:
      ValueError: for less than one level, a distribution that ``levels`` does not name, a name that
        the space does not have, or parameters that do not fit together.

    >>> from jaxlr.search import grid_design, parse_space
    >>> space = parse_space("linear_schedule(log_uniform(0.01, 1), 0, choice([50, 100]))")
    >>> grid_design(space, levels=3)
    Batch of 6 schedules
       family           init_value  transition_steps
    0  linear_schedule  0.01        50
    1  linear_schedule  0.01        100
    2  linear_schedule  0.1         50
    3  linear_schedule  0.1         100
    4  linear_schedule  1.0         50
    5  linear_schedule  1.0         100
    """
    batch = design(space, lambda dimensions: _lattice(space, levels, ""))
    if isinstance(levels, Mapping) and not levels.keys() <= batch.table.keys():
        unknown = ", ".join(sorted(levels.keys() - batch.table.keys()))
        raise ValueError(f"`levels` must name parameters that are drawn, got {unknown}.")
    return batch


def _lattice(value: Any, levels: int | Mapping[str, int], name: str) -> Array:
    """The points of a grid in the unit cube of one value."""
    if isinstance(value, Choice):
        return _lattice_of_options(value, levels, name)
    if isinstance(value, Distribution):
        number = _levels(levels, name)
        quantiles = np.linspace(0.0, 1.0, number) if number > 1 else np.array([0.5])
        _, distinct = np.unique(value(quantiles), return_index=True)
        return quantiles[distinct, None]
    cube = np.zeros((1, 0))
    for key, child in children(value).items():
        points = _lattice(child, levels, path(name, key))
        cube = np.hstack([np.repeat(cube, len(points), axis=0), np.tile(points, (len(cube), 1))])
    return cube


def _lattice_of_options(value: Choice, levels: int | Mapping[str, int], name: str) -> Array:
    ends = np.append(0.0, option_ends(**value.params))
    rows = []
    for option, quantile in zip(value.options, (ends[:-1] + ends[1:]) / 2, strict=True):
        points = _lattice(option, levels, name)
        row = np.zeros((len(points), dimensions(value)))
        row[:, 0], row[:, 1 : 1 + points.shape[1]] = quantile, points
        rows.append(row)
    return np.vstack(rows)


def _levels(levels: int | Mapping[str, int], name: str) -> int:
    if isinstance(levels, Mapping) and name not in levels:
        raise ValueError(f"`levels` must have a number for `{name}`, got {dict(levels)}.")
    return _number("levels", levels[name] if isinstance(levels, Mapping) else levels)
