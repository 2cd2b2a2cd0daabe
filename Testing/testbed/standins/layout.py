"""A layout manager for tests that want one: slice logics, a plot view, layouts remembered."""

from __future__ import annotations

import slicer
import vtk

from ..refusal import Refusing

SLICES = {"Red": "Axial", "Yellow": "Sagittal", "Green": "Coronal"}
PLOT_LAYOUT = 36


class LayoutManager(Refusing):
    """``slicer.app.layoutManager()``; ``layout`` and the layouts asked for are real numbers."""

    OBSERVED_AS = "slicer.app.layoutManager()"

    def __init__(self, scene, application_logic) -> None:
        self._scene = scene
        self._logic = slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self._receivers: dict[str, list] = {"layoutChanged(int)": []}
        self._slices = {name: _slice(name, scene, application_logic) for name in SLICES}
        self._plot = None

    @property
    def layout(self) -> int:
        return self._logic.GetLayoutNode().GetViewArrangement()

    @layout.setter
    def layout(self, number: int) -> None:
        self.setLayout(number)

    def setLayout(self, number: int) -> None:
        before = self.layout
        self._logic.GetLayoutNode().SetViewArrangement(int(number))
        if before != self.layout:
            for receiver in list(self._receivers["layoutChanged(int)"]):
                receiver(self.layout)

    def layoutLogic(self):
        return self._logic

    def mrmlScene(self):
        return self._scene

    def sliceViewNames(self) -> list[str]:
        return list(self._slices)

    def sliceWidget(self, name: str):
        return self._slices.get(name)

    def mrmlSliceLogics(self):
        return slicer.app.applicationLogic().GetSliceLogics()

    def resetSliceViews(self) -> None:
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    @property
    def plotViewCount(self) -> int:
        return len(slicer.util.getNodesByClass("vtkMRMLPlotViewNode"))

    @property
    def threeDViewCount(self) -> int:
        return 0

    @property
    def tableViewCount(self) -> int:
        return 0

    def threeDWidget(self, _index: int):
        return None

    def resetThreeDViews(self) -> None:
        """No 3-D views."""

    def plotWidget(self, index: int):
        nodes = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")
        if not 0 <= index < len(nodes):
            return None
        if self._plot is None:
            self._plot = slicer.qMRMLPlotWidget()
            self._plot.setMRMLScene(self._scene)
        self._plot.setMRMLPlotViewNode(nodes[index])
        return self._plot

    def activeMRMLPlotViewNode(self):
        nodes = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")
        return nodes[0] if nodes else None

    def pauseRender(self) -> None:
        """Nothing is drawn."""

    def resumeRender(self) -> None:
        """Nothing is drawn."""

    def connect(self, signal: str, receiver) -> bool:
        return self._connect(self._receivers, signal, receiver)

    def disconnect(self, signal: str, receiver=None) -> bool:
        return self._disconnect(self._receivers.get(signal, []), receiver)

    def _close(self) -> None:
        """Take the views' nodes and logics away again."""
        logics = slicer.app.applicationLogic().GetSliceLogics()
        for widget in self._slices.values():
            logic = widget.sliceLogic()
            logics.RemoveItem(logic)
            for node in (logic.GetSliceCompositeNode(), logic.GetSliceNode()):
                if node is not None and node.GetScene() is not None:
                    self._scene.RemoveNode(node)
            logic.SetMRMLScene(None)
            widget.deleteLater()
        self._slices = {}
        self._logic.SetMRMLScene(None)


def _slice(name: str, scene, application_logic):
    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application_logic)
    if application_logic.GetSliceLogics() is None:
        application_logic.SetSliceLogics(vtk.vtkCollection())
    application_logic.GetSliceLogics().AddItem(logic)
    logic.SetMRMLScene(scene)
    node = logic.AddSliceNode(name)
    node.SetOrientation(SLICES[name])
    widget = slicer.qMRMLSliceWidget()
    widget._logic = logic
    return widget
