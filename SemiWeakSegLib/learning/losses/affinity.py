"""The affinity operator: how much each voxel's neighbourhood, near in space and alike, holds.

(W s)_i = sum_j w_ij s_j with w_ij = sum_kernels weight exp(-|x_i - x_j|^2 / 2 sigma_space^2
- |I_i - I_j|^2 / 2 sigma_intensity^2), x in millimetres. Each Gaussian over space is a product of
one matrix per axis, and the Gaussian over intensities a sum over levels of products f_l(I_i)
f_l(I_j), so W = sum_l diag(f_l) (G_0 x G_1 [x G_2]) diag(f_l): products of small dense matrices,
exactly symmetric, in time and memory linear in the voxels, the same on every device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .gaussian import GaussianAxis, gaussian_axis, rounded_sigma
from .intensity import intensity_levels
from .simplex import full_precision

DEFAULT_TOLERANCE = 0.01

# On a CPU the scores are worked through in slabs that stay in the cache over all levels.
_CPU_SLAB = 1 << 18
# Levels are worked through in groups whose compressed scores stay below this many numbers.
_GROUP = 1 << 24


@dataclass(frozen=True)
class Kernel:
    """One Gaussian of the affinity."""

    weight: float
    sigma_space: float
    """Millimetres, the unit of the spacing."""
    sigma_intensity: float | None = None
    """In units of intensity, images being in [0, 1]; None for a kernel over space alone."""

    def __post_init__(self) -> None:
        if not self.weight > 0:
            raise ValueError(f"A kernel's weight must be positive, got {self.weight}.")
        if not self.sigma_space > 0:
            raise ValueError(f"A kernel's sigma_space must be positive, got {self.sigma_space}.")
        if self.sigma_intensity is not None and not self.sigma_intensity > 0:
            raise ValueError(
                f"A kernel's sigma_intensity must be positive or None, got {self.sigma_intensity}."
            )


def apply_affinity(
    scores: Tensor,
    image: Tensor,
    spacing: Tensor,
    kernels: Sequence[Kernel],
    tolerance: float = DEFAULT_TOLERANCE,
) -> Tensor:
    """Return W s without the diagonal: every voxel's neighbours but not itself.

    Args:
        scores: (B, K, *spatial), 2-D or 3-D, float32 or float64; the precision of the operation.
        image: (B, M, *spatial) in [0, 1]; values outside are clamped. One channel is exact up to
            ``tolerance``; several go through at most 256 landmark colours, which is as exact for
            two channels, and 1 to 10 % off for three and more that are noisy and independent.
        spacing: (B, d), millimetres per voxel along each spatial axis.
        kernels: the Gaussians that are summed.
        tolerance: eigenvalues below this share of the largest are left out; 0.01 leaves the
            result about 0.3 % off the exact sum, 0.03 about 1 %.

    Returns:
        (B, K, *spatial), not differentiable: W is symmetric, so a caller's gradient is W again.

    Raises:
        ValueError: shapes do not fit, a spacing is not positive, or there is no kernel.
    """
    spacings = check_grid(scores, image, spacing)
    if not kernels:
        raise ValueError("At least one kernel is needed, got none.")
    if scores.ndim == 4:  # a 2-D image is a volume of one slice
        return apply_affinity(
            scores.unsqueeze(2),
            image.unsqueeze(2),
            functional.pad(spacing, (1, 0), value=1.0),
            kernels,
            tolerance,
        ).squeeze(2)
    with torch.no_grad(), torch.autocast(scores.device.type, enabled=False):
        scores = full_precision(scores).contiguous()
        image = image.to(scores.dtype)
        result = torch.zeros_like(scores)
        for kernel in kernels:
            for samples, sigmas in _batches(image, spacings, kernel):
                axes = [
                    gaussian_axis(size, sigma, tolerance, scores.dtype, scores.device)
                    for size, sigma in zip(scores.shape[2:], sigmas, strict=True)
                ]
                levels, diagonal = _levels(image[samples], kernel.sigma_intensity, tolerance)
                part = result[samples]
                _add_kernel(part, scores[samples], axes, levels, kernel.weight)
                part.addcmul_(_diagonal(axes, diagonal), scores[samples], value=-kernel.weight)
    return result


def check_grid(scores: Tensor, image: Tensor, spacing: Tensor) -> list[list[float]]:
    """Return the spacing as numbers, after checking that the image lies on the scores' grid.

    Args:
        scores: (B, K, *spatial).
        image: (B, M, *spatial).
        spacing: (B, d), millimetres.

    Raises:
        ValueError: shapes do not fit, or a spacing is not positive and finite.
    """
    if scores.ndim not in (4, 5):
        raise ValueError(
            "Scores must be (batch, classes, y, x) or (batch, classes, z, y, x), "
            f"got the shape {tuple(scores.shape)}."
        )
    batch, dimension = scores.shape[0], scores.ndim - 2
    if image.ndim != scores.ndim or image.shape[0] != batch or image.shape[2:] != scores.shape[2:]:
        raise ValueError(
            f"The image must be (batch, channels, *spatial) on the grid of the scores "
            f"{tuple(scores.shape)}, got {tuple(image.shape)}."
        )
    if tuple(spacing.shape) != (batch, dimension):
        raise ValueError(
            f"The spacing must have the shape {(batch, dimension)}, got {tuple(spacing.shape)}."
        )
    numbers = spacing.tolist()
    if not all(0 < number < math.inf for row in numbers for number in row):
        raise ValueError(f"Every spacing must be positive and finite, got {numbers}.")
    return numbers


def _batches(
    image: Tensor, spacings: list[list[float]], kernel: Kernel
) -> Iterator[tuple[slice, tuple[float, ...]]]:
    """Yield the samples to work on together and their sigma in voxels along each axis.

    One by one on a CPU, where a single image stays in the cache; elsewhere every run of samples
    with the same sigma. Landmark colours belong to one image.
    """
    sigmas = [
        tuple(rounded_sigma(kernel.sigma_space / step) for step in spacing) for spacing in spacings
    ]
    landmarks = kernel.sigma_intensity is not None and image.shape[1] > 1
    alone = image.device.type == "cpu" or landmarks
    start = 0
    while start < len(sigmas):
        stop = start + 1
        while not alone and stop < len(sigmas) and sigmas[stop] == sigmas[start]:
            stop += 1
        yield slice(start, stop), sigmas[start]
        start = stop


def _levels(image: Tensor, sigma: float | None, tolerance: float) -> tuple[Tensor, Tensor]:
    if sigma is None:
        ones = torch.ones_like(image[:, 0])
        return ones.unsqueeze(0), ones
    return intensity_levels(image, sigma, tolerance)


def _add_kernel(
    result: Tensor, scores: Tensor, axes: list[GaussianAxis], levels: Tensor, weight: float
) -> None:
    """Add ``weight`` times one kernel's operator to ``result`` in place.

    ``scores`` and ``result`` are (B, K, z, y, x), ``levels`` (L, B, z, y, x). Each level is
    weighted and compressed along y and x, slab by slab of z; z is worked through on the
    compressed scores; then each level is expanded and weighted again.
    """
    z, y, x = axes
    size = scores.shape[2]
    slice_numel = scores[:, :, 0].numel()
    depth = size if scores.device.type != "cpu" else max(1, min(size, _CPU_SLAB // slice_numel))
    slabs = [slice(start, min(start + depth, size)) for start in range(0, size, depth)]
    shape = (*scores.shape[:3], y.compress.shape[0], x.compress.shape[0])
    group = max(1, _GROUP // math.prod(shape))
    # One buffer for all levels stays in the cache; new memory for each would not.
    buffer = torch.empty_like(scores[:, :, slabs[0]])
    for some in levels.unsqueeze(2).split(group):
        compressed = scores.new_empty(len(some), *shape)
        for slab in slabs:
            part = scores[:, :, slab]
            weighted = buffer[:, :, : part.shape[2]]
            for target, level in zip(compressed, some, strict=True):
                torch.mul(part, level[:, :, slab], out=weighted)
                target[:, :, slab] = (y.compress @ weighted) @ x.compress.T
        compressed = _along_z(compressed, z)
        for slab in slabs:
            part = result[:, :, slab]
            expanded = buffer[:, :, : part.shape[2]]
            for source, level in zip(compressed, some, strict=True):
                along_x = source[:, :, slab]
                if x.expand is not None:
                    along_x = along_x @ x.expand.T
                if y.expand is not None:
                    along_x = torch.matmul(y.expand, along_x, out=expanded)
                part.addcmul_(along_x, level[:, :, slab], value=weight)


def _along_z(compressed: Tensor, z: GaussianAxis) -> Tensor:
    flat = z.compress @ compressed.flatten(4).flatten(0, 2)
    if z.expand is not None:
        flat = z.expand @ flat
    return flat.view(compressed.shape)


def _diagonal(axes: list[GaussianAxis], along_levels: Tensor) -> Tensor:
    """The operator's own diagonal, (B, 1, z, y, x), so that a lone voxel has no affinity."""
    z, y, x = (axis.diagonal for axis in axes)
    return (along_levels * (z[:, None, None] * y[:, None] * x)).unsqueeze(1)
