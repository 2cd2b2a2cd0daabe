"""Size, centroid and spread of soft regions, in millimetres and with gradients."""

from __future__ import annotations

import dataclasses
import math

import torch

from .batches import Batch
from .losses.simplex import full_precision
from .store import CaseStore


@dataclasses.dataclass(frozen=True)
class Attributes:
    """Of every class in every sample.

    size: (B, K, 1) mm³ (mm² in 2-D). centroid: (B, K, d) mm, in the axes and from the origin of the
    positions given. spread: (B, K, d) mm, the standard deviation along each axis. voxels: (B, K),
    the soft number of voxels: below 1 there is no region to speak of; the centroid then shrinks to
    the origin and the spread to that of one voxel, so that values and gradients stay finite.
    """

    size: torch.Tensor
    centroid: torch.Tensor
    spread: torch.Tensor
    voxels: torch.Tensor


def soft_attributes(
    probabilities: torch.Tensor,
    positions: torch.Tensor,
    spacing: torch.Tensor,
    voxel_volume: torch.Tensor,
) -> Attributes:
    """Moments of the probabilities of each class.

    size = V Σ s_i; centroid c = Σ s_i x_i / Σ s_i; spread_a = sqrt(Σ s_i (x_ia - c_a)² / Σ s_i +
    h_a² / 12): a voxel is a small box of edge h and not a point, so values do not change with the
    grid, and the root has a slope at 0.

    Args:
        probabilities: (B, K, *patch), 0 where nothing counts.
        positions: (B, d, *patch) in mm; an origin near the regions keeps digits.
        spacing: (B, d) h, mm.
        voxel_volume: (B,) V, mm³ or mm² per voxel.
    """
    weights = full_precision(probabilities).flatten(2)
    places = positions.flatten(2).to(weights)
    voxels = weights.sum(dim=2)
    # Divided by at least one voxel: a region that vanishes must not send gradients to infinity.
    mass = voxels.clamp_min(1.0).unsqueeze(2)
    centroid = weights @ places.transpose(1, 2) / mass
    squares = weights @ places.square().transpose(1, 2) / mass
    share = voxels.unsqueeze(2) / mass
    variance = (squares - (2 - share) * centroid.square()).clamp_min(0)
    own = spacing.to(weights).square().unsqueeze(1) / 12
    return Attributes(
        size=(voxels * voxel_volume.to(weights).unsqueeze(1)).unsqueeze(2),
        centroid=centroid,
        spread=(variance + own).sqrt(),
        voxels=voxels,
    )


def image_positions(batch: Batch, store: CaseStore) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a batch's voxels read their cases, and the cases' spacing.

    positions: (B, d, *patch) mm along the planned axes from the middle of the image, on the
    batch's device; spacing: (B, d) mm, on the CPU.
    """
    entries = [store.entries[case] for case, _ in batch.units]
    spacing = torch.tensor([entry.spacing for entry in entries])
    middle = torch.tensor([[(n - 1) / 2 for n in entry.shape[2:]] for entry in entries])
    return _millimetres(batch.positions(), middle, spacing), spacing


def patch_positions(batch: Batch) -> torch.Tensor:
    """(B, d, *patch) mm along the patch's own axes from its middle: what a network can see."""
    shape = tuple(batch.image.shape[2:])
    grid = torch.stack(
        torch.meshgrid(
            *[torch.arange(n, device=batch.image.device, dtype=torch.float32) for n in shape],
            indexing="ij",
        )
    )
    middle = torch.tensor([[(n - 1) / 2 for n in shape]])
    return _millimetres(grid.unsqueeze(0), middle, batch.spacing)


def patch_voxel_volume(batch: Batch) -> torch.Tensor:
    """(B,) mm³ (mm²) of the case that one patch voxel stands for, on the CPU."""
    return batch.voxel_volume * batch.volume_factor


def label_attributes(
    label: torch.Tensor, num_classes: int, spacing: tuple[float, ...]
) -> dict[str, torch.Tensor]:
    """`grid_attributes` of a label map (units, *spatial), background left out."""
    classes = [label == value for value in range(1, num_classes)]
    return grid_attributes(torch.stack(classes, dim=1), spacing)


def grid_attributes(
    probabilities: torch.Tensor, spacing: tuple[float, ...]
) -> dict[str, torch.Tensor]:
    """Of whole units (units, classes, *spatial): attribute -> (units, classes, D).

    In the place and axes of `image_positions`. Where a class fills less than one voxel its
    centroid and spread are NaN.
    """
    device, shape = probabilities.device, probabilities.shape[2:]
    lines = [torch.arange(n, device=device, dtype=torch.float32) for n in shape]
    grid = torch.stack(torch.meshgrid(*lines, indexing="ij")).unsqueeze(0)
    middle = torch.tensor([[(n - 1) / 2 for n in shape]])
    steps = torch.tensor([spacing])
    positions = _millimetres(grid, middle, steps)
    volume = torch.tensor([math.prod(spacing)])
    rows: dict[str, list[torch.Tensor]] = {"size": [], "centroid": [], "spread": []}
    # Unit by unit: a volume's slices all at once would be its size again in floats.
    for unit in probabilities:
        found = soft_attributes(unit.unsqueeze(0), positions, steps, volume)
        # Sums of whole voxels may miss one by rounding.
        absent = (found.voxels[0] < 0.999).unsqueeze(1)
        rows["size"].append(found.size[0])
        rows["centroid"].append(found.centroid[0].masked_fill(absent, torch.nan))
        rows["spread"].append(found.spread[0].masked_fill(absent, torch.nan))
    return {name: torch.stack(values) for name, values in rows.items()}


def _millimetres(
    positions: torch.Tensor, middle: torch.Tensor, spacing: torch.Tensor
) -> torch.Tensor:
    """(B, d, *patch) voxels from ``middle`` (B, d), times ``spacing`` (B, d)."""
    ones = [1] * (positions.ndim - 2)
    shift = middle.to(positions).reshape(*middle.shape, *ones)
    steps = spacing.to(positions).reshape(*spacing.shape, *ones)
    return (positions - shift) * steps
