"""What is decided from the data, and the overrides of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from SemiWeakSegLib.cohort import Case, read_header
from SemiWeakSegLib.learning.fingerprint import fingerprint
from SemiWeakSegLib.learning.plan import Plan, PlanError, make_plan
from SemiWeakSegLib.learning.plan_lines import describe_plan
from SemiWeakSegLib.learning.preprocess import make_layout
from Testing.learning.scans import make_cohort, rotation, save


def cohort_of(folder, shape, spacing, *, count=3, values=None, suffix=".nii.gz", direction=None):
    """Cases of one shape (array order) and spacing (x, y, z)."""
    source = np.random.default_rng(0)
    cases = []
    for number in range(count):
        array = source.normal(100, 20, shape) if values is None else values(source, shape)
        name = folder / f"c{number}{suffix}"
        path = save(name, array.astype(np.float32), spacing=spacing, direction=direction)
        cases.append(Case(f"c{number}", (path,)))
    return make_cohort(cases)


class TestGrid:
    def test_isotropic_volumes_stay_volumes(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (30, 34, 38), (1.0, 1.0, 1.0)))
        assert plan.dimensions == 3
        assert plan.spacing == [1.0, 1.0, 1.0]
        assert plan.num_classes == plan.network["out_channels"] == 3

    def test_thick_slices_are_cut_along_the_thick_axis(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (10, 40, 44), (1.0, 1.1, 8.0)))
        assert (plan.dimensions, plan.slice_axis, plan.spacing) == (2, 0, [1.1, 1.0])
        assert any("8.0" not in note and "2-D slices" in note for note in plan.notes)

    def test_thick_axis_is_found_after_turning(self, tmp_path):
        # Stored sagittally: array axis 2 (x) runs along the patient's S axis.
        direction = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
        plan = make_plan(cohort_of(tmp_path, (40, 44, 10), (8.0, 1.0, 1.1), direction=direction))
        assert (plan.dimensions, plan.slice_axis) == (2, 0)

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_single_slices_are_cut_along_the_axis_they_are_single_on(self, tmp_path, axis):
        shape = [32, 32, 32]
        shape[axis] = 1
        plan = make_plan(cohort_of(tmp_path, shape, (1.0, 1.0, 1.0)))
        assert (plan.dimensions, plan.slice_axis) == (2, axis)
        assert min(plan.patch_size) >= 24

    def test_pictures_are_two_dimensional(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (40, 60), (0.5, 0.5), suffix=".mha"))
        assert (plan.dimensions, len(plan.patch_size)) == (2, 2)

    def test_spacing_of_micrometres_is_kept(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (64, 64), (2.345678e-5, 2.345678e-5), suffix=".mha"))
        assert plan.spacing == pytest.approx([2.345678e-5] * 2, rel=1e-5)

    def test_odd_spacing_does_not_make_big_pictures_one_pixel_smaller(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (8, 9000), (1 / 3, 1 / 3), suffix=".mha", count=1))
        assert round(9000 * (1 / 3) / plan.spacing[1]) == 9000

    def test_oblique_images_are_turned_to_axes_of_their_own(self, tmp_path):
        """One is stored as it was scanned, one with its slices along its first axis."""
        tilted = rotation((1, 1, 0), 40)
        first = cohort_of(tmp_path / "a", (10, 20, 24), (1, 1, 6), direction=tilted)
        moved = tilted[:, [2, 0, 1]] * [1, -1, 1]
        second = cohort_of(tmp_path / "b", (20, 24, 10), (6, 1, 1), direction=moved)
        cases = [*first.cases, *(replace(case, id=f"b{case.id}") for case in second.cases)]
        plan = make_plan(make_cohort(cases))
        assert plan.orient
        assert (plan.dimensions, plan.spacing) == (2, [1.0, 1.0])
        layouts = [make_layout(read_header(case.images[0]).geometry, plan) for case in cases]
        assert {layout.planned_shape for layout in layouts} == {layouts[0].planned_shape}
        assert layouts[0].axes != layouts[-1].axes
        assert any("axes of their own" in note for note in plan.notes)
        lines = {line.key: line for line in describe_plan(plan)}
        assert not lines["frame"].settable
        assert lines["frame"].text == "0.88, 0.12, 0.45; 0.12, 0.88, -0.45; -0.45, 0.45, 0.77"
        assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan

    def test_oblique_images_that_differ_keep_their_axes(self, tmp_path):
        cases = []
        for number, degrees in enumerate((40, 85, 130)):
            tilted = rotation((1, 1, 0), degrees)
            made = cohort_of(tmp_path / str(number), (20,) * 3, (1,) * 3, direction=tilted)
            cases += [replace(case, id=f"{number}{case.id}") for case in made.cases]
        plan = make_plan(make_cohort(cases))
        assert not plan.orient
        assert any("kept as stored" in note for note in plan.notes)
        assert "frame" not in [line.key for line in describe_plan(plan)]

    @pytest.mark.parametrize("oriented", [True, False])
    def test_whether_images_are_turned_is_known_before_sizes_are_compared(self, tmp_path, oriented):
        sagittal = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=float)
        cohort = cohort_of(tmp_path, (40, 44, 10), (8.0, 1.0, 1.1), direction=sagittal)
        plan = make_plan(cohort, overrides={"orient": oriented})
        assert (plan.orient, plan.slice_axis) == (oriented, 0 if oriented else 2)
        assert plan.frame is None
        assert not any("stored" in note for note in plan.notes)


class TestPatchAndNetwork:
    @pytest.mark.parametrize("shape", [(7, 9, 11), (30, 50, 70), (100, 20, 64), (8, 8, 8)])
    def test_patch_fits_network_and_budget(self, tmp_path, shape):
        plan = make_plan(cohort_of(tmp_path, shape, (1.0, 1.0, 1.0), count=1))
        strides = plan.network["strides"]
        factors = [math.prod(step[axis] for step in strides) for axis in range(3)]
        for edge, factor in zip(plan.patch_size, factors, strict=True):
            assert edge % factor == 0
        bottom = math.prod(e // f for e, f in zip(plan.patch_size, factors, strict=True))
        assert bottom > 1  # instance normalisation needs more than one value
        assert math.prod(plan.patch_size) <= 1.5 * 64**3
        assert len(plan.network["channels"]) == len(strides) + 1

    def test_whole_images_fit_into_the_patch(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (10, 50, 70), (1, 1, 8)), whole=True)
        assert plan.whole
        assert plan.patch_size[0] >= 50
        assert plan.patch_size[1] >= 70

    def test_whole_images_that_are_too_big_get_coarser_voxels(self, tmp_path):
        plan = make_plan(cohort_of(tmp_path, (600, 800), (1, 1), suffix=".mha"), whole=True)
        assert plan.spacing[0] > 1
        assert math.prod(plan.patch_size) <= 1.2 * 256**2
        assert any("coarser" in note for note in plan.notes)

    def test_coarse_axes_are_halved_less_often(self, tmp_path):
        cohort = cohort_of(tmp_path, (32, 64, 64), (1.0, 1.0, 2.5))
        strides = make_plan(cohort).network["strides"]
        halvings = [sum(step[axis] == 2 for step in strides) for axis in range(3)]
        assert halvings[0] < halvings[1] == halvings[2]


class TestIntensity:
    def test_hounsfield_units_get_one_fixed_range(self, tmp_path):
        def scan(source, shape):
            values = np.full(shape, -1000.0)
            values[:, 5:15, 5:15] = source.normal(60, 40, (shape[0], 10, 10))
            return values

        scheme = make_plan(cohort_of(tmp_path, (20, 20, 20), (1, 1, 1), values=scan)).intensity[0]
        assert scheme["scheme"] == "fixed"
        assert scheme["mean"] == pytest.approx(60, abs=5)
        assert scheme["std"] == pytest.approx(40, rel=0.1)
        assert -80 < scheme["low"] < -20

    def test_magnetic_resonance_is_normalised_per_volume(self, tmp_path):
        scheme = make_plan(cohort_of(tmp_path, (20, 20, 20), (1, 1, 1))).intensity[0]
        assert scheme["scheme"] == "per_volume"

    def test_ct_is_recognised_whatever_the_row_length(self, tmp_path):
        # 20 000 values of 40 × 40 × 500: a step of 40 would visit the first column only: air.
        def scan(source, shape):
            values = np.full(shape, -1000.0)
            values[..., 8:32] = source.normal(60, 40, (*shape[:-1], 24))
            return values

        cohort = cohort_of(tmp_path, (40, 500, 40), (1, 1, 1), values=scan, count=1)
        assert fingerprint(cohort).intensity[0]["mean"] == pytest.approx(60, abs=5)

    def test_one_scheme_a_channel(self, tmp_path):
        paths = tuple(
            save(tmp_path / f"{k}.nii.gz", np.random.default_rng(k).normal(size=(16, 16, 16)))
            for k in range(2)
        )
        plan = make_plan(make_cohort([Case("a", paths)]))
        assert plan.channels_in == plan.network["in_channels"] == 2
        assert len(plan.intensity) == 2


class TestOverrides:
    @pytest.fixture
    def cohort(self, tmp_path):
        return cohort_of(tmp_path, (32, 32, 32), (1, 1, 1), count=1)

    def test_every_line_can_be_changed(self, cohort):
        asked = {
            "patch_size": "16x32x16",
            "spacing": "1.5,1,1",
            "batch_labeled": "3",
            "batch_unlabeled": 1,
            "residual_units": "0",
            "dropout": "0.1",
            "mirror_axes": "0,2",
            "orient": "false",
        }
        plan = make_plan(cohort, overrides=asked)
        assert plan.patch_size == [16, 32, 16]
        assert plan.spacing == [1.5, 1.0, 1.0]
        assert (plan.batch_labeled, plan.batch_unlabeled) == (3, 1)
        assert (plan.network["residual_units"], plan.network["dropout"]) == (0, 0.1)
        assert plan.mirror_axes == [0, 2]
        assert plan.orient is False
        assert plan.overridden == sorted(asked)

    def test_slices_along_a_chosen_axis(self, cohort):
        plan = make_plan(cohort, overrides={"dimensions": "2", "slice_axis": "1"})
        assert (plan.dimensions, plan.slice_axis, len(plan.patch_size)) == (2, 1, 2)

    def test_channels_follow_the_number_of_levels(self, cohort):
        levels = len(make_plan(cohort).network["channels"])
        wanted = list(range(4, 4 + levels))
        plan = make_plan(cohort, overrides={"channels": ",".join(map(str, wanted))})
        assert plan.network["channels"] == wanted

    def test_no_mirroring(self, cohort):
        assert make_plan(cohort, overrides={"mirror_axes": ""}).mirror_axes == []

    def test_a_chosen_spacing_is_not_made_coarser(self, tmp_path):
        cohort = cohort_of(tmp_path / "big", (400, 400), (1, 1), suffix=".mha", count=1)
        plan = make_plan(cohort, whole=True, overrides={"spacing": "1,1"})
        assert plan.spacing == [1.0, 1.0]
        assert plan.patch_size[0] >= 400

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("patchsize", "16", "plan has no line 'patchsize'"),
            ("patch_size", "16,16", "expected 3 numbers"),
            ("patch_size", "a,b,c", "expected numbers"),
            ("patch_size", "17,32,32", "must be multiples of"),
            ("patch_size", "1,1,1", "a single voxel cannot be normalised"),
            ("spacing", "0,1,1", "must be positive"),
            ("dimensions", "4", "expected 2 or 3"),
            ("dimensions", "two", "expected 2 or 3"),
            ("slice_axis", "3", "expected 0 or 1 or 2"),
            ("mirror_axes", "3", "this plan has axes 0 to 2"),
            ("channels", "8", "expected"),
            ("batch_labeled", "0", "expected a whole number from 1"),
            ("residual_units", "some", "expected a whole number"),
            ("dropout", "1.5", "expected a number from 0 to 0.9"),
            ("orient", "perhaps", "expected true or false"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, cohort, name, value, message):
        with pytest.raises(PlanError, match=message):
            make_plan(cohort, overrides={name: value})

    def test_volumes_cannot_be_made_of_pictures(self, tmp_path):
        cohort = cohort_of(tmp_path / "flat", (20, 20), (1, 1), suffix=".mha", count=1)
        with pytest.raises(PlanError, match="the images of this cohort are 2-D"):
            make_plan(cohort, overrides={"dimensions": 3})

    def test_patches_smaller_than_whole_images_are_refused(self, cohort):
        with pytest.raises(PlanError, match="needs whole images"):
            make_plan(cohort, whole=True, overrides={"patch_size": "16,32,32"})


def test_a_plan_survives_its_file(tmp_path):
    plan = make_plan(cohort_of(tmp_path, (20, 20, 20), (1, 1, 1), count=1))
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


class TestSingleNumbers:
    def test_one_number_where_several_are_wanted_is_named(self, tmp_path):
        cohort = cohort_of(tmp_path, (30, 34, 38), (1.0, 1.0, 1.0))
        with pytest.raises(PlanError, match="patch_size=96: expected 3 numbers"):
            make_plan(cohort, overrides={"patch_size": 96})
        assert make_plan(cohort, overrides={"mirror_axes": 1}).mirror_axes == [1]
