"""Parameters that formulas get in a form with more digits than a float has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from jax.tree_util import register_static
from jax.typing import ArrayLike

from jaxlr.core.numbers import as_float
from jaxlr.core.parameters import Number
from jaxlr.exact.doubles import Double
from jaxlr.exact.powers import exponent_of
from jaxlr.exact.time import Instant, instant

__all__ = ["Exponent", "PositiveExponent", "Times"]


@register_static
class _Small(int):
    """An exponent of which a power is a product: structure of the compiled formula, not data."""


@dataclass(frozen=True)
class _Exponent(Number):
    """A number to which something is raised."""

    def prepare(self, value: Any) -> Any:
        exponent = exponent_of(value)
        return _Small(exponent) if isinstance(exponent, int) else exponent

    def plain(self, value: Any) -> Any:
        return value.high + value.low if isinstance(value, Double) else as_float(value)


@dataclass(frozen=True)
class _Times(Number):
    """Times that may lie between two counts; traced ones may come as instants."""

    def store(self, where: str, value: Any) -> Any:
        return value if isinstance(value, Instant) else super().store(where, value)

    def prepare(self, value: Any) -> Any:
        return value if isinstance(value, Instant) else instant(value)

    def plain(self, value: Any) -> Any:
        if not isinstance(value, Instant):
            return value
        return as_float(value.whole) + as_float(value.part)


Exponent = Annotated[ArrayLike, _Exponent("Exponent", "Give 0 or a positive number.", least=0.0)]
"""A number that is not negative, to which something is raised."""

PositiveExponent = Annotated[
    ArrayLike, _Exponent("PositiveExponent", "Give a positive number.", least=0.0, open=True)
]
"""A number above zero, to which something is raised."""

Times = Annotated[
    ArrayLike | Sequence[ArrayLike],
    _Times("Times", "Give the counts in steps from the start of training.", least=0.0, axes=1),
]
"""Times in increasing order, which may lie between two counts: a list or an array."""
