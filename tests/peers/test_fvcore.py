"""fvcore computes in double precision, of the part of training that is done: from 0 up to 1."""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import assert_same, drawn, peer, rates

import jaxlr

param_scheduler = peer("fvcore.common.param_scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

horizons = st.integers(5, 120)


def agree(ours, name, steps, *args, **arguments):
    theirs = getattr(param_scheduler, f"{name}ParamScheduler")(*args, **arguments)
    counts = np.arange(steps)
    assert_same(f"fvcore {name}", ours(counts), [theirs(count / steps) for count in counts])


@drawn(value=rates, steps=horizons)
def test_constant(value, steps):
    agree(jaxlr.constant_schedule(value), "Constant", steps, value)


@drawn(start=rates, ratio=st.floats(0.0, 2.0), steps=horizons)
def test_cosine(start, ratio, steps):
    schedule = jaxlr.transition_schedule(start, ratio * start, steps, "cosine")
    agree(schedule, "Cosine", steps, start, ratio * start)


@drawn(start=rates, decay=st.floats(1e-4, 10.0), steps=horizons)
def test_exponential(start, decay, steps):
    schedule = jaxlr.exponential_decay(start, steps, decay)
    agree(schedule, "Exponential", steps, start, decay)


@drawn(start=rates, decay=st.floats(1e-4, 10.0), steps=horizons)
def test_exponential_to_its_end(start, decay, steps):
    schedule = jaxlr.geometric_schedule(start, start * decay, steps)
    agree(schedule, "Exponential", steps, start, decay)


@drawn(start=rates, ratio=st.floats(0.0, 2.0), steps=horizons)
def test_linear(start, ratio, steps):
    agree(jaxlr.linear_schedule(start, ratio * start, steps), "Linear", steps, start, ratio * start)


@drawn(
    milestones=st.lists(st.integers(1, 60), min_size=3, max_size=3, unique=True).map(sorted),
    values=st.lists(rates, min_size=4, max_size=4),
    rest=st.integers(1, 30),
)
def test_multi_step(milestones, values, rest):
    steps = milestones[-1] + rest
    schedule = jaxlr.piecewise_constant_values_schedule(milestones, values)
    agree(schedule, "MultiStep", steps, values, num_updates=steps, milestones=milestones)


@drawn(values=st.lists(rates, min_size=1, max_size=5), steps=horizons)
def test_step(values, steps):
    schedule = jaxlr.table_schedule(values, steps / len(values))
    agree(schedule, "Step", steps, num_updates=steps, values=values)


@drawn(base=rates, num_decays=st.integers(1, 4), gamma=st.floats(0.01, 1.2), steps=horizons)
def test_step_with_fixed_gamma(base, num_decays, gamma, steps):
    schedule = jaxlr.step_decay(base, steps / (num_decays + 1), gamma)
    agree(schedule, "StepWithFixedGamma", steps, base, num_decays, gamma, steps)


@drawn(base=rates, power=st.floats(0.2, 4.0), steps=horizons)
def test_polynomial(base, power, steps):
    schedule = jaxlr.polynomial_schedule(base, 0.0, power, steps)
    agree(schedule, "PolynomialDecay", steps, base, power)
