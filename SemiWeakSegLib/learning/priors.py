"""What is known of sizes before looking at the voxels: bounds (B, K, 2) as proportions."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path

import torch

from .batches import Batch
from .store import CaseStore

# Part of a class's usual size that counts as nothing in a relative penalty.
SLACK_SHARE = 0.1


class SizePrior:
    """Lower and upper size of every class in every unit (slice or volume) of some cases.

    Sizes are physical (mm³, or mm² for slices and 2-D images), so they hold for any grid;
    ``bounds`` turns them into proportions of a batch's patches, following its transforms.
    """

    def __init__(self, table: dict[str, list[list[list[float]]]]):
        self.table = table

    @classmethod
    def from_file(cls, path: Path) -> SizePrior:
        """Reads ``sizes.json``: case id -> unit -> class -> [low, high], null = unbounded."""
        stored = json.loads(path.read_text(encoding="utf-8"))["bounds"]
        return cls(
            {
                case: [
                    [[_number(low, 0.0), _number(high, math.inf)] for low, high in unit]
                    for unit in units
                ]
                for case, units in stored.items()
            }
        )

    @classmethod
    def from_cases(cls, store: CaseStore) -> SizePrior:
        """The bounds that the cohort itself states for its cases.

        A stated size is of the whole image; of several slices each holds only to its upper end.
        """
        table = {}
        classes = store.plan.num_classes - 1
        for case, entry in zip(store.cases, store.entries, strict=True):
            if not case.sizes and not case.absent:
                continue
            units = entry.shape[1]
            row = [[0.0, math.inf] for _ in range(classes)]
            for index, (low, high) in case.sizes.items():
                least = low / entry.thickness if units == 1 else 0.0
                row[index - 1] = [least, high / entry.thickness]
            for index in case.absent:
                row[index - 1] = [0.0, 0.0]
            table[case.id] = [row] * units
        return cls(table)

    def bounds(self, batch: Batch, store: CaseStore) -> torch.Tensor:
        """(B, K, 2) proportions of the patch, on the CPU.

        Rows without a prior, and background, are free.
        """
        result = torch.zeros(len(batch), store.plan.num_classes, 2)
        result[..., 1] = math.inf
        patch = _patch_sizes(batch, store)
        for row, (case, unit) in enumerate(batch.units):
            units = self.table.get(store.cases[case].id)
            if units is not None:
                result[row, 1:] = torch.tensor(units[unit]) / patch[row]
        return result

    def slack(self, batch: Batch, store: CaseStore) -> torch.Tensor:
        """(B, K) a tenth of each class's mean upper bound, as proportions of the patch.

        What is too small to matter, class by class; background and classes without an upper
        bound above 0 get 0.01.
        """
        result = torch.full((len(batch), store.plan.num_classes), 0.01)
        if not self.table:
            return result
        found = SLACK_SHARE * self._mean_upper / _patch_sizes(batch, store)[:, None]
        result[:, 1:] = torch.where(found > 0, found, result[:, 1:])
        return result

    @functools.cached_property
    def _mean_upper(self) -> torch.Tensor:
        """(classes,) mean of the upper bounds above 0; 0 where a class has none."""
        highs = torch.tensor(
            [[each[1] for each in unit] for row in self.table.values() for unit in row]
        )
        known = torch.isfinite(highs) & (highs > 0)
        return torch.where(known, highs, 0.0).sum(dim=0) / known.sum(dim=0).clamp(min=1)


def _patch_sizes(batch: Batch, store: CaseStore) -> torch.Tensor:
    """(B,) physical size of each patch, following its zoom."""
    return batch.voxel_volume * batch.volume_factor * math.prod(store.plan.patch_size)


def _number(value: float | None, missing: float) -> float:
    return missing if value is None else float(value)
