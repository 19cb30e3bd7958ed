"""The gallery shows every family, and its page is the one that its command writes."""

import importlib.util
import pathlib

import jaxlr

DOCS = pathlib.Path(__file__).parents[1] / "docs"


def _gallery():
    spec = importlib.util.spec_from_file_location("draw_gallery", DOCS / "draw_gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_family_of_ours_is_drawn():
    places = "jaxlr.catalogue.", "jaxlr.compose"
    ours = {n for n, c in jaxlr.families().items() if str(c.__module__).startswith(places)}
    gallery = _gallery()
    assert set(gallery.DRAWN) | gallery.NOT_DRAWN == ours
    for name, texts in gallery.DRAWN.items():
        assert name in {jaxlr.parse(text).family.name for text in texts}


def test_the_page_is_up_to_date():
    gallery = _gallery()
    page = (DOCS / "gallery.md").read_text()
    for name in gallery.DRAWN:
        assert gallery.section(name) in page, "run `python docs/draw_gallery.py`"
        assert (DOCS / "gallery" / f"{name}.png").stat().st_size > 1000
