"""Segmentations kept as they were drawn, overlaps and all, in ``.seg.nrrd`` files."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import slicer
import vtk

from SemiWeakSegLib.cohort import stem_of
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import arrayOf, gridOfVolume, ijkToRas
from SemiWeakSegLib.scene.nodes import removeNode
from SemiWeakSegLib.scene.sampling import Region
from SemiWeakSegLib.scene.segment_classes import setTerminology, terminologyOf
from SemiWeakSegLib.scene.segment_voxels import BINARY, orientedImage, segmentMasks
from SemiWeakSegLib.scene.segmentation_nodes import attachToVolume, emptySegmentation
from SemiWeakSegLib.scene.texts import tr as _

SUFFIX = ".seg.nrrd"
SAME_GRID = 1e-2
"""Fraction of a voxel by which two images on one grid may differ after rounding."""


def drawingBeside(label: Path) -> Path:
    """Where the drawing of a label file lies: the same name with ``.seg.nrrd``."""
    return label.with_name(stem_of(label) + SUFFIX)


def writeDrawing(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    path: str | os.PathLike[str],
) -> Path:
    """Write the segments to a ``.seg.nrrd`` file in the space of the volume's file, atomically.

    The node's own storage is not touched. Segments that are not on the volume's grid, or under
    other parent transforms than the volume, are written as they lie on that grid. Raises
    SceneError when the file cannot be written.
    """
    path = Path(path)
    if _isOnGridOf(segmentationNode, volumeNode):
        _write(segmentationNode, path)
        return path
    copy = onGridOf(segmentationNode, volumeNode)
    try:
        _write(copy, path)
    finally:
        removeNode(copy)
    return path


def readDrawing(
    path: Path, volumeNode: slicer.vtkMRMLVolumeNode, name: str
) -> slicer.vtkMRMLSegmentationNode | None:
    """The segmentation in a ``.seg.nrrd`` file, beside the volume; None if it cannot be read.

    The node has no storage node: saving the scene must not write into the cohort's files.
    """
    if not _isWhole(path):
        return None
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(path))
    if not storage.ReadData(node):
        removeNode(node)
        return None
    node.SetName(name)
    node.CreateDefaultDisplayNodes()
    attachToVolume(node, volumeNode)
    return node


def onGridOf(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode
) -> slicer.vtkMRMLSegmentationNode:
    """A copy whose segments lie on the volume's grid and under its transforms."""
    segmentation = segmentationNode.GetSegmentation()
    chosen = list(segmentation.GetSegmentIDs())
    masks = segmentMasks(segmentationNode, volumeNode, chosen)
    toLocal = arrayOf(ijkToRas(gridOfVolume(volumeNode)))
    copy = emptySegmentation(segmentationNode.GetName(), volumeNode)
    for segmentId in chosen:
        source, segment = segmentation.GetSegment(segmentId), slicer.vtkSegment()
        segment.DeepCopyMetadata(source)
        setTerminology(segment, terminologyOf(source))
        segment.SetLabelValue(1)
        if segmentId in masks:
            mask = masks[segmentId]
            image = orientedImage(Region(mask.start, mask.values.astype(np.uint8)), toLocal)
            segment.AddRepresentation(BINARY, image)
        copy.GetSegmentation().AddSegment(segment, segmentId)
    copy.GetSegmentation().CollapseBinaryLabelmaps(False)
    return copy


def _isWhole(path: Path) -> bool:
    """Whether the voxels can be read: at a file that is cut short, MRML's reader ends Slicer."""
    try:
        sitk.ReadImage(str(path))
    except RuntimeError:
        return False
    return True


def _isOnGridOf(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode
) -> bool:
    """Whether Slicer would write the segments voxel by voxel, on the volume's grid.

    Otherwise its writer samples them on the grid that the segmentation has for reference.
    """
    segmentation = segmentationNode.GetSegmentation()
    if segmentationNode.GetTransformNodeID() != volumeNode.GetTransformNodeID():
        return False
    if segmentation.GetSourceRepresentationName() != BINARY:
        return False
    converter = slicer.vtkSegmentationConverter
    reference = slicer.vtkOrientedImageData()
    text = segmentation.GetConversionParameter(converter.GetReferenceImageGeometryParameterName())
    if not text or not converter.DeserializeImageGeometry(text, reference, False):
        return False
    images = [reference]
    for segmentId in segmentation.GetSegmentIDs():
        image = segmentation.GetSegment(segmentId).GetRepresentation(BINARY)
        if image is not None and not image.IsEmpty():
            images.append(image)
    grid = gridOfVolume(volumeNode)
    toLocal = arrayOf(ijkToRas(grid))
    corners = np.c_[list(itertools.product(*((0, count - 1) for count in grid.size))), np.ones(8)]
    for image in images:
        matrix = vtk.vtkMatrix4x4()
        image.GetImageToWorldMatrix(matrix)
        indices = corners @ (np.linalg.inv(arrayOf(matrix)) @ toLocal).T
        if np.abs(indices - corners).max() > SAME_GRID:
            return False
    return True


def _write(segmentationNode: slicer.vtkMRMLSegmentationNode, path: Path) -> None:
    temporary = path.with_name(f".{stem_of(path)}.{os.getpid()}.part{SUFFIX}")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    storage.SetFileName(str(temporary))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = storage.WriteData(segmentationNode) and temporary.is_file()
        if not written:
            raise OSError(storage.GetUserMessages().GetAllMessagesAsString().strip() or "-")
        os.replace(temporary, path)
    except OSError as error:
        raise SceneError(
            _('Segmentation "{name}" cannot be written to {path}: {reason}').format(
                name=segmentationNode.GetName(), path=path, reason=error.strerror or error
            )
        ) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
