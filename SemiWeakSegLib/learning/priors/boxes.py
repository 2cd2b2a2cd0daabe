"""Sizes from boxes: an object fills a part of its box that hardly varies."""

from __future__ import annotations

import math

import numpy as np

from ..store import CaseStore
from .base import free_bounds


class BoxPrior:
    """A class fills between ``low`` and ``high`` of the boxes drawn around its objects.

    (Kervadec et al., Bounding boxes for weakly supervised segmentation, MIDL 2020.) Of several
    slices each is only bounded by the boxes' area in it: the part of a box that an object fills
    differs from slice to slice. Classes without a box are not bounded, nor cases that are not
    trained on.
    """

    source = "its boxes"
    certain = True

    def __init__(self, low: float = 0.5, high: float = 0.9):
        if not 0 <= low <= high <= 1:
            raise ValueError(
                f"a class fills between {low:g} and {high:g} of its boxes: give two shares "
                "between 0 and 1, the lower one first"
            )
        self.low = low
        self.high = high

    def of_case(self, index: int, store: CaseStore) -> np.ndarray | None:
        """See `Prior`."""
        entry = store.entries[index]
        if index not in store.knowledge or not store.knowledge[index].boxes:
            return None
        units = entry.shape[1]
        result = free_bounds((units, store.plan.num_classes - 1, 1))
        low, high = (self.low, self.high) if units == 1 else (0.0, 1.0)
        for value, areas in box_sizes(index, store).items():
            result[:, value - 1, 0, 0] = low * areas
            result[:, value - 1, 0, 1] = high * areas
        return result


def box_sizes(index: int, store: CaseStore) -> dict[int, np.ndarray]:
    """Per class with boxes: (units,) mm³ (mm² of slices) of the image that lies in any of them.

    Counted in voxels of the planned grid, so that what sticks out of the image or overlaps another
    box of the class counts once.
    """
    entry = store.entries[index]
    inside: dict[int, np.ndarray] = {}
    for box in store.knowledge[index].boxes:
        mask = inside.setdefault(box.class_index, np.zeros(entry.shape[1:], dtype=bool))
        region, part = box.on_grid(mask.shape)
        mask[region] |= part
    volume = math.prod(entry.spacing)
    return {
        value: np.count_nonzero(mask.reshape(len(mask), -1), axis=1) * volume
        for value, mask in inside.items()
    }
