"""A parameter of one node as a wrapper keeps it: read once, read again after every change.

Each wrapper observes the node once for every parameter, as Slicer's does. The order in which VTK
calls observers depends on it (the first one added is called last), so that a module which relies
on an order is found out here as well.
"""

from __future__ import annotations

import weakref

import slicer
import vtk

from .fields import Field


class Stored:
    """A value that cannot change by itself, cached."""

    def __init__(self, field: Field, node) -> None:
        self._field, self._node = field, node
        self._value = field.read(node)
        self._writing = False
        # Weak, or the node would keep the wrapper alive.
        me = weakref.ref(self)
        self._tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: me()._changed())

    def __del__(self) -> None:
        self._node.RemoveObserver(self._tag)

    def _changed(self) -> None:
        if not self._writing:
            self._value = self._field.read(self._node)

    def read(self):
        return self._value

    def write(self, value) -> None:
        self._writing = True
        try:
            # Whoever hears of the change must already find the new value.
            with slicer.util.NodeModify(self._node):
                self._field.write(self._node, value)
                self._value = self._field.read(self._node)
        finally:
            self._writing = False


class Unstored:
    """A value that can change by itself (a list): read from the node each time."""

    def __init__(self, field: Field, node) -> None:
        self._field, self._node = field, node

    def read(self):
        return self._field.read(self._node)

    def write(self, value) -> None:
        self._field.write(self._node, value)


def store(field: Field, node) -> Stored | Unstored:
    """Put the default in where the node has no value yet, and keep the parameter."""
    if not field.isIn(node):
        field.write(node, field.default.value)
    return Unstored(field, node) if field.is_list() else Stored(field, node)
