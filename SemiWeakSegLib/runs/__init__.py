"""A run on disk and the process that works on it. Standard library only."""

from SemiWeakSegLib.runs import worker
from SemiWeakSegLib.runs.events import KINDS, EventLog
from SemiWeakSegLib.runs.folder import HEARTBEAT_LIMIT_S, STATES, RunFolder
from SemiWeakSegLib.runs.heartbeat import Heartbeat
from SemiWeakSegLib.runs.processes import ProcessIdentity
from SemiWeakSegLib.runs.request import RunError, RunRequest

__all__ = [
    "HEARTBEAT_LIMIT_S",
    "KINDS",
    "STATES",
    "EventLog",
    "Heartbeat",
    "ProcessIdentity",
    "RunError",
    "RunFolder",
    "RunRequest",
    "worker",
]
