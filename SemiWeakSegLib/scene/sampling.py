"""Reading one voxel grid at the voxels of another, nearest neighbour."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

TIE = 1e-6
"""Half-way between two voxels, where an oversampled grid puts every centre, the lower one counts
everywhere, whatever the rounding."""


@dataclass(frozen=True)
class Region:
    """Part of an array: where it begins (z, y, x) and the values there; outside them is zero."""

    start: tuple[int, int, int]
    values: np.ndarray

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """To index the whole array with."""
        first, second, third = (
            slice(start, start + count)
            for start, count in zip(self.start, self.values.shape, strict=True)
        )
        return first, second, third


def sampleNearest(
    values: np.ndarray, indexMap: np.ndarray, shape: tuple[int, int, int]
) -> Region | None:
    """``values`` (z, y, x) read at the voxels of a grid of ``shape`` (z, y, x); 0 outside.

    ``indexMap`` (4x4) takes indices of the new grid (x first) to indices of ``values`` (x first).
    Grids that differ by whole voxels, flips and exchanged axes are copied, not interpolated.
    Returns the part where ``values`` lie, None when they lie outside.
    """
    if 0 in values.shape or 0 in shape:
        return None
    whole = wholeVoxelMap(indexMap, shape)
    if whole is not None:
        return _copied(values, *whole, shape)
    return _interpolated(values, indexMap, shape)


def wholeVoxelMap(
    indexMap: np.ndarray, shape: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray] | None:
    """A signed permutation and a whole-number shift that round as ``indexMap`` does everywhere."""
    turn = np.rint(indexMap[:3, :3])
    lines = np.abs(turn)
    if np.any(lines > 1) or np.any(lines.sum(axis=0) != 1) or np.any(lines.sum(axis=1) != 1):
        return None
    ends = [(0.0, size - 1.0) for size in reversed(shape)]
    corners = np.array(list(itertools.product(*ends)))
    apart = corners @ (indexMap[:3, :3] - turn).T + indexMap[:3, 3]
    shift = np.rint((apart.min(axis=0) + apart.max(axis=0)) / 2)
    # Below half a voxel at all corners means below half a voxel between them, too.
    if np.abs(apart - shift).max() >= 0.5 - 2 * TIE:
        return None
    return turn.astype(int), shift.astype(int)


def _copied(
    values: np.ndarray, turn: np.ndarray, shift: np.ndarray, shape: tuple[int, int, int]
) -> Region | None:
    sizes = values.shape[::-1]
    start = [0, 0, 0]
    cut: list[slice] = [slice(None)] * 3
    axes = [0, 0, 0]
    for axis in range(3):  # x, y, z of the new grid
        source = int(np.flatnonzero(turn[:, axis])[0])
        sign, offset = int(turn[source, axis]), int(shift[source])
        if sign > 0:
            first, last = max(0, -offset), min(shape[2 - axis], sizes[source] - offset)
            piece = slice(first + offset, last + offset)
        else:
            first, last = max(0, offset - sizes[source] + 1), min(shape[2 - axis], offset + 1)
            end = offset - last
            piece = slice(offset - first, end if end >= 0 else None, -1)
        if first >= last:
            return None
        start[2 - axis] = first
        cut[2 - source] = piece
        axes[2 - axis] = 2 - source
    part = values[tuple(cut)].transpose(axes)
    return Region((start[0], start[1], start[2]), part)


def _interpolated(
    values: np.ndarray, indexMap: np.ndarray, shape: tuple[int, int, int]
) -> Region | None:
    back = np.linalg.inv(indexMap)
    ends = [(-0.5, size - 0.5) for size in values.shape[::-1]]
    corners = np.array(list(itertools.product(*ends))) @ back[:3, :3].T + back[:3, 3]
    first = np.maximum(np.floor(corners.min(axis=0)), 0)[::-1].astype(int)
    last = np.minimum(np.ceil(corners.max(axis=0)) + 1, shape[::-1])[::-1].astype(int)
    if np.any(first >= last):
        return None
    matrix = indexMap[:3, :3][::-1, ::-1]
    offset = indexMap[:3, 3][::-1] + matrix @ first - TIE
    part = ndimage.affine_transform(
        np.pad(values, 1),  # else the outer half of the border voxels counts as outside
        matrix,
        offset + 1,
        output_shape=tuple(last - first),
        order=0,
        prefilter=False,
    )
    return Region(tuple(int(value) for value in first), part)
