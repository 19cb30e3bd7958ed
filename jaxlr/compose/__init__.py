"""Schedules made of schedules.

An operator takes any schedule or any plain function of the count, and is a schedule itself, with
all that belongs to one. They nest, and read from the inside out: a cosine that is warmed up, scaled
and never below a floor is

>>> import jaxlr
>>> lr = jaxlr.with_warmup(jaxlr.cosine_decay_schedule(0.1, 900), warmup_steps=100)
>>> lr = jaxlr.clip_schedule(0.5 * lr, min_value=0.001)
>>> [round(float(lr(count)), 4) for count in (0, 50, 100, 550, 1000)]
[0.001, 0.025, 0.05, 0.025, 0.001]
"""

from jaxlr.compose.clocks import *
from jaxlr.compose.joins import *
from jaxlr.compose.phases import *
from jaxlr.compose.values import *
from jaxlr.compose.wrapping import *
