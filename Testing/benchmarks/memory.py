"""Memory of the training process with 20 and with 400 cases.

    python Testing/benchmarks/memory.py [--cases 20 400] [--steps 60] [--json FILE]

Every cohort is trained by the command line in a process of its own. Reported are the most
anonymous memory it had (what it holds itself), the most it mapped from files (the cache, which
the system may drop at any time) and the size of the cache on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from SemiWeakSegLib.cohort import Case, Cohort, SegmentClass
from SemiWeakSegLib.cohort.images import Geometry, write_label, write_scalar
from SemiWeakSegLib.learning.cache import cache_size

SHAPE = (48, 64, 48)
MIB = 2**20


def make_cohort(folder: Path, cases: int) -> Path:
    """Volumes of noise around a box, a tenth of them labeled."""
    source = np.random.default_rng(0)
    geometry = Geometry(SHAPE[::-1], (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[10:30, 10:40, 10:30] = 1
    write_label(folder / "label.nii.gz", label, geometry)
    made = []
    for number in range(cases):
        path = folder / f"{number:04d}.nii.gz"
        write_scalar(path, (label + source.normal(0, 0.5, SHAPE)).astype(np.float32), geometry)
        known = folder / "label.nii.gz" if number % 10 == 0 else None
        made.append(Case(f"{number:04d}", (path,), label=known))
    return Cohort([SegmentClass(1, "box")], made).save(folder / "cohort.json")


def status(pid: int) -> dict[str, int]:
    """Anonymous and file-backed resident bytes of a process, as Linux counts them."""
    found = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(":")
        if name in ("RssAnon", "RssFile"):
            found[name] = int(rest.split()[0]) * 1024
    return found


def measure(cases: int, steps: int) -> dict[str, float]:
    """Trains ``cases`` cases and returns peaks in MiB."""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        cohort = make_cohort(folder, cases)
        cache = folder / "cache"
        environment = {**os.environ, "SEMIWEAKSEG_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "SemiWeakSegLib", "train", str(folder / "run")]
        command += ["--cohort", str(cohort), "--method", "pseudo_label", "--steps", str(steps)]
        command += ["--predict", "none", "--headers-only"]
        peaks: dict[str, int] = {}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                for name, value in status(process.pid).items():
                    peaks[name] = max(peaks.get(name, 0), value)
                time.sleep(0.05)
        if process.returncode:
            raise RuntimeError(f"training {cases} cases ended with {process.returncode}")
        return {
            "anonymous": peaks["RssAnon"] / MIB,
            "mapped": peaks["RssFile"] / MIB,
            "cache": cache_size(cache) / MIB,
        }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, nargs="+", default=[20, 400])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = {}
    print(
        "| cases | own memory, MiB | mapped from files, MiB | cache on disk, MiB |",
        "|---|---|---|---|",
        sep="\n",
    )
    for cases in arguments.cases:
        rows[cases] = row = measure(cases, arguments.steps)
        print(f"| {cases} | {row['anonymous']:.0f} | {row['mapped']:.0f} | {row['cache']:.0f} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
