"""Tests of checkpoints: a run that was interrupted is the run that was not."""

import contextlib
import functools
import os
import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxlr
from jaxlr.train import fit
from jaxlr.train.checkpoint import Checkpoints
from jaxlr.train.runs import plain

pytestmark = pytest.mark.xdist_group("checkpoint")  # They share programs.

X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = X @ np.array([1.0, -2.0, 0.5], np.float32)
TRAIN = (X, Y)
SCHEDULE = jaxlr.cosine_decay_schedule(0.1, decay_steps=24)


def init(key):
    return {"w": jax.random.normal(key, (3,)), "b": jnp.zeros((), jnp.bfloat16)}


def loss(params, batch):
    x, y = batch
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2), {"size": jnp.max(jnp.abs(x))}


def train(schedule=SCHEDULE, **kwargs):
    settings = {"epochs": 4, "batch_size": 8, "progress": False} | kwargs
    return fit(schedule, init, loss, TRAIN, TRAIN, **settings)


class Interruption(Exception):
    pass


def interrupted_after(epoch, **kwargs):
    def stop(row):
        if row["epoch"] == epoch:
            raise Interruption

    with pytest.raises(Interruption):
        train(on_epoch=stop, **kwargs)


def assert_same_run(a, b):
    for x, y in zip(
        jax.tree.leaves((a.params, a.state)), jax.tree.leaves((b.params, b.state)), strict=True
    ):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(plain(x), plain(y))
    assert list(a.history.steps) == list(b.history.steps)
    assert list(a.history.epochs) == list(b.history.epochs)
    for name, column in a.history.steps.items():
        np.testing.assert_array_equal(column, b.history.steps[name])
        assert column.dtype == b.history.steps[name].dtype
    for name in set(a.history.epochs) - {"seconds"}:
        np.testing.assert_array_equal(a.history.epochs[name], b.history.epochs[name])
    assert (a.best_epoch, a.stopped_epoch, a.diverged) == (
        b.best_epoch,
        b.stopped_epoch,
        b.diverged,
    )


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_a_resumed_run_is_the_undisturbed_one(tmp_path, epoch):
    optimizer = functools.partial(optax.adamw, weight_decay=jaxlr.linear_schedule(0.1, 0.0, 20))
    interrupted_after(epoch, checkpoint=tmp_path, optimizer=optimizer)
    rows = []
    resumed = train(checkpoint=tmp_path, optimizer=optimizer, on_epoch=rows.append)
    assert len(rows) == 4 - epoch  # It did go on, and not begin anew.
    assert_same_run(resumed, train(optimizer=optimizer))


def test_early_stopping_goes_on_where_it_was(tmp_path):
    settings = {
        "schedule": jaxlr.join_schedules(
            [jaxlr.constant_schedule(0.05), jaxlr.constant_schedule(-0.05)], boundaries=[6]
        ),
        "epochs": 9,
        "optimizer": optax.sgd,
        "early_stopping": jaxlr.early_stopping("validation_loss", patience=3),
    }
    undisturbed = train(**settings)
    assert (undisturbed.best_epoch, undisturbed.stopped_epoch) == (1, 4)
    interrupted_after(2, checkpoint=tmp_path, **settings)
    assert_same_run(train(checkpoint=tmp_path, **settings), undisturbed)
    rows = []
    again = train(checkpoint=tmp_path, on_epoch=rows.append, **settings)
    assert rows == []
    assert_same_run(again, undisturbed)


@pytest.mark.parametrize("monitor", ["value", "validation_loss"])
@pytest.mark.parametrize("epoch", [2, 3])
def test_an_adaptive_schedule_goes_on_where_it_was(tmp_path, monitor, epoch):
    warmup = jaxlr.linear_schedule(0.0, 0.1, 6)
    rule = {"threshold": 0.5, "threshold_mode": "abs", "cooldown": 1, "monitor": monitor}
    lr = jaxlr.reduce_on_plateau(warmup, 0.5, 2, **rule)
    settings = {"schedule": lr, "epochs": 6, "optimizer": optax.sgd}
    undisturbed = train(**settings)
    rates = undisturbed.history.steps["learning_rate"].reshape(6, -1)
    assert rates[epoch:].min() < rates[epoch - 1].min(), "it was reduced after the interruption"
    interrupted_after(epoch, checkpoint=tmp_path, **settings)
    assert_same_run(train(checkpoint=tmp_path, **settings), undisturbed)
    with pytest.raises(ValueError, match=r"schedule: .*patience=2.* there, .*patience=3.* here"):
        train(**settings | {"schedule": lr.replace(patience=3)}, checkpoint=tmp_path)


def test_a_diverged_run_stays_so(tmp_path):
    settings = {"schedule": 1e20, "optimizer": optax.sgd, "checkpoint": tmp_path}
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="learning rate of 1e.20"):
            result = train(**settings)
        assert result.diverged
        assert result.history.num_epochs < 3


@pytest.mark.slow
def test_flax_parameters(tmp_path):
    from jaxlr.train.images.classifying import classification
    from jaxlr.train.images.models import MLP

    task = classification(MLP, input_shape=(3,), classes=2, hidden=(4,))
    data = (X, (Y > 0).astype(np.int32))
    settings = {"epochs": 2, "batch_size": 8, "progress": False}

    def stop(row):
        raise Interruption

    def run(**kwargs):
        return fit(0.01, task.init, task.loss, data, data, metric=task.metric, **settings, **kwargs)

    with pytest.raises(Interruption):
        run(checkpoint=tmp_path, on_epoch=stop)
    assert_same_run(run(checkpoint=tmp_path), run())


@pytest.mark.slow
def test_a_fresh_process_resumes_bit_for_bit(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        sys.path[:0] = sys.argv[1], sys.argv[1] + "/.."
        import numpy as np
        import test_checkpoint as t
        schedule = lambda count: 0.1 / (1 + count)
        if sys.argv[3] == "interrupt":
            t.interrupted_after(2, schedule=schedule, checkpoint=sys.argv[2])
        else:
            result = t.train(schedule, checkpoint=sys.argv[2])
            np.savez(sys.argv[3], loss=result.history.steps["loss"], w=result.params["w"])
        """
    )
    for last in ("interrupt", str(tmp_path / "result.npz")):
        args = [sys.executable, "-c", program, os.path.dirname(__file__), tmp_path / "run", last]
        done = subprocess.run(args, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
    expected = train(lambda count: 0.1 / (1 + count))
    with np.load(tmp_path / "result.npz") as result:
        np.testing.assert_array_equal(result["loss"], expected.history.steps["loss"])
        np.testing.assert_array_equal(result["w"], expected.params["w"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"schedule": SCHEDULE.replace(init_value=0.2)},
            r"schedule: .*=0.1.* there, .*=0.2.* here",
        ),
        ({"epochs": 5}, "  epochs: 4 there, 5 here\n"),
        ({"batch_size": 10}, "  batch_size: 8 there, 10 here\n"),
        ({"seed": 1}, "  seed: 0 there, 1 here\n"),
        ({"optimizer": functools.partial(optax.adam, b2=0.9)}, r"  optimizer: .*b2=0.9"),
        (
            {"early_stopping": jaxlr.early_stopping()},
            r"  early_stopping: None there, early_stopping\(",
        ),
    ],
)
def test_another_configuration_is_refused(tmp_path, saved, change, message):
    before = sorted(saved.rglob("*"))
    with pytest.raises(ValueError, match=message) as error:
        train(checkpoint=saved, **change)
    assert str(error.value).count(" there, ") == 1
    assert sorted(saved.rglob("*")) == before


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved")
    interrupted_after(1, checkpoint=directory)
    return directory


def test_another_function_of_the_same_name_is_refused(tmp_path):
    interrupted_after(1, schedule=optax.cosine_decay_schedule(0.1, 24), checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"  schedule: .* there, .* here"):
        train(optax.cosine_decay_schedule(0.1, 30), checkpoint=tmp_path)
    train(optax.cosine_decay_schedule(0.1, 24), checkpoint=tmp_path)


def test_a_run_that_is_there_is_not_overwritten(saved):
    with pytest.raises(FileExistsError, match=r"saved after epoch 1.*another directory"):
        train(checkpoint=saved, resume=False)


def test_no_resume_is_fine_where_there_is_nothing(tmp_path):
    train(checkpoint=tmp_path / "new" / "folder", resume=False)
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["epoch3.checkpoint", "epoch4.checkpoint", "lock"]


def test_a_checkpoint_that_was_not_finished_does_not_count(tmp_path, monkeypatch):
    class Power(Exception):
        pass

    def cut(*args, **kwargs):
        raise Power

    with Checkpoints(tmp_path, {}) as checkpoints, monkeypatch.context() as patch:
        checkpoints.save(1, {"w": np.ones(3)})
        patch.setattr(os, "replace", cut)
        with pytest.raises(Power):
            checkpoints.save(2, {"w": np.zeros(3)})
    with Checkpoints(tmp_path, {}) as checkpoints:
        assert checkpoints.epoch == 1
        np.testing.assert_array_equal(checkpoints.load()["w"], 1.0)


def test_an_empty_directory_has_nothing_to_load(tmp_path):
    with Checkpoints(tmp_path, {}) as checkpoints:
        assert checkpoints.epoch is None
        assert checkpoints.load() is None


def test_arrays_of_every_kind_come_back(tmp_path):
    arrays = {
        "half": np.asarray(jnp.arange(3, dtype=jnp.bfloat16)),
        "number": np.asarray(7),
        "empty": np.zeros((0, 3), np.float32),
        "turned": np.arange(6).reshape(2, 3).T,
        "flags / $": np.array([True, False]),
    }
    with Checkpoints(tmp_path, {}) as checkpoints:
        checkpoints.save(1, arrays)
    with Checkpoints(tmp_path, {}) as checkpoints:
        loaded = checkpoints.load()
    assert list(loaded) == list(arrays)
    for name, array in arrays.items():
        assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(loaded[name], array)


def test_a_resumed_run_lies_where_the_data_lie(tmp_path):
    """On a device of one's choice it stays there; where arrays are free to move they stay so."""
    device = jax.devices()[0]
    optimizer = functools.partial(optax.noisy_sgd, eta=0.01, key=0)  # Its state has a random key.
    for name, data in (("free", TRAIN), ("bound", jax.device_put(TRAIN, device))):
        settings = {"epochs": 2, "batch_size": 8, "progress": False, "optimizer": optimizer}
        whole = fit(SCHEDULE, init, loss, data, **settings)
        for stop in (True, False):
            with contextlib.suppress(Interruption):
                resumed = fit(
                    SCHEDULE, init, loss, data, checkpoint=tmp_path / name, **settings,
                    on_epoch=interrupt if stop else None,
                )  # fmt: skip
        assert_same_run(resumed, whole)
        assert resumed.params["w"].committed == (name == "bound")


def interrupt(row):
    raise Interruption


def test_it_is_quiet(tmp_path, capfd, caplog):
    train(checkpoint=tmp_path, epochs=1)
    train(checkpoint=tmp_path, epochs=1)
    assert capfd.readouterr() == ("", "")
    assert [record.message for record in caplog.records if record.levelname != "INFO"] == []


# Damage.


def a_file(directory):
    """A small checkpoint: its file, its arrays."""
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "kept": np.arange(2)}
    with Checkpoints(directory, {"seed": "0"}) as checkpoints:
        checkpoints.save(1, arrays)
    return directory / "epoch1.checkpoint"


def loaded(directory):
    with Checkpoints(directory, {"seed": "0"}) as checkpoints:
        return checkpoints.load()


def test_every_flipped_bit_is_noticed(tmp_path):
    path = a_file(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"`checkpoint`: .*epoch1.checkpoint is damaged"):
            loaded(tmp_path)
    path.write_bytes(whole)
    assert list(loaded(tmp_path)) == ["w", "kept"]


def test_a_file_that_is_cut_off_or_goes_on_is_noticed(tmp_path):
    path = a_file(tmp_path)
    whole = path.read_bytes()
    for size in (*range(0, len(whole), 7), len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is damaged, or no checkpoint"):
            loaded(tmp_path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="is damaged, or no checkpoint"):
        loaded(tmp_path)


def test_a_folder_in_place_of_a_checkpoint_is_named(tmp_path):
    a_file(tmp_path).unlink()
    (tmp_path / "epoch1.checkpoint").mkdir()
    with pytest.raises(ValueError, match=r"epoch1.checkpoint cannot be read: Is a directory"):
        loaded(tmp_path)


def test_an_older_checkpoint_is_offered_if_it_is_whole(tmp_path):
    interrupted_after(3, checkpoint=tmp_path)
    newest, older = tmp_path / "epoch3.checkpoint", tmp_path / "epoch2.checkpoint"
    newest.write_bytes(newest.read_bytes()[:-1])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"epoch3.*Delete this file to go on from epoch 2, whose"):
        train(checkpoint=tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    newest.unlink()
    rows = []
    assert_same_run(train(checkpoint=tmp_path, on_epoch=rows.append), train())
    assert [row["epoch"] for row in rows] == [3, 4]
    for path in (tmp_path / "epoch3.checkpoint", tmp_path / "epoch4.checkpoint"):
        path.write_bytes(b"")
    assert not older.exists()
    with pytest.raises(ValueError, match=r"epoch4.*Delete the directory to begin anew"):
        train(checkpoint=tmp_path)


# Locks.

HOLD = """
import sys, time
from jaxlr.train.checkpoint import Checkpoints
with Checkpoints(sys.argv[1], {}):
    print("holding", flush=True)
    time.sleep(60)
"""


def test_a_directory_has_one_process_at_a_time(tmp_path):
    command = [sys.executable, "-c", HOLD, tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "holding\n"
    message = rf"`checkpoint`: .* is in use by another process, number {process.pid}\."
    with pytest.raises(BlockingIOError, match=message):
        train(checkpoint=tmp_path)
    half = tmp_path / "epoch1.checkpoint.0123.part"
    half.touch()
    process.kill()  # It leaves its file of the lock behind, and a half checkpoint.
    process.communicate()
    train(checkpoint=tmp_path, epochs=1)
    assert not half.exists()


def test_a_run_within_a_run_is_refused(tmp_path):
    def again(row):
        train(checkpoint=tmp_path)

    with pytest.raises(BlockingIOError, match="Wait for it to end, or choose another directory"):
        train(checkpoint=tmp_path, on_epoch=again)
    train(checkpoint=tmp_path)  # An error gives the lock back.


@pytest.mark.parametrize(
    ("checkpoint", "error"), [("", ValueError), (5, TypeError), ("file", OSError)]
)
def test_a_directory_that_cannot_be_is_refused(tmp_path, monkeypatch, checkpoint, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(error, match="`checkpoint`"):
        train(checkpoint=checkpoint)
    assert os.listdir(tmp_path) == ["file"]
