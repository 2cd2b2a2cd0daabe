"""The intensity part of a kernel as a sum of products of one map per level.

exp(-|I_i - I_j|^2 / 2 sigma^2) ~ sum_l f_l(I_i) f_l(I_j). One channel: f_l are the leading
eigenvectors of the kernel over a fine scale of grey levels, looked up per voxel. Several
channels: a product of such scales would need the power of their number, so f_l are Nystroem
features of landmarks chosen among the image's own colours.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .gaussian import gaussian_table

_MIN_BINS = 1024
_BINS_PER_SIGMA = 64
_SAMPLES = 2048
_LANDMARKS = 256
_CHUNK = 1 << 16


def intensity_levels(image: Tensor, sigma: float, tolerance: float) -> tuple[Tensor, Tensor]:
    """Factor the intensity kernel of images (B, M, *spatial); B is 1 if M > 1.

    Intensities are in [0, 1] (values outside are clamped), and so is ``sigma``. Returns the level
    maps f_l (L, B, *spatial), and sum_l f_l^2 (B, *spatial), each voxel's kernel with itself.
    """
    image = image.clamp(0, 1)
    if image.shape[1] > 1:
        features = _nystroem_features(image[0].flatten(1).T / sigma, tolerance)
        features = features.view(-1, 1, *image.shape[2:])
        return features, features.square().sum(dim=0)
    bins = max(_MIN_BINS, math.ceil(_BINS_PER_SIGMA / sigma))
    table = gaussian_table(bins, sigma * (bins - 1), tolerance, image.dtype, image.device)
    index = (image[:, 0] * (bins - 1)).round_().to(torch.int32)
    levels = table.index_select(1, index.flatten())
    diagonal = table.square().sum(dim=0).index_select(0, index.flatten())
    return levels.view(-1, *index.shape), diagonal.view(index.shape)


def _nystroem_features(colors: Tensor, tolerance: float) -> Tensor:
    """Return (L, N) features of colours (N, M) in units of sigma."""
    landmarks = _landmarks(colors)
    kernel = _colour_kernel(landmarks, landmarks).cpu().double()
    values, vectors = torch.linalg.eigh(kernel)
    # The landmarks cover the colours more evenly than the image does, so rare colours (a small
    # lesion) have small eigenvalues here: a tenth of the tolerance keeps them.
    kept = values > 0.1 * tolerance * values[-1]
    projection = (vectors[:, kept] / values[kept].sqrt()).to(colors)
    features = colors.new_empty(projection.shape[1], len(colors))
    for start in range(0, len(colors), _CHUNK):
        chunk = colors[start : start + _CHUNK]
        features[:, start : start + _CHUNK] = projection.T @ _colour_kernel(landmarks, chunk)
    return features


def _landmarks(colors: Tensor) -> Tensor:
    """Choose colours whose kernels span those of the image, at most ``_LANDMARKS``.

    A pivoted Cholesky factorisation of a sample's kernel in which a colour is drawn with
    probability proportional to what is still unexplained of it (Chen et al., Communications on
    Pure and Applied Mathematics 2024). The draws follow a golden-ratio sequence instead of random
    numbers, so the loss needs no generator and is the same every time.
    """
    sample = colors[:: math.ceil(len(colors) / _SAMPLES)].cpu()
    unexplained = sample.new_ones(len(sample))
    factor = sample.new_zeros(len(sample), _LANDMARKS)
    pivots: list[int] = []
    for rank in range(min(_LANDMARKS, len(sample))):
        cumulated = unexplained.cumsum(0)
        if float(cumulated[-1]) < 1e-3 * len(sample):
            break
        draw = cumulated[-1] * ((rank + 1) * 0.6180339887 % 1)
        pivot = min(int(torch.searchsorted(cumulated, draw)), len(sample) - 1)
        column = _colour_kernel(sample[pivot : pivot + 1], sample)[0]
        column = column - factor[:, :rank] @ factor[pivot, :rank]
        factor[:, rank] = column / column[pivot].clamp_min(1e-6).sqrt()
        unexplained = (unexplained - factor[:, rank].square()).clamp_min(0)
        pivots.append(pivot)
    return sample[pivots].to(colors.device)


def _colour_kernel(first: Tensor, second: Tensor) -> Tensor:
    """exp(-|a - b|^2 / 2), (A, B), of colours (A, M) and (B, M) in units of sigma."""
    squares = first.square().sum(1, keepdim=True) + second.square().sum(1)
    exponent = torch.addmm(squares, first, second.T, beta=-0.5, alpha=1.0)
    # Clamped since float32 exponentials below this become denormal numbers, which are slow.
    return exponent.clamp_(-16, 0).exp_()
