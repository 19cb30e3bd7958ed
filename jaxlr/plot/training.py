"""Pictures of training runs and of sweeps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxlr.batches.tables import shortened
from jaxlr.plot.figures import COLOURS, new_axes, style
from jaxlr.plot.lengths import counts_to_draw
from jaxlr.plot.schedules import MOST_LETTERS, distinct_labels, scale_rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["history_panels", "plot_history", "plot_sweep"]


def plot_history(
    history: Any,
    title: str = "",
    *,
    label_smoothing: float = 0.0,
    axes: "Sequence[Axes] | None" = None,
) -> "list[Axes]":
    """Draws a training run: its rate, its loss, its accuracy and the norm of its gradients.

    Args:
      history: the :class:`jaxlr.train.History` of a run.
      title: a line above the picture, such as the text of the schedule.
      label_smoothing: what the training loss was computed with, but not the validation loss; the
        picture then says so.
      axes: the matplotlib axes to draw on; by default those of a new figure.

    Returns:
      The axes: a panel over the steps for each of the four that was recorded.
    """
    steps, epochs = history.steps, history.epochs
    names = history_panels(history)
    panels = new_axes(len(names)) if axes is None else list(axes)
    per_epoch = len(steps["step"]) // max(len(epochs["epoch"]), 1)
    for ax, name in zip(panels, names, strict=True):
        values = np.asarray(steps[name], np.float64)
        ax.set_ylabel(name.replace("_", " "))
        ax.set_xlabel("step")
        if name == "learning_rate":
            ax.plot(steps["step"], values, color=COLOURS[0])
            continue
        smoothed = name == "loss" and label_smoothing > 0.0
        note = f", labels smoothed by {label_smoothing:g}" if smoothed else ""
        ax.plot(steps["step"], values, color="0.8", linewidth=0.8, label="each step")
        window = max(1, min(per_epoch, len(values) // 20))
        smooth = np.convolve(values, np.full(window, 1 / window), mode="valid")
        middles = steps["step"][window - 1 :] - (window - 1) / 2
        label = f"mean of {window} steps{note}"
        ax.plot(middles, smooth, color=COLOURS[0], label=label)
        if f"validation_{name}" in epochs:
            ends = np.asarray(epochs["epoch"]) * per_epoch
            label = "validation, without smoothing" if smoothed else "validation"
            validation = epochs[f"validation_{name}"]
            ax.plot(ends, validation, "o--", color=COLOURS[1], label=label)
        if name == "gradient_norm" and np.any(values > 0.0):
            ax.set_yscale("log")
        ax.legend(fontsize="small")
    if title:
        panels[0].figure.suptitle(shortened(title, 2 * MOST_LETTERS), fontsize="small", wrap=True)
    return panels


def history_panels(history: Any) -> list[str]:
    """The columns of a history that :func:`plot_history` draws, a panel each."""
    names = ("learning_rate", "loss", "accuracy", "gradient_norm")
    return [name for name in names if name in history.steps]


def plot_sweep(
    result: Any, metric: str, most: int = 8, *, axes: "Sequence[Axes] | None" = None
) -> "list[Axes]":
    """Draws the runs of a sweep: the rates they used and a metric, means over seeds.

    The best are labelled by the parameters in which the schedules of the sweep differ.

    Args:
      result: the :class:`jaxlr.train.SweepResult` of a sweep.
      metric: what to draw after each epoch, a name in ``result.runs``.
      most: how many of the best to draw in colour, with a label; all others are grey.
      axes: two matplotlib axes to draw on; by default those of a new figure.

    Returns:
      The axes: a panel for the rates over the steps, and one for the metric over the epochs.
    """
    left, right = new_axes(2) if axes is None else axes
    order = result.order()
    epochs = np.arange(1, len(result.seconds) + 1)
    steps = counts_to_draw(result.rates.shape[2] * len(epochs) // result.runs[metric].shape[2])
    rates = np.mean(result.rates[:, :, steps], axis=1)
    title, labels = distinct_labels(result.table)
    for rank in reversed(range(len(order))):
        index = int(order[rank])
        line: dict[str, Any] = {"color": "0.85", "linewidth": 0.8}
        if rank < most:
            line = style(rank) | {"label": f"{rank + 1}. {labels[index]}"}
        left.plot(steps, rates[index], **line)
        right.plot(epochs, result.metrics[metric][index, : len(epochs)], marker=".", **line)
    scale_rates(left, rates)
    left.set_ylabel("learning rate")
    left.set_xlabel("step")
    right.set_ylabel(metric.replace("_", " "))
    right.set_xlabel("epoch")
    right.locator_params(axis="x", integer=True)
    _add_legend_below(left, title)
    return [left, right]


def _add_legend_below(ax: "Axes", title: str) -> None:
    """Names the lines of the first panel below all of them, the best first."""
    handles, labels = ax.get_legend_handles_labels()
    figure: Any = ax.figure
    if figure is figure.figure:  # A part of a larger figure keeps its height.
        figure.set_figheight(3.6 + 0.2 * (len(labels) + bool(title)))
    figure.legend(
        handles[::-1],
        labels[::-1],
        title=shortened(title, MOST_LETTERS) or None,
        loc="outside lower left",
        alignment="left",
        fontsize="x-small",
        title_fontsize="x-small",
        frameon=False,
    )
