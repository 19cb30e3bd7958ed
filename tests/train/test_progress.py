"""What training shows while it runs."""

import time

import pytest

pytest.importorskip("rich")

from jaxlr.train import progress


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def test_the_clock_knows_what_is_left_once_it_has_seen_an_epoch_without_compiling():
    now = Time()
    clock = progress.Clock(epochs=10, done=0, now=now)
    now.now = 30.0
    assert clock.status() == "epoch 1 of 10, compiling and training, 30 s"
    assert clock.position() == 0.0
    clock.tick()
    now.now = 34.0
    assert clock.status() == "epoch 2 of 10, 4 s"
    now.now = 40.0
    clock.tick()
    now.now = 44.0
    assert clock.status() == "epoch 3 of 10, about 1 min 16 s left"
    assert clock.position() == pytest.approx(2.4)
    now.now = 99.0  # It takes longer than the others, and is not over for that.
    assert clock.status() == "epoch 3 of 10, about 1 min 10 s left"
    assert 2.9 < clock.position() < 3.0


def test_a_resumed_run_counts_on():
    clock = progress.Clock(epochs=10, done=9, now=Time())
    assert clock.status().startswith("epoch 10 of 10")
    clock.tick()
    assert (clock.status(), clock.position()) == ("10 epochs", 10)


def test_a_long_epoch_is_not_silent(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SECONDS_OF_SILENCE", 0.05)
    with progress.display(True, epochs=2, done=0) as show:
        time.sleep(0.2)
        show({"epoch": 1, "loss": 0.5})
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 5
    assert all(line.startswith("epoch 1 of 2, compiling and training") for line in lines[:-1])
    assert lines[-1] == "epoch 1, loss 0.5"
