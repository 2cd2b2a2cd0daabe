"""Where planned voxels lie in the patient, against SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.learning.planned_space import planned_space, space_of
from SemiWeakSegLib.learning.preprocess import make_layout
from Testing.learning.scans import make_plan, rotation, save

OBLIQUE = rotation((1, 2, 3), 25)
FLIPPED = OBLIQUE @ np.diag([-1.0, 1.0, -1.0])
SHAPE, SPACING, ORIGIN = (5, 8, 10), (0.7, 1.1, 2.5), (-30.0, 12.0, 4.0)


def geometry(direction):
    return Geometry(SHAPE[::-1], SPACING, ORIGIN, tuple(direction.ravel()))


def plan_of(dimensions, **changed):
    return make_plan(dimensions, (8,) * dimensions, **changed)


class TestVolumes:
    @pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE, FLIPPED, OBLIQUE[:, [2, 0, 1]]])
    def test_the_planned_voxel_of_every_stored_one(self, direction):
        image = sitk.Image(SHAPE[::-1], sitk.sitkUInt8)
        image.SetSpacing(SPACING)
        image.SetOrigin(ORIGIN)
        image.SetDirection(direction.ravel().tolist())
        where = geometry(direction)
        step = min(SPACING)
        for spacing in ([1.0, 1.0, 1.0], [step] * 3):
            layout = make_layout(where, plan_of(3, spacing=spacing))
            space = space_of(where, layout)
            numbers = np.arange(np.prod(SHAPE)).reshape(SHAPE)
            turned = layout.split(numbers)[0]
            factors = np.array(layout.planned_shape) / np.array(turned.shape)
            for place in [(0, 0, 0), (1, 2, 3), tuple(n - 1 for n in turned.shape)]:
                stored = np.unravel_index(turned[place], SHAPE)[::-1]
                expected = image.TransformIndexToPhysicalPoint([int(i) for i in stored])
                planned = (np.array(place) + 0.5) * factors - 0.5
                found = space.to_patient([0, *planned])
                assert found == pytest.approx(expected, abs=1e-6)

    def test_there_and_back(self):
        where = geometry(OBLIQUE)
        space = space_of(where, make_layout(where, plan_of(3)))
        points = np.random.default_rng(0).normal(size=(4, 3)) * 20
        back = space.to_patient(space.from_patient(points))
        assert back == pytest.approx(points)
        assert space.from_patient(points)[:, 0] == pytest.approx(0)


class TestSlices:
    @pytest.mark.parametrize("slice_axis", [0, 1, 2])
    def test_the_unit_is_the_slice(self, slice_axis):
        where = geometry(FLIPPED)
        layout = make_layout(where, plan_of(2, slice_axis=slice_axis))
        space = space_of(where, layout)
        numbers = np.arange(np.prod(SHAPE)).reshape(SHAPE)
        units = layout.split(numbers)
        stored = np.unravel_index(units[1, 2, 3], SHAPE)[::-1]
        factors = np.array(layout.planned_shape) / np.array(units.shape[1:])
        planned = (np.array([2, 3]) + 0.5) * factors - 0.5
        point = where.to_physical(np.array(stored))
        assert space.to_patient([1, *planned]) == pytest.approx(point)
        assert space.from_patient(point) == pytest.approx([1, *planned])

    def test_of_a_case_on_disk(self, tmp_path):
        path = save(tmp_path / "i.mha", np.zeros((6, 7), np.float32), spacing=(0.5, 2.0))
        space = planned_space(Case("c", (path,)), plan_of(2))
        assert space.matrix.shape == (2, 3)
        assert space.from_patient([0.5, 4.0]) == pytest.approx([0, 4.5, 1.5 * 4 / 7 - 0.5])
