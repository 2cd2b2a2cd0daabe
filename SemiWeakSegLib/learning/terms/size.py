"""Size constraints: each class's predicted size stays within bounds."""

from __future__ import annotations

import torch

from ...methods.terms import SizeTerm as SizeSettings
from ..losses.size import size_penalty, soft_proportions
from ..priors import SizePrior
from .base import StageContext, Step, Term, mean_over

SIZES_FILE = "sizes.json"


class SizeTerm(Term):
    """Quadratic penalty on soft proportions outside their bounds (Kervadec et al. 2019).

    A proportion is of the whole patch, of what is predicted inside the image. Bounds come from
    the sizes a former stage left (``sizes.json``), else from the cohort.
    """

    name = "size"
    uses_unlabeled = True

    def __init__(self, settings: SizeSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.penalty = settings.penalty

    def start(self, context: StageContext) -> None:
        path = context.products / SIZES_FILE
        if path.exists():
            self.prior = SizePrior.from_file(path)
        else:
            self.prior = SizePrior.from_cases(context.store)
        self.store = context.store

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves("all"):
            bounds = self.prior.bounds(batch, self.store)
            # Outside the image nothing is taught, so a network could put there what it lacks.
            inside = batch.valid[:, 0]
            share = inside.flatten(1).float().mean(dim=1, keepdim=True)
            proportions = soft_proportions(logits, inside) * share
            count = (torch.isfinite(bounds[..., 1]) | (bounds[..., 0] > 0)).sum()
            slack = self.prior.slack(batch, self.store)
            value = size_penalty(proportions, bounds, self.penalty, slack)
            values.append((value, count))
        return mean_over(values, step)
