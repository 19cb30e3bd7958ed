"""Pictures of schedules: what is drawn, and that files are whole."""

import sys

import jax
import numpy as np
import optax
import pytest

import jaxlr
from jaxlr.plot import (
    figure,
    length_to_draw,
    plot_batch,
    plot_history,
    plot_schedules,
    save,
    text_plot,
)
from jaxlr.plot.figures import style
from jaxlr.search import parse_space, random_schedules, sample
from jaxlr.search.defaults import DEFAULT_SPACES

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def ax():
    """Axes that no window keeps."""
    return figure().axes[0]


def labels_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_curves_are_drawn_with_their_values(ax):
    lr = jaxlr.cosine_decay_schedule(0.1, 100)
    curves = {"cosine": lr, "half": lambda count: lr(count) / 2}
    assert plot_schedules(curves, steps=120, ax=ax) is ax
    cosine, half = ax.get_lines()
    np.testing.assert_array_equal(cosine.get_xdata(), np.arange(120))
    np.testing.assert_array_equal(cosine.get_ydata(), lr(np.arange(120)))
    np.testing.assert_allclose(half.get_ydata(), lr(np.arange(120)) / 2)
    assert labels_of(ax) == ["cosine", "half"]


def test_a_long_schedule_is_evaluated_at_some_counts(ax):
    plot_schedules(jaxlr.cosine_decay_schedule(0.1, 100), steps=10**9, ax=ax)
    counts = ax.get_lines()[0].get_xdata()
    assert (counts[0], counts[-1], len(counts)) == (0, 10**9 - 1, 2000)


def test_a_picture_belongs_to_pyplot_unless_it_is_given_axes(ax):
    """So notebooks and ``pyplot.show`` show it; pictures for files leave nothing behind."""
    from matplotlib import pyplot

    lr = jaxlr.constant_schedule(0.1)
    open_before = set(pyplot.get_fignums())
    plot_schedules(lr, ax=ax)
    assert set(pyplot.get_fignums()) == open_before
    drawn = plot_schedules(lr)
    assert drawn.figure in map(pyplot.figure, set(pyplot.get_fignums()) - open_before)
    pyplot.close(drawn.figure)


def test_schedules_and_batches_draw_themselves(ax):
    lr = jaxlr.linear_schedule(1.0, 0.0, 50)
    assert lr.plot(ax=ax, label="alone", color="red") is ax
    jaxlr.grid(jaxlr.step_decay, init_value=[0.5, 1.0], step_size=20).plot(100, ax=ax)
    assert labels_of(ax) == ["alone", "init_value=0.5", "init_value=1"]
    assert ax.get_lines()[0].get_color() == "red"
    assert len(ax.get_lines()[1].get_xdata()) == 100


def test_a_missing_matplotlib_is_named_with_its_cure(monkeypatch):
    for module in ("matplotlib", "matplotlib.figure", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, module, None)
    for draw in (jaxlr.constant_schedule(1.0).plot, figure):
        with pytest.raises(ImportError, match=r'pip install "jaxlr\[plot\]"'):
            draw()


def test_curves_are_added_to_axes_in_styles_of_their_own(ax):
    for index in range(3):
        plot_schedules(jaxlr.constant_schedule(1.0 + index), ax=ax, label=f"line {index}")
    assert labels_of(ax) == ["line 0", "line 1", "line 2"]
    drawn = [{"color": x.get_color(), "linestyle": x.get_linestyle()} for x in ax.get_lines()]
    assert drawn == [style(index) for index in range(3)]
    assert len({tuple(style(index).values()) for index in range(35)}) == 35


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("cosine_decay_schedule(0.1, 100)", 101),
        ("linear_schedule(1, 0, 100.5, transition_begin=20)", 122),
        ("with_warmup(cosine_decay_schedule(1, 700), 200)", 901),
        ("multistep_decay(0.1, [30, 60])", 61),
        ("piecewise_constant_schedule(1, {300: 0.5, 600: 0.2})", 601),
        ("wsds_schedule(0, 1, 50, [300, 300, 350], 100)", 951),
        ("sgdr_schedule([{'init_value': 0, 'peak_value': 1, 'warmup_steps': 30, "
         "'decay_steps': 300}])", 301),
        ("step_decay(0.1, 30)", 150),
        ("cyclic_schedule(0.1, 1, 150)", 750),
        ("inverse_sqrt_schedule(1, 100)", 500),
        ("exponential_decay(1, 200, 0.5)", 1304),
        ("constant_schedule(1)", 100),
        ("linear_schedule(1, 0, 0)", 100),
        ("cosine_decay_schedule(1, 2**31 - 1)", 2**31 - 2),
    ],
)  # fmt: skip
def test_a_schedule_is_drawn_over_its_own_length(text, length):
    assert length_to_draw(jaxlr.parse(text)) == pytest.approx(length, rel=1e-3, abs=1)


def test_the_longest_of_several_decides(ax):
    lines = [jaxlr.linear_schedule(1.0, 0.0, n) for n in (30, 70)]
    assert length_to_draw(jaxlr.stack(lines)) == 71
    plot_schedules(lines, ax=ax)
    assert ax.get_lines()[0].get_xdata()[-1] == 70


@pytest.mark.promotes
def test_functions_are_drawn_to_their_end_if_they_have_one(ax):
    assert length_to_draw(optax.cosine_decay_schedule(0.1, 1000)) == 1001
    assert length_to_draw(jaxlr.with_warmup(optax.cosine_decay_schedule(0.1, 1000), 10)) == 1011
    with pytest.raises(ValueError, match="`steps` must be given"):
        plot_schedules(lambda count: np.sin(count / 1000), ax=ax)


def test_several_are_labelled_by_what_differs(ax):
    lines = [jaxlr.linear_schedule(peak, 0.0, 50) for peak in (1.0, 2.0)]
    plot_schedules(lines, ax=ax)
    assert labels_of(ax) == ["init_value=1", "init_value=2"]
    assert ax.get_title() == "linear_schedule, end_value=0, transition_steps=50, transition_begin=0"


def test_labels_are_distinct_and_tell_nothing_absent(ax):
    batch = jaxlr.stack([jaxlr.step_decay(0.1, 30), jaxlr.linear_schedule(0.1, 0.0, 90)] * 2)
    plot_schedules(batch, ax=ax)
    labels = labels_of(ax)
    assert len(set(labels)) == 4
    assert not any("nan" in label or "=," in label for label in labels)
    assert "transition_steps=90" in labels[1] and "step_size" not in labels[1]


def test_a_batch_is_drawn_with_a_color_for_each_family(ax):
    lines = jaxlr.grid(jaxlr.linear_schedule, init_value=[1, 2], end_value=0, transition_steps=[50])
    batch = jaxlr.concatenate([lines, jaxlr.stack([jaxlr.step_decay(1.0, 30)]), lines])
    plot_batch(batch, steps=100, ax=ax)
    drawn = ax.get_lines()
    first, second = style(0)["color"], style(1)["color"]
    assert [line.get_color() for line in drawn] == [first] * 4 + [second]
    np.testing.assert_allclose(drawn[1].get_ydata(), batch[1](np.arange(100)), rtol=1e-6)
    np.testing.assert_allclose(drawn[4].get_ydata(), batch[2](np.arange(100)), rtol=1e-6)
    assert labels_of(ax) == ["linear_schedule", "step_decay"]


def test_many_families_leave_room_for_their_curves(ax):
    families = list(DEFAULT_SPACES)[::2]
    batch = random_schedules(jax.random.key(0), 200, total_steps=50, peak=1.0, families=families)
    plot_batch(batch, steps=50, ax=ax)
    ax.figure.draw_without_rendering()
    drawn = ax.get_lines()
    styles = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in drawn}
    assert len(styles) == len({lr.family.name for lr in batch}) > 20
    assert ax.get_position().height * ax.figure.get_figheight() > 2.5


def test_a_batch_is_drawn_with_labels_if_they_are_few(ax):
    few = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=[0.1, 0.2], decay_steps=[50, 100])
    plot_schedules(few, steps=120, ax=ax)
    for line, lr in zip(ax.get_lines(), few, strict=True):
        np.testing.assert_allclose(line.get_ydata(), lr(np.arange(120)), rtol=1e-6)
    assert labels_of(ax)[2] == "init_value=0.2, decay_steps=50"


def test_many_are_told_apart_by_a_colour_bar(ax):
    many = jaxlr.grid(jaxlr.cosine_decay_schedule, init_value=0.1, decay_steps=np.arange(50, 100))
    plot_schedules(many, steps=10, ax=ax)
    assert len(ax.get_lines()) == 50
    assert ax.get_legend() is None
    assert ax.figure.axes[1].get_ylabel() == "decay_steps"
    assert ax.get_yscale() == "linear"
    assert len({line.get_color() for line in ax.get_lines()}) > 30


def test_rates_of_many_sizes_have_a_logarithmic_axis(ax):
    space = parse_space("cosine_decay_schedule(log_uniform(1e-5, 1e-1), 100)")
    plot_schedules(sample(jax.random.key(0), space, 20), ax=ax)
    assert ax.get_yscale() == "log"
    assert ax.figure.axes[1].get_yscale() == "log"
    lines = [jaxlr.linear_schedule(peak, 0.0, 10) for peak in (1e-3, 1.0)]
    assert plot_schedules(lines, ax=figure().axes[0]).get_yscale() == "log"


def test_a_run_is_drawn_with_all_that_was_recorded():
    pytest.importorskip("flax")
    from jaxlr.train.history import History

    history = History()
    names = "learning_rate", "loss", "accuracy", "gradient_norm"
    for epoch in (1, 2):
        steps = {name: np.linspace(1, 0.5, 10) for name in names}
        steps["step"] = np.arange(10) + 10 * (epoch - 1)
        history = history.add(steps, {"epoch": epoch, "validation_loss": 0.5 / epoch})
    axes = figure(4).axes
    assert plot_history(history, "a run", label_smoothing=0.1, axes=axes) == axes
    rate, loss, accuracy, norm = axes
    assert rate.get_ylabel() == "learning rate"
    np.testing.assert_array_equal(rate.get_lines()[0].get_ydata(), history.steps["learning_rate"])
    np.testing.assert_array_equal(loss.get_lines()[2].get_ydata(), [0.5, 0.25])
    np.testing.assert_array_equal(loss.get_lines()[2].get_xdata(), [10, 20])
    assert labels_of(loss)[1].endswith("labels smoothed by 0.1")
    assert labels_of(loss)[2] == "validation, without smoothing"
    assert accuracy.get_ylabel() == "accuracy"
    assert (norm.get_ylabel(), norm.get_yscale()) == ("gradient norm", "log")
    assert rate.figure.get_suptitle() == "a run"


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("b/c.svg", b"<?xml")])
def test_files_are_written_whole(tmp_path, name, magic, ax):
    save(plot_schedules(jaxlr.constant_schedule(0.1), 10, ax=ax), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_a_failed_picture_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.nothing"
    path.write_text("before")
    with pytest.raises(ValueError, match="nothing"):
        save(plot_schedules(jaxlr.constant_schedule(0.1), 10, ax=figure().axes[0]), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError, match="directory: '[^']*folder.png'$"):
        save(
            plot_schedules(jaxlr.constant_schedule(0.1), 10, ax=figure().axes[0]),
            tmp_path / "folder.png",
        )
    with pytest.raises(ValueError, match="`path`"):
        save(plot_schedules(jaxlr.constant_schedule(0.1), 10, ax=figure().axes[0]), tmp_path / "a")


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
    with pytest.raises(ValueError, match="`steps` must be from 1"):
        plot_schedules(jaxlr.constant_schedule(0.1), steps=0, ax=figure().axes[0])
