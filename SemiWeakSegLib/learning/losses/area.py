"""The area of a mask by its sorted values: how much is on, how much is off, and nothing between."""

from __future__ import annotations

import torch
from torch import Tensor

from .simplex import full_precision


def area_loss(probabilities: Tensor, bounds: Tensor) -> Tensor:
    """Distance of the sorted values of a mask m from the template of its area.

    mean_i (sort(m)_i - r_i)², with r_a = 0 on the lowest (1 - a) N values and 1 on the a N highest
    (Fong et al., Understanding deep networks via extremal perturbations and smooth masks, ICCV
    2019). An area known only as [a, b] has two templates: values below r_a or above r_b cost.
    Unlike a penalty on the sum it wants decided masks: half of the voxels at 1, not all at 1/2.

    Args:
        probabilities: (B, C, *spatial).
        bounds: (B, C, 2) lower and upper area as proportions, on the CPU; NaN, a lower end <= 0
            and an upper end >= 1 each mean that there is no bound on that side.

    Returns:
        A scalar, the mean over the voxels of bounded masks; 0 with zero gradients where none is.

    Raises:
        ValueError: the shapes do not fit or a lower bound exceeds its upper bound.
    """
    if probabilities.ndim not in (4, 5) or tuple(bounds.shape) != (*probabilities.shape[:2], 2):
        raise ValueError(
            "Probabilities must be (batch, classes, *spatial) and bounds (batch, classes, 2), got "
            f"{tuple(probabilities.shape)} and {tuple(bounds.shape)}."
        )
    if bool((bounds[..., 0] > bounds[..., 1]).any()):
        raise ValueError("A lower area bound is greater than its upper bound.")
    low = bounds[..., 0].nan_to_num(nan=0.0).clamp(0, 1)
    high = bounds[..., 1].nan_to_num(nan=1.0, posinf=1.0).clamp(0, 1)
    # Chosen by numbers that lie on the CPU, so that no device waits; sorting is not cheap.
    samples, classes = torch.nonzero((low > 0) | (high < 1), as_tuple=True)
    if not len(samples):
        return full_precision(probabilities[:0]).sum()
    device = probabilities.device
    chosen = full_precision(probabilities)[samples.to(device), classes.to(device)].flatten(1)
    ordered = chosen.sort(dim=1).values
    count = ordered.shape[1]
    # 1 for the a N highest, a fraction at the edge, 0 below.
    ranks = torch.arange(1, count + 1, device=device, dtype=ordered.dtype) - count
    least = (ranks + (low[samples, classes] * count).to(ordered).unsqueeze(1)).clamp(0, 1)
    most = (ranks + (high[samples, classes] * count).to(ordered).unsqueeze(1)).clamp(0, 1)
    below, above = (least - ordered).clamp_min(0), (ordered - most).clamp_min(0)
    return (below.square() + above.square()).mean()
