"""Image axes to planned axes and back, without touching a voxel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.learning.layout import (
    Layout,
    alignment_angle,
    canonical_axes,
    identity_axes,
)
from SemiWeakSegLib.learning.preprocess import make_layout
from Testing.learning.scans import make_plan, rotation

SIGNED_PERMUTATIONS = [
    np.eye(3)[:, list(order)] * signs
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
RIGHT_HANDED = [each for each in SIGNED_PERMUTATIONS if np.linalg.det(each) > 0]


class TestCanonicalAxes:
    # SimpleITK's filter refuses left-handed directions.
    @pytest.mark.parametrize("number", range(len(RIGHT_HANDED)))
    def test_agrees_with_simpleitks_orientation_filter(self, number):
        direction = RIGHT_HANDED[number]
        array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
        image = sitk.GetImageFromArray(array)
        image.SetDirection(direction.ravel().tolist())
        expected = sitk.GetArrayFromImage(sitk.DICOMOrient(image, "LPS"))
        found = canonical_axes(image.GetDirection()).forward(array)
        assert np.array_equal(found, expected)

    @pytest.mark.parametrize("number", range(len(SIGNED_PERMUTATIONS)))
    def test_turned_axes_point_along_the_patients(self, number):
        turn = rotation((1, 2, 3), 20)
        direction = turn @ SIGNED_PERMUTATIONS[number]
        axes = canonical_axes(tuple(direction.ravel()))
        for place, patient in enumerate((2, 1, 0)):
            column = direction[:, 2 - axes.permutation[place]]
            assert (column[patient] > 0) != axes.flips[place]
            assert abs(column[patient]) > 0.9

    @pytest.mark.parametrize("number", range(0, len(SIGNED_PERMUTATIONS), 5))
    def test_turned_to_the_axes_of_an_image_they_are_as_that_one_has_them(self, number):
        frame = rotation((1, 2, 3), 50)
        direction = frame @ rotation((0, 1, 1), 15) @ SIGNED_PERMUTATIONS[number]
        axes = canonical_axes(tuple(direction.ravel()), tuple(frame.ravel()))
        for place, column in enumerate((2, 1, 0)):
            sign = -1 if axes.flips[place] else 1
            assert sign * direction[:, 2 - axes.permutation[place]] @ frame[:, column] > 0.9
        found = alignment_angle(tuple(direction.ravel()), tuple(frame.ravel()))
        assert found == pytest.approx(15, abs=4)

    def test_backward_undoes_forward(self):
        array = np.random.default_rng(0).normal(size=(3, 4, 5))
        for direction in SIGNED_PERMUTATIONS:
            axes = canonical_axes(tuple(direction.ravel()))
            assert np.array_equal(axes.backward(axes.forward(array)), array)

    def test_no_axis_is_taken_twice_at_forty_five_degrees(self):
        for axis in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)):
            axes = canonical_axes(tuple(rotation(axis, 45).ravel()))
            assert sorted(axes.permutation) == [0, 1, 2]


class TestAlignmentAngle:
    def test_is_the_angle_of_a_rotation_about_an_axis(self):
        assert alignment_angle(tuple(rotation((0, 0, 1), 17).ravel())) == pytest.approx(17)

    def test_counts_from_the_nearest_axis(self):
        assert alignment_angle(tuple(rotation((1, 0, 0), 80).ravel())) == pytest.approx(10)

    def test_is_zero_for_permuted_axes(self):
        for direction in SIGNED_PERMUTATIONS:
            assert alignment_angle(tuple(direction.ravel())) == 0


class TestLayout:
    @pytest.mark.parametrize("slice_axis", [0, 1, 2])
    def test_slices_are_cut_and_joined_exactly(self, slice_axis):
        axes = canonical_axes(tuple(SIGNED_PERMUTATIONS[17].ravel()))
        array = np.arange(3 * 4 * 5).reshape(3, 4, 5)
        layout = Layout(array.shape, axes, slice_axis, (1.0, 2.0, 3.0), ())
        units = layout.split(array)
        turned = axes.forward(array)
        assert units.shape == (turned.shape[slice_axis], *layout.oriented_shape)
        assert np.array_equal(units[1], np.take(turned, 1, axis=slice_axis))
        assert np.array_equal(layout.join(units), array)

    def test_volumes_and_pictures_are_one_unit(self):
        volume, picture = np.arange(24).reshape(2, 3, 4), np.arange(12).reshape(3, 4)
        for array, slice_axis in ((volume, None), (picture, 0), (picture, None)):
            layout = Layout(array.shape, identity_axes(array.ndim), slice_axis, (1.0,) * 3, ())
            assert layout.split(array).shape == (1, *array.shape)
            assert np.array_equal(layout.join(layout.split(array)), array)
            assert layout.thickness == 1.0

    def test_spacing_is_that_of_the_planned_grid(self):
        geometry = Geometry((30, 20, 10), (0.5, 0.7, 3.0), (0, 0, 0), tuple(np.eye(3).ravel()))
        layout = make_layout(geometry, make_plan(3, (8, 8, 8)))
        assert layout.planned_shape == (30, 14, 15)
        extents = np.array(layout.planned_shape) * layout.spacing
        assert extents == pytest.approx([30.0, 14.0, 15.0])

    def test_thickness_and_in_plane_spacing_follow_permuted_axes(self):
        # x runs head to feet, so slices across z of the patient are slices along x.
        direction = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
        geometry = Geometry((10, 20, 30), (5.0, 0.5, 2.0), (0, 0, 0), tuple(direction.ravel()))
        layout = make_layout(geometry, make_plan(2, (8, 8), spacing=[2.0, 0.5]))
        assert layout.thickness == 5.0
        assert layout.oriented_shape == (30, 20)
        assert layout.spacing == pytest.approx((2.0, 0.5))
