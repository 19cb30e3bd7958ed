"""Ignite computes in double precision, so its values are held to 1e-6 at every step."""

import numpy as np
import pytest
from peers.comparison import (
    COUNTS,
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

from jaxlr.peers import ignite as ours
from jaxlr.peers import torch as ours_in_torch

torch = peer("torch")
handlers = peer("ignite.handlers")
state = peer("ignite.handlers.state_param_scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")


def optimizer_of(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def values_of(scheduler, number=COUNTS.size):
    values = []
    for _ in range(number):
        scheduler(None)
        values.append(scheduler.optimizer_param_groups[0]["lr"])
    return values


def agree(name, *args, atol=1e-12, **arguments):
    theirs = getattr(handlers, name)(optimizer_of(1.0), "lr", *args, **arguments)
    compare(f"ignite {name}", getattr(ours, name)(*args, **arguments), values_of(theirs), atol=atol)


def agree_in_state(name, **arguments):
    theirs = getattr(state, name)(param_name="x", **arguments)
    values = []
    for _ in COUNTS:
        values.append(theirs.get_param())
        theirs.event_index += 1
    compare(f"ignite {name}", getattr(ours, name)(**arguments), values)


_FEW = 10
"""Each schedule whose cycles grow has another number of points, and so a program of its own."""

cycles = {
    "start": rates,
    "ratio": ratios,
    "cycle_size": integers(2, 40),
    "cycle_mult": either(1.0, 0.7, 1.5, 2.0, 3.0),
    "start_value_mult": either(1.0, 0.9, 0.5),
    "end_value_mult": either(1.0, 0.9),
}


def agree_in_cycles(name, start, ratio, cycle_mult, cycle_size, warmup_duration=0, **arguments):
    arguments |= {"cycle_mult": cycle_mult, "cycle_size": cycle_size}
    theirs = getattr(handlers, name)(
        optimizer_of(1.0), "lr", start, ratio * start, warmup_duration=warmup_duration, **arguments
    )
    schedule = getattr(ours, name)(
        start, ratio * start, warmup_duration=warmup_duration, **arguments
    )
    # Cycles that shrink to nothing are an error there, and hold here.
    end = COUNTS.size
    if cycle_mult < 1.0:
        end = 0
        while cycle_size >= 1:
            end += cycle_size + warmup_duration
            cycle_size, warmup_duration = (
                int(length * cycle_mult) for length in (cycle_size, warmup_duration)
            )
    compare(f"ignite {name}", schedule, values_of(theirs, min(end, COUNTS.size)))


@drawn(cases=_FEW, **cycles)
def test_linear_cyclical(**arguments):
    agree_in_cycles("LinearCyclicalScheduler", **arguments)


@drawn(start=rates, ratio=ratios, cycle_size=integers(2, 40))
def test_linear_cyclical_of_one_kind(start, ratio, cycle_size):
    agree("LinearCyclicalScheduler", start, ratio * start, cycle_size)


@drawn(cases=_FEW, **cycles, warmup_duration=integers(0, 10))
def test_linear_cyclical_one_way(**arguments):
    agree_in_cycles("LinearCyclicalScheduler", monotonic=True, **arguments)


@drawn(cases=_FEW, **cycles, warmup_duration=integers(0, 10))
def test_cosine_annealing(**arguments):
    agree_in_cycles("CosineAnnealingScheduler", **arguments)


@drawn(
    milestones=lists(lengths, 3, rising=True, unique=True),
    values=lists(rates, 3),
)
def test_piecewise_linear(milestones, values):
    agree("PiecewiseLinear", list(zip(milestones, values, strict=True)))


@drawn(start=rates, size=integers(2, 20), first=integers(1, 50))
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
    compare("ignite ConcatScheduler", schedule, values)


@drawn(
    lr=rates,
    start=ratios,
    warmup=integers(2, 30),
    end=either(None, 1.0, floats(0.1, 0.9)),
    step_size=lengths,
    of_torch=flags,
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
    compare("ignite create_lr_scheduler_with_warmup", schedule, values)


@drawn(value=rates, gamma=floats(0.5, 1.05))
def test_exponential_state(value, gamma):
    agree_in_state("ExpStateScheduler", initial_value=value, gamma=gamma)


@drawn(value=rates, gamma=floats(0.1, 1.2), step_size=lengths)
def test_step_state(value, gamma, step_size):
    agree_in_state("StepStateScheduler", initial_value=value, gamma=gamma, step_size=step_size)


@drawn(value=rates, gamma=floats(0.1, 1.2), milestones=lists(lengths, 4, rising=True))
def test_multi_step_state(value, gamma, milestones):
    agree_in_state(
        "MultiStepStateScheduler", initial_value=value, gamma=gamma, milestones=milestones
    )


@drawn(cases=3, scale=floats(1.0, 50.0))
def test_lambda_state(scale):
    agree_in_state("LambdaStateScheduler", lambda_obj=lambda step: 1.0 / (1.0 + step / scale))


def test_piecewise_linear_state_is_piecewise_linear():
    points = [(3, 0.5), (7, 0.1)]
    assert ours.PiecewiseLinearStateScheduler(points) == ours.PiecewiseLinear(points)
    theirs = state.PiecewiseLinearStateScheduler(points, "x")
    theirs.event_index = 5
    np.testing.assert_allclose(ours.PiecewiseLinear(points)(5), theirs.get_param(), rtol=1e-6)


def test_growing_cycles_keep_their_digits():
    lr = ours.LinearCyclicalScheduler(0.0, 1.0, 60, 2.0, warmup_duration=1, monotonic=True)
    # 60 steps and 1 back, 120 and 2 back, 240 and 4 back.
    counts = np.array([60, 61, 62, 181, 182, 183, 184, 423, 424, 425])
    exact = [1, 0, 1 / 120, 1, 1 / 2, 0, 1 / 240, 1, 3 / 4, 1 / 2]
    np.testing.assert_allclose(lr(counts), exact, rtol=1e-6)


def test_a_scheduler_of_torch_is_a_schedule_already():
    theirs = handlers.LRScheduler(
        torch.optim.lr_scheduler.StepLR(optimizer_of(0.5), step_size=7, gamma=0.5)
    )
    schedule = ours.LRScheduler(ours_in_torch.StepLR(0.5, step_size=7, gamma=0.5))
    np.testing.assert_allclose(schedule(COUNTS), values_of(theirs), rtol=1e-6)


def test_groups_have_a_schedule_each():
    lines = [[(0, 0.1), (90, 0.0)], [(0, 1.0), (30, 0.5)]]
    optimizer = torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0} for _ in range(2)]
    )
    theirs = handlers.ParamGroupScheduler(
        [
            handlers.PiecewiseLinear(optimizer, "lr", points, param_group_index=index)
            for index, points in enumerate(lines)
        ]
    )
    values = []
    for _ in COUNTS:
        theirs(None)
        values.append([group["lr"] for group in optimizer.param_groups])
    schedules = [ours.PiecewiseLinear(points) for points in lines]
    rates = ours.ParamGroupScheduler(schedules, ["body", "head"])
    assert list(rates) == ["body", "head"]
    for rate, column in zip(rates.values(), np.transpose(values), strict=True):
        np.testing.assert_allclose(rate(COUNTS), column, rtol=1e-6, atol=1e-12)
    assert ours.ParamGroupScheduler(schedules) == dict(enumerate(schedules))
    with pytest.raises(ValueError, match="ParamGroupScheduler: `names` must"):
        ours.ParamGroupScheduler(schedules, ["body", "body"])


def test_a_plateau_hears_the_metric_of_its_name():
    arguments = {"mode": "max", "patience": 1}
    plateau = ours.ReduceLROnPlateauScheduler(0.1, "accuracy", **arguments)
    assert plateau.monitor == "accuracy"
    assert plateau.replace(monitor="value") == ours_in_torch.ReduceLROnPlateau(0.1, **arguments)
