"""jaxlr: learning-rate schedules as data, for JAX and optax."""

from jaxlr import search
from jaxlr._parameters import *
from jaxlr.adaptive import *
from jaxlr.batch import *
from jaxlr.compose import *
from jaxlr.evaluation import *
from jaxlr.grids import *
from jaxlr.schedule import *
from jaxlr.schedules import *
from jaxlr.state import *
from jaxlr.stopping import *
from jaxlr.units import *

__version__ = "0.1.0"
