"""Several segmentation networks of the same image as one: slices of three planes, or whole images.

Uses torch alone: an exported bundle carries this file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


class ViewEnsemble(nn.Module):
    """Members that segment the same image, each with weights of its own; together their mean.

    A member of ``across`` a sees the image as slices cut across its spatial axis a (0 = first) and
    is a network one dimension lower; for None it sees the image as it is.
    (B, C, *spatial) -> log of the mean of the members' softmaxes, (B, K, *spatial) float32, whose
    softmax is that mean: what averages, exports or thresholds logits needs to know nothing of it.
    """

    def __init__(self, networks: Sequence[nn.Module], across: Sequence[int | None]):
        super().__init__()
        if len(networks) != len(across) or not networks:
            raise ValueError(
                f"An ensemble needs one view for each network, got {len(networks)} networks and "
                f"{len(across)} views."
            )
        self.networks = nn.ModuleList(networks)
        self.across = tuple(across)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, C, *spatial) -> (B, K, *spatial) float32."""
        return self.combine(self.members(image))

    def members(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Every member's logits, (B, K, *spatial)."""
        return [self.member(number, image) for number in range(len(self.across))]

    def member(self, number: int, image: torch.Tensor) -> torch.Tensor:
        """One member's logits, (B, K, *spatial)."""
        network, axis = self.networks[number], self.across[number]
        if axis is None:
            return network(image)
        slices = image.movedim(axis + 2, 1)
        logits = network(slices.flatten(0, 1))
        return logits.unflatten(0, slices.shape[:2]).movedim(1, axis + 2)

    @staticmethod
    def combine(logits: Sequence[torch.Tensor]) -> torch.Tensor:
        """log(1/M sum_m softmax(z_m)) of M members' logits, in full precision."""
        logs = [functional.log_softmax(each.float(), dim=1) for each in logits]
        return torch.logsumexp(torch.stack(logs), dim=0) - math.log(len(logs))
