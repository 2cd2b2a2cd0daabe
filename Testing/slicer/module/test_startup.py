"""What Slicer pays at every start for a module that nobody may open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "SemiWeakSeg" / "SemiWeakSeg.py"

PROGRAM = f"""
import importlib.util, sys
from Testing import testbed
testbed.boot_scene()
testbed.boot_application()
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("SemiWeakSeg", {str(FILE)!r})
source = importlib.util.module_from_spec(spec)
sys.modules["SemiWeakSeg"] = source
spec.loader.exec_module(source)
print(*sorted(set(sys.modules) - before))
"""


def test_nothing_big_is_imported_before_the_module_is_opened(application):
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "SemiWeakSegLib.runs" in loaded
    big = ("scipy", "SimpleITK", "torch", "SemiWeakSegLib.cohort", "SemiWeakSegLib.scene.study")
    assert [name for name in big if name in loaded] == []
    assert [name for name in loaded if name.endswith("_panel")] == []
