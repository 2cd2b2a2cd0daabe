"""Which widget can show which type, and how its value is read and written."""

from __future__ import annotations

import ctk
import qt
import slicer

from .annotations import Choice, Decimals, Maximum, Minimum, SingleStep, WithinRange
from .fields import is_enum, is_node_type, is_path, node_types, split

UNBOUNDED = (-(2**31), 2**31 - 1)


class Connector:
    """One widget for one parameter."""

    def __init__(self, widget, signal: str, read, write) -> None:
        self._widget, self._signal = widget, signal
        self.read, self.write = read, write
        self._callback = None

    def widget(self):
        return self._widget

    def onChanged(self, callback) -> None:
        if self._signal and self._callback is not None:
            getattr(self._widget, self._signal).disconnect(self._changed)
        self._callback = callback
        if self._signal and callback is not None:
            getattr(self._widget, self._signal).connect(self._changed)

    def _changed(self, *_arguments) -> None:
        if self._callback is not None:
            self._callback()


def _property_connector(widget, signal: str, name: str, kind=lambda value: value) -> Connector:
    def write(value) -> None:
        if getattr(widget, name) != value:
            setattr(widget, name, value)

    return Connector(widget, signal, lambda: kind(getattr(widget, name)), write)


def createGuiConnector(widget, datatype) -> Connector:
    """The connector for a widget and a (possibly annotated) type.

    As in Slicer the class of the widget must fit exactly; RuntimeError for a pair that does not.
    """
    kind, annotations = split(datatype)
    name = widget.className()
    if kind is bool and type(widget) in (qt.QCheckBox, ctk.ctkCheckBox):
        return _property_connector(widget, "stateChanged", "checked")
    if kind is bool and name in ("QPushButton", "ctkCheckablePushButton"):
        widget.setCheckable(True)
        return _property_connector(widget, "toggled", "checked")
    if kind is int and name in ("QSpinBox", "QSlider"):
        _limit(widget, annotations, name == "QSlider", UNBOUNDED)
        return _property_connector(widget, "valueChanged", "value")
    if kind in (int, float) and name in (
        *("QDoubleSpinBox", "ctkSliderWidget", "ctkDoubleSlider"),
        *("ctkDoubleSpinBox", "qMRMLSliderWidget", "qMRMLSpinBox"),
    ):
        slider = name in ("ctkSliderWidget", "qMRMLSliderWidget")
        _limit(widget, annotations, slider, (float("-inf"), float("inf")))
        if kind is int:
            widget.decimals = 0
        return _property_connector(widget, "valueChanged", "value", kind)
    if name in ("QComboBox", "ctkComboBox") and (is_enum(kind) or kind in (str, int, float, bool)):
        return _combo_connector(widget, kind, annotations)
    if kind is str and name == "QLineEdit":
        return _property_connector(widget, "textChanged", "text")
    if kind is str and name == "QLabel":
        return _property_connector(widget, "", "text")
    if kind is str and name == "QTextEdit":
        return Connector(widget, "textChanged", widget.toPlainText, widget.setPlainText)
    if is_path(kind) and name in ("ctkPathLineEdit", "ctkDirectoryButton"):
        attribute = "currentPath" if name == "ctkPathLineEdit" else "directory"
        connector = _property_connector(widget, f"{attribute}Changed", attribute, kind)
        write = connector.write
        connector.write = lambda value: write(str(value))
        return connector
    if is_node_type(kind) and type(widget) is slicer.qMRMLNodeComboBox:
        widget.nodeTypes = [cls.__name__ for cls in node_types(kind)]
        return Connector(widget, "currentNodeChanged", widget.currentNode, widget.setCurrentNode)
    raise RuntimeError(f"no connection between the type {datatype} and a {name}")


def _limit(widget, annotations, must_be_bounded: bool, unbounded: tuple) -> None:
    """Take range, decimals and step from the annotations; a widget's own range is replaced."""
    low, high = unbounded
    bounds = 0
    for annotation in annotations:
        if isinstance(annotation, WithinRange):
            low, high, bounds = annotation.minimum, annotation.maximum, 2
        elif isinstance(annotation, Minimum):
            low, bounds = annotation.minimum, bounds + 1
        elif isinstance(annotation, Maximum):
            high, bounds = annotation.maximum, bounds + 1
        elif isinstance(annotation, Decimals):
            widget.decimals = annotation.value
        elif isinstance(annotation, SingleStep):
            widget.singleStep = annotation.value
    if must_be_bounded and bounds < 2:
        raise RuntimeError(f"a {widget.className()} needs a parameter with a range")
    widget.minimum, widget.maximum = low, high


def _combo_connector(widget, kind, annotations) -> Connector:
    if is_enum(kind):
        values = list(kind)
        label = getattr(kind, "label", lambda value: value.name)
        texts = [label(value) for value in values]
    else:
        choice = next((a for a in annotations if isinstance(a, Choice)), None)
        if choice is None:
            raise RuntimeError("a combo box needs a parameter with the Choice annotation")
        values = list(choice.choices)
        texts = [str(value) for value in values]
    widget.clear()
    for text in texts:
        widget.addItem(text)

    def write(value) -> None:
        widget.currentIndex = values.index(value)

    return Connector(widget, "currentIndexChanged", lambda: values[widget.currentIndex], write)
