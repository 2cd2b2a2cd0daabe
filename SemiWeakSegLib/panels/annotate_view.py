"""Shows the cohort's cases and what is open of one of them in the Annotate section's widgets."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import ImageError, read_header
from SemiWeakSegLib.panels.annotation_session import AnnotationSession
from SemiWeakSegLib.panels.case_attributes import CaseAttributesTable
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import gridOfVolume
from SemiWeakSegLib.scene.study import Study


class AnnotateView:
    """Writes to the widgets of ``ui`` only; what was clicked goes to the panel."""

    def __init__(self, ui: Any, attributes: CaseAttributesTable) -> None:
        self.ui = ui
        self.attributes = attributes
        self.caseIds: list[str] = []
        self._image: Path | None = None
        self._dimension = 3
        self.modeButtons: dict[str, qt.QPushButton] = {
            "segment": ui.segmentButton,
            "scribble": ui.scribbleButton,
            "box": ui.boxButton,
            "point": ui.pointButton,
        }

    def say(self, text: str) -> None:
        """A sentence in the section; "" takes it away."""
        self.ui.annotateMessageLabel.text = text
        self.ui.annotateMessageLabel.visible = bool(text)

    def show(self, study: Study | None, session: AnnotationSession, preferredMode: str) -> None:
        """Everything but the editor and the lists of boxes, points and overlaps."""
        self._showCases(study, session.caseId)
        self._showMode(session.mode or preferredMode)
        self._enable(bool(session.caseId))
        self._showAttributes(session)

    def _showCases(self, study: Study | None, current: str) -> None:
        ids = [] if study is None else [case.id for case in study.cohort.cases]
        selector = self.ui.caseSelector
        blocked = selector.blockSignals(True)
        try:
            if ids != self.caseIds:
                self.caseIds = ids
                selector.clear()
                selector.addItems(ids)
            selector.setCurrentIndex(ids.index(current) if current in ids else -1)
        finally:
            selector.blockSignals(blocked)

    def _showMode(self, mode: str) -> None:
        self.modeButtons[mode].setChecked(True)
        self.ui.brushRow.visible = mode == "scribble"
        self.ui.editorFrame.visible = mode in ("segment", "scribble")
        self.ui.boxesFrame.visible = mode == "box"
        self.ui.pointsFrame.visible = mode == "point"

    def _enable(self, isOpen: bool) -> None:
        ui = self.ui
        for button in (ui.previousCaseButton, ui.nextCaseButton, ui.nextUncertainButton):
            button.enabled = bool(self.caseIds)
        ui.caseSelector.enabled = bool(self.caseIds)
        ui.boxesFrame.enabled = ui.pointsFrame.enabled = ui.brushRow.enabled = isOpen
        missing = "" if isOpen else _("Open a case first")
        for button, tip in (
            (ui.saveButton, _("Keep what was drawn in the cohort (Ctrl+Shift+S)")),
            (ui.saveAndNextButton, _("Save, then open the case that needs work most")),
            (ui.revertButton, _("Go back to what was saved last")),
        ):
            button.enabled = isOpen
            button.toolTip = missing or tip

    def _showAttributes(self, session: AnnotationSession) -> None:
        case, volume = session.case, session.volume
        if case is None or volume is None:
            self.attributes.show(None)
            return
        try:
            grid, dimension = gridOfVolume(volume), self._dimensionOf(case.images[0])
        except (SceneError, ImageError):  # the volume lost its voxels, or the image its file
            self.attributes.show(None)
            return
        edges = [edge * count for edge, count in zip(grid.spacing, grid.size, strict=True)]
        whole = math.prod(edges[:dimension])
        self.attributes.show(case, session.study.classes, whole, dimension)

    def _dimensionOf(self, image: Path) -> int:
        """2 for a picture; read once for each case that is opened."""
        if image != self._image:
            self._dimension = read_header(image).dimension
            self._image = image
        return self._dimension
