"""Folders of predictions against folders of truth: pairing, grids, means, files."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort.case import SegmentClass
from SemiWeakSegLib.learning.evaluate import (
    EvaluationError,
    evaluate_cases,
    evaluate_folder,
    summarise,
    write_metrics,
)

SPACING_XYZ = (0.8, 0.8, 4.0)


def save(
    path: Path,
    array: np.ndarray,
    spacing: tuple[float, ...] | None = SPACING_XYZ,
    origin: tuple[float, ...] | None = None,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    if spacing is not None:
        image.SetSpacing(spacing)
    if origin is not None:
        image.SetOrigin(origin)
    sitk.WriteImage(image, str(path))
    return path


def volume(*blocks: tuple[int, int, int]) -> np.ndarray:
    """(8, 20, 20) label map; a block is (class, first column, columns), 4 x 10 voxels across."""
    array = np.zeros((8, 20, 20), np.uint8)
    for index, start, width in blocks:
        array[2:6, 5:15, start : start + width] = index
    return array


@pytest.fixture
def folders(tmp_path):
    """Three cases: overlap 0.8 and 1.0 in two classes, a false alarm, and one missed class."""
    truth, predictions = tmp_path / "truth", tmp_path / "predictions"
    save(truth / "a.nii.gz", volume((1, 2, 5), (2, 10, 5)))
    save(predictions / "a.nii.gz", volume((1, 3, 5), (2, 10, 5)))
    save(truth / "b.nrrd", volume((1, 2, 4)))
    save(predictions / "b.nii.gz", volume((1, 2, 4), (2, 10, 2)))
    save(truth / "c.mha", volume((1, 2, 4), (2, 10, 4)))
    save(predictions / "c.nii.gz", volume((1, 2, 4)))
    return predictions, truth


class TestMeans:
    def test_mean_over_cases_of_the_mean_over_classes(self, folders):
        result = evaluate_folder(*folders)
        by_case = {case["case"]: case["mean_dice"] for case in result["cases"]}
        assert by_case == pytest.approx({"a": 0.9, "b": 0.5, "c": 0.5})
        assert result["mean_dice"] == pytest.approx(1.9 / 3)

    def test_per_class_counts(self, folders):
        result = evaluate_folder(*folders)
        one, two = result["per_class"]["1"], result["per_class"]["2"]
        assert one["dice"] == pytest.approx(2.8 / 3)
        assert one["dice_std"] == pytest.approx(np.std([0.8, 1, 1], ddof=1))
        assert (one["n"], one["missed"], one["false_alarm"]) == (3, 0, 0)
        assert two["dice"] == pytest.approx(1 / 3)
        assert (two["n"], two["n_distances"]) == (3, 1)
        assert (two["missed"], two["false_alarm"]) == (1, 1)

    def test_distances_in_millimetres(self, folders):
        entry = evaluate_folder(*folders)["cases"][0]["per_class"]["1"]
        assert entry["hd95"] == pytest.approx(0.8)

    def test_signed_volume_difference(self, folders):
        result = evaluate_folder(*folders)
        missed = result["cases"][2]["per_class"]["2"]
        volume_ml = 4 * 10 * 4 * math.prod(SPACING_XYZ) / 1000
        assert missed["volume_difference"] == pytest.approx(-volume_ml)
        assert missed["volume_difference_percent"] == pytest.approx(-100)
        assert result["volume_unit"] == "mL"
        assert result["distance_unit"] == "mm"

    def test_absent_class_is_null_and_not_counted(self, folders):
        result = evaluate_folder(*folders, classes={1: "cavity", 2: "wall", 3: "other"})
        assert result["cases"][0]["per_class"]["other"] is None
        assert result["per_class"]["other"]["n"] == 0
        assert result["per_class"]["other"]["dice"] is None
        assert result["mean_dice"] == pytest.approx(1.9 / 3)

    def test_a_class_not_looked_at_is_not_counted(self, folders):
        result = evaluate_folder(*folders, looked_at={"b": (1,), "c": ()})
        assert [case["mean_dice"] for case in result["cases"]] == pytest.approx([0.9, 1, None])
        assert result["per_class"]["2"]["n"] == 1
        named = evaluate_folder(*folders, classes={1: "cavity", 2: "wall"}, looked_at={"b": (1,)})
        assert named["cases"][1]["per_class"]["wall"] is None

    def test_names_from_segment_classes(self, folders):
        classes = [SegmentClass(1, "cavity"), SegmentClass(2, "wall")]
        assert list(evaluate_folder(*folders, classes)["per_class"]) == ["cavity", "wall"]

    def test_only_the_classes_asked_for(self, folders):
        result = evaluate_folder(*folders, classes={1: "cavity"})
        assert result["mean_dice"] == pytest.approx(2.8 / 3)

    def test_summary_of_some_cases(self, folders):
        cases = evaluate_folder(*folders)["cases"]
        assert summarise(cases[1:])["mean_dice"] == pytest.approx(0.5)
        assert summarise([])["mean_dice"] is None

    def test_unlabeled_truth_takes_no_part(self, tmp_path):
        truth = volume((1, 2, 5))
        truth[:, :, 10:] = 255
        save(tmp_path / "t/a.nii.gz", truth)
        save(tmp_path / "p/a.nii.gz", volume((1, 2, 5), (2, 12, 5)))
        result = evaluate_folder(tmp_path / "p", tmp_path / "t")
        assert result["mean_dice"] == 1.0
        assert result["cases"][0]["per_class"]["2"] is None


class TestPairing:
    def test_uncertainty_and_tables_are_passed_over(self, folders):
        predictions, truth = folders
        save(predictions / "a_uncertainty.nii.gz", np.zeros((8, 20, 20), np.float32))
        (predictions / "metrics.json").write_text("{}", encoding="utf-8")
        (predictions / ".b.123.part.nii.gz").write_bytes(b"half")
        assert evaluate_folder(predictions, truth)["without_truth"] == []

    def test_what_has_no_partner_is_listed(self, folders):
        predictions, truth = folders
        save(predictions / "extra.nii.gz", volume())
        save(truth / "later.nii.gz", volume())
        result = evaluate_folder(predictions, truth)
        assert result["without_truth"] == ["extra"]
        assert result["without_prediction"] == ["later"]
        assert [case["case"] for case in result["cases"]] == ["a", "b", "c"]

    def test_no_pair_at_all_names_both_sides(self, tmp_path):
        save(tmp_path / "p/one.nii.gz", volume())
        save(tmp_path / "t/two.nii.gz", volume())
        with pytest.raises(EvaluationError, match=r"one[\s\S]*two"):
            evaluate_folder(tmp_path / "p", tmp_path / "t")

    def test_missing_folder(self, tmp_path):
        with pytest.raises(EvaluationError, match="nowhere is not a folder"):
            evaluate_folder(tmp_path / "nowhere", tmp_path)

    def test_two_files_of_one_name(self, folders):
        predictions, truth = folders
        save(truth / "a.mha", volume())
        with pytest.raises(EvaluationError, match="both named a"):
            evaluate_folder(predictions, truth)

    def test_pictures_in_2d(self, tmp_path):
        truth, prediction = np.zeros((2, 30, 30), np.uint8)
        truth[5:15, 5:15] = 1
        prediction[5:15, 8:18] = 1
        save(tmp_path / "t/a.png", truth, None)
        save(tmp_path / "p/a.tif", prediction, None)
        result = evaluate_folder(tmp_path / "p", tmp_path / "t")
        assert result["mean_dice"] == pytest.approx(0.7)
        assert (result["distance_unit"], result["volume_unit"]) == ("px", "100 px")
        assert result["cases"][0]["per_class"]["1"]["truth_volume"] == pytest.approx(1.0)

    def test_millimetres_come_from_the_file_that_knows_them(self, tmp_path):
        truth, prediction = np.zeros((2, 30, 30), np.uint8)
        truth[5:15, 5:15] = prediction[5:15, 7:17] = 1
        save(tmp_path / "t/a.png", truth, None)
        save(tmp_path / "p/a.nii.gz", prediction, (0.5, 0.5))
        result = evaluate_folder(tmp_path / "p", tmp_path / "t")
        assert result["cases"][0]["per_class"]["1"]["hd95"] == pytest.approx(1.0)
        assert result["distance_unit"] == "mm"


class TestGrids:
    def test_other_size_is_refused_with_numbers(self, folders):
        predictions, truth = folders
        save(predictions / "a.nii.gz", np.zeros((8, 20, 24), np.uint8))
        with pytest.raises(EvaluationError, match=r"case a.*24 x 20 x 8.*20 x 20 x 8"):
            evaluate_folder(predictions, truth)

    def test_other_spacing_is_refused_with_numbers(self, folders):
        predictions, truth = folders
        save(predictions / "b.nii.gz", volume(), (0.8, 0.8, 5.0))
        with pytest.raises(EvaluationError, match=r"case b.*5 mm against .*4 mm"):
            evaluate_folder(predictions, truth)

    def test_other_origin_is_refused(self, folders):
        predictions, truth = folders
        save(predictions / "b.nii.gz", volume(), origin=(3.0, 0.0, 0.0))
        with pytest.raises(EvaluationError, match="3 mm away"):
            evaluate_folder(predictions, truth)

    def test_volumes_and_pictures_do_not_mix(self, tmp_path):
        flat = save(tmp_path / "flat.png", np.ones((9, 9), np.uint8), None)
        deep = save(tmp_path / "deep.nii.gz", volume((1, 2, 4)))
        with pytest.raises(EvaluationError, match="2-D and 3-D"):
            evaluate_cases([("a", flat, flat), ("b", deep, deep)])

    def test_nothing_to_evaluate(self):
        with pytest.raises(EvaluationError, match="no case"):
            evaluate_cases([])


class TestFiles:
    def test_csv_and_json_agree(self, folders, tmp_path):
        result = evaluate_folder(*folders)
        csv_path, json_path = write_metrics(result, tmp_path / "out")
        assert json.loads(json_path.read_text(encoding="utf-8")) == result
        rows = list(csv.DictReader(csv_path.read_text(encoding="utf-8").splitlines()))
        assert len(rows) == 3 * 2
        first = rows[0]
        entry = result["cases"][0]["per_class"]["1"]
        assert (first["case"], first["class"]) == ("a", "1")
        assert float(first["dice"]) == entry["dice"]
        assert float(first["hd95"]) == entry["hd95"]
        assert rows[5]["hd95"] == "" and rows[5]["missed"] == "True"

    def test_replaces_and_leaves_nothing_else(self, folders, tmp_path):
        result = evaluate_folder(*folders)
        for _ in range(2):
            write_metrics(result, tmp_path / "out")
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
            "metrics.csv",
            "metrics.json",
        ]
