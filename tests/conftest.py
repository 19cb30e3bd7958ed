"""How all tests run: under strict promotion, and with one store of compiled programs for each run.

The store is new for each run, so that nothing passes because of what an earlier one left behind. It
is shared by all that a run starts: its workers, and the processes of examples and commands.
"""

import os
import shutil
import signal
import tempfile

import jax
import pytest

EVERYTHING = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""What is kept in the store."""


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell does so with what it runs in the background, and tested commands would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        config.own_store = tempfile.mkdtemp(prefix="jaxlr-tests-")
        os.environ.update(EVERYTHING, JAX_COMPILATION_CACHE_DIR=config.own_store)
    jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def pytest_unconfigure(config):
    if hasattr(config, "own_store"):
        shutil.rmtree(config.own_store, ignore_errors=True)


@pytest.fixture(autouse=True)
def strict_promotion(request):
    """Neither types nor ranks are promoted silently, except where other libraries do it."""
    others = request.path.parent.name in ("train", "peers")
    if others or request.node.get_closest_marker("promotes"):
        yield
    else:
        with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
            yield
