"""Sizes of classes in labeled cases, and the bounds made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from SemiWeakSegLib.cohort import Cohort
from SemiWeakSegLib.cohort.sizes import labeled_sizes, suggested_bounds, with_size_bounds
from Testing.cohort.files import blocks, cohort_on_disk, write


class TestSizes:
    def test_are_voxels_times_their_volume_in_each_labeled_training_case(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 5)
        for number, case in enumerate(cohort.cases):
            label = blocks()
            label[label == 2] = 0 if number == 1 else 2
            write(case.label, label, spacing=(0.5, 2.0, 3.0 + number))
        strokes = blocks()
        strokes[0] = 255
        write(cohort.cases[2].label, strokes)
        cohort.cases[3].role = "test"
        cohort.cases[4].looked_at = (2,)
        one, two = (int((blocks() == value).sum()) for value in (1, 2))
        sizes = labeled_sizes(cohort)
        assert sizes[1] == pytest.approx([one * 3.0, one * 4.0])
        assert sizes[2] == pytest.approx([two * 3.0, 0.0, two * 7.0])

    def test_of_a_picture_are_areas(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 1, shape=(7, 8), suffix=".mha")
        write(cohort.cases[0].label, blocks((7, 8)), spacing=(0.5, 0.5))
        assert labeled_sizes(cohort)[1] == [0.25 * np.count_nonzero(blocks((7, 8)) == 1)]

    def test_without_labels_there_are_none(self, tmp_path):
        cohort = cohort_on_disk(tmp_path, 1)
        cohort.cases[0].label = None
        assert labeled_sizes(cohort) == {1: [], 2: []}


class TestBounds:
    def test_lie_outside_all_sizes_by_the_margin(self):
        assert suggested_bounds([30.0, 10.0, 20.0], 0.1) == pytest.approx((9.0, 33.0))
        assert suggested_bounds([10.0], 0.0) == (10.0, 10.0)
        assert suggested_bounds([10.0, 0.0], 0.5) == (0.0, 15.0)
        assert suggested_bounds([10.0], 3.0) == (0.0, 40.0)

    @pytest.mark.parametrize("sizes", [[], [0.0], [0.0, 0.0]])
    def test_a_class_that_no_case_shows_is_not_bounded(self, sizes):
        assert suggested_bounds(sizes) is None

    @pytest.mark.parametrize("margin", [-0.1, math.nan])
    def test_need_a_margin(self, margin):
        with pytest.raises(ValueError, match="margin"):
            suggested_bounds([1.0], margin)

    def test_are_kept_with_the_cohort(self, tmp_path):
        cohort = with_size_bounds(cohort_on_disk(tmp_path, 1), {1: (5.0, math.inf)})
        cohort.save(tmp_path / "c.json")
        loaded = Cohort.load(tmp_path / "c.json")
        assert [item.size_bounds for item in loaded.classes] == [(5.0, math.inf), None]
        wider = with_size_bounds(loaded, {2: (1.0, 2.0)})
        assert [item.size_bounds for item in wider.classes] == [(5.0, math.inf), (1.0, 2.0)]
