"""Pictures of schedules and of training runs, for notebooks, files and a plain terminal.

Schedules and batches draw themselves. So do the results of training:

>>> import jaxlr
>>> axes = jaxlr.cosine_decay_schedule(0.1, decay_steps=100).plot()
>>> axes = jaxlr.step_decay(0.1, step_size=20).plot(ax=axes, label="steps")
>>> len(axes.get_lines())
2

Pictures need matplotlib (``pip install "jaxlr[plot]"``), but no screen. A notebook shows them,
``matplotlib.pyplot.show()`` opens a window, :func:`save` writes a file. Every function returns
matplotlib's axes, so that titles, limits and scales can still be changed.
:func:`text_plot` draws with characters, and needs neither.
"""

from jaxlr.plot.figures import figure, save
from jaxlr.plot.lengths import length_to_draw
from jaxlr.plot.schedules import plot_batch, plot_schedules
from jaxlr.plot.terminal import text_plot
from jaxlr.plot.training import plot_history, plot_sweep

__all__ = [
    "figure",
    "length_to_draw",
    "plot_batch",
    "plot_history",
    "plot_schedules",
    "plot_sweep",
    "save",
    "text_plot",
]
