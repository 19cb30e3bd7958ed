"""The command line, as a user calls it."""

import csv
import json
import os
import signal
import subprocess
import sys

import jax
import pytest

import jaxlr
from jaxlr.cli import main
from jaxlr.search import parse_space, sample
from jaxlr.search.spaces import dimensions

pytestmark = pytest.mark.promotes  # Flax and optax do, in training.

NUMBERS = {"total_steps": 1000, "steps_per_epoch": 100}
SMALL = "--epochs", "2", "--model", "mlp", "--quiet"


def in_a_process(*arguments, **options):
    """Runs a command in a process of its own, where that matters."""
    command = [sys.executable, "-m", "jaxlr", *map(str, arguments)]
    environment = {**os.environ, **options.pop("env", {})}
    return subprocess.run(command, capture_output=True, env=environment, check=False, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run with its record, in a process whose output has no characters but ASCII."""
    pytest.importorskip("flax")
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("train") / "out"
    done = in_a_process(
        "train", "--epochs", 3, "--out", out, env={"PYTHONIOENCODING": "cp1252"}, encoding="cp1252"
    )
    assert done.returncode == 0, done.stderr
    return out, done.stdout, done.stderr


def test_list_names_every_family(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    adaptive = jaxlr.families(jaxlr.AdaptiveSchedule)
    assert {line.split()[0] for line in lines} == set(jaxlr.families()) | set(adaptive)
    assert "cosine wave" in next(line for line in lines if line.startswith("cosine_decay"))


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 2
    assert "jaxlr COMMAND --help" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["list", "show", "sample", "train", "sweep"])
def test_help_has_examples_that_can_be_read(command, capsys, monkeypatch):
    """Every text of a schedule or of a space in the help is one."""
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in ([command, "--help"], ["--help"]):
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 80
        lines = text.replace("\\\n", " ").splitlines()
        calls = [line for line in lines if line.startswith("  jaxlr ")]
        assert calls
        for call in calls:
            for quoted in filter(lambda part: "(" in part, call.split('"')):
                if call.startswith(("  jaxlr sample", "  jaxlr sweep")):
                    assert dimensions(parse_space(quoted, **NUMBERS)) > 0
                else:
                    jaxlr.parse(quoted, jaxlr.Schedule | jaxlr.AdaptiveSchedule, **NUMBERS)


def test_show_draws_schedules(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "new" / "two.png"
    texts = ["linear_schedule(1, 0, total_steps)", "step_decay(1, 30)"]
    assert main(["show", *texts, "--total-steps", "90", "--out", str(picture)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("total_steps=90\n")
    assert "transition_steps=90" in out
    assert out.count("┤") == 16
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "end"),
    [
        (["cosine_decay_schedule(1, 100)"], "└0 … 100 step"),
        (["cosine_decay_schedule(1, 100)", "--steps", "50"], "└0 … 49 step"),
        (["cosine_decay_schedule(1, total_steps)"], "└0 … 999 step"),
        (["step_decay(1, steps_per_epoch)"], "└0 … 499 step"),
        (["step_decay(1, steps_per_epoch)", "--steps-per-epoch", "7"], "└0 … 34 step"),
        (["step_decay(1, total_steps)", "--total-steps", "1000000000"], "└0 … 999999999 step"),
    ],
)  # fmt: skip
def test_show_draws_as_far_as_there_is_something_to_see(arguments, end, capsys):
    assert main(["show", *arguments]) == 0
    assert end in capsys.readouterr().out


def test_a_curve_is_no_wider_than_the_terminal(capsys, monkeypatch):
    for columns, width in ((40, 40), (80, 80), (200, 13 + 72)):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["show", "constant_schedule(1)"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(len(line) for line in lines if "┤" in line) == width


def test_a_terminal_without_the_characters_gets_others():
    done = in_a_process(
        "show", "linear_schedule(1, 0, 9)", env={"PYTHONIOENCODING": "ascii"}, encoding="ascii"
    )
    assert done.returncode == 0
    assert "0 |#########" in done.stdout
    assert done.stdout.rstrip().endswith("+0 ~ 9 step")


def test_output_may_be_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    for arguments in (["list"], ["show", "step_decay(1, 9)"]):
        assert main(arguments) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_full_disk_is_one_line():
    command = [sys.executable, "-m", "jaxlr", "list"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "jaxlr: [Errno 28] No space left on device: 'standard output'\n"


def test_core_packages_are_enough_to_look_and_draw():
    """Without any of the extras."""
    missing = "flax", "orbax", "rich", "matplotlib", "sklearn", "scipy.stats"
    commands = ["list"], ["show", "step_decay(1, 9)"], ["sample", "step_decay(1, 9)"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
        f"from jaxlr.cli import main; sys.exit(sum(map(main, {commands!r})))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("step_decay(init_value=1, step_size=9") == 2


def test_sample_prints_schedules_that_read_back(capsys):
    text = "linear_schedule(log_uniform(1e-4, 1e-1), 0, integer(1, total_steps))"
    assert main(["sample", text, "-n", "5", "--total-steps", "300"]) == 0
    lines = capsys.readouterr().out.splitlines()
    space = parse_space(text, total_steps=300)
    assert list(map(jaxlr.parse, lines)) == list(sample(jax.random.key(0), space, 5))
    assert main(["sample", text, "-n", "5", "--seed", "1", "--method", "sobol"]) == 0
    assert len(set(capsys.readouterr().out.splitlines()) - set(lines)) == 5


def test_a_reader_may_have_enough(tmp_path):
    """A run goes on to its end, and its record is written."""
    pytest.importorskip("flax")
    pytest.importorskip("matplotlib")
    texts = ["sample", "constant_schedule(uniform(0, 1))", "-n", "5000"]
    training = ["train", *SMALL, "--seeds", "2", "--out", str(tmp_path / "out")]
    for arguments, first in ((texts, "constant_schedule(value=0."), (training, "mlp on")):
        command = [sys.executable, "-m", "jaxlr", *arguments]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline().startswith(first)
            process.stdout.close()
            assert process.wait() == 0
            assert process.stderr.read() == ""
    results = json.loads((tmp_path / "out" / "run.json").read_text())["results"]
    assert [result["seed"] for result in results] == [0, 1]
    assert (tmp_path / "out" / "seed1.png").exists()


SPACE = "constant_schedule(uniform(0, 1))"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["show", "cosinus(1)"], "`cosinus`"),
        (["show", "step_decay(1, steps)"], "no number is named `steps`, only"),
        (["show", "step_decay(1, wrap)"], "wrap(...)"),
        (["show", "reduce_on_plateau(step_decay(0.1, 30))"], "the schedule that it multiplies"),
        (["show", "step_decay(1, 30)", "--out", f"{__file__}/a.png"], "`--out`"),
        (["show", "constant_schedule()"], "'value'"),
        (["show", "constant_schedule(1)", "--steps", "0"], "`--total-steps`"),
        (["show", "constant_schedule(1)", "--steps", str(10**12)], "`--total-steps`"),
        (["show", "constant_schedule(1)", "--steps-per-epoch", "0"], "`--steps-per-epoch`"),
        (["sample", "constant_schedule(unifrom(0, 1))"], "`unifrom`"),
        (["sample", SPACE, "-n", "0"], "`-n` must be at least 1"),
        (["sample", SPACE, "-n", "10000000000"], "`-n` must be at most 1,000,000"),
        (["sample", "constant_schedule(0.1)", "-n", "2"], "Nothing is drawn"),
        (["sample", "constant_schedule(0.1)", "--total-steps", "0"], "`--total-steps`"),
        (["sample", SPACE, "--seed", str(2**64)], "`--seed`"),
        (["sample", SPACE, "--seed", "-1"], "`--seed`"),
        (["sweep", SPACE, "--keep", "a"], "`--keep`"),
        (["sweep", SPACE, "--keep", "1:4,1:2"], "`--keep` must name each epoch once"),
        (["sweep", SPACE, "--keep", "99:1"], "`keep`"),
        (["sweep", SPACE, "-n", "0"], "`-n`"),
        (["sweep", SPACE, "-n", str(10**9)], "`-n` must be at most 100,000"),
        (["sweep", SPACE, "-n", "1000", "--seeds", "1000"], "`-n` must be at most 100, "),
        (["sweep", SPACE, "--grid", "0"], "`--grid`"),
        (["sweep", "step_decay(uniform(0, 1), integer(1, 9))", "--grid", "999"], "`--grid`"),
        (["sweep", SPACE, "-n", "99999", "--epochs", "9999", "--batch-size", "1"], "GiB of"),
        (["sweep", "step_decay(0.1, 3)"], "Nothing is drawn"),
        (["sweep", SPACE, "--monitor", "los"], "`monitor`"),
        (["sweep", "constant_schedule(unifrom(0, 1))"], "`unifrom`"),
        (["sweep", SPACE, "--out", __file__], "`--out`"),
        (["train", "--out", __file__], "`--out`"),
        (["train", "--data", "letters"], "letters"),
        (["train", "--model", "transformer"], "`--model`"),
        (["train", "--recipe", "slow"], "`--recipe`"),
        (["train", "--epochs", "0"], "`--epochs`"),
        (["train", "--epochs", str(10**10)], "`--epochs` must be at most"),
        (["train", "--batch-size", "100000"], "`--batch-size` must be at most 1437"),
        (["train", "--label-smoothing", "1"], "`--label-smoothing`"),
        (["train", "--seeds", "0"], "`--seeds`"),
        (["train", "--seeds", str(10**9)], "`--seeds` must be at most 10,000"),
        (["train", "--seed", str(2**32)], "`--seed`"),
        (["train", "--hold-out", "5000"], "`--hold-out`"),
        (["train", "--schedule", "open('x')"], "`open`"),
        (["train", "--data", "mnist", "--data-dir", "nowhere"], "nowhere"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_on_standard_error(arguments, word, capsys):
    if arguments[0] in ("train", "sweep"):
        pytest.importorskip("flax")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxlr: ")
    assert word in error
    assert error.count("\n") == 1


def test_train_learns_the_digits_and_writes_its_record(trained):
    out, printed, shown = trained
    assert "learning rate" in printed
    assert "labels smoothed by 0.05, validation_loss without" in printed
    assert shown.count("validation_accuracy") == 3
    assert all(len(line) <= 80 for line in printed.splitlines() if "|" in line)
    assert {path.name for path in out.iterdir()} == {
        "run.json",
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


def test_the_record_says_how_to_do_the_same_again(trained):
    out, *_ = trained
    record = json.loads((out / "run.json").read_text())
    assert record["command"] == f"jaxlr train --epochs 3 --out {out}"
    assert record["total_steps"] == 132 == 3 * record["steps_per_epoch"]
    assert jaxlr.parse(record["schedule"]) == jaxlr.parse(
        record["settings"]["schedule"], total_steps=132, steps_per_epoch=44
    )
    assert record["versions"]["jax"] == jax.__version__
    assert record["settings"]["hyperparameters"] == {"b2": 0.99}
    (result,) = record["results"]
    with open(out / "run_epochs.csv") as stream:
        last = list(csv.DictReader(stream))[-1]
    assert result["validation_accuracy"] == float(last["validation_accuracy"])
    assert result["diverged"] is False


def test_train_takes_a_schedule_that_listens(capsys):
    pytest.importorskip("flax")
    lr = "reduce_on_plateau(linear_schedule(0, 4e-3, steps_per_epoch), monitor='validation_loss')"
    assert main(["train", *SMALL, "--schedule", lr]) == 0
    assert "reduce_on_plateau(schedule=linear_schedule(" in capsys.readouterr().out


def test_several_seeds_have_a_mean_and_a_spread(capsys, tmp_path):
    """And a record that is replaced is named before."""
    pytest.importorskip("flax")
    pytest.importorskip("matplotlib")
    several = "--seeds", "2", "--hold-out", "100", "--out", str(tmp_path)
    for error in ("", f"jaxlr: the record in {tmp_path} will be replaced\n"):
        assert main(["train", *SMALL, *several]) == 0
        printed = capsys.readouterr()
        assert "on 1337 images" in printed.out
        assert "2 seeds: accuracy" in printed.out
        assert printed.err == error


def test_sweep_trains_and_writes_a_record(capsys, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("COLUMNS", "80")
    text = "linear_schedule(log_uniform(1e-4, 1e-2), 0, total_steps)"
    small = "--model", "mlp", "--epochs", "2", "--seeds", "2", "--keep", "1:2"
    assert main(["sweep", text, "--grid", "3", *small, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "3 schedules from linear_schedule(init_value=log_uniform(low=0.0001, high=0.01)" in out
    assert "6 runs in " in out and "4 trained, 2 dropped; best validation_accuracy 0." in out
    best = out.splitlines()[-1]
    assert best.startswith("linear_schedule(init_value=0.0")
    titles = out.splitlines()[2].split()
    assert titles == ["rank", "index", "init_value", "validation_accuracy", "status"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "epochs.csv",
        "run.json",
        "runs.csv",
        "sweep.png",
    }
    with open(tmp_path / "epochs.csv", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 4 * 2 + 2
    record = json.loads((tmp_path / "run.json").read_text())
    found = record["results"]["best"]
    assert found["schedule"] == best == record["schedules"][found["index"]]


def test_a_sweep_of_diverged_runs_has_its_record(capsys, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    text = "constant_schedule(log_uniform(1e35, 1e38))"
    assert main(["sweep", text, "-n", "2", *SMALL, "--out", str(tmp_path)]) == 1
    assert "lower learning rates" in capsys.readouterr().out
    with open(tmp_path / "runs.csv", newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["diverged"] * 2
    assert json.loads((tmp_path / "run.json").read_text())["results"]["best"]["index"] == 0


def test_a_diverged_run_is_one_line_and_a_status():
    """In a process of its own: a warning in the tests is an error."""
    pytest.importorskip("flax")
    done = in_a_process("train", "--schedule", "constant_schedule(1e38)", *SMALL, encoding="utf-8")
    assert done.returncode == 1
    assert done.stderr.startswith("jaxlr: The loss became nan at step 1, ")
    assert done.stderr.count("\n") == 1
    assert "seed 0: diverged in epoch 1" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("keep", [True, False])
def test_an_interrupted_run_leaves_one_line_and_goes_on(keep, tmp_path):
    pytest.importorskip("flax")
    checkpoint = ["--checkpoint", str(tmp_path / "c")] if keep else []
    arguments = ["train", "--epochs", "100000", "--model", "mlp", *checkpoint]
    with subprocess.Popen(
        [sys.executable, "-m", "jaxlr", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        while not process.stderr.readline().startswith("epoch 2,"):
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        lines = process.stderr.read().splitlines()
    assert all(line.startswith("epoch ") for line in lines[:-1])
    assert lines[-1].startswith("jaxlr: interrupted; ")
    assert ("--checkpoint DIR" in lines[-1]) != keep


@pytest.mark.parametrize(
    ("package", "extra"), [("rich", "train"), ("flax", "train"), ("matplotlib", "plot")]
)
def test_an_extra_that_is_missing_is_named_first(package, extra, tmp_path):
    pytest.importorskip("flax")
    code = f"import sys; sys.modules[{package!r}] = None; import jaxlr.cli as c; sys.exit(c.main())"
    command = [sys.executable, "-c", code, "train", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"jaxlr[{extra}]" in done.stderr
    assert not (tmp_path / "out").exists()
