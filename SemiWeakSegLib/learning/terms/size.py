"""Size constraints: each class's predicted size stays within bounds."""

from __future__ import annotations

import torch

from ...methods.size_sources import SizeSources
from ...methods.terms import SizeTerm as SizeSettings
from ..losses.size import size_penalty, soft_proportions
from ..priors import Bounds, combine, size_priors
from ..schedules import barrier_sharpness
from .base import StageContext, Step, Term, mean_over


class SizeTerm(Term):
    """Penalty on soft proportions outside their bounds (Kervadec et al. 2019).

    A proportion is of the whole patch, of what is predicted inside the image. Bounds come from
    what the cohort states and from the sizes a former stage left (``sizes.json``).
    """

    name = "size"
    uses_unlabeled = True

    def __init__(self, settings: SizeSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def start(self, context: StageContext) -> None:
        self.bounds = known_sizes(self.settings, context, self.name)

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves("all"):
            bounds = self.bounds.proportions(batch)
            # Outside the image nothing is taught, so a network could put there what it lacks.
            inside = batch.valid[:, 0]
            share = inside.flatten(1).float().mean(dim=1, keepdim=True)
            proportions = soft_proportions(logits, inside) * share
            count = (torch.isfinite(bounds[..., 1]) | (bounds[..., 0] > 0)).sum()
            value = size_penalty(
                proportions,
                bounds,
                self.settings.penalty,
                self.bounds.slack(batch),
                barrier_sharpness(step.progress),
            )
            values.append((value, count))
        return mean_over(values, step)


def known_sizes(settings: SizeSources, context: StageContext, term: str) -> Bounds:
    """What the sources of a term say of the sizes; warns where that is nothing."""
    priors = size_priors(settings, context.store, context.classes, context.products)
    bounds = combine(priors, context.store)
    if not bounds.says_anything:
        context.emit(
            "warning",
            message=(
                f"the term '{term}' does nothing: no size of any case is bounded; give the classes "
                "bounds (cohort sizes --save), or the cases sizes, tags or boxes"
            ),
        )
    return bounds
