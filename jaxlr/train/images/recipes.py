"""Settings that train well, for the data sets and models at hand.

The schedules are texts, in which ``total_steps`` stands for the number of updates of the run and
``steps_per_epoch`` for the number in one epoch, so that they stretch with the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["RECIPES", "Recipe"]


@dataclass(frozen=True)
class Recipe:
    """A model and the settings to train it with.

    Attributes:
      model: a name in :data:`jaxlr.train.MODELS`.
      schedule: the text of a schedule.
      epochs: the number of epochs.
      batch_size: the number of examples per update.
      hyperparameters: arguments of ``optax.adam`` that differ from its defaults.
      label_smoothing: the share of each label that is spread over all classes.
    """

    model: str
    schedule: str
    epochs: int
    batch_size: int
    hyperparameters: Mapping[str, float] = field(default_factory=dict)
    label_smoothing: float = 0.0


# Rises to its peak over a fifth of the run, then falls to zero.
_TRIANGLE = (
    "piecewise_interpolate_schedule('linear', {peak} / 25, "
    "{{total_steps // 5: 25, total_steps: 0}})"
)

RECIPES: Mapping[str, Recipe] = {
    "fast": Recipe(
        model="fast-cnn",
        schedule=_TRIANGLE.format(peak=0.01),
        epochs=1,
        batch_size=64,
        hyperparameters={"b2": 0.99},
        label_smoothing=0.05,
    ),
    "article": Recipe(
        model="cnn",
        schedule="warmup_cosine_decay_schedule(0.0, 1.5e-3, total_steps // 10, total_steps)",
        epochs=3,
        batch_size=128,
    ),
    "digits": Recipe(
        model="fast-cnn",
        schedule=_TRIANGLE.format(peak=0.004),
        epochs=20,
        batch_size=32,
        hyperparameters={"b2": 0.99},
        label_smoothing=0.05,
    ),
}
"""The settings by name: ``fast`` and ``article`` are for MNIST, ``digits`` for the 8x8 digits."""
