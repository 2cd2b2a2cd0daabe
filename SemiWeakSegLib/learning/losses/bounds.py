"""What it costs that a value lies outside its bounds: quadratic, and a log-barrier inside them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .simplex import full_precision

FORMS = ("quadratic", "log_barrier")
# The barrier's sharpness at the start of a training (Kervadec et al. 2019).
SHARPNESS = 5.0


def capped_square(violation: Tensor) -> Tensor:
    """v² up to 1, then 2 v - 1: what is far off must not outweigh all other losses."""
    return torch.where(violation < 1, violation.square(), 2 * violation - 1)


def log_barrier(excess: Tensor, sharpness: float = SHARPNESS) -> Tensor:
    """Extended log-barrier of the constraint z <= 0, elementwise.

    -log(-z) / t where z <= -1 / t², else t z - log(1 / t²) / t + 1 / t: finite everywhere, with a
    continuous slope (Kervadec et al., Constrained deep networks: Lagrangian optimization via
    log-barrier extensions, EUSIPCO 2022). As t grows it becomes the hard constraint.

    Args:
        excess: z, any shape.
        sharpness: t.

    Raises:
        ValueError: t is not positive.
    """
    if sharpness <= 0:
        raise ValueError(f"The sharpness of a barrier must be positive, got {sharpness}.")
    turn = 1 / sharpness**2
    # Clamped before the logarithm: the branch not taken must not send NaN through `where`.
    inner = -torch.log(-excess.clamp(max=-turn)) / sharpness
    outer = sharpness * excess - math.log(turn) / sharpness + 1 / sharpness
    return torch.where(excess <= -turn, inner, outer)


def barrier_cost(excess: Tensor, sharpness: float) -> Tensor:
    """The barrier on a relative excess, 0 from -1 on: whoever keeps a whole bound's distance to a
    bound is not pushed further from it."""
    return log_barrier(excess.clamp_min(-1), sharpness)


def interval_penalty(
    values: Tensor,
    bounds: Tensor,
    scale: Tensor,
    weights: Tensor,
    form: str = "quadratic",
    sharpness: float = SHARPNESS,
) -> Tensor:
    """Penalty on values outside their bounds, in units of ``scale``.

    "quadratic": the violation over the scale, squared, linear beyond 1. "log_barrier": the extended
    barrier of it, which acts inside the bounds too.

    Args:
        values: (B, C, D).
        bounds: (B, C, D, 2); infinite or NaN ends mean that there is no bound on that side.
        scale: (B, C) or (C,), in the unit of the values, positive: what counts as far.
        weights: (B, C) how much each region counts, without a gradient.
        form: one of ``FORMS``.
        sharpness: of the barrier.

    Returns:
        A scalar: the mean over all D-tuples that are bounded on either side of the sum over D; 0
        with zero gradients where none is.

    Raises:
        ValueError: the shapes do not fit, a lower bound exceeds its upper bound, or the form is
            unknown.
    """
    if values.ndim != 3 or tuple(bounds.shape) != (*values.shape, 2):
        raise ValueError(
            "Values must be (batch, classes, axes) and bounds (batch, classes, axes, 2), got "
            f"{tuple(values.shape)} and {tuple(bounds.shape)}."
        )
    if form not in FORMS:
        raise ValueError(f"The form must be one of {', '.join(FORMS)}, got {form!r}.")
    # Before they are moved: bounds that lie on the CPU make no device wait.
    if bool((bounds[..., 0] > bounds[..., 1]).any()):
        raise ValueError("A lower bound is greater than its upper bound.")
    values = full_precision(values)
    bounds, scale = bounds.to(values), scale.to(values).unsqueeze(-1)
    total = torch.zeros_like(values)
    for end, sign in ((bounds[..., 0], -1.0), (bounds[..., 1], 1.0)):
        known = end.isfinite()
        excess = sign * (values - end.masked_fill(~known, 0.0)) / scale
        if form == "quadratic":
            cost = capped_square(excess.clamp_min(0))
        else:
            cost = barrier_cost(excess, sharpness)
        total = total + torch.where(known, cost, 0.0)
    bounded = bounds.isfinite().flatten(2).any(dim=2)
    cost = total.sum(dim=2) * weights.detach().to(values)
    return cost.sum() / bounded.sum().clamp_min(1)
