"""Further views of a batch: the same patches, perturbed once more."""

from __future__ import annotations

import torch

from .batches import Augmentation, Batch
from .intensity import IntensityRanges, perturb


def noisy_view(
    batch: Batch, augmentation: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """Another weakly perturbed view (B, C, *patch) of a batch: gamma, contrast, brightness, noise.

    Voxel for voxel the same place as ``batch.clean``: only intensities differ. It is perturbed as
    weakly as the stage's ``augmentation`` says; where that changes no intensities by the ranges of
    standard augmentation, as two views without noise would be one. ``generator`` (CPU) decides
    everything.
    """
    return perturb(batch.clean, augmentation.weak or IntensityRanges(), generator)
