"""Curves for a plain terminal, drawn with characters."""

import numpy as np
import numpy.typing as npt

__all__ = ["SCALE_WIDTH", "text_plot"]

_EIGHTHS = " ▁▂▃▄▅▆▇█"

SCALE_WIDTH = 13
"""How many characters :func:`text_plot` has to the left of a curve."""


def text_plot(
    values: npt.ArrayLike,
    width: int = 72,
    height: int = 8,
    unit: str = "step",
    last: int | None = None,
) -> str:
    """Draws a curve with block characters, for a terminal.

    Args:
      values: the values, at evenly spaced counts from 0.
      width: the width of the picture in characters, without its scale.
      height: the height in lines.
      unit: what is counted.
      last: the count of the last value; by default the values are at 0, 1, 2 and so on.

    Returns:
      The picture, lines separated by line feeds.

    Raises:
      ValueError: if there are no values, or ``width`` or ``height`` is less than 1.

    >>> import jaxlr, numpy as np
    >>> from jaxlr.plot import text_plot
    >>> print(text_plot(jaxlr.linear_schedule(1.0, 0.0, 15)(np.arange(16)), width=16, height=2))
              1 ┤█▇▆▅▄▃▂▁
              0 ┤████████▇▆▅▄▃▂▁
                └0 … 15 step
    """
    curve = np.asarray(values, np.float64).ravel()
    if curve.size == 0:
        raise ValueError("`values` must have at least one value, got none.")
    for name, size in (("width", width), ("height", height)):
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1, got {size}.")
    columns = curve[np.linspace(0, curve.size - 1, min(width, curve.size)).round().astype(int)]
    finite = curve[np.isfinite(curve)]
    low, high = finite.min(initial=0.0), finite.max(initial=0.0)
    span = high - low or 1.0
    eighths = np.round(
        np.nan_to_num((columns - low) / span, posinf=1.0, neginf=0.0) * 8 * height
    ).astype(int)
    lines = []
    for row in reversed(range(height)):
        bar = "".join(_EIGHTHS[level] for level in np.clip(eighths - 8 * row, 0, 8))
        at_top = row == height - 1 and high > low
        label = f"{high:.4g}" if at_top else f"{low:.4g}" if row == 0 else ""
        lines.append(f"{label:>{SCALE_WIDTH - 2}} ┤{bar}".rstrip())
    end = curve.size - 1 if last is None else last
    return "\n".join([*lines, f"{'':{SCALE_WIDTH - 1}}└0 … {end} {unit}"])
