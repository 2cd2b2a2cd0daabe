"""The Segment Editor widget over Slicer's own segment-editor logic."""

from __future__ import annotations

import slicer

from .editor_look import EditorLook
from .effects import ORDER, Effect
from .factory import behaviour, declared_values
from .scene_users import SceneUser, Watch

SHOWN_AT_FIRST = (
    "segmentationNodeSelectorVisible",
    "sourceVolumeNodeSelectorVisible",
    "maskingSectionVisible",
    "specifyGeometryButtonVisible",
    "show3DButtonVisible",
    "addRemoveSegmentButtonsVisible",
    "switchToSegmentationsButtonVisible",
    "autoShowSourceVolumeNode",
    "undoEnabled",
    "unorderedEffectsVisible",
)


@behaviour
class qMRMLSegmentEditorWidget(EditorLook, SceneUser):
    """Segments as a table, effects as buttons; what is edited lives in the parameter node."""

    _logic = None
    _node = None
    _node_watch = None
    _effects = ()
    _order = ORDER
    _shown_segmentation = None
    _shown_volume = None
    _shown_segment = ""
    _shortcuts = False
    _updating = False

    def _build(self) -> None:
        self._logic = slicer.vtkSlicerSegmentEditorLogic()
        self._effects = {name: Effect(name, self._logic) for name in ORDER}
        for name in SHOWN_AT_FIRST:
            declared_values(self)[name] = True
        self._lay_out()
        self.updateEffectList()

    # Scene and parameter node

    def _scene_events(self) -> tuple:
        return (self._scene.EndCloseEvent, self._scene.EndBatchProcessEvent)

    def _scene_event(self, _caller, _event) -> None:
        self.updateWidgetFromMRML()

    def _scene_set(self) -> None:
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(self._scene)
        self.updateWidgetFromMRML()

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLSegmentEditorNode(self, node) -> None:
        if node is self._node:
            return
        if self._node_watch is not None:
            self._node_watch.end()
        self._node = node
        self._logic.SetSegmentEditorNode(node)
        self._node_watch = None
        if node is not None:
            self._node_watch = Watch(node, ("ModifiedEvent",), self._node_changed)
            self.destroyed.connect(self._node_watch.end)
            for effect in self._effects.values():
                effect._set_defaults()
            self.updateWidgetFromMRML()

    def _node_changed(self, _caller, _event) -> None:
        self.updateWidgetFromMRML()

    def interactionNode(self):
        return slicer.app.applicationLogic().GetInteractionNode()

    # What is edited

    def segmentationNode(self):
        return self._node.GetSegmentationNode() if self._node is not None else None

    def segmentationNodeID(self) -> str:
        node = self.segmentationNode()
        return node.GetID() if node is not None else ""

    def setSegmentationNode(self, node) -> None:
        if self._node is None or self._logic.GetSegmentationNode() is node:
            return
        self._logic.SetSegmentationNode(node)
        self.setActiveEffect(None)
        self.updateWidgetFromMRML()

    def setSegmentationNodeID(self, identifier: str) -> None:
        self.setSegmentationNode(self._scene.GetNodeByID(identifier))

    def sourceVolumeNode(self):
        return self._node.GetSourceVolumeNode() if self._node is not None else None

    def sourceVolumeNodeID(self) -> str:
        node = self.sourceVolumeNode()
        return node.GetID() if node is not None else ""

    def setSourceVolumeNode(self, node) -> None:
        if self._node is not None:
            self._logic.SetSourceVolumeNode(node)
            self.updateWidgetFromMRML()

    def setSourceVolumeNodeID(self, identifier: str) -> None:
        self.setSourceVolumeNode(self._scene.GetNodeByID(identifier))

    def currentSegmentID(self) -> str:
        return (self._node.GetSelectedSegmentID() or "") if self._node is not None else ""

    def setCurrentSegmentID(self, segmentID: str) -> None:
        if self._node is not None:
            self._logic.SetCurrentSegmentID(segmentID or "")
            self.updateWidgetFromMRML()

    def selectNextSegment(self) -> None:
        self._logic.SelectNextSegment(False)

    def selectPreviousSegment(self) -> None:
        self._logic.SelectPreviousSegment(False)

    # Effects

    def availableEffectNames(self) -> list[str]:
        return list(self._effects)

    def effectCount(self) -> int:
        return len(self._effects)

    def effectByName(self, name: str):
        return self._effects.get(name)

    def effectByIndex(self, index: int):
        names = list(self._effects)
        return self._effects[names[index]] if 0 <= index < len(names) else None

    def effectNameOrder(self) -> list[str]:
        return list(self._order)

    def setEffectNameOrder(self, names) -> None:
        self._order = tuple(names)
        self.updateEffectList()

    def _set_unorderedEffectsVisible(self, visible: bool) -> None:
        declared_values(self)["unorderedEffectsVisible"] = visible
        self.updateEffectList()

    def activeEffect(self):
        name = self._node.GetActiveEffectName() if self._node is not None else ""
        if not name or self.segmentationNode() is None:
            return None
        return self._effects.get(name)

    def setActiveEffect(self, effect) -> None:
        if self._node is not None:
            self._node.SetActiveEffectName(effect.name if effect is not None else "")

    def setActiveEffectByName(self, name: str) -> None:
        self.setActiveEffect(self._effects.get(name))

    # Undo

    def _get_maximumNumberOfUndoStates(self) -> int:
        return self._logic.GetMaximumNumberOfUndoStates()

    def _set_maximumNumberOfUndoStates(self, count: int) -> None:
        self._logic.SetMaximumNumberOfUndoStates(count)

    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()
        self._show_undo()

    def undo(self) -> None:
        self._logic.Undo()
        self.updateWidgetFromMRML()

    def redo(self) -> None:
        self._logic.Redo()
        self.updateWidgetFromMRML()

    # The application around it

    def installKeyboardShortcuts(self, _parent=None) -> None:
        self._shortcuts = True

    def uninstallKeyboardShortcuts(self) -> None:
        self._shortcuts = False

    def setupViewObservations(self) -> None:
        """No views to observe."""

    def removeViewObservations(self) -> None:
        """No views to observe."""

    def hideLabelLayer(self) -> None:
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            node.SetLabelVolumeID(None)

    def rotateSliceViewsToSegmentation(self) -> None:
        """No views to turn."""
