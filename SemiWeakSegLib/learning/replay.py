"""One transform replayed on everything that belongs to a batch, exactly where it only mirrors."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .spatial import SpatialTransform, identity


def sample_flips(
    axes: Sequence[int], batch: int, dimensions: int, generator: torch.Generator
) -> SpatialTransform:
    """Mirrors each sample along some of ``axes``, at least one; all such choices alike likely."""
    if not axes:
        raise ValueError("mirroring needs at least one axis")
    chosen = torch.randint(1, 2 ** len(axes), (batch,), generator=generator)
    matrix = identity(batch, dimensions).matrix
    for place, axis in enumerate(axes):
        matrix[:, axis, axis] = 1.0 - 2.0 * ((chosen >> place) & 1)
    return SpatialTransform(matrix)


def replay(transform: SpatialTransform, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The transformed batch (B, C, *shape) and ``valid`` (B, 1, *shape), as `apply` gives them.

    ``transform`` lies on the CPU. Where it only mirrors, voxels are moved and nothing is
    interpolated. Differentiable in ``values``; what comes from outside is 0.
    """
    if not all(transform.is_axis_aligned(row) for row in range(len(values))):
        return transform.to(values.device).apply(values)
    signs = transform.matrix.diagonal(dim1=1, dim2=2).tolist()
    mirrored = [
        row.flip([axis + 1 for axis, sign in enumerate(each) if sign < 0])
        for row, each in zip(values, signs, strict=True)
    ]
    return torch.stack(mirrored), torch.ones_like(values[:, :1], dtype=torch.bool)
