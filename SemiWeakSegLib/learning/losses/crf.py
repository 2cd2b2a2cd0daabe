"""Relaxed conditional random fields: similar voxels should carry the same class.

The forms of the energy, of voxels weighted by their affinity w_pq:
Potts           sum_pq w_pq (1 - <s_p, s_q>) / sum_pq w_pq, which pushes towards decisions;
quadratic       sum_pq w_pq |s_p - s_q|^2 / 2 / sum_pq w_pq, which is 0 for any constant s;
normalised cut  mean_k s_k' W (1 - s_k) / (d' s_k), which is blind to the classes' sizes.
They lie in [0, 1] whatever the kernels, the image's size and its content, and are 0 for a
constant labelling, at the borders too (Tang et al., ECCV 2018 and CVPR 2018; normalisation ours).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .affinity import DEFAULT_TOLERANCE, Kernel, apply_affinity, check_grid
from .grid import apply_grid
from .ncut import normalised_cut
from .simplex import full_precision, require_logits, require_mask

FORMS = ("potts", "quadratic", "normalised_cut")

# The truncated kernel is about a hundredth of its peak off for pairs far apart. A sample whose
# voxels have less affinity than that to all others together has no neighbours to agree with.
_LEAST_DENSE_AFFINITY = 0.01


def dense_crf_loss(
    logits: Tensor,
    image: Tensor,
    spacing: Tensor,
    kernels: Sequence[Kernel],
    mask: Tensor | None = None,
    form: str = "potts",
    tolerance: float = DEFAULT_TOLERANCE,
) -> Tensor:
    """CRF over all pairs of voxels with Gaussian affinities (Kraehenbuehl and Koltun, NIPS 2011).

    Args:
        logits: (B, C, *spatial), 2-D or 3-D.
        image: (B, M, *spatial) in [0, 1]; values outside are clamped.
        spacing: (B, d), millimetres per voxel along each spatial axis.
        kernels: the Gaussians, e.g. one over space and intensity and one over space alone.
        mask: (B, *spatial), the voxels that take part, as both ends of a pair; None: all.
        form: "potts", "quadratic" or "normalised_cut".
        tolerance: of the kernel's truncation, see ``apply_affinity``.

    Returns:
        A scalar, the mean over the samples that have pairs; 0 with zero gradients when none has.

    Raises:
        ValueError: shapes do not fit, a spacing is not positive, there is no kernel, or the form
            is unknown.
    """
    require_logits(logits)

    def affinity(scores: Tensor, samples: slice) -> Tensor:
        return apply_affinity(scores, image[samples], spacing[samples], kernels, tolerance)

    least = _LEAST_DENSE_AFFINITY * sum(kernel.weight for kernel in kernels)
    return _crf_loss(logits, affinity, mask, form, least)


def grid_crf_loss(
    logits: Tensor,
    image: Tensor,
    spacing: Tensor,
    sigma_intensity: float,
    mask: Tensor | None = None,
    form: str = "potts",
) -> Tensor:
    """CRF over the nearest neighbours along each axis, with contrast weights.

    The affinity is that of ``apply_grid``. Arguments, result and errors as in ``dense_crf_loss``.
    """
    require_logits(logits)
    if not sigma_intensity > 0:
        raise ValueError(f"sigma_intensity must be positive, got {sigma_intensity}.")
    check_grid(logits, image, spacing)

    def affinity(scores: Tensor, samples: slice) -> Tensor:
        return apply_grid(scores, image[samples], spacing[samples], sigma_intensity)

    return _crf_loss(logits, affinity, mask, form, 0.0)


def _crf_loss(
    logits: Tensor,
    affinity: Callable[[Tensor, slice], Tensor],
    mask: Tensor | None,
    form: str,
    least_affinity: float,
) -> Tensor:
    if form not in FORMS:
        raise ValueError(f"The form must be one of {', '.join(FORMS)}, got {form!r}.")
    return _CRF.apply(logits, affinity, require_mask(logits, mask), form, least_affinity)


class _CRF(torch.autograd.Function):
    """Value and gradient from one application of W.

    On the simplex sum_k s_k = 1, so the degrees W 1 = sum_k W s_k come for free, and the part of
    the gradient that is the same for all classes is gone after the softmax. Hence the softmax is
    inside. On a CPU each image is worked through alone, and stays in the cache.
    """

    @staticmethod
    def forward(ctx, logits, affinity, mask, form, least_affinity):
        batch = logits.shape[0]
        slopes = torch.empty_like(full_precision(logits), memory_format=torch.contiguous_format)
        totals, disagreements = slopes.new_empty(batch), slopes.new_empty(batch)
        together = 1 if logits.device.type == "cpu" else max(1, batch)
        for start in range(0, batch, together):
            samples = slice(start, start + together)
            totals[samples], disagreements[samples], slopes[samples] = _disagreement(
                full_precision(logits[samples]),
                affinity,
                samples,
                None if mask is None else mask[samples].unsqueeze(1),
                form,
            )
        voxels = logits[0, 0].numel() if mask is None else mask.flatten(1).sum(dim=1)
        counts = totals > least_affinity * voxels
        scale = counts / totals.where(counts, torch.ones_like(totals)) / counts.sum().clamp_min(1)
        if ctx.needs_input_grad[0]:
            slopes *= scale.view(-1, *[1] * (slopes.ndim - 1))
            ctx.save_for_backward(slopes)
            ctx.dtype = logits.dtype
        return (disagreements * scale).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        (slopes,) = ctx.saved_tensors
        return (slopes * gradient).to(ctx.dtype), None, None, None, None


def _disagreement(
    logits: Tensor,
    affinity: Callable[[Tensor, slice], Tensor],
    samples: slice,
    inside: Tensor | None,
    form: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sum w_pq (B,), that times the loss (B,), and its derivative by the logits."""
    probabilities = logits.softmax(dim=1)
    if inside is None:
        neighbours = affinity(probabilities, samples)
    else:
        neighbours = affinity(probabilities * inside, samples).mul_(inside)
    degree = neighbours.sum(dim=1, keepdim=True)
    total = degree.flatten(1).sum(dim=1)
    if form == "normalised_cut":
        share, slope = normalised_cut(probabilities, neighbours, degree)
        by_sample = total.view(-1, *[1] * (slope.ndim - 1))
        return total, share * total, _through_softmax(probabilities, slope.mul_(by_sample))[0]
    # Half the derivative by the probabilities, for Potts up to a part common to all classes.
    slope = neighbours.neg_()
    if form == "quadratic":
        slope.addcmul_(probabilities, degree)
    slope, mean = _through_softmax(probabilities, slope)
    disagreement = mean.flatten(1).sum(dim=1)
    if form == "potts":
        disagreement = disagreement + total
    return total, disagreement, slope.mul_(2)


def _through_softmax(probabilities: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    """The derivative by the logits from that by the probabilities, and sum_k s_k slope_k."""
    products = probabilities * slope
    mean = products.sum(dim=1, keepdim=True)
    return torch.addcmul(products, probabilities, mean, value=-1, out=products), mean
