"""Learning from the moving average of the network's weights."""

from __future__ import annotations

import torch

from ...methods.teacher_terms import MeanTeacherFields
from ..batches import NO_AUGMENTATION, Batch
from ..losses.consistency import squared_difference
from ..views import noisy_view
from .base import StageContext, Step, Term, mean_over


class MeanTeacherTerm(Term):
    """‖s_student(x + n) - s_teacher(x + n')‖², summed over classes, mean over voxels.

    The student's view is the one it is trained on, the teacher's another weakly perturbed one of
    the same patch. Every voxel of the image counts, annotated or not.
    Source: Tarvainen and Valpola, NIPS 2017 (mean over the classes there: C times less).
    """

    name = "mean_teacher"
    uses_unlabeled = True
    teacher = "ema"

    def __init__(self, settings: MeanTeacherFields, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.uses_strong_view = settings.strong_view
        self.augmentation = NO_AUGMENTATION

    def start(self, context: StageContext) -> None:
        self.augmentation = context.augmentation

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves(self.settings.on):
            target, sure = self.target(step, batch)
            mask = batch.valid[:, 0] & sure
            value = squared_difference(logits.softmax(dim=1), target, mask)
            values.append((value, mask.sum()))
        return mean_over(values, step)

    def target(self, step: Step, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The teacher's probabilities (B, K, *patch), and where they count, (B, *patch) bool."""
        return self._ask(step, batch), torch.ones_like(batch.valid[:, 0])

    def _ask(self, step: Step, batch: Batch) -> torch.Tensor:
        view = noisy_view(batch, self.augmentation, step.generator)
        return step.ask_teacher(view).softmax(dim=1)
