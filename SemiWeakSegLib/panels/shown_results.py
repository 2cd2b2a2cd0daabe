"""One list of predictions and what can be done with each, by the case's id. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene import results
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.node_names import CASE
from SemiWeakSegLib.scene.prediction_nodes import caseOfRow
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.volumes import loadCase, showInViews

EXPECTED = (ValueError, OSError)
"""What files and the scene may raise, SceneError and RunError too: the message is for the user."""


class ShownResults:
    """The predictions of a run's cases (`folder` None), or of a folder of new images."""

    def __init__(self, study: Study | None, run: RunFolder, folder: Path | None) -> None:
        self.study = study
        self.run = run
        self.folder = folder
        self._rows: dict[str, results.ResultRow] = {}

    @property
    def isOfCohort(self) -> bool:
        """Whether these are cases, whose predictions may become annotations."""
        return self.folder is None

    def isLike(self, other: ShownResults | None) -> bool:
        """Whether the other one lists the same predictions."""
        return (
            other is not None
            and self.study is other.study
            and (self.run.path, self.folder) == (other.run.path, other.folder)
        )

    def rows(self) -> list[results.ResultRow]:
        """The predictions as they are now, the most uncertain first."""
        rows = results.listResults(self.run, self.folder)
        self._rows = {row.caseId: row for row in rows}
        return rows

    def loadedIds(self) -> set[str]:
        """The cases whose predictions of this run are in the scene."""
        return {node.GetAttribute(CASE) for node in results.predictionsInScene(self.run)}

    def nodeOf(self, caseId: str) -> slicer.vtkMRMLSegmentationNode | None:
        """The newest loaded prediction of a case, None where none is loaded."""
        nodes = results.predictionsInScene(self.run, caseId)
        return nodes[-1] if nodes else None

    def load(self, caseId: str) -> slicer.vtkMRMLSegmentationNode:
        """The prediction as a segmentation; one that is there, and perhaps corrected, is kept."""
        node = self.nodeOf(caseId)
        if node is None:
            node = results.loadResult(self._requireStudy(), self.run, self._row(caseId))
        return node

    def show(self, caseId: str) -> slicer.vtkMRMLSegmentationNode:
        """Load a prediction, show its image in the slice views, and of this run it alone."""
        study, node = self._requireStudy(), self.load(caseId)
        for other in results.predictionsInScene(self.run):
            other.SetDisplayVisibility(other is node)
        case = caseOfRow(study, self.run, self._row(caseId))
        showInViews(loadCase(case, study.path))
        return node

    def showUncertainty(self, caseId: str) -> None:
        """Lay the uncertainty over the image."""
        results.loadUncertainty(self._requireStudy(), self.run, self._row(caseId))

    def hideUncertainty(self) -> None:
        """Take the uncertainty away from the image."""
        results.hideUncertainty()

    def accept(self, caseId: str) -> None:
        """Make the prediction, as it was corrected, the case's annotation."""
        results.accept(self._requireStudy(), self.run, self._row(caseId))

    def reject(self, caseId: str) -> None:
        """Note that the prediction is no good."""
        results.reject(self._requireStudy(), self.run, self._row(caseId))

    def export(self, caseId: str, folder: Path, kind: str, overwrite: bool) -> None:
        """Write the prediction, as it was corrected, to a file in the folder."""
        study, row = self._requireStudy(), self._row(caseId)
        results.exportResults(study, self.run, [row], folder, kind, overwrite)

    def next(self, caseIds: Sequence[str], after: str | None) -> str | None:
        """The case to look at after `after`, of those that are listed; None at the end."""
        if not self.isOfCohort:
            place = caseIds.index(after) + 1 if after in caseIds else 0
            return next(iter(caseIds[place:]), None)
        rows = [self._row(caseId) for caseId in caseIds]
        return results.nextByUncertainty(rows, self._requireStudy(), after)

    def _row(self, caseId: str) -> results.ResultRow:
        if caseId not in self._rows:
            raise SceneError(_("There is no prediction of {case} any more.").format(case=caseId))
        return self._rows[caseId]

    def _requireStudy(self) -> Study:
        if self.study is None:
            raise SceneError(_("Open the cohort of this run first."))
        return self.study
