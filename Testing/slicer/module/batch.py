"""Runs a script as `Slicer --no-main-window --python-script` would, in the testbed.

python Testing/slicer/module/batch.py SCRIPT [ARGUMENTS]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# Instead of this file's folder: nothing that lies here is to be found by the script.
sys.path[0] = str(ROOT)

from Testing import testbed  # noqa: E402


def main(words: list[str]) -> int:
    """Boot, load the module, run the script inside the event loop; its exit code."""
    application = testbed.boot_application()
    module = testbed.load_module(ROOT / "SemiWeakSeg" / "SemiWeakSeg.py")
    import qt

    def run() -> None:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")

    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.connect("timeout()", run)
    timer.start(0)
    code = application.exec()
    module.unload()
    for complaint in testbed.take_complaints():
        print(complaint, file=sys.stderr)
        code = code or 70
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
