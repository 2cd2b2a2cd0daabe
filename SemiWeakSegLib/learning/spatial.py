"""Spatial transforms sampled once as an object and replayed on anything."""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as functional


@dataclasses.dataclass(frozen=True)
class SpatialRanges:
    """How far a sampled transform may go; probabilities are per sample.

    rotation_degrees: about each axis listed in ``rotation_planes`` (pairs of spatial axes).
    zoom: object size factors. elastic_mm: standard deviation of the displacement of the control
    points, ``control_points`` of them along every axis.
    """

    rotation_degrees: float = 30.0
    rotation_planes: tuple[tuple[int, int], ...] = ((0, 1),)
    zoom: tuple[float, float] = (0.8, 1.25)
    mirror_axes: tuple[int, ...] = ()
    probability: float = 0.5
    elastic_mm: float = 0.0
    control_points: int = 5


@dataclasses.dataclass(frozen=True)
class SpatialTransform:
    """A batch of spatial transforms: where each output voxel reads from.

    matrix: (B, d, d), output voxel offset from the centre -> input voxel offset from the centre.
    displacement: None or (B, d, *control points), input voxels, interpolated linearly.
    Replayed on images, label maps and probability maps alike with the same result; ``valid``
    masks say which output voxels came from inside the input.
    """

    matrix: torch.Tensor
    displacement: torch.Tensor | None = None

    @property
    def dimensions(self) -> int:
        """2 or 3."""
        return self.matrix.shape[-1]

    @property
    def volume_factor(self) -> torch.Tensor:
        """(B,) input voxels per output voxel: an object of V voxels fills V / factor of them."""
        return torch.linalg.det(self.matrix.double()).abs().to(self.matrix.dtype)

    def to(self, device: torch.device) -> SpatialTransform:
        """The same transform on another device."""
        moved = None if self.displacement is None else self.displacement.to(device)
        return SpatialTransform(self.matrix.to(device), moved)

    def row(self, index: int) -> SpatialTransform:
        """The transform of one sample."""
        kept = slice(index, index + 1)
        moved = None if self.displacement is None else self.displacement[kept]
        return SpatialTransform(self.matrix[kept], moved)

    def is_axis_aligned(self, index: int) -> bool:
        """True where the sample is only mirrored: no interpolation is needed."""
        matrix = self.matrix[index]
        unit = torch.eye(len(matrix), device=matrix.device, dtype=matrix.dtype)
        return self.displacement is None and bool((matrix.abs() == unit).all())

    def reach(self, shape: tuple[int, ...]) -> torch.Tensor:
        """(B, d) farthest that an output of that shape reads from the centre, in input voxels."""
        halves = torch.tensor([(n - 1) / 2 for n in shape], device=self.matrix.device)
        reach = (self.matrix.abs() * halves).sum(dim=2)
        if self.displacement is not None:
            reach = reach + self.displacement.abs().flatten(2).amax(dim=2)
        return reach

    def planes(self, shape: tuple[int, ...]) -> list[torch.Tensor]:
        """`offsets`, one (B, *shape) tensor per input axis."""
        device, kind = self.matrix.device, self.matrix.dtype
        batch, dims = len(self.matrix), len(shape)
        axes = []
        for place, n in enumerate(shape):
            axis = torch.arange(n, device=device, dtype=kind) - (n - 1) / 2
            axes.append(axis.reshape([1] + [n if each == place else 1 for each in range(dims)]))
        # Sums of lines broadcast against each other: cheaper than a matrix product per voxel.
        planes = [
            sum(
                self.matrix[:, row, column].reshape(batch, *[1] * dims) * axes[column]
                for column in range(dims)
            )
            for row in range(dims)
        ]
        if self.displacement is not None:
            mode = "trilinear" if dims == 3 else "bilinear"
            field = functional.interpolate(
                self.displacement, size=shape, mode=mode, align_corners=True
            )
            planes = [plane + field[:, row] for row, plane in enumerate(planes)]
        return planes

    def offset_at(self, index: list[int], shape: tuple[int, ...]) -> list[float]:
        """What the first sample's `planes` hold at one output voxel, without making them."""
        place = [position - (n - 1) / 2 for position, n in zip(index, shape, strict=True)]
        terms = self.matrix[0] * torch.tensor(place, dtype=self.matrix.dtype)
        # Column by column, as `planes` adds them.
        offsets = sum(terms[:, column] for column in range(len(shape)))
        if self.displacement is not None:
            points = self.displacement.shape[2:]
            where = torch.tensor(
                [i * (k - 1) / max(n - 1, 1) for i, k, n in zip(index, points, shape, strict=True)]
            )
            field, _ = sample_at(
                self.displacement[:1],
                where.reshape(1, *[1] * len(shape), len(shape)),
                nearest=False,
                outside=0.0,
            )
            offsets = offsets + field.flatten()
        return offsets.tolist()

    def offsets(self, shape: tuple[int, ...]) -> torch.Tensor:
        """(B, *shape, d) input voxel offsets from the centre, for an output of that shape."""
        return torch.stack(self.planes(shape), dim=-1)

    def apply(
        self, values: torch.Tensor, *, nearest: bool = False, outside: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Replays the transform on a batch (B, C, *shape) about its centre.

        Returns the transformed batch and ``valid`` (B, 1, *shape) bool, False where the voxel
        came from outside. Differentiable in ``values`` unless ``nearest``.
        """
        shape = tuple(values.shape[2:])
        centre = torch.tensor(
            [(n - 1) / 2 for n in shape], device=values.device, dtype=self.matrix.dtype
        )
        return sample_at(values, self.offsets(shape) + centre, nearest=nearest, outside=outside)


def sample_at(
    values: torch.Tensor, positions: torch.Tensor, *, nearest: bool, outside: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Reads (B, C, *in) at voxel positions (B, *out, d); outside the grid gives ``outside``.

    Returns samples (B, C, *out) and valid (B, 1, *out). Half a voxel around the grid counts as
    inside, as those places still belong to the outermost voxels.
    """
    shape = values.shape[2:]
    # Half precision would misplace what it reads by up to a voxel, and labels are integers.
    kind = values.dtype if values.dtype in (torch.float32, torch.float64) else torch.float32
    last = torch.tensor([n - 1 for n in shape], device=positions.device, dtype=positions.dtype)
    valid = ((positions >= -0.5) & (positions <= last + 0.5)).all(dim=-1)[:, None]
    scaled = positions * (2.0 / last.clamp(min=1)) - 1.0
    # grid_sample wants the fastest axis first.
    samples = functional.grid_sample(
        values.to(kind),
        scaled.flip(-1).to(kind),
        mode="nearest" if nearest else "bilinear",
        padding_mode="border",
        align_corners=True,
    )
    return samples.to(values.dtype).masked_fill(~valid, outside), valid


def sample_planes(values: torch.Tensor, planes: list[torch.Tensor]) -> torch.Tensor:
    """(C, *in) float32 read linearly at voxel positions, one tensor (*out) per axis -> (C, *out).

    Beyond the outermost voxel centres the nearest value goes on.
    """
    grid = torch.empty(*planes[0].shape, len(planes), device=values.device)
    for axis, (plane, n) in enumerate(zip(planes, values.shape[1:], strict=True)):
        # grid_sample wants the fastest axis first.
        torch.sub(plane * (2.0 / max(n - 1, 1)), 1.0, out=grid[..., len(planes) - 1 - axis])
    return functional.grid_sample(
        values[None], grid[None], mode="bilinear", padding_mode="border", align_corners=True
    )[0]


def identity(batch: int, dimensions: int) -> SpatialTransform:
    """Transforms that change nothing."""
    return SpatialTransform(torch.eye(dimensions).repeat(batch, 1, 1))


def sample_transform(
    ranges: SpatialRanges, spacing: torch.Tensor, generator: torch.Generator
) -> SpatialTransform:
    """Draws one transform per row of ``spacing`` (B, d) in mm.

    Rotation and zoom act in physical space, so anisotropic voxels are not sheared.
    """
    batch, dimensions = spacing.shape

    def uniform(low: float, high: float, count: int = batch) -> torch.Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    turned = torch.rand(batch, generator=generator) < ranges.probability
    physical = torch.eye(dimensions).repeat(batch, 1, 1)
    for first, second in ranges.rotation_planes:
        angle = uniform(-1, 1) * math.radians(ranges.rotation_degrees) * turned
        turn = torch.eye(dimensions).repeat(batch, 1, 1)
        turn[:, first, first] = turn[:, second, second] = angle.cos()
        turn[:, first, second], turn[:, second, first] = -angle.sin(), angle.sin()
        physical = physical @ turn
    zoomed = torch.rand(batch, generator=generator) < ranges.probability
    logs = uniform(math.log(ranges.zoom[0]), math.log(ranges.zoom[1])) * zoomed
    physical = physical * torch.exp(-logs)[:, None, None]
    spacing = spacing.float()
    matrix = physical * spacing[:, None, :] / spacing[:, :, None]
    for axis in ranges.mirror_axes:
        sign = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
        matrix[:, :, axis] *= sign[:, None]
    displacement = None
    if ranges.elastic_mm > 0:
        points = (ranges.control_points,) * dimensions
        noise = torch.randn(batch, dimensions, *points, generator=generator)
        scale = ranges.elastic_mm / spacing
        displacement = noise * scale.reshape(batch, dimensions, *([1] * dimensions))
    return SpatialTransform(matrix, displacement)
