"""Parameter kinds that formulas receive with more precision than one float has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from jax.tree_util import register_static
from jax.typing import ArrayLike

from jaxlr.core.export import exported_node
from jaxlr.core.numbers import as_float
from jaxlr.core.parameters import Number
from jaxlr.exact.doubles import Double
from jaxlr.exact.powers import exponent_of
from jaxlr.exact.time import Instant, instant

__all__ = ["Exponent", "PositiveExponent", "Times"]


@register_static
class _Small(int):
    """An exponent small enough to multiply out; static, so that the compiled formula can do it."""


@dataclass(frozen=True)
class _Exponent(Number):
    """An exponent."""

    def prepare(self, value: Any) -> Any:
        exponent = exponent_of(value)
        return _Small(exponent) if isinstance(exponent, int) else exponent

    def plain(self, value: Any) -> Any:
        return value.high + value.low if isinstance(value, Double) else as_float(value)


@dataclass(frozen=True)
class _Times(Number):
    """Times that may lie between counts; traced ones may be given as instants."""

    def store(self, where: str, value: Any) -> Any:
        return value if isinstance(value, Instant) else super().store(where, value)

    def prepare(self, value: Any) -> Any:
        return value if isinstance(value, Instant) else instant(value)

    def plain(self, value: Any) -> Any:
        if not isinstance(value, Instant):
            return value
        return as_float(value.whole) + as_float(value.part)


exported_node(_Small, int, _Small)

Exponent = Annotated[ArrayLike, _Exponent("Exponent", "Give 0 or a positive number.", least=0.0)]
"""An exponent that is not negative."""

PositiveExponent = Annotated[
    ArrayLike, _Exponent("PositiveExponent", "Give a positive number.", least=0.0, open=True)
]
"""An exponent above zero."""

Times = Annotated[
    ArrayLike | Sequence[ArrayLike],
    _Times("Times", "Give the counts in steps from the start of training.", least=0.0, axes=1),
]
"""Increasing times, which may lie between counts: a list or an array."""
