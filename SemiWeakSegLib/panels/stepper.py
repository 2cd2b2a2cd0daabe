"""Long work on many things in small steps, so that Slicer stays alive, with progress and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import qt

SLICE_S = 0.03


class Stepper:
    """Calls `work(item)` for item after item from a timer, a few at a time.

    `onProgress(done, total)` is called between them; `onDone(problems, cancelled)` at the end.
    What `work` raises of the kinds in `expected` is collected as text; anything else ends the work.
    """

    def __init__(self, expected: tuple[type[Exception], ...]) -> None:
        self.expected = expected
        self.running = False
        self._items: list[Any] = []
        self.done = 0
        self._problems: list[str] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._step)

    def start(
        self,
        items: Sequence[Any],
        work: Callable[[Any], Any],
        onProgress: Callable[[int, int], None],
        onDone: Callable[[list[str], bool], None],
    ) -> None:
        """Begin; work that is still going on is cancelled first."""
        self.cancel()
        self._items, self.done, self._problems = list(items), 0, []
        self._work, self._onProgress, self._onDone = work, onProgress, onDone
        self.running = True
        onProgress(0, len(self._items))
        self._timer.start()

    def cancel(self) -> None:
        """Stop after what is done so far."""
        if self.running:
            self._finish(cancelled=True)

    def drop(self) -> None:
        """Stop and tell nobody: scene or panel are going away."""
        self.running = False
        self._timer.stop()

    def _step(self) -> None:
        until = time.monotonic() + SLICE_S
        while self.running and self.done < len(self._items):
            item = self._items[self.done]
            self.done += 1
            try:
                self._work(item)
            except self.expected as error:
                self._problems.append(str(error))
            except Exception:
                self._finish(cancelled=True)
                raise
            if time.monotonic() > until:
                break
        if not self.running:
            return
        self._onProgress(self.done, len(self._items))
        if self.done >= len(self._items):
            self._finish(cancelled=False)

    def _finish(self, cancelled: bool) -> None:
        self.drop()
        self._onDone(self._problems, cancelled)
