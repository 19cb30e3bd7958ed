"""Chooses how many epochs to decay the learning rate over, in three ways.

* Grid search: a decay over each number of epochs, all trained at once.
* Random search: rate and length of the decay drawn together.
* By the validation loss: no length is chosen; the rate is lowered whenever the loss has stalled.

All runs of all ways are trained at once, as one compiled program.
"""

import argparse

import jax
import numpy as np

import jaxlr
from jaxlr.search import integer, log_uniform, sample, space
from jaxlr.train import MODELS, classification, load, sweep

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="digits", help="digits, mnist or fashion-mnist")
parser.add_argument("--model", default="mlp", choices=MODELS)
parser.add_argument("--rate", type=float, default=3e-3, help="the rate to begin with")
parser.add_argument("--candidates", type=int, default=8, help="how many runs for each way")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--epochs", type=int, default=16)
parser.add_argument("--batch-size", type=int, default=32)
options = parser.parse_args()

data = load(options.data)
part = len(data.train_images) * 5 // 6
train = data.train_images[:part], data.train_labels[:part]
validation = data.train_images[part:], data.train_labels[part:]
steps_per_epoch = part // options.batch_size
task = classification(
    MODELS[options.model], input_shape=train[0].shape[1:], classes=data.num_classes
)


def decay(rate, epochs):
    """Half a cosine wave over some epochs, then a twentieth of the rate."""
    return jaxlr.cosine_decay_schedule(rate, int(epochs) * steps_per_epoch, alpha=0.05)


lengths = np.unique(np.linspace(1, options.epochs, options.candidates).round().astype(int))
drawn = sample(
    jax.random.key(0),
    space(
        jaxlr.cosine_decay_schedule,
        log_uniform(options.rate / 10, options.rate * 10),
        integer(steps_per_epoch, options.epochs * steps_per_epoch),
        alpha=0.05,
    ),
    options.candidates,
    "sobol",
)
ways = {
    "grid": jaxlr.grid(decay, rate=options.rate, epochs=lengths),
    "random": drawn,
    "validation": [
        jaxlr.reduce_on_plateau(options.rate, factor, patience=1, monitor="validation_loss")
        for factor in np.linspace(0.1, 0.9, options.candidates).tolist()
    ],
}
made_by = [way for way, schedules in ways.items() for _ in schedules]
result = sweep(
    [lr for schedules in ways.values() for lr in schedules],
    task.init,
    task.loss,
    train,
    validation,
    metric=task.metric,
    epochs=options.epochs,
    batch_size=options.batch_size,
    validation_batch_size=1000,
    seeds=options.seeds,
    early_stopping=jaxlr.early_stopping("validation_loss", patience=5),
    progress=False,
)
print(result.summary())
for way in ways:
    best = next(result.candidate(k) for k in result.order().tolist() if made_by[k] == way)
    accuracy = np.mean(
        [
            task.metric(result.params(best.index, seed), (data.test_images, data.test_labels))[
                "accuracy"
            ].mean()
            for seed in result.seeds
        ]
    )
    print(
        f"{way}: validation loss {best.score:.4f} ± {best.spread:.4f}, "
        f"test accuracy {100 * accuracy:.2f} %, {best.schedule}"
    )
