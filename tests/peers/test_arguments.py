"""Arguments of all constructors: what is refused is told by the names that the caller gave."""

import array
import collections
import importlib.util
import inspect
import itertools
import os
import re
import sys
import typing

import jax
import numpy as np
import pytest
from peers.comparison import bare_package

import jaxlr.peers
from jaxlr.core.parameters import Length, Number, kind_of
from jaxlr.peers import arguments, fvcore, ignite, object_detection, paddle, torch, transformers

os.environ.setdefault("KERAS_BACKEND", "jax")

MODULES = {name: getattr(jaxlr.peers, name) for name in jaxlr.peers.__all__}
CONSTRUCTORS = {
    f"{module}.{name}": getattr(MODULES[module], name)
    for module in MODULES
    for name in MODULES[module].__all__
}

DECAY = jaxlr.step_decay(0.5, 20)

# What each constructor is given where it needs something, by the name of the parameter.
NEEDED = {
    "T_0": 10,
    "T_max": 10,
    "base_learning_rate": 0.1,
    "base_lr": 0.1,
    "base_value": 0.5,
    "boundaries": [5, 9],
    "cycle_size": 10,
    "d_model": 64,
    "decay": 0.5,
    "decay_rate": 0.5,
    "decay_steps": 10,
    "decay_t": 5,
    "durations": [10],
    "end": 20,
    "end_lr": 0.5,
    "end_value": 0.1,
    "eta_max": 0.5,
    "first_decay_steps": 10,
    "gamma": 0.9,
    "initial_learning_rate": 0.5,
    "initial_value": 0.5,
    "interval_scaling": ["rescaled", "fixed"],
    "lambda_obj": lambda count: 1.0 / (1.0 + count),
    "learning_rate": 0.5,
    "learning_rate_base": 0.5,
    "learning_rate_decay_factor": 0.5,
    "learning_rate_decay_steps": 10,
    "lengths": [0.25, 0.75],
    "lr": 0.5,
    "lr_lambda": lambda step: 0.9,
    "lr_scheduler": DECAY,
    "max_learning_rate": 0.5,
    "max_lr": 0.5,
    "metric_name": "loss",
    "milestones": [10],
    "milestones_values": [(0, 0.5), (10, 0.1)],
    "name": "cosine",
    "num_decay_steps": 5,
    "num_decays": 3,
    "num_epochs": 5,
    "num_steps": 5,
    "num_training_steps": 20,
    "num_updates": 20,
    "num_warmup_steps": 5,
    "periods": [10],
    "power": 2.0,
    "rates": [0.3, 0.2, 0.1],
    "schedule": lambda epoch: 0.9**epoch,
    "schedulers": [DECAY, DECAY],
    "start_lr": 0.1,
    "start_value": 0.5,
    "step_size": 5,
    "step_size_up": 5,
    "swa_lr": 0.1,
    "t_initial": 20,
    "total_steps": 20,
    "value": 0.5,
    "values": [0.3, 0.2, 0.1],
    "warmup_duration": 5,
    "warmup_start_value": 0.0,
    "warmup_steps": 5,
}
ALSO = {
    "fvcore.MultiStepParamScheduler": {"num_updates": 20},
    "mmengine.CosineAnnealingLR": {"T_max": 10},
    "mmengine.CosineAnnealingMomentum": {"T_max": 10},
    "mmengine.OneCycleLR": {"total_steps": 20},
    "timm.MultiStepLRScheduler": {"decay_t": [5, 9]},
    "torch.OneCycleLR": {"total_steps": 20},
    "torch.OneCycleMomentum": {"total_steps": 20},
    "transformers.get_cosine_with_min_lr_schedule_with_warmup": {"min_lr": 0.1},
    "transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate": {"min_lr": 0.1},
    "transformers.get_scheduler": {"num_warmup_steps": 5, "num_training_steps": 20},
    "transformers.get_wsd_schedule": {"num_training_steps": 20},
}


def parameters_of(constructor):
    return inspect.signature(constructor).parameters


def needed(name):
    given = {
        key: NEEDED[key]
        for key, parameter in parameters_of(CONSTRUCTORS[name]).items()
        if parameter.default is parameter.empty and parameter.kind != parameter.VAR_KEYWORD
    }
    return given | ALSO.get(name, {})


def kinds_of(constructor):
    hints = typing.get_type_hints(inspect.unwrap(constructor), include_extras=True)
    parameters = parameters_of(constructor)
    named = [key for key, each in parameters.items() if each.kind != each.VAR_KEYWORD]
    return {key: kind_of(hints[key]) for key in named}


CASES = [
    (name, key, kind)
    for name, constructor in CONSTRUCTORS.items()
    for key, kind in kinds_of(constructor).items()
]
NUMBERS = [case for case in CASES if isinstance(case[2], Number)]


def refusal(constructor, **changes):
    with pytest.raises((TypeError, ValueError)) as caught:
        CONSTRUCTORS[constructor](**{**needed(constructor), **changes})
    return str(caught.value)


def short(name):
    return name.split(".")[1]


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_each_takes_what_it_needs(name):
    assert CONSTRUCTORS[name](**needed(name)) is not None


def test_each_number_is_checked_where_it_is_given():
    assert len(NUMBERS) > 400
    for name, key, kind in NUMBERS:
        wrong = ["abc", "2e-5", True, object(), 1j, np.nan, np.inf, 10**400]
        if kind.least == 0.0:
            wrong.append(-1.0)
        if kind.axes:
            wrong = [*wrong, *([value] for value in wrong[:-1])]
        else:
            wrong.append([0.1, 0.2])
        for value in wrong:
            message = refusal(name, **{key: value})
            assert message.startswith(f"{short(name)}: `{key}`"), (name, key, value, message)
            if value == "2e-5":
                assert "2e-05" in message


def test_parts_of_a_step_are_refused():
    lengths = [(name, key, kind) for name, key, kind in NUMBERS if isinstance(kind, Length)]
    assert len(lengths) > 100
    for name, key, kind in lengths:
        message = refusal(name, **{key: [0.4] if kind.axes else 0.4})
        assert re.match(f"{short(name)}: `{key}` must be .*steps, got 0.4.*fraction", message)


def test_each_choice_is_checked_where_it_is_given():
    chosen = 0
    for name, key, kind in CASES:
        if type(kind).__name__ in ("_Choice", "_Switch", "_Function", "_Label"):
            message = refusal(name, **{key: 3 if type(kind).__name__ == "_Label" else "abc"})
            assert message.startswith(f"{short(name)}: `{key}` must be"), message
            chosen += 1
    assert chosen >= 70


def test_a_list_for_groups_of_parameters_says_what_to_write():
    groups = 0
    for name, key, kind in CASES:
        if isinstance(kind, arguments._OfGroup):
            several = [abs, abs] if isinstance(kind, arguments._Function) else [0.1, 0.2]
            message = refusal(name, **{key: several})
            assert message.startswith(f"{short(name)}: `{key}` must be one") or "Base" in str(kind)
            assert "optax.partition" in message
            groups += 1
    assert groups >= 150


class Own(collections.abc.Sequence):
    """Such as a list in a configuration."""

    def __init__(self, items):
        self.items = list(items)

    def __getitem__(self, index):
        return self.items[index]

    def __len__(self):
        return len(self.items)


def test_any_sequence_is_a_list():
    given = 0
    for name, constructor in CONSTRUCTORS.items():
        base = needed(name)
        for key, value in base.items():
            if not isinstance(value, list):
                continue
            expected = constructor(**base)
            others = [tuple(value), Own(value), collections.deque(value)]
            if all(isinstance(item, int) for item in value):
                others.append(array.array("q", value))
            if all(isinstance(item, float) for item in value):
                others.append(array.array("d", value))
            if isinstance(value[0], tuple):
                others.append(Own(map(Own, value)))
            for other in others:
                assert constructor(**{**base, key: other}) == expected, (name, key, other)
                given += 1
    assert given > 60
    assert torch.MultiStepLR(0.1, range(5, 20, 5)) == torch.MultiStepLR(0.1, [5, 10, 15])


def test_rates_may_be_traced():
    for name, constructor in CONSTRUCTORS.items():
        base = needed(name)
        rates = [key for key, kind in kinds_of(constructor).items() if key in base]
        rates = [key for key in rates if isinstance(kinds_of(constructor)[key], arguments._Rate)]
        expected = constructor(**base)
        if not rates or not isinstance(expected, jaxlr.Schedule) or "Multiplicative" in name:
            continue
        value = jax.eval_shape(
            lambda x, c=constructor, b=base, k=rates[0]: c(**{**b, k: x})(7), base[rates[0]]
        )
        assert value.shape == () and value.dtype == np.float32, name


# What a constructor here has that the peer's has not.
OURS = {
    "lr",
    "learning_rate",
    "num_epochs",
    "num_steps",
    "num_updates",
    "periodic",
    "steps_per_epoch",
    "warmup_init",
}


def class_of(module, name):
    """The constructor of a peer, or None where it is not installed."""
    try:
        if module == "timm":
            bare_package("timm")
        places = {
            "fvcore": ["fvcore.common.param_scheduler"],
            "ignite": ["ignite.handlers", "ignite.handlers.state_param_scheduler"],
            "keras": ["keras.optimizers.schedules", "keras.callbacks"],
            "mmengine": ["mmengine.optim.scheduler"],
            "paddle": ["paddle.optimizer.lr"],
            "timm": ["timm.scheduler"],
            "torch": ["torch.optim.lr_scheduler", "torch.optim.swa_utils"],
            "transformers": ["transformers.optimization"],
        }
        for place in places.get(module, []):
            found = getattr(importlib.import_module(place), name, None)
            if found is not None:
                return found
    except ImportError:
        return None
    return None


def names_of(found):
    """The parameters of a class and of those above it, or of a function."""
    if not inspect.isclass(found):
        return [*inspect.signature(found).parameters]
    each = [inspect.signature(one.__init__).parameters for one in found.__mro__[:-1]]
    return list(dict.fromkeys(itertools.chain(*each)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("module", [name for name in MODULES if name != "object_detection"])
def test_parameters_have_the_names_of_the_peer(module):
    compared = 0
    for name in MODULES[module].__all__:
        found = class_of(module, name)
        if found is not None:
            here = {*parameters_of(getattr(MODULES[module], name))}
            assert here - OURS <= {*names_of(found)}, name
            compared += 1
    if module in sys.modules or importlib.util.find_spec(module) is not None:
        assert compared > 5


POOL = {
    "lengths": [0, 1, 2.5, 10, 2000, 2**31],
    "numbers": [0, 0.1, 0.5, 1.0, 3.0],
}


def drawn(rng, kind, value):
    if not isinstance(kind, Number):
        return value
    low = kind.least + (1e-3 if kind.open else 0.0)
    pool = [x for x in POOL["lengths" if kind.counted else "numbers"] if low <= x <= kind.most]
    if type(kind).__name__ == "Whole":
        pool = [x for x in (0, 1, 2, 5) if x >= kind.least]
    if kind.axes:
        return [pool[rng.integers(len(pool))] for _ in range(rng.integers(4))]
    return pool[rng.integers(len(pool))]


def test_no_error_has_a_name_that_the_caller_does_not_know():
    """Whatever does not fit together is told by the arguments of the constructor."""
    rng, made, errors = np.random.default_rng(0), 0, []
    for name, constructor in CONSTRUCTORS.items():
        parameters, kinds = parameters_of(constructor), kinds_of(constructor)
        for _ in range(60):
            given = needed(name)
            for key, kind in kinds.items():
                if key in given or rng.random() < 0.3:
                    given[key] = drawn(rng, kind, given.get(key, parameters[key].default))
            try:
                made += constructor(**given) is not None
            except (TypeError, ValueError) as error:
                errors.append((name, given, str(error)))
    assert made > 1000 and len(errors) > 100
    for name, given, message in errors:
        told = {*re.findall(r"`(\w+)`", message)}
        assert message.startswith(f"{short(name)}: "), (name, given, message)
        assert told and told <= {*parameters_of(CONSTRUCTORS[name])}, (name, given, message)


def test_traced_numbers_are_data():
    lr, counts = np.float32(0.5), np.arange(30)
    made = [
        lambda x, n: torch.OneCycleLR(x, n, three_phase=True),
        lambda x, n: torch.OneCycleMomentum(n, max_momentum=x),
        lambda x, n: transformers.get_cosine_schedule_with_warmup(x, 5, n, 1.0),
        lambda x, n: transformers.get_linear_schedule_with_warmup(x, n, n),
        lambda x, n: transformers.get_wsd_schedule(x, 5, 5, n),
        lambda x, n: jaxlr.peers.timm.CosineLRScheduler(x, n, 0.01, cycle_limit=2, warmup_t=n),
        lambda x, n: jaxlr.peers.keras.CosineDecay(0.0, n, 0.1, None, x, n),
        lambda x, n: ignite.CosineAnnealingScheduler(x, 0.1, n, warmup_duration=n),
        lambda x, n: paddle.OneCycleLR(x, n),
        lambda x, n: object_detection.cosine_decay_with_warmup(x, n, 0.0, 5, 3),
    ]
    values = jax.jit(lambda x, n: [make(x, n)(counts) for make in made])(lr, 20)
    for make, traced in zip(made, values, strict=True):
        np.testing.assert_allclose(traced, make(lr, 20)(counts), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.OneCycleLR(0.1, 9, base_momentum=0.8), "`base_momentum` is for OneCycleM"),
        (lambda: torch.CyclicLR(0.1, 0.2, cycle_momentum=False), "`cycle_momentum` is for Cyclic"),
        (lambda: torch.OneCycleLR(0.1), "OneCycleLR: `total_steps` must be given"),
        (
            lambda: jaxlr.peers.mmengine.LinearLR(0.1, end=0.4),
            "LinearLR: `end` must be a whole number, got 0.4. For a part of the run",
        ),
        (lambda: torch.OneCycleLR(0.1, 9, cos=1), "unexpected keyword argument 'cos'. It takes"),
        (lambda: torch.StepLR(0.1), "StepLR: missing a required argument: 'step_size'"),
        (lambda: torch.SequentialLR([DECAY] * 3, [9]), "`schedulers` must be one more than `mil"),
        (lambda: torch.SequentialLR([DECAY] * 3, [9, 3]), "`milestones` must be in increasing"),
        (lambda: torch.ChainedScheduler([DECAY], 0.0), "`lr` must not be 0"),
        (lambda: paddle.PiecewiseDecay([1, 2], [0.1]), "`values` must be one more than `bound"),
        (lambda: ignite.ConcatScheduler([DECAY], [1]), "`schedulers` must be one more than `dur"),
        (lambda: ignite.PiecewiseLinear([0.1, 0.2]), "`milestones_values` must be a list of mil"),
        (
            lambda: fvcore.MultiStepParamScheduler([1.0, 0.5], milestones=[9]),
            "`values` must be one more than `milestones`",
        ),
        (
            lambda: object_detection.cosine_decay_with_warmup(0.1, 10, 0.0, 2000),
            "`total_steps` must be at least `warmup_steps`",
        ),
        (
            lambda: transformers.get_wsd_schedule(0.1, 5, 5),
            "`num_training_steps` or `num_stable_steps` must be given",
        ),
        (
            lambda: transformers.get_scheduler("cosine", 0.1),
            "missing a required argument: 'num_warmup_steps'",
        ),
        (lambda: transformers.get_scheduler("cosine_with_min_lr", 0.1, 1, 9), "`min_lr` or `min_l"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_told(make, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        make()
