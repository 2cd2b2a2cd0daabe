"""What the tensors of a loss must look like, checked at the border of every loss."""

from __future__ import annotations

import torch
from torch import Tensor

UNLABELED = 255


def full_precision(tensor: Tensor) -> Tensor:
    """Return half-precision and integer tensors as float32; float32 and float64 as they are."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()


def require_logits(logits: Tensor) -> None:
    """Raise ValueError unless ``logits`` is (B, C, *spatial), C >= 2, in 2-D or 3-D."""
    if logits.ndim not in (4, 5):
        raise ValueError(
            "Logits must be (batch, classes, y, x) or (batch, classes, z, y, x), "
            f"got the shape {tuple(logits.shape)}."
        )
    if logits.shape[1] < 2:
        raise ValueError(
            f"Logits must have one channel per class with background, at least 2, got "
            f"{logits.shape[1]}."
        )
    if not logits.is_floating_point():
        raise ValueError(f"Logits must be floating point, got {logits.dtype}.")


def require_target(logits: Tensor, target: Tensor) -> None:
    """Raise ValueError unless ``target`` is (B, *spatial) with class indices or 255.

    Shapes and types are always checked. Values are checked on the CPU only: elsewhere reading
    them would make the host wait for the device in every step.
    """
    require_logits(logits)
    expected = (logits.shape[0], *logits.shape[2:])
    if tuple(target.shape) != expected:
        raise ValueError(f"The target must have the shape {expected}, got {tuple(target.shape)}.")
    if target.is_floating_point() or target.dtype == torch.bool:
        raise ValueError(f"The target must hold integer class indices, got {target.dtype}.")
    if target.device.type != "cpu" or target.numel() == 0:
        return
    wrong = target[((target >= logits.shape[1]) | (target < 0)) & (target != UNLABELED)]
    if wrong.numel():
        raise ValueError(
            f"The target holds the value {int(wrong[0])}; expected a class index from 0 to "
            f"{logits.shape[1] - 1}, or {UNLABELED} for unlabeled."
        )


def require_mask(logits: Tensor, mask: Tensor | None) -> Tensor | None:
    """Return ``mask`` (B, *spatial) as bool; raise ValueError when its shape differs."""
    if mask is None:
        return None
    expected = (logits.shape[0], *logits.shape[2:])
    if tuple(mask.shape) != expected:
        raise ValueError(f"The mask must have the shape {expected}, got {tuple(mask.shape)}.")
    return mask.bool()


def is_simplex(probabilities: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether every voxel of (B, C, *spatial) holds a distribution over the C classes."""
    sums = probabilities.sum(dim=1)
    return bool((probabilities >= -tolerance).all() and ((sums - 1).abs() <= tolerance).all())


def one_hot(target: Tensor, num_classes: int) -> Tensor:
    """Return (B, C, *spatial) bool of a target (B, *spatial); 255 belongs to no class."""
    classes = torch.arange(num_classes, device=target.device)
    return target.unsqueeze(1) == classes.view(1, -1, *[1] * (target.ndim - 1))
