"""Optuna draws from the same spaces, by the same map."""

import numpy as np
import pytest

import jaxlr
from jaxlr.search import choice, distribution, parse_space, space, suggest, uniform

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
optuna.logging.set_verbosity(optuna.logging.WARNING)

SPACE = parse_space(
    """choice([
        linear_schedule(log_uniform(1e-4, 1e-1), 0.0, integer(10, 100)),
        transition_schedule(
            choice([0.1, uniform(0.3, 0.4)]), 0.0, log_integer(3, 3000),
            choice(['linear', one_minus_power(uniform(0.5, 2.0)), 'cosine']),
        ),
        multistep_decay(0.1, [integer(0, 40), 50], choice([0.1, 0.5])),
        multistep_decay(0.2, choice([[30, 60], [50]])),
        constant_schedule(0.05),
    ])"""
)


def test_a_trial_gives_the_schedule_of_its_parameters():
    trial = optuna.trial.FixedTrial(
        {
            "family": "transition_schedule",
            "transition_schedule.init_value": "uniform",
            "transition_schedule.init_value.uniform": 0.35,
            "transition_schedule.transition_steps": 70,
            "transition_schedule.curve": "one_minus_power",
            "transition_schedule.curve.one_minus_power.power": 1.5,
        }
    )
    lines = SPACE.params["options"][1]
    expected = jaxlr.transition_schedule(0.35, 0.0, 70, jaxlr.curves.one_minus_power(1.5))
    assert suggest(trial, choice([lines, jaxlr.constant_schedule(0.1)])) == expected


def test_a_study_draws_from_every_part_of_the_space():
    schedules = []

    def objective(trial):
        schedules.append(suggest(trial, SPACE))
        return float(schedules[-1](20))

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=200)
    names = {lr.family.name for lr in schedules}
    assert len(names) == 4
    for trial, lr in zip(study.trials, schedules, strict=True):
        assert suggest(optuna.trial.FixedTrial(trial.params), SPACE) == lr
        family = trial.params["family"]
        assert all(name == "family" or name.startswith(f"{family}.") for name in trial.params)
        assert family.startswith(lr.family.name), "two of one family are told by their texts"
        if lr.family.name == "linear_schedule":
            assert 1e-4 <= lr.params["init_value"] <= 1e-1
            assert 10 <= lr.params["transition_steps"] <= 100


@pytest.mark.parametrize(
    "drawn",
    ["uniform(0.5, 2.0)", "log_uniform(1e-4, 0.1)", "integer(3, 90)", "log_integer(1, 900)"],
)
def test_the_unit_interval_maps_as_in_optuna(drawn):
    """What Optuna's own quasi-random sampler makes of a point is what a design here makes of it."""
    drawn_from = parse_space(f"polynomial_schedule(1.0, 0.0, {drawn}, 100)")
    study = optuna.create_study()
    trial = study.ask()
    suggest(trial, drawn_from)
    theirs = optuna._transform._SearchSpaceTransform(trial.distributions, transform_0_1=True)
    quantiles = (np.arange(200) + 0.5) / 200
    values = [theirs.untransform(np.array([q]))["power"] for q in quantiles]
    np.testing.assert_allclose(drawn_from.params["power"](quantiles), values, rtol=1e-12)


def test_a_distribution_of_ones_own_is_suggested_by_its_quantile():
    @distribution
    def _root(quantile, high):
        return high * quantile**0.5

    trial = optuna.trial.FixedTrial({"value": 0.25})
    assert suggest(trial, space(jaxlr.constant_schedule, _root(2.0))) == jaxlr.constant_schedule(
        1.0
    )


def test_a_space_without_distributions_is_one_schedule():
    trial = optuna.trial.FixedTrial({})
    assert suggest(trial, parse_space("constant_schedule(0.1)")) == jaxlr.constant_schedule(0.1)


@pytest.mark.parametrize("wrong", [uniform(0, 1), choice([1, 2]), jaxlr.constant_schedule])
def test_what_is_no_space_of_schedules_is_refused(wrong):
    with pytest.raises(TypeError, match="`space`"):
        suggest(optuna.create_study().ask(), wrong)


def test_a_search_finds_what_is_best():
    drawn_from = space(jaxlr.polynomial_schedule, 1.0, 0.0, uniform(0.5, 4.0), 100)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(lambda trial: abs(float(suggest(trial, drawn_from)(50)) - 0.25), n_trials=40)
    assert study.best_params["power"] == pytest.approx(2.0, abs=0.1)
