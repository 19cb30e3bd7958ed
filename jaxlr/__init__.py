"""jaxlr: learning-rate schedules as data, for JAX and optax."""

from jaxlr import search
from jaxlr.batches.batch import *
from jaxlr.batches.evaluation import *
from jaxlr.batches.grids import *
from jaxlr.compose import *
from jaxlr.core.parameters import *
from jaxlr.core.schedule import *
from jaxlr.feedback.adaptive import *
from jaxlr.feedback.state import *
from jaxlr.feedback.stopping import *
from jaxlr.schedules import *
from jaxlr.units import *

__version__ = "0.1.0"
