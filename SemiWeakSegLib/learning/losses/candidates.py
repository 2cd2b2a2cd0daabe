"""Learning from what a voxel cannot be: the likelihood of the classes that are left."""

from __future__ import annotations

import math

from torch import Tensor, where

from .simplex import full_precision, require_logits, require_mask


def candidate_loss(logits: Tensor, excluded: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over the restricted voxels M of -log sum_{k allowed at i} p_i(k).

    The marginal likelihood of a set of candidate classes (Shi et al., Medical Image Analysis
    2021); a single allowed class gives cross-entropy. A voxel is restricted where some but not
    all classes are excluded: one that allows nothing contradicts itself and teaches nothing.

    Args:
        logits: (B, C, *spatial).
        excluded: (B, C, *spatial) bool, the classes a voxel cannot have.
        mask: (B, *spatial), the voxels that count; None: all.

    Returns:
        A scalar, 0 with zero gradients when no voxel is restricted.

    Raises:
        ValueError: the shapes do not fit.
    """
    require_logits(logits)
    mask = require_mask(logits, mask)
    if tuple(excluded.shape) != tuple(logits.shape):
        raise ValueError(
            f"excluded must have the shape of the logits, {tuple(logits.shape)}, got "
            f"{tuple(excluded.shape)}."
        )
    excluded = excluded.bool()
    contradiction = excluded.all(dim=1)
    restricted = excluded.any(dim=1) & ~contradiction
    if mask is not None:
        restricted = restricted & mask
    hidden = excluded & ~contradiction.unsqueeze(1)
    logits = full_precision(logits)
    allowed = logits.masked_fill(hidden, -math.inf).logsumexp(dim=1)
    losses = where(restricted, logits.logsumexp(dim=1) - allowed, allowed.new_zeros(()))
    return losses.sum() / restricted.sum().clamp_min(1)
