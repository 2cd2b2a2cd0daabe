"""Exporting: where to, segmentations in which format, the model in which."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ctk
import qt
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.children import ChildProcess
from SemiWeakSegLib.panels.command_errors import plainMessage
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.run_commands import exportCommand

DICOM_SEG = "dicom"
SEGMENTATION_FORMATS = ("seg.nrrd", "nii.gz", "nrrd", DICOM_SEG)
MODEL_FORMATS = {"bundle": "_bundle", "torchscript": ".ts", "onnx": ".onnx"}


class ExportBox:
    """`onExport(folder, format, overwrite)` is called to export the chosen segmentations."""

    def __init__(self, ui: Any, onExport: Callable[[Path, str, bool], None]) -> None:
        self.ui = ui
        self.run: RunFolder | None = None
        self._suggested = ""
        self._child: ChildProcess | None = None
        self._count = 0
        ui.exportFolder.filters = ctk.ctkPathLineEdit.Dirs
        for text in (
            _("Segmentation (.seg.nrrd)"),
            _("Label map (.nii.gz)"),
            _("Label map (.nrrd)"),
            _("DICOM SEG"),
        ):
            ui.segmentationFormat.addItem(text)
        for text in (_("MONAI bundle"), _("TorchScript"), _("ONNX")):
            ui.modelFormat.addItem(text)
        if find_spec("highdicom") is None:
            index = SEGMENTATION_FORMATS.index(DICOM_SEG)
            # The flags of a combo box's entry: 0 is neither enabled nor selectable.
            ui.segmentationFormat.setItemData(index, 0, qt.Qt.UserRole - 1)
            tip = _("The Python package highdicom is not installed; Slicer 5.12 has it")
            ui.segmentationFormat.setItemData(index, tip, qt.Qt.ToolTipRole)
        ui.exportFolder.connect("currentPathChanged(QString)", self._onChanged)
        ui.exportSegmentationsButton.connect(
            "clicked()",
            lambda: onExport(
                self.folder, self.segmentationFormat, bool(ui.overwriteCheckBox.checked)
            ),
        )
        ui.exportModelButton.connect("clicked()", self.exportModel)
        self.update()

    @property
    def folder(self) -> Path:
        """Where to export to."""
        return Path(self.ui.exportFolder.currentPath)

    @property
    def segmentationFormat(self) -> str:
        """The chosen one of `SEGMENTATION_FORMATS`."""
        return SEGMENTATION_FORMATS[max(0, self.ui.segmentationFormat.currentIndex)]

    def setRun(self, run: RunFolder | None, suggestedFolder: Path | None) -> None:
        """Export of this run; the folder follows unless a person chose one."""
        self.run = run
        suggested = "" if suggestedFolder is None else str(suggestedFolder)
        if self.ui.exportFolder.currentPath in ("", self._suggested):
            self.ui.exportFolder.currentPath = suggested
        self._suggested = suggested
        self.update()

    def setCount(self, count: int) -> None:
        """How many segmentations would be exported."""
        self._count = count
        self.update()

    def exportModel(self) -> None:
        """Export the model in a process of its own; never over what is there."""
        if self._modelMissing():
            return
        kind, suffix = list(MODEL_FORMATS.items())[max(0, self.ui.modelFormat.currentIndex)]
        out = freePath(self.folder, self.run.path.name, suffix)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.ui.exportMessage.text = _("{folder} cannot be made: {reason}").format(
                folder=out.parent, reason=error.strerror
            )
            return
        self.ui.exportMessage.text = _("Exporting the model…")
        self._child = ChildProcess(
            exportCommand(self.run, kind, out),
            None,
            lambda code, text: self._onExported(code, text, out),
        )
        self._child.start()
        self.update()

    def cleanup(self) -> None:
        """The panel goes away."""
        if self._child is not None:
            self._child.stop()
        self._child = None

    def update(self) -> None:
        """Enable what can be exported, and say what is missing."""
        missing = _("Choose a folder first") if not self.ui.exportFolder.currentPath else ""
        if not self._count:
            missing = _("There are no predictions to export")
        self.ui.exportSegmentationsButton.enabled = not missing
        self.ui.exportSegmentationsButton.toolTip = missing or _(
            "Export the selected predictions, all listed ones where none is selected"
        )
        missing = self._modelMissing()
        self.ui.exportModelButton.enabled = not missing
        self.ui.exportModelButton.toolTip = missing or _(
            "Export the run's model in a process of its own"
        )

    def _modelMissing(self) -> str:
        if self.run is None:
            return _("Train a model first")
        if not self.run.model_path.is_file():
            return (
                _("This run has no model yet")
                if not self.run.can_predict()
                else _(
                    "The model is written when training ends; predict once to make it from the "
                    "last checkpoint"
                )
            )
        if self._child is not None and self._child.running:
            return _("The model is being exported")
        return "" if self.ui.exportFolder.currentPath else _("Choose a folder first")

    def _onChanged(self, *_arguments: Any) -> None:
        self.update()

    def _onExported(self, exitCode: int, errorText: str, out: Path) -> None:
        self._child = None
        if exitCode == 0:
            self.ui.exportMessage.text = _("The model is in {path}").format(path=out)
        else:
            self.ui.exportMessage.text = plainMessage(errorText, exitCode)
        self.update()


def freePath(folder: Path, name: str, suffix: str) -> Path:
    """A path in the folder that does not exist yet: name + suffix, numbered where it must be."""
    path, number = folder / f"{name}{suffix}", 2
    while path.exists():
        path = folder / f"{name}-{number}{suffix}"
        number += 1
    return path
