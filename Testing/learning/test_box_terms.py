"""Boxes in turned patches, and the terms that learn from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Box, Case, SegmentClass
from SemiWeakSegLib.learning.batches import Augmentation, PatchSampler
from SemiWeakSegLib.learning.boxes_in_patches import boxes_in_patch
from SemiWeakSegLib.learning.intensity import IntensityRanges
from SemiWeakSegLib.learning.planned_space import planned_space
from SemiWeakSegLib.learning.spatial import SpatialRanges
from SemiWeakSegLib.learning.terms import BoxTerm, CandidateTerm, StageContext, Step
from SemiWeakSegLib.methods import BoxTerm as BoxSettings
from SemiWeakSegLib.methods import CandidateTerm as CandidateSettings
from Testing.learning.scans import make_plan, make_store, rotation, save

TURNED = SpatialRanges(40, ((0, 1),), (0.8, 1.25), (0, 1), probability=1.0)
BENT = SpatialRanges(40, ((0, 1),), (0.8, 1.25), (0, 1), probability=1.0, elastic_mm=0.7)


def box(value, center, size, degrees=0.0):
    dimension = len(center)
    axes = rotation((0, 0, 1), degrees)[:dimension, :dimension]
    return Box(value, tuple(center), tuple(size), tuple(map(tuple, axes)))


def store_of(folder, shape, patch, *, spacing=None, dimensions=None, label=None, **said):
    """One case whose image file has steps of 1 mm, or ``spacing`` in x, y, z order."""
    path = save(
        folder / "image.nii.gz" if len(shape) == 3 else folder / "image.mha",
        np.zeros(shape, np.float32),
        spacing=spacing,
    )
    if label is not None:
        said["label"] = save(folder / "label.nii.gz", label)
    plan = make_plan(
        dimensions or len(shape),
        patch,
        spacing=list((spacing or (1.0,) * len(shape))[::-1])[-(dimensions or len(shape)) :],
        orient=False,
    )
    return make_store(folder, [Case("a", (path,), **said)], plan)


def batch_of(store, size=1, ranges=None, *, annotated=True):
    augmentation = Augmentation(ranges, None, IntensityRanges())
    sampler = PatchSampler(store, [0], size, augmentation, annotated=annotated)
    return sampler.draw(torch.Generator().manual_seed(1))


def step_of(batch, logits):
    return Step(1.0, batch, None, logits, None, torch.nn.Identity(), None, torch.Generator())


def context_of(store, folder, said):
    """Where a stage's terms start; its warnings go into ``said``."""

    def emit(kind, **fields):
        assert kind == "warning"
        said.append(fields["message"])

    return StageContext(store.plan, store, folder, torch.device("cpu"), emit=emit)


def started(term, store, folder):
    term.start(context_of(store, folder, []))
    return term


def logits_of(foreground, value=1, classes=3):
    """Sure logits (1, classes, *patch) of a mask of one class."""
    logits = torch.zeros(1, classes, *foreground.shape)
    logits[0, value] = torch.where(foreground, 30.0, -30.0)
    return logits.requires_grad_()


class TestBoxesInPatches:
    @pytest.mark.parametrize("ranges", [None, TURNED, BENT])
    @pytest.mark.parametrize(
        ("shape", "dimensions"), [((20, 24), 2), ((9, 20, 24), 2), ((9, 20, 24), 3)]
    )
    def test_inside_is_what_each_voxel_reads_in_the_patient(
        self, tmp_path, ranges, shape, dimensions
    ):
        if dimensions == 3 and ranges is not None:
            ranges = SpatialRanges(40, ((0, 1), (1, 2)), (0.8, 1.25), (0, 1, 2), 1.0)
        spacing = (0.8, 1.2, 1.5)[: len(shape)]
        middle = [0.5 * n * step for n, step in zip(shape[::-1], spacing, strict=True)]
        boxes = (box(1, middle, [7.0] * len(shape), 30), box(2, middle, [4.0] * len(shape)))
        store = store_of(
            tmp_path, shape, (16,) * dimensions, spacing=spacing, dimensions=dimensions, boxes=boxes
        )
        batch = batch_of(store, 4, ranges)
        positions = batch.positions()
        space = planned_space(store.cases[0], store.plan)
        seen = 0
        for row, (_, unit) in enumerate(batch.units):
            found = {
                each.box.class_index: each
                for each in boxes_in_patch(batch, row, store.knowledge[0])
            }
            read = np.moveaxis(positions[row].double().numpy(), 0, -1)
            units = np.full((*read.shape[:-1], 1), float(unit))
            points = space.to_patient(np.concatenate([units, read], axis=-1))
            for each in store.cases[0].boxes:
                expected = each.contains(points) & batch.valid[row, 0].numpy()
                inside = np.zeros(expected.shape, dtype=bool)
                if each.class_index in found:
                    part = found[each.class_index]
                    inside[part.region] = part.inside.numpy()
                # Rounding to single precision may decide a voxel on a face either way.
                assert np.count_nonzero(inside != expected) <= 2
                seen += inside.sum()
        assert seen > 20

    def test_holds_asks_for_patch_and_image(self, tmp_path):
        store = store_of(tmp_path, (12, 12), (8, 8), boxes=(box(1, (6, 6), (4, 4)),))
        batch = batch_of(store)
        found = boxes_in_patch(batch, 0, store.knowledge[0])[0]
        low, high = (batch.centres[0].numpy() + sign * 4 for sign in (-1, 1))
        assert found.view.holds(np.array([low, high]), (12, 12)).all()
        assert found.view.holds(np.array([low, high + 1]), (12, 12)).tolist() == [True, False]
        assert not found.view.holds(np.array([low, high]), (4, 4)).all()


class TestBoxTerm:
    """On a box of 8 × 6 voxels, rows 2 to 9 and columns 3 to 8, of an image of 12 × 12."""

    @pytest.fixture
    def store(self, tmp_path):
        return store_of(tmp_path, (12, 12), (12, 12), boxes=(box(1, (5.5, 5.5), (6, 8)),))

    def value(self, store, folder, mask, **settings):
        term = started(BoxTerm(BoxSettings(**settings), 1.0), store, folder)
        logits = logits_of(mask)
        value = term(step_of(batch_of(store), logits))
        value.backward()
        assert torch.isfinite(logits.grad).all()
        return value.item()

    def filled(self, rows=slice(2, 10), columns=slice(3, 9)):
        mask = torch.zeros(12, 12, dtype=torch.bool)
        mask[rows, columns] = True
        return mask

    def test_a_filled_box_is_tight_and_too_full(self, store, tmp_path):
        mask = self.filled()
        assert self.value(store, tmp_path, mask, size_weight=0.0) == 0
        found = self.value(store, tmp_path, mask, tightness_weight=0.0)
        assert found == pytest.approx((0.1 / 0.91) ** 2, rel=1e-4)

    @pytest.mark.parametrize("gone", [{"rows": slice(2, 9)}, {"columns": slice(4, 9)}])
    def test_every_row_and_column_needs_its_voxel_the_last_too(self, store, tmp_path, gone):
        found = self.value(store, tmp_path, self.filled(**gone), size_weight=0.0)
        # One empty strip of the 8 + 6, each of one voxel's width; a row needs 1/6, a column 1/8.
        least = 1 / 6 if "rows" in gone else 1 / 8
        assert found == pytest.approx((least / (least + 0.01)) ** 2 / 14, rel=1e-3)

    def test_one_voxel_a_row_and_column_is_tight(self, store, tmp_path):
        mask = torch.zeros(12, 12, dtype=torch.bool)
        for row in range(2, 10):
            mask[row, 3 + (row - 2) % 6] = True
        assert self.value(store, tmp_path, mask, size_weight=0.0) == pytest.approx(0, abs=1e-6)
        assert self.value(store, tmp_path, mask, size_weight=0.0, strip_share=0.5) > 0.1

    @pytest.mark.parametrize("penalty", ["relative", "proportion"])
    def test_an_empty_solid_box_costs_as_much_as_an_empty_flat_one(self, tmp_path, penalty):
        """Although one voxel of a strip through it is a four-hundredth of the strip."""
        solid = store_of(tmp_path, (24,) * 3, (24,) * 3, boxes=(box(1, (11.5,) * 3, (20,) * 3),))
        empty = torch.zeros(24, 24, 24, dtype=torch.bool)
        found = self.value(solid, tmp_path, empty, size_weight=0.0, penalty=penalty)
        assert found == pytest.approx(1 / 1.1**2, rel=1e-3)

    def test_size_bounds(self, store, tmp_path):
        half = self.filled(rows=slice(2, 6))
        assert self.value(store, tmp_path, half, tightness_weight=0.0) == pytest.approx(0, abs=1e-9)
        found = self.value(
            store, tmp_path, half, tightness_weight=0.0, size_low=0.6, penalty="proportion"
        )
        assert found == pytest.approx(0.01, rel=1e-3)

    @pytest.mark.parametrize("of_class", [True, False])
    def test_a_stated_size_stands_before_the_usual_shares(self, tmp_path, of_class):
        sizes = {} if of_class else {1: (10.0, 14.0)}
        boxes = (box(1, (5.5, 5.5), (6, 8)),)
        store = store_of(tmp_path, (12, 12), (12, 12), boxes=boxes, sizes=sizes)
        classes = [SegmentClass(1, "one", size_bounds=(10.0, 14.0) if of_class else None)]
        values = []
        for rows in (2, 4):
            term = BoxTerm(BoxSettings(tightness_weight=0.0, penalty="proportion"), 1.0)
            term.start(StageContext(store.plan, store, tmp_path, torch.device("cpu"), classes))
            mask = self.filled(rows=slice(2, 2 + rows))
            values.append(term(step_of(batch_of(store), logits_of(mask))).item())
        assert values[0] == pytest.approx(0, abs=1e-6)
        assert values[1] == pytest.approx((24 / 48 - 14 / 48) ** 2, rel=1e-2)

    def test_wide_strips(self, store, tmp_path):
        every_other = self.filled(rows=slice(2, 10, 2))
        assert self.value(store, tmp_path, every_other, size_weight=0.0) > 0
        assert self.value(store, tmp_path, every_other, size_weight=0.0, strip_mm=2.0) == 0

    def test_what_lies_outside_a_box_does_not_matter(self, store, tmp_path):
        outside = ~self.filled()
        empty = torch.zeros(12, 12, dtype=torch.bool)
        values = [self.value(store, tmp_path, mask) for mask in (outside, empty)]
        assert values[0] == pytest.approx(values[1])

    def test_boxes_that_a_patch_shows_in_part_ask_for_nothing_it_does_not_show(self, tmp_path):
        store = store_of(tmp_path, (24, 24), (8, 8), boxes=(box(1, (12, 12), (16, 16)),))
        term = started(BoxTerm(BoxSettings(), 1.0), store, tmp_path)
        batch = batch_of(store)
        value = term(step_of(batch, logits_of(torch.zeros(8, 8, dtype=torch.bool))))
        assert value.item() == 0

    def test_turned_boxes_and_patches(self, tmp_path):
        store = store_of(
            tmp_path, (24, 24), (24, 24), boxes=(box(1, (11.5, 11.5), (10.0, 12.0), 30),)
        )
        batch = batch_of(store, 1, SpatialRanges(40, ((0, 1),), (0.9, 1.1), (0,), 1.0))
        found = boxes_in_patch(batch, 0, store.knowledge[0])[0]
        mask = torch.zeros(24, 24, dtype=torch.bool)
        mask[found.region] = found.inside
        term = started(BoxTerm(BoxSettings(size_weight=0.0), 1.0), store, tmp_path)
        assert term(step_of(batch, logits_of(mask))).item() == pytest.approx(0, abs=1e-8)
        mask[found.region] &= found.along[0] < 0.75
        assert term(step_of(batch, logits_of(mask))).item() > 0.01

    def test_a_slice_through_a_box_holds_some_object(self, tmp_path):
        store = store_of(
            tmp_path,
            (4, 12, 12),
            (12, 12),
            dimensions=2,
            boxes=(box(1, (5.5, 5.5, 1.5), (6, 8, 4)),),
        )
        term = started(BoxTerm(BoxSettings(), 1.0), store, tmp_path)
        batch = batch_of(store)
        some = torch.zeros(12, 12, dtype=torch.bool)
        assert term(step_of(batch, logits_of(some))).item() > 0.1
        some[5, 5] = True
        assert term(step_of(batch, logits_of(some))).item() == pytest.approx(0, abs=1e-6)

    def test_boxes_drawn_slice_by_slice_are_flat(self, tmp_path):
        """In a plan of slices and of volumes: strips in the slice, and how full flat boxes are."""
        flat = box(1, (5.5, 5.5, 2.0), (6, 8, 1))
        mask = torch.zeros(12, 12, dtype=torch.bool)
        mask[2:10, 3:9] = True
        thin = torch.zeros(12, 12, dtype=torch.bool)
        thin[2:5, 3:9] = True
        for dimensions in (2, 3):
            store = store_of(
                tmp_path,
                (5, 12, 12),
                (5, 12, 12)[-dimensions:],
                dimensions=dimensions,
                boxes=(flat,),
            )
            batch = batch_of(store)
            sharing, tight = (
                started(BoxTerm(BoxSettings(**{weight: 0.0}), 1.0), store, tmp_path)
                for weight in ("tightness_weight", "size_weight")
            )
            placed = []
            for each in (mask, thin):
                if dimensions == 3:
                    volume = torch.zeros(5, 12, 12, dtype=torch.bool)
                    volume[2] = each
                    each = volume
                placed.append(step_of(batch, logits_of(each)))
            full, part = placed
            assert batch.units[0][1] == (2 if dimensions == 2 else 0)
            # Bounds of flat boxes: 0.5 to 0.9.
            assert sharing(full).item() == pytest.approx((0.1 / 0.91) ** 2, rel=1e-3)
            assert sharing(part).item() == pytest.approx((0.125 / 0.51) ** 2, rel=1e-3)
            assert tight(full).item() == pytest.approx(0, abs=1e-6)
            # Five of the eight rows are empty.
            least = 1 / 6
            strips = 14 + (dimensions == 3)
            expected = 5 * (least / (least + 0.01)) ** 2 / strips
            assert tight(part).item() == pytest.approx(expected, rel=1e-3)

    def test_a_stated_size_is_a_share_of_the_boxs_part_in_the_image(self, tmp_path):
        # 8 × 6 voxels, of which the image has rows 0 to 3: 24.
        store = store_of(
            tmp_path,
            (12, 12),
            (12, 12),
            boxes=(box(1, (5.5, -0.5), (6, 8)),),
            sizes={1: (10.0, 14.0)},
        )
        settings = BoxSettings(tightness_weight=0.0, penalty="proportion")
        term = started(BoxTerm(settings, 1.0), store, tmp_path)
        values = []
        for rows in (2, 4, 1):
            mask = torch.zeros(12, 12, dtype=torch.bool)
            mask[:rows, 3:9] = True
            values.append(term(step_of(batch_of(store), logits_of(mask))).item())
        assert values == pytest.approx([0, (1 - 14 / 24) ** 2, (10 / 24 - 6 / 24) ** 2], abs=1e-5)

    def test_a_stated_size_of_a_volume_does_not_bound_a_slice_through_it(self, tmp_path):
        """14 mm³ in a box of 192: a slice may hold 9 of its 48, and the next one none."""
        store = store_of(
            tmp_path,
            (4, 12, 12),
            (12, 12),
            dimensions=2,
            boxes=(box(1, (5.5, 5.5, 1.5), (6, 8, 4)),),
            sizes={1: (10.0, 14.0)},
        )
        mask = torch.zeros(12, 12, dtype=torch.bool)
        mask[4:7, 4:7] = True
        step = step_of(batch_of(store), logits_of(mask))
        assert started(BoxTerm(BoxSettings(), 1.0), store, tmp_path)(step).item() < 1e-6
        given = BoxTerm(BoxSettings(size_high=0.1), 1.0)
        assert started(given, store, tmp_path)(step).item() > 0.1

    @pytest.mark.parametrize(("patch", "warned"), [((8, 12), True), ((16, 16), False)])
    def test_boxes_larger_than_the_patch_are_named_once(self, tmp_path, patch, warned):
        boxes = (box(1, (12, 12), (12, 16)), box(2, (12, 12), (4, 4)), box(2, (0, 0), (22, 14)))
        store = store_of(tmp_path, (24, 24), patch, boxes=boxes)
        events = []
        context = StageContext(
            store.plan,
            store,
            tmp_path,
            torch.device("cpu"),
            emit=lambda kind, **fields: events.append((kind, fields["message"])),
        )
        BoxTerm(BoxSettings(), 1.0).start(context)
        assert len(events) == warned
        if warned:
            kind, message = events[0]
            assert kind == "warning"
            assert "1 of 3 boxes are larger than the patch [8, 12]" in message
            assert "(--plan patch_size=16,12)" in message

    def test_nothing_boxed_is_zero_with_a_gradient_path(self, tmp_path):
        label = np.zeros((6, 12, 12), np.uint8)
        store = store_of(tmp_path, (6, 12, 12), (4, 12, 12), label=label)
        said = []
        term = BoxTerm(BoxSettings(), 1.0)
        term.start(context_of(store, tmp_path, said))
        assert said == ["the term 'boxes' does nothing: no training case has a box"]
        logits = torch.randn(1, 3, 4, 12, 12, requires_grad=True)
        value = term(step_of(batch_of(store), logits))
        value.backward()
        assert value.item() == 0
        assert not logits.grad.any()


class TestCandidateTerm:
    def value(self, store, folder, batch, logits):
        return started(CandidateTerm(CandidateSettings(), 1.0), store, folder)(
            step_of(batch, logits)
        )

    def test_inside_one_box_the_other_class_is_excluded(self, tmp_path):
        boxes = (box(1, (3.5, 5.5), (4, 4)), box(2, (7.5, 5.5), (6, 4)))
        store = store_of(tmp_path, (12, 12), (12, 12), boxes=boxes)
        batch = batch_of(store)
        logits = torch.randn(1, 3, 12, 12, requires_grad=True)
        p = logits.detach()[0].softmax(dim=0)
        values = []
        for row in range(12):
            for column in range(12):
                first = 4 <= row <= 7 and 2 <= column <= 5
                second = 4 <= row <= 7 and 5 <= column <= 10
                if first != second:
                    values.append(-torch.log(1 - p[2 if first else 1, row, column]))
        found = self.value(store, tmp_path, batch, logits)
        assert found.item() == pytest.approx(torch.stack(values).mean().item(), rel=1e-5)

    def test_an_absent_class_is_excluded_in_unlabeled_cases(self, tmp_path):
        store = store_of(tmp_path, (12, 12), (12, 12), absent=(2,))
        batch = batch_of(store, annotated=False)
        logits = torch.randn(1, 3, 12, 12, requires_grad=True)
        term = started(CandidateTerm(CandidateSettings(), 1.0), store, tmp_path)
        step = Step(1.0, None, batch, None, logits, torch.nn.Identity(), None, torch.Generator())
        expected = -torch.log(1 - logits.softmax(dim=1)[:, 2]).mean()
        assert term(step).item() == pytest.approx(expected.item(), rel=1e-5)

    def test_background_of_a_case_partly_looked_at_is_narrowed_by_boxes(self, tmp_path):
        """Class 1 is labeled everywhere, class 2 only boxed: outside its box it is not."""
        label = np.zeros((6, 12, 12), np.uint8)
        label[:, :4] = 1
        store = store_of(
            tmp_path,
            (6, 12, 12),
            (6, 12, 12),
            label=label,
            looked_at=(1,),
            boxes=(box(2, (5.5, 8.5, 2.5), (4, 4, 6)),),
        )
        batch = batch_of(store)
        logits = torch.randn(1, 3, 6, 12, 12, requires_grad=True)
        p = logits.detach().softmax(dim=1)[0, 2]
        outside = torch.ones(6, 12, 12, dtype=torch.bool)
        outside[:, 7:11, 4:8] = False
        outside[:, :4] = False
        expected = -torch.log(1 - p[outside]).mean()
        found = self.value(store, tmp_path, batch, logits)
        assert found.item() == pytest.approx(expected.item(), rel=1e-5)

    def test_nothing_known_is_zero(self, tmp_path):
        store = store_of(tmp_path, (6, 12, 12), (6, 12, 12), label=np.zeros((6, 12, 12), np.uint8))
        logits = torch.randn(1, 3, 6, 12, 12, requires_grad=True)
        said = []
        term = CandidateTerm(CandidateSettings(), 1.0)
        term.start(context_of(store, tmp_path, said))
        assert ["the term 'candidates' does nothing" in each for each in said] == [True]
        value = term(step_of(batch_of(store), logits))
        value.backward()
        assert value.item() == 0
