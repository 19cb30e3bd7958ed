"""Tests of sweeps on several devices and in several processes."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "distributed_sweep.py"

PROGRAM = """
import sys
sys.path[:0] = sys.argv[1], sys.argv[1] + "/.."
import functools
import jax, jaxlr, numpy as np, optax
import test_sweep as t

def save(path, result):
    best = result.best().index
    np.savez(path, status=result.status, epochs=result.epochs, order=result.order(),
             rates=result.rates, hidden=result.params(best)["hidden"], **result.runs)
"""

MANY = """
settings = dict(
    optimizer=functools.partial(optax.sgd, momentum=0.5), epochs=5, seeds=[0, 3],
    early_stopping=jaxlr.early_stopping("validation_loss", patience=2),
    runs_per_batch=int(sys.argv[4]))
settings |= dict(keep={2: 4, 3: 3}) if sys.argv[5] == "keep" else {}
rates = [0.01, 1e30, 0.02, 0.03, 0.1, 0.2, -0.01]
schedules = [*rates, *t.LISTENING[1:5]] if sys.argv[6] == "several kinds" else rates
result = t.train(schedules, **settings)
assert len(jax.devices()) == int(sys.argv[3])
save(sys.argv[2], result)
"""


def start(program, *arguments, devices=1):
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    command = [sys.executable, "-c", PROGRAM + program, HERE, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*arguments, **kwargs):
    process = start(*arguments, **kwargs)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


def assert_same(path, other, rtol=0.0):
    with np.load(path) as first, np.load(other) as second:
        assert sorted(first) == sorted(second)
        for name in first:
            if first[name].dtype.kind == "f":
                np.testing.assert_allclose(first[name], second[name], rtol=rtol, atol=rtol)
            else:
                np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize(
    ("width", "keep", "kinds"),
    [
        (1, "all", "plain"),
        (1, "keep", "several kinds"),
        (3, "keep", "several kinds"),
    ],
)
def test_the_number_of_devices_does_not_matter(tmp_path, width, keep, kinds):
    for devices in (1, 2):
        run(MANY, tmp_path / f"{devices}.npz", devices, width, keep, kinds, devices=devices)
    assert_same(tmp_path / "1.npz", tmp_path / "2.npz", 0.0 if width == 1 else 1e-4)


COMMUNICATION = """
import jaxlr.train.program as program
texts = []
original = program.train_epoch

class Spy:
    def __call__(self, *arguments):
        texts.append(original.lower(*arguments).compile().as_text())
        return original(*arguments)
    eval_shape = staticmethod(original.eval_shape)

program.train_epoch = Spy()
from jaxlr.train.images.classifying import classification
from jaxlr.train.images.models import FastCNN
from jaxlr.train import sweep
task = classification(FastCNN, input_shape=(8, 8, 1))
data = np.zeros((16, 8, 8, 1), np.float32), np.zeros(16, np.int32)
for width in (1, 2):
    schedules = [0.1, jaxlr.reduce_on_plateau(0.2), jaxlr.greedy(0.3, 0.0, 1.0)]
    sweep(schedules, task.init, task.loss, data, data, metric=task.metric, epochs=1,
          batch_size=8, runs_per_batch=width, progress=False)
assert len(texts) == 2 and all("num_partitions=2" in text for text in texts)
for text in texts:
    for word in ("all-gather", "all-reduce", "all-to-all", "collective", "reduce-scatter"):
        assert word not in text, word
"""


def test_devices_do_not_communicate_within_an_epoch():
    run(COMMUNICATION, devices=2)


def distributed(folder, *arguments):
    command = [sys.executable, EXAMPLE, "--epochs", "6", "--candidates", "5", *arguments]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        list(map(str, command)), cwd=folder, env=environment, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def test_the_first_process_alone_writes(tmp_path):
    pytest.importorskip("sklearn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{free.getsockname()[1]}"
    pair = [
        distributed(tmp_path, "--coordinator", meeting, "--process", index, "--out", index)
        for index in range(2)
    ]
    shown = [process.communicate(timeout=300)[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], shown
    assert "epoch 6," in shown[0] and "epoch " not in shown[1]
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_a_killed_sweep_of_two_processes_goes_on_in_another_number(tmp_path):
    """The parameters, too: the metrics of later epochs come of them."""
    pytest.importorskip("sklearn")
    undisturbed = distributed(tmp_path, "--processes", 1, "--out", "undisturbed.csv")
    assert undisturbed.communicate(timeout=300) and undisturbed.returncode == 0
    checkpoint = "--checkpoint", tmp_path / "run"
    for processes, epoch in ((2, 2), (1, 4)):
        killed = distributed(tmp_path, "--processes", processes, *checkpoint)
        for line in killed.stderr:
            if line.startswith(f"epoch {epoch},"):
                break
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL
    last = distributed(tmp_path, "--processes", 2, *checkpoint, "--out", "killed.csv")
    _, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors
    assert "epoch 2," not in errors
    assert (tmp_path / "killed.csv").read_text() == (tmp_path / "undisturbed.csv").read_text()
