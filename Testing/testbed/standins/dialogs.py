"""Message boxes."""

from __future__ import annotations

from PySide6 import QtWidgets

from .factory import behaviour


@behaviour
class ctkMessageBox:
    """A message box that may not be asked again; opening it in a test is an error."""

    def setDontShowAgain(self, value: bool) -> None:
        self.dontShowAgain = value

    def exec(self) -> int:
        raise RuntimeError(f"a message box was opened in a test: {self.text}")

    exec_ = exec

    def addDontShowAgainButtonRole(self, role) -> None:
        QtWidgets.QMessageBox.buttonRole  # noqa: B018 - the role is only remembered by ctk
