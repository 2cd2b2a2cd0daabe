"""Learning from confident predictions on unlabeled voxels."""

from __future__ import annotations

import torch

from ...cohort import UNLABELED
from ...methods.terms import PseudoLabelTerm as PseudoLabelSettings
from ..losses.partial import partial_cross_entropy
from ..pseudo_labels import confident_labels, threshold_labels
from .base import StageContext, Step, Term, mean_over


class PseudoLabelTerm(Term):
    """CE(argmax s_teacher(weak view), s_student(its view)) over confident unlabeled voxels.

    The teacher is the student itself, its moving average, or a frozen first-stage network.
    """

    name = "pseudo_label"
    uses_unlabeled = True

    def __init__(self, settings: PseudoLabelSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.teacher = None if settings.teacher == "own" else settings.teacher
        self.uses_strong_view = settings.strong_view
        self.dense: frozenset[int] = frozenset()

    def start(self, context: StageContext) -> None:
        entries = enumerate(context.store.entries)
        self.dense = frozenset(index for index, entry in entries if entry.dense)

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves("all"):
            # Known without asking the device, which would have to be waited for.
            if batch is step.labeled and all(case in self.dense for case, _ in batch.units):
                continue
            unknown = batch.valid[:, 0] & (batch.label == UNLABELED)
            labels = self._labels(step, batch, logits).masked_fill(~unknown, UNLABELED)
            confident = (labels != UNLABELED).sum()
            values.append((partial_cross_entropy(logits, labels), confident))
        return mean_over(values, step)

    def _labels(self, step: Step, batch, logits: torch.Tensor) -> torch.Tensor:
        threshold = self.settings.threshold
        if self.settings.teacher != "own":
            return confident_labels(step.teacher, batch.weak_image, threshold)[0]
        if batch.image is batch.weak_image:
            return threshold_labels(logits, threshold)[0]
        return confident_labels(step.student, batch.weak_image, threshold)[0]
