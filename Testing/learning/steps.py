"""Steps of training put together by hand: known images, labels, masks and networks."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from SemiWeakSegLib.learning.batches import NO_AUGMENTATION, Augmentation, Batch
from SemiWeakSegLib.learning.spatial import identity
from SemiWeakSegLib.learning.terms import StageContext, Step
from Testing.learning.scans import make_plan

UNLABELED = 255
SPACINGS = {2: (2.0, 1.0), 3: (3.0, 1.0, 0.8)}
"""mm of images and of volumes, no two axes alike."""


def smooth_images(shape: Sequence[int], batch: int = 2, seed: int = 0) -> torch.Tensor:
    """(B, 1, *shape) in (0.1, 0.9)."""
    noise = np.random.default_rng(seed).normal(size=(batch, 1, *shape))
    smooth = ndimage.gaussian_filter(noise, (0, 0, *[1.0] * len(shape)))
    return torch.from_numpy(0.5 + 0.4 * np.tanh(2 * smooth)).float()


def make_context(
    shape: Sequence[int],
    *,
    mirror_axes: Sequence[int] | None = None,
    augmentation: Augmentation = NO_AUGMENTATION,
) -> tuple[StageContext, list[SimpleNamespace]]:
    """What a stage on patches of that shape gives its terms, and the events they emit."""
    axes = list(range(len(shape))) if mirror_axes is None else list(mirror_axes)
    spacing = list(SPACINGS[len(shape)])
    plan = make_plan(len(shape), shape, mirror_axes=axes, spacing=spacing)
    events: list[SimpleNamespace] = []

    def emit(kind: str, **fields: object) -> None:
        events.append(SimpleNamespace(kind=kind, **fields))

    made = StageContext(plan, None, None, torch.device("cpu"), augmentation=augmentation, emit=emit)
    return made, events


def total_gradient(step: Step) -> float:
    """How much gradient the student got, summed over its weights."""
    return sum(float(each.grad.abs().sum()) for each in step.student.parameters())


def make_batch(
    image: torch.Tensor,
    label: torch.Tensor | None = None,
    valid: torch.Tensor | None = None,
    *,
    spacing: Sequence[float] | None = None,
    weak_image: torch.Tensor | None = None,
    looked_at: torch.Tensor | None = None,
) -> Batch:
    """A batch of (B, C, *shape) images; unlabeled and all inside unless told otherwise."""
    size, shape = len(image), tuple(image.shape[2:])
    steps = [1.0] * len(shape) if spacing is None else list(spacing)
    return Batch(
        image=image,
        weak_image=image if weak_image is None else weak_image,
        clean=image,
        label=torch.full((size, *shape), UNLABELED) if label is None else label,
        valid=torch.ones(size, 1, *shape, dtype=torch.bool) if valid is None else valid,
        spacing=torch.tensor(steps).repeat(size, 1),
        window=torch.tensor([0.0, 1.0]).repeat(size, image.shape[1], 1),
        looked_at=looked_at,
        units=[(row, 0) for row in range(size)],
        volume_factor=torch.ones(size),
        voxel_volume=torch.ones(size),
        position=torch.full((size,), 0.5),
        transform=identity(size, len(shape)),
        centres=torch.tensor([(n - 1) / 2 for n in shape]).repeat(size, 1),
    )


def make_step(
    student: nn.Module,
    labeled: Batch | None,
    unlabeled: Batch | None,
    *,
    teacher: nn.Module | None = None,
    seed: int = 0,
) -> Step:
    """A step at the end of a stage; the logits keep their gradients."""
    logits = []
    for batch in (labeled, unlabeled):
        logits.append(None if batch is None else student(batch.image))
        if logits[-1] is not None:
            logits[-1].retain_grad()
    source = torch.Generator().manual_seed(seed)
    return Step(1.0, labeled, unlabeled, *logits, student, teacher, source)


class LinearShares(nn.Module):
    """Two classes with the probabilities ax and 1 - ax of an image x in (0, 1), 0 < a <= 1.

    Its probabilities are linear in the image: interpolating or mixing images does to them what it
    does to the images.
    """

    def __init__(self, factor: float = 0.8):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        share = self.factor * image[:, :1]
        return torch.cat([share, 1 - share], dim=1).log()


class Neighbours(nn.Module):
    """Three classes from each voxel and its neighbours: not equivariant, not linear."""

    def __init__(self, dimensions: int, channels: int = 1, seed: int = 0):
        super().__init__()
        torch.manual_seed(seed)
        kind = nn.Conv2d if dimensions == 2 else nn.Conv3d
        self.convolution = kind(channels, 3, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 3 * self.convolution(image)
