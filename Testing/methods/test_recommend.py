"""The recommendation: what a cohort holds decides, and what is recommended can be trained."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from SemiWeakSegLib.methods import METHODS, get, missing_requirements, recommend

COUNTS = ("labeled", "scribbled", "boxed", "tagged", "unlabeled", "with_truth")


def counts(**given: int) -> SimpleNamespace:
    return SimpleNamespace(**{**dict.fromkeys(COUNTS, 0), **given})


class TestChoice:
    @pytest.mark.parametrize(
        ("cohort", "method"),
        [
            (counts(labeled=5), "supervised"),
            (counts(labeled=2, unlabeled=20), "pseudo_label"),
            (counts(labeled=20, unlabeled=2), "supervised"),
            (counts(labeled=1, boxed=3, tagged=2), "pseudo_label"),
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
        for values in itertools.product((0, 1, 2, 9), repeat=4):
            labeled, scribbled, boxed, unlabeled = values
            if not labeled + scribbled:
                continue
            cohort = counts(labeled=labeled, scribbled=scribbled, boxed=boxed, unlabeled=unlabeled)
            found = recommend(cohort)
            assert missing_requirements(get(found.method), cohort) == []
            assert METHODS[found.method].from_dict(found.settings).validate() == []


class TestReason:
    def test_names_the_counts_that_decided(self):
        reason = recommend(counts(labeled=2, unlabeled=17)).reason
        assert "2 annotated cases" in reason
        assert "17 without labels" in reason

    def test_says_what_to_do_where_nothing_is_annotated(self):
        assert "Scribble a few cases first" in recommend(counts(unlabeled=3)).reason

    def test_claims_of_scribbles_what_the_benchmarks_say(self):
        claimed = re.search(r"(\d+) % of the Dice", recommend(counts(scribbled=1)).reason)
        page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
        measured = re.search(r"(\d+)\.\d % of full supervision", page.read_text(encoding="utf-8"))
        assert claimed.group(1) == measured.group(1)

    def test_one_case_is_singular(self):
        assert recommend(counts(scribbled=1)).reason.startswith("1 scribbled case,")
