"""The worker's sign of life."""

from __future__ import annotations

import threading
from types import TracebackType

from SemiWeakSegLib.runs.folder import RunFolder

INTERVAL_S = 5.0


class Heartbeat:
    """Context manager: a thread that refreshes status.json while the worker is up.

    Give it the RunFolder object that the worker itself writes the status with.
    """

    def __init__(self, run: RunFolder, interval_s: float = INTERVAL_S):
        self._run = run
        self._interval_s = interval_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(self._interval_s):
            try:
                self._run.beat()
            except (OSError, ValueError):
                # A full or briefly absent disk must not end the training; the next beat may do.
                continue
