"""Draws the gallery: a page with a picture, the formula and the references of every family.

Run it as ``python docs/draw_gallery.py``; it writes ``docs/gallery.md`` and the pictures beside it,
and the picture of ``docs/search.md``.
All but the settings in the pictures is read off the families themselves.
"""

import inspect
import re
from pathlib import Path

import jax

import jaxlr
from jaxlr.files import write_whole
from jaxlr.plot import figure, plot_batch, plot_schedules, save
from jaxlr.search import random_schedules

STEPS = 1000

# What to draw of each family: texts, for 1000 steps.
DRAWN = {
    "add_schedules": [
        "cosine_decay_schedule(1, 900) + 0.1",
    ],
    "clip_schedule": [
        "clip_schedule(exponential_decay(1, 200, 0.5), min_value=0.2)",
    ],
    "chebyshev_schedule": [
        "chebyshev_schedule(0.1, 1, 64)",
        "per_epoch(chebyshev_schedule(0.1, 1, 16), 50)",
    ],
    "constant_schedule": ["constant_schedule(1)"],
    "cosine_decay_schedule": [
        "cosine_decay_schedule(1, 900)",
        "cosine_decay_schedule(1, 900, alpha=0.2)",
        "cosine_decay_schedule(1, 900, exponent=2)",
    ],
    "cosine_linear_envelope_schedule": [
        "cosine_linear_envelope_schedule(1, 900)",
        "cosine_linear_envelope_schedule(1, 900, alpha=0.1)",
    ],
    "cosine_onecycle_schedule": ["cosine_onecycle_schedule(900, 1)"],
    "cosine_restarts_schedule": [
        "cosine_restarts_schedule(1, 130)",
        "cosine_restarts_schedule(1, 200, t_mul=1, m_mul=0.7, cycles=4, warmup_steps=20)",
    ],
    "cyclic_polynomial_schedule": ["cyclic_polynomial_schedule(1, 0.05, 1, 250)"],
    "cyclic_schedule": [
        "cyclic_schedule(0.1, 1, 150)",
        "cyclic_schedule(0.1, 1, 150, mode='triangular2', curve='sine')",
        "cyclic_schedule(0.1, 1, 150, mode='exp_range', gamma=0.998, curve='cosine')",
    ],
    "exp_hyperbolic_decay_schedule": [
        "exp_hyperbolic_decay_schedule(1, 900, 0.01, 1000)",
        "exp_hyperbolic_decay_schedule(1, 900, 0.01, 4000)",
    ],
    "exponential_decay": [
        "exponential_decay(1, 200, 0.5)",
        "exponential_decay(1, 200, 0.5, staircase=True)",
        "exponential_decay(1, 200, 0.5, transition_begin=200, end_value=0.2)",
    ],
    "exponential_decay_with_burnin": [
        "exponential_decay_with_burnin(1, 200, 0.5, burnin_value=0.3, burnin_steps=200)"
    ],
    "exponential_warmup_schedule": ["exponential_warmup_schedule(1, 100)"],
    "geometric_schedule": ["geometric_schedule(1, 0.01, 900)", "geometric_schedule(0.01, 1, 900)"],
    "half_cosine_schedule": ["half_cosine_schedule(1, 900)"],
    "hyperbolic_decay_schedule": [
        "hyperbolic_decay_schedule(1, 900, 0.01, 1000)",
        "hyperbolic_decay_schedule(1, 900, 0.01, 4000)",
    ],
    "infinite_schedule": ["infinite_schedule(0, 1, 100, 300, 0.4, 400, 150, 0.01)"],
    "inverse_power_decay_schedule": [
        "inverse_power_decay_schedule(1, 100)",
        "inverse_power_decay_schedule(1, 100, power=2)",
    ],
    "inverse_sqrt_schedule": [
        "inverse_sqrt_schedule(1, 100)",
        "inverse_sqrt_schedule(1, 100, shift=100)",
    ],
    "inverse_time_decay": [
        "inverse_time_decay(1, 100, 0.5)",
        "inverse_time_decay(1, 100, 0.5, staircase=True)",
    ],
    "join_schedules": [
        "join_schedules([linear_schedule(0, 1, 200), constant_schedule(1), cosine_decay_schedule(1, 400)], [200, 500])"
    ],
    "k_decay_schedule": [
        "k_decay_schedule(1, 900, k=1)",
        "k_decay_schedule(1, 900, k=2)",
        "k_decay_schedule(1, 900, k=2, curve='linear')",
    ],
    "linear_onecycle_schedule": ["linear_onecycle_schedule(900, 1)"],
    "linear_schedule": ["linear_schedule(1, 0.1, 700, transition_begin=200)"],
    "log_warmup_schedule": ["log_warmup_schedule(0, 1, 500)"],
    "multistep_decay": ["multistep_decay(1, [300, 600, 700], 0.5)"],
    "multiply_schedules": [
        "linear_schedule(0, 1, 100) * step_decay(1, 250, 0.5)",
    ],
    "natural_exponential_decay": ["natural_exponential_decay(1, 200, 0.5)"],
    "noam_hold_schedule": ["noam_hold_schedule(1, 100, 200)"],
    "noam_schedule": ["noam_schedule(512, 200)"],
    "onecycle_schedule": [
        "onecycle_schedule(900, 1)",
        "onecycle_schedule(900, 1, three_phase=True, curve='linear')",
    ],
    "per_epoch": [
        "per_epoch(cosine_decay_schedule(1, 9), 100)",
        "per_epoch(cosine_decay_schedule(1, 9), 100, continuous=True)",
    ],
    "piecewise_constant_schedule": ["piecewise_constant_schedule(1, {300: 0.5, 600: 0.2})"],
    "piecewise_constant_values_schedule": [
        "piecewise_constant_values_schedule([200, 500, 800], [0.3, 1, 0.5, 0.1])"
    ],
    "piecewise_curve_schedule": [
        "piecewise_curve_schedule([0, 100, 400, 900], [0, 1, 0.6, 0])",
        "piecewise_curve_schedule([0, 100, 400, 900], [0, 1, 0.6, 0], 'cosine')",
    ],
    "piecewise_interpolate_schedule": [
        "piecewise_interpolate_schedule('linear', 0.2, {200: 5, 600: 0.5, 900: 0.1})",
        "piecewise_interpolate_schedule('cosine', 0.2, {200: 5, 600: 0.5, 900: 0.1})",
    ],
    "polynomial_schedule": [
        "polynomial_schedule(1, 0, 0.5, 900)",
        "polynomial_schedule(1, 0, 2, 900)",
        "polynomial_schedule(1, 0, 4, 900)",
    ],
    "power_decay_schedule": ["power_decay_schedule(1, 10)", "power_decay_schedule(1, 10, -0.7)"],
    "radam_warmup_schedule": ["radam_warmup_schedule(1, 0.99)", "radam_warmup_schedule(1, 0.999)"],
    "range_test_schedule": [
        "range_test_schedule(0.1, 100)",
        "range_test_schedule(0.1, 100, staircase=True)",
    ],
    "repeat_schedule": [
        "repeat_schedule(linear_schedule(1, 0.2, 200), 200, m_mul=0.8)",
        "repeat_schedule(linear_schedule(1, 0.2, 100), 100, t_mul=2, cycles=3)",
    ],
    "rex_schedule": ["rex_schedule(1, 900)", "rex_schedule(1, 900, beta=0.9)"],
    "sgdr_schedule": [
        "sgdr_schedule([{'init_value': 0, 'peak_value': 1, 'warmup_steps': 30, 'decay_steps': 300}, {'init_value': 0, 'peak_value': 0.6, 'warmup_steps': 30, 'decay_steps': 600}])"
    ],
    "shift_schedule": [
        "cosine_decay_schedule(1, 700)",
        "shift_schedule(cosine_decay_schedule(1, 700), 200)",
    ],
    "step_decay": ["step_decay(1, 250, 0.5)"],
    "stretch_schedule": [
        "cosine_decay_schedule(1, 300)",
        "stretch_schedule(cosine_decay_schedule(1, 300), 3)",
    ],
    "table_schedule": ["table_schedule([0.2, 1, 0.8, 0.4, 0.3, 0.1], 150)"],
    "tanh_decay_schedule": ["tanh_decay_schedule(1, 900)", "tanh_decay_schedule(1, 900, lower=-3)"],
    "transition_schedule": [
        "transition_schedule(1, 0, 900, 'one_minus_sqrt')",
        "transition_schedule(1, 0, 900, one_minus_power(2))",
        "transition_schedule(1, 0, 900, mirror_cosine())",
        "transition_schedule(1, 0, 900, normalized_exponential(0.1))",
    ],
    "tri_stage_schedule": ["tri_stage_schedule(1, 200, 300, 400)"],
    "warmup_constant_schedule": ["warmup_constant_schedule(0, 1, 200)"],
    "warmup_cosine_decay_schedule": ["warmup_cosine_decay_schedule(0, 1, 100, 900, 0.1)"],
    "warmup_exponential_decay_schedule": ["warmup_exponential_decay_schedule(0, 1, 100, 200, 0.5)"],
    "warmup_hold_cosine_decay_schedule": [
        "warmup_hold_cosine_decay_schedule(0.1, 1, 100, 300, 900)"
    ],
    "warmup_inverse_sqrt_schedule": ["warmup_inverse_sqrt_schedule(0, 1, 100)"],
    "warmup_stable_decay_schedule": [
        "warmup_stable_decay_schedule(0, 1, 100, 500, 300)",
        "warmup_stable_decay_schedule(0, 1, 100, 500, 300, decay_curve='one_minus_sqrt')",
    ],
    "wsds_schedule": ["wsds_schedule(0, 1, 50, [300, 300, 350], 100)"],
    "window_schedule": ["window_schedule(cosine_decay_schedule(1, 500), 200, 600, 0.1)"],
    "with_cooldown": [
        "with_cooldown(inverse_sqrt_schedule(1, 100), 600, 300)",
        "with_cooldown(inverse_sqrt_schedule(1, 100), 600, 300, curve='one_minus_sqrt')",
    ],
    "with_noise": ["with_noise(cosine_decay_schedule(1, 900), 0.1)"],
    "with_warmup": [
        "with_warmup(cosine_decay_schedule(1, 700), 200)",
        "with_warmup(cosine_decay_schedule(1, 700), 200, mode='overlay')",
        "with_warmup(cosine_decay_schedule(1, 700), 200, mode='multiply')",
    ],
}

NOT_DRAWN = {"wrap"}
"""Families that have no shape of their own."""


def section(name: str) -> str:
    """The part of the page for one family."""
    constructor = jaxlr.families()[name]
    text = inspect.cleandoc(constructor.__doc__ or "")
    summary = text.split("\n\n")[0].replace("``", "`")
    formulas = re.findall(r"\.\. math::\n((?:\n|  .*\n?)+)", text)
    references = re.search(r"References:\n(.*)\Z", text, flags=re.DOTALL)
    parts = [f"## {name}", summary, f"![{name}](gallery/{name}.png)"]
    parts += [f"```math\n{inspect.cleandoc(formula).strip()}\n```" for formula in formulas]
    if references:
        words = " ".join(references[1].split())
        linked = re.sub(r"`([^`<]+?) <([^>]+)>`_", r"[\1](\2)", words)
        parts.append(f"*{linked.replace('``', '`')}*")
    return "\n\n".join(parts)


def draw_random_schedules(path: Path) -> None:
    """Draws the picture of docs/search.md."""
    batch = random_schedules(jax.random.key(0), 50, total_steps=STEPS, peak=1.0)
    save(plot_batch(batch, STEPS, ax=figure().axes[0]), path, dpi=72)


def main() -> None:
    """Draws every picture and writes the page."""
    folder = Path(__file__).parent
    names = [name for name in jaxlr.families() if name not in NOT_DRAWN]
    missing = set(names) - set(DRAWN)
    if missing:
        raise ValueError(f"`DRAWN` lacks {', '.join(sorted(missing))}; add a text for each.")
    for name in names:
        schedules = [jaxlr.parse(text) for text in DRAWN[name]]
        labels = dict(zip(DRAWN[name], schedules, strict=True))
        picture = plot_schedules(labels, STEPS, ax=figure().axes[0])
        save(picture, folder / "gallery" / f"{name}.png", dpi=72)
    draw_random_schedules(folder / "gallery" / "random_schedules.png")
    head = (
        "# Gallery\n\nEvery family over the first 1000 steps, drawn by `python "
        "docs/draw_gallery.py`. `help(jaxlr.NAME)` has the arguments."
    )
    with write_whole(folder / "gallery.md") as stream:
        stream.write("\n\n".join([head, *map(section, names)]) + "\n")


if __name__ == "__main__":
    main()
