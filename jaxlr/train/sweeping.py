r"""Training one model under many schedules at once.

:func:`sweep` takes the arguments of :func:`jaxlr.train.fit`, but many schedules in place of one:

>>> import jax.numpy as jnp, jaxlr, numpy as np, optax
>>> x = np.linspace(-1.0, 1.0, 64, dtype=np.float32)
>>> y = 3.0 * x + 1.0
>>> def init(key):
...     return {"slope": jnp.zeros(()), "offset": jnp.zeros(())}
>>> def loss(params, batch):
...     x, y = batch
...     return jnp.mean((params["slope"] * x + params["offset"] - y) ** 2)
>>> batch = jaxlr.grid(jaxlr.linear_schedule, init_value=[1e-3, 0.5, 1e9], end_value=0.0,
...                    transition_steps=80)
>>> result = sweep(batch, init, loss, (x, y), epochs=10, batch_size=8, optimizer=optax.sgd,
...                progress=False)
>>> result.status.tolist()
[['trained'], ['trained'], ['diverged']]
>>> result.metrics["loss"].shape, result.rates.shape  # Candidates and epochs; seeds and steps.
((3, 10), (3, 1, 80))
>>> best = result.best()
>>> best.index, best.schedule
(1, linear_schedule(init_value=0.5, end_value=0.0, transition_steps=80, transition_begin=0))
>>> {name: round(float(value), 3) for name, value in sorted(result.params(best.index).items())}
{'offset': 1.0, 'slope': 3.0}

On a CPU each run is bit for bit the run that ``fit`` trains with its schedule and seed.

Memory
------

The state of all runs is on the devices at once: with Adam three times the parameters for each run,
a fourth time with early stopping; for K runs on D devices, K / D times that on each device. A run
of 235,146 parameters in float32, the MLP for MNIST, takes 2.8 MB: 23 MB for K = 8, 90 MB for 32,
361 MB for 128. A training step needs memory beside it, ``runs_per_batch`` times, and the data
lie on each device once. :attr:`SweepResult.bytes_per_run` has the figure for a run;
``benchmarks/sweep_memory.py`` measures the memory of whole sweeps. On the host there is the record:
:attr:`SweepResult.rates` takes 4 bytes for each run and step.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import numpy as np
import optax

from jaxlr.batches.batch import Batch
from jaxlr.feedback.stopping import EarlyStopping
from jaxlr.train import identity
from jaxlr.train.arguments import (
    check_functions,
    check_monitors,
    make_trainer,
    one_schedule,
    seed_number,
    whole,
)
from jaxlr.train.halving import Halving, rungs
from jaxlr.train.layout import Layout
from jaxlr.train.loop import Loop, Saving
from jaxlr.train.optimizer import as_schedule
from jaxlr.train.results import SweepResult, result_of, sign_of
from jaxlr.train.runs import Trainer
from jaxlr.train.types import (
    Array,
    Init,
    Loss,
    Metric,
    Mode,
    OptimizerFactory,
    PyTree,
    ScheduleLike,
)

__all__ = ["sweep"]

_MOST_RUNS = 1_000_000

Column: TypeAlias = Batch | Sequence[ScheduleLike] | ScheduleLike
"""A hyperparameter: one entry for each schedule, or one for all."""


def sweep(
    schedules: Batch | Sequence[ScheduleLike],
    init: Init,
    loss: Loss,
    train: PyTree,
    validation: PyTree = None,
    *,
    epochs: int,
    batch_size: int,
    accumulate: int = 1,
    metric: Metric | None = None,
    validation_batch_size: int | None = None,
    optimizer: OptimizerFactory = optax.adam,
    hyperparameters: Mapping[str, Column] | None = None,
    seeds: int | Sequence[int] = 1,
    monitor: str | None = None,
    mode: Mode = "min",
    keep: Mapping[int, int] | None = None,
    early_stopping: EarlyStopping | None = None,
    diverges: Callable[[dict[str, float]], bool] | None = None,
    runs_per_batch: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
    on_epoch: Callable[[dict[str, float]], object] | None = None,
) -> SweepResult:
    """Trains a model under each of many schedules, all at once.

    An epoch of all runs is one compiled call, the same for schedules of any families. Runs are
    spread over all devices, of all hosts where ``jax.distributed`` has been initialized; then all
    processes call this function alike.

    A run whose loss is NaN or infinite at the last step of an epoch ends there, and stays as it
    was; no other run notices.

    Args:
      schedules: the learning rates: a :class:`jaxlr.Batch`, or a sequence of schedules as
        :func:`jaxlr.train.fit` takes one. Stateful schedules may be of any kinds, with plain
        ones beside them, ``[*batch, jaxlr.reduce_on_plateau(0.1)]``; each run has its own state.
      init: as for :func:`jaxlr.train.fit`.
      loss: as for :func:`jaxlr.train.fit`.
      train: as for :func:`jaxlr.train.fit`.
      validation: as for :func:`jaxlr.train.fit`.
      epochs: the number of epochs.
      batch_size: the number of examples per batch.
      accumulate: the number of batches per update, as for :func:`jaxlr.train.fit`.
      metric: as for :func:`jaxlr.train.fit`.
      validation_batch_size: as for :func:`jaxlr.train.fit`.
      optimizer: as for :func:`jaxlr.train.fit`; its own hyperparameters are the same for all runs.
      hyperparameters: other hyperparameters of the optimizer that vary beside the schedule, by
        name: for each a batch or a sequence with one entry for each schedule, or one schedule or
        number for all. ``{"weight_decay": [0.0, 0.01, 0.1]}``.
      seeds: how many runs each schedule has, with the seeds 0, 1, ...; or the seeds. They decide on
        the initial parameters and the order of the data.
      monitor: the number to rank by, for ``keep`` and the result: a column of the history of
        epochs; by default ``"validation_loss"``, or ``"loss"`` where there is no validation.
      mode: ``"min"`` if less of it is better, ``"max"`` if more is.
      keep: successive halving: after which epochs to drop all schedules but the best so many, such
        as ``{2: 16, 4: 8, 8: 4}``. They are ranked by the mean over seeds in that epoch.
      early_stopping: when to end a run before the last epoch, made by
        :func:`jaxlr.early_stopping`; it then has its best parameters.
      diverges: called with the row of a run after each epoch, such as ``{"loss": 0.7}``; tells
        whether to end the run as diverged. For a checkpoint, define it by ``def``.
      runs_per_batch: how many runs a device computes side by side: fewer need less memory. By
        default all; on a CPU 1, which keeps each run bit for bit the run it is alone. Tiny models,
        whose steps take some microseconds, train in about half the time with 16 or more there; the
        last digits of their numbers then differ.
      devices: the devices; by default all of all hosts.
      checkpoint: a directory to save all runs to after each epoch, as for
        :func:`jaxlr.train.fit`.
      resume: go on from the checkpoint if there is one, on any number of devices; on CPUs the
        result is bit for bit the same as without interruption. If False, a checkpoint that is
        there is an error.
      progress: show progress on standard error: a bar on a terminal, else a line per epoch.
      on_epoch: called after each epoch and its checkpoint, with the row that progress shows.

    Returns:
      The record of all runs, and their parameters.

    Raises:
      ValueError: if an argument is out of range, or the checkpoint belongs to another sweep.
      TypeError: if an argument is of the wrong kind.
      BlockingIOError: if another process uses the checkpoint.
      FileExistsError: if there is a checkpoint but ``resume`` is False.
      MemoryError: if the runs do not fit on the devices.

    References:
      ``keep``: Jamieson and Talwalkar, `Non-stochastic Best Arm Identification and Hyperparameter
      Optimization <https://arxiv.org/abs/1502.07943>`_, 2016
    """
    epochs = whole("epochs", epochs, 1)
    check_functions(on_epoch=on_epoch)
    candidates = _candidates(schedules)
    seeds = _seeds(seeds, len(candidates))
    monitor = monitor or ("loss" if validation is None else "validation_loss")
    halving = Halving(monitor, sign_of(mode), len(seeds), rungs(keep, len(candidates), epochs))
    columns = {"learning_rate": candidates}
    columns |= _columns(hyperparameters or {}, len(candidates))
    trainer = make_trainer(
        columns,
        seeds,
        init,
        loss,
        train,
        validation,
        batch_size=batch_size,
        accumulate=accumulate,
        metric=metric,
        validation_batch_size=validation_batch_size,
        optimizer=optimizer,
        early_stopping=early_stopping,
        diverges=diverges,
        layout=_layout(runs_per_batch, devices, len(candidates) * len(seeds)),
    )
    check_monitors(trainer, monitor)
    configuration = {
        "schedules": candidates,
        "hyperparameters": {name: x for name, x in columns.items() if name != "learning_rate"},
        "optimizer": optimizer,
        "epochs": epochs,
        "seeds": seeds,
        "keep": f"{halving.rungs} by {monitor}, {mode}" if halving.rungs else "all",
    }
    loop = Loop(
        trainer=trainer,
        epochs=epochs,
        row=halving.row,
        saving=Saving(checkpoint, resume, configuration),
        progress=progress,
        on_epoch=on_epoch,
        steps=["learning_rate"],
        thinned=lambda runs, records: halving.thinned(trainer, runs, records),
    )
    with _fitting(trainer):
        runs, record = loop.run()
    return result_of(
        trainer,
        runs,
        record,
        schedules=schedules if isinstance(schedules, Batch) else list(schedules),
        table=_table(schedules, hyperparameters or {}, len(candidates)),
        seeds=seeds,
        epochs=epochs,
        monitor=monitor,
        mode=mode,
    )


def _candidates(schedules: Any) -> list[Any]:
    if not isinstance(schedules, Batch | Sequence) or isinstance(schedules, str):
        raise TypeError(
            f"`schedules` must be a batch or a sequence of schedules, got {schedules!r}. "
            "jaxlr.grid and jaxlr.stack make batches."
        )
    candidates = [as_schedule(schedule, "schedules") for schedule in schedules]
    if not candidates:
        raise ValueError("`schedules` must have at least one schedule, got none.")
    for candidate in candidates:
        one_schedule("schedules", candidate)
    return candidates


def _columns(hyperparameters: Mapping[str, Any], count: int) -> dict[str, list[Any]]:
    """A schedule for each candidate, by the name of the hyperparameter."""
    columns = {}
    for name, given in hyperparameters.items():
        several = isinstance(given, Batch | Sequence) or np.ndim(given) > 0
        values = list(given) if several and not isinstance(given, str) else [given] * count
        if len(values) != count:
            raise ValueError(
                f"`hyperparameters`: {name!r} must have one entry for each of the {count} "
                f"schedules, got {len(values)}."
            )
        columns[name] = [as_schedule(value, name) for value in values]
        for value in columns[name]:
            one_schedule(name, value)
    return columns


def _seeds(seeds: int | Sequence[int], candidates: int) -> list[int]:
    if isinstance(seeds, Sequence | np.ndarray) and not isinstance(seeds, str):
        given = [seed_number("seeds", seed) for seed in seeds]
        if not given or len(set(given)) < len(given):
            raise ValueError(f"`seeds` must be at least 1, or different numbers, got {seeds!r}.")
        return given
    return list(range(whole("seeds", seeds, 1, _MOST_RUNS // candidates)))


def _layout(runs_per_batch: int | None, devices: Sequence[jax.Device] | None, count: int) -> Layout:
    if runs_per_batch is None:
        runs_per_batch = 1 if jax.default_backend() == "cpu" else count
    return Layout(whole("runs_per_batch", runs_per_batch, 1), _mesh(devices))


def _mesh(devices: Sequence[jax.Device] | None) -> jax.sharding.Mesh | None:
    devices = jax.devices() if devices is None else list(devices)
    if not devices or not all(isinstance(device, jax.Device) for device in devices):
        raise ValueError(f"`devices` must have at least one device of JAX, got {devices!r}.")
    if devices == jax.devices()[:1] and jax.process_count() == 1:
        return None
    return jax.sharding.Mesh(np.array(devices), ("run",))


@contextlib.contextmanager
def _fitting(trainer: Trainer) -> Iterator[None]:
    """Names the cure where the runs do not fit into memory."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        runs, size = len(trainer.seeds), trainer.bytes_per_run()
        layout = trainer.program.layout
        raise MemoryError(
            f"The memory of the devices is too small for this sweep. The state of a run takes "
            f"{size / 2**20:.4g} MiB, that of all {runs} runs {runs * size / 2**30:.4g} GiB, on "
            f"{layout.devices} device(s); a training step of {layout.runs_per_batch} runs side by "
            "side needs more beside it. Set `runs_per_batch` lower, or sweep over fewer schedules "
            "at a time, or on more devices."
        ) from error


def _table(schedules: Any, hyperparameters: Mapping[str, Any], count: int) -> dict[str, Array]:
    """Lists how each run was made: the columns of the batch, or schedules; hyperparameters."""
    columns = {} if isinstance(schedules, Batch) else {"schedule": schedules}
    table = dict(schedules.table) if isinstance(schedules, Batch) else {}
    for name, values in {**columns, **hyperparameters}.items():
        if not isinstance(values, Batch | Sequence) and np.ndim(values) == 0:
            values = [values] * count
        numbers = [x for x in values if isinstance(x, int | float | np.number)]
        if len(numbers) == count:
            table[name] = np.asarray(numbers)
        else:
            table[name] = np.array([identity.text(x) for x in values])
    return table
