"""Every constructor has its row in docs/coming_from.md, and both sides of a row are the same.

What stands on the right for a library without a module is compared with formulas, where it is more
than another name for one family.
"""

import pathlib
import re

import numpy as np
import pytest

import jaxlr.peers
from jaxlr.peers import transformers

FIRST, SECOND = (
    (pathlib.Path(__file__).parents[2] / "docs" / "coming_from.md")
    .read_text()
    .split("\n# Libraries without a module\n")
)
SECTIONS = {
    "torch": "PyTorch",
    "keras": "Keras",
    "transformers": "Transformers",
    "timm": "timm",
    "object_detection": "TensorFlow Object Detection API",
    "paddle": "Paddle",
    "mmengine": "MMEngine",
    "fvcore": "fvcore",
    "ignite": "Ignite",
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
    "after": jaxlr.step_decay(0.5, 20),
    "alpha": 0.1,
    "base_lr": 0.01,
    "boundaries": [10, 20],
    "burnin_lr": 0.3,
    "d": 20.0,
    "d_model": 64,
    "down": 5,
    "end": 0.01,
    "eta_min": 0.02,
    "factor": 0.25,
    "gamma": 0.5,
    "hi": 0.7,
    "hold": 6,
    "lo": 0.02,
    "lr_min": 0.03,
    "m_mul": 0.8,
    "max_lr": 0.7,
    "milestones": [10, 20],
    "min_lr": 0.04,
    "name": "lr",
    "np": np,
    "p": 0.4,
    "pct": 0.3,
    "q": 0.6,
    "mode": "exp_range",
    "peak": 0.6,
    "power": 2.0,
    "rate": 0.6,
    "r": jaxlr.step_decay(0.3, 20),
    "rates": [0.3, 0.2, 0.1],
    "ratio": 2,
    "s": jaxlr.step_decay(0.5, 20),
    "scale": 0.8,
    "schedulers": [jaxlr.constant_schedule(value) for value in (0.1, 0.2, 0.3)],
    "staircase": True,
    "start": 0.05,
    "steps": [10, 20],
    "swa_lr": 0.05,
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


def section(module):
    return FIRST.split(f"## {SECTIONS[module]}")[1].split("\n## ")[0]


def rows(text):
    return re.findall(r"^\| (.+?) \| (.+?) \| ?.*\|$", text, re.MULTILINE)


def constructors(module):
    if module == "transformers":
        return set(transformers._SCHEDULES)
    names = {*vars(jaxlr.peers)[module].__all__}
    # The twins of MMEngine for a momentum have no rows of their own.
    return {re.sub("Momentum$", "LR", name) for name in names} if module == "mmengine" else names


def constructor_in(there):
    return re.split(r"[(\"]", there.strip("`"))[1 if there.startswith('`"') else 0]


def code(cell):
    return cell[1:-1] if re.fullmatch("`[^`]+`", cell) else None


EQUATIONS = [
    (module, there.strip("`"), code(here))
    for module in SECTIONS
    for there, here in rows(section(module))
    if code(here) and constructor_in(there) in constructors(module)
]


@pytest.mark.parametrize("module", jaxlr.peers.__all__)
def test_every_constructor_has_a_row(module):
    assert constructors(module) <= {constructor_in(there) for there, _ in rows(section(module))}


@pytest.mark.parametrize(("module", "there", "here"), EQUATIONS)
def test_both_sides_of_a_row_are_the_same(module, there, here):
    if module == "transformers":
        name, steps = there.strip('"'), (NUMBERS["W"], NUMBERS["T"])
        theirs = transformers.get_scheduler(name, NUMBERS["lr"], *steps, SPECIFIC.get(name))
    else:
        # Where there is a peak there is no other rate, and the step is the count of the schedule.
        call = re.sub(r"^(OneCycleLR|CyclicLR|SequentialLR)\(opt, ", r"\1(", there)
        call = call.replace("(step, ", "(").replace("opt, name, ", "").replace(", name)", ")")
        theirs = eval(call, {**vars(vars(jaxlr.peers)[module]), **NUMBERS})
    ours = eval(here, {**vars(jaxlr), **NUMBERS})
    counts = np.arange(100)
    np.testing.assert_allclose(theirs(counts), ours(counts), rtol=1e-6, atol=1e-9)


def test_most_rows_are_compared():
    assert len(EQUATIONS) > 80


lr, lo, W, T, C, S, B = (NUMBERS[name] for name in ("lr", "lo", "W", "T", "C", "S", "B"))
alpha, gamma, min_lr, hold = (NUMBERS[name] for name in ("alpha", "gamma", "min_lr", "hold"))
t = np.arange(100)
s, r = (np.asarray(NUMBERS[name](t)) for name in "sr")


def part(begin, end):
    return np.clip((t - begin) / (end - begin), 0.0, 1.0)


def wave(p):
    return (1.0 + np.cos(np.pi * p)) / 2.0


def after(begin, rest, first=None):
    """A warm-up from 0, or another first part, and the rest."""
    return np.where(t < begin, lr * t / begin if first is None else first, rest)


def cooled(shape, end=0.0):
    return end + (lr - end) * shape(part(T - C, T))


def line(p):
    return 1.0 - p


nemo = lr * (t + 1) / (W + 1)
titan = lr * (t + 1) / W
jagged = 0.001 + 0.999 * np.minimum(
    np.where(t < 20, 1.0, np.minimum(t % 20 / W, 1.0)), np.minimum((20 - t % 20) / B, 1.0)
)

# What it should be, by the title of a section and what stands on the left.
FORMULAS = {
    ("Model Garden", "LinearWarmup"): after(W, s, 0.05 + (lr - 0.05) * t / W),
    ("Model Garden", "PolynomialWarmUp"): after(W, s, lr * (t / W) ** 2),
    ("Model Garden", "DirectPowerDecay"): lr * np.maximum(t, 1.0) ** -2,
    ("Model Garden", "PowerAndLinearDecay"): (
        lr * np.maximum(t, 1.0) ** -2 * np.clip((1 - t / T) / alpha, 0, 1)
    ),
    ("Model Garden", "PowerDecayWithOffset"): after(B, lr * np.maximum(t - B, 1.0) ** -2, 0.05),
    ("Composer", "ConstantScheduler"): np.where(t < T, alpha * lr, lr),
    ("Composer", "MultiStepWithWarmupScheduler"): after(
        W, lr * gamma ** ((t >= 10) * 1.0 + (t >= 20))
    ),
    ("Composer", "InverseSquareRootWithWarmupScheduler"): (
        after(W, lr / np.sqrt(1 + (np.minimum(t, T - C) - W) / S * (t >= W))) * (1 - part(T - C, T))
    ),
    ("Composer", "scale_schedule_ratio"): np.where(t < 40, 0.5, np.where(t < 80, 0.05, 0.005)),
    ("DeepSpeed", "LRRangeTest"): lo * (1 + 0.6 * (t + 1) / S),
    ("DeepSpeed", "WarmupLR"): lo + (lr - lo) * np.minimum(np.log(t + 1) / np.log(W), 1),
    ("DeepSpeed", "WarmupDecayLR"): (
        lo + (lr - lo) * after(W, np.clip((T - t) / (T - W), 0, 1), np.log(t + 1) / np.log(W))
    ),
    ("DeepSpeed", "WarmupCosineLR"): after(
        W,
        lr * (alpha + (1 - alpha) * wave(np.clip((t - W + 1) / (T - W), 0, 1))),
        lr * np.log(t + 1) / np.log(W),
    ),
    ("NeMo", "CosineAnnealing"): after(W, min_lr + (lr - min_lr) * wave(part(W, T)), nemo),
    ("NeMo", "SquareAnnealing"): np.maximum(lr * np.clip((T - t) / T, 0, 1) ** 2, min_lr),
    ("NeMo", "HoldAnnealOneMinusSqrt"): after(
        W, np.maximum(cooled(lambda p: 1 - np.sqrt(p)), min_lr), np.maximum(nemo, min_lr)
    ),
    ("NeMo", "NoamHoldAnnealing"): after(
        W, lr * (W / np.maximum(t - hold, W)) ** 2, lr / (W + 1) + (lr - lr / (W + 1)) * t / W
    ),
    ("NeMo", "InverseSquareRootAnnealing"): after(W, lr / np.sqrt((t + 1) / (W + 1)), nemo),
    ("NeMo", "T5InverseSquareRootAnnealing"): 1 / np.sqrt(np.maximum(t, 12)),
    ("fastai", "SchedPoly"): 0.2 + 0.7 * part(0, T) ** 2,
    ("fastai", "SchedExp"): 0.2 * 4.5 ** part(0, T),
    ("fastai", "fit_flat_cos"): lr / 1e5 + (lr - lr / 1e5) * wave(part(0.75 * T, T)),
    ("fairseq", "fixed"): np.where(t < 12, [0.3, 0.2, *[0.1] * 98], 0.1 * 0.6 ** (t + 1.0 - 12)),
    ("fairseq", "inverse_sqrt"): after(
        W, lr * np.sqrt(W / np.maximum(t, 1)), 0.05 + (lr - 0.05) * t / W
    ),
    ("fairseq", "triangular"): (
        (lo + (0.7 - lo) * (1 - np.abs((t % (2 * S)) / S - 1))) * 0.8 ** (t // (2 * S))
    ),
    ("fairseq", "tri_stage"): np.where(
        t < W,
        lr * (0.01 + 0.99 * t / W),
        lr * 0.01 ** np.clip((t - W - hold) / C, 0, 1),
    ),
    ("MXNet", "FactorScheduler"): np.maximum(lr * 0.25 ** (t // S), lo),
    ("MXNet", "PolyScheduler"): 0.01 + (lr - 0.01) * (1 - np.clip((t + 1) / T, 0, 1)) ** 2,
    ("T5X", "linear_warmup * rsqrt_decay"): lr * np.minimum(t / W, 1) / np.sqrt(np.maximum(t, W)),
    ("T5X", '"cosine_decay"`'): wave(np.where(t < W, 0, (t - W) / S % 1)),
    ("T5X", "steps_per_cycle"): alpha
    + (1 - alpha) * np.where(t < T, wave(part(W, T)), 0.8 * wave((t - T) / (2 * (T - W)))),
    ("T5X", '"linear_decay'): np.maximum(lr * np.minimum(t / W, 1 + gamma * (W - t)), 1e-8),
    ("T5X", '"rsqrt_decay'): np.where(t > W, np.sqrt(S) / np.sqrt(np.maximum(t, W) + S - W), 1),
    ("T5X", "linear_warmup * linear_decay"): (
        (lr * np.minimum(t / W, 1) - 0.01) * (1 - part(W, T)) + 0.01
    ),
    ("T5X", "piecewise_linear"): np.interp(t, [0, 10, 20], [0.3, 0.2, 0.1]),
    ("T5X", "linear_cooldown"): np.clip((T - t) / C, 0, 1),
    ("Big Vision", "rsqrt"): (
        lr * np.minimum(t / W, 1) / np.sqrt(1 + (np.maximum(t - W, 0) + 12) / S)
    ),
    ("Big Vision", "cooldown_steps=C"): s * np.clip((T - t) / C, 0, 1),
    ("MaxText", "cosine"): after(
        W, (t < T) * lr * (alpha + (1 - alpha) * wave((t - W) / (T - W - 1)))
    ),
    ("MaxText", "WSD"): after(
        W, (t < T) * lr * (1 - (1 - alpha) * np.clip((t - T + C) / (C - 1), 0, 1))
    ),
    ("Levanter", "inv"): after(W, lr / ((1 / alpha - 1) * part(T - C, T) + 1)),
    ("Levanter", "inv_sqrt"): after(
        W, np.maximum(lr * np.minimum(1, np.sqrt(S / np.maximum(t, 1))), alpha * lr)
    ),
    ("Levanter", "inv_sqrt_decay"): lr / np.sqrt(1 + 28.6 * t / T),
    ("Megatron", "inverse-square-root"): np.where(
        t > T,
        min_lr,
        after(
            W,
            np.maximum(lr * np.sqrt(W / np.maximum(t, 1)), min_lr),
            0.05 + (lr - 0.05) * t / W,
        ),
    ),
    ("Megatron", "exponential"): after(
        W, cooled(lambda p: 2 * 0.5**p - 1, min_lr), 0.05 + (lr - 0.05) * t / W
    ),
    ("torchtitan", "linear"): np.where(t < W, titan, cooled(line, alpha * lr)),
    ("torchtitan", "sqrt"): np.where(t < W, titan, cooled(lambda p: 1 - np.sqrt(p), alpha * lr)),
    ("OLMo", "HalfCosWithWarmup"): after(
        W,
        alpha * lr + (lr - alpha * lr) * wave((1 + part(W, T)) / 2),
        (1 + alpha) / 2 * lr * t / W,
    ),
    ("OLMo", "InvSqrtWithWarmup"): after(
        W, alpha * lr + (lr - alpha * lr) * np.sqrt(W / np.maximum(t, 1))
    ),
    ("OLMo", "CosLinearEnvelope"): (
        alpha * lr + (1 - alpha) * lr * wave(part(0, T)) * (1 - part(0, T))
    ),
    ("OLMo", "PowerLR"): (after(W, lr * (np.clip(t, W, T - C) / W) ** -2.0) * (1 - part(T - C, T))),
    ("OLMo", "override_decay"): np.where(t < 12, 0.5, 0.5 * (1 - part(12, 12 + C))),
    ("pytorch_optimizer", "ProportionScheduler"): 0.9 + (0.2 - 0.9) * (s - lo) / (lr - lo),
    ("pytorch_optimizer", "RexLR"): (
        lo + (lr - lo) * (1 - part(0, T)) / (0.1 + 0.9 * (1 - part(0, T)))
    ),
    ("pytorch_optimizer", "JaggedLRRestartScheduler"): s * jagged,
    ("pytorch_optimizer", "LinearWarmup"): s * np.minimum(1, (t + 1) / W),
    ("pytorch_optimizer", "ExponentialWarmup"): s * (1 - np.exp(-(t + 1) / S)),
    ("ParameterSchedulers", "Inv"): lr / (1 + t * gamma) ** 2,
    ("ParameterSchedulers", "Sin"): lo + (0.7 - lo) * np.abs(np.sin(np.pi * t / (2 * S))),
    ("ParameterSchedulers", "CosAnneal"): lo + (0.7 - lo) * wave(t % S / S),
    ("Papers", "MiniCPM"): after(W, lr * 0.5 ** (np.maximum(t - T + C, 0) / S)),
    ("Papers", "multi-power law"): after(W, lr ** (1 - part(T - C, T)) * lo ** part(T - C, T)),
    ("Papers", "optimal power decay"): lr * (1 - part(0, T)) ** 3,
    ("Papers", "QuadraticWarmup"): np.where(
        t < W, lr * ((t + 1) / W) ** 2, NUMBERS["s"](np.maximum(t - W, 0))
    ),
}

RECIPES = [
    (title, there, code(here))
    for title, text in (each.split("\n", 1) for each in SECOND.split("\n## ")[1:])
    for there, here in rows(text)
    if code(here)
]


def is_named(title, there, section, name):
    return section in title and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", there)


@pytest.mark.parametrize(("title", "there", "here"), RECIPES)
def test_a_recipe_is_a_schedule(title, there, here):
    schedule = eval(here, {**vars(jaxlr), **NUMBERS})
    assert isinstance(schedule, jaxlr.Schedule)
    values = np.asarray(schedule(t))
    assert np.all(np.isfinite(values))
    for (section, name), exact in FORMULAS.items():
        if is_named(title, there, section, name):
            np.testing.assert_allclose(values, exact, rtol=2e-6, atol=1e-8)


def test_every_formula_has_its_row():
    for section, name in FORMULAS:
        found = [there for title, there, _ in RECIPES if is_named(title, there, section, name)]
        assert len(found) == 1, (section, name, found)
