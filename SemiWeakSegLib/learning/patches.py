"""One patch cut out of a case: mirrored or as stored without interpolation, else interpolated."""

from __future__ import annotations

import math

import torch

from ..cohort import UNLABELED
from .spatial import SpatialTransform, sample_planes
from .store import CaseArrays

Patch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def snap(position: float, size: int, edge: int) -> float:
    """The patch centre nearest to ``position`` whose voxels are the image's own voxels.

    The patch does not leave the image more than it must; one that is larger is centred on it.
    """
    low, high = min(0, size - edge), max(0, size - edge)
    start = math.floor(position - (edge - 1) / 2 + 0.5)
    start = math.floor((low + high + 1) / 2) if edge >= size else min(max(start, low), high)
    return start + (edge - 1) / 2


def cut_aligned(
    arrays: CaseArrays,
    unit: int,
    centre: list[float],
    patch: tuple[int, ...],
    mirrored: list[int],
    device: torch.device,
) -> Patch:
    """image (C, *patch), label (*patch) uint8 and valid (1, *patch); ``mirrored`` axes turned."""
    image, inside = crop(arrays.image[:, unit], centre, patch)
    valid = torch.zeros(1, *patch, dtype=torch.bool, device=device)
    valid[(slice(None), *inside)] = True
    image = torch.where(valid, image.to(device, torch.float32), _column(arrays.floor, patch))
    if arrays.label is None:
        label = torch.full(patch, UNLABELED, dtype=torch.uint8, device=device)
    else:
        label = crop(arrays.label[unit][None], centre, patch)[0][0].to(device)
        label = label.masked_fill(~valid[0], UNLABELED)
    axes = [axis + 1 for axis in mirrored]
    return image.flip(axes), label.flip(mirrored), valid.flip(axes)


def cut_turned(
    arrays: CaseArrays,
    unit: int,
    centre: list[float],
    patch: tuple[int, ...],
    transform: SpatialTransform,
    reach: list[float],
    device: torch.device,
) -> Patch:
    """The same through a spatial transform of one sample, on ``device``.

    reach: `SpatialTransform.reach` of the sample.
    """
    planes = [
        plane[0] + where for plane, where in zip(transform.planes(patch), centre, strict=True)
    ]
    source = arrays.image[:, unit]
    shape = source.shape[1:]
    lows = [math.floor(c - r) for c, r in zip(centre, reach, strict=True)]
    highs = [math.ceil(c + r) for c, r in zip(centre, reach, strict=True)]
    starts = [min(max(low, 0), n - 1) for low, n in zip(lows, shape, strict=True)]
    stops = [max(s + 1, min(h + 1, n)) for s, h, n in zip(starts, highs, shape, strict=True)]
    # Only what is read is copied and converted.
    region = tuple(slice(start, stop) for start, stop in zip(starts, stops, strict=True))
    valid = torch.ones(1, *patch, dtype=torch.bool, device=device)
    if any(low < 0 or high > n - 1 for low, high, n in zip(lows, highs, shape, strict=True)):
        for plane, n in zip(planes, shape, strict=True):
            valid &= (plane >= -0.5) & (plane <= n - 0.5)
    planes = [plane - start for plane, start in zip(planes, starts, strict=True)]
    image = sample_planes(source[(slice(None), *region)].to(device, torch.float32), planes)
    image = torch.where(valid, image, _column(arrays.floor, patch))
    if arrays.label is None:
        return image, torch.full(patch, UNLABELED, dtype=torch.uint8, device=device), valid
    label = _nearest(arrays.label[(unit, *region)].to(device), planes)
    return image, label.masked_fill(~valid[0], UNLABELED), valid


def crop(
    values: torch.Tensor, centre: list[float], patch: tuple[int, ...]
) -> tuple[torch.Tensor, tuple[slice, ...]]:
    """(C, *sp) cut to (C, *patch) about ``centre``; zero outside, which the slices tell."""
    result = values.new_zeros((values.shape[0], *patch))
    source, target = [], []
    for position, size, edge in zip(centre, values.shape[1:], patch, strict=True):
        start = math.floor(position - (edge - 1) / 2 + 0.5)
        low, high = max(0, start), min(size, start + edge)
        source.append(slice(low, high))
        target.append(slice(low - start, high - start))
    result[(slice(None), *target)] = values[(slice(None), *source)]
    return result, tuple(target)


def holding_centre(
    voxel: list[float], centre: list[float], patch: tuple[int, ...], transform: SpatialTransform
) -> list[float]:
    """The centre nearest to ``centre`` for which one patch voxel reads ``voxel`` exactly.

    transform: of one sample, on the CPU: numbers on a GPU would have to be waited for.
    """
    wanted = torch.tensor([v - c for v, c in zip(voxel, centre, strict=True)], dtype=torch.float64)
    found = torch.linalg.solve(transform.matrix[0].double(), wanted).tolist()
    index = [
        min(max(round(offset + (n - 1) / 2), 0), n - 1)
        for offset, n in zip(found, patch, strict=True)
    ]
    read = transform.offset_at(index, patch)
    return [v - offset for v, offset in zip(voxel, read, strict=True)]


def _nearest(values: torch.Tensor, planes: list[torch.Tensor]) -> torch.Tensor:
    """(*sp) read at the voxels nearest to the positions; any type, no conversion."""
    # Indices are summed as floating point numbers, exact up to 2^24 and 2^53, and converted once.
    kind = torch.float32 if values.numel() < 2**24 else torch.float64
    flat = torch.zeros_like(planes[0], dtype=kind)
    for plane, n in zip(planes, values.shape, strict=True):
        flat.mul_(n).add_(plane.round().clamp_(0, n - 1))
    return values.reshape(-1).index_select(0, flat.reshape(-1).long()).reshape(flat.shape)


def _column(floor: torch.Tensor, patch: tuple[int, ...]) -> torch.Tensor:
    return floor.reshape(-1, *([1] * len(patch)))
