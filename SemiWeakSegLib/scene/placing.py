"""Slicer's mode in which a click in a view places a point, and taking points back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import slicer

from SemiWeakSegLib.scene.node_names import ANNOTATION
from SemiWeakSegLib.scene.points import LIST_CLASS, placedIndices, placedPoints

MOST_STEPS = 100


def startPlacing(pointList: slicer.vtkMRMLMarkupsFiducialNode) -> None:
    """From now on each click in a view places a point in this list."""
    selection = _applicationLogic().GetSelectionNode()
    selection.SetReferenceActivePlaceNodeClassName(LIST_CLASS)
    selection.SetActivePlaceNodeID(pointList.GetID())
    interaction = interactionNode()
    interaction.SetPlaceModePersistence(1)
    interaction.SetCurrentInteractionMode(interaction.Place)


def stopPlacing() -> None:
    """Clicks place no point of a case any more; what else a user may be placing goes on.

    Where a case's list was removed, Slicer would begin a new one that belongs to no case.
    """
    interaction = interactionNode()
    active = _applicationLogic().GetSelectionNode().GetActivePlaceNodeID()
    node = slicer.mrmlScene.GetNodeByID(active) if active else None
    isOurs = node is None or node.GetAttribute(ANNOTATION) == "point"
    if isOurs and interaction.GetCurrentInteractionMode() == interaction.Place:
        interaction.SetPlaceModePersistence(0)
        interaction.SwitchToViewTransformMode()


def placingList(
    lists: Iterable[slicer.vtkMRMLMarkupsFiducialNode],
) -> slicer.vtkMRMLMarkupsFiducialNode | None:
    """Which of the lists a click places a point in; None for none of them."""
    interaction = interactionNode()
    if interaction.GetCurrentInteractionMode() != interaction.Place:
        return None
    active = _applicationLogic().GetSelectionNode().GetActivePlaceNodeID()
    return next((each for each in lists if each.GetID() == active), None)


def interactionNode() -> slicer.vtkMRMLInteractionNode:
    """Tells with InteractionModeChangedEvent that another mode, or none, was chosen."""
    return _applicationLogic().GetInteractionNode()


def clearPoints(pointList: slicer.vtkMRMLMarkupsFiducialNode) -> None:
    """Delete the points that were placed in a list."""
    for index in reversed(placedIndices(pointList)):
        pointList.RemoveNthControlPoint(index)


class PointHistory:
    """The states of some point lists, for undo; ``note`` is called after anything has changed."""

    def __init__(self, lists: Sequence[slicer.vtkMRMLMarkupsFiducialNode] = ()) -> None:
        self._lists = list(lists)
        self._states = [self._state()]
        self._restoring = False

    @property
    def canUndo(self) -> bool:
        return len(self._states) > 1

    def note(self) -> None:
        """Remember the present state if it is another than the last one."""
        state = self._state()
        if state != self._states[-1] and not self._restoring:
            self._states = [*self._states[-MOST_STEPS:], state]

    def undo(self) -> None:
        """Go back to the state before the last change."""
        self.note()
        if not self.canUndo:
            return
        self._states.pop()
        self._restoring = True
        try:
            for pointList, points in zip(self._lists, self._states[-1], strict=True):
                _restore(pointList, points)
        finally:
            self._restoring = False
        self._states[-1] = self._state()  # a list that has left the scene stays away

    def _state(self) -> tuple[tuple[tuple[float, float, float], ...], ...]:
        return tuple(
            tuple(sorted(placedPoints(each))) if each.GetScene() is not None else ()
            for each in self._lists
        )


def _restore(
    pointList: slicer.vtkMRMLMarkupsFiducialNode, points: Sequence[tuple[float, float, float]]
) -> None:
    """Delete and add as few points as need be: the rest keeps what a person did to it."""
    if pointList.GetScene() is None:
        return
    missing = list(points)
    for index in reversed(placedIndices(pointList)):
        place = tuple(pointList.GetNthControlPointPosition(index)[:3])
        if place in missing:
            missing.remove(place)
        else:
            pointList.RemoveNthControlPoint(index)
    for place in missing:
        pointList.AddControlPoint(list(place))


def _applicationLogic() -> slicer.vtkMRMLApplicationLogic:
    return slicer.app.applicationLogic()
