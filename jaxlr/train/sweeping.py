r"""Training one model under many schedules at once.

:func:`sweep` takes what :func:`jaxlr.train.fit` takes, and a batch of schedules for one:

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

On a CPU each run is bit for bit what ``fit`` gives for its schedule and seed alone.

Memory
------

The state of all runs is on the devices at once: with Adam three times the parameters for each run,
a fourth time with early stopping; for K runs on D devices, K / D times that on each device. A run
of 235,146 parameters in float32, the MLP for MNIST, takes 2.8 MB: 23 MB for K = 8, 90 MB for 32,
361 MB for 128. Beside it there is what one training step needs, ``runs_per_batch`` times, and the
data once per device. :attr:`SweepResult.bytes_per_run` has the figure for a run;
``benchmarks/sweep_memory.py`` measures the memory of whole sweeps. On the host there is the record:
:attr:`SweepResult.rates` takes 4 bytes for each run and step.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import optax

from jaxlr.batches.batch import Batch
from jaxlr.core.numbers import float_dtype
from jaxlr.feedback.stopping import EarlyStopping
from jaxlr.train import checks as _checks
from jaxlr.train import epoch
from jaxlr.train.checkpoint import Checkpoints
from jaxlr.train.epoch import Init, Loss, LossMetric, Metric
from jaxlr.train.progress import display
from jaxlr.train.results import STATUS, Mode, SweepResult, sign_of
from jaxlr.train.runs import DIVERGED, DROPPED, Program, Runs, Trainer

__all__ = ["sweep"]

Array = np.ndarray[Any, Any]


def sweep(
    schedules: Any,
    init: Init,
    loss: Loss,
    train: Any,
    validation: Any = None,
    *,
    epochs: int,
    batch_size: int,
    metric: Metric | None = None,
    validation_batch_size: int | None = None,
    optimizer: Callable[..., Any] = optax.adam,
    hyperparameters: Mapping[str, Any] | None = None,
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
      schedules: the learning rates: a :class:`jaxlr.Batch`, or a sequence of what
        :func:`jaxlr.train.fit` takes for one. Stateful schedules may be of any kinds, with plain
        ones beside them, ``[*batch, jaxlr.reduce_on_plateau(0.1)]``; each run has its own state.
      init: as for :func:`jaxlr.train.fit`.
      loss: as for :func:`jaxlr.train.fit`.
      train: as for :func:`jaxlr.train.fit`.
      validation: as for :func:`jaxlr.train.fit`.
      epochs: the number of epochs.
      batch_size: the number of examples per update.
      metric: as for :func:`jaxlr.train.fit`.
      validation_batch_size: as for :func:`jaxlr.train.fit`.
      optimizer: as for :func:`jaxlr.train.fit`; what it says is the same for all runs.
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
        default all; on a CPU 1, with which each run is bit for bit what it is alone. Tiny models,
        whose steps take some microseconds, train in about half the time with 16 or more there; the
        last digits of their numbers then differ.
      devices: the devices; by default all of all hosts.
      checkpoint: a directory to save all runs to after each epoch.
      resume: go on from the checkpoint if there is one, on any number of devices; on CPUs the
        result is bit for bit that of a sweep without interruption. If False, a checkpoint that is
        there is an error.
      progress: show progress on standard error: a bar on a terminal, else a line per epoch.
      on_epoch: called after each epoch, its checkpoint included, with what progress shows.

    Returns:
      The record of all runs, and their parameters.

    Raises:
      ValueError: if an argument is out of range, or the checkpoint is that of another sweep.
      TypeError: if a schedule or the optimizer is none.
      FileExistsError: if there is a checkpoint but ``resume`` is False.
      MemoryError: if the runs do not fit on the devices.

    References:
      ``keep``: Jamieson and Talwalkar, `Non-stochastic Best Arm Identification and Hyperparameter
      Optimization <https://arxiv.org/abs/1502.07943>`_, 2016
    """
    _checks.sizes(train, validation, epochs, batch_size, validation_batch_size)
    candidates = _candidates(schedules)
    seeds = _seeds(seeds)
    keep = _rungs(keep, len(candidates), epochs)
    monitor = monitor or ("loss" if validation is None else "validation_loss")
    sign_of(mode)
    columns = {"learning_rate": candidates}
    columns |= _columns(hyperparameters or {}, len(candidates))
    structure, all_columns = epoch.split_optimizer(optimizer, columns)
    for name in all_columns.keys() - columns.keys():
        _checks.scalar(name, all_columns[name])
        all_columns[name] = [all_columns[name]] * len(candidates)
    program = Program(
        loss=loss,
        metric=metric or LossMetric(loss),
        optimizer=structure,
        batch_size=batch_size,
        validation_batch_size=validation_batch_size or batch_size,
        runs_per_batch=_runs_per_batch(runs_per_batch, len(candidates) * len(seeds)),
        mesh=_mesh(devices),
    )
    train, validation = program.replicated((train, validation))
    trainer = Trainer(
        program=program,
        init=init,
        hyperparameters={
            name: [schedule for schedule in column for _ in seeds]
            for name, column in all_columns.items()
        },
        seeds=list(seeds) * len(candidates),
        train=train,
        validation=validation,
        early_stopping=early_stopping,
        diverges=diverges,
    )
    with _fitting(trainer):
        runs = trainer.begin()
        trainer.check_monitors(runs)
        _checks.monitor("monitor", monitor, trainer.columns(runs))
        log: dict[str, Array] = {}
        steps_per_epoch = epoch.num_examples(train) // batch_size
        total_steps = epochs * steps_per_epoch
        rates = np.full((len(trainer.seeds), total_steps), np.nan, float_dtype())
        seconds = np.zeros(0)
        with contextlib.ExitStack() as stack:
            checkpoints = None
            if checkpoint is not None:
                configuration = {
                    "schedules": _digest(schedules if isinstance(schedules, Batch) else candidates),
                    "hyperparameters": _digest(columns.values()),
                    "optimizer": _checks.text(optimizer),
                    "epochs": str(epochs),
                    "batch_size": str(batch_size),
                    "seeds": str(seeds),
                    "keep": f"{keep} by {monitor}, {mode}" if keep else "all",
                    "early_stopping": str(early_stopping),
                    "diverges": _checks.text(diverges),
                    "train": _checks.shapes(train),
                    "validation": _checks.shapes(validation),
                    "parameters": _checks.shapes(trainer.params(runs, 0)),
                }
                checkpoints = stack.enter_context(Checkpoints(checkpoint, configuration, resume))
                left = _left(keep, checkpoints.epoch or 0, len(candidates)) * len(seeds)
                saved = checkpoints.restore(trainer.packed_like(runs, left))
                if saved is not None:
                    runs = trainer.unpacked(runs, saved[0], saved[1]["runs"])
                    log, seconds = saved[1]["log"], saved[1]["seconds"]
                    rates[:, : len(seconds) * steps_per_epoch] = saved[1]["rates"]
            show = stack.enter_context(display(progress, epochs, len(seconds)))
            while len(seconds) < epochs and runs.active.any():
                begin = time.perf_counter()
                number = len(seconds)
                runs, steps, rows = trainer.advance(runs, number)
                done = (number + 1) * steps_per_epoch
                rates[:, done - steps_per_epoch : done] = steps["learning_rate"]
                log = {
                    name: np.append(log.get(name, np.zeros((len(column), 0))), column[:, None], 1)
                    for name, column in rows.items()
                }
                if number + 1 in keep:
                    values = _newest(sign_of(mode) * log[monitor], runs)
                    kept = _survivors(values, keep[number + 1], len(seeds))
                    runs = trainer.keep(runs, kept)
                seconds = np.append(seconds, time.perf_counter() - begin)
                if checkpoints is not None:
                    state, record = trainer.packed(runs)
                    logs = {"log": log, "seconds": seconds, "rates": rates[:, :done]}
                    checkpoints.save(number + 1, state, {"runs": record, **logs})
                row = _progress(runs, rows[monitor], monitor, sign_of(mode), seconds)
                show(row)
                if on_epoch is not None:
                    on_epoch(row)
    shape = (len(candidates), len(seeds))
    missing = np.full((*shape, epochs - len(seconds)), np.nan)
    numbers = {
        name: np.concatenate([column.reshape(*shape, -1), missing], axis=2)
        for name, column in log.items()
    }
    used = rates.reshape(*shape, -1)
    numbers["learning_rate"] = used[..., steps_per_epoch - 1 :: steps_per_epoch].astype(np.float64)
    return SweepResult(
        schedules=schedules if isinstance(schedules, Batch) else list(schedules),
        table=_table(schedules, hyperparameters or {}, len(candidates)),
        seeds=tuple(seeds),
        runs=numbers,
        rates=used,
        status=STATUS[runs.status].reshape(shape),
        epochs=runs.epochs.reshape(shape),
        best_epoch=runs.best_epoch.reshape(shape),
        seconds=seconds,
        monitor=monitor,
        mode=mode,
        bytes_per_run=trainer.bytes_per_run(),
        _trainer=trainer,
        _final=runs,
    )


def _candidates(schedules: Any) -> list[Any]:
    if not isinstance(schedules, Batch | Sequence) or isinstance(schedules, str):
        raise TypeError(
            f"`schedules` must be a batch or a sequence of schedules, got {schedules!r}. "
            "jaxlr.grid and jaxlr.stack make batches."
        )
    candidates = [epoch.as_schedule(schedule, "schedules") for schedule in schedules]
    if not candidates:
        raise ValueError("`schedules` must have at least one schedule, got none.")
    for candidate in candidates:
        _checks.scalar("schedules", candidate)
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
        columns[name] = [epoch.as_schedule(value, name) for value in values]
        for value in columns[name]:
            _checks.scalar(name, value)
    return columns


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    given = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not given or len(set(given)) < len(given):
        raise ValueError(f"`seeds` must be at least 1, or different numbers, got {seeds!r}.")
    return given


def _rungs(keep: Mapping[int, int] | None, count: int, epochs: int) -> dict[int, int]:
    rungs = dict(sorted((keep or {}).items()))
    left = count
    for after, survivors in rungs.items():
        if not 1 <= after < epochs or not 1 <= survivors <= left:
            raise ValueError(
                f"`keep` must say after which of the {epochs} epochs to keep how many of the "
                f"{count} schedules, fewer each time, got {dict(keep or {})}."
            )
        left = survivors
    return rungs


def _left(keep: Mapping[int, int], done: int, count: int) -> int:
    """The number of candidates that are left after some epochs."""
    return min([count, *(survivors for after, survivors in keep.items() if after <= done)])


def _runs_per_batch(given: int | None, count: int) -> int:
    if given is None:
        return 1 if jax.default_backend() == "cpu" else count
    if given < 1:
        raise ValueError(f"`runs_per_batch` must be at least 1, got {given}.")
    return given


def _mesh(devices: Sequence[jax.Device] | None) -> jax.sharding.Mesh | None:
    devices = jax.devices() if devices is None else list(devices)
    if not devices:
        raise ValueError("`devices` must have at least one device, got none.")
    if devices == jax.devices()[:1] and jax.process_count() == 1:
        return None
    return jax.sharding.Mesh(np.array(devices), ("run",))


def _newest(column: Array, runs: Runs) -> Array:
    """The newest values of a number; of runs that stopped early, those of their best epochs.

    Runs that diverged have infinity, and runs that were dropped NaN.
    """
    at = np.where(runs.active, column.shape[1], runs.best_epoch)
    values = column[np.arange(len(column)), np.maximum(at - 1, 0)]
    there = np.isin(np.arange(len(column)), runs.slots)
    lost = (runs.status == DIVERGED) | ~np.isfinite(values)
    return np.where(there, np.where(lost, np.inf, values), np.nan)


def _survivors(values: Array, count: int, seeds: int) -> Array:
    """The runs of the candidates with the least means; of equals the first are kept."""
    kept = np.argsort(values.reshape(-1, seeds).mean(axis=1), kind="stable")[:count]
    survivors: Array = (kept[:, None] * seeds + np.arange(seeds)).ravel()
    return survivors


def _progress(
    runs: Runs, values: Array, monitor: str, sign: int, seconds: Array
) -> dict[str, float]:
    row: dict[str, float] = {"epoch": len(seconds), "training": int(runs.active.sum())}
    for name, status in (("diverged", DIVERGED), ("dropped", DROPPED)):
        if (runs.status == status).any():
            row[name] = int((runs.status == status).sum())
    if np.isfinite(values).any():
        row[f"best_{monitor}"] = float(sign * np.nanmin(sign * values))
    return row | {"seconds": float(seconds[-1])}


@contextlib.contextmanager
def _fitting(trainer: Trainer) -> Iterator[None]:
    """Says what to set where the runs do not fit."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        runs, size = len(trainer.seeds), trainer.bytes_per_run()
        mesh, side_by_side = trainer.program.mesh, trainer.program.runs_per_batch
        raise MemoryError(
            f"The memory of the devices is too small for this sweep. The state of a run takes "
            f"{size / 2**20:.4g} MiB, that of all {runs} runs {runs * size / 2**30:.4g} GiB, on "
            f"{1 if mesh is None else mesh.size} device(s); beside it there is what a training "
            f"step of {side_by_side} runs side by side needs. Set `runs_per_batch` lower, or "
            "sweep over fewer schedules at a time, or on more devices."
        ) from error


def _table(schedules: Any, hyperparameters: Mapping[str, Any], count: int) -> dict[str, Array]:
    """What made each run: the table of the batch, or the schedules, and the hyperparameters."""
    columns = {} if isinstance(schedules, Batch) else {"schedule": schedules}
    table = dict(schedules.table) if isinstance(schedules, Batch) else {}
    for name, values in {**columns, **hyperparameters}.items():
        if not isinstance(values, Batch | Sequence) and np.ndim(values) == 0:
            values = [values] * count
        numbers = [x for x in values if isinstance(x, int | float | np.number)]
        if len(numbers) == count:
            table[name] = np.asarray(numbers)
        else:
            table[name] = np.array([_checks.text(x) for x in values])
    return table


def _digest(values: Any) -> str:
    """A short text that tells a collection of schedules from others."""
    texts = [_checks.text(value) for value in values]
    return f"{len(texts)}, {hashlib.sha256(chr(10).join(texts).encode()).hexdigest()}"
