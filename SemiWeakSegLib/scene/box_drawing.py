"""The ROI nodes that a case's boxes are drawn with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Box, Case, SegmentClass
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import arrayOf, gridOfVolume, ijkToRas, worldFromLocal
from SemiWeakSegLib.scene.image_axes import imageGrid
from SemiWeakSegLib.scene.node_names import ANNOTATION, BOX, CASE, COHORT, LABEL
from SemiWeakSegLib.scene.nodes import nodesOfClass, removeNode
from SemiWeakSegLib.scene.rois import boxOfRoi, newRoi, placeRoi, roiOfBox
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.annotations import Annotation
    from SemiWeakSegLib.scene.study import Study

FIRST_SIZE = 0.25
"""Edge of a new box as a fraction of the image's."""

SAME_PLACE_MM = 1e-3
"""Distance of corners below which two boxes are one."""


def openBoxes(
    study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode
) -> list[slicer.vtkMRMLMarkupsROINode]:
    """The ROIs of the case: those in the scene if they belong to its boxes, else made of them.

    Others are removed; one that was changed and not saved stays, but is no longer of the case.
    """
    dimension = imageGrid(volume).dimension
    rois = roisOfCase(study, case)
    text = _textOf(case)
    if rois and all(roi.GetAttribute(LABEL) == text for roi in rois):
        return rois
    for roi in rois:
        if _isAsSaved(roi, volume, dimension):
            removeNode(roi)
            continue
        roi.SetName(_("{name} (not saved)").format(name=roi.GetName()))
        for name in (CASE, COHORT, ANNOTATION, LABEL):
            roi.RemoveAttribute(name)
    made = []
    for box in case.boxes:
        roi = roiOfBox(box, volume, study.classes)
        mark(roi, case, str(study.path), box)
        made.append(roi)
    return made


def roisOfCase(study: Study, case: Case) -> list[slicer.vtkMRMLMarkupsROINode]:
    """The ROI nodes in the scene that are boxes of the case, copies a user made included."""
    return roisIn(case.id, str(study.path))


def mark(
    roi: slicer.vtkMRMLMarkupsROINode, case: Case, cohortFile: str, box: Box | None = None
) -> None:
    """Note in an ROI that it is a box of the case, and the box as it was saved."""
    roi.SetAttribute(CASE, case.id)
    roi.SetAttribute(COHORT, cohortFile)
    roi.SetAttribute(ANNOTATION, "box")
    roi.SetAttribute(LABEL, _textOf(case))
    if box is not None:
        roi.SetAttribute(BOX, json.dumps(astuple(box)))


def saveBoxes(study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode) -> list[Box]:
    """Make the ROIs the case's boxes.

    Raises SceneError when there is none, unless the case had boxes and all were taken away.
    """
    dimension = checkImageGrid(volume, case).dimension
    rois = roisOfCase(study, case)
    boxes = [boxOfRoi(roi, volume, dimension) for roi in rois]
    if not boxes and not case.boxes:
        raise SceneError(
            _("Case {case}: no box is drawn, so nothing was saved. Add a box first.").format(
                case=case.id
            )
        )
    study.setBoxes(case.id, boxes)
    for roi, box in zip(rois, boxes, strict=True):
        mark(roi, study.case(case.id), str(study.path), box)
    return boxes


def newBox(
    volume: slicer.vtkMRMLScalarVolumeNode,
    classes: Sequence[SegmentClass],
    classIndex: int,
    at: Sequence[float] | None,
    oneSlice: bool,
) -> slicer.vtkMRMLMarkupsROINode:
    """An ROI along the image's axes, a quarter of its size, at a world point or in its middle.

    ``oneSlice``: it is as thick as the slice it lies in, across the axis with the thickest slices.
    """
    grid = gridOfVolume(volume)
    toLocal = arrayOf(ijkToRas(grid))
    sizes = np.asarray(grid.size, dtype=float)
    if at is None:
        center = toLocal[:3, :3] @ ((sizes - 1) / 2) + toLocal[:3, 3]
    else:
        center = (np.linalg.inv(worldFromLocal(volume)) @ [*at, 1.0])[:3]
    voxels = np.maximum(sizes * FIRST_SIZE, 1.0)
    if oneSlice:
        axis = int(np.argmax(grid.spacing))
        index = np.linalg.inv(toLocal) @ [*center, 1.0]
        index[axis] = np.clip(np.round(index[axis]), 0, sizes[axis] - 1)
        center, voxels[axis] = (toLocal @ index)[:3], 1.0
    roi = newRoi(volume, classes, classIndex)
    placeRoi(roi, center, toLocal[:3, :3] * voxels)
    return roi


def drawnBoxes(annotation: Annotation) -> list[Box]:
    """The boxes as they are drawn now."""
    volume = annotation.volume
    dimension = imageGrid(volume).dimension
    rois = roisIn(annotation.case.id, annotation.cohortFile)
    return [boxOfRoi(roi, volume, dimension) for roi in rois]


def sameBoxes(one: Sequence[Box], other: Sequence[Box]) -> bool:
    """Whether two lists hold the same boxes, in any order and with axes turned round or not."""
    rest = list(other)
    for box in one:
        found = next((each for each in rest if _sameBox(box, each)), None)
        if found is None:
            return False
        rest.remove(found)
    return not rest


def roisIn(caseId: str, cohortFile: str) -> list[slicer.vtkMRMLMarkupsROINode]:
    """The ROI nodes that are marked as boxes of a case of a cohort."""
    return [
        node
        for node in nodesOfClass("vtkMRMLMarkupsROINode")
        if node.GetAttribute(ANNOTATION) == "box"
        and node.GetAttribute(CASE) == caseId
        and node.GetAttribute(COHORT) == cohortFile
    ]


def _sameBox(one: Box, other: Box) -> bool:
    if one.class_index != other.class_index or one.dimension != other.dimension:
        return False
    apart = np.linalg.norm(one.corners()[:, np.newaxis] - other.corners(), axis=-1)
    return bool(np.all(apart.min(axis=0) < SAME_PLACE_MM))


def _isAsSaved(
    roi: slicer.vtkMRMLMarkupsROINode, volume: slicer.vtkMRMLScalarVolumeNode, dimension: int
) -> bool:
    text = roi.GetAttribute(BOX)
    if not text:
        return False
    index, center, size, axes = json.loads(text)
    saved = Box(index, tuple(center), tuple(size), tuple(tuple(row) for row in axes))
    try:
        return _sameBox(boxOfRoi(roi, volume, dimension), saved)
    except SceneError:
        return False


def _textOf(case: Case) -> str:
    """Stands for the case's boxes in an attribute."""
    return f"{len(case.boxes)}:{zlib.crc32(repr(case.boxes).encode()):08x}"
