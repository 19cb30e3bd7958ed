"""Measured defects of optax's schedules that a user of jaxlr must never meet.

Every test runs on both libraries: it must fail on optax 0.2.8 and pass on jaxlr. Where a later
optax passes, the mark is taken off.
"""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import optax
import pytest

import jaxlr

on_both = pytest.mark.parametrize(
    "library",
    [
        pytest.param(
            optax, marks=[pytest.mark.xfail(strict=True), pytest.mark.promotes], id="optax"
        ),
        jaxlr,
    ],
    ids=lambda library: library.__name__,
)


def relative_error(values, exact):
    values, exact = np.asarray(values, np.float64), np.asarray(exact, np.float64)
    return np.max(np.abs(values - exact) / np.where(exact == 0, 1, np.abs(exact)))


# 1. XLA multiplies by the reciprocal of a constant, so a clamped fraction can pass 1.
@on_both
@pytest.mark.parametrize("steps", [300, 500, 1000, 2000, 30000])
def test_a_compiled_power_is_not_nan_from_its_end_on(library, steps):
    lr = jax.jit(library.polynomial_schedule(1.0, 0.0, 0.9, steps))
    assert np.all(lr(np.arange(steps - 1, steps + 2))[1:] == 0)


@on_both
def test_training_with_a_polynomial_goes_on_past_its_end(library):
    optimizer = optax.sgd(library.polynomial_schedule(0.1, 0.0, 0.9, 1000))

    @jax.jit
    def train(w):
        def step(carry, _):
            w, state = carry
            updates, state = optimizer.update(2 * w, state)
            return (optax.apply_updates(w, updates), state), None

        return jax.lax.scan(step, (w, optimizer.init(w)), length=1003)[0][0]

    assert np.isfinite(train(jnp.float32(1)))


# 2. The same rewrite makes a compiled staircase one count late.
@on_both
def test_a_compiled_staircase_is_never_late(library):
    for steps in (41, 47, 55, 61, 82):
        counts = np.arange(10) * steps
        lr = jax.jit(library.exponential_decay(1.0, steps, 0.5, staircase=True))
        np.testing.assert_allclose(lr(counts), 0.5 ** np.arange(10.0), rtol=1e-6)


# 3. Parameters that cannot be traced.
@on_both
@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("cosine_decay_schedule", {"init_value": 0.1, "decay_steps": 9}),
        (
            "warmup_cosine_decay_schedule",
            {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 3, "decay_steps": 9},
        ),
        ("exponential_decay", {"init_value": 0.1, "transition_steps": 3, "decay_rate": 0.5}),
        ("linear_schedule", {"init_value": 0.1, "end_value": 0.0, "transition_steps": 9}),
        ("linear_onecycle_schedule", {"transition_steps": 9, "peak_value": 0.1}),
        ("cosine_onecycle_schedule", {"transition_steps": 9, "peak_value": 0.1, "pct_start": 0.3}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_every_parameter_can_be_traced(library, family, parameters):
    constructor = getattr(library, family)
    expected = constructor(**parameters)(4)
    compiled = jax.jit(lambda parameters, count: constructor(**parameters)(count))
    np.testing.assert_allclose(compiled(parameters, 4), expected, rtol=1e-5)
    batch = {name: jnp.asarray([value, value]) for name, value in parameters.items()}
    values = jax.vmap(lambda parameters: constructor(**parameters)(4))(batch)
    np.testing.assert_allclose(values, [expected, expected], rtol=1e-5)


@pytest.mark.parametrize(
    "family", ["piecewise_constant_schedule", "piecewise_interpolate_schedule"]
)
def test_boundaries_and_scales_can_be_traced(family):
    """optax takes a dict, whose keys cannot be traced; here a pair of arrays does as well."""
    constructor = getattr(jaxlr, family)
    kind = ("linear",) if "interpolate" in family else ()
    expected = constructor(*kind, 1.0, {3: 0.5, 8: 0.1})(np.arange(12))

    @jax.jit
    def curve(boundaries, scales):
        return constructor(*kind, 1.0, (boundaries, scales))(jnp.arange(12))

    np.testing.assert_allclose(curve(jnp.array([8, 3]), jnp.array([0.1, 0.5])), expected, rtol=1e-6)
    rows = jax.vmap(curve)(jnp.array([[3, 8], [3, 8]]), jnp.array([[0.5, 0.1], [0.5, 0.1]]))
    np.testing.assert_allclose(rows, [expected, expected], rtol=1e-6)


def test_boundaries_of_joins_can_be_traced():
    pieces = [jaxlr.constant_schedule(1.0), jaxlr.constant_schedule(2.0)]
    values = jax.vmap(lambda b: jaxlr.join_schedules(pieces, b)(4))(jnp.array([[3], [4], [5]]))
    np.testing.assert_array_equal(values, [2, 2, 1])


# 4 and 5. Accuracy near the end of a decay.
@on_both
@pytest.mark.parametrize("steps", [10**3, 10**6, 10**9, 2**31 - 1])
def test_a_cosine_keeps_its_digits_to_the_end(library, steps):
    left = np.unique(np.geomspace(1, steps - 1, 300).astype(np.int64))
    lr = library.cosine_decay_schedule(1.0, steps)
    exact = [float(mpmath.sin(mpmath.pi * int(n) / (2 * steps)) ** 2) for n in left]
    assert relative_error(jax.jit(lr)(steps - left), exact) < 1e-6


@on_both
@pytest.mark.parametrize("steps", [10**7, 10**9])
def test_a_line_keeps_its_digits_to_the_end(library, steps):
    left = np.unique(np.geomspace(1, steps - 1, 300).astype(np.int64))
    lr = library.linear_schedule(1.0, 0.0, steps)
    assert relative_error(jax.jit(lr)(steps - left), left / steps) < 1e-6


@on_both
def test_compiled_and_uncompiled_values_are_the_same(library):
    counts = np.arange(10_000)
    for lr in (
        library.cosine_decay_schedule(0.1, 9973),
        library.exponential_decay(0.1, 731, 0.9),
        library.linear_schedule(0.3, 0.1, 9973),
    ):
        np.testing.assert_array_equal(lr(counts), jax.jit(lr)(counts))


# 6. An exponential with a rate near 1.
@on_both
@pytest.mark.parametrize(("rate", "count"), [(0.9999, 300_000), (0.999999, 10_000_000)])
def test_a_rate_near_one_keeps_its_digits(library, rate, count):
    value = jax.jit(library.exponential_decay(1.0, 1, rate))(count)
    assert relative_error(value, math.exp(count * math.log(rate))) < 1e-6


@pytest.mark.parametrize("steps", [1, 1000])
def test_an_exponential_keeps_its_digits_however_far(steps):
    rate = 0.999
    counts = np.unique(np.geomspace(1, 80_000 * steps, 500).astype(np.int64))
    exact = [float(mpmath.mpf(rate) ** (mpmath.mpf(int(c)) / steps)) for c in counts]
    assert relative_error(jaxlr.exponential_decay(1.0, steps, rate)(counts), exact) < 1e-6


# 7. NaN gradients with finite values.
@on_both
@pytest.mark.parametrize("count", [100, 101])
def test_roots_have_gradients_from_their_end_on(library, count):
    def root(steps):
        return library.polynomial_schedule(1.0, 0.0, 0.5, steps)(jnp.float32(count))

    def wave(steps):
        return library.cosine_decay_schedule(1.0, steps, exponent=0.5)(jnp.float32(count))

    assert np.isfinite(jax.grad(root)(100.0))
    assert np.isfinite(jax.grad(wave)(100.0))


@pytest.mark.promotes
@on_both
def test_a_piece_out_of_turn_spoils_no_gradient(library):
    def value(peak):
        pieces = [lambda count: peak * count, lambda count: peak * (count + 0.0) ** -0.5]
        return library.join_schedules(pieces, [4])(jnp.int32(3))

    def turned(shift):
        pieces = [lambda count: shift * count, lambda count: (count - shift) ** 0.5]
        return library.join_schedules(pieces, [4])(jnp.int32(1))

    assert jax.grad(value)(0.1) == 3
    assert jax.grad(turned)(0.0) == 1


@on_both
def test_a_long_hold_spoils_no_gradient(library):
    def value(rate):
        return library.exponential_decay(0.1, 1, rate, transition_begin=10_000)(jnp.int32(0))

    assert jax.grad(value)(0.5) == 0


# 8. A phase of length 0 is over.
@on_both
def test_a_warmup_of_length_zero_is_over(library):
    assert library.warmup_constant_schedule(0.1, 1.0, warmup_steps=0)(0) == 1


@on_both
def test_a_line_of_length_zero_is_over(library):
    assert library.linear_schedule(1.0, 0.5, transition_steps=0)(0) == 0.5
    assert library.polynomial_schedule(1.0, 0.5, 2, 0)(0) == 0.5


@on_both
def test_a_decay_of_length_zero_is_over(library):
    lr = library.warmup_cosine_decay_schedule(
        0.0, 1.0, warmup_steps=5, decay_steps=5, end_value=0.1
    )
    np.testing.assert_allclose(lr(np.array([0, 4, 5, 6])), [0, 0.8, 0.1, 0.1], rtol=1e-6)


# 9. Unsigned counts, such as `nnx.Optimizer.step`.
@on_both
@pytest.mark.parametrize(
    ("family", "args"),
    [
        ("linear_schedule", (1.0, 0.0, 10, 5)),
        ("polynomial_schedule", (1.0, 0.0, 2, 10, 5)),
        ("piecewise_constant_schedule", (1.0, {3: 0.5, 8: 0.1})),
    ],
)
def test_unsigned_counts_give_the_values_of_signed_ones(library, family, args):
    lr = getattr(library, family)(*args)
    for count in (0, 2, 3, 9, 20):
        np.testing.assert_array_equal(lr(jnp.uint32(count)), lr(jnp.int32(count)))


# 10. Negative counts.
@on_both
@pytest.mark.parametrize(
    ("family", "args"),
    [
        ("linear_onecycle_schedule", (10, 1.0)),
        ("cosine_onecycle_schedule", (10, 1.0)),
        ("piecewise_interpolate_schedule", ("linear", 1.0, {3: 0.5})),
        ("cosine_decay_schedule", (1.0, 10)),
    ],
)
def test_the_first_value_holds_before_count_zero(library, family, args):
    lr = getattr(library, family)(*args)
    for count in (-1, -7):
        np.testing.assert_allclose(lr(count), lr(0), rtol=1e-6)


# 11. Arrays of counts.
@on_both
@pytest.mark.parametrize(
    ("family", "args"),
    [
        ("linear_onecycle_schedule", (10, 1.0)),
        ("cosine_onecycle_schedule", (10, 1.0)),
        ("piecewise_interpolate_schedule", ("cosine", 1.0, {3: 0.5, 8: 0.1})),
        ("constant_schedule", (1.0,)),
    ],
)
def test_an_array_of_counts_gives_an_array_of_values(library, family, args):
    lr = getattr(library, family)(*args)
    values = lr(jnp.arange(12).reshape(3, 4))
    assert values.shape == (3, 4)
    np.testing.assert_allclose(
        values, np.array([lr(count) for count in range(12)]).reshape(3, 4), rtol=1e-6
    )


# 12. A peak of zero.
@on_both
def test_a_peak_of_zero_keeps_the_end_value(library):
    lr = library.warmup_cosine_decay_schedule(0.2, 0.0, 5, 10, end_value=0.1)
    np.testing.assert_allclose(lr(10), 0.1, rtol=1e-6)


# 13. A join of many pieces.
def test_a_join_of_many_pieces_is_as_small_a_program_as_one_of_few():
    def operations(pieces):
        lr = jaxlr.join_schedules(
            [jaxlr.linear_schedule(1.0, i / pieces, 10) for i in range(pieces)],
            [10 * i for i in range(1, pieces)],
        )
        return len(jax.make_jaxpr(lr)(5).eqns)

    assert operations(1000) == operations(100)


# 15 and 22. Another value compiles nothing, whether a Python number or an array.
def test_python_numbers_and_arrays_share_one_trace():
    traces = []

    @jax.jit
    def value(lr, count):
        traces.append(1)
        return lr(count)

    lr = jaxlr.cosine_decay_schedule(0.1, 100)
    for other in (lr, lr.replace(init_value=1), lr.replace(decay_steps=np.int32(7))):
        value(other.as_arrays(), 3)
    value(jax.tree.map(jnp.asarray, lr.as_arrays()), 3)
    assert len(traces) == 1


# 17. The rate in a bfloat16 optimizer.
@pytest.mark.promotes
@on_both
def test_a_rate_keeps_its_digits_beside_bfloat16_parameters(library):
    optimizer = optax.inject_hyperparams(optax.sgd)(library.constant_schedule(0.1))
    params = jnp.ones(2, jnp.bfloat16)
    _, state = optimizer.update(params, optimizer.init(params), params)
    assert state.hyperparams["learning_rate"] == jnp.float32(0.1)
