"""The Segment Editor inside the module: its parameter node, its life, what each mode shows."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer

from SemiWeakSegLib.panels.observations import Observations

SINGLETON_TAG = "SemiWeakSeg"
"""Marks this module's own parameter node, so that the Segment Editor module keeps its settings."""

UNDO_STATES = 10
SCRIBBLE_EFFECTS = ("Paint", "Draw", "Erase")


class AnnotationEditor:
    """Owns the embedded editor widget; ``onBrushChanged(mm)`` may be set to hear of its brush.

    The widget edits only what ``edit`` gave it. It does nothing while the module is not shown:
    call ``enter``, ``exit``, the three scene methods and ``cleanup`` as the module is called.
    """

    def __init__(self, layout: qt.QLayout) -> None:
        self.onBrushChanged: Callable[[float], None] | None = None
        self._observations = Observations()
        self._entered = False
        self._segmentation: slicer.vtkMRMLSegmentationNode | None = None
        self._volume: slicer.vtkMRMLScalarVolumeNode | None = None
        self._mode = "segment"
        self._shownMode = ""
        self._diameter: float | None = None
        self.parameterNode: slicer.vtkMRMLSegmentEditorNode | None = None

        self.widget = slicer.qMRMLSegmentEditorWidget()
        self.widget.setObjectName("segmentEditor")
        self.widget.setMaximumNumberOfUndoStates(UNDO_STATES)
        # The case decides what is edited, and the classes which segments there are.
        self.widget.setSegmentationNodeSelectorVisible(False)
        self.widget.setSourceVolumeNodeSelectorVisible(False)
        self.widget.setAddRemoveSegmentButtonsVisible(False)
        self.widget.setSpecifyGeometryButtonVisible(False)
        self.widget.setSwitchToSegmentationsButtonVisible(False)
        self.widget.setAutoShowSourceVolumeNode(False)
        self._allEffects = list(self.widget.effectNameOrder())
        # The parameter node comes before the scene, or the widget's first choices are lost.
        self._selectParameterNode()
        self.widget.setMRMLScene(slicer.mrmlScene)
        layout.addWidget(self.widget)

        factoryClass = getattr(slicer, "qSlicerSegmentEditorEffectFactory", None)
        self._effects = factoryClass.instance() if factoryClass is not None else None
        if self._effects is not None:  # effects of extensions may be registered later
            self._effects.connect("effectRegistered(QString)", self._onEffectRegistered)

    def enter(self) -> None:
        self._entered = True
        if slicer.util.mainWindow() is not None:
            self.widget.installKeyboardShortcuts()
        self._selectParameterNode()
        self._show()

    def exit(self) -> None:
        self._entered = False
        self.widget.setActiveEffect(None)
        self.widget.uninstallKeyboardShortcuts()
        self.widget.removeViewObservations()

    def sceneStartClose(self) -> None:
        self.release()
        self._observations.release()
        self.parameterNode = None
        self.widget.removeViewObservations()

    def sceneEndClose(self) -> None:
        if self._entered:
            self._selectParameterNode()
            self.widget.updateWidgetFromMRML()

    def sceneEndImport(self) -> None:
        """The widget may have chosen some node of the imported scene: give it ours again."""
        if self._entered:
            self._selectParameterNode()
            self._show()

    def cleanup(self) -> None:
        self.exit()
        self.release()
        self._observations.release()
        if self._effects is not None:
            self._effects.disconnect("effectRegistered(QString)", self._onEffectRegistered)
            self._effects = None
        # After a reload the widget lives on, hidden: it must not follow the next one's choices.
        self.widget.setMRMLSegmentEditorNode(None)
        self.parameterNode = None

    def edit(
        self,
        segmentation: slicer.vtkMRMLSegmentationNode,
        volume: slicer.vtkMRMLScalarVolumeNode,
        mode: str,
        segmentId: str | None = None,
        diameter: float | None = None,
    ) -> None:
        """Edit a segmentation over a volume in ``mode`` ("segment" or "scribble").

        ``segmentId`` is selected; ``diameter`` (mm) is the brush of scribbles. The tool that was
        in use stays in use.
        """
        self._selectParameterNode()
        effect = self.activeEffectName
        self._segmentation, self._volume = segmentation, volume
        self._mode, self._diameter = mode, diameter
        self._show()
        if segmentId:
            self.widget.setCurrentSegmentID(segmentId)
        if effect:
            self.activate(effect)

    @property
    def segmentation(self) -> slicer.vtkMRMLSegmentationNode | None:
        """What is edited."""
        return self._segmentation

    def release(self) -> None:
        """Edit nothing."""
        self._segmentation = self._volume = None
        self.widget.setSegmentationNode(None)
        self.widget.enabled = False

    @property
    def activeEffectName(self) -> str:
        node = self.parameterNode
        return (node.GetActiveEffectName() or "") if node is not None else ""

    def activate(self, effectName: str) -> None:
        """Choose a tool ("" for none); nothing happens while the module is not shown."""
        if self._entered and self._segmentation is not None:
            allowed = not effectName or self._mode != "scribble" or effectName in SCRIBBLE_EFFECTS
            self.widget.setActiveEffectByName(effectName if allowed else "")

    def undo(self) -> None:
        self.widget.undo()

    def saveStateForUndo(self) -> None:
        """To be called before an edit by program, so that the person can take it back."""
        if self._segmentation is not None:
            self.widget.saveStateForUndo()

    @property
    def brushDiameter(self) -> float:
        """Diameter of the brush in millimetres; 0 when it is relative to the view."""
        node = self.parameterNode
        if node is None or node.GetAttribute("BrushDiameterIsRelative") != "0":
            return 0.0
        return float(node.GetAttribute("BrushAbsoluteDiameter") or 0.0)

    @brushDiameter.setter
    def brushDiameter(self, millimetres: float) -> None:
        self._diameter = millimetres
        # Without "sphere" the brush is a disc as thick as one slice of the view it paints in.
        self._setBrush(
            BrushDiameterIsRelative="0",
            BrushAbsoluteDiameter=repr(float(millimetres)),
            BrushSphere="0",
        )

    def _setBrush(self, **values: str) -> None:
        # Paint settings are attributes; a full Modified event would rebuild the whole editor.
        node = self.parameterNode
        if node is None or all(node.GetAttribute(name) == value for name, value in values.items()):
            return
        before = node.GetDisableModifiedEvent()
        node.SetDisableModifiedEvent(1)
        for name, value in values.items():
            node.SetAttribute(name, value)
        node.SetDisableModifiedEvent(before)
        node.InvokeCustomModifiedEvent(slicer.vtkMRMLSegmentEditorNode.EffectParameterModified)

    def _selectParameterNode(self) -> None:
        scene = slicer.mrmlScene
        node = scene.GetSingletonNode(SINGLETON_TAG, "vtkMRMLSegmentEditorNode")
        if node is None:
            node = scene.CreateNodeByClass("vtkMRMLSegmentEditorNode")
            node.UnRegister(None)
            node.SetSingletonTag(SINGLETON_TAG)
            node = scene.AddNode(node)
        if node is self.parameterNode:
            return
        self._observations.release()
        self.parameterNode = node
        self._shownMode = ""
        self.widget.setMRMLSegmentEditorNode(node)
        event = slicer.vtkMRMLSegmentEditorNode.EffectParameterModified
        self._observations.add(node, event, self._onEffectParameter)

    def _show(self) -> None:
        self.widget.enabled = self._segmentation is not None
        if self._segmentation is None or self._segmentation.GetScene() is None:
            self.widget.setSegmentationNode(None)
            return
        self.widget.setSegmentationNode(self._segmentation)
        self.widget.setSourceVolumeNode(self._volume)
        self._applyMode()
        self.widget.updateWidgetFromMRML()

    def _applyMode(self) -> None:
        scribble, changed = self._mode == "scribble", self._mode != self._shownMode
        self._shownMode = self._mode
        node, nodeClass = self.parameterNode, slicer.vtkMRMLSegmentEditorNode
        if changed:
            self.widget.setEffectNameOrder(list(SCRIBBLE_EFFECTS) if scribble else self._allEffects)
            self.widget.unorderedEffectsVisible = not scribble
            self.widget.setMaskingSectionVisible(not scribble)
            self.widget.setShow3DButtonVisible(not scribble)
        if not scribble:
            if changed:  # from here on the person's choices stay
                node.SetOverwriteMode(nodeClass.OverwriteAllSegments)
                self._setBrush(BrushDiameterIsRelative="1")
            return
        # A stroke must not take voxels from another class's stroke: overlaps are reported instead;
        # and no mask that was set for segmenting may swallow strokes unseen.
        node.SetOverwriteMode(nodeClass.OverwriteNone)
        node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere)
        node.SetSourceVolumeIntensityMask(False)
        if self._diameter:
            self.brushDiameter = self._diameter

    def _onEffectParameter(self, caller=None, event=None) -> None:
        if self._mode == "scribble" and self.brushDiameter > 0:
            self._diameter = self.brushDiameter
            if self.onBrushChanged is not None:
                self.onBrushChanged(self.brushDiameter)

    def _onEffectRegistered(self, *_name) -> None:
        self.widget.updateEffectList()
