"""Keras computes in the dtype of its settings: here float64, on the backend that has it."""

import os

import numpy as np
import pytest
from peers.comparison import (
    compare,
    drawn,
    either,
    flags,
    floats,
    integers,
    lengths,
    lists,
    peer,
    rates,
    ratios,
)

from jaxlr.peers import keras as ours

os.environ["KERAS_BACKEND"] = "torch"
peer("torch")
keras = peer("keras")

pytestmark = pytest.mark.filterwarnings("ignore")

COUNTS = np.arange(0, 160, 3)  # Each of them is some calls of tensor operations.

factors = floats(0.05, 1.5)


@pytest.fixture(scope="module", autouse=True)
def _double_precision():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def agree(name, *args, counts=COUNTS, **kwargs):
    schedule = getattr(keras.optimizers.schedules, name)(*args, **kwargs)
    theirs = [float(schedule(int(count))) for count in counts]
    compare(f"keras {name}", getattr(ours, name)(*args, **kwargs), theirs, at=counts)


@drawn(rate=rates, steps=lengths, factor=factors, staircase=flags)
def test_exponential(rate, steps, factor, staircase):
    agree("ExponentialDecay", rate, steps, factor, staircase)


@drawn(rate=rates, steps=lengths, factor=factors, staircase=flags)
def test_inverse_time(rate, steps, factor, staircase):
    agree("InverseTimeDecay", rate, steps, factor, staircase)


@drawn(
    boundaries=lists(integers(0, 100), 3, unique=True),
    values=lists(rates, 4),
)
def test_piecewise_constant(boundaries, values):
    agree("PiecewiseConstantDecay", sorted(boundaries), values)


@drawn(rate=rates, steps=lengths, end=ratios, power=floats(0.2, 4.0))
def test_polynomial(rate, steps, end, power):
    agree("PolynomialDecay", rate, steps, end * rate, power)


@drawn(rate=rates, steps=lengths, end=ratios, power=floats(0.2, 4.0))
def test_polynomial_cycle(rate, steps, end, power):
    agree("PolynomialDecay", rate, steps, end * rate, power, cycle=True)


@drawn(rate=rates, steps=lengths, alpha=ratios)
def test_cosine(rate, steps, alpha):
    agree("CosineDecay", rate, steps, alpha)


@drawn(rate=ratios, steps=lengths, alpha=ratios, target=rates, warmup=lengths)
def test_warmup_cosine(rate, steps, alpha, target, warmup):
    agree("CosineDecay", rate, steps, alpha, warmup_target=target, warmup_steps=warmup)


@drawn(
    rate=rates,
    steps=lengths,
    t_mul=either(1.0, 1.5, 2.0, 3.0),
    m_mul=factors,
    alpha=ratios,
)
def test_cosine_restarts(rate, steps, t_mul, m_mul, alpha):
    # At the first step of a longer cycle Keras may be in the one before, by its rounding.
    starts = np.cumsum(steps * t_mul ** np.arange(20))
    counts = COUNTS if t_mul == 1.0 else np.setdiff1d(COUNTS, starts)
    agree("CosineDecayRestarts", rate, steps, t_mul, m_mul, alpha, counts=counts)


@drawn(cases=3, rate=rates)
def test_a_function_of_the_epoch(rate):
    def of_both(epoch, lr):
        return lr if epoch < 3 else 0.9 * lr

    def of_the_epoch(epoch):
        return rate / (1.0 + epoch)

    for function in (of_both, of_the_epoch):
        optimizer = keras.optimizers.SGD(rate)
        model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
        model.compile(optimizer, "mse")
        callback = keras.callbacks.LearningRateScheduler(function)
        callback.set_model(model)
        theirs = []
        for epoch in range(20):
            callback.on_epoch_begin(epoch)
            theirs += [float(optimizer.learning_rate)] * 5
        schedule = ours.LearningRateScheduler(
            function, num_epochs=20, steps_per_epoch=5, learning_rate=rate
        )
        compare("keras LearningRateScheduler", schedule, theirs, at=np.arange(100))


def test_a_function_of_the_rate_needs_one():
    with pytest.raises(ValueError, match="LearningRateScheduler: `learning_rate` must be given"):
        ours.LearningRateScheduler(lambda epoch, lr: lr, num_epochs=3)


def test_names_and_verbosity_have_their_places():
    assert ours.ExponentialDecay(0.1, 5, 0.9, True, "name") == ours.ExponentialDecay(
        0.1, 5, 0.9, staircase=True
    )
    assert ours.CosineDecay(0.0, 9, 0.1, "name", 1.0, 3) == ours.CosineDecay(
        0.0, 9, alpha=0.1, warmup_target=1.0, warmup_steps=3
    )
    assert ours.ReduceLROnPlateau(0.1, "loss", 0.5, 3, 1, "min") == ours.ReduceLROnPlateau(
        0.1, monitor="loss", factor=0.5, patience=3
    )


@pytest.mark.parametrize("warmup", [0, 1, 9, 10, 11])
def test_a_warm_up_of_any_length(warmup):
    theirs = keras.optimizers.schedules.CosineDecay(
        0.0, 10, alpha=0.1, warmup_target=1.0, warmup_steps=warmup
    )
    schedule = ours.CosineDecay(0.0, 10, alpha=0.1, warmup_target=1.0, warmup_steps=warmup)
    counts = np.arange(30)
    values = [float(theirs(int(count))) for count in counts]
    np.testing.assert_allclose(schedule(counts), values, rtol=1e-6)
