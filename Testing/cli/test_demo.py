"""The README's first command, as the Makefile has it, only shorter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
class TestMakeDemo:
    def test_goes_from_nothing_to_a_report(self, tmp_path):
        environment = tmp_path / "environment"
        environment.mkdir()
        # The environment that runs this test stands for the one that the Makefile would make.
        (environment / "installed").touch()
        done = subprocess.run(
            [
                "make",
                "demo",
                f"VENV={environment}",
                f"BIN={Path(sys.executable).parent}",
                f"DEMO={tmp_path / 'demo'}",
                "STEPS=8",
            ],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        run = tmp_path / "demo" / "run"
        report = (run / "report" / "report.html").read_text(encoding="utf-8")
        assert "synthetic" in report.lower()
        metrics = json.loads((run / "predictions" / "metrics.json").read_text(encoding="utf-8"))
        assert len(metrics["cases"]) >= 10
        assert (run / "model" / "model.json").exists()
