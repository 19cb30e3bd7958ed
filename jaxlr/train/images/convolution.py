"""Convolution and pooling whose gradients are fast on XLA CPU, also inside loops.

XLA CPU hands a convolution to its vectorised, threaded kernels only when the operands lie
in the canonical order: images NHWC, kernel HWIO, result NHWC. The gradients that automatic
differentiation writes down are convolutions too, but in permuted orders. XLA puts the
permuted ones into canonical order at the top level of a program, not inside the body of a
loop; there they run in a plain scalar loop. A training epoch written as one
`jax.lax.scan` meets exactly this case.

`conv_general_dilated` is a drop-in for `jax.lax.conv_general_dilated`, made for
``nnx.Conv(..., conv_general_dilated=conv_general_dilated)``. Its gradients are written with
the operands transposed beforehand, so that every convolution in forward and reverse mode is
canonical wherever it stands. `max_pool` does the same service for pooling: the gradient of
`flax.nnx.max_pool` is a select-and-scatter, which XLA CPU runs element by element.

Measured on 2 cores with float32 and batches of 128 images. Each figure is the time with the
ordinary operations divided by the time with those here (jax 0.10.2):

================================================  =================  ============
forward and gradient of                           inside `lax.scan`  at top level
================================================  =================  ============
5x5 convolution to 32, 28x28x1, kernel only       31                 1.4
5x5 convolution to 64, 14x14x32, both gradients   66                 1.5
2x2 maximum, 28x28x32                             4                  22
training step of `jaxlr.train.CNN`                27
training step of `jaxlr.train.FastCNN`            18
================================================  =================  ============

How it works. The derivative rule is a `jax.custom_jvp`, whose tangent is written as a
convolution in the permuted order *of which the transpose is canonical*; reverse mode runs
the transpose. So everything JAX offers keeps working: `jit`, `vmap`, `scan`, forward mode,
and derivatives of derivatives. Forward mode and second derivatives are correct but not
faster than before. The gradient with respect to the kernel is summed over up to 16 pieces of
the batch, since transposing small pieces stays in the cache; its last bits may therefore
differ from the ordinary gradient. Forward values and the gradient with respect to the
images are the same convolutions as the ordinary ones.

On GPU and TPU the ordinary convolution is used. The choice falls at trace time by
`jax.default_backend`: `jax.lax.platform_dependent` would choose later, but keeps the
residuals of both branches under differentiation.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

__all__ = ["conv_general_dilated", "max_pool"]

_CANONICAL = ("NHWC", "HWIO", "NHWC")
_MAX_PIECES = 16
_MIN_PIECE = 8

_Pads = tuple[tuple[int, int], ...]


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> jax.Array:
    """Convolve like `jax.lax.conv_general_dilated`, with gradients fast on CPU.

    The fast gradients are used on CPU for two-dimensional convolutions in the order
    NHWC, HWIO, NHWC with equal floating types, any strides and any padding, without
    dilation and without groups. Every other case is passed on unchanged.

    Args:
        lhs: The images.
        rhs: The kernel.
        window_strides: The stride along each spatial dimension.
        padding: ``"SAME"``, ``"VALID"`` or pairs (low, high), one for each spatial dimension.
        lhs_dilation: As in `jax.lax.conv_general_dilated`.
        rhs_dilation: As in `jax.lax.conv_general_dilated`.
        dimension_numbers: As in `jax.lax.conv_general_dilated`.
        feature_group_count: As in `jax.lax.conv_general_dilated`.
        batch_group_count: As in `jax.lax.conv_general_dilated`.
        precision: As in `jax.lax.conv_general_dilated`.
        preferred_element_type: As in `jax.lax.conv_general_dilated`.
        out_sharding: As in `jax.lax.conv_general_dilated`.

    Returns:
        The convolved images.

    Example:
        >>> from flax import nnx
        >>> layer = nnx.Conv(
        ...     1, 32, (5, 5), conv_general_dilated=conv_general_dilated, rngs=nnx.Rngs(0)
        ... )
        >>> layer(jnp.ones((2, 28, 28, 1))).shape
        (2, 28, 28, 32)
    """
    plain = (
        jax.default_backend() == "cpu"
        and lhs.ndim == 4
        and lhs.shape[0] > 0
        and lhs.dtype == rhs.dtype
        and jnp.issubdtype(lhs.dtype, jnp.floating)
        and _is_canonical(lhs, rhs, dimension_numbers)
        and all(d == 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
        and feature_group_count == batch_group_count == 1
        and preferred_element_type is None
        and out_sharding is None
    )
    if plain:
        strides = tuple(window_strides)
        if isinstance(padding, str):
            padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
        pads = tuple((int(low), int(high)) for low, high in padding)
        return _conv(lhs, rhs, strides, pads, precision)
    return lax.conv_general_dilated(
        lhs,
        rhs,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        dimension_numbers,
        feature_group_count,
        batch_group_count,
        precision,
        preferred_element_type,
        out_sharding=out_sharding,
    )


def _is_canonical(lhs: jax.Array, rhs: jax.Array, dimension_numbers: Any) -> bool:
    def specs(numbers: Any) -> lax.ConvDimensionNumbers:
        return lax.conv_dimension_numbers(lhs.shape, rhs.shape, numbers)

    return bool(specs(dimension_numbers) == specs(_CANONICAL))


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _conv(
    x: jax.Array, kernel: jax.Array, strides: tuple[int, ...], pads: _Pads, precision: Any
) -> jax.Array:
    return lax.conv_general_dilated(
        x, kernel, strides, pads, dimension_numbers=_CANONICAL, precision=precision
    )


@functools.partial(_conv.defjvp, symbolic_zeros=True)
def _conv_jvp(
    strides: tuple[int, ...],
    pads: _Pads,
    precision: Any,
    primals: tuple[jax.Array, jax.Array],
    tangents: tuple[Any, Any],
) -> tuple[jax.Array, Any]:
    x, kernel = primals
    dx, dkernel = tangents
    y = _conv(x, kernel, strides, pads, precision)
    terms = []
    # Images are mostly not differentiated: a symbolic zero saves a whole convolution.
    if not isinstance(dx, SymbolicZero):
        terms.append(_conv_images(dx, kernel, strides, pads, precision))
    if not isinstance(dkernel, SymbolicZero):
        terms.append(_conv_kernel(x, dkernel, strides, pads, precision))
    return y, functools.reduce(operator.add, terms)


def _conv_images(
    dx: jax.Array, kernel: jax.Array, strides: tuple[int, ...], pads: _Pads, precision: Any
) -> jax.Array:
    """The convolution as a linear function of the images, of canonical transpose."""
    return lax.conv_general_dilated(
        dx,
        kernel.transpose(0, 1, 3, 2),
        strides,
        pads,
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
        precision=precision,
    )


def _conv_kernel(
    x: jax.Array, dkernel: jax.Array, strides: tuple[int, ...], pads: _Pads, precision: Any
) -> jax.Array:
    """The convolution as a linear function of the kernel, of canonical transpose."""
    size = max(_MIN_PIECE, -(-x.shape[0] // _MAX_PIECES))
    pieces = [
        lax.conv_general_dilated(
            x[start : start + size].transpose(3, 1, 2, 0),
            dkernel.transpose(2, 0, 1, 3),
            strides,
            pads,
            dimension_numbers=("CHWN", "IHWO", "HWNC"),
            precision=precision,
        )
        for start in range(0, x.shape[0], size)
    ]
    return jnp.concatenate(pieces, axis=2).transpose(2, 0, 1, 3)


def max_pool(x: jax.Array, window_shape: tuple[int, int] = (2, 2)) -> jax.Array:
    """Take the maximum of non-overlapping windows of the images.

    Equals ``nnx.max_pool(x, window_shape, strides=window_shape)``: rows and columns that do
    not fill a window are cut off. The gradient goes to the first of equal maxima in row-major
    order, as there; `jax.numpy.maximum` would have split it among them.

    Args:
        x: The images, in the order ``(..., height, width, channels)``.
        window_shape: Height and width of the window, which are the strides too.

    Returns:
        The pooled images.

    Example:
        >>> max_pool(jnp.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
        Array([[ 5.,  7.],
               [13., 15.]], dtype=float32)
    """
    return _max_pool(x, tuple(window_shape))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _max_pool(x: jax.Array, window: tuple[int, int]) -> jax.Array:
    return functools.reduce(jnp.maximum, _members(x, window))


@_max_pool.defjvp
def _max_pool_jvp(
    window: tuple[int, int], primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    (x,), (dx,) = primals, tangents
    y = _max_pool(x, window)
    rows, columns = window
    places = jnp.arange(rows * columns, dtype=jnp.int32).reshape(rows, 1, columns, 1)
    first = _first_place(x, y, window)[..., :, None, :, None, :]
    # A mask over a reshaped view: its transpose is a select, while the transpose of the
    # strided slices would be a sum of padded arrays.
    tangent = jnp.where(first == places, _blocks(dx, window), 0).sum((-4, -2))
    return y, tangent


def _first_place(x: jax.Array, y: jax.Array, window: tuple[int, int]) -> jax.Array:
    """The row-major place within each window of its first maximum."""
    place = jnp.zeros(y.shape, jnp.int32)
    for index, member in reversed(list(enumerate(_members(x, window)))):
        place = jnp.where(member == y, jnp.int32(index), place)
    return place


def _members(x: jax.Array, window: tuple[int, int]) -> list[jax.Array]:
    """One strided slice for each place in the window, in row-major order."""
    x = _cut(x, window)
    rows, columns = window
    return [
        x[..., row::rows, column::columns, :]
        for row, column in itertools.product(range(rows), range(columns))
    ]


def _blocks(x: jax.Array, window: tuple[int, int]) -> jax.Array:
    """The images with each window as two dimensions of their own."""
    x = _cut(x, window)
    rows, columns = window
    *batch, height, width, channels = x.shape
    return x.reshape(*batch, height // rows, rows, width // columns, columns, channels)


def _cut(x: jax.Array, window: tuple[int, int]) -> jax.Array:
    rows, columns = window
    height, width = x.shape[-3] // rows * rows, x.shape[-2] // columns * columns
    return x[..., :height, :width, :]
