"""The form that adds volumes of the scene, with their segmentations as labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

_VOLUME, _SEGMENTATION = range(2)


class AddVolumesForm:
    """A table of volumes to check; ``accept`` gets the checked volumes and a dictionary
    volume id -> segmentation node."""

    def __init__(
        self, ui: SimpleNamespace, accept: Callable[[list[Any], dict[str, Any]], None]
    ) -> None:
        self.ui = ui
        self._accept = accept
        self._ids: list[str] = []
        self._table = ui.volumesTable
        self._table.setColumnCount(2)
        self._table.setHorizontalHeaderLabels([_("Volume"), _("Segmentation as label")])
        self._table.verticalHeader().hide()
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.setColumnWidth(_VOLUME, 200)
        self._table.connect("cellChanged(int,int)", self._changed)
        ui.addVolumesAcceptButton.connect("clicked()", self._accepted)

    def cleanup(self) -> None:
        """Call nobody from now on."""
        self._table.disconnect("cellChanged(int,int)", self._changed)
        self.ui.addVolumesAcceptButton.disconnect("clicked()", self._accepted)

    def show(self, volumes: Sequence[Any], withSegmentations: bool, empty: str) -> None:
        """Offer these volume nodes; ``empty`` is said where there is none."""
        self._table.setColumnHidden(_SEGMENTATION, not withSegmentations)
        segmentations = list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        self._table.setRowCount(0)
        self._ids = []
        for row, volume in enumerate(volumes):
            self._table.setRowCount(row + 1)
            item = qt.QTableWidgetItem(volume.GetName())
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
            item.setCheckState(qt.Qt.Unchecked)
            self._ids.append(volume.GetID())
            self._table.setItem(row, _VOLUME, item)
            self._table.setCellWidget(row, _SEGMENTATION, _segmentationBox(volume, segmentations))
        self.ui.volumesHintLabel.text = empty
        self.ui.volumesHintLabel.visible = not volumes
        self._changed()

    def check(self, rows: Sequence[int] | None = None) -> None:
        """Check these rows, or all."""
        for row in range(len(self._ids)) if rows is None else rows:
            self._table.item(row, _VOLUME).setCheckState(qt.Qt.Checked)

    def _checkedRows(self) -> list[int]:
        rows = range(len(self._ids))
        return [
            row
            for row in rows
            if self._table.item(row, _VOLUME) is not None
            and self._table.item(row, _VOLUME).checkState() == qt.Qt.Checked
        ]

    def _changed(self, *_cell: object) -> None:
        count = len(self._checkedRows())
        button = self.ui.addVolumesAcceptButton
        button.enabled = count > 0
        button.toolTip = (
            _("Add {count} volume(s) as cases. One that was changed here is saved anew.").format(
                count=count
            )
            if count
            else _("Check at least one volume.")
        )

    def _accepted(self) -> None:
        volumes, segmentations = [], {}
        for row in self._checkedRows():
            node = slicer.mrmlScene.GetNodeByID(self._ids[row])
            if node is None:
                continue
            volumes.append(node)
            box = self._table.cellWidget(row, _SEGMENTATION)
            chosen = box.itemData(box.currentIndex)
            segmentation = slicer.mrmlScene.GetNodeByID(chosen) if chosen else None
            if segmentation is not None:
                segmentations[node.GetID()] = segmentation
        self._accept(volumes, segmentations)


def _segmentationBox(volume: Any, segmentations: Sequence[Any]) -> qt.QComboBox:
    """The scene's segmentations; the one that was drawn on the volume is chosen."""
    box = qt.QComboBox()
    box.setObjectName(f"SegmentationOf{volume.GetID()}")
    box.toolTip = _("The segmentation that becomes the label of this case.")
    box.addItem(_("none"), "")
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    for node in segmentations:
        box.addItem(node.GetName(), node.GetID())
        if node.GetNodeReferenceID(role) == volume.GetID():
            box.setCurrentIndex(box.count - 1)
    return box
