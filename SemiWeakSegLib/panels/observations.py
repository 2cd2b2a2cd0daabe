"""Observers of MRML objects that keep neither the objects nor their owner alive once removed."""

from __future__ import annotations

from collections.abc import Callable

import vtk


class Observations:
    """Adds observers and removes all of them at once.

    `VTKObservationMixin` keeps every node it ever watched; a session opens hundreds of large ones.
    """

    def __init__(self) -> None:
        self._tags: list[tuple[vtk.vtkObject, int]] = []

    def add(self, observed: vtk.vtkObject, event: int, receiver: Callable[..., None]) -> None:
        """Call ``receiver(caller, event)`` on an event of the object."""
        self._tags.append((observed, observed.AddObserver(event, receiver)))

    def release(self) -> None:
        """Remove every observer."""
        for observed, tag in self._tags:
            observed.RemoveObserver(tag)
        self._tags.clear()
