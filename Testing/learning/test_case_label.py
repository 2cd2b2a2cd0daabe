"""Points as part of a case's label map, against label maps written by SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import UNLABELED, Case, Point, read_header
from SemiWeakSegLib.learning.cache import cached
from SemiWeakSegLib.learning.case_label import prepare_label
from SemiWeakSegLib.learning.planned_space import planned_space
from SemiWeakSegLib.learning.preprocess import label_to_grid, make_layout, prepare_image
from Testing.learning.scans import make_plan, rotation, save

SHAPE, SPACING, ORIGIN = (5, 8, 10), (0.7, 1.1, 2.5), (-30.0, 12.0, 4.0)
OBLIQUE = rotation((1, 2, 3), 25) @ np.diag([-1.0, 1.0, -1.0])
# Class and continuous index (x, y, z): within its voxel, on a corner of the image, at its end.
PLACES = [(1, (3.3, 4.4, 1.6)), (2, (-0.49, 0.2, 4.3)), (0, (9.4, 7.4, -0.4))]


@pytest.fixture
def image(tmp_path):
    array = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    kept = {"spacing": SPACING, "origin": ORIGIN, "direction": OBLIQUE}
    return save(tmp_path / "a.nii.gz", array, **kept)


def points_of(image, places=PLACES) -> tuple[Point, ...]:
    file = sitk.ReadImage(str(image))
    return tuple(
        Point(value, file.TransformContinuousIndexToPhysicalPoint(index)) for value, index in places
    )


def label_with(image, values: dict[tuple[int, int, int], int]):
    """A label map beside the image, unlabeled but for some voxels (x, y, z)."""
    file = sitk.ReadImage(str(image))
    label = sitk.Image(file.GetSize(), sitk.sitkUInt8) + UNLABELED
    label.CopyInformation(file)
    for voxel, value in values.items():
        label[voxel] = value
    path = image.with_name("label.nii.gz")
    sitk.WriteImage(label, str(path))
    return path


def own_spacing(image, plan) -> list[float]:
    """The image's own spacing in the order of the plan's axes, so that nothing is resampled."""
    layout = make_layout(read_header(image).geometry, plan)
    turned = [layout.stored_spacing[axis] for axis in layout.axes.permutation]
    if plan.dimensions == 2:
        turned.pop(plan.slice_axis)
    return turned


class TestPoints:
    @pytest.mark.parametrize(
        "plan",
        [make_plan(3, (8, 8, 8)), *(make_plan(2, (8, 8), slice_axis=axis) for axis in range(3))],
        ids=["volume", "slices 0", "slices 1", "slices 2"],
    )
    def test_are_the_voxels_that_hold_them(self, image, plan):
        plan.spacing = own_spacing(image, plan)
        layout = prepare_image((image,), plan).layout
        label = label_with(image, {(3, 4, 2): 1, (0, 0, 4): 2, (9, 7, 0): 0})
        found = prepare_label(Case("a", (image,), points=points_of(image)), layout, 3)
        assert found.dtype == np.uint8
        assert np.array_equal(found, label_to_grid(label, layout, 3))

    @pytest.mark.parametrize("spacing", [[2.0, 2.0, 2.0], [0.6, 0.6, 0.6], [3.0, 0.5, 1.4]])
    def test_on_another_grid_are_the_planned_voxel_nearest_to_them(self, image, spacing):
        plan = make_plan(3, (8, 8, 8), spacing=spacing)
        case = Case("a", (image,), points=points_of(image))
        layout = prepare_image((image,), plan).layout
        found = prepare_label(case, layout, 3)
        assert np.count_nonzero(found != UNLABELED) == len(PLACES)
        space = planned_space(case, plan)
        centres = space.to_patient(np.argwhere(found[..., None] >= 0)[:, :-1])
        for point in case.points:
            nearest = np.linalg.norm(centres - np.array(point.position), axis=1).argmin()
            assert found.ravel()[nearest] == point.class_index

    def test_never_change_what_the_label_map_says(self, image):
        label = label_with(image, {(3, 4, 2): 2, (1, 1, 1): 1})
        plan = make_plan(3, (8, 8, 8))
        plan.spacing = own_spacing(image, plan)
        layout = prepare_image((image,), plan).layout
        found = prepare_label(Case("a", (image,), label=label, points=points_of(image)), layout, 3)
        assert sorted(found[found != UNLABELED].tolist()) == [0, 1, 2, 2]

    def test_outside_the_image_are_refused(self, image):
        case = Case("a", (image,), points=points_of(image, [(1, (3.0, 8.1, 1.0))]))
        layout = prepare_image((image,), make_plan(3, (8, 8, 8))).layout
        with pytest.raises(ValueError, match=r"case a: its point .* of class 1 lies outside"):
            prepare_label(case, layout, 3)

    def test_a_case_that_carries_nothing_has_no_label(self, image):
        layout = prepare_image((image,), make_plan(3, (8, 8, 8))).layout
        assert prepare_label(Case("a", (image,)), layout, 3) is None

    def test_of_a_picture(self, tmp_path):
        picture = save(tmp_path / "flat.mha", np.zeros((6, 9), np.float32), spacing=(0.5, 2.0))
        plan = make_plan(2, (8, 8), spacing=[2.0, 0.5])
        layout = prepare_image((picture,), plan).layout
        case = Case("a", (picture,), points=(Point(1, (1.6, 3.9)),))
        found = prepare_label(case, layout, 2)
        assert np.argwhere(found == 1).tolist() == [[0, 2, 3]]


class TestCache:
    def test_points_make_an_entry_of_their_own_with_centres(self, image, tmp_path):
        plan = make_plan(3, (8, 8, 8))
        bare = cached(Case("a", (image,)), plan, tmp_path / "cache")
        case = Case("a", (image,), points=points_of(image))
        entry = cached(case, plan, tmp_path / "cache")
        assert not bare.annotated
        assert entry.folder != bare.folder
        assert entry.annotated and not entry.dense
        assert entry.counts[:3] == (1, 1, 1)
        assert sorted(entry.centres()[:, 0].tolist()) == [0, 1, 2]
        moved = Case("a", (image,), points=points_of(image, [(1, (5.0, 5.0, 2.0))]))
        assert cached(moved, plan, tmp_path / "cache").folder != entry.folder
        assert cached(case, plan, tmp_path / "cache").folder == entry.folder
