"""Learning from confident predictions on unlabeled voxels."""

from __future__ import annotations

from typing import Any

import torch

from ...cohort import UNLABELED
from ...methods.terms import CutMixTerm as CutMixSettings
from ...methods.terms import PseudoLabelTerm as PseudoLabelSettings
from ..batches import Batch
from ..boxes_in_patches import without_excluded
from ..intensity import perturb
from ..knowledge import Knowledge
from ..losses.partial import partial_cross_entropy
from ..pseudo_labels import Teacher, make_labeler
from .base import StageContext, Step, Term, mean_over


class LabelingTerm(Term):
    """Base of the terms that learn from pseudo-labels of the weak view.

    The teacher is the student itself, its moving average, or a frozen first-stage network. What
    boxes and absent tags rule out does not become a label, however sure the teacher is.
    """

    uses_unlabeled = True

    def __init__(self, settings: PseudoLabelSettings | CutMixSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.labeler = make_labeler(settings)
        self.teacher = None if settings.teacher == "own" else settings.teacher
        self.dense: frozenset[int] = frozenset()
        self.knowledge: dict[int, Knowledge] = {}
        self.num_classes = 0

    def start(self, context: StageContext) -> None:
        entries = enumerate(context.store.entries)
        self.dense = frozenset(index for index, entry in entries if entry.dense)
        self.knowledge, self.num_classes = context.store.knowledge, context.plan.num_classes
        self.strong = context.augmentation.strong
        self.labeler.start(context.plan.num_classes, context.device, context.average)

    def is_dense(self, step: Step, batch: Batch) -> bool:
        """Whether the cases of a batch were annotated everywhere."""
        # Known without asking the device, which would have to be waited for.
        return batch is step.labeled and all(case in self.dense for case, _ in batch.units)

    def predict(
        self, step: Step, batch: Batch, logits: torch.Tensor | None, unknown: torch.Tensor
    ) -> torch.Tensor:
        """Pseudo-labels (B, *patch) of the voxels that are unknown, 255 where there is none."""
        teacher = choose_teacher(self.settings.teacher, step, batch, logits)
        labels, _ = self.labeler(teacher, batch.weak_image, unknown)
        labels = labels.masked_fill(~unknown, UNLABELED)
        return without_excluded(labels, batch, self.knowledge, self.num_classes)

    def after_step(self, step: Step) -> None:
        self.labeler.end_step()

    def state_dict(self) -> dict[str, Any]:
        return self.labeler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.labeler.load_state_dict(state)


class PseudoLabelTerm(LabelingTerm):
    """CE(pseudo-label of the weak view, s_student(its view)) over confident unlabeled voxels."""

    name = "pseudo_label"

    def __init__(self, settings: PseudoLabelSettings, weight: float):
        super().__init__(settings, weight)
        self.uses_strong_view = settings.strong_view

    def __call__(self, step: Step) -> torch.Tensor:
        self.labeler.at(step.progress)
        values = []
        for batch, logits in step.halves(self.settings.on):
            if not self.is_dense(step, batch):
                unknown = batch.valid[:, 0] & (batch.label == UNLABELED)
                labels = self.predict(step, batch, logits, unknown)
                value = partial_cross_entropy(self._of_view(step, batch, logits), labels)
                values.append((value, (labels != UNLABELED).sum()))
        return mean_over(values, step)

    def _of_view(self, step: Step, batch: Batch, logits: torch.Tensor) -> torch.Tensor:
        """The student's answer to the view that it learns from."""
        if not self.settings.strong_view or batch.image is not batch.weak_image:
            return logits
        # Annotated cases have no strong view of their own: supervision wants the weak one.
        return step.ask_student(perturb(batch.clean, self.strong, step.generator))


def choose_teacher(name: str, step: Step, batch: Batch, logits: torch.Tensor | None) -> Teacher:
    """Who answers for the weak view of a batch: "own", or the step's teacher.

    logits: the student's answer to ``batch.image``, used again where that is the weak view; None
    where the student was not asked.
    """
    if name != "own":
        return lambda image: step.teacher_logits(batch)
    if logits is not None and batch.image is batch.weak_image:
        return lambda image: logits
    return step.ask_student
