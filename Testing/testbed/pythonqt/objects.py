"""Attribute access on PySide6 objects, rewired to PythonQt's rules."""

from __future__ import annotations

import atexit
from functools import cache

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from . import catalog, names, signals
from .conversion import accepts, converted, refused
from .dialogs import refuse_waiting
from .enums import make_ints_of

MODULES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools)
EXECUTABLE = ("QDialog", "QMenu", "QCoreApplication", "QEventLoop", "QThread", "QDrag")
# Reads in progress: Qt asks the Python object for an override of a virtual while it reads the
# property of the same name (sizeHint), and must then find the C++ method.
_reading: set[tuple[int, str]] = set()
# Not empty while a .ui file is read: PySide's loader leaves each child on its parent as attribute.
loading: list[bool] = []
# Not empty once Python ends: PySide still reads attributes then, but its meta-objects are gone.
_exiting: list[bool] = []


def teach_manners() -> None:
    """Change PySide6's classes for the rest of the process; a second call does nothing."""
    if hasattr(QtCore.QObject, "_plain_connect"):
        return
    QtCore.QObject._plain_connect = QtCore.QObject.connect
    atexit.register(_exiting.append, True)
    classes = _all_classes()
    catalog.read_meta_objects(classes)
    for owner in (*MODULES, QtCore.Qt, *classes):
        make_ints_of(owner)
    _add_names_of_pythonqt()
    refuse_waiting()
    patched = [c for c in classes if issubclass(c, QtCore.QObject) or c.__name__ in EXTRA]
    for cls in patched:
        if "__getattribute__" in vars(cls):
            cls.__getattribute__ = _reader(vars(cls)["__getattribute__"])
    for cls in patched:
        if cls is QtCore.QObject or cls.__name__ in EXTRA or "__setattr__" in vars(cls):
            cls.__setattr__ = _write


# Classes without properties of which the record has a list.
EXTRA = ("QTableWidgetItem",)


def _all_classes() -> list[type]:
    found = []
    for module in MODULES:
        # PySide6 makes classes when they are first asked for, so that vars() would miss some.
        for name in dir(module):
            value = getattr(module, name, None)
            if isinstance(value, type) and value not in found:
                found.append(value)
    return found


def _add_names_of_pythonqt() -> None:
    QtCore.QObject.className = lambda self: self.metaObject().className()
    QtCore.QObject.delete = lambda self: self.deleteLater()
    for name in EXECUTABLE:
        cls = next(getattr(m, name) for m in MODULES if hasattr(m, name))
        if not hasattr(cls, "exec_"):
            cls.exec_ = cls.exec


def _reader(plain):
    """A ``__getattribute__`` around the one that the class had."""

    def read(self, name: str):
        if name.startswith("_") or _exiting:
            return plain(self, name)
        way = _way(type(self), name)
        return plain(self, name) if way is None else way(self, name, plain)

    return read


@cache
def _way(cls: type, name: str):
    """How objects of ``cls`` answer ``name``; None for Python's own way."""
    if name in _OF_EVERY_OBJECT and issubclass(cls, QtCore.QObject):
        return _OF_EVERY_OBJECT[name]
    definer = names.defining(cls, name)
    if definer is not None and names.is_foreign(definer):
        return None
    if not names.shows(cls, name):
        return _own_or_dynamic
    declared = vars(definer).get(name) if definer is not None else None
    if hasattr(declared, "__set__") or catalog.property_of(cls, name) is None:
        return None
    if definer is not None and names.STAND_IN in vars(definer):
        return None
    return _property_value


# What every QObject answers in a manner of its own.
_OF_EVERY_OBJECT = {
    "connect": lambda self, _name, _plain: lambda *words: signals.connect(self, *words),
    "disconnect": lambda self, _name, _plain: lambda *words: signals.disconnect(self, *words),
    "name": lambda self, _name, _plain: self.objectName,
}


def _property_value(self, name: str, plain):
    key = (shiboken6.getCppPointer(self)[0], name)
    if key in _reading:
        return plain(self, name)
    _reading.add(key)
    try:
        return QtCore.QObject.property(self, name)
    finally:
        _reading.discard(key)


def _own_or_dynamic(self, name: str, plain):
    """Attributes of a Python subclass, and dynamic properties, which PythonQt shows too."""
    if name in plain(self, "__dict__"):
        return plain(self, name)
    if isinstance(self, QtCore.QObject):
        dynamic = [bytes(x.data()).decode() for x in QtCore.QObject.dynamicPropertyNames(self)]
        if name in dynamic:
            return QtCore.QObject.property(self, name)
    raise names.missing(type(self), name)


def _write(self, name: str, value) -> None:
    cls = type(self)
    if name == "name" and isinstance(self, QtCore.QObject):
        name = "objectName"
    definer = names.defining(cls, name)
    declared = vars(definer).get(name) if definer is not None else None
    if hasattr(type(declared), "__set__"):
        declared.__set__(self, value)
    elif definer is not None and names.is_foreign(definer):
        _keep(self, name, value)
    elif catalog.property_of(cls, name) is not None and names.shows(cls, name):
        _write_property(self, name, value)
    elif names.is_foreign(cls) or (name.startswith("_") and definer is not None):
        _keep(self, name, value)
    elif isinstance(value, QtCore.SignalInstance) or name == "__METAOBJECT__":
        # PySide keeps on the instance what it makes for it.
        _keep(self, name, value)
    elif not (loading and isinstance(value, QtCore.QObject)):
        raise AttributeError(
            f"Attribute '{name}' does not exist and creating new attributes on C++ objects "
            f"is not allowed ({names.native(cls).__name__})"
        )


def _keep(self, name: str, value) -> None:
    """Python's own way of setting; object.__setattr__ refuses to work on Shiboken's types."""
    object.__getattribute__(self, "__dict__")[name] = value


def _write_property(self, name: str, value) -> None:
    cls = type(self)
    kind, writable = catalog.property_of(cls, name)
    owner = names.native(cls).__name__
    if not writable:
        raise AttributeError(f"Property '{name}' of {owner} is not writable")
    if not accepts(kind, value) or not QtCore.QObject.setProperty(
        self, name, converted(kind, value)
    ):
        raise refused(owner, name, kind, value)
