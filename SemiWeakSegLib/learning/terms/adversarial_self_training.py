"""An adversary between true and predicted maps, and learning from what it takes for true."""

from __future__ import annotations

from typing import Any

import torch

from ...cohort import UNLABELED
from ...methods.adversarial_terms import AdversarialSelfTrainingTerm as SelfTrainingSettings
from ..batches import Batch
from ..boxes_in_patches import without_excluded
from ..discriminators import PixelDiscriminator
from ..losses.adversarial import predicted_maps, true_maps
from ..losses.partial import partial_cross_entropy
from .adversary import Adversary
from .base import StageContext, Step, Term

# The least probability of the true class in softened true maps.
SOFTENED = 0.9


class AdversarialSelfTrainingTerm(Term):
    """a·fool(D) on annotated + u·fool(D) on other voxels + p·CE(argmax s, s) where D > T (Hung).

    (Hung et al., BMVC 2018.) D gives every voxel a score. It learns from the patches of annotated
    cases, their true against their predicted maps, after each step. Of partly annotated patches
    both maps are 0 where the truth is unknown, and only the annotated voxels count. Pseudo-labels
    are made at voxels without annotation, of annotated cases too. Fooling needs no voxel above T.
    """

    name = "adversarial_self_training"
    uses_unlabeled = True

    def __init__(self, settings: SelfTrainingSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.least = SOFTENED if settings.true_maps == "softened" else 1.0
        self.coming: tuple[torch.Tensor, ...] | None = None

    def start(self, context: StageContext) -> None:
        plan, settings = context.plan, self.settings
        network = PixelDiscriminator(
            plan, plan.num_classes, settings.discriminator_width, settings.is_spectral
        )
        self.adversary = Adversary(network, settings, context, self.name)
        store = context.store
        self.knowledge, self.count = store.knowledge, plan.num_classes
        if not any(
            case.role == "train" and entry.dense and all(store.looked_at(index))
            for index, (case, entry) in enumerate(zip(store.cases, store.entries, strict=True))
        ):
            context.emit(
                "warning",
                message=(
                    f"{self.name}: no case is fully labeled with all classes, so the "
                    "discriminator never sees a whole true map and says little; segment at least "
                    "one case fully"
                ),
            )

    def __call__(self, step: Step) -> torch.Tensor:
        settings, halves = self.settings, step.halves("all")
        logits = torch.cat([each for _, each in halves])
        valid = torch.cat([batch.valid for batch, _ in halves])
        known = torch.cat([_known(batch) for batch, _ in halves])
        label = torch.cat([batch.label for batch, _ in halves])
        unknown = valid & (label == UNLABELED).unsqueeze(1)
        scores = self.adversary.fool(predicted_maps(logits, valid))
        value = settings.annotated_weight * self.adversary.fooling_loss(scores, known)
        value = value + settings.unlabeled_weight * self.adversary.fooling_loss(scores, unknown)
        if settings.self_training_weight > 0 and step.progress >= settings.self_training_start:
            passes = unknown & (self.adversary.realness(scores) > settings.threshold)
            labels = self._possible(logits.detach().argmax(dim=1), [each for each, _ in halves])
            labels = labels.masked_fill(~passes[:, 0], UNLABELED)
            value = value + settings.self_training_weight * partial_cross_entropy(logits, labels)
        if step.labeled is not None:
            self.coming = self._true_and_predicted(step.labeled, step.labeled_logits.detach())
        return value

    def _possible(self, labels: torch.Tensor, batches: list[Batch]) -> torch.Tensor:
        """Predicted labels (B, *patch), 255 where boxes or absent tags rule the class out."""
        parts = zip(labels.split([len(each) for each in batches]), batches, strict=True)
        return torch.cat(
            [without_excluded(part, each, self.knowledge, self.count) for part, each in parts]
        )

    def _true_and_predicted(
        self, batch: Batch, logits: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        known = _known(batch)
        predicted = predicted_maps(logits, known)
        label = batch.label.masked_fill(~known[:, 0], UNLABELED)
        return true_maps(label, predicted, self.least), predicted, known

    def after_step(self, step: Step) -> None:
        if self.coming is not None:
            true, predicted, known = self.coming
            self.adversary.learn(step, true, predicted, known, known, ramp=self.ramp)
            self.coming = None

    def state_dict(self) -> dict[str, Any]:
        return self.adversary.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.adversary.load_state_dict(state)


def _known(batch: Batch) -> torch.Tensor:
    """(B, 1, *patch) bool: where the class is known.

    Background of a case in which some class was not looked at may be that class.
    """
    known = batch.valid[:, 0] & (batch.label != UNLABELED)
    if batch.looked_at is not None:
        partial = ~batch.looked_at[:, 1:].all(dim=1)
        partial = partial.reshape(-1, *[1] * (batch.label.ndim - 1))
        known = known & ~(partial & (batch.label == 0))
    return known.unsqueeze(1)
