"""Points, through the widgets of Annotate: place, take back, save, come back, make a box."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from SemiWeakSegLib.cohort import Point, SegmentClass
from SemiWeakSegLib.scene.points import classOfList
from Testing import testbed
from Testing.slicer.module.annotating import GRID, choose, drawAll, labelOf, openStudy, strokes

BACKGROUND, LIVER, TUMOR = range(3)
ENDS = ((2, 4, 3), (8, 4, 3), (5, 1, 2), (5, 7, 2), (4, 4, 1), (4, 4, 5))


@pytest.fixture
def study(module, tmp_path):
    return openStudy(module, tmp_path)


@pytest.fixture
def panel(module, study):
    """Annotate with the first case open for points."""
    panel = module.panels["annotate"]
    panel.ui.pointButton.click()
    choose(panel, "case1")
    return panel


def at(*voxel) -> tuple[float, ...]:
    """The middle of a voxel (x, y, z) in LPS."""
    return tuple(np.round(GRID.to_physical(np.array(voxel)), 6).tolist())


def pick(panel, row: int) -> None:
    panel.ui.pointsTable.selectRow(row)


def click(*voxels) -> None:
    """What a click in a view does in the mode of placing: a point in the active list."""
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    assert interaction.GetCurrentInteractionMode() == interaction.Place
    selection = slicer.app.applicationLogic().GetSelectionNode()
    pointList = slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID())
    for voxel in voxels:
        pointList.AddControlPoint(list(np.array(at(*voxel)) * [-1, -1, 1]))


def place(panel, row: int, *voxels) -> None:
    pick(panel, row)
    panel.ui.placePointsButton.setChecked(True)
    click(*voxels)
    panel.ui.placePointsButton.setChecked(False)


def counts(panel) -> list[str]:
    table = panel.ui.pointsTable
    return [table.item(row, 1).text() for row in range(table.rowCount)]


def listOf(panel, index: int):
    return next(each for each in panel.session.points.markups if classOfList(each) == index)


def placing() -> bool:
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    return interaction.GetCurrentInteractionMode() == interaction.Place


class TestPlacing:
    def test_background_and_classes_are_offered_the_first_class_chosen(self, panel):
        table = panel.ui.pointsTable
        names = [table.item(row, 0).text() for row in range(table.rowCount)]
        assert names == ["background", "liver", "tumor"]
        assert table.currentRow() == LIVER
        assert not panel.ui.pointsFrame.isHidden() and panel.ui.editorFrame.isHidden()
        assert panel.headline == "case1, Point"

    def test_the_section_s_title_follows_the_mode(self, module, panel):
        panel.ui.boxButton.click()
        assert module.widget.ui.annotateSection.text.endswith("case1, Box")
        panel.ui.pointButton.click()
        assert module.widget.ui.annotateSection.text.endswith("case1, Point")

    def test_clicks_are_counted_and_saved_with_their_classes(self, panel, study):
        place(panel, TUMOR, (3, 3, 3), (4, 3, 3))
        place(panel, BACKGROUND, (9, 1, 5))
        assert counts(panel) == ["1", "0", "2"]
        panel.ui.saveButton.click()
        assert study.case("case1").points == (
            Point(0, at(9, 1, 5)),
            Point(2, at(3, 3, 3)),
            Point(2, at(4, 3, 3)),
        )
        assert "background 1, tumor 2" in panel.ui.annotateMessageLabel.text
        assert study.cohort.annotation_kind(study.case("case1")) == "scribbled"

    def test_another_row_moves_the_clicks_to_its_class(self, panel):
        pick(panel, LIVER)
        panel.ui.placePointsButton.setChecked(True)
        click((1, 1, 1))
        pick(panel, TUMOR)
        click((2, 2, 2))
        assert counts(panel) == ["0", "1", "1"]
        assert panel.ui.placePointsButton.checked

    def test_the_button_follows_the_mode_of_the_views(self, panel):
        panel.ui.placePointsButton.setChecked(True)
        assert placing()
        slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
        assert not panel.ui.placePointsButton.checked

    @pytest.mark.parametrize("leave", ["mode", "module", "scene", "cohort", "cleanup"])
    def test_clicks_place_nothing_any_more(self, module, panel, leave):
        panel.ui.placePointsButton.setChecked(True)
        if leave == "mode":
            panel.ui.scribbleButton.click()
        elif leave == "cohort":
            module.logic.closeCohort()
        elif leave == "module":
            module.frame.exit()
        elif leave == "scene":
            slicer.mrmlScene.Clear()
        else:
            panel.points.cleanup()
        assert not placing()

    def test_placing_goes_on_in_the_next_case_with_the_same_class(self, panel, study):
        panel.question.testingAnswer = "save"
        pick(panel, TUMOR)
        panel.ui.placePointsButton.setChecked(True)
        click((1, 1, 1))
        panel.ui.nextCaseButton.click()
        click((2, 2, 2))
        panel.ui.saveButton.click()
        assert study.case("case1").points == (Point(2, at(1, 1, 1)),)
        assert study.case("case2").points == (Point(2, at(2, 2, 2)),)
        assert panel.ui.placePointsButton.checked

    def test_placing_something_else_is_left_alone(self, panel):
        panel.ui.placePointsButton.setChecked(True)
        own = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "own")
        slicer.app.applicationLogic().GetSelectionNode().SetActivePlaceNodeID(own.GetID())
        panel.ui.scribbleButton.click()
        assert placing()

    def test_they_can_be_hidden(self, panel):
        import qt

        panel.ui.pointsTable.item(TUMOR, 2).setCheckState(qt.Qt.Unchecked)
        assert not listOf(panel, 2).GetDisplayVisibility()
        assert listOf(panel, 1).GetDisplayVisibility()

    def test_who_places_sees_them(self, panel):
        import qt

        shown = panel.ui.pointsTable.item(TUMOR, 2)
        shown.setCheckState(qt.Qt.Unchecked)
        assert not listOf(panel, TUMOR).GetDisplayVisibility()
        place(panel, TUMOR, (3, 3, 3))
        assert listOf(panel, TUMOR).GetDisplayVisibility()
        assert panel.ui.pointsTable.item(TUMOR, 2).checkState() == qt.Qt.Checked

    def test_a_double_click_goes_from_point_to_point(self, panel):
        place(panel, LIVER, (3, 3, 3), (4, 5, 6))
        view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        view.SetOrientationToAxial()
        for voxel in ((3, 3, 3), (4, 5, 6), (3, 3, 3)):
            panel.ui.pointsTable.cellDoubleClicked.emit(LIVER, 0)
            assert view.GetSliceOffset() == pytest.approx(at(*voxel)[2])


class TestUndo:
    def test_each_click_is_a_step(self, panel):
        place(panel, LIVER, (1, 1, 1), (2, 2, 2))
        place(panel, TUMOR, (3, 3, 3))
        for expected in (["0", "2", "0"], ["0", "1", "0"], ["0", "0", "0"]):
            panel.ui.undoPointButton.click()
            assert counts(panel) == expected
        assert not panel.ui.undoPointButton.enabled

    def test_clearing_a_class_is_one_step(self, panel):
        place(panel, TUMOR, (3, 3, 3))
        place(panel, LIVER, (1, 1, 1), (2, 2, 2))
        panel.ui.clearPointsButton.click()
        assert counts(panel) == ["0", "0", "1"]
        panel.ui.undoPointButton.click()
        assert counts(panel) == ["0", "2", "1"]

    def test_a_drag_is_one_step(self, panel, study):
        place(panel, LIVER, (1, 1, 1))
        pointList = listOf(panel, 1)
        for voxel in ((2, 2, 2), (3, 3, 3)):
            pointList.SetNthControlPointPosition(0, *(np.array(at(*voxel)) * [-1, -1, 1]))
        testbed.process_events(400)
        panel.ui.undoPointButton.click()
        panel.ui.saveButton.click()
        assert study.case("case1").points == (Point(1, at(1, 1, 1)),)

    def test_points_deleted_in_the_views_come_back(self, panel):
        place(panel, LIVER, (1, 1, 1), (2, 2, 2))
        listOf(panel, 1).RemoveNthControlPoint(0)
        assert counts(panel) == ["0", "1", "0"]
        panel.ui.undoPointButton.click()
        assert counts(panel) == ["0", "2", "0"]


class TestCase:
    def test_reopening_shows_them_and_asks_nothing(self, panel, study, monkeypatch):
        place(panel, LIVER, (1, 1, 1), (2, 2, 2))
        panel.ui.saveButton.click()
        monkeypatch.setattr(panel.question, "ask", lambda *_, **__: pytest.fail("asked"))
        saved = study.case("case1").points
        choose(panel, "case2")
        assert counts(panel) == ["0", "0", "0"]
        choose(panel, "case1")
        assert counts(panel) == ["0", "2", "0"]
        place(panel, TUMOR, (5, 5, 5))
        panel.ui.saveButton.click()
        assert study.case("case1").points[:2] == saved

    def test_unsaved_points_are_asked_about(self, panel, study):
        panel.question.testingAnswer = "save"
        place(panel, LIVER, (1, 1, 1))
        choose(panel, "case2")
        assert len(study.case("case1").points) == 1

    def test_revert_shows_what_was_saved(self, panel, monkeypatch):
        monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda *_, **__: True)
        place(panel, LIVER, (1, 1, 1))
        panel.ui.saveButton.click()
        place(panel, LIVER, (2, 2, 2))
        panel.ui.revertButton.click()
        assert counts(panel) == ["0", "1", "0"]
        assert panel.session.mode == "point"

    def test_strokes_and_points_of_a_case_are_saved_together(self, panel, study):
        panel.ui.scribbleButton.click()
        expected = drawAll(panel, strokes())
        panel.ui.pointButton.click()
        place(panel, LIVER, (0, 0, 0))
        panel.ui.saveButton.click()
        assert np.array_equal(labelOf(study, "case1"), expected)
        assert len(study.case("case1").points) == 1
        study.undo()
        assert study.case("case1").label is None and study.case("case1").points == ()
        assert counts(panel) == ["0", "0", "0"]

    def test_a_point_outside_the_image_is_not_saved(self, panel, study):
        place(panel, LIVER, (20, 3, 3))
        panel.ui.saveButton.click()
        assert "outside the image" in panel.ui.annotateMessageLabel.text
        assert study.case("case1").points == ()

    def test_a_deleted_list_comes_back_empty(self, panel):
        place(panel, LIVER, (1, 1, 1))
        slicer.mrmlScene.RemoveNode(listOf(panel, 1))
        testbed.process_events(150)
        assert counts(panel) == ["0", "0", "0"]
        assert panel.session.mode == "point"

    def test_a_renamed_class_renames_its_points(self, panel, study):
        place(panel, LIVER, (1, 1, 1))
        study.setClasses([SegmentClass(1, "hepar", (1.0, 0.0, 0.0)), study.classes[1]])
        pointList = listOf(panel, 1)
        assert pointList.GetName() == pointList.GetNthControlPointLabel(0) == "hepar"
        assert pointList.GetDisplayNode().GetSelectedColor() == pytest.approx((1.0, 0.0, 0.0))
        assert panel.ui.pointsTable.item(1, 0).text() == "hepar"

    def test_a_class_s_new_color_is_followed_and_a_person_s_own_name_stays(self, panel, study):
        place(panel, LIVER, (1, 1, 1))
        listOf(panel, 2).SetName("mine")
        study.setClasses([SegmentClass(1, "liver", (1.0, 0.0, 0.0)), study.classes[1]])
        assert listOf(panel, 1).GetDisplayNode().GetSelectedColor() == pytest.approx((1.0, 0, 0))
        assert listOf(panel, 2).GetName() == "mine"

    def test_a_new_class_can_be_pointed_at(self, panel, study):
        place(panel, LIVER, (1, 1, 1))
        study.setClasses([*study.classes, SegmentClass(3, "vessel")])
        assert counts(panel) == ["0", "1", "0", "0"]
        place(panel, 3, (5, 5, 5))
        panel.ui.saveButton.click()
        assert study.case("case1").points[-1] == Point(3, at(5, 5, 5))

    def test_the_way_of_working_is_kept(self, module, panel):
        assert module.logic.getParameterNode().annotationMode == "point"

    def test_a_saved_scene_brings_unsaved_points_back(self, panel, tmp_path):
        place(panel, LIVER, (1, 1, 1), (2, 2, 2))
        path = str(tmp_path / "scene.mrb")
        assert slicer.util.saveScene(path)
        slicer.mrmlScene.Clear()
        slicer.util.loadScene(path)
        testbed.process_events(100)
        assert panel.session.caseId == "case1"
        panel.ui.pointButton.click()
        assert counts(panel) == ["0", "2", "0"]
        assert panel.session.unsaved()


class TestClashes:
    def rows(self, panel) -> list[tuple[str, str]]:
        table = panel.ui.overlapsTable
        return [(table.item(r, 0).text(), table.item(r, 1).text()) for r in range(table.rowCount)]

    def test_two_classes_in_a_voxel_are_listed_once_the_hand_rests(self, panel):
        place(panel, LIVER, (3, 3, 3))
        place(panel, BACKGROUND, (3, 3, 3))
        testbed.process_events(400)
        assert self.rows(panel) == [("background and liver", "1")]
        assert "point" in panel.ui.overlapsLabel.text
        panel.ui.clearPointsButton.click()
        assert self.rows(panel) == []
        assert panel.ui.overlapsFrame.isHidden()

    def test_a_point_on_a_saved_stroke_is_listed_and_told_when_saved(self, panel, study):
        panel.ui.scribbleButton.click()
        drawAll(panel, strokes())
        panel.ui.saveButton.click()
        panel.ui.pointButton.click()
        place(panel, TUMOR, (4, 3, 3))  # the background's stroke
        panel.ui.saveButton.click()
        assert self.rows(panel) == [("background and tumor", "1")]
        assert "1 points contradict" in panel.ui.annotateMessageLabel.text

    def test_a_click_shows_the_place(self, panel):
        view = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceNode")
        view.SetOrientationToAxial()
        place(panel, LIVER, (3, 4, 5))
        place(panel, TUMOR, (3, 4, 5))
        testbed.process_events(400)
        panel.ui.overlapsTable.cellClicked.emit(0, 0)
        assert view.GetSliceOffset() == pytest.approx(at(3, 4, 5)[2])

    def test_they_are_gone_in_another_mode(self, panel):
        place(panel, LIVER, (3, 3, 3))
        place(panel, TUMOR, (3, 3, 3))
        testbed.process_events(400)
        panel.ui.boxButton.click()
        assert panel.ui.overlapsFrame.isHidden()


class TestBoxFromPoints:
    def test_the_box_holds_the_outermost_voxels_and_is_saved(self, panel, study):
        place(panel, TUMOR, *ENDS)
        panel.ui.boxFromPointsButton.click()
        assert "box of tumor" in panel.ui.annotateMessageLabel.text
        assert panel.session.mode == "point"
        panel.ui.saveButton.click()
        case = study.case("case1")
        [box] = case.boxes
        assert box.class_index == 2 and len(case.points) == 6
        corners = GRID.to_indices(box.corners())
        assert np.allclose(corners.min(axis=0), [1.5, 0.5, 0.5], atol=1e-4)
        assert np.allclose(corners.max(axis=0), [8.5, 7.5, 5.5], atol=1e-4)

    def test_it_is_listed_among_the_boxes(self, panel):
        place(panel, TUMOR, *ENDS)
        panel.ui.boxFromPointsButton.click()
        panel.ui.boxButton.click()
        assert panel.ui.boxesTable.item(0, 0).text() == "tumor"

    def test_too_few_points_are_said(self, panel):
        place(panel, TUMOR, *ENDS[:5])
        panel.ui.boxFromPointsButton.click()
        assert "6 extreme points" in panel.ui.annotateMessageLabel.text
        assert slicer.util.getNodesByClass("vtkMRMLMarkupsROINode") == []

    def test_there_is_none_of_the_background(self, panel):
        place(panel, BACKGROUND, *ENDS)
        assert not panel.ui.boxFromPointsButton.enabled


def test_points_under_a_transform_are_saved_where_they_lie_in_the_image(panel, study):
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    turn = vtk.vtkTransform()
    turn.RotateWXYZ(25.0, 0.0, 1.0, 0.3)
    transform.SetMatrixTransformToParent(turn.GetMatrix())
    panel.session.volume.SetAndObserveTransformNodeID(transform.GetID())
    place(panel, LIVER, (3, 3, 3))
    listOf(panel, 1).ApplyTransformMatrix(turn.GetMatrix())
    panel.ui.saveButton.click()
    assert study.case("case1").points == (Point(1, at(3, 3, 3)),)
