"""Boxes as ROI nodes and back: the same corners in the image file's space."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import vtk
from scipy.spatial.transform import Rotation

from SemiWeakSegLib.cohort import Box, Case
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import arrayOf, setGrid, worldFromLocal
from SemiWeakSegLib.scene.rois import boxOfRoi, classOfRoi, roiOfBox
from SemiWeakSegLib.scene.volumes import bindVolume, loadCase
from Testing.slicer.scene.studies import (
    AFFINE,
    CLASSES,
    GRIDS,
    RIGID,
    bent_transform,
    noise,
    transform,
    volume_on,
    write,
)

TURNED = Rotation.from_euler("zxy", (25, 40, -70), degrees=True).as_matrix()
BOXES = {
    "upright": Box(1, (3.0, -4.0, 12.0), (6.0, 8.0, 10.0), tuple(map(tuple, np.eye(3)))),
    "turned": Box(2, (-7.5, 2.25, 1.0), (3.0, 14.0, 5.0), tuple(map(tuple, TURNED))),
    "left-handed": Box(
        3, (0.0, 9.0, -4.0), (2.0, 3.0, 4.0), tuple(map(tuple, np.diag([1, -1, 1]) @ TURNED))
    ),
}


def same(one: Box, other: Box) -> bool:
    """The same corners, in whatever order."""
    apart = np.linalg.norm(one.corners()[:, None] - other.corners()[None], axis=-1)
    return one.class_index == other.class_index and bool(np.all(apart.min(axis=0) < 1e-6))


def world_corners(roi) -> np.ndarray:
    """By Slicer's own matrix and size, RAS."""
    signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1)
    toWorld = arrayOf(roi.GetObjectToWorldMatrix())
    return (toWorld[:3, :3] @ (signs * np.reshape(roi.GetSize(), (3, 1)))).T + toWorld[:3, 3]


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES)
class TestRoundTrip:
    @pytest.mark.parametrize("grid", GRIDS)
    def test_a_box_comes_back(self, slicerScene, box, grid):
        volume = volume_on(GRIDS[grid])
        assert same(boxOfRoi(roiOfBox(box, volume, CLASSES), volume), box)

    def test_slicer_shows_its_corners(self, slicerScene, box):
        volume = volume_on(GRIDS["oblique"])
        roi = roiOfBox(box, volume, CLASSES)
        apart = np.linalg.norm(
            world_corners(roi)[:, None] * [-1, -1, 1] - box.corners()[None], axis=-1
        )
        assert np.all(apart.min(axis=0) < 1e-6)

    @pytest.mark.parametrize("matrix", [RIGID, AFFINE], ids=["rigid", "affine"])
    def test_under_a_common_transform(self, slicerScene, box, matrix):
        volume = volume_on(GRIDS["flipped"])
        volume.SetAndObserveTransformNodeID(transform(matrix).GetID())
        roi = roiOfBox(box, volume, CLASSES)
        assert roi.GetTransformNodeID() == volume.GetTransformNodeID()
        assert same(boxOfRoi(roi, volume), box)

    def test_taken_out_of_a_rigid_transform(self, slicerScene, box):
        volume = volume_on(GRIDS["flipped"])
        volume.SetAndObserveTransformNodeID(transform(RIGID).GetID())
        roi = roiOfBox(box, volume, CLASSES)
        before = world_corners(roi)
        roi.HardenTransform()
        assert roi.GetParentTransformNode() is None
        assert np.allclose(np.sort(world_corners(roi), axis=0), np.sort(before, axis=0))
        assert same(boxOfRoi(roi, volume), box)

    def test_the_volume_alone_under_a_rigid_transform(self, slicerScene, box):
        volume = volume_on(GRIDS["oblique"])
        roi = roiOfBox(box, volume, CLASSES)
        volume.SetAndObserveTransformNodeID(transform(RIGID).GetID())
        corners = np.c_[world_corners(roi), np.ones(8)] @ np.linalg.inv(RIGID).T
        found = boxOfRoi(roi, volume).corners()
        apart = np.linalg.norm(found[:, None] - corners[None, :, :3] * [-1, -1, 1], axis=-1)
        assert np.all(apart.min(axis=0) < 1e-6)


class TestShear:
    def test_the_box_encloses_an_roi_that_is_sheared(self, slicerScene):
        volume = volume_on(GRIDS["oblique"])
        roi = roiOfBox(BOXES["turned"], volume, CLASSES)
        volume.SetAndObserveTransformNodeID(transform(AFFINE).GetID())
        box = boxOfRoi(roi, volume)
        corners = np.c_[world_corners(roi), np.ones(8)] @ np.linalg.inv(AFFINE).T
        assert np.all(box.contains(corners[:, :3] * [-1, -1, 1]))
        axes = np.array(box.axes)
        assert np.allclose(axes @ axes.T, np.eye(3))
        assert np.prod(box.size) < 3 * np.prod(BOXES["turned"].size)


class TestNodes:
    def test_name_colour_class_and_place_are_the_classes_and_volumes(self, slicerScene):
        volume = volume_on(GRIDS["axial"])
        roi = roiOfBox(BOXES["turned"], volume, CLASSES)
        assert roi.GetName() == CLASSES[1].name
        assert roi.GetDisplayNode().GetSelectedColor() == pytest.approx(CLASSES[1].color)
        assert classOfRoi(roi) == 2
        hierarchy = slicerScene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
        parents = {
            hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in (roi, volume)
        }
        assert len(parents) == 1

    def test_a_box_of_no_class_is_refused(self, slicerScene):
        with pytest.raises(SceneError, match="no class 1"):
            roiOfBox(BOXES["upright"], volume_on(GRIDS["axial"]), CLASSES[1:])

    def test_an_roi_without_class_is_refused_by_name(self, slicerScene):
        roi = slicerScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "R")
        with pytest.raises(SceneError, match='ROI "R" says no class'):
            boxOfRoi(roi, volume_on(GRIDS["axial"]))

    def test_an_roi_without_extent_is_refused(self, slicerScene):
        volume = volume_on(GRIDS["axial"])
        roi = roiOfBox(BOXES["upright"], volume, CLASSES)
        roi.SetSize(0, 0, 0)
        with pytest.raises(SceneError, match="no extent"):
            boxOfRoi(roi, volume)

    def test_a_bent_transform_is_refused(self, slicerScene):
        volume = volume_on(GRIDS["axial"])
        roi = roiOfBox(BOXES["upright"], volume, CLASSES)
        roi.SetAndObserveTransformNodeID(bent_transform().GetID())
        with pytest.raises(SceneError, match="not linear"):
            boxOfRoi(roi, volume)


class TestImageFile:
    def test_a_left_handed_image_that_slicer_turned_round(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nrrd", noise(GRIDS["flipped"]), GRIDS["flipped"])
        volume = loadCase(Case(id="c", images=(path,)))
        assert same(boxOfRoi(roiOfBox(BOXES["turned"], volume, CLASSES), volume), BOXES["turned"])

    def test_a_centred_volume_moves_its_boxes_along(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nrrd", noise(GRIDS["oblique"]), GRIDS["oblique"])
        case = Case(id="c", images=(path,))
        volume = loadCase(case)
        grid = GRIDS["oblique"]
        setGrid(volume, type(grid)(grid.size, grid.spacing, (0.0, 0.0, 0.0), grid.direction))
        bindVolume(volume, case)
        roi = roiOfBox(BOXES["turned"], volume, CLASSES)
        moved = np.array(roi.GetCenterWorld()) * [-1, -1, 1] + grid.origin
        assert np.allclose(moved, BOXES["turned"].center)
        assert same(boxOfRoi(roi, volume), BOXES["turned"])

    def test_a_hardened_volume_turns_its_boxes_along(self, slicerScene, tmp_path):
        path = write(tmp_path / "i.nrrd", noise(GRIDS["oblique"]), GRIDS["oblique"])
        volume = loadCase(Case(id="c", images=(path,)))
        roi = roiOfBox(BOXES["turned"], volume, CLASSES)
        for node in (volume, roi):
            node.SetAndObserveTransformNodeID(transform(RIGID).GetID())
            node.HardenTransform()
        assert np.allclose(worldFromLocal(volume), np.eye(4))
        assert same(boxOfRoi(roi, volume), BOXES["turned"])


class TestPictures:
    def picture(self, tmp_path):
        path = tmp_path / "i.png"
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((40, 50), np.uint8)), str(path))
        return loadCase(Case(id="c", images=(path,)))

    def flat(self, degrees: float) -> Box:
        turn = Rotation.from_euler("z", degrees, degrees=True).as_matrix()[:2, :2]
        return Box(1, (20.0, 15.5), (8.0, 5.0), tuple(map(tuple, turn)))

    @pytest.mark.parametrize("degrees", [0, 30, 100])
    def test_a_flat_box_comes_back(self, slicerScene, tmp_path, degrees):
        volume = self.picture(tmp_path)
        roi = roiOfBox(self.flat(degrees), volume, CLASSES)
        bounds = [0.0] * 6
        roi.GetRASBounds(bounds)
        assert bounds[4:] == pytest.approx([-0.5, 0.5]), "it lies on the one slice"
        found = boxOfRoi(roi, volume, dimension=2)
        assert found.dimension == 2 and same(found, self.flat(degrees))

    def test_an_roi_that_was_drawn_thicker_and_higher_is_cut(self, slicerScene, tmp_path):
        volume = self.picture(tmp_path)
        roi = roiOfBox(self.flat(30), volume, CLASSES)
        roi.SetSize(8, 5, 60)
        roi.SetCenter(-20, -15.5, 13)
        assert same(boxOfRoi(roi, volume, dimension=2), self.flat(30))

    def test_an_roi_off_the_picture_is_refused(self, slicerScene, tmp_path):
        volume = self.picture(tmp_path)
        roi = roiOfBox(self.flat(30), volume, CLASSES)
        roi.SetCenter(-20, -15.5, 13)
        with pytest.raises(SceneError, match="does not touch the picture"):
            boxOfRoi(roi, volume, dimension=2)


def test_an_roi_dragged_by_a_user_is_read_where_it_is(slicerScene):
    """As the handles do it: a transform of the object, then another size."""
    volume = volume_on(GRIDS["oblique"])
    roi = roiOfBox(BOXES["upright"], volume, CLASSES)
    drag = vtk.vtkTransform()
    drag.RotateWXYZ(33, 1, 2, 3)
    drag.Translate(4, 5, 6)
    roi.ApplyTransform(drag)
    roi.SetSize(7, 9, 2)
    found = boxOfRoi(roi, volume)
    corners = world_corners(roi) * [-1, -1, 1]
    apart = np.linalg.norm(found.corners()[:, None] - corners[None], axis=-1)
    assert np.all(apart.min(axis=0) < 1e-6)
