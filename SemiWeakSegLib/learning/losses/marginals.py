"""Losses on how often each class is predicted: class ratio, and mutual information."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional

from .simplex import full_precision, require_logits, require_mask


def class_ratio_loss(proportions: Tensor, usual: Tensor, share: float = 0.5) -> Tensor:
    """Σ_c max(0, μ p_c - s_c): no class may fall below a share of what is usual.

    (Vu et al., ADVENT, CVPR 2019, section 3.3.) Only the lower side is held, loosely: a class
    that spreads is not its concern.

    Args:
        proportions: (B, C) s, the mean is taken over the batch: a single image need not show all.
        usual: (C,) p, e.g. of the labeled cases.
        share: μ.

    Raises:
        ValueError: the shapes do not fit.
    """
    if proportions.ndim != 2 or tuple(usual.shape) != tuple(proportions.shape[1:]):
        raise ValueError(
            "Proportions must be (batch, classes) and the usual ones (classes,), got "
            f"{tuple(proportions.shape)} and {tuple(usual.shape)}."
        )
    mean = full_precision(proportions).mean(dim=0)
    return (share * usual.to(mean) - mean).clamp_min(0).sum()


def mutual_information_loss(
    logits: Tensor, marginal: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """1 - (H(m) - mean_i H(s_i)) / log C, in [0, 1] where m is the mean of s.

    Mutual information between voxel and class (Krause et al., Discriminative clustering by
    regularized information maximization, NIPS 2010): every voxel decided, all classes used. The
    marginal m should come from a big pool; then its value is the pool's and its gradient that of
    this batch's mean.

    Args:
        logits: (B, C, *spatial).
        marginal: (C,) m, without a gradient; None: the mean over this batch.
        mask: (B, *spatial), the voxels that count; None: all.

    Returns:
        A scalar; 1 with zero gradients where the mask is empty and no marginal is given.

    Raises:
        ValueError: the shapes do not fit.
    """
    require_logits(logits)
    mask = require_mask(logits, mask)
    logs = functional.log_softmax(full_precision(logits), dim=1)
    probabilities = logs.exp()
    entropy = -(probabilities * logs).sum(dim=1)
    if mask is None:
        conditional = entropy.mean()
    else:
        conditional = (entropy * mask).sum() / mask.sum().clamp_min(1)
    mean = mean_probabilities(probabilities, mask)
    if marginal is not None:
        if tuple(marginal.shape) != tuple(mean.shape):
            raise ValueError(
                f"The marginal must be (classes,) = {tuple(mean.shape)}, got "
                f"{tuple(marginal.shape)}."
            )
        mean = marginal.detach().to(mean) + mean - mean.detach()
    spread = -(mean * mean.clamp_min(1e-12).log()).sum()
    return 1 - (spread - conditional) / math.log(logits.shape[1])


def mean_probabilities(probabilities: Tensor, mask: Tensor | None = None) -> Tensor:
    """(C,) mean of (B, C, *spatial) over all voxels that count; 0 where none does."""
    flat = probabilities.movedim(1, 0).flatten(1)
    if mask is None:
        return flat.mean(dim=1)
    inside = mask.flatten()
    return (flat * inside).sum(dim=1) / inside.sum().clamp_min(1)
