"""Interpolation consistency training: predictions pass straight from one image to another."""

from __future__ import annotations

import torch

from ...methods.mixing_terms import ICTTerm as ICTSettings
from ..losses.consistency import squared_difference
from ..mixing import draw_mixture
from .base import Step, Term


class ICTTerm(Term):
    """‖f(λu + (1-λ)v) - (λ g(u) + (1-λ) g(v))‖² over voxels inside both images (Verma 2019).

    g is the EMA teacher; λ is drawn from Beta(alpha, alpha) for each sample, and v is another patch
    of the same step, annotated or not.
    """

    name = "ict"
    uses_unlabeled = True
    reads_unlabeled = False
    teacher = "ema"

    def __init__(self, settings: ICTSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def __call__(self, step: Step) -> torch.Tensor:
        batches = [batch for batch, _ in step.halves(self.settings.on)]
        if not batches:
            return step.zero()
        image = torch.cat([batch.image for batch in batches])
        valid = torch.cat([batch.valid[:, 0] for batch in batches])
        mixture = draw_mixture(len(image), image.shape[2:], self.settings.alpha, step.generator)
        answers = torch.cat([step.teacher_logits(batch) for batch in batches])
        target = mixture.mix(answers.softmax(dim=1))
        found = step.ask_student(mixture.mix(image)).softmax(dim=1)
        return squared_difference(found, target, valid & mixture.partner(valid))
