"""Views of the layout: they know their node, and draw nothing themselves (render.py does)."""

from __future__ import annotations

import slicer
from PySide6 import QtGui, QtWidgets

from .factory import behaviour
from .scene_users import SceneUser, Watch


@behaviour
class qMRMLAbstractViewWidget:
    """A view with its node and a name in the middle."""

    _view_node = None
    _view = None

    def mrmlAbstractViewNode(self):
        return self._view_node

    def setMRMLAbstractViewNode(self, node) -> None:
        self._view_node = node

    def pauseRender(self) -> None:
        """Nothing is drawn."""

    def resumeRender(self) -> None:
        """Nothing is drawn."""

    def viewWidget(self):
        return self._view

    def _place(self, view) -> None:
        self._view = view
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)


@behaviour
class qMRMLPlotView(SceneUser):
    """Knows the chart that its node shows."""

    _node = None

    def setMRMLPlotViewNode(self, node) -> None:
        self._node = node

    def fitToContent(self) -> None:
        """Axes fit what they show by themselves."""


@behaviour
class qMRMLPlotWidget:
    """A plot view; the chart is the plot view node's own business."""

    def _build(self) -> None:
        self._place(slicer.qMRMLPlotView())

    def plotView(self):
        return self._view

    def mrmlPlotViewNode(self):
        return self._view_node

    def setMRMLPlotViewNode(self, node) -> None:
        self._view_node = node
        self._view.setMRMLPlotViewNode(node)


@behaviour
class qMRMLTableWidget:
    """A table view in a frame."""

    def _build(self) -> None:
        self._place(slicer.qMRMLTableView())

    def tableView(self):
        return self._view

    def mrmlTableViewNode(self):
        return self._view_node

    def setMRMLTableViewNode(self, node) -> None:
        self._view_node = node
        self._view.setMRMLTableNode(node.GetTableNode() if node is not None else None)


@behaviour
class qMRMLTableView(SceneUser):
    """The cells of a table node, kept up to date."""

    _node = None
    _node_watch = None
    _model = None

    def _build(self) -> None:
        self._model = QtGui.QStandardItemModel(self)
        self.setModel(self._model)

    def mrmlTableNode(self):
        return self._node

    def setMRMLTableNode(self, node) -> None:
        if self._node_watch is not None:
            self._node_watch.end()
        self._node = node
        self._node_watch = None
        if node is not None:
            self._node_watch = Watch(node, ("ModifiedEvent",), lambda _c, _e: self._refresh())
            self.destroyed.connect(self._node_watch.end)
        self._refresh()

    def _refresh(self) -> None:
        self._model.clear()
        if self._node is None:
            return
        columns = range(self._node.GetNumberOfColumns())
        self._model.setHorizontalHeaderLabels([self._node.GetColumnName(c) or "" for c in columns])
        for row in range(self._node.GetNumberOfRows()):
            texts = [self._node.GetCellText(row, column) for column in columns]
            self._model.appendRow([QtGui.QStandardItem(text) for text in texts])

    def tableModel(self):
        return self._model


@behaviour
class qMRMLSliceWidget:
    """A slice view's logic and nodes, without a picture."""

    _logic = None

    def sliceLogic(self):
        return self._logic

    def mrmlSliceNode(self):
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self):
        return self._logic.GetSliceCompositeNode()

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()

    def _get_sliceViewName(self) -> str:
        return self.mrmlSliceNode().GetLayoutName()

    def _get_sliceOrientation(self) -> str:
        return self.mrmlSliceNode().GetOrientation()

    def _set_sliceOrientation(self, orientation: str) -> None:
        self.mrmlSliceNode().SetOrientation(orientation)

    def setSliceOrientation(self, orientation: str) -> None:
        self.mrmlSliceNode().SetOrientation(orientation)


@behaviour
class qSlicerMarkupsPlaceWidget(SceneUser):
    """Puts the application into the mode in which a click places a markup."""

    _node = None

    def currentNode(self):
        return self._node

    def currentMarkupsNode(self):
        return self._node

    def setCurrentNode(self, node) -> None:
        self._node = node

    def interactionNode(self):
        return slicer.app.applicationLogic().GetInteractionNode()

    def selectionNode(self):
        return slicer.app.applicationLogic().GetSelectionNode()

    def _get_placeModeEnabled(self) -> bool:
        interaction = self.interactionNode()
        return interaction.GetCurrentInteractionMode() == interaction.Place

    def _set_placeModeEnabled(self, enabled: bool) -> None:
        before = self.placeModeEnabled
        interaction, selection = self.interactionNode(), self.selectionNode()
        if enabled and self._node is not None:
            selection.SetReferenceActivePlaceNodeClassName(self._node.GetClassName())
            selection.SetActivePlaceNodeID(self._node.GetID())
            interaction.SwitchToSinglePlaceMode()
        else:
            interaction.SwitchToViewTransformMode()
        if before != self.placeModeEnabled:
            self.activeMarkupsPlaceModeChanged.emit(self.placeModeEnabled)

    def setPlaceModeEnabled(self, enabled: bool) -> None:
        self.placeModeEnabled = enabled
