"""Pseudo-labels: what a teacher says of voxels nobody annotated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ..cohort import UNLABELED
from ..methods.pseudo_label_terms import Confidence
from .short_floats import autocast

Teacher = Callable[[torch.Tensor], torch.Tensor]
"""A network, or any other function from images (B, C, *patch) to logits (B, K, *patch)."""

# Voxels of a batch that thresholds of classes are measured on.
SAMPLE = 32768
# What is kept of a class's threshold when new voxels of it are seen.
MEMORY = 0.9


class PseudoLabeler:
    """``pseudo_labeler(teacher, image) -> (labels, mask)``: which predictions become labels.

    labels: (B, *patch) int64, **255 where the teacher is unsure**: unknown, never background;
    mask: (B, *patch) bool, True where there is a label. ``counted`` (B, *patch) bool: the voxels
    that need a label, where a labeler measures how sure the teacher is; None: all. No gradient
    passes, and the device is not waited for.

    In a training, `at` is called before a step's first labels and `end_step` after its last.
    """

    @torch.no_grad()
    def __call__(
        self, teacher: Teacher, image: torch.Tensor, counted: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with autocast(image.device):
            logits = teacher(image)
        probabilities = logits.float().softmax(dim=1)
        self.watch(probabilities, counted)
        return self.select(probabilities)

    def select(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels and mask from probabilities (B, K, *patch) that are already there."""
        raise NotImplementedError

    def start(
        self,
        num_classes: int,
        device: torch.device,
        average: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor,
    ) -> None:
        """Called once; ``average`` gives the mean of a tensor over the training processes."""

    def at(self, progress: float) -> None:
        """Says how far the stage is, t in [0, 1]."""

    def watch(self, probabilities: torch.Tensor, counted: torch.Tensor | None = None) -> None:
        """Measures how sure a teacher is that gave these probabilities (B, K, *patch)."""

    def end_step(self) -> None:
        """Remembers what this step measured; all processes must call it."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of ``state_dict``."""


def threshold_labels(
    probabilities: torch.Tensor, threshold: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """argmax_k s_k where max_k s_k ≥ threshold, 255 elsewhere, and that mask (Lee 2013)."""
    confidence, labels = probabilities.max(dim=1)
    mask = confidence >= threshold
    return labels.masked_fill(~mask, UNLABELED), mask


class ThresholdLabeler(PseudoLabeler):
    """The most probable class where its probability reaches one threshold for all classes."""

    def __init__(self, threshold: float):
        self.threshold = threshold

    def select(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return threshold_labels(probabilities, self.threshold)


class ClassBalancedLabeler(PseudoLabeler):
    """The surest share p of every class: argmax_k s_k / c_k where that is ≥ 1, else 255.

    c_k is the probability that the share p of the voxels predicted as k reach, so that a class
    whose predictions are never very sure gets labels too; p goes from ``portion_start`` to
    ``portion_end`` over the stage. c_k is a moving average over steps, each weighted by its voxels
    of class k, the present one included; 1 for a class not predicted so far. Each step measures it
    on a sample of voxels, and all processes together. Source: Zou et al., CBST, ECCV 2018, eq. 7.
    """

    def __init__(self, portion_start: float, portion_end: float):
        self.portions = (portion_start, portion_end)
        self.portion = portion_start

    def start(
        self,
        num_classes: int,
        device: torch.device,
        average: Callable[[torch.Tensor], torch.Tensor] = lambda tensor: tensor,
    ) -> None:
        self.average = average
        # Rows: sum of weight · c_k, sum of weights; of former steps and of this one.
        self.kept = torch.zeros(2, num_classes, device=device)
        self.fresh = torch.zeros(2, num_classes, device=device)

    def at(self, progress: float) -> None:
        low, high = self.portions
        self.portion = low + (high - low) * min(progress, 1.0)

    @torch.no_grad()
    def watch(self, probabilities: torch.Tensor, counted: torch.Tensor | None = None) -> None:
        confidence, predicted = probabilities.max(dim=1)
        classes = torch.arange(probabilities.shape[1], device=probabilities.device)
        if counted is not None:
            predicted = predicted.masked_fill(~counted, len(classes))
        places = spread_places(confidence.numel(), SAMPLE, confidence.device)
        confidence = confidence.reshape(-1)[places]
        is_class = predicted.reshape(-1)[places] == classes[:, None]
        ordered = torch.where(is_class, confidence, -1.0).sort(dim=1, descending=True).values
        counts = is_class.sum(dim=1)
        rank = (self.portion * counts).round().long().clamp(min=1) - 1
        reached = ordered.gather(1, rank[:, None])[:, 0]
        weight = counts / len(confidence)
        self.fresh += torch.stack([weight * reached, weight]).to(self.fresh)

    def thresholds(self) -> torch.Tensor:
        """(K,) c_k as they are now."""
        total, weight = _moved(self.kept, self.fresh)
        return torch.where(weight > 0, total / weight, 1.0)

    @torch.no_grad()
    def select(self, probabilities: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        needed = self.thresholds().to(probabilities)
        ratio = probabilities / needed.reshape(1, -1, *([1] * (probabilities.ndim - 2)))
        return threshold_labels(ratio, 1.0)

    def end_step(self) -> None:
        self.kept = _moved(self.kept, self.average(self.fresh))
        self.fresh = torch.zeros_like(self.fresh)

    def state_dict(self) -> dict[str, Any]:
        return {"thresholds": self.kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.kept = state["thresholds"].to(self.kept)


def _moved(kept: torch.Tensor, fresh: torch.Tensor) -> torch.Tensor:
    """The sums with a step's added; a class that the step did not show stays as it was."""
    return torch.where(fresh[1] > 0, MEMORY * kept + fresh, kept)


def spread_places(count: int, limit: int, device: torch.device) -> torch.Tensor:
    """At most ``limit`` of the places 0 ... count - 1, spread evenly, each at most once.

    Multiples of a step near the golden section of ``count``: unlike every n-th voxel they do not
    fall on the same columns of an image, and no random numbers are drawn.
    """
    step = max(1, round(count * 0.6180339887))
    while math.gcd(step, count) != 1:
        step += 1
    return torch.arange(min(count, limit), device=device) * step % count


def make_labeler(settings: Confidence) -> PseudoLabeler:
    """The labeler that settings ask for."""
    if settings.selection == "class_balanced":
        return ClassBalancedLabeler(settings.portion_start, settings.portion_end)
    return ThresholdLabeler(settings.threshold)
