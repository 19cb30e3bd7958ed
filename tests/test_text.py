"""Schedules as text: what `parse` understands, and what it refuses."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr
from jaxlr.search import Space, choice, parse_space


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("constant_schedule(0.1)", jaxlr.constant_schedule(0.1)),
        (" jaxlr.constant_schedule(value=3e-4)\n", jaxlr.constant_schedule(3e-4)),
        ("constant_schedule(-1)", jaxlr.constant_schedule(-1)),
        ("constant_schedule(2 * (1 + 3) / 4 - 7 // 2 + 7 % 4)", jaxlr.constant_schedule(2.0)),
        ("constant_schedule(2**0.5)", jaxlr.constant_schedule(math.sqrt(2))),
        ("table_schedule([0.1, 0.2], 5)", jaxlr.table_schedule(np.array([0.1, 0.2]), 5)),
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
        ("constant_schedule('2e-5' * 10)", ["'2e-5' * 10", "Give 2e-05 without quotes"]),
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
        ("constant_schedule(\0)", ["syntax", "null"]),
        ("constant_schedule('\ud800')", ["syntax", "surrogate"]),
        ("constant_schedule(# ümlaut\r\n'é'*\rü)", ["'ü'"]),
        ("constant_schedule(1 +\n 'é' *\n 2)", ["Cannot read \"'é' *\\n 2\""]),
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


@pytest.mark.parametrize(("number", "meant"), [("2e-5", "2e-05"), (" 1 ", "1"), ("two", "")])
def test_a_number_by_name_that_is_a_string_is_refused(number, meant):
    with pytest.raises(TypeError, match=f"`peak` must be a number, got '{number}'") as caught:
        jaxlr.parse("constant_schedule(peak)", peak=number)
    assert (f"Give {meant} without quotes" in str(caught.value)) == bool(meant)


def nested(times, inner="constant_schedule(0.1)"):
    return "shift_schedule(" * times + inner + ", 1)" * times


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (nested(120), ["nested", "32 times"]),
        ("-" * 900 + "constant_schedule(1)", ["nested"]),
        ("constant_schedule(" + "1 + " * 900 + "1)", ["nested"]),
        ("constant_schedule(" + "[" * 100 + "1" + "]" * 100 + ")", ["nested"]),
        ("a" + ".a" * 900 + "(1)", ["only the name of a family"]),
        ("a" + "()" * 900, ["only the name of a family"]),
        ("x" * 2_000_000 + "(1)", ["1,048,576 characters, got 2,000,003"]),
        ("x" * 1_000_000 + "(1)", ["no family is named `xxx"]),
        ("constant_schedule(" + "x" * 1_000_000 + ")", ["no number is named `xxx"]),
        ("constant_schedule([" + "1, " * 100_000 + "x])", ["Cannot read 'x'", "1, 1, x])"]),
        ("constant_schedule([" + "1,\n" * 100_000 + "x])", ["Cannot read 'x'"]),
        ("constant_schedule(1" + "0" * 400 + ")", ["too large"]),
        ("constant_schedule(1" + "0" * 5_000 + ")", ["syntax", "digits"]),
        ("constant_schedule(" + " * ".join(["9" * 4_000] * 9) + ")", ["too large"]),
        ("constant_schedule({" + "1: 2, " * 20_000 + "})", ["1 is given more than once"]),
    ],
)
def test_hostile_texts_are_refused_in_a_few_words(text, words):
    with pytest.raises(ValueError, match=r".") as caught:
        jaxlr.parse(text)
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value)) < 800


def test_what_a_text_may_nest_can_be_called_and_saved():
    lr = jaxlr.parse(nested(31))
    assert jax.eval_shape(lr, 0).shape == ()
    assert jaxlr.parse(repr(lr)) == lr
    assert jaxlr.Schedule.from_dict(lr.to_dict()) == lr
    deeper = jaxlr.shift_schedule(lr, 1)
    with pytest.raises(ValueError, match="nested"):
        jaxlr.parse(repr(deeper))
    with pytest.raises(ValueError, match="nested"):
        deeper.to_dict()


@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
def test_deep_dicts_are_refused(depth):
    data, values = jaxlr.constant_schedule(0.1).to_dict(), []
    for _ in range(depth):
        data = {"family": "shift_schedule", "parameters": {"schedule": data, "shift_steps": 1}}
        values = [values]
    with pytest.raises(ValueError, match="`data` is nested"):
        jaxlr.Schedule.from_dict(data)
    with pytest.raises(ValueError, match="`data` is nested"):
        jaxlr.Schedule.from_dict(
            {"family": "table_schedule", "parameters": {"values": values, "steps": 1}}
        )


@pytest.mark.parametrize(
    "data",
    [
        {"family": "x" * 1_000_000, "parameters": {}},
        {"family": "constant_schedule", "parameters": ["x" * 1_000_000]},
        ["x" * 1_000_000],
    ],
)
def test_wrong_dicts_are_refused_in_a_few_words(data):
    with pytest.raises(ValueError, match="must") as caught:
        jaxlr.Schedule.from_dict(data)
    assert len(str(caught.value)) < 800


def test_a_parameter_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"by name, got \{3: 0.1\}"):
        jaxlr.Schedule.from_dict({"family": "constant_schedule", "parameters": {3: 0.1}})


@jaxlr.schedule
def text_of_anything(count, anything, more=None):
    return 0.0 * count


RANDOM = np.random.default_rng(0).random(30_000)


@pytest.mark.parametrize(
    "lr",
    [
        jaxlr.table_schedule(RANDOM, 3),
        jaxlr.table_schedule(RANDOM.tolist(), 3),
        jaxlr.table_schedule(RANDOM.astype(np.float32), 3),
        jaxlr.table_schedule(range(30_000), 3),
        jaxlr.multistep_decay(0.1, list(range(30_000)), 0.999),
        jaxlr.piecewise_constant_schedule(0.1, {k: 1 - 1e-3 * x for k, x in enumerate(RANDOM)}),
        jaxlr.constant_schedule(np.float32(0.1)),
        jaxlr.constant_schedule(jnp.bfloat16(0.1)),
        jaxlr.constant_schedule(0.1 / 2**63),
        jaxlr.constant_schedule(2**64),
        jaxlr.constant_schedule(-0.0),
        text_of_anything(list(range(30_000))),
        text_of_anything({"a": [1, 2.5], "b": {"c": [jaxlr.constant_schedule(1), None, True]}}),
        text_of_anything([], {}),
        text_of_anything("'\"\n\\ \0"),
    ],
    ids=lambda lr: str(lr)[:40],
)
def test_texts_and_dicts_are_read_back_exactly(lr):
    assert jaxlr.parse(repr(lr)) == lr
    assert jaxlr.Schedule.from_dict(json.loads(json.dumps(lr.to_dict()))) == lr


def test_a_dict_of_many_counts_is_read():
    lr = jaxlr.parse(
        "piecewise_constant_schedule(0.1, {"
        + ", ".join(f"{k}: 0.999" for k in range(20_000))
        + "})"
    )
    assert lr == jaxlr.piecewise_constant_schedule(0.1, dict.fromkeys(range(20_000), 0.999))


@pytest.mark.parametrize(
    "text",
    [
        "constant_schedule(log_uniform(peak / 2**63, peak))",
        "constant_schedule(uniform(0, 1)) * (peak / 2**63)",
        "constant_schedule(choice([2**63, 2**64]))",
        "piecewise_constant_schedule(uniform(0, 1), {2**63: peak / 2**63, 3: 0.1})",
    ],
)
@pytest.mark.parametrize("peak", [0.1, np.float32(0.1), jnp.float32(0.1)])
def test_spaces_are_read_back_exactly(text, peak):
    drawn_from = parse_space(text, peak=peak)
    assert parse_space(repr(drawn_from)) == drawn_from
    assert Space.from_dict(json.loads(json.dumps(drawn_from.to_dict()))) == drawn_from


def test_a_choice_of_many_is_read_back_exactly():
    drawn_from = choice(RANDOM)
    assert parse_space(repr(drawn_from)) == drawn_from


@pytest.mark.parametrize(
    "call",
    [
        lambda huge: jaxlr.cosine_decay_schedule(huge, 10),
        lambda huge: jaxlr.cosine_decay_schedule([huge], 10),
        lambda huge: jaxlr.multistep_decay(0.1, [huge]),
        lambda huge: jaxlr.range_test_schedule(0.1, 7, 0.5, staircase=huge),
        lambda huge: jaxlr.onecycle_schedule(41, 0.5, curve=huge),
        lambda huge: jaxlr.chebyshev_schedule(0.1, 0.5, huge),
        lambda huge: jaxlr.with_noise(jaxlr.constant_schedule(0.1), 0.1, distribution=huge),
    ],
)
def test_constructors_repeat_little_of_a_huge_value(call):
    with pytest.raises((ValueError, TypeError), match="must be") as caught:
        call("x" * 1_000_000)
    assert len(str(caught.value)) < 800
