"""Draws the gallery: a page with a picture, the formula and the references of every family.

Run it as ``python docs/draw_gallery.py``; it writes ``docs/gallery.md`` and the pictures beside it.
All but the settings in the pictures is read off the families themselves.
"""

import inspect
import re
from pathlib import Path

import jaxlr
from jaxlr._files import write_whole
from jaxlr.plot import plot_schedules, save

STEPS = 1000

# What to draw of each family: texts, for 1000 steps.
DRAWN = {
    "constant_schedule": ["constant_schedule(1)"],
    "cosine_decay_schedule": [
        "cosine_decay_schedule(1, 900)",
        "cosine_decay_schedule(1, 900, alpha=0.2)",
        "cosine_decay_schedule(1, 900, exponent=2)",
    ],
    "cosine_onecycle_schedule": ["cosine_onecycle_schedule(900, 1)"],
    "exponential_decay": [
        "exponential_decay(1, 200, 0.5)",
        "exponential_decay(1, 200, 0.5, staircase=True)",
        "exponential_decay(1, 200, 0.5, transition_begin=200, end_value=0.2)",
    ],
    "exponential_decay_with_burnin": [
        "exponential_decay_with_burnin(1, 200, 0.5, burnin_value=0.3, burnin_steps=200)"
    ],
    "inverse_time_decay": [
        "inverse_time_decay(1, 100, 0.5)",
        "inverse_time_decay(1, 100, 0.5, staircase=True)",
    ],
    "join_schedules": [
        "join_schedules([linear_schedule(0, 1, 200), constant_schedule(1), "
        "cosine_decay_schedule(1, 400)], [200, 500])"
    ],
    "linear_onecycle_schedule": ["linear_onecycle_schedule(900, 1)"],
    "linear_schedule": ["linear_schedule(1, 0.1, 700, transition_begin=200)"],
    "natural_exponential_decay": ["natural_exponential_decay(1, 200, 0.5)"],
    "piecewise_constant_schedule": ["piecewise_constant_schedule(1, {300: 0.5, 600: 0.2})"],
    "piecewise_interpolate_schedule": [
        "piecewise_interpolate_schedule('linear', 0.2, {200: 5, 600: 0.5, 900: 0.1})",
        "piecewise_interpolate_schedule('cosine', 0.2, {200: 5, 600: 0.5, 900: 0.1})",
    ],
    "polynomial_schedule": [
        "polynomial_schedule(1, 0, 0.5, 900)",
        "polynomial_schedule(1, 0, 2, 900)",
        "polynomial_schedule(1, 0, 4, 900)",
    ],
    "sgdr_schedule": [
        "sgdr_schedule([{'init_value': 0, 'peak_value': 1, 'warmup_steps': 30, 'decay_steps': 300},"
        " {'init_value': 0, 'peak_value': 0.6, 'warmup_steps': 30, 'decay_steps': 600}])"
    ],
    "step_decay": ["step_decay(1, 250, 0.5)"],
    "warmup_constant_schedule": ["warmup_constant_schedule(0, 1, 200)"],
    "warmup_cosine_decay_schedule": ["warmup_cosine_decay_schedule(0, 1, 100, 900, 0.1)"],
    "warmup_exponential_decay_schedule": ["warmup_exponential_decay_schedule(0, 1, 100, 200, 0.5)"],
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
        save(plot_schedules(labels, STEPS), folder / "gallery" / f"{name}.png", dpi=72)
    head = (
        "# Gallery\n\nEvery family over the first 1000 steps, drawn by `python "
        "docs/draw_gallery.py`. `help(jaxlr.NAME)` has the arguments."
    )
    with write_whole(folder / "gallery.md") as stream:
        stream.write("\n\n".join([head, *map(section, names)]) + "\n")


if __name__ == "__main__":
    main()
