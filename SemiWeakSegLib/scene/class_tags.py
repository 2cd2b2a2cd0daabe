"""Drawings in the scene follow classes that get other numbers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import slicer

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.scene.class_changes import movedIndices
from SemiWeakSegLib.scene.node_names import CLASS, COHORT
from SemiWeakSegLib.scene.nodes import nodesOfClass
from SemiWeakSegLib.scene.segment_classes import taggedClass


def moveClasses(
    old: Sequence[SegmentClass], classes: Sequence[SegmentClass], cohortFile: str
) -> None:
    """Give what is drawn of the ``old`` classes the numbers that their classes have now.

    Those of a class that has gone are of no class then, instead of the one that takes its number.
    Nodes that are marked as another cohort's stay as they are.
    """
    moved = movedIndices(old, classes)
    new = {item.index: moved.get(item.index) for item in old}
    if not hasattr(slicer, "mrmlScene") or all(index == number for index, number in new.items()):
        return
    for node in _nodesOf("vtkMRMLSegmentationNode", cohortFile):
        segmentation = node.GetSegmentation()
        for number in range(segmentation.GetNumberOfSegments()):
            _moveSegment(segmentation.GetNthSegment(number), new)
    markups = ("vtkMRMLMarkupsROINode", "vtkMRMLMarkupsFiducialNode")
    for node in itertools.chain(*(_nodesOf(name, cohortFile) for name in markups)):
        text = node.GetAttribute(CLASS) or ""
        if text.isdigit() and int(text) in new:
            index = new[int(text)]
            node.SetAttribute(CLASS, None if index is None else str(index))


def _moveSegment(segment: slicer.vtkSegment, new: Mapping[int, int | None]) -> None:
    before = taggedClass(segment)
    if before not in new or new[before] == before:
        return
    if new[before] is None:
        segment.RemoveTag(CLASS)
    else:
        segment.SetTag(CLASS, str(new[before]))


def _nodesOf(className: str, cohortFile: str) -> list:
    nodes = nodesOfClass(className)
    return [node for node in nodes if node.GetAttribute(COHORT) in (None, cohortFile)]
