"""Every check by a bad file; all problems of a cohort at once."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import (
    Box,
    Case,
    Cohort,
    CohortError,
    Point,
    SegmentClass,
    check_cohort,
    read_label,
    require_sound,
    resample_labels_to_images,
)
from SemiWeakSegLib.cohort.check_voxels import check_voxels
from SemiWeakSegLib.cohort.file_facts import FileFacts
from Testing.cohort.files import ROTATION, blocks, cohort_on_disk, noise, write, write_series


def codes(cohort: Cohort, voxels: bool = True) -> set[str]:
    return {problem.code for problem in check_cohort(cohort, voxels)}


def only(cohort: Cohort, code: str, voxels: bool = True):
    """The one problem of the cohort, which has this code."""
    problems = check_cohort(cohort, voxels)
    assert [problem.code for problem in problems] == [code], [p.message for p in problems]
    return problems[0]


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    return cohort_on_disk(tmp_path)


class TestSound:
    @pytest.mark.parametrize(
        ("shape", "suffix"),
        [((6, 7, 8), ".nii.gz"), ((6, 7, 8), ".nrrd"), ((7, 8), ".png"), ((1, 7, 8), ".mha")],
    )
    def test_no_problem_is_found(self, tmp_path, shape, suffix):
        cohort = cohort_on_disk(tmp_path, shape=shape, suffix=suffix)
        assert check_cohort(cohort) == []
        assert require_sound(cohort) == []


class TestImageFiles:
    def test_missing(self, cohort):
        cohort.cases[1].images[0].unlink()
        problem = only(cohort, "missing_file")
        assert (problem.case, problem.file) == ("case_1", cohort.cases[1].images[0])

    def test_unreadable(self, cohort):
        cohort.cases[2].images[0].write_bytes(b"\x1f\x8bnonsense")
        assert only(cohort, "unreadable").case == "case_2"

    def test_cut_short(self, cohort):
        path = write(cohort.cases[0].images[0].with_suffix("").with_suffix(".mha"), noise())
        path.write_bytes(path.read_bytes()[:-200])
        cohort.cases[0].images = (path,)
        assert only(cohort, "unreadable").file == path

    @pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".mha"])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, tmp_path, cohort, suffix, value):
        image = noise()
        image[1, 2, 3:5] = value
        cohort.cases[0].images = (write(tmp_path / f"bad{suffix}", image),)
        problem = only(cohort, "not_finite")
        assert "2 of 336 voxels" in problem.found
        assert codes(cohort, voxels=False) == set()

    def test_empty(self, cohort):
        write(cohort.cases[0].images[0], np.full((6, 7, 8), 3.0, np.float32))
        assert "every voxel is 3" in only(cohort, "empty_image").found

    def test_one_flat_channel_is_a_warning(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 1, (7, 8), ".png")
        picture = np.random.default_rng(0).integers(0, 255, (7, 8, 3)).astype(np.uint8)
        picture[..., 1] = 9
        write(cohort.cases[0].images[0], picture, vector=True)
        problem = only(cohort, "empty_image")
        assert (problem.severity, "channel 1" in problem.found) == ("warning", True)

    def test_uneven_dicom_slices(self, tmp_path):
        write_series(tmp_path / "even", [0.0, 3.0, 6.0], uid="1")
        write_series(tmp_path / "gap", [0.0, 3.0, 9.0], uid="2")
        label = np.zeros((3, 6, 5), np.uint8)
        label[1, 2] = [0, 1, 1, 2, 2]
        cases = []
        for name, step in (("even", 3.0), ("gap", 4.5)):
            path = tmp_path / f"{name}.nii.gz"
            write(path, label, (0.8, 0.9, step), (10.0, -20.0, 30.0), ROTATION)
            cases.append(Case(id=name, images=(tmp_path / name,), label=path))
        problem = only(Cohort([SegmentClass(1, "a"), SegmentClass(2, "b")], cases), "uneven_slices")
        assert problem.case == "gap"
        assert "3 to 6 mm" in problem.found


class TestGrids:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"spacing": (1.0, 1.0, 1.2)}, "spacing"),
            ({"origin": (0.0, 4.0, 0.0)}, "origin 4 mm"),
            ({"direction": ROTATION}, "direction turned by up to 36.9 degrees"),
        ],
    )
    def test_label_on_another_grid(self, cohort, changes, says):
        write(cohort.cases[1].label, blocks(), **changes)
        problem = only(cohort, "grid", voxels=False)
        assert says in problem.found
        assert problem.case == "case_1"
        assert problem.file == cohort.cases[1].label
        assert "--resample" in problem.expected

    def test_label_of_another_size(self, cohort):
        write(cohort.cases[1].label, blocks((6, 7, 9)))
        assert "size 9 x 7 x 6 against 8 x 7 x 6" in only(cohort, "grid").found

    def test_truth_is_compared_too(self, tmp_path, cohort):
        cohort.cases[0].truth = write(tmp_path / "t.nii.gz", blocks((5, 7, 8)))
        assert only(cohort, "grid").file == tmp_path / "t.nii.gz"

    def test_channels_on_different_grids(self, tmp_path, cohort):
        for case in cohort.cases:
            case.images = (*case.images, write(tmp_path / f"second_{case.id}.mha", noise(seed=9)))
        assert check_cohort(cohort) == []
        write(cohort.cases[0].images[1], noise(), origin=(0.0, 0.0, 30.0))
        assert only(cohort, "channel_grid").file == cohort.cases[0].images[1]

    def test_label_of_another_dimension(self, cohort):
        path = cohort.cases[0].label.with_name("flat.mha")
        cohort.cases[0].label = write(path, blocks((7, 8)))
        assert "2-D against 3-D" in only(cohort, "grid").found

    def test_resampling_is_offered_and_makes_it_sound(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 2)
        # The same label, stored with flipped axes: the same place, another grid.
        flipped = np.flip(blocks(), (1, 2))
        direction = np.diag([-1.0, -1.0, 1.0])
        source = cohort.cases[0].label
        write(source, flipped, origin=(7.0, 6.0, 0.0), direction=direction)
        before = source.read_bytes()
        assert codes(cohort) == {"grid"}
        fixed = resample_labels_to_images(cohort, tmp_path / "fixed")
        assert check_cohort(fixed) == []
        assert np.array_equal(read_label(fixed.cases[0].label)[0], blocks())
        assert fixed.cases[1].label == cohort.cases[1].label
        assert source.read_bytes() == before

    def test_what_a_resampled_label_does_not_cover_is_unlabeled(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 1)
        write(cohort.cases[0].label, blocks()[:4])
        label, _ = read_label(resample_labels_to_images(cohort, tmp_path / "f").cases[0].label)
        assert np.array_equal(label[:4], blocks()[:4])
        assert (label[4:] == 255).all()


class TestSpacing:
    @pytest.mark.parametrize("spacing", ["0 1 1", "-1 1 1", "5000 1 1"])
    def test_metaimage(self, tmp_path, cohort, spacing):
        path = tmp_path / "bad.mha"
        head = (
            "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
            f"ElementSpacing = {spacing}\nDimSize = 3 3 3\nElementType = MET_UCHAR\n"
            "ElementDataFile = LOCAL\n"
        )
        path.write_bytes(head.encode() + bytes(range(27)))
        cohort.cases[0] = replace(cohort.cases[0], images=(path,), label=None)
        assert spacing.split()[0] in only(cohort, "spacing", voxels=False).found

    @pytest.mark.parametrize("value", [0.0, np.nan])
    @pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
    def test_nifti_that_simpleitk_would_repair(self, tmp_path, cohort, value, suffix):
        path = tmp_path / f"bad{suffix}"
        plain = tmp_path / "plain.nii"
        nibabel.save(nibabel.Nifti1Image(noise().T, np.eye(4)), plain)
        data = bytearray(plain.read_bytes())
        data[80:84] = np.float32(value).tobytes()  # pixdim[1]
        write_bytes(path, bytes(data))
        cohort.cases[0] = replace(cohort.cases[0], images=(path,), label=None)
        assert codes(cohort, voxels=False) == {"spacing"}

    def test_very_stretched_voxels_are_a_warning(self, cohort):
        for case in cohort.cases:
            write(case.images[0], noise(), spacing=(0.1, 0.1, 8.0))
            write(case.label, blocks(), spacing=(0.1, 0.1, 8.0))
        problems = check_cohort(cohort)
        assert {(problem.severity, problem.code) for problem in problems} == {
            ("warning", "spacing")
        }


def write_bytes(path: Path, data: bytes) -> None:
    if path.suffix == ".gz":
        data = gzip.compress(data)
    path.write_bytes(data)


class TestLabels:
    def test_values_outside_the_classes(self, cohort):
        label = blocks()
        label[0, 0, :2] = (7, 9)
        write(cohort.cases[1].label, label)
        problem = only(cohort, "label_values")
        assert problem.found == "label values 7, 9"
        assert "0 to 2" in problem.expected

    @pytest.mark.parametrize("value", [0.5, np.nan])
    def test_not_integers(self, cohort, value):
        label = blocks().astype(np.float32)
        label[0, 0, 0] = value
        write(cohort.cases[1].label, label)
        assert only(cohort, "label_not_integer").case == "case_1"

    def test_all_unlabeled_is_a_warning(self, cohort):
        write(cohort.cases[1].label, np.full((6, 7, 8), 255, np.uint8))
        assert only(cohort, "label_empty").severity == "warning"

    def test_a_mask_of_0_and_255_is_suspicious(self, cohort):
        write(cohort.cases[1].label, (blocks() > 0).astype(np.uint8) * 255)
        assert only(cohort, "label_background_only").severity == "warning"

    def test_nothing_annotated(self, cohort):
        cases = [replace(case, label=None) for case in cohort.cases]
        assert only(cohort.with_cases(cases), "nothing_annotated").severity == "error"

    def test_class_never_annotated(self, cohort):
        for case in cohort.cases:
            write(case.label, np.minimum(blocks(), 1))
        assert "class 2 (right)" in only(cohort, "class_never_annotated").found

    def test_class_annotated_by_a_box_or_tag_only(self, cohort):
        for case in cohort.cases:
            write(case.label, np.minimum(blocks(), 1))
        cohort.cases[0].present = (2,)
        assert check_cohort(cohort) == []

    def test_class_annotated_outside_training_only(self, cohort):
        for case in cohort.cases[:2]:
            write(case.label, np.minimum(blocks(), 1))
        cohort.cases[2].role = "test"
        assert only(cohort, "class_never_annotated").severity == "error"

    def test_class_not_looked_at_teaches_nothing(self, cohort):
        for case in cohort.cases:
            case.looked_at = (1,)
        assert "class 2" in only(cohort, "class_never_annotated").found


class TestRecords:
    def test_duplicate_ids(self, cohort):
        cohort.cases[1].id = "case_0"
        problem = only(cohort, "duplicate_id")
        assert str(cohort.cases[1].images[0]) in problem.found

    def test_ids_that_differ_in_case_only(self, cohort):
        cohort.cases[1].id = "CASE_0"
        assert only(cohort, "similar_ids").severity == "warning"

    @pytest.mark.parametrize("name", ["", "a/b", "..", "a:b"])
    def test_id_that_is_no_file_name(self, cohort, name):
        cohort.cases[1].id = name
        assert only(cohort, "bad_id").severity == "error"

    def test_wrong_dimension(self, tmp_path, cohort):
        cohort.cases[1].images = (write(tmp_path / "flat.mha", noise((7, 8))),)
        cohort.cases[1].label = None
        assert "2 dimensions" in only(cohort, "dimension").found

    def test_different_channel_counts(self, tmp_path, cohort):
        case = cohort.cases[1]
        case.images = (*case.images, write(tmp_path / "second.nii.gz", noise(seed=5)))
        problem = only(cohort, "channels")
        assert problem.found == "2 channels"
        assert problem.expected.startswith("1,")

    @pytest.mark.parametrize("indices", [(), (1, 3), (2, 1), (0, 1)])
    def test_class_indices(self, cohort, indices):
        cohort.classes = [SegmentClass(index, f"class {index}") for index in indices]
        assert "classes" in codes(cohort, voxels=False)

    def test_class_names(self, cohort):
        cohort.classes = [SegmentClass(1, "same"), SegmentClass(2, "same")]
        assert only(cohort, "classes").severity == "error"

    def test_role_and_no_training_case(self, cohort):
        cohort.cases[0].role = "teacher"
        cohort.cases[1].role = "test"
        cohort.cases[2].role = "validation"
        assert codes(cohort) == {"role", "no_train"}

    def test_annotations_that_contradict(self, cohort):
        case = cohort.cases[0]
        case.present, case.absent = (1,), (1, 5)
        case.sizes = {1: (5.0, 2.0)}
        axes = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        case.boxes = (Box(1, (0.0,) * 3, (1.0, 0.0, 1.0), axes),)
        assert codes(cohort) == {"tags", "unknown_class", "sizes", "box"}

    def test_box_of_another_dimension(self, cohort):
        cohort.cases[0].boxes = (Box(1, (0.0, 0.0), (1.0, 1.0), ((1.0, 0.0), (0.0, 1.0))),)
        assert "2-D box on a 3-D image" in only(cohort, "box").found

    @pytest.mark.parametrize("bounds", [(5.0, 2.0), (-1.0, 2.0), (math.inf, math.inf)])
    def test_common_bounds_that_no_size_meets(self, cohort, bounds):
        cohort.classes[0] = replace(cohort.classes[0], size_bounds=bounds)
        assert "common size bounds" in only(cohort, "sizes").found

    def test_own_bounds_that_contradict_the_common_ones_or_a_tag(self, cohort):
        cohort.classes[0] = replace(cohort.classes[0], size_bounds=(10.0, 20.0))
        cohort.cases[0].sizes = {1: (12.0, math.inf)}
        assert check_cohort(cohort) == []
        cohort.cases[0].sizes = {1: (21.0, 30.0)}
        assert "beside the common bounds 10 to 20" in only(cohort, "sizes").found
        cohort.cases[0].sizes, cohort.cases[0].absent = {1: (12.0, 15.0)}, (1,)
        assert "tagged absent" in only(cohort, "sizes").found

    def test_no_cases(self):
        assert codes(Cohort([SegmentClass(1, "a")], [])) == {"no_cases"}

    def test_image_that_leaks_into_the_test_cases(self, cohort):
        cohort.cases[2].images = cohort.cases[0].images
        assert only(cohort, "shared_image").severity == "warning"
        cohort.cases[2].role = "test"
        assert only(cohort, "shared_image").severity == "error"

    def test_divided_group_and_missing_reference(self, cohort):
        cohort.cases[0].group = cohort.cases[1].group = "p"
        cohort.cases[1] = replace(cohort.cases[1], role="validation", label=None)
        problems = check_cohort(cohort)
        assert {problem.code for problem in problems} == {"group_divided", "no_reference"}
        assert {problem.severity for problem in problems} == {"warning"}
        assert len(require_sound(cohort)) == 2


class TestPointsAndBoxes:
    """On images of 8 x 7 x 6 voxels (x, y, z) of 1 mm, class 1 in x 1..3, y 2..4."""

    AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def test_that_fit_are_sound(self, cohort):
        case = cohort.cases[0]
        case.points = (Point(1, (2.0, 3.3, 1.0)), Point(0, (0.0, 0.0, 5.4)), Point(2, (5, 3, 2)))
        case.boxes = (Box(1, (2.0, 3.0, 2.5), (3.0, 3.0, 6.0), self.AXES),)
        assert check_cohort(cohort) == []

    def test_points_alone_annotate(self, cohort):
        for case in cohort.cases:
            case.label, case.points = None, (Point(1, (2.0, 3.0, 1.0)),)
        assert "class 2 (right)" in only(cohort, "class_never_annotated").found
        cohort.cases[1].points = (Point(2, (2.0, 3.0, 1.0)), Point(0, (0.0, 0.0, 0.0)))
        assert check_cohort(cohort) == []

    @pytest.mark.parametrize("place", [(2.0, 3.0, -0.6), (7.6, 0.0, 0.0), (0.0, 0.0, 500.0)])
    def test_a_point_outside_its_image(self, cohort, place):
        cohort.cases[0].points = (Point(1, place),)
        problem = only(cohort, "point", voxels=False)
        assert (problem.severity, problem.case) == ("error", "case_0")
        assert "outside the image" in problem.found

    def test_points_that_are_no_places_of_the_image(self, cohort):
        cohort.cases[0].points = (Point(1, (2.0, 3.0)),)
        assert "2-D point on a 3-D image" in only(cohort, "point").found
        cohort.cases[0].points = (Point(1, (2.0, 3.0, math.nan)),)
        assert codes(cohort) == {"point"}
        cohort.cases[0].points = (Point(9, (2.0, 3.0, 1.0)),)
        cohort.cases[0].label = None
        assert "class 9 in points" in only(cohort, "unknown_class").found

    @pytest.mark.parametrize(("value", "labeled"), [(0, 1), (2, 1), (1, 0)])
    def test_a_point_on_a_voxel_labeled_otherwise(self, cohort, value, labeled):
        place = (2.0, 3.0, 1.0) if labeled else (0.0, 0.0, 0.0)
        cohort.cases[0].points = (Point(value, place),)
        problem = only(cohort, "point")
        assert f"a point of class {value} at" in problem.found
        assert problem.found.endswith(f"on a voxel labeled {labeled}")
        assert problem.file == cohort.cases[0].label
        assert check_cohort(cohort, voxels=False) == []

    def test_a_point_moved_or_a_label_changed_is_seen_with_a_memory(self, tmp_path, cohort):
        case = cohort.cases[0]
        case.points = (Point(1, (2.0, 3.0, 1.0)),)
        memory = tmp_path / "memory.json"

        def found() -> set[str]:
            facts = FileFacts(memory)
            readable = {path for each in cohort.cases for path in (*each.images, each.label)}
            problems = check_voxels(cohort, readable, facts=facts)
            facts.save()
            return {problem.code for problem in problems}

        assert [found(), found()] == [set(), set()]
        case.points = (Point(1, (5.0, 3.0, 1.0)),)
        assert found() == {"point"}
        case.points = (Point(1, (2.0, 3.0, 1.0)),)
        assert found() == set()
        write(case.label, 2 * (blocks() > 0).astype(np.uint8))
        assert found() == {"point"}

    def test_two_classes_in_one_voxel(self, cohort):
        cohort.cases[0].label = None
        cohort.cases[0].points = (Point(1, (2.0, 3.0, 1.0)), Point(2, (2.3, 3.0, 1.4)))
        assert "classes 1 and 2 in one voxel, (2, 3, 1)" in only(cohort, "point").found

    def test_what_is_tagged_absent_has_no_point_and_no_box(self, cohort):
        case = cohort.cases[0]
        case.absent, case.points = (1,), (Point(1, (2.0, 3.0, 1.0)),)
        assert "a point of class 1, which is tagged absent" in only(cohort, "tags").found
        case.points, case.boxes = (), (Box(1, (2.0, 3.0, 2.5), (3.0, 3.0, 6.0), self.AXES),)
        assert "a box of class 1, which is tagged absent" in only(cohort, "tags").found

    @pytest.mark.parametrize(
        ("center", "meets"),
        [
            ((3.0, 3.0, 3.0), True),
            ((-2.4, 3.0, 3.0), True),
            ((-2.6, 3.0, 3.0), False),
            ((3.0, 3.0, 7.6), False),
            ((300.0, 3.0, 3.0), False),
        ],
    )
    def test_a_box_that_misses_its_image(self, cohort, center, meets):
        cohort.cases[0].boxes = (Box(1, center, (4.0, 4.0, 4.0), self.AXES),)
        if meets:
            assert check_cohort(cohort) == []
        else:
            assert "beside the image" in only(cohort, "box", voxels=False).found

    def test_a_turned_box_at_a_corner_of_its_image(self, cohort):
        # Its bounding box meets the image, the box itself passes the corner by.
        half = math.sqrt(0.5)
        axes = ((half, half, 0.0), (-half, half, 0.0), (0.0, 0.0, 1.0))
        cohort.cases[0].boxes = (Box(1, (-2.5, -2.5, 2.0), (5.0, 20.0, 4.0), axes),)
        assert "beside the image" in only(cohort, "box").found
        cohort.cases[0].boxes = (Box(1, (-2.0, -2.0, 2.0), (5.0, 20.0, 4.0), axes),)
        assert check_cohort(cohort) == []

    def test_a_point_outside_every_box_of_its_class_is_a_warning(self, cohort):
        case = cohort.cases[0]
        case.boxes = (Box(1, (2.0, 3.0, 1.0), (1.0, 1.0, 1.0), self.AXES),)
        case.points = (Point(1, (3.0, 3.0, 1.0)), Point(2, (5.0, 3.0, 1.0)))
        problem = only(cohort, "point")
        assert problem.severity == "warning"
        assert "outside every box of its class" in problem.found


class TestReport:
    def test_all_problems_are_reported_together(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 5)
        cohort.cases[0].images[0].unlink()
        write(cohort.cases[1].images[0], np.zeros((6, 7, 8), np.float32))
        write(cohort.cases[2].label, blocks((6, 7, 9)))
        label = blocks()
        label[0, 0, 0] = 77
        write(cohort.cases[3].label, label)
        with pytest.raises(CohortError) as caught:
            require_sound(cohort)
        assert {(p.case, p.code) for p in caught.value.problems} == {
            ("case_0", "missing_file"),
            ("case_1", "empty_image"),
            ("case_2", "grid"),
            ("case_3", "label_values"),
        }
        text = str(caught.value)
        assert text.startswith("The cohort has 4 errors:")
        for index, name in enumerate(("images", "images", "labels", "labels")):
            assert f"case case_{index}, {tmp_path / name / f'case_{index}.nii.gz'}" in text

    def test_of_a_thousand_cases_headers_alone_are_read(self, tmp_path, monkeypatch):
        image = write(tmp_path / "images" / "0.mha", noise())
        label = write(tmp_path / "labels" / "0.mha", blocks())
        cases = []
        for index in range(1000):
            for path in (image, label):
                if index:
                    (path.parent / f"{index}.mha").hardlink_to(path)
            images = (image.parent / f"{index}.mha",)
            cases.append(Case(id=str(index), images=images, label=label.parent / f"{index}.mha"))
        cohort = Cohort([SegmentClass(1, "a"), SegmentClass(2, "b")], cases)
        read = []
        monkeypatch.setattr(sitk, "ReadImage", lambda *given: read.append(given))
        assert check_cohort(cohort, voxels=False) == []
        assert read == []
