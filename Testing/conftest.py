"""What all tests share: a cache of their own, one thread, silence."""

from __future__ import annotations

import os

import pytest

# Set before torch is loaded by any test: two cores shared with others stay predictable.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


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
