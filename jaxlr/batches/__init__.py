"""Many schedules as one: batches, grids, and their values at many counts."""
