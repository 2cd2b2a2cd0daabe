"""Boxes of a case seen from a patch that may be turned, zoomed, mirrored or bent, and tags."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import torch

from ..cohort import UNLABELED
from .batches import Batch
from .knowledge import Knowledge, PlannedBox

# What sticks out of an image or patch by less than this counts as in it: boxes are drawn by hand.
SLACK_VOXELS = 0.5


@dataclasses.dataclass(frozen=True)
class PatchView:
    """One row of a batch, on the CPU: where voxels of its case lie in its patch."""

    batch: Batch
    row: int

    @property
    def unit(self) -> int:
        return self.batch.units[self.row][1]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.batch.image.shape[2:])

    @functools.cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.inv(self.batch.transform.matrix[self.row].double().numpy())

    @functools.cached_property
    def _bent(self) -> np.ndarray:
        """(d,) patch voxels by which an elastic displacement may move a place."""
        displacement = self.batch.transform.displacement
        if displacement is None:
            return np.zeros(len(self.shape))
        return np.abs(self._inverse) @ displacement[self.row].abs().flatten(1).amax(dim=1).numpy()

    def places(self, voxels: np.ndarray) -> np.ndarray:
        """(..., d) voxels of the case's grid to positions in the patch."""
        middle = (np.array(self.shape) - 1) / 2
        centre = self.batch.centres[self.row].double().numpy()
        return (voxels - centre) @ self._inverse.T + middle

    def region(self, voxels: np.ndarray) -> tuple[slice, ...] | None:
        """The part of the patch that holds the hull of some voxels; None where it is empty."""
        places = self.places(voxels)
        lows = np.floor(places.min(axis=0) - self._bent).clip(0).astype(int)
        highs = np.ceil(places.max(axis=0) + self._bent).astype(int) + 1
        stops = np.minimum(highs, self.shape)
        if (stops <= lows).any():
            return None
        return tuple(slice(low, stop) for low, stop in zip(lows, stops, strict=True))

    def holds(self, voxels: np.ndarray, image_shape: tuple[int, ...]) -> np.ndarray:
        """Which of the voxels (..., d) lie in the patch and in the image (*spatial)."""
        slack = 0.5 + SLACK_VOXELS
        places, last = self.places(voxels), np.array(self.shape) - 1
        in_patch = (places >= self._bent - slack) & (places <= last - self._bent + slack)
        in_image = (voxels >= -slack) & (voxels <= np.array(image_shape) - 1 + slack)
        return (in_patch & in_image).all(axis=-1)


@dataclasses.dataclass(frozen=True)
class BoxInPatch:
    """One box in one patch; ``region`` is the part of the patch that holds it.

    ``along``: D tensors that broadcast to (*region), the position on each of the box's axes, its
    faces at -1 and 1; ``inside`` (*region) bool: the voxels of the box. ``voxel`` (D, d):
    millimetres along the box's axes for a step of one patch voxel.
    """

    view: PatchView
    box: PlannedBox
    region: tuple[slice, ...]
    along: list[torch.Tensor]
    inside: torch.Tensor
    voxel: np.ndarray


def boxes_in_patch(batch: Batch, row: int, knowledge: Knowledge) -> list[BoxInPatch]:
    """The boxes of a batch row's case that reach into its patch and, of slices, into its slice."""
    if not knowledge.boxes:
        return []
    view = PatchView(batch, row)
    turn = batch.transform.matrix[row].double().numpy()
    found = []
    for box in knowledge.boxes:
        corners = box.corners
        crosses = corners[:, 0].min() <= view.unit <= corners[:, 0].max()
        region = view.region(corners[:, 1:])
        if region is None or (_has_units(box) and not crosses):
            continue
        along = _along(view, box, turn, region)
        inside = batch.valid[(row, 0, *region)]
        for each in along:
            inside = inside & (each.abs() <= 1)
        found.append(BoxInPatch(view, box, region, along, inside, box.matrix[:, 1:] @ turn))
    return found


def _has_units(box: PlannedBox) -> bool:
    """Whether the box has an axis more than the plan, so that its case is a row of slices."""
    return len(box.halves) == box.matrix.shape[1]


def _along(
    view: PatchView, box: PlannedBox, turn: np.ndarray, region: tuple[slice, ...]
) -> list[torch.Tensor]:
    """Where the voxels of a region lie on the box's axes, each broadcasting to the region."""
    batch, row = view.batch, view.row
    matrix = box.matrix[:, 1:] / box.halves[:, None]
    start = (box.offset + box.matrix[:, 0] * view.unit) / box.halves
    if batch.transform.displacement is None:
        # Sums of lines, and a single line for an axis of the box along one of the patch.
        start = start + matrix @ batch.centres[row].double().numpy()
        matrix = matrix @ turn
        places = [
            (torch.arange(part.start, part.stop, device=batch.image.device) - (n - 1) / 2).reshape(
                [-1 if axis == each else 1 for each in range(len(region))]
            )
            for axis, (part, n) in enumerate(zip(region, view.shape, strict=True))
        ]
    else:
        places = list(batch.positions()[(row, slice(None), *region)])
    return [
        sum(
            (step * place for step, place in zip(steps, places, strict=True) if abs(step) > 1e-9),
            start=torch.full([1] * len(region), offset, device=batch.image.device),
        )
        for steps, offset in zip(matrix.tolist(), start.tolist(), strict=True)
    ]


def strip_count(extent: float, width: float, voxel: float) -> int:
    """How many strips of at least ``width`` and at least a voxel's extent fit; millimetres."""
    return max(1, math.floor(extent / max(width, voxel) + 1e-6))


def excluded_classes(
    batch: Batch, knowledge: dict[int, Knowledge], num_classes: int
) -> torch.Tensor:
    """(B, K, *patch) bool: the classes each voxel cannot have by the boxes and absent tags."""
    shape = (len(batch), num_classes, *batch.image.shape[2:])
    excluded = torch.zeros(shape, dtype=torch.bool, device=batch.image.device)
    for row, (case, _) in enumerate(batch.units):
        if case not in knowledge:
            continue
        known = knowledge[case]
        for value in {*known.absent, *known.boxed}:
            excluded[row, value] = True
        for found in boxes_in_patch(batch, row, known):
            excluded[(row, found.box.class_index, *found.region)] &= ~found.inside
    return excluded


def without_excluded(
    labels: torch.Tensor, batch: Batch, knowledge: dict[int, Knowledge], num_classes: int
) -> torch.Tensor:
    """Predicted labels with 255 where boxes or absent tags rule the class out.

    ``labels``: (B, *patch), or several predictions of the same batch, (M, B, *patch).
    """
    # Known without asking the device, which would have to be waited for.
    if not any(case in knowledge for case, _ in batch.units):
        return labels
    excluded = excluded_classes(batch, knowledge, num_classes)
    # 255 has no column; background's serves, which is never excluded.
    axis = 1 + labels.ndim - batch.label.ndim
    column = labels.masked_fill(labels == UNLABELED, 0).unsqueeze(axis)
    excluded = excluded.expand(*labels.shape[:axis], *excluded.shape[1:])
    return labels.masked_fill(excluded.gather(axis, column).squeeze(axis), UNLABELED)
