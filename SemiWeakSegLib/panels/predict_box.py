"""Segmenting more images with a trained run: cases, a folder, or volumes of the scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ctk
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.command_errors import plainMessage
from SemiWeakSegLib.panels.refine_form import RefineForm
from SemiWeakSegLib.panels.scene_images import exportVolumes
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.run_commands import newImagesFolder

CASE_SOURCES = ("unlabeled", "validation", "test", "all")
FOLDER, VOLUMES = len(CASE_SOURCES), len(CASE_SOURCES) + 1


class PredictBox:
    """`onPredicted(folder)` is called when a prediction ended well; folder is None for cases."""

    def __init__(self, ui: Any, logic: Any, onPredicted: Callable[[Path | None], None]) -> None:
        self.ui = ui
        self.logic = logic
        self.onPredicted = onPredicted
        self.run: RunFolder | None = None
        self._child: Any = None
        self.refine = RefineForm(ui.refineSelector, ui.refineSettings)
        ui.predictFolder.filters = ctk.ctkPathLineEdit.Dirs
        ui.predictSource.connect("currentIndexChanged(int)", self._onChanged)
        ui.predictFolder.connect("currentPathChanged(QString)", self._onChanged)
        ui.predictVolumes.connect("checkedNodesChanged()", self._onChanged)
        ui.predictButton.connect("clicked()", self.predict)
        ui.stopPredictButton.connect("clicked()", self.stop)
        self.update()

    @property
    def running(self) -> bool:
        """Whether a prediction that was started here goes on."""
        return self._child is not None and self._child.running

    def setRun(self, run: RunFolder | None) -> None:
        """Predict with this run from now on."""
        self.run = run
        self.update()

    def predict(self) -> None:
        """Start predicting what is chosen."""
        missing = self.missing()
        if missing:
            self.ui.predictMessage.text = missing
            return
        try:
            cases, folder = self._cases()
            self._child = self.logic.predict(
                self.run,
                cases,
                onFinished=lambda code, text: self._onFinished(code, text, folder),
                flips=bool(self.ui.flipsCheckBox.checked),
                largestComponent=bool(self.ui.largestCheckBox.checked),
                fillHoles=bool(self.ui.holesCheckBox.checked),
                refine=self.refine.text,
            )
        except (ValueError, OSError) as error:
            self.ui.predictMessage.text = str(error)
        else:
            self.ui.predictMessage.text = _("Predicting…")
        self.update()

    def stop(self) -> None:
        """End the prediction; what is written stays."""
        if self.running:
            self._child.stop()
            self.ui.predictMessage.text = _("Stopped. The predictions that were written stay.")
            self.logic.events.emit("results")
        self._child = None
        self.update()

    def cleanup(self) -> None:
        """The panel goes away; its widgets, after a reload, do not, and still see the scene."""
        self.ui.predictVolumes.disconnect("checkedNodesChanged()", self._onChanged)
        if self.running:
            self._child.stop()
        self._child = None

    def missing(self) -> str:
        """What is missing for predicting, "" where nothing is."""
        if self.run is None:
            return _("Train a model first")
        if not self.run.can_predict():
            return _("This run has no model yet")
        if self.running:
            return _("A prediction is going on")
        source = self.ui.predictSource.currentIndex
        if source == FOLDER and not Path(self.ui.predictFolder.currentPath or "?").is_dir():
            return _("Choose the folder of the images first")
        if source == VOLUMES and not self.ui.predictVolumes.checkedNodes():
            return _("Tick at least one volume of the scene first")
        return ""

    def update(self) -> None:
        """Show what the source asks for, and what is missing."""
        source = self.ui.predictSource.currentIndex
        for widget in (self.ui.predictFolderLabel, self.ui.predictFolder):
            widget.visible = source == FOLDER
        for widget in (self.ui.predictVolumesLabel, self.ui.predictVolumes):
            widget.visible = source == VOLUMES
        missing = self.missing()
        self.ui.predictButton.enabled = not missing
        self.ui.predictButton.toolTip = missing or _("Segment these images in a process of its own")
        self.ui.stopPredictButton.enabled = self.running
        self.ui.stopPredictButton.toolTip = (
            _("Stop; the predictions that are written stay")
            if self.running
            else _("No prediction is going on")
        )
        flips = canFlip(self.run)
        self.ui.flipsCheckBox.enabled = flips
        if not flips:
            self.ui.flipsCheckBox.checked = False
        self.ui.flipsCheckBox.toolTip = (
            _("Average over mirrored images")
            if flips
            else _("This model was not trained with mirrored patches")
        )

    def _cases(self) -> tuple[str | Path, Path | None]:
        """What to predict, and the folder of predictions where it is one of new images."""
        source = self.ui.predictSource.currentIndex
        if source < FOLDER:
            return CASE_SOURCES[source], None
        if source == FOLDER:
            images = Path(self.ui.predictFolder.currentPath)
        else:
            images = exportVolumes(self.run, self.ui.predictVolumes.checkedNodes())
        return images, newImagesFolder(self.run, images)

    def _onChanged(self, *_arguments: Any) -> None:
        self.update()

    def _onFinished(self, exitCode: int, errorText: str, folder: Path | None) -> None:
        self._child = None
        if exitCode == 0:
            self.ui.predictMessage.text = _("Done.")
            self.onPredicted(folder)
        else:
            self.ui.predictMessage.text = plainMessage(errorText, exitCode)
        self.update()


def canFlip(run: RunFolder | None) -> bool:
    """Whether a run's model saw mirrored patches, so that it can be asked about mirrored images."""
    if run is None:
        return False
    try:
        return bool((run.read_plan() or {}).get("mirror_axes"))
    except ValueError:
        return False
