"""A MRML scene as Slicer has it at start-up, made from the slicer-core wheel alone."""

from __future__ import annotations

import sys
import tempfile
import types
from importlib import import_module
from pathlib import Path

import slicer

from .application import Application
from .files import FileManager
from .hierarchy import HierarchyPlugins
from .modules import ModuleManager
from .terminologies import write_terminologies

LOGICS = {
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Models": "vtkSlicerModelsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
}
HIERARCHY_CLASS = "vtkMRMLSubjectHierarchyNode"
# Names under which Slicer's own modules import the wrapped libraries.
LIBRARIES = {
    "vtkSegmentationCorePython": "vtkSegmentationCore",
    "vtkSegmentationCore": "vtkSegmentationCore",
    "vtkSlicerSegmentationsModuleLogicPython": "vtkSlicerSegmentationsModuleLogic",
    "vtkSlicerSegmentationsModuleMRMLPython": "vtkSlicerSegmentationsModuleMRML",
    "vtkITK": "vtkITK",
    "mrml": "MRMLCore",
    "MRMLCorePython": "MRMLCore",
}


class Scene:
    """The one scene of the process with everything that watches over it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="slicer-scene-")
        self.node_scene = slicer.vtkMRMLScene()
        self.application_logic = slicer.vtkSlicerApplicationLogic()
        self.application_logic.SetMRMLScene(self.node_scene)
        self._add_colors()
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.node_scene, True)
        self.logics = {"Colors": self.application_logic.GetColorLogic()}
        for name, class_name in LOGICS.items():
            self.logics[name] = self._add_logic(name, getattr(slicer, class_name)())
        self._keep = [self._remote_files(), HierarchyPlugins(self.node_scene)]
        self.files = FileManager(self.node_scene, self.logics, self.application_logic)
        self.modules = ModuleManager(self.logics)
        slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.node_scene)
        self._first_nodes = {node.GetID(): node for node in self._nodes()}
        self._observations: list[tuple[int, object]] = []
        self._watch_observers()

    def _add_colors(self) -> None:
        colors = self.application_logic.GetColorLogic()
        colors.SetMRMLScene(self.node_scene)
        colors.AddDefaultColorNodes()
        self.application_logic.SetModuleLogic("Colors", colors)

    def _add_logic(self, name: str, logic):
        if name == "Terminologies":
            # Slicer's own term lists are not in the wheel.
            write_terminologies(Path(self._folder.name))
            logic.SetModuleShareDirectory(self._folder.name)
        logic.SetMRMLApplicationLogic(self.application_logic)
        logic.SetMRMLScene(self.node_scene)
        self.application_logic.SetModuleLogic(name, logic)
        return logic

    def _remote_files(self) -> tuple:
        """What reading a MRB asks for; the real application sets up the same two logics."""
        remote = slicer.vtkMRMLRemoteIOLogic()
        remote.SetMRMLScene(self.node_scene)
        remote.SetMRMLApplicationLogic(self.application_logic)
        cache = Path(self._folder.name) / "cache"
        cache.mkdir()
        (cache / ".slicer-cache").touch()
        remote.GetCacheManager().SetRemoteCacheDirectory(str(cache))
        data = slicer.vtkDataIOManagerLogic()
        data.SetMRMLScene(self.node_scene)
        data.SetMRMLApplicationLogic(self.application_logic)
        data.SetAndObserveDataIOManager(remote.GetDataIOManager())
        remote.AddDataIOToScene()
        return remote, data

    def _nodes(self) -> list:
        scene = self.node_scene
        return [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]

    def _watch_observers(self) -> None:
        """From here on, observers added to the scene are known and can be taken away again."""
        add = type(self.node_scene).AddObserver

        def add_observer(event, callback, priority=0.0):
            tag = add(self.node_scene, event, callback, priority)
            self._observations.append((tag, callback))
            return tag

        self.node_scene.AddObserver = add_observer

    def clear(self) -> None:
        """Back to the first minute: no nodes but those of the start, no observers of guests."""
        self.node_scene.Clear(0)
        for tag, _ in self._observations:
            self.node_scene.RemoveObserver(tag)
        self._observations.clear()
        # A test may have cleared singletons too; without colour tables pictures are chance.
        for node in self._first_nodes.values():
            if not self.node_scene.IsNodePresent(node) and not node.IsA(HIERARCHY_CLASS):
                self.node_scene.AddNode(node)
        for node in self._nodes():
            guest = node.GetID() not in self._first_nodes and self.node_scene.IsNodePresent(node)
            if guest and not node.IsA(HIERARCHY_CLASS):
                self.node_scene.RemoveNode(node)
        self.node_scene.ClearUndoStack()
        self.node_scene.SetURL("")


def make_scene() -> Scene:
    """Put a new scene and the objects around it into the ``slicer`` package."""
    _undo_star_import()
    for alias, library in LIBRARIES.items():
        sys.modules.setdefault(alias, import_module(f"slicer_core.{library}"))
    scene = Scene()
    slicer.mrmlScene = scene.node_scene
    for name in ("modules", "moduleNames"):
        module = types.ModuleType(f"slicer.{name}")
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    for name in scene.logics:
        scene.modules._add_loadable(name)
    slicer.app = Application(scene)
    return scene


def _undo_star_import() -> None:
    """The wheel copies slicer.util's functions into slicer; the real package does not."""
    import slicer.util

    for name in dir(slicer.util):
        if name != "vtk" and vars(slicer).get(name) is getattr(slicer.util, name):
            delattr(slicer, name)
