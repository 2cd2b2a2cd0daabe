"""The subject hierarchy as a tree and as a combo box."""

from __future__ import annotations

import slicer
import vtk
from PySide6 import QtCore, QtGui

from .factory import behaviour
from .scene_users import SceneUser, Watch

ITEM = QtCore.Qt.ItemDataRole.UserRole


class HierarchyUser(SceneUser):
    """A model of the hierarchy below a root item, rebuilt when the hierarchy changes."""

    _items = None
    _root = 0
    _hierarchy_watch = None

    def subjectHierarchyNode(self):
        if self._scene is None:
            return None
        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)

    def _scene_events(self) -> tuple:
        return (self._scene.EndCloseEvent, self._scene.EndImportEvent)

    def _scene_event(self, _caller, _event) -> None:
        self._scene_set()

    def _scene_set(self) -> None:
        if self._hierarchy_watch is not None:
            self._hierarchy_watch.end()
        hierarchy = self.subjectHierarchyNode()
        self._hierarchy_watch = None
        if hierarchy is not None:
            events = (
                hierarchy.SubjectHierarchyItemAddedEvent,
                hierarchy.SubjectHierarchyItemRemovedEvent,
                hierarchy.SubjectHierarchyItemModifiedEvent,
                hierarchy.SubjectHierarchyItemReparentedEvent,
            )
            self._hierarchy_watch = Watch(hierarchy, events, lambda _c, _e: self._refresh())
            self.destroyed.connect(self._hierarchy_watch.end)
        self._refresh()

    def rootItem(self) -> int:
        hierarchy = self.subjectHierarchyNode()
        return self._root or (hierarchy.GetSceneItemID() if hierarchy is not None else 0)

    def setRootItem(self, item: int) -> None:
        self._root = item
        self._refresh()

    def _shows(self, item: int) -> bool:
        node = self.subjectHierarchyNode().GetItemDataNode(item)
        kinds = self.nodeTypes or ()
        return node is None or not kinds or any(node.IsA(kind) for kind in kinds)

    def _children(self, item: int) -> list[int]:
        found = vtk.vtkIdList()
        self.subjectHierarchyNode().GetItemChildren(item, found, False)
        return [found.GetId(index) for index in range(found.GetNumberOfIds())]

    def _fill(self, parent, item: int) -> None:
        hierarchy = self.subjectHierarchyNode()
        for child in self._children(item):
            if not self._shows(child):
                continue
            row = QtGui.QStandardItem(hierarchy.GetItemName(child))
            row.setData(child, ITEM)
            row.setEditable(False)
            parent.appendRow(row)
            self._items[child] = row
            self._fill(row, child)

    def currentNode(self):
        item = self.currentItem()
        return self.subjectHierarchyNode().GetItemDataNode(item) if item else None

    def setCurrentNode(self, node) -> None:
        hierarchy = self.subjectHierarchyNode()
        self.setCurrentItem(hierarchy.GetItemByDataNode(node) if node is not None else 0)


@behaviour
class qMRMLSubjectHierarchyTreeView(HierarchyUser):
    """The tree with names only; columns, menus and filters of the real one are not there."""

    _model = None

    def _build(self) -> None:
        self._items = {}
        self._model = QtGui.QStandardItemModel(self)
        self._model.setHorizontalHeaderLabels(["Node"])
        self.setModel(self._model)
        self.selectionModel().currentChanged.connect(lambda _now, _before: self._announce())

    def _announce(self) -> None:
        self.currentItemChanged.emit(self.currentItem())
        self.currentNodeChanged.emit(self.currentNode())

    def _refresh(self) -> None:
        current = self.currentItem()
        self.selectionModel().blockSignals(True)
        self._model.removeRows(0, self._model.rowCount())
        self._items = {}
        if self.subjectHierarchyNode() is not None:
            self._fill(self._model.invisibleRootItem(), self.rootItem())
            self.expandAll()
        self.selectionModel().blockSignals(False)
        if current in self._items:
            self.setCurrentItem(current)

    def currentItem(self) -> int:
        index = self.currentIndex()
        return int(index.data(ITEM) or 0) if index.isValid() else 0

    def setCurrentItem(self, item: int) -> None:
        row = self._items.get(item)
        self.setCurrentIndex(row.index() if row is not None else QtCore.QModelIndex())

    def currentItems(self, _items=None) -> list[int]:
        return [int(index.data(ITEM)) for index in self.selectedIndexes()]

    def displayedItemCount(self) -> int:
        return len(self._items)

    def expandItem(self, item: int) -> None:
        self.expand(self._items[item].index())

    def collapseItem(self, item: int) -> None:
        self.collapse(self._items[item].index())


@behaviour
class qMRMLSubjectHierarchyComboBox(HierarchyUser):
    """The items as an indented list."""

    def _build(self) -> None:
        self._items = {}
        self.currentIndexChanged.connect(
            lambda _index: self.currentItemChanged.emit(self.currentItem())
        )

    def _refresh(self) -> None:
        current = self.currentItem()
        self.blockSignals(True)
        self.clear()
        if self.noneEnabled:
            self.addItem(self.noneDisplay or "None", 0)
        if self.subjectHierarchyNode() is not None:
            self._list(self.rootItem(), 0)
        self.setCurrentIndex(self.findData(current))
        self.blockSignals(False)

    def _list(self, item: int, depth: int) -> None:
        for child in self._children(item):
            if self._shows(child):
                name = self.subjectHierarchyNode().GetItemName(child)
                self.addItem("  " * depth + name, child)
                self._list(child, depth + 1)

    def currentItem(self) -> int:
        return int(self.currentData or 0)

    def setCurrentItem(self, item: int) -> None:
        self.setCurrentIndex(self.findData(item))

    def clearSelection(self) -> None:
        self.setCurrentIndex(-1)
