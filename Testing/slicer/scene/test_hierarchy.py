"""Places of nodes in the subject hierarchy."""

from __future__ import annotations

import pytest
import slicer

from SemiWeakSegLib.scene.annotations import closeAnnotation, openAnnotation
from SemiWeakSegLib.scene.hierarchy import (
    caseItem,
    cohortFolder,
    hierarchyNode,
    placeBeside,
    placeUnderCohort,
)
from Testing.slicer.scene.studies import GRIDS, study_on, volume_on


@pytest.fixture
def study(slicerScene, tmp_path):
    return study_on(tmp_path, GRIDS["axial"])


def parent_of(node) -> int:
    return hierarchyNode().GetItemParent(hierarchyNode().GetItemByDataNode(node))


def test_one_folder_per_cohort_named_as_it(study):
    item = cohortFolder(study)
    assert hierarchyNode().GetItemName(item) == study.folder.name
    assert cohortFolder(study) == item
    assert hierarchyNode().GetItemLevel(item) == "Folder"


def test_one_folder_per_case_in_the_cohorts(study):
    item = caseItem(study, study.case("a"))
    assert hierarchyNode().GetItemName(item) == "a"
    assert hierarchyNode().GetItemParent(item) == cohortFolder(study)
    assert caseItem(study, study.case("a")) == item


def test_a_new_node_goes_into_the_folder_asked_for(study):
    one, two = volume_on(GRIDS["axial"]), volume_on(GRIDS["axial"])
    placeUnderCohort(one, study)
    placeUnderCohort(two, study, study.case("a"))
    assert parent_of(one) == cohortFolder(study)
    assert parent_of(two) == caseItem(study, study.case("a"))


def test_a_volume_of_a_patient_stays_with_the_patient(study):
    hierarchy, volume = hierarchyNode(), volume_on(GRIDS["axial"])
    patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Doe^Jane")
    visit = hierarchy.CreateStudyItem(patient, "CT")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume), visit)
    placeUnderCohort(volume, study, study.case("a"))
    assert parent_of(volume) == visit
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    placeBeside(segmentation, volume)
    assert parent_of(segmentation) == visit


def test_what_belongs_to_a_case_is_in_its_folder_and_goes_with_it(study):
    annotation = openAnnotation(study, study.case("a"), "scribble")
    folder = caseItem(study, study.case("a"))
    assert parent_of(annotation.volume) == folder
    assert parent_of(annotation.segmentation) == folder
    # As Slicer's plugin marks it; the items of its segments then go along with it.
    item = hierarchyNode().GetItemByDataNode(annotation.segmentation)
    hierarchyNode().SetItemAttribute(item, "VirtualBranch", "1")
    closeAnnotation(annotation, removeVolume=True)
    assert hierarchyNode().GetNumberOfItemChildren(cohortFolder(study)) == 0
