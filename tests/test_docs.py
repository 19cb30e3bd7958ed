"""The pages tell the truth: their code runs as printed, and lists are what the code has."""

import doctest
import importlib.util
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxlr
from jaxlr.search.defaults import DEFAULT_SPACES

ROOT = pathlib.Path(__file__).parents[1]
PAGES = {path.name: path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
PROJECT = re.compile(r"https://github\.com/jaxlr/jaxlr/(?:blob|tree)/main/")


def _command():
    spec = importlib.util.spec_from_file_location("write", ROOT / "docs" / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITE = _command()


def run(page):
    """Runs all blocks of a page in order, in one namespace, and returns it."""
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, names, page.name, str(page), 0)
            result = doctest.DocTestRunner().run(test, clear_globs=False)
            assert result.failed == 0
            names.update(test.globs)
        else:
            exec(block, names)
    return names


def test_what_the_command_writes_is_up_to_date():
    for path, text in WRITE.written().items():
        assert path.read_text() == text, f"{path.name} is old; run `make docs`"


def test_the_pictures_are_up_to_date():
    """Each carries the texts of what it shows."""
    for name in DEFAULT_SPACES:
        shown = WRITE.description(ROOT / "docs" / "gallery" / f"{name}.png")
        assert shown == "\n".join(WRITE.drawn(name)), "run `make docs`"
    pictures = {path.stem for path in (ROOT / "docs" / "gallery").glob("*.png")}
    assert pictures == {*DEFAULT_SPACES, "overview", "random_schedules"}


def test_every_family_is_on_every_list():
    ours = {
        name
        for name, constructor in jaxlr.families().items()
        if constructor.__module__.startswith(("jaxlr.catalogue.", "jaxlr.compose."))
    }
    table = set(re.findall(r"`(\w+)`", WRITE.table_of_families()))
    sections = set(re.findall(r"^### (\w+)$", WRITE.gallery(), flags=re.MULTILINE))
    assert ours | {"tabulate"} == table
    assert ours - {"wrap"} == sections
    assert ours | {"tabulate"} == {*jaxlr.schedules.__all__, *jaxlr.compose.__all__}
    api = set(re.findall(r"^\| `jaxlr\.(\w+)", WRITE.api(), flags=re.MULTILINE))
    assert {name for name in jaxlr.__all__ if name not in WRITE.modules()} <= api


def test_the_text_of_a_picture_is_the_schedule():
    """With as many digits as it has, it is read as what is drawn."""
    for text in (
        "step_decay(0.1, 30)",
        "with_warmup(cosine_decay_schedule(1, 80, exponent=2), 5, curve='cosine')",
        "transition_schedule(1, 0, 90, one_minus_power(0.5))",
        "piecewise_curve_schedule([0, 9], [0.5, 0])",
    ):
        assert WRITE.short(jaxlr.parse(text)) == text


@pytest.mark.promotes
@pytest.mark.parametrize("name", [name for name in PAGES if name != "README.md"])
def test_a_page_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(PAGES[name])


@pytest.mark.promotes
def test_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(PAGES["README.md"])
    curves = jax.vmap(lambda lr: lr(jnp.arange(10_000)))(names["grid"])
    np.testing.assert_allclose(curves.max(axis=1), names["peaks"], rtol=1e-6)
    N = names["N"]
    counts = np.array([0, 1, 5, 34, 35, 64, 65, 85, 90]) * N
    expected = np.array([0, 0.2, 1, 1, 0.1, 0.1, 0.01, 0.01, 0]) * 0.05
    np.testing.assert_allclose(names["cooled"](counts), expected, rtol=1e-6)
    np.testing.assert_allclose(names["mine"](3000), 0.05, rtol=1e-6)
    assert names["step"]._cache_size() == 1, "another value does not compile again"
    assert len(names["designs"]) == 30
    assert len(names["batch"]) == 64
    assert names["result"].best().schedule.family.name == "cosine_decay_schedule"


def test_imports_go_down_the_table_of_rooms():
    """As CONTRIBUTING.md says; an import within a function waits until it is needed."""
    table = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = re.findall(r"^\| `jaxlr/(\w+)(?:/|\.py)`", table, flags=re.MULTILINE)
    modules = {path.with_suffix("").name for path in (ROOT / "jaxlr").glob("[a-z]*")}
    assert set(rooms) == modules - {"files", "py", "schedules", "units"}
    for path in (ROOT / "jaxlr").rglob("*.py"):
        room = path.relative_to(ROOT / "jaxlr").with_suffix("").parts[0]
        for other in re.findall(r"^from jaxlr\.(\w+)", path.read_text(), flags=re.MULTILINE):
            if room in rooms and other in rooms:
                assert rooms.index(room) <= rooms.index(other), f"{path}: {other} is above"


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING.md"])
def test_links_lead_somewhere(name):
    page = PAGES.get(name, ROOT / name)
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        target, _, anchor = PROJECT.sub("", link).partition("#")
        if PROJECT.match(link):
            file = ROOT / target
        elif "://" in link:
            continue
        else:
            assert name != "README.md", f"{link}: a package index knows no relative links"
            file = page.parent / target if target else page
        assert file.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor in slugs, link
