"""A small cohort on an oblique, anisotropic grid, and drawing in it as a person does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk
import slicer
from scipy.spatial.transform import Rotation

from SemiWeakSegLib.cohort import Geometry, read_label, write_label
from SemiWeakSegLib.runs import RunFolder, RunRequest
from SemiWeakSegLib.scene.segments import segmentIdOfClass
from SemiWeakSegLib.scene.study import Study

if TYPE_CHECKING:
    from SemiWeakSegLib.panels.annotate_panel import AnnotatePanel

TURN = Rotation.from_euler("xyz", (12, -7, 20), degrees=True).as_matrix()
GRID = Geometry((12, 10, 8), (0.8, 0.9, 3.0), (-20.0, 14.0, 5.0), tuple(map(float, TURN.ravel())))
SHAPE = GRID.array_shape
CASES = ("case1", "case2", "case3")
CLASSES = ["liver", "tumor"]


def writeImages(folder: Path, names=CASES, grid: Geometry = GRID) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        values = np.random.default_rng(number).integers(0, 500, grid.array_shape, dtype=np.int16)
        sitk.WriteImage(grid.stamp(sitk.GetImageFromArray(values)), str(folder / f"{name}.nii.gz"))
    return folder


def show(module) -> None:
    """Enter the module; what is installed is not asked for: a child process loads torch for it."""
    module.logic.environment = lambda waitForCompletion=False: None
    module.frame.enter()


def openStudy(module, folder: Path, classes=CLASSES) -> Study:
    """A cohort of three images without annotation, open in the module, which is shown."""
    images = writeImages(folder / "images")
    show(module)
    return module.logic.createCohortFromFolders(folder / "study", images, classes=classes)


def choose(panel: AnnotatePanel, caseId: str) -> None:
    """Choose a case in the list."""
    selector = panel.ui.caseSelector
    selector.setCurrentIndex(selector.findText(caseId))


def draw(panel: AnnotatePanel, index: int, mask: np.ndarray) -> None:
    """Replace what is drawn of a class, after telling the editor's undo."""
    node = panel.editor.widget.segmentationNode()
    segmentId = segmentIdOfClass(node, index)
    panel.editor.widget.setCurrentSegmentID(segmentId)
    panel.editor.saveStateForUndo()
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        mask.astype(np.uint8), node, segmentId, panel.editor.widget.sourceVolumeNode()
    )


def drawn(panel: AnnotatePanel, index: int) -> np.ndarray:
    node = panel.editor.widget.segmentationNode()
    array = slicer.util.arrayFromSegmentBinaryLabelmap(
        node, segmentIdOfClass(node, index), panel.editor.widget.sourceVolumeNode()
    )
    return np.zeros(SHAPE, bool) if array is None else np.asarray(array) > 0


def strokes() -> dict[int, np.ndarray]:
    """A stroke on an axial, a sagittal and a coronal slice, one for each class; no two meet."""
    axial, sagittal, coronal = (np.zeros(SHAPE, bool) for _ in range(3))
    axial[3, 2:8, 4:6] = True
    sagittal[5:8, 1:4, 9] = True
    coronal[0:2, 8, 1:7] = True
    return {0: axial, 1: sagittal, 2: coronal}


def drawAll(panel: AnnotatePanel, masks: dict[int, np.ndarray]) -> np.ndarray:
    """Draw the strokes; returns the label map that they mean."""
    expected = np.full(SHAPE, 255, np.uint8)
    for index, mask in masks.items():
        draw(panel, index, mask)
        expected[mask] = index
    return expected


def labelOf(study: Study, caseId: str) -> np.ndarray:
    return read_label(study.case(caseId).label)[0]


def makeRun(study: Study, uncertainties: dict[str, float]) -> RunFolder:
    """A run that has predicted these cases; each prediction is one block of the first class."""
    run = RunFolder.create(study.newRunFolder("supervised"), RunRequest("supervised"))
    study.cohort.with_cases(study.cohort.cases).save(run.cohort_path)
    run.predictions.mkdir()
    entries = []
    for caseId, uncertainty in uncertainties.items():
        label = np.zeros(SHAPE, np.uint8)
        label[2:4, 3:6, 3:6] = 1
        write_label(run.predictions / f"{caseId}.nii.gz", label, GRID)
        entries.append({"case": caseId, "file": f"{caseId}.nii.gz", "uncertainty": uncertainty})
    text = json.dumps(entries)
    (run.predictions / "predictions.json").write_text(text, encoding="utf-8")
    return run
