"""``qt.QUiLoader``: reads Slicer's .ui files; ctk and qMRML widgets become stand-ins.

What the file says of a stand-in is applied from Python, so that a property or a signal that the
real class lacks is an error here as it would be a silent loss in Slicer.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from functools import cache

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import tables
from .complaints import complain
from .pythonqt import catalog, names
from .pythonqt.objects import loading
from .standins import stand_in
from .standins.factory import DeclaredProperty

PLAIN = {"number": int, "double": float, "float": float, "longlong": int, "uint": int}


class UiLoader(QtUiTools.QUiLoader):
    """Loads one .ui file at a time."""

    _made = None

    def createWidget(self, className, parent=None, name=""):
        if tables.is_known(className):
            widget = stand_in(className)()
            if parent is not None:
                widget.setParent(parent)
            widget.setObjectName(name)
        elif hasattr(QtWidgets, className):
            widget = super().createWidget(className, parent, name)
        else:
            raise RuntimeError(f"unknown widget class in the .ui file: {className}")
        self._made[name] = widget
        return widget

    def load(self, source, parent=None):
        self._made = {}
        content, later, connections = _taken_apart(_content(source))
        buffer = QtCore.QBuffer()
        buffer.setData(content)
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        loading.append(True)
        try:
            top = super().load(buffer, parent)
        finally:
            loading.pop()
        for name, properties in later.items():
            for key, value in properties:
                setattr(self._made[name], key, list(value) if isinstance(value, list) else value)
        for sender, signal, receiver, slot in connections:
            self._connect(sender, signal, receiver, slot)
        return top

    def _connect(self, sender: str, signal: str, receiver: str, slot: str) -> None:
        target = self._made.get(receiver)
        if sender not in self._made or target is None or not _has_slot(target, slot):
            complain(f"the .ui file connects what does not exist: {sender} -> {receiver}.{slot}")
            return
        self._made[sender].connect(signal, target, slot)


def _content(source) -> bytes:
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read()
    return bytes(source.readAll().data())


@cache
def _taken_apart(content: bytes) -> tuple:
    """What Qt reads itself, and what is applied afterwards; the same files are loaded often."""
    root = ElementTree.fromstring(content)
    later = _take_properties(root)
    connections = _take_connections(root)
    return ElementTree.tostring(root), later, connections


def _has_slot(widget, slot: str) -> bool:
    name = slot.split("(")[0]
    if names.STAND_IN in vars(names.native(type(widget))):
        return names.shows(type(widget), name)
    return (
        widget.metaObject().indexOfMethod(
            bytes(QtCore.QMetaObject.normalizedSignature(slot).data()).decode()
        )
        >= 0
    )


def _take_connections(root) -> list[tuple[str, str, str, str]]:
    parts = root.find("connections")
    found = []
    for connection in list(parts) if parts is not None else []:
        found.append(
            tuple(connection.findtext(part) for part in ("sender", "signal", "receiver", "slot"))
        )
        parts.remove(connection)
    return found


def _take_properties(root) -> dict[str, list[tuple[str, object]]]:
    """Remove the properties of stand-ins from the tree and return them by widget name."""
    found: dict[str, list[tuple[str, object]]] = {}
    for widget in root.iter("widget"):
        class_name = widget.get("class", "")
        if not tables.is_known(class_name):
            continue
        cls = stand_in(class_name)
        for element in list(widget.findall("property")):
            name = element.get("name")
            if isinstance(getattr(cls, name, None), DeclaredProperty):
                found.setdefault(widget.get("name"), []).append((name, _value(element[0], cls)))
                widget.remove(element)
            elif element.get("stdset") != "0" and not (
                catalog.property_of(cls, name) is not None and names.shows(cls, name)
            ):
                raise RuntimeError(f"the .ui file sets {class_name}.{name}, which does not exist")
    return found


def _value(element, cls):
    """The Python value of a property element; enums and flags become numbers."""
    kind, text = element.tag, (element.text or "").strip()
    if kind == "bool":
        return text == "true"
    if kind in PLAIN:
        return PLAIN[kind](text)
    if kind == "stringlist":
        return [item.text or "" for item in element]
    if kind in ("set", "enum"):
        number = 0
        for part in filter(None, text.split("|")):
            owner, _, name = part.rpartition("::")
            space = QtCore.Qt if owner.startswith("Qt") else cls
            if not hasattr(space, name):
                raise RuntimeError(f"the .ui file names {part}, which does not exist")
            number |= int(getattr(space, name))
        return number
    return element.text or ""
