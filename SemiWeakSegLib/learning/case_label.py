"""What is known of a case's voxels on the planned grid: its label map and its points."""

from __future__ import annotations

import numpy as np

from ..cohort import UNLABELED, Case, images
from .layout import Layout
from .planned_space import space_of
from .preprocess import label_to_grid


def prepare_label(case: Case, layout: Layout, num_classes: int) -> np.ndarray | None:
    """The case's label map on the planned grid, (units, *spatial) uint8, or None without any.

    Each of the case's points gives its class to the planned voxel that holds it, unless the label
    map or an earlier point has said something of that voxel. Raises ValueError for a point outside
    the image.
    """
    if case.label is not None:
        label = label_to_grid(case.label, layout, num_classes)
    elif case.points:
        units = len(layout.split(np.broadcast_to(np.uint8(0), layout.stored_shape)))
        label = np.full((units, *layout.planned_shape), UNLABELED, np.uint8)
    else:
        return None
    if case.points:
        _write_points(case, layout, label)
    return label


def _write_points(case: Case, layout: Layout, label: np.ndarray) -> None:
    """The points of the case in its label map on the planned grid, which is changed."""
    geometry = images.read_header(case.images[0]).geometry
    places = np.array([point.position for point in case.points], dtype=float)
    for point, stored in zip(case.points, geometry.holding_voxels(places), strict=True):
        if stored[0] < 0:
            raise ValueError(
                f"case {case.id}: its point {point.position} of class {point.class_index} lies "
                "outside its image; take it away or move it"
            )
    # The planned voxel is that of the point itself, not of the middle of its stored voxel.
    planned = space_of(geometry, layout).from_patient(places)
    last = np.array(label.shape) - 1
    voxels = np.clip(np.floor(planned + 0.5), 0, last).astype(int)
    for point, voxel in zip(case.points, map(tuple, voxels), strict=True):
        if label[voxel] == UNLABELED:
            label[voxel] = point.class_index
