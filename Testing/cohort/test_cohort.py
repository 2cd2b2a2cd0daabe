"""Cohorts, cases and boxes: what they are, and that a file gives back what was saved."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from SemiWeakSegLib.cohort import Box, Case, Cohort, CohortFileError, Point, SegmentClass, summary
from SemiWeakSegLib.cohort.geometry import Geometry
from SemiWeakSegLib.cohort.images import write_scalar
from Testing.cohort.files import blocks, cohort_on_disk, noise, two_classes, write

QUARTER = math.sqrt(0.5)


def rich_cohort(folder) -> Cohort:
    box = Box(
        1,
        (1.0, 2.0, 3.0),
        (4.0, 6.0, 8.0),
        ((QUARTER, QUARTER, 0), (-QUARTER, QUARTER, 0), (0, 0, 1)),
    )
    case = Case(
        id="a",
        images=(folder / "images" / "a_t1.nii.gz", folder / "images" / "a_t2.nii.gz"),
        label=folder / "labels" / "a.nii.gz",
        truth=folder.parent / "elsewhere" / "a.nii.gz",
        points=(Point(1, (1.5, 2.5, 3.5)), Point(0, (-1.0, 0.0, 1e-3))),
        boxes=(box,),
        present=(1,),
        absent=(2,),
        sizes={1: (10.0, 20.5), 2: (0.0, math.inf)},
        looked_at=(1,),
        role="validation",
        group="patient 1",
    )
    classes = [
        SegmentClass(1, "Löwe", (0.1, 0.2, 0.3), "code^1^x", (12.5, math.inf)),
        SegmentClass(2, "right"),
    ]
    return Cohort(classes, [case, Case(id="b", images=(folder / "b.mha",))], description="mine")


class TestFile:
    def test_load_gives_back_what_was_saved(self, tmp_path):
        cohort = rich_cohort(tmp_path)
        cohort.save(tmp_path / "cohort.json")
        loaded = Cohort.load(tmp_path / "cohort.json")
        assert loaded == cohort
        assert loaded.cases[0].sizes[2] == (0.0, math.inf)
        assert loaded.path == tmp_path / "cohort.json"

    def test_what_is_not_known_is_not_written(self, tmp_path):
        cohort_on_disk(tmp_path, 1).save(tmp_path / "cohort.json")
        text = (tmp_path / "cohort.json").read_text(encoding="utf-8")
        assert "points" not in text and "size_bounds" not in text
        loaded = Cohort.load(tmp_path / "cohort.json")
        assert loaded.cases[0].points == () and loaded.classes[0].size_bounds is None

    def test_paths_are_relative_so_the_folder_can_move(self, tmp_path):
        rich_cohort(tmp_path / "old").save(tmp_path / "old" / "cohort.json")
        (tmp_path / "old").rename(tmp_path / "new")
        case = Cohort.load(tmp_path / "new" / "cohort.json").case("a")
        assert case.images[0] == tmp_path / "new" / "images" / "a_t1.nii.gz"
        assert case.truth == tmp_path / "elsewhere" / "a.nii.gz"
        assert str(tmp_path) not in (tmp_path / "new" / "cohort.json").read_text(encoding="utf-8")

    def test_file_is_strict_json_and_nothing_else_is_left(self, tmp_path):
        rich_cohort(tmp_path).save(tmp_path / "cohort.json")
        document = json.loads(
            (tmp_path / "cohort.json").read_text(encoding="utf-8"),
            parse_constant=lambda name: pytest.fail(f"{name} is not JSON"),
        )
        assert document["cases"][0]["sizes"]["2"] == [0.0, None]
        assert [path.name for path in tmp_path.iterdir()] == ["cohort.json"]

    def test_failed_save_keeps_the_old_file(self, tmp_path):
        path = tmp_path / "cohort.json"
        rich_cohort(tmp_path).save(path)
        before = path.read_bytes()
        broken = rich_cohort(tmp_path)
        broken.classes = [SegmentClass(1, object())]  # cannot be written as JSON
        with pytest.raises(TypeError):
            broken.save(path)
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ["cohort.json"]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("{", "is not JSON"),
            ("[]", "holds a JSON list"),
            ('{"classes": [], "cases": []}', "no schema version"),
            ('{"schema": 7}', "schema version 7"),
            ('{"schema": 1, "classes": [], "cases": 3}', '"cases" should be a list'),
            ('{"schema": 1, "classes": [], "cases": [{"id": "x"}]}', "(x): 'images' is missing"),
            ('{"schema": 1, "classes": [{"index": "q", "name": "n"}], "cases": []}', "entry 1 (n)"),
        ],
    )
    def test_bad_file_is_named_with_the_place(self, tmp_path, text, says):
        path = tmp_path / "bad.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CohortFileError) as caught:
            Cohort.load(path)
        assert says in str(caught.value)
        assert str(path) in str(caught.value)

    def test_missing_file(self, tmp_path):
        with pytest.raises(CohortFileError, match="no such file"):
            Cohort.load(tmp_path / "none.json")


class TestKinds:
    def test_kind_is_read_off_what_the_case_carries(self, tmp_path):
        image = write(tmp_path / "i.nii.gz", noise())
        dense = write(tmp_path / "dense.nii.gz", blocks())
        some = np.full((6, 7, 8), 255, np.uint8)
        nothing = write(tmp_path / "nothing.nii.gz", some)
        some[1, 1, 1] = 0
        strokes = write(tmp_path / "strokes.nii.gz", some)
        box = Box(1, (0.0,) * 3, (1.0,) * 3, ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
        expected = {
            "labeled": {"label": dense, "boxes": (box,)},
            "scribbled": {"label": strokes, "present": (1,)},
            "scribbled by points": {"label": nothing, "points": (Point(0, (0.0,) * 3),)},
            "boxed": {"label": nothing, "boxes": (box,), "present": (1,)},
            "tagged": {"absent": (2,)},
            "unlabeled": {"label": nothing, "truth": dense},
        }
        cases = [Case(id=kind, images=(image,), **rest) for kind, rest in expected.items()]
        cohort = Cohort(two_classes(), cases)
        kinds = {case.id: cohort.annotation_kind(case) for case in cases}
        assert kinds == {name: name.split()[0] for name in expected}
        counts = summary(cohort)
        assert (counts.labeled, counts.scribbled, counts.boxed, counts.tagged) == (1, 2, 1, 1)
        assert (counts.unlabeled, counts.with_truth, counts.dimension) == (1, 1, 3)

    def test_changed_label_file_changes_the_kind(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 1)
        case = cohort.cases[0]
        assert cohort.annotation_kind(case) == "labeled"
        label = np.full((6, 7, 8), 255, np.uint8)
        label[0] = 0
        write(case.label, label)
        assert cohort.annotation_kind(case) == "scribbled"

    def test_summary_counts_roles_and_kinds_of_training_cases(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 4).with_roles({"case_2": "validation", "case_3": "test"})
        cohort.cases[1] = replace(cohort.cases[1], label=None)
        counts = summary(cohort)
        assert (counts.cases, counts.train, counts.validation, counts.test) == (4, 2, 1, 1)
        assert (counts.labeled, counts.unlabeled, counts.with_truth, counts.classes) == (1, 1, 0, 2)

    @pytest.mark.parametrize(
        ("size", "spacing", "sliced"),
        [
            ((64, 64), (1.0, 1.0), True),
            ((64, 64, 40), (1.0, 1.0, 1.0), False),
            ((64, 64, 12), (1.5, 1.4, 4.4), False),
            ((64, 64, 12), (1.5, 1.4, 4.5), True),
            ((12, 64, 64), (8.0, 1.0, 1.0), True),
            ((64, 64, 4), (1.0, 1.0, 1.0), False),
            ((64, 64, 3), (1.0, 1.0, 1.0), True),
            ((64, 64, 1), (1.0, 1.0, 1.0), True),
        ],
    )
    def test_few_slices_or_slices_far_apart_are_learned_one_by_one(self, size, spacing, sliced):
        directions = tuple(np.eye(len(size)).ravel())
        assert Geometry(size, spacing, (0.0,) * len(size), directions).is_sliced is sliced

    def test_summary_counts_what_training_cases_carry_beside_their_kind(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 5)
        box = Box(1, (0.0,) * 3, (1.0,) * 3, ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
        first, second, third, fourth, fifth = cohort.cases
        first.boxes, first.points = (box,), (Point(1, (0.0,) * 3),)
        second.boxes, second.absent, second.looked_at = (box,), (2,), (2, 1)
        third.sizes, third.looked_at = {1: (0.0, 5.0)}, (2,)
        fourth.present, fourth.looked_at, fourth.label = (1,), (1,), None
        fifth.role, fifth.boxes, fifth.present = "test", (box,), (1,)
        counts = summary(cohort)
        assert (counts.with_points, counts.with_boxes, counts.with_tags) == (1, 2, 2)
        assert (counts.with_sizes, counts.partial) == (1, 1)
        # One of the two with boxes is fully labeled.
        first.label = None
        assert (summary(cohort).boxed_partly, summary(cohort).with_boxes) == (1, 2)
        cohort.classes[0] = replace(cohort.classes[0], size_bounds=(1.0, 2.0))
        assert summary(cohort).with_sizes == 4

    @pytest.mark.parametrize(
        ("shape", "single"), [((6, 5), True), ((1, 6, 5), True), ((2, 6, 5), False)]
    )
    def test_summary_says_whether_images_are_single_slices(self, tmp_path, shape, single):
        size = shape[::-1]
        directions = tuple(np.eye(len(size)).ravel())
        geometry = Geometry(size, (1.0,) * len(size), (0.0,) * len(size), directions)
        path = tmp_path / ("a.mha" if len(size) == 2 else "a.nii.gz")
        write_scalar(path, np.zeros(shape, np.float32), geometry)
        assert summary(Cohort(two_classes(), [Case("a", (path,))])).single is single


class TestCohort:
    def test_number_of_classes_counts_the_background(self):
        assert Cohort(two_classes(), []).num_classes == 3

    def test_unknown_case_and_role(self, tmp_path):
        cohort = rich_cohort(tmp_path)
        with pytest.raises(KeyError, match="nobody"):
            cohort.case("nobody")
        with pytest.raises(ValueError, match="teacher"):
            cohort.by_role("teacher")
        with pytest.raises(ValueError, match="Case a"):
            cohort.with_roles({"a": "teacher"})

    def test_reference_prefers_the_truth(self, tmp_path):
        case = rich_cohort(tmp_path).case("a")
        assert case.reference == case.truth
        assert replace(case, truth=None).reference == case.label


class TestBox:
    def test_rotated_box_in_the_plane(self):
        box = Box(1, (10.0, 20.0), (4.0, 2.0), ((QUARTER, QUARTER), (-QUARTER, QUARTER)))
        along, across = np.array([QUARTER, QUARTER]), np.array([-QUARTER, QUARTER])
        center = np.array([10.0, 20.0])
        expected = {
            tuple(np.round(center + a * along + b * across, 9)) for a in (-2, 2) for b in (-1, 1)
        }
        assert {tuple(np.round(corner, 9)) for corner in box.corners()} == expected
        inside = box.contains(
            np.array([center + 1.9 * along, center + 1.1 * across, center + 2.1 * along])
        )
        assert inside.tolist() == [True, False, False]

    @pytest.mark.parametrize(
        "changes",
        [
            {"size": (3.0, 5.0)},
            {"size": (3.0, 5.0, 0.0)},
            {"size": (3.0, 5.0, math.nan)},
            {"center": (math.inf, 0.0, 0.0)},
            {"axes": ((1, 0, 0), (0, 1, 0))},
            {"axes": ((1, 0, 0), (0, 1, 0), (0, 0, 2))},
            {"axes": ((1, 0, 0), (0, 1, 0), (0, 1, 0))},
            {"axes": ((1, 0, 0), (0, 1, 0), (0, 1))},
        ],
    )
    def test_of_wrong_shape_or_length_is_not_sound(self, changes):
        box = Box(2, (1.0, 2.0, 3.0), (3.0, 5.0, 7.0), ((1, 0, 0), (0, 0.6, 0.8), (0, -0.8, 0.6)))
        assert box.is_sound
        assert not replace(box, **changes).is_sound

    def test_corners_lie_on_the_box(self):
        box = Box(2, (1.0, 2.0, 3.0), (3.0, 5.0, 7.0), ((1, 0, 0), (0, 0.6, 0.8), (0, -0.8, 0.6)))
        assert box.corners().shape == (8, 3)
        assert box.contains(box.corners()).all()
        outward = box.corners() + 0.01 * (box.corners() - np.array(box.center))
        assert not box.contains(outward).any()
