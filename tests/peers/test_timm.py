"""timm computes in double precision, so its values are held to 1e-6 at every step."""

import importlib

import numpy as np
import pytest
from hypothesis import strategies as st
from peers.comparison import COUNTS, assert_same, bare_package, drawn, lengths, peer, rates

from jaxlr.peers import timm as ours

torch = peer("torch")
bare_package("timm")
scheduler = importlib.import_module("timm.scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

warmups = st.integers(0, 30)
ratios = st.floats(0.0, 1.0)
factors = st.floats(0.1, 1.0)
cycles = {
    "cycle_mul": st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    "cycle_decay": factors,
    "cycle_limit": st.integers(1, 3),
    "warmup_prefix": st.booleans(),
}


def agree(name, lr, counts=COUNTS, rtol=1e-6, **arguments):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    theirs = getattr(scheduler, name)(optimizer, **arguments)
    values = []
    for count in counts.tolist():
        theirs.step(count)
        values.append(optimizer.param_groups[0]["lr"])
    schedule = getattr(ours, name)(lr, **arguments)
    assert_same(f"timm {name}", schedule(COUNTS)[counts], values, rtol=rtol, counts=counts)


def inner_counts(length, mul, limit, begin=0):
    """All counts but those at which a cycle begins.

    There timm rounds the logarithm of an integer down, and may be in the cycle before.
    """
    starts = begin + np.cumsum([length * mul**i for i in range(limit)])
    return COUNTS if mul == 1.0 else np.setdiff1d(COUNTS, starts)


@drawn(
    lr=rates,
    decay_t=lengths,
    decay_rate=factors,
    warmup_t=warmups,
    start=ratios,
    warmup_prefix=st.booleans(),
)
def test_step(lr, start, **arguments):
    agree("StepLRScheduler", lr, warmup_lr_init=start * lr, **arguments)


@drawn(
    lr=rates,
    decay_t=st.lists(lengths, min_size=3, max_size=3),
    decay_rate=factors,
    warmup_t=warmups,
    start=ratios,
    warmup_prefix=st.booleans(),
)
def test_multi_step(lr, decay_t, decay_rate, warmup_t, start, warmup_prefix):
    agree(
        "MultiStepLRScheduler",
        lr,
        decay_t=sorted(decay_t),
        decay_rate=decay_rate,
        warmup_t=warmup_t,
        warmup_lr_init=start * lr,
        warmup_prefix=warmup_prefix,
    )


def agree_in_cycles(
    name, lr, length, floor, warmup_t, start, warmup_prefix, cycle_mul, cycle_limit, **arguments
):
    counts = inner_counts(length, cycle_mul, cycle_limit, warmup_t if warmup_prefix else 0)
    agree(
        name,
        lr,
        counts,
        t_initial=length,
        lr_min=floor * lr,
        warmup_t=warmup_t,
        warmup_lr_init=start * lr,
        warmup_prefix=warmup_prefix,
        cycle_mul=cycle_mul,
        cycle_limit=cycle_limit,
        **arguments,
    )


@drawn(
    lr=rates,
    length=lengths,
    floor=ratios,
    warmup_t=warmups,
    start=ratios,
    k_decay=st.sampled_from([1.0, 0.5, 1.7]),
    **cycles,
)
def test_cosine(**arguments):
    agree_in_cycles("CosineLRScheduler", **arguments)


@drawn(
    lr=rates,
    length=lengths,
    floor=ratios,
    warmup_t=warmups,
    start=ratios,
    power=st.floats(0.2, 4.0),
    k_decay=st.sampled_from([1.0, 0.5, 1.7]),
    **cycles,
)
def test_poly(k_decay, **arguments):
    # A power of a k-decay multiplies the rounding of one float32 by that of the other.
    rtol = 1e-6 if k_decay == 1.0 else 2e-6
    agree_in_cycles("PolyLRScheduler", k_decay=k_decay, rtol=rtol, **arguments)


@drawn(
    lr=rates,
    length=lengths,
    floor=ratios,
    warmup_t=warmups,
    start=ratios,
    lb=st.floats(-8.0, -1.0),
    ub=st.floats(-0.5, 4.0),
    **cycles,
)
def test_tanh(**arguments):
    # Ours is a ratio of hyperbolic functions, which loses a digit where `lb` and `ub` are large.
    agree_in_cycles("TanhLRScheduler", rtol=2e-6, **arguments)


def quartic(part):
    return (1.0 - part) ** 4


@drawn(
    examples=50,
    lr=rates,
    length=st.integers(30, 80),
    decay_t=st.integers(1, 30),
    floor=ratios,
    stable_fn=st.sampled_from(["constant", "rsqrt", "power"]),
    stable_timescale=st.integers(1, 100),
    stable_power=st.floats(0.1, 2.0),
    decay_fn=st.sampled_from(["1-sqrt", "linear", "cosine", "power", "exp", quartic]),
    decay_power=st.floats(0.3, 3.0),
    decay_ratio=st.floats(0.01, 0.9),
    warmup_t=warmups,
    start=ratios,
)
def test_warmup_stable_decay(lr, length, floor, start, **arguments):
    agree(
        "WSDLRScheduler",
        lr,
        # A function is called as it is written, and its own `1 - part` cancels in float32.
        rtol=1e-5 if callable(arguments["decay_fn"]) else 1e-6,
        t_initial=length,
        lr_min=floor * lr,
        warmup_lr_init=start * lr,
        **arguments,
    )


def test_a_stable_phase_has_the_time_of_the_warm_up():
    values = ours.WSDLRScheduler(1.0, 80, 20, stable_fn="rsqrt", warmup_t=10)(COUNTS)
    np.testing.assert_allclose(values[10:70], (1 + np.arange(60) / 10) ** -0.5, rtol=1e-6)
