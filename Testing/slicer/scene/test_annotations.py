"""Annotating a case: what is drawn is what is saved, and reopening shows exactly that."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import slicer

from SemiWeakSegLib.cohort import Box, SegmentClass, write_label
from SemiWeakSegLib.scene.annotations import (
    addBox,
    adoptAnnotation,
    changeMode,
    closeAnnotation,
    isModified,
    openAnnotation,
    saveAnnotation,
)
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.rois import boxOfRoi
from SemiWeakSegLib.scene.segments import (
    Overlap,
    classOfSegment,
    newSegmentation,
    segmentationOfLabel,
    segmentIdOfClass,
)
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.volumes import exportImage, loadCase
from Testing.slicer.scene.studies import (
    AFFINE,
    CLASSES,
    GRIDS,
    RIGID,
    blocks,
    draw,
    drawn,
    study_of,
    study_on,
    transform,
    volume_on,
    write,
)

NODES = ("vtkMRMLSegmentationNode", "vtkMRMLMarkupsROINode", "vtkMRMLScalarVolumeNode")


def stored(path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def strokes(shape=GRIDS["axial"].array_shape) -> dict[int, np.ndarray]:
    """Strokes on an axial, a coronal and a sagittal slice; classes 1 and 2 cross."""
    masks = {index: np.zeros(shape, bool) for index in (0, 1, 2, 3)}
    masks[1][2, 3, 1:9] = True
    masks[2][1:6, 3, 4] = True
    masks[3][2:5, 1:8, 10] = True
    masks[0][6, :, 2] = True
    return masks


def scribble(annotation, masks) -> None:
    for index, mask in masks.items():
        node = annotation.segmentation
        draw(node, segmentIdOfClass(node, index), mask, annotation.volume)


def flip_to_file(annotation, mask):
    """A mask on the node's voxels as the file has them: Slicer turns slices of left-handed ones."""
    file, node = stored(annotation.case.images[0]), slicer.util.arrayFromVolume(annotation.volume)
    return mask if np.array_equal(file, node) else mask[::-1]


def scribbled_label(masks) -> np.ndarray:
    label = np.full(masks[0].shape, 255, np.uint8)
    times = sum(mask.astype(int) for mask in masks.values())
    for index, mask in masks.items():
        label[mask & (times == 1)] = index
    return label


def shown(annotation) -> dict[int, np.ndarray]:
    node = annotation.segmentation
    return {
        classOfSegment(node, each): drawn(node, each, annotation.volume)
        for each in node.GetSegmentation().GetSegmentIDs()
    }


def count(name: str) -> int:
    return slicer.mrmlScene.GetNumberOfNodesByClass(name)


class TestScribbles:
    @pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
    @pytest.mark.parametrize("grid", GRIDS)
    def test_the_file_holds_the_strokes_and_reopening_shows_them(
        self, slicerScene, tmp_path, grid, suffix
    ):
        study = study_on(tmp_path, GRIDS[grid], f"i{suffix}")
        annotation = openAnnotation(study, study.case("a"), "scribble")
        masks = strokes()
        scribble(annotation, masks)
        assert isModified(annotation)
        report = saveAnnotation(study, annotation)
        assert study.case("a").label == report.path
        inFile = {index: flip_to_file(annotation, mask) for index, mask in masks.items()}
        assert np.array_equal(stored(report.path), scribbled_label(inFile))
        image, label = (sitk.ReadImage(str(p)) for p in (study.case("a").images[0], report.path))
        for what in ("GetOrigin", "GetSpacing", "GetDirection"):
            assert np.allclose(getattr(image, what)(), getattr(label, what)(), atol=1e-5)
        assert report.overlaps == [Overlap(1, 2, 1)]
        assert report.counts == {0: 9, 1: 7, 2: 4, 3: 21}
        assert not isModified(annotation)
        closeAnnotation(annotation, removeVolume=True)
        assert [count(name) for name in NODES] == [0, 0, 0]

        again = openAnnotation(study, study.case("a"), "scribble")
        found = shown(again)
        assert set(found) == set(masks)
        for index, mask in masks.items():
            assert np.array_equal(found[index], mask), "the crossing voxel is in both again"
        assert not isModified(again)

    @pytest.mark.parametrize("matrix", [RIGID, AFFINE], ids=["rigid", "affine"])
    def test_a_volume_under_a_transform_is_annotated_on_its_files_grid(
        self, slicerScene, tmp_path, matrix
    ):
        study = study_on(tmp_path, GRIDS["oblique"])
        volume = loadCase(study.case("a"))
        volume.SetAndObserveTransformNodeID(transform(matrix).GetID())
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        path = saveAnnotation(study, annotation).path
        assert np.array_equal(stored(path), scribbled_label(strokes()))
        closeAnnotation(annotation)
        volume.SetAndObserveTransformNodeID(None)
        again = openAnnotation(study, study.case("a"), "scribble")
        assert all(np.array_equal(shown(again)[i], mask) for i, mask in strokes().items())

    def test_strokes_in_a_segmentation_that_was_moved_are_saved_where_they_are_seen(
        self, slicerScene, tmp_path
    ):
        study = study_on(tmp_path, GRIDS["oblique"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        masks = strokes()
        scribble(annotation, masks)
        shift = np.eye(4)  # by two voxels along the image's second axis
        shift[:3, 3] = 2 * 1.3 * np.reshape(GRIDS["oblique"].direction, (3, 3))[:, 1] * [-1, -1, 1]
        annotation.segmentation.SetAndObserveTransformNodeID(transform(shift).GetID())
        path = saveAnnotation(study, annotation).path
        moved = {index: np.zeros_like(mask) for index, mask in masks.items()}
        for index, mask in masks.items():
            moved[index][:, 2:] = mask[:, :-2]
        assert np.array_equal(stored(path), scribbled_label(moved))
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "scribble")
        assert all(np.array_equal(shown(again)[index], mask) for index, mask in moved.items())

    @pytest.mark.parametrize("how", ["centred", "hardened"])
    def test_a_volume_that_was_moved_for_good_is_annotated_voxel_by_voxel(
        self, slicerScene, tmp_path, how
    ):
        study = study_on(tmp_path, GRIDS["oblique"])
        volume = loadCase(study.case("a"))
        if how == "centred":
            volume.SetOrigin(1, 2, 3)
        else:
            volume.SetAndObserveTransformNodeID(transform(RIGID).GetID())
            volume.HardenTransform()
        annotation = openAnnotation(study, study.case("a"), "scribble")
        assert annotation.volume is volume
        scribble(annotation, strokes())
        path = saveAnnotation(study, annotation).path
        assert np.array_equal(stored(path), scribbled_label(strokes()))
        closeAnnotation(annotation, removeVolume=True)
        again = openAnnotation(study, study.case("a"), "scribble")
        label = scribbled_label(strokes())
        assert all(np.array_equal(shown(again)[index], label == index) for index in (0, 1, 2, 3))

    def test_a_cropped_volume_is_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["oblique"])
        volume = loadCase(study.case("a"))
        slicer.util.updateVolumeFromArray(volume, np.zeros((3, 9, 11)))
        with pytest.raises(SceneError, match=r"Case a: .*11 x 9 x 3 voxels, its image file 11"):
            openAnnotation(study, study.case("a"), "scribble")

    def test_earlier_versions_are_never_touched(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        first = saveAnnotation(study, annotation).path
        before = first.read_bytes()
        scribble(annotation, {3: ~strokes()[3]})
        second = saveAnnotation(study, annotation).path
        assert second != first and first.read_bytes() == before
        study.undo()
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "scribble")
        assert np.array_equal(shown(again)[3], strokes()[3])

    def test_the_users_own_files_are_never_touched(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        label = np.full(GRIDS["axial"].array_shape, 255, np.uint8)
        label[1, 1] = 2
        own = write(tmp_path / "mine" / "label.nii.gz", label, GRIDS["axial"])
        study.setLabel("a", own)
        before = {path: path.read_bytes() for path in (own, study.case("a").images[0])}
        annotation = openAnnotation(study, study.case("a"), "scribble")
        assert np.array_equal(shown(annotation)[2], label == 2)
        scribble(annotation, {1: strokes()[1]})
        path = saveAnnotation(study, annotation).path
        assert path.parent == study.folder / "annotations"
        assert {each: each.read_bytes() for each in before} == before
        assert os.listdir(own.parent) == ["label.nii.gz"]

    def test_nothing_drawn_is_refused_and_changes_nothing(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        assert not isModified(annotation)
        revision = study.revision
        with pytest.raises(SceneError, match="Case a: nothing is drawn"):
            saveAnnotation(study, annotation)
        assert study.revision == revision and study.case("a").label is None

    def test_only_voxels_of_two_classes_are_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, {1: strokes()[1], 2: strokes()[1]})
        with pytest.raises(SceneError, match="belongs to two classes"):
            saveAnnotation(study, annotation)

    def test_a_label_changed_by_another_program_wins_over_the_old_drawing(
        self, slicerScene, tmp_path
    ):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        path = saveAnnotation(study, annotation).path
        closeAnnotation(annotation)
        label = stored(path)
        label[0, 0, :] = 3
        write_label(path, label, GRIDS["axial"])
        again = openAnnotation(study, study.case("a"), "scribble")
        assert np.array_equal(shown(again)[3], label == 3)
        assert not shown(again)[2][2, 3, 4], "the crossing is known from the label file only"

    def test_a_broken_drawing_is_not_needed(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        path = saveAnnotation(study, annotation).path
        closeAnnotation(annotation)
        drawing = path.with_name("a-1.seg.nrrd")
        drawing.write_bytes(drawing.read_bytes()[:700])
        again = openAnnotation(study, study.case("a"), "scribble")
        label = scribbled_label(strokes())
        assert all(np.array_equal(shown(again)[index], label == index) for index in (0, 1, 2, 3))
        assert count("vtkMRMLSegmentationNode") == 1

    def test_a_label_with_a_value_of_no_class_is_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        label = blocks(GRIDS["axial"], (1, 2, 9))
        study.setLabel("a", write(tmp_path / "l.nii.gz", label, GRIDS["axial"]))
        before = slicerScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        with pytest.raises(SceneError, match='"a segmentation" holds 9, which is no class'):
            openAnnotation(study, study.case("a"), "segment")
        assert slicerScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == before

    def test_a_label_off_the_grid_is_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["oblique"])
        own = write(tmp_path / "l.nii.gz", blocks(GRIDS["flipped"]), GRIDS["flipped"])
        study.setLabel("a", own)
        with pytest.raises(SceneError, match=r"Case a: the label .*l\.nii\.gz is not on the image"):
            openAnnotation(study, study.case("a"), "segment")

    def test_opacity_leaves_the_image_visible(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        node = openAnnotation(study, study.case("a"), "scribble").segmentation
        assert node.GetDisplayNode().GetOpacity2DFill() < 0.5


class TestDense:
    @pytest.mark.parametrize("grid", GRIDS)
    def test_a_segmentation_is_saved_dense_and_reopens(self, slicerScene, tmp_path, grid):
        study = study_on(tmp_path, GRIDS[grid])
        annotation = openAnnotation(study, study.case("a"), "segment")
        assert segmentIdOfClass(annotation.segmentation, 0) is None
        label = blocks(GRIDS[grid])
        scribble(annotation, {index: label == index for index in (1, 2, 3)})
        report = saveAnnotation(study, annotation)
        assert np.array_equal(stored(report.path), flip_to_file(annotation, label))
        assert report.counts[0] == np.count_nonzero(label == 0)
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "scribble")
        assert again.mode == "segment", "what is there decides"
        assert all(np.array_equal(shown(again)[index], label == index) for index in (1, 2, 3))

    @pytest.mark.parametrize("grid", GRIDS)
    def test_somebody_elses_label_opens_where_its_voxels_lie(self, slicerScene, tmp_path, grid):
        study = study_on(tmp_path, GRIDS[grid])
        label = blocks(GRIDS[grid])
        study.setLabel("a", write(tmp_path / "truth.nii.gz", label, GRIDS[grid]))
        annotation = openAnnotation(study, study.case("a"), "segment")
        assert np.array_equal(flip_to_file(annotation, shown(annotation)[2]), label == 2)
        # And in space: a corner voxel, by SimpleITK's numbers.
        image = sitk.ReadImage(str(study.case("a").label))
        [k, j, i] = np.argwhere(label == 1)[0].tolist()
        lps = image.TransformIndexToPhysicalPoint((i, j, k))
        matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
        annotation.volume.GetRASToIJKMatrix(matrix)
        ijk = slicer.util.arrayFromVTKMatrix(matrix) @ [-lps[0], -lps[1], lps[2], 1]
        assert shown(annotation)[1][tuple(np.rint(ijk[2::-1]).astype(int))]

    def test_overlaps_come_back_in_a_dense_segmentation(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["flipped"])
        annotation = openAnnotation(study, study.case("a"), "segment")
        masks = {index: mask for index, mask in strokes().items() if index}
        scribble(annotation, masks)
        report = saveAnnotation(study, annotation)
        assert report.overlaps == [Overlap(1, 2, 1)]
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "segment")
        assert all(np.array_equal(shown(again)[index], mask) for index, mask in masks.items())

    def test_scribbles_go_on_as_a_dense_segmentation(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        saveAnnotation(study, annotation)
        changeMode(annotation, "segment")
        assert isModified(annotation)
        label = stored(saveAnnotation(study, annotation).path)
        assert not np.any(label == 255) and label[2, 3, 4] == 2 and label[0, 0, 0] == 0
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "segment")
        assert again.mode == "segment"
        assert np.array_equal(shown(again)[0], strokes()[0])

    def test_a_dense_segmentation_goes_on_as_scribbles(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "segment")
        scribble(annotation, {1: strokes()[1]})
        changeMode(annotation, "scribble")
        label = stored(saveAnnotation(study, annotation).path)
        assert np.array_equal(label == 1, strokes()[1]) and np.all(label[label != 1] == 255)

    def test_a_class_that_was_added_since_gets_its_segment(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "segment")
        scribble(annotation, {1: strokes()[1]})
        annotation.segmentation.GetSegmentation().GetSegment(
            segmentIdOfClass(annotation.segmentation, 2)
        ).SetName("my own name")
        saveAnnotation(study, annotation)
        closeAnnotation(annotation)
        renamed = SegmentClass(1, "hepar", (0.1, 0.2, 0.3))
        study.setClasses([renamed, *CLASSES[1:], SegmentClass(4, "new")])
        node = openAnnotation(study, study.case("a"), "segment").segmentation
        segments = {
            index: node.GetSegmentation().GetSegment(segmentIdOfClass(node, index))
            for index in (1, 2, 4)
        }
        assert segments[4].GetName() == "new"
        assert segments[1].GetName() == "hepar"
        assert segments[1].GetColor() == pytest.approx(renamed.color)
        assert segments[2].GetName() == "my own name", "what a user named stays so"


class TestPictures:
    @pytest.mark.parametrize("name", ["i.png", "i.tif", "i.jpg"])
    def test_scribbles_on_a_picture_are_a_picture(self, slicerScene, tmp_path, name):
        path = tmp_path / name
        array = np.random.default_rng(0).integers(0, 255, (9, 11), dtype=np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
        study = study_of(tmp_path, {"a": path})
        annotation = openAnnotation(study, study.case("a"), "scribble")
        mask = np.zeros((1, 9, 11), bool)
        mask[0, 3, 2:7] = True
        scribble(annotation, {2: mask})
        path = saveAnnotation(study, annotation).path
        assert path.suffix == ".png"
        assert np.array_equal(stored(path), np.where(mask[0], 2, 255))
        closeAnnotation(annotation, removeVolume=True)
        again = openAnnotation(study, study.case("a"), "scribble")
        assert np.array_equal(shown(again)[2], mask)
        assert not isModified(again)


class TestBoxes:
    BOX = Box(2, (-28.0, 14.0, 12.0), (3.0, 4.0, 5.0), ((0.6, 0.8, 0), (-0.8, 0.6, 0), (0, 0, 1)))

    def test_boxes_are_saved_and_reopen_turned_as_they_were(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["flipped"])
        study.setBoxes("a", [self.BOX])
        annotation = openAnnotation(study, study.case("a"), "box")
        assert len(annotation.markups) == 1 and not isModified(annotation)
        roi = addBox(annotation, 1)
        assert isModified(annotation)
        roi.SetSize(2, 3, 4)
        report = saveAnnotation(study, annotation)
        assert report.path is None and report.counts == {1: 1, 2: 1}
        assert not isModified(annotation)
        saved = {box.class_index: box for box in study.case("a").boxes}
        assert np.allclose(sorted(saved[2].corners().tolist()), sorted(self.BOX.corners().tolist()))
        assert sorted(saved[1].size) == pytest.approx([2, 3, 4])
        closeAnnotation(annotation)
        assert count("vtkMRMLMarkupsROINode") == 0
        again = openAnnotation(study, study.case("a"), "box")
        assert not isModified(again) and len(again.markups) == 2

    @pytest.mark.parametrize("matrix", [RIGID, AFFINE], ids=["rigid", "affine"])
    def test_a_new_box_lies_where_it_was_asked_for(self, slicerScene, tmp_path, matrix):
        study = study_on(tmp_path, GRIDS["flipped"])
        loadCase(study.case("a")).SetAndObserveTransformNodeID(transform(matrix).GetID())
        annotation = openAnnotation(study, study.case("a"), "box")
        roi = addBox(annotation, 3, at=(10.0, 20.0, 30.0))
        assert roi.GetCenterWorld() == pytest.approx((10, 20, 30))
        box = boxOfRoi(roi, annotation.volume)
        direction = np.reshape(GRIDS["flipped"].direction, (3, 3))
        along = np.abs(np.array(box.axes) @ direction)
        assert np.allclose(np.sort(along, axis=1), [[0, 0, 1]] * 3, atol=1e-6)

    @pytest.mark.parametrize("matrix", [None, RIGID], ids=["plain", "rigid"])
    @pytest.mark.parametrize("name", ["oblique", "flipped"])
    def test_a_flat_box_holds_one_slice(self, slicerScene, tmp_path, name, matrix):
        grid = GRIDS[name]
        study = study_on(tmp_path, grid)
        if matrix is not None:
            loadCase(study.case("a")).SetAndObserveTransformNodeID(transform(matrix).GetID())
        annotation = openAnnotation(study, study.case("a"), "box")
        addBox(annotation, 1, oneSlice=True)
        saveAnnotation(study, annotation)
        [box] = study.case("a").boxes
        axis = int(np.argmax(grid.spacing))
        indices = np.stack(np.indices(grid.size), axis=-1)
        inside = box.contains(grid.to_physical(indices))
        held = np.unique(indices[inside][:, axis])
        assert held.tolist() == [(grid.size[axis] - 1) // 2] or held.tolist() == [
            grid.size[axis] // 2
        ]
        assert min(np.ptp(indices[inside], axis=0)[[i for i in range(3) if i != axis]]) > 0

    def test_a_copied_or_deleted_roi_counts(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "box")
        roi = addBox(annotation, 1)
        copy = slicerScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
        copy.Copy(roi)
        saveAnnotation(study, annotation)
        assert len(study.case("a").boxes) == 2 and len(annotation.markups) == 2
        slicerScene.RemoveNode(copy)
        assert isModified(annotation)
        slicerScene.RemoveNode(roi)
        saveAnnotation(study, annotation)
        assert study.case("a").boxes == ()

    def test_no_box_is_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "box")
        with pytest.raises(SceneError, match="Case a: no box is drawn"):
            saveAnnotation(study, annotation)

    def test_boxes_on_a_picture_are_flat(self, slicerScene, tmp_path):
        path = tmp_path / "i.png"
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((40, 50), np.uint8)), str(path))
        study = study_of(tmp_path, {"a": path})
        annotation = openAnnotation(study, study.case("a"), "box")
        addBox(annotation, 1, at=(-20, -15, 0))
        saveAnnotation(study, annotation)
        [box] = study.case("a").boxes
        assert box.center == pytest.approx((20, 15)) and box.size == pytest.approx((12.5, 10))
        closeAnnotation(annotation)
        assert not isModified(openAnnotation(study, study.case("a"), "box"))

    def test_boxes_that_changed_elsewhere_replace_the_saved_ones_only(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "box")
        kept, dragged = addBox(annotation, 1), addBox(annotation, 2)
        saveAnnotation(study, annotation)
        dragged.SetSize(3, 3, 3)
        study.setBoxes("a", [self.BOX])
        again = openAnnotation(study, study.case("a"), "box")
        assert [boxOfRoi(roi, again.volume).class_index for roi in again.markups] == [2]
        assert kept.GetScene() is None
        assert dragged.GetScene() is not None and dragged.GetName().endswith("(not saved)")
        assert not isModified(again)


class TestAdopted:
    def own(self, study, names, grid="oblique"):
        volume = loadCase(study.case("a"))
        node = newSegmentation("my own", volume, [])
        label = blocks(GRIDS[grid])
        for name, index in names.items():
            segmentId = node.GetSegmentation().AddEmptySegment("", name)
            draw(node, segmentId, label == index, volume)
        return node, label

    def test_a_users_segmentation_is_saved_and_stays_the_users(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["oblique"])
        node, label = self.own(study, {"LIVER": 1, "cyst": 2})
        annotation = adoptAnnotation(study, study.case("a"), node)
        assert annotation.mode == "segment" and isModified(annotation)
        report = saveAnnotation(study, annotation)
        assert report.unknown == ["cyst"]
        assert np.array_equal(stored(report.path), np.where(label == 1, 1, 0))
        assert not isModified(annotation)
        closeAnnotation(annotation)
        assert node.GetScene() is slicerScene and node.GetName() == "my own"
        again = openAnnotation(study, study.case("a"), "segment")
        assert again.segmentation is not node

    def test_a_segmentation_without_classes_of_the_cohort_is_refused(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["oblique"])
        node, _label = self.own(study, {"cyst": 2})
        with pytest.raises(SceneError, match=r'"my own" has no segment called as a class.*liver'):
            adoptAnnotation(study, study.case("a"), node)

    def test_a_segmentation_in_finer_voxels_is_saved_on_the_images(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["oblique"])
        volume = loadCase(study.case("a"))
        grid = GRIDS["oblique"]
        fine = type(grid)(
            tuple(3 * each for each in grid.size),
            tuple(each / 3 for each in grid.spacing),
            tuple(grid.to_physical(np.array([-1 / 3] * 3)).tolist()),
            grid.direction,
        )
        reference = volume_on(fine)
        label = np.kron(blocks(grid), np.ones((3, 3, 3), np.uint8))
        node = segmentationOfLabel(label, reference, study.classes, "finer", False)
        annotation = adoptAnnotation(study, study.case("a"), node)
        path = saveAnnotation(study, annotation).path
        assert np.array_equal(stored(path), blocks(grid))
        closeAnnotation(annotation)
        again = openAnnotation(study, study.case("a"), "segment")
        assert np.array_equal(shown(again)[2], blocks(grid) == 2)
        assert again.volume is volume

    def test_a_corrected_prediction_is_saved(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["flipped"])
        volume = loadCase(study.case("a"))
        label = blocks(GRIDS["flipped"])
        node = segmentationOfLabel(label, volume, study.classes, "a prediction", False)
        annotation = adoptAnnotation(study, study.case("a"), node)
        path = saveAnnotation(study, annotation).path
        assert np.array_equal(stored(path), label)


class TestStayingOpen:
    def test_unsaved_strokes_in_the_scene_go_on(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        again = openAnnotation(study, study.case("a"), "segment")
        assert again.segmentation is annotation.segmentation
        assert again.mode == "scribble" and isModified(again)

    def test_an_empty_drawing_of_another_mode_gives_way(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        openAnnotation(study, study.case("a"), "scribble")
        again = openAnnotation(study, study.case("a"), "segment")
        assert again.mode == "segment" and count("vtkMRMLSegmentationNode") == 1

    def test_unsaved_strokes_are_kept_aside_when_the_label_changed(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        label = blocks(GRIDS["axial"])
        study.setLabel("a", write(tmp_path / "accepted.nii.gz", label, GRIDS["axial"]))
        again = openAnnotation(study, study.case("a"), "scribble")
        assert again.segmentation is not annotation.segmentation and again.mode == "segment"
        assert annotation.segmentation.GetName() == "a scribbles (not saved)"
        assert np.array_equal(shown(annotation)[1], strokes()[1])

    def test_saved_strokes_give_way_when_the_label_changed(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        saveAnnotation(study, annotation)
        label = blocks(GRIDS["axial"])
        study.setLabel("a", write(tmp_path / "accepted.nii.gz", label, GRIDS["axial"]))
        openAnnotation(study, study.case("a"), "scribble")
        assert count("vtkMRMLSegmentationNode") == 1

    def test_undone_strokes_are_no_change(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, {1: strokes()[1]})
        saveAnnotation(study, annotation)
        scribble(annotation, {1: strokes()[2]})
        assert isModified(annotation)
        scribble(annotation, {1: strokes()[1]})
        annotation.segmentation.GetSegmentation().CollapseBinaryLabelmaps(False)
        annotation.segmentation.GetDisplayNode().SetOpacity2DFill(0.9)
        assert not isModified(annotation)

    def test_asking_again_costs_nothing_until_something_is_touched(
        self, slicerScene, tmp_path, monkeypatch
    ):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, {1: strokes()[1]})
        assert isModified(annotation)
        with monkeypatch.context() as patch:
            patch.setattr("SemiWeakSegLib.scene.segment_drawing.segmentMasks", None)
            assert isModified(annotation)
        scribble(annotation, {1: np.zeros_like(strokes()[1])})
        assert not isModified(annotation)

    def test_a_volume_removed_from_the_scene_is_told(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())
        slicerScene.RemoveNode(annotation.volume)
        with pytest.raises(SceneError, match='Case a: "a" was removed from the scene'):
            saveAnnotation(study, annotation)

    def test_a_volume_that_another_segmentation_needs_stays(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        newSegmentation("other", annotation.volume, CLASSES)
        closeAnnotation(annotation, removeVolume=True)
        assert annotation.volume.GetScene() is slicerScene

    def test_a_failing_study_leaves_no_files(self, slicerScene, tmp_path, monkeypatch):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        scribble(annotation, strokes())

        def fail(*_arguments):
            raise SceneError("the disk is full")

        monkeypatch.setattr(study, "setLabel", fail)
        with pytest.raises(SceneError, match="the disk is full"):
            saveAnnotation(study, annotation)
        left = [each.name for each in (study.folder / "annotations").glob("a-*")]
        assert left == [] and isModified(annotation)


def test_a_scene_volume_left_handed_in_memory_is_annotated_on_its_exported_file(
    slicerScene, tmp_path
):
    node = volume_on(GRIDS["flipped"])
    path = exportImage(node, tmp_path / "out.nrrd")
    study = study_of(tmp_path, {"a": path})
    annotation = openAnnotation(study, study.case("a"), "scribble")
    scribble(annotation, strokes())
    saved = stored(saveAnnotation(study, annotation).path)
    inFile = {index: flip_to_file(annotation, mask) for index, mask in strokes().items()}
    assert np.array_equal(saved, scribbled_label(inFile))


class TestClassesThatMove:
    def test_strokes_that_are_not_saved_keep_their_class(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["oblique"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        mask = strokes(GRIDS["oblique"].array_shape)[3]
        node = annotation.segmentation
        draw(node, segmentIdOfClass(node, 3), mask, annotation.volume)
        study.setClasses([CLASSES[0], replace(CLASSES[2], index=2)])
        saveAnnotation(study, annotation)
        label = stored(study.case("a").label)
        assert np.array_equal(label == 2, mask)
        assert set(np.unique(label)) == {2, 255}

    def test_strokes_of_a_class_that_went_are_nobody_elses_until_it_is_back(
        self, slicerScene, tmp_path
    ):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        node = annotation.segmentation
        gone, kept = segmentIdOfClass(node, 2), segmentIdOfClass(node, 3)
        draw(node, gone, strokes()[2], annotation.volume)
        study.setClasses([CLASSES[0], replace(CLASSES[2], index=2)])
        assert (classOfSegment(node, gone), classOfSegment(node, kept)) == (None, 2)
        with pytest.raises(SceneError, match="nothing is drawn"):
            saveAnnotation(study, annotation)
        study.undo()
        assert classOfSegment(node, kept) == 3
        saveAnnotation(study, annotation)
        assert np.array_equal(stored(study.case("a").label) == 2, strokes()[2])

    def test_classes_that_another_slicer_moved_keep_their_strokes(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        drawn3 = segmentIdOfClass(annotation.segmentation, 3)
        Study.open(study.folder).setClasses([CLASSES[0], replace(CLASSES[2], index=2)])
        segment = annotation.segmentation.GetSegmentation().GetSegment(drawn3)
        segment.SetTag("SemiWeakSeg.Class", "3")  # as if the other Slicer had a scene of its own
        study.reload()
        assert classOfSegment(annotation.segmentation, drawn3) == 2

    def test_a_box_that_is_not_saved_keeps_its_class(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "box")
        addBox(annotation, 3)
        study.setClasses([CLASSES[0], replace(CLASSES[2], index=2)])
        saveAnnotation(study, annotation)
        assert [box.class_index for box in study.case("a").boxes] == [2]

    def test_a_restored_drawing_has_no_segments_of_former_classes(self, slicerScene, tmp_path):
        study = study_on(tmp_path, GRIDS["axial"])
        annotation = openAnnotation(study, study.case("a"), "scribble")
        node = annotation.segmentation
        draw(node, segmentIdOfClass(node, 1), strokes()[1], annotation.volume)
        saveAnnotation(study, annotation)
        closeAnnotation(annotation)
        study.setClasses([CLASSES[0], replace(CLASSES[2], index=2)])
        node = openAnnotation(study, study.case("a"), "scribble").segmentation
        segmentation = node.GetSegmentation()
        names = [segmentation.GetSegment(each).GetName() for each in segmentation.GetSegmentIDs()]
        assert sorted(names) == sorted(["background", CLASSES[0].name, CLASSES[2].name])
