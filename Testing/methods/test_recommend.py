"""The recommendation: what a cohort holds decides, and what is recommended can be trained."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from SemiWeakSegLib.methods import METHODS, get, missing_requirements, recommend

KINDS = ("labeled", "scribbled", "boxed", "tagged", "unlabeled")
COUNTS = (*KINDS, "with_truth", "with_boxes", "with_tags", "with_sizes", "partial")


def counts(**given: int) -> SimpleNamespace:
    return SimpleNamespace(**{**dict.fromkeys(COUNTS, 0), **given})


class TestChoice:
    @pytest.mark.parametrize(
        ("cohort", "method"),
        [
            (counts(labeled=5), "supervised"),
            (counts(labeled=2, unlabeled=20), "pseudo_label"),
            (counts(labeled=20, unlabeled=2), "supervised"),
            (counts(labeled=1, tagged=5, with_tags=5), "pseudo_label"),
            (counts(boxed=3, with_boxes=3), "boxes"),
            (counts(labeled=1, boxed=3, tagged=2, with_boxes=3, with_tags=2), "boxes"),
            (counts(labeled=9, boxed=3, with_boxes=3), "supervised"),
            (counts(scribbled=6, with_points=6, with_boxes=6), "boxes"),
            (counts(scribbled=6, boxed=3, with_boxes=3), "scribble_crf"),
            (counts(tagged=7, with_tags=7), "tags"),
            (counts(tagged=7, unlabeled=3, with_tags=7), "tags"),
            (counts(labeled=8, partial=4, unlabeled=20), "supervised"),
            (counts(labeled=8, partial=1, unlabeled=20), "pseudo_label"),
            (counts(scribbled=8, partial=8), "scribble_crf"),
            (counts(scribbled=4), "scribble_crf"),
            (counts(scribbled=4, unlabeled=30), "scribble_crf"),
            (counts(labeled=2, scribbled=4, unlabeled=10), "pseudo_label"),
            (counts(labeled=2, scribbled=10, unlabeled=10), "scribble_crf"),
            (counts(labeled=4, scribbled=2, unlabeled=10), "pseudo_label"),
            (counts(labeled=4, scribbled=2), "supervised"),
            (counts(unlabeled=10), "scribble_crf"),
            (counts(), "scribble_crf"),
        ],
    )
    def test_follows_from_what_the_cohort_holds(self, cohort, method):
        assert recommend(cohort).method == method

    def test_is_never_a_comparison_or_a_size_method(self):
        for values in itertools.product((0, 1, 3, 40), repeat=4):
            labeled, scribbled, unlabeled, truth = values
            cohort = counts(
                labeled=labeled, scribbled=scribbled, unlabeled=unlabeled, with_truth=truth
            )
            assert recommend(cohort).method not in ("oracle_size", "curriculum_size")

    def test_can_be_trained_wherever_anything_is_annotated(self):
        for values in itertools.product((0, 1, 2, 9), repeat=5):
            kinds = dict(zip(KINDS, values, strict=True))
            cohort = counts(**kinds, with_boxes=kinds["boxed"], with_tags=kinds["tagged"])
            if sum(values) == cohort.unlabeled:
                continue
            found = recommend(cohort)
            assert missing_requirements(get(found.method), cohort) == []
            assert METHODS[found.method].from_dict(found.settings).validate() == []


class TestReason:
    def test_names_the_counts_that_decided(self):
        reason = recommend(counts(labeled=2, unlabeled=17)).reason
        assert "2 annotated cases" in reason
        assert "17 without labels" in reason

    def test_of_partial_labels_names_what_lets_one_model_learn_from_all(self):
        reason = recommend(counts(labeled=4, partial=3)).reason
        assert reason.startswith("In 3 of 4 annotated cases some classes were not looked for")

    @pytest.mark.parametrize(
        "cohort",
        [
            counts(boxed=3, with_boxes=3),
            counts(tagged=3, with_tags=3),
            counts(labeled=3, partial=3),
        ],
    )
    def test_claims_no_figure_that_was_not_measured(self, cohort):
        assert "%" not in recommend(cohort).reason
        assert "Dice" not in recommend(cohort).reason

    def test_says_what_to_do_where_nothing_is_annotated(self):
        assert "Scribble a few cases first" in recommend(counts(unlabeled=3)).reason

    def test_claims_of_scribbles_what_the_benchmarks_say(self):
        claimed = re.search(r"(\d+) % of the Dice", recommend(counts(scribbled=1)).reason)
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        measured = re.search(r"(\d+)\.\d % of full supervision", page.read_text(encoding="utf-8"))
        assert claimed.group(1) == measured.group(1)

    def test_one_case_is_singular(self):
        assert recommend(counts(scribbled=1)).reason.startswith("1 scribbled case,")
