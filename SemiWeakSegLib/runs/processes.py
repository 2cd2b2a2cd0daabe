"""Is that process still the one we mean? Process ids are reused; start times tell them apart."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

WINDOWS_STILL_ACTIVE = 259
WINDOWS_QUERY_LIMITED_INFORMATION = 0x1000


@dataclass(frozen=True)
class ProcessIdentity:
    """A process for as long as the machine runs.

    `machine` tells boots and containers with one host name apart; `started` is the process's
    start time in the system's own unit. Both are "" where the system does not tell.
    """

    pid: int
    host: str
    machine: str
    started: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ProcessIdentity | None:
        """The identity recorded in a file, None where there is none."""
        pid = values.get("pid")
        if not isinstance(pid, int) or pid <= 0:
            return None
        return cls(
            pid,
            str(values.get("host", "")),
            str(values.get("machine", "")),
            str(values.get("started", "")),
        )

    @property
    def is_here(self) -> bool:
        """Whether the process id means something on this machine."""
        return self.host == socket.gethostname() and self.machine == this_machine()

    def is_alive(self) -> bool | None:
        """True or False on this machine; None where that cannot be known from here.

        None is also the answer for a living process id where the system tells no start time: it
        may be another process by now.
        """
        if not self.is_here:
            return None
        if not pid_exists(self.pid):
            return False
        started = start_time(self.pid)
        if not (started and self.started):
            return None
        return started == self.started


def identify(pid: int | None = None) -> ProcessIdentity:
    """The identity of a process of this machine, by default of this one."""
    pid = os.getpid() if pid is None else pid
    return ProcessIdentity(pid, socket.gethostname(), this_machine(), start_time(pid))


def this_machine() -> str:
    """Boot and process-id namespace on Linux, "" elsewhere."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def start_time(pid: int) -> str:
    """When the process started, in clock ticks since boot (Linux); "" where that is unknown."""
    fields = linux_stat(pid)
    return fields[19] if fields else ""


def pid_exists(pid: int) -> bool:
    """Whether a process with this id runs here; one that ended but was not collected does not."""
    if os.name == "nt":
        return _windows_pid_exists(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    fields = linux_stat(pid)
    return not (fields and fields[0] in "ZX")


def linux_stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; [] where there are none.

    The second field is the program's name in brackets and may itself hold spaces and brackets.
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            return stream.read().rpartition(")")[2].split()
    except OSError:
        return []


def _windows_pid_exists(pid: int) -> bool:
    # os.kill(pid, 0) would send Ctrl-C on Windows.
    import ctypes

    kernel = ctypes.windll.kernel32
    handle = kernel.OpenProcess(WINDOWS_QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        return False
    try:
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        return bool(known) and code.value == WINDOWS_STILL_ACTIVE
    finally:
        kernel.CloseHandle(handle)
