"""Where the voxels of a planned grid lie in patient space (LPS, millimetres)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..cohort import Case, images
from ..cohort.geometry import Geometry
from .layout import Layout
from .plan import Plan
from .preprocess import make_layout


@dataclasses.dataclass(frozen=True)
class PlannedSpace:
    """The affine map of one case: patient point = offset + matrix @ (unit, *voxel).

    matrix: (D, 1 + d) and offset: (D,), D the dimension of the image file, d that of the plan.
    Voxels are continuous positions on the planned grid, in array order; units are slices of a 2-D
    plan, else 0.
    """

    matrix: np.ndarray
    offset: np.ndarray

    def to_patient(self, positions: np.ndarray) -> np.ndarray:
        """(..., 1 + d) unit and voxel to (..., D) millimetres."""
        return np.asarray(positions, dtype=float) @ self.matrix.T + self.offset

    def from_patient(self, points: np.ndarray) -> np.ndarray:
        """(..., D) millimetres to (..., 1 + d); the unit is continuous across slices."""
        relative = np.asarray(points, dtype=float) - self.offset
        return relative @ np.linalg.pinv(self.matrix).T


def planned_space(case: Case, plan: Plan) -> PlannedSpace:
    """The space of a case; reads the image's header."""
    geometry = images.read_header(case.images[0]).geometry
    return space_of(geometry, make_layout(geometry, plan))


def space_of(geometry: Geometry, layout: Layout) -> PlannedSpace:
    """The space of an image with this geometry and layout."""
    count = 1 + len(layout.planned_shape)

    def patient(position: np.ndarray) -> np.ndarray:
        return geometry.to_physical(_stored(position, layout)[::-1])

    offset = patient(np.zeros(count))
    columns = [patient(row) - offset for row in np.eye(count)]
    return PlannedSpace(np.stack(columns, axis=1), offset)


def _stored(position: np.ndarray, layout: Layout) -> np.ndarray:
    """Continuous index (unit, *voxel) to a continuous index of the stored array."""
    sizes = zip(position[1:], layout.oriented_shape, layout.planned_shape, strict=True)
    # The outer edges of the grids coincide, not the outermost centres.
    turned = [(each + 0.5) * before / after - 0.5 for each, before, after in sizes]
    if layout.slice_axis is not None and len(layout.stored_shape) == 3:
        turned.insert(layout.slice_axis, float(position[0]))
    stored = np.zeros(len(turned))
    for place, axis in enumerate(layout.axes.permutation):
        flipped = layout.stored_shape[axis] - 1 - turned[place]
        stored[axis] = flipped if layout.axes.flips[place] else turned[place]
    return stored
