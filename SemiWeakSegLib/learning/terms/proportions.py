"""Terms on the class proportions of a batch: equality with known ones, class ratio."""

from __future__ import annotations

from typing import Any

import torch

from ...methods.terms import ClassRatioTerm as ClassRatioSettings
from ...methods.terms import PriorTerm as PriorSettings
from ..losses.equality import dual_ascent, equality_loss, start_dual
from ..losses.marginals import class_ratio_loss
from ..losses.size import soft_proportions
from ..priors.proportions import usual_proportions
from .base import StageContext, Step, Term


class PriorTerm(Term):
    """Draws the mean class proportions of the batch to those of the labeled cases.

    Of a batch and not of each image, which may differ from the mean. The prior-aware form owns a
    dual variable that climbs after each step, by the mean over all processes.
    """

    name = "prior"
    uses_unlabeled = True

    def __init__(self, settings: PriorSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.mean: torch.Tensor | None = None

    def start(self, context: StageContext) -> None:
        self.usual = usual_proportions(context.store, context.classes).to(context.device)
        self.dual = start_dual(self.usual)
        self.average = context.average

    def __call__(self, step: Step) -> torch.Tensor:
        mean = _mean_proportions(step, self.settings.on)
        if mean is None:
            return step.zero()
        self.mean = mean.detach()
        return equality_loss(mean, self.usual, self.settings.form, self.dual)

    def after_step(self, step: Step) -> None:
        if self.settings.form == "prior_aware" and self.mean is not None:
            self.dual = dual_ascent(self.dual, self.average(self.mean), self.settings.dual_rate)

    def state_dict(self) -> dict[str, Any]:
        return {"dual": self.dual}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.dual = state["dual"].to(self.usual)


class ClassRatioTerm(Term):
    """Lets no class fall below a share of its usual proportion, over the batch."""

    name = "class_ratio"
    uses_unlabeled = True

    def __init__(self, settings: ClassRatioSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def start(self, context: StageContext) -> None:
        self.usual = usual_proportions(context.store, context.classes).to(context.device)

    def __call__(self, step: Step) -> torch.Tensor:
        mean = _mean_proportions(step, self.settings.on)
        if mean is None:
            return step.zero()
        return class_ratio_loss(mean, self.usual, self.settings.share)


def _mean_proportions(step: Step, on: str) -> torch.Tensor | None:
    """(1, K) over the images of the halves; None where there are none."""
    rows = [soft_proportions(logits, batch.valid[:, 0]) for batch, logits in step.halves(on)]
    return torch.cat(rows).mean(dim=0, keepdim=True) if rows else None
