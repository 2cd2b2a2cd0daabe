"""Mutual information between voxels and classes, its marginal over many steps."""

from __future__ import annotations

from typing import Any

import torch

from ...methods.terms import MutualInformationTerm as MutualInformationSettings
from ..losses.marginals import mean_probabilities, mutual_information_loss
from .base import StageContext, Step, Term


class MutualInformationTerm(Term):
    """Confident predictions, all classes in use (Krause et al. 2010).

    The marginal is a moving average over steps, of all processes: one volume need not show every
    class.
    """

    name = "mutual_information"
    uses_unlabeled = True

    def __init__(self, settings: MutualInformationSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.pool: torch.Tensor | None = None
        self.coming: torch.Tensor | None = None
        self.average = lambda tensor: tensor

    def start(self, context: StageContext) -> None:
        self.average = context.average

    def __call__(self, step: Step) -> torch.Tensor:
        halves = step.halves(self.settings.on)
        if not halves:
            return step.zero()
        logits = torch.cat([each for _, each in halves])
        mask = torch.cat([batch.valid[:, 0] for batch, _ in halves])
        mean = self.average(mean_probabilities(logits.detach().softmax(dim=1), mask))
        if self.pool is not None:
            memory = self.settings.memory
            mean = memory * self.pool.to(mean) + (1 - memory) * mean
        self.coming = mean
        return mutual_information_loss(logits, mean, mask)

    def after_step(self, step: Step) -> None:
        self.pool = self.coming

    def state_dict(self) -> dict[str, Any]:
        return {"pool": self.pool}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.pool = state["pool"]
