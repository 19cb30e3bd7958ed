"""Pictures of schedules and of training runs, for files and for a plain terminal.

The pictures for files need matplotlib (``pip install "jaxlr[plot]"``), but no screen.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxlr.batches.batch import Batch
from jaxlr.files import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_batch", "plot_history", "plot_schedules", "plot_sweep", "save", "text_plot"]

Curve = Callable[[ArrayLike], ArrayLike]

_MOST_POINTS = 2000
_MOST_LABELS = 12


def plot_schedules(
    schedules: Curve | Batch | Mapping[str, Curve] | Sequence[Curve], steps: int
) -> "Figure":
    """Draws schedules over the first ``steps`` counts.

    Args:
      schedules: one schedule, several, or several by their labels. A :class:`jaxlr.Schedule`
        without a label is labelled by the beginning of its text. The members of a
        :class:`jaxlr.Batch` are labelled by what made them, if they are few; many of one family
        are drawn in the colours of a map, and others as :func:`plot_batch` does.
      steps: the number of counts; at most 2000 of them, evenly spread, are evaluated.

    Returns:
      A matplotlib figure. In a notebook it shows itself; :func:`save` writes it to a file.

    >>> import jaxlr
    >>> from jaxlr.plot import plot_schedules
    >>> figure = plot_schedules(jaxlr.cosine_decay_schedule(0.1, 100), steps=120)
    >>> figure.axes[0].get_xlabel()
    'step'
    """
    if isinstance(schedules, Batch):
        return _plot_members(schedules, steps)
    if callable(schedules):
        schedules = [schedules]
    if isinstance(schedules, Mapping):
        labelled = list(schedules.items())
    else:  # Two texts may begin alike.
        labelled = [(_shortened(repr(schedule)), schedule) for schedule in schedules]
    counts = counts_to_draw(steps)
    figure = _figure(1)
    axes = figure.axes[0]
    for label, schedule in labelled:
        axes.plot(counts, np.asarray(schedule(counts)), label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("value")
    _add_legend(figure)
    return figure


def plot_batch(batch: Batch, steps: int) -> "Figure":
    """Draws all schedules of a batch over the first ``steps`` counts, each family in its color.

    Args:
      batch: the batch.
      steps: the number of counts; at most 2000 of them, evenly spread, are evaluated.

    Returns:
      A matplotlib figure.

    >>> import jax
    >>> from jaxlr.plot import plot_batch
    >>> from jaxlr.search import random_schedules
    >>> batch = random_schedules(jax.random.key(0), 50, total_steps=100, peak=0.1)
    >>> len(plot_batch(batch, steps=100).axes[0].get_lines())
    50
    """
    counts = counts_to_draw(steps)
    curves, names = np.asarray(batch(counts)), np.array([lr.family.name for lr in batch])
    figure = _figure(1)
    axes = figure.axes[0]
    families = dict.fromkeys(names.tolist())
    colours = [f"C{i}" for i in range(10)] if len(families) <= 10 else _colours(len(families))
    for name, colour in zip(families, colours, strict=False):
        lines = axes.plot(counts, curves[names == name].T, color=colour, linewidth=0.8)
        lines[0].set_label(name)
    axes.set_xlabel("step")
    axes.set_ylabel("value")
    _add_legend(figure, columns=2)
    return figure


def counts_to_draw(steps: int) -> npt.NDArray[np.int64]:
    """Returns the first ``steps`` counts, or 2000 of them, evenly spread, if there are more."""
    if steps < 1:
        raise ValueError(f"`steps` must be at least 1, got {steps}.")
    return np.unique(np.linspace(0, steps - 1, min(steps, _MOST_POINTS)).astype(np.int64))


def _plot_members(batch: Batch, steps: int) -> "Figure":
    """Labels a few members; gives many the colours of a map, or that of their family."""
    if len(batch) > _MOST_LABELS and len({lr.family.name for lr in batch.stacks}) > 1:
        return plot_batch(batch, steps)
    counts = counts_to_draw(steps)
    figure = _figure(1)
    axes = figure.axes[0]
    lines = axes.plot(counts, np.asarray(batch(counts)).T, linewidth=1.0)
    for line, colour in zip(lines, _colours(len(batch)), strict=True):
        line.set_color(colour)
    axes.set_xlabel("step")
    axes.set_ylabel("value")
    if len(batch) <= _MOST_LABELS:
        for line, row in zip(lines, zip(*batch.table.values(), strict=True), strict=True):
            made = dict(zip(batch.table, row, strict=True))
            line.set_label(_shortened(", ".join(f"{k}={v}" for k, v in made.items())))
        _add_legend(figure)
    return figure


def _colours(number: int) -> list[Any]:
    from matplotlib import colormaps

    return list(map(tuple, colormaps["viridis"](np.linspace(0.0, 1.0, number))))


def _add_legend(figure: "Figure", columns: int = 1, order: Literal[1, -1] = 1) -> None:
    """Names the lines of the first panel below the picture, which grows by that."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.set_figheight(3.6 + 0.2 * -(-len(labels) // columns))
    figure.legend(
        handles[::order],
        labels[::order],
        loc="outside lower left",
        ncols=columns,
        fontsize="x-small",
        frameon=False,
    )


def _shortened(text: str, most: int = 90) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"


def plot_history(history: Any, title: str = "") -> "Figure":
    """Draws a training run: its rate, its loss, and its accuracy where it was measured.

    Args:
      history: the :class:`jaxlr.train.History` of a run.
      title: a line above the picture, such as the text of the schedule.

    Returns:
      A matplotlib figure with one panel for each of the three, over the steps.
    """
    steps, epochs = history.steps, history.epochs
    names = ["learning_rate", "loss", *(["accuracy"] if "accuracy" in steps else [])]
    figure = _figure(len(names))
    per_epoch = len(steps["step"]) // max(len(epochs["epoch"]), 1)
    for axes, name in zip(figure.axes, names, strict=True):
        values = np.asarray(steps[name], np.float64)
        if name == "learning_rate":
            axes.plot(steps["step"], values)
        else:
            axes.plot(steps["step"], values, color="0.8", linewidth=0.8, label="each step")
            window = max(1, min(per_epoch, len(values) // 20))
            smooth = np.convolve(values, np.full(window, 1 / window), mode="valid")
            axes.plot(steps["step"][window - 1 :], smooth, label=f"mean of {window} steps")
            if f"validation_{name}" in epochs:
                ends = np.asarray(epochs["epoch"]) * per_epoch
                axes.plot(ends, epochs[f"validation_{name}"], "o-", label="validation")
            axes.legend(fontsize="small")
        axes.set_ylabel(name.replace("_", " "))
        axes.set_xlabel("step")
    figure.suptitle(title, fontsize="small", wrap=True)
    return figure


def plot_sweep(result: Any, metric: str, most: int = 8) -> "Figure":
    """Draws the runs of a sweep: the rates they used and a metric, means over seeds.

    Args:
      result: the :class:`jaxlr.train.SweepResult` of a sweep.
      metric: what to draw after each epoch, a name in ``result.runs``.
      most: how many of the best to draw in colour, with a label; all others are grey.

    Returns:
      A matplotlib figure with two panels: the rates over the steps, the metric over the epochs.
    """
    figure = _figure(2)
    left, right = figure.axes
    order = result.order()
    epochs = np.arange(1, len(result.seconds) + 1)
    steps = counts_to_draw(result.rates.shape[2] * len(epochs) // result.runs[metric].shape[2])
    rates = np.mean(result.rates[:, :, steps], axis=1)
    for rank in reversed(range(len(order))):
        index = int(order[rank])
        style: dict[str, Any] = {"color": "0.85", "linewidth": 0.8}
        if rank < most:
            made = result.candidate(index).parameters.items()
            text = ", ".join(
                f"{n}={v:.4g}" if isinstance(v, float) else f"{n}={v}" for n, v in made
            )
            style = {"color": f"C{rank}", "label": _shortened(f"{rank + 1}. {text}")}
        left.plot(steps, rates[index], **style)
        right.plot(epochs, result.metrics[metric][index, : len(epochs)], ".-", **style)
    left.set_ylabel("learning rate")
    left.set_xlabel("step")
    right.set_ylabel(metric.replace("_", " "))
    right.set_xlabel("epoch")
    right.locator_params(axis="x", integer=True)
    _add_legend(figure, order=-1)
    return figure


def figure_class() -> type["Figure"]:
    """Returns matplotlib's figure; raises ImportError, with the cure, where there is none."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('Pictures need matplotlib: pip install "jaxlr[plot]".') from error
    return Figure


def _figure(panels: int) -> "Figure":
    figure = figure_class()(
        figsize=(6.4 if panels == 1 else 4.2 * panels, 3.6), layout="constrained"
    )
    for axes in figure.subplots(1, panels, squeeze=False).flat:
        axes.grid(alpha=0.3)
    return figure


def save(figure: "Figure", path: str | os.PathLike[str], dpi: float = 150.0) -> None:
    """Writes a figure to a file, whole or not at all; its ending says which kind (.png, .svg)."""
    kind = os.path.splitext(path)[1].lstrip(".")
    if not kind:
        raise ValueError(f"`path` must have an ending, such as '.png', got {os.fspath(path)!r}.")
    with write_whole(path, "wb") as stream:
        figure.savefig(stream, format=kind, dpi=dpi)


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
