"""Drawing ten thousand schedules at once beside making as many one by one, and beside Optuna."""

import jax
import numpy as np
import optuna
from timing import compare

import jaxlr
from jaxlr.search import default_space, random_schedules, suggest

MANY, STEPS = 10_000, 1000


def at_once(family):
    return lambda: random_schedules(
        jax.random.key(0), MANY, total_steps=STEPS, peak=0.1, families=[family]
    )


def one_by_one(family):
    constructor = jaxlr.families()[family]
    members = [lr.params for lr in at_once(family)()]
    return lambda: jaxlr.stack([constructor(**parameters) for parameters in members])


def by_optuna(family, trials=200):
    """As many trials as take a bearable time; the table says so."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = default_space(family, STEPS, 0.1)

    def run():
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        study.optimize(lambda trial: np.size(suggest(trial, space)), n_trials=trials)

    return run


if __name__ == "__main__":
    for family in ("linear_schedule", "exponential_decay", "warmup_cosine_decay_schedule"):
        print(f"{MANY} of {family}")
        compare(
            {
                "random_schedules": at_once(family),
                "200 of them, by trials of Optuna": by_optuna(family),
                "one by one, then stacked": one_by_one(family),
            },
            rounds=3,
        )
