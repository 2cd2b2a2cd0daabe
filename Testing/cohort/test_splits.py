"""Splits: reproducible, groups whole, kinds in proportion; few-label cohorts are nested."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from SemiWeakSegLib.cohort import Case, Cohort, Point, keep_labels, split, summary
from Testing.cohort.files import blocks, two_classes, write


@pytest.fixture
def files(tmp_path):
    strokes = np.full((6, 7, 8), 255, np.uint8)
    strokes[2, 2, 2] = 1
    return {
        "labeled": write(tmp_path / "dense.mha", blocks()),
        "scribbled": write(tmp_path / "strokes.mha", strokes),
        "unlabeled": None,
    }


def made(files, counts: dict[str, int], patients: int | None = None) -> Cohort:
    cases = []
    for kind, count in counts.items():
        for index in range(count):
            group = None if patients is None else f"p{len(cases) % patients}"
            image = (f"/images/{kind}_{index}.mha",)
            cases.append(Case(f"{kind}_{index:03d}", image, label=files[kind], group=group))
    return Cohort(two_classes(), cases)


def roles(cohort: Cohort) -> dict[str, str]:
    return {case.id: case.role for case in cohort.cases}


class TestSplit:
    def test_same_seed_same_roles_in_any_order_of_cases(self, files):
        cohort = made(files, {"labeled": 30})
        shuffled = list(cohort.cases)
        random.Random(1).shuffle(shuffled)
        first = split(cohort, 0.2, 0.2, seed=3)
        assert roles(first) == roles(split(cohort.with_cases(shuffled), 0.2, 0.2, seed=3))
        assert roles(first) != roles(split(cohort, 0.2, 0.2, seed=4))
        assert {case.role for case in cohort.cases} == {"train"}

    @pytest.mark.parametrize(
        ("validation", "test", "expected"),
        [
            (0.2, 0.0, {"train": 24, "validation": 6}),
            (0.1, 0.3, {"train": 18, "validation": 3, "test": 9}),
            (4, 5, {"train": 21, "validation": 4, "test": 5}),
            (0.001, 0, {"train": 29, "validation": 1}),
            (0, 0, {"train": 30}),
        ],
    )
    def test_shares_and_numbers(self, files, validation, test, expected):
        result = split(made(files, {"labeled": 30}), validation, test)
        assert Counter(roles(result).values()) == expected

    def test_groups_are_never_divided(self, files):
        for seed in range(10):
            result = split(made(files, {"labeled": 40}, patients=13), 0.2, 0.25, seed)
            for patient in range(13):
                of_group = {case.role for case in result.cases if case.group == f"p{patient}"}
                assert len(of_group) == 1
            counts = Counter(roles(result).values())
            assert abs(counts["test"] - 10) <= 3
            assert abs(counts["validation"] - 8) <= 3

    def test_kinds_are_spread_in_proportion(self, files):
        result = split(made(files, {"labeled": 20, "scribbled": 40, "unlabeled": 50}), 0.1, 0.2)
        for role, share in (("validation", 0.1), ("test", 0.2)):
            kinds = Counter(case.id.split("_")[0] for case in result.by_role(role))
            assert kinds == {"labeled": 20 * share, "scribbled": 40 * share}

    def test_unlabeled_cases_with_a_truth_can_be_measured_on(self, files):
        cohort = made(files, {"labeled": 2, "unlabeled": 18})
        for case in cohort.cases:
            case.truth = files["labeled"]
        result = split(cohort, 0.5)
        kinds = Counter(case.id.split("_")[0] for case in result.by_role("validation"))
        assert kinds == {"labeled": 1, "unlabeled": 9}

    def test_points_alone_cannot_be_measured_on(self, files):
        cohort = made(files, {"labeled": 2, "unlabeled": 18})
        for case in cohort.cases[2:]:
            case.points = (Point(1, (0.0,) * 3),)
        with pytest.raises(ValueError, match="leave none to train on: 2 of 20 cases"):
            split(cohort, 2)

    def test_nothing_left_to_train_on(self, files):
        with pytest.raises(ValueError, match="leave none to train on: 3 of 5 cases"):
            split(made(files, {"labeled": 3, "unlabeled": 2}), 2, 1)
        with pytest.raises(ValueError, match="no case is left"):
            split(made(files, {"labeled": 4}, patients=1), 0.25)
        with pytest.raises(ValueError, match="share or a number"):
            split(made(files, {"labeled": 4}), -0.1)


class TestKeepLabels:
    def test_others_labels_become_their_truth(self, files):
        cohort = made(files, {"labeled": 6, "scribbled": 2})
        cohort.cases[5].role = "test"
        few = keep_labels(cohort, 2)
        counts = summary_without_images(few)
        assert counts == {"labeled": 2, "unlabeled": 5}
        taken = [case for case in few.by_role("train") if case.label is None]
        truths = {case.id.split("_")[0]: case.truth for case in taken}
        assert truths == {"labeled": files["labeled"], "scribbled": None}
        assert few.case("labeled_005") == cohort.case("labeled_005")

    def test_smaller_choices_are_within_larger_ones(self, files):
        cohort = made(files, {"labeled": 12})
        kept = [
            {case.id for case in keep_labels(cohort, n, seed=5).cases if case.label}
            for n in (0, 1, 2, 5, 12)
        ]
        assert [len(ids) for ids in kept] == [0, 1, 2, 5, 12]
        assert all(small < large for small, large in itertools.pairwise(kept))
        other = {case.id for case in keep_labels(cohort, 5, seed=6).cases if case.label}
        assert other != kept[3]

    def test_by_group(self, files):
        cohort = made(files, {"labeled": 12}, patients=4)
        few = keep_labels(cohort, 2, by="group")
        assert len({case.group for case in few.cases if case.label}) == 2
        assert sum(case.label is not None for case in few.cases) == 6

    def test_weak_annotations_are_taken_away_too(self, files):
        cohort = made(files, {"labeled": 2})
        point = Point(1, (0.0,) * 3)
        cohort.cases = [replace(case, present=(1,), points=(point,)) for case in cohort.cases]
        few = keep_labels(cohort, 1)
        assert summary_without_images(few) == {"labeled": 1, "unlabeled": 1}

    def test_too_many(self, files):
        with pytest.raises(
            ValueError, match="5 densely labeled training cases were asked for of 3"
        ):
            keep_labels(made(files, {"labeled": 3}), 5)
        with pytest.raises(ValueError, match="case or by group"):
            keep_labels(made(files, {"labeled": 3}), 1, by="slice")


def summary_without_images(cohort: Cohort) -> dict[str, int]:
    return dict(Counter(cohort.annotation_kind(case) for case in cohort.by_role("train")))


def test_summary_needs_a_readable_image(files):
    with pytest.raises(ValueError, match="no such file"):
        summary(made(files, {"labeled": 1}))
