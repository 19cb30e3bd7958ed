"""Tests of the data sets: no test here reaches the network beyond this machine."""

import gzip
import hashlib
import http.server
import io
import os
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from jaxlr.train.images import data

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mnist"

# As they are before any fixture changes them.
MIRRORS = data._MIRRORS
DATA_AT_START = os.environ.get("JAXLR_DATA")


def idx(values):
    """Packs an array of unsigned bytes as IDX, from the format's description."""
    values = np.asarray(values, np.uint8)
    header = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.tobytes()


def tiny_files(seed):
    """Returns the four files of a data set of 5 training and 3 test images, 4 x 6 pixels."""
    rng = np.random.default_rng(seed)
    return {
        "train-images-idx3-ubyte": idx(rng.integers(0, 256, (5, 4, 6))),
        "train-labels-idx1-ubyte": idx(rng.integers(0, 10, 5)),
        "t10k-images-idx3-ubyte": idx(rng.integers(0, 256, (3, 4, 6))),
        "t10k-labels-idx1-ubyte": idx(rng.integers(0, 10, 3)),
    }


MNIST = tiny_files(1)
FASHION = tiny_files(2)


def put(folder, files, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in files.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(contents))
        else:
            (folder / name).write_bytes(contents)
    return folder


def pixels(contents):
    """Returns the values of a tiny image file, read in another way than the module does."""
    raw = np.array(list(contents[16:]), np.float64).reshape(-1, 4, 6, 1)
    return (raw / 255).astype(np.float32)


def labels(contents):
    return list(contents[8:])


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """No data directory, an empty cache, no proxy, and mirrors that no test reaches by accident."""
    monkeypatch.delenv("JAXLR_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(data, "_MIRRORS", {"mnist": (), "fashion-mnist": ()})


@pytest.fixture
def tiny(monkeypatch):
    """Makes the tiny files the right ones."""
    checksums = {
        name: {file: hashlib.sha256(contents).hexdigest() for file, contents in files.items()}
        for name, files in (("mnist", MNIST), ("fashion-mnist", FASHION))
    }
    monkeypatch.setattr(data, "_CHECKSUMS", checksums)


@pytest.fixture
def mirrors(monkeypatch):
    """Starts local mirrors from what each one serves, by path; returns the requests they see."""
    servers = []
    requests = []

    def start(*served_by_each, name="mnist"):
        addresses = []
        for served in served_by_each:
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(served, requests))
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            servers.append(server)
            addresses.append(f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(data, "_MIRRORS", {**data._MIRRORS, name: tuple(addresses)})
        return addresses, requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def handler(served, requests):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append((self.server.server_port, self.path))
            body = served.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404, "Nothing here")
                return
            stated, sent = body if isinstance(body, tuple) else (len(body), body)
            self.send_response(200)
            self.send_header("Content-Length", str(stated))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *args):
            pass

    return Handler


def serve(files):
    return {f"{name}.gz": gzip.compress(contents) for name, contents in files.items()}


def assert_is(dataset, files):
    np.testing.assert_array_equal(dataset.train_images, pixels(files["train-images-idx3-ubyte"]))
    np.testing.assert_array_equal(dataset.test_images, pixels(files["t10k-images-idx3-ubyte"]))
    assert dataset.train_labels.tolist() == labels(files["train-labels-idx1-ubyte"])
    assert dataset.test_labels.tolist() == labels(files["t10k-labels-idx1-ubyte"])
    assert dataset.train_images.dtype == dataset.test_images.dtype == np.float32
    assert dataset.train_labels.dtype == dataset.test_labels.dtype == np.int32


class TestDigits:
    def test_shapes_types_and_ranges(self):
        digits = data.load("digits")
        assert digits.train_images.shape == (1437, 8, 8, 1)
        assert digits.train_labels.shape == (1437,)
        assert digits.test_images.shape == (360, 8, 8, 1)
        assert digits.test_labels.shape == (360,)
        for images in (digits.train_images, digits.test_images):
            assert images.dtype == np.float32
            assert images.min() == 0.0
            assert images.max() == 1.0
        for some_labels in (digits.train_labels, digits.test_labels):
            assert some_labels.dtype == np.int32
            assert sorted(set(some_labels.tolist())) == list(range(10))
        assert digits.num_classes == 10

    def test_is_the_default(self):
        np.testing.assert_array_equal(data.load().train_images, data.load("digits").train_images)

    def test_is_the_same_each_time(self):
        for first, second in zip(data.load("digits"), data.load("digits"), strict=True):
            np.testing.assert_array_equal(first, second)

    def test_split_is_scikit_learns_order_cut_once(self):
        source = pytest.importorskip("sklearn.datasets").load_digits()
        digits = data.load("digits")
        images = np.concatenate([digits.train_images, digits.test_images])
        np.testing.assert_array_equal(images[..., 0] * 16, source.images)
        both_labels = np.concatenate([digits.train_labels, digits.test_labels])
        np.testing.assert_array_equal(both_labels, source.target)

    def test_no_image_is_in_both_parts(self):
        digits = data.load("digits")
        train = {image.tobytes() for image in digits.train_images}
        assert len(train) == 1437
        assert not train & {image.tobytes() for image in digits.test_images}

    def test_needs_no_files(self, monkeypatch, tmp_path):
        monkeypatch.setenv("JAXLR_DATA", str(tmp_path / "nowhere"))
        assert data.load("digits", tmp_path / "nowhere").num_classes == 10

    def test_without_scikit_learn_the_error_names_the_cure(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(ImportError, match="pip install scikit-learn"):
            data.load("digits")


@pytest.mark.parametrize("name", ["cifar", "MNIST", "", None])
def test_unknown_name(name):
    with pytest.raises(ValueError, match="`name`") as caught:
        data.load(name)
    for part in (repr(name), "'digits'", "'mnist'", "'fashion-mnist'"):
        assert part in str(caught.value)


class TestParseIdx:
    def test_images(self):
        values = np.arange(24).reshape(2, 3, 4)
        parsed = data._parse_idx(idx(values), "here", 3)
        np.testing.assert_array_equal(parsed, values)
        assert parsed.dtype == np.uint8

    def test_labels(self):
        # Written out byte by byte, so that it does not rest on `idx`.
        raw = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9])
        assert data._parse_idx(raw, "here", 1).tolist() == [7, 0, 9]

    @pytest.mark.parametrize(
        "magic",
        [b"", b"\0\0\x08", b"\0\0\x08\x01", b"\0\0\x0d\x03", b"\x01\0\x08\x03", b"<htm"],
        ids=["empty", "cut", "labels", "floats", "first-byte", "web-page"],
    )
    def test_bad_magic_number(self, magic):
        rest = idx(np.zeros((1, 2, 2)))[4:] if len(magic) == 4 else b""
        with pytest.raises(ValueError, match="here is not an IDX file.*0x00000803.*original"):
            data._parse_idx(magic + rest, "here", 3)

    def test_ends_in_the_header(self):
        with pytest.raises(ValueError, match="here ends within its header.*16 bytes.*has 15"):
            data._parse_idx(idx(np.zeros((1, 2, 2)))[:15], "here", 3)

    @pytest.mark.parametrize("change", [-1, 1])
    def test_wrong_length(self, change):
        raw = idx(np.zeros((2, 3, 4)))
        raw = raw[:change] if change < 0 else raw + b"\0"
        with pytest.raises(ValueError, match=rf"here has {40 + change} bytes, and must have 40"):
            data._parse_idx(raw, "here", 3)

    def test_sizes_that_overflow_32_bits_are_not_taken_for_zero(self):
        raw = struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 4)
        with pytest.raises(ValueError, match="here has 16 bytes"):
            data._parse_idx(raw, "here", 3)


@pytest.mark.usefixtures("tiny")
class TestDirectories:
    @pytest.mark.parametrize("packed", [True, False])
    @pytest.mark.parametrize("given", [str, Path])
    def test_directory_argument(self, tmp_path, packed, given):
        folder = put(tmp_path / "files", MNIST, packed)
        assert_is(data.load("mnist", given(folder)), MNIST)

    @pytest.mark.parametrize("packed", [True, False])
    def test_variable(self, monkeypatch, tmp_path, packed):
        monkeypatch.setenv("JAXLR_DATA", str(put(tmp_path / "files", MNIST, packed)))
        assert_is(data.load("mnist"), MNIST)

    def test_subfolders_named_after_the_data_sets(self, tmp_path):
        put(tmp_path / "mnist", MNIST)
        put(tmp_path / "fashion-mnist", FASHION)
        assert_is(data.load("mnist", tmp_path), MNIST)
        assert_is(data.load("fashion-mnist", tmp_path), FASHION)

    def test_subfolder_is_searched_and_nothing_else(self, tmp_path):
        put(tmp_path, MNIST)
        (tmp_path / "mnist").mkdir()
        with pytest.raises(FileNotFoundError, match="is not in the directory .*mnist, nor"):
            data.load("mnist", tmp_path)

    def test_argument_goes_before_variable(self, monkeypatch, tmp_path):
        monkeypatch.setenv("JAXLR_DATA", str(put(tmp_path / "variable", FASHION)))
        assert_is(data.load("mnist", put(tmp_path / "argument", MNIST)), MNIST)

    def test_variable_goes_before_cache(self, monkeypatch, tmp_path):
        put(tmp_path / "cache" / "jaxlr" / "mnist", MNIST)
        monkeypatch.setenv("JAXLR_DATA", str(tmp_path / "nowhere"))
        with pytest.raises(FileNotFoundError, match="nowhere"):
            data.load("mnist")

    def test_empty_variable_counts_as_not_set(self, monkeypatch, tmp_path):
        put(tmp_path / "cache" / "jaxlr" / "mnist", MNIST)
        monkeypatch.setenv("JAXLR_DATA", "")
        assert_is(data.load("mnist"), MNIST)

    @pytest.mark.parametrize("by_variable", [True, False])
    def test_missing_file_is_named_and_not_downloaded(
        self, monkeypatch, tmp_path, mirrors, by_variable
    ):
        _, requests = mirrors(serve(MNIST))
        folder = put(tmp_path / "files", MNIST)
        (folder / "t10k-labels-idx1-ubyte.gz").unlink()
        before = listing(folder)
        if by_variable:
            monkeypatch.setenv("JAXLR_DATA", str(folder))
        with pytest.raises(FileNotFoundError) as caught:
            data.load("mnist", None if by_variable else folder)
        for part in ("`t10k-labels-idx1-ubyte.gz`", str(folder), "'mnist'", "JAXLR_DATA"):
            assert part in str(caught.value)
        assert requests == []
        assert listing(folder) == before

    def test_packed_file_is_read_where_both_are_there(self, tmp_path):
        put(tmp_path, MNIST, packed=True)
        put(tmp_path, FASHION, packed=False)
        assert_is(data.load("mnist", tmp_path), MNIST)

    def test_packed_in_another_way_is_the_same_file(self, tmp_path):
        put(tmp_path, MNIST)
        packed = io.BytesIO()
        with gzip.GzipFile("another-name", "wb", 1, packed, mtime=12345) as stream:
            stream.write(MNIST["train-labels-idx1-ubyte"])
        path = tmp_path / "train-labels-idx1-ubyte.gz"
        assert path.read_bytes() != packed.getvalue()
        path.write_bytes(packed.getvalue())
        assert_is(data.load("mnist", tmp_path), MNIST)

    def test_default_cache(self, monkeypatch, tmp_path):
        monkeypatch.setattr(Path, "home", lambda: tmp_path)
        monkeypatch.setattr(sys, "platform", "linux")
        for unusable in ("", "relative/path"):
            monkeypatch.setenv("XDG_CACHE_HOME", unusable)
            assert data._cache_folder() == tmp_path / ".cache" / "jaxlr"
        monkeypatch.setattr(sys, "platform", "darwin")
        assert data._cache_folder() == tmp_path / "Library" / "Caches" / "jaxlr"


def test_every_mirror_is_reached_by_https():
    assert all(address.startswith("https://") for each in MIRRORS.values() for address in each)
    assert set(MIRRORS) == {"mnist", "fashion-mnist"}


def test_no_home_directory_says_what_to_set(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(OSError, match="no home directory .*JAXLR_DATA"):
        data.load("mnist")


@pytest.mark.usefixtures("tiny")
class TestChecksums:
    @pytest.mark.parametrize("file", FILES)
    @pytest.mark.parametrize("packed", [True, False])
    def test_one_changed_byte_is_refused(self, tmp_path, file, packed):
        wrong = bytearray(MNIST[file])
        wrong[-1] ^= 1
        put(tmp_path, {**MNIST, file: bytes(wrong)}, packed)
        path = tmp_path / (f"{file}.gz" if packed else file)
        before = path.read_bytes()
        with pytest.raises(ValueError) as caught:
            data.load("mnist", tmp_path)
        expected = hashlib.sha256(MNIST[file]).hexdigest()
        actual = hashlib.sha256(wrong).hexdigest()
        for part in (str(path), expected, actual, "Replace it", "JAXLR_DATA"):
            assert part in str(caught.value)
        assert path.read_bytes() == before

    def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(self, tmp_path):
        put(tmp_path, MNIST)
        path = tmp_path / "train-images-idx3-ubyte.gz"
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(ValueError, match=r"train-images.*damaged.*it is no regular file"):
            data.load("mnist", tmp_path)

    def test_a_huge_file_is_refused_and_not_read_to_its_end(self, tmp_path):
        put(tmp_path, MNIST, packed=False)
        path = tmp_path / "train-images-idx3-ubyte"
        os.truncate(path, 2**40)  # It takes no room on the disk, but would in memory.
        with pytest.raises(ValueError, match="train-images-idx3-ubyte is damaged"):
            data.load("mnist", tmp_path)

    def test_truncated_packed_file_is_refused(self, tmp_path):
        put(tmp_path, MNIST)
        path = tmp_path / "train-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(ValueError, match="cannot be unpacked") as caught:
            data.load("mnist", tmp_path)
        expected = hashlib.sha256(MNIST["train-images-idx3-ubyte"]).hexdigest()
        assert str(path) in str(caught.value)
        assert expected in str(caught.value)

    @pytest.mark.parametrize("stored", [b"", b"<html>not found</html>"], ids=["empty", "web-page"])
    def test_file_that_is_not_packed_is_refused(self, tmp_path, stored):
        put(tmp_path, MNIST)
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(stored)
        with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz is damaged"):
            data.load("mnist", tmp_path)

    def test_damage_within_the_packed_data_is_refused(self, tmp_path):
        put(tmp_path, MNIST)
        path = tmp_path / "train-images-idx3-ubyte.gz"
        stored = bytearray(path.read_bytes())
        stored[10] = 0xFF  # The first byte after the header: a block of no known type.
        path.write_bytes(stored)
        with pytest.raises(ValueError, match="cannot be unpacked"):
            data.load("mnist", tmp_path)

    def test_bad_packed_file_is_not_passed_over_for_a_good_unpacked_one(self, tmp_path):
        put(tmp_path, MNIST, packed=False)
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"")
        with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz is damaged"):
            data.load("mnist", tmp_path)

    @pytest.mark.parametrize("packed", [True, False])
    def test_one_data_set_does_not_pass_for_the_other(self, tmp_path, packed):
        put(tmp_path, FASHION, packed)
        message = "which is `train-images-idx3-ubyte` of the data set 'fashion-mnist'"
        with pytest.raises(ValueError, match=message):
            data.load("mnist", tmp_path)

    @pytest.mark.parametrize("file", FILES)
    def test_one_file_of_the_other_data_set_is_refused(self, tmp_path, file):
        put(tmp_path, {**MNIST, file: FASHION[file]})
        with pytest.raises(ValueError, match=f"{file}.gz .*'fashion-mnist'"):
            data.load("mnist", tmp_path)

    def test_wrong_file_in_the_cache_is_refused_and_left_alone(self, tmp_path, mirrors):
        _, requests = mirrors(serve(MNIST))
        folder = put(tmp_path / "cache" / "jaxlr" / "mnist", FASHION)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        with pytest.raises(ValueError, match="Delete it to have it downloaded again") as caught:
            data.load("mnist")
        assert str(folder / "train-images-idx3-ubyte.gz") in str(caught.value)
        assert requests == []
        assert {path: path.read_bytes() for path in folder.iterdir()} == before

    def test_what_unpacks_to_more_than_the_limit_is_cut_and_refused(self, monkeypatch, tmp_path):
        monkeypatch.setattr(data, "_MAX_BYTES", 1000)
        put(tmp_path, {**MNIST, "train-images-idx3-ubyte": bytes(100_000)})
        with pytest.raises(ValueError, match=hashlib.sha256(bytes(1000)).hexdigest()):
            data.load("mnist", tmp_path)


def test_table_of_checksums_is_whole():
    assert set(data._CHECKSUMS) == {"mnist", "fashion-mnist"}
    for files in data._CHECKSUMS.values():
        assert tuple(files) == FILES
    digests = [digest for files in data._CHECKSUMS.values() for digest in files.values()]
    assert len(set(digests)) == 8
    for digest in digests:
        assert len(bytes.fromhex(digest)) == 32


@pytest.mark.usefixtures("tiny")
class TestDownloads:
    @pytest.fixture
    def cache(self, tmp_path):
        return tmp_path / "cache" / "jaxlr" / "mnist"

    def test_downloads_once_and_says_so(self, mirrors, cache, capsys):
        (address,), requests = mirrors(serve(MNIST))
        assert_is(data.load("mnist"), MNIST)
        assert listing(cache) == sorted(f"{name}.gz" for name in FILES)
        assert [path for _, path in requests] == [f"/{name}.gz" for name in FILES]
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines() == [
            f"jaxlr: downloading {address}{name}.gz" for name in FILES
        ]
        assert_is(data.load("mnist"), MNIST)
        assert len(requests) == 4
        assert capsys.readouterr().err == ""

    def test_only_the_missing_file_is_downloaded(self, mirrors, cache):
        _, requests = mirrors(serve(MNIST))
        put(cache, MNIST, packed=False)
        (cache / "t10k-images-idx3-ubyte").unlink()
        assert_is(data.load("mnist"), MNIST)
        assert [path for _, path in requests] == ["/t10k-images-idx3-ubyte.gz"]

    def test_each_data_set_has_its_own_folder(self, mirrors, tmp_path):
        mirrors(serve(MNIST))
        mirrors(serve(FASHION), name="fashion-mnist")
        assert_is(data.load("mnist"), MNIST)
        assert_is(data.load("fashion-mnist"), FASHION)
        assert listing(tmp_path / "cache" / "jaxlr") == ["fashion-mnist", "mnist"]

    def test_second_mirror_is_used_when_the_first_has_nothing(self, mirrors, cache, capsys):
        (first, second), requests = mirrors({}, serve(MNIST))
        assert_is(data.load("mnist"), MNIST)
        assert len(requests) == 8
        assert listing(cache) == sorted(f"{name}.gz" for name in FILES)
        lines = capsys.readouterr().err.splitlines()
        assert lines[0] == f"jaxlr: downloading {first}train-images-idx3-ubyte.gz"
        assert lines[1].startswith(f"jaxlr: failed: {first}train-images") and "404" in lines[1]
        assert lines[2] == f"jaxlr: downloading {second}train-images-idx3-ubyte.gz"

    def test_second_mirror_is_used_when_the_first_is_off(self, monkeypatch, mirrors):
        (address,), _ = mirrors(serve(MNIST))
        # Bound and closed again, so that nothing answers there.
        with http.server.HTTPServer(("127.0.0.1", 0), None) as server:
            off = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(data, "_MIRRORS", {"mnist": (off, address)})
        assert_is(data.load("mnist"), MNIST)

    def test_second_mirror_is_used_when_the_first_has_the_other_data_set(self, mirrors, cache):
        mirrors(serve(FASHION), serve(MNIST))
        assert_is(data.load("mnist"), MNIST)
        stored = gzip.decompress((cache / "train-images-idx3-ubyte.gz").read_bytes())
        assert stored == MNIST["train-images-idx3-ubyte"]

    @pytest.mark.parametrize(
        "kind", ["cut-by-the-line", "cut-at-the-mirror", "other", "not-packed"]
    )
    def test_wrong_download_is_refused_and_leaves_nothing(self, mirrors, cache, kind):
        right = gzip.compress(MNIST["train-images-idx3-ubyte"])
        body = {
            "cut-by-the-line": (len(right), right[:-10]),
            "cut-at-the-mirror": right[:-10],
            "other": gzip.compress(FASHION["train-images-idx3-ubyte"]),
            "not-packed": b"<html>Please log in</html>",
        }[kind]
        (address,), _ = mirrors({**serve(MNIST), "train-images-idx3-ubyte.gz": body})
        with pytest.raises(OSError, match="could not be downloaded") as caught:
            data.load("mnist")
        assert f"{address}train-images-idx3-ubyte.gz: ValueError" in str(caught.value)
        assert hashlib.sha256(MNIST["train-images-idx3-ubyte"]).hexdigest() in str(caught.value)
        assert listing(cache) == []

    def test_when_every_mirror_fails_each_is_named_with_its_reason(self, mirrors, cache):
        (first, second), _ = mirrors({}, serve(FASHION))
        with pytest.raises(OSError) as caught:
            data.load("mnist")
        lines = str(caught.value).splitlines()
        assert lines[1].startswith(f"  {first}train-images-idx3-ubyte.gz: HTTPError: ")
        assert "404" in lines[1]
        assert lines[2].startswith(f"  {second}train-images-idx3-ubyte.gz: ValueError: ")
        assert "'fashion-mnist'" in lines[2]
        assert "JAXLR_DATA" in lines[-1]
        assert listing(cache) == []

    def test_files_got_before_a_failure_are_kept(self, mirrors, cache):
        served = serve(MNIST)
        del served["t10k-images-idx3-ubyte.gz"]
        mirrors(served)
        with pytest.raises(OSError, match="t10k-images-idx3-ubyte.gz"):
            data.load("mnist")
        assert listing(cache) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]

    def test_slow_mirror_is_given_up(self, monkeypatch, mirrors):
        monkeypatch.setattr(data, "_TIMEOUT_SECONDS", 0.2)
        (good,), _ = mirrors(serve(MNIST))
        # Accepts connections, for it listens, and never answers one.
        with http.server.HTTPServer(("127.0.0.1", 0), None) as silent:
            slow = f"http://127.0.0.1:{silent.server_port}/"
            monkeypatch.setattr(data, "_MIRRORS", {"mnist": (slow, good)})
            assert_is(data.load("mnist"), MNIST)

    @pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
    def test_interrupted_write_leaves_nothing(self, monkeypatch, mirrors, cache, error):
        _, requests = mirrors(serve(MNIST), serve(MNIST))

        def replace(*_):
            # The temporary file is in the folder of the final one, under another name.
            (name,) = listing(cache)
            assert name.endswith(".part")
            raise error

        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(type(error)) as caught:
            data.load("mnist")
        # As it is: a full disk is not the mirror's fault, and no other mirror cures it.
        assert caught.value is error
        assert len(requests) == 1
        assert listing(cache) == []


@pytest.fixture(scope="module")
def mnist():
    """The real MNIST, loaded once; skips where its files are not at hand."""
    try:
        return data.load("mnist", DATA_AT_START or BESIDE_THE_REPOSITORY)
    except FileNotFoundError as error:
        pytest.skip(f"The real MNIST is not at hand: {error}")


class TestRealMnist:
    def test_shapes(self, mnist):
        assert mnist.train_images.shape == (60000, 28, 28, 1)
        assert mnist.train_labels.shape == (60000,)
        assert mnist.test_images.shape == (10000, 28, 28, 1)
        assert mnist.test_labels.shape == (10000,)
        assert mnist.num_classes == 10

    def test_label_counts(self, mnist):
        train = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        test = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
        assert np.bincount(mnist.train_labels).tolist() == train
        assert np.bincount(mnist.test_labels).tolist() == test

    def test_pixels(self, mnist):
        for images in (mnist.train_images, mnist.test_images):
            assert images.dtype == np.float32
            assert images.min() == 0.0
            assert images.max() == 1.0
        assert mnist.train_images.mean(dtype=np.float64) == pytest.approx(0.1307, abs=1e-4)

    def test_is_refused_as_fashion_mnist(self, mnist, tmp_path):
        del mnist  # Only for its skip.
        root = Path(DATA_AT_START or BESIDE_THE_REPOSITORY)
        folder = root / "mnist" if (root / "mnist").is_dir() else root
        for path in folder.glob("*-ubyte*"):
            (tmp_path / path.name).symlink_to(path)
        message = "train-images-idx3-ubyte.*which is `train-images-idx3-ubyte` of .*'mnist'"
        with pytest.raises(ValueError, match=message):
            data.load("fashion-mnist", tmp_path)
