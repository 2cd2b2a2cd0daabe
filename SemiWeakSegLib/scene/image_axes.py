"""Between the voxels of a volume node and those of the image file it shows.

Slicer turns the slices of a left-handed file round when it reads it, and a volume may be centred
or have a transform hardened on it: then node and file differ in order or place of voxels, and an
annotation must still lie on the file's.
"""

from __future__ import annotations

import json

import numpy as np
import slicer

from SemiWeakSegLib.cohort import Geometry
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, gridOfVolume, indexToLps
from SemiWeakSegLib.scene.node_names import GRID
from SemiWeakSegLib.scene.sampling import sampleNearest, wholeVoxelMap
from SemiWeakSegLib.scene.texts import tr as _


def rememberImageGrid(volumeNode: slicer.vtkMRMLVolumeNode, geometry: Geometry) -> None:
    """Note in the volume the grid of its image file, 2-D for a picture."""
    parts = (geometry.size, geometry.spacing, geometry.origin, geometry.direction)
    volumeNode.SetAttribute(GRID, json.dumps(parts))


def imageGrid(volumeNode: slicer.vtkMRMLVolumeNode) -> Geometry:
    """The grid of the volume's image file, 2-D for a picture; without a file the volume's own."""
    text = volumeNode.GetAttribute(GRID)
    if not text:
        return gridOfVolume(volumeNode)
    return Geometry(*(tuple(part) for part in json.loads(text)))


def requireImageVoxels(volumeNode: slicer.vtkMRMLVolumeNode) -> None:
    """Raise SceneError when the volume no longer has the voxels of its image file."""
    _nodeFromImage(volumeNode)


def toImageAxes(array: np.ndarray, volumeNode: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """An array on the volume's voxels (z, y, x) in the order of the file's, 3-D as well."""
    return _reordered(array, _nodeFromImage(volumeNode), asSlice(imageGrid(volumeNode)))


def toNodeAxes(array: np.ndarray, volumeNode: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """An array on the file's voxels (z, y, x) in the order of the volume's."""
    imageFromNode = np.linalg.inv(_nodeFromImage(volumeNode))
    return _reordered(array, np.rint(imageFromNode), gridOfVolume(volumeNode))


def imageLpsFromNodeIndex(volumeNode: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """Voxel indices of the volume (x first) to the LPS space of its file, mm: 4x4."""
    return indexToLps(imageGrid(volumeNode)) @ np.linalg.inv(_nodeFromImage(volumeNode))


def rightHanded(values: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, Geometry]:
    """The same image with its slices in the order that Slicer keeps when it saves a scene."""
    geometry = asSlice(geometry)
    if np.linalg.det(geometry.direction_matrix) > 0:
        return values, geometry
    origin = geometry.to_physical(np.array([0, 0, geometry.size[2] - 1]))
    direction = geometry.direction_matrix @ np.diag([1.0, 1.0, -1.0])
    turned = Geometry(
        geometry.size,
        geometry.spacing,
        tuple(float(value) for value in origin),
        tuple(float(value) for value in direction.ravel()),
    )
    return np.flip(values, axis=-3), turned


def _reordered(array: np.ndarray, indexMap: np.ndarray, geometry: Geometry) -> np.ndarray:
    region = sampleNearest(array, indexMap, geometry.array_shape)
    assert region is not None and region.values.shape == geometry.array_shape
    return np.ascontiguousarray(region.values)


def _nodeFromImage(volumeNode: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """Voxel indices of the file (x first) to those of the volume: whole numbers, 4x4.

    By place where the voxels lie on each other; else, after centring or hardening, by number.
    """
    node, image = gridOfVolume(volumeNode), asSlice(imageGrid(volumeNode))
    found = wholeVoxelMap(np.linalg.inv(indexToLps(node)) @ indexToLps(image), image.array_shape)
    if found is not None:
        turn, shift = found
        first, last = shift, turn @ (np.array(image.size) - 1) + shift
        low, high = np.minimum(first, last), np.maximum(first, last)
        if not low.any() and np.array_equal(high, np.array(node.size) - 1):
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = turn, shift
            return matrix
    if node.size != image.size:
        raise SceneError(
            _(
                'Volume "{name}" has {found} voxels, its image file {expected}. It was cropped or '
                "resampled; remove it from the scene and open the case again."
            ).format(
                name=volumeNode.GetName(),
                found=" x ".join(map(str, node.size)),
                expected=" x ".join(map(str, image.size)),
            )
        )
    matrix = np.eye(4)
    if np.linalg.det(node.direction_matrix) * np.linalg.det(image.direction_matrix) < 0:
        matrix[2, 2], matrix[2, 3] = -1, image.size[2] - 1
    return matrix
