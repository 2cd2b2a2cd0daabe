"""Plain widgets with a scene, the frame of a module, the terminology button."""

from __future__ import annotations

from PySide6 import QtWidgets

from .factory import behaviour
from .scene_users import SceneUser


@behaviour
class qMRMLWidget(SceneUser):
    """The root of a module's .ui file."""


@behaviour
class qSlicerWidget(SceneUser):
    """A widget of the application with a scene."""


@behaviour
class qSlicerAbstractModuleWidget:
    """Knows whether the module is shown."""

    _entered = False

    def _get_isEntered(self) -> bool:
        return self._entered

    def enter(self) -> None:
        self._entered = True

    def exit(self) -> None:
        self._entered = False


@behaviour
class qSlicerScriptedLoadableModuleWidget:
    """Runs the Python widget class of a scripted module."""

    _python = None
    _make = None

    def _build(self) -> None:
        QtWidgets.QVBoxLayout(self)

    def _get_moduleName(self) -> str:
        return self._python.moduleName if self._python else ""

    def self(self):
        return self._python

    def enter(self) -> None:
        self._entered = True
        if hasattr(self._python, "enter"):
            self._python.enter()

    def exit(self) -> None:
        self._entered = False
        if hasattr(self._python, "exit"):
            self._python.exit()

    def reload(self) -> None:
        """Make the Python widget anew from its class; slicer.util reloads the file before."""
        self._make()

    def setEditedNode(self, node, role: str = "", context: str = "") -> bool:
        if hasattr(self._python, "setEditedNode"):
            return bool(self._python.setEditedNode(node, role, context))
        return False

    def nodeEditable(self, node) -> float:
        if hasattr(self._python, "nodeEditable"):
            return float(self._python.nodeEditable(node))
        return 0.5


@behaviour
class qSlicerTerminologySelectorButton:
    """Opens the terminology dialog, which a test cannot answer."""

    def changeTerminology(self) -> None:
        raise RuntimeError("the terminology dialog was asked for")

    def setTerminologyInfo(self, _info) -> None:
        raise NotImplementedError("terminology info bundles cannot be made from Python")
