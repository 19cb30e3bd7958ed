"""Ignite computes in double precision, so its values are held to 1e-6 at every step."""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, lengths, peer, rates

from jaxlr.peers import ignite as ours
from jaxlr.peers import torch as ours_in_torch

torch = peer("torch")
handlers = peer("ignite.handlers")
state = peer("ignite.handlers.state_param_scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

ratios = st.floats(0.0, 1.0)


def optimizer_of(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def values_of(scheduler):
    values = []
    for _ in COUNTS:
        scheduler(None)
        values.append(scheduler.optimizer_param_groups[0]["lr"])
    return values


def agree(name, *args, atol=1e-12, **arguments):
    theirs = getattr(handlers, name)(optimizer_of(1.0), "lr", *args, **arguments)
    values = getattr(ours, name)(*args, **arguments)(COUNTS)
    assert_same(f"ignite {name}", values, values_of(theirs), atol=atol)


def agree_in_state(name, **arguments):
    theirs = getattr(state, name)(param_name="x", **arguments)
    values = []
    for _ in COUNTS:
        values.append(theirs.get_param())
        theirs.event_index += 1
    assert_same(f"ignite {name}", getattr(ours, name)(**arguments)(COUNTS), values)


cycles = {
    "start": rates,
    "ratio": ratios,
    "cycle_size": st.integers(2, 40),
    "cycle_mult": st.sampled_from([1.0, 2.0, 3.0]),
    "start_value_mult": st.sampled_from([1.0, 0.9, 0.5]),
    "end_value_mult": st.sampled_from([1.0, 0.9]),
}


def agree_in_cycles(name, start, ratio, cycle_mult, **arguments):
    # In a cycle that is stretched the count is a fraction, which a float32 rounds.
    atol = 1e-12 if cycle_mult == 1.0 else 1e-6
    agree(name, start, ratio * start, cycle_mult=cycle_mult, **arguments, atol=atol)


@drawn(**cycles)
def test_linear_cyclical(**arguments):
    agree_in_cycles("LinearCyclicalScheduler", **arguments)


@drawn(start=rates, ratio=ratios, cycle_size=st.integers(2, 40))
def test_linear_cyclical_of_one_kind(start, ratio, cycle_size):
    agree("LinearCyclicalScheduler", start, ratio * start, cycle_size)


@drawn(**cycles, warmup_duration=st.integers(0, 10))
def test_linear_cyclical_one_way(**arguments):
    agree_in_cycles("LinearCyclicalScheduler", monotonic=True, **arguments)


@drawn(**cycles, warmup_duration=st.integers(0, 10))
def test_cosine_annealing(**arguments):
    agree_in_cycles("CosineAnnealingScheduler", **arguments)


@drawn(
    milestones=st.lists(lengths, min_size=3, max_size=3, unique=True).map(sorted),
    values=st.lists(rates, min_size=3, max_size=3),
)
def test_piecewise_linear(milestones, values):
    agree("PiecewiseLinear", list(zip(milestones, values, strict=True)))


@drawn(start=rates, size=st.integers(2, 20), first=st.integers(1, 50))
def test_concatenation(start, size, first):
    optimizer = optimizer_of(1.0)
    theirs = handlers.ConcatScheduler(
        [
            handlers.LinearCyclicalScheduler(optimizer, "lr", start, 0.5 * start, size),
            handlers.CosineAnnealingScheduler(optimizer, "lr", 0.5 * start, 0.01 * start, size),
        ],
        [first],
    )
    values = []
    for _ in COUNTS:
        theirs(None)
        values.append(optimizer.param_groups[0]["lr"])
    schedule = ours.ConcatScheduler(
        [
            ours.LinearCyclicalScheduler(start, 0.5 * start, size),
            ours.CosineAnnealingScheduler(0.5 * start, 0.01 * start, size),
        ],
        [first],
    )
    assert_same("ignite ConcatScheduler", schedule(COUNTS), values)


@drawn(
    lr=rates,
    start=ratios,
    warmup=st.integers(2, 30),
    end=st.none() | st.just(1.0) | st.floats(0.1, 0.9),
    step_size=lengths,
    of_torch=st.booleans(),
)
def test_warmup(lr, start, warmup, end, step_size, of_torch):
    optimizer = optimizer_of(lr)
    if of_torch:
        inner = torch.optim.lr_scheduler.StepLR(optimizer, step_size)
        schedule = ours_in_torch.StepLR(lr, step_size)
    else:
        inner = handlers.PiecewiseLinear(optimizer, "lr", [(0, lr), (step_size, 0.1 * lr)])
        schedule = ours.PiecewiseLinear([(0, lr), (step_size, 0.1 * lr)])
    arguments = {
        "warmup_start_value": start * lr,
        "warmup_duration": warmup,
        "warmup_end_value": None if end is None else end * lr,
    }
    theirs = handlers.create_lr_scheduler_with_warmup(inner, **arguments)
    values = []
    for _ in COUNTS:
        theirs(None)
        values.append(optimizer.param_groups[0]["lr"])
    schedule = ours.create_lr_scheduler_with_warmup(schedule, **arguments)
    assert_same("ignite create_lr_scheduler_with_warmup", schedule(COUNTS), values)


@drawn(value=rates, gamma=st.floats(0.5, 1.05))
def test_exponential_state(value, gamma):
    agree_in_state("ExpStateScheduler", initial_value=value, gamma=gamma)


@drawn(value=rates, gamma=st.floats(0.1, 1.2), step_size=lengths)
def test_step_state(value, gamma, step_size):
    agree_in_state("StepStateScheduler", initial_value=value, gamma=gamma, step_size=step_size)


@drawn(value=rates, gamma=st.floats(0.1, 1.2), milestones=st.lists(lengths).map(sorted))
def test_multi_step_state(value, gamma, milestones):
    agree_in_state(
        "MultiStepStateScheduler", initial_value=value, gamma=gamma, milestones=milestones
    )


@drawn(scale=st.floats(1.0, 50.0))
def test_lambda_state(scale):
    agree_in_state("LambdaStateScheduler", lambda_obj=lambda step: 1.0 / (1.0 + step / scale))


def test_piecewise_linear_state_is_piecewise_linear():
    points = [(3, 0.5), (7, 0.1)]
    assert ours.PiecewiseLinearStateScheduler(points) == ours.PiecewiseLinear(points)
    theirs = state.PiecewiseLinearStateScheduler(points, "x")
    theirs.event_index = 5
    np.testing.assert_allclose(ours.PiecewiseLinear(points)(5), theirs.get_param(), rtol=1e-6)
