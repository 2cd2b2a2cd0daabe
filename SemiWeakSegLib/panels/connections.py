"""What a panel is connected to, so that all of it can be let go at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Connections:
    """Connects and remembers; after `release` none of the receivers is called any more."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], Any]] = []

    def widget(self, sender: Any, signal: str, receiver: Callable[..., Any]) -> None:
        """A Qt signal such as "clicked()"; ValueError for one that the sender does not have."""
        # PythonQt only prints and returns False, and the button would be dead.
        if sender.connect(signal, receiver) is False:
            raise ValueError(f"{sender.className()} {sender.objectName} has no signal {signal}")
        self._undo.append(lambda: sender.disconnect(signal, receiver))

    def topic(self, signals: Any, topic: str, receiver: Callable[..., Any]) -> None:
        """A topic of `panels.signals.Signals`."""
        signals.connect(topic, receiver)
        self._undo.append(lambda: signals.disconnect(topic, receiver))

    def modified(self, node: Any, receiver: Callable[..., Any]) -> Callable[[], None]:
        """The ModifiedEvent of a node or parameter node; returns what ends it."""
        import vtk

        tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, receiver)

        def end() -> None:
            node.RemoveObserver(tag)
            if end in self._undo:
                self._undo.remove(end)

        self._undo.append(end)
        return end

    def release(self) -> None:
        """Undo every connection, the newest first."""
        while self._undo:
            self._undo.pop()()
