"""Registers the types of schedules with ``jax.export``: exported functions may take schedules."""

import json
from typing import Any, TypeVar

from jax import export

from jaxlr.core.stacks import Layout, Stacks

__all__ = ["exported_node", "exported_tuple"]

Class = TypeVar("Class", bound=type)


def exported_tuple(cls: Class) -> Class:
    """Registers a named tuple, and returns it."""
    export.register_namedtuple_serialization(cls, serialized_name=_name(cls))
    return cls


def exported_node(cls: type, to_data: Any, from_data: Any) -> None:
    """Registers a pytree node, with functions that turn its static part to and from JSON data."""
    export.register_pytree_node_serialization(
        cls,
        serialized_name=_name(cls),
        serialize_auxdata=lambda static: json.dumps(to_data(static)).encode(),
        deserialize_auxdata=lambda data: from_data(json.loads(data)),
    )


def _name(cls: type) -> str:
    return f"jaxlr.{cls.__name__}"


exported_node(
    Stacks,
    lambda static: [layout.groups.tolist() for layout in static],
    lambda data: tuple(map(Layout, data)),
)
