"""Cohorts from folders, datalists and nnU-Net folders; foreign label values become ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from SemiWeakSegLib.cohort import (
    CohortFileError,
    SegmentClass,
    check_cohort,
    from_datalist,
    from_folders,
    from_nnunet,
    parse_classes,
    read_any,
    read_label,
    summary,
)
from Testing.cohort.files import blocks, cohort_on_disk, noise, two_classes, write, write_series


def put(folder: Path, names: str, label: bool = False) -> None:
    for seed, name in enumerate(names.split()):
        write(folder / name, blocks() if label else noise(seed=seed))


def files_under(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestFolders:
    def test_labels_pair_by_name_and_missing_ones_are_unlabeled(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz b.mha c.nii.gz")
        put(tmp_path / "labels", "a.nii.gz b.nrrd", label=True)
        (tmp_path / "images" / ".hidden.nii.gz").write_bytes(b"")
        (tmp_path / "images" / "notes.txt").write_text("no image", encoding="utf-8")
        cohort = from_folders(tmp_path / "images", tmp_path / "labels", two_classes())
        assert [case.id for case in cohort.cases] == ["a", "b", "c"]
        assert cohort.case("b").label == tmp_path / "labels" / "b.nrrd"
        assert cohort.case("c").label is None
        assert check_cohort(cohort) == []
        assert (summary(cohort).labeled, summary(cohort).unlabeled) == (2, 1)

    def test_label_without_image_is_reported(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        put(tmp_path / "labels", "a.nii.gz typo.nii.gz", label=True)
        problems = check_cohort(from_folders(tmp_path / "images", tmp_path / "labels"))
        assert [(p.severity, p.code, p.file.name) for p in problems] == [
            ("warning", "label_without_image", "typo.nii.gz")
        ]

    def test_two_labels_for_an_image_are_an_error(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        put(tmp_path / "labels", "a.nii.gz a.mha", label=True)
        problems = check_cohort(from_folders(tmp_path / "images", tmp_path / "labels"))
        assert [problem.code for problem in problems] == ["ambiguous_label"]

    def test_two_images_of_one_name_are_an_error(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz a.mha")
        put(tmp_path / "labels", "a.nii.gz", label=True)
        problems = check_cohort(from_folders(tmp_path / "images", tmp_path / "labels"))
        assert "duplicate_id" in {problem.code for problem in problems}

    def test_no_pair_at_all_is_refused(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        put(tmp_path / "labels", "a_label.nii.gz", label=True)
        with pytest.raises(CohortFileError, match="a_label there and a here"):
            from_folders(tmp_path / "images", tmp_path / "labels")

    def test_absent_and_empty_folders(self, tmp_path):
        with pytest.raises(CohortFileError, match="no such folder"):
            from_folders(tmp_path / "none")
        with pytest.raises(CohortFileError, match="holds no image"):
            from_folders(tmp_path)

    def test_channel_folders_and_channel_suffixes(self, tmp_path):
        put(tmp_path / "t1", "a.nii.gz b.nii.gz")
        put(tmp_path / "t2", "a.mha b.nii.gz")
        cohort = from_folders([tmp_path / "t1", tmp_path / "t2"])
        assert cohort.case("a").images == (tmp_path / "t1/a.nii.gz", tmp_path / "t2/a.mha")
        (tmp_path / "t2" / "b.nii.gz").unlink()
        problems = check_cohort(from_folders([tmp_path / "t1", tmp_path / "t2"]), voxels=False)
        assert ("b", "missing_file") in {(problem.case, problem.code) for problem in problems}
        put(tmp_path / "x", "p_0000.nii.gz p_0001.nii.gz q_0000.nii.gz q_0001.nii.gz")
        put(tmp_path / "y", "p.nii.gz", label=True)
        cohort = from_folders(tmp_path / "x", tmp_path / "y")
        assert [(case.id, len(case.images)) for case in cohort.cases] == [("p", 2), ("q", 2)]

    def test_numbered_cases_are_no_channels(self, tmp_path):
        put(tmp_path / "images", "heart_0001.nii.gz heart_0002.nii.gz")
        put(tmp_path / "labels", "heart_0001.nii.gz", label=True)
        cohort = from_folders(tmp_path / "images", tmp_path / "labels")
        assert [case.id for case in cohort.cases] == ["heart_0001", "heart_0002"]

    def test_dicom_series_folders(self, tmp_path):
        write_series(tmp_path / "images" / "one", [0.0, 3.0], uid="1")
        write_series(tmp_path / "images" / "two", [0.0, 3.0], uid="2")
        assert [case.id for case in from_folders(tmp_path / "images").cases] == ["one", "two"]
        single = from_folders(tmp_path / "images" / "one")
        assert [case.images for case in single.cases] == [(tmp_path / "images" / "one",)]

    def test_groups_by_pattern(self, tmp_path):
        put(tmp_path / "images", "p1_ED.mha p1_ES.mha p2_ED.mha other.mha")
        cohort = from_folders(tmp_path / "images", group_pattern=r"^(p\d+)_")
        assert [case.group for case in cohort.cases] == [None, "p1", "p1", "p2"]
        assert [(problem.code, problem.case) for problem in cohort.problems] == [
            ("no_group", "other")
        ]
        whole = from_folders(tmp_path / "images", group_pattern=r"^[^_.]+")
        assert [case.group for case in whole.cases] == ["other", "p1", "p1", "p2"]
        with pytest.raises(ValueError, match="no regular expression"):
            from_folders(tmp_path / "images", group_pattern="(")

    def test_truth_is_never_a_label(self, tmp_path):
        put(tmp_path / "images", "a.mha b.mha")
        put(tmp_path / "truth", "a.mha", label=True)
        cohort = from_folders(tmp_path / "images", truth=tmp_path / "truth")
        assert (cohort.case("a").label, cohort.case("a").truth) == (None, tmp_path / "truth/a.mha")
        assert [item.index for item in cohort.classes] == [1, 2]


class TestForeignValues:
    def test_unlabeled_value_becomes_255_in_a_copy(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz b.nii.gz")
        label = blocks()
        label[4:] = 4
        write(tmp_path / "labels" / "a.nii.gz", label)
        write(tmp_path / "labels" / "b.nii.gz", blocks())
        before = files_under(tmp_path / "labels")
        cohort = from_folders(
            tmp_path / "images",
            tmp_path / "labels",
            two_classes(),
            unlabeled_value=4,
            out_path=tmp_path / "out" / "mine.json",
        )
        assert cohort.case("a").label == tmp_path / "out" / "mine_labels" / "a.nii.gz"
        assert cohort.case("b").label == tmp_path / "labels" / "b.nii.gz"
        copied, _ = read_label(cohort.case("a").label)
        assert np.array_equal(copied, np.where(label == 4, 255, label))
        assert files_under(tmp_path / "labels") == before
        assert check_cohort(cohort) == []

    def test_class_values_become_consecutive(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        foreign = np.array([0, 205, 420], np.int16)[blocks()]
        write(tmp_path / "labels" / "a.nii.gz", foreign)
        cohort = from_folders(
            tmp_path / "images",
            tmp_path / "labels",
            parse_classes("205=muscle,420=atrium"),
            out_path=tmp_path / "c.json",
        )
        assert cohort.classes == [SegmentClass(1, "muscle"), SegmentClass(2, "atrium")]
        assert np.array_equal(read_label(cohort.case("a").label)[0], blocks())

    def test_mask_of_0_and_255(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        write(tmp_path / "labels" / "a.nii.gz", (blocks() > 0).astype(np.uint8) * 255)
        cohort = from_folders(
            tmp_path / "images",
            tmp_path / "labels",
            parse_classes("255=cell"),
            out_path=tmp_path / "c.json",
        )
        assert np.array_equal(read_label(cohort.case("a").label)[0], blocks() > 0)

    def test_values_nobody_named_do_not_merge_silently(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        put(tmp_path / "labels", "a.nii.gz", label=True)
        given = (tmp_path / "images", tmp_path / "labels", parse_classes("2=right"))
        cohort = from_folders(*given, out_path=tmp_path / "c.json")
        assert [(p.severity, p.code) for p in cohort.problems] == [("error", "label_values")]
        dropped = from_folders(*given, remapped={1: 0}, out_path=tmp_path / "c.json")
        assert np.array_equal(read_label(dropped.case("a").label)[0], blocks() == 2)

    def test_place_for_copies_is_asked_for(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        put(tmp_path / "labels", "a.nii.gz", label=True)
        with pytest.raises(ValueError, match=r"2 to 1, 1 to 255.*give out_path"):
            from_folders(
                tmp_path / "images", tmp_path / "labels", parse_classes("2=x"), unlabeled_value=1
            )

    def test_value_cannot_be_class_and_unlabeled(self, tmp_path):
        put(tmp_path / "images", "a.nii.gz")
        with pytest.raises(ValueError, match="both as a class and as the unlabeled"):
            from_folders(tmp_path / "images", classes=two_classes(), unlabeled_value=2)


class TestDatalist:
    def datalist(self, tmp_path: Path, **changes) -> Path:
        put(tmp_path / "imagesTr", "a.nii.gz b.nii.gz c.nii.gz")
        put(tmp_path / "imagesTs", "d.nii.gz")
        put(tmp_path / "labelsTr", "a.nii.gz b.nii.gz", label=True)
        document = {
            "name": "Hearts",
            "labels": {"0": "background", "1": "left", "2": "right"},
            "training": [
                {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz", "fold": 0},
                {"image": ["imagesTr/b.nii.gz"], "label": "labelsTr/b.nii.gz", "fold": 1},
                {"image": "imagesTr/c.nii.gz"},
            ],
            "test": ["./imagesTs/d.nii.gz"],
        }
        path = tmp_path / "datalist.json"
        path.write_text(json.dumps({**document, **changes}), encoding="utf-8")
        return path

    def test_decathlon(self, tmp_path):
        cohort = from_datalist(self.datalist(tmp_path))
        assert cohort.classes == two_classes()
        assert [(case.id, case.role) for case in cohort.cases] == [
            ("a", "train"),
            ("b", "train"),
            ("c", "train"),
            ("d", "test"),
        ]
        assert cohort.case("a").label == tmp_path / "labelsTr" / "a.nii.gz"
        assert [problem.code for problem in check_cohort(cohort)] == ["no_reference"]

    def test_fold_is_validation(self, tmp_path):
        cohort = from_datalist(self.datalist(tmp_path), fold=1)
        assert [case.id for case in cohort.by_role("validation")] == ["b"]

    def test_equal_file_names_get_their_folders(self, tmp_path):
        put(tmp_path, "s1/t1.nii.gz s2/t1.nii.gz")
        entries = [{"image": "s1/t1.nii.gz"}, {"image": "s2/t1.nii.gz"}]
        path = self.datalist(tmp_path, training=entries)
        assert [case.id for case in from_datalist(path).by_role("train")] == ["s1_t1", "s2_t1"]

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"training": [{"label": "x"}]}, '"training" entry 1: "image"'),
            ({"training": {"a": 1}}, "should be a list"),
            ({"training": [{"image": "a", "label": ["b", "c"]}]}, "several are not supported"),
            ({"labels": {"1": "left", "x": [1, 2]}}, "region"),
        ],
    )
    def test_bad_datalist(self, tmp_path, changes, says):
        with pytest.raises(CohortFileError) as caught:
            from_datalist(self.datalist(tmp_path, **changes))
        assert says in str(caught.value)

    def test_other_json(self, tmp_path):
        (tmp_path / "x.json").write_text("{}", encoding="utf-8")
        with pytest.raises(CohortFileError, match="not a MONAI or Decathlon datalist"):
            read_any(tmp_path / "x.json")


class TestNnunet:
    def folder(self, tmp_path: Path) -> Path:
        for case in ("p1", "p2", "p3"):
            put(tmp_path / "imagesTr", f"{case}_0000.nii.gz {case}_0001.nii.gz")
        put(tmp_path / "imagesTs", "t1_0000.nii.gz t1_0001.nii.gz")
        strokes = np.full((6, 7, 8), 3, np.uint8)
        strokes[2, 2:4, 2:6] = [1, 1, 2, 0]
        write(tmp_path / "labelsTr" / "p1.nii.gz", blocks())
        write(tmp_path / "labelsTr" / "p2.nii.gz", strokes)
        document = {
            "channel_names": {"0": "T1", "1": "T2"},
            "labels": {"background": 0, "left": 1, "right": 2, "ignore": 3},
            "numTraining": 3,
            "file_ending": ".nii.gz",
        }
        (tmp_path / "dataset.json").write_text(json.dumps(document), encoding="utf-8")
        return tmp_path

    def test_ignore_becomes_unlabeled(self, tmp_path):
        folder = self.folder(tmp_path / "raw")
        before = files_under(folder)
        cohort = from_nnunet(folder / "dataset.json", out_path=tmp_path / "c.json")
        assert cohort.classes == two_classes()
        kinds = {case.id: cohort.annotation_kind(case) for case in cohort.cases}
        assert kinds == {
            "p1": "labeled",
            "p2": "scribbled",
            "p3": "unlabeled",
            "t1": "unlabeled",
        }
        assert [len(case.images) for case in cohort.cases] == [2, 2, 2, 2]
        assert cohort.case("t1").role == "test"
        strokes, _ = read_label(cohort.case("p2").label)
        assert sorted(np.unique(strokes)) == [0, 1, 2, 255]
        assert files_under(folder) == before

    def test_missing_channel_is_reported(self, tmp_path):
        folder = self.folder(tmp_path)
        (folder / "imagesTr" / "p1_0001.nii.gz").unlink()
        cohort = from_nnunet(folder, out_path=tmp_path / "c.json")
        assert [(p.code, p.case) for p in cohort.problems] == [("channels", "p1")]

    def test_not_nnunet_and_no_images(self, tmp_path):
        (tmp_path / "dataset.json").write_text('{"labels": {}}', encoding="utf-8")
        with pytest.raises(CohortFileError, match="not an nnU-Net"):
            from_nnunet(tmp_path)
        (tmp_path / "dataset.json").write_text(
            '{"channel_names": {"0": "x"}, "file_ending": ".x"}', encoding="utf-8"
        )
        with pytest.raises(CohortFileError, match=r"holds no file named <case>_0000\.x"):
            from_nnunet(tmp_path)


class TestAny:
    def test_each_form_is_recognised(self, tmp_path):
        own = cohort_on_disk(tmp_path / "own")
        own.save(tmp_path / "own" / "cohort.json")
        assert read_any(tmp_path / "own") == own
        assert read_any(tmp_path / "own" / "cohort.json") == own
        (tmp_path / "own" / "cohort.json").unlink()
        assert [case.label for case in read_any(tmp_path / "own").cases] == [
            case.label for case in own.cases
        ]
        raw = TestNnunet().folder(tmp_path / "raw")
        assert len(read_any(raw, out_path=tmp_path / "c.json").cases) == 4
        datalist = TestDatalist().datalist(tmp_path / "list")
        assert len(read_any(datalist).cases) == 4
