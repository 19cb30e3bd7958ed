"""Trains a convolutional network on MNIST under a warm-up and half a cosine wave.

The whole way through ``jaxlr.train``: data, model, schedule, training, table, picture.
"""

import argparse

import rich

import jaxlr
from jaxlr.plot import plot_history, save
from jaxlr.train import MODELS, classification, fit, load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="mnist", help="mnist, fashion-mnist or digits")
parser.add_argument("--model", default="cnn", choices=MODELS)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--batch-size", type=int, default=128)
parser.add_argument("--peak", type=float, default=1.5e-3, help="the highest learning rate")
parser.add_argument("--patience", type=int, help="stop after so many epochs without improvement")
parser.add_argument("--limit", type=int, metavar="N", help="train on the first N images only")
parser.add_argument("--out", default="out/mnist.png", metavar="FILE", help="the picture")
options = parser.parse_args()

data = load(options.data)
train = data.train_images[: options.limit], data.train_labels[: options.limit]
test = data.test_images, data.test_labels

total_steps = options.epochs * (len(train[0]) // options.batch_size)
lr = jaxlr.warmup_cosine_decay_schedule(
    0.0, options.peak, warmup_steps=total_steps // 10, decay_steps=total_steps
)
task = classification(
    MODELS[options.model], input_shape=train[0].shape[1:], classes=data.num_classes
)
stopping = None
if options.patience is not None:
    # To stop by the test data and to report on them too flatters the result a little. For a figure
    # to publish, stop by some of the training data.
    stopping = jaxlr.early_stopping("validation_loss", patience=options.patience)

print(f"{options.model} on {len(train[0])} images of {options.data}, {lr}")
result = fit(
    lr,
    task.init,
    task.loss,
    train,
    test,
    metric=task.metric,
    epochs=options.epochs,
    batch_size=options.batch_size,
    validation_batch_size=1000,
    early_stopping=stopping,
)
rich.print(result.history.table())
print(result.summary())
save(plot_history(result.history, title=str(lr)), options.out)
print(f"wrote {options.out}")
