"""Pictures of schedules: what is drawn, and that files are whole."""

import jax
import numpy as np
import pytest

import jaxlr
from jaxlr.plot import plot_batch, plot_history, plot_schedules, save, text_plot
from jaxlr.search import random_schedules
from jaxlr.search.defaults import DEFAULT_SPACES


def test_curves_are_drawn_with_their_values():
    pytest.importorskip("matplotlib")
    lr = jaxlr.cosine_decay_schedule(0.1, 100)
    figure = plot_schedules({"cosine": lr, "half": lambda count: lr(count) / 2}, steps=120)
    cosine, half = figure.axes[0].get_lines()
    np.testing.assert_array_equal(cosine.get_xdata(), np.arange(120))
    np.testing.assert_array_equal(cosine.get_ydata(), lr(np.arange(120)))
    np.testing.assert_allclose(half.get_ydata(), lr(np.arange(120)) / 2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "cosine",
        "half",
    ]
    alike = [jaxlr.wrap(lr) * jaxlr.cosine_decay_schedule(0.1, 100, 0.0, p) for p in (1.0, 2.0)]
    assert len(plot_schedules(alike, steps=10).axes[0].get_lines()) == 2
    long = plot_schedules(lr, steps=10**9).axes[0].get_lines()[0].get_xdata()
    assert (long[0], long[-1], len(long)) == (0, 10**9 - 1, 2000)


def test_a_batch_is_drawn_with_a_color_for_each_family():
    pytest.importorskip("matplotlib")
    lines = jaxlr.grid(jaxlr.linear_schedule, init_value=[1, 2], end_value=0, transition_steps=[50])
    batch = jaxlr.concatenate([lines, jaxlr.stack([jaxlr.step_decay(1.0, 30)]), lines])
    figure = plot_batch(batch, steps=100)
    drawn = figure.axes[0].get_lines()
    assert [line.get_color() for line in drawn] == ["C0"] * 4 + ["C1"]
    np.testing.assert_allclose(drawn[1].get_ydata(), batch[1](np.arange(100)), rtol=1e-6)
    np.testing.assert_allclose(drawn[4].get_ydata(), batch[2](np.arange(100)), rtol=1e-6)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["linear_schedule", "step_decay"]


def test_many_families_leave_room_for_their_curves():
    pytest.importorskip("matplotlib")
    families = list(DEFAULT_SPACES)[::2]
    batch = random_schedules(jax.random.key(0), 200, total_steps=50, peak=1.0, families=families)
    figure = plot_batch(batch, steps=50)
    figure.draw_without_rendering()
    colours = {line.get_color() for line in figure.axes[0].get_lines()}
    assert len(colours) == len({lr.family.name for lr in batch}) > 20
    assert figure.axes[0].get_position().height * figure.get_figheight() > 2.5


def test_a_batch_is_drawn_with_labels_if_they_are_few():
    pytest.importorskip("matplotlib")
    few = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=[0.1, 0.2], decay_steps=[50, 100])
    figure = plot_schedules(few, steps=120)
    lines = figure.axes[0].get_lines()
    for line, lr in zip(lines, few, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), lr(np.arange(120)))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[2] == "init_value=0.2, decay_steps=50"
    assert lines[0].get_color() != lines[-1].get_color()
    many = jaxlr.grid(jaxlr.constant_schedule, value=np.linspace(0.1, 1.0, 50))
    figure = plot_schedules(many, steps=10)
    assert len(figure.axes[0].get_lines()) == 50
    assert not figure.legends


def test_a_run_is_drawn_with_its_rate_loss_and_validation():
    pytest.importorskip("matplotlib")
    history = pytest.importorskip("jaxlr.train.history").History()
    for epoch in (1, 2):
        steps = {name: np.linspace(1, 0.5, 10) for name in ("learning_rate", "loss", "accuracy")}
        steps["step"] = np.arange(10) + 10 * (epoch - 1)
        history = history.add(steps, {"epoch": epoch, "validation_loss": 0.5 / epoch})
    rate, loss, accuracy = plot_history(history, title="a run").axes
    assert rate.get_ylabel() == "learning rate"
    np.testing.assert_array_equal(rate.get_lines()[0].get_ydata(), history.steps["learning_rate"])
    np.testing.assert_array_equal(loss.get_lines()[2].get_ydata(), [0.5, 0.25])
    np.testing.assert_array_equal(loss.get_lines()[2].get_xdata(), [10, 20])
    assert accuracy.get_ylabel() == "accuracy"


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("b/c.svg", b"<?xml")])
def test_files_are_written_whole(tmp_path, name, magic):
    pytest.importorskip("matplotlib")
    save(plot_schedules(jaxlr.constant_schedule(0.1), 10), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_a_failed_picture_leaves_what_was_there(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.nothing"
    path.write_text("before")
    with pytest.raises(ValueError, match="nothing"):
        save(plot_schedules(jaxlr.constant_schedule(0.1), 10), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError, match="directory: '[^']*folder.png'$"):
        save(plot_schedules(jaxlr.constant_schedule(0.1), 10), tmp_path / "folder.png")
    with pytest.raises(ValueError, match="`path`"):
        save(plot_schedules(jaxlr.constant_schedule(0.1), 10), tmp_path / "a")


def test_a_terminal_shows_the_shape():
    top, *_, bottom, scale = text_plot([0, 1, 2, 3], width=4, height=3).splitlines()
    assert top.split("┤") == ["          3 ", "   █"]
    assert bottom.split("┤") == ["          0 ", " ███"]
    assert scale.endswith("0 … 3 step")
    assert "nan" not in text_plot([np.nan, 1.0, np.inf])
    assert text_plot([1.0, np.inf, -np.inf], height=1).splitlines()[0].endswith("┤██")
    assert text_plot([0.0, 0.0]).count("█") == 0
    assert text_plot([0.0, 0.0]).split("┤")[0].isspace()
    assert [
        line.split("┤")[0].strip() for line in text_plot([-1.0], height=2).splitlines()[:2]
    ] == [
        "0",
        "-1",
    ]
    assert text_plot([1.0, 0.0], last=100).endswith("└0 … 100 step")
    with pytest.raises(ValueError, match="`values`"):
        text_plot([])


def test_bad_lengths_are_named():
    with pytest.raises(ValueError, match="`steps` must be at least 1, got 0"):
        plot_schedules(jaxlr.constant_schedule(0.1), steps=0)
