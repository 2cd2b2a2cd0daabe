"""Real, tiny trainings for tests of the module: a cohort that trains in seconds, and waiting."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from SemiWeakSegLib.runs import EventLog, RunFolder, worker
from SemiWeakSegLib.scene.training import TrainingRequest, prepareRun
from Testing import testbed
from Testing.learning.tiny import make_cohort

IDLE_WORKER = Path(__file__).resolve().parents[2] / "runs" / "dummy_worker.py"

QUICK = '{"supervised": {"augmentation": "none", "validations": 4}}'
"""Settings of a training that validates often in few steps, as the parameter node keeps them."""


def waitFor(condition: Callable[[], object], seconds: float = 90.0) -> None:
    """Handle events until the condition holds; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain"
        testbed.process_events(20)


def makeStudyFolder(folder: Path, **counts: int) -> Path:
    """A cohort of 24 x 24 pictures of two balls: labeled, unlabeled, validation and test cases."""
    make_cohort(folder, **counts)
    return folder


def startIdleWorker(study) -> RunFolder:
    """A run of the study whose worker says that it lives, trains nothing and stops when asked."""
    run = prepareRun(study, TrainingRequest("supervised"))
    worker.start(run, command=[sys.executable, str(IDLE_WORKER), str(run.path)])
    waitFor(lambda: len(EventLog(run.events_path).read()[0]) > 1)
    return run
