"""Conditional-random-field regularisation of the prediction by the image's own edges."""

from __future__ import annotations

import math

import torch

from ...methods.terms import CRFTerm as CRFSettings
from ..losses.affinity import Kernel
from ..losses.crf import dense_crf_loss, grid_crf_loss
from .base import StageContext, Step, Term, mean_over

# Spacings are rounded to steps of 5 %: a zoomed patch then meets factors that are already there,
# and a reach that is 2.5 % off changes nothing a person could see.
SPACING_STEP = 0.05
# Affinities of more channels at once cost ten times as much and get less exact.
MOST_CHANNELS = 2
# The dense kernel's reach, as a share of the image's mean extent, where none is given.
AUTOMATIC_REACH = 0.08


class CRFTerm(Term):
    """Dense or nearest-neighbour Potts relaxation, in physical units (Tang et al. 2018).

    Images of several channels are compared by their first two.
    """

    name = "crf"

    def __init__(self, settings: CRFSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.name = "crf" if settings.neighbourhood == "dense" else "crf_grid"
        self.uses_unlabeled = settings.on == "all"
        self.kernels: list[Kernel] = []

    def start(self, context: StageContext) -> None:
        settings, plan = self.settings, context.plan
        reach = settings.sigma_space_mm
        if reach == 0:
            extents = [
                step * size
                for entry in context.store.entries
                for step, size in zip(entry.spacing, entry.shape[2:], strict=True)
            ]
            reach = AUTOMATIC_REACH * sum(extents) / len(extents)
        self.kernels = [Kernel(1.0, reach, settings.sigma_intensity)]
        if settings.smoothness > 0:
            self.kernels.append(Kernel(settings.smoothness, settings.smoothness_sigma_mm, None))
        self.dimensions = plan.dimensions

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves(self.settings.on):
            spacing = round_spacing(batch.spacing)
            mask = batch.valid[:, 0]
            intensity = batch.unit_intensity()[:, :MOST_CHANNELS]
            if self.settings.neighbourhood == "dense":
                value = dense_crf_loss(
                    logits, intensity, spacing, self.kernels, mask, self.settings.form
                )
            else:
                value = grid_crf_loss(
                    logits,
                    intensity,
                    spacing,
                    self.settings.sigma_intensity,
                    mask,
                    self.settings.form,
                )
            values.append((value, len(batch)))
        return mean_over(values, step)


def round_spacing(spacing: torch.Tensor) -> torch.Tensor:
    """Millimetres per voxel to the nearest of a geometric series with steps of 5 %."""
    step = math.log1p(SPACING_STEP)
    return torch.exp(torch.round(torch.log(spacing) / step) * step)
