"""MixUp: supervision by mixtures of two annotated patches."""

from __future__ import annotations

import torch

from ...methods.mixing_terms import MixUpTerm as MixUpSettings
from ..losses.partial import partial_cross_entropy, partial_dice_loss
from ..mixing import draw_mixture
from .base import Step, Term


class MixUpTerm(Term):
    """λ ℓ(f(λa + (1-λ)b), y_a) + (1-λ) ℓ(f(λa + (1-λ)b), y_b) of annotated patches (Zhang 2018).

    ℓ: partial cross-entropy and partial Dice, each over the voxels that the label in question
    annotates; λ is drawn from Beta(alpha, alpha) for each sample. What is not annotated counts
    neither for nor against: with shares of 1 the value is that of plain supervision.
    """

    name = "mixup"
    reads_labels = True

    def __init__(self, settings: MixUpSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def __call__(self, step: Step) -> torch.Tensor:
        batch = step.labeled
        if batch is None:
            return step.zero()
        alpha = self.settings.alpha
        mixture = draw_mixture(len(batch), batch.image.shape[2:], alpha, step.generator)
        logits = step.ask_student(mixture.mix(batch.image))
        # Each mixture is judged twice: by its own label and by its partner's.
        logits = torch.cat([logits, logits])
        label = torch.cat([batch.label, mixture.partner(batch.label)])
        weights = torch.cat([mixture.share, 1 - mixture.share]).to(logits)
        looked_at = batch.looked_at
        if looked_at is not None:
            looked_at = torch.cat([looked_at, looked_at[mixture.order.to(looked_at.device)]])
        value = logits.new_zeros(())
        if self.settings.cross_entropy_weight > 0:
            found = partial_cross_entropy(logits, label, looked_at, weights)
            value = value + self.settings.cross_entropy_weight * found
        if self.settings.dice_weight > 0:
            found = partial_dice_loss(logits, label, looked_at, sample_weights=weights)
            value = value + self.settings.dice_weight * found
        return value
