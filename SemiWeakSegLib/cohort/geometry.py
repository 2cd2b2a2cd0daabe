"""Where an image's voxels lie in patient space (LPS, millimetres)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

ANISOTROPY_FOR_SLICES = 3.0
"""How many times the others the largest spacing is where a volume is learned slice by slice."""
FEWEST_SLICES = 4
"""Volumes of fewer slices are learned slice by slice, whatever their spacing."""


@dataclass(frozen=True)
class Geometry:
    """Size, spacing (mm), origin (mm) and direction cosines (row-major) in x, y, z order."""

    size: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of_image(cls, image: sitk.Image | sitk.ImageFileReader) -> Geometry:
        """The geometry of an image, or of the header a reader has read."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @property
    def dimension(self) -> int:
        return len(self.size)

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Shape of the voxel array: (z, y, x) or (y, x)."""
        return self.size[::-1]

    @property
    def array_spacing(self) -> tuple[float, ...]:
        """Spacing in millimetres in the order of the array's axes."""
        return self.spacing[::-1]

    @property
    def voxel_size(self) -> float:
        """Volume of a voxel in mm³ (area of a pixel in mm²)."""
        return float(np.prod(self.spacing))

    @property
    def is_sliced(self) -> bool:
        """Whether it is best learned slice by slice: 2-D, few slices, or slices far apart."""
        if self.dimension == 2:
            return True
        spacing = sorted(self.spacing)
        return min(self.size) < FEWEST_SLICES or spacing[2] / spacing[1] >= ANISOTROPY_FOR_SLICES

    @property
    def direction_matrix(self) -> np.ndarray:
        """Direction cosines (d, d); column i is the unit vector of index axis i (x first)."""
        return np.asarray(self.direction, dtype=float).reshape(self.dimension, self.dimension)

    def to_physical(self, indices: np.ndarray) -> np.ndarray:
        """Patient coordinates (..., d), mm, of continuous voxel indices (..., d), x first."""
        scaled = np.asarray(indices, dtype=float) * np.asarray(self.spacing)
        return np.asarray(self.origin) + scaled @ self.direction_matrix.T

    def to_indices(self, points: np.ndarray) -> np.ndarray:
        """Continuous voxel indices (..., d), x first, of patient coordinates (..., d), mm."""
        relative = np.asarray(points, dtype=float) - np.asarray(self.origin)
        # As a file may round direction cosines, the inverse is not quite the transpose.
        inverse = np.linalg.inv(self.direction_matrix)
        return relative @ inverse.T / np.asarray(self.spacing)

    def holding_voxels(self, points: np.ndarray) -> np.ndarray:
        """Array indices (n, d), z first, of the voxels that hold ``points`` (n, d), mm.

        A point on the outer faces belongs to the voxel within; one outside gets -1 throughout.
        """
        indices = self.to_indices(np.asarray(points, dtype=float).reshape(-1, self.dimension))
        last = np.asarray(self.size) - 1
        inside = np.all((indices >= -0.5 - 1e-4) & (indices <= last + 0.5 + 1e-4), axis=1)
        indices[~inside] = -1
        indices[inside] = np.clip(np.floor(indices[inside] + 0.5), 0, last)
        return indices.astype(int)[:, ::-1]

    def stamp(self, image: sitk.Image) -> sitk.Image:
        """Give ``image`` this spacing, origin and direction; returns it."""
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction)
        return image

    def describe_difference(self, other: Geometry, tolerance: float = 0.1) -> str | None:
        """How ``other`` differs from this geometry, in words with numbers; None when it does not.

        Two grids are the same when they have the same size and no corner of one is farther from
        the other's than ``tolerance`` times this geometry's smallest spacing: file formats round.
        """
        if self.dimension != other.dimension:
            return f"{other.dimension}-D against {self.dimension}-D"
        parts = []
        if self.size != other.size:
            parts.append(f"size {_product(other.size)} against {_product(self.size)} (x, y, z)")
        ends = [(0, max(count - 1, 1)) for count in self.size]
        corners = np.array(list(itertools.product(*ends)), dtype=float)
        apart = float(
            np.linalg.norm(other.to_physical(corners) - self.to_physical(corners), axis=1).max()
        )
        if not apart <= tolerance * min(self.spacing):
            parts.extend(self._different_parts(other, tolerance))
            parts.append(f"corners up to {apart:.4g} mm apart")
        return ", ".join(parts) if parts else None

    def _different_parts(self, other: Geometry, tolerance: float) -> list[str]:
        parts = []
        if not np.allclose(self.spacing, other.spacing, rtol=1e-3):
            parts.append(
                f"spacing {_product(other.spacing)} mm against {_product(self.spacing)} mm"
            )
        offset = float(np.linalg.norm(np.subtract(self.origin, other.origin)))
        if offset > tolerance * min(self.spacing):
            parts.append(f"origin {offset:.4g} mm away")
        cosines = np.sum(self.direction_matrix * other.direction_matrix, axis=0)
        degrees = float(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).max())
        if degrees > 0.05:
            parts.append(f"direction turned by up to {degrees:.3g} degrees")
        return parts


def _product(values: tuple[float, ...]) -> str:
    return " x ".join(f"{value:.6g}" for value in values)
