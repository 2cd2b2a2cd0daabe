"""Keyboard shortcuts of the main window that live only while the module is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import qt
import slicer


class Shortcuts:
    """``keys``: key sequence ("Ctrl+Shift+S") to what it does. Without main window there are none.

    Keys of the main window, the slice views and the Segment Editor must not be among them: Qt
    fires neither of two equal ones.
    """

    def __init__(self, keys: Mapping[str, Callable[[], None]]) -> None:
        self._keys = dict(keys)
        self._installed: list[tuple[qt.QShortcut, Callable[[], None]]] = []

    @property
    def installed(self) -> list[qt.QShortcut]:
        """The shortcuts that work now."""
        return [shortcut for shortcut, _action in self._installed]

    def install(self) -> None:
        self.remove()
        window = slicer.util.mainWindow()
        if window is None:
            return
        for keys, action in self._keys.items():
            shortcut = qt.QShortcut(qt.QKeySequence(keys), window)
            shortcut.connect("activated()", action)
            self._installed.append((shortcut, action))

    def remove(self) -> None:
        for shortcut, action in self._installed:
            shortcut.disconnect("activated()", action)
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._installed.clear()
