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
PLANES = {0: "axial", 1: "coronal", 2: "sagittal"}
# From this angle on a slice is called oblique.
OBLIQUE_DEGREES = 25.0
# The patient's directions, negative and positive, along LPS; named where the cosine is this large.
ENDS = (("R", "L"), ("A", "P"), ("I", "S"))
NAMED_COSINE = 0.35


@dataclass(frozen=True)
class View:
    """How one slice is taken out of any array on the image's grid.

    axis: of the turned array, None for a 2-D image. spacing: (row, column) in millimetres.
    letters: the patient's directions at the left, right, top and bottom; None for a 2-D image.
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
    oblique = alignment_angle(geometry.direction) >= OBLIQUE_DEGREES
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
        letters=_letters(geometry, axes, across, flip_rows=axis != 0),
        title=f"{'oblique' if oblique else PLANES[axis]} slice {index + 1} of {len(sums)}",
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


def _letters(
    geometry: Geometry, axes: Axes, across: tuple[int, ...], flip_rows: bool
) -> tuple[str, str, str, str]:
    """Where the left, right, top and bottom of a slice lie; two letters where it is oblique."""
    rows, columns = (
        geometry.direction_matrix[:, 2 - axes.permutation[axis]] * (-1 if axes.flips[axis] else 1)
        for axis in across
    )
    down = -rows if flip_rows else rows
    return _towards(-columns), _towards(columns), _towards(-down), _towards(down)


def _towards(vector: np.ndarray) -> str:
    """The patient's direction of a unit vector in LPS, the strongest part first."""
    named = [axis for axis in np.argsort(-np.abs(vector)) if abs(vector[axis]) >= NAMED_COSINE]
    return "".join(ENDS[axis][int(vector[axis] > 0)] for axis in named)


def _slicing_axis(shape: tuple[int, ...], spacing: list[float]) -> int:
    if min(shape) == 1:
        return int(np.argmin(shape))
    coarsest = int(np.argmax(spacing))
    return coarsest if spacing[coarsest] >= COARSE * min(spacing) else 0
