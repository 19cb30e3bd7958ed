"""An epoch of training in jaxlr, beside plain Flax, PyTorch and Keras.

Every contestant trains the same model with Adam under a cosine schedule, on batches drawn anew in
each epoch from images that are in memory already:

* jaxlr: the compiled epoch that :func:`jaxlr.train.fit` runs. It alone also records the rate, the
  accuracy and the norm of the gradient at every step;
* the same epoch around ``nnx.Conv`` and ``nnx.max_pool`` as they are. It is slower by so much that
  it has a table of its own, of short epochs;
* PyTorch, eager, with fused Adam: contiguous or channels last, whichever is faster here;
* Keras with the JAX backend: ``model.fit``, compiled.

The images are random, since none of these looks at the values. A package that is not installed is
named and skipped; without PyTorch, jaxlr is the reference.

``OMP_WAIT_POLICY=passive`` is set for PyTorch. By default its threads spin for a while after each
operation.
"""

import argparse
import functools
import itertools
import os
import time
from importlib.util import find_spec

# Both are read when the packages are imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np
import optax
from flax import nnx
from timing import compare

import jaxlr
from jaxlr.train import MODELS, classification, epoch

RATE = 1e-3
STEPS = 10_000  # the length of the schedule; longer runs go on at a rate of 0, at the same speed

RELU, POOL, FLAT = ("relu",), ("pool",), ("flatten",)
LAYERS = {
    "cnn": [
        *(("conv", 32, 5, "same"), RELU, POOL),
        *(("conv", 64, 5, "same"), RELU, POOL),
        *(FLAT, ("dense", 1024), RELU, ("dense", 256), RELU, ("dense", 10)),
    ],
    "fast-cnn": [
        *(("conv", 24, 5, "valid"), POOL, RELU),
        *(("conv", 32, 3, "valid"), POOL, RELU),
        *(FLAT, ("dense", 256), RELU, ("dense", 10)),
    ],
    "mlp": [FLAT, ("dense", 256), RELU, ("dense", 128), RELU, ("dense", 10)],
}
"""The models of ``jaxlr.train.models``, for the others to build."""


def random_data(size):
    rng = np.random.default_rng(0)
    images = rng.random((size, 28, 28, 1), np.float32)
    return images, rng.integers(0, 10, size, np.int32)


def jax_epochs(model, data, batch_size):
    """Epochs as ``fit`` runs them, of a model that is called with ``rngs``."""
    task = classification(model)
    lr = jaxlr.cosine_decay_schedule(RATE, STEPS)
    optimizer, schedules = epoch.split_optimizer(optax.adam, lr)
    state = epoch.start(task.init, optimizer, schedules, jax.random.key(0))
    train = jax.jit(epoch.train_epoch, static_argnums=(0, 1, 2), donate_argnums=3)
    data, key, numbers = jax.device_put(data), jax.random.key(1), itertools.count()

    def run():
        nonlocal state
        arguments = state, schedules, data, key, next(numbers)
        state, record = train(task.loss, optimizer, batch_size, *arguments)
        return jax.device_get(record)

    return run


def plain_model(name, rngs):
    layers, shape = [], (28, 28, 1)
    for kind, *sizes in LAYERS[name]:
        match kind:
            case "conv":
                features, side, padding = sizes
                layers.append(
                    nnx.Conv(shape[-1], features, (side, side), padding=padding.upper(), rngs=rngs)
                )
            case "relu":
                layers.append(nnx.relu)
            case "pool":
                layers.append(functools.partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2)))
            case "flatten":
                layers.append(lambda x: x.reshape(x.shape[0], -1))
            case "dense":
                layers.append(nnx.Linear(shape[-1], *sizes, rngs=rngs))
        shape = jax.eval_shape(layers[-1], jax.ShapeDtypeStruct((1, *shape), "float32")).shape[1:]
    return nnx.Sequential(*layers)


def torch_epochs(name, data, batch_size, memory_format):
    import torch
    from torch import nn

    make = {
        "conv": lambda features, side, padding: nn.LazyConv2d(features, side, padding=padding),
        "relu": nn.ReLU,
        "pool": lambda: nn.MaxPool2d(2),
        "flatten": nn.Flatten,
        "dense": nn.LazyLinear,
    }
    layout = {"memory_format": getattr(torch, memory_format)}
    images, labels = (torch.from_numpy(array) for array in data)
    images = images.permute(0, 3, 1, 2).contiguous(**layout)
    labels = labels.long()
    model = nn.Sequential(*(make[kind](*sizes) for kind, *sizes in LAYERS[name]))
    model(images[:1])  # the lazy layers get their sizes
    model.to(**layout)
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    loss_function = nn.CrossEntropyLoss()

    def run():
        losses = []
        for indices in torch.randperm(len(images)).split(batch_size):
            loss = loss_function(model(images[indices]), labels[indices])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.detach())
        return torch.stack(losses).numpy()

    return run


def keras_epochs(name, data, batch_size):
    import keras

    make = {
        "conv": lambda features, side, padding: keras.layers.Conv2D(
            features, side, padding=padding
        ),
        "relu": keras.layers.ReLU,
        "pool": keras.layers.MaxPooling2D,
        "flatten": keras.layers.Flatten,
        "dense": keras.layers.Dense,
    }
    layers = (make[kind](*sizes) for kind, *sizes in LAYERS[name])
    model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, STEPS)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )
    return lambda: model.fit(*data, batch_size=batch_size, verbose=0)


def contestants(name, batch_size, batches, plain):
    """What to compare for one model; the reference is the last."""
    data = random_data(batches * batch_size)
    ours = {"jaxlr": jax_epochs(MODELS[name], data, batch_size)}
    if plain:
        model = functools.partial(plain_model, name)
        ours = {"nnx.Conv, nnx.max_pool": jax_epochs(model, data, batch_size), **ours}
    elif find_spec("keras"):
        ours = {"Keras": keras_epochs(name, data, batch_size), **ours}
    if find_spec("torch") is None:
        return ours
    formats = ["contiguous_format"] if name == "mlp" else ["contiguous_format", "channels_last"]
    runs = {each: torch_epochs(name, data, batch_size, each) for each in formats}
    best = min(runs, key=lambda each: fastest(runs[each]))
    return {**ours, f"PyTorch, {best}": runs[best]}


def fastest(run):
    run()
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


RUNS = [
    # model, batch size, batches in an epoch, batches in an epoch of the plain model; few, since
    # short rounds are what makes a ratio robust where other processes come and go
    ("cnn", 128, 20, 3),
    ("fast-cnn", 128, 60, 10),
    ("fast-cnn", 64, 120, 20),
    ("mlp", 128, 240, None),
]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=LAYERS, help="this model only")
    parser.add_argument("--only", help="only the contestants with this word in their names")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for package in ("torch", "keras"):
        if find_spec(package) is None:
            print(f"{package} is not installed")
    for name, batch_size, batches, plain_batches in RUNS:
        if options.model in (None, name):
            for count, plain in ((batches, False), (plain_batches, True)):
                if count is None:
                    continue
                print(f"an epoch of {count} batches of {batch_size}, {name}")
                runs = contestants(name, batch_size, count, plain)
                runs = {key: run for key, run in runs.items() if (options.only or "") in key}
                if runs:
                    compare(runs, options.rounds)
