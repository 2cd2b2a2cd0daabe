"""What a tight box says of the object in it: something in every strip, and how much in all."""

from __future__ import annotations

import math

import numpy as np
import torch

from ...methods.terms import BoxTerm as BoxSettings
from ..batches import Batch
from ..boxes_in_patches import SLACK_VOXELS, BoxInPatch, boxes_in_patch, strip_count
from ..knowledge import PlannedBox
from ..losses.boxes import box_share, strip_shares
from ..losses.size import size_penalty
from ..priors.bounds import SLACK_SHARE
from .base import StageContext, Step, Term

# Automatic strips: as many as this across a box.
AUTOMATIC_STRIPS = 10
# Part of a bound that counts as nothing in a relative penalty, within limits.
LEAST_SLACK, MOST_SLACK = 1e-6, 0.01
# An axis of a box belongs to the slice where at least this part of it lies there.
IN_PLANE = 0.7


class BoxTerm(Term):
    """Tightness and size fraction of the boxes that reach into the patches (Kervadec et al. 2020).

    Only what a patch shows whole is bounded: strips that lie in the image and in the patch, boxes
    whose part in the image lies in the patch. The size a case or class states (``Case.sizes``,
    ``SegmentClass.size_bounds``) stands before the usual shares of a box. Boxes that no patch can
    show whole are named in a warning.
    """

    name = "boxes"

    def __init__(self, settings: BoxSettings, weight: float):
        super().__init__(weight, settings.ramp)
        self.settings = settings

    def start(self, context: StageContext) -> None:
        self.store = context.store
        self.sizes = {
            each.index: each.size_bounds for each in context.classes if each.size_bounds is not None
        }
        self.volumes: dict[tuple[int, int], float] = {}
        if not any(known.boxes for known in context.store.knowledge.values()):
            context.emit(
                "warning",
                message=f"the term '{self.name}' does nothing: no training case has a box",
            )
        self._warn_of_big_boxes(context)

    def _warn_of_big_boxes(self, context: StageContext) -> None:
        patch, total, big = np.array(context.plan.patch_size), 0, []
        for index, known in context.store.knowledge.items():
            shape = np.array(context.store.entries[index].shape[2:])
            for box in known.boxes:
                extent = np.ptp(box.corners[:, 1:].clip(-0.5, shape - 0.5), axis=0)
                total += 1
                if (extent > patch + 2 * SLACK_VOXELS).any():
                    big.append(extent)
        if not big:
            return
        needed = [math.ceil(edge - SLACK_VOXELS) for edge in np.maximum(np.max(big, axis=0), patch)]
        context.emit(
            "warning",
            message=(
                f"{len(big)} of {total} boxes are larger than the patch {patch.tolist()}: their "
                "size is not bounded, nor are strips that no patch shows whole; a patch of at "
                f"least {needed} voxels would show them (--plan patch_size="
                f"{','.join(map(str, needed))})"
            ),
        )

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
            # As a share of a strip one voxel is next to nothing, so always relative to it.
            value = value + settings.tightness_weight * strips.penalty("relative", value)
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
        section = not box.in_one_unit and shape[1] > 1
        low, high = self._section_shares(case, box) if section else self._size_shares(case, box)
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
        usual = self._usual(box)
        stated = self._stated(index, box)
        if stated is None:
            return usual
        volume = self._volume_in_image(index, box)
        low, high = (min(1.0, each / volume) for each in stated)
        given = self.settings
        low = low if given.size_low is None else max(low, given.size_low)
        high = high if given.size_high is None else min(high, given.size_high)
        return (low, high) if low <= high else usual

    def _section_shares(self, index: int, box: PlannedBox) -> tuple[float, float]:
        """The shares of a slice through a solid box, of which only the greatest is known.

        A stated size is of the whole: the object may be thick here and thin elsewhere.
        """
        if self._stated(index, box) is None or self.settings.size_high is not None:
            return 0.0, self._usual(box)[1]
        return 0.0, 1.0

    def _usual(self, box: PlannedBox) -> tuple[float, float]:
        dimensions = min(self.store.plan.dimensions, box.dimensions)
        return self.settings.size_shares(dimensions, box.is_turned)

    def _stated(self, index: int, box: PlannedBox) -> tuple[float, float] | None:
        """The size stated for the box's class, where the class has this box alone."""
        case, value = self.store.cases[index], box.class_index
        alone = sum(each.class_index == value for each in case.boxes) == 1
        return case.sizes.get(value, self.sizes.get(value)) if alone else None

    def _volume_in_image(self, index: int, box: PlannedBox) -> float:
        """mm³ (mm² of 2-D images) of the box's part in the image, whose share is bounded."""
        entry = self.store.entries[index]
        shape = np.array(entry.shape[1:])
        corners = box.corners[:, -len(entry.spacing) :]
        outside = (corners < -0.5 - SLACK_VOXELS) | (corners > shape[1:] - 0.5 + SLACK_VOXELS)
        if not outside.any():
            return box.volume
        # The class has this box alone, so its number says which box it is.
        key = (index, box.class_index)
        if key not in self.volumes:
            _, inside = box.on_grid(tuple(shape))
            voxel = math.prod(entry.spacing) * entry.thickness
            self.volumes[key] = max(1, np.count_nonzero(inside)) * voxel
        return self.volumes[key]

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
        # One voxel of a strip through a solid box may be a thousandth of it: a slack of 1 % would
        # make the penalty nothing.
        low, high = bounds.unbind(dim=-1)
        slack = (SLACK_SHARE * torch.where(low > 0, low, high)).clamp(LEAST_SLACK, MOST_SLACK)
        return size_penalty(torch.cat(self.shares)[None], bounds, penalty, slack)
