"""Every constructor has its row in docs/coming_from.md, and both sides of a row are the same."""

import pathlib
import re

import numpy as np
import pytest

import jaxlr.peers
from jaxlr.peers import transformers

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "coming_from.md").read_text()
SECTIONS = {
    "torch": "PyTorch",
    "keras": "Keras",
    "transformers": "Transformers",
    "timm": "timm",
    "object_detection": "TensorFlow Object Detection API",
}

# What the letters and names of the page stand for.
NUMBERS = {
    "lr": 0.5,
    "opt": 0.5,
    "S": 7,
    "T": 60,
    "W": 9,
    "B": 5,
    "C": 20,
    "a": 0.2,
    "b": 0.9,
    "n": 12,
    "f": lambda count: 1.0 / (1.0 + count),
    "alpha": 0.1,
    "base_lr": 0.01,
    "boundaries": [10, 20],
    "burnin_lr": 0.3,
    "down": 5,
    "end": 0.01,
    "eta_min": 0.02,
    "factor": 0.25,
    "gamma": 0.5,
    "hold": 6,
    "lr_min": 0.03,
    "m_mul": 0.8,
    "max_lr": 0.7,
    "milestones": [10, 20],
    "min_lr": 0.04,
    "mode": "exp_range",
    "peak": 0.6,
    "power": 2.0,
    "rate": 0.6,
    "rates": [0.3, 0.2, 0.1],
    "schedulers": [jaxlr.constant_schedule(value) for value in (0.1, 0.2, 0.3)],
    "staircase": True,
    "start": 0.05,
    "steps": [10, 20],
    "t_mul": 2.0,
    "T_0": 11,
    "T_mult": 2,
    "timescale": 40,
    "up": 4,
    "values": [0.3, 0.2, 0.1],
}

SPECIFIC = {
    "cosine_with_min_lr": {"min_lr": NUMBERS["min_lr"]},
    "cosine_warmup_with_min_lr": {"min_lr": NUMBERS["min_lr"]},
    "inverse_sqrt": {"timescale": NUMBERS["timescale"]},
}


def rows(module):
    section = PAGE.split(f"## {SECTIONS[module]}")[1].split("\n## ")[0]
    return re.findall(r"^\| `(.+?)` \| (.+?) \|", section, re.MULTILINE)


EQUATIONS = [
    (module, there, here[1:-1])
    for module in SECTIONS
    for there, here in rows(module)
    if re.fullmatch("`[^`]+`", here)
]


@pytest.mark.parametrize("module", jaxlr.peers.__all__)
def test_every_constructor_has_a_row(module):
    there = {
        re.split(r"[(\"]", row)[1 if module == "transformers" else 0] for row, _ in rows(module)
    }
    names = (
        transformers._SCHEDULES if module == "transformers" else vars(jaxlr.peers)[module].__all__
    )
    assert there == set(names)


@pytest.mark.parametrize(("module", "there", "here"), EQUATIONS)
def test_both_sides_of_a_row_are_the_same(module, there, here):
    if module == "transformers":
        name, steps = there.strip('"'), (NUMBERS["W"], NUMBERS["T"])
        theirs = transformers.get_scheduler(name, NUMBERS["lr"], *steps, SPECIFIC.get(name))
    else:
        # Where there is a peak there is no other rate, and the step is the count of the schedule.
        call = re.sub(r"^(OneCycleLR|CyclicLR|SequentialLR)\(opt, ", r"\1(", there)
        call = call.replace("(step, ", "(")
        theirs = eval(call, {**vars(vars(jaxlr.peers)[module]), **NUMBERS})
    ours = eval(here, {**vars(jaxlr), **NUMBERS})
    counts = np.arange(100)
    np.testing.assert_allclose(theirs(counts), ours(counts), rtol=1e-6, atol=1e-9)


def test_most_rows_are_compared():
    assert len(EQUATIONS) > 30
