"""Annotate, through its widgets: open, draw, save, come back, go on to the next case."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.scene.results import loadResult
from SemiWeakSegLib.scene.segments import newSegmentation, segmentIdOfClass
from Testing import testbed
from Testing.slicer.module.annotating import (
    CASES,
    SHAPE,
    choose,
    draw,
    drawAll,
    drawn,
    labelOf,
    makeRun,
    openStudy,
    strokes,
)
from Testing.slicer.module.trainings import waitFor

SAVE, DISCARD, CANCEL = "save", "discard", "cancel"


@pytest.fixture
def panel(module):
    return module.panels["annotate"]


@pytest.fixture
def study(module, tmp_path):
    return openStudy(module, tmp_path)


@pytest.fixture
def scribbling(panel, study):
    """The panel with the first case open for scribbles."""
    choose(panel, "case1")
    return panel


@pytest.fixture
def unasked(panel, monkeypatch):
    """Fails when the person is asked about unsaved work."""

    def ask(caseId, mayStay=True):
        raise AssertionError(f"asked about {caseId}")

    monkeypatch.setattr(panel.question, "ask", ask)


@pytest.fixture
def answers(monkeypatch):
    """What is answered to questions with OK and Cancel; and the questions."""
    asked = []
    answer = {"ok": True}

    def confirm(text, *_, **__):
        asked.append(text)
        return answer["ok"]

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", confirm)
    answer["asked"] = asked
    return answer


def blocks() -> dict[int, np.ndarray]:
    """A block of each class."""
    liver, tumor = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    liver[1:6, 2:8, 2:6] = True
    tumor[2:5, 3:7, 7:11] = True
    return {1: liver, 2: tumor}


def namesOf(segmentation) -> list[str]:
    segments = segmentation.GetSegmentation()
    return [segments.GetSegment(each).GetName() for each in segments.GetSegmentIDs()]


class TestOpening:
    def test_nothing_can_be_saved_before_a_case_is_open(self, panel, study):
        assert not panel.ui.saveButton.enabled
        assert panel.ui.saveButton.toolTip == "Open a case first"
        assert panel.headline == ""

    def test_every_case_can_be_chosen(self, panel, study):
        texts = [panel.ui.caseSelector.itemText(row) for row in range(panel.ui.caseSelector.count)]
        assert texts == list(CASES)
        assert panel.ui.caseSelector.currentIndex == -1

    def test_choosing_makes_the_case_active(self, module, scribbling):
        assert module.logic.activeCase == "case1"
        assert scribbling.headline == "case1, Scribble"

    def test_the_editor_edits_scribbles_over_the_case(self, scribbling):
        widget = scribbling.editor.widget
        assert widget.sourceVolumeNode().GetName() == "case1"
        assert namesOf(widget.segmentationNode()) == ["background", "liver", "tumor"]
        node = widget.segmentationNode()
        assert widget.currentSegmentID() == segmentIdOfClass(node, 1)

    def test_the_section_opens_with_the_case(self, module, panel, study):
        panel.container.collapsed = True
        module.logic.setActiveCase("case2")
        assert not panel.container.collapsed
        assert panel.ui.caseSelector.currentText == "case2"

    def test_the_volume_leaves_with_its_case(self, scribbling):
        choose(scribbling, "case2")
        names = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
        assert names == ["case2"]

    def test_a_volume_that_was_there_stays(self, module, panel, study):
        from SemiWeakSegLib.scene.volumes import loadCase

        volume = loadCase(study.case("case1"), study.path)
        choose(panel, "case1")
        choose(panel, "case2")
        assert volume.GetScene() is slicer.mrmlScene

    def test_an_image_that_is_gone_is_said(self, module, panel, study):
        study.case("case2").images[0].unlink()
        choose(panel, "case2")
        assert "case2" in panel.ui.annotateMessageLabel.text
        assert panel.session.caseId == ""
        choose(panel, "case3")
        assert panel.session.caseId == "case3"

    def test_a_scribble_lets_the_image_shine_through(self, scribbling):
        display = scribbling.editor.widget.segmentationNode().GetDisplayNode()
        assert display.GetOpacity2DFill() < 0.5


class TestScribbles:
    def test_strokes_on_three_kinds_of_slices_are_saved_with_the_rest_unlabeled(
        self, scribbling, study
    ):
        expected = drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), expected)
        assert study.cohort.annotation_kind(study.case("case1")) == "scribbled"

    def test_saving_tells_the_voxels_of_each_class(self, scribbling):
        drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        text = scribbling.ui.annotateMessageLabel.text
        assert "background 12" in text
        assert "liver 9" in text
        assert "tumor 12" in text

    def test_reopening_shows_what_was_drawn(self, scribbling):
        masks = strokes()
        drawAll(scribbling, masks)
        scribbling.ui.saveButton.click()
        choose(scribbling, "case2")
        choose(scribbling, "case1")
        for index, mask in masks.items():
            assert np.array_equal(drawn(scribbling, index), mask)

    def test_a_renamed_segment_keeps_its_class(self, scribbling, study):
        expected = drawAll(scribbling, strokes())
        node = scribbling.editor.widget.segmentationNode()
        segment = node.GetSegmentation().GetSegment(segmentIdOfClass(node, 1))
        segment.SetName("tumor")
        scribbling.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), expected)

    def test_undo_takes_the_last_stroke_back(self, scribbling, study):
        masks = strokes()
        draw(scribbling, 1, masks[1])
        draw(scribbling, 2, masks[2])
        scribbling.editor.undo()
        scribbling.ui.saveButton.click()
        expected = np.where(masks[1], 1, 255)
        assert np.array_equal(labelOf(study, "case1"), expected)

    def test_a_segment_that_was_removed_comes_back_empty(self, scribbling):
        draw(scribbling, 1, strokes()[1])
        node = scribbling.editor.widget.segmentationNode()
        node.GetSegmentation().RemoveSegment(segmentIdOfClass(node, 2))
        testbed.process_events(150)
        assert segmentIdOfClass(node, 2) is not None
        assert not drawn(scribbling, 2).any()
        assert np.array_equal(drawn(scribbling, 1), strokes()[1])

    def test_an_empty_drawing_is_not_saved(self, scribbling, study):
        scribbling.ui.saveButton.click()
        assert "nothing is drawn" in scribbling.ui.annotateMessageLabel.text
        assert study.case("case1").label is None

    def test_saving_twice_writes_once(self, scribbling, study):
        drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        path = study.case("case1").label
        scribbling.ui.saveButton.click()
        assert study.case("case1").label == path
        assert scribbling.ui.annotateMessageLabel.text == "Nothing has changed since it was saved."

    def test_one_undo_of_the_cohort_takes_the_saving_back(self, scribbling, study):
        drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        study.undo()
        assert study.case("case1").label is None
        assert not drawn(scribbling, 1).any()
        study.redo()
        assert np.array_equal(drawn(scribbling, 1), strokes()[1])

    def test_erasing_everything_takes_the_annotation_away(self, scribbling, study, answers):
        masks = strokes()
        drawAll(scribbling, masks)
        scribbling.ui.saveButton.click()
        for index in masks:
            draw(scribbling, index, np.zeros(SHAPE, bool))
        answers["ok"] = False
        scribbling.ui.saveButton.click()
        assert study.case("case1").label is not None
        answers["ok"] = True
        scribbling.ui.saveButton.click()
        assert study.case("case1").label is None
        assert len(answers["asked"]) == 2

    def test_revert_shows_what_was_saved(self, scribbling, answers):
        masks = strokes()
        drawAll(scribbling, masks)
        scribbling.ui.saveButton.click()
        draw(scribbling, 1, np.ones(SHAPE, bool))
        scribbling.ui.revertButton.click()
        assert np.array_equal(drawn(scribbling, 1), masks[1])
        assert len(answers["asked"]) == 1


class TestOverlaps:
    def overlap(self, panel) -> np.ndarray:
        masks = strokes()
        masks[2] = masks[0].copy()
        masks[2][3, 2:4] = False
        for index, mask in masks.items():
            draw(panel, index, mask)
        return masks[0] & masks[2]

    def rows(self, panel) -> list[tuple[str, str]]:
        table = panel.ui.overlapsTable
        return [(table.item(r, 0).text(), table.item(r, 1).text()) for r in range(table.rowCount)]

    def test_they_are_listed_while_drawing(self, scribbling):
        both = self.overlap(scribbling)
        waitFor(lambda: self.rows(scribbling))
        assert self.rows(scribbling) == [("background and tumor", str(int(both.sum())))]
        assert not scribbling.ui.overlapsFrame.isHidden()

    def test_they_leave_the_list_when_one_stroke_is_erased(self, scribbling):
        self.overlap(scribbling)
        waitFor(lambda: self.rows(scribbling))
        draw(scribbling, 0, np.zeros(SHAPE, bool))
        waitFor(lambda: not self.rows(scribbling))
        assert scribbling.ui.overlapsFrame.isHidden()

    def test_saving_reports_them_and_leaves_them_unlabeled(self, scribbling, study):
        both = self.overlap(scribbling)
        scribbling.ui.saveButton.click()
        assert self.rows(scribbling) == [("background and tumor", str(int(both.sum())))]
        assert f"{int(both.sum())} voxels are drawn in two" in (
            scribbling.ui.annotateMessageLabel.text
        )
        assert (labelOf(study, "case1")[both] == 255).all()

    def test_reopening_shows_both_strokes(self, scribbling):
        both = self.overlap(scribbling)
        scribbling.ui.saveButton.click()
        choose(scribbling, "case2")
        choose(scribbling, "case1")
        assert (drawn(scribbling, 0) & drawn(scribbling, 2))[both].all()

    def test_clicking_one_shows_its_slice(self, scribbling):
        both = self.overlap(scribbling)
        scribbling.ui.saveButton.click()
        view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        view.SetOrientationToCoronal()
        scribbling.ui.overlapsTable.cellClicked.emit(0, 0)
        toIjk = vtk.vtkMatrix4x4()
        scribbling.editor.widget.sourceVolumeNode().GetRASToIJKMatrix(toIjk)
        # Some voxel of the overlap lies in the plane of the view.
        normal = np.array([view.GetSliceToRAS().GetElement(row, 2) for row in range(3)])
        origin = np.array([view.GetSliceToRAS().GetElement(row, 3) for row in range(3)])
        toRas = slicer.util.arrayFromVTKMatrix(toIjk)
        toRas = np.linalg.inv(toRas)
        voxels = np.argwhere(both)[:, ::-1]
        points = voxels @ toRas[:3, :3].T + toRas[:3, 3]
        assert np.abs((points - origin) @ normal).min() < 1e-3


class TestSegment:
    @pytest.fixture
    def segmenting(self, panel, study):
        panel.ui.segmentButton.click()
        choose(panel, "case1")
        return panel

    def test_what_is_not_drawn_is_background(self, segmenting, study):
        expected = np.zeros(SHAPE, np.uint8)
        for index, mask in blocks().items():
            draw(segmenting, index, mask)
            expected[mask] = index
        segmenting.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), expected)
        assert study.cohort.annotation_kind(study.case("case1")) == "labeled"

    def test_there_is_no_segment_for_the_background(self, segmenting):
        assert namesOf(segmenting.editor.widget.segmentationNode()) == ["liver", "tumor"]

    def test_a_dense_case_opens_as_segmentation_whatever_is_preferred(self, segmenting):
        draw(segmenting, 1, blocks()[1])
        segmenting.ui.saveButton.click()
        choose(segmenting, "case2")
        segmenting.ui.scribbleButton.click()
        choose(segmenting, "case1")
        assert segmenting.ui.segmentButton.checked
        assert segmenting.session.mode == "segment"
        assert np.array_equal(drawn(segmenting, 1), blocks()[1])
        choose(segmenting, "case3")
        assert segmenting.session.mode == "scribble"

    def test_the_way_of_working_is_kept_in_the_scene(self, module, segmenting):
        assert module.logic.getParameterNode().annotationMode == "segment"

    def test_an_empty_drawing_changes_its_kind_without_a_question(self, segmenting, answers):
        segmenting.ui.scribbleButton.click()
        node = segmenting.editor.widget.segmentationNode()
        assert namesOf(node) == ["background", "liver", "tumor"]
        assert answers["asked"] == []

    def test_strokes_become_a_segmentation_only_when_the_person_agrees(
        self, scribbling, study, answers
    ):
        draw(scribbling, 1, blocks()[1])
        answers["ok"] = False
        scribbling.ui.segmentButton.click()
        assert scribbling.ui.scribbleButton.checked
        assert scribbling.session.mode == "scribble"
        answers["ok"] = True
        scribbling.ui.segmentButton.click()
        scribbling.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), blocks()[1].astype(np.uint8))
        assert "background" in answers["asked"][0]


class TestBoxes:
    @pytest.fixture
    def boxing(self, panel, study):
        panel.ui.boxButton.click()
        choose(panel, "case1")
        return panel

    def add(self, panel, row: int) -> None:
        panel.ui.boxClassSelector.setCurrentIndex(row)
        panel.ui.addBoxButton.click()

    def rows(self, panel) -> list[tuple[str, str]]:
        table = panel.ui.boxesTable
        return [(table.item(r, 0).text(), table.item(r, 1).text()) for r in range(table.rowCount)]

    def test_a_box_in_one_slice_is_flat(self, boxing, study):
        boxing.ui.oneSliceCheckBox.click()
        self.add(boxing, 0)
        boxing.ui.oneSliceCheckBox.click()
        self.add(boxing, 0)
        boxing.ui.saveButton.click()
        flat, solid = study.case("case1").boxes
        shrunk = [b / a for a, b in zip(solid.size, flat.size, strict=True) if b < 0.99 * a]
        assert len(shrunk) == 1

    def test_several_boxes_of_a_class_are_saved(self, boxing, study):
        for row in (0, 0, 1):
            self.add(boxing, row)
        boxing.ui.saveButton.click()
        boxes = study.case("case1").boxes
        assert [box.class_index for box in boxes] == [1, 1, 2]
        assert study.case("case1").label is None
        assert "liver 2" in boxing.ui.annotateMessageLabel.text

    def test_they_are_listed_with_class_and_size(self, boxing):
        self.add(boxing, 1)
        [roi] = boxing.session.boxes.markups
        roi.SetSize(10.0, 20.5, 30.0)
        assert self.rows(boxing) == [("tumor", "10.0 × 20.5 × 30.0")]

    def test_a_turned_box_comes_back_turned(self, boxing, study):
        self.add(boxing, 0)
        [roi] = boxing.session.boxes.markups
        turn = vtk.vtkTransform()
        turn.RotateWXYZ(31.0, 0.3, 0.5, 0.8)
        roi.SetAndObserveObjectToNodeMatrix(turn.GetMatrix())
        roi.SetSize(4.0, 6.0, 9.0)
        boxing.ui.saveButton.click()
        [saved] = study.case("case1").boxes
        choose(boxing, "case2")
        choose(boxing, "case1")
        [again] = boxing.session.boxes.markups
        found = slicer.util.arrayFromVTKMatrix(again.GetObjectToNodeMatrix())
        wanted = slicer.util.arrayFromVTKMatrix(turn.GetMatrix())
        assert np.allclose(again.GetSize(), (4.0, 6.0, 9.0))
        assert np.allclose(found, wanted, atol=1e-6)
        assert sorted(saved.size) == pytest.approx([4.0, 6.0, 9.0])

    def test_rotation_handles_are_offered_unless_refused(self, boxing):
        self.add(boxing, 0)
        display = boxing.session.boxes.markups[0].GetDisplayNode()
        assert display.GetRotationHandleVisibility()
        boxing.ui.rotateBoxesCheckBox.setChecked(False)
        assert not display.GetRotationHandleVisibility()
        self.add(boxing, 0)
        assert not boxing.session.boxes.markups[1].GetDisplayNode().GetRotationHandleVisibility()

    def test_a_box_can_be_hidden(self, boxing):
        self.add(boxing, 0)
        import qt

        boxing.ui.boxesTable.item(0, 2).setCheckState(qt.Qt.Unchecked)
        assert not boxing.session.boxes.markups[0].GetDisplayVisibility()

    def test_hidden_and_locked_boxes_are_saved_like_others(self, boxing, study):
        for row in (0, 0, 1):
            self.add(boxing, row)
        hidden, locked, _third = boxing.session.boxes.markups
        hidden.SetDisplayVisibility(False)
        locked.SetLocked(True)
        boxing.ui.saveButton.click()
        assert [box.class_index for box in study.case("case1").boxes] == [1, 1, 2]
        choose(boxing, "case2")
        choose(boxing, "case1")
        assert [name for name, _size in self.rows(boxing)] == ["liver", "liver", "tumor"]
        assert not boxing.session.unsaved()

    def test_several_turned_boxes_of_a_class_come_back_each_as_it_was(self, boxing, study):
        for degrees in (20.0, 50.0):
            self.add(boxing, 0)
            turn = vtk.vtkTransform()
            turn.RotateWXYZ(degrees, 0.3, 0.5, 0.8)
            roi = boxing.session.boxes.markups[-1]
            roi.SetAndObserveObjectToNodeMatrix(turn.GetMatrix())
            roi.SetSize(4.0, 6.0, degrees)
        boxing.ui.saveButton.click()
        saved = study.case("case1").boxes
        assert [max(box.size) for box in saved] == pytest.approx([20.0, 50.0])
        choose(boxing, "case2")
        choose(boxing, "case1")
        boxing.session.boxes.markups[0].SetSize(1.0, 1.0, 1.0)
        boxing.ui.saveButton.click()
        again = study.case("case1").boxes[1]
        assert np.allclose(again.corners(), saved[1].corners(), atol=1e-6)

    def test_a_double_click_shows_it(self, boxing):
        self.add(boxing, 0)
        boxing.session.boxes.markups[0].SetCenterWorld(4.0, -7.0, 11.0)
        view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        view.SetOrientationToAxial()
        boxing.ui.boxesTable.cellDoubleClicked.emit(0, 0)
        assert view.GetSliceOffset() == pytest.approx(11.0)

    def test_a_new_box_lies_where_the_views_cross(self, boxing):
        bounds = [0.0] * 6
        boxing.session.boxes.volume.GetRASBounds(bounds)
        wanted = np.array(bounds[::2]) * 0.4 + np.array(bounds[1::2]) * 0.6
        views = [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode") for _ in range(3)]
        views[0].SetOrientationToAxial()
        views[1].SetOrientationToSagittal()
        views[2].SetOrientationToCoronal()
        for view in views:
            view.JumpSliceByOffsetting(*wanted)
        self.add(boxing, 0)
        center = [0.0, 0.0, 0.0]
        boxing.session.boxes.markups[0].GetCenterWorld(center)
        assert np.allclose(center, wanted)

    def test_the_selected_box_is_removed(self, boxing):
        self.add(boxing, 0)
        self.add(boxing, 1)
        boxing.ui.boxesTable.selectRow(0)
        boxing.ui.removeBoxButton.click()
        assert [name for name, _size in self.rows(boxing)] == ["tumor"]
        assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")) == 1

    def test_removing_all_boxes_can_be_saved(self, boxing, study):
        self.add(boxing, 0)
        boxing.ui.saveButton.click()
        boxing.ui.boxesTable.selectRow(0)
        boxing.ui.removeBoxButton.click()
        boxing.ui.saveButton.click()
        assert study.case("case1").boxes == ()

    def test_a_box_deleted_elsewhere_leaves_the_list(self, boxing):
        self.add(boxing, 0)
        slicer.mrmlScene.RemoveNode(boxing.session.boxes.markups[0])
        testbed.process_events(150)
        assert self.rows(boxing) == []

    def test_strokes_and_boxes_of_a_case_are_saved_together(self, scribbling, study):
        expected = drawAll(scribbling, strokes())
        scribbling.ui.boxButton.click()
        self.add(scribbling, 0)
        scribbling.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), expected)
        assert len(study.case("case1").boxes) == 1
        study.undo()
        assert study.case("case1").label is None
        assert study.case("case1").boxes == ()


class TestLeaving:
    def test_nothing_is_asked_when_nothing_was_drawn(self, scribbling, unasked):
        choose(scribbling, "case2")
        assert scribbling.session.caseId == "case2"

    def test_nothing_is_asked_after_saving(self, scribbling, unasked):
        drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        choose(scribbling, "case2")
        assert scribbling.session.caseId == "case2"

    def test_save_keeps_what_was_drawn(self, scribbling, study):
        scribbling.question.testingAnswer = SAVE
        expected = drawAll(scribbling, strokes())
        choose(scribbling, "case2")
        assert np.array_equal(labelOf(study, "case1"), expected)
        assert scribbling.session.caseId == "case2"

    def test_discard_leaves_the_case_as_it_was(self, scribbling, study):
        scribbling.question.testingAnswer = DISCARD
        drawAll(scribbling, strokes())
        choose(scribbling, "case2")
        assert study.case("case1").label is None
        choose(scribbling, "case1")
        assert not drawn(scribbling, 1).any()

    def test_cancel_stays(self, module, scribbling):
        scribbling.question.testingAnswer = CANCEL
        masks = strokes()
        drawAll(scribbling, masks)
        choose(scribbling, "case2")
        assert scribbling.session.caseId == module.logic.activeCase == "case1"
        assert scribbling.ui.caseSelector.currentText == "case1"
        assert np.array_equal(drawn(scribbling, 1), masks[1])

    def test_cancel_stays_when_the_case_was_opened_elsewhere(self, module, scribbling):
        scribbling.question.testingAnswer = CANCEL
        drawAll(scribbling, strokes())
        module.logic.setActiveCase("case3")
        testbed.process_events()
        assert scribbling.session.caseId == module.logic.activeCase == "case1"
        assert drawn(scribbling, 1).any()

    def test_the_question_is_put_once(self, scribbling, monkeypatch):
        asked = []
        monkeypatch.setattr(
            scribbling.question, "ask", lambda caseId, mayStay=True: asked.append(caseId) or DISCARD
        )
        drawAll(scribbling, strokes())
        choose(scribbling, "case2")
        assert asked == ["case1"]

    def test_closing_the_cohort_saves(self, module, scribbling, study):
        scribbling.question.testingAnswer = SAVE
        expected = drawAll(scribbling, strokes())
        module.logic.closeCohort()
        assert np.array_equal(labelOf(study, "case1"), expected)
        assert scribbling.session.caseId == ""
        assert scribbling.ui.caseSelector.count == 0

    def test_another_cohort_discards(self, module, scribbling, study, tmp_path):
        scribbling.question.testingAnswer = DISCARD
        drawAll(scribbling, strokes())
        module.logic.createCohort(tmp_path / "other", classes=["kidney"])
        assert study.case("case1").label is None
        assert slicer.util.getNodesByClass("vtkMRMLSegmentationNode") == []

    def test_cancel_keeps_the_cohort_when_another_is_opened(
        self, module, scribbling, study, tmp_path
    ):
        scribbling.question.testingAnswer = CANCEL
        drawAll(scribbling, strokes())
        assert not module.panels["cohort"].actions.create(str(tmp_path / "other"))
        assert module.logic.study is study
        assert drawn(scribbling, 1).any()
        assert not (tmp_path / "other").exists()

    def test_a_caller_can_ask_before_closing(self, scribbling):
        scribbling.question.testingAnswer = CANCEL
        drawAll(scribbling, strokes())
        assert not scribbling.mayLeave()
        scribbling.question.testingAnswer = DISCARD
        assert scribbling.mayLeave()

    def test_a_case_that_is_taken_out_leaves_its_strokes_in_the_scene(
        self, module, scribbling, study
    ):
        masks = strokes()
        drawAll(scribbling, masks)
        study.removeCases(["case1"])
        assert module.logic.activeCase == ""
        assert "stays in the scene" in scribbling.ui.annotateMessageLabel.text
        study.undo()
        choose(scribbling, "case1")
        assert np.array_equal(drawn(scribbling, 1), masks[1])

    def test_another_module_keeps_the_case_open(self, module, scribbling, unasked):
        masks = strokes()
        drawAll(scribbling, masks)
        module.frame.exit()
        module.frame.enter()
        assert np.array_equal(drawn(scribbling, 2), masks[2])


class TestQuestion:
    @pytest.fixture
    def boxes(self, panel, monkeypatch):
        """What the message box was told; ``answer`` is the button that is pressed."""
        import qt

        shown = {"answer": qt.QMessageBox.Cancel}

        def messageBox(text, **options):
            shown.update(options, text=text)
            return shown["answer"]

        monkeypatch.setattr(slicer.util, "messageBox", messageBox)
        monkeypatch.setattr(type(slicer.app), "testingEnabled", lambda self: False)
        return shown

    def test_it_names_the_case_and_offers_to_stay(self, panel, boxes):
        import qt

        assert panel.question.ask("case7") == CANCEL
        assert "case7" in boxes["text"]
        assert int(boxes["standardButtons"]) & int(qt.QMessageBox.Cancel)

    def test_each_button_has_its_meaning(self, panel, boxes):
        import qt

        boxes["answer"] = qt.QMessageBox.Save
        assert panel.question.ask("case7") == SAVE
        boxes["answer"] = qt.QMessageBox.Discard
        assert panel.question.ask("case7") == DISCARD

    def test_where_nobody_can_stay_closing_the_box_saves(self, panel, boxes):
        import qt

        assert panel.question.ask("case7", mayStay=False) == SAVE
        assert not int(boxes["standardButtons"]) & int(qt.QMessageBox.Cancel)


class TestNextCase:
    def test_next_and_previous_follow_the_cohort(self, scribbling):
        scribbling.ui.nextCaseButton.click()
        assert scribbling.session.caseId == "case2"
        scribbling.ui.previousCaseButton.click()
        assert scribbling.session.caseId == "case1"

    def test_beyond_the_ends_nothing_happens(self, scribbling):
        scribbling.ui.previousCaseButton.click()
        assert scribbling.session.caseId == "case1"

    def test_without_predictions_the_next_without_annotation(self, scribbling):
        drawAll(scribbling, strokes())
        scribbling.ui.saveAndNextButton.click()
        assert scribbling.session.caseId == "case2"
        drawAll(scribbling, strokes())
        scribbling.ui.saveAndNextButton.click()
        assert scribbling.session.caseId == "case3"

    def test_all_annotated_is_said(self, scribbling):
        for _ in CASES:
            drawAll(scribbling, strokes())
            scribbling.ui.saveAndNextButton.click()
        assert scribbling.ui.annotateMessageLabel.text == "Every case is annotated."

    def test_the_most_uncertain_comes_first(self, module, panel, study):
        module.logic.attach(makeRun(study, {"case1": 0.2, "case2": 0.1, "case3": 0.7}))
        panel.ui.nextUncertainButton.click()
        assert panel.session.caseId == "case3"
        panel.ui.nextUncertainButton.click()
        assert panel.session.caseId == "case1"

    def test_an_annotated_case_makes_room_for_the_next_uncertain_one(self, module, panel, study):
        module.logic.attach(makeRun(study, {"case1": 0.2, "case2": 0.1, "case3": 0.7}))
        for expected in ("case3", "case1", "case2"):
            panel.ui.nextUncertainButton.click()
            assert panel.session.caseId == expected
            drawAll(panel, strokes())
            panel.ui.saveButton.click()

    def test_a_failed_save_stays(self, scribbling):
        scribbling.ui.saveAndNextButton.click()
        assert scribbling.session.caseId == "case1"


class TestSegmentationOfTheScene:
    def take(self, panel, node) -> None:
        panel.ui.sceneSegmentationSelector.setCurrentNode(node)
        panel.ui.useSegmentationButton.click()

    def own(self, panel, masks) -> slicer.vtkMRMLSegmentationNode:
        """A segmentation a person made elsewhere, with names in other letters."""
        volume = panel.editor.widget.sourceVolumeNode()
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "mine")
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        for name, mask in masks.items():
            segmentId = node.GetSegmentation().AddEmptySegment("", name)
            slicer.util.updateSegmentBinaryLabelmapFromArray(
                mask.astype(np.uint8), node, segmentId, volume
            )
        return node

    def test_it_becomes_the_annotation(self, scribbling, study):
        masks = blocks()
        node = self.own(scribbling, {"Liver": masks[1], "TUMOR": masks[2]})
        self.take(scribbling, node)
        assert scribbling.session.mode == "segment"
        assert scribbling.editor.widget.segmentationNode() is node
        scribbling.ui.saveButton.click()
        expected = np.where(masks[1], 1, np.where(masks[2], 2, 0))
        assert np.array_equal(labelOf(study, "case1"), expected)

    def test_it_stays_the_persons(self, scribbling):
        node = self.own(scribbling, {"Liver": blocks()[1]})
        self.take(scribbling, node)
        scribbling.ui.saveButton.click()
        choose(scribbling, "case2")
        assert node.GetScene() is slicer.mrmlScene
        assert node.GetName() == "mine"

    def test_it_counts_as_unsaved(self, scribbling, study):
        scribbling.question.testingAnswer = DISCARD
        node = self.own(scribbling, {"Liver": blocks()[1]})
        self.take(scribbling, node)
        choose(scribbling, "case2")
        assert study.case("case1").label is None

    def test_classes_it_lacks_get_an_empty_segment(self, scribbling):
        node = self.own(scribbling, {"Liver": blocks()[1]})
        self.take(scribbling, node)
        assert namesOf(node) == ["Liver", "tumor"]

    def test_segments_of_no_class_are_named(self, scribbling):
        node = self.own(scribbling, {"Liver": blocks()[1], "spleen": blocks()[2]})
        self.take(scribbling, node)
        assert "spleen" in scribbling.ui.annotateMessageLabel.text

    def test_without_a_known_class_it_is_refused(self, scribbling):
        node = self.own(scribbling, {"spleen": blocks()[1]})
        self.take(scribbling, node)
        assert "spleen" not in scribbling.ui.annotateMessageLabel.text
        assert "liver, tumor" in scribbling.ui.annotateMessageLabel.text
        assert scribbling.session.mode == "scribble"

    def test_the_drawing_itself_cannot_be_chosen(self, scribbling):
        selector = scribbling.ui.sceneSegmentationSelector
        selector.setCurrentNode(scribbling.editor.widget.segmentationNode())
        assert not scribbling.ui.useSegmentationButton.enabled


class TestCorrecting:
    @pytest.fixture
    def prediction(self, module, study):
        run = makeRun(study, {"case1": 0.2, "case2": 0.5})
        module.logic.attach(run)
        [row] = [row for row in module.logic.listResults() if row.caseId == "case2"]
        return loadResult(study, run, row)

    def reviewOf(self, module, caseId: str) -> str:
        return {row.caseId: row.review for row in module.logic.listResults()}[caseId]

    def test_the_prediction_is_edited_as_a_segmentation(self, module, panel, prediction):
        module.logic.events.emit("correct", "case2", prediction)
        assert panel.editor.widget.segmentationNode() is prediction
        assert panel.ui.segmentButton.checked
        assert module.logic.activeCase == "case2"
        assert panel.editor.widget.sourceVolumeNode().GetName() == "case2"

    def test_saving_a_change_reviews_it_as_corrected(self, module, panel, study, prediction):
        module.logic.events.emit("correct", "case2", prediction)
        draw(panel, 2, blocks()[2])
        panel.ui.saveButton.click()
        assert self.reviewOf(module, "case2") == "corrected"
        assert (labelOf(study, "case2")[blocks()[2]] == 2).all()

    def test_saving_it_as_it_is_accepts_it(self, module, panel, study, prediction):
        module.logic.events.emit("correct", "case2", prediction)
        panel.ui.saveButton.click()
        assert self.reviewOf(module, "case2") == "accepted"
        assert study.cohort.annotation_kind(study.case("case2")) == "labeled"

    def test_leaving_it_as_it_is_asks_nothing(self, module, panel, study, prediction, unasked):
        module.logic.events.emit("correct", "case2", prediction)
        choose(panel, "case3")
        assert study.case("case2").label is None
        assert self.reviewOf(module, "case2") == ""

    def test_it_stays_this_cases_prediction(self, module, panel, prediction):
        before = {name: prediction.GetAttribute(name) for name in prediction.GetAttributeNames()}
        module.logic.events.emit("correct", "case2", prediction)
        panel.ui.saveButton.click()
        choose(panel, "case3")
        after = {name: prediction.GetAttribute(name) for name in prediction.GetAttributeNames()}
        assert prediction.GetScene() is slicer.mrmlScene
        assert after == before

    def test_unsaved_work_is_asked_about_first(self, module, scribbling, prediction):
        scribbling.question.testingAnswer = CANCEL
        drawAll(scribbling, strokes())
        module.logic.events.emit("correct", "case2", prediction)
        assert scribbling.session.caseId == "case1"
        assert drawn(scribbling, 1).any()


class TestCohortChanges:
    def test_a_new_class_gets_a_segment(self, scribbling, study):
        study.setClasses([*study.classes, SegmentClass(3, "vessel")])
        assert "vessel" in namesOf(scribbling.editor.widget.segmentationNode())
        choices = scribbling.ui.boxClassSelector
        assert [choices.itemText(row) for row in range(choices.count)][-1] == "vessel"

    def test_a_new_class_leaves_unsaved_strokes_alone(self, scribbling, study):
        masks = strokes()
        drawAll(scribbling, masks)
        study.setClasses([*study.classes, SegmentClass(3, "vessel")])
        assert np.array_equal(drawn(scribbling, 1), masks[1])
        draw(scribbling, 3, blocks()[2] & ~masks[0] & ~masks[1] & ~masks[2])
        scribbling.ui.saveButton.click()
        assert (labelOf(study, "case1") == 3).any()

    def test_a_renamed_class_renames_its_segment(self, scribbling, study):
        drawAll(scribbling, strokes())
        first, second = study.classes
        study.setClasses([SegmentClass(1, "hepar", (1.0, 0.0, 0.0)), second])
        node = scribbling.editor.widget.segmentationNode()
        segment = node.GetSegmentation().GetSegment(segmentIdOfClass(node, 1))
        assert segment.GetName() == "hepar"
        assert first.name not in namesOf(node)

    def test_an_accepted_prediction_of_the_open_case_is_shown(self, module, scribbling, study):
        run = makeRun(study, {"case1": 0.2})
        module.logic.attach(run)
        module.logic.acceptResults(run, cases=["case1"])
        assert scribbling.session.mode == "segment"
        assert drawn(scribbling, 1)[2:4, 3:6, 3:6].all()

    def test_unsaved_strokes_survive_another_annotation_and_that_is_said(
        self, module, scribbling, study
    ):
        masks = strokes()
        drawAll(scribbling, masks)
        run = makeRun(study, {"case1": 0.2})
        module.logic.attach(run)
        module.logic.acceptResults(run, cases=["case1"])
        testbed.process_events(50)
        assert np.array_equal(drawn(scribbling, 1), masks[1])
        assert "changed in the cohort" in scribbling.ui.annotateMessageLabel.text


class TestSceneLife:
    def test_closing_the_scene_while_drawing(self, module, scribbling, unasked):
        drawAll(scribbling, strokes())
        slicer.mrmlScene.Clear()
        testbed.process_events(1000)
        assert scribbling.session.caseId == ""
        assert scribbling.headline == ""
        assert scribbling.editor.widget.segmentationNode() is None

    def test_a_second_scene_is_drawn_in_like_the_first(self, module, scribbling, study):
        drawAll(scribbling, strokes())
        slicer.mrmlScene.Clear()
        again = module.logic.openCohort(study.path)
        choose(scribbling, "case2")
        expected = drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        assert np.array_equal(labelOf(again, "case2"), expected)

    def test_a_saved_scene_brings_unsaved_strokes_back(self, module, scribbling, tmp_path):
        masks = strokes()
        drawAll(scribbling, masks)
        path = str(tmp_path / "scene.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear()
        slicer.util.loadScene(path)
        testbed.process_events(100)
        assert scribbling.session.caseId == "case1"
        for index, mask in masks.items():
            assert np.array_equal(drawn(scribbling, index), mask)
        assert scribbling.session.unsaved()

    def test_a_reloaded_module_finds_the_drawing(self, application, scribbling, module):
        masks = strokes()
        drawAll(scribbling, masks)
        slicer.util.reloadScriptedModule("SemiWeakSeg")
        testbed.process_events()
        widget = slicer.util.getModuleWidget("SemiWeakSeg")
        widget.enter()
        panel = widget.panels["annotate"]
        assert panel is not scribbling
        assert panel.session.caseId == "case1"
        assert np.array_equal(drawn(panel, 1), masks[1])

    def test_nothing_of_the_panel_is_called_after_cleanup(self, module, scribbling, monkeypatch):
        drawAll(scribbling, strokes())
        scribbling.cleanup()
        monkeypatch.setattr(scribbling.view, "show", lambda *_: pytest.fail("still listening"))
        monkeypatch.setattr(scribbling.view, "say", lambda *_: pytest.fail("still listening"))
        module.logic.setActiveCase("case2")
        scribbling.ui.saveButton.click()
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
        testbed.process_events(1000)

    def test_a_removed_drawing_is_said_and_can_be_opened_again(self, scribbling, study):
        masks = strokes()
        drawAll(scribbling, masks)
        scribbling.ui.saveButton.click()
        slicer.mrmlScene.RemoveNode(scribbling.editor.widget.segmentationNode())
        testbed.process_events(150)
        assert "removed from the scene" in scribbling.ui.annotateMessageLabel.text
        scribbling.ui.scribbleButton.click()
        assert np.array_equal(drawn(scribbling, 1), masks[1])

    def test_a_removed_volume_closes_the_case(self, module, scribbling):
        slicer.mrmlScene.RemoveNode(scribbling.editor.widget.sourceVolumeNode())
        testbed.process_events(150)
        assert scribbling.session.caseId == ""
        choose(scribbling, "case1")
        assert scribbling.editor.widget.sourceVolumeNode().GetName() == "case1"

    def test_drawings_under_a_transform_are_saved_on_the_images_grid(self, scribbling, study):
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        turn = vtk.vtkTransform()
        turn.RotateWXYZ(25.0, 0.0, 1.0, 0.3)
        transform.SetMatrixTransformToParent(turn.GetMatrix())
        for node in (
            scribbling.editor.widget.sourceVolumeNode(),
            scribbling.editor.widget.segmentationNode(),
        ):
            node.SetAndObserveTransformNodeID(transform.GetID())
        expected = drawAll(scribbling, strokes())
        scribbling.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), expected)

    def test_a_script_that_saves_the_open_case_is_followed(self, scribbling, study, unasked):
        from SemiWeakSegLib.scene.annotations import openAnnotation, saveAnnotation

        masks = strokes()
        drawAll(scribbling, masks)
        saveAnnotation(study, openAnnotation(study, study.case("case1"), "scribble"))
        testbed.process_events(50)
        assert not scribbling.session.unsaved()
        choose(scribbling, "case2")
        assert study.case("case1").label is not None


def test_a_new_segmentation_of_the_scene_can_be_used_at_once(scribbling, study):
    volume = scribbling.editor.widget.sourceVolumeNode()
    node = newSegmentation("other", volume, study.classes)
    scribbling.ui.sceneSegmentationSelector.setCurrentNode(node)
    assert scribbling.ui.useSegmentationButton.enabled
