"""Keras computes in the dtype of its settings: here float64, on the backend that has it."""

import os

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import assert_same, drawn, lengths, peer, rates

from jaxlr.peers import keras as ours

os.environ["KERAS_BACKEND"] = "torch"
peer("torch")
keras = peer("keras")

pytestmark = pytest.mark.filterwarnings("ignore")

COUNTS = np.arange(100)  # Each of them is some calls of tensor operations.

factors = st.floats(0.05, 1.5)


@pytest.fixture(scope="module", autouse=True)
def _double_precision():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def agree(name, *args, counts=COUNTS, **kwargs):
    schedule = getattr(keras.optimizers.schedules, name)(*args, **kwargs)
    theirs = [float(schedule(int(count))) for count in counts]
    values = getattr(ours, name)(*args, **kwargs)(counts)
    assert_same(f"keras {name}", values, theirs, counts=counts)


@drawn(rate=rates, steps=lengths, factor=factors, staircase=st.booleans())
def test_exponential(rate, steps, factor, staircase):
    agree("ExponentialDecay", rate, steps, factor, staircase)


@drawn(rate=rates, steps=lengths, factor=factors, staircase=st.booleans())
def test_inverse_time(rate, steps, factor, staircase):
    agree("InverseTimeDecay", rate, steps, factor, staircase)


@drawn(
    boundaries=st.lists(st.integers(0, 100), min_size=3, max_size=3, unique=True),
    values=st.lists(rates, min_size=4, max_size=4),
)
def test_piecewise_constant(boundaries, values):
    agree("PiecewiseConstantDecay", sorted(boundaries), values)


@drawn(rate=rates, steps=lengths, end=st.floats(0.0, 1.0), power=st.floats(0.2, 4.0))
def test_polynomial(rate, steps, end, power):
    agree("PolynomialDecay", rate, steps, end * rate, power)


@drawn(rate=rates, steps=lengths, end=st.floats(0.0, 1.0), power=st.floats(0.2, 4.0))
def test_polynomial_cycle(rate, steps, end, power):
    agree("PolynomialDecay", rate, steps, end * rate, power, cycle=True)


@drawn(rate=rates, steps=lengths, alpha=st.floats(0.0, 1.0))
def test_cosine(rate, steps, alpha):
    agree("CosineDecay", rate, steps, alpha)


@drawn(
    rate=st.floats(0.0, 1.0), steps=lengths, alpha=st.floats(0.0, 1.0), target=rates, warmup=lengths
)
def test_warmup_cosine(rate, steps, alpha, target, warmup):
    agree("CosineDecay", rate, steps, alpha, warmup_target=target, warmup_steps=warmup)


@drawn(
    rate=rates,
    steps=lengths,
    t_mul=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    m_mul=factors,
    alpha=st.floats(0.0, 1.0),
)
def test_cosine_restarts(rate, steps, t_mul, m_mul, alpha):
    # At the first step of a longer cycle Keras may be in the one before, by its rounding.
    starts = np.cumsum(steps * t_mul ** np.arange(20))
    counts = COUNTS if t_mul == 1.0 else np.setdiff1d(COUNTS, starts)
    agree("CosineDecayRestarts", rate, steps, t_mul, m_mul, alpha, counts=counts)
