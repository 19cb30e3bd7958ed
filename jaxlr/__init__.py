"""jaxlr: learning-rate schedules as data, for JAX and optax."""

from jaxlr._parameters import *
from jaxlr.batch import *
from jaxlr.compose import *
from jaxlr.schedule import *
from jaxlr.schedules import *
from jaxlr.state import *

__version__ = "0.1.0"
