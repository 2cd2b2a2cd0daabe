"""What a tight box says of the object in it: something in every strip, and how much in all."""

from __future__ import annotations

import numpy as np
import torch

from ...methods.terms import BoxTerm as BoxSettings
from ..batches import Batch
from ..boxes_in_patches import BoxInPatch, boxes_in_patch, is_flat, strip_count
from ..knowledge import PlannedBox
from ..losses.boxes import box_share, strip_shares
from ..losses.size import size_penalty
from .base import StageContext, Step, Term

# Automatic strips: as many as this across a box.
AUTOMATIC_STRIPS = 10
# An axis of a box belongs to the slice where at least this part of it lies there.
IN_PLANE = 0.7


class BoxTerm(Term):
    """Tightness and size fraction of the boxes that reach into the patches (Kervadec et al. 2020).

    Only what a patch shows whole is bounded: strips that lie in the image and in the patch, boxes
    whose part in the image lies in the patch. The size a case or class states (``Case.sizes``,
    ``SegmentClass.size_bounds``) stands before the usual shares of a box.
    """

    name = "boxes"

    def __init__(self, settings: BoxSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def start(self, context: StageContext) -> None:
        self.store = context.store
        self.usual = self.settings.size_shares(context.plan.dimensions)
        self.sizes = {
            each.index: each.size_bounds for each in context.classes if each.size_bounds is not None
        }

    def __call__(self, step: Step) -> torch.Tensor:
        if step.labeled is None:
            return step.zero()
        batch, knowledge = step.labeled, self.store.knowledge
        rows = [
            (row, knowledge[case])
            for row, (case, _) in enumerate(batch.units)
            if case in knowledge and knowledge[case].boxes
        ]
        if not rows:
            return step.zero()
        strips, sizes = _Bounded(), _Bounded()
        for row, known in rows:
            for found in boxes_in_patch(batch, row, known):
                logits = step.labeled_logits[(row, slice(None), *found.region)]
                foreground = logits.softmax(dim=0)[found.box.class_index]
                self._bound(found, foreground, batch, strips, sizes)
        settings = self.settings
        value = step.zero()
        if settings.tightness_weight > 0:
            value = value + settings.tightness_weight * strips.penalty(settings.penalty, value)
        if settings.size_weight > 0:
            value = value + settings.size_weight * sizes.penalty(settings.penalty, value)
        return value

    def _bound(
        self,
        found: BoxInPatch,
        foreground: torch.Tensor,
        batch: Batch,
        strips: _Bounded,
        sizes: _Bounded,
    ) -> None:
        settings, box, view = self.settings, found.box, found.view
        case = batch.units[view.row][0]
        shape = self.store.entries[case].shape
        # Of a box that sticks out of the image, its part in the image is bounded.
        corners = box.corners[:, 1:]
        complete = view.holds(corners, shape[2:]).all()
        clipped = corners.clip(-0.5, np.array(shape[2:]) - 0.5)
        whole = complete or view.holds(clipped, shape[2:]).all()
        section = not is_flat(box) and shape[1] > 1
        low, high = self._size_shares(case, box)
        # Of a slice through a box nothing is sure but that it holds some of the object.
        low = 0.0 if section else low
        if whole:
            share = box_share(foreground, found.inside, empty=low)
            sizes.add(share[None], [low], [high])
        if section:
            if whole:
                share = box_share(foreground, found.inside, empty=1.0)
                strips.add(share[None], [self._least_share(found, across=None)])
            return
        steps = np.linalg.norm(found.voxel, axis=1)
        extents = np.linalg.norm(box.matrix[:, 1:], axis=1) / np.linalg.norm(box.matrix, axis=1)
        for axis in np.flatnonzero(extents > IN_PLANE):
            extent = 2 * box.halves[axis]
            width = settings.strip_mm or extent / AUTOMATIC_STRIPS
            count = strip_count(extent, width, steps[axis])
            needed = self._least_share(found, across=int(axis))
            lows = [needed] * count
            if not complete:
                held = view.holds(box.cuts(int(axis), count)[..., 1:], shape[2:]).all(axis=1)
                lows = [needed * float(each) for each in held[:-1] & held[1:]]
            along = found.along[axis].expand_as(foreground)
            strips.add(strip_shares(foreground, found.inside, along, count), lows)

    def _size_shares(self, index: int, box: PlannedBox) -> tuple[float, float]:
        """Least and greatest share of a box that is object.

        The size stated for the case or the class says more than the usual shares, where the class
        has this box alone; bounds given in the settings hold beside it.
        """
        case, value = self.store.cases[index], box.class_index
        stated = case.sizes.get(value, self.sizes.get(value))
        alone = sum(each.class_index == value for each in case.boxes) == 1
        if stated is None or not alone:
            return self.usual
        low, high = (min(1.0, each / float(np.prod(2 * box.halves))) for each in stated)
        given = self.settings
        low = low if given.size_low is None else max(low, given.size_low)
        high = high if given.size_high is None else min(high, given.size_high)
        return (low, high) if low <= high else self.usual

    def _least_share(self, found: BoxInPatch, across: int | None) -> float:
        """The share of a strip that one voxel across it takes, or the setting where that is more.

        across: the axis that the strip is cut out of; None for a slice through the whole box.
        """
        extents = 2 * found.box.halves
        steps = np.linalg.norm(found.voxel, axis=1)
        others = [axis for axis in range(len(extents)) if axis != across and steps[axis] > 0]
        voxel = np.prod([min(1.0, steps[axis] / extents[axis]) for axis in others])
        return min(1.0, max(self.settings.strip_share, float(voxel)))


class _Bounded:
    """Shares of several boxes and their bounds, which stay on the CPU."""

    def __init__(self) -> None:
        self.shares: list[torch.Tensor] = []
        self.bounds: list[tuple[float, float]] = []

    def add(self, shares: torch.Tensor, lows: list[float], highs: list[float] | None = None):
        self.shares.append(shares)
        self.bounds += zip(lows, highs or [float("inf")] * len(lows), strict=True)

    def penalty(self, penalty: str, nothing: torch.Tensor) -> torch.Tensor:
        """Mean penalty over the bounded ones; ``nothing`` where there is no share at all."""
        if not self.shares:
            return nothing
        bounds = torch.tensor(self.bounds)[None]
        return size_penalty(torch.cat(self.shares)[None], bounds, penalty)
