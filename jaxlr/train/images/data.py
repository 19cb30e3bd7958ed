"""Small image data sets for trying out learning-rate schedules.

Three data sets, all of grey images in ten classes, all returned in the same form:

================  ==============  ===========  ============  ==========================
name              training set    test set     image         source
================  ==============  ===========  ============  ==========================
`digits`          1,437 images    360 images   8 x 8         comes with scikit-learn
`mnist`           60,000 images   10,000       28 x 28       four files, 12 MB
`fashion-mnist`   60,000 images   10,000       28 x 28       four files, 31 MB
================  ==============  ===========  ============  ==========================

`digits` needs no files and no network. scikit-learn gives no split, so this module fixes
one: in scikit-learn's own order, the first 1,437 images train and the last 360 test.

Where the files are looked for
------------------------------

MNIST and Fashion-MNIST each come as four IDX files, `train-images-idx3-ubyte`,
`train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, either
packed (with `.gz` at the end of the name) or unpacked. Where a file is there in both forms,
the packed one is read. One place is searched, the first of these that applies:

1. the `directory` argument of `load`, if given;
2. the directory in the environment variable `JAXLR_DATA`, if set and not empty;
3. the cache: `jaxlr/<name>` in the user's cache directory, which is `$XDG_CACHE_HOME` if set,
   else `~/.cache` (`~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows).

In cases 1 and 2, if the directory has a subfolder named after the data set (`mnist` or
`fashion-mnist`), the files are read from that subfolder and nowhere else; otherwise from the
directory itself. Nothing is downloaded in these cases, and nothing is written: a file that
is not there is an error. In case 3, a file that is not there is downloaded from a public
mirror and kept.

Checks
------

The two data sets use the same file names, so a name proves nothing. The SHA-256 of the
unpacked contents of every file is compared with the one known for that file of that data
set, each time it is read, and a file that differs is refused: it is never used, replaced or
deleted. So a mirror need not be trusted.
"""

import gzip
import hashlib
import http.client
import io
import math
import os
import sys
import urllib.request
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from jaxlr.files import write_whole

_NAMES = ("digits", "mnist", "fashion-mnist")

_DIGITS_TEST_SIZE = 360

_DIRECTORY_VARIABLE = "JAXLR_DATA"

# SHA-256 of the unpacked files. Not of the `.gz` files: packing the same contents again gives
# other bytes, and the files may also be kept unpacked.
_CHECKSUMS = {
    "mnist": {
        "train-images-idx3-ubyte": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
}

# Tried in this order; each address ends in a slash.
_MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
}

_TIMEOUT_SECONDS = 30.0

# Above the largest file, 47,040,016 bytes unpacked. Reading stops here, so that a mirror that
# sends without end, or a small file that unpacks to a huge one, cannot fill the memory. A file
# cut off at this limit does not have the right checksum, so nothing is lost unnoticed.
_MAX_BYTES = 48 * 2**20


class Dataset(NamedTuple):
    """Images with their labels, split into a training set and a test set.

    Attributes:
      train_images: float32 array of shape [N, H, W, 1], values from 0 to 1.
      train_labels: int32 array of shape [N], values from 0 to `num_classes - 1`.
      test_images: like `train_images`, for the test set.
      test_labels: like `train_labels`, for the test set.
    """

    train_images: npt.NDArray[np.float32]
    train_labels: npt.NDArray[np.int32]
    test_images: npt.NDArray[np.float32]
    test_labels: npt.NDArray[np.int32]

    @property
    def num_classes(self) -> int:
        """The number of classes: one more than the largest label."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1


def load(name: str = "digits", directory: str | os.PathLike[str] | None = None) -> Dataset:
    """Load a data set by name.

    The module's documentation says where files are looked for, when they are downloaded, and
    what is checked.

    Args:
      name: `"digits"`, `"mnist"` or `"fashion-mnist"`.
      directory: the directory that holds the four files of MNIST or Fashion-MNIST, or a
        subfolder named after the data set that holds them. Nothing is downloaded when it is
        given. `None` means the directory in the environment variable `JAXLR_DATA`, or, where
        that is not set, the user's cache, with downloads. `"digits"` has no files, and does
        not look at it.

    Returns:
      The data set, in memory, in the order of its source: the images are not shuffled.

    Raises:
      ValueError: `name` is not one of the three; or a file is there but is not the right one.
      FileNotFoundError: a file is missing from `directory`, or from `JAXLR_DATA`.
      OSError: a file could not be downloaded from any mirror, read, or written.
      ImportError: `name` is `"digits"` and scikit-learn is not installed.

    Example:
      >>> from jaxlr.train.images.data import load
      >>> digits = load("digits")
      >>> digits.train_images.shape, digits.test_images.shape
      ((1437, 8, 8, 1), (360, 8, 8, 1))
      >>> digits.train_labels[:10].tolist()
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
      >>> digits.num_classes
      10
    """
    if name not in _NAMES:
        choices = ", ".join(repr(choice) for choice in _NAMES)
        raise ValueError(f"`name` is {name!r}, which is not a data set. Use one of {choices}.")
    if name == "digits":
        return _load_digits()
    return _load_idx(name, directory)


def _load_digits() -> Dataset:
    """Return scikit-learn's digits, with the last images, in its order, as the test set."""
    # Imported here, so that the two other data sets do not need scikit-learn.
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise ImportError(
            "The data set 'digits' comes with scikit-learn, which cannot be imported. "
            "Install it with `pip install scikit-learn`."
        ) from error
    source = load_digits()
    images = _scale(source.images, brightest=16)
    labels = source.target.astype(np.int32)
    split = len(labels) - _DIGITS_TEST_SIZE
    return Dataset(images[:split], labels[:split], images[split:], labels[split:])


def _load_idx(name: str, directory: str | os.PathLike[str] | None) -> Dataset:
    """Return a data set kept as four IDX files."""
    folder, may_download = _choose_folder(name, directory)
    train_pixels, train_labels, test_pixels, test_labels = (
        _parse_idx(_contents(name, file, folder, may_download), str(folder / file), dims)
        for file, dims in (
            ("train-images-idx3-ubyte", 3),
            ("train-labels-idx1-ubyte", 1),
            ("t10k-images-idx3-ubyte", 3),
            ("t10k-labels-idx1-ubyte", 1),
        )
    )
    return Dataset(
        _scale(train_pixels, brightest=255),
        train_labels.astype(np.int32),
        _scale(test_pixels, brightest=255),
        test_labels.astype(np.int32),
    )


def _scale(pixels: npt.NDArray[Any], brightest: int) -> npt.NDArray[np.float32]:
    """Return pixels [N, H, W] as float32 images [N, H, W, 1] with values from 0 to 1."""
    images: npt.NDArray[np.float32] = np.divide(pixels, np.float32(brightest), dtype=np.float32)
    return images[..., np.newaxis]


# Finding the files.


def _choose_folder(name: str, directory: str | os.PathLike[str] | None) -> tuple[Path, bool]:
    """Return the one folder to search, and whether missing files may be downloaded to it."""
    if directory is None:
        # Set but empty counts as not set: that is how a shell user switches a variable off.
        directory = os.environ.get(_DIRECTORY_VARIABLE) or None
    if directory is None:
        return _cache_folder() / name, True
    root = Path(directory).expanduser()
    subfolder = root / name
    return (subfolder if subfolder.is_dir() else root), False


def _cache_folder() -> Path:
    """Return the folder `jaxlr` in the user's cache directory, there or not."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    if os.path.isabs(chosen):
        return Path(chosen) / "jaxlr"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "jaxlr"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else _home() / "AppData" / "Local") / "jaxlr"
    return _home() / ".cache" / "jaxlr"


def _home() -> Path:
    """Return the user's home directory."""
    try:
        return Path.home()
    except RuntimeError:
        raise OSError(
            "There is no home directory to keep data sets in. Set the environment variable "
            f"{_DIRECTORY_VARIABLE} to the directory that has the files."
        ) from None


def _contents(name: str, file: str, folder: Path, may_download: bool) -> bytes:
    """Return the checked, unpacked contents of one file of a data set."""
    for path in (folder / f"{file}.gz", folder / file):
        if path.exists():
            return _read(path, name, file, may_download)
    if may_download:
        return _download(name, file, folder)
    raise FileNotFoundError(
        f"`{file}.gz` of the data set {name!r} is not in the directory {folder}, nor is `{file}`. "
        f"Put the four files of {name!r} there, or point `directory` or the environment variable "
        f"{_DIRECTORY_VARIABLE} to a directory that has them, or leave both unset to have them "
        "downloaded."
    )


def _read(path: Path, name: str, file: str, may_download: bool) -> bytes:
    """Return the checked, unpacked contents of a file that is there."""
    try:
        return _checked(_bytes(path), path.suffix == ".gz", name, file)
    except ValueError as error:
        cure = "Delete it to have it downloaded again" if may_download else "Replace it"
        raise ValueError(
            f"{path} is damaged, or is another file: {error}. {cure}, or point `directory` or the "
            f"environment variable {_DIRECTORY_VARIABLE} to a directory that has the right files."
        ) from None


def _bytes(path: Path) -> bytes:
    """Return the contents of a regular file, up to the size limit; reading a pipe would hang."""
    if not path.is_file():
        raise ValueError("it is no regular file")
    with open(path, "rb") as stream:
        return stream.read(_MAX_BYTES)


# Checking them.


def _checked(stored: bytes, packed: bool, name: str, file: str) -> bytes:
    """Return the unpacked contents of `stored`, or refuse them.

    Args:
      stored: the bytes as they are in the file, or as they came from the mirror.
      packed: whether these are packed with gzip.
      name: the data set they must belong to.
      file: the file of that data set they must be, without `.gz`.

    Returns:
      The unpacked contents. They have the checksum known for this file.

    Raises:
      ValueError: the contents have another checksum, or cannot be unpacked. The message says
        what is wrong, and leaves it to the caller to say where, and the cure.
    """
    expected = _CHECKSUMS[name][file]
    try:
        contents = _unpack(stored) if packed else stored
    except (OSError, EOFError, zlib.error) as error:
        actual = f"none, for they cannot be unpacked ({error})"
    else:
        actual = hashlib.sha256(contents).hexdigest()
        if actual == expected:
            return contents
        actual += _identify(actual)
    raise ValueError(
        f"the unpacked contents of `{file}` of the data set {name!r} have the SHA-256 {expected}, "
        f"and these have {actual}"
    )


def _unpack(packed: bytes) -> bytes:
    """Return the unpacked contents, up to the size limit."""
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        return stream.read(_MAX_BYTES)


def _identify(checksum: str) -> str:
    """Return a note on which known file has this checksum; empty if none has."""
    for name, files in _CHECKSUMS.items():
        for file, known in files.items():
            if checksum == known:
                return f", which is `{file}` of the data set {name!r}"
    return ""


# Downloading them.


def _download(name: str, file: str, folder: Path) -> bytes:
    """Download one file into the cache, and return its checked, unpacked contents."""
    # Before the download, so that a folder that cannot be made is reported at once.
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in _MIRRORS[name]:
        url = f"{mirror}{file}.gz"
        try:
            packed = _fetch(url)
            contents = _checked(packed, True, name, file)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The type too: some errors of the network have no other text.
            failures.append(f"{url}: {type(error).__name__}: {error}")
            print(f"jaxlr: failed: {failures[-1]}", file=sys.stderr, flush=True)
            continue
        with write_whole(folder / f"{file}.gz", "wb") as stream:
            stream.write(packed)
        return contents
    raise OSError(
        f"`{file}.gz` of the data set {name!r} could not be downloaded from any mirror:\n  "
        + "\n  ".join(failures)
        + "\nTry again later, or get the four files in another way and set the environment "
        f"variable {_DIRECTORY_VARIABLE} to the directory that has them."
    )


def _fetch(url: str) -> bytes:
    """Download from an address, up to the size limit, and say so on standard error."""
    print(f"jaxlr: downloading {url}", file=sys.stderr, flush=True)
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response:
        data: bytes = response.read(_MAX_BYTES)
    return data


# Reading them.


def _parse_idx(data: bytes, source: str, dims: int) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    The format: two zero bytes, the type of the values (8 for unsigned bytes), the number of
    dimensions; the size of each dimension, as four bytes, the highest first; then the values,
    the last dimension running fastest.

    Args:
      data: the contents of the file, unpacked.
      source: where they came from, for the errors.
      dims: the number of dimensions the file must have: 3 for images, 1 for labels.

    Returns:
      The values, in an array that cannot be written to.

    Raises:
      ValueError: the contents are not such a file, or are too short or too long for the
        dimensions they state.
    """
    cure = "Use the original file."
    magic, expected_magic = data[:4], bytes([0, 0, 8, dims])
    if magic != expected_magic:
        raise ValueError(
            f"{source} is not an IDX file of unsigned bytes in {dims} dimensions: its magic number "
            f"must be 0x{expected_magic.hex()}, and is 0x{magic.hex()}. {cure}"
        )
    header_size = 4 + 4 * dims
    if len(data) < header_size:
        raise ValueError(
            f"{source} ends within its header: the header of an IDX file in {dims} dimensions has "
            f"{header_size} bytes, and the file has {len(data)}. {cure}"
        )
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", count=dims, offset=4))
    expected_size = header_size + math.prod(shape)
    if len(data) != expected_size:
        raise ValueError(
            f"{source} has {len(data)} bytes, and must have {expected_size} for the dimensions "
            f"{shape} in its header. {cure}"
        )
    return np.frombuffer(data, np.uint8, offset=header_size).reshape(shape)
