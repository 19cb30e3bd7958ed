"""Transformers computes in double precision, so its values are held to 1e-6 at every step."""

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, drawn, lengths, peer, rates

from jaxlr.peers import transformers as ours

torch = peer("torch")
optimization = peer("transformers.optimization")

pytestmark = pytest.mark.filterwarnings("ignore")

warmups = st.integers(0, 40)
ratios = st.floats(0.0, 1.0)


def theirs_of(name, lr, number, *lengths, **arguments):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = optimization.get_scheduler(name, optimizer, *lengths, arguments)
    values = []
    for _ in range(number):
        values.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return values


def agree(name, lr, *lengths, end=COUNTS.size, atol=1e-12, **arguments):
    """Compares up to the end of what is sane there, and asks that ours holds from then on."""
    values = np.asarray(ours.get_scheduler(name, lr, *lengths, arguments)(COUNTS))
    theirs = theirs_of(name, lr, end, *lengths, **arguments)
    assert_same(f"transformers {name}", values[:end], theirs, atol=atol)
    assert np.all(values[end:] == values[end - 1])


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


@drawn(lr=rates, warmup=warmups, steps=lengths, ratio=ratios, absolute=st.booleans())
def test_cosine_with_min_lr(lr, warmup, steps, ratio, absolute):
    floor = {"min_lr": ratio * lr} if absolute else {"min_lr_rate": ratio}
    end = warmup + steps + 1
    agree("cosine_with_min_lr", lr, warmup, warmup + steps, end=end, **floor)


@drawn(
    lr=rates,
    warmup=warmups,
    steps=st.integers(8, 60),
    ratio=ratios,
    cycles=st.floats(0.1, 4.0) | st.sampled_from([0.5, 1.0, 1.5, 2.0]),
    name=st.sampled_from(["cosine", "cosine_with_min_lr", "cosine_warmup_with_min_lr"]),
)
def test_waves(lr, warmup, steps, ratio, cycles, name):
    floor = {} if name == "cosine" else {"min_lr_rate": ratio}
    lengths = warmup, warmup + steps
    kwargs = {"num_cycles": cycles, **floor}
    values = ours.get_scheduler(name, lr, *lengths, {**kwargs, "periodic": True})(COUNTS)
    theirs = theirs_of(name, lr, COUNTS.size, *lengths, **kwargs)
    # Where a wave is near 0 between two steps, theirs is a difference in double precision.
    assert_same(f"transformers {name}, waves", values, theirs, atol=1e-9)
    held = np.asarray(ours.get_scheduler(name, lr, *lengths, kwargs)(COUNTS))
    end = warmup + steps + (name != "cosine_warmup_with_min_lr")
    assert_same(f"transformers {name}, waves", held[:end], theirs[:end], atol=1e-9)
    assert np.all(held[end:] == held[end - 1])


@drawn(lr=rates, warmup=warmups, steps=lengths, ratio=ratios, start=st.none() | ratios)
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


@drawn(lr=rates, warmup=warmups, length=st.integers(1, 30), cycles=st.integers(1, 4))
def test_cosine_with_restarts(lr, warmup, length, cycles):
    agree("cosine_with_restarts", lr, warmup, warmup + length * cycles, num_cycles=cycles)


@drawn(lr=rates, warmup=warmups, steps=st.integers(4, 100), cycles=st.integers(1, 4))
def test_cosine_with_restarts_between_steps(lr, warmup, steps, cycles):
    # The end of such a wave is known to the digits that its begin, a fraction in float32, leaves.
    name, lengths = "cosine_with_restarts", (warmup, warmup + steps)
    values = ours.get_scheduler(name, lr, *lengths, {"num_cycles": cycles})(COUNTS)
    theirs = theirs_of(name, lr, COUNTS.size, *lengths, num_cycles=cycles)
    assert_same(f"transformers {name} between steps", values, theirs, atol=1e-7)


@drawn(lr=rates, warmup=warmups, steps=lengths, end=st.floats(0.0, 0.99), power=st.floats(0.2, 4.0))
def test_polynomial(lr, warmup, steps, end, power):
    agree("polynomial", lr, warmup, warmup + steps, lr_end=end * lr, power=power)


@drawn(lr=rates, warmup=warmups, timescale=st.none() | st.integers(1, 1000))
def test_inverse_sqrt(lr, warmup, timescale):
    agree("inverse_sqrt", lr, warmup, timescale=timescale)


@drawn(
    examples=60,
    lr=rates,
    warmup=warmups,
    stable=warmups,
    decay=lengths,
    ratio=ratios,
    warmup_type=st.sampled_from(["linear", "cosine", "1-sqrt"]),
    decay_type=st.sampled_from(["linear", "cosine", "1-sqrt"]),
    cycles=st.just(0.5) | st.floats(0.1, 3.0),
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


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="`name` must be one of"):
        ours.get_scheduler("lin", 0.1)
    for name in ("greedy", "reduce_lr_on_plateau"):
        with pytest.raises(ValueError, match=r"transformers\.GreedyLR or .*ReduceLROnPlateau"):
            ours.get_scheduler(name, 0.1)
