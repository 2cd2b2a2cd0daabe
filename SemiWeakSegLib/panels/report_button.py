"""The report of a run: opened in the browser, made first where there is none yet."""

from __future__ import annotations

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.children import ChildProcess
from SemiWeakSegLib.panels.command_errors import plainMessage
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.run_commands import reportCommand

FILE_NAME = "report.html"


class ReportButton:
    """`say(text)` gets what happens."""

    def __init__(self, button: qt.QPushButton, say: Callable[[str], None]) -> None:
        self.button = button
        self._say = say
        self.run: RunFolder | None = None
        self._child: ChildProcess | None = None
        button.connect("clicked()", self.openReport)
        self.update()

    def setRun(self, run: RunFolder | None) -> None:
        """Open the report of this run from now on."""
        self.run = run
        self.update()

    def openReport(self) -> None:
        """Open the report, after making it where it is not there."""
        if self.run is None:
            return
        path = self.run.report / FILE_NAME
        if path.is_file():
            if not qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path))):
                self._say(_("No browser could be started; the report is {path}").format(path=path))
            return
        run = self.run
        self._child = ChildProcess(
            reportCommand(run), None, lambda code, text: self._onMade(run, code, text)
        )
        self._child.start()
        self._say(_("Making the report…"))
        self.update()

    def cleanup(self) -> None:
        """The panel goes away."""
        if self._child is not None:
            self._child.stop()
        self._child = None

    def update(self) -> None:
        """Enable the button where there is something to open, and say what is missing."""
        missing = ""
        if self.run is None:
            missing = _("Train a model first")
        elif self._child is not None and self._child.running:
            missing = _("The report is being made")
        elif not (self.run.report / FILE_NAME).is_file() and not self.run.can_predict():
            missing = _("This run has no report: it did not get as far as a model")
        self.button.enabled = not missing
        self.button.toolTip = missing or _("Open the run's report in the browser")

    def _onMade(self, run: RunFolder, exitCode: int, errorText: str) -> None:
        self._child = None
        self.update()
        if exitCode != 0:
            self._say(plainMessage(errorText, exitCode))
        elif run is self.run:
            self._say("")
            self.openReport()
