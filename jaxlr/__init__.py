"""jaxlr: learning-rate schedules as data, for JAX and optax."""

from jaxlr._parameters import Fraction, NonNegative, Period, Positive, Steps, Value
from jaxlr.compose import *
from jaxlr.schedule import *
from jaxlr.schedules import *

__version__ = "0.1.0"
