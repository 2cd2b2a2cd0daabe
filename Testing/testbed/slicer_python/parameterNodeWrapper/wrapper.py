"""The decorator ``parameterNodeWrapper``: annotated class members become parameters."""

from __future__ import annotations

import typing

import qt
import slicer
import vtk

from .annotations import Default
from .connectors import Connector, createGuiConnector
from .fields import Field
from .stored import store

SlicerParameterNamePropertyName = "SlicerParameterName"


def parameterNodeWrapper(classtype=None):
    """Make a class with annotated members a typed view of a vtkMRMLScriptedModuleNode."""
    return _wrap if classtype is None else _wrap(classtype)


def isParameterNodeWrapper(classOrObj) -> bool:
    return getattr(classOrObj, "_is_parameter_node_wrapper", False)


def findChildWidgetForParameter(widget, parameter: str):
    """The child whose property SlicerParameterName is ``parameter``; None if there is none."""
    for child in widget.findChildren(qt.QWidget):
        if child.property(SlicerParameterNamePropertyName) == parameter:
            return child
    return None


def _wrap(classtype):
    fields = {}
    for name, annotated in typing.get_type_hints(classtype, include_extras=True).items():
        default = Default(vars(classtype)[name]) if name in vars(classtype) else None
        fields[name] = Field(name, annotated, default)
        setattr(classtype, name, _parameter(name))
    for name, method in vars(_Wrapper).items():
        if not name.startswith("__") or name == "__init__":
            if name in fields:
                raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
            setattr(classtype, name, method)
    classtype.allParameters = fields
    classtype._is_parameter_node_wrapper = True
    return classtype


def _parameter(name: str) -> property:
    def read(self):
        return self._stored[name].read()

    def write(self, value) -> None:
        self._stored[name].write(value)

    return property(read, write)


class _Wrapper:
    """Methods that every wrapped class gets."""

    def __init__(self, parameterNode, prefix=None):
        self.parameterNode = parameterNode
        self._guis: dict[int, tuple[dict[str, Connector], int]] = {}
        self._nextGui = 0
        self._updatingGui = False
        self._stored = {
            name: store(field, parameterNode) for name, field in self.allParameters.items()
        }

    def default(self, paramName):
        return self._field(paramName).default

    def dataType(self, paramName):
        return self._field(paramName).annotated

    def isCached(self, paramName):
        return not self._field(paramName).is_list()

    def getValue(self, paramName):
        self._field(paramName)
        return self._stored[paramName].read()

    def setValue(self, paramName, value):
        self._field(paramName)
        self._stored[paramName].write(value)

    def _field(self, paramName) -> Field:
        if paramName not in self.allParameters:
            raise ValueError(f"Cannot find a param with the given name: {paramName}")
        return self.allParameters[paramName]

    # Widgets

    def connectGui(self, gui):
        """Connect each widget whose property SlicerParameterName is set; returns a tag."""
        widgets = (
            gui.findChildren(qt.QWidget) if hasattr(gui, "findChildren") else vars(gui).values()
        )
        named = ((w.property(SlicerParameterNamePropertyName), w) for w in widgets)
        return self.connectParametersToGui({name: widget for name, widget in named if name})

    def connectParametersToGui(self, mapping):
        """Connect parameters to widgets, given by parameter name; returns a tag."""
        connectors = {
            name: createGuiConnector(widget, self.dataType(name))
            for name, widget in mapping.items()
        }
        for name, connector in connectors.items():
            connector.write(self.getValue(name))
            connector.onChanged(self._fromGui(name, connector))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._toGui())
        tag, self._nextGui = self._nextGui, self._nextGui + 1
        self._guis[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, guiTag):
        connectors, observer = self._guis.pop(guiTag, ({}, None))
        for connector in connectors.values():
            connector.onChanged(None)
        if observer is not None:
            self.RemoveObserver(observer)

    def _fromGui(self, name: str, connector: Connector):
        def changed() -> None:
            if not self._updatingGui:
                self.setValue(name, connector.read())

        return changed

    def _toGui(self) -> None:
        if self._updatingGui:
            return
        self._updatingGui = True
        try:
            with slicer.util.NodeModify(self):
                for connectors, _observer in list(self._guis.values()):
                    for name, connector in connectors.items():
                        connector.write(self.getValue(name))
        finally:
            self._updatingGui = False

    # The node

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified):
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        self.parameterNode.Modified()
