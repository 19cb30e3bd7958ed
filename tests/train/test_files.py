"""Tests of files that are there whole or not at all."""

import errno
import os
import pathlib
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from jaxlr.files import write_whole


def write(path, text="new", mode="w"):
    with write_whole(path, mode) as stream:
        stream.write(text)


def test_folders_are_made_and_nothing_else_is_left(tmp_path):
    write(tmp_path / "a" / "b" / "file", b"bytes", "wb")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"bytes"
    assert os.listdir(tmp_path / "a" / "b") == ["file"]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), write_whole(path) as stream:
        print("new", 1 // 0, file=stream)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("old")
    (tmp_path / "link").symlink_to("there/file")
    (tmp_path / "dangling").symlink_to("there/other")
    for name, target in (("link", "file"), ("dangling", "other")):
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "there" / target).read_text() == "new"


def test_the_mode_stays(tmp_path):
    path = tmp_path / "file"
    write(path)
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    assert path.stat().st_mode == ordinary.stat().st_mode
    path.chmod(0o640)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_device_is_written_to_and_stays():
    before = os.stat("/dev/null")
    write("/dev/null")
    assert os.path.samestat(before, os.stat("/dev/null"))


def test_a_pipe_is_written_to_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write(path)
    reader.join(timeout=10)
    assert read == ["new"]
    assert path.is_fifo()


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_device_is_named():
    with pytest.raises(OSError, match="/dev/full") as error:
        write("/dev/full")
    assert error.value.errno == errno.ENOSPC


def test_a_folder_is_refused_by_name(tmp_path):
    with pytest.raises(OSError, match=str(tmp_path)):
        write(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_file_that_grows_too_large_is_named(tmp_path):
    """As where a disk is full: the system refuses to write on."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path = tmp_path / "file"
    path.write_text("old")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
        with pytest.raises(OSError, match=str(path)) as error:
            write(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert error.value.errno == errno.EFBIG
    assert ".part" not in str(error.value)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.slow
def test_the_halves_of_killed_writers_are_cleared_away(tmp_path):
    """Not those that are still written, nor those of another file."""
    program = textwrap.dedent(
        """
        import sys, time
        from jaxlr.files import write_whole
        with write_whole(sys.argv[1]) as stream:
            print("writing", flush=True)
            time.sleep(60)
        """
    )

    def writer(name):
        command = [sys.executable, "-c", program, tmp_path / name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "writing\n"
        return process

    killed, alive, other = writer("file[1]"), writer("file[1]"), writer("file1")
    for process in (killed, other):
        process.kill()
        process.communicate()
    halves = list(tmp_path.glob("*.part"))
    assert len(halves) == 3
    write(tmp_path / "file[1]")
    assert len(list(tmp_path.glob("*.part"))) == 3  # They may have just begun.
    for half in halves:
        os.utime(half, (0, 0))
    write(tmp_path / "file[1]")
    assert len(list(tmp_path.glob("*.part"))) == 2
    alive.kill()
    alive.communicate()
    write(tmp_path / "file[1]")
    assert [path.name[:6] for path in tmp_path.glob("*.part")] == ["file1."]
    assert (tmp_path / "file[1]").read_text() == "new"
