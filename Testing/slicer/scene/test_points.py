"""Points as point lists and back, and annotating a case with them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from SemiWeakSegLib.cohort import Point, SegmentClass, write_label
from SemiWeakSegLib.scene.annotations import (
    addBoxOfPoints,
    closeAnnotation,
    isModified,
    openAnnotation,
    saveAnnotation,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import setGrid
from SemiWeakSegLib.scene.point_clashes import asOverlaps, placeOf, pointClashes
from SemiWeakSegLib.scene.points import (
    addPoints,
    classOfList,
    newPointList,
    placedIndices,
    pointsOfList,
)
from SemiWeakSegLib.scene.rois import boxOfRoi
from SemiWeakSegLib.scene.segments import Overlap
from SemiWeakSegLib.scene.volumes import bindVolume, loadCase
from Testing.slicer.scene.studies import (
    AFFINE,
    CLASSES,
    GRIDS,
    RIGID,
    bent_transform,
    study_of,
    study_on,
    transform,
    volume_on,
)
from Testing.slicer.scene.test_mrb import save_and_load

OFF = (0.2, -0.31, 0.4)
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def at(grid, *voxel) -> tuple[float, ...]:
    """A place in a voxel (x, y, z), off its middle, with the decimals that are kept."""
    return tuple(np.round(grid.to_physical(np.add(voxel, OFF)), 6).tolist())


def some(grid) -> list[Point]:
    return [Point(1, at(grid, 2, 3, 1)), Point(1, at(grid, 10, 8, 6)), Point(1, at(grid, 0, 0, 0))]


def list_of(points, volume):
    pointList = newPointList(volume, CLASSES[points[0].class_index - 1])
    addPoints(pointList, points, volume)
    return pointList


def world(pointList) -> np.ndarray:
    """By Slicer's own account, RAS."""
    return slicer.util.arrayFromMarkupsControlPoints(pointList, world=True)


def lists(annotation) -> dict:
    return {classOfList(each): each for each in annotation.markups}


def place(pointList, *positions) -> None:
    """As clicks do, LPS without transforms."""
    for position in positions:
        pointList.AddControlPoint([float(value) for value in np.array(position) * LPS_TO_RAS])


class TestRoundTrip:
    @pytest.mark.parametrize("grid", GRIDS)
    def test_points_come_back_equal(self, slicerScene, grid):
        volume = volume_on(GRIDS[grid])
        points = some(GRIDS[grid])
        assert pointsOfList(list_of(points, volume), volume, CLASSES) == points

    def test_slicer_shows_them_where_they_are(self, slicerScene):
        volume = volume_on(GRIDS["oblique"])
        points = some(GRIDS["oblique"])
        wanted = np.array([point.position for point in points]) * LPS_TO_RAS
        assert np.allclose(world(list_of(points, volume)), wanted)

    @pytest.mark.parametrize("matrix", [RIGID, AFFINE], ids=["rigid", "affine"])
    def test_under_a_common_transform_and_taken_out_of_it(self, slicerScene, matrix):
        volume = volume_on(GRIDS["flipped"])
        volume.SetAndObserveTransformNodeID(transform(matrix).GetID())
        points = some(GRIDS["flipped"])
        pointList = list_of(points, volume)
        assert pointsOfList(pointList, volume, CLASSES) == points
        before = world(pointList)
        pointList.HardenTransform()
        assert np.allclose(world(pointList), before)
        assert pointsOfList(pointList, volume, CLASSES) == points

    def test_a_centred_volume_moves_its_points_along(self, slicerScene, tmp_path):
        grid = GRIDS["oblique"]
        study = study_on(tmp_path, grid)
        volume = loadCase(study.case("a"))
        setGrid(volume, type(grid)(grid.size, grid.spacing, (0.0, 0.0, 0.0), grid.direction))
        bindVolume(volume, study.case("a"))
        points = some(grid)
        pointList = list_of(points, volume)
        wanted = np.array([point.position for point in points]) - grid.origin
        assert np.allclose(world(pointList), wanted * LPS_TO_RAS)
        assert pointsOfList(pointList, volume, CLASSES) == points

    def test_the_point_at_the_cursor_is_none_yet(self, slicerScene):
        volume = volume_on(GRIDS["axial"])
        pointList = list_of(some(GRIDS["axial"])[:1], volume)
        index = pointList.AddControlPoint([0.0, 0.0, 0.0])
        pointList.UnsetNthControlPointPosition(index)
        assert placedIndices(pointList) == [0]
        assert len(pointsOfList(pointList, volume, CLASSES)) == 1


class TestNodes:
    @pytest.mark.parametrize("segmentClass", [*CLASSES, SegmentClass(4, "100 % %s %N %d")])
    def test_new_points_are_called_and_coloured_as_the_class(self, slicerScene, segmentClass):
        pointList = newPointList(volume_on(GRIDS["axial"]), segmentClass)
        pointList.AddControlPoint([0.0, 0.0, 0.0])
        assert pointList.GetName() == segmentClass.name
        label = pointList.GetNthControlPointLabel(0)  # Slicer cuts long ones
        assert label == segmentClass.name.replace("%", "％")[: len(label)] and len(label) > 4
        display = pointList.GetDisplayNode()
        assert display.GetPointLabelsVisibility()
        if segmentClass.color:
            assert display.GetSelectedColor() == pytest.approx(segmentClass.color)

    def test_a_point_outside_is_refused_with_its_list(self, slicerScene):
        grid = GRIDS["oblique"]
        volume = volume_on(grid)
        pointList = list_of([Point(1, at(grid, 2, 2, 2)), Point(1, at(grid, 10, 8, 7))], volume)
        with pytest.raises(SceneError, match='1 of the points of "liver" lie outside the image'):
            pointsOfList(pointList, volume, CLASSES)

    def test_a_list_of_no_class_is_refused_unless_it_is_empty(self, slicerScene):
        volume = volume_on(GRIDS["axial"])
        pointList = slicerScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
        assert pointsOfList(pointList, volume, CLASSES) == []
        pointList.AddControlPoint([-1.0, -1.0, 1.0])
        with pytest.raises(SceneError, match='Point list "F" says no class'):
            pointsOfList(pointList, volume, CLASSES)

    def test_a_bent_transform_is_refused(self, slicerScene):
        volume = volume_on(GRIDS["axial"])
        pointList = list_of(some(GRIDS["axial"]), volume)
        pointList.SetAndObserveTransformNodeID(bent_transform().GetID())
        with pytest.raises(SceneError, match="not linear"):
            pointsOfList(pointList, volume, CLASSES)


class TestAnnotating:
    @pytest.mark.parametrize("grid", ["axial", "oblique", "flipped"])
    def test_what_is_placed_is_saved_and_reopened_equal(self, slicerScene, tmp_path, grid):
        grid = GRIDS[grid]
        study = study_on(tmp_path, grid)
        annotation = openAnnotation(study, study.case("a"), "point")
        assert list(lists(annotation)) == [0, 1, 2, 3]
        assert not isModified(annotation)
        place(lists(annotation)[1], at(grid, 3, 3, 3), at(grid, 4, 3, 3))
        place(lists(annotation)[0], at(grid, 9, 1, 5))
        assert isModified(annotation)
        report = saveAnnotation(study, annotation)
        assert (report.path, report.counts, report.mode) == (None, {0: 1, 1: 2}, "point")
        saved = study.case("a").points
        wanted = (Point(0, at(grid, 9, 1, 5)), Point(1, at(grid, 3, 3, 3)))
        assert saved == (*wanted, Point(1, at(grid, 4, 3, 3)))
        assert study.cohort.annotation_kind(study.case("a")) == "scribbled"
        closeAnnotation(annotation)
        assert slicer.util.getNodesByClass("vtkMRMLMarkupsFiducialNode") == []
        again = openAnnotation(study, study.case("a"), "point")
        assert not isModified(again)
        place(lists(again)[2], at(grid, 5, 5, 5))
        saveAnnotation(study, again)
        assert study.case("a").points == (*saved, Point(2, at(grid, 5, 5, 5)))

    def test_a_point_that_was_dragged_or_deleted_counts(self, slicerScene, tmp_path):
        grid = GRIDS["axial"]
        study = study_on(tmp_path, grid)
        study.setPoints("a", some(grid))
        annotation = openAnnotation(study, study.case("a"), "point")
        pointList = lists(annotation)[1]
        x, y, z = pointList.GetNthControlPointPosition(0)[:3]
        pointList.SetNthControlPointPosition(0, x - 1.0, y, z)
        assert isModified(annotation)
        pointList.SetNthControlPointPosition(0, x, y, z)
        assert not isModified(annotation)
        pointList.RemoveAllControlPoints()
        saveAnnotation(study, annotation)
        assert study.case("a").points == ()

    def test_no_point_is_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        with pytest.raises(SceneError, match="Case a: no point is placed"):
            saveAnnotation(study, openAnnotation(study, study.case("a"), "point"))

    def test_points_of_a_picture_are_flat(self, slicerScene, tmp_path):
        path = tmp_path / "i.png"
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((40, 50), np.uint8)), str(path))
        study = study_of(tmp_path, {"a": path})
        annotation = openAnnotation(study, study.case("a"), "point")
        lists(annotation)[1].AddControlPoint([-20.0, -15.25, 0.0])
        saveAnnotation(study, annotation)
        assert study.case("a").points == (Point(1, (20.0, 15.25)),)
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "point")
        assert not isModified(again)
        lists(again)[2].AddControlPoint([-20.0, -15.25, 3.0])
        with pytest.raises(SceneError, match="outside the image"):
            saveAnnotation(study, again)

    def test_unsaved_points_go_on_after_reloading_the_scene(self, slicerScene, tmp_path):
        grid = GRIDS["oblique"]
        study = study_on(tmp_path, grid)
        study.setPoints("a", some(grid))
        annotation = openAnnotation(study, study.case("a"), "point")
        place(lists(annotation)[2], at(grid, 5, 5, 5))
        save_and_load(tmp_path)
        again = openAnnotation(study, study.case("a"), "point")
        assert list(lists(again)) == [0, 1, 2, 3]
        assert isModified(again)
        saveAnnotation(study, again)
        found = study.case("a").points
        wanted = [*some(grid), Point(2, at(grid, 5, 5, 5))]
        assert [each.class_index for each in found] == [1, 1, 1, 2]
        assert np.allclose([p.position for p in found], [p.position for p in wanted], atol=1e-4)

    def test_points_that_changed_elsewhere_replace_the_saved_ones_only(self, slicerScene, tmp_path):
        grid = GRIDS["axial"]
        study = study_on(tmp_path, grid)
        annotation = openAnnotation(study, study.case("a"), "point")
        kept, unsaved = lists(annotation)[1], lists(annotation)[2]
        place(kept, at(grid, 1, 1, 1))
        saveAnnotation(study, annotation)
        place(unsaved, at(grid, 2, 2, 2))
        study.setPoints("a", [Point(3, at(grid, 5, 5, 5))])
        again = openAnnotation(study, study.case("a"), "point")
        assert kept.GetScene() is None
        assert unsaved.GetScene() is not None and unsaved.GetName().endswith("(not saved)")
        counts = {i: each.GetNumberOfControlPoints() for i, each in lists(again).items()}
        assert counts == {0: 0, 1: 0, 2: 0, 3: 1}
        assert not isModified(again)

    def test_points_follow_their_class_to_another_number(self, slicerScene, tmp_path):
        grid = GRIDS["axial"]
        study = study_on(tmp_path, grid, classes=CLASSES[:2])
        annotation = openAnnotation(study, study.case("a"), "point")
        pointList = lists(annotation)[2]
        place(pointList, at(grid, 1, 1, 1))
        study.setClasses([SegmentClass(1, CLASSES[1].name), SegmentClass(2, "new")])
        assert classOfList(pointList) == 1

    def test_a_class_that_points_use_cannot_go(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        study.setPoints("a", some(GRIDS["axial"]))
        with pytest.raises(SceneError, match=r"liver.*is used by a"):
            study.setClasses([SegmentClass(1, CLASSES[1].name)])

    def test_points_of_an_unknown_class_are_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        with pytest.raises(SceneError, match="no class 7"):
            study.setPoints("a", [Point(0, (1.0, 1.0, 1.0)), Point(7, (1.0, 1.0, 1.0))])


class TestClashes:
    GRID = GRIDS["flipped"]

    def test_two_points_of_other_classes_in_a_voxel(self, slicerScene):
        grid = self.GRID
        points = [
            Point(2, at(grid, 3, 3, 3)),
            Point(2, at(grid, 3, 3, 3)),
            Point(1, tuple(grid.to_physical(np.array([3, 3, 3])).tolist())),
            Point(1, at(grid, 3, 4, 3)),
        ]
        volume = volume_on(grid)
        clashes = pointClashes(points, volume)
        assert asOverlaps(clashes) == [Overlap(1, 2, 1)]
        assert np.allclose(placeOf(clashes[0].point, volume), points[2].position * LPS_TO_RAS)

    def test_a_point_on_a_stroke_of_another_class(self, slicerScene):
        grid = self.GRID
        label = np.full(grid.array_shape, 255, np.uint8)
        label[1, 2, 3], label[1, 2, 4] = 0, 1
        points = [Point(1, at(grid, 3, 2, 1)), Point(1, at(grid, 4, 2, 1)), *some(grid)]
        assert asOverlaps(pointClashes(points, volume_on(grid), label)) == [Overlap(0, 1, 1)]

    def test_saving_reports_them(self, slicerScene, tmp_path):
        grid = self.GRID
        study = study_on(tmp_path, grid)
        label = np.zeros(grid.array_shape, np.uint8)
        write_label(tmp_path / "label.nii.gz", label, grid)
        study.setLabel("a", tmp_path / "label.nii.gz")
        annotation = openAnnotation(study, study.case("a"), "point")
        place(lists(annotation)[2], at(grid, 5, 5, 5), at(grid, 6, 5, 5))
        assert saveAnnotation(study, annotation).overlaps == [Overlap(0, 2, 2)]


class TestBoxOfPoints:
    def test_it_holds_the_outermost_voxels_along_the_images_axes(self, slicerScene, tmp_path):
        grid = GRIDS["flipped"]
        study = study_on(tmp_path, grid)
        points = openAnnotation(study, study.case("a"), "point")
        boxes = openAnnotation(study, study.case("a"), "box")
        ends = [(2, 4, 3), (8, 4, 3), (5, 1, 2), (5, 7, 2), (4, 4, 1), (4, 4, 5)]
        place(lists(points)[2], *grid.to_physical(np.array(ends)))
        box = boxOfRoi(addBoxOfPoints(boxes, points, 2), boxes.volume)
        assert box.class_index == 2
        corners = grid.to_indices(box.corners())
        assert np.allclose(corners.min(axis=0), [1.5, 0.5, 0.5], atol=1e-6)
        assert np.allclose(corners.max(axis=0), [8.5, 7.5, 5.5], atol=1e-6)
        assert isModified(boxes)
        saveAnnotation(study, boxes)
        assert len(study.case("a").boxes) == 1

    def test_too_few_points_are_refused_with_their_number(self, slicerScene, tmp_path):
        grid = GRIDS["axial"]
        study = study_on(tmp_path, grid)
        points = openAnnotation(study, study.case("a"), "point")
        boxes = openAnnotation(study, study.case("a"), "box")
        place(lists(points)[1], *(at(grid, 2, 2, n) for n in range(5)))
        with pytest.raises(SceneError, match=r"Case a: a box needs 6 extreme points.* found 5"):
            addBoxOfPoints(boxes, points, 1)
        assert boxes.markups == []


class TestTags:
    def test_several_cases_are_tagged_in_one_step(self, slicerScene, tmp_path):
        study = study_of(tmp_path, {"a": tmp_path / "a.nii", "b": tmp_path / "b.nii"})
        study.setTags("b", present=[1], absent=[2])
        study.tagCases(["a", "b"], 2, "present")
        assert (study.case("a").present, study.case("a").absent) == ((2,), ())
        assert (study.case("b").present, study.case("b").absent) == ((1, 2), ())
        study.tagCases(["a", "b"], 2, None)
        assert (study.case("a").present, study.case("b").present) == ((), (1,))
        study.undo()
        study.undo()
        assert (study.case("a").present, study.case("b").absent) == ((), (2,))
