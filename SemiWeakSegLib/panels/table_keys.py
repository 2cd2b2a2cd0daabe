"""Keys of a table: they win over the application's shortcuts while the table has the focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import qt


class TableKeys(qt.QObject):
    """Calls a function per key sequence ("Delete", "Ctrl+Z") pressed in a widget.

    The Segment Editor installs Ctrl+Z for the whole main window; two shortcuts for one key cancel
    each other. A widget that claims the key beforehand (ShortcutOverride) gets it instead.
    """

    def __init__(self, widget: qt.QWidget, actions: Mapping[str, Callable[[], None]]) -> None:
        super().__init__(widget)
        self._widget = widget
        self._actions = {_keyNumber(keys): action for keys, action in actions.items()}
        widget.installEventFilter(self)

    def remove(self) -> None:
        """Leave the keys to the widget again."""
        self._widget.removeEventFilter(self)
        self._actions = {}

    def eventFilter(self, watched: qt.QObject, event: qt.QEvent) -> bool:
        """Qt's hook: True for a key that was used up."""
        kind = event.type()
        if kind != qt.QEvent.ShortcutOverride and kind != qt.QEvent.KeyPress:
            return False
        action = self._actions.get(_eventNumber(event))
        if action is None:
            return False
        if kind == qt.QEvent.ShortcutOverride:
            event.accept()
        else:
            action()
        return True


_MODIFIERS = ("Shift", "Ctrl", "Alt", "Meta")


def _keyNumber(keys: str) -> tuple[int, frozenset[str]]:
    *modifiers, key = keys.split("+")
    return int(getattr(qt.Qt, f"Key_{key}")), frozenset(modifiers)


def _eventNumber(event: qt.QKeyEvent) -> tuple[int, frozenset[str]]:
    pressed = event.modifiers()
    flags = (
        qt.Qt.ShiftModifier,
        qt.Qt.ControlModifier,
        qt.Qt.AltModifier,
        qt.Qt.MetaModifier,
    )
    held = (name for name, flag in zip(_MODIFIERS, flags, strict=True) if pressed & flag)
    return int(event.key()), frozenset(held)
