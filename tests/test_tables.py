"""Tables of text: they fit, and never cut what is compared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxlr
from jaxlr.batches.tables import fitted, texts, without_constants

words = st.text("abcdefgh_.0123456789", min_size=1, max_size=30)
tables = st.integers(1, 4).flatmap(
    lambda rows: st.dictionaries(
        words, st.lists(words, min_size=rows, max_size=rows), min_size=1, max_size=12
    )
)


@settings(max_examples=200, deadline=None)
@given(tables, st.integers(30, 120), st.data())
def test_a_table_fits_and_keeps_what_must_stay_whole(columns, width, data):
    whole = data.draw(st.lists(st.sampled_from(list(columns)), max_size=2, unique=True))
    text = fitted(columns, width, gap=2, whole=whole)
    widths = [
        max(len(line) for line in [*title.split("\n"), *cells])
        for title, cells in zip(text.titles, text.cells, strict=True)
    ]
    shown = [name for name in columns if name not in text.left_out]
    first_and_whole = {shown[0], *whole}
    if sum(widths) + 2 * (len(widths) - 1) > width:
        assert set(shown) == first_and_whole, "nothing more could be left out"
    assert set(whole) <= set(shown)
    for name, title, cells in zip(shown, text.titles, text.cells, strict=True):
        if name in whole:
            assert cells == columns[name]
            assert "…" not in title
        numbers = [cell for cell in columns[name] if cell[0] in "-+.0123456789"]
        assert set(numbers) <= set(cells), "a number is not cut"


def test_a_table_that_fits_stays_as_it_is():
    columns = {"init_value": ["0.1", "0.25"], "family": ["step_decay", "rex_schedule"]}
    text = fitted(columns, 80, gap=2)
    assert (text.titles, text.left_out) == (["init_value", "family"], [])
    assert text.cells == list(columns.values())


def test_what_all_rows_share_is_taken_out():
    columns = {"family": ["a", "a"], "power": ["", ""], "steps": ["1", "2"]}
    assert without_constants(columns) == ({"family": "a"}, {"steps": ["1", "2"]})
    assert without_constants({"family": ["a"]}) == ({}, {"family": ["a"]})


def test_what_is_absent_is_blank():
    assert texts([None, np.nan, 0.1]) == ["", "", "0.1"]
    assert texts(np.array([np.nan, 35.0])) == ["", "35"]
    assert texts(np.array([35.0, 2.0])) == ["35.0", "2.0"]


@pytest.mark.parametrize("times", [1, 30])
def test_a_batch_of_several_families_fits_a_terminal(times):
    schedules = [
        jaxlr.warmup_cosine_decay_schedule(0.0, 0.1, 3, 1000),
        jaxlr.step_decay(1 / 3, 30),
        jaxlr.warmup_exponential_decay_schedule(0.0, 1 / 3, 3, 100, 1 / 7),
    ]
    text = str(jaxlr.stack(schedules * times))
    assert max(map(len, text.splitlines())) <= 80
    assert "nan" not in text
    assert "0.3333" in text
    assert "30.0" not in text
