"""Checks what `make package` has built: what is in it, and that it works on its own.

Takes the folder with the sdist, the wheel made from it, and in ``tree/`` the wheel made from the
checkout. Run it with a Python that has only the wheel and its core dependencies.
"""

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_THERE = ["flax", "matplotlib", "rich", "sklearn"]
URLS = {"Homepage", "Documentation", "Changelog", "Issues"}
FIELDS = ["Summary", "Author", "License-Expression", "License-File", "Keywords", "Classifier"]


def check(holds: bool, what: str) -> None:
    """Ends with one line where something is wrong."""
    if not holds:
        sys.exit(f"package: {what}")


def files_of_wheel(path: Path) -> dict[str, bytes]:
    """The files of a wheel by their names."""
    with zipfile.ZipFile(path) as wheel:
        return {name: wheel.read(name) for name in wheel.namelist()}


def check_contents(folder: Path) -> None:
    """The wheel holds the package and no more; the sdist all that is kept in git, and makes it."""
    (wheel_path,) = folder.glob("*.whl")
    (sdist_path,) = folder.glob("*.tar.gz")
    (again,) = folder.glob("tree/*.whl")
    wheel = files_of_wheel(wheel_path)
    check(wheel == files_of_wheel(again), "the sdist makes another wheel than the checkout")
    package = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("jaxlr/**/*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in wheel if ".dist-info/" not in name}
    check(held == package, f"the wheel differs from jaxlr/ in {sorted(held ^ package)}")
    check("jaxlr/py.typed" in held, "the wheel has no jaxlr/py.typed")
    with tarfile.open(sdist_path) as sdist:
        unpacked = {name.partition("/")[2] for name in sdist.getnames()}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    missing = set(listed.stdout.splitlines()) - unpacked
    check(not missing, f"the sdist lacks {sorted(missing)}")


def check_metadata() -> None:
    """The package index can show all that a visitor needs."""
    metadata = importlib.metadata.metadata("jaxlr")
    for field in FIELDS:
        check(bool(metadata.get_all(field)), f"the metadata has no {field}")
    urls = {url.partition(",")[0] for url in metadata.get_all("Project-URL") or []}
    check(urls == URLS, f"the metadata has the URLs {sorted(urls)}")
    readme = (ROOT / "README.md").read_text()
    check(str(metadata.get_payload()).strip() == readme.strip(), "the description is not README.md")
    version = importlib.import_module("jaxlr").__version__
    check(metadata["Version"] == version, f"the metadata has version {metadata['Version']}")
    for name in ("CHANGELOG.md", "CITATION.cff"):
        check(version in (ROOT / name).read_text(), f"{name} does not know version {version}")


def check_use() -> None:
    """Everything but pictures and training works without an extra; these name theirs."""
    for name in NOT_THERE:
        check(
            importlib.util.find_spec(name) is None, f"{name} is installed; use a bare environment"
        )
    import jaxlr

    check(not Path(jaxlr.__file__).is_relative_to(ROOT / "jaxlr"), "this imports the checkout")
    lr = jaxlr.cosine_decay_schedule(0.1, decay_steps=1000)
    check(abs(float(lr(500)) - 0.05) < 1e-8, f"lr(500) is {lr(500)}")
    for name in ("batches", "curves", "feedback", "peers", "search", "units"):
        getattr(jaxlr, name)
    text = "cosine_decay_schedule(0.1, 1000)"
    with tempfile.TemporaryDirectory() as empty:
        run(empty, "list", expect=0, words="warmup_cosine_decay_schedule")
        run(empty, "show", text, expect=0, words="decay_steps=1000")
        run(empty, "show", text, "--out", "a.png", expect=2, words='pip install "jaxlr[plot]"')
        run(empty, "train", expect=2, words='pip install "jaxlr[train]"')


def run(folder: str, *arguments: str, expect: int, words: str) -> None:
    """Runs a command of jaxlr and checks its exit status and what it prints."""
    command = Path(sys.executable).with_name("jaxlr")
    done = subprocess.run(
        [command, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    printed = done.stdout + done.stderr
    check(
        done.returncode == expect and words in printed and "Traceback" not in printed,
        f"`jaxlr {' '.join(arguments)}` ended with {done.returncode} and printed:\n{printed}",
    )


if __name__ == "__main__":
    built = Path(sys.argv[1]).resolve()
    check_contents(built)
    check_metadata()
    check_use()
    print(f"package: {', '.join(path.name for path in built.glob('*.*'))} hold what they should")
