"""The point lists that a case's points are placed in: one for the background, one per class."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING

import slicer

from SemiWeakSegLib.cohort import Case, Point
from SemiWeakSegLib.scene.errors import SceneError
from SemiWeakSegLib.scene.node_names import ANNOTATION, CASE, COHORT, LABEL, LOOK, POINTS
from SemiWeakSegLib.scene.nodes import nodesOfClass, removeNode
from SemiWeakSegLib.scene.points import (
    LIST_CLASS,
    addPoints,
    classOfList,
    dressList,
    newPointList,
    placedPoints,
    pointsOfList,
)
from SemiWeakSegLib.scene.segment_classes import backgroundClass, lookOf
from SemiWeakSegLib.scene.texts import tr as _
from SemiWeakSegLib.scene.volumes import checkImageGrid

if TYPE_CHECKING:
    from SemiWeakSegLib.scene.annotations import Annotation
    from SemiWeakSegLib.scene.study import Study


def openPoints(
    study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode
) -> list[slicer.vtkMRMLMarkupsFiducialNode]:
    """The lists of the case: those in the scene if they belong to its points, else made of them.

    Others are removed; one that was changed and not saved stays, but is no longer of the case.
    """
    lists = listsIn(case.id, str(study.path))
    text = _textOf(case)
    if lists and all(each.GetAttribute(LABEL) == text for each in lists):
        return presentLists(study, case, volume)
    for each in lists:
        if _isAsSaved(each, volume, study):
            removeNode(each)
            continue
        each.SetName(_("{name} (not saved)").format(name=each.GetName()))
        for name in (CASE, COHORT, ANNOTATION, LABEL):
            each.RemoveAttribute(name)
    for each in presentLists(study, case, volume):
        own = [point for point in case.points if point.class_index == classOfList(each)]
        addPoints(each, own, volume)
        _mark(each, study, case, own)
    return listsIn(case.id, str(study.path))


def presentLists(
    study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode
) -> list[slicer.vtkMRMLMarkupsFiducialNode]:
    """The case's lists in the scene; a class that has none, or a new one, gets an empty list.

    They follow their classes' names and colours. An empty list of no class is removed.
    """
    for each in listsIn(case.id, str(study.path)):
        if classOfList(each) is None and not placedPoints(each):
            removeNode(each)
    lists = listsIn(case.id, str(study.path))
    shown = [backgroundClass(), *study.classes]
    for segmentClass in shown:
        own = [each for each in lists if classOfList(each) == segmentClass.index]
        for each in own:
            if each.GetAttribute(LOOK) != lookOf(segmentClass):
                dressList(each, segmentClass)
        if not own:
            made = newPointList(volume, segmentClass)
            _mark(made, study, case)
            lists.append(made)
    order = {each.index: rank for rank, each in enumerate(shown)}
    return sorted(lists, key=lambda each: order.get(classOfList(each), len(order)))


def listsIn(caseId: str, cohortFile: str) -> list[slicer.vtkMRMLMarkupsFiducialNode]:
    """The point lists that are marked as a case's of a cohort, copies a user made included."""
    return [
        node
        for node in nodesOfClass(LIST_CLASS)
        if node.GetAttribute(ANNOTATION) == "point"
        and node.GetAttribute(CASE) == caseId
        and node.GetAttribute(COHORT) == cohortFile
    ]


def drawnPoints(annotation: Annotation) -> list[Point]:
    """The points as they are placed now; see ``points.pointsOfList`` for what is refused."""
    lists = listsIn(annotation.case.id, annotation.cohortFile)
    return _pointsIn(lists, annotation.volume, annotation.classes)


def savePoints(study: Study, case: Case, volume: slicer.vtkMRMLScalarVolumeNode) -> list[Point]:
    """Make what is placed in the lists the case's points.

    Raises SceneError when there is none, unless the case had points and all were taken away.
    """
    checkImageGrid(volume, case)
    lists = listsIn(case.id, str(study.path))
    points = _pointsIn(lists, volume, study.classes)
    if not points and not case.points:
        raise SceneError(
            _("Case {case}: no point is placed, so nothing was saved. Place points first.").format(
                case=case.id
            )
        )
    study.setPoints(case.id, points)
    for each in lists:
        _mark(each, study, study.case(case.id), pointsOfList(each, volume, study.classes))
    return points


def samePoints(one: Sequence[Point], other: Sequence[Point]) -> bool:
    """Whether two lists hold the same points, in any order."""
    return sorted(map(_key, one)) == sorted(map(_key, other))


def _key(point: Point) -> tuple[int, tuple[float, ...]]:
    return point.class_index, tuple(round(value, 3) + 0.0 for value in point.position)


def _pointsIn(lists: Sequence[slicer.vtkMRMLMarkupsFiducialNode], volume, classes) -> list[Point]:
    return [point for each in lists for point in pointsOfList(each, volume, classes)]


def _mark(
    pointList: slicer.vtkMRMLMarkupsFiducialNode,
    study: Study,
    case: Case,
    points: Sequence[Point] | None = None,
) -> None:
    """Note in a list that it is one of the case, and the points as they were saved."""
    pointList.SetAttribute(CASE, case.id)
    pointList.SetAttribute(COHORT, str(study.path))
    pointList.SetAttribute(ANNOTATION, "point")
    pointList.SetAttribute(LABEL, _textOf(case))
    if points is not None:
        pointList.SetAttribute(POINTS, json.dumps([astuple(point) for point in points]))


def _isAsSaved(
    pointList: slicer.vtkMRMLMarkupsFiducialNode,
    volume: slicer.vtkMRMLScalarVolumeNode,
    study: Study,
) -> bool:
    saved = json.loads(pointList.GetAttribute(POINTS) or "[]")
    try:
        drawn = pointsOfList(pointList, volume, study.classes)
    except SceneError:
        return False
    return samePoints(drawn, [Point(index, tuple(position)) for index, position in saved])


def _textOf(case: Case) -> str:
    """Stands for the case's points in an attribute."""
    return f"{len(case.points)}:{zlib.crc32(repr(case.points).encode()):08x}"
