"""One installed tree for all tests of the packaging."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing.slicer.packaging.building import ROOT, Tools, find_tools, install


@pytest.fixture(scope="session")
def tools() -> Tools:
    """CMake and what it builds with, or a skip that says what is missing."""
    return find_tools()


@pytest.fixture(scope="session")
def installed(tools, tmp_path_factory) -> Path:
    """The extension as `cmake --install` leaves it, from this checkout."""
    return install(tools, ROOT, tmp_path_factory.mktemp("packaging"))
