"""Results, through its widgets, with a really trained run of the synthetic hearts."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from SemiWeakSegLib.cohort import make_phantom, read_label
from SemiWeakSegLib.runs import RunFolder
from Testing import testbed
from Testing.slicer.module.trainings import waitFor

CHILD_S = 180
STEPS = 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Three synthetic patients and a run of two steps that predicted five cases."""
    folder = tmp_path_factory.mktemp("trained") / "hearts"
    make_phantom(folder, patients=3, labeled=1, scribbled=1, validation_patients=1, test_patients=0)
    run = folder / "runs" / "supervised-1"
    arguments = ["train", str(run), "--cohort", str(folder / "cohort.json")]
    arguments += ["--method", "supervised", "--steps", str(STEPS), "--device", "cpu"]
    assert runCommand([*arguments, "--predict", "unlabeled,validation"]) == 0
    return folder


@pytest.fixture
def study(module, trained, tmp_path):
    """A copy of the trained study, opened."""
    shutil.copytree(trained, tmp_path / "hearts")
    return module.logic.openCohort(tmp_path / "hearts")


@pytest.fixture
def panel(module, study):
    """The panel with its boxes opened."""
    panel = module.panels["results"]
    for name in ("metricsBox", "predictBox", "exportBox"):
        getattr(panel.ui, name).collapsed = False
    return panel


def runCommand(arguments) -> int:
    """A command of the library in a process of its own: torch stays out of the module's."""
    import subprocess
    import sys

    return subprocess.run(
        [sys.executable, "-m", "SemiWeakSegLib", *arguments],
        cwd=Path(__file__).parents[3],
        check=False,
        capture_output=True,
    ).returncode


def column(panel, number: int) -> list[str]:
    table = panel.ui.resultsTable
    return [table.item(line, number).text() for line in range(table.rowCount)]


def select(panel, *caseIds: str) -> None:
    """Select these cases as a person does with the control key."""
    table = panel.ui.resultsTable
    table.clearSelection()
    for caseId in caseIds:
        line = panel.table.lineOf(caseId)
        for number in range(table.columnCount):
            table.item(line, number).setSelected(True)


def doubleClick(table, line: int) -> None:
    """Double click the first cell of a line."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    table.window().show()
    testbed.process_events(10)
    place = table.visualItemRect(table.item(line, 0)).center()
    QTest.mouseClick(table.viewport(), Qt.LeftButton, Qt.NoModifier, place)
    QTest.mouseDClick(table.viewport(), Qt.LeftButton, Qt.NoModifier, place)


def pressUp(box) -> None:
    """Choose the entry before from the keyboard."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    QTest.keyClick(box, Qt.Key_Up)


def worked(panel) -> None:
    waitFor(lambda: not panel.review.stepper.running, CHILD_S)


def predictions() -> dict:
    import slicer

    return {
        node.GetAttribute("SemiWeakSeg.Case"): node
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        if node.GetAttribute("SemiWeakSeg.Prediction") == "1"
    }


class TestList:
    def test_without_a_run_it_says_what_to_do(self, module):
        panel = module.panels["results"]
        assert panel.ui.runSelector.currentText == "No run yet"
        for name in ("loadAllButton", "acceptButton", "predictButton", "exportModelButton"):
            assert getattr(panel.ui, name).enabled is False
        assert "rain" in panel.ui.loadAllButton.toolTip
        assert panel.headline == ""

    def test_the_run_is_offered_with_method_state_and_dice(self, panel):
        text = panel.ui.runSelector.currentText
        assert text.startswith("supervised-1 · Supervised · finished")
        assert "Dice 0." in text

    def test_the_most_uncertain_is_on_top_with_its_dice(self, panel):
        values = [float(text) for text in column(panel, 1)]
        assert len(values) == 5
        assert values == sorted(values, reverse=True)
        assert all(0 <= float(text) <= 1 for text in column(panel, 2))
        assert panel.headline == "5 predictions, 0 reviewed"

    def test_dice_by_class_is_in_the_tooltip(self, panel):
        assert "left ventricle: 0." in panel.ui.resultsTable.item(0, 2).toolTip()

    def test_an_image_that_lies_askew_is_told_until_it_is_judged(self, panel, study):
        path = next(study.path.parent.glob("runs/*/predictions/predictions.json"))
        rows = json.loads(path.read_text(encoding="utf-8"))
        rows[0]["askew"] = 41
        path.write_text(json.dumps(rows), encoding="utf-8")
        panel.refresh()
        table = panel.ui.resultsTable
        assert column(panel, 3)[:2] == ["lies askew", ""]
        assert "lies 41 degrees" in table.item(0, 3).toolTip()
        assert table.item(1, 3).toolTip() == ""
        select(panel, rows[0]["case"])
        panel.ui.rejectButton.click()
        worked(panel)
        assert column(panel, 3)[:2] == ["rejected", ""]

    def test_sorting_by_another_column_keeps_rows_together(self, panel):
        import qt

        before = dict(zip(column(panel, 0), column(panel, 1), strict=True))
        panel.ui.resultsTable.sortItems(2, qt.Qt.AscendingOrder)
        values = [float(text) for text in column(panel, 2)]
        assert values == sorted(values)
        assert dict(zip(column(panel, 0), column(panel, 1), strict=True)) == before

    def test_the_newest_run_is_on_top_and_another_can_be_chosen(self, module, panel, study):
        newer = RunFolder.create(study.folder / "runs" / "proposals-1", panel.run.read_request())
        module.logic.events.emit("results")
        box = panel.ui.runSelector
        assert [box.itemText(index).split(" · ")[0] for index in range(box.count)] == [
            "proposals-1",
            "supervised-1",
        ]
        assert panel.run.path.name == "supervised-1"
        pressUp(box)
        assert panel.run.path == newer.path
        assert column(panel, 0) == []
        assert module.logic.getParameterNode().runPath == str(newer.path)


class TestLoading:
    def test_a_double_click_loads_one_on_its_image(self, panel, study):
        import slicer

        caseId = column(panel, 0)[1]
        doubleClick(panel.ui.resultsTable, 1)
        assert list(predictions()) == [caseId]
        node = predictions()[caseId]
        names = [
            node.GetSegmentation().GetNthSegment(index).GetName()
            for index in range(node.GetSegmentation().GetNumberOfSegments())
        ]
        assert names == [each.name for each in study.classes]
        volume = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        file = next(row.labelFile for row in panel.table.rows.values() if row.caseId == caseId)
        expected, _geometry = read_label(file)
        for index in range(1, 4):
            segment = node.GetSegmentation().GetNthSegmentID(index - 1)
            array = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume)
            assert np.array_equal(array > 0, expected == index)
        assert column(panel, 4)[1] == "yes"

    def test_several_at_once(self, panel):
        chosen = column(panel, 0)[1:4]
        select(panel, *chosen)
        panel.ui.loadSelectedButton.click()
        worked(panel)
        assert set(predictions()) == set(chosen)
        assert "3 predictions loaded" in panel.ui.resultsMessage.text

    def test_all_in_steps_with_progress(self, panel):
        panel.ui.loadAllButton.click()
        assert panel.review.stepper.running
        assert not panel.ui.cancelResultsButton.isHidden()
        assert panel.ui.loadAllButton.enabled is False
        assert "cancel" in panel.ui.loadAllButton.toolTip
        worked(panel)
        assert set(predictions()) == set(column(panel, 0))
        assert panel.ui.cancelResultsButton.isHidden()
        assert panel.ui.resultsProgress.isHidden()

    def test_cancelling_keeps_what_is_there(self, panel, monkeypatch):
        from SemiWeakSegLib.panels import stepper

        monkeypatch.setattr(stepper, "SLICE_S", 0.0)
        panel.ui.loadAllButton.click()
        waitFor(lambda: len(predictions()) >= 2)
        panel.ui.cancelResultsButton.click()
        assert not panel.review.stepper.running
        testbed.process_events(50)
        assert 2 <= len(predictions()) < 5
        assert "Cancelled" in panel.ui.resultsMessage.text

    def test_one_that_cannot_be_loaded_does_not_keep_the_others(self, panel):
        broken = panel.table.rows[column(panel, 0)[2]]
        Path(broken.labelFile).write_bytes(b"nothing")
        panel.ui.loadAllButton.click()
        worked(panel)
        assert len(predictions()) == 4
        assert "4 predictions loaded" in panel.ui.resultsMessage.text
        assert broken.caseId in panel.ui.resultsMessage.text

    def test_the_one_that_is_shown_is_shown_alone(self, panel):
        first, second = column(panel, 0)[:2]
        panel.review.show(first)
        panel.review.show(second)
        nodes = predictions()
        assert nodes[second].GetDisplayVisibility() == 1
        assert nodes[first].GetDisplayVisibility() == 0

    def test_a_removed_node_is_loaded_no_more(self, panel):
        import slicer

        panel.review.show(column(panel, 0)[0])
        assert column(panel, 4)[0] == "yes"
        slicer.mrmlScene.RemoveNode(next(iter(predictions().values())))
        waitFor(lambda: column(panel, 4)[0] == "", 10)

    def test_uncertainty_lies_over_the_image(self, panel):
        import slicer

        caseId = column(panel, 0)[0]
        panel.review.show(caseId)
        panel.ui.uncertaintyCheckBox.click()
        found = [
            node
            for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            if node.GetAttribute("SemiWeakSeg.Uncertainty") == "1"
        ]
        assert [node.GetAttribute("SemiWeakSeg.Case") for node in found] == [caseId]
        assert slicer.util.arrayFromVolume(found[0]).min() >= 0
        assert slicer.util.arrayFromVolume(found[0]).max() <= 1


class TestReview:
    def test_buttons_ask_for_a_selection(self, panel):
        panel.ui.resultsTable.clearSelection()
        for name in ("acceptButton", "correctButton", "rejectButton", "loadSelectedButton"):
            assert getattr(panel.ui, name).enabled is False
            assert "Select" in getattr(panel.ui, name).toolTip

    def test_accepting_makes_it_the_annotation(self, panel, study):
        caseId = next(row for row in column(panel, 0) if study.case(row).label is None)
        before = read_label(panel.table.rows[caseId].labelFile)[0]
        select(panel, caseId)
        panel.ui.acceptButton.click()
        worked(panel)
        label, _geometry = read_label(study.case(caseId).label)
        assert np.array_equal(label, before)
        line = panel.table.lineOf(caseId)
        assert column(panel, 3)[line] == "accepted"
        assert panel.headline == "5 predictions, 1 reviewed"
        assert "1 accepted" in panel.ui.resultsMessage.text

    def test_undo_takes_an_acceptance_back(self, panel, study):
        caseId = next(row for row in column(panel, 0) if study.case(row).label is None)
        select(panel, caseId)
        panel.ui.acceptButton.click()
        worked(panel)
        study.undo()
        assert study.case(caseId).label is None
        assert panel.headline == "5 predictions, 0 reviewed"

    def test_what_was_corrected_is_accepted_as_corrected(self, panel, study):
        import slicer

        caseId = column(panel, 0)[0]
        select(panel, caseId)
        panel.ui.loadSelectedButton.click()
        node = predictions()[caseId]
        segment = node.GetSegmentation().GetNthSegmentID(2)
        volume = node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole())
        array = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, volume)
        array[:] = 0
        array[2:4, 5:9, 5:9] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment, volume)
        panel.ui.acceptButton.click()
        worked(panel)
        label, _geometry = read_label(study.case(caseId).label)
        # The last class, which wins where two overlap.
        assert int((label == 3).sum()) == 32
        assert column(panel, 3)[panel.table.lineOf(caseId)] == "corrected"

    def test_correcting_hands_the_node_to_the_editor(self, module, panel):
        heard = []
        module.logic.events.connect("correct", lambda *given: heard.append(given))
        caseId = column(panel, 0)[0]
        select(panel, caseId)
        panel.ui.correctButton.click()
        assert [given[0] for given in heard] == [caseId]
        assert heard[0][1] is predictions()[caseId]

    def test_only_one_can_be_corrected_at_a_time(self, panel):
        select(panel, *column(panel, 0)[:2])
        assert panel.ui.correctButton.enabled is False
        assert "one" in panel.ui.correctButton.toolTip
        assert panel.ui.acceptButton.enabled is True

    def test_rejecting_leaves_the_case_as_it_is(self, panel, study):
        caseId = next(row for row in column(panel, 0) if study.case(row).label is None)
        select(panel, caseId)
        panel.ui.rejectButton.click()
        worked(panel)
        assert study.case(caseId).label is None
        assert column(panel, 3)[panel.table.lineOf(caseId)] == "rejected"
        reviews = json.loads((panel.run.path / "reviews.json").read_text(encoding="utf-8"))
        assert caseId in reviews

    def test_next_goes_to_the_most_uncertain_unreviewed_one(self, panel, study):
        order = column(panel, 0)
        bare = [caseId for caseId in order if study.case(caseId).label is None]
        panel.ui.nextButton.click()
        assert panel.review.active == bare[0]
        assert panel.table.selectedIds() == [bare[0]]
        panel.ui.nextButton.click()
        assert panel.review.active == bare[1]

    def test_the_filter_shows_what_is_left_to_do(self, panel):
        first = column(panel, 0)[0]
        select(panel, first)
        panel.ui.rejectButton.click()
        worked(panel)
        panel.ui.filterSelector.setCurrentIndex(1)
        assert first not in panel.table.shownIds()
        assert len(panel.table.shownIds()) == 4
        panel.ui.filterSelector.setCurrentIndex(2)
        assert panel.table.shownIds() == [first]

    def test_train_again_asks_the_train_panel(self, module, panel):
        heard = []
        module.panels["train"].cleanup()
        module.logic.events.connect("trainAgain", lambda: heard.append(True))
        assert panel.ui.trainAgainButton.enabled is True
        panel.ui.trainAgainButton.click()
        assert heard == [True]


class TestThousand:
    """1,000 predictions of the same image: listed at once, loaded without a stall."""

    COUNT = 1000

    @pytest.fixture
    def many(self, module, panel, study):
        place = panel.run.predictions
        entries = json.loads((place / "predictions.json").read_text(encoding="utf-8"))
        source = study.case(entries[0]["case"])
        made = []
        for number in range(self.COUNT):
            entry = {**entries[0], "case": f"many_{number:04d}", "uncertainty": number / 1000}
            made.append(entry)
        (place / "predictions.json").write_text(json.dumps(made), encoding="utf-8")
        study.addCases(replace(source, id=entry["case"], label=None) for entry in made)
        module.logic.events.emit("results")
        return panel

    def test_all_are_listed_and_looking_again_loads_nothing(self, module, many, monkeypatch):
        assert many.ui.resultsTable.rowCount == self.COUNT
        assert many.table.caseAt(0) == f"many_{self.COUNT - 1:04d}"
        read = []
        for name in ("ReadImage", "ImageFileReader"):
            monkeypatch.setattr(sitk, name, lambda *given: read.append(given))
        many.review.refresh()
        assert read == []
        assert many.ui.resultsTable.rowCount == self.COUNT

    def test_the_event_loop_goes_on_while_they_are_loaded(self, many):
        import qt

        beats = []
        heart = qt.QTimer()
        heart.setInterval(0)
        heart.connect("timeout()", lambda: beats.append(len(predictions())))
        heart.start()
        many.ui.loadAllButton.click()
        assert predictions() == {}
        waitFor(lambda: len(predictions()) >= 20)
        many.ui.cancelResultsButton.click()
        heart.stop()
        # A step lasts 30 ms, or as long as one case takes: others get their turn in between.
        steps = [after - before for before, after in itertools.pairwise(beats)]
        assert max(steps) <= 5
        assert "Cancelled" in many.ui.resultsMessage.text


class TestMeasures:
    def test_the_metrics_become_a_table_of_the_scene(self, panel):
        import slicer

        panel.ui.metricsButton.click()
        node = slicer.util.getFirstNodeByClassByName("vtkMRMLTableNode", "supervised-1 metrics")
        assert node.GetNumberOfRows() >= 5 * 3
        assert panel.ui.metricsTable.mrmlTableNode() is node

    def test_without_metrics_the_button_says_why(self, module, panel):
        (panel.run.predictions / "metrics.json").unlink()
        module.logic.events.emit("results")
        assert panel.ui.metricsButton.enabled is False
        assert "reference" in panel.ui.metricsButton.toolTip

    def test_the_report_is_opened(self, panel, monkeypatch):
        import qt

        opened = []
        monkeypatch.setattr(
            qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True
        )
        panel.ui.reportButton.click()
        assert opened == [str(panel.run.report / "report.html")]

    def test_a_missing_report_is_made_first(self, panel, monkeypatch):
        import qt

        opened = []
        monkeypatch.setattr(
            qt.QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True
        )
        shutil.rmtree(panel.run.report)
        panel.ui.reportButton.click()
        assert panel.ui.reportButton.enabled is False
        waitFor(lambda: opened or panel.ui.reportButton.enabled, CHILD_S)
        assert opened == [str(panel.run.report / "report.html")]


class TestExport:
    @pytest.mark.parametrize(("index", "suffix"), [(0, ".seg.nrrd"), (1, ".nii.gz"), (2, ".nrrd")])
    def test_segmentations(self, panel, tmp_path, index, suffix):
        chosen = column(panel, 0)[:2]
        select(panel, *chosen)
        panel.ui.exportFolder.currentPath = str(tmp_path / "out")
        panel.ui.segmentationFormat.setCurrentIndex(index)
        panel.ui.exportSegmentationsButton.click()
        worked(panel)
        files = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert files == sorted(f"{caseId}{suffix}" for caseId in chosen)
        assert predictions() == {}

    def test_a_label_map_is_the_prediction(self, panel, tmp_path):
        caseId = column(panel, 0)[0]
        select(panel, caseId)
        panel.ui.exportFolder.currentPath = str(tmp_path)
        panel.ui.segmentationFormat.setCurrentIndex(1)
        panel.ui.exportSegmentationsButton.click()
        worked(panel)
        exported, grid = read_label(tmp_path / f"{caseId}.nii.gz")
        expected, expectedGrid = read_label(panel.table.rows[caseId].labelFile)
        assert np.array_equal(exported, expected)
        assert grid.describe_difference(expectedGrid) is None

    def test_nothing_is_written_over_unless_asked(self, panel, tmp_path):
        caseId = column(panel, 0)[0]
        select(panel, caseId)
        (tmp_path / f"{caseId}.seg.nrrd").write_bytes(b"mine")
        panel.ui.exportFolder.currentPath = str(tmp_path)
        panel.ui.exportSegmentationsButton.click()
        worked(panel)
        assert (tmp_path / f"{caseId}.seg.nrrd").read_bytes() == b"mine"
        assert "already holds" in panel.ui.resultsMessage.text
        panel.ui.overwriteCheckBox.checked = True
        panel.ui.exportSegmentationsButton.click()
        worked(panel)
        assert (tmp_path / f"{caseId}.seg.nrrd").read_bytes() != b"mine"

    def test_dicom_seg_says_that_the_case_did_not_come_from_dicom(self, panel, tmp_path):
        select(panel, column(panel, 0)[0])
        panel.ui.exportFolder.currentPath = str(tmp_path / "dicom")
        panel.ui.segmentationFormat.setCurrentIndex(3)
        panel.ui.exportSegmentationsButton.click()
        worked(panel)
        assert "DICOM" in panel.ui.resultsMessage.text
        assert "0 segmentations" in panel.ui.resultsMessage.text

    def test_the_model(self, panel, tmp_path):
        panel.ui.exportFolder.currentPath = str(tmp_path / "models")
        panel.ui.modelFormat.setCurrentIndex(1)
        panel.ui.exportModelButton.click()
        assert panel.ui.exportModelButton.enabled is False
        waitFor(lambda: panel.ui.exportModelButton.enabled, CHILD_S)
        assert (tmp_path / "models" / "supervised-1.ts").stat().st_size > 1000
        assert "supervised-1.ts" in panel.ui.exportMessage.text

    def test_a_folder_is_suggested(self, panel, study):
        folder = Path(panel.ui.exportFolder.currentPath)
        assert folder == study.folder / "exports" / "supervised-1"


class TestPredict:
    def test_a_folder_of_new_images(self, panel, study, tmp_path):
        images = tmp_path / "new"
        images.mkdir()
        source = study.cohort.cases[0].images[0]
        shutil.copy(source, images / "stranger.nii.gz")
        panel.ui.predictSource.setCurrentIndex(4)
        assert panel.ui.predictButton.enabled is False
        assert "folder" in panel.ui.predictButton.toolTip
        panel.ui.predictFolder.currentPath = str(images)
        panel.ui.predictButton.click()
        assert panel.ui.stopPredictButton.enabled is True
        waitFor(lambda: not panel.predictBox.running, CHILD_S)
        assert panel.ui.predictMessage.text == "Done."
        assert panel.ui.setSelector.currentText == "new"
        assert column(panel, 0) == ["stranger"]
        select(panel, "stranger")
        assert panel.ui.acceptButton.enabled is False
        assert "cohort" in panel.ui.acceptButton.toolTip
        panel.ui.loadSelectedButton.click()
        assert list(predictions()) == ["stranger"]

    def test_a_volume_of_the_scene_gets_its_segmentation(self, panel, study):
        import slicer

        source = study.cohort.cases[0].images[0]
        volume = slicer.util.loadVolume(str(source), properties={"name": "my scan"})
        panel.ui.predictSource.setCurrentIndex(5)
        assert panel.ui.predictButton.enabled is False
        panel.ui.predictVolumes.setCheckState(volume, 2)
        panel.ui.predictButton.click()
        waitFor(lambda: not panel.predictBox.running, CHILD_S)
        assert column(panel, 0) == ["my scan"]
        panel.review.show("my scan")
        node = predictions()["my scan"]
        role = node.GetReferenceImageGeometryReferenceRole()
        assert node.GetNodeReference(role) is volume

    def test_an_empty_folder_is_said(self, panel, tmp_path):
        (tmp_path / "empty").mkdir()
        panel.ui.predictSource.setCurrentIndex(4)
        panel.ui.predictFolder.currentPath = str(tmp_path / "empty")
        panel.ui.predictButton.click()
        waitFor(lambda: not panel.predictBox.running, CHILD_S)
        assert "no image" in panel.ui.predictMessage.text
        assert panel.ui.predictButton.enabled is True

    def test_stopping(self, panel):
        panel.ui.predictSource.setCurrentIndex(3)
        panel.ui.predictButton.click()
        panel.ui.stopPredictButton.click()
        assert not panel.predictBox.running
        assert "Stopped" in panel.ui.predictMessage.text
        assert panel.ui.predictButton.enabled is True

    def test_predictions_are_refined_as_it_is_set(self, module, panel, monkeypatch):
        from SemiWeakSegLib.methods.inference import MeanField, parse_inference

        asked = []
        monkeypatch.setattr(
            module.logic, "predict", lambda *_a, **options: asked.append(options["refine"])
        )
        panel.ui.predictSource.setCurrentIndex(3)
        assert panel.ui.refineSettings.isHidden()
        panel.ui.predictButton.click()
        panel.ui.refineSelector.setCurrentIndex(1)
        assert not panel.ui.refineSettings.isHidden()
        form = panel.predictBox.refine.forms["mean_field"]
        form.editors["weight"].widget.value = 5.5
        panel.ui.predictButton.click()
        panel.ui.refineSelector.setCurrentIndex(2)
        panel.ui.predictButton.click()
        assert asked == ["", "mean_field,weight=5.5", "graph_cut"]
        assert parse_inference(asked[1]) == MeanField(weight=5.5)

    def test_mirroring_is_for_models_that_saw_it(self, panel):
        assert panel.ui.flipsCheckBox.enabled is False
        assert "mirrored" in panel.ui.flipsCheckBox.toolTip


class TestLife:
    def test_the_scene_closes_in_the_middle_of_loading(self, panel):
        import slicer

        panel.ui.loadAllButton.click()
        slicer.mrmlScene.Clear()
        testbed.process_events(50)
        assert not panel.review.stepper.running
        assert panel.ui.runSelector.currentText == "No run yet"
        assert column(panel, 0) == []

    def test_after_cleanup_nothing_is_called(self, module, panel):
        rows = column(panel, 0)
        panel.cleanup()
        module.logic.closeCohort()
        assert column(panel, 0) == rows

    def test_every_control_has_a_name_and_says_what_it_is_for(self, panel):
        import slicer

        for kind in ("QPushButton", "QComboBox", "QCheckBox"):
            for control in slicer.util.findChildren(panel.widget, className=kind):
                if control.objectName:
                    assert control.toolTip, control.objectName
