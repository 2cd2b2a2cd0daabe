"""The cohort's checks in a child process, anew whenever the cohort or its files change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import qt

from SemiWeakSegLib.panels.children import ChildProcess
from SemiWeakSegLib.scene.inspection import Inspection, inspectionCommand

if TYPE_CHECKING:
    from SemiWeakSegLib.panels.signals import Signals
    from SemiWeakSegLib.scene.study import Study

# Several changes in a row, as a person makes them, are looked at once.
PAUSE_MS = 400
# In the cohort's folder: what files were found to hold, so that only changed ones are read again.
MEMORY = ".inspected.json"


class Checking:
    """Keeps `inspection`, the newest facts, and `failure`, a sentence where the child failed."""

    def __init__(self, events: Signals):
        self.inspection: Inspection | None = None
        self.failure = ""
        self.checked = 0  # cases that the check under way has come past
        self._events = events
        self._study: Study | None = None
        self._signature = ""
        self._child: ChildProcess | None = None
        self._pause = qt.QTimer()
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.connect("timeout()", self.start)

    @property
    def running(self) -> bool:
        """Whether a check is under way or about to begin."""
        return self._child is not None or self._pause.isActive()

    def setStudy(self, study: Study | None) -> None:
        """Look after another study; what was known of the last one is dropped."""
        self.stop()
        self._study = study
        self.inspection = None
        self.failure = ""
        self._signature = ""

    def request(self) -> None:
        """Check soon."""
        if self._study is not None:
            self._pause.start()

    def start(self) -> None:
        """Check now; a check under way is given up."""
        self.stop()
        if self._study is None:
            return
        self._signature = self._study.signature()
        self.failure = ""
        self.checked = 0
        coming = Inspection()
        known = self.inspection

        def onOutput(data: bytes) -> None:
            coming.feed(data)
            self.checked = len(coming.facts)
            # The first lines of a new check say less than the whole of the last one.
            if known is None or not known.finished or coming.finished:
                self.inspection = coming
            self._events.emit("inspection")

        def onFinished(exitCode: int, errorText: str) -> None:
            self._child = None
            coming.end(exitCode, errorText)
            self.inspection = coming
            self.failure = " ".join(coming.errors)
            study = self._study
            if coming.finished and study is not None and self._signature == study.signature():
                study.rememberFacts(coming.facts)
            self._events.emit("inspection")

        command = [*inspectionCommand(self._study.path), "--memory", self._study.folder / MEMORY]
        self._child = ChildProcess(command, onOutput, onFinished)
        self._child.start()
        self._events.emit("inspection")

    def stop(self) -> None:
        """Give up a check under way."""
        self._pause.stop()
        child, self._child = self._child, None
        if child is not None:
            child.stop()

    def isCurrent(self) -> bool:
        """Whether the facts are whole and belong to the cohort and files as they are now."""
        return (
            self._study is not None
            and self.inspection is not None
            and self.inspection.finished
            and not self.running
            and self._signature == self._study.signature()
        )

    def wait(self, seconds: float | None = None) -> Any:
        """Check if need be, handling events until it is done; returns the inspection."""
        if not self.isCurrent():
            self.start()
            if self._child is not None:
                self._child.wait(seconds)
        return self.inspection
