"""Points of the cohort as point lists (markups), and point lists as points of the image file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Point, SegmentClass
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import indexToLps, otherFromLocal
from SemiWeakSegLib.scene.hierarchy import placeBeside
from SemiWeakSegLib.scene.image_axes import imageGrid
from SemiWeakSegLib.scene.node_names import CLASS, LOOK
from SemiWeakSegLib.scene.rois import fileFromNode
from SemiWeakSegLib.scene.segment_classes import classByIndex, colorOfClass, lookOf
from SemiWeakSegLib.scene.texts import tr as _

LIST_CLASS = "vtkMRMLMarkupsFiducialNode"
FULL_WIDTH_PERCENT = "\uff05"
TEXT_SCALE = 2.0
"""Percent of the view: names of many points are to leave the image to be seen (Slicer: 3)."""
DECIMALS = 6
"""Of a millimetre: a point that was not moved is then the same number after any way it went."""


def newPointList(
    volumeNode: slicer.vtkMRMLVolumeNode, segmentClass: SegmentClass
) -> slicer.vtkMRMLMarkupsFiducialNode:
    """An empty list for points of a class: its name and colour, under the volume's transforms."""
    pointList = slicer.mrmlScene.AddNewNodeByClass(LIST_CLASS, segmentClass.name)
    pointList.SetAttribute(CLASS, str(segmentClass.index))
    pointList.CreateDefaultDisplayNodes()
    display = pointList.GetDisplayNode()
    display.SetPointLabelsVisibility(True)
    display.SetPropertiesLabelVisibility(False)
    display.SetTextScale(TEXT_SCALE)
    dressList(pointList, segmentClass)
    pointList.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    placeBeside(pointList, volumeNode)
    return pointList


def dressList(pointList: slicer.vtkMRMLMarkupsFiducialNode, segmentClass: SegmentClass) -> None:
    """Give a list and each of its points the class's name and colour."""
    pointList.SetName(segmentClass.name)
    # Points that are placed later are called as the class; a "%" would be filled in by Slicer.
    label = segmentClass.name.replace("%", FULL_WIDTH_PERCENT)
    pointList.SetControlPointLabelFormat(label)
    for index in range(pointList.GetNumberOfControlPoints()):
        pointList.SetNthControlPointLabel(index, label)
    display = pointList.GetDisplayNode()
    color = colorOfClass(segmentClass)
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    pointList.SetAttribute(LOOK, lookOf(segmentClass))


def addPoints(
    pointList: slicer.vtkMRMLMarkupsFiducialNode,
    points: Iterable[Point],
    volumeNode: slicer.vtkMRMLVolumeNode,
) -> None:
    """Put points of the image file's space into a list that lies beside the volume."""
    nodeFromFile = np.linalg.inv(fileFromNode(volumeNode))
    height = indexToLps(imageGrid(volumeNode))[2, 3]
    for point in points:
        place = [*point.position, height][:3]  # a flat one lies on the picture's slice
        local = nodeFromFile @ [*place, 1.0]
        pointList.AddControlPoint([float(value) for value in local[:3]])


def pointsOfList(
    pointList: slicer.vtkMRMLMarkupsFiducialNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    classes: Sequence[SegmentClass],
) -> list[Point]:
    """The points that were placed in a list, in the image file's own space (LPS, mm).

    Flat ones in a picture. The parent transforms of list and volume are accounted for. Raises
    SceneError when the list is of no class, a point lies outside the image, or a transform is not
    linear.
    """
    placed = placedPoints(pointList)
    if not placed:
        return []
    index = classOfList(pointList)
    if index is None or classByIndex(classes, index) is None:
        raise SceneError(
            _(
                'Point list "{name}" says no class: delete it, and place its points in the Point '
                "mode."
            ).format(name=pointList.GetName())
        )
    grid = imageGrid(volumeNode)
    fromList = fileFromNode(volumeNode) @ otherFromLocal(pointList, volumeNode)
    positions = (np.c_[placed, np.ones(len(placed))] @ fromList.T)[:, :3]
    outside = np.any(grid.holding_voxels(positions[:, : grid.dimension]) < 0, axis=1)
    if grid.dimension == 2:
        plane = indexToLps(grid)
        outside |= np.abs(positions[:, 2] - plane[2, 3]) > 0.5 * abs(plane[2, 2])
    if outside.any():
        raise SceneError(
            _(
                '{count} of the points of "{name}" lie outside the image: drag them into it, or '
                "delete them."
            ).format(count=int(outside.sum()), name=pointList.GetName())
        )
    rounded = np.round(positions[:, : grid.dimension], DECIMALS) + 0.0
    return [Point(index, tuple(float(value) for value in row)) for row in rounded]


def placedPoints(pointList: slicer.vtkMRMLMarkupsFiducialNode) -> list[tuple[float, float, float]]:
    """Where the list's points lie, in its own coordinates; the one at the cursor is none yet."""
    return [pointList.GetNthControlPointPosition(each)[:3] for each in placedIndices(pointList)]


def placedIndices(pointList: slicer.vtkMRMLMarkupsFiducialNode) -> list[int]:
    """The numbers of the control points that were placed, the oldest first."""
    return [
        each
        for each in range(pointList.GetNumberOfControlPoints())
        if pointList.GetNthControlPointPositionStatus(each) == pointList.PositionDefined
    ]


def classOfList(pointList: slicer.vtkMRMLMarkupsFiducialNode) -> int | None:
    """The class index that the list's attribute says, 0 for the background; None without one."""
    text = (pointList.GetAttribute(CLASS) or "").strip()
    return int(text) if text.isdigit() else None
