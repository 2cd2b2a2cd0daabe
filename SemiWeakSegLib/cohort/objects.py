"""Objects of a label map as lists of voxels, and the boxes and points that mark them.

Voxels are array indices (n, d), z first, as ``np.argwhere`` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy

from SemiWeakSegLib.cohort.case import Box, Point
from SemiWeakSegLib.cohort.geometry import Geometry

SPECK = 0.01
"""Share of a class's voxels below which a connected piece is a slip of the pen, not an object."""


def objects(label: np.ndarray, class_index: int) -> Iterator[np.ndarray]:
    """The voxels (n, d) of each connected piece of a class (corners connect), specks left out."""
    pieces, count = scipy.ndimage.label(label == class_index, np.ones((3,) * label.ndim))
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    for number, extent in enumerate(scipy.ndimage.find_objects(pieces)):
        if sizes[number] >= SPECK * sizes.sum():
            start = [part.start for part in extent]
            yield np.argwhere(pieces[extent] == number + 1) + start


def box_along_image(voxels: np.ndarray, class_index: int, geometry: Geometry) -> Box:
    """The smallest box along the image's axes that holds the voxels whole."""
    first, last = voxels.min(axis=0)[::-1], voxels.max(axis=0)[::-1]
    center = geometry.to_physical(0.5 * (first + last))
    size = (last - first + 1) * np.asarray(geometry.spacing)
    return _box(class_index, center, size, geometry.direction_matrix.T)


def box_along_object(voxels: np.ndarray, class_index: int, geometry: Geometry) -> Box:
    """The smallest box along the object's principal axes that holds the voxels whole.

    The axes are the eigenvectors of the second moments of the region in millimetres, longest
    first and right-handed.
    """
    steps = geometry.direction_matrix * np.asarray(geometry.spacing)
    places = geometry.to_physical(voxels[:, ::-1])
    relative = places - places.mean(axis=0)
    # A voxel is a little box, not a point: s² / 12 is the variance along its edge.
    moments = relative.T @ relative / len(relative) + steps @ steps.T / 12
    axes = np.linalg.eigh(moments)[1].T[::-1]
    if np.linalg.det(axes) < 0:
        axes = np.concatenate([axes[:-1], -axes[-1:]])
    along = places @ axes.T
    reach = 0.5 * np.abs(axes @ steps).sum(axis=1)
    low, high = along.min(axis=0) - reach, along.max(axis=0) + reach
    return _box(class_index, 0.5 * (low + high) @ axes, high - low, axes)


def middle_point(voxels: np.ndarray, class_index: int, geometry: Geometry) -> Point:
    """The centre of the voxel that lies deepest inside the object, by distance in millimetres."""
    start = voxels.min(axis=0) - 1
    mask = np.zeros(voxels.max(axis=0) - start + 2, dtype=bool)
    mask[tuple((voxels - start).T)] = True
    depth = scipy.ndimage.distance_transform_edt(mask, sampling=geometry.array_spacing)
    deepest = np.unravel_index(depth.argmax(), depth.shape)
    return point_of(np.asarray(deepest) + start, class_index, geometry)


def point_of(voxel: np.ndarray, class_index: int, geometry: Geometry) -> Point:
    """The centre of a voxel (z first) as a point of a class."""
    place = geometry.to_physical(np.asarray(voxel)[::-1])
    return Point(class_index, tuple(float(number) for number in place))


def _box(class_index: int, center: np.ndarray, size: np.ndarray, axes: np.ndarray) -> Box:
    return Box(
        class_index=class_index,
        center=tuple(float(number) for number in center),
        size=tuple(float(number) for number in size),
        axes=tuple(tuple(float(number) for number in axis) for axis in axes),
    )
