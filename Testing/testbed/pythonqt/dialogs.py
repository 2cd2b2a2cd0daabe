"""Dialogs that would wait for an answer raise instead: in a test nobody gives one."""

from __future__ import annotations

from PySide6 import QtWidgets

WAITING = {
    QtWidgets.QFileDialog: (
        *("getExistingDirectory", "getExistingDirectoryUrl", "getOpenFileName", "getOpenFileNames"),
        *("getOpenFileUrl", "getOpenFileUrls", "getSaveFileName", "getSaveFileUrl"),
    ),
    QtWidgets.QInputDialog: ("getText", "getInt", "getDouble", "getItem", "getMultiLineText"),
    QtWidgets.QColorDialog: ("getColor",),
    QtWidgets.QFontDialog: ("getFont",),
    QtWidgets.QMessageBox: ("question", "information", "warning", "critical", "about"),
}


def refuse_waiting() -> None:
    """Replace the static functions that open a dialog; tests put their own answer there."""
    for cls, functions in WAITING.items():
        for function in functions:
            setattr(cls, function, staticmethod(_refusing(f"{cls.__name__}.{function}")))


def _refusing(name: str):
    def refuse(*_arguments, **_options):
        raise RuntimeError(f"{name} was called; a test has to give the answer")

    return refuse
