"""Where runs lie: in slots, which are spread over devices.

Each device has its part of the slots and works on it alone. The number of slots is a multiple of
the number of devices; slots beyond the last run idle.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxlr.train.types import Array, PyTree

__all__ = ["PARTS", "WHOLE", "Layout"]

PARTS, WHOLE = PartitionSpec("run"), PartitionSpec()
"""How arrays lie on the devices: a part of the first axis on each, or all of it on each."""


class Layout(NamedTuple):
    """How runs are dealt to devices.

    Attributes:
      runs_per_batch: the number of runs that a device computes side by side.
      mesh: the devices, along an axis ``"run"``; None for the device that the data are on.
    """

    runs_per_batch: int = 1
    mesh: Mesh | None = None

    @property
    def devices(self) -> int:
        """The number of devices."""
        return 1 if self.mesh is None else self.mesh.size

    def width(self, runs: int) -> int:
        """Returns how many of the runs on a device are side by side: at most ``runs_per_batch``."""
        batches = -(-runs // self.runs_per_batch)
        return -(-runs // batches)

    def size(self, runs: int) -> int:
        """Returns the number of slots for some runs: equally many batches for each device."""
        each = -(-runs // self.devices)
        return self.devices * self.width(each) * -(-each // self.width(each))

    def slots(self, runs: int) -> Array:
        """Returns the run in each slot, in their order; -1 in a slot that idles."""
        return _padded(np.arange(runs), self.size(runs))

    def dealt(self, slots: Array, kept: Array) -> Array:
        """Returns the run in each slot once only some runs are left.

        Args:
          slots: the run in each slot so far.
          kept: the runs that are left, those in training first: each device gets as many of these
            as any other.
        """
        if self.devices == self.runs_per_batch == 1:
            return np.where(np.isin(slots, kept), slots, -1)
        size = self.size(len(kept))
        if self.runs_per_batch == 1:
            size = max(size, len(slots))  # Empty slots cost nothing, another program does.
        return _padded(kept, size).reshape(-1, self.devices).T.ravel()

    def distributed(self, function: Callable[..., Any], *specs: PartitionSpec) -> Any:
        """Lets each device work on its part; ``specs`` say which arguments have parts."""
        if self.mesh is None:
            return function
        return jax.shard_map(
            function, mesh=self.mesh, in_specs=specs, out_specs=PARTS, check_vma=False
        )

    def placed(self, tree: PyTree, spec: PartitionSpec) -> PyTree:
        """Puts arrays on the devices."""
        if self.mesh is None:
            return jax.tree.map(jnp.asarray, tree)
        return jax.device_put(tree, NamedSharding(self.mesh, spec))


def _padded(runs: Array, size: int) -> Array:
    return np.append(runs, np.full(size - len(runs), -1)).astype(np.int32)
