"""Pictures of schedules and of batches."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxlr.batches.batch import Batch
from jaxlr.batches.tables import described, shortened, texts, without_constants
from jaxlr.core.schedule import Schedule
from jaxlr.plot.figures import add_legend, colour_map, new_axes, style
from jaxlr.plot.lengths import counts_to_draw, length_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST_LETTERS", "distinct_labels", "plot_batch", "plot_schedules", "scale_rates"]

Curve = Callable[[ArrayLike], ArrayLike]

MOST_LETTERS = 90
"""How long a label may be."""

_MOST_LABELS = 12
_MANY_TIMES = 30.0
"""From which ratio on numbers need a logarithmic scale."""


def plot_schedules(
    schedules: Curve | Batch | Mapping[str, Curve] | Sequence[Curve],
    steps: int | None = None,
    *,
    ax: "Axes | None" = None,
    **line: Any,
) -> "Axes":
    """Draws schedules over their counts.

    Several are labelled by the parameters in which they differ; the title has those that all share.
    Where the highest rates differ by more than 30 times, their axis is logarithmic.

    Args:
      schedules: one schedule, several, or several by their labels; any function of the count. Of a
        :class:`jaxlr.Batch` up to 12 members have labels; more of one family are coloured by the
        first of their parameters, with a colour bar, and those of several as :func:`plot_batch`
        does.
      steps: how many counts to draw, from 0; by default as many as :func:`length_to_draw` says. At
        most 2000 of them, evenly spread, are evaluated.
      ax: the matplotlib axes to draw on; by default those of a new figure.
      **line: options of the lines, as ``matplotlib.axes.Axes.plot`` takes them, such as ``label``.

    Returns:
      The axes.

    Raises:
      ImportError: if there is no matplotlib; it names the cure.
      ValueError: if ``steps`` is less than 1, or missing for a plain function.

    >>> import jaxlr
    >>> from jaxlr.plot import plot_schedules, save
    >>> axes = plot_schedules([jaxlr.step_decay(0.1, 30), jaxlr.cosine_decay_schedule(0.1, 90)])
    >>> len(axes.get_lines())
    2
    """
    ax = new_axes()[0] if ax is None else ax
    counts = counts_to_draw(_length(schedules) if steps is None else steps)
    if isinstance(schedules, Batch) and len(schedules) > _MOST_LABELS:
        return _draw_many(schedules, counts, ax, line)
    title, labels, curves = _labelled(schedules)
    if isinstance(schedules, Batch):
        values = np.asarray(schedules(counts))
    else:
        values = np.stack([np.broadcast_to(curve(counts), counts.shape) for curve in curves])
    for label, row in zip(labels, values, strict=True):
        own = style(len(ax.get_lines())) | {"label": label}
        ax.plot(counts, row, **(own | line))
    if title:
        ax.set_title(shortened(title, MOST_LETTERS), fontsize="small")
    return _finished(ax, values)


def plot_batch(batch: Batch, steps: int | None = None, *, ax: "Axes | None" = None) -> "Axes":
    """Draws all schedules of a batch, each family in a colour of its own.

    Args:
      batch: the batch.
      steps: as for :func:`plot_schedules`.
      ax: as for :func:`plot_schedules`.

    Returns:
      The axes.

    >>> import jax
    >>> from jaxlr.plot import plot_batch
    >>> from jaxlr.search import random_schedules
    >>> batch = random_schedules(jax.random.key(0), 50, total_steps=100, peak=0.1)
    >>> len(plot_batch(batch, steps=100).get_lines())
    50
    """
    ax = new_axes()[0] if ax is None else ax
    counts = counts_to_draw(_length(batch) if steps is None else steps)
    values, names = np.asarray(batch(counts)), np.array([lr.family.name for lr in batch])
    for index, name in enumerate(dict.fromkeys(names.tolist())):
        lines = ax.plot(counts, values[names == name].T, linewidth=0.8, **style(index))
        lines[0].set_label(name)
    return _finished(ax, values, columns=2)


def _length(schedules: Any) -> int:
    if callable(schedules):
        return length_to_draw(schedules)
    several = schedules.values() if isinstance(schedules, Mapping) else schedules
    return max(map(length_to_draw, several), default=1)


def _labelled(schedules: Any) -> tuple[str, list[str], list[Curve]]:
    """A title, and a label for each of several schedules."""
    if isinstance(schedules, Mapping):
        return "", list(schedules), list(schedules.values())
    if isinstance(schedules, Batch):
        return *distinct_labels(schedules.table), list(schedules)
    curves = [schedules] if callable(schedules) else list(schedules)
    if len(curves) == 1 or not all(isinstance(curve, Schedule) for curve in curves):
        return "", [shortened(repr(curve), MOST_LETTERS) for curve in curves], curves
    rows = [{"family": curve.family.name, **curve.params} for curve in curves]
    names = dict.fromkeys(name for row in rows for name in row)
    return *distinct_labels({name: [row.get(name) for row in rows] for name in names}), curves


def distinct_labels(table: Mapping[str, Any]) -> tuple[str, list[str]]:
    """What all rows of a table have in common, and for each in what it differs from the others."""
    columns = {name: texts(column, digits=4) for name, column in table.items()}
    constants, varying = without_constants(columns)
    rows = (
        zip(*varying.values(), strict=True) if varying else [()] * len(next(iter(columns.values())))
    )
    labels = [
        shortened(described(dict(zip(varying, row, strict=True))), MOST_LETTERS) for row in rows
    ]
    if len(set(labels)) < len(labels):
        labels = [
            f"{place}: {label}" if label else str(place) for place, label in enumerate(labels)
        ]
    return described(constants), labels


def _draw_many(
    batch: Batch, counts: npt.NDArray[np.int64], ax: "Axes", line: dict[str, Any]
) -> "Axes":
    """Draws more than can have labels: by family, or in colours that tell a parameter."""
    if len({lr.family.name for lr in batch.stacks}) > 1:
        return plot_batch(batch, int(counts[-1]) + 1, ax=ax)
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    values = np.asarray(batch(counts))
    name, numbers = _first_varying(batch)
    norm = (LogNorm if _is_wide(numbers) else Normalize)(numbers.min(), numbers.max())
    colours = ScalarMappable(norm, colour_map())
    for number, row in zip(numbers, values, strict=True):
        own: dict[str, Any] = {"color": colours.to_rgba(number), "linewidth": 0.8}
        ax.plot(counts, row, **(own | line))
    ax.figure.colorbar(colours, ax=ax, label=name)
    return _finished(ax, values)


def _first_varying(batch: Batch) -> tuple[str, npt.NDArray[np.float64]]:
    for name, column in batch.table.items():
        if column.dtype.kind in "iuf" and column.ndim == 1 and len(np.unique(column)) > 1:
            return name, column.astype(np.float64)
    return "place in the batch", np.arange(len(batch), dtype=np.float64)


def _is_wide(numbers: npt.NDArray[np.float64]) -> bool:
    """Tells whether numbers differ so much that a linear scale would hide most of them."""
    return bool(numbers.min() > 0.0 and numbers.max() > _MANY_TIMES * numbers.min())


def scale_rates(ax: "Axes", values: npt.NDArray[Any]) -> None:
    """Makes the axis of rates logarithmic where the peaks of several curves, in rows, need it."""
    peaks = np.nanmax(values, axis=1, initial=0.0).astype(np.float64)
    if len(peaks) > 1 and np.isfinite(peaks).all() and _is_wide(peaks):
        ax.set_yscale("log")
        ax.set_ylim(peaks.min() / _MANY_TIMES, peaks.max() * 2.0)


def _finished(ax: "Axes", values: npt.NDArray[Any], columns: int = 1) -> "Axes":
    scale_rates(ax, values)
    ax.set_xlabel("step")
    ax.set_ylabel("value")
    if ax.get_legend_handles_labels()[1]:
        add_legend(ax, columns)
    return ax
