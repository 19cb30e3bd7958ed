"""fvcore computes in double precision, of the part of training that is done: from 0 up to 1."""

import numpy as np
from peers.comparison import (
    compare,
    drawn,
    either,
    flags,
    floats,
    integers,
    lists,
    peer,
    rates,
)

import jaxlr
from jaxlr.peers import fvcore as ours

param_scheduler = peer("fvcore.common.param_scheduler")

horizons = integers(5, 120)


def theirs_of(name, **arguments):
    return getattr(param_scheduler, f"{name}ParamScheduler")(**arguments)


def compare_all(name, schedule, theirs, steps):
    counts = np.arange(steps)
    compare(f"fvcore {name}", schedule, [theirs(count / steps) for count in counts])


def agree(name, steps, with_length=True, **arguments):
    length = {"num_updates": steps} if with_length else {}
    schedule = getattr(ours, f"{name}ParamScheduler")(**arguments, **length)
    compare_all(name, schedule, theirs_of(name, **arguments), steps)


@drawn(value=rates, steps=horizons)
def test_constant(value, steps):
    agree("Constant", steps, with_length=False, value=value)


@drawn(start=rates, ratio=floats(0.0, 2.0), steps=horizons)
def test_cosine(start, ratio, steps):
    agree("Cosine", steps, start_value=start, end_value=ratio * start)


@drawn(start=rates, decay=floats(1e-4, 10.0), steps=horizons)
def test_exponential(start, decay, steps):
    agree("Exponential", steps, start_value=start, decay=decay)


@drawn(start=rates, decay=floats(1e-4, 10.0), steps=horizons)
def test_exponential_to_its_end(start, decay, steps):
    schedule = jaxlr.geometric_schedule(start, start * decay, steps)
    theirs = theirs_of("Exponential", start_value=start, decay=decay)
    compare_all("Exponential to its end", schedule, theirs, steps)


@drawn(start=rates, ratio=floats(0.0, 2.0), steps=horizons)
def test_linear(start, ratio, steps):
    agree("Linear", steps, start_value=start, end_value=ratio * start)


@drawn(
    milestones=lists(integers(1, 60), 4, rising=True, unique=True),
    values=lists(rates, 4),
    with_end=flags,
)
def test_multi_step(milestones, values, with_end):
    *inner, steps = milestones
    arguments = {"values": values, "milestones": inner if with_end else milestones}
    if with_end:
        arguments["num_updates"] = steps
    agree("MultiStep", steps, with_length=False, **arguments)


@drawn(values=either(*(lists(rates, size) for size in (2, 3, 5))), steps=integers(20, 120))
def test_multi_step_of_equal_parts(values, steps):
    agree("MultiStep", steps, with_length=False, values=values, num_updates=steps)


@drawn(values=either(*(lists(rates, size) for size in (1, 2, 5))), steps=horizons)
def test_step(values, steps):
    agree("Step", steps, with_length=False, num_updates=steps, values=values)


@drawn(base=rates, num_decays=integers(1, 4), gamma=floats(0.01, 1.2), steps=horizons)
def test_step_with_fixed_gamma(base, num_decays, gamma, steps):
    agree(
        "StepWithFixedGamma",
        steps,
        with_length=False,
        base_value=base,
        num_decays=num_decays,
        gamma=gamma,
        num_updates=steps,
    )


@drawn(base=rates, power=floats(0.2, 4.0), steps=horizons)
def test_polynomial(base, power, steps):
    agree("PolynomialDecay", steps, base_value=base, power=power)


@drawn(
    base=rates,
    parts=lists(integers(1, 40), 3),
    scaling=lists(either("rescaled", "fixed"), 3),
)
def test_composite(base, parts, scaling):
    steps = sum(parts)
    lengths = [part / steps for part in parts]
    theirs = theirs_of(
        "Composite",
        schedulers=[
            theirs_of("Linear", start_value=0.1 * base, end_value=base),
            theirs_of("Cosine", start_value=base, end_value=0.01 * base),
            theirs_of("PolynomialDecay", base_value=base, power=2.0),
        ],
        lengths=list(lengths),
        interval_scaling=scaling,
    )
    own = [part if way == "rescaled" else steps for part, way in zip(parts, scaling, strict=True)]
    schedule = ours.CompositeParamScheduler(
        [
            ours.LinearParamScheduler(0.1 * base, base, own[0]),
            ours.CosineParamScheduler(base, 0.01 * base, own[1]),
            ours.PolynomialDecayParamScheduler(base, 2.0, own[2]),
        ],
        lengths,
        scaling,
        steps,
    )
    compare_all("Composite", schedule, theirs, steps)
