"""Normalised cut: of the affinity a class holds, the share that goes to other classes.

sum_k s_k' W (1 - s_k) / (d' s_k) with the degrees d = W 1 (Shi and Malik, PAMI 2000; relaxed by
Tang et al., CVPR 2018). It is kernel clustering: a class is compact where its voxels are alike,
whatever its size, so that small classes are not eaten by big ones as under a Potts model.
"""

from __future__ import annotations

import torch
from torch import Tensor

# A class that holds less than this share of all affinity fades out of the sum: of a class that is
# not in the image only a breath of probability is left, and all of it touches other classes.
LEAST_SHARE = 1e-4


def normalised_cut(
    probabilities: Tensor, neighbours: Tensor, degree: Tensor
) -> tuple[Tensor, Tensor]:
    """The mean over the classes of s_k' W (1 - s_k) / (d' s_k + LEAST_SHARE d' 1), and its slope.

    Args:
        probabilities: s (B, K, *spatial).
        neighbours: W s (B, K, *spatial); 0 in voxels that take no part.
        degree: W 1 (B, 1, *spatial).

    Returns:
        Values (B,) in [0, 1], and their derivative by the probabilities (B, K, *spatial); W is
        symmetric, so W s is all that is needed. A sample without affinity: 0 and 0.
    """
    by_class = (*probabilities.shape[:2], *[1] * (probabilities.ndim - 2))
    held = (probabilities * degree).flatten(2).sum(dim=2)
    kept = (probabilities * neighbours).flatten(2).sum(dim=2)
    total = degree.flatten(1).sum(dim=1, keepdim=True)
    scale = held + LEAST_SHARE * total
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    cut = held - kept
    classes = probabilities.shape[1]
    # By s_k: (d - 2 W s_k) / scale_k - cut_k d / scale_k^2.
    by_degree = ((scale - cut) / scale.square() / classes).view(by_class)
    by_neighbours = (-2 / scale / classes).view(by_class)
    slope = degree * by_degree + neighbours * by_neighbours
    return (cut / scale).mean(dim=1), slope
