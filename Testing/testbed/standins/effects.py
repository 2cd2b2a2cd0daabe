"""Effects of the Segment Editor: their parameters are real, their tools are not drawn."""

from __future__ import annotations

import slicer

from ..refusal import Refusing

ORDER = (
    "Threshold",
    "Paint",
    "Draw",
    "Erase",
    "Level tracing",
    "Grow from seeds",
    "Fill between slices",
    "Margin",
    "Hollow",
    "Smoothing",
    "Scissors",
    "Islands",
    "Logical operators",
    "Mask volume",
)
COMMON_DEFAULTS = {
    "BrushMinimumAbsoluteDiameter": "0.01",
    "BrushMaximumAbsoluteDiameter": "100",
    "BrushAbsoluteDiameter": "5",
    "BrushRelativeDiameter": "3",
    "BrushDiameterIsRelative": "1",
    "BrushSphere": "0",
    "EditIn3DViews": "0",
    "BrushPixelMode": "0",
}
PER_EFFECT_DEFAULTS = {"ColorSmudge": "0", "EraseAllSegments": "0"}
PAINTING = ("Paint", "Erase")
# PythonQt knows the modes as numbers, VTK's wrapping wants its own enum.
MODES = (
    slicer.vtkSlicerSegmentEditorLogic.ModificationModeSet,
    slicer.vtkSlicerSegmentEditorLogic.ModificationModeAdd,
    slicer.vtkSlicerSegmentEditorLogic.ModificationModeRemove,
)


class Effect(Refusing):
    """One effect as ``activeEffect()`` returns it (qSlicerSegmentEditorAbstractEffect)."""

    OBSERVED_AS = "qSlicerSegmentEditorAbstractEffect"
    ModificationModeSet, ModificationModeAdd, ModificationModeRemove = 0, 1, 2

    def __init__(self, name: str, logic) -> None:
        self._name = name
        self._logic = logic

    @property
    def name(self) -> str:
        return self._name

    @property
    def title(self) -> str:
        return self._name

    @property
    def perSegment(self) -> bool:
        return self._name not in ("Grow from seeds", "Fill between slices")

    def parameterSetNode(self):
        return self._logic.GetSegmentEditorNode()

    def scene(self):
        return slicer.mrmlScene

    def self(self):
        raise NotImplementedError("the Python side of scripted effects is not in the testbed")

    # Parameters

    def parameter(self, name: str) -> str:
        node = self.parameterSetNode()
        value = node.GetAttribute(f"{self._name}.{name}")
        return value if value is not None else (node.GetAttribute(name) or "")

    def integerParameter(self, name: str) -> int:
        return int(float(self.parameter(name) or 0))

    def doubleParameter(self, name: str) -> float:
        return float(self.parameter(name) or 0.0)

    def parameterDefined(self, name: str) -> bool:
        return self.parameterSetNode().GetAttribute(f"{self._name}.{name}") is not None

    def commonParameterDefined(self, name: str) -> bool:
        return self.parameterSetNode().GetAttribute(name) is not None

    def setParameter(self, name: str, value) -> None:
        self.setCommonParameter(f"{self._name}.{name}", value)

    def setParameterDefault(self, name: str, value) -> None:
        if not self.parameterDefined(name):
            self.setParameter(name, value)

    def setCommonParameter(self, name: str, value) -> None:
        node = self.parameterSetNode()
        text = value if isinstance(value, str) else f"{value:g}"
        if node is None or node.GetAttribute(name) == text:
            return
        # As in Slicer: no Modified event, which would rebuild the widget, but one of its own.
        before = node.GetDisableModifiedEvent()
        node.SetDisableModifiedEvent(1)
        node.SetAttribute(name, text)
        node.SetDisableModifiedEvent(before)
        node.InvokeCustomModifiedEvent(slicer.vtkMRMLSegmentEditorNode.EffectParameterModified)

    def setCommonParameterDefault(self, name: str, value) -> None:
        if not self.commonParameterDefined(name):
            self.setCommonParameter(name, value)

    def _set_defaults(self) -> None:
        if self._name in PAINTING:
            for name, value in COMMON_DEFAULTS.items():
                self.setCommonParameterDefault(name, value)
            for name, value in PER_EFFECT_DEFAULTS.items():
                self.setParameterDefault(name, value)

    # Editing

    def saveStateForUndo(self) -> None:
        self._logic.SaveStateForUndo()

    def defaultModifierLabelmap(self):
        self._logic.ResetModifierLabelmapToDefault()
        return self._logic.GetModifierLabelmap()

    def modifierLabelmap(self):
        return self._logic.GetModifierLabelmap()

    def selectedSegmentLabelmap(self):
        self._logic.UpdateSelectedSegmentLabelmap()
        return self._logic.GetSelectedSegmentLabelmap()

    def modifySelectedSegmentByLabelmap(self, labelmap, mode, bypassMasking=False) -> None:
        self._logic.ModifySegmentByLabelmap(
            self._logic.GetSegmentationNode(),
            self._logic.GetCurrentSegmentID(),
            labelmap,
            MODES[int(mode)],
            self.perSegment,
            bool(bypassMasking),
        )
