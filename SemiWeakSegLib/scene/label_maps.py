"""Segmentations as label maps of class indices on the volume's grid, and back."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import slicer

from SemiWeakSegLib.cohort import UNLABELED, SegmentClass
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import asSlice, gridOfVolume
from SemiWeakSegLib.scene.image_axes import imageGrid, toImageAxes, toNodeAxes
from SemiWeakSegLib.scene.sampling import Region
from SemiWeakSegLib.scene.segment_classes import (
    BACKGROUND,
    backgroundClass,
    classesOfSegments,
)
from SemiWeakSegLib.scene.segment_voxels import sampledLayers, tight
from SemiWeakSegLib.scene.segmentation_nodes import emptySegmentation, fillWithClasses
from SemiWeakSegLib.scene.texts import tr as _


@dataclass(frozen=True)
class Overlap:
    """Voxels that are drawn in two classes (indices, in class order)."""

    first: int
    second: int
    voxels: int


@dataclass(frozen=True)
class Label:
    """What is drawn, as one label map.

    ``array``: uint8 (z, y, x) on the grid of the image's file, 255 = unlabeled. ``counts``: class
    index -> voxels in the map, background included, 255 not. ``drawn``: voxels inside any segment
    of a class, before the rest of a dense map counts as background.
    """

    array: np.ndarray
    overlaps: list[Overlap]
    counts: dict[int, int]
    drawn: int


def labelOfSegmentation(
    segmentationNode: slicer.vtkMRMLSegmentationNode,
    volumeNode: slicer.vtkMRMLVolumeNode,
    classes: Sequence[SegmentClass],
    dense: bool,
) -> Label:
    """The label map of a segmentation on the grid of the volume's image file.

    Parent transforms of volume and segmentation are accounted for, not applied. Without a file
    (see ``bindVolume``) the array's axes are the volume's own. Where nothing is drawn it holds 0
    when ``dense``, else 255. A voxel drawn in two classes becomes 255; in a dense map the class
    that comes later in ``classes`` has it. Segments of no class are ignored. Raises SceneError for
    transforms that are not linear, and when the volume no longer has its file's voxels.
    """
    order = [BACKGROUND, *(each.index for each in classes)]
    ranks = {index: rank for rank, index in enumerate(order, start=1)}  # 0 is: not drawn
    indexOf = classesOfSegments(segmentationNode, classes)
    shape = gridOfVolume(volumeNode).array_shape
    merged = np.zeros(shape, np.uint8)
    regions = []
    for region, segments in sampledLayers(segmentationNode, volumeNode, list(indexOf)):
        rankOf = {value: ranks[indexOf[segmentId]] for segmentId, value in segments.items()}
        ranked = tight(Region(region.start, _looked_up(region.values, rankOf)))
        if ranked is not None:
            regions.append(ranked)
            part = merged[ranked.slices]
            np.maximum(part, ranked.values, out=part)
    drawn = int(np.count_nonzero(merged))
    overlaps: list[Overlap] = []
    clash = None
    if sum(int(np.count_nonzero(region.values)) for region in regions) > drawn:
        overlaps, clash = _overlaps(regions, order, shape)
    values = np.zeros(256, np.uint8)
    values[0] = BACKGROUND if dense else UNLABELED
    values[1 : len(order) + 1] = order
    array = values[merged]
    if clash is not None and not dense:
        array[clash] = UNLABELED
    counts = np.bincount(array.ravel(), minlength=256)
    array = toImageAxes(array, volumeNode)
    return Label(
        array, overlaps, {index: int(counts[index]) for index in order if counts[index]}, drawn
    )


def segmentationOfLabel(
    array: np.ndarray,
    volumeNode: slicer.vtkMRMLVolumeNode,
    classes: Sequence[SegmentClass],
    name: str,
    scribbles: bool,
    closedSurface: bool = False,
) -> slicer.vtkMRMLSegmentationNode:
    """A new segmentation of a label map that lies on the grid of the volume's image file.

    ``array``: (z, y, x), or (y, x) for a picture; 255 stays empty. One segment per class with
    name, colour, terminology and tag, and one for the background when ``scribbles``; a surface
    for the 3-D views only when asked for. Raises SceneError when the array is not on the image's
    grid or holds a value that is no class.
    """
    shape = asSlice(imageGrid(volumeNode)).array_shape
    array = array[np.newaxis] if array.ndim == 2 else array
    if array.shape != shape:
        raise SceneError(
            _(
                'The label map of "{name}" has {found} voxels (x, y, z), its image {expected}. '
                "Resample it to the image, nearest neighbour."
            ).format(name=name, found=_sizes(array.shape), expected=_sizes(shape))
        )
    _requireClasses(array, classes, name)
    shown = [*([backgroundClass()] if scribbles else []), *classes]
    node = emptySegmentation(name, volumeNode)
    # 0 means "nothing" in a segment's image, so the background gets a value of its own.
    values = np.arange(256)
    values[UNLABELED] = 0
    values[BACKGROUND] = 1 + max((each.index for each in classes), default=0) if scribbles else 0
    region = tight(Region((0, 0, 0), toNodeAxes(values.astype(np.uint8)[array], volumeNode)))
    fillWithClasses(node, volumeNode, shown, region, [int(values[each.index]) for each in shown])
    if closedSurface:
        node.CreateClosedSurfaceRepresentation()
    return node


def _looked_up(values: np.ndarray, table: dict[int, int]) -> np.ndarray:
    """uint8 array of what ``table`` says for each value, 0 for values it does not name."""
    if values.dtype != np.uint8:
        found = np.zeros(values.shape, np.uint8)
        for value, result in table.items():
            found[values == value] = result
        return found
    lookup = np.zeros(256, np.uint8)
    for value, result in table.items():
        if 0 < value < 256:
            lookup[value] = result
    return lookup[values]


def _overlaps(
    regions: list[Region], order: list[int], shape: tuple[int, ...]
) -> tuple[list[Overlap], np.ndarray]:
    """How many voxels each two classes share, and a mask of all such voxels."""
    voxels: Counter[tuple[int, int]] = Counter()
    clash = np.zeros(shape, bool)
    for one, other in itertools.combinations(regions, 2):
        start = np.maximum(one.start, other.start)
        ends = np.add(one.start, one.values.shape), np.add(other.start, other.values.shape)
        size = np.minimum(*ends) - start
        if np.any(size <= 0):
            continue
        first, second = (
            region.values[tuple(map(slice, start - region.start, start - region.start + size))]
            for region in (one, other)
        )
        both = (first > 0) & (second > 0) & (first != second)
        if not both.any():
            continue
        clash[tuple(map(slice, start, start + size))] |= both
        codes = np.bincount(first[both].astype(np.uint16) * 256 + second[both])
        for code in np.flatnonzero(codes).tolist():
            pair = sorted((code // 256 - 1, code % 256 - 1))
            voxels[pair[0], pair[1]] += int(codes[code])
    pairs = sorted(voxels)
    return [Overlap(order[low], order[high], voxels[low, high]) for low, high in pairs], clash


def _requireClasses(array: np.ndarray, classes: Sequence[SegmentClass], name: str) -> None:
    known = {BACKGROUND, UNLABELED, *(each.index for each in classes)}
    if array.dtype == np.uint8:
        present = np.flatnonzero(np.bincount(array.ravel(), minlength=256)).tolist()
    else:
        present = np.unique(array).tolist()
    unknown = [f"{value:g}" for value in present if value not in known]
    if unknown:
        raise SceneError(
            _(
                'The label map of "{name}" holds {values}, which is no class of the cohort '
                "(classes: {classes}). Add the class or map the value to one."
            ).format(
                name=name,
                values=", ".join(unknown),
                classes=", ".join(f"{each.index} {each.name}" for each in classes) or "-",
            )
        )


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(str(count) for count in reversed(shape))
