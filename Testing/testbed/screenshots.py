"""Qt's event loop for a while, and pictures of widgets."""

from __future__ import annotations

import time
from pathlib import Path

from PySide6 import QtCore, QtWidgets


def process(milliseconds: int) -> None:
    """Run the event loop for at least ``milliseconds``."""
    end = time.monotonic() + milliseconds / 1000
    while True:
        QtWidgets.QApplication.processEvents()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete.value)
        if time.monotonic() >= end:
            return
        time.sleep(0.001)


def save(widget, path) -> Path:
    """Draw the widget and its children into a PNG file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    widget.ensurePolished()
    widget.show()
    process(50)
    if not widget.grab().save(str(path)):
        raise OSError(f"the picture of {widget.objectName} could not be written to {path}")
    return path
