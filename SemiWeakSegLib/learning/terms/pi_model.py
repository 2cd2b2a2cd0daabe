"""The Π-model: two noisy views of the same patch get the same prediction."""

from __future__ import annotations

import torch

from ...methods.consistency_terms import PiModelTerm as PiModelSettings
from ..batches import NO_AUGMENTATION
from ..losses.consistency import kl_divergence, squared_difference
from ..views import noisy_view
from .base import StageContext, Step, Term


class PiModelTerm(Term):
    """Distance of f(x; η) and f(x; η'), η: weak intensity changes and dropout where there is any.

    The first is the pass on the view that every term sees, the second one of its own, which is the
    target of KL(f(x; η') ‖ f(x; η)). Both get gradients, or the first alone.
    """

    name = "pi_model"
    uses_unlabeled = True

    def __init__(self, settings: PiModelSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.augmentation = NO_AUGMENTATION

    def start(self, context: StageContext) -> None:
        self.augmentation = context.augmentation

    def __call__(self, step: Step) -> torch.Tensor:
        halves = step.halves(self.settings.on)
        if not halves:
            return step.zero()
        views = [noisy_view(batch, self.augmentation, step.generator) for batch, _ in halves]
        first = torch.cat([logits for _, logits in halves])
        mask = torch.cat([batch.valid[:, 0] for batch, _ in halves])
        with torch.set_grad_enabled(self.settings.gradient == "both"):
            second = step.ask_student(torch.cat(views))
        if self.settings.distance == "l2":
            return squared_difference(second.softmax(dim=1), first.softmax(dim=1), mask)
        return kl_divergence(second, first, mask)
