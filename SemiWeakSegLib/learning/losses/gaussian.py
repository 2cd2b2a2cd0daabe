"""One-dimensional Gaussian kernel matrices, factored once and kept on the device.

A Gaussian matrix over n grid points has few large eigenvalues when its sigma spans several grid
steps. G = A^T A with the r leading eigenvectors then turns n x n into two products of r x n. The
matrices end where the image ends, so nothing wraps around and no border energy arises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

# Sigmas are rounded to steps of 0.2 % so that cases of similar spacing share factors. The kernel
# is then at most 0.1 % too wide, below the error of the truncation.
_SIGMA_STEP = math.log(1.002)


@dataclass(frozen=True, eq=False)
class GaussianAxis:
    """A symmetric operator along one axis: G x = expand (compress x), or compress x alone."""

    compress: Tensor
    """(r, n)"""
    expand: Tensor | None
    """(n, r); None where the factors would save nothing and ``compress`` is G itself."""
    diagonal: Tensor
    """(n,), the operator's own diagonal: 1 up to the truncation."""


def rounded_sigma(sigma: float) -> float:
    """Round a positive sigma to the grid on which factors are shared."""
    return math.exp(round(math.log(sigma) / _SIGMA_STEP) * _SIGMA_STEP)


def gaussian_matrix(size: int, sigma: float) -> Tensor:
    """Return exp(-(i - j)^2 / 2 sigma^2), i, j = 0..size-1, as (size, size) float64.

    Entries below exp(-16) are 0: as float32 they would become denormal numbers, which are slow.
    """
    position = torch.arange(size, dtype=torch.float64)
    exponent = -0.5 * ((position[:, None] - position) / sigma).square()
    return exponent.exp().masked_fill(exponent < -16, 0.0)


def gaussian_factor(size: int, sigma: float, tolerance: float) -> Tensor:
    """Return A (r, size) float64 with A^T A ~ the Gaussian matrix.

    Eigenvalues up to ``tolerance`` times the largest are left out.
    """
    values, vectors = torch.linalg.eigh(gaussian_matrix(size, sigma))
    kept = values > tolerance * values[-1]
    return (vectors[:, kept] * values[kept].sqrt()).T.contiguous()


@lru_cache(maxsize=256)
def gaussian_axis(
    size: int, sigma: float, tolerance: float, dtype: torch.dtype, device: torch.device
) -> GaussianAxis:
    """Return the operator of one axis of ``size`` voxels, sigma in voxels."""
    factor = gaussian_factor(size, sigma, tolerance)
    diagonal = factor.square().sum(dim=0).to(dtype).to(device)
    # The precision first: not every device has float64.
    if 2 * factor.shape[0] > size:
        matrix = gaussian_matrix(size, sigma).to(dtype).to(device)
        return GaussianAxis(matrix, None, torch.ones_like(diagonal))
    factor = factor.to(dtype).to(device)
    return GaussianAxis(factor, factor.T.contiguous(), diagonal)


@lru_cache(maxsize=16)
def gaussian_table(
    bins: int, sigma: float, tolerance: float, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return ``gaussian_factor`` over ``bins`` grey levels, sigma in bins, on the device."""
    return gaussian_factor(bins, sigma, tolerance).to(dtype).to(device)
