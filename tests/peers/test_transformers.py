"""Transformers computes in double precision, so its values are held to 1e-6 at every step."""

import itertools

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
    peer,
    rates,
    ratios,
)

from jaxlr.peers import torch as ours_in_torch
from jaxlr.peers import transformers as ours

torch = peer("torch")
optimization = peer("transformers.optimization")

pytestmark = pytest.mark.filterwarnings("ignore")

warmups = integers(0, 40)


def theirs_of(name, lr, number, *lengths, **arguments):
    """The values at the first steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = optimization.get_scheduler(
        name, optimizer, *lengths, scheduler_specific_kwargs=arguments
    )
    values = []
    for _ in range(number):
        values.append(scheduler.get_last_lr()[0])
        optimizer.step()
        if len(values) < number:
            scheduler.step()
    return values


def agree(name, lr, *lengths, end=COUNTS.size, atol=1e-12, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    schedule = ours.get_scheduler(name, lr, *lengths, scheduler_specific_kwargs=arguments)
    theirs = theirs_of(name, lr, end, *lengths, **arguments)
    compare(f"transformers {name}", schedule, theirs, atol=atol, holds=True)


@drawn(lr=rates)
def test_constant(lr):
    agree("constant", lr)


@drawn(lr=rates, warmup=warmups)
def test_constant_with_warmup(lr, warmup):
    agree("constant_with_warmup", lr, warmup)


@drawn(lr=rates, warmup=warmups, steps=lengths)
def test_linear(lr, warmup, steps):
    agree("linear", lr, warmup, warmup + steps)


@drawn(lr=rates, warmup=warmups, steps=lengths)
def test_cosine(lr, warmup, steps):
    agree("cosine", lr, warmup, warmup + steps, end=warmup + steps + 1)


@drawn(lr=rates, warmup=warmups, steps=lengths, ratio=ratios, absolute=flags)
def test_cosine_with_min_lr(lr, warmup, steps, ratio, absolute):
    floor = {"min_lr": ratio * lr} if absolute else {"min_lr_rate": ratio}
    end = warmup + steps + 1
    agree("cosine_with_min_lr", lr, warmup, warmup + steps, end=end, **floor)


@drawn(
    lr=rates,
    warmup=warmups,
    steps=integers(8, 60),
    ratio=ratios,
    cycles=either(floats(0.1, 4.0), 0.5, 1.0, 1.5, 2.0),
    name=either("cosine", "cosine_with_min_lr", "cosine_warmup_with_min_lr"),
)
def test_waves(lr, warmup, steps, ratio, cycles, name):
    floor = {} if name == "cosine" else {"min_lr_rate": ratio}
    lengths = warmup, warmup + steps
    kwargs = {"num_cycles": cycles, **floor}
    waves = ours.get_scheduler(name, lr, *lengths, {**kwargs, "periodic": True})
    theirs = theirs_of(name, lr, COUNTS.size, *lengths, **kwargs)
    # Near 0 between two steps a wave is as exact as the place of its minimum.
    tolerances = {"rtol": 1e-6, "atol": 1e-9}
    compare(f"transformers {name}, waves", waves, theirs, **tolerances)
    held = ours.get_scheduler(name, lr, *lengths, kwargs)
    end = warmup + steps + (name != "cosine_warmup_with_min_lr")
    compare(f"transformers {name}, waves", held, theirs[:end], **tolerances, holds=True)


@drawn(lr=rates, warmup=warmups, steps=lengths, ratio=ratios, start=either(None, ratios))
def test_cosine_warmup_with_min_lr(lr, warmup, steps, ratio, start):
    agree(
        "cosine_warmup_with_min_lr",
        lr,
        warmup,
        warmup + steps,
        end=warmup + steps,
        min_lr_rate=ratio,
        warmup_lr_rate=start,
    )


@drawn(lr=rates, warmup=warmups, length=integers(1, 30), cycles=integers(1, 4))
def test_cosine_with_restarts(lr, warmup, length, cycles):
    agree("cosine_with_restarts", lr, warmup, warmup + length * cycles, num_cycles=cycles)


@drawn(lr=rates, warmup=warmups, steps=integers(4, 100), cycles=integers(1, 4))
def test_cosine_with_restarts_between_steps(lr, warmup, steps, cycles):
    name, lengths = "cosine_with_restarts", (warmup, warmup + steps)
    schedule = ours.get_scheduler(name, lr, *lengths, {"num_cycles": cycles})
    theirs = theirs_of(name, lr, COUNTS.size, *lengths, num_cycles=cycles)
    compare(f"transformers {name} between steps", schedule, theirs)


@drawn(lr=rates, warmup=warmups, steps=lengths, end=floats(0.0, 0.99), power=floats(0.2, 4.0))
def test_polynomial(lr, warmup, steps, end, power):
    agree("polynomial", lr, warmup, warmup + steps, lr_end=end * lr, power=power)


@drawn(lr=rates, warmup=warmups, timescale=either(None, integers(1, 1000)))
def test_inverse_sqrt(lr, warmup, timescale):
    agree("inverse_sqrt", lr, warmup, timescale=timescale)


@drawn(
    lr=rates,
    warmup=warmups,
    stable=warmups,
    decay=lengths,
    ratio=ratios,
    warmup_type=either("linear", "cosine", "1-sqrt"),
    decay_type=either("linear", "cosine", "1-sqrt"),
    cycles=either(0.5, floats(0.1, 3.0)),
)
def test_warmup_stable_decay(lr, warmup, stable, decay, ratio, warmup_type, decay_type, cycles):
    agree(
        "warmup_stable_decay",
        lr,
        warmup,
        warmup + stable + decay,
        num_decay_steps=decay,
        warmup_type=warmup_type,
        decay_type=decay_type,
        min_lr_ratio=ratio,
        num_cycles=cycles,
        atol=1e-9,
    )


FILLED = [
    ("linear", {}),
    ("cosine", {}),
    ("cosine", {"num_cycles": 1.0}),
    ("cosine", {"num_cycles": 0.0}),
    ("cosine_with_min_lr", {"min_lr": 0.01}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1, "num_cycles": 1.0}),
    ("cosine_warmup_with_min_lr", {"min_lr": 0.01}),
    ("cosine_warmup_with_min_lr", {"min_lr": 0.01, "num_cycles": 1.0}),
    ("cosine_warmup_with_min_lr", {"min_lr": 0.01, "warmup_lr_rate": 0.3}),
    ("cosine_with_restarts", {"num_cycles": 1}),
    ("cosine_with_restarts", {"num_cycles": 3}),
    ("cosine_with_restarts", {"num_cycles": 2.5}),
    ("polynomial", {}),
    ("inverse_sqrt", {}),
    ("constant_with_warmup", {}),
    ("warmup_stable_decay", {"num_decay_steps": 0}),
    ("warmup_stable_decay", {"num_decay_steps": 0, "num_cycles": 1.2}),
    ("warmup_stable_decay", {"num_decay_steps": 4}),
    ("warmup_stable_decay", {"num_decay_steps": 4, "num_cycles": 1.2}),
    ("warmup_stable_decay", {"num_decay_steps": 4, "decay_type": "1-sqrt", "min_lr_ratio": 0.1}),
]


@drawn(cases=1)
def test_a_warm_up_that_fills_the_run():
    for (name, arguments), warmup in itertools.product(FILLED, (0, 1, 9, 10, 11, 2000)):
        steps = [warmup] if name in ("constant_with_warmup", "inverse_sqrt") else [warmup, 10]
        schedule = ours.get_scheduler(name, 0.1, *steps, scheduler_specific_kwargs=arguments)
        theirs = theirs_of(name, 0.1, 10, *steps, **arguments)
        compare(f"transformers {name}", schedule, theirs)


def test_long_restarts_keep_their_digits():
    short = ours.get_cosine_with_hard_restarts_schedule_with_warmup(1.0, 1, 2, 2)
    assert short(2_099_526_146) == 0.0
    lr = ours.get_cosine_with_hard_restarts_schedule_with_warmup(1.0, 1000, 2_000_000_001, 7)
    counts = np.array([1000, 285_715_142, 285_715_143, 2_000_000_000, 2_000_000_001])
    last = (np.pi / 2 / 285_714_143) ** 2  # One step before the end of a wave of so many.
    np.testing.assert_allclose(lr(counts), [1.0, last, 1.0, last, 0.0], rtol=1e-6)


@pytest.mark.parametrize("warmup_init", [False, True])
def test_adafactor(warmup_init):
    weights = torch.nn.Parameter(torch.ones(2))
    optimizer = optimization.Adafactor(
        [weights], relative_step=True, scale_parameter=False, warmup_init=warmup_init
    )
    proxy = optimization.get_adafactor_schedule(optimizer)
    weights.grad = torch.ones(2)
    theirs, counts = [], np.array([0, 1, 50, 9998, 9999, 10_000, 12_000])
    optimizer.step()
    for count in counts.tolist():
        optimizer.state[weights]["step"] = count + 1
        theirs.append(proxy.get_lr()[0])
    schedule = ours.get_adafactor_schedule(warmup_init)
    np.testing.assert_allclose(schedule(counts), theirs, rtol=1e-6)


def test_what_listens_to_a_metric_has_its_name_too():
    plateau = ours.get_reduce_on_plateau_schedule(0.1, patience=3)
    assert plateau == ours_in_torch.ReduceLROnPlateau(0.1, patience=3)
    assert plateau == ours.get_scheduler(
        "reduce_lr_on_plateau", 0.1, scheduler_specific_kwargs={"patience": 3}
    )
    greedy = ours.get_greedy_schedule(0.1, smooth=True)
    assert greedy == ours.GreedyLR(0.1, smooth=True)
    assert greedy == ours.get_scheduler("greedy", 0.1, 5, 10, {"smooth": True})


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="`name` must be one of"):
        ours.get_scheduler("lin", 0.1)
