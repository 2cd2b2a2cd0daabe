"""Area templates: as many voxels decided for a class as its size says."""

from __future__ import annotations

import torch

from ...methods.terms import AreaTerm as AreaSettings
from ..losses.area import area_loss
from .base import StageContext, Step, Term, mean_over
from .size import known_sizes


class AreaTerm(Term):
    """Sorted probabilities against the templates of the least and greatest area (Fong et al. 2019).

    Bounds come from the same sources as those of the size term.
    """

    name = "area"
    uses_unlabeled = True

    def __init__(self, settings: AreaSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def start(self, context: StageContext) -> None:
        self.bounds = known_sizes(self.settings, context, self.name)

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves("all"):
            bounds = self.bounds.proportions(batch)
            count = int(((bounds[..., 0] > 0) | (bounds[..., 1] < 1)).sum())
            if count:
                probabilities = logits.softmax(dim=1) * batch.valid
                values.append((area_loss(probabilities, bounds), count))
        return mean_over(values, step)
