"""Asking what is to become of an annotation that was changed and not saved."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

SAVE, DISCARD, CANCEL = "save", "discard", "cancel"


class UnsavedQuestion:
    """Asks the person: save, discard or stay.

    In Slicer's testing mode nobody is asked: ``testingAnswer`` is the answer ("save", "discard" or
    "cancel").
    """

    def __init__(self) -> None:
        self.testingAnswer = SAVE

    def ask(self, caseId: str, mayStay: bool = True) -> str:
        """SAVE, DISCARD or CANCEL; never CANCEL where the person can no longer stay."""
        if slicer.app.testingEnabled():
            answer = self.testingAnswer
        else:
            answer = self._askPerson(caseId, mayStay)
        return SAVE if answer == CANCEL and not mayStay else answer

    def _askPerson(self, caseId: str, mayStay: bool) -> str:
        buttons = qt.QMessageBox.Save | qt.QMessageBox.Discard
        if mayStay:
            buttons = buttons | qt.QMessageBox.Cancel
        chosen = slicer.util.messageBox(
            _("The annotation of case {case} has changes that are not saved.").format(case=caseId),
            windowTitle=_("Save the annotation?"),
            icon=qt.QMessageBox.Question,
            standardButtons=buttons,
        )
        answers = {qt.QMessageBox.Save: SAVE, qt.QMessageBox.Discard: DISCARD}
        return answers.get(chosen, CANCEL)
