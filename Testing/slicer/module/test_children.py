"""Child processes: ended with all that they started, and deleted outside their own signals."""

from __future__ import annotations

import os
import sys
import time

import pytest

from SemiWeakSegLib.runs.processes import pid_exists
from Testing import testbed

LIMIT_S = 20


@pytest.fixture
def children(application):
    """The file under test, which imports qt."""
    from SemiWeakSegLib.panels import children

    return children


@pytest.fixture
def launcher(children, tmp_path, monkeypatch):
    """An interpreter that, as PythonSlicer does, starts the real one and waits for it."""
    script = tmp_path / "PythonSlicer"
    script.write_text(f'#!/bin/sh\n"{sys.executable}" "$@" &\nwait $!\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setattr(children, "workerPython", lambda: str(script))
    return script


def _wait(condition) -> bool:
    until = time.monotonic() + LIMIT_S
    while not condition() and time.monotonic() < until:
        testbed.process_events(20)
    return condition()


@pytest.mark.skipif(os.name == "nt", reason="the launcher is a shell script")
def test_stopping_ends_what_the_launcher_started(children, launcher, tmp_path):
    told = tmp_path / "pid"
    program = f"import os, time; open({str(told)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    child = children.ChildProcess(["-c", program]).start()
    assert _wait(lambda: told.exists() and told.read_text())
    pid = int(told.read_text())
    assert pid_exists(pid)
    child.stop()
    assert _wait(lambda: not _works(pid))


def _works(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return os.path.exists("/proc/self") is False and pid_exists(pid)


def test_a_stopped_child_tells_nothing_more(children):
    told = []
    child = children.ChildProcess(
        ["-c", "print(1)"], told.append, lambda *end: told.append(end)
    ).start()
    child.stop()
    testbed.process_events(300)
    assert told == []


@pytest.mark.parametrize("program", ["python", "no such program"])
def test_the_process_outlives_its_last_signal(children, monkeypatch, program):
    """PythonQt deletes an object without parent as soon as Python lets go of it."""
    held = []
    monkeypatch.setattr(
        children.qt.QTimer, "singleShot", staticmethod(lambda _ms, call: held.append(call))
    )
    if program != "python":
        monkeypatch.setattr(children, "workerPython", lambda: program)
    ended = []
    child = children.ChildProcess(["-c", "pass"], onFinished=lambda code, _text: ended.append(code))
    child.start()
    assert child.wait(LIMIT_S)
    assert ended == [0 if program == "python" else -1]
    assert len(held) == 1
    cells = [cell.cell_contents for cell in held[0].__closure__]
    assert [type(each).__name__ for each in cells] == ["QProcess"]
    held[0]()
