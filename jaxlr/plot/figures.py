"""Figures that pictures are drawn on, their colours, legends and files."""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxlr.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "add_legend", "colour_map", "figure", "new_axes", "save", "style"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Colours that people with any kind of colour blindness tell apart (Okabe and Ito)."""

_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (8, 2, 1, 2, 1, 2)))


def figure(panels: int = 1) -> "Figure":
    """Returns an empty figure that pyplot does not know, to draw pictures for files on.

    Nothing shows it, and nothing keeps it: a program may draw thousands.

    Args:
      panels: the number of panels; they are the ``axes`` of the figure.

    Raises:
      ImportError: if there is no matplotlib; it names the cure.

    >>> import jaxlr
    >>> from jaxlr.plot import figure, plot_schedules
    >>> picture = figure()
    >>> axes = plot_schedules(jaxlr.constant_schedule(0.1), 100, ax=picture.axes[0])
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('Pictures need matplotlib: pip install "jaxlr[plot]".') from error
    return _with_panels(Figure(**_size(panels)), panels)


def new_axes(panels: int = 1) -> "list[Axes]":
    """The panels of a new figure that notebooks and ``pyplot.show()`` show."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('Pictures need matplotlib: pip install "jaxlr[plot]".') from error
    return _with_panels(pyplot.figure(**_size(panels)), panels).axes


def _size(panels: int) -> dict[str, Any]:
    columns = min(panels, 2)
    rows = math.ceil(panels / columns)
    return {"figsize": (6.4 if columns == 1 else 8.4, 3.6 * rows), "layout": "constrained"}


def _with_panels(figure: "Figure", panels: int) -> "Figure":
    grid = figure.add_gridspec(math.ceil(panels / 2), min(panels, 2))
    for panel in range(panels):
        figure.add_subplot(grid[divmod(panel, grid.ncols)]).grid(alpha=0.3)
    return figure


def save(
    picture: "Figure | Axes | Sequence[Axes]", path: str | os.PathLike[str], dpi: float = 150.0
) -> None:
    """Writes a picture to a file, whole or not at all.

    Args:
      picture: a figure, or what any function of this module returns.
      path: the file; its ending says which kind it is: .png, .svg, .pdf.
      dpi: the pixels per inch of a .png.

    Raises:
      ValueError: if ``path`` has no ending, or one of a kind that matplotlib does not write.
    """
    kind = os.path.splitext(path)[1].lstrip(".")
    if not kind:
        raise ValueError(f"`path` must have an ending, such as '.png', got {os.fspath(path)!r}.")
    first: Any = picture[0] if isinstance(picture, Sequence) else picture
    with write_whole(path, "wb") as stream:
        # Axes may be in a part of a figure; the figure of that is the whole.
        first.figure.figure.savefig(stream, format=kind, dpi=dpi)


def style(index: int) -> dict[str, Any]:
    """The colour and the dashes of one line; 35 differ."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": _DASHES[index % len(_DASHES)],
    }


def colour_map() -> Any:
    """Colours from dark to light whose order any eye sees; without the faint end of yellow."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    shades = colormaps["viridis"]([i / 63 for i in range(60)])
    return LinearSegmentedColormap.from_list("dark_viridis", shades)


def add_legend(ax: "Axes", columns: int = 1) -> None:
    """Names the lines of a panel: below it where the layout makes room for that, else within."""
    if ax.figure.get_layout_engine() is None:
        ax.legend(fontsize="small")
        return
    legend = ax.legend(
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.16),
        ncols=columns,
        fontsize="x-small",
        frameon=False,
    )
    if len(ax.figure.axes) == 1:
        ax.figure.figure.set_figheight(3.6 + 0.2 * -(-len(legend.get_texts()) // columns))
