"""The families of schedules, in a file for each kind; :mod:`jaxlr.schedules` has them all."""
