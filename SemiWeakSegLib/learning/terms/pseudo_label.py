"""Learning from confident predictions on unlabeled voxels."""

from __future__ import annotations

from typing import Any

import torch

from ...cohort import UNLABELED
from ...methods.terms import PseudoLabelTerm as PseudoLabelSettings
from ..batches import Batch
from ..losses.partial import partial_cross_entropy
from ..pseudo_labels import Teacher, make_labeler
from .base import StageContext, Step, Term, mean_over


class PseudoLabelTerm(Term):
    """CE(pseudo-label of the weak view, s_student(its view)) over confident unlabeled voxels.

    The teacher is the student itself, its moving average, or a frozen first-stage network.
    """

    name = "pseudo_label"
    uses_unlabeled = True

    def __init__(self, settings: PseudoLabelSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.labeler = make_labeler(settings)
        self.teacher = None if settings.teacher == "own" else settings.teacher
        self.uses_strong_view = settings.strong_view
        self.dense: frozenset[int] = frozenset()

    def start(self, context: StageContext) -> None:
        self.dense = dense_cases(context)
        self.labeler.start(context.plan.num_classes, context.device, context.average)

    def __call__(self, step: Step) -> torch.Tensor:
        self.labeler.at(step.progress)
        values = []
        for batch, logits in step.halves(self.settings.on):
            # Known without asking the device, which would have to be waited for.
            if batch is step.labeled and all(case in self.dense for case, _ in batch.units):
                continue
            unknown = batch.valid[:, 0] & (batch.label == UNLABELED)
            teacher = choose_teacher(self.settings.teacher, step, batch, logits)
            labels, sure = self.labeler(teacher, batch.weak_image, unknown)
            labels, sure = labels.masked_fill(~unknown, UNLABELED), sure & unknown
            values.append((partial_cross_entropy(logits, labels), sure.sum()))
        return mean_over(values, step)

    def after_step(self, step: Step) -> None:
        self.labeler.end_step()

    def state_dict(self) -> dict[str, Any]:
        return self.labeler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.labeler.load_state_dict(state)


def dense_cases(context: StageContext) -> frozenset[int]:
    """Cases of which every voxel was annotated."""
    entries = enumerate(context.store.entries)
    return frozenset(index for index, entry in entries if entry.dense)


def choose_teacher(name: str, step: Step, batch: Batch, logits: torch.Tensor) -> Teacher:
    """Who answers for the weak view of a batch: "own", or the step's teacher.

    logits: the student's answer to ``batch.image``, used again where that is the weak view.
    """
    if name != "own":
        return step.ask_teacher
    if batch.image is batch.weak_image:
        return lambda image: logits
    return step.ask_student
