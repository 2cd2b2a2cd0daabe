"""The list of a case's boxes: class, size, whether it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SemiWeakSegLib.cohort import SegmentClass
from SemiWeakSegLib.panels.class_names import className
from SemiWeakSegLib.panels.connections import Connections
from SemiWeakSegLib.panels.observations import Observations
from SemiWeakSegLib.panels.slice_views import jumpTo
from SemiWeakSegLib.scene.rois import classOfRoi

CLASS, SIZE, SHOWN = range(3)


class BoxesView:
    """Keeps the table equal to the ROI nodes it shows; sizes follow while a box is dragged.

    ``onAdd(classIndex, oneSlice)`` is called for a new box, ``onRemove(boxes)`` for those selected.
    """

    def __init__(
        self,
        ui: Any,
        onAdd: Callable[[int, bool], None],
        onRemove: Callable[[list[slicer.vtkMRMLMarkupsROINode]], None],
    ) -> None:
        self._ui = ui
        self._table = ui.boxesTable
        self._onAdd = onAdd
        self._onRemove = onRemove
        self._boxes: list[slicer.vtkMRMLMarkupsROINode] = []
        self._classes: list[SegmentClass] = []
        self._updating = False
        self._observations = Observations()
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(CLASS, qt.QHeaderView.Stretch)
        self._connections = Connections()
        for sender, signal, receiver in (
            (self._table, "cellChanged(int,int)", self._onCellChanged),
            (self._table, "cellDoubleClicked(int,int)", self._onCellDoubleClicked),
            (ui.addBoxButton, "clicked()", self._onAddClicked),
            (ui.removeBoxButton, "clicked()", self._onRemoveClicked),
            (ui.rotateBoxesCheckBox, "toggled(bool)", self._showHandles),
        ):
            self._connections.widget(sender, signal, receiver)

    def show(
        self, boxes: Sequence[slicer.vtkMRMLMarkupsROINode], classes: Sequence[SegmentClass]
    ) -> None:
        """List these boxes of these classes."""
        self._observations.release()
        self._boxes = list(boxes)
        self._showClasses(classes)
        self._updating = True
        try:
            self._table.setRowCount(0)
            self._table.setRowCount(len(self._boxes))
            for row, box in enumerate(self._boxes):
                self._fill(row, box)
        finally:
            self._updating = False
        self._showHandles()
        for box in self._boxes:
            # Any change of the node: handles move it through several events.
            for event in (
                vtk.vtkCommand.ModifiedEvent,
                slicer.vtkMRMLMarkupsNode.PointModifiedEvent,
            ):
                self._observations.add(box, event, self._onBoxModified)

    def selected(self) -> list[slicer.vtkMRMLMarkupsROINode]:
        """The boxes of the selected rows."""
        rows = sorted({item.row() for item in self._table.selectedItems()})
        return [self._boxes[row] for row in rows if row < len(self._boxes)]

    def cleanup(self) -> None:
        """Nothing is called any more."""
        self._observations.release()
        self._boxes = []
        self._connections.release()

    def _showClasses(self, classes: Sequence[SegmentClass]) -> None:
        if list(classes) == self._classes:
            return
        self._classes = list(classes)
        selector = self._ui.boxClassSelector
        row = max(0, int(selector.currentIndex))
        selector.clear()
        selector.addItems([item.name for item in self._classes])
        selector.setCurrentIndex(min(row, len(self._classes) - 1))

    def _showHandles(self, _checked: bool = True) -> None:
        for box in self._boxes:
            box.CreateDefaultDisplayNodes()
            display = box.GetDisplayNode()
            display.SetHandlesInteractive(True)
            display.SetRotationHandleVisibility(bool(self._ui.rotateBoxesCheckBox.checked))

    def _onAddClicked(self) -> None:
        row = int(self._ui.boxClassSelector.currentIndex)
        if 0 <= row < len(self._classes):
            self._onAdd(self._classes[row].index, bool(self._ui.oneSliceCheckBox.checked))

    def _onRemoveClicked(self) -> None:
        self._onRemove(self.selected())

    def _fill(self, row: int, box: slicer.vtkMRMLMarkupsROINode) -> None:
        readOnly = qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable
        name = qt.QTableWidgetItem(self._nameOf(box))
        name.setFlags(readOnly)
        name.setToolTip(_("Double click shows this box in the slice views"))
        size = qt.QTableWidgetItem(sizeText(box))
        size.setFlags(readOnly)
        size.setToolTip(_("Edge lengths along the box's own axes, in millimetres"))
        shown = qt.QTableWidgetItem("")
        shown.setFlags(readOnly | qt.Qt.ItemIsUserCheckable)
        visible = bool(box.GetDisplayVisibility())
        shown.setCheckState(qt.Qt.Checked if visible else qt.Qt.Unchecked)
        shown.setToolTip(_("Show this box in the views"))
        for column, item in ((CLASS, name), (SIZE, size), (SHOWN, shown)):
            self._table.setItem(row, column, item)

    def _nameOf(self, box: slicer.vtkMRMLMarkupsROINode) -> str:
        index = classOfRoi(box)
        if index is None:
            return _("(no class)")
        return className(index, self._classes)

    def _onBoxModified(self, box=None, _event=None) -> None:
        if box not in self._boxes:
            return
        self._updating = True
        try:
            item = self._table.item(self._boxes.index(box), SIZE)
            if item is not None:
                item.setText(sizeText(box))
        finally:
            self._updating = False

    def _onCellChanged(self, row: int, column: int) -> None:
        if self._updating or column != SHOWN or row >= len(self._boxes):
            return
        checked = self._table.item(row, column).checkState() == qt.Qt.Checked
        self._boxes[row].SetDisplayVisibility(bool(checked))

    def _onCellDoubleClicked(self, row: int, _column: int) -> None:
        if row < len(self._boxes):
            center = [0.0, 0.0, 0.0]
            self._boxes[row].GetCenterWorld(center)
            jumpTo(center)


def sizeText(box: slicer.vtkMRMLMarkupsROINode) -> str:
    """Edge lengths in millimetres of the image, as "12.0 × 8.5 × 30.0"."""
    return " × ".join(f"{edge:.1f}" for edge in box.GetSize())
