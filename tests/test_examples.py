"""Every example runs, in a process of its own as a reader runs it, and says what it should."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"

pytest.importorskip("flax")
pytest.importorskip("sklearn")


def run(name, *arguments, cwd):
    # A warning in an example is an error, as it is in the tests.
    command = [sys.executable, "-W", "error", EXAMPLES / name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_digits(folder):
    out = run("digits.py", cwd=folder)
    rows = re.findall(r"epoch (\d+): loss ([\d.]+), accuracy ([\d.]+)%, rate ([\d.e-]+)", out)
    assert [int(row[0]) for row in rows] == [*range(1, 11), *range(1, 11)]
    for first, last in ((rows[0], rows[9]), (rows[10], rows[19])):
        assert float(last[1]) < float(first[1])
        assert float(last[2]) > 85
        assert float(last[3]) < 1e-4 < float(first[3])
    assert rows[0][3] != rows[10][3]
    assert "traces of the step for two schedules: 1\n" in out


def check_mnist(folder):
    pytest.importorskip("matplotlib")
    small = "--data", "digits", "--epochs", 1, "--limit", 512, "--batch-size", 16
    out = run("mnist.py", *small, "--out", folder / "new" / "run.png", cwd=folder)
    assert "cnn on 512 images of digits, warmup_cosine_decay_schedule(" in out
    assert "warmup_steps=3, decay_steps=32" in out
    assert re.search(r"^1 +[\d.]+ +[\d.]+ +[\d.]+ ", out, re.MULTILINE), "there is a table"
    accuracy = re.search(r"^epoch 1, .*validation_accuracy ([\d.]+), ", out, re.MULTILINE)
    assert float(accuracy[1]) > 0.6
    assert (folder / "new" / "run.png").stat().st_size > 1000
    assert "run.png" in out.splitlines()[-1]


def check_plateau(folder):
    out = run("plateau.py", "--limit", 256, cwd=folder)
    found = re.findall(r"epoch \d+: rate ([\d.]+), validation loss ([\d.]+)", out)
    rates, losses = np.asarray(found, float).T
    assert rates.max() == 0.003 == rates[2]
    assert 0 < rates[-1] <= 0.00075, "reduced twice or more"
    assert np.all(np.isin(rates[3:] / rates[2:-1], [1.0, 0.5]))
    best = int(re.search(r"best epoch (\d+); stopped early", out)[1])
    assert len(losses) == best + 6
    assert losses[best - 1] == losses.min()


def check_sweep_mnist(folder):
    pytest.importorskip("matplotlib")
    small = "--data", "digits", "--epochs", 3, "--candidates", 4, "--batch-size", 32
    out = run("sweep_mnist.py", *small, "--out", folder / "sweep.png", cwd=folder)
    assert "4 runs in " in out
    assert "1 trained, 3 dropped; best validation_accuracy 0." in out
    assert float(re.search(r"^warmup_cosine.*: test accuracy ([\d.]+) %", out, re.M)[1]) > 70
    assert (folder / "sweep.png").stat().st_size > 1000


def check_choose_decay_epochs(folder):
    small = "--epochs", 4, "--candidates", 3, "--seeds", 2
    out = run("choose_decay_epochs.py", *small, cwd=folder)
    found = re.findall(
        r"^(\w+): validation loss ([\d.]+) ± [\d.]+, test accuracy ([\d.]+) %, (\w+)\(", out, re.M
    )
    assert [row[0] for row in found] == ["grid", "random", "validation"]
    assert [row[3] for row in found] == [*["cosine_decay_schedule"] * 2, "reduce_on_plateau"]
    assert all(float(row[2]) > 80 for row in found)


def check_random_schedules(folder):
    pytest.importorskip("matplotlib")
    small = "--epochs", 2, "--candidates", 9, "--out", folder / "random.png"
    out = run("random_schedules.py", *small, cwd=folder)
    counts = re.findall(r"^(\w+): (\d+) schedules, accuracy", out, re.M)
    assert sum(int(count) for _, count in counts) == 9
    assert len(counts) > 1
    assert (folder / "random.png").stat().st_size > 1000


def check_optuna_sweep(folder):
    """The second call continues the study of the first."""
    pytest.importorskip("optuna")
    small = "--rounds", 1, "--candidates", 3, "--epochs", 2
    outs = [run("optuna_sweep.py", *small, cwd=folder) for _ in range(2)]
    found = [re.search(r"^(\d+) trials, best accuracy ([\d.]+), ", out) for out in outs]
    assert [int(each[1]) for each in found] == [3, 6]
    assert float(found[0][2]) <= float(found[1][2])


def check_distributed_sweep(folder):
    for processes in (2, 1):
        out = run(
            "distributed_sweep.py", "--processes", processes, "--out", f"{processes}.csv",
            "--candidates", 5, "--epochs", 2, cwd=folder,
        )  # fmt: skip
        assert f"{processes} processes, {processes} devices\n5 runs in " in out
    assert (folder / "1.csv").read_text() == (folder / "2.csv").read_text()


CHECKS = {
    "choose_decay_epochs.py": check_choose_decay_epochs,
    "digits.py": check_digits,
    "distributed_sweep.py": check_distributed_sweep,
    "mnist.py": check_mnist,
    "optuna_sweep.py": check_optuna_sweep,
    "plateau.py": check_plateau,
    "random_schedules.py": check_random_schedules,
    "sweep_mnist.py": check_sweep_mnist,
}


def test_every_example_is_checked():
    assert CHECKS.keys() == {path.name for path in EXAMPLES.glob("*.py")}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKS)
def test_example(name, tmp_path):
    CHECKS[name](tmp_path)


@pytest.mark.slow
def test_mnist_stops_early(tmp_path):
    """A rate so high that nothing is learned after the first epochs."""
    pytest.importorskip("matplotlib")
    small = "--data", "digits", "--model", "mlp", "--limit", 256, "--epochs", 30, "--peak", 1
    out = run("mnist.py", *small, "--batch-size", 64, "--patience", 1, cwd=tmp_path)
    assert "stopped early" in out
    assert (tmp_path / "out" / "mnist.png").exists()
