"""Offscreen pictures of slice, 3-D and plot views, drawn by Slicer's displayable managers.

Needs a GL library without a screen (Mesa's EGL); ``unavailable`` says what is missing.
"""

from __future__ import annotations

import os
from ctypes.util import find_library
from functools import cache
from pathlib import Path

# Read by VTK when the first window is made; without it a screen is looked for.
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import slicer
import vtk

SLICE_MANAGERS = (
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLMarkupsDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLMarkupsDisplayableManager",
)
BACKGROUND = (0.76, 0.76, 0.9)


@cache
def unavailable() -> str:
    """Why nothing can be drawn here; empty when pictures can be made."""
    missing = [name for name in ("EGL", "GL") if find_library(name) is None]
    if missing:
        return f"no {' and '.join('lib' + name for name in missing)} (Debian: libegl1 libgl1 mesa)"
    return ""


class View:
    """A window that nobody sees; use in a ``with`` block, so that its nodes leave the scene."""

    def __init__(self, size: tuple[int, int]) -> None:
        if unavailable():
            raise RuntimeError(unavailable())
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.ShowWindowOff()
        self.window.SetMultiSamples(0)
        self.window.SetSize(*size)
        self.renderer = vtk.vtkRenderer()
        self.window.AddRenderer(self.renderer)

    def __enter__(self):
        return self

    def __exit__(self, *_exception) -> None:
        self.close()

    def close(self) -> None:
        """Give the window back."""
        self.window.Finalize()

    def image(self):
        """What is seen, as a NumPy array (rows from the top, columns, red-green-blue)."""
        from vtk.util.numpy_support import vtk_to_numpy

        data = self._capture()
        columns, rows, _ = data.GetDimensions()
        pixels = vtk_to_numpy(data.GetPointData().GetScalars())
        return pixels.reshape(rows, columns, -1)[::-1, :, :3].copy()

    def save(self, path) -> Path:
        """Write what is seen to a PNG file; returns its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = vtk.vtkPNGWriter()
        writer.SetFileName(str(path))
        writer.SetInputData(self._capture())
        writer.Write()
        return path

    def _capture(self):
        self._prepare()
        self.window.Render()
        capture = vtk.vtkWindowToImageFilter()
        capture.SetInput(self.window)
        capture.ReadFrontBufferOff()
        capture.Update()
        return capture.GetOutput()

    def _prepare(self) -> None:
        """Last steps before drawing."""

    def _managers(self, factory_class, names: tuple[str, ...], node):
        self.interactor = vtk.vtkRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        factory = factory_class.GetInstance()
        factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        for name in names:
            if hasattr(slicer, name) and not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        group = slicer.vtkMRMLDisplayableManagerGroup()
        group.SetRenderer(self.renderer)
        group.Initialize(factory, self.renderer)
        group.SetMRMLDisplayableNode(node)
        return group


class SliceView(View):
    """A slice view named ``Red``, ``Yellow`` or ``Green`` showing one orientation."""

    def __init__(
        self,
        name: str = "Red",
        orientation: str = "Axial",
        size: tuple[int, int] = (400, 400),
    ) -> None:
        super().__init__(size)
        self.renderer.GetActiveCamera().ParallelProjectionOn()
        application_logic = slicer.app.applicationLogic()
        self.logic = slicer.vtkMRMLSliceLogic()
        self.logic.SetMRMLApplicationLogic(application_logic)
        if application_logic.GetSliceLogics() is None:
            application_logic.SetSliceLogics(vtk.vtkCollection())
        application_logic.GetSliceLogics().AddItem(self.logic)
        self.logic.SetMRMLScene(slicer.mrmlScene)
        self.node = self.logic.AddSliceNode(name)
        self.node.SetOrientation(orientation)
        factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory
        self._group = self._managers(factory, SLICE_MANAGERS, self.node)
        self._mapper = vtk.vtkImageMapper()
        self._mapper.SetColorWindow(255)
        self._mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(self._mapper)
        # In a layer of its own, or what the managers draw half transparent covers it.
        below = vtk.vtkRenderer()
        below.AddViewProp(actor)
        self.window.SetNumberOfLayers(2)
        self.renderer.SetLayer(1)
        self.window.AddRenderer(below)

    def show(self, volume, offset: float | None = None, foreground=None, opacity: float = 0.5):
        """Show a volume, at ``offset`` millimetres along the view's normal or in its middle."""
        composite = self.logic.GetSliceCompositeNode()
        composite.SetBackgroundVolumeID(volume.GetID())
        composite.SetForegroundVolumeID(foreground.GetID() if foreground is not None else None)
        composite.SetForegroundOpacity(opacity)
        self.logic.ResizeSliceNode(*self.window.GetSize())
        self.logic.FitSliceToBackground()
        if offset is not None:
            self.logic.SetSliceOffset(offset)

    def _prepare(self) -> None:
        connection = self.logic.GetImageDataConnection()
        if connection is not None:
            self._mapper.SetInputConnection(connection)

    def close(self) -> None:
        slicer.app.applicationLogic().GetSliceLogics().RemoveItem(self.logic)
        self._group.SetMRMLDisplayableNode(None)
        for node in (self.logic.GetSliceCompositeNode(), self.logic.GetSliceNode()):
            if node is not None and node.GetScene() is not None:
                slicer.mrmlScene.RemoveNode(node)
        self.logic.SetMRMLScene(None)
        super().close()


class ThreeDView(View):
    """A 3-D view of everything that is visible in the scene."""

    def __init__(self, size: tuple[int, int] = (400, 400)) -> None:
        super().__init__(size)
        self.renderer.SetBackground(*BACKGROUND)
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLViewNode", "View1")
        self.node.SetLayoutName("1")
        self.node.SetBoxVisible(False)
        self.node.SetAxisLabelsVisible(False)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory
        self._group = self._managers(factory, THREE_D_MANAGERS, self.node)

    def _prepare(self) -> None:
        self.renderer.ResetCamera()

    def close(self) -> None:
        self._group.SetMRMLDisplayableNode(None)
        if self.node.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(self.node)
        super().close()


class PlotView(View):
    """A chart drawn from its plot series and table nodes, as Slicer's plot view would."""

    def __init__(self, chart, size: tuple[int, int] = (500, 350)) -> None:
        super().__init__(size)
        self.renderer.SetBackground(1, 1, 1)
        self._chart = vtk.vtkChartXY()
        scene = vtk.vtkContextScene()
        scene.AddItem(self._chart)
        actor = vtk.vtkContextActor()
        actor.SetScene(scene)
        self.renderer.AddActor(actor)
        scene.SetRenderer(self.renderer)
        self._actor = actor
        self._fill(chart)

    def _fill(self, node) -> None:
        self._chart.SetTitle(node.GetTitle() or "")
        self._chart.SetShowLegend(bool(node.GetLegendVisibility()))
        self._chart.GetAxis(vtk.vtkAxis.BOTTOM).SetTitle(node.GetXAxisTitle() or "")
        self._chart.GetAxis(vtk.vtkAxis.LEFT).SetTitle(node.GetYAxisTitle() or "")
        for index in range(node.GetNumberOfPlotSeriesNodes()):
            series = node.GetNthPlotSeriesNode(index)
            table = series.GetTableNode().GetTable() if series.GetTableNode() else None
            if table is None or table.GetColumnByName(series.GetYColumnName()) is None:
                continue
            line = self._chart.AddPlot(vtk.vtkChart.LINE)
            line.SetInputData(table, series.GetXColumnName(), series.GetYColumnName())
            line.SetLabel(series.GetName())
            line.SetColorF(*series.GetColor())
            line.SetWidth(series.GetLineWidth())
            # The numbers of MRML's styles are those of VTK's.
            line.GetPen().SetLineType(series.GetLineStyle())
            line.SetMarkerStyle(series.GetMarkerStyle())
            line.SetMarkerSize(series.GetMarkerSize())
        for axis, isAuto, ends in (
            (vtk.vtkAxis.BOTTOM, node.GetXAxisRangeAuto(), node.GetXAxisRange()),
            (vtk.vtkAxis.LEFT, node.GetYAxisRangeAuto(), node.GetYAxisRange()),
        ):
            if not isAuto:
                self._chart.GetAxis(axis).SetBehavior(vtk.vtkAxis.FIXED)
                self._chart.GetAxis(axis).SetRange(*ends)
        self._chart.GetAxis(vtk.vtkAxis.BOTTOM).SetLogScale(bool(node.GetXAxisLogScale()))


def shows_color(image, color: tuple[float, float, float], tolerance: int = 60) -> bool:
    """True if some pixel of ``image`` is near ``color`` (0 to 1)."""
    import numpy as np

    wanted = np.array(color) * 255
    return bool((np.abs(image.astype(float) - wanted).max(axis=-1) < tolerance).any())
