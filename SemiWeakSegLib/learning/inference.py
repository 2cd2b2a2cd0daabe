"""A network applied to whole preprocessed images: sliding window, Gaussian blending, flips."""

from __future__ import annotations

import itertools

import torch
from monai.inferers import sliding_window_inference
from torch import nn

from .plan import Plan
from .short_floats import autocast

OVERLAP = 0.5
# Above this many numbers the stitched scores are kept in the computer's memory.
DEVICE_NUMBERS = 3e8


@torch.no_grad()
def infer(
    network: nn.Module,
    image: torch.Tensor,
    floor: tuple[float, ...],
    plan: Plan,
    device: torch.device,
    *,
    flips: bool = False,
    overlap: float = OVERLAP,
) -> torch.Tensor:
    """Class probabilities of (C, units, *spatial) as (K, units, *spatial) float32.

    Windows of the plan's patch size, blended with a Gaussian; images smaller than a patch are
    padded with ``floor``, as in training. ``flips``: mean over all mirrorings of the plan's axes.
    """
    network.eval()
    units = image.transpose(0, 1).to(device, torch.float32)
    patch = tuple(plan.patch_size)
    padded, inside = pad_to(units, patch, floor)

    def probabilities(windows: torch.Tensor) -> torch.Tensor:
        with autocast(device):
            logits = network(windows)
        return logits.float().softmax(dim=1)

    def mirrored(windows: torch.Tensor) -> torch.Tensor:
        if not flips:
            return probabilities(windows)
        axes = [axis + 2 for axis in plan.mirror_axes]
        choices = [
            subset
            for count in range(len(axes) + 1)
            for subset in itertools.combinations(axes, count)
        ]
        return sum(probabilities(windows.flip(subset)).flip(subset) for subset in choices) / len(
            choices
        )

    numbers = plan.num_classes * padded[:, :1].numel()
    scores = sliding_window_inference(
        padded,
        patch,
        sw_batch_size=max(1, plan.batch_labeled),
        predictor=mirrored,
        overlap=overlap,
        mode="gaussian",
        device=torch.device("cpu") if numbers > DEVICE_NUMBERS else device,
    )
    return scores[(slice(None), slice(None), *inside)].transpose(0, 1)


def pad_to(
    units: torch.Tensor, patch: tuple[int, ...], floor: tuple[float, ...]
) -> tuple[torch.Tensor, tuple[slice, ...]]:
    """(units, C, *sp) centred in at least the patch's size, and where it lies in the result."""
    inside = []
    for size, edge in zip(units.shape[2:], patch, strict=True):
        # The same centring as a patch cut about the middle of an image (patches.crop).
        before = max(0, edge - size) // 2
        inside.append(slice(before, before + size))
    if all(n >= edge for n, edge in zip(units.shape[2:], patch, strict=True)):
        return units, tuple(inside)
    base = torch.tensor(floor, device=units.device, dtype=units.dtype)
    base = base.reshape(1, -1, *([1] * (units.ndim - 2)))
    sizes = [max(n, edge) for n, edge in zip(units.shape[2:], patch, strict=True)]
    padded = base.expand(*units.shape[:2], *sizes).clone()
    padded[(slice(None), slice(None), *inside)] = units
    return padded, tuple(inside)
