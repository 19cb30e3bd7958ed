"""Trains under random schedules of several families at once, and shows which family does best."""

import argparse

import jax
import numpy as np
import rich

from jaxlr.plot import save
from jaxlr.search import random_schedules
from jaxlr.train import MODELS, classification, load, sweep

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="digits", help="digits, mnist or fashion-mnist")
parser.add_argument("--model", default="mlp", choices=MODELS)
parser.add_argument("--candidates", type=int, default=32)
parser.add_argument("--peak", type=float, default=0.03, help="the highest rate of all")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", default="out/random_schedules.png", metavar="FILE")
options = parser.parse_args()

data = load(options.data)
part = len(data.train_images) * 5 // 6
train = data.train_images[:part], data.train_labels[:part]
validation = data.train_images[part:], data.train_labels[part:]
task = classification(
    MODELS[options.model], input_shape=train[0].shape[1:], classes=data.num_classes
)
schedules = random_schedules(
    jax.random.key(options.seed),
    options.candidates,
    total_steps=options.epochs * (part // options.batch_size),
    peak=options.peak,
)
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
)
rich.print(result.rich_table(most=10))
scores, families = result.scores()[:, 0], schedules.table["family"]
for family in np.unique(families):
    mine = scores[families == family]
    print(f"{family}: {len(mine)} schedules, accuracy {mine.mean():.4f}, best {mine.max():.4f}")
print(result.summary())
save(result.plot(), options.out)
print(f"wrote {options.out}")
