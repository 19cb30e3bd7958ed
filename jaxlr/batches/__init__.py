"""Batches of schedules, grids, and fast evaluation at many counts."""

from jaxlr.batches.batch import Batch, batched, concatenate, stack
from jaxlr.batches.evaluation import Block, blocks, evaluate
from jaxlr.batches.grids import grid, zipped

__all__ = [
    "Batch",
    "Block",
    "batched",
    "blocks",
    "concatenate",
    "evaluate",
    "grid",
    "stack",
    "zipped",
]
