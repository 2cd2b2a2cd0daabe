"""The regression of sizes: a curriculum's first, easier task."""

from __future__ import annotations

import torch
from torch.nn import functional

from ..attributes import patch_positions, patch_voxel_volume, soft_attributes
from ..batches import Batch
from .base import Step, Term


def true_proportions(label: torch.Tensor, num_classes: int) -> torch.Tensor:
    """(B, classes) share of the patch that carries each class, background left out."""
    voxels = label[0].numel()
    counts = [(label == k).flatten(1).sum(dim=1) for k in range(1, num_classes)]
    return torch.stack(counts, dim=1).float() / voxels


class SizeRegressionTerm(Term):
    """Smooth L1 between predicted and true size, in units of each class's mean size.

    Where the network estimates centroid or spread too, the smooth L1 of each is added in units of
    the class's length, over the classes that the patch shows, as the patch shows them.
    """

    name = "size_regression"

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes = num_classes

    def __call__(self, step: Step) -> torch.Tensor:
        mean = step.student.mean_proportion.clamp(min=1e-8)
        truth = true_proportions(step.labeled.label, self.num_classes) / mean
        if not getattr(step.student, "moments", ()):
            return functional.smooth_l1_loss(step.labeled_logits.float(), truth)
        sizes, moments = step.student.split(step.labeled_logits.float())
        value = functional.smooth_l1_loss(sizes, truth)
        return value + self._moments(step.labeled, moments, step.student.length)

    def _moments(
        self, batch: Batch, predicted: dict[str, torch.Tensor], length: torch.Tensor
    ) -> torch.Tensor:
        shown = torch.stack([batch.label == k for k in range(1, self.num_classes)], dim=1)
        true = soft_attributes(
            shown, patch_positions(batch), batch.spacing, patch_voxel_volume(batch)
        )
        present = (true.voxels > 0).unsqueeze(2)
        unit = length.reshape(1, -1, 1)
        value = length.new_zeros(())
        for name, guess in predicted.items():
            far = (guess - getattr(true, name)) / unit
            costs = functional.smooth_l1_loss(far, torch.zeros_like(far), reduction="none")
            value = value + (costs * present).sum() / (present.sum() * far.shape[2]).clamp(min=1)
        return value
