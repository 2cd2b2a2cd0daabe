"""Points that contradict each other, or the label map of their case: in one voxel, two classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from SemiWeakSegLib.cohort import UNLABELED, ImageError, Point, read_label
from SemiWeakSegLib.scene.class_changes import fileState
from SemiWeakSegLib.scene.grids import indexToLps, worldFromLocal
from SemiWeakSegLib.scene.image_axes import imageGrid
from SemiWeakSegLib.scene.label_maps import Overlap
from SemiWeakSegLib.scene.rois import fileFromNode


@dataclass(frozen=True)
class PointClash:
    """A voxel of two classes (the lower index first), by two points or a point and the label."""

    first: int
    second: int
    point: Point


class LabelReader:
    """Reads a case's label map; each version of the file once, the last one is kept."""

    def __init__(self) -> None:
        self._read: tuple[object, np.ndarray | None] = (None, None)

    def __call__(self, path: Path | None) -> np.ndarray | None:
        """(z, y, x) or (y, x), on the image's grid; None without a file that can be read."""
        state = None if path is None else fileState(path)
        if state is None:
            return None
        if self._read[0] != state:
            try:
                self._read = (state, read_label(path)[0])
            except ImageError:  # the check of the cohort says what is wrong with it
                self._read = (state, None)
        return self._read[1]


def pointClashes(
    points: Sequence[Point],
    volumeNode: slicer.vtkMRMLVolumeNode,
    label: np.ndarray | None = None,
) -> list[PointClash]:
    """Where two points of different classes share a voxel, or a point and the label map differ.

    ``points`` lie inside the image (see ``points.pointsOfList``); ``label`` is on its file's grid.
    """
    if not points:
        return []
    grid = imageGrid(volumeNode)
    voxels = grid.holding_voxels(np.array([point.position for point in points]))
    clashes = []
    known: dict[tuple[int, ...], int] = {}
    for point, voxel in zip(points, map(tuple, voxels.tolist()), strict=True):
        own = point.class_index
        other = known.setdefault(voxel, own)
        if label is not None and label.shape == grid.array_shape and label[voxel] != UNLABELED:
            other = int(label[voxel])
        if other != own:
            clashes.append(PointClash(min(own, other), max(own, other), point))
    return clashes


def asOverlaps(clashes: Sequence[PointClash]) -> list[Overlap]:
    """How many voxels each two classes share, as it is told of strokes."""
    counts = Counter((clash.first, clash.second) for clash in clashes)
    return [Overlap(first, second, count) for (first, second), count in sorted(counts.items())]


def placeOf(point: Point, volumeNode: slicer.vtkMRMLVolumeNode) -> tuple[float, float, float]:
    """A point of the image file's space in the scene's world (RAS, mm)."""
    height = indexToLps(imageGrid(volumeNode))[2, 3]
    place = [*point.position, height][:3]
    toWorld = worldFromLocal(volumeNode) @ np.linalg.inv(fileFromNode(volumeNode))
    return tuple(float(value) for value in (toWorld @ [*place, 1.0])[:3])
