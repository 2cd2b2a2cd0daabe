"""How full a box and the strips across it are, as shares that bounds can be put on."""

from __future__ import annotations

import torch
from torch import Tensor

from .simplex import full_precision


def box_share(foreground: Tensor, inside: Tensor, empty: float = 0.0) -> Tensor:
    """The mean probability of the object over the voxels of a box, a scalar.

    Args:
        foreground: (*spatial) probability of the box's class.
        inside: (*spatial) bool, the voxels of the box.
        empty: what a box without voxels gives.

    Returns:
        The object's soft size as a share of the box's.

    Raises:
        ValueError: the shapes differ.
    """
    _require_shapes(foreground, inside)
    total = torch.where(inside, full_precision(foreground), 0.0).sum()
    voxels = inside.sum()
    return torch.where(voxels > 0, total / voxels.clamp_min(1), empty)


def strip_shares(foreground: Tensor, inside: Tensor, along: Tensor, count: int) -> Tensor:
    """The mean probability of the object in each of ``count`` equal strips across a box.

    A box that is tight has some object in every strip (tightness prior; Hsu et al., NeurIPS 2019;
    Kervadec et al., MIDL 2020). A voxel belongs to the strip that its centre lies in, so boxes
    and patches may be turned; the far face belongs to the last strip.

    Args:
        foreground: (*spatial) probability of the box's class.
        inside: (*spatial) bool, the voxels of the box.
        along: (*spatial) position across the strips, the box's faces at -1 and 1.
        count: number of strips.

    Returns:
        (count,) shares; 1 for a strip without voxels, so that no bound asks for anything there.

    Raises:
        ValueError: the shapes differ or there is no strip.
    """
    _require_shapes(foreground, inside, along)
    if count < 1:
        raise ValueError(f"There must be at least one strip, got {count}.")
    foreground = full_precision(foreground)
    number = ((along + 1) * (count / 2)).floor().clamp(0, count - 1).long().flatten()
    weight = inside.to(foreground).flatten()
    voxels = weight.new_zeros(count).index_add(0, number, weight)
    # Outside the box a probability may be anything: it must not reach the sum as 0 * nan.
    held = torch.where(inside, foreground, 0.0).flatten()
    total = weight.new_zeros(count).index_add(0, number, held)
    return torch.where(voxels > 0, total / voxels.clamp_min(1), 1.0)


def _require_shapes(*tensors: Tensor) -> None:
    shapes = {tuple(each.shape) for each in tensors}
    if len(shapes) > 1:
        raise ValueError(f"All tensors must have one shape, got {sorted(shapes)}.")
