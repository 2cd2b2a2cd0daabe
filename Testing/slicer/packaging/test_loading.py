"""The installed module loads and shows itself where torch is not installed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from SemiWeakSegLib.runs.worker import worker_environment
from Testing import testbed
from Testing.slicer.packaging.building import MODULE_FOLDER, ROOT

CHILD = """
import importlib, json, pkgutil, sys
from pathlib import Path

root, folder = sys.argv[1:]
MISSING = {"torch", "monai", "matplotlib"}


class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, NotInstalled())
try:
    import torch
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("torch is found: this test would prove nothing")

# The testbed lies in the checkout, and so do the sources: these must not be found.
sys.path.insert(0, root)
import Testing.testbed as testbed

here = Path(root).resolve()
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
finders = [each for each in sys.meta_path if "editable" in getattr(each, "__module__", "").lower()]
sys.meta_path[:] = [each for each in sys.meta_path if each not in finders]

testbed.boot_application()
loaded = testbed.load_module(str(Path(folder) / "SemiWeakSeg.py"))
import SemiWeakSegLib

for room in ("cohort", "methods", "runs", "scene", "panels"):
    package = importlib.import_module(f"SemiWeakSegLib.{room}")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)

files = {
    name: module.__file__
    for name, module in sys.modules.items()
    if name.partition(".")[0] in {"SemiWeakSeg", "SemiWeakSegLib"} and module.__file__
}
print("found: " + json.dumps({
    "elsewhere": {n: f for n, f in files.items() if Path(folder) not in Path(f).parents},
    "modules": len(files),
    "heavy": sorted(n for n in sys.modules if n.partition(".")[0] in MISSING),
    "other process": sorted(
        n for n in sys.modules
        if n.startswith(("SemiWeakSegLib.learning", "SemiWeakSegLib.commands"))
    ),
    "panels": len(loaded.panels),
    "complaints": testbed.take_complaints(),
}))
loaded.unload()
"""


@pytest.fixture(scope="module")
def found(installed):
    """What a process of its own, without torch, found when it loaded the installed module."""
    if testbed.missing_application():
        pytest.skip(testbed.missing_application())
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", CHILD, ROOT, installed / MODULE_FOLDER],
        env={**worker_environment(), "QT_QPA_PLATFORM": "offscreen"},
        cwd=installed,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    return json.loads(done.stdout.rpartition("found: ")[2].splitlines()[0])


class TestInstalledModule:
    def test_it_shows_its_six_sections(self, found):
        assert found["panels"] == 6
        assert found["complaints"] == []

    def test_every_file_comes_from_the_installed_tree(self, found):
        assert found["elsewhere"] == {}
        assert found["modules"] > 50

    def test_neither_torch_nor_the_training_process_is_loaded(self, found):
        assert found["heavy"] == []
        assert found["other process"] == []
