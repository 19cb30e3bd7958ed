"""An epoch of training in jaxlr, beside plain Flax, PyTorch and Keras.

Every contestant trains the same model with Adam under a cosine schedule, on batches drawn anew in
each epoch from images that are in memory already:

* jaxlr: the compiled epoch that :func:`jaxlr.train.fit` runs. It alone also records the rate, the
  accuracy and the norm of the gradient at every step;
* the same epoch around ``nnx.Conv`` and ``nnx.max_pool`` as they are. It is slower by so much that
  it has a table of its own, of short epochs;
* PyTorch, eager, with fused Adam, in whichever layout is faster here;
* Keras with the JAX backend: ``model.fit``, compiled.

The images are random, since none of these looks at the values. A package that is not installed is
named and skipped; without PyTorch, jaxlr is the reference.

Each contestant has a process of its own, and they run in turn. In one process they share the
environment, and with it ``OMP_WAIT_POLICY``, on which PyTorch depends most: with ``passive`` its
threads sleep between operations, which takes them time to wake from; otherwise they spin, which
made it thirty times slower where another process wanted the cores. So PyTorch runs both ways, and
the fastest on this machine at this time is the reference.
"""

import argparse
import functools
import itertools
import multiprocessing
import os
import time
from importlib.util import find_spec

import jax
import numpy as np
import optax
from flax import nnx
from timing import compare

import jaxlr
from jaxlr.train import MODELS, classification
from jaxlr.train.hyperparameters import Hyperparameters
from jaxlr.train.optimizer import as_schedule, split_optimizer
from jaxlr.train.program import Program
from jaxlr.train.runs import Trainer

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
"""The models of ``jaxlr.train``, for the others to build."""


def random_data(size):
    rng = np.random.default_rng(0)
    images = rng.random((size, 28, 28, 1), np.float32)
    return images, rng.integers(0, 10, size, np.int32)


def jax_epochs(model, data, batch_size):
    """Epochs as ``fit`` runs them, of a model that is called with ``rngs``."""
    task = classification(model)
    lr = jaxlr.cosine_decay_schedule(RATE, STEPS)
    optimizer, _ = split_optimizer(optax.adam, {"learning_rate": lr})
    trainer = Trainer(
        program=Program(task.loss, task.metric, optimizer, batch_size, batch_size),
        init=task.init,
        hyperparameters=Hyperparameters({"learning_rate": [as_schedule(lr)]}),
        seeds=[0],
        train=jax.device_put(data),
        validation=None,
    )
    runs, numbers = trainer.begin(), itertools.count()

    def run():
        nonlocal runs
        runs, steps, _ = trainer.advance(runs, next(numbers))
        return steps

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


MAKERS = {
    "jaxlr": lambda name, *rest: jax_epochs(MODELS[name], *rest),
    "plain": lambda name, *rest: jax_epochs(functools.partial(plain_model, name), *rest),
    "PyTorch": torch_epochs,
    "Keras": keras_epochs,
}


def serve(pipe, maker, name, batches, batch_size, *arguments):
    """What a process of its own does: an epoch for each message."""
    run = MAKERS[maker](name, random_data(batches * batch_size), batch_size, *arguments)
    while pipe.recv():
        run()
        pipe.send(True)


class Contestant:
    """A process that trains for an epoch when it is called, and waits in between."""

    def __init__(self, *job, **environment):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, *job), daemon=True)
        before = dict(os.environ)
        os.environ.update(environment)
        self.process.start()
        os.environ.clear()
        os.environ.update(before)
        theirs.close()  # so that the end of the process is the end of the pipe

    def __call__(self):
        """Waits for an epoch."""
        self.pipe.send(True)
        self.pipe.recv()

    def stop(self):
        """Ends the process."""
        self.pipe.send(False)
        self.process.join()


def fastest(run, epochs=5, seconds=5.0):
    """The least time of an epoch; spinning threads may take so long that one has to do."""
    run()
    times = []
    while len(times) < epochs and sum(times) < seconds:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def best_torch(*job):
    """The fastest of the ways to run PyTorch, by its name."""
    runs = {}
    layouts = ["contiguous_format"] if job[0] == "mlp" else ["contiguous_format", "channels_last"]
    for layout in layouts:
        runs[f"PyTorch, {layout}"] = Contestant("PyTorch", *job, layout)
        passive = Contestant("PyTorch", *job, layout, OMP_WAIT_POLICY="passive")
        runs[f"PyTorch, {layout}, passive"] = passive
    times = {each: fastest(run) for each, run in runs.items()}
    for each, taken in times.items():
        print(f"  {each:<44} {1e3 * taken:10.3f} ms   fastest of its trials")
    best = min(times, key=times.get)
    for each, run in runs.items():
        if each != best:
            run.stop()
    return {best: runs[best]}


def race(name, batches, batch_size, plain, rounds):
    """Compares what there is for one model; the reference is the last."""
    job = name, batches, batch_size
    runs = {"jaxlr": Contestant("jaxlr", *job)}
    if plain:
        runs = {"nnx.Conv, nnx.max_pool": Contestant("plain", *job), **runs}
    elif find_spec("keras"):
        runs = {"Keras": Contestant("Keras", *job, KERAS_BACKEND="jax"), **runs}
    if find_spec("torch"):
        runs |= best_torch(*job)
    compare(runs, rounds)
    for run in runs.values():
        run.stop()


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
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    for package in ("torch", "keras"):
        if find_spec(package) is None:
            print(f"{package} is not installed")
    for name, batch_size, batches, plain_batches in RUNS:
        if options.model in (None, name):
            print(f"{name}, an epoch of {batches} batches of {batch_size}")
            race(name, batches, batch_size, False, options.rounds)
            if plain_batches is not None:
                print(f"{name}, an epoch of {plain_batches} batches of {batch_size}")
                race(name, plain_batches, batch_size, True, options.rounds)
