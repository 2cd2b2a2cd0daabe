"""Bounds of all cases of a store, made of priors, as tensors for a batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch

from ..batches import Batch
from ..store import CaseStore
from .base import Prior, axes_of, lowest_of

# Part of a class's usual size that counts as nothing in a relative penalty.
SLACK_SHARE = 0.1
# Ends that differ by no more than rounding do not exclude each other.
ROUNDING = 1e-6


class Bounds:
    """Lower and upper ends of one attribute of every class in every unit of some cases.

    Everything is physical (mm³, or mm² for slices and 2-D images; mm), so it holds for any grid.
    rows: case index -> (units, classes, D, 2); cases without a row are free.
    """

    def __init__(self, store: CaseStore, rows: dict[int, np.ndarray], attribute: str = "size"):
        self.store = store
        self.rows = rows
        self.attribute = attribute

    @property
    def says_anything(self) -> bool:
        """Whether any end of any case is one."""
        low = lowest_of(self.attribute)
        ends = ((rows[..., 0] > low, np.isfinite(rows[..., 1])) for rows in self.rows.values())
        return any(each.any() for pair in ends for each in pair)

    def of(self, batch: Batch) -> torch.Tensor:
        """(B, K, D, 2) on the CPU, background first; it and what is not known are free."""
        plan = self.store.plan
        axes = axes_of(self.attribute, plan.dimensions)
        result = torch.empty(len(batch), plan.num_classes, axes, 2)
        result[..., 0], result[..., 1] = lowest_of(self.attribute), math.inf
        for row, (case, unit) in enumerate(batch.units):
            if case in self.rows:
                result[row, 1:] = torch.tensor(self.rows[case][unit], dtype=torch.float32)
        return result

    def proportions(self, batch: Batch) -> torch.Tensor:
        """(B, K, 2) sizes as proportions of each patch, following its zoom; on the CPU."""
        return self.of(batch)[:, :, 0] / patch_sizes(batch, self.store)[:, None, None]

    def slack(self, batch: Batch) -> torch.Tensor:
        """(B, K, 2) what is too small to matter at either end, as proportions of the patch.

        A tenth of each class's usual size: the mean of its upper ends above 0, else, at lower
        ends, of its lower ones. 0.01 where nothing tells, and for background.
        """
        result = torch.full((len(batch), self.store.plan.num_classes, 2), 0.01)
        if not self.rows:
            return result
        low, high = self._mean_ends.unbind(dim=-1)
        usual = torch.stack([torch.where(high > 0, high, low), high], dim=-1)
        found = SLACK_SHARE * usual / patch_sizes(batch, self.store)[:, None, None]
        result[:, 1:] = torch.where(found > 0, found, result[:, 1:])
        return result

    @functools.cached_property
    def _mean_ends(self) -> torch.Tensor:
        """(classes, 2) mean over units of the finite ends above 0; 0 where a class has none."""
        rows = np.concatenate([row[:, :, 0] for row in self.rows.values()])
        ends = torch.tensor(rows, dtype=torch.float32)
        known = torch.isfinite(ends) & (ends > 0)
        return torch.where(known, ends, 0.0).sum(dim=0) / known.sum(dim=0).clamp(min=1)


def combine(priors: Sequence[Prior], store: CaseStore, attribute: str = "size") -> Bounds:
    """The tightest bounds that follow from all priors together.

    An estimate yields to what is known: its ends are moved to the nearest that is possible.

    Raises:
        ValueError: two sources exclude each other; names the case, the class and both.
    """
    ordered = sorted(priors, key=lambda prior: not prior.certain)
    rows: dict[int, np.ndarray] = {}
    for index in range(len(store.cases)):
        said: list[tuple[Prior, np.ndarray]] = []
        for prior in ordered:
            found = prior.of_case(index, store)
            if found is None:
                continue
            if index not in rows:
                rows[index] = found
            elif prior.certain:
                rows[index] = _intersection(rows[index], found)
                _require_possible(rows[index], [*said, (prior, found)], store, index)
            else:
                low, high = rows[index][..., :1], rows[index][..., 1:]
                rows[index] = np.clip(found, low, high)
            said.append((prior, found))
    return Bounds(store, rows, attribute)


def _intersection(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    low = np.maximum(first[..., 0], second[..., 0])
    high = np.minimum(first[..., 1], second[..., 1])
    # What only rounding separates is one value.
    touching = (low > high) & (low - high <= ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    return np.stack([np.where(touching, high, low), high], axis=-1)


def _require_possible(
    row: np.ndarray, said: list[tuple[Prior, np.ndarray]], store: CaseStore, index: int
) -> None:
    impossible = np.argwhere(row[..., 0] > row[..., 1])
    if not len(impossible):
        return
    unit, number, axis = (int(value) for value in impossible[0])
    unit_name = "mm^2" if store.plan.dimensions == 2 else "mm^3"
    ends = [(prior.source, *found[unit, number, axis]) for prior, found in said]
    # The two that lie farthest apart are the ones to look at.
    highest = max(ends, key=lambda each: each[1])
    lowest = min(ends, key=lambda each: each[2])
    raise ValueError(
        f"case {store.cases[index].id}, class {store.plan.classes[number]}: at least "
        f"{highest[1]:g} {unit_name} from {highest[0]}, but at most {lowest[2]:g} {unit_name} from "
        f"{lowest[0]}; correct one of them, or let the term use one source only (sources=...)"
    )


def patch_sizes(batch: Batch, store: CaseStore) -> torch.Tensor:
    """(B,) physical size of each patch, following its zoom."""
    return batch.voxel_volume * batch.volume_factor * math.prod(store.plan.patch_size)
