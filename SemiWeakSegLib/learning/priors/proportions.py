"""The usual share of each class in an image, of which equality and class-ratio terms speak."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from ...cohort import SegmentClass
from ..store import CaseStore
from .common import measure


def usual_proportions(store: CaseStore, classes: Sequence[SegmentClass]) -> torch.Tensor:
    """(K,) mean share of each class in the images or slices of the cohort, background first.

    Measured on the labeled training cases; where a class was never looked at there, the middle of
    the bounds common to all cases, over the mean size of an image.

    Raises:
        ValueError: a class is known from neither.
    """
    plan = store.plan
    volumes = [math.prod(entry.spacing) * math.prod(entry.shape[2:]) for entry in store.entries]
    image = float(np.mean(volumes))
    sizes = measure(store, "size")[:, :, 0]
    # Of every image its own share would need each one's extent; their means say the same.
    known = np.isfinite(sizes).any(axis=0)
    means = np.nansum(sizes, axis=0) / np.maximum(np.isfinite(sizes).sum(axis=0), 1)
    for each in classes:
        row = each.index - 1
        if not known[row] and each.size_bounds is not None and math.isfinite(each.size_bounds[1]):
            slices = np.mean([entry.shape[1] * entry.thickness for entry in store.entries])
            means[row], known[row] = sum(each.size_bounds) / 2 / slices, True
    if not known.all():
        names = ", ".join(np.array(plan.classes)[~known])
        raise ValueError(
            f"usual proportions of {names} are not known: label at least one training case fully, "
            "or give these classes size bounds with an upper end"
        )
    shares = np.clip(means / image, 0, 1)
    shares = shares / max(1.0, shares.sum())
    return torch.tensor([1 - shares.sum(), *shares], dtype=torch.float32)
