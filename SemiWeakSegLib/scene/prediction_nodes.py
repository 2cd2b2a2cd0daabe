"""Predictions of a run as nodes: segmentations to look at and correct, uncertainty as overlay."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Case, ImageError, read_image, read_label
from SemiWeakSegLib.runs import RunFolder
from SemiWeakSegLib.scene.dense_labels import denseArray
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, gridOfVolume, setGrid
from SemiWeakSegLib.scene.hierarchy import placeBeside, placeUnderCohort
from SemiWeakSegLib.scene.image_axes import imageGrid, toNodeAxes
from SemiWeakSegLib.scene.node_names import CASE, CLASS
from SemiWeakSegLib.scene.nodes import removeNode
from SemiWeakSegLib.scene.result_rows import ResultRow
from SemiWeakSegLib.scene.run_classes import cohortOfRun, inClassesOf
from SemiWeakSegLib.scene.segments import classOfSegment, segmentationOfLabel, segmentIdOfClass
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid, headerOf, loadCase

RUN = "SemiWeakSeg.Run"
"""Node: folder of the run it is a result of."""

PREDICTION = "SemiWeakSeg.Prediction"
"""Segmentation: "1", the prediction of a run."""

CONTENT = "SemiWeakSeg.Content"
"""Segmentation: digest of the label map as it was loaded, which tells whether it was edited."""

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
    study: Study,
    run: RunFolder,
    row: ResultRow,
    uncertainty: bool = False,
    into: slicer.vtkMRMLSegmentationNode | None = None,
) -> slicer.vtkMRMLSegmentationNode:
    """The prediction of a case as a segmentation of its volume, which is loaded if need be.

    A prediction of this run and case that was loaded before and not edited gives way; an edited
    one stays beside the new one. ``into``: a node of one's own that gets the segments in addition
    to its own. ``uncertainty``: show the uncertainty map too. Raises SceneError.
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
    for other in predictionsInScene(run, row.caseId):
        if other is not node and not isEdited(study, other, volume, case):
            removeNode(other)
    node.SetName(name)
    if uncertainty and row.uncertaintyFile is not None:
        loadUncertainty(study, run, row)
    if into is None:
        return node
    _copySegments(node, into)
    removeNode(node)
    return into


def predictionsInScene(
    run: RunFolder, caseId: str | None = None
) -> list[slicer.vtkMRMLSegmentationNode]:
    """The loaded predictions of a run (of one case), the newest last."""
    return [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        if node.GetAttribute(PREDICTION) == "1"
        and node.GetAttribute(RUN) == str(run.path)
        and caseId in (None, node.GetAttribute(CASE))
    ]


def isEdited(
    study: Study,
    node: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLVolumeNode,
    case: Case,
) -> bool:
    """Whether a loaded prediction is no longer what was loaded."""
    if node.GetSegmentation().GetNumberOfSegments() != len(study.classes):
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
    node = _uncertaintyInScene(run, case.id)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLScalarVolumeNode", _("{case} uncertainty").format(case=case.id)
        )
        node.SetAttribute(CASE, case.id)
        node.SetAttribute(RUN, str(run.path))
        node.SetAttribute(UNCERTAINTY, "1")
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
    for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        shown = slicer.mrmlScene.GetNodeByID(node.GetForegroundVolumeID() or "")
        if shown is not None and shown.GetAttribute(UNCERTAINTY) == "1":
            node.SetForegroundVolumeID(None)


def _uncertaintyInScene(run: RunFolder, caseId: str) -> slicer.vtkMRMLScalarVolumeNode | None:
    for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if (
            node.GetAttribute(UNCERTAINTY) == "1"
            and node.GetAttribute(RUN) == str(run.path)
            and node.GetAttribute(CASE) == caseId
        ):
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


def _copySegments(
    source: slicer.vtkMRMLSegmentationNode, target: slicer.vtkMRMLSegmentationNode
) -> None:
    """Add the segments; where the target has one of the class, the new one says what it is."""
    segmentation = source.GetSegmentation()
    for segmentId in list(segmentation.GetSegmentIDs()):
        index = classOfSegment(source, segmentId)
        isSecond = index is not None and segmentIdOfClass(target, index) is not None
        copyId = target.GetSegmentation().GenerateUniqueSegmentID(segmentId)
        copy = slicer.vtkSegment()
        copy.DeepCopy(segmentation.GetSegment(segmentId))
        if isSecond:
            copy.RemoveTag(CLASS)
            copy.SetName(_("{name} (prediction)").format(name=copy.GetName()))
        target.GetSegmentation().AddSegment(copy, copyId)


def _digest(array: np.ndarray) -> str:
    content = np.ascontiguousarray(array, dtype=np.uint8)
    return hashlib.sha256(content.tobytes()).hexdigest()[:16]
