"""The regression of sizes: a curriculum's first, easier task."""

from __future__ import annotations

import torch
from torch.nn import functional

from .base import Step, Term


def true_proportions(label: torch.Tensor, num_classes: int) -> torch.Tensor:
    """(B, classes) share of the patch that carries each class, background left out."""
    voxels = label[0].numel()
    counts = [(label == k).flatten(1).sum(dim=1) for k in range(1, num_classes)]
    return torch.stack(counts, dim=1).float() / voxels


class SizeRegressionTerm(Term):
    """Smooth L1 between predicted and true size, in units of each class's mean size."""

    name = "size_regression"

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes = num_classes

    def __call__(self, step: Step) -> torch.Tensor:
        mean = step.student.mean_proportion.clamp(min=1e-8)
        truth = true_proportions(step.labeled.label, self.num_classes) / mean
        return functional.smooth_l1_loss(step.labeled_logits.float(), truth)
