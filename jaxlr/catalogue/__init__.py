"""The built-in families, one module per kind; import them from :mod:`jaxlr.schedules`."""
