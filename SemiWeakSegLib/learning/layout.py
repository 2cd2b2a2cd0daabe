"""From an image's own axes to the axes the network sees, and exactly back."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Axes:
    """A permutation of array axes followed by flips; both exact, no voxel value changes."""

    permutation: tuple[int, ...]
    flips: tuple[bool, ...]

    def forward(self, array: np.ndarray) -> np.ndarray:
        """Spatial array (no channel axis) to oriented axes; a view."""
        turned = np.transpose(array, self.permutation)
        return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def backward(self, array: np.ndarray) -> np.ndarray:
        """The inverse of `forward`; a view."""
        turned = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]
        return np.transpose(turned, np.argsort(self.permutation))


def identity_axes(dimension: int) -> Axes:
    """Axes as stored."""
    return Axes(tuple(range(dimension)), (False,) * dimension)


def cosines_to(direction: Sequence[float], frame: Sequence[float] | None) -> np.ndarray:
    """Cosines (3, 3) between the axes of a frame (rows) and of an image (columns)."""
    cosines = np.array(direction, dtype=float).reshape(3, 3)
    return cosines if frame is None else np.array(frame, dtype=float).reshape(3, 3).T @ cosines


def canonical_axes(direction: Sequence[float], frame: Sequence[float] | None = None) -> Axes:
    """Axes that bring a 3-D array (z, y, x) nearest to (superior, posterior, left).

    ``direction``: SimpleITK's row-major 3×3 matrix, columns = LPS direction of x, y, z;
    ``frame``: that of an image whose axes they are brought nearest to instead.
    """
    cosines = cosines_to(direction, frame)
    free = {0, 1, 2}
    chosen: dict[int, int] = {}
    # The most certain pairs first: an oblique axis must not take what a straight one needs.
    for flat in np.argsort(-np.abs(cosines), axis=None):
        patient, axis = divmod(int(flat), 3)
        if patient not in chosen and axis in free:
            chosen[patient] = axis
            free.remove(axis)
    permutation, flips = [], []
    for patient in (2, 1, 0):
        axis = chosen[patient]
        permutation.append(2 - axis)
        flips.append(bool(cosines[patient, axis] < 0))
    return Axes(tuple(permutation), tuple(flips))


def alignment_angle(direction: Sequence[float], frame: Sequence[float] | None = None) -> float:
    """Largest angle in degrees between an image axis and the nearest one of patient or frame."""
    cosines = np.abs(cosines_to(direction, frame))
    return math.degrees(math.acos(min(1.0, float(cosines.max(axis=0).min()))))


@dataclasses.dataclass(frozen=True)
class Layout:
    """How one case's array maps to the planned array (units, *spatial) and back.

    A planned array has a leading axis of *units*: slices for a 2-D plan, else a single volume,
    so that ``(1, z, y, x)`` and ``(slices, y, x)`` are handled alike.
    """

    stored_shape: tuple[int, ...]
    axes: Axes
    slice_axis: int | None
    stored_spacing: tuple[float, ...]
    planned_shape: tuple[int, ...]

    @property
    def oriented_shape(self) -> tuple[int, ...]:
        """Shape of one unit before resampling."""
        turned = [self.stored_shape[axis] for axis in self.axes.permutation]
        if self.slice_axis is not None and len(turned) == 3:
            turned.pop(self.slice_axis)
        return tuple(turned)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Spacing in mm of the planned grid as it really is (sizes are whole voxels)."""
        turned = [self.stored_spacing[axis] for axis in self.axes.permutation]
        if self.slice_axis is not None and len(turned) == 3:
            turned.pop(self.slice_axis)
        sizes = zip(turned, self.oriented_shape, self.planned_shape, strict=True)
        return tuple(step * before / after for step, before, after in sizes)

    @property
    def thickness(self) -> float:
        """Millimetres a unit stands for across the slice (1 for volumes and 2-D images)."""
        if self.slice_axis is None or len(self.stored_shape) == 2:
            return 1.0
        return self.stored_spacing[self.axes.permutation[self.slice_axis]]

    def split(self, array: np.ndarray) -> np.ndarray:
        """Stored spatial array to (units, *oriented shape)."""
        turned = self.axes.forward(array)
        if self.slice_axis is None or turned.ndim == 2:
            return turned[None]
        return np.moveaxis(turned, self.slice_axis, 0)

    def join(self, units: np.ndarray) -> np.ndarray:
        """(units, *oriented shape) to the stored array; the inverse of `split`."""
        if self.slice_axis is None or len(self.stored_shape) == 2:
            turned = units[0]
        else:
            turned = np.moveaxis(units, 0, self.slice_axis)
        return np.ascontiguousarray(self.axes.backward(turned))
