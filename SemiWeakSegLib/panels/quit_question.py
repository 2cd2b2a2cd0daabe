"""Closing Slicer while a training runs: stop it, let it go on, or stay."""

from __future__ import annotations

from collections.abc import Callable

import ctk
import qt
import slicer
from slicer.i18n import tr as _

STOP, GO_ON, STAY = "stop", "go on", "stay"


class QuitQuestion(qt.QObject):
    """Asks before Slicer's main window closes, while `runName` returns a name.

    Slicer unloads its modules before it tells anybody that it is about to quit, so the question is
    put when the window is asked to close. The answer is kept in `answer` ("" before any): Slicer
    may still be told to stay, by its own question about unsaved data, so who owns this object acts
    on the answer when the module is cleaned up.
    """

    def __init__(self, runName: Callable[[], str]):
        qt.QObject.__init__(self)
        self._runName = runName
        self._window = None
        self.answer = ""

    def watch(self) -> None:
        """Begin to listen for the main window's close; harmless without one, or when repeated."""
        window = slicer.util.mainWindow()
        if window is None or self._window is not None:
            return
        window.installEventFilter(self)
        self._window = window

    def release(self) -> None:
        """Stop listening."""
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def eventFilter(self, watched, event):
        """Qt's hook: True keeps the event from the window."""
        if event.type() != qt.QEvent.Close:
            return False
        name = self._runName()
        if not name:
            return False
        self.answer = self.ask(name)
        if self.answer != STAY:
            return False
        event.ignore()
        return True

    def ask(self, name: str) -> str:
        """STOP, GO_ON or STAY; when Slicer is being tested the training goes on, unasked."""
        if slicer.app.testingEnabled():
            return GO_ON
        box = ctk.ctkMessageBox(slicer.util.mainWindow())
        box.windowTitle = _("A training is running")
        box.icon = qt.QMessageBox.Question
        box.text = _("The training “{name}” is running. What shall become of it?").format(name=name)
        box.informativeText = _(
            "It needs no Slicer: if it goes on, the next Slicer finds it again. If it is stopped, "
            "it can be resumed later."
        )
        goOn = box.addButton(_("Let it go on"), qt.QMessageBox.AcceptRole)
        box.addButton(_("Stop it"), qt.QMessageBox.DestructiveRole)
        stay = box.addButton(_("Do not close Slicer"), qt.QMessageBox.RejectRole)
        box.setDefaultButton(goOn)
        box.setEscapeButton(stay)
        box.exec_()
        clicked = box.clickedButton()
        role = box.buttonRole(clicked) if clicked else qt.QMessageBox.RejectRole
        box.deleteLater()
        if role == qt.QMessageBox.DestructiveRole:
            return STOP
        return GO_ON if role == qt.QMessageBox.AcceptRole else STAY
