"""Sizes: measured, estimated, how wrong, which bounds they give, and bounds as proportions."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import Augmentation, PatchSampler, make_augmentation
from SemiWeakSegLib.learning.intensity import IntensityRanges
from SemiWeakSegLib.learning.losses.size import size_penalty
from SemiWeakSegLib.learning.priors import CasePrior, RegressedPrior, TagPrior, combine
from SemiWeakSegLib.learning.sizes import (
    SizeError,
    make_bounds,
    predict_sizes,
    size_errors,
    true_sizes,
    without_use,
    write_estimated,
    write_true,
)
from SemiWeakSegLib.learning.spatial import SpatialRanges
from SemiWeakSegLib.learning.stages import Workshop
from SemiWeakSegLib.runs.folder import RunFolder
from Testing.learning.scans import Threshold, ball, make_plan, make_store, save


def make_case(folder, name, shape, spacing, radius=6.0, **known):
    """A bright ball of class 1; spacing in x, y, z order, radius in mm."""
    label = ball(shape, [n / 2 for n in shape], radius, list(spacing[::-1])).astype(np.uint8)
    image = save(folder / f"{name}.mha", label * np.float32(100), spacing=spacing)
    path = save(folder / f"{name}_label.mha", label, spacing=spacing)
    kind = known.pop("kind", "label")
    return Case(name, (image,), **{kind: path}, **known)


def disc(radius):
    """Pixels of the disc in the pictures of `TestWriting`; no pixel lies on its edge."""
    return np.count_nonzero(ball((16, 18), (8, 9), radius + 0.3))


def make_workshop(folder, store, dense=(), unlabeled=()):
    events = []
    shop = Workshop(
        run=RunFolder(folder / "run"),
        plan=store.plan,
        store=store,
        device=torch.device("cpu"),
        seed=0,
        labeled=list(dense),
        dense=list(dense),
        unlabeled=list(unlabeled),
        validation=[],
        emit=lambda kind, **fields: events.append({"kind": kind, **fields}),
    )
    return shop, events


def draw(store, spatial=None, size=3, cases=None):
    augmentation = make_augmentation("none", store.plan)
    if spatial is not None:
        augmentation = Augmentation(spatial, None, IntensityRanges())
    chosen = list(range(len(store.cases))) if cases is None else cases
    sampler = PatchSampler(store, chosen, size, augmentation, annotated=False)
    return sampler.draw(torch.Generator().manual_seed(0))


def stated(store):
    return combine([CasePrior(), TagPrior()], store)


class TestTrueSizes:
    def test_counts_times_the_voxels_volume(self):
        label = np.array([[[0, 1, 1], [2, 255, 1]], [[0, 0, 0], [2, 2, 2]]], dtype=np.uint8)
        assert true_sizes(label, 3, 0.5).tolist() == [[1.5, 0.5], [0.0, 1.5]]


class TestSizeErrors:
    def test_equal_to_a_computation_by_hand(self):
        truth = np.array([10.0, 20.0, 30.0, 40.0])
        guess = np.array([12.0, 18.0, 33.0, 36.0])
        (found,) = size_errors(truth[:, None], guess[:, None])
        # squares 4 + 4 + 9 + 16 = 33 of 225 + 25 + 25 + 225 = 500
        assert found.r2 == pytest.approx(1 - 33 / 500)
        assert found.mean_absolute == pytest.approx((2 + 2 + 3 + 4) / 4)
        assert found.mean_percent == pytest.approx(100 * 2.75 / 25)
        # slack 2.5; four pairs are too few for nine of ten, so the largest stands for it
        assert found.half_width == pytest.approx(max(2 / 14.5, 2 / 20.5, 3 / 35.5, 4 / 38.5))

    @pytest.mark.parametrize(("count", "rank"), [(9, 9), (10, 10), (19, 18), (50, 46), (99, 90)])
    def test_half_width_is_the_finite_sample_quantile(self, count, rank):
        truth = np.full((count, 1), 100.0)
        shifts = np.random.default_rng(0).permutation(np.arange(1, count + 1))
        guess = truth - shifts[:, None] * 0.1
        (found,) = size_errors(truth, guess)
        relative = sorted(0.1 * k / (100 - 0.1 * k + 10) for k in range(1, count + 1))
        assert rank == min(count, math.ceil(0.9 * (count + 1)))
        assert found.half_width == pytest.approx(relative[rank - 1])

    def test_bounds_hold_nine_of_ten_unseen_sizes(self):
        source = np.random.default_rng(0)
        truth = source.gamma(5, 20, (4000, 1))
        guess = truth * np.exp(source.normal(0, 0.2, truth.shape))
        (error,) = size_errors(truth[:200], guess[:200])
        bounds = make_bounds(
            guess[200:],
            truth[:200].mean(axis=0),
            0.1,
            np.array([error.half_width]),
            "cross_validated",
        )
        held = (bounds[..., 0] <= truth[200:]) & (truth[200:] <= bounds[..., 1])
        assert held.mean() == pytest.approx(0.9, abs=0.05)

    def test_perfect_and_useless_guesses(self):
        truth = np.array([[1.0], [2.0], [3.0]])
        assert size_errors(truth, truth)[0].r2 == 1
        assert size_errors(truth, truth)[0].half_width == 0
        assert size_errors(truth, np.full_like(truth, 2.0))[0].r2 == pytest.approx(0)
        assert math.isnan(size_errors(np.ones((3, 1)), truth)[0].r2)

    def test_a_class_that_is_never_there_stays_finite(self):
        (found,) = size_errors(np.zeros((3, 1)), np.zeros((3, 1)))
        assert found.half_width == 0

    def test_tiny_units_change_nothing(self):
        source = np.random.default_rng(0)
        truth = source.uniform(1, 2, (12, 1))
        guess = truth + source.normal(0, 0.1, truth.shape)
        (big,), (small,) = size_errors(truth, guess), size_errors(truth * 1e-12, guess * 1e-12)
        assert small.half_width == pytest.approx(big.half_width)
        assert small.mean_percent == pytest.approx(big.mean_percent)


class TestMakeBounds:
    predicted = np.array([[100.0, 10.0], [0.0, 20.0]])
    mean_size = np.array([50.0, 20.0])
    widths = np.array([0.05, 0.4])

    def bounds(self, rule, widths):
        return make_bounds(self.predicted, self.mean_size, 0.1, widths, rule)

    def test_gamma(self):
        found = self.bounds("gamma", self.widths)
        assert np.allclose(found, [[[90, 110], [9, 11]], [[0, 0], [18, 22]]])

    def test_cross_validated(self):
        found = self.bounds("cross_validated", self.widths)
        half = [[0.05 * 105, 0.4 * 12], [0.05 * 5, 0.4 * 22]]
        assert np.allclose(found[..., 1], self.predicted + half)
        assert np.allclose(found[..., 0], np.maximum(self.predicted - half, 0))

    def test_wider_is_the_wider_of_both(self):
        found = self.bounds("wider", self.widths)
        both = np.stack(
            [self.bounds("gamma", self.widths), self.bounds("cross_validated", self.widths)]
        )
        assert np.allclose(found[..., 0], both[..., 0].min(axis=0))
        assert np.allclose(found[..., 1], both[..., 1].max(axis=0))

    def test_lower_bounds_are_never_negative(self):
        found = make_bounds(self.predicted, self.mean_size, 0.1, np.array([3.0, 3.0]), "wider")
        assert found.min() == 0
        assert (found[..., 0] <= found[..., 1]).all()


class TestWithoutUse:
    errors = tuple(SizeError(r2, 1.0, 10.0, 0.2) for r2 in (0.4, -0.1, math.nan))

    def test_estimates_no_better_than_the_mean_are_not_used(self):
        """Nor ones whose error is not known, as where all true sizes are equal."""
        assert without_use(self.errors, 3, "wider", 3).tolist() == [False, True, True]
        assert without_use(self.errors, 3, "cross_validated", 9).tolist() == [False, True, True]

    def test_two_patients_do_not_tell_how_much_patients_differ(self):
        assert without_use(self.errors, 3, "wider", 2).tolist() == [True, True, True]

    def test_nothing_is_used_when_no_error_is_known(self):
        assert without_use(None, 2, "wider", 1).tolist() == [True, True]

    def test_gamma_believes_everything(self):
        assert not without_use(self.errors, 3, "gamma", 2).any()
        assert not without_use(None, 3, "gamma", 1).any()


class FixedRegressor(nn.Module):
    """Proportions from the mean of the window it sees, and where it lies."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean_proportion", torch.ones(2))
        self.layer = nn.Linear(1, 1)

    def proportions(self, image, position):
        share = (image > 50).flatten(1).float().mean(dim=1)
        return torch.stack([share, position], dim=1)


class TestPredictSizes:
    @pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.5, 2.0)])
    @pytest.mark.parametrize("dimensions", [2, 3])
    def test_a_segmenters_soft_sizes_are_the_true_ones(self, tmp_path, spacing, dimensions):
        case = make_case(tmp_path, "a", (10, 12, 30), spacing)
        grid = list(spacing[::-1])[-dimensions:]
        plan = make_plan(dimensions, (8,) * dimensions, spacing=grid)
        store = make_store(tmp_path, [case], plan)
        shop, _ = make_workshop(tmp_path, store)
        found = predict_sizes(Threshold([50, 150]), shop, 0)
        label = store.arrays(0).label.numpy()
        volume = math.prod(grid)
        assert found.shape == (10 if dimensions == 2 else 1, 2)
        assert np.allclose(found, true_sizes(label, 3, volume), atol=1e-2)

    def test_a_regressors_proportions_become_sizes(self, tmp_path):
        case = make_case(tmp_path, "a", (5, 12, 13), (0.5, 0.5, 4.0), radius=2.9)
        plan = make_plan(2, (16, 16), spacing=[0.5, 0.5], whole=True)
        store = make_store(tmp_path, [case], plan)
        shop, _ = make_workshop(tmp_path, store)
        found = predict_sizes(FixedRegressor(), shop, 0)
        expected = true_sizes(store.arrays(0).label.numpy(), 3, 0.25)
        assert np.allclose(found[:, 0], expected[:, 0], atol=1e-4)
        assert np.allclose(found[:, 1], np.array([0, 0.25, 0.5, 0.75, 1]) * 256 * 0.25)


class TestBounds:
    def cases(self, folder, **known):
        return make_case(folder, "a", (20, 22, 24), (1.0, 1.5, 2.0), kind="truth", **known)

    def store(self, folder, case, dimensions=3, patch=(24, 24, 24)):
        plan = make_plan(
            dimensions,
            patch[-dimensions:],
            spacing=[2.0, 1.5, 1.0][-dimensions:],
            whole=True,
        )
        return make_store(folder, [case], plan)

    def test_sizes_become_proportions_of_the_patch(self, tmp_path):
        store = self.store(tmp_path, self.cases(tmp_path, sizes={1: (600.0, 900.0)}))
        batch = draw(store)
        found = stated(store).proportions(batch)
        total = 24**3 * 3.0
        assert found.shape == (3, 3, 2)
        assert found[:, 1, 0].tolist() == pytest.approx([600 / total] * 3)
        assert found[:, 1, 1].tolist() == pytest.approx([900 / total] * 3)
        assert found[:, (0, 2)].flatten().tolist() == [0, math.inf] * 6

    @pytest.mark.parametrize("zoom", [0.8, 1.1])
    def test_bounds_follow_zoom_and_voxel_size(self, tmp_path, zoom):
        case = make_case(tmp_path, "a", (20, 22, 24), (1.0, 1.5, 2.0), radius=9.0)
        voxels = np.count_nonzero(ball((20, 22, 24), (10, 11, 12), 9.0, [2.0, 1.5, 1.0]))
        size = voxels * 3.0
        case = dataclasses.replace(case, sizes={1: (size * 0.9, size * 1.1)})
        store = self.store(tmp_path, case)
        spatial = SpatialRanges(zoom=(zoom, zoom), probability=1.0, rotation_degrees=10.0)
        batch = draw(store, spatial)
        bounds = stated(store).proportions(batch)[:, 1]
        share = (batch.label == 1).flatten(1).float().mean(dim=1)
        assert (bounds[:, 0] < share).all()
        assert (share < bounds[:, 1]).all()
        assert torch.allclose(bounds.mean(dim=1), share, rtol=0.06)

    def test_absent_tags_allow_nothing(self, tmp_path):
        store = self.store(tmp_path, self.cases(tmp_path, absent=(2,)))
        found = stated(store).proportions(draw(store))
        assert not found[:, 2].any()
        assert found[:, 1, 1].isinf().all()

    @pytest.mark.parametrize("penalty", ["relative", "log_barrier"])
    def test_a_present_tag_of_a_class_that_vanished_costs(self, tmp_path, penalty):
        """One voxel is all it asks for, and next to nothing of the patch."""
        store = self.store(tmp_path, self.cases(tmp_path, present=(1,), absent=(2,)))
        bounds, batch = stated(store), draw(store)
        ends, slack = bounds.proportions(batch), bounds.slack(batch)
        nothing, one = torch.zeros(3, 3), torch.tensor([0.0, 1 / 24**3, 0.0]).repeat(3, 1)
        costs = [size_penalty(each, ends, penalty, slack).item() for each in (nothing, one)]
        # A mean over two bounded classes, of which the absent one keeps its bound.
        assert costs[0] - costs[1] > 0.3
        if penalty == "relative":
            assert costs == pytest.approx([1 / 1.1**2 / 2, 0], rel=1e-4)
        # What is there of an absent class is measured against the image, not against a voxel.
        stray = torch.tensor([0.0, 1.0, 0.005]).repeat(3, 1)
        assert size_penalty(stray, ends, "relative", slack).item() == pytest.approx(0.25 / 2)

    def test_of_a_stack_of_slices_each_holds_to_the_upper_end(self, tmp_path):
        case = self.cases(tmp_path, sizes={1: (600.0, 900.0)}, absent=(2,))
        store = self.store(tmp_path, case, dimensions=2)
        found = stated(store).proportions(draw(store))
        area = 24**2 * 1.5
        assert not found[:, 1, 0].any()
        assert found[:, 1, 1].tolist() == pytest.approx([900 / 2.0 / area] * 3)
        assert not found[:, 2].any()

    def test_a_single_slice_has_both_ends_by_its_thickness(self, tmp_path):
        case = make_case(
            tmp_path, "a", (1, 22, 24), (1.0, 1.5, 2.0), kind="truth", sizes={1: (60.0, 90.0)}
        )
        store = self.store(tmp_path, case, dimensions=2)
        found = stated(store).proportions(draw(store))
        area = 24**2 * 1.5
        assert found[0, 1].tolist() == pytest.approx([30 / area, 45 / area])

    def test_cases_without_a_prior_are_free(self, tmp_path):
        store = self.store(tmp_path, self.cases(tmp_path))
        found = stated(store).proportions(draw(store))
        assert not found[..., 0].any()
        assert found[..., 1].isinf().all()

    def test_infinite_upper_ends_stay_infinite(self, tmp_path):
        store = self.store(tmp_path, self.cases(tmp_path, sizes={2: (500.0, math.inf)}))
        found = stated(store).proportions(draw(store))
        assert found[0, 2, 0] > 0
        assert found[0, 2, 1].isinf()

    def test_a_file_may_leave_ends_open(self, tmp_path):
        store = self.store(tmp_path, self.cases(tmp_path))
        path = tmp_path / "sizes.json"
        path.write_text(
            json.dumps({"bounds": {"a": [[[None, 300.0], [100.0, None]]]}}), encoding="utf-8"
        )
        found = combine([RegressedPrior(path)], store).proportions(draw(store, size=1))[0]
        total = 24**3 * 3.0
        assert found[1].tolist() == pytest.approx([0, 300 / total])
        assert found[2].tolist() == [pytest.approx(100 / total), math.inf]


class TestWriting:
    def build(self, folder, radii, dense, *, unit=1.0):
        cases = [
            make_case(
                folder,
                f"c{number}",
                (16, 18),
                (unit, unit),
                radius=(radius + 0.3) * unit,
                kind="label" if number in dense else "truth",
            )
            for number, radius in enumerate(radii)
        ]
        plan = make_plan(2, (24, 24), whole=True, spacing=[unit, unit])
        store = make_store(folder, cases, plan)
        others = [index for index in range(len(radii)) if index not in dense]
        return make_workshop(folder, store, dense, others)

    @pytest.mark.parametrize("unit", [1.0, 1e-4])
    def test_true_sizes_satisfy_their_own_bounds(self, tmp_path, unit):
        shop, _ = self.build(tmp_path, [3, 4, 5], [0], unit=unit)
        write_true(shop, 0.1)
        stored = json.loads((shop.products / "sizes.json").read_text(encoding="utf-8"))["bounds"]
        assert sorted(stored) == ["c1", "c2"]
        for name, radius in (("c1", 4), ("c2", 5)):
            size = disc(radius) * unit**2
            assert stored[name][0][0] == pytest.approx([0.9 * size, 1.1 * size], rel=1e-5)
            assert stored[name][0][1] == [0, 0]
        prior = combine([RegressedPrior(shop.products / "sizes.json")], shop.store)
        batch = draw(shop.store, cases=[1, 2])
        bounds = prior.proportions(batch)
        truth = torch.zeros(3, 3)
        for row, (case, _) in enumerate(batch.units):
            truth[row, 1] = disc(case + 3) / 24**2
        assert size_penalty(truth, bounds) == 0
        truth[:, 1] *= 1.2
        assert size_penalty(truth, bounds) > 0

    def test_a_case_whose_truth_is_not_known_stays_unbounded(self, tmp_path):
        shop, _ = self.build(tmp_path, [3, 4, 5], [0])
        shop.store.cases[2] = dataclasses.replace(shop.store.cases[2], truth=None)
        write_true(shop, 0.1)
        prior = combine([RegressedPrior(shop.products / "sizes.json")], shop.store)
        batch = draw(shop.store, cases=[1, 2], size=8)
        bounds = prior.proportions(batch)
        assert {case for case, _ in batch.units} == {1, 2}
        for row, (case, _) in zip(bounds, batch.units, strict=True):
            assert bool(row[1:, 1].isfinite().all()) == (case == 1)
            assert (row[1, 0] > 0) == (case == 1)

    def test_estimates_come_with_their_cross_validated_error(self, tmp_path):
        shop, events = self.build(tmp_path, [3, 4, 5, 6], [0, 1, 2])
        network = Threshold([50, 150])
        write_estimated(
            shop, [[network], [network]], [[0, 1], [2]], gamma=0.1, rule="wider", source="segmenter"
        )
        (event,) = events
        assert event["kind"] == "sizes"
        assert event["unit"] == "mm^2"
        assert event["per_class"]["one"]["r2"] == pytest.approx(1, abs=1e-3)
        assert event["per_class"]["one"]["relative_width"] == 0.1
        sizes = [disc(radius) for radius in (3, 4, 5, 6)]
        assert event["scatter"]["one"]["true"] == pytest.approx(sizes[:3])
        assert event["scatter"]["one"]["predicted"] == pytest.approx(sizes[:3], rel=1e-3)
        stored = json.loads((shop.products / "sizes.json").read_text(encoding="utf-8"))["bounds"]
        assert list(stored) == ["c3"]
        assert stored["c3"][0][0] == pytest.approx([0.9 * sizes[3], 1.1 * sizes[3]], rel=1e-3)

    def test_folds_are_averaged_for_unlabeled_cases(self, tmp_path):
        shop, _ = self.build(tmp_path, [3, 4], [0])
        everything = Threshold([-50, 150])  # the whole image is class 1
        write_estimated(
            shop,
            [[Threshold([50, 150])], [everything]],
            [[0], []],
            gamma=0.0,
            rule="gamma",
            source="segmenter",
        )
        stored = json.loads((shop.products / "sizes.json").read_text(encoding="utf-8"))["bounds"]
        right = disc(4)
        assert stored["c1"][0][0][0] == pytest.approx((right + 16 * 18) / 2, rel=1e-3)

    @pytest.mark.parametrize("folds", [[[0, 1], [2]], [[], []]])
    def test_a_class_in_no_labeled_case_is_not_forbidden_elsewhere(self, tmp_path, folds):
        shop, events = self.build(tmp_path, [3, 4, 5, 6], [0, 1, 2])
        network = Threshold([50, 150])
        write_estimated(
            shop, [[network], [network]], folds, gamma=0.1, rule="wider", source="segmenter"
        )
        assert "; not used for two: in no labeled case, so not bounded" in events[0]["note"]
        json.dumps(events[0], allow_nan=False)
        path = shop.products / "sizes.json"
        stored = json.loads(path.read_text(encoding="utf-8"))["bounds"]
        assert stored["c3"][0][1] == [0, None]
        ends = RegressedPrior(path).of_case(3, shop.store)
        assert ends[0, 1, 0].tolist() == [0, math.inf]

    def test_two_labeled_patients_are_too_few_however_well_they_are_guessed(self, tmp_path):
        """Cases of one patient count once."""
        shop, events = self.build(tmp_path, [3, 4, 5, 6], [0, 1, 2])
        shop.store.cases[1] = dataclasses.replace(shop.store.cases[1], group="patient")
        shop.store.cases[2] = dataclasses.replace(shop.store.cases[2], group="patient")
        network = Threshold([50, 150])
        write_estimated(
            shop, [[network], [network]], [[0], [1, 2]], gamma=0.1, rule="wider", source="segmenter"
        )
        assert events[0]["per_class"]["one"]["r2"] == pytest.approx(1, abs=1e-3)
        assert "too few to tell how much patients differ; not used for one" in events[0]["note"]
        stored = json.loads((shop.products / "sizes.json").read_text(encoding="utf-8"))["bounds"]
        assert stored["c3"][0][0] == [0, pytest.approx(1.5 * disc(5), rel=1e-3)]

    def test_one_labeled_case_says_that_no_error_is_known(self, tmp_path):
        shop, events = self.build(tmp_path, [3, 4], [0])
        write_estimated(
            shop, [[Threshold([50, 150])]], [[]], gamma=0.1, rule="wider", source="segmenter"
        )
        assert "cannot be known" in events[0]["note"]
        assert events[0]["per_class"]["one"]["r2"] is None
        assert events[0]["scatter"] == {}
        low, high = json.loads((shop.products / "sizes.json").read_text(encoding="utf-8"))[
            "bounds"
        ]["c1"][0][0]
        assert (low, high) == (0, pytest.approx(1.5 * disc(3), rel=1e-3))
