"""The slice of a volume that shows most of the object, as a radiologist expects to see it.

A volume's array is turned to (superior, posterior, left): an axial slice then has the front of the
body at the top and the patient's left on the right, a coronal or sagittal one is flipped so that
the head is at the top. A 2-D image is shown as it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cohort.geometry import Geometry
from ..layout import Axes, alignment_angle, canonical_axes, identity_axes

# Slices are cut across the coarsest axis where it is this much coarser than the finest.
COARSE = 1.5
# Letters at the left, right, top and bottom of a slice cut across the axis.
LETTERS = {0: ("R", "L", "A", "P"), 1: ("R", "L", "S", "I"), 2: ("A", "P", "S", "I")}
PLANES = {0: "axial", 1: "coronal", 2: "sagittal"}
OBLIQUE_LIMIT_DEGREES = 45.0


@dataclass(frozen=True)
class View:
    """How one slice is taken out of any array on the image's grid.

    axis: of the turned array, None for a 2-D image. spacing: (row, column) in millimetres.
    letters: left, right, top, bottom; None where the patient's axes are not known.
    """

    axes: Axes
    axis: int | None
    index: int
    flip_rows: bool
    spacing: tuple[float, float]
    letters: tuple[str, str, str, str] | None
    title: str

    def of(self, array: np.ndarray) -> np.ndarray:
        """The slice (rows, columns) of a spatial array, first row at the top."""
        if self.axis is None:
            return array
        plane = np.take(self.axes.forward(array), self.index, axis=self.axis)
        return plane[::-1] if self.flip_rows else plane


def choose_view(geometry: Geometry, weight: np.ndarray) -> View:
    """The slice across the coarsest axis (else the axial one) with the largest sum of `weight`.

    weight: non-negative array on the image's grid, such as a mask; all zero gives the middle.
    """
    if geometry.dimension == 2:
        axes = identity_axes(2)
        return View(axes, None, 0, False, geometry.array_spacing, None, "")
    known = alignment_angle(geometry.direction) <= OBLIQUE_LIMIT_DEGREES
    axes = canonical_axes(geometry.direction)
    spacing = [geometry.array_spacing[axis] for axis in axes.permutation]
    turned = axes.forward(weight)
    axis = _slicing_axis(turned.shape, spacing)
    across = tuple(other for other in range(3) if other != axis)
    sums = turned.sum(axis=across, dtype=np.float64)
    index = int(np.argmax(sums)) if sums.any() else len(sums) // 2
    return View(
        axes=axes,
        axis=axis,
        index=index,
        flip_rows=axis != 0,
        spacing=(spacing[across[0]], spacing[across[1]]),
        letters=LETTERS[axis] if known else None,
        title=f"{PLANES[axis]} slice {index + 1} of {len(sums)}" if known else "",
    )


def window_around(mask: np.ndarray, spacing: tuple[float, float]) -> tuple[slice, slice]:
    """A square (in mm) around a 2-D mask with room to see the surroundings; all of it if empty."""
    if not mask.any():
        return slice(0, mask.shape[0]), slice(0, mask.shape[1])
    extents = [size * step for size, step in zip(mask.shape, spacing, strict=True)]
    bounds = [np.flatnonzero(mask.any(axis=1 - axis))[[0, -1]] for axis in (0, 1)]
    object_size = max((b - a + 1) * step for (a, b), step in zip(bounds, spacing, strict=True))
    side = max(1.8 * object_size, min(extents) / 3)
    parts = []
    for (first, last), step, size in zip(bounds, spacing, mask.shape, strict=True):
        half = side / step / 2
        center = (first + last + 1) / 2
        # The square moves inwards rather than showing nothing beyond the image.
        center = min(max(center, half), size - half) if size > 2 * half else size / 2
        parts.append(slice(max(0, round(center - half)), min(size, round(center + half))))
    return parts[0], parts[1]


def _slicing_axis(shape: tuple[int, ...], spacing: list[float]) -> int:
    if min(shape) == 1:
        return int(np.argmin(shape))
    coarsest = int(np.argmax(spacing))
    return coarsest if spacing[coarsest] >= COARSE * min(spacing) else 0
