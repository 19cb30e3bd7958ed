"""Writes what the code can say about itself: ``make docs``.

* the lists of public names in ``jaxlr/schedules.py`` and ``jaxlr/compose/__init__.py``;
* the table of families in ``README.md``;
* ``docs/gallery.md``, with a picture of every family, and the pictures of ``README.md`` and
  ``docs/search.md``;
* ``docs/api.md``, every public name with its signature.

All of it comes from the register of families, their docstrings and their default spaces, so a new
family is listed nowhere by hand. ``tests/test_docs.py`` fails where a file differs.
"""

import ast
import importlib
import inspect
import itertools
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

import jaxlr
from jaxlr.core.family import Parametric
from jaxlr.curves import Curve
from jaxlr.files import write_whole
from jaxlr.plot import figure, plot_batch, plot_schedules
from jaxlr.plot.figures import style
from jaxlr.search import random_schedules, typical_schedules
from jaxlr.search.defaults import DEFAULT_SPACES

ROOT = Path(__file__).parents[1]
STEPS = 200


def kinds(package: str) -> dict[str, list[str]]:
    """The public functions of each module of a package that makes schedules, by its name."""
    modules = {
        constructor.__module__
        for constructor in jaxlr.families().values()
        if str(constructor.__module__).startswith(f"{package}.")
    }
    return {
        module: sorted(
            name
            for name, value in vars(importlib.import_module(module)).items()
            if inspect.isfunction(value) and value.__module__ == module and not name.startswith("_")
        )
        for module in sorted(modules)
    }


def first_line(documented: Any) -> str:
    """The first paragraph of a docstring, as Markdown."""
    text = inspect.cleandoc(documented.__doc__ or "").split("\n\n")[0]
    return as_markdown(" ".join(text.split()))


def as_markdown(text: str) -> str:
    """Text of a docstring as Markdown: its links, its roles and its code."""
    text = re.sub(r"`([^`<]+?)\s+<([^>]+)>`_", r"[\1](\2)", text)
    text = re.sub(r":math:`([^`]+)`", r"$\1$", text)
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


# The lists of public names.


def public_names(path: Path, package: str) -> str:
    """A module that hands on the schedules of a package, with its imports and its ``__all__``."""
    imports, names = [], []
    for module, own in kinds(package).items():
        line = f"from {module} import {', '.join(own)}"
        if len(line) > 100:
            line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in own) + ")"
        imports.append(line)
        names += own
    listed = "".join(f'    "{name}",\n' for name in sorted(names))
    head = path.read_text(encoding="utf-8").partition(f"from {package}.")[0]
    return head + "\n".join(imports) + f"\n\n__all__ = [\n{listed}]\n"


# The table in the README.


def table_of_families() -> str:
    """A row for each kind of schedule."""
    rows = ["| kind | families |", "|---|---|"]
    for module, names in {**kinds("jaxlr.catalogue"), **kinds("jaxlr.compose")}.items():
        words = first_line(sys.modules[module]).removesuffix(".")
        rows.append(f"| {words} | {', '.join(f'`{name}`' for name in names)} |")
    return "\n".join(rows)


def readme(path: Path) -> str:
    """The README with its table of families."""
    begin, end = "<!-- families: written by `make docs` -->\n", "<!-- families end -->"
    head, _, rest = path.read_text(encoding="utf-8").partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}{table_of_families()}\n{end}{tail}"


# The gallery.


def gallery() -> str:
    """The page with a picture, the formula and the source of every family."""
    parts = [
        "# Gallery",
        f"Every family over the first {STEPS} steps, with a curve for each of its variants. "
        "`help(jaxlr.NAME)` has the arguments, an example, and the values at both ends. "
        "`make docs` writes this page.",
    ]
    for package in ("jaxlr.catalogue", "jaxlr.compose"):
        for module, names in kinds(package).items():
            parts.append(f"## {first_line(sys.modules[module]).removesuffix('.')}")
            parts += [section(name) for name in names if name in DEFAULT_SPACES]
    return "\n\n".join(parts) + "\n"


def section(name: str) -> str:
    """The part of the gallery for one family."""
    constructor = getattr(jaxlr, name)
    text = inspect.cleandoc(constructor.__doc__ or "")
    formulas = re.findall(r"\.\. math::\n((?:\n|  .*\n?)+)", text)
    references = re.search(r"References:\n(.*)\Z", text, flags=re.DOTALL)
    parts = [f"### {name}", first_line(constructor), f"![{name}](gallery/{name}.png)"]
    parts += [f"```math\n{inspect.cleandoc(formula).strip()}\n```" for formula in formulas]
    if references:
        parts.append(f"*{as_markdown(' '.join(references[1].split()))}*")
    return "\n\n".join(parts)


def drawn(name: str) -> dict[str, jaxlr.Schedule]:
    """What the picture of a family shows, by its labels."""
    return {short(lr): lr for lr in typical_schedules(name, STEPS, peak=1.0)}


def short(value: Any) -> str:
    """The text of a schedule without what it has by default."""
    if isinstance(value, Curve) and not value.params:
        return repr(value.family.name)
    if isinstance(value, Parametric):
        arguments, positional = [], True
        for name, parameter in value.family.signature.parameters.items():
            given, default = short(value.params[name]), parameter.default
            if given == short(default) or given == short(getattr(default, "default", default)):
                positional = False
            else:
                arguments.append(given if positional else f"{name}={given}")
        return f"{value.family.name}({', '.join(arguments)})"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(short, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {short(item)}' for key, item in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def save(picture: Figure, path: Path, shown: str) -> None:
    """Writes a picture that carries what it shows, so that a test can tell whether it is old."""
    with write_whole(path, "wb") as stream:
        picture.savefig(stream, format="png", dpi=72, metadata={"Description": shown})


def overview(columns: int = 8) -> Figure:
    """Every family in a small panel of its own: the picture of the README."""
    rows = -(-len(DEFAULT_SPACES) // columns)
    whole = Figure(figsize=(1.9 * columns, 1.25 * rows), layout="constrained")
    panels = whole.subplots(rows, columns).flat
    counts = np.arange(STEPS)
    for name, axes in itertools.zip_longest(DEFAULT_SPACES, panels):
        axes.axis("off")
        if name is not None:
            axes.set_title(name.removesuffix("_schedule"), fontsize="small")
            for number, lr in enumerate(drawn(name).values()):
                axes.plot(counts, lr(counts), linewidth=1.2, **style(number))
    return whole


def description(path: Path) -> str | None:
    """What a picture shows, as it says itself."""
    if not path.exists():
        return None
    with Image.open(path) as picture:
        return str(picture.info.get("Description"))


def draw(folder: Path) -> None:
    """Draws the pictures that are missing or show something else; delete one to draw it anew."""
    for name in DEFAULT_SPACES:
        schedules, picture = drawn(name), figure()
        if description(folder / f"{name}.png") == "\n".join(schedules):
            continue
        labels = {f"{text[:97]} …" if text[99:] else text: lr for text, lr in schedules.items()}
        plot_schedules(labels, STEPS, ax=picture.axes[0])
        save(picture, folder / f"{name}.png", "\n".join(schedules))
    everything = "\n".join(text for name in DEFAULT_SPACES for text in drawn(name))
    if description(folder / "overview.png") == everything:
        return
    save(overview(), folder / "overview.png", everything)
    batch, picture = random_schedules(jax.random.key(0), 50, total_steps=1000, peak=1.0), figure()
    plot_batch(batch, 1000, ax=picture.axes[0])
    save(picture, folder / "random_schedules.png", "50 random schedules")


# All public names.


def api() -> str:
    """The page with a table of the names of every public module."""
    parts = [
        "# All public names",
        "`help(NAME)` has the arguments, the value, the errors and an example of each. "
        "`make docs` writes this page.",
    ]
    for name in modules():
        parts += tables(getattr(jaxlr, name))
    return "\n\n".join(parts) + "\n"


def modules() -> list[str]:
    """The names of the public modules."""
    return [name for name in jaxlr.__all__ if inspect.ismodule(getattr(jaxlr, name))]


def tables(module: ModuleType) -> Iterator[str]:
    """The table of a module, then those of the public modules in it."""
    objects = {name: getattr(module, name) for name in module.__all__}
    yield f"## {module.__name__}"
    yield first_line(module)
    rows = [row for name, value in objects.items() for row in rows_of(module, name, value)]
    if rows:
        yield "\n".join(["| name | |", "|---|---|", *rows])
    for value in filter(inspect.ismodule, objects.values()):
        yield from tables(value)


def rows_of(module: ModuleType, name: str, value: Any) -> Iterator[str]:
    """The rows for one name: a class has some for what its objects can do."""
    short_name = f"jaxlr.{name}" if name in jaxlr.__all__ else f"{module.__name__}.{name}"
    if inspect.isclass(value):
        yield row(short_name, first_line(value))
        for member, function in vars(value).items():
            if not member.startswith("_") and callable(function):
                yield row(f"{name}.{member}{signature(function)}", first_line(function))
    elif inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        yield row(f"{short_name}{signature(value)}", first_line(value))
    elif not inspect.ismodule(value):
        yield row(short_name, words_below(module, name))


def row(code: str, words: str) -> str:
    """A row of a table."""
    code, words = (text.replace("|", r"\|") for text in (code, words))
    return f"| `{code}` | {words} |"


def signature(function: Any) -> str:
    """The arguments of a function with their defaults, without their types."""
    parameters = [
        parameter.replace(annotation=parameter.empty)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]
    text = str(inspect.Signature(parameters))
    return re.sub(r"<(?:class '[\w.]*?|function )(\w+)(?:'| at \w+)>", r"\1", text)


def words_below(module: ModuleType, name: str) -> str:
    """The string below the assignment of a constant, wherever in the package that is."""
    for other in [m for n, m in sorted(sys.modules.items()) if n.startswith(module.__name__)]:
        body = ast.parse(inspect.getsource(other)).body
        for statement, below in itertools.pairwise(body):
            match statement, below:
                case (
                    (
                        ast.Assign(targets=[ast.Name(id=found)])
                        | ast.AnnAssign(target=ast.Name(id=found))
                    ),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ) if found == name:
                    return as_markdown(" ".join(text.split("\n\n")[0].split()))
    return ""


def written() -> dict[Path, str]:
    """Every text file that this command writes, by its path."""
    schedules = ROOT / "jaxlr" / "schedules.py"
    compose = ROOT / "jaxlr" / "compose" / "__init__.py"
    return {
        schedules: public_names(schedules, "jaxlr.catalogue"),
        compose: public_names(compose, "jaxlr.compose"),
        ROOT / "README.md": readme(ROOT / "README.md"),
        ROOT / "docs" / "gallery.md": gallery(),
        ROOT / "docs" / "api.md": api(),
    }


def main() -> None:
    """Writes all texts and draws all pictures."""
    for path, text in written().items():
        with write_whole(path) as stream:
            stream.write(text)
    draw(ROOT / "docs" / "gallery")


if __name__ == "__main__":
    main()
