"""The command line, as a user calls it."""

import csv
import os
import subprocess
import sys

import jax
import pytest

import jaxlr
from jaxlr.cli import main
from jaxlr.search import parse_space, sample


def test_list_names_every_family(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    adaptive = jaxlr.families(jaxlr.AdaptiveSchedule)
    assert {line.split()[0] for line in lines} == set(jaxlr.families()) | set(adaptive)
    assert "cosine wave" in next(line for line in lines if line.startswith("cosine_decay"))


def test_show_draws_schedules(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "two.png"
    texts = ["linear_schedule(1, 0, total_steps)", "step_decay(1, 30)"]
    assert main(["show", *texts, "--steps", "90", "--out", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "transition_steps=90" in out
    assert out.count("┤") == 16
    assert picture.stat().st_size > 1000


def test_a_curve_is_no_wider_than_the_terminal(capsys, monkeypatch):
    for columns, width in ((40, 40), (80, 80), (200, 13 + 72)):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["show", "constant_schedule(1)"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(len(line) for line in lines if "┤" in line) == width


def test_show_takes_any_length(capsys):
    """An array of all counts would have 8 GB."""
    assert main(["show", "linear_schedule(1, 0, total_steps)", "--steps", str(10**9)]) == 0
    assert "└0 … 999999999 step" in capsys.readouterr().out


def test_a_terminal_without_the_characters_is_told_the_cure():
    command = [sys.executable, "-m", "jaxlr", "show", "constant_schedule(1)"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "PYTHONIOENCODING=utf-8" in done.stderr


def test_sample_prints_schedules_that_read_back(capsys):
    text = "linear_schedule(log_uniform(1e-4, 1e-1), 0, integer(1, total_steps))"
    assert main(["sample", text, "-n", "5", "--total-steps", "300"]) == 0
    lines = capsys.readouterr().out.splitlines()
    space = parse_space(text, total_steps=300)
    assert list(map(jaxlr.parse, lines)) == list(sample(jax.random.key(0), space, 5))
    assert main(["sample", text, "-n", "5", "--seed", "1", "--method", "sobol"]) == 0
    assert len(set(capsys.readouterr().out.splitlines()) - set(lines)) == 5


def test_a_reader_may_have_enough():
    command = [sys.executable, "-m", "jaxlr", "sample", "constant_schedule(uniform(0, 1))"]
    with subprocess.Popen(
        [*command, "-n", "5000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().startswith("constant_schedule(value=0.")
        process.stdout.close()
        assert process.wait() == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["show", "cosinus(1)"], "`cosinus`"),
        (
            ["show", "step_decay(1, steps)"],
            "no number is named `steps`, only inf, nan, total_steps",
        ),
        (["show", "step_decay(1, wrap)"], "wrap(...)"),
        (["show", "reduce_on_plateau(step_decay(0.1, 30))"], "the schedule that it multiplies"),
        (["show", "step_decay(1, 30)", "--out", f"{__file__}/a.png"], "`--out`"),
        (["show", "constant_schedule()"], "'value'"),
        (["show", "constant_schedule(1)", "--steps", "0"], "`--steps`"),
        (["sample", "constant_schedule(unifrom(0, 1))"], "`unifrom`"),
        (["sample", "constant_schedule(uniform(0, 1))", "-n", "0"], "`n`"),
        (["sample", "constant_schedule(0.1)", "--total-steps", "0"], "`--total-steps`"),
        (["sample", "constant_schedule(uniform(0, 1))", "--seed", str(2**64)], "`--seed`"),
        (["sweep", "constant_schedule(uniform(0, 1))", "--keep", "a"], "`--keep`"),
        (["sweep", "constant_schedule(uniform(0, 1))", "--keep", "99:1"], "`keep`"),
        (["sweep", "constant_schedule(uniform(0, 1))", "-n", "0"], "`n`"),
        (["sweep", "constant_schedule(uniform(0, 1))", "--monitor", "los"], "`monitor`"),
        (["sweep", "constant_schedule(unifrom(0, 1))"], "`unifrom`"),
        (["sweep", "reduce_on_plateau(uniform(0, 1))"], "jaxlr.train.sweep"),
        (["sweep", "constant_schedule(uniform(0, 1))", "--out", __file__], "`--out`"),
        (["train", "--out", __file__], "`--out`"),
        (["train", "--data", "letters"], "letters"),
        (["train", "--model", "transformer"], "`--model`"),
        (["train", "--recipe", "slow"], "`--recipe`"),
        (["train", "--epochs", "0"], "`--epochs`"),
        (["train", "--seeds", "0"], "`--seeds`"),
        (["train", "--hold-out", "5000"], "`--hold-out`"),
        (["train", "--schedule", "open('x')"], "`open`"),
        (["train", "--data", "mnist", "--data-dir", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_line_on_standard_error(arguments, word, capsys):
    if arguments[0] == "train":
        pytest.importorskip("jaxlr.train.fit")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxlr: ")
    assert word in error
    assert "Traceback" not in error


def test_train_learns_the_digits_and_writes_its_record(tmp_path):
    """In a process of its own, as a newcomer runs it."""
    pytest.importorskip("jaxlr.train.fit")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "jaxlr", "train", "--epochs", "3", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "learning rate" in done.stdout
    assert {path.name for path in out.iterdir()} == {
        "run.png",
        "run_steps.csv",
        "run_epochs.csv",
    }
    with open(out / "run_epochs.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3
    assert float(rows[-1]["validation_accuracy"]) > 0.9
    with open(out / "run_steps.csv") as stream:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(stream)]
    assert len(rates) == 3 * (1437 // 32)
    assert rates[0] == pytest.approx(0.004 / 25, rel=1e-6)


def test_train_takes_a_schedule_that_listens(capsys):
    pytest.importorskip("jaxlr.train.fit")
    lr = "reduce_on_plateau(linear_schedule(0, 4e-3, steps_per_epoch), monitor='validation_loss')"
    assert main(["train", "--epochs", "2", "--quiet", "--schedule", lr]) == 0
    assert "reduce_on_plateau(schedule=linear_schedule(" in capsys.readouterr().out


def test_several_seeds_have_a_mean_and_a_spread(capsys):
    pytest.importorskip("jaxlr.train.fit")
    arguments = ["train", "--epochs", "1", "--seeds", "2", "--hold-out", "100", "--quiet"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "on 1337 images" in out
    assert "2 seeds: accuracy" in out


def test_sweep_trains_and_writes_a_record(capsys, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    text = "linear_schedule(log_uniform(1e-4, 1e-2), 0, total_steps)"
    small = "--data", "digits", "--model", "mlp", "--epochs", "2", "--quiet", "--seeds", "2"
    assert (
        main(["sweep", text, "--grid", "3", *small, "--keep", "1:2", "--out", str(tmp_path)]) == 0
    )
    out = capsys.readouterr().out
    assert "3 schedules from linear_schedule(init_value=log_uniform(low=0.0001, high=0.01)" in out
    assert "6 runs in " in out and "4 trained, 2 dropped; best validation_accuracy 0." in out
    assert out.splitlines()[-1].startswith("linear_schedule(init_value=0.0")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epochs.csv",
        "runs.csv",
        "sweep.png",
    ]
    with open(tmp_path / "epochs.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 4 * 2 + 2


def test_a_record_that_is_replaced_is_named_before(capsys, tmp_path):
    pytest.importorskip("jaxlr.train.fit")
    pytest.importorskip("matplotlib")
    small = "train", "--epochs", "1", "--model", "mlp", "--quiet", "--out", str(tmp_path)
    assert main(small) == 0
    assert capsys.readouterr().err == ""
    assert main(small) == 0
    assert capsys.readouterr().err == f"jaxlr: the record in {tmp_path} will be replaced\n"


def test_a_sweep_that_diverged_has_its_record(capsys, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    text = "constant_schedule(log_uniform(1e35, 1e38))"
    small = "-n", "2", "--epochs", "1", "--model", "mlp", "--quiet", "--out", str(tmp_path)
    assert main(["sweep", text, *small]) == 2
    assert "lower learning rates" in capsys.readouterr().err
    with open(tmp_path / "runs.csv", newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["diverged"] * 2


def test_a_warning_is_one_line(tmp_path):
    """In a process of its own: a warning in the tests is an error."""
    pytest.importorskip("jaxlr.train.fit")
    command = [sys.executable, "-m", "jaxlr", "train", "--schedule", "constant_schedule(1e38)"]
    small = "--epochs", "1", "--model", "mlp", "--quiet"
    done = subprocess.run([*command, *small], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("jaxlr: The loss became nan at step 1, ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "extra"), [("rich", "train"), ("flax", "train"), ("matplotlib", "plot")]
)
def test_an_extra_that_is_missing_is_named_first(package, extra, tmp_path):
    pytest.importorskip("jaxlr.train.fit")
    code = f"import sys; sys.modules[{package!r}] = None; import jaxlr.cli as c; sys.exit(c.main())"
    command = [sys.executable, "-c", code, "train", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert f"jaxlr[{extra}]" in done.stderr
    assert not (tmp_path / "out").exists()
