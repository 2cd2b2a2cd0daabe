"""The recommendation: what a cohort holds decides, then what was measured on the most alike."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from SemiWeakSegLib.methods import METHODS, get, missing_requirements, parse_term, recommend
from SemiWeakSegLib.methods.evidence import BENCHMARKS, WORTH, evidence
from SemiWeakSegLib.methods.measured import MEASURED, Measured

KINDS = ("labeled", "scribbled", "boxed", "tagged", "unlabeled")
COUNTS = (*KINDS, "with_truth", "with_boxes", "with_tags", "with_sizes", "partial", "boxed_partly")


def counts(**given: int) -> SimpleNamespace:
    """Counts of a cohort of volumes, unless ``sliced`` or ``single`` say something else."""
    known = {**dict.fromkeys(COUNTS, 0), "sliced": False, "single": False}
    return SimpleNamespace(**{**known, **given})


def row(method: str, gain: float, spread: float | None = 0.01, **other: object) -> Measured:
    """A row of hippocampus volumes with labels of 2 cases, unless said otherwise."""
    known = {
        "cohort": "hippocampus",
        "dimensions": 3,
        "annotation": "labels",
        "annotated": 2,
        "settings": (),
        "terms": (),
        "steps": 200,
        "seeds": 3,
        "dice": 0.7 + gain,
        "dice_spread": 0.02,
        "closed": None,
        "cost": None,
    }
    return Measured(**{**known, **other}, method=method, gain=gain, gain_spread=spread)


def base(**other: object) -> Measured:
    return row("supervised", 0.0, 0.0, **other)


def boxed(number: int, **other: int) -> SimpleNamespace:
    """With so many cases that carry boxes and nothing else."""
    return counts(boxed=number, with_boxes=number, boxed_partly=number, **other)


FEW = counts(labeled=2, unlabeled=20)


class TestAnnotationDecides:
    @pytest.mark.parametrize(
        ("cohort", "method"),
        [
            (counts(labeled=5), "supervised"),
            (counts(labeled=20, unlabeled=2), "supervised"),
            (boxed(3), "boxes"),
            (boxed(3, labeled=1, tagged=2, with_tags=2), "boxes"),
            (boxed(3, labeled=9), "supervised"),
            (counts(scribbled=6, with_points=6, with_boxes=6, boxed_partly=6), "boxes"),
            (boxed(3, scribbled=6), "scribble_crf"),
            # boxed cases whose segmentations were accepted
            (counts(labeled=19, boxed=1, with_boxes=20, boxed_partly=1), "supervised"),
            (boxed(1, labeled=1), "supervised"),
            (counts(tagged=7, with_tags=7), "tags"),
            (counts(tagged=7, unlabeled=3, with_tags=7), "tags"),
            (counts(labeled=8, partial=4, unlabeled=20), "supervised"),
            (counts(scribbled=8, partial=8), "scribble_crf"),
            (counts(scribbled=4), "scribble_crf"),
            (counts(labeled=2, scribbled=10, unlabeled=10), "scribble_crf"),
            (counts(labeled=1, scribbled=30, unlabeled=40), "scribble_crf"),
            (counts(labeled=4, scribbled=2), "supervised"),
            (counts(unlabeled=10), "scribble_crf"),
            (counts(), "scribble_crf"),
        ],
    )
    def test_follows_from_what_the_cohort_holds(self, cohort, method):
        assert recommend(cohort).method == method

    def test_of_partial_labels_names_what_lets_one_model_learn_from_all(self):
        reason = recommend(counts(labeled=4, partial=3)).reason
        assert reason.startswith("In 3 of 4 annotated cases some classes were not looked for")

    @pytest.mark.parametrize(
        "cohort",
        [
            boxed(3),
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
        path = Path(__file__).parents[2] / "Testing" / "benchmarks" / "results" / "weak.md"
        lines = path.read_text(encoding="utf-8").splitlines()

        def share(annotation: str, learned_by: str) -> str:
            (line,) = (
                line for line in lines if line.startswith(f"| {annotation} | {learned_by} |")
            )
            return re.search(r"(\d+\.\d) %", line).group(1)

        expected = [
            share("scribbles, at most 1 % of the voxels", "+ CRF"),
            share("10 cases scribbled, the others unlabeled", "CRF"),
        ]
        for cohort in (counts(scribbled=1), counts(unlabeled=3)):
            assert re.findall(r"(\d+\.\d) %", recommend(cohort).reason) == expected

    def test_boxed_cases_with_strokes_are_counted_once(self):
        cohort = counts(scribbled=6, boxed=1, with_boxes=7, boxed_partly=7)
        assert recommend(cohort).reason.startswith("7 boxed cases:")
        assert "along" not in recommend(cohort).reason
        assert "It takes 1 other annotated case along." in recommend(boxed(3, labeled=1)).reason

    def test_one_case_is_singular(self):
        assert recommend(counts(scribbled=1)).reason.startswith("1 scribbled case,")


class TestMeasuredGainDecides:
    def test_the_best_mean_gain_wins_and_the_next_is_named(self):
        rows = [base(), row("entropy", 0.02), row("cutmix", 0.06), row("ict", 0.04)]
        found = recommend(FEW, rows)
        assert (found.method, found.runner_up) == ("cutmix", "ict")
        assert found.reason == (
            "2 annotated cases, 20 without labels. On hippocampus volumes with labels of 2 cases "
            "Weak-to-strong consistency with CutMix gained 6.0 ± 1.0 points of Dice over "
            "supervised (70.0 to 76.0 %). Next to try: Interpolation consistency (ICT) "
            "(+4.0 ± 1.0)."
        )

    @pytest.mark.parametrize(
        ("gain", "cost", "method"),
        [
            (0.046, 4.0, "entropy"),
            (0.046, 6.0, "entropy"),  # not twice the time of a quicker one that gained less
            (0.046, 6.2, "cutmix"),
            (0.046, 9.0, "cutmix"),
            (0.055, 9.0, "entropy"),  # half a point more
            (0.046, None, "entropy"),
        ],
    )
    def test_double_the_time_has_to_bring_half_a_point(self, gain, cost, method):
        rows = [
            base(),
            row("entropy", gain, cost=cost),
            row("ict", 0.044, cost=5.0),
            row("cutmix", 0.042, cost=3.0),
            row("mixup", 0.02, cost=1.0),
        ]
        found = recommend(FEW, rows)
        assert (found.method, found.runner_up) == (
            (method, "entropy" if method == "cutmix" else "ict")
        )
        told = f"Entropy minimisation (+4.6 ± 1.0 in {cost} times the time)."
        assert found.reason.endswith(told) == (method == "cutmix")

    def test_another_of_unknown_time_may_be_between(self):
        rows = [
            base(),
            row("cutmix", 0.046, settings=("augmentation=strong",), cost=9.0),
            row("ict", 0.045),
            row("cutmix", 0.044, cost=3.0),
        ]
        found = recommend(FEW, rows)
        assert (found.method, found.settings) == ("cutmix", {})
        assert found.reason.endswith("Next to try: Interpolation consistency (ICT) (+4.5 ± 1.0).")

    def test_a_gain_within_its_spread_or_of_one_seed_does_not_count(self):
        rows = [base(), row("cutmix", 0.06, 0.07), row("ict", 0.05, None), row("entropy", 0.02)]
        assert recommend(FEW, rows).method == "entropy"

    def test_where_nothing_helped_it_is_supervised_and_the_closest_is_named(self):
        found = recommend(FEW, [base(), row("cutmix", 0.06, 0.07), row("entropy", -0.01)])
        assert (found.method, found.runner_up) == ("supervised", "cutmix")
        assert "none of 2 other ways to learn gained more than its spread" in found.reason
        assert "CutMix with +6.0 ± 7.0 points" in found.reason

    def test_what_lost_against_supervised_is_not_proposed_as_the_next_to_try(self):
        found = recommend(FEW, [base(), row("cutmix", -0.002), row("entropy", -0.01)])
        assert (found.method, found.runner_up) == ("supervised", None)
        assert "next to try" not in found.reason
        assert "gained more than its spread over the seeds. Supervised" in found.reason

    def test_where_nothing_was_measured_that_is_said(self):
        assert "Nothing was measured" in recommend(FEW, []).reason
        assert recommend(FEW, [base()]).method == "pseudo_label"

    def test_share_of_the_gap_and_cost_are_told(self):
        found = recommend(FEW, [base(), row("cutmix", 0.06, closed=0.51, cost=1.38)])
        assert ", 51 % of the gap to full labels, in 1.4 times the time." in found.reason

    def test_what_the_cohort_cannot_feed_and_comparisons_are_passed_over(self):
        rows = [base(), row("oracle_size", 0.2), row("curriculum_size", 0.1), row("ict", 0.02)]
        truth = counts(labeled=1, scribbled=1, unlabeled=20, with_truth=20)
        assert recommend(truth, rows).method == "curriculum_size"
        kind = "scribbles"
        scribbled = counts(scribbled=2, unlabeled=20, with_truth=20)
        rows = [replace(each, annotation=kind) for each in rows]
        assert recommend(scribbled, rows).method == "ict"

    def test_settings_and_terms_are_those_that_were_measured(self):
        rows = [
            base(settings=("learning_rate=0.01",)),
            row(
                "pseudo_label",
                0.05,
                settings=("learning_rate=0.01", "threshold=0.8", "strong_view=true"),
                terms=("entropy:0.2,on=all",),
            ),
        ]
        found = recommend(FEW, rows)
        assert found.settings == {"threshold": 0.8}  # the rest: the default, or the baseline's too
        assert found.terms == (parse_term("entropy:0.2,on=all"),)
        assert "Pseudo-labels (threshold=0.8) + Entropy minimisation gained" in found.reason
        assert found.options() == (
            "--method pseudo_label --set threshold=0.8 --add entropy:0.2,on=all"
        )
        plain = found.to_dict()
        assert plain["terms"][0]["settings"]["on"] == "all"
        assert plain["runner_up"] is None


class TestNearest:
    ROWS = (
        *(base(annotated=n) for n in (1, 2, 5)),
        row("entropy", 0.05, annotated=1),
        row("cutmix", 0.05, annotated=2),
        row("ict", 0.05, annotated=5),
        base(cohort="heart", dimensions=2, annotated=1),
        row("pi_model", 0.05, cohort="heart", dimensions=2, annotated=1),
        base(cohort="heart", dimensions=2, annotated=5),
        row("mixup", 0.05, cohort="heart", dimensions=2, annotated=5),
    )

    @pytest.mark.parametrize(
        ("cohort", "method"),
        [
            (counts(labeled=1, unlabeled=50), "entropy"),
            (counts(labeled=2, unlabeled=50), "cutmix"),
            (counts(labeled=3, unlabeled=50), "cutmix"),  # 3/2 is less than 5/3
            (counts(labeled=4, unlabeled=50), "ict"),
            (counts(labeled=40, unlabeled=50), "ict"),
            # a patient of the hearts has two stacks of nine slices
            (counts(labeled=2, unlabeled=50, sliced=True), "pi_model"),
            (counts(labeled=9, unlabeled=50, sliced=True), "mixup"),
            (counts(labeled=18, unlabeled=50, sliced=True, single=True), "pi_model"),
            (counts(labeled=90, unlabeled=99, sliced=True, single=True), "mixup"),
        ],
    )
    def test_number_and_kind_of_images_choose_the_rows(self, cohort, method):
        assert recommend(cohort, self.ROWS).method == method

    def test_far_beyond_what_was_measured_less_is_promised(self):
        few, many = (counts(labeled=n, unlabeled=50) for n in (15, 16))
        assert "expect less" not in recommend(few, self.ROWS).reason
        assert "expect less" in recommend(many, self.ROWS).reason
        nothing = [base(annotated=5), row("ict", -0.05, annotated=5)]
        assert "expect less" not in recommend(few, nothing).reason
        assert "expect less" in recommend(many, nothing).reason

    def test_mixed_annotation_looks_at_mixed_rows_first(self):
        mixed = {"annotation": "labels and scribbles", "annotated": 5}
        rows = [*self.ROWS, base(**mixed), row("adversarial", 0.05, **mixed)]
        assert recommend(counts(labeled=2, scribbled=3, unlabeled=9), rows).method == "adversarial"
        assert recommend(counts(labeled=3, scribbled=2, unlabeled=9), rows).method == "ict"
        prevailing = counts(labeled=2, scribbled=3, unlabeled=9)
        assert recommend(prevailing, self.ROWS).method == "scribble_crf"

    def test_scribbles_and_many_bare_cases_follow_the_figures_too(self):
        scribbles = {"annotation": "scribbles", "annotated": 5}
        rows = [
            base(**scribbles),
            row("scribble_crf", 0.05, terms=("cutmix",), **scribbles),
        ]
        found = recommend(counts(scribbled=5, unlabeled=30), rows)
        assert (found.method, found.terms) == ("scribble_crf", (parse_term("cutmix"),))
        assert "labels of" not in found.reason and "scribbles of 5 cases" in found.reason
        assert recommend(counts(scribbled=5, unlabeled=3), rows).terms == ()


class TestWhatWasMeasured:
    def test_every_row_can_be_asked_for_today(self):
        for each in MEASURED:
            assert each.cohort in BENCHMARKS
            get(each.method)().with_assignments(each.settings)
            for text in each.terms:
                parse_term(text)

    @pytest.mark.parametrize(
        ("labeled", "sliced"),
        sorted(
            {
                (each.annotated, each.dimensions == 2)
                for each in MEASURED
                if each.annotation == "labels"
            }
        ),
    )
    def test_the_recommendation_is_the_best_of_the_rows_or_hardly_less(self, labeled, sliced):
        labels = labeled * (2 if sliced else 1)
        summary = counts(labeled=labels, unlabeled=60, sliced=sliced)
        seen = [
            each
            for each in MEASURED
            if (each.dimensions == 2) == sliced
            and (each.annotation, each.annotated) == ("labels", labeled)
            and "truth" not in METHODS[each.method].needs
        ]
        helping = [each for each in seen if each.gain_spread and each.gain > each.gain_spread]
        top = max((each.gain for each in helping), default=0)
        near = [each for each in helping if top - each.gain < WORTH]
        found = recommend(summary)
        told = [
            each
            for each in near
            if each.method == found.method
            and f" {100 * each.gain:.1f} ± {100 * each.gain_spread:.1f} points" in found.reason
        ]
        assert len(told) == min(1, len(helping))
        assert helping or found.method == "supervised"
        for best in told:
            assert all(each.gain <= best.gain or best.cost < each.cost for each in near)

    def test_there_is_evidence_for_volumes_and_for_slices(self):
        for sliced in (False, True):
            assert evidence(counts(labeled=2, unlabeled=20, sliced=sliced), "labels") is not None


def test_can_be_trained_wherever_anything_is_annotated():
    for values in itertools.product((0, 1, 2, 9), repeat=5):
        kinds = dict(zip(KINDS, values, strict=True))
        for sliced in (False, True):
            cohort = counts(
                **kinds,
                with_boxes=kinds["boxed"],
                boxed_partly=kinds["boxed"],
                with_tags=kinds["tagged"],
                sliced=sliced,
            )
            if sum(values) == cohort.unlabeled:
                continue
            found = recommend(cohort)
            assert missing_requirements(get(found.method), cohort) == []
            assert METHODS[found.method].from_dict(found.settings).validate() == []
            assert found.method != "oracle_size"
