"""Ending a process with all that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from SemiWeakSegLib.runs.processes import linux_stat

PS = ("ps", "-A", "-o", "pid=,ppid=")
TASKKILL = ("taskkill", "/T", "/F", "/PID")


def end_tree(pid: int) -> None:
    """End a process and its descendants at once; harmless for one that has ended.

    Slicer's Python is a launcher, which does not take the Python that it started with it.
    """
    if pid <= 0:
        return
    if os.name == "nt":
        flags = subprocess.CREATE_NO_WINDOW
        subprocess.run([*TASKKILL, str(pid)], capture_output=True, check=False, creationflags=flags)
        return
    # The parents first: none of them can start another one meanwhile.
    for each in (pid, *_descendants(pid)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for each, parent in _parents():
        children.setdefault(parent, []).append(each)
    found = list(children.get(pid, []))
    for each in found:  # grows while it is gone through
        found += children.get(each, [])
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """Each process of the system with its parent."""
    if Path("/proc/self/stat").exists():
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            if fields := linux_stat(int(folder.name)):
                yield int(folder.name), int(fields[1])
        return
    with contextlib.suppress(OSError):
        lines = subprocess.run(PS, capture_output=True, text=True, check=False).stdout.splitlines()
        for line in lines:
            each, parent = line.split()
            yield int(each), int(parent)
