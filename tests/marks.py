"""Marks of cases."""

from typing import Any

import pytest

__all__ = ["slow"]


def slow(*values: Any) -> Any:
    """A case that runs once in CI."""
    return pytest.param(*values, marks=pytest.mark.slow)
