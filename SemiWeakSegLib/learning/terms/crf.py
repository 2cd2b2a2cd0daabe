"""Conditional-random-field regularisation of the prediction by the image's own edges."""

from __future__ import annotations

import dataclasses
import math

import torch

from ...methods.kernel import AUTOMATIC_REACH, COMPARED_CHANNELS, CRFKernel
from ...methods.terms import CRFTerm as CRFSettings
from ..batches import Batch
from ..losses.affinity import Kernel
from ..losses.crf import dense_crf_loss, grid_crf_loss
from ..losses.simplex import UNLABELED
from ..store import CaseStore
from .base import StageContext, Step, Term, mean_over

# Spacings are rounded to steps of 5 %: a zoomed patch then meets factors that are already there,
# and a reach that is 2.5 % off changes nothing a person could see.
SPACING_STEP = 0.05


class CRFTerm(Term):
    """CRF or normalised cut over dense or nearest-neighbour affinities, in physical units.

    Tang et al., ECCV 2018 and CVPR 2018; the gate after Obukhov et al. 2019. Images of several
    channels are compared by their first two.
    """

    name = "crf"

    def __init__(self, settings: CRFSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.name = settings.kind
        self.uses_unlabeled = settings.on == "all"
        self.kernels: list[Kernel] = []
        self.gate_mm = settings.gate_mm

    def start(self, context: StageContext) -> None:
        settings = self.settings
        reach = settings.sigma_space_mm or automatic_reach(context.store)
        self.kernels = [Kernel(1.0, reach, settings.sigma_intensity)]
        if settings.smoothness > 0:
            self.kernels.append(Kernel(settings.smoothness, settings.smoothness_sigma_mm, None))
        self.gate_mm = settings.gate_mm or reach

    def __call__(self, step: Step) -> torch.Tensor:
        values = []
        for batch, logits in step.halves(self.settings.on):
            mask = self._taking_part(batch)
            # A half without any pair has no say in the mean.
            count = mask.flatten(1).any(dim=1).sum()
            values.append((self._value(batch, logits, mask), count))
        return mean_over(values, step)

    def _value(self, batch: Batch, logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        settings, spacing = self.settings, round_spacing(batch.spacing)
        intensity = batch.unit_intensity()[:, :COMPARED_CHANNELS]
        if settings.neighbourhood == "dense":
            return dense_crf_loss(logits, intensity, spacing, self.kernels, mask, settings.form)
        sigma = settings.sigma_intensity
        return grid_crf_loss(logits, intensity, spacing, sigma, mask, settings.form)

    def _taking_part(self, batch: Batch) -> torch.Tensor:
        """(B, *patch) bool: the voxels of the image that the gate lets through."""
        valid = batch.valid[:, 0]
        if self.settings.gate == "image":
            return valid
        unlabeled = batch.label == UNLABELED
        asked = valid & (unlabeled if self.settings.gate == "unlabeled" else ~unlabeled)
        return valid & near(asked, batch.spacing, self.gate_mm)


def crf_term(
    kernel: CRFKernel, weight: float, *, neighbourhood: str = "dense", ramp: float = 0.3
) -> CRFTerm:
    """The term of a method whose settings hold a kernel."""
    shared = {each.name: getattr(kernel, each.name) for each in dataclasses.fields(CRFKernel)}
    return CRFTerm(CRFSettings(neighbourhood=neighbourhood, ramp=ramp, **shared), weight)


def automatic_reach(store: CaseStore) -> float:
    """The dense kernel's reach in mm where none is given: a share of the images' mean extent."""
    extents = [
        step * size
        for entry in store.entries
        for step, size in zip(entry.spacing, entry.shape[2:], strict=True)
    ]
    return AUTOMATIC_REACH * sum(extents) / len(extents)


def near(mask: torch.Tensor, spacing: torch.Tensor, reach: float) -> torch.Tensor:
    """Voxels of (B, *spatial) with a voxel of the mask at most ``reach`` mm away along each axis.

    spacing: (B, d) mm, on the CPU. By sums that run along the axes, so in time linear in the
    voxels whatever the reach.
    """
    result = mask.clone()
    for sample, steps in enumerate(spacing.tolist()):
        for axis, step in enumerate(steps):
            size = mask.shape[axis + 1]
            radius = min(int(reach / step + 1e-6), size)
            before = result[sample].int().cumsum(axis)
            before = torch.cat([torch.zeros_like(before.narrow(axis, 0, 1)), before], dim=axis)
            place = torch.arange(size, device=mask.device)
            upper = before.index_select(axis, (place + radius + 1).clamp(max=size))
            lower = before.index_select(axis, (place - radius).clamp(min=0))
            result[sample] = upper > lower
    return result


def round_spacing(spacing: torch.Tensor) -> torch.Tensor:
    """Millimetres per voxel to the nearest of a geometric series with steps of 5 %."""
    step = math.log1p(SPACING_STEP)
    return torch.exp(torch.round(torch.log(spacing) / step) * step)
