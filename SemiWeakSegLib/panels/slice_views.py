"""Where the slice views are, and moving them to a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import slicer


def jumpTo(point: Sequence[float]) -> None:
    """Show a point (world RAS, mm) in all slice views."""
    for node in _sliceNodes():
        node.JumpSliceByOffsetting(*point)


def crossing(volumeNode: slicer.vtkMRMLVolumeNode) -> tuple[float, float, float]:
    """The point (world RAS, mm) where three slice views meet inside the volume, else its centre."""
    bounds = [0.0] * 6
    volumeNode.GetRASBounds(bounds)
    lower, upper = np.array(bounds[::2]), np.array(bounds[1::2])
    normals: list[np.ndarray] = []
    offsets: list[float] = []
    for node in _sliceNodes():
        matrix = slicer.util.arrayFromVTKMatrix(node.GetSliceToRAS())
        normal = matrix[:3, 2]
        if all(abs(float(normal @ other)) < 0.99 for other in normals):
            normals.append(normal)
            offsets.append(float(normal @ matrix[:3, 3]))
    if len(normals) >= 3 and abs(np.linalg.det(normals[:3])) > 1e-3:
        point = np.linalg.solve(np.array(normals[:3]), np.array(offsets[:3]))
        if np.all(point >= lower) and np.all(point <= upper):
            return tuple(float(value) for value in point)
    return tuple(float(value) for value in 0.5 * (lower + upper))


def _sliceNodes() -> list[slicer.vtkMRMLSliceNode]:
    return list(slicer.util.getNodesByClass("vtkMRMLSliceNode"))
