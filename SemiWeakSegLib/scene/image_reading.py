"""Image files as volume nodes: by Slicer's own reader, or as SimpleITK reads them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import slicer

from SemiWeakSegLib.cohort import (
    Case,
    Geometry,
    ImageError,
    ImageHeader,
    read_header,
    read_image,
    suffix_of,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, gridOfVolume, setGrid
from SemiWeakSegLib.scene.image_axes import rightHanded
from SemiWeakSegLib.scene.nodes import removeNode
from SemiWeakSegLib.scene.texts import tr as _

SLICER_READS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
"""Files that Slicer's own reader gives with their voxel type and a link to the file."""

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
LUMINANCE = (0.299, 0.587, 0.114)
SAME_GRID = 1e-3
"""Fraction of a voxel by which corners of one grid may differ after a file's rounding."""


def headerOf(case: Case) -> ImageHeader:
    """The header of the case's first image; raises SceneError naming the case."""
    image = case.images[0]
    try:
        if image.is_dir():
            return _headerOfSeries(image, image.stat().st_mtime_ns)
        return read_header(image)
    except ImageError as error:
        raise SceneError(_("Case {case}: {reason}").format(case=case.id, reason=error)) from None


@functools.lru_cache(maxsize=64)
def _headerOfSeries(folder: Path, changed: int) -> ImageHeader:
    """Every file of the folder is read for it, which opening and saving a case asks for often."""
    return read_header(folder)


def readVolume(case: Case) -> slicer.vtkMRMLScalarVolumeNode:
    """A new volume of the case's first channel; see ``volumes.loadCase``.

    Raises SceneError when the file cannot be read.
    """
    header = headerOf(case)
    node = _loadBySlicer(case, header)
    if node is None:
        values, geometry = readChannels(case, onlyFirst=True)
        if isPicture(case.images[0]) and len(values) >= 3:
            shown = np.tensordot(np.asarray(LUMINANCE, np.float32), values[:3], axes=1)
            shown = np.rint(shown) if np.all(values == np.rint(values)) else shown
        else:
            shown = values[0]
        node = volumeOfArray(shown, geometry, case.id)
    return node


def _loadBySlicer(case: Case, header: ImageHeader) -> slicer.vtkMRMLScalarVolumeNode | None:
    """By Slicer's reader, where it reads what the cohort reads: one channel on the same voxels.

    It turns the slices of a left-handed file round; see ``image_axes``.
    """
    path = case.images[0]
    if path.is_dir() or suffix_of(path).lower() not in SLICER_READS:
        return None
    if header.dimension != 3 or header.channels != 1:
        return None
    properties = {"name": case.id, "singleFile": True, "show": False}
    try:
        node = slicer.util.loadVolume(str(path), properties=properties)
    except RuntimeError:
        return None  # SimpleITK may read it; if not, its message names the file
    if node is None:
        return None
    if _isScalar(node) and sameVoxelPlaces(node, header.geometry):
        node.SetName(case.id)
        return node
    removeNode(node)
    return None


def _isScalar(node: slicer.vtkMRMLNode) -> bool:
    image = node.GetImageData() if node.IsA("vtkMRMLScalarVolumeNode") else None
    return image is not None and image.GetNumberOfScalarComponents() == 1


def readChannels(case: Case, onlyFirst: bool = False) -> tuple[np.ndarray, Geometry]:
    """The case's channels, float32 (C, z, y, x) or (C, y, x), and their grid.

    Raises SceneError naming the case.
    """
    try:
        return read_image(case.images[0] if onlyFirst else case.images)
    except ImageError as error:
        raise SceneError(_("Case {case}: {reason}").format(case=case.id, reason=error)) from None


def severalChannels(case: Case, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray | None:
    """All channels (C, z, y, x) of the case that the volume shows, in its order of voxels.

    None where the volume shows all there is, or no longer lies on the grid of the file. Raises
    SceneError naming the case.
    """
    if len(case.images) == 1 and headerOf(case).channels == 1:
        return None
    values, geometry = readChannels(case)
    shape = asSlice(geometry).array_shape
    values, geometry = rightHanded(values.reshape(len(values), *shape), geometry)
    fits = slicer.util.arrayFromVolume(volumeNode).shape == values.shape[1:]
    return values if fits and sameVoxelPlaces(volumeNode, geometry) else None


def volumeOfArray(
    values: np.ndarray, geometry: Geometry, name: str
) -> slicer.vtkMRMLScalarVolumeNode:
    """A new volume of an array in the file's order (z, y, x) or (y, x)."""
    values = values[np.newaxis] if values.ndim == 2 else values
    values, geometry = rightHanded(values, geometry)
    node = slicer.util.addVolumeFromArray(_compact(values), name=name)
    setGrid(node, geometry)
    return node


def _compact(values: np.ndarray) -> np.ndarray:
    """Whole numbers as int16 where they fit: half the memory, and shown as whole numbers."""
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if low >= -32768 and high <= 32767:
        whole = values.astype(np.int16)
        if np.array_equal(whole, values):
            return whole
    return values


def isPicture(path: Path) -> bool:
    """Whether a file is of a kind whose components are colours."""
    return suffix_of(path).lower() in PICTURES


def sameVoxelPlaces(volumeNode: slicer.vtkMRMLVolumeNode, geometry: Geometry) -> bool:
    """Whether the voxels lie where the file's lie, in its order of slices or in the other one."""
    try:
        grid = gridOfVolume(volumeNode)
    except SceneError:
        return False
    values = np.empty((1, 1, 1))
    one, other = (rightHanded(values, each)[1] for each in (asSlice(geometry), grid))
    return one.describe_difference(other, SAME_GRID) is None
