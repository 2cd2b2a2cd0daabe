"""Sizes of the predicted regions, and the penalty on a size outside its bounds."""

from __future__ import annotations

import torch
from torch import Tensor

from .bounds import SHARPNESS, barrier_cost, capped_square
from .simplex import full_precision, require_logits, require_mask

PENALTIES = ("relative", "proportion", "log_barrier")


def soft_proportions(logits: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return (B, C), the share of each class in the image: the mean of its probability.

    Args:
        logits: (B, C, *spatial).
        mask: (B, *spatial), the voxels that belong to the image; None: all.

    Returns:
        Proportions that sum to 1 over the classes, or all 0 for a sample with an empty mask.

    Raises:
        ValueError: the shapes do not fit.
    """
    require_logits(logits)
    mask = require_mask(logits, mask)
    probabilities = full_precision(logits).softmax(dim=1)
    if mask is None:
        return probabilities.flatten(2).mean(dim=2)
    inside = mask.unsqueeze(1)
    count = inside.flatten(2).sum(dim=2).clamp_min(1)
    return (probabilities * inside).flatten(2).sum(dim=2) / count


def size_penalty(
    proportions: Tensor,
    bounds: Tensor,
    penalty: str = "relative",
    slack: float | Tensor = 0.01,
    sharpness: float = SHARPNESS,
) -> Tensor:
    """Penalty on a proportion v outside its bounds [a, b].

    "proportion": (a - v)^2 below, (v - b)^2 above (Kervadec et al., Medical Image Analysis 2019,
    eq. 4, on proportions instead of voxel counts, so that the value does not change with the
    image's size). "relative": the violation is first divided by the violated bound + ``slack``,
    so that 20 % too little of a small structure costs as much as of a big one; beyond 1 it
    grows linearly. Both are 0 inside. "log_barrier": the extended log-barrier of the relative
    excess, which holds sizes off their bounds from inside (``bounds.log_barrier``).

    Args:
        proportions: (B, C), of ``soft_proportions``.
        bounds: (B, C, 2), lower and upper bound as proportions. NaN, a lower bound <= 0 and an
            infinite upper bound each mean that there is no bound on that side.
        penalty: one of ``PENALTIES``.
        slack: proportion added to the bound that divides: one, (B, C), or (B, C, 2) for the lower
            and the upper one; keeps an upper bound of 0 finite. A tenth of a class's usual
            proportion lets small classes count like big ones.
        sharpness: of the barrier; grows during a training.

    Returns:
        A scalar, the mean over the classes of samples that are bounded on either side; 0 with
        zero gradients when none is.

    Raises:
        ValueError: the shapes do not fit, a lower bound exceeds its upper bound, or the penalty
            is unknown.
    """
    if proportions.ndim != 2 or tuple(bounds.shape) != (*proportions.shape, 2):
        raise ValueError(
            "Proportions must be (batch, classes) and bounds (batch, classes, 2), got "
            f"{tuple(proportions.shape)} and {tuple(bounds.shape)}."
        )
    if penalty not in PENALTIES:
        raise ValueError(f"The penalty must be one of {', '.join(PENALTIES)}, got {penalty!r}.")
    slack = torch.as_tensor(slack)
    if bool((slack <= 0).any()):
        raise ValueError(f"The slack must be positive, got {slack.min().item()}.")
    # Before they are moved: bounds that lie on the CPU make no device wait.
    if bool((bounds[..., 0] > bounds[..., 1]).any()):
        raise ValueError("A lower size bound is greater than its upper bound.")
    proportions = full_precision(proportions)
    bounds = bounds.to(proportions)
    # A proportion never leaves [0, 1], so these stand for "no bound" and keep gradients finite.
    lower = bounds[..., 0].nan_to_num(nan=0.0).clamp(0, 1)
    upper = bounds[..., 1].nan_to_num(nan=torch.inf, posinf=torch.inf)
    bounded = (lower > 0) | upper.isfinite()
    upper = upper.clamp(max=2.0)
    below = (lower - proportions).clamp_min(0)
    above = (proportions - upper).clamp_min(0)
    slack = slack.to(proportions)
    ends = slack.unbind(dim=-1) if slack.ndim == bounds.ndim else (slack, slack)
    low_unit, high_unit = lower + ends[0], upper.clamp_min(0) + ends[1]
    if penalty == "log_barrier":
        under = barrier_cost((lower - proportions) / low_unit, sharpness)
        over = barrier_cost((proportions - upper) / high_unit, sharpness)
        free = torch.isinf(bounds[..., 1]) | torch.isnan(bounds[..., 1])
        cost = torch.where(lower > 0, under, 0.0) + torch.where(free, 0.0, over)
    elif penalty == "relative":
        # Beyond a violation as big as the bound itself it grows linearly: a class that should be
        # absent would otherwise outweigh all other losses.
        cost = sum(capped_square(each) for each in (below / low_unit, above / high_unit))
    else:
        cost = below.square() + above.square()
    return cost.sum() / bounded.sum().clamp_min(1)
