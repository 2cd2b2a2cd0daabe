"""Combo boxes of nodes."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from .factory import behaviour
from .scene_users import SceneUser


@behaviour
class qMRMLNodeComboBox(SceneUser):
    """Lists the scene's nodes of some classes and keeps one of them current."""

    _combo = None
    _current = ""
    _ids = ()
    _attributes = ()

    def _build(self) -> None:
        self._attributes = []
        self._combo = QtWidgets.QComboBox()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        for name in ("showChildNodeTypes", "addEnabled", "removeEnabled", "selectNodeUponCreation"):
            setattr(self, name, True)
        self.noneDisplay = "None"
        self._combo.currentIndexChanged.connect(self._chosen)
        self._combo.activated.connect(lambda _i: self.nodeActivated.emit(self.currentNode()))

    # Which nodes

    def _scene_events(self) -> tuple:
        scene = self._scene
        return (
            scene.NodeAddedEvent,
            scene.NodeRemovedEvent,
            scene.EndCloseEvent,
            scene.EndImportEvent,
            scene.EndBatchProcessEvent,
        )

    def _scene_event(self, _caller, _event) -> None:
        if not self._scene.IsBatchProcessing():
            self._refresh()

    def _scene_set(self) -> None:
        self._refresh()

    def _fitting(self, nodes: list) -> list:
        # Read once: a refresh asks this of every node of the scene.
        kinds, hidden_kinds = self.nodeTypes or (), self.hideChildNodeTypes or ()
        children, hidden = self.showChildNodeTypes, self.showHidden

        def fits(node) -> bool:
            of_kind = (
                any(node.IsA(kind) for kind in kinds) if children else node.GetClassName() in kinds
            )
            return (
                of_kind
                and not any(node.IsA(kind) for kind in hidden_kinds)
                and (hidden or not node.GetHideFromEditors())
                and self._attributes_fit(node)
            )

        return [node for node in nodes if fits(node)]

    def _attributes_fit(self, node) -> bool:
        for kind, attribute, value in self._attributes:
            found = node.GetAttribute(attribute)
            if node.IsA(kind) and (found is None or (value is not None and found != value)):
                return False
        return True

    def _nodes(self) -> list:
        if self._scene is None:
            return []
        count = self._scene.GetNumberOfNodes()
        return self._fitting([self._scene.GetNthNode(index) for index in range(count)])

    def _refresh(self) -> None:
        nodes = self._nodes()
        self._ids = ([""] if self.noneEnabled else []) + [node.GetID() for node in nodes]
        labels = ([self.noneDisplay] if self.noneEnabled else []) + [n.GetName() for n in nodes]
        self._combo.blockSignals(True)
        self._combo.clear()
        self._combo.addItems([label or "" for label in labels])
        keep = self._current if self._current in self._ids else ""
        if not keep and self._ids and not self.noneEnabled:
            keep = self._ids[0]
        self._combo.setCurrentIndex(self._ids.index(keep) if keep in self._ids else -1)
        self._combo.blockSignals(False)
        self._become(keep)

    def addAttribute(self, nodeType, attributeName, attributeValue=None) -> None:
        self._attributes.append((nodeType, attributeName, attributeValue))
        self._refresh()

    def removeAttribute(self, nodeType, attributeName) -> None:
        self._attributes = [a for a in self._attributes if a[:2] != (nodeType, attributeName)]
        self._refresh()

    def nodeCount(self) -> int:
        return len(self._nodes())

    def nodeFromIndex(self, index: int):
        nodes = self._nodes()
        return nodes[index] if 0 <= index < len(nodes) else None

    # Which of them

    def _chosen(self, index: int) -> None:
        self._become(self._ids[index] if 0 <= index < len(self._ids) else "")

    def _become(self, identifier: str) -> None:
        if identifier == self._current:
            return
        self._current = identifier
        self.currentNodeChanged.emit(self.currentNode())
        self.currentNodeIDChanged.emit(identifier)

    def currentNode(self):
        if not self._current or self._scene is None:
            return None
        return self._scene.GetNodeByID(self._current)

    def setCurrentNode(self, node) -> None:
        identifier = node if isinstance(node, str) else (node.GetID() if node is not None else "")
        if identifier not in self._ids:
            self._refresh()
        self._combo.blockSignals(True)
        known = identifier in self._ids
        self._combo.setCurrentIndex(self._ids.index(identifier) if known else -1)
        self._combo.blockSignals(False)
        self._become(identifier if known else "")

    def setCurrentNodeID(self, identifier: str) -> None:
        self.setCurrentNode(identifier)

    def setCurrentNodeIndex(self, index: int) -> None:
        self.setCurrentNode(self.nodeFromIndex(index))

    def _get_currentNodeID(self) -> str:
        return self._current

    def _set_currentNodeID(self, identifier: str) -> None:
        self.setCurrentNode(identifier)

    _get_currentNodeId = _get_currentNodeID
    _set_currentNodeId = _set_currentNodeID

    def addNode(self, nodeType: str = ""):
        node = self._scene.AddNewNodeByClass(nodeType or self.nodeTypes[0], self.baseName)
        self.nodeAddedByUser.emit(node)
        if self.selectNodeUponCreation:
            self.setCurrentNode(node)
        return node

    def removeCurrentNode(self) -> None:
        node = self.currentNode()
        if node is not None:
            self.nodeAboutToBeRemoved.emit(node)
            self._scene.RemoveNode(node)

    # Properties that change the list

    def _set_nodeTypes(self, value) -> None:
        self._keep("nodeTypes", list(value))

    def _set_noneEnabled(self, value) -> None:
        self._keep("noneEnabled", value)

    def _set_showChildNodeTypes(self, value) -> None:
        self._keep("showChildNodeTypes", value)

    def _set_hideChildNodeTypes(self, value) -> None:
        self._keep("hideChildNodeTypes", list(value))

    def _set_showHidden(self, value) -> None:
        self._keep("showHidden", value)

    def _set_noneDisplay(self, value) -> None:
        self._keep("noneDisplay", value)

    def _keep(self, name: str, value) -> None:
        from .factory import declared_values

        declared_values(self)[name] = value
        self._refresh()


@behaviour
class qMRMLCheckableNodeComboBox:
    """A node combo box in which each node can be ticked."""

    _checked = ()

    def _build(self) -> None:
        super()._build()
        self._checked = set()

    def _refresh(self) -> None:
        super()._refresh()
        self._checked = {identifier for identifier in self._checked if identifier in self._ids}

    def checkedNodes(self) -> list:
        return [node for node in self._nodes() if node.GetID() in self._checked]

    def uncheckedNodes(self) -> list:
        return [node for node in self._nodes() if node.GetID() not in self._checked]

    def allChecked(self) -> bool:
        return not self.uncheckedNodes()

    def noneChecked(self) -> bool:
        return not self.checkedNodes()

    def checkState(self, node):
        checked = node.GetID() in self._checked
        return QtCore.Qt.CheckState.Checked if checked else QtCore.Qt.CheckState.Unchecked

    def setCheckState(self, node, state) -> None:
        before = set(self._checked)
        if state == QtCore.Qt.CheckState.Checked:
            self._checked.add(node.GetID())
        else:
            self._checked.discard(node.GetID())
        if before != self._checked:
            self.checkedNodesChanged.emit()

    def check(self, node) -> None:
        self.setCheckState(node, QtCore.Qt.CheckState.Checked)

    def uncheck(self, node) -> None:
        self.setCheckState(node, QtCore.Qt.CheckState.Unchecked)

    def setUserCheckable(self, _node, _checkable: bool) -> None:
        """Only users are kept from ticking; tests tick by program."""
