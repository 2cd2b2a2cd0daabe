"""Extreme points: the outermost places of an object, and the box that they span.

Papadopoulos et al., "Extreme clicking for efficient object annotation", ICCV 2017: marking them
takes a fraction of the time of a box, and gives the box as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SemiWeakSegLib.cohort.case import Box, Point
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.objects import point_of


def extreme_points(voxels: np.ndarray, class_index: int, geometry: Geometry) -> tuple[Point, ...]:
    """The 2 d outermost voxels of an object along the image's axes, as points at their centres.

    ``voxels``: array indices (n, d), z first, say ``np.argwhere(label == class_index)``. The order
    is lowest and highest along x, then y, then z. Of the outermost voxels of a side, the one
    nearest to their middle is taken: that is where one would click. Raises ValueError without any.
    """
    if len(voxels) == 0:
        raise ValueError(f"no voxel of class {class_index}, so it has no extreme points")
    points = []
    for axis in reversed(range(voxels.shape[1])):
        for end in (voxels[:, axis].min(), voxels[:, axis].max()):
            side = voxels[voxels[:, axis] == end]
            offsets = (side - side.mean(axis=0)) * np.asarray(geometry.array_spacing)
            nearest = np.sum(offsets**2, axis=1).argmin()
            points.append(point_of(side[nearest], class_index, geometry))
    return tuple(points)


def box_of_extremes(
    points: Sequence[Point],
    axes: Sequence[Sequence[float]] | np.ndarray | None = None,
    margin: float | Sequence[float] = 0.0,
) -> Box:
    """The smallest box along ``axes`` that holds ``points``, larger by ``margin`` on every side.

    ``axes``: one unit vector per row, by default those of the patient; for an image's own axes
    ``geometry.direction_matrix.T``. ``margin`` in millimetres, one number or one per axis: points
    in the middle of outermost voxels need half a voxel. Raises ValueError for fewer than 2 d
    points, for points of several classes, of background or of several dimensions, and where the
    box would have no extent.
    """
    dimension = points[0].dimension if points else 3
    if len(points) < 2 * dimension:
        raise ValueError(
            f"a box needs {2 * dimension} extreme points, two along each of its axes; found "
            f"{len(points)}"
        )
    if any(point.dimension != dimension for point in points):
        raise ValueError("extreme points of one box have the same dimension")
    classes = sorted({point.class_index for point in points})
    if len(classes) > 1 or classes[0] == 0:
        raise ValueError(
            "the extreme points of a box belong to one class, not background; found "
            f"{', '.join(map(str, classes))}"
        )
    rows = np.eye(dimension) if axes is None else np.asarray(axes, dtype=float)
    along = np.array([point.position for point in points], dtype=float) @ rows.T
    low, high = along.min(axis=0) - margin, along.max(axis=0) + margin
    if not np.all(high > low):
        raise ValueError(
            f"the extreme points of class {classes[0]} span no box: they lie in one plane; move a "
            "point or give a margin"
        )
    return Box(
        class_index=classes[0],
        center=tuple(float(number) for number in 0.5 * (low + high) @ rows),
        size=tuple(float(number) for number in high - low),
        axes=tuple(tuple(float(number) for number in row) for row in rows),
    )


def box_of_clicks(points: Sequence[Point], geometry: Geometry, margin: float = 0.0) -> Box:
    """The box along an image's axes around extreme points that were set in it by hand.

    A click on an outermost voxel lands in it somewhere: each side is moved out by half a voxel, so
    that the box holds all of it, and by ``margin`` mm. Raises ValueError as `box_of_extremes`.
    """
    out = 0.5 * np.asarray(geometry.spacing) + margin
    return box_of_extremes(points, geometry.direction_matrix.T, out)
