"""timm computes in double precision, so its values are held to 1e-6 at every step."""

import importlib

import numpy as np
import pytest
from peers.comparison import (
    COUNTS,
    bare_package,
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

from jaxlr.peers import timm as ours

torch = peer("torch")
bare_package("timm")
scheduler = importlib.import_module("timm.scheduler")

pytestmark = pytest.mark.filterwarnings("ignore")

warmups = integers(0, 30)
factors = floats(0.1, 1.0)
cycles = {
    "cycle_mul": either(1.0, 1.5, 2.0, 3.0),
    "cycle_decay": factors,
    "cycle_limit": integers(1, 3),
    "warmup_prefix": flags,
}


def agree(name, lr, counts=COUNTS, **arguments):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    theirs = getattr(scheduler, name)(optimizer, **arguments)
    values = []
    for count in counts.tolist():
        theirs.step(count)
        values.append(optimizer.param_groups[0]["lr"])
    schedule = getattr(ours, name)(lr, **arguments)
    compare(f"timm {name}", schedule, values, at=counts)


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
    warmup_prefix=flags,
)
def test_step(lr, start, **arguments):
    agree("StepLRScheduler", lr, warmup_lr_init=start * lr, **arguments)


@drawn(
    lr=rates,
    decay_t=lists(lengths, 3),
    decay_rate=factors,
    warmup_t=warmups,
    start=ratios,
    warmup_prefix=flags,
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
    k_decay=either(1.0, 0.5, 1.7),
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
    power=floats(0.2, 4.0),
    k_decay=either(1.0, 0.5, 1.7),
    **cycles,
)
def test_poly(k_decay, **arguments):
    agree_in_cycles("PolyLRScheduler", k_decay=k_decay, **arguments)


@drawn(
    lr=rates,
    length=lengths,
    floor=ratios,
    warmup_t=warmups,
    start=ratios,
    lb=floats(-8.0, -1.0),
    ub=floats(-0.5, 4.0),
    **cycles,
)
def test_tanh(**arguments):
    agree_in_cycles("TanhLRScheduler", **arguments)


def quartic(part):
    return (1.0 - part) ** 4


@drawn(
    lr=rates,
    length=integers(30, 80),
    decay_t=integers(1, 30),
    floor=ratios,
    stable_fn=either("constant", "rsqrt", "power"),
    stable_timescale=integers(1, 100),
    stable_power=floats(0.1, 2.0),
    decay_fn=either("1-sqrt", "linear", "cosine", "power", "exp", quartic),
    decay_power=floats(0.3, 3.0),
    decay_ratio=floats(0.01, 0.9),
    warmup_t=warmups,
    start=ratios,
)
def test_warmup_stable_decay(lr, length, floor, start, **arguments):
    agree(
        "WSDLRScheduler",
        lr,
        t_initial=length,
        lr_min=floor * lr,
        warmup_lr_init=start * lr,
        **arguments,
    )


def test_a_stable_phase_has_the_time_of_the_warm_up():
    values = ours.WSDLRScheduler(1.0, 80, 20, stable_fn="rsqrt", warmup_t=10)(COUNTS)
    np.testing.assert_allclose(values[10:70], (1 + np.arange(60) / 10) ** -0.5, rtol=1e-6)


@drawn(cases=1)
def test_a_warm_up_that_fills_the_run():
    cycles = {"t_initial": 10, "lr_min": 0.01}
    for name, arguments in {
        "StepLRScheduler": {"decay_t": 4, "decay_rate": 0.5},
        "MultiStepLRScheduler": {"decay_t": [4, 8], "decay_rate": 0.5},
        "CosineLRScheduler": cycles,
        "PolyLRScheduler": cycles,
        "TanhLRScheduler": cycles,
        "WSDLRScheduler": {**cycles, "decay_t": 10},
    }.items():
        for warmup in (0, 1, 9, 10, 11):
            agree(name, 0.1, np.arange(40), warmup_t=warmup, warmup_lr_init=0.001, **arguments)


def test_long_cycles_keep_their_digits():
    cosine = ours.CosineLRScheduler(1.0, 20_000_001, cycle_limit=2)
    np.testing.assert_allclose(cosine(20_000_000), (np.pi / 2 / 20_000_001) ** 2, rtol=1e-6)
    poly = ours.PolyLRScheduler(1.0, 10_000_000, 0.5, cycle_limit=2)
    np.testing.assert_allclose(poly(19_999_999), 1e-7**0.5, rtol=1e-6)
    grown = ours.PolyLRScheduler(1.0, 20_000_001, 1.0, cycle_mul=1.5, cycle_limit=3)
    np.testing.assert_allclose(grown(50_000_002), 0.5 / 30_000_001.5, rtol=1e-6)
    np.testing.assert_allclose(grown(50_000_003), 1.0 - 0.5 / 45_000_002.25, rtol=1e-6)


@pytest.mark.parametrize("noise", [(50, 80), 50])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("StepLRScheduler", {"decay_t": 20, "decay_rate": 0.5}),
        ("MultiStepLRScheduler", {"decay_t": [20, 40], "decay_rate": 0.5}),
        ("CosineLRScheduler", {"t_initial": 200}),
        ("PolyLRScheduler", {"t_initial": 200}),
        ("TanhLRScheduler", {"t_initial": 200}),
        ("WSDLRScheduler", {"t_initial": 200, "decay_t": 50}),
    ],
)
def test_noise_is_as_wide_as_theirs(name, arguments, noise):
    kwargs = {"noise_range_t": noise, "noise_pct": 0.3, "noise_std": 0.2, "noise_seed": 7}
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = getattr(scheduler, name)(optimizer, **arguments, **kwargs)
    values = []
    for count in COUNTS.tolist():
        theirs.step(count)
        values.append(optimizer.param_groups[0]["lr"])
    plain = np.asarray(getattr(ours, name)(1.0, **arguments)(COUNTS))
    noisy = np.asarray(getattr(ours, name)(1.0, **arguments, **kwargs)(COUNTS))
    there, here = np.asarray(values) / plain - 1.0, noisy / plain - 1.0
    np.testing.assert_array_equal(np.abs(here) > 1e-5, np.abs(there) > 1e-5)
    drawn_ones = here[np.abs(here) > 1e-5]
    assert np.abs(drawn_ones).max() < 0.3
    assert 0.1 < drawn_ones.std() < 0.25
    assert np.unique(drawn_ones).size > 25
