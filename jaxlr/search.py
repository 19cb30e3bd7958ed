r"""Spaces to draw schedules from, and designs that draw from them.

A *distribution* maps a number from 0 to 1 to a value: it is the quantile function, the inverse of
the cumulative distribution. A *space* is the constructor of a family with distributions in place of
some parameters; all others keep one value. In Python and as text:

>>> import jax, jaxlr, numpy as np
>>> from jaxlr.search import choice, integer, log_uniform, parse_space, sample, space, uniform
>>> steps = space(jaxlr.step_decay, log_uniform(1e-4, 1e-1), integer(10, 500), uniform(0.1, 0.9))
>>> steps == parse_space("step_decay(log_uniform(1e-4, 1e-1), integer(10, 500), uniform(0.1, 0.9))")
True
>>> lines = parse_space("linear_schedule(log_uniform(1e-4, 1e-1), 0.0, total_steps)",
...                     total_steps=1000)

A :func:`choice` of spaces is a space too; the parameters of each are drawn only where it is chosen.
So is a space within a space, such as a curve with a parameter or a list of schedules to join.

>>> both = choice([steps, lines])
>>> batch = sample(jax.random.key(0), both, n=1000)
>>> list(batch.table)
['family', 'init_value', 'step_size', 'decay_rate']
>>> bool((np.isnan(batch.table["step_size"]) == (batch.table["family"] == "linear_schedule")).all())
True

Every design is a set of points in the unit cube, with a coordinate for each distribution, and one
map from there to schedules: :func:`sample` takes random, Latin hypercube, Sobol or Halton points,
:func:`grid_design` a lattice. :func:`suggest` lets Optuna choose.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Concatenate,
    Literal,
    NamedTuple,
    ParamSpec,
    Self,
    get_args,
    overload,
)

import jax
import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxlr import _numerics, _text
from jaxlr._default_spaces import DEFAULT_SPACES
from jaxlr._family import Constructor, Family, Parametric, constructor_of, constructors
from jaxlr._parameters import Kind, Number, Positive, Value, is_static
from jaxlr.batch import Batch, batched, concatenate, stack
from jaxlr.schedule import Arithmetic, Schedule

__all__ = [
    "Distribution",
    "Space",
    "choice",
    "default_space",
    "distribution",
    "grid_design",
    "integer",
    "log_integer",
    "log_uniform",
    "parse_space",
    "random_schedules",
    "sample",
    "space",
    "suggest",
    "uniform",
]

P = ParamSpec("P")
Array = np.ndarray[Any, Any]
Method = Literal["random", "latin_hypercube", "sobol", "halton"]


class Space(Parametric):
    """What schedules can be drawn from; see the top of this page.

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


class _FamilySpace(Arithmetic, Space):
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
    """An integer; a float that is one counts as it, as ``total_steps / 2`` may."""

    def store(self, where: str, value: Any) -> Any:
        number = super().store(where, value)
        if np.ndim(number) == 0 and _numerics.known(number) and float(number).is_integer():
            return int(number)
        raise ValueError(f"{where} must be an integer, got {value!r}.")


Whole = Annotated[int, _Whole()]
"""An integer."""

PositiveWhole = Annotated[int, _Whole("Give a positive integer.", least=1.0)]
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
    r"""A number between two others, every one as likely: :math:`a (1 - u) + b u`.

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
    r"""An integer, every one as likely: :math:`\lfloor a + (b + 1 - a) u \rfloor`.

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
    r"""An integer that is about as likely as it is small.

    A number that is log-uniform from :math:`a - 1/2` to :math:`b + 1/2`, rounded, as in Optuna: the
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
        if not isinstance(value, list | tuple) or not value:
            raise TypeError(f"{where} must be a list of one or more values, got {value!r}.")
        return tuple(map(_settled, value))


def _check_weights(options: Sequence[Any], weights: ArrayLike | None) -> None:
    if weights is not None and np.shape(weights) != (len(options),):
        raise ValueError(
            f"choice: `weights` must have one number for each of the `options`, got {weights} for "
            f"{len(options)} options."
        )


def _choice(
    function: Callable[Concatenate[Any, P], npt.ArrayLike], /
) -> Constructor[P, Distribution]:
    made: Any = constructor_of(function, Distribution, _check_weights)
    return made


@_choice
def choice(
    quantile: Array,
    options: Annotated[Sequence[Any], _Options()],
    weights: Annotated[
        Sequence[float] | None, Number("Give a positive number.", least=0.0, open=True)
    ] = None,
) -> npt.ArrayLike:
    """One of some values, or one of some spaces and then what is drawn from it.

    Args:
      options: numbers, strings, True, False, None, curves, schedules, distributions or spaces. A
        choice of spaces or schedules is a space.
      weights: how likely each is, relative to the others; without them, all are as likely.

    >>> from jaxlr.search import choice
    >>> choice([1.0, 1.5, 2.0], weights=[1, 2, 1])([0.0, 0.3, 0.8])
    array([1. , 1.5, 2. ])
    """
    index = _option(quantile, options, weights)
    if _is_number_list(options):
        return np.asarray(options)[index]
    objects = np.empty(len(options), object)
    objects[:] = options
    return objects[index]


def _option(quantile: Array, options: Sequence[Any], weights: Any) -> Array:
    """Which of the options each quantile stands for."""
    return np.searchsorted(_ends(options, weights)[:-1], quantile, side="right")


def _ends(options: Sequence[Any], weights: Any) -> Array:
    """The quantiles at which each of the options ends."""
    ends = np.cumsum(np.ones(len(options)) if weights is None else np.asarray(weights, np.float64))
    return ends / ends[-1]


def _is_number_list(options: Sequence[Any]) -> bool:
    return all(isinstance(x, int | float | np.number) and not is_static(x) for x in options)


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
    given = {name: _settled(value) for name, value in owner.bind(*args, **kwargs).items()}
    for name, value in given.items():
        if _dimensions(value) == 0:
            given[name] = owner.stored(name, value)
        for drawn in _extremes(value):
            owner.stored(name, drawn)
    return _FamilySpace._of(owner, given)


def _settled(value: Any) -> Any:
    """The form in which a space keeps a value: immutable, and a schedule if nothing is drawn."""
    if isinstance(value, _FamilySpace) and _dimensions(value) == 0:
        return value.family.constructor(**value.params)
    if isinstance(value, list | tuple):
        return tuple(map(_settled, value))
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            # A pair of lists, as piecewise families take it too: JSON has no numbers for keys.
            return tuple(zip(*sorted(value.items()), strict=True))
        return {key: _settled(item) for key, item in value.items()}
    return value


def _extremes(value: Any) -> Iterator[Any]:
    """The ends of a distribution, or the options of a choice."""
    if not isinstance(value, Distribution):
        return
    if value.family.name != "choice":
        yield from value([0.0, 1.0]).tolist()
        return
    for option in value.params["options"]:
        if isinstance(option, Distribution):
            yield from _extremes(option)
        elif _dimensions(option) == 0:
            yield option


def parse_space(text: str, **numbers: float) -> Space:
    """Reads a space from its text: that of a schedule, with distributions in place of numbers.

    Args:
      text: the text, as ``repr`` writes it; see :func:`jaxlr.parse` for what it may hold.
      **numbers: numbers that the text may call by name.

    Returns:
      The space.

    Raises:
      ValueError: if the text is anything else; it says where and what.

    >>> from jaxlr.search import parse_space
    >>> parse_space("constant_schedule(log_uniform(peak / 10, peak))", peak=0.1)
    constant_schedule(value=log_uniform(low=0.01, high=0.1))
    """
    return _text.parse(text, Space, Space._constructors(), numbers)


def _is_choice(value: Any) -> bool:
    return isinstance(value, Distribution) and value.family is choice.family


def _children(value: Any) -> Mapping[str, Any]:
    """What a space, a list or a dict is made of, by name."""
    if isinstance(value, _FamilySpace):
        return value.params
    if isinstance(value, tuple):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _path(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child


def _dimensions(value: Any) -> int:
    """How many coordinates of the unit cube a value takes: one for each distribution, in turn.

    The options of a choice share theirs, as only one of them is drawn from.
    """
    if _is_choice(value):
        return 1 + max(map(_dimensions, value.params["options"]))
    if isinstance(value, Distribution):
        return 1
    return sum(map(_dimensions, _children(value).values()))


class _Part(NamedTuple):
    """What was drawn at some points: values with a row for each, and the table of the draws."""

    points: Array
    value: Any
    table: dict[str, Array]

    def joined(self, key: str, new: "_Part") -> "_Part":
        """Adds what was drawn for one more child at some of the points."""
        value = {name: _rows(item, new.points) for name, item in self.value.items()}
        table = {name: column[new.points] for name, column in self.table.items()}
        return _Part(self.points[new.points], {**value, key: new.value}, {**table, **new.table})


def _rows(tree: Any, rows: Any) -> Any:
    """Some rows, or a single one, of what was drawn."""
    return jax.tree.map(lambda leaf: leaf[rows] if isinstance(leaf, np.ndarray) else leaf, tree)


def _draw(value: Any, cube: Array, name: str) -> list[_Part]:
    """Maps points of the unit cube, of shape ``[n, dimensions]``, to values.

    Every number becomes an array with a row for each point. What is not a number is the same for
    all points of a part, so there is a part for each combination of options.
    """
    if _is_choice(value) and not _is_number_list(value.params["options"]):
        return list(_draw_options(value, cube, name))
    points = np.arange(len(cube))
    if isinstance(value, Distribution):
        drawn = value(cube[:, 0])
        return [_Part(points, drawn, {name: drawn})]
    if _dimensions(value) == 0:
        return [_Part(points, _repeated(value, len(cube)), {})]
    parts, first = [_Part(points, {}, {})], 0
    for key, child in _children(value).items():
        last = first + _dimensions(child)
        parts = [
            part.joined(key, new)
            for part in parts
            for new in _draw(child, cube[part.points, first:last], _path(name, key))
        ]
        first = last
    return [part._replace(value=_assembled(value, part)) for part in parts]


def _draw_options(value: Distribution, cube: Array, name: str) -> Iterator[_Part]:
    chosen = _option(cube[:, 0], **value.params)
    for index, option in enumerate(value.params["options"]):
        points = np.flatnonzero(chosen == index)
        if points.size:
            for part in _draw(option, cube[points, 1:], name):
                labels = {name: np.full(len(part.points), _label(option))} if name else {}
                yield _Part(points[part.points], part.value, {**labels, **part.table})


def _label(option: Any) -> Any:
    """What an option is called: a number or a string as it is, a space by its family."""
    if isinstance(option, Parametric):
        return option.family.name
    plain = option is None or isinstance(option, str | int | float)
    return option if plain else _text.write(option)


def _repeated(value: Any, size: int) -> Any:
    """A fixed value with a row for each of ``size`` points."""

    def repeat(leaf: Any) -> Any:
        return leaf if is_static(leaf) else np.broadcast_to(leaf, (size, *np.shape(leaf)))

    return jax.tree.map(repeat, value)


def _assembled(value: Any, part: _Part) -> Any:
    """What a space, a list or a dict becomes when all its children are drawn."""
    if isinstance(value, tuple):
        return tuple(part.value.values())
    if not isinstance(value, _FamilySpace):
        return part.value
    constructor = value.family.constructor
    members = (
        constructor(**jax.tree.map(_plain, _rows(part.value, row)))
        for row in range(len(part.points))
    )
    first = next(members)
    if all(np.ndim(leaf) == 0 for leaf in jax.tree.leaves(first)):
        # Where each parameter is one number, an array of it is one number for each member. A check
        # that cannot take arrays, or refuses some member, is left to the members one by one.
        with contextlib.suppress(TypeError, ValueError):
            return constructor(**part.value)
    return jax.tree.map(lambda *leaves: np.stack(leaves), first, *members)


def _plain(leaf: Any) -> Any:
    return leaf.item() if isinstance(leaf, np.generic) else leaf


def _batch_of(part: _Part) -> Batch:
    size, value = len(part.points), part.value
    table: dict[str, Any] = {"family": [value.family.name] * size, **part.table}
    # A wrapped function has no numbers, and so no rows.
    return batched(value, table) if jax.tree.leaves(value) else stack([value] * size, table)


def _design(space: Any, points: Callable[[int], Array]) -> Batch:
    """The batch of the schedules at points of the unit cube, given its number of dimensions."""
    if not isinstance(space, Space):
        raise TypeError(
            f"`space` must be a space, got {space!r}. jaxlr.search.space makes one of a family, "
            "jaxlr.search.parse_space of a text."
        )
    parts = _draw(space, points(_dimensions(space)), "")
    for part in parts:
        if not isinstance(part.value, Schedule):
            raise TypeError(f"`space` must be one of schedules, got {space!r}.")
    batches = map(_batch_of, parts)
    order = np.argsort(np.concatenate([part.points for part in parts]))
    return concatenate(batches)[order]


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
      The batch. Its table has the families and all that was drawn, by the names of the parameters;
      what lies within a parameter has a dotted name, such as ``curve.power``. Of ``n`` more than
      ``m`` schedules, the first ``m`` are those that ``m`` would give, but for
      ``"latin_hypercube"``.

    Raises:
      ValueError: for another method, ``n`` less than 1, or parameters that do not fit together.

    >>> import jax
    >>> from jaxlr.search import parse_space, sample
    >>> space = parse_space("step_decay(choice([0.1, 0.2, 0.4]), log_integer(10, 500), 0.5)")
    >>> sample(jax.random.key(0), space, n=4, method="sobol")
    Batch of 4 schedules
       family        init_value  step_size
    0  'step_decay'  0.2         434
    1  'step_decay'  0.4         15
    2  'step_decay'  0.4         77
    3  'step_decay'  0.1         49

    References:
      The points are those of ``scipy.stats.qmc``, of SciPy 1.15 or later; Bergstra and Bengio,
      `Random Search for Hyper-Parameter Optimization
      <https://jmlr.org/papers/v13/bergstra12a.html>`_, 2012
    """
    if n < 1:
        raise ValueError(f"`n` must be at least 1, got {n}.")
    return _design(space, functools.partial(_points, method, _generator(key), n))


def _generator(key: jax.Array) -> np.random.Generator:
    """NumPy's generator for a JAX key: the same on every machine, and known to ``scipy``."""
    if not isinstance(key, jax.Array):
        raise TypeError(f"`key` must be a JAX key, such as jax.random.key(0), got {key!r}.")
    data = np.asarray(jax.random.key_data(key))
    if data.ndim != 1:
        raise ValueError(f"`key` must be a single key, got an array of the shape {key.shape}.")
    return np.random.default_rng(data)


def _points(method: Method, generator: np.random.Generator, n: int, dimensions: int) -> Array:
    """Points in the unit cube, of shape ``[n, dimensions]``."""
    if method == "random":
        return generator.random((n, dimensions))
    from scipy.stats import qmc

    if method == "sobol":  # More of them keep SciPy from a warning, and change none of the first.
        sobol = qmc.Sobol(dimensions, rng=generator)
        return sobol.random_base2(math.ceil(math.log2(n)))[:n]
    if method == "halton":
        return qmc.Halton(dimensions, rng=generator).random(n)
    if method == "latin_hypercube":
        return qmc.LatinHypercube(dimensions, rng=generator).random(n)
    raise ValueError(f"`method` must be one of {', '.join(get_args(Method))}, got {method!r}.")


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
       family             init_value  transition_steps
    0  'linear_schedule'  0.01        50
    1  'linear_schedule'  0.01        100
    2  'linear_schedule'  0.1         50
    3  'linear_schedule'  0.1         100
    4  'linear_schedule'  1.0         50
    5  'linear_schedule'  1.0         100
    """
    batch = _design(space, lambda dimensions: _lattice(space, levels, ""))
    if isinstance(levels, Mapping) and not levels.keys() <= batch.table.keys():
        unknown = ", ".join(sorted(levels.keys() - batch.table.keys()))
        raise ValueError(f"`levels` must name parameters that are drawn, got {unknown}.")
    return batch


def _lattice(value: Any, levels: int | Mapping[str, int], name: str) -> Array:
    """The points of a grid in the unit cube of one value."""
    if _is_choice(value):
        return _lattice_of_options(value, levels, name)
    if isinstance(value, Distribution):
        number = _levels(levels, name)
        quantiles = np.linspace(0.0, 1.0, number) if number > 1 else np.array([0.5])
        _, distinct = np.unique(value(quantiles), return_index=True)
        return quantiles[distinct, None]
    cube = np.zeros((1, 0))
    for key, child in _children(value).items():
        points = _lattice(child, levels, _path(name, key))
        cube = np.hstack([np.repeat(cube, len(points), axis=0), np.tile(points, (len(cube), 1))])
    return cube


def _lattice_of_options(value: Distribution, levels: int | Mapping[str, int], name: str) -> Array:
    options = value.params["options"]
    ends = np.append(0.0, _ends(**value.params))
    rows = []
    for option, quantile in zip(options, (ends[:-1] + ends[1:]) / 2, strict=True):
        points = _lattice(option, levels, name)
        row = np.zeros((len(points), _dimensions(value)))
        row[:, 0], row[:, 1 : 1 + points.shape[1]] = quantile, points
        rows.append(row)
    return np.vstack(rows)


def _levels(levels: int | Mapping[str, int], name: str) -> int:
    if isinstance(levels, Mapping) and name not in levels:
        raise ValueError(f"`levels` must have a number for `{name}`, got {dict(levels)}.")
    number = levels[name] if isinstance(levels, Mapping) else levels
    if number < 1:
        raise ValueError(f"`levels` must be at least 1, got {number}.")
    return number


def default_space(family: str, total_steps: int, peak: float) -> Space:
    """The space that :func:`random_schedules` draws a family from.

    Args:
      family: the name of the family.
      total_steps: the length of training, in updates.
      peak: the largest value. The largest value of a schedule is at most this, and seldom less
        than a hundredth of it.

    Returns:
      The space. Its values are from 0 to ``peak`` at all of the ``total_steps`` counts.

    Raises:
      ValueError: if there is no such space for the family, as for one of your own.

    >>> from jaxlr.search import default_space
    >>> default_space("step_decay", total_steps=100, peak=1.0)
    step_decay(init_value=log_uniform(low=0.01, high=1.0), step_size=integer(low=11, high=51), \
decay_rate=uniform(low=0.1, high=0.9), end_value=None)
    """
    if family not in DEFAULT_SPACES:
        raise ValueError(
            f"`family` must be a family with a default space, got {family!r}. For any other make "
            f"one by jaxlr.search.space. There are {', '.join(DEFAULT_SPACES)}."
        )
    if total_steps < 1:
        raise ValueError(f"`total_steps` must be at least 1, got {total_steps}.")
    if not 0.0 < peak < math.inf:
        raise ValueError(f"`peak` must be positive and finite, got {peak}.")
    names: dict[str, Any] = {
        "total_steps": total_steps,
        "peak": peak,
        "top": log_uniform(peak / 100, peak),
        "floor": uniform(0.0, peak / 100),
    }
    return _text.parse(DEFAULT_SPACES[family], Space, Space._constructors(), names)


def random_schedules(
    key: jax.Array,
    n: int,
    *,
    total_steps: int,
    peak: float,
    families: Sequence[str | Space] = ("linear_schedule", "exponential_decay", "step_decay"),
    method: Method = "random",
) -> Batch:
    """Draws schedules of several families, each as likely, with sensible parameters.

    Args:
      key: a JAX key, such as ``jax.random.key(0)``.
      n: how many to draw.
      total_steps: the length of training, in updates.
      peak: the largest value that a schedule may have. Their own largest values are log-uniform
        from a hundredth of it.
      families: names of families, which have the parameters of :func:`default_space`, or spaces.
      method: how to draw, as in :func:`sample`.

    Returns:
      The batch, as from :func:`sample`.

    Raises:
      ValueError: if there is no default space for a family.

    >>> import jax, jax.numpy as jnp
    >>> from jaxlr.search import random_schedules
    >>> batch = random_schedules(jax.random.key(0), 100, total_steps=1000, peak=0.1)
    >>> batch(jnp.arange(1000)).shape
    (100, 1000)
    """
    if isinstance(families, str):
        raise TypeError(f"`families` must be a list of names or spaces, got {families!r}.")
    spaces = [
        family if isinstance(family, Space) else default_space(family, total_steps, peak)
        for family in families
    ]
    return sample(key, choice(spaces), n, method)


def suggest(trial: Any, space: Space) -> Schedule:
    """Lets a trial of Optuna choose a schedule from a space.

    Args:
      trial: an ``optuna.Trial``, or anything else with its ``suggest_float``, ``suggest_int`` and
        ``suggest_categorical``. Its parameters have the names of those of the space; within a
        choice they begin with the option, such as ``step_decay.init_value``, and what is chosen
        from is called ``family``.
      space: the space. Optuna's distributions have the quantiles of these; a distribution of your
        own is suggested by its quantile. Weights of a choice have no meaning to Optuna.

    Returns:
      The schedule.

    >>> import jaxlr, optuna
    >>> from jaxlr.search import parse_space, suggest
    >>> space = parse_space("linear_schedule(log_uniform(0.01, 1.0), 0.0, integer(50, 100))")
    >>> suggest(optuna.trial.FixedTrial({"init_value": 0.1, "transition_steps": 70}), space)
    linear_schedule(init_value=0.1, end_value=0.0, transition_steps=70, transition_begin=0)
    """
    return _suggest(trial, space, "")


_SUGGESTED = {
    "uniform": lambda trial, name, low, high: trial.suggest_float(name, low, high),
    "log_uniform": lambda trial, name, low, high: trial.suggest_float(name, low, high, log=True),
    "integer": lambda trial, name, low, high: trial.suggest_int(name, low, high),
    "log_integer": lambda trial, name, low, high: trial.suggest_int(name, low, high, log=True),
}


def _suggest(trial: Any, value: Any, name: str) -> Any:
    if _is_choice(value):
        options = value.params["options"]
        labels = list(map(_label, options))
        if len(set(labels)) < len(labels):  # Such as two spaces of one family.
            labels = list(map(_text.write, options))
        label = trial.suggest_categorical(name or "family", labels)
        return _suggest(trial, options[labels.index(label)], _path(name, str(label)))
    if isinstance(value, Distribution):
        if value.family.name in _SUGGESTED:
            return _SUGGESTED[value.family.name](trial, name, **value.params)
        return value(trial.suggest_float(name, 0.0, 1.0)).item()
    if _dimensions(value) == 0:
        return value
    drawn = {k: _suggest(trial, child, _path(name, k)) for k, child in _children(value).items()}
    if isinstance(value, _FamilySpace):
        return value.family.constructor(**drawn)
    return tuple(drawn.values()) if isinstance(value, tuple) else drawn
