"""How far to draw a schedule when nobody says."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxlr.batches.batch import Batch
from jaxlr.core.family import Parametric
from jaxlr.core.parameters import Number

__all__ = ["counts_to_draw", "length_to_draw"]

_MOST_POINTS = 2000
_MOST_COUNTS = 2**31 - 1
_WITHOUT_LENGTHS = 100


def counts_to_draw(steps: int) -> npt.NDArray[np.int64]:
    """The first ``steps`` counts, or 2000 of them, evenly spread, if there are more."""
    if not 1 <= steps <= _MOST_COUNTS:
        raise ValueError(f"`steps` must be from 1 to 2**31 - 1, got {steps}.")
    return np.unique(np.linspace(0, steps - 1, min(steps, _MOST_POINTS)).astype(np.int64))


def length_to_draw(schedule: Callable[[ArrayLike], ArrayLike]) -> int:
    """Returns how many counts show all there is to see.

    A schedule that ends is drawn up to the count from which it stays as it is. One that goes on is
    drawn for some times its longest period: five, or up to ten while it still falls.

    Args:
      schedule: a schedule, any function of the count, or a batch, which is drawn as far as its
        longest member.

    Raises:
      ValueError: if a plain function never comes to an end.

    >>> import jaxlr
    >>> from jaxlr.plot import length_to_draw
    >>> length_to_draw(jaxlr.cosine_decay_schedule(0.1, 1000))  # And the count that ends it.
    1001
    >>> length_to_draw(jaxlr.step_decay(0.1, step_size=30))
    150
    """
    members = list(schedule) if isinstance(schedule, Batch) else [schedule]
    lengths: list[list[Any]] = [list(_lengths(member)) for member in members]
    if any(None in each for each in lengths):
        return _length_by_values(schedule, has_functions=True)
    longest = max(max(each, default=0.0) for each in lengths)
    if longest == 0.0:
        return _length_by_values(schedule, has_functions=False)
    end = _end(schedule, 2.0 * max(map(sum, lengths)), tolerance=0.0)
    if end is None:
        settled = _end(schedule, 10.0 * longest, tolerance=0.01)
        end = max(settled or 0, _whole(5.0 * longest) - 1)
    return min(end + 1, _MOST_COUNTS)


def _length_by_values(schedule: Any, has_functions: bool) -> int:
    """The length of a schedule whose parameters do not tell it."""
    end, settled, half = (_end(schedule, _MOST_COUNTS, share) for share in (0.0, 0.01, 0.5))
    if settled is None or half is None:
        if has_functions:
            raise ValueError(f"`steps` must be given: {schedule!r} does not say where it ends.")
        return _WITHOUT_LENGTHS
    if settled == 0:
        return _WITHOUT_LENGTHS
    if end is not None and end <= 2 * settled:
        return end + 1
    return min(settled, 10 * half) + 1


def _lengths(value: Any, kind: Any = None) -> Iterator[float | None]:
    """All numbers of steps within a schedule, and None for each plain function."""
    if isinstance(value, Parametric):
        for name, item in value.params.items():
            yield from _lengths(item, value.family.kinds[name])
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _lengths(item, kind)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _lengths(item, kind)
    elif callable(value):
        yield None
    elif value is not None and isinstance(kind, Number) and kind.counted:
        yield from np.abs(np.asarray(value, np.float64)).ravel().tolist()


def _end(schedule: Any, limit: float, tolerance: float) -> int | None:
    """The first count from which a schedule keeps the value it has at ``limit``, or None.

    ``tolerance`` says how near is the same, as a share of the range of its values.
    """
    first, last = 0, _whole(limit)
    while True:
        even = np.linspace(first, last, _MOST_POINTS)
        # A short schedule has its end among the first counts of many.
        dense_at_first = first + np.geomspace(1, last - first, _MOST_POINTS)
        counts = np.unique(np.append(even, dense_at_first).astype(np.int64))
        values = np.atleast_2d(schedule(counts))
        if first == 0:
            final, allowed = values[:, -1:], tolerance * np.ptp(values, axis=1, keepdims=True)
        away = np.flatnonzero((np.abs(values - final) > allowed).any(axis=0))
        if not away.size:
            return first
        if first == 0 and counts[away[-1]] > 0.9 * last:
            return None  # It is still on its way there.
        first, last = counts[away[-1]], counts[away[-1] + 1]
        if last - first <= 1:
            return int(last)


def _whole(steps: float) -> int:
    return int(min(max(np.ceil(steps), 1.0), _MOST_COUNTS - 1))
