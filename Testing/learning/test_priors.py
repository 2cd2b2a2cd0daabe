"""Where bounds come from, and what follows from several sources together."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort import Box, Case, SegmentClass
from SemiWeakSegLib.learning.priors import (
    BoxPrior,
    CasePrior,
    CommonPrior,
    RegressedPrior,
    TagPrior,
    combine,
    measure,
    size_priors,
)
from SemiWeakSegLib.learning.priors.common import mean_lengths
from SemiWeakSegLib.learning.priors.proportions import usual_proportions
from SemiWeakSegLib.methods.terms import SizeTerm
from Testing.learning.scans import ball, make_plan, make_store, rotation, save

SPACING = (2.0, 1.0, 0.5)
SHAPE = (16, 20, 24)
FREE = [0.0, math.inf]
OBLIQUE = rotation((0, 0, 1), 30.0)


def case_of(folder, name="a", radius=5.0, *, kind="truth", **known):
    label = ball(SHAPE, [n / 2 for n in SHAPE], radius, list(SPACING)).astype(np.uint8)
    image = save(folder / f"{name}.mha", label * np.float32(9), spacing=SPACING[::-1])
    path = save(folder / f"{name}_l.mha", label, spacing=SPACING[::-1])
    return Case(name, (image,), **{kind: path}, **known)


def store_of(folder, cases, dimensions=3):
    plan = make_plan(
        dimensions, (24,) * dimensions, spacing=list(SPACING[-dimensions:]), whole=True
    )
    return make_store(folder, cases, plan)


def box_of(center, size, axes=None, class_index=1):
    """Center and size in the image's array order, mm; axes as rows in x, y, z."""
    rows = np.eye(3) if axes is None else axes
    return Box(
        class_index, tuple(center[::-1]), tuple(size[::-1]), tuple(tuple(row) for row in rows)
    )


class TestTags:
    def test_present_is_a_voxel_at_least_and_absent_nothing(self, tmp_path):
        store = store_of(tmp_path, [case_of(tmp_path, present=(1,), absent=(2,))])
        assert TagPrior().of_case(0, store).tolist() == [[[[1.0, math.inf]], [[0, 0]]]]
        assert TagPrior(30.0).of_case(0, store)[0, 0, 0].tolist() == [30, math.inf]

    def test_of_slices_no_one_must_show_the_class(self, tmp_path):
        store = store_of(tmp_path, [case_of(tmp_path, present=(1,), absent=(2,))], 2)
        found = TagPrior().of_case(0, store)
        assert found.shape == (16, 2, 1, 2)
        assert (found[:, 0, 0] == FREE).all()
        assert not found[:, 1].any()


class TestCommon:
    classes = (SegmentClass(1, "one", size_bounds=(100.0, 900.0)), SegmentClass(2, "two"))

    def test_stated_bounds_hold_for_every_case_that_has_the_class(self, tmp_path):
        cases = [case_of(tmp_path, "a"), case_of(tmp_path, "b", absent=(1,))]
        store = store_of(tmp_path, cases)
        prior = CommonPrior.from_classes(self.classes, 3)
        assert prior.of_case(0, store)[0, :, 0].tolist() == [[100, 900], FREE]
        assert prior.of_case(1, store)[0, :, 0].tolist() == [FREE, FREE]
        assert CommonPrior.from_classes(self.classes[1:], 3) is None

    def test_slices_hold_to_the_upper_end(self, tmp_path):
        store = store_of(tmp_path, [case_of(tmp_path)], 2)
        found = CommonPrior.from_classes(self.classes, 3).of_case(0, store)
        assert (found[:, 0, 0] == [0, 450]).all()

    def test_measured_bounds_are_the_range_in_labeled_training_cases(self, tmp_path):
        radii = {"a": 4.0, "b": 5.0, "c": 6.0, "d": 7.5, "e": 2.0}
        cases = [
            case_of(tmp_path, name, radius, kind="label" if name in "abde" else "truth")
            for name, radius in radii.items()
        ]
        cases[3] = dataclasses.replace(cases[3], role="validation")
        cases[4] = dataclasses.replace(cases[4], looked_at=(2,))
        store = store_of(tmp_path, cases)
        sizes = {name: np.count_nonzero(store.arrays(n).label) for n, name in enumerate("ab")}
        found = CommonPrior.from_labeled(store, 0.25).of_case(2, store)[0, :, 0]
        assert found[0].tolist() == pytest.approx([0.75 * sizes["a"], 1.25 * sizes["b"]])
        # Class 2 was looked at and never there: elsewhere it may be.
        assert found[1].tolist() == FREE
        assert mean_lengths(store)[0] == pytest.approx((sum(sizes.values()) / 2) ** (1 / 3))

    def test_of_places_the_margin_is_a_share_of_the_length(self, tmp_path):
        cases = [case_of(tmp_path, "a", 4.0, kind="label"), case_of(tmp_path, "b", kind="label")]
        store = store_of(tmp_path, cases)
        values = measure(store, "centroid")[:, 0]
        found = CommonPrior.from_labeled(store, 0.5, "centroid").of_case(0, store)[0]
        far = 0.5 * mean_lengths(store)[0]
        assert found[0, :, 0].tolist() == pytest.approx((values.min(axis=0) - far).tolist())
        assert found[0, :, 1].tolist() == pytest.approx((values.max(axis=0) + far).tolist())
        assert found[1].tolist() == [[-math.inf, math.inf]] * 3

    def test_without_labeled_cases_there_is_none(self, tmp_path):
        assert CommonPrior.from_labeled(store_of(tmp_path, [case_of(tmp_path)]), 0.1) is None


class TestBoxes:
    def test_a_share_of_the_box(self, tmp_path):
        # Centres of voxels 4..9 of 16, 5..14 of 20, 6..17 of 24: 6 x 10 x 12 voxels of 1 mm³.
        box = box_of((13.0, 9.5, 5.75), (12.0, 10.0, 6.0))
        store = store_of(tmp_path, [case_of(tmp_path, boxes=(box,))])
        found = BoxPrior(0.5, 0.9).of_case(0, store)
        assert found[0, :, 0].tolist() == [pytest.approx([360, 648]), FREE]

    def test_what_lies_twice_or_outside_counts_once_or_not(self, tmp_path):
        box = box_of((13.0, 9.5, 5.75), (12.0, 10.0, 6.0))
        half = dataclasses.replace(box, center=(0.0, 9.5, 13.0))
        twice = store_of(tmp_path, [case_of(tmp_path, boxes=(box, box))])
        assert BoxPrior(1, 1).of_case(0, twice)[0, 0, 0, 0] == pytest.approx(720)
        # Of 6 mm about x = 0 the image has the voxels at 0 .. 3 mm: 7 of them.
        out = store_of(tmp_path, [case_of(tmp_path, boxes=(half,))])
        assert BoxPrior(1, 1).of_case(0, out)[0, 0, 0, 0] == pytest.approx(6 * 10 * 7)

    def test_a_turned_box_has_its_own_volume(self, tmp_path):
        box = box_of((15.0, 9.5, 5.75), (12.0, 9.0, 5.0), rotation((1, 1, 0), 25.0))
        store = store_of(tmp_path, [case_of(tmp_path, boxes=(box,))])
        volume = BoxPrior(1, 1).of_case(0, store)[0, 0, 0, 0]
        assert volume == pytest.approx(12 * 9 * 5, rel=0.06)

    def test_slices_hold_to_the_boxs_area_in_them(self, tmp_path):
        box = box_of((13.0, 9.5, 5.75), (12.0, 10.0, 6.0))
        store = store_of(tmp_path, [case_of(tmp_path, boxes=(box,))], 2)
        found = BoxPrior().of_case(0, store)[:, 0, 0]
        assert not found[:, 0].any()
        assert found[:, 1].tolist() == pytest.approx([0] * 4 + [60] * 6 + [0] * 6)

    def test_shares_not_given_are_the_usual_of_solid_and_of_flat_boxes(self, tmp_path):
        solid = box_of((13.0, 9.5, 5.75), (12.0, 10.0, 6.0))
        # A slice of 2 mm: voxel 6 of the first axis.
        flat = box_of((12.0, 9.5, 5.75), (2.0, 10.0, 6.0), class_index=2)
        store = store_of(tmp_path, [case_of(tmp_path, boxes=(solid, flat))])
        found = BoxPrior().of_case(0, store)[0, :, 0]
        assert found[0].tolist() == pytest.approx([0.25 * 720, 0.85 * 720])
        assert found[1].tolist() == pytest.approx([0.5 * 120, 0.9 * 120])
        assert BoxPrior(low=0.4).of_case(0, store)[0, :, 0].tolist() == [
            pytest.approx([0.4 * 720, 0.85 * 720]),
            pytest.approx([0.4 * 120, 0.9 * 120]),
        ]
        turned = dataclasses.replace(solid, axes=box_of((0, 0, 0), (1, 1, 1), OBLIQUE).axes)
        store = store_of(tmp_path, [case_of(tmp_path, "turned", boxes=(turned,))])
        low, high = BoxPrior().of_case(0, store)[0, 0, 0]
        assert low / high == pytest.approx(0.35 / 0.85)
        assert not BoxPrior().certain
        assert BoxPrior(high=0.9).certain

    def test_boxes_drawn_slice_by_slice_bound_their_slices_on_both_sides(self, tmp_path):
        boxes = tuple(box_of((2.0 * z, 9.5, 5.75), (2.0, 10.0, 6.0)) for z in range(4, 7))
        store = store_of(tmp_path, [case_of(tmp_path, boxes=boxes)], 2)
        found = BoxPrior().of_case(0, store)[:, 0, 0]
        assert found[:, 0].tolist() == pytest.approx([0] * 4 + [30] * 3 + [0] * 9)
        assert found[:, 1].tolist() == pytest.approx([0] * 4 + [54] * 3 + [0] * 9)

    def test_shares_the_wrong_way_round_are_refused(self):
        for shares in ((0.9, 0.5), (None, 1.2), (-0.1, None)):
            with pytest.raises(ValueError, match="lower one first"):
                BoxPrior(*shares)


class TestCombine:
    def test_the_tightest_of_all_holds(self, tmp_path):
        case = case_of(tmp_path, sizes={1: (200.0, 2000.0)}, present=(1, 2), absent=())
        store = store_of(tmp_path, [case, case_of(tmp_path, "b")])
        common = CommonPrior(np.array([[[50.0, 900.0]], [[0.0, math.inf]]]), "x", of_whole=True)
        found = combine([TagPrior(300.0), common, CasePrior()], store)
        assert found.rows[0][0, :, 0].tolist() == [[300, 900], [300, math.inf]]
        assert found.rows[1][0, :, 0].tolist() == [[50, 900], FREE]

    def test_a_contradiction_names_the_case_the_class_and_both_sources(self, tmp_path):
        box = box_of((13.0, 9.5, 5.75), (12.0, 10.0, 6.0))
        case = case_of(tmp_path, "seven", sizes={1: (700.0, 800.0)}, boxes=(box,))
        store = store_of(tmp_path, [case])
        with pytest.raises(ValueError) as error:
            combine([CasePrior(), BoxPrior(0.5, 0.9)], store)
        for words in ("case seven", "class one", "700 mm^3 from the size stated", "648", "boxes"):
            assert words in str(error.value)

    def test_the_usual_shares_of_a_box_yield_to_a_stated_size(self, tmp_path):
        """How full boxes usually are contradicts nobody who knows how big the object is."""
        box = box_of((13.0, 9.5, 5.75), (12.0, 10.0, 6.0))
        case = case_of(tmp_path, "seven", sizes={1: (700.0, 710.0)}, boxes=(box,))
        store = store_of(tmp_path, [case])
        for priors in ([BoxPrior(), CasePrior()], [CasePrior(), BoxPrior()]):
            low, high = combine(priors, store).rows[0][0, 0, 0]
            assert 700 <= low <= high <= 710

    def test_ends_that_only_rounding_separates_are_one(self, tmp_path):
        store = store_of(tmp_path, [case_of(tmp_path, sizes={1: (300.0, 300.0 * (1 - 1e-9))})])
        common = CommonPrior(np.array([[[300.0, 300.0]], [[0.0, math.inf]]]), "x", of_whole=True)
        low, high = combine([CasePrior(), common], store).rows[0][0, 0, 0]
        assert low <= high

    def test_estimates_yield_to_what_is_known(self, tmp_path):
        path = tmp_path / "sizes.json"
        bounds = {"a": [[[500, 600], [10, 20]]], "b": [[[500, 600], [10, None]]]}
        path.write_text(json.dumps({"bounds": bounds}), encoding="utf-8")
        cases = [
            case_of(tmp_path, "a", sizes={1: (100.0, 400.0)}, absent=(2,)),
            case_of(tmp_path, "b"),
        ]
        found = combine(
            [RegressedPrior(path), CasePrior(), TagPrior()], store_of(tmp_path, cases)
        ).rows
        assert found[0][0, :, 0].tolist() == [[400, 400], [0, 0]]
        assert found[1][0, :, 0].tolist() == [[500, 600], [10, math.inf]]

    def test_places_read_from_a_file_may_be_open(self, tmp_path):
        path = tmp_path / "sizes.json"
        rows = [[[[-5, 5], [None, 3], [1, None]], [[None, None]] * 3]]
        path.write_text(json.dumps({"bounds": {}, "centroid": {"a": rows}}), encoding="utf-8")
        store = store_of(tmp_path, [case_of(tmp_path)])
        found = RegressedPrior(path, "centroid").of_case(0, store)
        assert found[0, 0].tolist() == [[-5, 5], [-math.inf, 3], [1, math.inf]]
        assert RegressedPrior(path, "spread").of_case(0, store) is None


class TestSources:
    def priors(self, folder, case, classes=(), **values):
        store = store_of(folder, [case])
        settings = SizeTerm(**values)
        found = combine(size_priors(settings, store, classes, folder), store).rows
        return found[0][0, 0, 0].tolist() if found else FREE

    def test_auto_takes_all_that_is_stated_and_estimated(self, tmp_path):
        classes = (SegmentClass(1, "one", size_bounds=(100.0, 900.0)),)
        case = case_of(tmp_path, sizes={1: (200.0, 2000.0)})
        assert self.priors(tmp_path, case, classes) == [200, 900]
        estimated = {"bounds": {"a": [[[150, 300], [0, 0]]]}}
        (tmp_path / "sizes.json").write_text(json.dumps(estimated), encoding="utf-8")
        assert self.priors(tmp_path, case, classes) == [200, 300]
        assert self.priors(tmp_path, case, classes, sources="common") == [100, 900]
        assert self.priors(tmp_path, case, classes, sources="case") == [200, 2000]

    @pytest.mark.parametrize("source", ["common", "case", "tags", "boxes", "labeled"])
    def test_a_source_that_says_nothing_is_refused(self, tmp_path, source):
        with pytest.raises(ValueError, match=f"'{source}' need"):
            self.priors(tmp_path, case_of(tmp_path), sources=source)

    def test_auto_may_say_nothing(self, tmp_path):
        assert self.priors(tmp_path, case_of(tmp_path)) == FREE

    def test_shares_of_the_box_the_wrong_way_round_are_a_problem(self):
        assert "box_low is 0.9" in SizeTerm(box_low=0.9, box_high=0.5).validate()[0]


class TestUsualProportions:
    def test_are_the_mean_of_the_labeled_cases(self, tmp_path):
        cases = [
            case_of(tmp_path, "a", 4.0, kind="label"),
            case_of(tmp_path, "b", 6.0, kind="label"),
            case_of(tmp_path, "c", 8.0),
        ]
        store = store_of(tmp_path, cases)
        shares = [float((store.arrays(n).label == 1).float().mean()) for n in range(2)]
        found = usual_proportions(store, ())
        assert found.tolist() == pytest.approx([1 - sum(shares) / 2, sum(shares) / 2, 0])

    def test_common_bounds_stand_in_for_labels(self, tmp_path):
        classes = (
            SegmentClass(1, "one", size_bounds=(500.0, 700.0)),
            SegmentClass(2, "two", size_bounds=(0.0, 200.0)),
        )
        for dimensions in (2, 3):
            store = store_of(tmp_path, [case_of(tmp_path)], dimensions)
            total = math.prod(SHAPE) * math.prod(SPACING)
            found = usual_proportions(store, classes)
            assert found[1:].tolist() == pytest.approx([600 / total, 100 / total])
        with pytest.raises(ValueError, match="usual proportions of two are not known"):
            usual_proportions(store, classes[:1])
        assert found.dtype == torch.float32
