"""Trainings that go on without Slicer, and how a later Slicer finds them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import qt

from SemiWeakSegLib.runs import RunError, RunFolder

SETTING = "SemiWeakSeg/runs"
MOST_REMEMBERED = 8
MOST_LOOKED_AT = 30


def rememberRun(run: RunFolder) -> None:
    """Keep a run's folder in Slicer's settings, as the newest."""
    path = str(run.path)
    paths = [path, *(each for each in rememberedPaths() if each != path)]
    # As one text: a list comes back as a list, a text or nothing, depending on its length.
    qt.QSettings().setValue(SETTING, json.dumps(paths[:MOST_REMEMBERED]))


def rememberedPaths() -> list[str]:
    """Folders of the runs that were started or watched here, the newest first."""
    try:
        paths = json.loads(qt.QSettings().value(SETTING, "[]") or "[]")
    except (TypeError, ValueError):
        return []
    return [each for each in paths if isinstance(each, str)] if isinstance(paths, list) else []


def runningRun(paths: Iterable[Path | str]) -> RunFolder | None:
    """The first of the folders in which a training is running; a few dozen are looked at."""
    for path in list(paths)[:MOST_LOOKED_AT]:
        try:
            run = RunFolder.open(path)
            if run.state() == "running":
                return run
        except (RunError, OSError):
            # A folder that was moved, or is on a disk that is not there today.
            continue
    return None
