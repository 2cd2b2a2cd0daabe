"""Fixtures of the Slicer tests: an empty scene, the application, the module."""

from __future__ import annotations

from pathlib import Path

import pytest

from Testing import testbed

MODULE = Path(__file__).resolve().parents[2] / "SemiWeakSeg" / "SemiWeakSeg.py"


class Unavailable(pytest.Module):
    """A file of tests that cannot even be imported here."""

    def collect(self):
        pytest.skip(testbed.missing_scene(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path, parent):
    """Tests of the scene and the module import slicer at the top: skip the file without it."""
    if testbed.missing_scene() and module_path.parent.name in ("scene", "module"):
        return Unavailable.from_parent(parent, path=module_path)
    return None


@pytest.fixture
def slicerScene():
    """An empty MRML scene, real nodes and logics, no Qt; the same object in every test."""
    if testbed.missing_scene():
        pytest.skip(testbed.missing_scene())
    scene = testbed.boot_scene()
    testbed.clear_scene()
    yield scene
    testbed.clear_scene()


@pytest.fixture
def application(slicerScene):
    """Qt and the stand-ins over an empty scene; fails on what Slicer would only have printed."""
    if testbed.missing_application():
        pytest.skip(testbed.missing_application())
    booted = testbed.boot_application()
    testbed.take_complaints()
    yield booted
    testbed.process_events()
    complaints = testbed.take_complaints()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def module(application):
    """The module freshly loaded from the source tree; ``.widget``, ``.logic``, ``.panels``."""
    loaded = testbed.load_module(MODULE)
    yield loaded
    loaded.unload()
    testbed.process_events()


@pytest.fixture
def layoutManager(application):
    """A layout manager, which Slicer without a main window does not have."""
    import slicer

    from Testing.testbed.standins.layout import LayoutManager

    manager = LayoutManager(slicer.mrmlScene, slicer.app.applicationLogic())
    slicer.app.setLayoutManager(manager)
    yield manager
    slicer.app.setLayoutManager(None)
    manager._close()
