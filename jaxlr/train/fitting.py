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

Compilation
-----------

A whole epoch is one compiled call: the data lie on the device, and batches are picked there. The
values of the schedule, the seed, the parameters and the data are arguments of the program, so a
second :func:`fit` with the same functions and shapes does not compile again, under any schedule.
Another ``init``, ``loss``, ``metric`` or optimizer is another program, and so is another structure
of a stateful schedule; functions are the same if they are one object, so define them once and not
in a loop. Data that are JAX arrays already are not copied to the device again.

:func:`jaxlr.train.sweep` trains many at once; :mod:`jaxlr.train.program` says
how they are compiled.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import numpy as np
import optax

from jaxlr.feedback.stopping import EarlyStopping
from jaxlr.train.arguments import (
    check_functions,
    check_monitors,
    make_trainer,
    one_schedule,
    seed_number,
    whole,
)
from jaxlr.train.epoch import TrainState
from jaxlr.train.history import History, format_row
from jaxlr.train.layout import Layout
from jaxlr.train.loop import Loop, Saving
from jaxlr.train.optimizer import as_schedule
from jaxlr.train.record import Record
from jaxlr.train.runs import DIVERGED, STOPPED, Runs
from jaxlr.train.types import Array, Init, Loss, Metric, OptimizerFactory, PyTree, ScheduleLike

__all__ = ["FitResult", "fit"]


@dataclass(frozen=True, repr=False)
class FitResult:
    """The outcome of a run.

    Attributes:
      params: the parameters: of the best epoch with early stopping, whether or not it stopped the
        run; else of the last epoch.
      state: the parameters and the state of the optimizer after the last epoch.
      history: the record of each step and each epoch.
      best_epoch: with early stopping, the epoch that ``params`` are of, counted from 1; 0 for the
        initial parameters, if the monitored number was never finite. Else None.
      stopped_epoch: the epoch after which early stopping ended the run, or None if it did not.
      diverged: whether the run ended because its loss was no longer finite.
    """

    params: PyTree
    state: TrainState
    history: History
    best_epoch: int | None
    stopped_epoch: int | None
    diverged: bool

    def __repr__(self) -> str:
        parameters = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        return f"FitResult({self.summary()}; {parameters:,} parameters)"

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
    schedule: ScheduleLike,
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
    ``epochs * (n // batch_size)`` steps, and the schedule sees the counts from 0 up to that. With
    ``accumulate=k`` an update takes k batches, and k times ``batch_size`` stands here for
    ``batch_size``.

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
        dict of other means to record, such as ``{"accuracy": ...}``. If it has a third parameter
        named ``key``, it gets a random key, another one for each batch, for dropout or noise:
        ``nnx.merge(graphdef, params)(x, rngs=nnx.Rngs(dropout=key))``. Then give a ``metric`` for
        the validation data.
      train: the training data: a pytree of arrays with a common leading axis, such as
        ``(images, labels)``. A batch is the same pytree with ``batch_size`` entries.
      validation: the validation data, of the same form, looked at after each epoch.
      epochs: the number of epochs.
      batch_size: the number of examples per batch.
      accumulate: the number of batches per update: the gradient is the mean over them. The schedule
        counts updates. It takes the place of ``optax.MultiSteps``, with which a schedule would
        count batches.
      metric: returns a dict of arrays with one value per example for parameters and a batch of the
        validation data; they are averaged over all of these. By default it is ``loss`` with
        its other means.
      validation_batch_size: how many examples of the validation data to look at together; by
        default ``batch_size``. It matters for speed and memory only.
      optimizer: a function that makes an optax optimizer for a ``learning_rate``. Give other
        hyperparameters by ``functools.partial(optax.adamw, weight_decay=0.1, mask=mask)``; any that
        is a number may be a :class:`jaxlr.Schedule` too, and is then recorded.
      seed: decides on the initial parameters and the order of the data; from 0 to 2**32 - 1.
      early_stopping: when to stop before the last epoch, made by :func:`jaxlr.early_stopping`; the
        result then has the best parameters.
      checkpoint: a directory to save the run to after each epoch. A run with other arguments cannot
        go on from it, nor one with other data or functions, as far as functions can be told apart:
        by their code and the constants in it, but not by lists, dicts and objects that they use;
        see :mod:`jaxlr.train.identity`.
      resume: go on from the checkpoint if there is one; the result is bit for bit the same as
        without interruption. If False, a checkpoint that is there is an error.
      progress: show progress on standard error: a bar on a terminal, else a line per epoch.
      on_epoch: called after each epoch, its checkpoint included, with its row of the history.

    Returns:
      The parameters and the record.

    Raises:
      ValueError: if an argument is out of range, or the checkpoint belongs to another run.
      TypeError: if an argument is of the wrong kind.
      BlockingIOError: if another process uses the checkpoint.
      FileExistsError: if there is a checkpoint but ``resume`` is False.
    """
    epochs, seed = whole("epochs", epochs, 1), seed_number("seed", seed)
    check_functions(on_epoch=on_epoch)
    learning_rate = as_schedule(schedule)
    one_schedule("learning_rate", learning_rate)
    trainer = make_trainer(
        {"learning_rate": [learning_rate]},
        [seed],
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
        diverges=None,
        layout=Layout(),
    )
    check_monitors(trainer)
    configuration = {"schedule": schedule, "optimizer": optimizer, "epochs": epochs, "seed": seed}
    saving = Saving(checkpoint, resume, configuration)
    runs, record = Loop(trainer, epochs, _row, saving, progress, on_epoch).run()
    history = _history(record)
    diverged = bool(runs.status[0] == DIVERGED)
    if diverged:
        warnings.warn(_obituary(history), RuntimeWarning, stacklevel=2)
    return FitResult(
        params=trainer.params(runs, 0),
        state=jax.tree.map(lambda leaf: leaf[0], runs.state),
        history=history,
        best_epoch=None if early_stopping is None else int(runs.best_epoch[0]),
        stopped_epoch=history.num_epochs if runs.status[0] == STOPPED else None,
        diverged=diverged,
    )


def _history(record: Record, before: int = 0) -> History:
    """Writes the record of the one run that there is, after some epochs."""
    epochs: dict[str, Array] = {"epoch": before + 1 + np.arange(record.num_epochs)}
    epochs |= {name: column[0] for name, column in record.epochs.items()}
    epochs["seconds"] = record.seconds
    return History({name: column[0] for name, column in record.steps.items()}, epochs)


def _row(runs: Runs, records: Sequence[Record]) -> dict[str, float]:
    return _history(records[-1], int(runs.epochs[0]) - records[-1].num_epochs).row(-1)


def _obituary(history: History) -> str:
    finite = np.isfinite(history.steps["loss"])
    step = int(np.flatnonzero(finite).max(initial=-1)) + 1
    loss, rate = history.steps["loss"][step], history.steps["learning_rate"][step]
    return (
        f"The loss became {loss:g} at step {step}, with a learning rate of {rate:g}: training "
        f"ended after epoch {history.num_epochs}."
    )
