"""The package and its menu work, and stay light, where nothing is installed but Python."""

from __future__ import annotations

import json
import subprocess
import sys

from SemiWeakSegLib.methods import METHODS
from SemiWeakSegLib.runs.worker import worker_environment

CHILD = """
import sys

HEAVY = {"torch", "numpy", "monai", "SimpleITK", "scipy", "matplotlib"}


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"blocked {name}", name=name)


sys.meta_path.insert(0, Blocked())
try:
    import torch
except ModuleNotFoundError as error:
    assert "blocked" in str(error)
else:
    raise AssertionError("torch is not blocked: this test would prove nothing")

import runpy

import SemiWeakSegLib
import SemiWeakSegLib.methods
import SemiWeakSegLib.runs

sys.argv = ["SemiWeakSegLib", *sys.argv[1:]]
try:
    runpy.run_module("SemiWeakSegLib", run_name="__main__", alter_sys=True)
finally:
    heavy = sorted(name for name in sys.modules if name.partition(".")[0] in HEAVY)
    print("heavy:", heavy, file=sys.stderr)
"""


def without_packages(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        env=worker_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


class TestWithoutPackages:
    def test_the_menu_is_listed_and_imports_nothing_heavy(self):
        done = without_packages("methods")
        assert done.returncode == 0, done.stderr
        assert "curriculum_size: " in done.stdout
        assert done.stderr.strip() == "heavy: []"

    def test_the_menu_as_json(self):
        done = without_packages("methods", "--json")
        assert len(json.loads(done.stdout)["methods"]) == len(METHODS)
        assert done.stderr.strip() == "heavy: []"

    def test_every_help_needs_nothing(self):
        for words in ([], ["--help"], ["train", "--help"], ["cohort", "make", "--help"]):
            done = without_packages(*words)
            assert done.returncode == 0, done.stderr
            assert done.stderr.strip() == "heavy: []"

    def test_what_needs_a_package_names_it(self):
        # -S leaves out site-packages: what is installed there cannot be found at all.
        done = subprocess.run(
            [sys.executable, "-S", "-m", "SemiWeakSegLib", "cache"],
            env=worker_environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == 3
        assert "needs torch and monai" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_run_can_be_watched(self, tmp_path):
        from SemiWeakSegLib.runs import RunFolder, RunRequest

        run = RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))
        done = without_packages("status", str(run.path))
        assert done.returncode == 0, done.stderr
        assert "created" in done.stdout


class TestChecks:
    def test_a_check_loads_only_what_reads_images(self):
        """The module starts one for every change of a cohort: it must not be kept waiting."""
        script = (
            "import sys, SemiWeakSegLib.cohort, SemiWeakSegLib.commands.cohort_inspect\n"
            "print(*sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=worker_environment(),
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )
        loaded = done.stdout.split()
        assert "SimpleITK" in loaded
        slow = ("torch", "monai", "matplotlib", "scipy.ndimage", "scipy.sparse")
        assert [name for name in slow if name in loaded] == []
