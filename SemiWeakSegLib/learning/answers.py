"""What a network says of the patches of a step, in one pass."""

from __future__ import annotations

import torch
from torch import nn

from .batches import Batch
from .short_floats import autocast
from .view_ensemble import ViewEnsemble

Answers = tuple[torch.Tensor, torch.Tensor | None]
"""Logits (B, K, *patch) float32 of labeled and, where they are asked for, of unlabeled patches."""


def answers_to(
    network: nn.Module, labeled: Batch, unlabeled: Batch | None, device: torch.device
) -> list[Answers]:
    """The network's own answers, then those of each of its members where it is an ensemble."""
    image = labeled.image
    if unlabeled is not None:
        image = torch.cat([image, unlabeled.image])
    with autocast(device):
        if isinstance(network, ViewEnsemble):
            members = network.members(image)
            outputs = [network.combine(members), *members]
        else:
            outputs = [network(image)]

    def halves(logits: torch.Tensor) -> Answers:
        first = logits[: len(labeled)].float()
        return first, None if unlabeled is None else logits[len(labeled) :].float()

    return [halves(each) for each in outputs]
