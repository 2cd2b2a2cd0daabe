"""Tables and selectors of segments."""

from __future__ import annotations

import slicer
from PySide6 import QtCore, QtGui, QtWidgets

from .factory import behaviour, declared_values
from .scene_users import SceneUser, Watch

NAME = 1


@behaviour
class qMRMLSegmentsTableView(SceneUser):
    """One row for each segment of a segmentation."""

    _table = None
    _node = None
    _node_watch = None
    _hidden = ()

    def _build(self) -> None:
        self._table = QtWidgets.QTableWidget(0, 2)
        self._table.setHorizontalHeaderLabels(["", "Name"])
        self._table.horizontalHeader().setStretchLastSection(True)
        self._table.verticalHeader().setVisible(False)
        self._table.setColumnWidth(0, 28)
        self._table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._table)
        self._table.selectionModel().selectionChanged.connect(
            lambda now, before: self.selectionChanged.emit(now, before)
        )

    def tableWidget(self):
        return self._table

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        if self._node_watch is not None:
            self._node_watch.end()
        self._node = node
        self._node_watch = None
        if node is not None:
            kind = slicer.vtkSegmentation
            events = (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified)
            self._node_watch = Watch(node, events, lambda _c, _e: self._refresh())
            self.destroyed.connect(self._node_watch.end)
        self._refresh()

    def _ids(self) -> list[str]:
        ids = list(self._node.GetSegmentation().GetSegmentIDs()) if self._node is not None else []
        return [identifier for identifier in ids if identifier not in self._hidden]

    def _refresh(self) -> None:
        chosen = self.selectedSegmentIDs()
        ids = self._ids()
        self._table.setRowCount(len(ids))
        for row, identifier in enumerate(ids):
            segment = self._node.GetSegmentation().GetSegment(identifier)
            color = QtWidgets.QTableWidgetItem()
            color.setBackground(QtGui.QColor.fromRgbF(*segment.GetColor()))
            name = QtWidgets.QTableWidgetItem(segment.GetName() or "")
            name.setData(QtCore.Qt.ItemDataRole.UserRole, identifier)
            self._table.setItem(row, 0, color)
            self._table.setItem(row, NAME, name)
        self.setSelectedSegmentIDs([identifier for identifier in chosen if identifier in ids])

    def _get_segmentCount(self) -> int:
        return len(self._ids())

    def displayedSegmentIDs(self) -> list[str]:
        return self._ids()

    def segmentIDForRow(self, row: int) -> str:
        item = self._table.item(row, NAME)
        return item.data(QtCore.Qt.ItemDataRole.UserRole) if item is not None else ""

    def rowForSegmentID(self, segmentID: str) -> int:
        ids = self._ids()
        return ids.index(segmentID) if segmentID in ids else -1

    def selectedSegmentIDs(self) -> list[str]:
        rows = sorted({index.row() for index in self._table.selectedIndexes()})
        return [self.segmentIDForRow(row) for row in rows]

    def setSelectedSegmentIDs(self, ids) -> None:
        self._table.clearSelection()
        flags = QtCore.QItemSelectionModel.SelectionFlag
        for identifier in ids:
            index = self._table.model().index(self.rowForSegmentID(identifier), NAME)
            self._table.selectionModel().select(index, flags.Select | flags.Rows)

    def clearSelection(self) -> None:
        self._table.clearSelection()

    def setHideSegments(self, ids) -> None:
        self._hidden = tuple(ids)
        self._refresh()

    def hideSegments(self) -> list[str]:
        return list(self._hidden)

    def _set_selectionMode(self, mode: int) -> None:
        declared_values(self)["selectionMode"] = mode
        self._table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode(mode))

    def _set_headerVisible(self, visible: bool) -> None:
        declared_values(self)["headerVisible"] = visible
        self._table.horizontalHeader().setVisible(visible)

    def jumpSlices(self) -> None:
        """No slice views to move."""


@behaviour
class qMRMLSegmentSelectorWidget(SceneUser):
    """A segmentation and one of its segments."""

    _nodes = None
    _segments = None

    def _build(self) -> None:
        self._nodes = slicer.qMRMLNodeComboBox()
        self._nodes.nodeTypes = ["vtkMRMLSegmentationNode"]
        self._segments = QtWidgets.QComboBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._nodes)
        layout.addWidget(self._segments)
        self._nodes.currentNodeChanged.connect(lambda node: self._fill(node))
        self._segments.currentIndexChanged.connect(
            lambda _index: self.currentSegmentChanged.emit(self.currentSegmentID())
        )

    def _scene_set(self) -> None:
        self._nodes.setMRMLScene(self._scene)

    def _fill(self, node) -> None:
        self._segments.clear()
        segmentation = node.GetSegmentation() if node is not None else None
        for identifier in segmentation.GetSegmentIDs() if segmentation is not None else ():
            self._segments.addItem(segmentation.GetSegment(identifier).GetName(), identifier)
        self.currentNodeChanged.emit(node)

    def currentNode(self):
        return self._nodes.currentNode()

    def currentNodeID(self) -> str:
        return self._nodes.currentNodeID

    def setCurrentNode(self, node) -> None:
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, identifier: str) -> None:
        self._nodes.setCurrentNodeID(identifier)

    def currentSegmentID(self) -> str:
        return self._segments.currentData or ""

    def setCurrentSegmentID(self, segmentID: str) -> None:
        self._segments.setCurrentIndex(self._segments.findData(segmentID))

    def segmentIDs(self) -> list[str]:
        return [self._segments.itemData(row) for row in range(self._segments.count)]


@behaviour
class qMRMLSegmentationShow3DButton:
    """Remembers its segmentation; ticking it makes and shows the surface."""

    _node = None

    def _build(self) -> None:
        self.setText("Show 3D")
        self.setCheckable(True)
        self.toggled.connect(lambda on: self._show(on))

    def segmentationNode(self):
        return self._node

    def setSegmentationNode(self, node) -> None:
        self._node = node

    def _show(self, on: bool) -> None:
        if self._node is None:
            return
        if on:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.RemoveClosedSurfaceRepresentation()
