"""Weak-to-strong consistency on images that carry boxes of one another."""

from __future__ import annotations

import dataclasses

import torch

from ...cohort import UNLABELED
from ...methods.terms import CutMixTerm as CutMixSettings
from ..batches import Batch
from ..intensity import perturb
from ..losses.partial import partial_cross_entropy, partial_dice_loss
from .base import Step
from .pseudo_label import LabelingTerm


@dataclasses.dataclass
class Views:
    """Patches to mix: image (B, C, *patch), label (B, *patch) with 255, valid (B, *patch)."""

    image: torch.Tensor
    label: torch.Tensor
    valid: torch.Tensor

    def __len__(self) -> int:
        return len(self.image)

    def joined(self, other: Views) -> Views:
        """These samples, then the others."""
        return Views(
            torch.cat([self.image, other.image]),
            torch.cat([self.label, other.label]),
            torch.cat([self.valid, other.valid]),
        )

    def paste(self, donors: Views, boxes: torch.Tensor) -> Views:
        """Image, label and validity of the donors where boxes (B, *patch) are True."""
        return Views(
            torch.where(boxes[:, None], donors.image, self.image),
            torch.where(boxes, donors.label, self.label),
            torch.where(boxes, donors.valid, self.valid),
        )

    def turned(self, places: int) -> Views:
        """Sample i is what sample i - places was, in a ring."""
        return Views(*(each.roll(places, 0) for each in (self.image, self.label, self.valid)))

    def shifted(self) -> Views:
        """Every patch moved by half its size along every axis, in a ring."""
        axes = tuple(range(-(self.label.ndim - 1), 0))
        halves = tuple(self.label.shape[axis] // 2 for axis in axes)
        return Views(*(each.roll(halves, axes) for each in (self.image, self.label, self.valid)))


class CutMixTerm(LabelingTerm):
    """Loss of the student on mixed strong views against labels from weak views, mixed alike.

    A voxel's label is its annotation where there is one, else the teacher's confident prediction
    on the weak view, else 255. Every sample receives a box of another sample of the step; a single
    unlabeled patch one of an annotated patch, and a patch alone one of its own other end.
    Cross-entropy is divided by all voxels inside images (so it is weak while few are confident),
    Dice is that of the voxels with labels. Source: French et al. 2020; Sohn et al. 2020; Yang et
    al. 2023.
    """

    name = "cutmix"
    reads_labels = True
    # What the student learns from are passes on mixed images.
    reads_unlabeled = False

    settings: CutMixSettings

    def __init__(self, settings: CutMixSettings, weight: float):
        super().__init__(settings, weight)

    def __call__(self, step: Step) -> torch.Tensor:
        self.labeler.at(step.progress)
        halves = [self._views(step, *half) for half in step.halves(self.settings.on)]
        if not halves:
            return step.zero()
        views = halves[0] if len(halves) == 1 else halves[0].joined(halves[1])
        donors = self._donors(step, views)
        boxes = random_boxes(
            len(views),
            tuple(views.label.shape[1:]),
            (self.settings.smallest_box, self.settings.largest_box),
            step.generator,
            views.label.device,
        )
        mixed = views.paste(donors, boxes)
        return self._loss(step.ask_student(mixed.image), mixed)

    def _views(self, step: Step, batch: Batch, logits: torch.Tensor | None) -> Views:
        image, label, valid = batch.weak_image, batch.label, batch.valid[:, 0]
        if self.settings.strong_view:
            image = perturb(batch.clean, self.strong, step.generator)
        if batch.looked_at is not None or not self.is_dense(step, batch):
            unknown = valid & ((label == UNLABELED) | open_background(batch))
            predicted = without_seen(self.predict(step, batch, logits, unknown), batch)
            label = torch.where(unknown, predicted, label)
        return Views(image, label, valid)

    def _donors(self, step: Step, views: Views) -> Views:
        """For each sample the one it receives a box of."""
        if len(views) > 1:
            places = 1 + int(torch.randint(len(views) - 1, (1,), generator=step.generator))
            return views.turned(places)
        if self.settings.on == "unlabeled_cases" and step.labeled is not None:
            labeled = self._views(step, step.labeled, step.labeled_logits)
            return Views(labeled.image[:1], labeled.label[:1], labeled.valid[:1])
        return views.shifted()

    def _loss(self, logits: torch.Tensor, mixed: Views) -> torch.Tensor:
        values = []
        if self.settings.loss != "dice":
            share = (mixed.label != UNLABELED).sum() / mixed.valid.sum().clamp(min=1)
            values.append(partial_cross_entropy(logits, mixed.label) * share)
        if self.settings.loss != "cross_entropy":
            values.append(partial_dice_loss(logits, mixed.label))
        return sum(values) / len(values)


def random_boxes(
    count: int,
    shape: tuple[int, ...],
    shares: tuple[float, float],
    generator: torch.Generator,
    device: torch.device,
) -> torch.Tensor:
    """(count, *shape) bool, True in one box per sample that takes a share a of it.

    a is uniform between ``shares``; edge i is a^(w_i) of its axis with w uniform among positive
    numbers of sum 1, so boxes take all proportions that fit (French et al. 2020, in d dimensions).
    ``generator``: on the CPU.
    """
    boxes = torch.zeros(count, *shape, dtype=torch.bool, device=device)
    low, high = shares
    for index in range(count):
        share = low + (high - low) * float(torch.rand(1, generator=generator))
        cuts = torch.rand(len(shape) - 1, generator=generator).sort().values.tolist()
        bounds = [0.0, *cuts, 1.0]
        box = []
        for axis, size in enumerate(shape):
            edge = round(size * share ** (bounds[axis + 1] - bounds[axis]))
            start = int(torch.randint(size - edge + 1, (1,), generator=generator))
            box.append(slice(start, start + edge))
        boxes[(index, *box)] = True
    return boxes


def open_background(batch: Batch) -> torch.Tensor:
    """(B, *patch): annotated background that may be a class which nobody looked at."""
    background = batch.label == 0
    if batch.looked_at is None:
        return torch.zeros_like(background)
    partly = ~batch.looked_at[:, 1:].all(dim=1)
    return background & partly.reshape(-1, *([1] * (background.ndim - 1)))


def without_seen(predicted: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Pseudo-labels without those that an annotation of background rules out.

    255 where the annotator looked for the predicted class and said that it is not there.
    """
    if batch.looked_at is None:
        return predicted
    foreground = batch.looked_at.clone()
    foreground[:, 0] = False
    # 255 has no column; background's serves, since neither is ruled out.
    column = predicted.masked_fill(predicted == UNLABELED, 0).flatten(1)
    ruled_out = foreground.gather(1, column).reshape(predicted.shape) & (batch.label == 0)
    return predicted.masked_fill(ruled_out, UNLABELED)
