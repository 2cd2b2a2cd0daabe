"""Pseudo-labels: what a teacher says of voxels nobody annotated."""

from __future__ import annotations

import torch
from torch import nn

from ..cohort import UNLABELED
from .inference import autocast


@torch.no_grad()
def confident_labels(
    teacher: nn.Module, image: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels by the teacher where max_k s_k ≥ threshold, **255 elsewhere**, and that mask.

    image: (B, C, *patch). Returns labels (B, *patch) int64 and mask (B, *patch) bool. A voxel
    below the threshold is unknown, never background (Lee 2013; Sohn et al. 2020).
    """
    with autocast(image.device):
        logits = teacher(image)
    return threshold_labels(logits, threshold)


@torch.no_grad()
def threshold_labels(logits: torch.Tensor, threshold: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The same from logits (B, K, *patch) that are already there."""
    confidence, labels = logits.detach().float().softmax(dim=1).max(dim=1)
    mask = confidence >= threshold
    return labels.masked_fill(~mask, UNLABELED), mask
