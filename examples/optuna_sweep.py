"""Lets Optuna choose schedules, and trains what it asks for all at once: ask K, train K, tell K.

The study is a journal file, so that it can be stopped, continued, and shared by several machines.
"""

import argparse
import pathlib

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import jaxlr
from jaxlr.search import parse_space, suggest
from jaxlr.train import MODELS, classification, load, sweep

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="digits", help="digits, mnist or fashion-mnist")
parser.add_argument("--model", default="mlp", choices=MODELS)
parser.add_argument("--rounds", type=int, default=4)
parser.add_argument("--candidates", type=int, default=8, help="how many in each round")
parser.add_argument("--epochs", type=int, default=8)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--journal", default="out/optuna.log", metavar="FILE")
options = parser.parse_args()

data = load(options.data)
part = len(data.train_images) * 5 // 6
train = data.train_images[:part], data.train_labels[:part]
validation = data.train_images[part:], data.train_labels[part:]
task = classification(
    MODELS[options.model], input_shape=train[0].shape[1:], classes=data.num_classes
)
space = parse_space(
    "warmup_cosine_decay_schedule(0.0, log_uniform(1e-4, 1e-1),"
    " integer(0, total_steps // 2), total_steps)",
    total_steps=options.epochs * (part // options.batch_size),
)

pathlib.Path(options.journal).parent.mkdir(parents=True, exist_ok=True)
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    storage=JournalStorage(JournalFileBackend(options.journal)),
    study_name="schedules",
    sampler=optuna.samplers.TPESampler(seed=0),
    direction="maximize",
    load_if_exists=True,
)
for _ in range(options.rounds):
    trials = [study.ask() for _ in range(options.candidates)]
    result = sweep(
        jaxlr.stack(suggest(trial, space) for trial in trials),
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
        progress=False,
    )
    for trial, score, status in zip(
        trials, result.scores()[:, 0], result.status[:, 0], strict=True
    ):
        if status == "diverged":
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, float(score))
    print(f"{len(study.trials)} trials, best accuracy {study.best_value:.4f}, {study.best_params}")
