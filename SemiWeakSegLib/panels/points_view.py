"""The list of a case's points: a row for the background and for each class, and placing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from SemiWeakSegLib.panels.class_names import className
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.observations import Observations
from SemiWeakSegLib.panels.slice_views import jumpTo
from SemiWeakSegLib.scene.annotations import Annotation
from SemiWeakSegLib.scene.placing import (
    PointHistory,
    clearPoints,
    interactionNode,
    placingList,
    startPlacing,
    stopPlacing,
)
from SemiWeakSegLib.scene.points import classOfList, placedIndices
from SemiWeakSegLib.scene.segment_classes import BACKGROUND

CLASS, COUNT, SHOWN = range(3)
REST_MS = 200
"""A drag, and deleting several points, is one step of undo: it is over when nothing more comes."""


class PointsView:
    """Keeps the table equal to the point lists it shows, and clicks to the chosen class.

    ``onBox(classIndex)`` is called for a box of a class's points, ``onSettled()`` once points
    were placed, moved or deleted and the hand rests.
    """

    def __init__(
        self, ui: Any, onBox: Callable[[int], None], onSettled: Callable[[], None]
    ) -> None:
        self._ui = ui
        self._table = ui.pointsTable
        self._onBox = onBox
        self._onSettled = onSettled
        self._lists: list[slicer.vtkMRMLMarkupsFiducialNode] = []
        self._history = PointHistory()
        self._updating = False
        self._placing = False
        self._visited = 0
        self._observations = Observations()
        self._connections = Connections()
        self._rest = qt.QTimer()
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(CLASS, qt.QHeaderView.Stretch)
        for sender, signal, receiver in (
            (self._table, "cellChanged(int,int)", self._onCellChanged),
            (self._table, "cellDoubleClicked(int,int)", self._onCellDoubleClicked),
            (self._table, "itemSelectionChanged()", self._onSelection),
            (ui.placePointsButton, "toggled(bool)", self._onPlace),
            (ui.undoPointButton, "clicked()", self.undo),
            (ui.clearPointsButton, "clicked()", self._onClear),
            (ui.boxFromPointsButton, "clicked()", self._onBoxClicked),
            (self._rest, "timeout()", self._onRest),
        ):
            self._connections.widget(sender, signal, receiver)

    @property
    def chosen(self) -> slicer.vtkMRMLMarkupsFiducialNode | None:
        """The list of the selected row."""
        row = int(self._table.currentRow())
        return self._lists[row] if 0 <= row < len(self._lists) else None

    def show(self, points: Annotation | None) -> None:
        """List the points of an open case; None: nothing, and clicks place nothing.

        Who is placing goes on with the same class in the next case.
        """
        lists = [] if points is None else list(points.markups)
        goOn = self._placing and bool(lists)
        if lists != self._lists:
            self._stop()
            self._watch(lists)
        self._updating = True
        try:
            row = self._rowToChoose()
            self._table.setRowCount(len(lists))
            for number, pointList in enumerate(lists):
                self._fill(number, pointList, points)
            if lists:
                self._table.setCurrentCell(row, CLASS)
        finally:
            self._updating = False
        if goOn and not self._placing:
            self._startPlacing(self.chosen)
        self._enable()

    def undo(self) -> None:
        """Take the last change of the points back."""
        self._history.undo()
        self._onRest()

    def stop(self) -> None:
        """Clicks place nothing any more."""
        self._stop()
        self._enable()

    def cleanup(self) -> None:
        """Nothing is called any more."""
        self._stop()
        self._watch([])
        self._connections.release()

    def _watch(self, lists: list[slicer.vtkMRMLMarkupsFiducialNode]) -> None:
        self._rest.stop()
        self._observations.release()
        self._lists, self._visited = lists, 0
        self._history = PointHistory(lists)
        for pointList in lists:
            for event, receiver in (
                (pointList.PointPositionDefinedEvent, self._onPlaced),
                (pointList.PointRemovedEvent, self._onRemoved),
                (pointList.PointModifiedEvent, self._onMoved),
            ):
                self._observations.add(pointList, event, receiver)
        if lists:
            node = interactionNode()
            self._observations.add(node, node.InteractionModeChangedEvent, self._onMode)

    def _rowToChoose(self) -> int:
        """The row that was chosen; at first that of the first class, which is after background."""
        before = int(self._table.currentRow())
        if 0 <= before < len(self._lists):
            return before
        return min(1, len(self._lists) - 1)

    def _fill(
        self, row: int, pointList: slicer.vtkMRMLMarkupsFiducialNode, points: Annotation
    ) -> None:
        readOnly = qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable
        index = classOfList(pointList)
        text = _("(no class)") if index is None else className(index, points.classes)
        name = qt.QTableWidgetItem(text)
        name.setFlags(readOnly)
        red, green, blue = (round(255 * each) for each in pointList.GetDisplayNode().GetColor())
        name.setData(qt.Qt.DecorationRole, qt.QColor(red, green, blue))
        name.setToolTip(_("Double click goes from point to point in the slice views"))
        count = qt.QTableWidgetItem(str(len(placedIndices(pointList))))
        count.setFlags(readOnly)
        count.setToolTip(_("How many points are placed"))
        shown = qt.QTableWidgetItem("")
        shown.setFlags(readOnly | qt.Qt.ItemIsUserCheckable)
        visible = bool(pointList.GetDisplayVisibility())
        shown.setCheckState(qt.Qt.Checked if visible else qt.Qt.Unchecked)
        shown.setToolTip(_("Show these points in the views"))
        for column, item in ((CLASS, name), (COUNT, count), (SHOWN, shown)):
            self._table.setItem(row, column, item)

    def _enable(self) -> None:
        ui, chosen = self._ui, self.chosen
        hasPoints = chosen is not None and bool(placedIndices(chosen))
        ui.placePointsButton.enabled = chosen is not None
        ui.undoPointButton.enabled = self._history.canUndo
        ui.clearPointsButton.enabled = hasPoints
        isObject = chosen is not None and classOfList(chosen) not in (None, BACKGROUND)
        ui.boxFromPointsButton.enabled = hasPoints and isObject
        placing = placingList(self._lists) is not None
        blocked = ui.placePointsButton.blockSignals(True)
        try:
            ui.placePointsButton.setChecked(placing)
        finally:
            ui.placePointsButton.blockSignals(blocked)

    def _startPlacing(self, pointList: slicer.vtkMRMLMarkupsFiducialNode) -> None:
        self._placing = True
        pointList.SetDisplayVisibility(True)  # nobody places what cannot be seen
        self._table.item(self._lists.index(pointList), SHOWN).setCheckState(qt.Qt.Checked)
        startPlacing(pointList)

    def _stop(self) -> None:
        if self._placing:
            self._placing = False
            stopPlacing()

    # Events

    def _onPlace(self, checked: bool) -> None:
        if checked and self.chosen is not None:
            self._startPlacing(self.chosen)
        else:
            self._stop()
        self._enable()

    def _onSelection(self) -> None:
        if self._updating:
            return
        self._visited = 0
        if placingList(self._lists) is not None and self.chosen is not None:
            self._startPlacing(self.chosen)
        self._enable()

    def _onClear(self) -> None:
        if self.chosen is not None:
            clearPoints(self.chosen)
            self._onRest()

    def _onBoxClicked(self) -> None:
        if self.chosen is not None:
            self._onBox(classOfList(self.chosen))

    def _onPlaced(self, _caller: Any = None, _event: Any = None) -> None:
        self._history.note()  # each click is a step of its own
        self._count()

    def _onRemoved(self, _caller: Any = None, _event: Any = None) -> None:
        self._count()

    def _count(self) -> None:
        self._updating = True
        try:
            for row, pointList in enumerate(self._lists):
                self._table.item(row, COUNT).setText(str(len(placedIndices(pointList))))
        finally:
            self._updating = False
        self._enable()
        self._rest.start()

    def _onMoved(self, _caller: Any = None, _event: Any = None) -> None:
        self._rest.start()

    def _onRest(self) -> None:
        self._rest.stop()
        self._history.note()
        self._enable()
        self._onSettled()

    def _onMode(self, _caller: Any = None, _event: Any = None) -> None:
        self._placing = placingList(self._lists) is not None
        self._enable()

    def _onCellChanged(self, row: int, column: int) -> None:
        if self._updating or column != SHOWN or row >= len(self._lists):
            return
        checked = self._table.item(row, column).checkState() == qt.Qt.Checked
        self._lists[row].SetDisplayVisibility(bool(checked))

    def _onCellDoubleClicked(self, row: int, _column: int) -> None:
        placed = placedIndices(self._lists[row]) if row < len(self._lists) else []
        if placed:
            place = [0.0, 0.0, 0.0]
            index = placed[self._visited % len(placed)]
            self._lists[row].GetNthControlPointPositionWorld(index, place)
            self._visited += 1
            jumpTo(place)
