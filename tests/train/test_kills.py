"""Runs that are killed at random moments, other ones each time, go on bit for bit."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
sys.path[:0] = sys.argv[1], sys.argv[1] + "/.."
import jax, jaxlr, numpy as np, optax
import test_sweep as t

checkpoint = None if sys.argv[4] == "-" else sys.argv[4]
if sys.argv[2] == "sweep":
    result = t.train([*t.MIXED, *t.LISTENING[1:5]], epochs=12, keep={4: 4, 8: 3},
                     checkpoint=checkpoint)
    arrays = {"status": result.status, "rates": result.rates, **result.runs}
    arrays["w"] = result.params(result.best().index)["hidden"]
else:
    result = t.alone(t.LISTENING[1], epochs=12, checkpoint=checkpoint,
                     early_stopping=jaxlr.early_stopping("validation_loss", patience=9))
    arrays = {"w": result.params["hidden"], **result.history.steps, **result.history.epochs}
    del arrays["seconds"]
np.savez(sys.argv[3], **arrays)
"""


def start(kind, path, checkpoint, devices=1):
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    here = pathlib.Path(__file__).parent
    command = [sys.executable, "-c", PROGRAM, here, kind, path, checkpoint]
    return subprocess.Popen(
        list(map(str, command)), env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("kind", ["fit", "sweep"])
def test_a_run_killed_at_random_moments_goes_on_bit_for_bit(tmp_path, kind):
    """On one device and on two in turn; JAXLR_KILL_SEED repeats the moments of a failure."""
    seed = int(os.environ.get("JAXLR_KILL_SEED", time.time_ns() % 2**32))
    rng = np.random.default_rng(seed)
    begin = time.monotonic()
    undisturbed = start(kind, tmp_path / "undisturbed.npz", "-")
    _, errors = undisturbed.communicate(timeout=300)
    assert undisturbed.returncode == 0, errors
    seconds = time.monotonic() - begin
    path, run = tmp_path / "killed.npz", tmp_path / "run"
    signals = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    for attempt in range(5):
        process = start(kind, path, run, devices=1 + attempt % 2)
        # Most time goes by before the first epoch, where there is nothing to lose yet.
        while attempt == 0 and process.poll() is None and not list(run.glob("epoch*")):
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, seconds if attempt else 0.2))
        process.send_signal(signals[rng.integers(len(signals))])
        process.communicate(timeout=300)
    process = start(kind, path, run)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, f"JAXLR_KILL_SEED={seed}\n{errors}"
    assert not list(run.glob("*.part"))
    with np.load(path) as killed, np.load(tmp_path / "undisturbed.npz") as expected:
        assert sorted(killed) == sorted(expected)
        for name in expected:
            message = f"{name}, JAXLR_KILL_SEED={seed}"
            np.testing.assert_array_equal(killed[name], expected[name], err_msg=message)
