"""Segmentation nodes that belong to a volume."""

from __future__ import annotations

from collections.abc import Sequence

import slicer
import vtk

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.scene.grids import arrayOf, gridOfVolume, ijkToRas, otherFromLocal, vtkMatrixOf
from SemiWeakSegLib.scene.hierarchy import placeBeside
from SemiWeakSegLib.scene.sampling import Region
from SemiWeakSegLib.scene.segment_classes import dress
from SemiWeakSegLib.scene.segment_voxels import BINARY, orientedImage


def emptySegmentation(
    name: str, volumeNode: slicer.vtkMRMLVolumeNode
) -> slicer.vtkMRMLSegmentationNode:
    """A segmentation without segments: on the volume's grid, under its transforms, beside it."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    attachToVolume(node, volumeNode)
    return node


def attachToVolume(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode
) -> None:
    """Reference geometry and node reference, parent transform and place of the volume."""
    segmentationNode.SetAndObserveTransformNodeID(volumeNode.GetTransformNodeID())
    # Sets the serialized grid, in the space that the node's transform gives, and the reference.
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    placeBeside(segmentationNode, volumeNode)


def fillWithClasses(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    classes: Sequence[SegmentClass],
    voxels: Region | None = None,
    labelValues: Sequence[int] = (),
) -> None:
    """Add a segment per class, all of them in one image on the volume's grid.

    ``voxels`` (uint8) holds each class's value of ``labelValues``; without it the segments are
    empty, and yet on the grid: Slicer would draw into 1 mm cubes along the world's axes otherwise.
    """
    toLocal = otherFromLocal(volumeNode, segmentationNode) @ arrayOf(
        ijkToRas(gridOfVolume(volumeNode))
    )
    if voxels is not None:
        image = orientedImage(voxels, toLocal)
    else:
        image = slicer.vtkOrientedImageData()
        image.SetExtent(0, -1, 0, -1, 0, -1)
        image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        image.SetGeometryFromImageToWorldMatrix(vtkMatrixOf(toLocal))
    values = labelValues or range(1, len(classes) + 1)
    segmentation = segmentationNode.GetSegmentation()
    for segmentClass, value in zip(classes, values, strict=True):
        segment = slicer.vtkSegment()
        dress(segment, segmentClass)
        segment.SetLabelValue(int(value))
        segment.AddRepresentation(BINARY, image)
        segmentation.AddSegment(segment, "")
