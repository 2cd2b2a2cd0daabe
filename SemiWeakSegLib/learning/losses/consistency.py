"""How far predictions of the same voxels are apart.

Each distance is summed over the classes and averaged over the voxels that count, so its size
depends neither on the size of the image nor on how many classes are never predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .simplex import full_precision, require_logits, require_mask


def squared_difference(first: Tensor, second: Tensor, mask: Tensor | None = None) -> Tensor:
    """Squared Euclidean distance of two probability maps, averaged over voxels.

    1/|M| sum_{i in M} sum_k (p_i(k) - q_i(k))², in [0, 2] (Laine and Aila, ICLR 2017; Tarvainen
    and Valpola, NIPS 2017, take the mean over the C classes instead: C times less).

    Args:
        first: (B, C, *spatial), probabilities.
        second: (B, C, *spatial), probabilities. Gradients flow into both; detach a target.
        mask: (B, *spatial), the voxels M that count; None: all.

    Returns:
        A scalar, 0 with zero gradients when the mask is empty.

    Raises:
        ValueError: the shapes do not fit.
    """
    _require_pair(first, second)
    distance = (full_precision(first) - full_precision(second)).square().sum(dim=1)
    return _mean_over_voxels(distance, require_mask(first, mask))


def kl_divergence(target_logits: Tensor, logits: Tensor, mask: Tensor | None = None) -> Tensor:
    """Kullback-Leibler divergence of softmaxes in nats, averaged over voxels.

    1/|M| sum_{i in M} sum_k q_i(k) (log q_i(k) - log p_i(k)), q from ``target_logits`` and p from
    ``logits`` (Miyato et al., Virtual adversarial training, TPAMI 2019).

    Args:
        target_logits: (B, C, *spatial). Gradients flow into both; detach a target.
        logits: (B, C, *spatial).
        mask: (B, *spatial), the voxels M that count; None: all.

    Returns:
        A scalar of at least 0, 0 with zero gradients when the mask is empty.

    Raises:
        ValueError: the shapes do not fit.
    """
    _require_pair(target_logits, logits)
    # log_softmax stays finite where a probability underflows to 0: no 0 · log 0.
    target = functional.log_softmax(full_precision(target_logits), dim=1)
    found = functional.log_softmax(full_precision(logits), dim=1)
    divergence = (target.exp() * (target - found)).sum(dim=1)
    return _mean_over_voxels(divergence, require_mask(logits, mask))


def jensen_shannon(predictions: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
    """Jensen-Shannon divergence of several predictions in nats, averaged over voxels.

    1/|M| sum_{i in M} H(mean_n p^n_i) - mean_n H(p^n_i), H the Shannon entropy: 0 where all
    agree, at most log min(N, C) (Peng et al., Pattern Recognition 2020).

    Args:
        predictions: N >= 2 probability maps (B, C, *spatial). Gradients flow into all of them.
        mask: (B, *spatial), the voxels M that count; None: all.

    Returns:
        A scalar of at least 0, 0 with zero gradients when the mask is empty.

    Raises:
        ValueError: fewer than two predictions, or the shapes do not fit.
    """
    if len(predictions) < 2:
        raise ValueError(f"Agreement takes at least two predictions, got {len(predictions)}.")
    for each in predictions[1:]:
        _require_pair(predictions[0], each)
    predictions = [full_precision(each) for each in predictions]
    mean = sum(predictions[1:], predictions[0]) / len(predictions)
    own = [_entropy(each) for each in predictions]
    divergence = _entropy(mean) - sum(own[1:], own[0]) / len(own)
    return _mean_over_voxels(divergence, require_mask(mean, mask))


def _entropy(probabilities: Tensor) -> Tensor:
    # The clamp keeps value and gradient finite where a probability underflowed to 0.
    logarithms = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
    return -(probabilities * logarithms).sum(dim=1)


def _mean_over_voxels(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of (B, *spatial) where the mask is True; what it hides may be NaN."""
    if mask is None:
        return values.mean()
    return values.masked_fill(~mask, 0.0).sum() / mask.sum().clamp_min(1)


def _require_pair(first: Tensor, second: Tensor) -> None:
    require_logits(first)
    if first.shape != second.shape:
        raise ValueError(
            "The predictions must have the same shape, got "
            f"{tuple(first.shape)} and {tuple(second.shape)}."
        )
    if not second.is_floating_point():
        raise ValueError(f"Predictions must be floating point, got {second.dtype}.")
