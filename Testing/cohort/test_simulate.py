"""Simulated weak annotations: within budget, true to the dense label, drawn as by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from SemiWeakSegLib.cohort import (
    SIMULATIONS,
    Cohort,
    annotated_fraction,
    check_cohort,
    read_geometry,
    read_label,
    simulate,
)
from SemiWeakSegLib.cohort.scribbles import case_generator, draw_scribbles, slice_axis
from Testing.cohort.files import ROTATION, cohort_on_disk, write
from Testing.support import shared_data


def ellipsoids(shape=(32, 48, 40)) -> np.ndarray:
    """Class 1 around class 2's place: two touching ellipsoids in a volume or ellipses."""
    grid = np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij")
    label = np.zeros(shape, np.uint8)
    for value, shift in ((1, -0.3), (2, 0.3)):
        squares = [(axis / 0.45) ** 2 for axis in grid[:-1]]
        label[sum(squares) + ((grid[-1] - shift) / 0.32) ** 2 < 1] = value
    return label


def draw(label, fraction=0.01, seed=0, spacing=None, axis=None) -> np.ndarray:
    spacing = spacing or (1.0,) * label.ndim
    return draw_scribbles(label, spacing, fraction, case_generator(seed, "case"), axis)


def slices_drawn(drawn: np.ndarray, axis: int) -> int:
    return int(np.moveaxis(drawn != 255, axis, 0).reshape(drawn.shape[axis], -1).any(axis=1).sum())


SHAPES = [(32, 48, 40), (9, 96, 96), (128, 160), (48, 40)]


class TestScribbles:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("fraction", [0.003, 0.01, 0.05])
    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_within_budget_true_and_complete(self, shape, fraction, seed):
        label = ellipsoids(shape)
        drawn = draw(label, fraction, seed)
        annotated = drawn != 255
        assert drawn.dtype == np.uint8
        assert annotated.mean() <= fraction
        assert np.array_equal(drawn[annotated], label[annotated])
        assert set(np.unique(drawn)) == {0, 1, 2, 255}

    @pytest.mark.parametrize("shape", SHAPES)
    def test_the_budget_is_used(self, shape):
        assert (draw(ellipsoids(shape), 0.01) != 255).mean() > 0.007

    def test_same_seed_and_case_same_scribbles(self):
        label = ellipsoids()
        assert np.array_equal(draw(label, seed=4), draw(label, seed=4))
        assert not np.array_equal(draw(label, seed=4), draw(label, seed=5))

    def test_thin_connected_strokes_rather_than_dots_or_areas(self):
        label = ellipsoids((200, 240))
        drawn = draw(label, 0.02)
        for value in (0, 1, 2):
            stroke = drawn == value
            pieces, count = ndimage.label(stroke, np.ones((3, 3)))
            sizes = np.bincount(pieces.ravel())[1:]
            # Most of what is drawn belongs to long strokes.
            assert sizes[sizes >= 8].sum() >= 0.9 * stroke.sum()
            # Nothing is filled: no 5 x 5 square of paint anywhere.
            assert not ndimage.binary_erosion(stroke, np.ones((5, 5))).any()
            assert count < 0.1 * stroke.sum()

    def test_strokes_run_in_the_middle_near_the_border_and_around_the_object(self):
        label = ellipsoids((200, 240))
        drawn = draw(label, 0.03)
        for value in (1, 2):
            inside = label == value
            depth = ndimage.distance_transform_edt(inside)
            drawn_depth = depth[drawn == value]
            assert drawn_depth.max() > 0.7 * depth.max()
            assert np.count_nonzero(drawn_depth < 5) >= 8
        away = ndimage.distance_transform_edt(label == 0)
        background = away[drawn == 0]
        around = background < 7
        assert np.count_nonzero(around) >= 60
        assert background[around].min() >= 1.5
        assert background.max() > 12

    def test_a_few_slices_of_the_thick_axis(self):
        label = ellipsoids((12, 96, 96))
        drawn = draw(label, 0.005, spacing=(8.0, 1.5, 1.5))
        assert 2 <= slices_drawn(drawn, 0) <= 7
        assert slice_axis((8.0, 1.5, 1.5), np.random.default_rng(0)) == 0
        axes = {slice_axis((1.0, 1.0, 1.0), np.random.default_rng(seed)) for seed in range(30)}
        assert axes == {0, 1, 2}

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_slices_of_a_chosen_axis(self, axis):
        drawn = draw(ellipsoids(), axis=axis)
        counts = [slices_drawn(drawn, other) for other in range(3)]
        assert 3 <= counts[axis] <= 14
        assert counts[axis] == min(counts)

    def test_tiny_and_thin_structures_get_a_stroke(self):
        label = ellipsoids()
        label[20, 5, 5] = 3  # one voxel
        label[10, 2, 2:38] = 4  # a line
        label[:, 44, 38] = 5  # a point on each slice of axis 0
        for axis in range(3):
            assert set(np.unique(draw(label, axis=axis))) == {0, 1, 2, 3, 4, 5, 255}

    def test_budget_too_small_for_all_strokes_shortens_them(self):
        label = ellipsoids((48, 40))
        drawn = draw(label, 6.5 / label.size)
        assert np.count_nonzero(drawn != 255) <= 6
        assert {1, 2} < set(np.unique(drawn))

    def test_background_only_and_object_only(self):
        empty = draw(np.zeros((20, 30, 30), np.uint8))
        assert set(np.unique(empty)) == {0, 255}
        full = draw(np.ones((20, 30, 30), np.uint8))
        assert set(np.unique(full)) == {1, 255}

    @pytest.mark.parametrize("number", ["001", "101", "204"])
    def test_hippocampus(self, number):
        path = shared_data("hippocampus") / "labels" / f"hippocampus_{number}.nii.gz"
        if not path.exists():
            pytest.skip(f"{path} is absent")
        label, geometry = read_label(path)
        for seed in range(5):
            drawn = draw(label, 0.01, seed, geometry.array_spacing)
            annotated = drawn != 255
            assert 0.008 < annotated.mean() <= 0.01
            assert np.array_equal(drawn[annotated], label[annotated])
            counts = np.bincount(drawn[annotated], minlength=3)
            assert (counts >= 20).all()


class TestSimulate:
    @pytest.fixture
    def cohort(self, tmp_path) -> Cohort:
        cohort = cohort_on_disk(tmp_path, 4, shape=(16, 24, 20))
        spacing, origin = (1.0, 1.5, 2.0), (5.0, 6.0, 7.0)
        for case in cohort.cases:
            for path, array in (
                (case.images[0], np.random.default_rng(0).normal(size=(16, 24, 20))),
                (case.label, ellipsoids((16, 24, 20))),
            ):
                write(path, array.astype(np.float32), spacing, origin, ROTATION)
        return cohort.with_roles({"case_3": "test"})

    def test_training_cases_change_and_sources_stay(self, tmp_path, cohort):
        before = {path: path.read_bytes() for path in tmp_path.rglob("*.nii.gz")}
        out = tmp_path / "out" / "weak.json"
        weak = simulate(cohort, "scribbles", 0.05, seed=0, out_path=out)
        assert Cohort.load(out) == weak
        assert {path: path.read_bytes() for path in before} == before
        case, dense = weak.case("case_0"), cohort.case("case_0")
        assert case.label == tmp_path / "out" / "weak_labels" / "case_0.nii.gz"
        assert case.truth == dense.label
        assert weak.annotation_kind(case) == "scribbled"
        assert weak.case("case_3") == cohort.case("case_3")
        assert annotated_fraction(read_label(case.label)[0]) <= 0.05
        assert read_geometry(dense.label).describe_difference(read_geometry(case.label)) is None
        assert [p.message for p in check_cohort(weak) if p.severity == "error"] == []

    def test_a_case_does_not_depend_on_the_others(self, tmp_path, cohort):
        all_cases = simulate(cohort, "scribbles", 0.05, 0, tmp_path / "all.json")
        one = simulate(cohort, "scribbles", 0.05, 0, tmp_path / "one.json", cases=["case_1"])
        first, second = (read_label(c.case("case_1").label)[0] for c in (all_cases, one))
        assert np.array_equal(first, second)
        assert one.case("case_0") == cohort.case("case_0")
        other = read_label(all_cases.case("case_0").label)[0]
        assert not np.array_equal(first, other)

    def test_points(self, tmp_path, cohort):
        weak = simulate(cohort, "points", 0.005, 0, tmp_path / "w.json")
        label, _ = read_label(weak.case("case_0").label)
        dense = ellipsoids((16, 24, 20))
        annotated = label != 255
        assert np.array_equal(label[annotated], dense[annotated])
        assert set(np.unique(label)) == {0, 1, 2, 255}
        assert annotated.mean() <= 0.005
        pieces, count = ndimage.label(label == 1)
        assert np.bincount(pieces.ravel())[1:].max() <= 3 * 7
        assert count >= 1

    def test_slices(self, tmp_path, cohort):
        weak = simulate(cohort, "slices", 0.2, 0, tmp_path / "w.json")
        label, _ = read_label(weak.case("case_0").label)
        whole = [
            axis
            for axis in range(3)
            if all(
                (plane == 255).all() or (plane != 255).all()
                for plane in np.moveaxis(label, axis, 0)
            )
        ]
        # Array spacing is (2, 1.5, 1): thick slices are along the first axis.
        assert whole == [0]
        assert slices_drawn(label, 0) == 3
        annotated = label != 255
        assert np.array_equal(label[annotated], ellipsoids((16, 24, 20))[annotated])

    def test_boxes_hold_their_object_tightly_on_an_oblique_grid(self, tmp_path, cohort):
        weak = simulate(cohort, "boxes", None, 0, tmp_path / "w.json")
        case = weak.case("case_0")
        assert case.label is None
        assert weak.annotation_kind(case) == "boxed"
        assert [box.class_index for box in case.boxes] == [1, 2]
        dense, geometry = read_label(case.truth)
        for box in case.boxes:
            inside = np.argwhere(dense == box.class_index)
            points = geometry.to_physical(inside[:, ::-1])
            assert box.contains(points).all()
            extent = inside.max(axis=0) - inside.min(axis=0) + 1
            assert np.allclose(box.size, extent[::-1] * np.asarray(geometry.spacing))
            # One voxel further along any axis is outside.
            beyond = geometry.to_physical((inside.max(axis=0) + 1)[::-1])
            assert not box.contains(beyond)

    def test_rotated_boxes_hold_their_object_along_its_own_axes(self, tmp_path, cohort):
        weak = simulate(cohort, "rotated_boxes", None, 0, tmp_path / "w.json")
        case = Cohort.load(tmp_path / "w.json").case("case_0")
        assert weak.annotation_kind(case) == "boxed"
        assert [box.class_index for box in case.boxes] == [1, 2]
        dense, geometry = read_label(case.truth)
        for box in case.boxes:
            points = geometry.to_physical(np.argwhere(dense == box.class_index)[:, ::-1])
            assert box.is_sound and box.contains(points).all()
        assert [p.message for p in check_cohort(weak) if p.severity == "error"] == []

    def test_slice_boxes_are_flat_and_tight_in_every_slice(self, tmp_path, cohort):
        weak = simulate(cohort, "slice_boxes", None, 0, tmp_path / "w.json")
        case = Cohort.load(tmp_path / "w.json").case("case_0")
        dense, geometry = read_label(case.truth)
        grid = np.stack(np.indices(dense.shape)[::-1], axis=-1)
        for value in (1, 2):
            boxes = [box for box in case.boxes if box.class_index == value]
            # Array spacing is (2, 1.5, 1): slices are across the first axis.
            shown = np.flatnonzero((dense == value).any(axis=(1, 2)))
            assert len(boxes) == len(shown)
            assert all(box.size[2] == 2 for box in boxes)
            held = np.zeros(dense.shape, bool)
            for box in boxes:
                held |= box.contains(geometry.to_physical(grid))
            for plane, inside in zip(held, dense == value, strict=True):
                for axis in (0, 1):
                    assert np.array_equal(plane.any(axis=axis), inside.any(axis=axis))
        assert [p.message for p in check_cohort(weak) if p.severity == "error"] == []

    def test_extreme_points_with_middle_and_box(self, tmp_path, cohort):
        weak = simulate(cohort, "extreme_points", None, 0, tmp_path / "w.json")
        boxes = simulate(cohort, "boxes", None, 0, tmp_path / "b.json")
        case = Cohort.load(tmp_path / "w.json").case("case_0")
        assert case.label is None
        assert weak.annotation_kind(case) == "scribbled"
        assert case.boxes == boxes.case("case_0").boxes
        assert [point.class_index for point in case.points] == [1] * 7 + [2] * 7
        dense, geometry = read_label(case.truth)
        for point, voxel in zip(
            case.points,
            geometry.holding_voxels(np.array([each.position for each in case.points])),
            strict=True,
        ):
            assert dense[tuple(voxel)] == point.class_index
        assert [p.message for p in check_cohort(weak) if p.severity == "error"] == []

    def test_several_rounds_make_a_cohort_of_many_kinds(self, tmp_path, cohort):
        first = simulate(cohort, "boxes", None, 0, tmp_path / "1.json", cases=["case_0"])
        both = simulate(first, "scribbles", 0.05, 0, tmp_path / "2.json", cases=["case_1"])
        kinds = {case.id: both.annotation_kind(case) for case in both.by_role("train")}
        assert kinds == {"case_0": "boxed", "case_1": "scribbled", "case_2": "labeled"}
        rest = simulate(both, "tags", None, 0, tmp_path / "3.json")
        assert rest.annotation_kind(rest.case("case_2")) == "tagged"
        assert rest.case("case_0") == first.case("case_0")

    def test_tags(self, tmp_path, cohort):
        label = ellipsoids((16, 24, 20))
        write(cohort.case("case_0").label, np.where(label == 2, 0, label).astype(np.uint8))
        weak = simulate(cohort, "tags", None, 0, tmp_path / "w.json")
        assert (weak.case("case_0").present, weak.case("case_0").absent) == ((1,), (2,))
        assert (weak.case("case_1").present, weak.case("case_1").absent) == ((1, 2), ())
        assert weak.annotation_kind(weak.case("case_0")) == "tagged"

    def test_dropped_classes_look_like_background(self, tmp_path, cohort):
        seen = set()
        for seed in range(8):
            weak = simulate(cohort, "drop_classes", 0.5, seed, tmp_path / f"{seed}.json")
            for case in weak.by_role("train"):
                assert case.looked_at
                seen.add(case.looked_at)
                dense = ellipsoids((16, 24, 20))
                expected = np.where(np.isin(dense, case.looked_at), dense, 0)
                assert np.array_equal(read_label(case.label)[0], expected)
        assert seen == {(1,), (2,), (1, 2)}

    def test_unlabeled(self, tmp_path, cohort):
        weak = simulate(cohort, "unlabeled", None, 0, tmp_path / "w.json")
        assert [weak.annotation_kind(case) for case in weak.by_role("train")] == ["unlabeled"] * 3
        assert all(case.truth == cohort.case(case.id).label for case in weak.by_role("train"))

    def test_two_dimensional_pictures(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 1, shape=(60, 80), suffix=".png")
        write(cohort.cases[0].label, ellipsoids((60, 80)))
        of_volumes = {"slices", "slice_boxes"}
        for kind in SIMULATIONS.keys() - of_volumes:
            weak = simulate(cohort, kind, None, 0, tmp_path / f"{kind}.json")
            assert [p.message for p in check_cohort(weak, voxels=False)] == []
        for kind in of_volumes:
            with pytest.raises(ValueError, match=r"Case case_0, .*case_0\.png: .*slices"):
                simulate(cohort, kind, None, 0, tmp_path / "w.json")

    def test_bad_requests(self, tmp_path, cohort):
        out = tmp_path / "w.json"
        with pytest.raises(ValueError, match="the kinds are scribbles, points"):
            simulate(cohort, "scribble", 0.01, 0, out)
        with pytest.raises(ValueError, match=r"\(0, 1\], found 2"):
            simulate(cohort, "scribbles", 2, 0, out)
        with pytest.raises(ValueError, match=r"Case case_0, .* allows 0 of 7680 voxels"):
            simulate(cohort, "scribbles", 1e-5, 0, out)
        with pytest.raises(KeyError, match="nobody"):
            simulate(cohort, "scribbles", 0.01, 0, out, cases=["nobody"])
        unlabeled = simulate(cohort, "unlabeled", None, 0, out)
        with pytest.raises(ValueError, match="No train case is densely labeled"):
            simulate(unlabeled, "scribbles", 0.01, 0, tmp_path / "x.json")
