"""Schedules as text: what `parse` understands, and what it refuses."""

import math

import numpy as np
import pytest

import jaxlr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("constant_schedule(0.1)", jaxlr.constant_schedule(0.1)),
        (" jaxlr.constant_schedule(value=3e-4)\n", jaxlr.constant_schedule(3e-4)),
        ("constant_schedule(-1)", jaxlr.constant_schedule(-1)),
        ("constant_schedule(2 * (1 + 3) / 4 - 7 // 2 + 7 % 4)", jaxlr.constant_schedule(2.0)),
        ("constant_schedule(2**0.5)", jaxlr.constant_schedule(math.sqrt(2))),
        ("constant_schedule([0.1, 0.2])", jaxlr.constant_schedule(np.array([0.1, 0.2]))),
        ("linear_schedule(1, 0, 10**3)", jaxlr.linear_schedule(1, 0, 1000)),
        ("step_decay(1, 5, end_value=None)", jaxlr.step_decay(1, 5)),
        (
            "piecewise_constant_schedule(0.1, {30 * 100: 0.1, 60 * 100: 0.1})",
            jaxlr.piecewise_constant_schedule(0.1, {3000: 0.1, 6000: 0.1}),
        ),
        (
            "join_schedules([linear_schedule(0, 1, 5), constant_schedule(1)], [5])",
            jaxlr.join_schedules([jaxlr.linear_schedule(0, 1, 5), jaxlr.constant_schedule(1)], [5]),
        ),
    ],
)
def test_texts_name_schedules(text, expected):
    assert jaxlr.parse(text) == expected


def test_texts_may_use_numbers_by_name():
    lr = jaxlr.parse("linear_schedule(peak, 0, 2 * total_steps)", peak=0.1, total_steps=50)
    assert lr == jaxlr.linear_schedule(0.1, 0, 100)
    with pytest.raises(ValueError, match="'total_steps'"):
        jaxlr.parse("linear_schedule(peak, 0, total_steps)", peak=0.1)


def test_a_count_that_stands_twice_is_kept():
    lr = jaxlr.piecewise_constant_schedule(1.0, ([3, 3], [0.5, 0.5]))
    assert float(lr(3)) == 0.25
    assert jaxlr.parse(repr(lr)) == lr


def test_whole_powers_stay_integers():
    assert isinstance(jaxlr.parse("linear_schedule(1, 0, 10**3)").params["transition_steps"], int)
    assert jaxlr.parse("constant_schedule(10**-3)").params["value"] == 1e-3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["syntax"]),
        ("constant_schedule(0.1", ["syntax", "never closed"]),
        ("0.1", ["must name a Schedule", "cosine_decay_schedule"]),
        ("constant_schedule", ["'constant_schedule'"]),
        ("cosine_decay(0.1, 5)", ["`cosine_decay`", "cosine_decay_schedule"]),
        ("qqq(0.1)", ["`qqq`", "jaxlr.families()"]),
        ("print(1)", ["`print`"]),
        ("__import__('os').system('true')", ["only the name of a family"]),
        ("os.getcwd()", ["only the name of a family"]),
        ("constant_schedule(x)", ["'x'"]),
        ("constant_schedule(value=open('f'))", ["`open`"]),
        ("constant_schedule(1 if True else 2)", ["'1 if True else 2'"]),
        ("constant_schedule([x for x in [1]])", ["understood"]),
        ("constant_schedule((lambda: 1)())", ["only the name of a family"]),
        ("constant_schedule(**{'value': 1})", ["**"]),
        ("constant_schedule(*[1])", ["'*[1]'"]),
        ("constant_schedule('a' * 10)", ["numbers and schedules only"]),
        ("constant_schedule(1 / 0)", ["division by zero"]),
        ("constant_schedule(9**9**9**9)", ["9**9"]),
        ("constant_schedule((-8)**0.5)", ["(-8)**0.5"]),
        ("constant_schedule(1 << 2)", ["numbers and schedules only"]),
        ("constant_schedule(1j)", ["'1j'"]),
        ("constant_schedule(value=1, value=2)", ["value", "more than once"]),
        ("piecewise_constant_schedule(1, {5: 0.5, 5: 2})", ["5", "more than once"]),
        ("piecewise_constant_schedule(1, {[5]: 0.5})", ["'[5]'", "key"]),
        ("constant_schedule(**{}, **{})", ["name each argument"]),
        ("constant_schedule(nan)", ["`value`", "nan"]),
        ("constant_schedule(" + "-" * 100_000 + "1)", ["deep"]),
        ("constant_schedule(" + "(" * 1000 + "1" + ")" * 1001, ["parentheses"]),
        ("_steps([1], [1, 2])", ["`_steps`"]),
    ],
)
def test_other_texts_are_refused(text, words):
    with pytest.raises(ValueError, match=r".") as caught:
        jaxlr.parse(text)
    for word in words:
        assert word in str(caught.value)


def test_only_text_is_read():
    with pytest.raises(TypeError, match="`text`"):
        jaxlr.parse(0.1)


def test_wrong_parameters_are_named_as_in_python():
    with pytest.raises(TypeError, match=r"constant_schedule: .* It takes value"):
        jaxlr.parse("constant_schedule(v=1)")


def test_an_unknown_family_in_a_dict_is_named():
    with pytest.raises(ValueError, match=r"`family`.*'nothing'"):
        jaxlr.Schedule.from_dict({"family": "nothing", "parameters": {}})
    with pytest.raises(ValueError, match=r"`family`.*\['constant_schedule'\]"):
        jaxlr.Schedule.from_dict({"family": ["constant_schedule"], "parameters": {}})
    with pytest.raises(ValueError, match=r"`parameters` of constant_schedule .*\[1\]"):
        jaxlr.Schedule.from_dict({"family": "constant_schedule", "parameters": [1]})
