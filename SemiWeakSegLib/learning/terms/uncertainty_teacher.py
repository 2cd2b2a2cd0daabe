"""Learning from the moving average of the weights where it is sure."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import nn

from ...methods.teacher_terms import UncertaintyTeacherFields
from ..batches import Batch
from ..schedules import sigmoid_ramp
from .base import Step
from .mean_teacher import MeanTeacherTerm

DROPOUTS = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


class UncertaintyTeacherTerm(MeanTeacherTerm):
    """Mean Teacher over the voxels where the teacher's entropy is low; divided by their number.

    The teacher sees T noisy views of the patch, with its dropout layers switched on; p is the mean
    of its T answers. A voxel counts where H(p) < (b + (1 - b) ramp(t)) log C, b = ``limit``, ramp
    the sigmoid one over the whole stage, C the number of classes. The target is p: a single answer
    has the same mean, and the gradient of the squared difference is linear in the target, so p
    gives the expected gradient without a single answer's noise.
    Source: Yu et al., MICCAI 2019 (b = 0.75, T = 8, two classes).
    """

    name = "uncertainty_teacher"

    settings: UncertaintyTeacherFields

    def target(self, step: Step, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        with dropout_active(step.teacher):
            total = self._ask(step, batch)
            for _ in range(self.settings.passes - 1):
                total = total + self._ask(step, batch)
        mean = total / self.settings.passes
        return mean, is_sure(mean, self.settings.limit, step.progress)


def is_sure(probabilities: torch.Tensor, limit: float, progress: float) -> torch.Tensor:
    """(B, *patch) bool: H(p) < (limit + (1 - limit) ramp(progress)) log C for (B, C, *patch)."""
    share = limit + (1.0 - limit) * sigmoid_ramp(progress, 1.0)
    # The clamp keeps 0 log 0 at 0.
    logs = probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()
    entropy = -(probabilities * logs).sum(dim=1)
    return entropy < share * math.log(probabilities.shape[1])


@contextlib.contextmanager
def dropout_active(network: nn.Module) -> Iterator[None]:
    """Switches a network's dropout layers on for a while; everything else stays as it is."""
    resting = [
        module
        for module in network.modules()
        if isinstance(module, DROPOUTS) and not module.training
    ]
    for module in resting:
        module.train()
    try:
        yield
    finally:
        for module in resting:
            module.eval()
