"""The modules ``qt`` and ``ctk`` as scripts in Slicer import them."""

from __future__ import annotations

import sys
import types

from PySide6 import QtCore, QtGui, QtNetwork, QtWidgets

from .standins import stand_in
from .ui_loader import UiLoader

MODULES = (QtCore, QtGui, QtWidgets, QtNetwork)
# PySide6's own inventions, and Qt 6 classes that Qt 5.15 does not have.
HIDDEN = {
    *("Signal", "Slot", "Property", "ClassInfo", "QEnum", "QFlag", "SignalInstance"),
    *("qtTrId", "Connection", "QStringConverter", "QStringEncoder", "QStringDecoder"),
    *("QNativeInterface", "QPropertyBindingError", "QPermission", "QtMsgType"),
}


class QtModule(types.ModuleType):
    """``qt``: everything of PySide6's modules that PythonQt has too."""

    def __getattr__(self, name: str):
        if name == "QUiLoader":
            return UiLoader
        if not name.startswith("_") and name not in HIDDEN:
            for module in MODULES:
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"module 'qt' has no attribute '{name}'")


class CtkModule(types.ModuleType):
    """``ctk``: stand-ins for the classes of the record."""

    def __getattr__(self, name: str):
        if name.startswith("ctk"):
            return stand_in(name)
        raise AttributeError(f"module 'ctk' has no attribute '{name}'")


def install() -> None:
    """Make ``import qt`` and ``import ctk`` work, and widgets appear in ``slicer``."""
    import slicer

    sys.modules["qt"] = QtModule("qt")
    sys.modules["ctk"] = CtkModule("ctk")

    def find(name: str):
        if name.startswith(("qMRML", "qSlicer")):
            return stand_in(name)
        raise AttributeError(f"module 'slicer' has no attribute '{name}'")

    slicer.__getattr__ = find
