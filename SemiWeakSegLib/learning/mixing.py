"""Mixtures of the samples of a batch, replayed alike on images, predictions, labels and masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Which sample each one is mixed with, and in which shares.

    share: (B,) in [0, 1], what a sample keeps of itself; its partner gives the rest. order: (B,)
    the partners. shift: voxels per axis by which the partner is moved cyclically, 0 unless a sample
    is its own partner. All on the CPU.
    """

    share: torch.Tensor
    order: torch.Tensor
    shift: tuple[int, ...]

    def partner(self, values: torch.Tensor) -> torch.Tensor:
        """The partners' part of (B, ..., *spatial)."""
        if any(self.shift):
            return values.roll(self.shift, dims=tuple(range(-len(self.shift), 0)))
        return values[self.order.to(values.device)]

    def mix(self, values: torch.Tensor) -> torch.Tensor:
        """share · values + (1 - share) · partner of (B, ..., *spatial) floating point values."""
        share = self.share.to(values).reshape(-1, *[1] * (values.ndim - 1))
        return share * values + (1 - share) * self.partner(values)


def draw_mixture(
    batch: int, shape: Sequence[int], alpha: float, generator: torch.Generator
) -> Mixture:
    """Shares from Beta(alpha, alpha), one per sample; nobody is its own partner.

    A lone sample, of spatial ``shape``, is mixed with itself moved by a quarter to three quarters
    of every edge: a network answers the moved image with the moved segmentation, so predictions
    and labels may be moved along. ``generator`` lives on the CPU.
    """
    # A NumPy generator, as torch's distributions take none and its own gamma is not public.
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    share = torch.from_numpy(np.random.default_rng(seed).beta(alpha, alpha, size=batch)).float()
    if batch == 1:
        parts = torch.rand(len(shape), generator=generator) / 2 + 0.25
        shift = tuple(round(float(part) * n) for part, n in zip(parts, shape, strict=True))
        return Mixture(share, torch.zeros(1, dtype=torch.long), shift)
    # Everyone passes to the next one in a random ring.
    ring = torch.randperm(batch, generator=generator)
    order = torch.empty_like(ring)
    order[ring] = ring.roll(1)
    return Mixture(share, order, (0,) * len(shape))
