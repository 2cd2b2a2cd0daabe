"""Bounds common to all cases: stated for a class, or measured on the labeled cases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from ...cohort import SegmentClass
from ..attributes import label_attributes
from ..store import CaseStore
from .base import axes_of, free_bounds, lowest_of, of_whole_image


class CommonPrior:
    """The same ends for every case; a case without a class (`Case.absent`) is left out of it."""

    certain = True

    def __init__(
        self, ends: np.ndarray, source: str, *, attribute: str = "size", of_whole: bool = False
    ):
        """ends: (classes, D, 2). of_whole: sizes in mm³ of whole images rather than of units."""
        self.ends = ends
        self.source = source
        self.attribute = attribute
        self.of_whole = of_whole

    @classmethod
    def from_classes(cls, classes: Sequence[SegmentClass], num_classes: int) -> CommonPrior | None:
        """What the cohort's classes state (`SegmentClass.size_bounds`); None if they do not."""
        ends = free_bounds((num_classes - 1, 1))
        for each in classes:
            if each.size_bounds is not None:
                ends[each.index - 1, 0] = each.size_bounds
        if np.array_equal(ends, free_bounds(ends.shape[:-1])):
            return None
        return cls(ends, "the bounds common to all cases", of_whole=True)

    @classmethod
    def from_labeled(
        cls, store: CaseStore, margin: float, attribute: str = "size"
    ) -> CommonPrior | None:
        """Smallest and biggest value in the labeled training cases; None where there are none.

        A class that no labeled case shows is free: that it is nowhere else does not follow.

        margin: share by which sizes and spreads may be smaller or bigger than any seen; for
        centroids a share of the object's length (see `mean_lengths`).
        """
        values = measure(store, attribute)
        if not len(values):
            return None
        ends = free_bounds(values.shape[1:], lowest_of(attribute))
        seen = np.isfinite(values).any(axis=0)
        if attribute == "size":
            seen &= np.nan_to_num(values).max(axis=0) > 0
        low = np.where(np.isnan(values), math.inf, values).min(axis=0)
        high = np.where(np.isnan(values), -math.inf, values).max(axis=0)
        if attribute == "centroid":
            far = margin * mean_lengths(store)[:, None]
            low, high = low - far, high + far
        else:
            low, high = low * (1 - margin), high * (1 + margin)
        ends[..., 0] = np.where(seen, low, ends[..., 0])
        ends[..., 1] = np.where(seen, high, ends[..., 1])
        return cls(ends, "the labeled cases", attribute=attribute)

    def of_case(self, index: int, store: CaseStore) -> np.ndarray:
        """See `Prior`."""
        entry, case = store.entries[index], store.cases[index]
        ends = self.ends.copy()
        if self.of_whole:
            for row in ends:
                row[0] = of_whole_image(*row[0], entry)
        for value in case.absent:
            ends[value - 1] = (lowest_of(self.attribute), math.inf)
        return np.repeat(ends[None], entry.shape[1], axis=0)


def labeled_cases(store: CaseStore) -> list[int]:
    """Training cases whose every voxel carries a class."""
    return [
        index
        for index, (case, entry) in enumerate(zip(store.cases, store.entries, strict=True))
        if case.role == "train" and entry.dense
    ]


def measure(store: CaseStore, attribute: str, cases: Sequence[int] | None = None) -> np.ndarray:
    """(units, classes, D) values of an attribute in all units of the labeled training cases.

    Or of the cases given. NaN where a class was not looked at, and for centroids and spreads where
    it is absent.
    """
    plan = store.plan
    rows = [np.zeros((0, plan.num_classes - 1, axes_of(attribute, plan.dimensions)))]
    for index in labeled_cases(store) if cases is None else cases:
        entry = store.entries[index]
        label = torch.from_numpy(np.ascontiguousarray(entry.label()))
        found = label_attributes(label, plan.num_classes, entry.spacing)[attribute].double().numpy()
        unseen = ~np.array(store.looked_at(index)[1:])
        found[:, unseen] = np.nan
        rows.append(found)
    return np.concatenate(rows)


def mean_lengths(store: CaseStore, cases: Sequence[int] | None = None) -> np.ndarray:
    """(classes,) mm: the edge of a cube (square in 2-D) of each class's mean size where present.

    The unit of lengths that belong to an object. Classes never seen get the mean of the others, or
    the image's edge where there are none.
    """
    sizes = measure(store, "size", cases)[:, :, 0]
    present = sizes > 0
    total, count = np.where(present, sizes, 0).sum(axis=0), present.sum(axis=0)
    lengths = (total / np.maximum(count, 1)) ** (1 / store.plan.dimensions)
    known = lengths[count > 0]
    plan = store.plan
    edge = float(np.mean(np.array(plan.spacing) * np.array(plan.patch_size)))
    usual = known.mean() if len(known) else edge
    return np.where(count > 0, lengths, usual)
