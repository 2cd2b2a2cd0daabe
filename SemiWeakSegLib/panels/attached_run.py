"""A run that is being watched: its news by a timer, its curves in the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import qt

from SemiWeakSegLib.scene.curves import Curves
from SemiWeakSegLib.scene.watching import RunWatcher

if TYPE_CHECKING:
    from SemiWeakSegLib.panels.signals import Signals
    from SemiWeakSegLib.runs import RunFolder
    from SemiWeakSegLib.scene.watching import RunUpdate

POLL_MS = 500
RUNNING = "running"


class AttachedRun:
    """Polls a run twice a second while it works; tells `update` and, at its end, `finished`."""

    def __init__(self, run: RunFolder, events: Signals):
        self.run = run
        self.state = ""
        self.lastUpdate: RunUpdate | None = None
        self.curves = Curves(run.path.name)
        self.onEvent: Callable[[dict[str, Any]], Any] | None = None
        self.onFinished: Callable[[str], Any] | None = None
        self._events = events
        self._watcher = RunWatcher(run)
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self.poll)

    def start(self) -> None:
        """Look now, and go on looking while the run works."""
        self._timer.start()
        self.poll()

    def stop(self) -> None:
        """Look no more, for good; the run itself goes on."""
        self._timer.stop()
        # The connection would keep this object, and the curves, for as long as Slicer lives.
        self._timer.disconnect("timeout()", self.poll)

    def poll(self) -> None:
        """Read what is new."""
        wasRunning = self.state == RUNNING
        update = self._watcher.poll()
        self.state, self.lastUpdate = update.state, update
        self.curves.update(update.newEvents)
        if self.onEvent is not None:
            for event in update.newEvents:
                self.onEvent(event)
        self._events.emit("update", update)
        if update.state == RUNNING:
            return
        self._timer.stop()
        if wasRunning:
            self._events.emit("finished", self.run, update.state)
            self._events.emit("results")
            if self.onFinished is not None:
                self.onFinished(update.state)

    def sceneClosed(self) -> None:
        """The scene took the curves with it: draw them again from the run's own file."""
        self.curves = Curves(self.run.path.name)
        self._watcher = RunWatcher(self.run)
        self.curves.update(self._watcher.poll().newEvents)
