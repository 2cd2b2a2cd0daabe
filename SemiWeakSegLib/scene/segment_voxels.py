"""The voxels of segments as arrays, read without leaving a trace in the scene."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import get_vtk_array_type, vtk_to_numpy

from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import (
    arrayOf,
    gridOfVolume,
    ijkToRas,
    otherFromLocal,
    vtkMatrixOf,
)
from SemiWeakSegLib.scene.sampling import Region, sampleNearest
from SemiWeakSegLib.scene.texts import tr as _

BINARY = "Binary labelmap"


@dataclass(frozen=True)
class Layer:
    """An image that one or several segments share.

    ``values`` (z, y, x) is not a copy; ``toLocal`` (4x4) takes its indices (x first) to the
    segmentation's own RAS coordinates; ``segments``: segment id -> its value in the image.
    """

    values: np.ndarray
    toLocal: np.ndarray
    segments: dict[str, int]


def sampledLayers(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    segmentIds: Collection[str],
) -> list[tuple[Region, dict[str, int]]]:
    """The drawn parts of the segments on the volume's grid, layer by layer.

    The values of a region are those of the layer; the dictionary says which segment a value
    belongs to. Parent transforms of both nodes are accounted for. Raises SceneError when one of
    them is not linear, or when the segmentation cannot be turned into voxels.
    """
    grid = gridOfVolume(volumeNode)
    volumeToSegmentation = otherFromLocal(volumeNode, segmentationNode) @ arrayOf(ijkToRas(grid))
    found = []
    for layer in _layers(segmentationNode, volumeNode, segmentIds):
        indexMap = np.linalg.inv(layer.toLocal) @ volumeToSegmentation
        region = sampleNearest(layer.values, indexMap, grid.array_shape)
        if region is not None:
            found.append((region, layer.segments))
    return found


def segmentMasks(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    segmentIds: Collection[str],
) -> dict[str, Region]:
    """Where each segment is drawn on the volume's grid, without those that are empty."""
    masks = {}
    for region, segments in sampledLayers(segmentationNode, volumeNode, segmentIds):
        for segmentId, value in segments.items():
            mask = tight(Region(region.start, region.values == value))
            if mask is not None:
                masks[segmentId] = mask
    return {segmentId: masks[segmentId] for segmentId in segmentIds if segmentId in masks}


def tight(region: Region) -> Region | None:
    """The smallest part of a region that holds all its values but zero; None when all are zero."""
    start, values = list(region.start), region.values
    for axis in range(3):
        others = tuple(each for each in range(3) if each != axis)
        filled = np.flatnonzero(np.any(values, axis=others))
        if filled.size == 0:
            return None
        start[axis] += int(filled[0])
        values = values[(slice(None),) * axis + (slice(filled[0], filled[-1] + 1),)]
    return Region((start[0], start[1], start[2]), values)


def orientedImage(region: Region, toLocal: np.ndarray) -> slicer.vtkOrientedImageData:
    """A region of a grid as an image for segments; ``toLocal`` (4x4) places the whole grid."""
    image = slicer.vtkOrientedImageData()
    extent = []
    for start, count in zip(region.start[::-1], region.values.shape[::-1], strict=True):
        extent += [start, start + count - 1]
    image.SetExtent(*extent)
    image.AllocateScalars(get_vtk_array_type(region.values.dtype), 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = region.values.ravel()
    image.SetGeometryFromImageToWorldMatrix(vtkMatrixOf(toLocal))
    return image


def _layers(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    segmentIds: Collection[str],
) -> list[Layer]:
    segmentation = segmentationNode.GetSegmentation()
    if segmentation.GetSourceRepresentationName() != BINARY:
        segmentation = _converted(segmentationNode, volumeNode)
    segmentsOfImage: dict[slicer.vtkOrientedImageData, dict[str, int]] = {}
    for segmentId in segmentIds:
        segment = segmentation.GetSegment(segmentId)
        image = segment.GetRepresentation(BINARY)
        if image is None or image.IsEmpty() or image.GetPointData().GetScalars() is None:
            continue
        segmentsOfImage.setdefault(image, {})[segmentId] = segment.GetLabelValue()
    return [_layer(image, segments) for image, segments in segmentsOfImage.items()]


def _layer(image: slicer.vtkOrientedImageData, segments: dict[str, int]) -> Layer:
    values = vtk_to_numpy(image.GetPointData().GetScalars())
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    shifted = np.eye(4)
    shifted[:3, 3] = image.GetExtent()[::2]
    return Layer(
        values.reshape(image.GetDimensions()[::-1]), arrayOf(matrix) @ shifted, dict(segments)
    )


def _converted(
    segmentationNode: slicer.vtkMRMLSegmentationNode, volumeNode: slicer.vtkMRMLVolumeNode
) -> slicer.vtkSegmentation:
    """A copy whose segments were turned from surfaces into voxels on the volume's grid."""
    segmentation = slicer.vtkSegmentation()
    segmentation.DeepCopy(segmentationNode.GetSegmentation())
    toLocal = otherFromLocal(volumeNode, segmentationNode) @ arrayOf(
        ijkToRas(gridOfVolume(volumeNode))
    )
    geometry = slicer.vtkOrientedImageData()
    extent = []
    for count in volumeNode.GetImageData().GetDimensions():
        extent += [0, count - 1]
    geometry.SetExtent(*extent)
    geometry.SetGeometryFromImageToWorldMatrix(vtkMatrixOf(toLocal))
    segmentation.SetConversionParameter(
        slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName(),
        slicer.vtkSegmentationConverter.SerializeImageGeometry(geometry),
    )
    segmentation.RemoveRepresentation(BINARY)
    if not segmentation.CreateRepresentation(BINARY):
        raise SceneError(
            _(
                'Segmentation "{name}" ({kind}) cannot be turned into voxels. Convert it to a '
                "binary labelmap in the Segmentations module."
            ).format(
                name=segmentationNode.GetName(), kind=segmentation.GetSourceRepresentationName()
            )
        )
    return segmentation
