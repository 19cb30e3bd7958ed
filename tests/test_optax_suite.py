"""optax's own tests of its schedules, as they stand in the installed package, run on jaxlr's."""

import importlib
import pathlib
import types
import unittest

import optax.schedules
import pytest

import jaxlr

FOLDER = pathlib.Path(optax.schedules.__file__).parent

# Every test of optax that jaxlr does not pass, and why jaxlr is right not to.
EXCEPTIONS = {
    "PolynomialTest.test_zero_steps_schedule": (
        "optax holds `init_value` for ever where a transition has length 0 or -1; here length 0 "
        "is over at once and a negative length is an error"
    ),
    "ExponentialTest.test_nonvalid_transition_steps": (
        "optax takes a period that is not positive for a constant and logs it; here it is an error"
    ),
    "ExponentialTest.test_nonvalid_decay_rate": (
        "optax takes a decay rate of 0 for a constant and logs it; here it is an error"
    ),
    "WarmupCosineDecayTest.test_zero_peak_value": (
        "optax drops `end_value` where `peak_value` is 0; here the schedule ends at it"
    ),
    "WarmupCosineDecayTest.test_raises_when_decay_equals_warmup": (
        "here a decay of length 0 is over at once, as every phase of length 0"
    ),
}


def _module(name: str) -> types.ModuleType:
    """Loads optax's test module with jaxlr in the place of the modules that it tests."""
    source = (FOLDER / f"{name}.py").read_text()
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    for tested in ("_schedule", "_join"):
        if hasattr(module, tested):
            setattr(module, tested, jaxlr)
    return module


def _cases() -> list[unittest.TestCase]:
    loader = unittest.TestLoader()
    suites = [loader.loadTestsFromModule(_module(n)) for n in ("_schedule_test", "_join_test")]
    return [case for suite in suites for group in suite for case in group]


def _name(case: unittest.TestCase) -> str:
    return f"{type(case).__name__}.{case._testMethodName}"


CASES = _cases()


@pytest.mark.promotes
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("case", CASES, ids=_name)
def test_optax_passes_on_jaxlr(case, request):
    exception = next((why for key, why in EXCEPTIONS.items() if _name(case).startswith(key)), None)
    if exception is not None:
        request.applymarker(pytest.mark.xfail(reason=exception, strict=True))
    result = unittest.TestResult()
    case.run(result)
    if result.skipped:
        pytest.skip(result.skipped[0][1])
    assert result.wasSuccessful(), (result.errors + result.failures)[0][1]


def test_the_suite_is_whole():
    assert len(CASES) > 60
    for exception in EXCEPTIONS:
        assert any(_name(case).startswith(exception) for case in CASES)


def test_every_optax_schedule_is_here():
    module = importlib.import_module("optax.schedules")
    public = {
        n for n in dir(module) if n.endswith(("_schedule", "_schedules", "_decay")) and n[0] != "_"
    }
    assert len(public) == 14
    assert public <= set(dir(jaxlr)), public - set(dir(jaxlr))
