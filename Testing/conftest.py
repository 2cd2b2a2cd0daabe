"""What all tests share: a cache of their own, one thread, silence."""

from __future__ import annotations

import os
import signal

import pytest

# Set before torch is loaded by any test: two cores shared with others stay predictable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes side by side share the cores: one thread for each of them and for its children.
    for name in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
        "VTK_SMP_MAX_THREADS",
    ):
        os.environ.setdefault(name, "1")

# A shell starts background jobs with Ctrl-C ignored; the tests of Ctrl-C need it heard.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Preprocessed cases never go to the user's cache folder."""
    before = os.environ.get("SEMIWEAKSEG_CACHE")
    os.environ["SEMIWEAKSEG_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["SEMIWEAKSEG_CACHE"]
    else:
        os.environ["SEMIWEAKSEG_CACHE"] = before
