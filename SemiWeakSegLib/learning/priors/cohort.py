"""What the cohort states of single cases: sizes, and tags."""

from __future__ import annotations

import math

import numpy as np

from ..store import CaseStore
from .base import free_bounds, of_whole_image


class CasePrior:
    """The sizes stated for single cases (`Case.sizes`)."""

    source = "the size stated for the case"
    certain = True

    def of_case(self, index: int, store: CaseStore) -> np.ndarray | None:
        """See `Prior`; of several slices each holds only to the upper end."""
        case, entry = store.cases[index], store.entries[index]
        if not case.sizes:
            return None
        result = free_bounds((entry.shape[1], store.plan.num_classes - 1, 1))
        for value, (low, high) in case.sizes.items():
            result[:, value - 1, 0] = of_whole_image(low, high, entry)
        return result


class TagPrior:
    """Image tags: an absent class has size 0, a present one at least ``least_mm3``.

    A present class of a volume that is learned slice by slice bounds nothing: which slice shows it
    is not known.
    """

    source = "the tags"
    certain = True

    def __init__(self, least_mm3: float = 0.0):
        """``least_mm3``: size of the smallest object that would be tagged; 0: one voxel."""
        self.least_mm3 = least_mm3

    def of_case(self, index: int, store: CaseStore) -> np.ndarray | None:
        """See `Prior`."""
        case, entry = store.cases[index], store.entries[index]
        if not case.absent and not case.present:
            return None
        units = entry.shape[1]
        result = free_bounds((units, store.plan.num_classes - 1, 1))
        for value in case.absent:
            result[:, value - 1, 0] = 0.0
        if units == 1:
            least = max(self.least_mm3 / entry.thickness, math.prod(entry.spacing))
            for value in case.present:
                result[:, value - 1, 0, 0] = least
        return result
