"""What boxes and absent tags exclude, where the label map does not already say it."""

from __future__ import annotations

import torch

from ...cohort import UNLABELED
from ...methods.terms import CandidateTerm as CandidateSettings
from ..boxes_in_patches import excluded_classes
from ..losses.candidates import candidate_loss
from .base import StageContext, Step, Term, mean_over


class CandidateTerm(Term):
    """-log of the probability of the classes a voxel may have, over voxels that exclude some."""

    name = "candidates"
    uses_unlabeled = True

    def __init__(self, settings: CandidateSettings, weight: float):
        super().__init__(weight, settings.ramp)

    def start(self, context: StageContext) -> None:
        self.knowledge = context.store.knowledge
        if not self.knowledge:
            context.emit(
                "warning",
                message=(
                    f"the term '{self.name}' does nothing: no training case has a box or a class "
                    "that is absent"
                ),
            )
        self.seen = [context.store.looked_at(index) for index in range(len(context.store.cases))]

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves("all"):
            # Known without asking the device, which would have to be waited for.
            if not any(case in self.knowledge for case, _ in batch.units):
                continue
            excluded = excluded_classes(batch, self.knowledge, logits.shape[1])
            unknown = batch.label == UNLABELED
            seen = [self.seen[case] for case, _ in batch.units]
            if not all(map(all, seen)):
                # Annotated background says nothing of classes that were not looked at.
                unseen = ~torch.tensor(seen).to(logits.device)
                unseen = unseen.reshape(*unseen.shape, *[1] * (logits.ndim - 2))
                unknown |= (batch.label == 0) & (excluded & unseen).any(dim=1)
            mask = batch.valid[:, 0] & unknown
            value = candidate_loss(logits, excluded, mask)
            values.append((value, (mask & excluded.any(dim=1)).sum()))
        return mean_over(values, step)
