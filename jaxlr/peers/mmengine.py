"""The schedulers of ``mmengine.optim.scheduler``, as in MMEngine 0.10.

``lr`` stands for the optimizer. A step is what MMEngine counts, an epoch or an update. A scheduler
acts from step ``begin`` to step ``end - 1``: before, the rate is ``lr``, and after, it stays as it
is. Those whose length is ``end - begin`` reach their last value at step ``end - 1``. Those of a
momentum have a momentum for ``lr``, and are the same otherwise.

>>> from jaxlr.peers import mmengine
>>> mmengine.LinearLR(0.1, start_factor=0.01, end=501)
linear_schedule(init_value=0.001, end_value=0.1, transition_steps=500, transition_begin=0)

Several schedulers in one configuration act on the same rate. Where one begins as the other ends,
they are joined; where they overlap, the rates of the first are multiplied by the factors of the
others, which are these schedulers for an ``lr`` of 1:

>>> import jaxlr
>>> warmup = mmengine.LinearLR(0.1, start_factor=0.01, end=501)
>>> joined = jaxlr.join_schedules([warmup, mmengine.CosineAnnealingLR(0.1, T_max=1000)], [500])
>>> overlapping = warmup * mmengine.MultiStepLR(1.0, milestones=[800, 1100])
>>> print(f"{joined(1000):.3f} {overlapping(1000):.3f}")
0.050 0.010
"""

import itertools
from typing import Any, Literal

from jaxlr.compose import join_schedules
from jaxlr.core.numbers import on_host
from jaxlr.core.parameters import Fraction, NonNegative, Positive, Value
from jaxlr.core.schedule import Schedule
from jaxlr.feedback.adaptive import AdaptiveSchedule
from jaxlr.peers import torch
from jaxlr.peers.arguments import (
    Base,
    Lengths,
    Metrics,
    Period,
    Rate,
    Rates,
    Step,
    constructor,
    is_zero,
    renamed,
)
from jaxlr.peers.phases import exponential, held
from jaxlr.schedules import (
    constant_schedule,
    cosine_decay_schedule,
    linear_schedule,
    multistep_decay,
    piecewise_constant_values_schedule,
    polynomial_schedule,
    step_decay,
    transition_schedule,
)

__all__ = [
    "ConstantLR",
    "ConstantMomentum",
    "CosineAnnealingLR",
    "CosineAnnealingMomentum",
    "CosineRestartLR",
    "CosineRestartMomentum",
    "ExponentialLR",
    "ExponentialMomentum",
    "LinearLR",
    "LinearMomentum",
    "MultiStepLR",
    "MultiStepMomentum",
    "OneCycleLR",
    "PolyLR",
    "PolyMomentum",
    "ReduceOnPlateauLR",
    "ReduceOnPlateauMomentum",
    "StepLR",
    "StepMomentum",
]


@constructor
def StepLR(
    lr: Rate,
    step_size: Period,
    gamma: NonNegative = 0.1,
    begin: Step = 0,
    end: Step | None = None,
) -> Schedule:
    """Multiplication by ``gamma`` at every ``step_size``-th step: :func:`jaxlr.step_decay`."""
    return _window(lr, step_decay(lr, step_size, gamma), begin, end)


@constructor
def MultiStepLR(
    lr: Rate,
    milestones: Lengths,
    gamma: NonNegative = 0.1,
    begin: Step = 0,
    end: Step | None = None,
) -> Schedule:
    """Multiplication by ``gamma`` at each milestone: :func:`jaxlr.multistep_decay`."""
    return _window(lr, multistep_decay(lr, milestones, gamma), begin, end)


@constructor
def ExponentialLR(
    lr: Rate, gamma: NonNegative, begin: Step = 0, end: Step | None = None
) -> Schedule:
    """Multiplication by ``gamma`` at every step: :func:`jaxlr.exponential_decay`."""
    return _window(lr, exponential(lr, 1, gamma), begin, end)


@constructor
def ConstantLR(lr: Rate, factor: Value = 1.0 / 3.0, *, begin: Step = 0, end: Step) -> Schedule:
    """``factor * lr`` up to step ``end - 2``, then ``lr``: it is not constant."""
    steps, first = _length(begin, end), lr * factor
    schedule = piecewise_constant_values_schedule([steps], [first, lr])
    return _window(lr, _unless_single(steps, first, schedule), begin)


@constructor
def LinearLR(
    lr: Rate,
    start_factor: Value = 1.0 / 3.0,
    end_factor: Value = 1.0,
    *,
    begin: Step = 0,
    end: Step,
) -> Schedule:
    """A line between two multiples of ``lr``: :func:`jaxlr.linear_schedule`."""
    steps, first = _length(begin, end), lr * start_factor
    schedule = linear_schedule(first, lr * end_factor, steps)
    return _window(lr, _unless_single(steps, first, schedule), begin)


@constructor
def PolyLR(
    lr: Rate,
    eta_min: Rate = 0.0,
    power: NonNegative = 1.0,
    *,
    begin: Step = 0,
    end: Step,
) -> Schedule:
    """A power of the time that remains: :func:`jaxlr.polynomial_schedule`."""
    steps = _length(begin, end)
    schedule = polynomial_schedule(lr, eta_min, power, steps)
    return _window(lr, _unless_single(steps, lr, schedule), begin)


@constructor
def CosineAnnealingLR(
    lr: Rate,
    T_max: Period | None = None,
    eta_min: Rate | None = None,
    begin: Step = 0,
    end: Step | None = None,
    eta_min_ratio: Value | None = None,
    periodic: bool = False,
) -> Schedule:
    """Half a cosine wave from ``lr`` to ``eta_min``, or to ``eta_min_ratio * lr``.

    ``T_max`` is ``end - begin`` by default; then MMEngine stops a step before ``eta_min``. Without
    ``end`` it holds ``eta_min``, where MMEngine rises again, as here with ``periodic``.
    """
    steps = _length(begin, end) + 1 if T_max is None else T_max
    floor = _floor(lr, eta_min, eta_min_ratio)
    if eta_min_ratio is None or periodic:
        wave = torch.CosineAnnealingLR(lr, steps, floor, periodic)
    else:
        wave = cosine_decay_schedule(lr, steps, eta_min_ratio)
    return _window(lr, wave, begin, end)


@constructor
def CosineRestartLR(
    lr: Rate,
    periods: Lengths,
    restart_weights: Rates = (1,),
    eta_min: Rate | None = None,
    eta_min_ratio: Value | None = None,
    begin: Step = 0,
    end: Step | None = None,
) -> Schedule:
    """Half cosine waves of given lengths, from given multiples of ``lr``.

    Each is :func:`jaxlr.transition_schedule`. After the last MMEngine stays a step before
    ``eta_min``.
    """
    if len(periods) != len(restart_weights) or not len(periods):
        raise ValueError(
            f"`restart_weights` must have one number for each of the `periods`, got "
            f"{len(restart_weights)} and {len(periods)}."
        )
    floor = _floor(lr, eta_min, eta_min_ratio)
    waves = [
        transition_schedule(lr * weight, floor, period, "cosine")
        for weight, period in zip(restart_weights, periods, strict=True)
    ]
    *starts, stop = itertools.accumulate(periods)
    last: Any = begin + stop
    return _window(
        lr, join_schedules(waves, starts), begin, last if end is None else min(last, end)
    )


@constructor
def OneCycleLR(
    eta_max: Rate,
    total_steps: Period | None = None,
    pct_start: Fraction = 0.3,
    anneal_strategy: torch.Anneal = "cos",
    div_factor: Positive = 25.0,
    final_div_factor: Positive = 1e4,
    three_phase: bool = False,
    begin: Step = 0,
    end: Step | None = None,
) -> Schedule:
    """Up to ``eta_max`` and down to nearly nothing, as :func:`jaxlr.peers.torch.OneCycleLR`.

    ``total_steps`` is ``end - begin`` by default. Before ``begin`` it has its first value.
    """
    steps = _length(begin, end) + 1 if total_steps is None else total_steps
    cycle = torch.OneCycleLR(
        eta_max,
        steps,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        three_phase=three_phase,
    )
    return _window(eta_max / div_factor, cycle, begin)


@constructor(within={"min_lr": "min_value"})
def ReduceOnPlateauLR(
    lr: Base,
    monitor: str = "loss",
    rule: Literal["less", "greater"] = "less",
    factor: Fraction = 0.1,
    patience: Metrics = 10,
    threshold: NonNegative = 1e-4,
    threshold_rule: Literal["rel", "abs"] = "rel",
    cooldown: Metrics = 0,
    min_value: Rate = 0.0,
    eps: NonNegative = 1e-8,
    begin: Step = 0,
) -> AdaptiveSchedule:
    """A factor for each time that a metric has stalled: :func:`jaxlr.reduce_on_plateau`.

    It is :func:`jaxlr.peers.torch.ReduceLROnPlateau`, which hears the keyword ``monitor`` from step
    ``begin`` on; there is no ``end``.
    """
    plateau = torch.ReduceLROnPlateau(
        lr,
        "min" if rule == "less" else "max",
        factor,
        patience,
        threshold,
        threshold_rule,
        cooldown,
        min_value,
        eps,
    )
    return plateau.replace(begin=begin, monitor=monitor)


ConstantMomentum = renamed(ConstantLR, "ConstantMomentum")
CosineAnnealingMomentum = renamed(CosineAnnealingLR, "CosineAnnealingMomentum")
CosineRestartMomentum = renamed(CosineRestartLR, "CosineRestartMomentum")
ExponentialMomentum = renamed(ExponentialLR, "ExponentialMomentum")
LinearMomentum = renamed(LinearLR, "LinearMomentum")
MultiStepMomentum = renamed(MultiStepLR, "MultiStepMomentum")
PolyMomentum = renamed(PolyLR, "PolyMomentum")
ReduceOnPlateauMomentum = renamed(ReduceOnPlateauLR, "ReduceOnPlateauMomentum")
StepMomentum = renamed(StepLR, "StepMomentum")


def _floor(lr: Any, value: Any, ratio: Any) -> Any:
    if value is not None and ratio is not None:
        raise ValueError(f"`eta_min` and `eta_min_ratio` are one too many: {value} and {ratio}.")
    return 0.0 if value is None and ratio is None else lr * ratio if value is None else value


def _length(begin: Any, end: Any) -> Any:
    """The steps from the first value to the last."""
    if end is None:
        raise ValueError("`end` must be given, the step from which the scheduler no longer acts.")
    if on_host(begin, end) and end <= begin:
        raise ValueError(f"`end` must be after `begin`, got {end} and {begin}.")
    return end - begin - 1


def _unless_single(steps: Any, first: Any, schedule: Schedule) -> Schedule:
    """The schedule, or its first value where that is the only one in the window."""
    return constant_schedule(first) if is_zero(steps) else schedule


def _window(lr: Any, schedule: Schedule, begin: Any, end: Any = None) -> Schedule:
    """``lr`` before the window, and after it the last value in it."""
    if end is not None:
        schedule = held(schedule, _length(begin, end))
    if is_zero(begin):
        return schedule
    return join_schedules([constant_schedule(lr), schedule], [begin])
