"""A search over learning rates, beside Ray Tune and Keras Tuner.

For these two ``pip install -c constraints-peers.txt "ray[tune]" keras keras-tuner six`` (the last
is what keras-tuner 1.4.8 needs and does not say); one that is not installed is named and skipped.

All train the same network on the handwritten digits with Adam, in as many batches and epochs, under
cosine schedules with the same peaks, and look at the validation data after each epoch:

* sweep: :func:`jaxlr.train.sweep`, all candidates in one program;
* fit: :func:`jaxlr.train.fit` for one after another, compiled once;
* Ray Tune: a trial for each candidate, which calls ``fit``, in as many processes as there are
  cores, a core to each. They are kept from trial to trial (``reuse_actors``), so that each compiles
  once; the data lie in Ray's object store; a trial reports once, when it is done; the files of the
  loggers are switched off. Ray itself is started before and not timed, but these processes are;
* Keras Tuner: ``GridSearch`` over a function that makes the model, with JAX as the backend and the
  step compiled. It trains one trial after another in one process, on all cores; compiles the step
  of each, since the numbers of its schedule are constants there; and saves the weights of its best
  epoch.

The compilation cache of JAX is on for all, and each round has peaks of its own.

Each searches among few candidates and then among many. The difference over the number of candidates
more is what *a trial* takes, and what is left of the time for few is the *start* of a search:
processes, and in each the imports and the first compilation. *Cold* is the very first search among
few. The *training* within a trial is the median time of the epochs but the first, which may
compile, times their number, over how many trials train at once; the rest of the trial is its
*overhead*, which does not grow with the training, so it matters the less the longer a trial is.
The start of Ray's processes takes seconds, and on a busy machine it varies by more than many trials
take.

What it buys: a trial of Ray is in a process, which may fail alone, stop early or pause, train a
model of other shapes or without JAX, on another machine; Keras Tuner too trains any model in each
trial, on several machines if told to, and goes on from its files. ``sweep`` trains one model under
many schedules.
"""

import argparse
import contextlib
import functools
import os
import tempfile
import time
from importlib.util import find_spec

import jax
import numpy as np
from timing import compare

import jaxlr
from jaxlr.train import MODELS, classification, fit, load, sweep

HIDDEN, BATCH_SIZE, BATCHES, EPOCHS = 64, 32, 44, 10
STEPS = EPOCHS * BATCHES
CORES = os.cpu_count()

DIGITS = load("digits")
TRAIN = tuple(array[: BATCHES * BATCH_SIZE] for array in (DIGITS.train_images, DIGITS.train_labels))
VALIDATION = DIGITS.test_images, DIGITS.test_labels


def train(function, schedules, data, validation):
    """Calls ``fit`` or ``sweep``, with the same functions each time."""
    task = classification(MODELS["mlp"], input_shape=(8, 8, 1), hidden=(HIDDEN,))
    sizes = {"batch_size": BATCH_SIZE, "validation_batch_size": len(validation[0])}
    settings = {"epochs": EPOCHS, "progress": False} | sizes
    return function(schedules, task.init, task.loss, data, validation, **settings)


def training_alone(seconds, at_once=1):
    """The time to train, from that of each epoch [trials, epochs] and how many trials ran at once.

    The first epoch, which may compile, is taken to be as long as the others.
    """
    return np.median(np.asarray(seconds)[:, 1:]) * np.size(seconds) / at_once


# A search takes the peaks, and returns the time that it takes to train alone and the best loss.


def swept(peaks):
    batch = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=peaks, decay_steps=STEPS)
    result = train(sweep, batch, TRAIN, VALIDATION)
    return training_alone([result.seconds]), result.best("validation_loss", "min").score


def fit_one(peak, data, validation):
    """Returns the seconds that each epoch took, and the last validation loss."""
    lr = jaxlr.cosine_decay_schedule(peak, STEPS)
    epochs = train(fit, lr, data, validation).history.epochs
    return epochs["seconds"].tolist(), float(epochs["validation_loss"][-1])


def fitted(peaks):
    seconds, losses = zip(*(fit_one(peak, TRAIN, VALIDATION) for peak in peaks), strict=True)
    return training_alone(seconds), min(losses)


def ray_tuned(folder, peaks):
    from ray import tune

    def trial(config, data):
        seconds, loss = fit_one(config["peak"], *data)
        tune.report({"seconds": seconds, "loss": loss})

    results = tune.Tuner(
        tune.with_resources(tune.with_parameters(trial, data=(TRAIN, VALIDATION)), {"cpu": 1}),
        param_space={"peak": tune.grid_search(peaks)},
        tune_config=tune.TuneConfig(
            metric="loss", mode="min", max_concurrent_trials=CORES, reuse_actors=True
        ),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    ).fit()
    seconds = [result.metrics["seconds"] for result in results]
    return training_alone(seconds, CORES), results.get_best_result().metrics["loss"]


def keras_tuned(folder, peaks):
    import keras
    import keras_tuner

    def build(hp):
        peak = hp.Choice("peak", peaks)
        hidden, out = keras.layers.Dense(HIDDEN, "relu"), keras.layers.Dense(10)
        model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), hidden, out])
        model.compile(
            keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(peak, STEPS)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=True,
        )
        return model

    ticks = []  # when each epoch of each trial began, and when it ended

    def tick(epoch, logs):
        ticks.append(time.perf_counter())

    tuner = keras_tuner.GridSearch(build, "val_loss", directory=folder, overwrite=True)
    tuner.search(
        *TRAIN,
        validation_data=VALIDATION,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        validation_batch_size=len(VALIDATION[0]),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=tick, on_epoch_end=tick)],
        verbose=0,
    )
    seconds = np.diff(np.reshape(ticks, (len(peaks), EPOCHS, 2)))[..., 0]
    return training_alone(seconds), tuner.oracle.get_best_trials()[0].score


class Pair:
    """A search among few and one among many, to call again and again."""

    def __init__(self, run, sizes):
        self.run, self.sizes, self.rounds = run, sizes, []

    def __call__(self):
        self.rounds.append([self.search(candidates) for candidates in self.sizes])

    def search(self, candidates):
        """Returns the seconds that it took, those of the training in it, and the best loss."""
        rng = np.random.default_rng((candidates, len(self.rounds)))
        peaks = (10 ** rng.uniform(-5, -1, candidates)).tolist()
        begin = time.perf_counter()
        training, loss = self.run(peaks)
        return time.perf_counter() - begin, training, loss

    def row(self):
        """The columns of the table: medians of the rounds, but for the first search."""
        few, many = np.moveaxis(self.rounds[1:], 1, 0)
        each = (many - few) / (self.sizes[1] - self.sizes[0])
        start = np.median(few[:, 0] - self.sizes[0] * each[:, 0])
        trial, training, _ = 1e3 * np.median(each, axis=0)
        seconds, _, loss = np.median(many, axis=0)
        return self.rounds[0][0][0], seconds, start, trial, training, trial - training, loss


def start_ray(folder):
    """Starts Ray, small and quiet, and returns what ends it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_TMPDIR"] = folder
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # the new one is never silent
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    import ray

    environment = {
        "JAX_COMPILATION_CACHE_DIR": folder,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",  # a core to each process
    }
    begin = time.perf_counter()
    ray.init(
        num_cpus=CORES,
        object_store_memory=200 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"env_vars": environment},
    )
    print(f"Ray started in {time.perf_counter() - begin:.1f} s")
    return ray.shutdown


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--many", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        runs = {"fit": fitted, "sweep": swept}
        if find_spec("ray") is None:
            print("ray is not installed")
        else:
            stack.callback(start_ray(folder))  # before JAX has threads, since it forks
            runs = {"Ray Tune": functools.partial(ray_tuned, folder)} | runs
        if find_spec("keras_tuner") is None:
            print("keras-tuner is not installed")
        else:
            os.environ["KERAS_BACKEND"] = "jax"
            runs = {"Keras Tuner": functools.partial(keras_tuned, folder)} | runs
        sizes = options.few, options.many
        pairs = {name: Pair(run, sizes) for name, run in runs.items()}
        print(f"a search among {sizes[0]} and one among {sizes[1]}, {STEPS} steps, {CORES} cores")
        compare(pairs, options.rounds)
    columns = "cold, s", "many, s", "start, s", "trial, ms", "training", "overhead", "best loss"
    print(" " * 13 + "".join(f"{column:>12}" for column in columns))
    for name, pair in pairs.items():
        print(f"  {name:<11}" + "".join(f"{number:12.3f}" for number in pair.row()))
