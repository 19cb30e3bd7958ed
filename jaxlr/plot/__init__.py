"""Pictures of schedules and of training runs, for notebooks, files and a plain terminal.

Every schedule and every batch draws itself, over its own length if no other is given:

>>> import jaxlr
>>> axes = jaxlr.plot.plot_schedules(jaxlr.cosine_decay_schedule(0.1, 100))
>>> axes.get_xlabel()
'step'

``lr.plot()`` is the same. All pictures are matplotlib's (``pip install "jaxlr[plot]"``). A notebook
shows them, ``matplotlib.pyplot.show()`` opens a window, :func:`save` writes a file. They are made
of :class:`matplotlib.axes.Axes`, so titles, limits and scales can be changed afterwards.
:func:`text_plot` needs neither matplotlib nor a screen.
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
