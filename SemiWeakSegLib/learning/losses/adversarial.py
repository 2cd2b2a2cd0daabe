"""Losses of a discriminator and of whom it judges: four criteria, and the gradient penalty."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from .simplex import UNLABELED, full_precision, one_hot, require_logits, require_target

CRITERIA = ("bce", "least_squares", "hinge", "wasserstein")


def discriminator_loss(
    real: Tensor,
    fake: Tensor,
    criterion: str,
    real_mask: Tensor | None = None,
    fake_mask: Tensor | None = None,
    smoothing: float = 0.0,
) -> Tensor:
    """What a discriminator minimises: half of its loss on real maps and half of that on the others.

    With scores r and f, and the target 1 - ε for real maps (one-sided label smoothing, Salimans et
    al., NIPS 2016; it plays no part in the last two):

    - "bce": -(1-ε) log σ(r) - ε log(1-σ(r)) and -log(1-σ(f)) (Goodfellow et al., NIPS 2014);
    - "least_squares": (r - (1-ε))² and f² (Mao et al., ICCV 2017);
    - "hinge": max(0, 1-r) and max(0, 1+f) (Lim and Ye, 2017);
    - "wasserstein": -r and f (Arjovsky et al., ICML 2017), to which `gradient_penalty` belongs.

    Args:
        real, fake: (B, 1) scores of images or (B, 1, *spatial) scores of voxels; higher is realer.
        criterion: one of CRITERIA.
        real_mask, fake_mask: of the same shapes, the scores that count; None: all.
        smoothing: ε.

    Returns:
        A scalar, a mean over the scores that count; a side on which none counts gives 0.

    Raises:
        ValueError: the criterion is unknown or a shape does not fit.
    """
    real, fake = full_precision(real), full_precision(fake)
    if criterion == "bce":
        of_real = functional.softplus(-real) + smoothing * real
        of_fake = functional.softplus(fake)
    elif criterion == "least_squares":
        of_real, of_fake = (real - (1 - smoothing)) ** 2, fake**2
    elif criterion == "hinge":
        of_real, of_fake = functional.relu(1 - real), functional.relu(1 + fake)
    elif criterion == "wasserstein":
        of_real, of_fake = -real, fake
    else:
        raise _unknown(criterion)
    return 0.5 * (_mean(of_real, real_mask) + _mean(of_fake, fake_mask))


def fooling_loss(fake: Tensor, criterion: str, mask: Tensor | None = None) -> Tensor:
    """What the judged one minimises: its maps shall pass for real.

    -log σ(f), which unlike log(1-σ(f)) has a gradient where the discriminator is sure
    (Goodfellow et al., NIPS 2014, section 3); (f - 1)²; -f for hinge and Wasserstein.

    Args:
        fake: scores, with their gradient to the maps; ``criterion`` and ``mask``: as above.

    Returns:
        A scalar, a mean over the scores that count; 0 with zero gradients where none does.

    Raises:
        ValueError: the criterion is unknown or a shape does not fit.
    """
    fake = full_precision(fake)
    if criterion == "bce":
        values = functional.softplus(-fake)
    elif criterion == "least_squares":
        values = (fake - 1) ** 2
    elif criterion in ("hinge", "wasserstein"):
        values = -fake
    else:
        raise _unknown(criterion)
    return _mean(values, mask)


def realness(scores: Tensor, criterion: str, usual: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Scores as numbers in [0, 1], 1 is real: σ(s) for bce; s, (s+1)/2 for the next two, clamped.

    A Wasserstein critic knows no zero: there (s - f̄)/(r̄ - f̄), clamped, with the usual scores
    ``usual`` = (f̄ of the others, r̄ of real maps). Above 0.5 a map counts as taken for real.

    Raises:
        ValueError: the criterion is unknown, or "wasserstein" without usual scores.
    """
    scores = full_precision(scores)
    if criterion == "bce":
        return scores.sigmoid()
    if criterion == "least_squares":
        return scores.clamp(0, 1)
    if criterion == "hinge":
        return ((scores + 1) / 2).clamp(0, 1)
    if criterion != "wasserstein":
        raise _unknown(criterion)
    if usual is None:
        raise ValueError("The scores of a Wasserstein critic mean nothing without usual ones.")
    fake, real = usual
    return ((scores - fake) / (real - fake).clamp_min(1e-6)).clamp(0, 1)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    shares: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """Mean over the samples of (√N ‖∇_x f(x)‖ - 1)² at x = a·real + (1-a)·fake.

    (Gulrajani et al., Improved training of Wasserstein GANs, NIPS 2017, equation 3.) f is the mean
    score of a sample and N the number of its voxels that count: the slope is measured against the
    root mean square difference over voxels, so it does not depend on the size of the patch.

    Args:
        critic: (B, C, *spatial) -> scores (B, 1) or (B, 1, *spatial).
        real, fake: (B, C, *spatial), without a gradient.
        shares: (B,) the a of each sample, in [0, 1].
        mask: (B, 1, *spatial), the voxels that count; None: all.

    Returns:
        A scalar with a gradient path to the critic's weights; samples without a voxel that counts
        do not count.

    Raises:
        ValueError: the shapes do not fit.
    """
    if real.shape != fake.shape or tuple(shares.shape) != (len(real),):
        raise ValueError(
            "Real and other maps must have one shape and one share per sample, got "
            f"{tuple(real.shape)}, {tuple(fake.shape)} and {tuple(shares.shape)}."
        )
    shares = shares.to(real).reshape(-1, *[1] * (real.ndim - 1))
    between = (shares * real + (1 - shares) * fake).detach().requires_grad_()
    scores = critic(between)
    voxels = torch.ones_like(between[:, :1]) if mask is None else mask.to(between)
    counted = voxels.flatten(1).sum(dim=1)
    if scores.ndim > 2:
        means = (scores * voxels).flatten(1).sum(dim=1) / counted.clamp_min(1)
    else:
        means = scores.flatten()
    (slope,) = torch.autograd.grad(means.sum(), between, create_graph=True)
    # The root of 0 has no slope: the small number keeps the second derivative finite.
    norm = (counted * (slope**2).flatten(1).sum(dim=1) + 1e-12).sqrt()
    return _mean((norm - 1) ** 2, counted > 0)


def true_maps(target: Tensor, probabilities: Tensor, least: float = 1.0) -> Tensor:
    """(B, C, *spatial) maps of the truth; at ``least`` = 1 they are one-hot.

    Below 1 the true class y gets max(least, s_y) and the others share what is left as they do in
    the prediction s, s_k (1 - max(least, s_y)) / (1 - s_y): the maps cannot be told apart by being
    hard or soft (Luc et al., Semantic segmentation using adversarial networks, 2016, section 3.2).
    A voxel that is 255 is 0 in all classes.

    Args:
        target: (B, *spatial), class indices or 255; probabilities: (B, C, *spatial) s.

    Raises:
        ValueError: the shapes or values do not fit.
    """
    require_target(probabilities, target)
    truth = one_hot(target, probabilities.shape[1]).to(full_precision(probabilities).dtype)
    if least >= 1:
        return truth
    probabilities = full_precision(probabilities)
    of_true = (probabilities * truth).sum(dim=1, keepdim=True)
    raised = of_true.clamp_min(least)
    rest = probabilities * ((1 - raised) / (1 - of_true).clamp_min(1e-6))
    annotated = (target != UNLABELED).unsqueeze(1)
    return torch.where(truth.bool(), raised, rest) * annotated


def predicted_maps(logits: Tensor, mask: Tensor) -> Tensor:
    """Softmax of (B, C, *spatial) with 0 in all classes where the mask (B, 1, *spatial) is not."""
    require_logits(logits)
    return full_precision(logits).softmax(dim=1) * mask


def _mean(values: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return values.mean()
    if mask.shape != values.shape:
        raise ValueError(
            f"The mask must have the scores' shape {tuple(values.shape)}, got {tuple(mask.shape)}."
        )
    return (values * mask).sum() / mask.sum().clamp_min(1)


def _unknown(criterion: str) -> ValueError:
    return ValueError(f"unknown criterion {criterion!r}; known: {', '.join(CRITERIA)}")
