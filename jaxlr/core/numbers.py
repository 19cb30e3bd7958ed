"""Python, NumPy and JAX numbers: which are concrete, and the dtypes that formulas use."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

__all__ = [
    "as_count",
    "as_float",
    "as_number",
    "as_steps",
    "exact",
    "float_dtype",
    "host_count",
    "int_dtype",
    "is_integer",
    "known",
    "largest",
    "namespace",
    "on_host",
    "stack",
]


def on_host(*values: Any) -> bool:
    """Tells whether all values are Python or NumPy numbers, so that NumPy can compute with them."""
    return not any(isinstance(value, jax.Array) for value in values)


def known(value: Any) -> bool:
    """Tells whether all numbers in a pytree are readable: not traced, nor on another host."""
    return not any(
        isinstance(leaf, jax.core.Tracer)
        or (isinstance(leaf, jax.Array) and not leaf.is_fully_addressable)
        for leaf in jax.tree.leaves(value)
    )


def float_dtype() -> Any:
    """Returns the dtype of values: float32, or float64 under ``jax_enable_x64``."""
    return jnp.float64 if jax.config.jax_enable_x64 else jnp.float32  # type: ignore[attr-defined]


def int_dtype() -> Any:
    """Returns the dtype of integers: int32, or int64 under ``jax_enable_x64``."""
    return jnp.int64 if jax.config.jax_enable_x64 else jnp.int32  # type: ignore[attr-defined]


def is_integer(value: Any) -> bool:
    """Tells whether a number has an integer type."""
    return bool(jnp.issubdtype(jnp.result_type(value), jnp.integer))


def as_float(value: ArrayLike) -> Any:
    """Converts a number to the dtype of values; host numbers stay in NumPy."""
    if on_host(value):
        return np.asarray(value, float_dtype())[()]
    return jnp.asarray(value).astype(float_dtype())


def exact(value: ArrayLike) -> Any:
    """Converts a host number to float64, and any other to the dtype of values."""
    return np.asarray(value, np.float64)[()] if on_host(value) else as_float(value)


def as_number(value: ArrayLike) -> Any:
    """Converts a number to int32 if it is an integer that fits, else to float32.

    Under ``jax_enable_x64`` the dtypes are int64 and float64. Host numbers stay in NumPy.
    """
    dtype = int_dtype()
    if on_host(value):
        array = np.asarray(value)
        if array.dtype.kind in "iub":
            limits = np.iinfo(dtype)
            if array.size == 0 or (limits.min <= array.min() and array.max() <= limits.max):
                return array.astype(dtype)[()]
        most = np.finfo(float_dtype()).max
        return np.clip(array.astype(np.float64), -most, most).astype(float_dtype())[()]
    traced = jnp.asarray(value)
    if traced.dtype == jnp.bool_:
        return traced.astype(dtype)
    if not is_integer(traced):
        return traced.astype(float_dtype())
    # Unsigned counts, such as the step of `nnx.Optimizer`, saturate at the largest signed one.
    most = min(np.iinfo(traced.dtype).max, np.iinfo(dtype).max)
    return jnp.minimum(traced, np.asarray(most, traced.dtype)).astype(dtype)


def host_count(count: Any) -> Any:
    """Returns a count for JAX; one of the host beyond int32 becomes a float, which holds it."""
    if isinstance(count, int | np.integer | np.ndarray) and not isinstance(count, bool):
        if isinstance(count, int) and abs(count) > 2**1023:
            raise ValueError("`count` must be at most 2**1023, got an integer that no float holds.")
        return as_number(count)
    if count is None or isinstance(
        count, list | tuple | str | range | complex | Sequence | Mapping
    ):
        raise TypeError(
            f"`count` must be a number or an array of numbers, got {count!r}. Use np.asarray to "
            "convert a list."
        )
    return count


def as_count(count: ArrayLike) -> jax.Array:
    """Converts a count to int32 or float32, with negative counts raised to 0."""
    number = jnp.asarray(as_number(count))
    return jnp.maximum(number, jnp.zeros((), number.dtype))


def as_steps(*values: ArrayLike) -> tuple[jax.Array, ...]:
    """Converts counts and lengths to one dtype: integer if all are integers, else float."""
    numbers = [jnp.asarray(as_number(value)) for value in values]
    if all(map(is_integer, numbers)):
        return tuple(numbers)
    return tuple(number.astype(float_dtype()) for number in numbers)


def largest(dtype: Any) -> Any:
    """Returns the largest finite number of a dtype, as a scalar of that dtype."""
    limits = np.iinfo if jnp.issubdtype(dtype, jnp.integer) else np.finfo
    return np.asarray(limits(dtype).max, dtype)[()]


def stack(*numbers: ArrayLike) -> Any:
    """Stacks numbers into one array; it is integer, or on the host, only if all of them are."""
    if on_host(*numbers):
        return np.stack(numbers)
    return jnp.stack(as_steps(*numbers))


def namespace(*values: Any) -> Any:
    """Returns NumPy if all values are on the host, else jax.numpy."""
    return np if on_host(*values) else jnp
