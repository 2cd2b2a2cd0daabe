"""The kernel as an overlay: where its voxels lie, which views it covers, and that it goes again."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.grids import gridOfVolume, worldFromLocal
from SemiWeakSegLib.scene.kernel_picture import (
    KernelPicture,
    shownVolume,
    sliceAxisOf,
    voxelAt,
)
from SemiWeakSegLib.scene.kernel_weights import KernelShape, intensityWindow, neighbourhoodOf
from SemiWeakSegLib.scene.nodes import nodesOfClass
from Testing.slicer.scene.studies import AFFINE, GRIDS, noise, transform, volume_on

SHAPE = KernelShape(4.0, 0.3)


@pytest.fixture
def picture(slicerScene):
    picture = KernelPicture()
    yield picture
    picture.remove()


def volumeOf(array, grid):
    volume = volume_on(grid)
    slicer.util.updateVolumeFromArray(volume, array)
    return volume


def transformed(volume, matrix):
    volume.SetAndObserveTransformNodeID(transform(matrix).GetID())


def view(background=None, foreground=None):
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    node.SetBackgroundVolumeID(background and background.GetID())
    node.SetForegroundVolumeID(foreground and foreground.GetID())
    node.SetForegroundOpacity(0.25)
    return node


def worldOf(volume, voxel):
    """World RAS of a voxel (x, y, z), by MRML's own matrix."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    local = slicer.util.arrayFromVTKMatrix(matrix) @ [*voxel, 1.0]
    return (worldFromLocal(volume) @ local)[:3]


class TestPlace:
    @pytest.mark.parametrize("grid", GRIDS)
    @pytest.mark.parametrize("moved", [False, True])
    def test_each_weight_lies_on_its_voxel(self, picture, grid, moved):
        volume = volumeOf(noise(GRIDS[grid]), GRIDS[grid])
        if moved:
            transformed(volume, AFFINE)
        voxel = (6, 5, 3)
        shown = picture.show(volume, worldOf(volume, voxel), SHAPE)
        assert shown.voxel == voxel
        values = slicer.util.arrayFromVolume(volume)
        spacing = volume.GetSpacing()[::-1]
        wanted = neighbourhoodOf(
            values[np.newaxis], voxel[::-1], spacing, SHAPE, [intensityWindow(values)]
        )
        found = slicer.util.arrayFromVolume(picture.node)
        np.testing.assert_array_equal(found, wanted.weights)
        for place in [(0, 0, 0), tuple(size - 1 for size in found.shape[::-1])]:
            onImage = np.array(wanted.start[::-1]) + np.array(place) * wanted.step[::-1]
            expected = worldOf(volume, onImage)
            np.testing.assert_allclose(worldOf(picture.node, place), expected, atol=1e-3)

    def test_it_says_how_much_the_voxel_hears(self, picture):
        volume = volumeOf(np.zeros(GRIDS["axial"].array_shape, np.int16), GRIDS["axial"])
        shown = picture.show(volume, worldOf(volume, (5, 4, 3)), KernelShape(1.0, 0.1))
        # All are alike: a Gaussian over space, (2 pi)^(3/2) voxels, less the voxel itself.
        assert shown.heard == pytest.approx((2 * np.pi) ** 1.5 - 1, rel=0.02)

    def test_the_point_is_looked_up_in_the_moved_volume(self, picture):
        volume = volumeOf(noise(GRIDS["oblique"]), GRIDS["oblique"])
        transformed(volume, AFFINE)
        for voxel in [(0, 0, 0), (10, 8, 6), (2, 7, 1)]:
            assert voxelAt(volume, worldOf(volume, voxel)) == voxel
        assert voxelAt(volume, worldOf(volume, (11, 0, 0))) is None
        assert voxelAt(volume, worldOf(volume, (0, -0.6, 0))) is None


class TestViews:
    def test_it_covers_the_views_of_its_volume_and_leaves_them_as_they_were(self, picture):
        grid = GRIDS["axial"]
        volume, other, map_ = (volumeOf(noise(grid, seed), grid) for seed in range(3))
        own, plain, foreign = view(volume, map_), view(volume), view(other, map_)
        picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        assert own.GetForegroundVolumeID() == picture.node.GetID()
        assert plain.GetForegroundVolumeID() == picture.node.GetID()
        assert own.GetForegroundOpacity() == pytest.approx(0.6)
        assert foreign.GetForegroundVolumeID() == map_.GetID()
        node = picture.node
        picture.show(volume, worldOf(volume, (2, 2, 2)), SHAPE)
        assert picture.node is node
        picture.remove()
        assert own.GetForegroundVolumeID() == map_.GetID()
        assert own.GetForegroundOpacity() == pytest.approx(0.25)
        assert plain.GetForegroundVolumeID() is None
        assert picture.node is None
        assert len(nodesOfClass("vtkMRMLScalarVolumeNode")) == 3

    def test_another_foreground_that_was_chosen_meanwhile_stays(self, picture):
        grid = GRIDS["axial"]
        volume, chosen = volumeOf(noise(grid), grid), volumeOf(noise(grid, 1), grid)
        composite = view(volume)
        picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        composite.SetForegroundVolumeID(chosen.GetID())
        picture.remove()
        assert composite.GetForegroundVolumeID() == chosen.GetID()

    @pytest.mark.parametrize("shownAgain", [False, True])
    def test_an_overlay_that_was_deleted_leaves_the_views_as_they_were(self, picture, shownAgain):
        grid = GRIDS["axial"]
        volume, map_ = volumeOf(noise(grid), grid), volumeOf(noise(grid, 1), grid)
        composite = view(volume, map_)
        picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        slicer.mrmlScene.RemoveNode(picture.node)
        if shownAgain:
            picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        picture.remove()
        assert composite.GetForegroundVolumeID() == map_.GetID()
        assert composite.GetForegroundOpacity() == pytest.approx(0.25)

    def test_it_follows_to_another_volume(self, picture):
        grid = GRIDS["axial"]
        first, second = volumeOf(noise(grid), grid), volumeOf(noise(grid, 1), grid)
        composite = view(first)
        picture.show(first, worldOf(first, (5, 4, 3)), SHAPE)
        composite.SetBackgroundVolumeID(second.GetID())
        picture.show(second, worldOf(second, (5, 4, 3)), SHAPE)
        assert composite.GetForegroundVolumeID() == picture.node.GetID()
        values = slicer.util.arrayFromVolume(second)
        wanted = neighbourhoodOf(
            values[np.newaxis], (3, 4, 5), (1, 1, 1), SHAPE, [intensityWindow(values)]
        )
        np.testing.assert_array_equal(slicer.util.arrayFromVolume(picture.node), wanted.weights)

    def test_changed_voxels_have_a_window_of_their_own(self, picture):
        grid = GRIDS["axial"]
        volume = volumeOf(noise(grid), grid)
        point = worldOf(volume, (5, 4, 3))
        before = picture.show(volume, point, SHAPE).heard
        slicer.util.updateVolumeFromArray(volume, 10 * noise(grid))
        assert picture.show(volume, point, SHAPE).heard == pytest.approx(before, rel=1e-3)

    def test_it_is_neither_listed_nor_saved(self, picture):
        volume = volumeOf(noise(GRIDS["axial"]), GRIDS["axial"])
        picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        assert picture.node.GetHideFromEditors()
        assert not picture.node.GetSaveWithScene()
        assert not picture.node.GetDisplayNode().GetSaveWithScene()

    def test_outside_the_image_there_is_none(self, picture):
        volume = volumeOf(noise(GRIDS["axial"]), GRIDS["axial"])
        picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        with pytest.raises(SceneError, match="outside"):
            picture.show(volume, (900.0, 0.0, 0.0), SHAPE)
        assert picture.node is None

    def test_the_scene_may_have_been_closed(self, picture):
        volume = volumeOf(noise(GRIDS["axial"]), GRIDS["axial"])
        picture.show(volume, worldOf(volume, (5, 4, 3)), SHAPE)
        slicer.mrmlScene.Clear()
        assert picture.node is None
        picture.remove()


def test_the_shown_volume_is_the_one_in_the_views(slicerScene):
    assert shownVolume() is None
    volume = volumeOf(noise(GRIDS["axial"]), GRIDS["axial"])
    view()
    assert shownVolume() is None
    view(volume)
    assert shownVolume() is volume


class TestSliceAxis:
    def test_along_the_patient_where_images_are_turned(self, slicerScene):
        volume = volumeOf(noise(GRIDS["sagittal"]), GRIDS["sagittal"])
        directions = np.abs(np.reshape(GRIDS["sagittal"].direction, (3, 3)))
        for planned in (0, 1, 2):
            axis = sliceAxisOf(volume, planned)
            # Superior, posterior, left: the rows z, y, x of the direction.
            assert directions[2 - planned, 2 - axis] == 1.0
            assert sliceAxisOf(volume, planned, oriented=False) == planned

    def test_along_the_plan_s_own_axes_where_it_has_some(self, slicerScene):
        grid = GRIDS["sagittal"]
        volume = volumeOf(noise(grid), grid)
        for planned in (0, 1, 2):
            assert sliceAxisOf(volume, planned, frame=grid.direction) == planned

    def test_undecided_it_is_that_of_the_thickest_voxels(self, slicerScene):
        volume = volumeOf(noise(GRIDS["anisotropic"]), GRIDS["anisotropic"])
        assert sliceAxisOf(volume, None) == 0
        assert gridOfVolume(volume).spacing[2] == pytest.approx(3.5)
