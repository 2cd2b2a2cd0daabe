"""Predictions of a run as nodes: segmentations to look at and correct, uncertainty as overlay."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Case, ImageError, read_image, read_label
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.annotation_writing import denseArray
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, gridOfVolume, setGrid
from SemiWeakSegLib.scene.hierarchy import placeBeside, placeUnderCohort
from SemiWeakSegLib.scene.image_axes import imageGrid, toNodeAxes
from SemiWeakSegLib.scene.node_names import CASE
from SemiWeakSegLib.scene.nodes import nodesOfClass, removeNode
from SemiWeakSegLib.scene.result_rows import ResultRow
from SemiWeakSegLib.scene.run_classes import cohortOfRun, inClassesOf
from SemiWeakSegLib.scene.segments import segmentationOfLabel, unknownSegments
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid, headerOf, loadCase

RUN = "SemiWeakSeg.Run"
"""Node: folder of the run it is a result of."""

PREDICTION = "SemiWeakSeg.Prediction"
"""Segmentation: "1", the prediction of a run."""

CONTENT = "SemiWeakSeg.Content"
"""Segmentation: digest of the label map as it was loaded, which tells whether it was edited."""

FILE = "SemiWeakSeg.PredictionFile"
"""Segmentation or volume: the run's file that it shows."""

UNCERTAINTY = "SemiWeakSeg.Uncertainty"
"""Volume: "1", the uncertainty map of a run."""

OVERLAY_OPACITY = 0.5
# Below this a voxel is certain enough to show the image alone.
SHOWN_FROM = 0.05
COLORS = ("vtkMRMLColorTableNodeFileInferno.txt", "vtkMRMLColorTableNodeWarm1")


def caseOfRow(study: Study, run: RunFolder, row: ResultRow) -> Case:
    """The case of a row: the cohort's, the run's where it has gone, or a new image's."""
    if row.image is not None:
        return Case(id=row.caseId, images=(row.image,))
    if study.hasCase(row.caseId):
        return study.case(row.caseId)
    try:
        return cohortOfRun(run).case(row.caseId)
    except KeyError:
        raise SceneError(
            _("Neither the cohort nor the run {run} has a case {case!r}.").format(
                run=run.path.name, case=row.caseId
            )
        ) from None


def predictedArray(study: Study, run: RunFolder, row: ResultRow, case: Case) -> np.ndarray:
    """The predicted label map with the study's class indices; SceneError where it does not fit."""
    try:
        array, geometry = read_label(row.labelFile)
    except ImageError as error:
        raise SceneError(
            _("Case {case}: {reason} Predict it again.").format(case=case.id, reason=error)
        ) from error
    header = headerOf(case)
    difference = header.geometry.describe_difference(geometry) if header.has_geometry else None
    if difference is not None or array.shape != header.geometry.array_shape:
        raise SceneError(
            _(
                "Case {case}: the prediction {file} is not on the grid of the image ({how}). Has "
                "the image been replaced since? Predict it again."
            ).format(
                case=case.id,
                file=row.labelFile.name,
                how=difference or f"{array.shape} against {header.geometry.array_shape}",
            )
        )
    return inClassesOf(study, run, array)


def loadResult(
    study: Study, run: RunFolder, row: ResultRow, uncertainty: bool = False
) -> slicer.vtkMRMLSegmentationNode:
    """The prediction of a case as a segmentation of its volume, which is loaded if need be.

    A prediction of this run and case that was loaded before and not edited gives way; an edited
    one stays beside the new one. ``uncertainty``: show the uncertainty map too. Raises SceneError.
    """
    case = caseOfRow(study, run, row)
    array = predictedArray(study, run, row, case)
    volume = loadCase(case, study.path)
    placeUnderCohort(volume, study, case)
    checkImageGrid(volume, case)
    name = _("{case} prediction").format(case=case.id)
    node = segmentationOfLabel(array, volume, study.classes, name, scribbles=False)
    node.SetAttribute(CASE, case.id)
    node.SetAttribute(RUN, str(run.path))
    node.SetAttribute(PREDICTION, "1")
    node.SetAttribute(CONTENT, _digest(array))
    node.SetAttribute(FILE, str(row.labelFile))
    for other in predictionsOf(run, row):
        if other is not node and not isEdited(study, other, volume, case):
            removeNode(other)
    node.SetName(name)
    if uncertainty and row.uncertaintyFile is not None:
        loadUncertainty(study, run, row)
    return node


def predictionsInScene(
    run: RunFolder, caseId: str | None = None
) -> list[slicer.vtkMRMLSegmentationNode]:
    """The loaded predictions of a run (of one case), the newest last."""
    return [
        node
        for node in nodesOfClass("vtkMRMLSegmentationNode")
        if node.GetAttribute(PREDICTION) == "1"
        and node.GetAttribute(RUN) == str(run.path)
        and caseId in (None, node.GetAttribute(CASE))
    ]


def predictionsOf(run: RunFolder, row: ResultRow) -> list[slicer.vtkMRMLSegmentationNode]:
    """The loaded predictions of a row; a new image that is called like a case has its own."""
    nodes = predictionsInScene(run, row.caseId)
    return [node for node in nodes if node.GetAttribute(FILE) == str(row.labelFile)]


def loadedPrediction(
    study: Study, run: RunFolder, row: ResultRow, case: Case, predicted: np.ndarray
) -> slicer.vtkMRMLSegmentationNode | None:
    """The newest loaded prediction that was edited, or is what the run predicts now.

    One that shows, untouched, what the run predicted before says nothing about ``predicted``.
    """
    for node in reversed(predictionsOf(run, row)):
        if node.GetAttribute(CONTENT) == _digest(predicted):
            return node
        if isEdited(study, node, loadCase(case, study.path), case):
            return node
    return None


def isEdited(
    study: Study,
    node: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLVolumeNode,
    case: Case,
) -> bool:
    """Whether a loaded prediction is no longer what was loaded."""
    if unknownSegments(node, study.classes):
        return True
    try:
        array = denseArray(node, volume, case, study.classes)
    except SceneError:
        return True
    return _digest(array) != node.GetAttribute(CONTENT)


def loadUncertainty(study: Study, run: RunFolder, row: ResultRow) -> slicer.vtkMRMLScalarVolumeNode:
    """The uncertainty map of a case (0 to 1) as a coloured overlay of its volume.

    Raises SceneError where there is none or it does not fit the image.
    """
    case = caseOfRow(study, run, row)
    if row.uncertaintyFile is None:
        raise SceneError(_("Case {case} has no uncertainty map.").format(case=case.id))
    try:
        values, _geometry = read_image(row.uncertaintyFile)
    except ImageError as error:
        raise SceneError(_("Case {case}: {reason}").format(case=case.id, reason=error)) from error
    volume = loadCase(case, study.path)
    checkImageGrid(volume, case)
    values = values[0][np.newaxis] if values.ndim == 3 else values[0]
    if values.shape != asSlice(imageGrid(volume)).array_shape:
        raise SceneError(
            _("Case {case}: {file} is not on the grid of the image. Predict it again.").format(
                case=case.id, file=Path(row.uncertaintyFile).name
            )
        )
    node = _uncertaintyInScene(row.uncertaintyFile)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLScalarVolumeNode", _("{case} uncertainty").format(case=case.id)
        )
        node.SetAttribute(CASE, case.id)
        node.SetAttribute(RUN, str(run.path))
        node.SetAttribute(UNCERTAINTY, "1")
        node.SetAttribute(FILE, str(row.uncertaintyFile))
    # Slicer may keep the slices in the other order than the file has them.
    slicer.util.updateVolumeFromArray(node, toNodeAxes(values, volume))
    setGrid(node, gridOfVolume(volume))
    node.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    placeBeside(node, volume)
    _colour(node)
    slicer.util.setSliceViewerLayers(
        background=volume, foreground=node, foregroundOpacity=OVERLAY_OPACITY
    )
    return node


def hideUncertainty() -> None:
    """Take uncertainty maps out of the slice views; the volumes stay in the scene."""
    for node in nodesOfClass("vtkMRMLSliceCompositeNode"):
        shown = slicer.mrmlScene.GetNodeByID(node.GetForegroundVolumeID() or "")
        if shown is not None and shown.GetAttribute(UNCERTAINTY) == "1":
            node.SetForegroundVolumeID(None)


def _uncertaintyInScene(file: Path) -> slicer.vtkMRMLScalarVolumeNode | None:
    for node in nodesOfClass("vtkMRMLScalarVolumeNode"):
        if node.GetAttribute(UNCERTAINTY) == "1" and node.GetAttribute(FILE) == str(file):
            return node
    return None


def _colour(node: slicer.vtkMRMLScalarVolumeNode) -> None:
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    for color in COLORS:
        if slicer.mrmlScene.GetNodeByID(color) is not None:
            display.SetAndObserveColorNodeID(color)
            break
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetAutoThreshold(False)
    display.SetThreshold(SHOWN_FROM, 1.0)
    display.SetApplyThreshold(True)


def _digest(array: np.ndarray) -> str:
    content = np.ascontiguousarray(array, dtype=np.uint8)
    return hashlib.sha256(content.tobytes()).hexdigest()[:16]
