"""Operators that build schedules from other schedules.

An operator takes any schedule or plain function of the count, and returns an ordinary schedule, so
operators nest. This is a cosine with a warm-up, scaled and kept above a floor:

>>> import jaxlr
>>> lr = jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.1, 900), warmup_steps=100)
>>> lr = jaxlr.clip_schedule(0.5 * lr, min_value=0.001)
>>> [round(float(lr(count)), 4) for count in (0, 50, 100, 550, 1000)]
[0.001, 0.025, 0.05, 0.025, 0.001]
"""

from jaxlr.compose.clocks import per_epoch, repeat_schedule, shift_schedule, stretch_schedule
from jaxlr.compose.joins import join_schedules, window_schedule
from jaxlr.compose.phases import with_cooldown, with_warmup
from jaxlr.compose.values import add_schedules, clip_schedule, multiply_schedules, with_noise
from jaxlr.compose.wrapping import wrap

__all__ = [
    "add_schedules",
    "clip_schedule",
    "join_schedules",
    "multiply_schedules",
    "per_epoch",
    "repeat_schedule",
    "shift_schedule",
    "stretch_schedule",
    "window_schedule",
    "with_cooldown",
    "with_noise",
    "with_warmup",
    "wrap",
]
