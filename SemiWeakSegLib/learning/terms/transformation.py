"""Transformation consistency: T f(x) and f(T x) agree."""

from __future__ import annotations

import torch

from ...methods.consistency_terms import TransformationTerm as TransformationSettings
from ..batches import rotation_planes
from ..losses.consistency import kl_divergence, squared_difference
from ..replay import replay, sample_flips
from ..spatial import SpatialRanges, SpatialTransform, sample_transform
from .base import StageContext, Step, Term

# A voxel counts where all it was interpolated from lay inside the image.
INSIDE = 0.999


class TransformationTerm(Term):
    """Distance of T f(x) and f(T x) over voxels that T does not bring in from outside.

    T is drawn once per step and sample, and replayed on image, probabilities and ``valid`` in one
    go; labels are never warped. Gradients flow into both sides or into f(T x) alone; with an EMA
    teacher, T f(x) is the teacher's. What T brings in looks like what lies outside an image.
    """

    name = "transformation"
    uses_unlabeled = True

    def __init__(self, settings: TransformationSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings
        self.teacher = None if settings.teacher == "own" else settings.teacher
        self.reads_unlabeled = self.teacher is None and settings.gradient == "both"
        self.kind = settings.transform
        self.axes: tuple[int, ...] = ()
        self.ranges = SpatialRanges()

    def start(self, context: StageContext) -> None:
        plan, settings = context.plan, self.settings
        self.axes = tuple(plan.mirror_axes)
        if settings.flip_axes == "all":
            self.axes = tuple(range(plan.dimensions))
        self.kind = settings.transform
        if self.kind == "flips" and not self.axes:
            self.kind = "affine"
            still = settings.rotation_degrees == 0 and settings.zoom == 1
            instead = "turns and zooms instead of mirroring"
            context.emit(
                "warning",
                message=(
                    f"transformation consistency {'does nothing' if still else instead}: these "
                    "images know left from right, so the plan line mirror_axes is empty; to mirror "
                    "them all the same, set flip_axes=all or --plan mirror_axes=0,1"
                ),
            )
        turns, bends = self.kind in ("affine", "all"), self.kind in ("elastic", "all")
        edge = min(s * n for s, n in zip(plan.spacing, plan.patch_size, strict=True))
        self.ranges = SpatialRanges(
            rotation_degrees=settings.rotation_degrees if turns else 0.0,
            rotation_planes=rotation_planes(plan),
            zoom=(1 / settings.zoom, settings.zoom) if turns else (1.0, 1.0),
            mirror_axes=self.axes if self.kind == "all" else (),
            probability=1.0,
            elastic_mm=settings.elastic * edge if bends else 0.0,
        )

    def __call__(self, step: Step) -> torch.Tensor:
        halves = step.halves(self.settings.on)
        if not halves:
            return step.zero()
        image = torch.cat([batch.image for batch, _ in halves])
        valid = torch.cat([batch.valid for batch, _ in halves])
        shares = self._target(step).softmax(dim=1)
        transform = self.draw(torch.cat([batch.spacing for batch, _ in halves]), step.generator)

        together = torch.cat([image, shares, valid.to(image.dtype)], dim=1)
        moved, inside = replay(transform, together)
        channels = [image.shape[1], shares.shape[1], 1]
        moved_image, moved_shares, moved_valid = moved.split(channels, dim=1)
        mask = (inside & (moved_valid > INSIDE))[:, 0]
        floor = image.amin(dim=tuple(range(2, image.ndim)), keepdim=True)
        logits = step.ask_student(torch.where(inside, moved_image, floor))
        if self.settings.distance == "l2":
            return squared_difference(moved_shares, logits.softmax(dim=1), mask)
        # The clamp keeps the logarithm finite where the transform left nothing.
        logarithms = moved_shares.clamp_min(torch.finfo(moved_shares.dtype).tiny).log()
        return kl_divergence(logarithms, logits, mask)

    def _target(self, step: Step) -> torch.Tensor:
        """Logits of f(x), with the gradient that the settings want."""
        halves = step.halves(self.settings.on)
        if self.teacher is not None:
            return torch.cat([step.teacher_logits(batch) for batch, _ in halves])
        if self.settings.gradient == "both":
            return torch.cat([logits for _, logits in halves])
        with torch.no_grad():
            found = [step.ask_student(batch.image) if old is None else old for batch, old in halves]
            return torch.cat(found).detach()

    def draw(self, spacing: torch.Tensor, generator: torch.Generator) -> SpatialTransform:
        """One transform per row of ``spacing`` (B, d) in mm, on the CPU."""
        if self.kind == "flips":
            return sample_flips(self.axes, *spacing.shape, generator)
        return sample_transform(self.ranges, spacing, generator)
