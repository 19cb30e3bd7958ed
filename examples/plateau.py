"""Warm-up, then a rate that halves where the validation loss stalls, then an early stop.

The training data are 8x8 digits with some wrong labels, so that there is something to overfit.
"""

import argparse

import numpy as np

import jaxlr
from jaxlr.plot import text_plot
from jaxlr.train import MLP, classification, fit, load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=40, help="the most epochs (%(default)s)")
parser.add_argument("--limit", type=int, help="how many training examples to use")
options = parser.parse_args()

data = load("digits")
images, labels = (array[: options.limit] for array in data[:2])
wrong = np.random.default_rng(0).random(len(labels)) < 0.1
labels = np.where(wrong, (labels + 1) % data.num_classes, labels)
task = classification(MLP, input_shape=images.shape[1:], classes=data.num_classes)

steps_per_epoch = len(labels) // 32
warmup = jaxlr.linear_schedule(0.0, 3e-3, transition_steps=2 * steps_per_epoch)
lr = jaxlr.reduce_on_plateau(
    warmup,
    factor=0.5,
    patience=2,
    threshold=0.01,
    begin=2 * steps_per_epoch,
    monitor="validation_loss",
)
print(lr)
result = fit(
    lr,
    task.init,
    task.loss,
    (images, labels),
    data[2:],
    metric=task.metric,
    epochs=options.epochs,
    batch_size=32,
    early_stopping=jaxlr.early_stopping("validation_loss", patience=6),
    progress=False,
)
history = result.history
rates = history.steps["learning_rate"].reshape(history.num_epochs, -1)[:, -1]
for epoch, rate, loss in zip(
    history.epochs["epoch"], rates, history.epochs["validation_loss"], strict=True
):
    print(f"epoch {epoch}: rate {rate:.6f}, validation loss {loss:.3f}")
print(text_plot(history.steps["learning_rate"]))
print(result.summary())
