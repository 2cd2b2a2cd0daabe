"""Learning from image tags: which classes a unit shows."""

from __future__ import annotations

import torch
from torch.nn import functional

from ..tags import UNKNOWN, unit_tags
from .base import StageContext, Step, Term


class TagClassificationTerm(Term):
    """Mean binary cross-entropy over the known tags of a batch; unknown ones count for nothing.

    The network gives (B, classes) logits. 0 with a gradient path where nothing is known.
    """

    name = "tag_classification"

    def __init__(self, cases: list[int]):
        super().__init__()
        self.cases = cases

    def start(self, context: StageContext) -> None:
        self.tags = {index: unit_tags(context.store, index) for index in self.cases}

    def __call__(self, step: Step) -> torch.Tensor:
        logits = step.labeled_logits
        rows = [self.tags[case][unit].tolist() for case, unit in step.labeled.units]
        tags = torch.tensor(rows)  # on the CPU, so that counting makes no device wait
        count = max(1, int((tags != UNKNOWN).sum()))
        tags = tags.to(logits.device)
        known = tags != UNKNOWN
        target = tags.clamp(min=0).to(logits.dtype)
        losses = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (losses * known).sum() / count
