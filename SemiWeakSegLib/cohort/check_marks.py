"""Checks of points and boxes against the grid of their image and the voxels of its label map."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from SemiWeakSegLib.cohort.case import UNLABELED, Box, Case, Point
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.problems import Problem

_DIMENSION = "the image's dimension"


def check_marks(case: Case, geometry: Geometry) -> list[Problem]:
    """Points and boxes that do not belong to an image with this geometry, or not together."""
    problems = [
        Problem("error", "box", case.id, None, found, expected)
        for found, expected in _misplaced_boxes(case, geometry)
    ]
    problems += [
        Problem("error", "point", case.id, None, found, expected)
        for found, expected in _misplaced_points(case, geometry)
    ]
    for point in fitting_points(case, geometry):
        boxes = [box for box in case.boxes if box.class_index == point.class_index]
        around = [box for box in boxes if box.dimension == point.dimension and box.is_sound]
        if around and not any(box.contains(np.array(point.position)) for box in around):
            found = f"{_named(point)} outside every box of its class"
            expected = "boxes around all that belongs to the class"
            problems.append(Problem("warning", "point", case.id, None, found, expected))
    return problems


def fitting_points(case: Case, geometry: Geometry) -> list[Point]:
    """The points of a case that lie in the image."""
    return [
        point
        for point in case.points
        if point.dimension == geometry.dimension
        and geometry.holding_voxels(np.array([point.position]))[0, 0] >= 0
    ]


def contradictions(points: list[Point], values: list[int]) -> Iterator[tuple[str, str]]:
    """Points on voxels that the label map says something else of; ``values`` are its own there."""
    for point, value in zip(points, values, strict=True):
        if value not in (UNLABELED, point.class_index):
            yield f"{_named(point)} on a voxel labeled {value}", "the same class, or no point there"


def _misplaced_boxes(case: Case, geometry: Geometry) -> Iterator[tuple[str, str]]:
    for box in case.boxes:
        if box.dimension != geometry.dimension:
            yield f"a {box.dimension}-D box on a {geometry.dimension}-D image", _DIMENSION
        elif box.is_sound and _apart(box, geometry):
            place = ", ".join(f"{number:.4g}" for number in box.center)
            found = f"a box of class {box.class_index} around ({place}) mm, beside the image"
            yield found, "a box that meets the image; coordinates are patient space, LPS"


def _misplaced_points(case: Case, geometry: Geometry) -> Iterator[tuple[str, str]]:
    fitting = fitting_points(case, geometry)
    for point in case.points:
        if point.dimension != geometry.dimension:
            yield f"a {point.dimension}-D point on a {geometry.dimension}-D image", _DIMENSION
        elif point not in fitting:
            found = f"{_named(point)} outside the image"
            yield found, "a point in the image; coordinates are patient space, LPS"
    if not fitting:
        return
    places = np.array([point.position for point in fitting])
    classes: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for point, voxel in zip(fitting, geometry.holding_voxels(places), strict=True):
        classes[tuple(int(number) for number in voxel[::-1])].add(point.class_index)
    for voxel, found_classes in classes.items():
        if len(found_classes) > 1:
            named = " and ".join(map(str, sorted(found_classes)))
            found = f"points of classes {named} in one voxel, {voxel} (x, y, z)"
            yield found, "one class for a voxel"


def _apart(box: Box, geometry: Geometry) -> bool:
    """Whether a plane along a face of the box or of the image lies between the two."""
    ends = [(-0.5, count - 0.5) for count in geometry.size]
    image = geometry.to_physical(np.array(list(itertools.product(*ends))))
    axes = np.concatenate([np.asarray(box.axes, dtype=float), geometry.direction_matrix.T])
    along_box, along_image = box.corners() @ axes.T, image @ axes.T
    return bool(
        np.any(along_box.min(axis=0) > along_image.max(axis=0))
        or np.any(along_image.min(axis=0) > along_box.max(axis=0))
    )


def _named(point: Point) -> str:
    place = ", ".join(f"{number:.4g}" for number in point.position)
    return f"a point of class {point.class_index} at ({place}) mm"
