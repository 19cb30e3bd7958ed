"""Training one model under one schedule.

:func:`fit` works with any functions: ``init(key)`` returns parameters, ``loss(params, batch)`` the
mean loss over a batch, and the data are arrays with one entry per example.

>>> import jax.numpy as jnp, jaxlr, numpy as np, optax
>>> x = np.linspace(-1.0, 1.0, 64, dtype=np.float32)
>>> y = 3.0 * x + 1.0
>>> def init(key):
...     return {"slope": jnp.zeros(()), "offset": jnp.zeros(())}
>>> def loss(params, batch):
...     x, y = batch
...     return jnp.mean((params["slope"] * x + params["offset"] - y) ** 2)
>>> result = fit(
...     jaxlr.linear_schedule(0.5, 0.0, transition_steps=80),
...     init, loss, (x, y), epochs=10, batch_size=8, optimizer=optax.sgd, progress=False)
>>> print({name: round(float(value), 3) for name, value in sorted(result.params.items())})
{'offset': 1.0, 'slope': 3.0}
>>> print(result.history.steps["learning_rate"][:3])
[0.5     0.49375 0.4875 ]
>>> result.history.epochs["epoch"]
array([ 1,  2,  3,  4,  5,  6,  7,  8,  9, 10])

What is compiled, and when
--------------------------

A whole epoch is one compiled call: the data lie on the device, and batches are picked there. The
schedule, the seed, the parameters and the data are arguments of the program, so a second
:func:`fit` with the same functions and shapes does not compile again, whatever the numbers in its
schedule. Another family of schedules, another plain function as schedule, another ``init``,
``loss``, ``metric`` or optimizer is another program; functions are the same if they are one object,
so define them once and not in a loop. Data that are JAX arrays already are not copied to the device
again.
"""

import contextlib
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.console import Console
from rich.progress import Progress

from jaxlr.adaptive import AdaptiveSchedule
from jaxlr.schedule import Schedule
from jaxlr.state import observe
from jaxlr.stopping import EarlyStopping, Watch
from jaxlr.train import epoch
from jaxlr.train.checkpoint import Checkpoints
from jaxlr.train.epoch import Init, Loss, LossMetric, Metric, Optimizer, TrainState
from jaxlr.train.history import History, format_row

__all__ = ["FitResult", "fit"]

# Here and not in `fit`, so that all runs share what is compiled.
_start = jax.jit(epoch.start, static_argnums=(0, 1))
_train_epoch = jax.jit(epoch.train_epoch, static_argnums=(0, 1, 2), donate_argnums=3)
_evaluate = jax.jit(epoch.evaluate, static_argnums=(0, 1))


@dataclass(frozen=True)
class FitResult:
    """What came of a run.

    Attributes:
      params: the parameters: of the best epoch with early stopping, whether or not it stopped the
        run; else of the last epoch.
      state: the parameters and the state of the optimizer after the last epoch.
      history: what happened at each step and in each epoch.
      best_epoch: with early stopping, the epoch that ``params`` are of, counted from 1; 0 for the
        initial parameters, if the monitored number was never finite. Else None.
      stopped_epoch: the epoch after which early stopping ended the run, or None if it did not.
      diverged: whether the run ended because its loss was no longer finite.
    """

    params: Any
    state: TrainState
    history: History
    best_epoch: int | None
    stopped_epoch: int | None
    diverged: bool

    def summary(self) -> str:
        """Returns one line: the last epoch, the best one, and how the run ended."""
        seconds = float(np.sum(self.history.epochs["seconds"]))
        parts = [format_row(self.history.row(-1) | {"seconds": seconds})]
        if self.best_epoch is not None:
            parts.append(f"best epoch {self.best_epoch}")
        if self.stopped_epoch is not None:
            parts.append("stopped early")
        if self.diverged:
            parts.append("diverged")
        return "; ".join(parts)


def fit(
    schedule: Any,
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
    seed: int = 0,
    early_stopping: EarlyStopping | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = True,
    progress: bool = True,
    on_epoch: Callable[[dict[str, float]], object] | None = None,
) -> FitResult:
    """Trains a model.

    Each epoch draws a new order of the training data and makes one update per whole batch; the
    ``n % batch_size`` examples that come last in that order wait for another epoch. So a run has
    ``epochs * (n // batch_size)`` steps, and the schedule sees the counts from 0 up to that.

    A run whose loss is NaN or infinite at the last step of an epoch ends there, with a warning.

    Args:
      schedule: the learning rate: a :class:`jaxlr.Schedule`, a function of the count such as an
        optax schedule, a number, or a stateful schedule of optax that is a pytree. A stateful one
        gets the loss of each step as ``value``; a :class:`jaxlr.AdaptiveSchedule` whose ``monitor``
        is a column of the history of epochs, such as ``"validation_loss"``, hears that one after
        each epoch instead.
      init: returns the parameters, any pytree of arrays, for a random key. It is compiled. For a
        Flax module: ``lambda key: nnx.split(Model(rngs=nnx.Rngs(key)))[1]``.
      loss: returns the mean loss over a batch for parameters and that batch; or a pair of it and a
        dict of other means to record, such as ``{"accuracy": ...}``.
      train: the training data: a pytree of arrays with a common leading axis, such as
        ``(images, labels)``. A batch is the same pytree with ``batch_size`` entries.
      validation: the validation data, of the same form, looked at after each epoch.
      epochs: the number of epochs.
      batch_size: the number of examples per update.
      metric: returns a dict of arrays with one value per example for parameters and a batch of the
        validation data; they are averaged over all of these. By default it is ``loss`` and what
        ``loss`` returns beside.
      validation_batch_size: how many examples of the validation data to look at together; by
        default ``batch_size``. It matters for speed and memory only.
      optimizer: a function that makes an optax optimizer for a ``learning_rate``. Give other
        hyperparameters by ``functools.partial(optax.adamw, weight_decay=0.1, mask=mask)``; any that
        is a number may be a :class:`jaxlr.Schedule` too, and is then recorded.
      seed: decides on the initial parameters and the order of the data.
      early_stopping: when to stop before the last epoch, made by :func:`jaxlr.early_stopping`; the
        result then has the best parameters.
      checkpoint: a directory to save the run to after each epoch.
      resume: go on from the checkpoint if there is one; the result is bit for bit that of a run
        without interruption. If False, a checkpoint that is there is an error.
      progress: show progress on standard error: a bar on a terminal, else a line per epoch.
      on_epoch: called after each epoch, its checkpoint included, with its row of the history.

    Returns:
      The parameters and the record.

    Raises:
      ValueError: if an argument is out of range, or the checkpoint is that of another run.
      TypeError: if the schedule or the optimizer is none.
      FileExistsError: if there is a checkpoint but ``resume`` is False.
    """
    _check_sizes(train, validation, epochs, batch_size, validation_batch_size)
    structure, schedules = epoch.split_optimizer(optimizer, schedule)
    _check_scalar(schedules)
    train, validation = jax.tree.map(jnp.asarray, (train, validation))
    init_key, order_key = jax.random.split(jax.random.key(seed))
    job = _Job(
        loss=loss,
        metric=metric or LossMetric(loss),
        optimizer=structure,
        schedules=schedules,
        train=train,
        validation=validation,
        batch_size=batch_size,
        validation_batch_size=validation_batch_size or batch_size,
        early_stopping=early_stopping,
        key=order_key,
    )
    run, history = job.begin(_start(init, structure, schedules, init_key)), History()
    with contextlib.ExitStack() as stack:
        checkpoints = None
        if checkpoint is not None:
            configuration = {
                "schedule": _text(schedule),
                "optimizer": _text(optimizer),
                "epochs": str(epochs),
                "batch_size": str(batch_size),
                "seed": str(seed),
                "early_stopping": str(early_stopping),
                "train": _shapes(train),
                "validation": _shapes(validation),
                "parameters": _shapes(run.state.params),
            }
            checkpoints = stack.enter_context(Checkpoints(checkpoint, configuration, resume))
            run, history = _restore(checkpoints, run, history)
            _check_rates(schedules["learning_rate"], history)
        show = stack.enter_context(_display(progress, epochs, history.num_epochs))
        while history.num_epochs < epochs and not _diverged(history) and not job.stops(run):
            run, history = job.advance(run, history)
            if checkpoints is not None:
                record = {"steps": history.steps, "epochs": history.epochs}
                checkpoints.save(history.num_epochs, run, record)
            row = history.row(-1)
            show(row)
            if on_epoch is not None:
                on_epoch(row)
    if _diverged(history):
        warnings.warn(_obituary(history), RuntimeWarning, stacklevel=2)
    return FitResult(
        params=run.state.params if run.watch is None else run.best,
        state=run.state,
        history=history,
        best_epoch=None if run.watch is None else int(run.watch.seen - run.watch.stale),
        stopped_epoch=history.num_epochs if job.stops(run) else None,
        diverged=_diverged(history),
    )


class _Run(NamedTuple):
    """What it takes to go on after an epoch; without early stopping the last two are None."""

    state: TrainState
    best: Any
    watch: Watch | None


@dataclass(frozen=True)
class _Job:
    """What stays the same during a run."""

    loss: Loss
    metric: Metric
    optimizer: Optimizer
    schedules: Mapping[str, Any]
    train: Any
    validation: Any
    batch_size: int
    validation_batch_size: int
    early_stopping: EarlyStopping | None
    key: jax.Array

    def begin(self, state: TrainState) -> _Run:
        """Returns the run before the first epoch."""
        self._check_monitors(state)
        if self.early_stopping is None:
            return _Run(state, None, None)
        return _Run(state, _copy(state.params), self.early_stopping.init())

    def advance(self, run: _Run, history: History) -> tuple[_Run, History]:
        """Trains for one epoch; the state in ``run`` is used up."""
        begin = time.perf_counter()
        state, steps = _train_epoch(*self._arguments(run.state, history.num_epochs))
        metrics = self._validate(state.params)
        # Reading the numbers waits for the device, so it belongs to the time.
        steps = {name: np.asarray(values) for name, values in steps.items()}
        row: dict[str, float] = {"epoch": history.num_epochs + 1}
        row |= {name: float(np.mean(steps[name], dtype=np.float64)) for name in self._means(steps)}
        row |= {name: float(value) for name, value in metrics.items()}
        for name, schedule in self._listeners().items():
            opt_state = observe(state.opt_state, schedule, row[schedule.monitor], name)
            state = state._replace(opt_state=opt_state)
        row["seconds"] = time.perf_counter() - begin
        return self._watch(run._replace(state=state), row), history.add(steps, row)

    def stops(self, run: _Run) -> bool:
        """Tells whether early stopping ends the run."""
        if self.early_stopping is None or run.watch is None:
            return False
        return bool(self.early_stopping.stops(run.watch))

    def _arguments(self, state: TrainState, done: int) -> tuple[Any, ...]:
        fixed = (self.loss, self.optimizer, self.batch_size)
        return (*fixed, state, self.schedules, self.train, self.key, done)

    def _validate(self, params: Any) -> dict[str, jax.Array]:
        if self.validation is None:
            return {}
        means = _evaluate(self.metric, self.validation_batch_size, params, self.validation)
        return {f"validation_{name}": mean for name, mean in means.items()}

    def _means(self, steps: Mapping[str, Any]) -> list[str]:
        """Names what of the record of the steps is a mean over the data."""
        return [name for name in steps if name not in {"step", "gradient_norm", *self.schedules}]

    def _listeners(self) -> dict[str, AdaptiveSchedule]:
        """The schedules that hear a metric once an epoch, by hyperparameter."""
        return {
            name: schedule
            for name, schedule in self.schedules.items()
            if isinstance(schedule, AdaptiveSchedule) and schedule.monitor != "value"
        }

    def _check_monitors(self, state: TrainState) -> None:
        monitors = {f"`{name}`": listener.monitor for name, listener in self._listeners().items()}
        if self.early_stopping is not None:
            monitors["`early_stopping`"] = self.early_stopping.monitor
        names = self._columns(state) if monitors else []
        for where, monitor in monitors.items():
            if monitor not in names:
                raise ValueError(
                    f"{where}: `monitor` must be one of {', '.join(names)}, got {monitor!r}."
                )

    def _columns(self, state: TrainState) -> list[str]:
        """Names the numbers that an epoch will have, without training."""
        _, steps = _train_epoch.eval_shape(*self._arguments(state, 0))
        names = self._means(steps)
        if self.validation is not None:
            size = self.validation_batch_size
            means = _evaluate.eval_shape(self.metric, size, state.params, self.validation)
            names += [f"validation_{name}" for name in means]
        return names

    def _watch(self, run: _Run, row: Mapping[str, float]) -> _Run:
        if self.early_stopping is None or run.watch is None:
            return run
        watch = self.early_stopping.update(run.watch, row[self.early_stopping.monitor])
        # A copy, since the next epoch uses up the state.
        best = _copy(run.state.params) if watch.stale == 0 else run.best
        return run._replace(best=best, watch=watch)


def _copy(tree: Any) -> Any:
    return jax.tree.map(jnp.copy, tree)


def _diverged(history: History) -> bool:
    return history.num_epochs > 0 and not np.isfinite(history.steps["loss"][-1])


def _obituary(history: History) -> str:
    finite = np.isfinite(history.steps["loss"])
    step = int(np.flatnonzero(finite).max(initial=-1)) + 1
    loss, rate = history.steps["loss"][step], history.steps["learning_rate"][step]
    return (
        f"The loss became {loss:g} at step {step}, with a learning rate of {rate:g}: training "
        f"ended after epoch {history.num_epochs}."
    )


def _restore(checkpoints: Checkpoints, run: _Run, history: History) -> tuple[_Run, History]:
    restored = checkpoints.restore(run)
    if restored is None:
        return run, history
    run, record = restored
    return run, History(**record)


@contextlib.contextmanager
def _display(
    progress: bool, epochs: int, done: int
) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Yields a function that shows the row of an epoch."""
    if not progress or jax.process_index() != 0:
        yield lambda row: None
    elif sys.stderr.isatty():
        with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=epochs, completed=done)
            yield lambda row: bar.update(task, advance=1, description=format_row(row))
    else:
        yield lambda row: print(format_row(row), file=sys.stderr, flush=True)


# The checks, and the texts by which checkpoints tell one run from another.


def _check_sizes(
    train: Any, validation: Any, epochs: int, batch_size: int, validation_batch_size: int | None
) -> None:
    examples = epoch.num_examples(train, "train")
    if validation is not None:
        epoch.num_examples(validation, "validation")
    if epochs < 1:
        raise ValueError(f"`epochs` must be at least 1, got {epochs}.")
    if not 1 <= batch_size <= examples:
        raise ValueError(
            f"`batch_size` must be from 1 to the number of training examples, {examples}, got "
            f"{batch_size}."
        )
    if validation_batch_size is not None and validation_batch_size < 1:
        raise ValueError(
            f"`validation_batch_size` must be at least 1, got {validation_batch_size}."
        )


def _check_scalar(schedules: Mapping[str, Any]) -> None:
    for name, schedule in schedules.items():
        if isinstance(schedule, Schedule):
            shape = jax.eval_shape(schedule, 0).shape
        elif isinstance(schedule, AdaptiveSchedule):
            # Every number of the rule takes part in the state after a metric.
            shape = jax.eval_shape(lambda s=schedule: s(s.init(), **{s.monitor: 0.0})).shape
        else:
            continue
        if shape != ():
            raise ValueError(
                f"`{name}` must be one schedule, got a batch of the shape {shape}: {schedule!r}. "
                "One run has one."
            )


def _check_rates(schedule: Any, history: History) -> None:
    """Catches another schedule behind the same text, such as a function with other constants."""
    if not isinstance(schedule, Schedule) or history.num_epochs == 0:
        return
    used, given = history.steps["learning_rate"], schedule(history.steps["step"])
    if not np.allclose(used, given, rtol=1e-4, atol=0.0):
        raise ValueError(
            "`schedule` does not give the learning rates that the run in `checkpoint` has used so "
            "far. Give the same schedule to continue it, or another directory to begin anew."
        )


def _text(value: Any) -> str:
    """Writes a value without the addresses of functions, which differ between processes."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _shapes(tree: Any) -> str:
    return " ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree))
