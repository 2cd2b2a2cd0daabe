"""Class proportions drawn to known ones: squared, by divergence both ways, and prior-aware."""

from __future__ import annotations

import torch
from torch import Tensor

from .simplex import full_precision

FORMS = ("l2", "kl", "reverse_kl", "prior_aware")
# Proportions below this count as this: a class that is never there must not cost infinitely much.
LEAST = 1e-6
# Below this a predicted proportion has no slope any more: far below one voxel of any image, so that
# a class that has all but vanished is still called back.
VANISHED = 1e-20


def equality_loss(
    proportions: Tensor, target: Tensor, form: str = "l2", dual: Tensor | None = None
) -> Tensor:
    """Distance of predicted class proportions s from known ones q, mean over the samples.

    "l2": mean_k (s_k - q_k)². "kl": Σ_k s_k log(s_k / q_k), mode-seeking (Bateson et al.,
    Source-free domain adaptation for image segmentation, Medical Image Analysis 2022).
    "reverse_kl": Σ_k q_k log(q_k / s_k), never forgets a class. "prior_aware": the same with
    -log s_k = max_{β_k < 0} (s_k β_k + 1 + log(-β_k)), which is linear in s and so lets a mean
    over small batches stand for the mean over all data (Zhou et al., Prior-aware neural network
    for partially-supervised multi-organ segmentation, ICCV 2019); the caller moves ``dual`` up,
    see ``dual_ascent``.

    Args:
        proportions: (B, C), rows sum to 1.
        target: (C,) or (B, C), rows sum to 1.
        form: one of ``FORMS``.
        dual: (C,) β < 0 of the form "prior_aware", without a gradient.

    Returns:
        A scalar; 0 where s = q (and, for "prior_aware", β = -1/s).

    Raises:
        ValueError: the shapes do not fit, the form is unknown, or the dual is missing.
    """
    proportions, target = _checked(proportions, target)
    if form == "l2":
        return (proportions - target).square().mean()
    usual = target.clamp_min(LEAST)
    own = target * usual.log()
    if form == "kl":
        log_ratio = proportions.clamp_min(LEAST).log() - usual.log()
        return (proportions * log_ratio).sum(dim=1).mean()
    if form == "reverse_kl":
        return (own - target * proportions.clamp_min(VANISHED).log()).sum(dim=1).mean()
    if form == "prior_aware":
        if dual is None:
            raise ValueError("The prior-aware loss needs its dual variable.")
        dual = dual.detach().to(proportions)
        bound = proportions * dual + 1 + torch.log(-dual)
        return (own + target * bound).sum(dim=1).mean()
    raise ValueError(f"The form must be one of {', '.join(FORMS)}, got {form!r}.")


def start_dual(target: Tensor) -> Tensor:
    """β = -1 / q, optimal where the proportions are the target."""
    return -1 / target.clamp_min(LEAST)


def dual_ascent(dual: Tensor, proportions: Tensor, rate: float) -> Tensor:
    """β after a step of gradient ascent in log(-β): β exp(rate (1 + s β)), s the batch's mean.

    In the logarithm β stays negative and steps are relative, so one rate serves small and big
    classes; the fixed point is β = -1 / s.

    Args:
        dual: (C,) β.
        proportions: (B, C) s.
        rate: of the ascent.
    """
    mean = proportions.detach().mean(dim=0).to(dual)
    return dual * torch.exp(rate * (1 + mean * dual).clamp(-1, 1))


def _checked(proportions: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if proportions.ndim != 2 or target.shape[-1:] != proportions.shape[1:]:
        raise ValueError(
            "Proportions must be (batch, classes) and the target (classes,) or (batch, classes), "
            f"got {tuple(proportions.shape)} and {tuple(target.shape)}."
        )
    proportions = full_precision(proportions)
    return proportions, target.to(proportions).expand_as(proportions)
