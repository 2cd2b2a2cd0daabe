"""Starts Qt for the process: offscreen, settings in a folder of its own, Slicer's Python files."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtWidgets

from . import qt_modules, sample_data
from .complaints import complain
from .immortal import keep_singletons
from .pythonqt import teach_manners

BASE_CLASSES = ("i18n", "packaging", "parameterNodeWrapper", "ScriptedLoadableModule", "testing")
STAND_INS = Path(__file__).resolve().parent / "slicer_python"


def start(scene) -> QtWidgets.QApplication:
    """Give ``slicer.app`` a QApplication; make ``qt``, ``ctk`` and the base classes importable."""
    import slicer

    keep_singletons()
    folder = tempfile.TemporaryDirectory(prefix="slicer-settings-")
    scene._keep.append(folder)
    formats = QtCore.QSettings.Format
    QtCore.QSettings.setDefaultFormat(formats.IniFormat)
    for kind in (formats.IniFormat, formats.NativeFormat):
        QtCore.QSettings.setPath(kind, QtCore.QSettings.Scope.UserScope, folder.name)
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
    application.setOrganizationName("testbed")
    application.setApplicationName("Slicer")
    teach_manners()
    qt_modules.install()
    slicer.app._qt = application
    slicer.__path__.append(str(python_files()))
    sys.modules["SampleData"] = sample_data
    _import_base_classes()
    _remember_uncaught()
    return application


def python_files() -> Path:
    """Slicer's own files where SLICER_SOURCE_DIR names a checkout, else the stand-ins."""
    checkout = os.environ.get("SLICER_SOURCE_DIR", "")
    if not checkout:
        return STAND_INS
    folder = Path(checkout) / "Base" / "Python" / "slicer"
    if not (folder / "ScriptedLoadableModule.py").is_file():
        raise FileNotFoundError(f"SLICER_SOURCE_DIR={checkout}: no Base/Python/slicer in it")
    return folder


def _import_base_classes() -> None:
    """What the application has imported before any module is loaded."""
    for name in BASE_CLASSES:
        import_module(f"slicer.{name}")


def _remember_uncaught() -> None:
    """Exceptions in event handlers reach only the hook; a test must see them."""
    before = sys.excepthook

    def hook(kind, value, trace) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            complain(f"uncaught {kind.__name__}: {value}")
        before(kind, value, trace)

    sys.excepthook = hook
