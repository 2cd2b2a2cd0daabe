"""Loads a scripted module as qSlicerScriptedLoadableModule does."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import slicer

from . import tables
from .refusal import Refusing

TEXTS = ("title", "helpText", "acknowledgementText")
LISTS = ("categories", "dependencies", "contributors", "associatedNodeTypes")


class ScriptedModule(Refusing):
    """``parent`` of the module class: takes the properties of the header, refuses others."""

    OBSERVED_AS = "qSlicerScriptedLoadableModule"

    def __init__(self, name: str, path: str) -> None:
        self._values = {
            **dict.fromkeys(TEXTS, ""),
            **{key: [] for key in LISTS},
            "name": name,
            "path": path,
            "icon": None,
            "hidden": False,
            "index": -1,
            "extensions": {},
            "isInstalled": False,
            "isBuiltIn": False,
            "widgetRepresentationCreationEnabled": True,
        }
        self._frame = None
        self._make_frame = None
        self._logic = slicer.vtkSlicerScriptedLoadableModuleLogic()

    def __getattr__(self, name: str):
        if not name.startswith("_") and name in self._values:
            return self._values[name]
        return super().__getattr__(name)

    def __setattr__(self, name: str, value) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
            return
        writable = tables.properties(self.OBSERVED_AS)
        if name not in writable and name != "widgetRepresentationCreationEnabled":
            raise AttributeError(f"{self.OBSERVED_AS} has no writable property '{name}'")
        if name in TEXTS and not isinstance(value, str):
            raise AttributeError(f"{name} does not accept {value!r}")
        if name in LISTS and not (
            isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        ):
            raise AttributeError(f"{name} does not accept {value!r}")
        self._values[name] = value

    def logic(self):
        return self._logic

    def mrmlScene(self):
        return slicer.mrmlScene

    def widgetRepresentation(self):
        if self._frame is None and self._make_frame is not None:
            self._frame = self._make_frame()
        return self._frame

    def createNewWidgetRepresentation(self):
        return self._make_frame() if self._make_frame is not None else None


# Frames of unloaded modules. In Slicer they live until the application ends; here until the scene
# has been cleared, since nodes may still tell them of changes.
_unloaded: list = []


def delete_unloaded() -> None:
    """Delete the frames of modules that were unloaded."""
    for frame in _unloaded:
        frame.deleteLater()
    _unloaded.clear()


@dataclass
class LoadedModule:
    """A scripted module that was loaded: the Python file, its module object, its widget."""

    name: str
    source: object
    instance: object
    frame: object

    @property
    def widget(self):
        """The ``<name>Widget`` object; None for a module without one."""
        return self.frame.self() if self.frame is not None else None

    @property
    def logic(self):
        return getattr(self.widget, "logic", None)

    @property
    def panels(self):
        return getattr(self.widget, "panels", None)

    def unload(self) -> None:
        """Clean up as the application does on exit, and forget the module's Python file."""
        slicer.app.moduleManager()._unload(self.name)
        if self.frame is not None:
            self.frame.hide()
            _unloaded.append(self.frame)
        sys.modules.pop(self.name, None)
        folder = str(Path(self.source.__file__).parent)
        if folder in sys.path:
            sys.path.remove(folder)


def load(path: str | Path) -> LoadedModule:
    """Load ``<Name>.py``, make its module object and its widget, and call ``setup``."""
    path = Path(path).resolve()
    name = path.stem
    if not path.is_file():
        raise FileNotFoundError(f"no scripted module at {path}")
    # As in Slicer the module's folder is searched first; its library lies beside it.
    sys.path.insert(0, str(path.parent))
    source = _import_file(name, path)
    module = ScriptedModule(name, str(path))
    instance = getattr(source, name)(module)
    setattr(slicer.modules, f"{name}Instance", instance)
    has_widget = hasattr(source, f"{name}Widget")
    module.widgetRepresentationCreationEnabled = has_widget
    if has_widget:
        module._make_frame = lambda: _frame(name)
    slicer.app.moduleManager()._add(name, module)
    frame = module.widgetRepresentation()
    return LoadedModule(name, source, instance, frame)


def _import_file(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    source = importlib.util.module_from_spec(spec)
    sys.modules[name] = source
    spec.loader.exec_module(source)
    return source


def _frame(name: str):
    frame = slicer.qSlicerScriptedLoadableModuleWidget()
    frame.setMRMLScene(slicer.mrmlScene)

    def make() -> None:
        widget = getattr(sys.modules[name], f"{name}Widget")(frame)
        frame._python = widget
        setattr(slicer.modules, f"{name}Widget", widget)
        widget.setup()

    frame._make = make
    make()
    return frame
