"""Trains a network on MNIST under many schedules at once, with successive halving.

Peaks and warm-ups come from a quasi-random design; after some epochs only the best half goes on.
"""

import argparse

import jax
import rich

from jaxlr.plot import save
from jaxlr.search import parse_space, sample
from jaxlr.train import MODELS, classification, load, sweep

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="mnist", help="mnist, fashion-mnist or digits")
parser.add_argument("--model", default="mlp", choices=MODELS)
parser.add_argument("--candidates", type=int, default=16)
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch-size", type=int, default=128)
parser.add_argument("--limit", type=int, metavar="N", help="use the first N training images only")
parser.add_argument("--checkpoint", metavar="DIR", help="save there, and resume from there")
parser.add_argument("--out", default="out/sweep_mnist.png", metavar="FILE", help="the picture")
options = parser.parse_args()

# The test data choose nothing: a sixth of the training images are for validation.
data = load(options.data)
images, labels = data.train_images[: options.limit], data.train_labels[: options.limit]
part = len(images) - len(images) // 6
train, validation = (images[:part], labels[:part]), (images[part:], labels[part:])

total_steps = options.epochs * (part // options.batch_size)
space = parse_space(
    "warmup_cosine_decay_schedule(0.0, log_uniform(1e-4, 3e-2),"
    " integer(0, total_steps // 3), total_steps)",
    total_steps=total_steps,
)
schedules = sample(jax.random.key(0), space, options.candidates, "sobol")
task = classification(MODELS[options.model], input_shape=images.shape[1:], classes=data.num_classes)
result = sweep(
    schedules,
    task.init,
    task.loss,
    train,
    validation,
    metric=task.metric,
    epochs=options.epochs,
    batch_size=options.batch_size,
    validation_batch_size=1000,
    monitor="validation_accuracy",
    mode="max",
    keep={
        epoch: options.candidates >> rung
        for rung, epoch in enumerate((1, 2, 4), start=1)
        if epoch < options.epochs and options.candidates >> rung
    },
    checkpoint=options.checkpoint,
)
rich.print(result.rich_table())
print(result.summary())
best = result.best()
test = task.metric(result.params(best.index), (data.test_images, data.test_labels))
print(f"{best.schedule}: test accuracy {100 * float(test['accuracy'].mean()):.2f} %")
save(result.plot(), options.out)
print(f"wrote {options.out}")
