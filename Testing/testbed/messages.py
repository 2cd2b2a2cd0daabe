"""How readers and writers say that something failed."""

from __future__ import annotations

import vtk


def failed(messages, text: str) -> bool:
    if messages is not None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)
    return False
