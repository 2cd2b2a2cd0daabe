"""The segmentation that a case is drawn in: found in the scene, restored from files, or new."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import slicer

from SemiWeakSegLib.cohort import UNLABELED, Case, ImageError, is_dense, read_label
from SemiWeakSegLib.scene.drawings import drawingBeside, readDrawing
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, otherFromLocal
from SemiWeakSegLib.scene.label_maps import labelOfSegmentation, segmentationOfLabel
from SemiWeakSegLib.scene.node_names import ANNOTATION, CASE, COHORT, LABEL
from SemiWeakSegLib.scene.nodes import nodesOfClass, removeNode
from SemiWeakSegLib.scene.segment_classes import (
    BACKGROUND,
    adoptSegments,
    backgroundClass,
    classByIndex,
    dressAgain,
    segmentIdOfClass,
    taggedClass,
)
from SemiWeakSegLib.scene.segment_voxels import BINARY, segmentMasks
from SemiWeakSegLib.scene.segmentation_nodes import emptySegmentation, fillWithClasses
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import headerOf

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

SCRIBBLE_FILL = 0.35
"""Opacity of scribbles in slice views: the image must be seen through them."""


def openDrawing(
    study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode, mode: str
) -> tuple[slicer.vtkMRMLSegmentationNode, str, bool]:
    """The case's drawing, its mode, and whether it is as it was saved (or nothing was saved).

    Raises SceneError when the label file cannot be read or is not on the image's grid.
    """
    found = _inScene(study, case, volume, mode)
    if found is not None:
        drawnMode = found.GetAttribute(ANNOTATION)
        return found, drawnMode, case.label is not None and _isSaved(found, volume, study, case)
    label = None if case.label is None else _readLabel(case)
    if label is None or not np.any(label != UNLABELED):
        node = emptySegmentation(nameOfDrawing(case, mode), volume)
        shown = [*([backgroundClass()] if mode == "scribble" else []), *study.classes]
        fillWithClasses(node, volume, shown)
    else:
        node, mode = _restored(study, case, volume, label)
    _addMissing(node, volume, study, mode)
    _show(node, mode)
    mark(node, study, case, mode)
    return node, mode, True


def mark(node: slicer.vtkMRMLSegmentationNode, study: Study, case: Case, mode: str) -> None:
    """Note in a node which case it is the drawing of, and the file it corresponds to."""
    node.SetAttribute(CASE, case.id)
    node.SetAttribute(COHORT, str(study.path))
    node.SetAttribute(ANNOTATION, mode)
    node.SetAttribute(LABEL, _nameOfLabel(case))


def nameOfDrawing(case: Case, mode: str) -> str:
    """What the node is called in the scene."""
    if mode == "scribble":
        return _("{case} scribbles").format(case=case.id)
    return _("{case} segmentation").format(case=case.id)


def signatureOf(
    node: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLScalarVolumeNode
) -> tuple[tuple[object, ...], ...]:
    """What is drawn, in little: equal for equal voxels in equal classes, empty for nothing."""
    segmentation = node.GetSegmentation()
    masks = segmentMasks(node, volume, list(segmentation.GetSegmentIDs()))
    parts = []
    for segmentId, mask in masks.items():
        segment = segmentation.GetSegment(segmentId)
        index = taggedClass(segment)
        of = segment.GetName() if index is None else str(index)
        crc = zlib.crc32(np.packbits(mask.values).tobytes())
        parts.append((of, mask.start, mask.values.shape, crc))
    return tuple(sorted(parts))


def touched(
    node: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLScalarVolumeNode
) -> tuple[object, ...]:
    """Changes when anything that ``signatureOf`` depends on may have changed; costs nothing."""
    segmentation = node.GetSegmentation()
    parts: list[object] = []
    for segmentId in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segmentId)
        image = segment.GetRepresentation(BINARY)
        parts.append((segmentId, segment.GetMTime(), 0 if image is None else image.GetMTime()))
    return (*parts, otherFromLocal(volume, node).tobytes())


def _inScene(
    study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode, mode: str
) -> slicer.vtkMRMLSegmentationNode | None:
    """The case's drawing that is in the scene and belongs to its present label.

    One that belongs to an older label, or was begun in another mode and is empty, is removed; if
    it holds strokes that are saved nowhere it stays in the scene, but is nobody's drawing.
    """
    current = None
    for node in nodesOfClass("vtkMRMLSegmentationNode"):
        if node.GetAttribute(CASE) != case.id or node.GetAttribute(COHORT) != str(study.path):
            continue
        drawnMode = node.GetAttribute(ANNOTATION)
        if drawnMode not in ("segment", "scribble"):
            continue
        empty = not signatureOf(node, volume)
        fits = node.GetAttribute(LABEL) == _nameOfLabel(case)
        if fits and current is None and (drawnMode == mode or not empty):
            current = node
        elif empty or _isSaved(node, volume, study, case):
            removeNode(node)
        else:
            node.SetName(_("{name} (not saved)").format(name=node.GetName()))
            for name in (CASE, COHORT, ANNOTATION, LABEL):
                node.RemoveAttribute(name)
    return current


def _isSaved(
    node: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLScalarVolumeNode,
    study: Study,
    case: Case,
) -> bool:
    """Whether the label file that the node names holds what the node shows."""
    name = node.GetAttribute(LABEL)
    if not name:
        return False
    try:
        array, _geometry = read_label(name)
        return _shows(node, volume, study, array, node.GetAttribute(ANNOTATION) == "segment")
    except (ImageError, SceneError):
        return False


def _nameOfLabel(case: Case) -> str:
    return "" if case.label is None else str(case.label)


def _readLabel(case: Case) -> np.ndarray:
    header = headerOf(case)
    try:
        label, geometry = read_label(case.label)
    except ImageError as error:
        raise SceneError(_("Case {case}: {reason}").format(case=case.id, reason=error)) from None
    label = label[np.newaxis] if label.ndim == 2 else label
    difference = None
    if label.shape != asSlice(header.geometry).array_shape:
        difference = _("another number of voxels")
    elif header.has_geometry and geometry.dimension == header.dimension:
        difference = header.geometry.describe_difference(geometry)
    if difference is not None:
        raise SceneError(
            _(
                "Case {case}: the label {file} is not on the image's grid ({difference}). "
                "Resample it to the image, nearest neighbour, and set it again."
            ).format(case=case.id, file=case.label, difference=difference)
        )
    return label


def _restored(
    study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode, label: np.ndarray
) -> tuple[slicer.vtkMRMLSegmentationNode, str]:
    dense = is_dense(label)
    file = drawingBeside(case.label)
    if file.is_file():
        node = readDrawing(file, volume, nameOfDrawing(case, "segment" if dense else "scribble"))
        if node is not None:
            adoptSegments(node, study.classes)
            # Scribbles may cover every voxel; the background segment tells them from a dense map.
            scribbled = segmentIdOfClass(node, BACKGROUND) is not None
            for mode in ("scribble", "segment") if scribbled else ("segment", "scribble"):
                if _shows(node, volume, study, label, mode == "segment"):
                    _removeFormer(node, volume, study)
                    _dressAll(node, study)
                    return node, mode
            removeNode(node)
    mode = "segment" if dense else "scribble"
    name = nameOfDrawing(case, mode)
    return segmentationOfLabel(label, volume, study.classes, name, scribbles=not dense), mode


def _shows(
    node: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLScalarVolumeNode,
    study: Study,
    label: np.ndarray,
    dense: bool,
) -> bool:
    shown = labelOfSegmentation(node, volume, study.classes, dense).array
    return label.size == shown.size and np.array_equal(shown, label.reshape(shown.shape))


def _dressAll(node: slicer.vtkMRMLSegmentationNode, study: Study) -> None:
    segmentation = node.GetSegmentation()
    for segmentId in segmentation.GetSegmentIDs():
        segment = segmentation.GetSegment(segmentId)
        segmentClass = classByIndex(study.classes, taggedClass(segment) or BACKGROUND)
        if taggedClass(segment) is not None and segmentClass is not None:
            dressAgain(segment, segmentClass)


def _removeFormer(
    node: slicer.vtkMRMLSegmentationNode, volume: slicer.vtkMRMLScalarVolumeNode, study: Study
) -> None:
    """Remove empty segments of classes that were removed: strokes in them would be of no class."""
    segmentation = node.GetSegmentation()
    known = {BACKGROUND, *(each.index for each in study.classes)}
    former = [
        segmentId
        for segmentId in segmentation.GetSegmentIDs()
        if taggedClass(segmentation.GetSegment(segmentId)) not in {None, *known}
    ]
    drawn = segmentMasks(node, volume, former)
    for segmentId in former:
        if segmentId not in drawn:
            segmentation.RemoveSegment(segmentId)


def _addMissing(
    node: slicer.vtkMRMLSegmentationNode,
    volume: slicer.vtkMRMLScalarVolumeNode,
    study: Study,
    mode: str,
) -> None:
    """A segment for each class that the drawing does not know yet."""
    wanted = [*([backgroundClass()] if mode == "scribble" else []), *study.classes]
    missing = [each for each in wanted if segmentIdOfClass(node, each.index) is None]
    if missing:
        fillWithClasses(node, volume, missing)


def _show(node: slicer.vtkMRMLSegmentationNode, mode: str) -> None:
    if mode == "scribble":
        node.GetDisplayNode().SetOpacity2DFill(SCRIBBLE_FILL)
