"""Runs in tmp_path, and real workers that are ended whatever happens."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from SemiWeakSegLib.runs import EventLog, RunError, RunFolder, RunRequest, worker

DUMMY = Path(__file__).with_name("dummy_worker.py")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    folder = RunFolder.create(tmp_path / "run", RunRequest(method="supervised"))
    yield folder
    # A test may have written that this process, or one elsewhere, is the worker.
    with contextlib.suppress(RunError):
        worker.kill(folder)


@pytest.fixture
def dummy() -> Path:
    """The dummy worker's file."""
    return DUMMY


@pytest.fixture
def start_dummy(run: RunFolder) -> Callable[..., int]:
    """Start the dummy worker and wait until it works."""

    def start(*arguments: str) -> int:
        offset = EventLog(run.events_path).read()[1]
        pid = worker.start(run, command=[sys.executable, str(DUMMY), str(run.path), *arguments])
        wait_until(lambda: len(EventLog(run.events_path).read(offset)[0]) > 1)
        return pid

    return start


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition; fails where it does not come true."""
    return wait_until


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition; fails where it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
