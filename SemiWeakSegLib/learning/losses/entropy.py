"""Entropy of the predictions: low where the network has decided."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from .simplex import full_precision, require_logits, require_mask


def entropy_loss(logits: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean Shannon entropy of the softmax, divided by log C so that it lies in [0, 1].

    1/|M| sum_{i in M} -sum_k p_i(k) log p_i(k) / log C (Grandvalet and Bengio, NIPS 2004).

    Args:
        logits: (B, C, *spatial).
        mask: (B, *spatial), the voxels M that count; None: all.

    Returns:
        A scalar, 0 with zero gradients when the mask is empty.

    Raises:
        ValueError: the shapes do not fit.
    """
    require_logits(logits)
    mask = require_mask(logits, mask)
    # log_softmax stays finite where p underflows to 0, so p log p is 0 there and not NaN.
    log_probabilities = functional.log_softmax(full_precision(logits), dim=1)
    entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=1) / math.log(logits.shape[1])
    if mask is None:
        return entropy.mean()
    return (entropy * mask).sum() / mask.sum().clamp_min(1)
