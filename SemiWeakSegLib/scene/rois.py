"""Boxes of the cohort as ROI nodes, and ROI nodes as boxes in the image file's space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer
import vtk

from SemiWeakSegLib.cohort import Box, SegmentClass
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import (
    LPS_TO_RAS,
    arrayOf,
    gridOfVolume,
    indexToLps,
    otherFromLocal,
    vtkMatrixOf,
)
from SemiWeakSegLib.scene.hierarchy import placeBeside
from SemiWeakSegLib.scene.image_axes import imageGrid, imageLpsFromNodeIndex
from SemiWeakSegLib.scene.node_names import CLASS
from SemiWeakSegLib.scene.segment_classes import classByIndex, colorOfClass
from SemiWeakSegLib.scene.texts import tr as _

FILL_OPACITY = 0.1


def newRoi(
    volumeNode: slicer.vtkMRMLVolumeNode, classes: Sequence[SegmentClass], classIndex: int
) -> slicer.vtkMRMLMarkupsROINode:
    """An ROI node of a class: its name and colour, under the volume's transforms, beside it.

    Raises SceneError when there is no such class.
    """
    segmentClass = classByIndex(classes, classIndex) if classIndex > 0 else None
    if segmentClass is None:
        raise SceneError(
            _("There is no class {index} to draw a box for; add it to the cohort.").format(
                index=classIndex
            )
        )
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", segmentClass.name)
    roi.SetAttribute(CLASS, str(classIndex))
    roi.CreateDefaultDisplayNodes()
    display = roi.GetDisplayNode()
    color = colorOfClass(segmentClass)
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetFillOpacity(FILL_OPACITY)
    display.SetPropertiesLabelVisibility(True)
    display.SetHandlesInteractive(True)
    display.SetRotationHandleVisibility(True)
    roi.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    placeBeside(roi, volumeNode)
    return roi


def roiOfBox(
    box: Box,
    volumeNode: slicer.vtkMRMLVolumeNode,
    classes: Sequence[SegmentClass],
) -> slicer.vtkMRMLMarkupsROINode:
    """A box of the image file's space as an ROI, rotated as the box is, in its class's colour.

    A 2-D box becomes an ROI through the one slice of its picture. Raises SceneError when the box
    is of no class.
    """
    center, edges = _edgesOfBox(box, indexToLps(imageGrid(volumeNode)))
    nodeFromFile = np.linalg.inv(fileFromNode(volumeNode))
    roi = newRoi(volumeNode, classes, box.class_index)
    placeRoi(roi, nodeFromFile[:3, :3] @ center + nodeFromFile[:3, 3], nodeFromFile[:3, :3] @ edges)
    return roi


def boxOfRoi(
    roi: slicer.vtkMRMLMarkupsROINode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    dimension: int = 3,
) -> Box:
    """The ROI as a box in the image file's own space (LPS, mm), rotation kept.

    The parent transforms of ROI and volume are accounted for; if what lies between them shears,
    the box encloses the ROI. ``dimension`` 2 gives the ROI's cut with the picture's plane.
    Raises SceneError when the ROI has no class or no size, lies off the picture, or is under a
    transform that is not linear.
    """
    classIndex = classOfRoi(roi)
    if classIndex is None:
        raise SceneError(
            _('ROI "{name}" says no class: draw boxes with the module\'s Box mode.').format(
                name=roi.GetName()
            )
        )
    toNode = vtk.vtkMatrix4x4()
    toNode.DeepCopy(roi.GetObjectToNodeMatrix())
    toVolume = otherFromLocal(roi, volumeNode) @ arrayOf(toNode)
    toFile = fileFromNode(volumeNode) @ toVolume
    size = np.asarray(roi.GetSize(), dtype=float)
    if not np.all(size > 0):
        raise SceneError(
            _('ROI "{name}" has no extent: draw the box again, or delete it.').format(
                name=roi.GetName()
            )
        )
    center, edges = toFile[:3, 3], toFile[:3, :3] * size
    if dimension == 2:
        plane = indexToLps(imageGrid(volumeNode))
        return _flatBox(classIndex, center, edges, plane, roi.GetName())
    axes, lengths = _enclosing(edges)
    return _box(classIndex, center, lengths, axes)


def classOfRoi(roi: slicer.vtkMRMLMarkupsROINode) -> int | None:
    """The class index that the ROI's attribute says; None without one."""
    text = (roi.GetAttribute(CLASS) or "").strip()
    return int(text) if text.isdigit() and int(text) > 0 else None


def fileFromNode(volumeNode: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """The volume's own RAS to the LPS of its image file, mm: 4x4."""
    nodeToLps = indexToLps(gridOfVolume(volumeNode))
    return imageLpsFromNodeIndex(volumeNode) @ np.linalg.inv(LPS_TO_RAS @ nodeToLps)


def placeRoi(roi: slicer.vtkMRMLMarkupsROINode, center: np.ndarray, edges: np.ndarray) -> None:
    """Give the ROI a centre and edge vectors (columns), in its own RAS coordinates, mm."""
    axes, lengths = _enclosing(np.asarray(edges, dtype=float))
    matrix = np.eye(4)
    matrix[:3, :3] = axes.T
    if np.linalg.det(matrix[:3, :3]) < 0:
        matrix[:3, 2] *= -1  # a box does not change when one of its axes is turned round
    matrix[:3, 3] = center
    roi.SetSize(*lengths)
    roi.SetAndObserveObjectToNodeMatrix(vtkMatrixOf(matrix))


def _edgesOfBox(box: Box, plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and edge vectors (columns) in LPS; a flat box gets the slice's thickness."""
    center, edges = np.zeros(3), np.zeros((3, 3))
    d = box.dimension
    center[:d] = box.center
    edges[:d, :d] = np.asarray(box.axes, dtype=float).T * np.asarray(box.size, dtype=float)
    if d == 2:
        center[2] = plane[2, 3]
        edges[:, 2] = plane[:3, 2]
    return center, edges


def _flatBox(
    classIndex: int, center: np.ndarray, edges: np.ndarray, plane: np.ndarray, name: str
) -> Box:
    """The cut with the plane z = constant of a picture: exact for an ROI that stands upright."""
    across = int(np.argmax(np.abs(edges[2]) / np.linalg.norm(edges, axis=0)))
    height = plane[2, 3] - center[2]
    if abs(height) > 0.5 * np.abs(edges[2]).sum() + 1e-6:
        raise SceneError(
            _('ROI "{name}" does not touch the picture: move it onto the slice.').format(name=name)
        )
    if abs(edges[2, across]) > 0:
        center = center + edges[:, across] * (height / edges[2, across])
    sides = np.delete(edges, across, axis=1)[:2]
    axes, lengths = _enclosing(sides)
    return _box(classIndex, center[:2], lengths, axes)


def _enclosing(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes (rows) and lengths of the box around a parallelepiped; exact for a box."""
    length = np.linalg.norm(edges, axis=0)
    # The rotation next to the edges' directions; of directions at right angles it is themselves.
    left, _values, right = np.linalg.svd(edges / np.where(length > 0, length, 1.0))
    axes = (left @ right).T
    return axes, np.abs(axes @ edges).sum(axis=1)


def _box(classIndex: int, center: np.ndarray, size: np.ndarray, axes: np.ndarray) -> Box:
    return Box(
        class_index=classIndex,
        center=tuple(float(value) for value in center),
        size=tuple(float(value) for value in size),
        axes=tuple(tuple(float(value) + 0.0 for value in row) for row in axes),
    )
