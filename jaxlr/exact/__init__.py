"""Building blocks for formulas: arithmetic that avoids rounding and cancellation errors."""
