"""Which buttons of the Cohort section can be pressed, and what is missing where they cannot."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study


def showStudyButtons(ui: SimpleNamespace, study: Study | None) -> None:
    """The buttons that depend on the cohort."""
    missing = "" if study is not None else _("Open or create a cohort first.")
    _enable(ui.addCasesButton, missing, _("Add images to the cohort. Nothing is copied."))
    if not missing and not study.cohort.cases:
        missing = _("Add cases first.")
    _enable(ui.splitButton, missing, _("Divide the cases into training, validation and test."))
    undo = "" if study is None else study.undoText
    redo = "" if study is None else study.redoText
    _enable(
        ui.undoButton,
        "" if undo else _("Nothing to undo."),
        _("Undo: {change} (Ctrl+Z in the table)").format(change=undo),
    )
    _enable(
        ui.redoButton,
        "" if redo else _("Nothing to redo."),
        _("Redo: {change} (Ctrl+Shift+Z in the table)").format(change=redo),
    )


def showSelectionButtons(ui: SimpleNamespace, count: int) -> None:
    """The buttons that work on the selected cases, of which there are ``count``."""
    missing = "" if count else _("Select cases in the table first.")
    _enable(ui.roleButton, missing, _("Set the role of {count} case(s).").format(count=count))
    _enable(
        ui.removeCasesButton,
        missing,
        _("Take {count} case(s) out of the cohort; their files stay.").format(count=count),
    )


def _enable(button: qt.QPushButton, missing: str, tip: str) -> None:
    """Enable a button unless something is missing, which its tooltip then says."""
    button.enabled = not missing
    button.toolTip = missing or tip
