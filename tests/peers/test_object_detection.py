"""The Object Detection API is in no package index, so its formulas stand here, in floats."""

import math

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
    rates,
    ratios,
)

from jaxlr.peers import object_detection as ours

warmups = integers(0, 30)


def agree(name, formula, *args):
    theirs = [formula(int(count)) for count in COUNTS]
    compare(f"object_detection {name}", getattr(ours, name)(*args), theirs)


@drawn(
    base=rates,
    steps=lengths,
    factor=floats(0.1, 1.01),
    burnin=either(0.0, rates),
    burnin_steps=warmups,
    floor=either(0.0, floats(0.01, 1.0)),
    staircase=flags,
)
def test_exponential_decay_with_burnin(base, steps, factor, burnin, burnin_steps, floor, staircase):
    def formula(step):
        rate = burnin or base
        if step >= burnin_steps:
            time = (step - burnin_steps) / steps
            rate = base * factor ** (math.floor(time) if staircase else time)
        return max(rate, floor * base)

    agree(
        "exponential_decay_with_burnin",
        formula,
        base,
        steps,
        factor,
        burnin,
        burnin_steps,
        floor * base,
        staircase,
    )


@drawn(base=rates, start=ratios, warmup=warmups, hold=warmups, decay=lengths)
def test_cosine_decay_with_warmup(base, start, warmup, hold, decay):
    total = warmup + hold + decay

    def formula(step):
        if step < warmup:
            return (base - start * base) / warmup * step + start * base
        if step < warmup + hold:
            return base
        if step > total:
            return 0.0
        return 0.5 * base * (1.0 + math.cos(math.pi * (step - warmup - hold) / decay))

    agree("cosine_decay_with_warmup", formula, base, total, start * base, warmup, hold)


@drawn(
    boundaries=lists(integers(1, 100), 3, unique=True),
    values=lists(rates, 4),
    warmup=flags,
)
def test_manual_stepping(boundaries, values, warmup):
    boundaries = sorted(boundaries)

    def formula(step):
        if warmup and step < boundaries[0]:
            return values[0] + (values[1] - values[0]) / boundaries[0] * step
        return values[sum(step >= boundary for boundary in boundaries)]

    agree("manual_stepping", formula, boundaries, values, warmup)
