"""Batches of patches, cut and augmented on the device, the same for the same seed and step."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from .intensity import IntensityRanges, perturb
from .patches import Patch, cut_aligned, cut_turned, holding_centre, snap
from .plan import Plan
from .spatial import SpatialRanges, SpatialTransform, identity, sample_transform
from .store import CaseStore


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What happens to a patch: geometry once, then a weak and perhaps a strong intensity view."""

    spatial: SpatialRanges | None
    weak: IntensityRanges | None
    strong: IntensityRanges


STRONG_VIEW = IntensityRanges(
    noise=0.2, brightness=0.4, contrast=(0.5, 1.5), gamma=(0.5, 2.0), probability=0.8, cutout=1
)
NO_AUGMENTATION = Augmentation(None, None, STRONG_VIEW)


def make_augmentation(name: str, plan: Plan) -> Augmentation:
    """The named amount of augmentation (none, light, standard, strong) for a plan."""
    if name == "none":
        return NO_AUGMENTATION
    degrees, zoom, probability = {
        "light": (10.0, (0.9, 1.1), 0.3),
        "standard": (30.0, (0.8, 1.25), 0.5),
        "strong": (45.0, (0.7, 1.4), 0.7),
    }[name]
    elastic = 0.0
    if name == "strong":
        elastic = 0.02 * min(s * n for s, n in zip(plan.spacing, plan.patch_size, strict=True))
    spatial = SpatialRanges(
        rotation_degrees=degrees / (2 if plan.dimensions == 3 else 1),
        rotation_planes=rotation_planes(plan),
        zoom=zoom,
        mirror_axes=tuple(plan.mirror_axes),
        probability=probability,
        elastic_mm=elastic,
    )
    weak = IntensityRanges() if name != "light" else IntensityRanges(probability=0.15)
    return Augmentation(spatial, weak, STRONG_VIEW)


def rotation_planes(plan: Plan) -> tuple[tuple[int, int], ...]:
    """Pairs of axes that patches may be turned in: of volumes with thick slices, one."""
    if plan.dimensions == 2:
        return ((0, 1),)
    if max(plan.spacing) < 2 * min(plan.spacing):
        return ((0, 1), (0, 2), (1, 2))
    first, second = (axis for axis in range(3) if axis != int(np.argmax(plan.spacing)))
    return ((first, second),)


@dataclasses.dataclass
class Batch:
    """Patches of one step, all on the training device.

    image: (B, C, *patch), the view the student sees; weak_image: the weakly perturbed view
    (the same tensor where no strong view was asked for); clean: unperturbed.
    label: (B, *patch) int64 with 255; valid: (B, 1, *patch) bool, False outside the image.
    spacing: (B, d) mm of patch voxels, on the CPU; window: (B, C, 2) values of ``clean`` that
    stand for intensity 0 and 1; looked_at: (B, K) bool, None where all classes were looked at.
    units: per sample (case index, unit); volume_factor: (B,) input voxels per patch voxel;
    voxel_volume: (B,) mm³ (mm² for 2-D plans) of an input voxel, both on the CPU; position: (B,)
    relative position of the unit in its volume, in [0, 1]; transform: how the patches were
    turned, on the CPU; centres: (B, d) voxel of the case that the patch's middle reads, on the CPU.
    """

    image: torch.Tensor
    weak_image: torch.Tensor
    clean: torch.Tensor
    label: torch.Tensor
    valid: torch.Tensor
    spacing: torch.Tensor
    window: torch.Tensor
    looked_at: torch.Tensor | None
    units: list[tuple[int, int]]
    volume_factor: torch.Tensor
    voxel_volume: torch.Tensor
    position: torch.Tensor
    transform: SpatialTransform
    centres: torch.Tensor

    def __len__(self) -> int:
        return len(self.image)

    def unit_intensity(self) -> torch.Tensor:
        """The unperturbed image in [0, 1] by its own percentiles, (B, C, *patch)."""
        shape = (*self.window.shape[:2], *([1] * (self.clean.ndim - 2)))
        low, high = self.window[..., 0].reshape(shape), self.window[..., 1].reshape(shape)
        return ((self.clean - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)

    def positions(self) -> torch.Tensor:
        """(B, d, *patch): where each patch voxel reads its case, in voxels of the case's grid."""
        device = self.image.device
        planes = self.transform.to(device).planes(tuple(self.image.shape[2:]))
        middle = [1] * (self.image.ndim - 2)
        centres = self.centres.to(device).reshape(*self.centres.shape, *middle)
        return torch.stack(planes, dim=1) + centres


@dataclasses.dataclass(frozen=True)
class _Pick:
    """A case, one of its units, the patch centre in voxels and a voxel that must be seen."""

    case: int
    unit: int
    centre: list[float]
    voxel: list[float] | None


class PatchSampler:
    """Draws batches from some cases of a store.

    annotated: centre patches on annotated voxels, every class of a case with equal chance
    (a patch with nothing annotated teaches nothing); the voxel stays in the patch however it is
    turned. For plans on whole images the patch is centred on the image; slices are then drawn
    from those that carry annotation.
    """

    def __init__(
        self,
        store: CaseStore,
        cases: list[int],
        size: int,
        augmentation: Augmentation,
        *,
        annotated: bool,
        strong_view: bool = False,
    ):
        if not cases:
            raise ValueError("a batch needs at least one case to draw from")
        if annotated:
            for case in cases:
                if not store.annotated(case):
                    raise ValueError(
                        f"case {store.cases[case].id}: has no annotated voxel or box to centre "
                        "patches on"
                    )
        self.store = store
        self.cases = cases
        self.size = size
        self.augmentation = augmentation
        self.annotated = annotated
        self.strong_view = strong_view

    def draw(self, generator: torch.Generator) -> Batch:
        """One batch; ``generator`` (CPU) decides everything in it."""
        plan, store = self.store.plan, self.store
        picks = [self._pick(generator) for _ in range(self.size)]
        entries = [store.entries[pick.case] for pick in picks]
        spacing = torch.tensor([entry.spacing for entry in entries])
        if self.augmentation.spatial is None:
            transform = identity(self.size, plan.dimensions)
        else:
            transform = sample_transform(self.augmentation.spatial, spacing, generator)
        device = store.device
        moved = transform.to(device)
        reaches = transform.reach(tuple(plan.patch_size)).tolist()
        crops = [
            self._cut(pick, transform.row(row), moved.row(row), reaches[row])
            for row, pick in enumerate(picks)
        ]
        parts, centres = zip(*crops, strict=True)
        clean, label, valid = (torch.stack(each) for each in zip(*parts, strict=True))
        weak = clean
        if self.augmentation.weak is not None:
            weak = perturb(clean, self.augmentation.weak, generator)
        image = perturb(clean, self.augmentation.strong, generator) if self.strong_view else weak
        seen = [store.looked_at(pick.case) for pick in picks]
        columns = torch.linalg.norm(transform.matrix * spacing[:, :, None], dim=1)
        return Batch(
            image=image,
            weak_image=weak,
            clean=clean,
            label=label.long(),
            valid=valid,
            spacing=columns,
            window=torch.tensor([entry.window for entry in entries], device=device),
            looked_at=None if all(map(all, seen)) else torch.tensor(seen, device=device),
            units=[(pick.case, pick.unit) for pick in picks],
            volume_factor=transform.volume_factor,
            voxel_volume=spacing.prod(dim=1),
            position=torch.tensor(
                [
                    relative_position(pick.unit, entry.shape[1])
                    for pick, entry in zip(picks, entries, strict=True)
                ],
                device=device,
            ),
            transform=transform,
            centres=torch.tensor(centres),
        )

    def _pick(self, generator: torch.Generator) -> _Pick:
        plan = self.store.plan
        case = self.cases[_random(len(self.cases), generator)]
        entry = self.store.entries[case]
        units, shape = entry.shape[1], entry.shape[2:]
        held = None
        if self.annotated:
            by_class = self.store.arrays(case).centres_by_class
            rows = by_class[_random(len(by_class), generator)]
            row = rows[_random(len(rows), generator)]
            unit, voxel = int(row[1]), [float(value) for value in row[2:]]
            held = voxel
        else:
            unit = _random(units, generator)
            voxel = [float(_random(n, generator)) for n in shape]
        if plan.whole:
            voxel = [(n - 1) / 2 for n in shape]
        centre = [
            snap(position, n, edge)
            for position, n, edge in zip(voxel, shape, plan.patch_size, strict=True)
        ]
        return _Pick(case, unit, centre, held)

    def _cut(
        self, pick: _Pick, transform: SpatialTransform, moved: SpatialTransform, reach: list[float]
    ) -> tuple[Patch, list[float]]:
        """The patch and its centre; ``moved``: the transform on the store's device."""
        arrays, device = self.store.arrays(pick.case), self.store.device
        patch = tuple(self.store.plan.patch_size)
        if transform.is_axis_aligned(0):
            signs = transform.matrix[0].diagonal().tolist()
            mirrored = [axis for axis, sign in enumerate(signs) if sign < 0]
            return cut_aligned(arrays, pick.unit, pick.centre, patch, mirrored, device), pick.centre
        centre = pick.centre
        if pick.voxel is not None:
            centre = holding_centre(pick.voxel, centre, patch, transform)
        cut = cut_turned(arrays, pick.unit, centre, patch, moved, reach, device)
        return cut, centre


def relative_position(unit: int, units: int) -> float:
    """Where a slice lies in its volume, 0 to 1; 0.5 for single ones."""
    return 0.5 if units == 1 else unit / (units - 1)


def _random(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))
