"""A scene saved, cleared and loaded again: everything is known, and work goes on."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from SemiWeakSegLib.cohort import Box
from SemiWeakSegLib.scene.annotations import addBox, isModified, openAnnotation, saveAnnotation
from SemiWeakSegLib.scene.hierarchy import caseItem, hierarchyNode
from SemiWeakSegLib.scene.segments import labelOfSegmentation, segmentationOfLabel, segmentIdOfClass
from SemiWeakSegLib.scene.study import Study
from SemiWeakSegLib.scene.volumes import volumeOfCase
from Testing.slicer.scene.studies import (
    AFFINE,
    CLASSES,
    GRIDS,
    RIGID,
    blocks,
    draw,
    study_on,
    transform,
    volume_on,
)
from Testing.slicer.scene.test_annotations import (
    flip_to_file,
    scribble,
    scribbled_label,
    shown,
    stored,
    strokes,
)


def save_and_load(tmp_path) -> None:
    """Through the file manager, as File > Save and File > Open do."""
    path = str(tmp_path / "scene ü.mrb")
    assert slicer.util.saveScene(path, {})
    slicer.mrmlScene.Clear(0)
    slicer.util.loadScene(path, {"clear": True})


@pytest.mark.parametrize("grid", GRIDS)
def test_unsaved_scribbles_go_on_after_reloading(slicerScene, tmp_path, grid):
    study = study_on(tmp_path, GRIDS[grid])
    annotation = openAnnotation(study, study.case("a"), "scribble")
    scribble(annotation, strokes())
    save_and_load(tmp_path)
    study = Study.open(study.path)
    again = openAnnotation(study, study.case("a"), "scribble")
    assert again.segmentation is not annotation.segmentation
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 1
    assert all(np.array_equal(shown(again)[index], mask) for index, mask in strokes().items())
    assert isModified(again)
    more = np.zeros_like(strokes()[3])
    more[5, 5, :] = True
    draw(again.segmentation, segmentIdOfClass(again.segmentation, 3), more, again.volume)
    path = saveAnnotation(study, again).path
    masks = strokes() | {3: more}
    inFile = {index: flip_to_file(again, mask) for index, mask in masks.items()}
    assert np.array_equal(stored(path), scribbled_label(inFile))


def test_saved_scribbles_are_unchanged_after_reloading(slicerScene, tmp_path):
    study = study_on(tmp_path, GRIDS["flipped"])
    annotation = openAnnotation(study, study.case("a"), "scribble")
    scribble(annotation, strokes())
    saveAnnotation(study, annotation)
    save_and_load(tmp_path)
    again = openAnnotation(study, study.case("a"), "scribble")
    assert again.segmentation.GetAttribute("SemiWeakSeg.Case") == "a"
    assert not isModified(again)


@pytest.mark.parametrize("matrix", [RIGID, AFFINE], ids=["rigid", "affine"])
@pytest.mark.parametrize("grid", ["oblique", "flipped"])
def test_tags_references_colours_and_terminology_stay(slicerScene, tmp_path, grid, matrix):
    volume, label = volume_on(GRIDS[grid], "ü|;:\"' volume"), blocks(GRIDS[grid])
    volume.SetAndObserveTransformNodeID(transform(matrix).GetID())
    segmentationOfLabel(label, volume, CLASSES, "pre|diction;ü", False)
    save_and_load(tmp_path)
    node = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")[0]
    volume = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")[0]
    assert node.GetName() == "pre|diction;ü"
    role = node.GetReferenceImageGeometryReferenceRole()
    assert node.GetNodeReference(role) is volume
    assert node.GetParentTransformNode() is volume.GetParentTransformNode() is not None
    for each in CLASSES:
        segment = node.GetSegmentation().GetSegment(segmentIdOfClass(node, each.index))
        assert segment.GetName() == each.name
        if each.color:
            assert segment.GetColor() == pytest.approx(each.color, abs=1e-4)
        if each.terminology:
            assert segment.GetTerminology() == each.terminology
    found = labelOfSegmentation(node, volume, CLASSES, True).array
    # Slicer turns the slices of a left-handed volume round when it reads one.
    assert np.array_equal(found, label[::-1] if grid == "flipped" else label)


def test_boxes_go_on_after_reloading(slicerScene, tmp_path):
    study = study_on(tmp_path, GRIDS["oblique"])
    turned = ((0.6, 0.8, 0.0), (-0.8, 0.6, 0.0), (0.0, 0.0, 1.0))
    study.setBoxes("a", [Box(2, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), turned)])
    annotation = openAnnotation(study, study.case("a"), "box")
    addBox(annotation, 1).SetSize(2, 3, 4)
    save_and_load(tmp_path)
    again = openAnnotation(study, study.case("a"), "box")
    assert len(again.markups) == 2 and isModified(again)
    saveAnnotation(study, again)
    sizes = {box.class_index: sorted(box.size) for box in study.case("a").boxes}
    assert sizes[2] == pytest.approx([4, 5, 6]) and sizes[1] == pytest.approx([2, 3, 4])


def test_places_in_the_subject_hierarchy_stay(slicerScene, tmp_path):
    study = study_on(tmp_path, GRIDS["axial"])
    openAnnotation(study, study.case("a"), "scribble")
    save_and_load(tmp_path)
    volume = volumeOfCase(study.case("a"))
    hierarchy = hierarchyNode()
    item = hierarchy.GetItemByDataNode(volume)
    assert hierarchy.GetItemParent(item) == caseItem(study, study.case("a"))
