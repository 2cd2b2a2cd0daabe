"""Results of a run: listed, shown, judged, taken over as annotations, exported, trained on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from SemiWeakSegLib.cohort import (
    Case,
    Cohort,
    Geometry,
    SegmentClass,
    read_geometry,
    read_image,
    read_label,
    write_label,
    write_scalar,
)
from SemiWeakSegLib.runs import RunFolder, RunRequest
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.result_rows import ResultRow, listResults, nextByUncertainty
from SemiWeakSegLib.scene.reviews import Reviews
from SemiWeakSegLib.scene.run_commands import newImagesFolder
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.training import TrainingRequest, prepareRun, startRun
from SemiWeakSegLib.scene.watching import RunWatcher
from Testing.learning.tiny import make_cohort

CLASSES = [SegmentClass(1, "liver", (0.8, 0.2, 0.2)), SegmentClass(2, "tumor", (0.1, 0.9, 0.1))]
TURN = (0.8, 0.0, 0.6, 0.6, 0.0, -0.8, 0.0, 1.0, 0.0)
GRID = Geometry((6, 5, 4), (0.5, 1.5, 3.0), (10.0, -20.0, 30.0), TURN)
FLAT = Geometry((6, 5), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))


def predicted(seed: int, geometry: Geometry = GRID) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, geometry.array_shape).astype(np.uint8)


def addPrediction(folder: Path, name: str, geometry: Geometry, seed: int, score: float) -> dict:
    suffix = ".nii.gz" if geometry.dimension == 3 else ".png"
    write_label(folder / f"{name}{suffix}", predicted(seed, geometry), geometry)
    uncertain = np.random.default_rng(seed).random(geometry.array_shape, np.float32)
    write_scalar(folder / f"{name}_uncertainty.nii.gz", uncertain, geometry)
    return {
        **{"case": name, "file": f"{name}{suffix}", "uncertainty": score},
        "uncertainty_file": f"{name}_uncertainty.nii.gz",
    }


def writeJson(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study.create(tmp_path / "study", CLASSES)
    cases = []
    for number, name in enumerate("abc"):
        path = tmp_path / f"{name}.nii.gz"
        values = np.random.default_rng(number).normal(size=GRID.array_shape)
        write_scalar(path, values.astype(np.float32), GRID)
        cases.append(Case(name, (path,)))
    picture = tmp_path / "p.png"
    write_label(picture, predicted(9, FLAT) * 80, FLAT)
    made.addCases([*cases, Case("p", (picture,))])
    return made


@pytest.fixture
def run(study: Study) -> RunFolder:
    """A run that has predicted the cases, b the most uncertain."""
    path = study.newRunFolder("supervised")
    path.mkdir(parents=True)
    replace(study.cohort).save(path / "cohort.json")
    made = RunFolder.create(path, RunRequest(method="supervised"))
    scores = {"a": 0.2, "b": 0.6, "c": 0.4}
    rows = [
        addPrediction(made.predictions, name, GRID, seed, scores[name])
        for seed, name in enumerate("abc")
    ]
    rows.append(addPrediction(made.predictions, "p", FLAT, 7, 0.1))
    writeJson(made.predictions / "predictions.json", rows)
    entry = {"dice": 0.75, "hd95": None, "assd": 1.5, "volume_difference": -0.25}
    measured = {"case": "a", "mean_dice": 0.75, "per_class": {"liver": entry, "tumor": None}}
    metrics = {"mean_dice": 0.75, "mean_hd95": None, "mean_assd": 1.5, "cases": [measured]}
    metrics |= {"per_class": {"liver": entry}, "distance_unit": "mm", "volume_unit": "mL"}
    writeJson(made.predictions / "metrics.json", metrics)
    return made


def row(run: RunFolder, name: str) -> ResultRow:
    return next(each for each in listResults(run) if each.caseId == name)


class TestList:
    def test_the_most_uncertain_comes_first_with_what_is_known(self, run):
        rows = listResults(run)
        assert [each.caseId for each in rows] == ["b", "c", "a", "p"]
        assert rows[2].meanDice == 0.75
        assert rows[2].perClass == {"liver": 0.75, "tumor": None}
        assert (rows[0].meanDice, rows[0].perClass, rows[0].review) == (None, None, "")
        assert rows[0].labelFile.is_file()
        assert rows[0].uncertaintyFile.is_file()

    @pytest.mark.parametrize("content", [None, b"", b"[{", b"{}", b"\xff", b'[1, {"case": "a"}]'])
    def test_what_is_not_yet_written_is_left_out(self, run, content):
        (run.predictions / "predictions.json").unlink()
        if content is not None:
            (run.predictions / "predictions.json").write_bytes(content)
        assert listResults(run) == []

    def test_damaged_metrics_leave_the_list(self, run):
        (run.predictions / "metrics.json").write_text('{"cases": [3, {}]}', encoding="utf-8")
        assert row(run, "a").meanDice is None

    def test_figures_of_a_prediction_that_was_replaced_are_not_shown(self, run):
        later = time.time() + 60
        os.utime(run.predictions / "a.nii.gz", (later, later))
        assert row(run, "a").meanDice is None

    def test_new_images_are_listed_apart_with_their_files(self, run, tmp_path):
        images = tmp_path / "fresh"
        write_scalar(images / "a.nii.gz", np.zeros(GRID.array_shape, np.float32), GRID)
        folder = newImagesFolder(run, images)
        writeJson(folder / "predictions.json", [addPrediction(folder, "a", GRID, 5, 0.9)])
        [found] = listResults(run, folder)
        assert found.image == images / "a.nii.gz"
        assert len(listResults(run)) == 4

    def test_next_goes_from_what_needs_a_person_to_what_does_not(self, study, run):
        label = study.newAnnotationPath(study.case("b"))
        write_label(label, predicted(0), GRID)
        study.setLabel("b", label)
        rows = listResults(run)
        states = {"c": "rejected", "a": "", "p": "accepted"}
        for each in rows:
            each.review = states.get(each.caseId, "")
        order, current = [], None
        while (current := nextByUncertainty(rows, study, current)) is not None:
            order.append(current)
        assert order == ["c", "a", "b", "p"]

    def test_held_out_cases_come_after_those_that_teach(self, study, run):
        study.setRole(["b", "c"], "test")
        assert nextByUncertainty(listResults(run), study) == "a"
        assert nextByUncertainty(listResults(run), study, "p") == "b"

    def test_cases_that_left_the_cohort_are_passed(self, study, run):
        study.removeCases(["b"])
        assert nextByUncertainty(listResults(run), study) == "c"


class TestReviews:
    def test_a_review_is_kept_until_the_prediction_is_another(self, run):
        file = run.predictions / "a.nii.gz"
        Reviews(run).set("a", "accepted", file)
        assert row(run, "a").review == "accepted"
        os.utime(file, (1, 1))
        assert row(run, "a").review == "accepted"
        write_label(file, predicted(77), GRID)
        assert row(run, "a").review == ""

    def test_predictions_of_a_copied_run_are_read_once_not_with_each_list(self, run, monkeypatch):
        Reviews(run).set("a", "accepted", run.predictions / "a.nii.gz")
        os.utime(run.predictions / "a.nii.gz", (1, 1))
        assert row(run, "a").review == "accepted"
        monkeypatch.setattr(Path, "read_bytes", None)
        assert row(run, "a").review == "accepted"

    def test_two_programs_do_not_lose_each_others(self, run):
        mine, theirs = Reviews(run), Reviews(run)
        mine.set("a", "accepted", None)
        theirs.set("b", "rejected", None)
        content = json.loads((run.path / "reviews.json").read_text(encoding="utf-8"))
        assert sorted(content) == ["a", "b"]

    def test_nothing_takes_a_review_back(self, run):
        Reviews(run).set("a", "accepted", None)
        Reviews(run).set("a", "", None)
        assert row(run, "a").review == ""

    def test_an_unknown_state_is_refused(self, run):
        with pytest.raises(SceneError, match="fine"):
            Reviews(run).set("a", "fine", None)

    def test_a_damaged_file_is_named_not_overwritten(self, run):
        (run.path / "reviews.json").write_text("{", encoding="utf-8")
        with pytest.raises(SceneError, match=r"reviews\.json"):
            listResults(run)


@pytest.fixture
def results(slicerScene):
    """The module under test; it needs the scene when it is imported."""
    from SemiWeakSegLib.scene import results

    return results


def arrayOf(study: Study, node, name: str) -> np.ndarray:
    from SemiWeakSegLib.scene.segments import labelOfSegmentation
    from SemiWeakSegLib.scene.volumes import volumeOfCase

    volume = volumeOfCase(study.case(name))
    return labelOfSegmentation(node, volume, study.classes, dense=True).array


def edit(study: Study, node, name: str) -> np.ndarray:
    """Draw one more voxel, as in the Segment Editor; returns the label map there is then."""
    import slicer

    from SemiWeakSegLib.scene.segments import segmentIdOfClass
    from SemiWeakSegLib.scene.volumes import volumeOfCase

    volume = volumeOfCase(study.case(name))
    segmentId = segmentIdOfClass(node, 2)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segmentId, volume).copy()
    where = tuple(np.argwhere(arrayOf(study, node, name) == 0)[0])
    mask[where] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segmentId, volume)
    return arrayOf(study, node, name)


def numberOf(scene, className: str) -> int:
    return scene.GetNumberOfNodesByClass(className)


class TestLoading:
    def test_the_node_has_voxels_names_colours_and_place(self, results, study, run):
        import slicer

        node = results.loadResult(study, run, row(run, "a"))
        assert node.GetName() == "a prediction"
        assert np.array_equal(arrayOf(study, node, "a"), predicted(0))
        segmentation = node.GetSegmentation()
        segments = [segmentation.GetNthSegment(index) for index in range(2)]
        assert [each.GetName() for each in segments] == ["liver", "tumor"]
        assert segments[1].GetColor() == pytest.approx((0.1, 0.9, 0.1))
        assert node.GetAttribute("SemiWeakSeg.Case") == "a"
        assert node.GetAttribute("SemiWeakSeg.Run") == str(run.path)
        assert node.GetAttribute("SemiWeakSeg.Prediction") == "1"
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        volume = slicer.util.getNode("a")
        parents = {
            hierarchy.GetItemParent(hierarchy.GetItemByDataNode(each)) for each in (node, volume)
        }
        assert len(parents) == 1

    def test_under_a_parent_transform_it_lies_where_the_image_lies(self, results, study, run):
        import slicer
        import vtk

        from SemiWeakSegLib.scene.volumes import loadCase

        volume = loadCase(study.case("a"), study.path)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy((0, -1, 0, 5, 1, 0, 0, 7, 0, 0, 1, -3, 0, 0, 0, 1))
        transform.SetMatrixTransformToParent(matrix)
        volume.SetAndObserveTransformNodeID(transform.GetID())
        node = results.loadResult(study, run, row(run, "a"), uncertainty=True)
        assert np.array_equal(arrayOf(study, node, "a"), predicted(0))
        assert node.GetTransformNodeID() == transform.GetID()
        overlay = slicer.util.getNode("a uncertainty")
        assert overlay.GetTransformNodeID() == transform.GetID()

    @pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd"])
    def test_uncertainty_lies_in_place_in_a_left_handed_image(self, results, study, run, suffix):
        """Slicer turns the slices of such files round when it loads them."""
        import slicer
        import vtk

        mirrored = np.reshape(TURN, (3, 3)) * (1, 1, -1)
        grid = replace(GRID, direction=tuple(float(each) for each in mirrored.ravel()))
        path = study.folder.parent / f"left{suffix}"
        write_scalar(path, np.random.default_rng(5).normal(size=grid.array_shape), grid)
        study.addCases([Case("left", (path,))])
        entry = addPrediction(run.predictions, "left", grid, 8, 0.3)
        writeJson(run.predictions / "predictions.json", [entry])
        cohort = Cohort.load(run.cohort_path)
        replace(cohort, cases=list(study.cohort.cases)).save(run.cohort_path)
        node = results.loadUncertainty(study, run, row(run, "left"))
        values, _ = read_image(run.predictions / "left_uncertainty.nii.gz")
        shown = slicer.util.arrayFromVolume(node)
        toIjk = vtk.vtkMatrix4x4()
        node.GetRASToIJKMatrix(toIjk)
        matrix = slicer.util.arrayFromVTKMatrix(toIjk)
        for k, j, i in ((0, 0, 0), (3, 1, 2), (1, 4, 5)):
            x, y, z = grid.to_physical(np.array([i, j, k]))
            column, line, plane = np.rint(matrix @ (-x, -y, z, 1)).astype(int)[:3]
            assert shown[plane, line, column] == pytest.approx(values[0, k, j, i], abs=1e-6)

    def test_a_picture_is_one_slice(self, results, study, run):
        node = results.loadResult(study, run, row(run, "p"))
        assert np.array_equal(arrayOf(study, node, "p")[0], predicted(7, FLAT))

    def test_loading_again_replaces_the_unedited_one(self, results, study, run, slicerScene):
        for _ in range(3):
            results.loadResult(study, run, row(run, "a"), uncertainty=True)
        assert numberOf(slicerScene, "vtkMRMLSegmentationNode") == 1
        assert numberOf(slicerScene, "vtkMRMLScalarVolumeNode") == 2

    def test_an_edited_one_stays_beside_the_new_one(self, results, study, run):
        first = results.loadResult(study, run, row(run, "a"))
        edited = edit(study, first, "a")
        second = results.loadResult(study, run, row(run, "a"))
        assert first.GetScene() is not None
        assert np.array_equal(arrayOf(study, first, "a"), edited)
        assert np.array_equal(arrayOf(study, second, "a"), predicted(0))

    def test_the_uncertainty_is_an_overlay_on_the_grid(self, results, study, run):
        import slicer

        node = results.loadUncertainty(study, run, row(run, "a"))
        expected = np.random.default_rng(0).random(GRID.array_shape, np.float32)
        assert np.allclose(slicer.util.arrayFromVolume(node), expected)
        display = node.GetDisplayNode()
        assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0.0, 1.0)
        assert display.GetApplyThreshold()
        from SemiWeakSegLib.scene.grids import gridOfVolume

        assert GRID.describe_difference(gridOfVolume(node)) is None

    def test_views_show_and_hide_the_overlay(self, results, study, run, slicerScene):
        composite = slicerScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
        node = results.loadUncertainty(study, run, row(run, "a"))
        assert composite.GetForegroundVolumeID() == node.GetID()
        results.hideUncertainty()
        assert composite.GetForegroundVolumeID() is None

    def test_a_new_image_can_be_shown(self, results, study, run, tmp_path):
        images = tmp_path / "fresh"
        write_scalar(images / "n.nii.gz", np.zeros(GRID.array_shape, np.float32), GRID)
        folder = newImagesFolder(run, images)
        writeJson(folder / "predictions.json", [addPrediction(folder, "n", GRID, 5, 0.9)])
        [found] = listResults(run, folder)
        node = results.loadResult(study, run, found)
        assert node.GetAttribute("SemiWeakSeg.Case") == "n"
        with pytest.raises(SceneError, match="add its image to the cohort"):
            results.accept(study, run, found)

    def test_an_image_that_was_replaced_is_said(self, results, study, run, slicerScene):
        other = replace(GRID, size=(7, 5, 4))
        write_scalar(study.case("a").images[0], np.zeros(other.array_shape, np.float32), other)
        with pytest.raises(SceneError, match="not on the grid of the image"):
            results.loadResult(study, run, row(run, "a"))
        assert numberOf(slicerScene, "vtkMRMLSegmentationNode") == 0

    def test_a_prediction_file_that_is_gone_is_said(self, results, study, run):
        found = row(run, "a")
        found.labelFile.unlink()
        with pytest.raises(SceneError, match=r"Case a.*no such file"):
            results.loadResult(study, run, found)

    def test_classes_that_moved_since_are_followed_by_name(self, results, study, run):
        study.setClasses([SegmentClass(1, "tumor"), SegmentClass(2, "liver")])
        node = results.loadResult(study, run, row(run, "a"))
        swapped = np.array([0, 2, 1], np.uint8)[predicted(0)]
        assert np.array_equal(arrayOf(study, node, "a"), swapped)

    def test_a_renamed_class_is_still_the_same(self, results, study, run):
        study.setClasses([CLASSES[0], SegmentClass(2, "lesion")])
        node = results.loadResult(study, run, row(run, "a"))
        assert node.GetSegmentation().GetNthSegment(1).GetName() == "lesion"
        assert np.array_equal(arrayOf(study, node, "a"), predicted(0))

    def test_a_class_that_is_gone_is_said(self, results, study, run):
        study.setClasses([SegmentClass(1, "liver")])
        with pytest.raises(SceneError, match="'tumor', which the cohort has no more"):
            results.loadResult(study, run, row(run, "a"))


class TestAccepting:
    def test_without_a_node_the_file_becomes_the_label(self, results, study, run):
        found = row(run, "a")
        assert results.accept(study, run, found) == "accepted"
        label = study.case("a").label
        assert label.parent == study.folder / "annotations"
        assert np.array_equal(read_label(label)[0], predicted(0))
        assert GRID.describe_difference(read_geometry(label)) is None
        assert row(run, "a").review == "accepted"
        assert study.cohort.annotation_kind(study.case("a")) == "labeled"

    def test_an_unedited_node_is_accepted_an_edited_one_corrected(self, results, study, run):
        results.loadResult(study, run, row(run, "a"))
        assert results.accept(study, run, row(run, "a")) == "accepted"
        node = results.loadResult(study, run, row(run, "b"))
        edited = edit(study, node, "b")
        assert results.accept(study, run, row(run, "b")) == "corrected"
        assert np.array_equal(read_label(study.case("b").label)[0], edited)
        assert row(run, "b").review == "corrected"

    def test_a_picture_gets_a_picture(self, results, study, run):
        results.loadResult(study, run, row(run, "p"))
        results.accept(study, run, row(run, "p"))
        label = study.case("p").label
        assert label.suffix == ".png"
        assert np.array_equal(read_label(label)[0], predicted(7, FLAT))

    def test_undo_brings_back_label_and_review_and_redo_too(self, results, study, run):
        mine = study.newAnnotationPath(study.case("a"))
        write_label(mine, np.full(GRID.array_shape, 255, np.uint8), GRID)
        study.setLabel("a", mine)
        results.accept(study, run, row(run, "a"))
        accepted = study.case("a").label
        study.undo()
        assert study.case("a").label == mine
        assert mine.exists()
        assert row(run, "a").review == ""
        study.redo()
        assert study.case("a").label == accepted
        assert row(run, "a").review == "accepted"

    def test_role_and_other_annotations_stay(self, results, study, run):
        study.setRole(["a"], "validation")
        study.setTags("a", [1], [])
        results.accept(study, run, row(run, "a"))
        assert study.case("a").role == "validation"
        assert study.case("a").present == (1,)

    def test_a_class_that_the_run_did_not_know_was_not_looked_for(self, results, study, run):
        study.setClasses([*CLASSES, SegmentClass(3, "vessel")])
        results.accept(study, run, row(run, "a"))
        assert study.case("a").looked_at == (1, 2)

    def test_a_class_that_was_renamed_since_was_looked_for(self, results, study, run):
        renamed = [CLASSES[0], SegmentClass(2, "lesion")]
        study.setClasses([*renamed, SegmentClass(3, "vessel")])
        results.accept(study, run, row(run, "a"))
        assert study.case("a").looked_at == (1, 2)

    def test_a_new_prediction_is_accepted_while_the_old_one_is_loaded(self, results, study, run):
        results.loadResult(study, run, row(run, "a"))
        write_label(row(run, "a").labelFile, predicted(5), GRID)
        assert results.accept(study, run, row(run, "a")) == "accepted"
        assert np.array_equal(read_label(study.case("a").label)[0], predicted(5))

    def test_a_correction_of_the_old_prediction_is_what_a_person_drew(self, results, study, run):
        edited = edit(study, results.loadResult(study, run, row(run, "a")), "a")
        write_label(row(run, "a").labelFile, predicted(5), GRID)
        assert results.accept(study, run, row(run, "a")) == "corrected"
        assert np.array_equal(read_label(study.case("a").label)[0], edited)

    def test_several_are_one_step(self, results, study, run):
        reviews = results.acceptAll(study, run, listResults(run))
        assert set(reviews.values()) == {"accepted"}
        study.undo()
        assert all(case.label is None for case in study.cohort.cases)
        assert all(each.review == "" for each in listResults(run))

    def test_several_of_which_one_fails_change_nothing(self, results, study, run):
        rows = listResults(run)
        rows[-2].labelFile.unlink()
        with pytest.raises(SceneError, match="Case a"):
            results.acceptAll(study, run, rows)
        assert all(case.label is None for case in study.cohort.cases)
        assert all(each.review == "" for each in listResults(run))

    def test_another_cases_segmentation_is_refused(self, results, study, run):
        node = results.loadResult(study, run, row(run, "b"))
        with pytest.raises(SceneError, match="is of case b, not of a"):
            results.accept(study, run, row(run, "a"), node)

    def test_a_segment_of_no_class_is_refused(self, results, study, run):
        node = results.loadResult(study, run, row(run, "a"))
        node.GetSegmentation().AddEmptySegment("x", "mystery")
        with pytest.raises(SceneError, match="mystery"):
            results.accept(study, run, row(run, "a"))
        assert study.case("a").label is None

    def test_a_change_by_another_slicer_keeps_the_review_away(self, results, study, run):
        Study.open(study.folder).setRole(["b"], "test")
        with pytest.raises(SceneError, match="another program"):
            results.accept(study, run, row(run, "a"))
        assert row(run, "a").review == ""

    def test_rejecting_takes_the_unedited_node_away(self, results, study, run, slicerScene):
        results.loadResult(study, run, row(run, "a"))
        results.reject(study, run, row(run, "a"))
        assert row(run, "a").review == "rejected"
        assert study.case("a").label is None
        assert numberOf(slicerScene, "vtkMRMLSegmentationNode") == 0


class TestTable:
    def test_rows_are_cases_and_classes_with_means_at_the_end(self, results, run, slicerScene):
        for _ in range(2):
            node = results.metricsTable(run)
        assert numberOf(slicerScene, "vtkMRMLTableNode") == 1
        cells = [
            [node.GetCellText(index, column) for column in range(node.GetNumberOfColumns())]
            for index in range(node.GetNumberOfRows())
        ]
        assert cells[0][:6] == ["a", "liver", "0.750", "", "1.500", "-0.250"]
        assert cells[1][:3] == ["a", "tumor", ""]
        assert cells[-1][:3] == ["mean", "all classes", "0.750"]

    def test_without_metrics_there_is_none(self, results, run):
        (run.predictions / "metrics.json").unlink()
        assert results.metricsTable(run) is None


class TestExport:
    @pytest.mark.parametrize("format", ["nii.gz", "nrrd", "mha"])
    def test_label_maps_lie_on_the_image(self, results, study, run, tmp_path, format):
        paths = results.exportResults(study, run, listResults(run)[:3], tmp_path / "out", format)
        assert [path.name for path in paths] == [f"{name}.{format}" for name in "bca"]
        array, geometry = read_label(paths[2])
        assert np.array_equal(array, predicted(0))
        assert GRID.describe_difference(geometry) is None

    def test_what_was_not_loaded_leaves_no_nodes(self, results, study, run, tmp_path, slicerScene):
        before = slicerScene.GetNumberOfNodes()
        results.exportResults(study, run, listResults(run)[:2], tmp_path / "out", "seg.nrrd")
        assert numberOf(slicerScene, "vtkMRMLSegmentationNode") == 0
        assert numberOf(slicerScene, "vtkMRMLScalarVolumeNode") == 0
        folders = 4  # of the cohort in the subject hierarchy
        assert slicerScene.GetNumberOfNodes() <= before + folders

    def test_a_correction_goes_out_and_stays_loaded(self, results, study, run, tmp_path):
        node = results.loadResult(study, run, row(run, "a"))
        edited = edit(study, node, "a")
        [path] = results.exportResults(study, run, [row(run, "a")], tmp_path / "out", "nii.gz")
        assert np.array_equal(read_label(path)[0], edited)
        assert node.GetScene() is not None

    def test_files_that_are_there_are_not_overwritten(self, results, study, run, tmp_path):
        (tmp_path / "a.nii.gz").rename(tmp_path / "kept")
        (tmp_path / "a.nii.gz").write_text("mine", encoding="utf-8")
        with pytest.raises(SceneError, match=r"already holds .*a\.nii\.gz"):
            results.exportResults(study, run, listResults(run), tmp_path, "nii.gz")
        assert (tmp_path / "a.nii.gz").read_text(encoding="utf-8") == "mine"

    def test_a_new_prediction_goes_out_while_the_old_one_is_loaded(
        self, results, study, run, tmp_path
    ):
        results.loadResult(study, run, row(run, "a"))
        write_label(row(run, "a").labelFile, predicted(5), GRID)
        [path] = results.exportResults(study, run, [row(run, "a")], tmp_path / "out", "nii.gz")
        assert np.array_equal(read_label(path)[0], predicted(5))

    def test_a_new_image_called_like_a_loaded_case_goes_out_as_itself(
        self, results, study, run, tmp_path
    ):
        rows = self.newImages(run, tmp_path / "fresh", "a")
        edit(study, results.loadResult(study, run, row(run, "a")), "a")
        [path] = results.exportResults(study, run, rows, tmp_path / "out", "nii.gz")
        assert np.array_equal(read_label(path)[0], predicted(20))

    def test_names_that_differ_in_case_alone_get_files_of_their_own(
        self, results, study, run, tmp_path
    ):
        rows = self.newImages(run, tmp_path / "fresh", "x", "X")
        paths = results.exportResults(study, run, rows, tmp_path / "out", "nii.gz")
        assert len({path.name.casefold() for path in paths}) == 2
        found = {each.caseId: read_label(path)[0] for each, path in zip(rows, paths, strict=True)}
        assert np.array_equal(found["x"], predicted(20))
        assert np.array_equal(found["X"], predicted(21))

    def newImages(self, run, images: Path, *names: str) -> list[ResultRow]:
        for name in names:
            write_scalar(images / f"{name}.nii.gz", np.zeros(GRID.array_shape, np.float32), GRID)
        folder = newImagesFolder(run, images)
        entries = [
            addPrediction(folder, name, GRID, 20 + number, 0.5) for number, name in enumerate(names)
        ]
        writeJson(folder / "predictions.json", entries)
        return listResults(run, folder)

    def test_dicom_needs_dicom(self, results, study, run, tmp_path):
        with pytest.raises(SceneError):
            results.exportResults(study, run, [row(run, "a")], tmp_path / "out", "dicom")

    def test_an_unknown_format_names_the_known(self, results, study, run, tmp_path):
        with pytest.raises(SceneError, match=r"seg\.nrrd"):
            results.exportResults(study, run, [], tmp_path, "stl")


class TestWholePath:
    def test_train_look_accept_train_again(self, results, tmp_path):
        make_cohort(tmp_path / "study", shape=(8, 16, 16), labeled=1, unlabeled=2)
        study = Study.open(tmp_path / "study")
        quick = {"augmentation": "light", "learning_rate": 0.01, "average_decay": 0.9}
        asked = TrainingRequest("supervised", quick, steps=2, device="cpu")

        def train() -> RunFolder:
            run = prepareRun(study, asked)
            startRun(run)
            watcher, deadline = RunWatcher(run), time.monotonic() + 120
            while not watcher.poll().hasEnded:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert run.state() == "finished", run.log_path.read_text(encoding="utf-8")
            return run

        run = train()
        rows = listResults(run)
        assert {each.caseId for each in rows} == {"case01", "case02", "case03", "case04"}
        assert all(each.meanDice is not None for each in rows)
        assert results.metricsTable(run).GetNumberOfRows() == 4 * 2 + 3
        first = nextByUncertainty(rows, study)
        assert study.case(first).label is None
        chosen = next(each for each in rows if each.caseId == first)
        node = results.loadResult(study, run, chosen, uncertainty=True)
        assert np.array_equal(arrayOf(study, node, first), read_label(chosen.labelFile)[0])
        edit(study, node, first)
        assert results.accept(study, run, chosen) == "corrected"
        again = train()
        assert [path.name for path in study.runFolders()] == ["supervised-2", "supervised-1"]
        assert Cohort.load(again.cohort_path).case(first).label == study.case(first).label
        assert first not in {each.caseId for each in listResults(again)}
