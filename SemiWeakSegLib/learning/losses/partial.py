"""Supervision by the annotated voxels only: partial cross-entropy and partial Dice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .simplex import UNLABELED, full_precision, one_hot, require_target


def partial_cross_entropy(
    logits: Tensor,
    target: Tensor,
    looked_at: Tensor | None = None,
    sample_weights: Tensor | None = None,
) -> Tensor:
    """Cross-entropy averaged over the annotated voxels L of the batch.

    1/|L| sum_{i in L} -log p_i(y_i), where p is the softmax of ``logits``. In a sample where some
    classes were not looked at, an annotated background voxel may be any of those:
    -log(p_i(0) + sum_{k not looked at} p_i(k)) (marginal loss, Shi et al., Medical Image
    Analysis 2021). A voxel that carries a class index says so, whatever ``looked_at`` holds.

    Args:
        logits: (B, C, *spatial).
        target: (B, *spatial), integer class indices; 255 is unlabeled and ignored.
        looked_at: (B, C) bool, the classes an annotator looked at; background always counts as
            looked at. None: all of them.
        sample_weights: (B,) at least 0; the average becomes a weighted one, in which each voxel
            has the weight of its sample. None: all alike.

    Returns:
        A scalar, 0 with zero gradients when nothing is annotated.

    Raises:
        ValueError: the shapes, types or values do not fit.
    """
    require_target(logits, target)
    logits = full_precision(logits)
    target = target.long()
    reduction = "sum" if sample_weights is None else "none"
    if looked_at is None:
        found = functional.cross_entropy(
            logits, target, ignore_index=UNLABELED, reduction=reduction
        )
    else:
        log_probabilities = _merge_unseen(functional.log_softmax(logits, dim=1), looked_at)
        found = functional.nll_loss(
            log_probabilities, target, ignore_index=UNLABELED, reduction=reduction
        )
    annotated = target != UNLABELED
    if sample_weights is None:
        return found / annotated.sum().clamp_min(1)
    per_sample, counts = found.flatten(1).sum(dim=1), annotated.flatten(1).sum(dim=1)
    return _weighted_mean(per_sample, counts, sample_weights)


def partial_dice_loss(
    logits: Tensor,
    target: Tensor,
    looked_at: Tensor | None = None,
    include_background: bool = False,
    smooth: float = 1e-5,
    sample_weights: Tensor | None = None,
) -> Tensor:
    """Soft Dice loss over the annotated voxels L.

    For each sample and class, 1 - (2 sum_L p y + smooth) / (sum_L p + sum_L y + smooth) (Milletari
    et al., 3DV 2016, without squares); then the mean over the sample's classes, then over the
    samples. What cannot be judged does not count, so that it does not dilute the rest: a class
    with no annotated voxel in a sample, a class not looked at, a sample with neither.

    Args:
        logits: (B, C, *spatial).
        target: (B, *spatial), integer class indices; 255 is unlabeled and ignored.
        looked_at: (B, C) bool; see ``partial_cross_entropy``. None: all classes.
        include_background: whether class 0 counts too.
        smooth: added to numerator and denominator.
        sample_weights: (B,) at least 0, what each sample counts in the mean over the samples.
            None: all alike.

    Returns:
        A scalar in [0, 1], 0 with zero gradients when nothing counts.

    Raises:
        ValueError: the shapes, types or values do not fit.
    """
    require_target(logits, target)
    log_probabilities = functional.log_softmax(full_precision(logits), dim=1)
    if looked_at is not None:
        log_probabilities = _merge_unseen(log_probabilities, looked_at)
    annotated = (target != UNLABELED).unsqueeze(1)
    truth = one_hot(target, logits.shape[1])
    probabilities = log_probabilities.exp()
    intersection = (probabilities * truth).flatten(2).sum(dim=2)
    predicted = (probabilities * annotated).flatten(2).sum(dim=2)
    true = truth.flatten(2).sum(dim=2)
    losses = 1 - (2 * intersection + smooth) / (predicted + true + smooth)

    counts = true > 0
    if looked_at is not None:
        counts = counts & _with_background(looked_at)
    if not include_background:
        losses, counts = losses[:, 1:], counts[:, 1:]
    per_sample = (losses * counts).sum(dim=1) / counts.sum(dim=1).clamp_min(1)
    if sample_weights is None:
        return per_sample.sum() / counts.any(dim=1).sum().clamp_min(1)
    return _weighted_mean(per_sample, counts.any(dim=1), sample_weights)


def _weighted_mean(totals: Tensor, counts: Tensor, weights: Tensor) -> Tensor:
    """sum w · total / sum w · count over the samples, all (B,); 0 where nothing counts."""
    weights = weights.to(totals)
    # Where nothing counts the totals are 0 too: the bound only keeps 0 / 0 away.
    whole = (weights * counts).sum().clamp_min(torch.finfo(totals.dtype).tiny)
    return (weights * totals).sum() / whole


def _with_background(looked_at: Tensor) -> Tensor:
    looked_at = looked_at.bool().clone()
    looked_at[:, 0] = True
    return looked_at


def _merge_unseen(log_probabilities: Tensor, looked_at: Tensor) -> Tensor:
    """Give background the probability of every class it may be in its sample."""
    if tuple(looked_at.shape) != tuple(log_probabilities.shape[:2]):
        raise ValueError(
            "looked_at must have one row per sample and one column per class, "
            f"{tuple(log_probabilities.shape[:2])}, got {tuple(looked_at.shape)}."
        )
    seen = _with_background(looked_at.to(log_probabilities.device))
    seen[:, 0] = False
    hidden = seen.view(*seen.shape, *[1] * (log_probabilities.ndim - 2))
    background = log_probabilities.masked_fill(hidden, -torch.inf).logsumexp(dim=1, keepdim=True)
    return torch.cat([background, log_probabilities[:, 1:]], dim=1)
