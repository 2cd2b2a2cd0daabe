"""Objects of a label map: the boxes around them and the points that mark them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from SemiWeakSegLib.cohort import Geometry, Point
from SemiWeakSegLib.cohort.extremes import box_of_extremes, extreme_points
from SemiWeakSegLib.cohort.objects import (
    box_along_image,
    box_along_object,
    middle_point,
    objects,
)
from Testing.cohort.files import ROTATION

OBLIQUE = Geometry((40, 36, 20), (1.0, 1.5, 2.5), (5.0, -6.0, 7.0), tuple(ROTATION.ravel()))
FLAT = Geometry((40, 36), (1.0, 1.5), (5.0, -6.0), (0.8, -0.6, 0.6, 0.8))
PLAIN = Geometry((64, 64, 64), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))


def places(geometry: Geometry) -> np.ndarray:
    """Millimetres of every voxel, (*array shape, d)."""
    indices = np.moveaxis(np.indices(geometry.array_shape), 0, -1)[..., ::-1]
    return geometry.to_physical(indices)


def turned(angle: float, dimension: int) -> np.ndarray:
    """Orthogonal unit vectors, one per row."""
    axes = np.eye(dimension)
    c, s = np.cos(angle), np.sin(angle)
    axes[:2, :2] = [[c, s], [-s, c]]
    if dimension == 3:
        axes = axes @ ROTATION
    return axes


def ellipsoid(geometry: Geometry, axes: np.ndarray, radii) -> np.ndarray:
    """The voxels of an ellipsoid in the middle of the image, radii along its axes in mm."""
    middle = geometry.to_physical(0.5 * (np.array(geometry.size) - 1))
    along = (places(geometry) - middle) @ axes.T / np.asarray(radii)
    return np.argwhere(np.sum(along**2, axis=-1) <= 1)


def corners_of(voxels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Millimetres of all corners of the voxels."""
    signs = np.indices((2,) * geometry.dimension).reshape(geometry.dimension, -1).T - 0.5
    return geometry.to_physical((voxels[:, None, ::-1] + signs).reshape(-1, geometry.dimension))


class TestObjects:
    def test_pieces_of_one_class_without_specks(self):
        label = np.zeros((8, 30, 30), np.uint8)
        label[1:7, 2:12, 2:12] = 2
        label[1:7, 20:28, 20:28] = 2
        label[0, 0, 29] = 2
        label[3, 15, 15] = 1
        found = list(objects(label, 2))
        assert [len(voxels) for voxels in found] == [600, 384]
        for voxels in found:
            assert (label[tuple(voxels.T)] == 2).all()
        assert [voxels.tolist() for voxels in objects(label, 1)] == [[[3, 15, 15]]]
        assert list(objects(label, 3)) == []

    def test_pieces_that_touch_at_a_corner_are_one(self):
        label = np.zeros((4, 4), np.uint8)
        label[0, 0] = label[1, 1] = 1
        assert len(list(objects(label, 1))) == 1


class TestBoxes:
    @pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["volume", "picture"])
    @pytest.mark.parametrize("make", [box_along_image, box_along_object])
    def test_hold_every_voxel_whole_and_touch_them_on_all_sides(self, geometry, make):
        radii = (12.0, 6.0, 8.0)[: geometry.dimension]
        voxels = ellipsoid(geometry, turned(0.5, geometry.dimension), radii)
        box = make(voxels, 3, geometry)
        assert box.class_index == 3 and box.is_sound
        corners = corners_of(voxels, geometry)
        assert box.contains(corners).all()
        along = (corners - np.array(box.center)) @ np.array(box.axes).T
        half = 0.5 * np.array(box.size)
        assert along.max(axis=0) == pytest.approx(half)
        assert along.min(axis=0) == pytest.approx(-half)

    def test_along_the_object_finds_its_axes(self):
        axes = turned(0.4, 3)
        voxels = ellipsoid(PLAIN, axes, (28.0, 12.0, 7.0))
        box = box_along_object(voxels, 1, PLAIN)
        cosines = np.abs(np.array(box.axes) @ axes.T)
        assert np.diag(cosines) == pytest.approx(1.0, abs=2e-3)
        assert np.linalg.det(box.axes) == pytest.approx(1.0)
        assert np.prod(box.size) < 0.8 * np.prod(box_along_image(voxels, 1, PLAIN).size)

    @pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["volume", "picture"])
    def test_of_a_single_voxel_is_that_voxel(self, geometry):
        voxel = np.full((1, geometry.dimension), 4)
        for make in (box_along_image, box_along_object):
            box = make(voxel, 1, geometry)
            assert sorted(box.size) == pytest.approx(sorted(geometry.spacing))
            assert box.center == pytest.approx(geometry.to_physical(voxel[0]))


class TestMiddle:
    @pytest.mark.parametrize("size", [(16, 12, 9), (40, 36)], ids=["volume", "picture"])
    def test_is_the_voxel_farthest_from_the_outside_in_millimetres(self, size):
        geometry = replace(OBLIQUE if len(size) == 3 else FLAT, size=size)
        radii = (6.0, 4.0, 7.0)[: geometry.dimension]
        voxels = ellipsoid(geometry, turned(0.3, geometry.dimension), radii)
        inside = np.zeros(geometry.array_shape, bool)
        inside[tuple(voxels.T)] = True
        outside = places(geometry)[~inside]
        own = places(geometry)[inside]
        depth = np.linalg.norm(own[:, None] - outside[None], axis=-1).min(axis=1)
        point = middle_point(voxels, 1, geometry)
        to_outside = np.linalg.norm(outside - np.array(point.position), axis=-1).min()
        assert to_outside == pytest.approx(depth.max())
        assert np.linalg.norm(own - np.array(point.position), axis=-1).min() < 1e-9

    def test_of_a_bent_object_lies_inside_it(self):
        label = np.zeros((3, 30, 30), np.uint8)
        label[1, 2:28, 2:6] = label[1, 24:28, 2:28] = 1
        geometry = Geometry((30, 30, 3), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))
        point = middle_point(np.argwhere(label == 1), 1, geometry)
        assert label[tuple(int(n) for n in point.position[::-1])] == 1


class TestExtremes:
    @pytest.mark.parametrize("geometry", [OBLIQUE, FLAT], ids=["volume", "picture"])
    def test_with_half_a_voxel_of_margin_span_the_box_along_the_image(self, geometry):
        radii = (12.0, 6.0, 8.0)[: geometry.dimension]
        voxels = ellipsoid(geometry, turned(0.5, geometry.dimension), radii)
        points = extreme_points(voxels, 2, geometry)
        assert len(points) == 2 * geometry.dimension
        centers = {tuple(np.round(place, 6)) for place in geometry.to_physical(voxels[:, ::-1])}
        assert all(tuple(np.round(point.position, 6)) in centers for point in points)
        found = box_of_extremes(
            points, geometry.direction_matrix.T, 0.5 * np.array(geometry.spacing)
        )
        expected = box_along_image(voxels, 2, geometry)
        assert found.center == pytest.approx(expected.center)
        assert found.size == pytest.approx(expected.size)
        assert np.array(found.axes) == pytest.approx(np.array(expected.axes))

    def test_lie_in_the_middle_of_a_flat_side(self):
        label = np.zeros((9, 9, 9), np.uint8)
        label[2:7, 1:8, 3:6] = 1
        points = extreme_points(np.argwhere(label), 1, PLAIN)
        assert [point.position for point in points] == [
            *((3, 4, 4), (5, 4, 4)),
            *((4, 1, 4), (4, 7, 4)),
            *((4, 4, 2), (4, 4, 6)),
        ]

    def test_more_points_than_needed_and_a_margin_widen_the_box(self):
        points = [Point(1, place) for place in ((0, 0), (8, 1), (3, -2), (4, 5), (2, 7))]
        box = box_of_extremes(points, margin=1.0)
        assert (box.center, box.size) == ((4.0, 2.5), (10.0, 11.0))
        assert np.array_equal(box.axes, np.eye(2))
        wide = box_of_extremes(points, margin=(0.0, 2.0))
        assert wide.size == (8.0, 13.0)

    @pytest.mark.parametrize(
        ("points", "says"),
        [
            ([], "6 extreme points, .* found 0"),
            ([Point(1, (0.0, float(n))) for n in range(3)], "4 extreme points, .* found 3"),
            ([Point(1, (0.0, float(n))) for n in range(4)], "lie in one plane"),
            ([Point(n % 2 + 1, (float(n), n * n)) for n in range(4)], "one class.* 1, 2"),
            ([Point(0, (float(n), n * n)) for n in range(4)], "not background"),
            ([*[Point(1, (float(n), 1.0)) for n in range(4)], Point(1, (0.0,) * 3)], "dimension"),
        ],
    )
    def test_points_that_span_no_box_are_refused(self, points, says):
        with pytest.raises(ValueError, match=says):
            box_of_extremes(points)

    def test_an_empty_object_has_none(self):
        with pytest.raises(ValueError, match="no voxel of class 2"):
            extreme_points(np.zeros((0, 3), int), 2, PLAIN)
