"""The end of a run's log in a text field, filled as the log grows."""

from __future__ import annotations

from pathlib import Path

from slicer.i18n import tr as _

from SemiWeakSegLib.panels.log_tail import LogTail

MAXIMUM_LINES = 2000


class LogView:
    """Fills a read-only QPlainTextEdit; the widget keeps the newest lines only."""

    def __init__(self, textEdit):
        self.textEdit = textEdit
        self.textEdit.readOnly = True
        self.textEdit.maximumBlockCount = MAXIMUM_LINES
        self._tail: LogTail | None = None

    def follow(self, path: Path | str | None) -> None:
        """Show another log from its end, or none."""
        if self._tail is not None and path is not None and self._tail.path == Path(path):
            return
        self.textEdit.clear()
        self._tail = None if path is None else LogTail(path)

    def update(self) -> None:
        """Add what is new; reads a bounded piece of the file."""
        if self._tail is None:
            return
        skipped = self._tail.skipped
        lines = self._tail.lines()
        if self._tail.skipped > skipped:
            lines.insert(0, _("… older lines are in {file}").format(file=self._tail.path))
        if lines:
            self.textEdit.appendPlainText("\n".join(lines))
