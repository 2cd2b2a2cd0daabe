"""Place and extent: each class's centroid and spread stay within bounds."""

from __future__ import annotations

import torch

from ...methods.terms import MomentsTerm as MomentsSettings
from ..attributes import image_positions, patch_voxel_volume, soft_attributes
from ..losses.bounds import interval_penalty
from ..priors import SIZES_FILE, Bounds, CommonPrior, RegressedPrior, combine
from ..priors.common import mean_lengths
from ..schedules import barrier_sharpness
from .base import StageContext, Step, Term, mean_over


class MomentsTerm(Term):
    """Penalty on centroids and spreads outside their bounds, in units of the object's length.

    Both are measured in millimetres along the planned axes, whichever way the patch is turned.
    Bounds come from what a former stage estimated (``sizes.json``), else from the range in the
    labeled cases. A region of less than a voxel has no place and costs nothing.
    """

    name = "moments"
    uses_unlabeled = True

    def __init__(self, settings: MomentsSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def start(self, context: StageContext) -> None:
        chosen = self.settings.attributes
        names = ("centroid", "spread") if chosen == "both" else (chosen,)
        self.store = context.store
        self.bounds = {name: self._bounds(name, context) for name in names}
        self.lengths = torch.tensor(mean_lengths(context.store), dtype=torch.float32)

    def _bounds(self, attribute: str, context: StageContext) -> Bounds:
        path = context.products / SIZES_FILE
        if path.exists():
            found = combine([RegressedPrior(path, attribute)], context.store, attribute)
            if found.rows:
                return found
        prior = CommonPrior.from_labeled(context.store, self.settings.margin, attribute)
        if prior is None:
            raise ValueError(
                "the term 'moments' takes its bounds from fully labeled training cases; this "
                "cohort has none"
            )
        return combine([prior], context.store, attribute)

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves("all"):
            inside = batch.valid
            positions, spacing = image_positions(batch, self.store)
            probabilities = logits.softmax(dim=1)[:, 1:] * inside
            found = soft_attributes(probabilities, positions, spacing, patch_voxel_volume(batch))
            presence = found.voxels.clamp(max=1)
            for name, known in self.bounds.items():
                bounds = known.of(batch)[:, 1:]
                count = torch.isfinite(bounds).flatten(2).any(dim=2).sum()
                value = interval_penalty(
                    getattr(found, name),
                    bounds,
                    self.lengths,
                    presence,
                    self.settings.penalty,
                    barrier_sharpness(step.progress),
                )
                values.append((value, count))
        return mean_over(values, step)
