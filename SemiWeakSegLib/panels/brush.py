"""How wide a scribble's brush is: in slices of the volume that is drawn on."""

from __future__ import annotations

from collections.abc import Sequence

PIXELS_WIDE = 3.0
"""Width of a stroke in the finest direction, where a slice is thinner than that."""


def sliceThickness(spacing: Sequence[float], size: Sequence[int]) -> float:
    """Largest voxel edge in millimetres; an axis with one voxel (a picture's) does not count.

    A narrower brush would miss whole slices in the views across them.
    """
    return max(_edges(spacing, size))


def finestEdge(spacing: Sequence[float], size: Sequence[int]) -> float:
    """Smallest voxel edge in millimetres, counted as in ``sliceThickness``."""
    return min(_edges(spacing, size))


def defaultDiameter(spacing: Sequence[float], size: Sequence[int]) -> float:
    """Diameter in millimetres: one slice, and at least a few pixels in the finest direction."""
    return max(sliceThickness(spacing, size), PIXELS_WIDE * finestEdge(spacing, size))


def _edges(spacing: Sequence[float], size: Sequence[int]) -> list[float]:
    edges = [edge for edge, count in zip(spacing, size, strict=True) if count > 1]
    return edges or list(spacing)
