"""Tests of the drop-in convolution and of the pooling against the ordinary operations."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax
from marks import slow

from jaxlr.train.images import convolution
from jaxlr.train.images.convolution import conv_general_dilated, max_pool

pytestmark = pytest.mark.xdist_group("convolution")  # They share programs.

ORDER = ("NHWC", "HWIO", "NHWC")

# Sums of up to some thousand products of unit size, taken in another order.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-3}

# images, kernel, strides, padding
CASES = {
    "same": ((20, 9, 9, 3), (5, 5, 3, 4), (1, 1), "SAME"),
    "valid": ((20, 9, 9, 3), (5, 5, 3, 4), (1, 1), "VALID"),
    "one channel": ((20, 12, 12, 1), (5, 5, 1, 8), (1, 1), "SAME"),
    "even kernel": ((9, 8, 8, 2), (2, 4, 2, 5), (1, 1), "SAME"),
    "odd, oblong": ((7, 11, 6, 3), (3, 2, 3, 4), (1, 1), "SAME"),
    "explicit": ((5, 7, 8, 2), (3, 3, 2, 3), (1, 1), ((0, 2), (3, 1))),
    "1x1": ((5, 7, 8, 2), (1, 1, 2, 3), (1, 1), "VALID"),
    "stride 2": ((20, 9, 8, 3), (3, 3, 3, 4), (2, 2), "SAME"),
    "strides that leave a rest": ((5, 12, 11, 2), (3, 4, 2, 3), (2, 3), "VALID"),
    "single image": ((1, 6, 6, 2), (3, 3, 2, 3), (1, 1), "SAME"),
    "pieces of unequal size": ((131, 5, 5, 2), (3, 3, 2, 3), (1, 1), "SAME"),
}


def normal(seed, shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, np.float32))


def both(case):
    """Returns the drop-in, the ordinary convolution, and operands for them."""
    images, kernel, strides, padding = CASES[case]

    def bind(convolve):
        return lambda x, w: convolve(x, w, strides, padding, dimension_numbers=ORDER)

    return (
        bind(conv_general_dilated),
        bind(lax.conv_general_dilated),
        normal(0, images),
        normal(1, kernel),
    )


def pull(convolve, x, w):
    """Returns both gradients of a weighted sum of the convolution."""
    y, back = jax.vjp(convolve, x, w)
    return back(normal(2, y.shape))


def convolutions(function, *operands):
    """Returns the dimension labels of all convolutions in the compiled function."""
    text = jax.jit(function).lower(*operands).compile().as_text()
    return re.findall(r"dim_labels=([\w>-]+)", text)


@pytest.fixture
def only_on_cpu():
    if jax.default_backend() != "cpu":
        pytest.skip("the drop-in is the ordinary convolution elsewhere")


@pytest.mark.parametrize("case", [slow(case) if at % 3 else case for at, case in enumerate(CASES)])
def test_values_and_gradients_are_those_of_the_ordinary_convolution(case):
    ours, ordinary, x, w = both(case)
    got, want = jax.jit(lambda x, w: [(f(x, w), *pull(f, x, w)) for f in (ours, ordinary)])(x, w)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])
    # The sum over the batch is taken in pieces; the last bits depend on the order.
    np.testing.assert_allclose(got[2], want[2], rtol=0, atol=2e-6 * jnp.abs(want[2]).max())


@pytest.mark.parametrize("case", ["stride 2", *map(slow, ("same", "valid", "single image"))])
def test_gradients_by_integer_arithmetic_are_exact(case):
    # Small integers are summed without rounding in any order, so nothing is forgiven here.
    ours, ordinary, x, w = both(case)

    def gradients(convolve, x, w):
        y, back = jax.vjp(convolve, x, w)
        return back(jnp.round(4 * normal(2, y.shape)))

    x, w = jnp.round(4 * x), jnp.round(4 * w)
    got, want = jax.jit(lambda x, w: [gradients(f, x, w) for f in (ours, ordinary)])(x, w)
    jax.tree.map(np.testing.assert_array_equal, got, want)


@pytest.mark.usefixtures("only_on_cpu")
def test_one_argument_alone_costs_no_convolution_for_the_other():
    ours, _, x, w = both("same")

    def count(function, operand):
        tangent = jax.make_jaxpr(lambda at: jax.jvp(function, (at,), (at,)))(operand)
        return str(tangent).count("conv_general_dilated[")

    pieces = -(-x.shape[0] // convolution._MIN_PIECE)
    assert count(lambda w: ours(x, w), w) == 1 + pieces
    assert count(lambda x: ours(x, w), x) == 1 + 1


def test_batch_is_cut_into_no_more_than_the_stated_pieces(monkeypatch):
    seen = []

    def count(*args, **kwargs):
        seen.append(args[0].shape)
        return lax.conv_general_dilated(*args, **kwargs)

    shim = type("lax", (), {"conv_general_dilated": staticmethod(count)})
    monkeypatch.setattr(convolution, "lax", shim)
    x, w = jnp.ones((1000, 3, 3, 1)), jnp.ones((3, 3, 1, 2))
    convolution._conv_kernel(x, w, (1, 1), ((0, 0), (0, 0)), None)
    assert len(seen) == 16
    assert sum(shape[-1] for shape in seen) == 1000


@pytest.mark.parametrize("case", ["stride 2", slow("same"), slow("valid")])
def test_forward_mode(case):
    ours, ordinary, x, w = both(case)
    tangents = normal(3, x.shape), normal(4, w.shape)
    _, got = jax.jvp(ours, (x, w), tangents)
    _, want = jax.jvp(ordinary, (x, w), tangents)
    np.testing.assert_allclose(got, want, **TOLERANCE)


@pytest.mark.parametrize("outer", [jax.jacfwd, slow(jax.jacrev)])
def test_second_derivative(outer):
    x, w = normal(0, (3, 4, 4, 1)), normal(1, (2, 2, 1, 2))

    def hessian(convolve):
        def loss(w):
            return jnp.sum(convolve(x, w, (1, 1), "SAME", dimension_numbers=ORDER) ** 3)

        return jax.jit(outer(jax.grad(loss)))(w)

    got, want = hessian(conv_general_dilated), hessian(lax.conv_general_dilated)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("axes", [slow((0, 0)), (0, None), slow((None, 0))])
def test_under_vmap(axes):
    ours, ordinary, x, w = both("same")
    xs = jnp.stack([x, 2 * x, x[::-1]]) if axes[0] == 0 else x
    ws = jnp.stack([w, -w, w[::-1]]) if axes[1] == 0 else w

    def gradients(convolve):
        return jax.jit(jax.vmap(lambda x, w: pull(convolve, x, w), axes))(xs, ws)

    for got, want in zip(gradients(ours), gradients(ordinary), strict=True):
        np.testing.assert_allclose(got, want, **TOLERANCE)


@pytest.mark.parametrize("case", ["same", slow("one channel"), slow("stride 2")])
def test_under_jit_and_scan(case):
    ours, ordinary, x, w = both(case)

    def descend(convolve):
        def step(carry, _):
            dx, dw = pull(convolve, *carry)
            return (carry[0] - 0.1 * dx, carry[1] - 0.01 * dw), dw

        return jax.jit(lambda x, w: lax.scan(step, (x, w), length=3))(x, w)

    got, want = descend(ours), descend(ordinary)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE), got, want)


@pytest.mark.usefixtures("only_on_cpu")
@pytest.mark.parametrize(
    "case", ["pieces of unequal size", *map(slow, ("same", "valid", "one channel"))]
)
def test_all_convolutions_in_a_loop_are_canonical(case):
    ours, _, x, w = both(case)

    def step(carry, _):
        dx, dw = pull(ours, *carry)
        return (carry[0] - dx, carry[1] - dw), None

    labels = convolutions(lambda x, w: lax.scan(step, (x, w), length=3)[0], x, w)
    pieces = -(-x.shape[0] // max(8, -(-x.shape[0] // 16)))
    # Forward is not run: these gradients do not need it.
    assert labels == ["b01f_01io->b01f"] * (1 + pieces)


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "VALID"},
        {"padding": "SAME", "strides": 2},
        {"feature_group_count": 2},
        *map(
            slow,
            [
                {"padding": ((1, 0), (2, 1))},
                {"kernel_dilation": 2},
                {"input_dilation": 2, "padding": ((1, 1), (1, 1))},
                {"padding": "CIRCULAR"},
                {"preferred_element_type": jnp.float32},
                {"precision": "highest"},
                {"dtype": jnp.bfloat16},
            ],
        ),
    ],
    ids=str,
)
def test_layer_with_it_is_the_layer_without_it(options):
    ours = nnx.Conv(
        4, 6, (3, 3), conv_general_dilated=conv_general_dilated, rngs=nnx.Rngs(0), **options
    )
    ordinary = nnx.Conv(4, 6, (3, 3), rngs=nnx.Rngs(0), **options)
    x = normal(0, (3, 7, 8, 4))

    def gradients(layer):
        graphdef, params = nnx.split(layer)

        def loss(params, x):
            return jnp.sum(nnx.merge(graphdef, params)(x).astype(jnp.float32) ** 2)

        return jax.jit(jax.grad(loss, (0, 1)))(params, x)

    # bfloat16 keeps 8 bits.
    tolerance = {"rtol": 0.02, "atol": 0.3} if "dtype" in options else TOLERANCE
    np.testing.assert_array_equal(ours(x), ordinary(x))
    got, want = (jax.tree.leaves(gradients(layer)) for layer in (ours, ordinary))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize(
    ("images", "kernel", "options"),
    [
        ((2, 3, 8, 8), (4, 3, 3, 3), {}),
        ((2, 8, 8, 3), (4, 3, 3, 3), {"dimension_numbers": ("NHWC", "OHWI", "NHWC")}),
        ((2, 8, 3), (3, 3, 4), {"dimension_numbers": ("NWC", "WIO", "NWC")}),
        ((4, 8, 8, 3), (3, 3, 3, 4), {"dimension_numbers": ORDER, "batch_group_count": 2}),
        ((0, 8, 8, 3), (3, 3, 3, 4), {"dimension_numbers": ORDER}),
    ],
    ids=["default order", "other kernel order", "one dimension", "batch groups", "no images"],
)
def test_other_cases_are_passed_on(images, kernel, options):
    x, w = normal(0, images), normal(1, kernel)
    strides = (1,) * (len(images) - 2)

    def gradients(convolve):
        return jax.jit(lambda x, w: pull(bind(convolve), x, w))(x, w)

    def bind(convolve):
        return lambda x, w: convolve(x, w, strides, "SAME", **options)

    got, want = gradients(conv_general_dilated), gradients(lax.conv_general_dilated)
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_other_platforms_get_the_ordinary_convolution(monkeypatch):
    ours, ordinary, x, w = both("same")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert "custom_jvp" not in str(jax.make_jaxpr(ours)(x, w))
    np.testing.assert_array_equal(ours(x, w), ordinary(x, w))


POOLS = [
    ((3, 8, 8, 2), (2, 2)),
    ((2, 9, 8, 3), (2, 3)),
    slow((3, 7, 9, 2), (2, 2)),
    slow((2, 10, 11, 1), (3, 3)),
    slow((2, 5, 5, 3), (1, 1)),
    slow((2, 5, 4, 3), (5, 4)),
]


def reference_pool(x, window):
    return nnx.max_pool(x, window, window)


@pytest.mark.parametrize(("shape", "window"), POOLS)
def test_pool_and_its_gradient_are_those_of_flax(shape, window):
    x = normal(0, shape)

    def both_ways(pool):
        def run(x):
            y, back = jax.vjp(lambda x: pool(x, window), x)
            return y, back(normal(1, y.shape))

        return jax.jit(run)(x)

    jax.tree.map(np.testing.assert_array_equal, both_ways(max_pool), both_ways(reference_pool))


@pytest.mark.parametrize(("shape", "window"), POOLS)
def test_pool_gives_the_gradient_to_the_first_of_equals_as_flax_does(shape, window):
    x = jnp.round(normal(0, shape))
    got, want = (
        jax.jit(jax.grad(lambda x, pool=pool: jnp.sum(pool(x, window) ** 2)))(x + 1)
        for pool in (max_pool, reference_pool)
    )
    np.testing.assert_array_equal(got, want)


def test_pool_forward_mode_vmap_and_scan():
    x, dx = normal(0, (3, 7, 6, 2)), normal(1, (3, 7, 6, 2))
    _, got = jax.jvp(max_pool, (x,), (dx,))
    _, back = jax.vjp(lambda x: reference_pool(x, (2, 2)), x)
    weights = normal(2, got.shape)
    np.testing.assert_allclose(jnp.sum(got * weights), jnp.sum(back(weights)[0] * dx), rtol=1e-4)

    np.testing.assert_array_equal(jax.vmap(max_pool)(x), max_pool(x))
    slope = jax.grad(lambda x: jnp.sum(max_pool(x) ** 2))
    batched = jax.jit(jax.vmap(slope))(x)
    scanned = lax.scan(lambda carry, x: (carry, slope(x)), None, x)[1]
    np.testing.assert_array_equal(batched, slope(x))
    np.testing.assert_array_equal(scanned, slope(x))


def test_pool_gradient_holds_no_select_and_scatter():
    text = jax.jit(jax.grad(lambda x: max_pool(x).sum())).lower(jnp.ones((2, 6, 6, 1))).as_text()
    assert "select_and_scatter" not in text
    assert "scatter" not in text
