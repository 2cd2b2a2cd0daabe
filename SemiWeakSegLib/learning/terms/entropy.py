"""Entropy minimisation where nothing is annotated."""

from __future__ import annotations

import torch

from ...cohort import UNLABELED
from ...methods.terms import EntropyTerm as EntropySettings
from ..losses.entropy import entropy_loss
from .base import Step, Term, mean_over


class EntropyTerm(Term):
    """Mean of -Σ s log s / log C over unlabeled voxels inside the image (Grandvalet & Bengio)."""

    name = "entropy"

    def __init__(self, settings: EntropySettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.on = settings.on
        self.uses_unlabeled = True

    def __call__(self, step: Step) -> torch.Tensor:
        which = "unlabeled_cases" if self.on == "unlabeled_cases" else "all"
        values = []
        for batch, logits in step.halves(which):
            mask = batch.valid[:, 0]
            if self.on != "all":
                mask = mask & (batch.label == UNLABELED)
            values.append((entropy_loss(logits, mask), mask.sum()))
        return mean_over(values, step)
