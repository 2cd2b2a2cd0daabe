"""Where nodes stand in the subject hierarchy: a folder per cohort, in it a folder per case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import slicer

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.scene.node_names import CASE, COHORT

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.study import Study

NO_ITEM = 0


def hierarchyNode() -> slicer.vtkMRMLSubjectHierarchyNode | None:
    """The scene's subject hierarchy."""
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)


def cohortFolder(study: Study) -> int:
    """The item of the cohort's folder, made when there is none; named as the cohort's folder."""
    hierarchy = hierarchyNode()
    path = str(study.path)
    item = _childWithAttribute(hierarchy.GetSceneItemID(), COHORT, path)
    if item == NO_ITEM:
        item = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), study.folder.name)
        hierarchy.SetItemAttribute(item, COHORT, path)
    return item


def caseItem(study: Study, case: Case) -> int:
    """The item of a case's folder inside the cohort's, made when there is none."""
    hierarchy = hierarchyNode()
    folder = cohortFolder(study)
    item = _childWithAttribute(folder, CASE, case.id)
    if item == NO_ITEM:
        item = hierarchy.CreateFolderItem(folder, case.id)
        hierarchy.SetItemAttribute(item, CASE, case.id)
        hierarchy.SetItemExpanded(item, False)
    return item


def placeBeside(node: slicer.vtkMRMLNode, volumeNode: slicer.vtkMRMLVolumeNode) -> None:
    """Give a node the volume's parent in the subject hierarchy."""
    hierarchy = hierarchyNode()
    if hierarchy is None:
        return
    item, beside = (hierarchy.GetItemByDataNode(each) for each in (node, volumeNode))
    if item != NO_ITEM and beside != NO_ITEM:
        parent = hierarchy.GetItemParent(beside)
        if parent != hierarchy.GetItemParent(item):
            hierarchy.SetItemParent(item, parent)


def placeUnderCohort(node: slicer.vtkMRMLNode, study: Study, case: Case | None = None) -> None:
    """Put a node into the cohort's folder, or into the case's folder in it.

    A node that already has a place, such as a volume in its patient's study, stays there.
    """
    hierarchy = hierarchyNode()
    if hierarchy is None:
        return
    item = hierarchy.GetItemByDataNode(node)
    if item == NO_ITEM or hierarchy.GetItemParent(item) != hierarchy.GetSceneItemID():
        return
    hierarchy.SetItemParent(item, cohortFolder(study) if case is None else caseItem(study, case))


def parentItem(node: slicer.vtkMRMLNode) -> int:
    """The item that a node's item is under; 0 when it has none."""
    hierarchy = hierarchyNode()
    item = NO_ITEM if hierarchy is None else hierarchy.GetItemByDataNode(node)
    return NO_ITEM if item == NO_ITEM else hierarchy.GetItemParent(item)


def removeCaseItemIfEmpty(item: int) -> None:
    """Remove an item that is a case's folder and holds nothing any more."""
    hierarchy = hierarchyNode()
    if item == NO_ITEM or hierarchy is None or not hierarchy.GetItemAttribute(item, CASE):
        return
    if hierarchy.GetNumberOfItemChildren(item) == 0:
        hierarchy.RemoveItem(item)


def _childWithAttribute(parent: int, name: str, value: str) -> int:
    hierarchy = hierarchyNode()
    for index in range(hierarchy.GetNumberOfItemChildren(parent)):
        item = hierarchy.GetItemByPositionUnderParent(parent, index)
        if hierarchy.GetItemAttribute(item, name) == value:
            return item
    return NO_ITEM
