"""Sizes from boxes: an object fills a part of its box that hardly varies."""

from __future__ import annotations

import math

import numpy as np

from ...methods.box_bounds import shares_of_box
from ..knowledge import PlannedBox
from ..store import CaseStore
from .base import free_bounds


class BoxPrior:
    """A class fills between ``low`` and ``high`` of the boxes drawn around its objects.

    (Kervadec et al., Bounding boxes for weakly supervised segmentation, MIDL 2020.) Of several
    slices each is only bounded by the boxes' area in it, unless the boxes were drawn slice by
    slice: the part of a solid box that an object fills differs from slice to slice. Classes without
    a box are not bounded, nor cases that are not trained on.

    A share that is not given is the usual one of flat or solid boxes; where both are usual they
    yield to sizes that are stated.
    """

    source = "its boxes"

    def __init__(self, low: float | None = None, high: float | None = None):
        ends = [each for each in (low, high) if each is not None]
        if ends != sorted(ends) or not all(0 <= each <= 1 for each in ends):
            raise ValueError(
                f"a class fills between {' and '.join(f'{each:g}' for each in ends)} of its boxes: "
                "give shares between 0 and 1, the lower one first"
            )
        self.low = low
        self.high = high
        self.certain = bool(ends)

    def of_case(self, index: int, store: CaseStore) -> np.ndarray | None:
        """See `Prior`."""
        entry = store.entries[index]
        if index not in store.knowledge or not store.knowledge[index].boxes:
            return None
        units = entry.shape[1]
        result = free_bounds((units, store.plan.num_classes - 1, 1))
        boxes = store.knowledge[index].boxes
        for value, areas in box_sizes(index, store).items():
            own = [box for box in boxes if box.class_index == value]
            low, high = self._shares(own, units, store.plan.dimensions)
            result[:, value - 1, 0, 0] = low * areas
            result[:, value - 1, 0, 1] = high * areas
        return result

    def _shares(self, boxes: list[PlannedBox], units: int, dimensions: int) -> tuple[float, float]:
        """What holds for all boxes of a class, flat and solid ones."""
        if units > 1 and not all(box.in_one_unit for box in boxes):
            return 0.0, 1.0
        shares = [
            shares_of_box(min(dimensions, box.dimensions), self.low, self.high, box.is_turned)
            for box in boxes
        ]
        return min(low for low, _ in shares), max(high for _, high in shares)


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
