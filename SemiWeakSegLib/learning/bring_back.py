"""Predictions of a patch brought back to the voxels of their case."""

from __future__ import annotations

import math

import torch

from .spatial import SpatialTransform, sample_planes
from .tiles import Box

# Bends are weak: ten rounds bring the place to well below a hundredth of a voxel.
ROUNDS = 10
# Voxels of the patch by which the last round may still move a place that counts as found.
UNSETTLED = 0.1


def box_of_patch(
    transform: SpatialTransform,
    centre: list[float],
    patch: tuple[int, ...],
    shape: tuple[int, ...],
) -> Box:
    """The block of a case's voxels (shape) that a patch can have read, never empty.

    transform: of one sample, on the CPU; centre: the voxel that the patch's middle reads.
    """
    box = []
    for middle, reach, n in zip(centre, transform.reach(patch)[0].tolist(), shape, strict=True):
        start = min(max(math.floor(middle - reach), 0), n - 1)
        box.append(slice(start, max(start + 1, min(math.ceil(middle + reach) + 1, n))))
    return tuple(box)


def bring_back(
    values: torch.Tensor, transform: SpatialTransform, centre: list[float], box: Box
) -> tuple[torch.Tensor, torch.Tensor]:
    """values (K, *patch) at the voxels of a block: (K, *box), and (*box) bool, where the patch is.

    The inverse of reading case -> patch: of a mirrored patch its own voxels, of a turned or zoomed
    one what lies between its voxels linearly. Where bends fold so much that no place of the patch
    is found to read the voxel, it counts as not seen.

    transform: of one sample, on the CPU.
    """
    patch = tuple(values.shape[1:])
    if transform.is_axis_aligned(0):
        return _aligned(values, transform, centre, box)
    places, settled = _places_in_patch(transform, centre, box, patch, values.device)
    seen = settled
    for place, n in zip(places, patch, strict=True):
        seen = seen & (place >= -0.5) & (place <= n - 0.5)
    return sample_planes(values.float(), places), seen


def _aligned(
    values: torch.Tensor, transform: SpatialTransform, centre: list[float], box: Box
) -> tuple[torch.Tensor, torch.Tensor]:
    signs = transform.matrix[0].diagonal().tolist()
    turned = values.float().flip([axis + 1 for axis, sign in enumerate(signs) if sign < 0])
    inner = []
    for part, middle, n in zip(box, centre, values.shape[1:], strict=True):
        start = math.floor(middle - (n - 1) / 2 + 0.5)
        inner.append(slice(part.start - start, part.stop - start))
    found = turned[(slice(None), *inner)]
    return found, torch.ones(found.shape[1:], dtype=torch.bool, device=values.device)


def _places_in_patch(
    transform: SpatialTransform,
    centre: list[float],
    box: Box,
    patch: tuple[int, ...],
    device: torch.device,
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Per axis the patch voxel (*box) that reads each voxel of the block; where it was found.

    An output u (from the middle of the patch) reads M u + D(u) (from the centre). So
    u = M⁻¹ (v - D(u)), repeated from u = M⁻¹ v; without a displacement that is exact.
    """
    dims = len(patch)
    # Numbers of the CPU: those of a GPU would have to be waited for.
    inverse = torch.linalg.inv(transform.matrix[0].double()).tolist()
    lines = []
    for axis, (part, middle) in enumerate(zip(box, centre, strict=True)):
        line = torch.arange(part.start, part.stop, device=device, dtype=torch.float32) - middle
        lines.append(line.reshape([-1 if each == axis else 1 for each in range(dims)]))
    straight = [_combine(row, lines) for row in inverse]
    settled = torch.ones(straight[0].shape, dtype=torch.bool, device=device)
    found = straight
    if transform.displacement is not None:
        field = transform.displacement[0].to(device)
        for _ in range(ROUNDS):
            before = found
            moved = sample_planes(field, _control_places(found, patch, field.shape[1:]))
            found = [
                plane - _combine(row, list(moved))
                for plane, row in zip(straight, inverse, strict=True)
            ]
        for plane, old in zip(found, before, strict=True):
            settled &= (plane - old).abs() < UNSETTLED
    return [plane + (n - 1) / 2 for plane, n in zip(found, patch, strict=True)], settled


def _combine(weights: list[float], planes: list[torch.Tensor]) -> torch.Tensor:
    return sum(weight * plane for weight, plane in zip(weights, planes, strict=True))


def _control_places(
    offsets: list[torch.Tensor], patch: tuple[int, ...], points: tuple[int, ...]
) -> list[torch.Tensor]:
    """Offsets from the middle of the patch as places between the control points."""
    return [
        (plane + (n - 1) / 2) * ((k - 1) / max(n - 1, 1))
        for plane, n, k in zip(offsets, patch, points, strict=True)
    ]
