"""Wraps plain functions as schedules; defines which arguments operators accept."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import jax
from jax.typing import ArrayLike

from jaxlr.core.family import Parametric
from jaxlr.core.parameters import Kind, Number, is_sequence
from jaxlr.core.schedule import Schedule, schedule
from jaxlr.core.stacks import Stacks


class _Function(Kind):
    """A function of the count."""

    name = "Callable[[ArrayLike], ArrayLike]"

    def store(self, where: str, value: Any) -> Any:
        if not callable(value):
            raise TypeError(
                f"{where} must be a function of the count, got {value!r}. For a constant give "
                "jaxlr.constant_schedule(value)."
            )
        return value


@schedule
def wrap(
    count: jax.Array, function: Annotated[Callable[[ArrayLike], ArrayLike], _Function()]
) -> ArrayLike:
    """A schedule that calls a plain function of the count, such as an optax schedule.

    The function is static, not data: another function compiles again, and numbers inside it are
    compiled as constants. Operators such as :func:`join_schedules` wrap functions automatically.

    Args:
      function: maps a count to a value. Counts are never negative.

    Returns:
      The schedule.

    >>> import jaxlr
    >>> lr = jaxlr.wrap(lambda count: 0.1 / (1 + count))
    >>> float(lr(1))
    0.05000000074505806
    """
    return function(count)


class One(Kind):
    """A schedule; plain callables are wrapped."""

    name = "Schedule"

    def store(self, where: str, value: Any) -> Any:
        """Returns the schedule, or wraps the callable."""
        if isinstance(value, Schedule):
            return value
        if isinstance(value, Parametric):
            raise TypeError(
                f"{where} must be a schedule, got {value!r}. An adaptive schedule must be the "
                "outermost one."
            )
        if not callable(value):
            raise TypeError(
                f"{where} must be a schedule or a function of the count, got {value!r}. "
                "For a constant give jaxlr.constant_schedule(value)."
            )
        return wrap(value)


class _Several(Kind):
    """A sequence of schedules; plain callables among them are wrapped."""

    name = "Sequence[Schedule]"

    def store(self, where: str, value: Any) -> Any:
        if callable(value) or not is_sequence(value) or len(value) == 0:
            raise TypeError(f"{where} must be a list of one or more schedules, got {value!r}.")
        return tuple(self._item(f"{where}[{i}]", item) for i, item in enumerate(value))

    def _item(self, where: str, item: Any) -> Any:
        return One().store(where, item)


class _Pieces(_Several):
    """A sequence of schedules, which are stacked by structure for the formula."""

    def prepare(self, value: Any) -> Any:
        return Stacks.of(piece.as_arrays()._prepared() for piece in value)

    def plain(self, value: Any) -> Any:
        return tuple(value.members(self.batch_axes(value)))

    def batch_axes(self, value: Any) -> int:
        if isinstance(value, Stacks):  # A stack has one axis more than its members.
            return max(piece.batch_axes for piece in value.stacks) - 1
        return super().batch_axes(value)


class _Terms(_Several):
    """A sequence of schedules and numbers."""

    name = "Sequence[Schedule | ArrayLike]"

    def _item(self, where: str, item: Any) -> Any:
        return super()._item(where, item) if callable(item) else Number().store(where, item)

    def check(self, where: str, value: Any) -> None:
        for i, item in enumerate(value):
            if not callable(item):
                Number().check(f"{where}[{i}]", item)


AnySchedule = Annotated[Callable[[ArrayLike], ArrayLike], One()]
"""A schedule or a plain function of the count."""

Pieces = Annotated[Sequence[Callable[[ArrayLike], ArrayLike]], _Pieces()]
"""A sequence of schedules, which a formula receives as :class:`jaxlr.core.stacks.Stacks`."""

Terms = Annotated[Sequence[Callable[[ArrayLike], ArrayLike] | ArrayLike], _Terms()]
"""A sequence of schedules, plain functions of the count, and numbers."""
