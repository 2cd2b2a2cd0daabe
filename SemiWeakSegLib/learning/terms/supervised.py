"""The supervised term: partial cross-entropy and partial Dice on whatever is annotated."""

from __future__ import annotations

import torch

from ...cohort import UNLABELED
from ..batches import Batch
from ..losses.partial import partial_cross_entropy, partial_dice_loss
from .base import Step, Term, mean_over


class SupervisedTerm(Term):
    """cross_entropy_weight · partial CE + dice_weight · partial Dice over annotated voxels.

    ``on="all"`` learns from the labels of the unlabeled half too: proposals of a former stage.
    """

    name = "supervised"

    def __init__(
        self,
        cross_entropy_weight: float = 1.0,
        dice_weight: float = 1.0,
        *,
        on: str = "annotated_cases",
    ):
        super().__init__()
        self.on = on
        self.uses_unlabeled = on == "all"
        self.cross_entropy_weight = cross_entropy_weight
        self.dice_weight = dice_weight

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves(self.on):
            # A half without any label has no say in the mean.
            count = (batch.label != UNLABELED).flatten(1).any(dim=1).sum()
            values.append((self._value(batch, logits), count))
        return mean_over(values, step)

    def _value(self, batch: Batch, logits: torch.Tensor) -> torch.Tensor:
        looked_at = batch.looked_at
        value = logits.new_zeros(())
        if self.cross_entropy_weight > 0:
            cross_entropy = partial_cross_entropy(logits, batch.label, looked_at)
            value = value + self.cross_entropy_weight * cross_entropy
        if self.dice_weight > 0:
            value = value + self.dice_weight * partial_dice_loss(logits, batch.label, looked_at)
        return value
