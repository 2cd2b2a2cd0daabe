"""What the Cohort section asks a person: files, folders, and whether to remove."""

from __future__ import annotations

import os
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

LAST_FOLDER = "SemiWeakSeg/LastFolder"


def askNewFolder(parent: qt.QWidget) -> str:
    """A folder for a new cohort, "" when the person changed their mind."""
    return _remembered(
        qt.QFileDialog.getExistingDirectory(
            parent, _("Choose a folder for the new cohort"), _lastFolder()
        )
    )


def askCohortFile(parent: qt.QWidget) -> str:
    """A cohort file to open."""
    return _remembered(
        qt.QFileDialog.getOpenFileName(
            parent,
            _("Open a cohort"),
            _lastFolder(),
            _("Cohorts (*.json)") + ";;" + _("All files (*)"),
        )
    )


def askClassesFile(parent: qt.QWidget) -> str:
    """A file that names classes."""
    return _remembered(
        qt.QFileDialog.getOpenFileName(
            parent,
            _("Read classes from a file"),
            _lastFolder(),
            _("Color tables and segmentations (*.ctbl *.txt *.label *.seg.nrrd)"),
        )
    )


def confirmRemoval(parent: qt.QWidget, caseIds: list[str]) -> bool:
    """Whether cases may be taken out of the cohort."""
    names = ", ".join(caseIds[:5]) + (", …" if len(caseIds) > 5 else "")
    text = _(
        "Remove {count} case(s) from the cohort ({names})? Their files stay, and it can be undone."
    ).format(count=len(caseIds), names=names)
    return bool(slicer.util.confirmYesNoDisplay(text, windowTitle=_("Remove cases"), parent=parent))


def _lastFolder() -> str:
    folder = slicer.app.userSettings().value(LAST_FOLDER)
    return folder if folder and os.path.isdir(folder) else str(Path.home())


def _remembered(chosen: str) -> str:
    if chosen:
        folder = chosen if os.path.isdir(chosen) else os.path.dirname(chosen)
        slicer.app.userSettings().setValue(LAST_FOLDER, folder)
    return chosen
