"""The nearest-neighbour affinity: voxels one step apart along an axis, bound by like intensities.

w_pq = exp(-|I_p - I_q|^2 / 2 sigma_intensity^2) / |x_p - x_q|, x in millimetres: neighbours across
a thick slice bind less (Boykov and Jolly, ICCV 2001, eq. 3).
"""

from __future__ import annotations

import torch
from torch import Tensor


def grid_weights(image: Tensor, spacing: Tensor, sigma_intensity: float, axis: int) -> Tensor:
    """Weights of the pairs along one spatial axis, (B, 1, *spatial) with one voxel less along it.

    Args:
        image: (B, M, *spatial) in [0, 1]; values outside are clamped.
        spacing: (B, d), millimetres per voxel.
        sigma_intensity: in units of intensity.
        axis: 0 to d - 1.
    """
    image = image.clamp(0, 1)
    pairs = image.shape[axis + 2] - 1
    difference = image.narrow(axis + 2, 1, pairs) - image.narrow(axis + 2, 0, pairs)
    contrast = difference.square_().sum(dim=1, keepdim=True)
    distance = spacing.to(image)[:, axis].view(-1, *[1] * (image.ndim - 1))
    # Clamped since float32 exponentials below this become denormal numbers, which are slow.
    return contrast.mul_(-0.5 / sigma_intensity**2).clamp_(min=-16).exp_().div_(distance)


def apply_grid(scores: Tensor, image: Tensor, spacing: Tensor, sigma_intensity: float) -> Tensor:
    """W s over the nearest neighbours, (B, K, *spatial); every pair counts both ways.

    scores: (B, K, *spatial); the other arguments as in ``grid_weights``.
    """
    image = image.to(scores.dtype)
    result = torch.zeros_like(scores)
    for axis in range(2, scores.ndim):
        pairs = scores.shape[axis] - 1
        weight = grid_weights(image, spacing, sigma_intensity, axis - 2)
        result.narrow(axis, 0, pairs).addcmul_(weight, scores.narrow(axis, 1, pairs))
        result.narrow(axis, 1, pairs).addcmul_(weight, scores.narrow(axis, 0, pairs))
    return result
