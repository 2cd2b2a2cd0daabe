"""CRF inference: the labeling that fits both a network's probabilities and the image's edges.

Both kinds minimise sum_i -log p_i(y_i) + weight sum_pairs w_ij / d [y_i != y_j], d the mean degree
sum_j w_ij of the image's voxels, so that weights mean the same for any kernel and spacing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..methods.inference import GraphCut, Inference, MeanField
from ..methods.kernel import AUTOMATIC_REACH, COMPARED_CHANNELS
from .graph_cut import least_energy_labels
from .losses.affinity import DEFAULT_TOLERANCE, Kernel, apply_affinity
from .losses.grid import apply_grid, grid_weights

# Networks are never as sure as they say: a probability below this counts as this.
LEAST_PROBABILITY = 1e-6


@torch.no_grad()
def mean_field(
    probabilities: Tensor,
    image: Tensor,
    spacing: Tensor,
    kernels: Sequence[Kernel],
    weight: float,
    iterations: int = 10,
    allowed: Tensor | None = None,
    mask: Tensor | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
) -> Tensor:
    """Independent distributions nearest to the dense CRF (Kraehenbuehl and Koltun, NIPS 2011).

    Every iteration lowers the free energy sum Q log Q - Q log p - weight / 2d sum_k Q_k' W Q_k:
    W without its diagonal is not positive, and the step is as short as that asks for.

    Args:
        probabilities: (B, K, *spatial), 2-D or 3-D.
        image: (B, M, *spatial) in [0, 1].
        spacing: (B, d), millimetres per voxel.
        kernels: the Gaussians of the affinity.
        weight: what a voxel of mean degree pays where all its neighbours differ.
        iterations: at most a few tens are needed.
        allowed: (B, K, *spatial) bool, the classes a voxel may have; None: all.
        mask: (B, *spatial) bool, the voxels that take part; the others keep what they had.

    Returns:
        (B, K, *spatial), distributions over the classes.
    """
    inside = None if mask is None else mask.unsqueeze(1)

    def neighbours(scores: Tensor) -> Tensor:
        taking = scores if inside is None else scores * inside
        found = apply_affinity(taking, image, spacing, kernels, tolerance)
        return found if inside is None else found.mul_(inside)

    pull = weight / _mean_degree(neighbours, probabilities, mask)
    inertia = pull * sum(kernel.weight for kernel in kernels)
    evidence = _evidence(probabilities, allowed)
    logarithm = evidence.log_softmax(dim=1)
    for _ in range(iterations):
        support = neighbours(_exponential(logarithm)).mul_(pull)
        if allowed is not None:
            logarithm = logarithm.masked_fill(~allowed, 0)  # minus infinity times 0 is no number
        step = support.add_(evidence).addcmul_(inertia, logarithm).div_(1 + inertia)
        logarithm = step.log_softmax(dim=1)
    return _exponential(logarithm)


@torch.no_grad()
def graph_cut(
    probabilities: Tensor,
    image: Tensor,
    spacing: Tensor,
    sigma_intensity: float,
    weight: float,
    allowed: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Labels (B, *spatial) uint8 of least energy under nearest-neighbour affinities.

    Exact for two classes, by expansion moves for more. Computed on the CPU. Arguments as in
    ``mean_field``.
    """

    def neighbours(scores: Tensor) -> Tensor:
        taking = scores if mask is None else scores * mask.unsqueeze(1)
        found = apply_grid(taking, image, spacing, sigma_intensity)
        return found if mask is None else found.mul_(mask.unsqueeze(1))

    pull = weight / _mean_degree(neighbours, probabilities, mask)
    costs = _evidence(probabilities, allowed).neg_().double().cpu().numpy()
    weights = []
    for axis in range(image.ndim - 2):
        along = grid_weights(image, spacing, sigma_intensity, axis) * pull
        if mask is not None:
            pairs = mask.shape[axis + 1] - 1
            both = mask.narrow(axis + 1, 0, pairs) & mask.narrow(axis + 1, 1, pairs)
            along = along * both.unsqueeze(1)
        weights.append(along[:, 0].double().cpu().numpy())
    labels = [
        torch.from_numpy(least_energy_labels(cost, [along[sample] for along in weights]))
        for sample, cost in enumerate(costs)
    ]
    return torch.stack(labels).to(probabilities.device)


def refine(
    scores: Tensor,
    image: Tensor,
    spacing: Sequence[float],
    settings: Inference,
    allowed: Tensor | None = None,
) -> Tensor:
    """A case's class probabilities after inference: (K, units, *spatial), units one by one.

    scores: (K, units, *spatial); image: (C, units, *spatial) in [0, 1], compared by its first two
    channels; spacing: d millimetres; allowed: (K, units, *spatial) bool. Graph cuts give 0 and 1.
    """
    image = image[:COMPARED_CHANNELS].to(scores.device, scores.dtype)
    refined = torch.empty_like(scores)
    steps = torch.tensor([list(spacing)], dtype=torch.float64)
    for unit in range(scores.shape[1]):
        probabilities, picture = scores[:, unit].unsqueeze(0), image[:, unit].unsqueeze(0)
        may = None if allowed is None else allowed[:, unit].unsqueeze(0).to(scores.device)
        if isinstance(settings, MeanField):
            extents = [step * size for step, size in zip(spacing, picture.shape[2:], strict=True)]
            reach = settings.sigma_space_mm or AUTOMATIC_REACH * sum(extents) / len(extents)
            kernels = [Kernel(1.0, reach, settings.sigma_intensity)]
            found = mean_field(
                probabilities,
                picture,
                steps,
                kernels,
                settings.weight,
                settings.iterations,
                may,
            )
            refined[:, unit] = found[0]
        elif isinstance(settings, GraphCut):
            sigma = settings.sigma_intensity
            labels = graph_cut(probabilities, picture, steps, sigma, settings.weight, may)
            classes = torch.arange(len(scores), device=scores.device)
            classes = classes.view(-1, *[1] * (labels.ndim - 1))
            refined[:, unit] = (labels == classes).to(refined.dtype)
        else:
            raise TypeError(f"no inference is known for {type(settings).__name__}")
    return refined


def unit_intensity(image: Tensor, window: Sequence[Sequence[float]]) -> Tensor:
    """(C, units, *spatial) in [0, 1]; ``window``: per channel the values that become 0 and 1."""
    bounds = torch.as_tensor(window, dtype=torch.float32, device=image.device)
    low, high = bounds.view(-1, 2, *[1] * (image.ndim - 1)).unbind(dim=1)
    return ((image.float() - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def _evidence(probabilities: Tensor, allowed: Tensor | None) -> Tensor:
    """log p, minus infinity for classes a voxel must not have."""
    evidence = probabilities.clamp(min=LEAST_PROBABILITY).log()
    return evidence if allowed is None else evidence.masked_fill_(~allowed, -torch.inf)


def _exponential(logarithm: Tensor) -> Tensor:
    """exp, and 0 below exp(-16): denormal numbers are slow."""
    return logarithm.exp().masked_fill_(logarithm < -16, 0)


def _mean_degree(
    neighbours: Callable[[Tensor], Tensor], probabilities: Tensor, mask: Tensor | None
) -> Tensor:
    """(B, 1, ...) the mean of W 1 over the voxels that take part; never 0."""
    degree = neighbours(torch.ones_like(probabilities[:, :1])).flatten(1)
    voxels = degree.shape[1] if mask is None else mask.flatten(1).sum(dim=1).clamp_min(1)
    mean = (degree.sum(dim=1) / voxels).clamp_min(1e-12)
    return mean.view(-1, *[1] * (probabilities.ndim - 1))
