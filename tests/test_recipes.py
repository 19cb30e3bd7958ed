"""Every block of docs/recipes.md runs, and is what its words say."""

import math
import pathlib
import re

import numpy as np
import pytest

PAGE = (pathlib.Path(__file__).parents[1] / "docs" / "recipes.md").read_text()
NAMES: dict = {}
for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
    exec(block, NAMES)
N, T = NAMES["N"], NAMES["T"]


def cosine(p):
    return (1 + math.cos(math.pi * min(max(p, 0.0), 1.0))) / 2


def keras(t):
    rate = 0.01
    for epoch in range(min(t // N, 19) + 1):
        rate = NAMES["scheduler"](epoch, rate)
    return rate


def held(t):
    warmup, hold = round(0.05 * T), round(0.20 * T)
    return 0.1 * (t / warmup if t < warmup else cosine((t - hold) / (T - hold)))


def late(t):
    value = 0.1 * (min(t, 18 * N) / N if t < N else math.sqrt(N / min(t, 18 * N)))
    return value * min(max(1 - (t - 18 * N) / (2 * N), 0.0), 1.0)


def waves(t):
    ends = [0.0, *(T * share for share in (0.05, 0.20, 0.50, 1.0))]
    values = [0.0, 0.1, 0.01, 0.05, 0.0]
    for i in range(4):
        if t < ends[i + 1]:
            weight = cosine((t - ends[i]) / (ends[i + 1] - ends[i]))
            return values[i] * weight + values[i + 1] * (1 - weight)
    return values[-1]


def restarts(t):
    if t < N:
        return 0.1 * t / N
    start, length, peak = N, 2 * N, 0.1
    while start + length <= t:
        start, length, peak = start + length, 2 * length, 0.75 * peak
    return peak * cosine((t - start) / length)


WORDS = {
    "step": lambda t: 0.1 * 0.5 ** (t // N // 10),
    "early": lambda t: 0.1 * 0.5 ** math.floor((1 + t // N) / 10),
    "natural": lambda t: max(0.1 * math.exp(-0.1 * (t // N)), 0.02),
    "keras": keras,
    "linear": lambda t: 0.1 * max(1 - t / T, 0.0),
    "burnin": lambda t: 0.001 if t < 2 * N else 0.1 * 0.9 ** ((t - 2 * N) / N),
    "held": held,
    "floor": lambda t: 0.1 * t / N if t < N else max(0.1 * 0.7 ** ((t - N) / N), 0.001),
    "late": late,
    "waves": waves,
    "restarts": restarts,
    "saw": lambda t: 0.1 * (1 - t % N / N) * 0.8 ** (t // N) + 0.001,
}


def test_every_schedule_on_the_page_is_tested():
    assert {name for name in NAMES if hasattr(NAMES[name], "as_arrays")} == set(WORDS)


@pytest.mark.parametrize("name", WORDS)
def test_the_expression_is_what_the_words_say(name):
    counts = np.unique(np.append(np.arange(0, T + N, 13), np.arange(21) * N))
    expected = np.asarray([WORDS[name](int(t)) for t in counts])
    np.testing.assert_allclose(NAMES[name](counts), expected, rtol=1e-5, atol=1e-9)
