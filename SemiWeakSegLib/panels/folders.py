"""Showing a folder in the system's own file browser."""

from __future__ import annotations

from pathlib import Path

import qt


def openFolder(path: Path | str) -> bool:
    """Show a folder, or the nearest one above it that exists; whether the system took it."""
    folder = Path(path).absolute()
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return bool(qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(folder))))
