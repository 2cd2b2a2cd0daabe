"""The tables of Dice: rows that can be run, arithmetic, results kept and refused, the search."""

from __future__ import annotations

import ast
import json
import sys
from argparse import Namespace
from dataclasses import astuple
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import cost_beside_gain  # noqa: E402
import few_labels  # noqa: E402
import measured  # noqa: E402
import search  # noqa: E402
import small_grids  # noqa: E402
import term_cost  # noqa: E402
import trials  # noqa: E402
import weak  # noqa: E402
from cohorts import drawn, fully_labeled  # noqa: E402
from few_rows import STUDIES, few_rows  # noqa: E402
from rows import Row  # noqa: E402
from search_space import SPACE  # noqa: E402
from tables import DICE, DIFFERENCE, Results, percent, table  # noqa: E402
from trials import RESULTS, Trial, TrialFailed, run_trials, training_seconds  # noqa: E402
from weak_cohorts import full_labels, labels_and_scribbles  # noqa: E402
from weak_rows import ROWS  # noqa: E402

from SemiWeakSegLib.cohort import Cohort  # noqa: E402
from SemiWeakSegLib.cohort.phantom import make_phantom  # noqa: E402
from SemiWeakSegLib.methods import METHODS, get, parse_term  # noqa: E402
from SemiWeakSegLib.methods.measured import MEASURED, Measured  # noqa: E402
from SemiWeakSegLib.methods.menu import conflicts  # noqa: E402

HEART, HIPPOCAMPUS = STUDIES["heart"], STUDIES["hippocampus"]
ALL_ROWS = [*ROWS, *few_rows(HEART), *few_rows(HIPPOCAMPUS)]


class TestRows:
    @pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: row.key)
    def test_each_asks_for_what_there_is(self, row):
        settings = get(row.method)().with_assignments(row.settings)
        assert conflicts(settings, [parse_term(term) for term in row.terms]) == []

    @pytest.mark.parametrize("rows", [ROWS, few_rows(HEART), few_rows(HIPPOCAMPUS)])
    def test_keys_are_names_of_one_row(self, rows):
        keys = [row.key for row in rows]
        assert len(set(keys)) == len(keys)

    def test_every_method_with_unlabeled_cases_is_measured(self):
        semi = {name for name, method in METHODS.items() if "unlabeled" in method.needs}
        assert semi <= {row.method for row in few_rows(HEART)}

    def test_earlier_stages_come_on_top(self, tmp_path):
        found = {row.key: row for row in few_rows(HEART)}
        cohort = Cohort([], [])
        two_stages = found["proposals-n1"].trial(tmp_path, cohort, 0, 200)
        one_stage = found["supervised-n1"].trial(tmp_path, cohort, 0, 200)
        assert two_stages.options[-4:] == ["--steps", "400", "--seed", "0"]
        assert one_stage.options[-4:] == ["--steps", "200", "--seed", "0"]


@pytest.fixture(scope="module")
def hearts(tmp_path_factory) -> Cohort:
    folder = tmp_path_factory.mktemp("hearts")
    cohort = make_phantom(folder, 6, labeled=0, scribbled=0, validation_patients=1, test_patients=1)
    return fully_labeled(cohort, "test")


class TestCohorts:
    def test_a_patient_is_drawn_whole_and_draws_follow_each_other(self, hearts):
        first, second = drawn(hearts, 1, 3), drawn(hearts, 1, 3, after=1)
        assert len({hearts.case(name).group for name in first}) == 1
        assert len(first) == len(second) == 2
        assert first | second == drawn(hearts, 2, 3)

    def test_labels_on_one_scribbles_on_others_nothing_on_the_rest(self, hearts, tmp_path):
        cohort = Cohort.load(labels_and_scribbles(1, 2)(hearts, tmp_path, 0))
        kinds = [cohort.annotation_kind(case) for case in cohort.cases if case.role == "train"]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "labeled": 2,
            "scribbled": 4,
            "unlabeled": 2,
        }


def put(folder: Path, key: str, seed: int, dice: float, seconds: float | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    result = {
        "key": key,
        "options": [],
        "seed": seed,
        "steps": 5,
        "mean_dice": dice,
        "per_class": {"one": dice},
        "training_seconds": seconds,
        "size_error": None,
    }
    (folder / f"{key}-seed{seed}.json").write_text(json.dumps(result), encoding="utf-8")


class TestArithmetic:
    @pytest.fixture
    def results(self, tmp_path) -> Results:
        for seed, full, base, own in ((0, 0.9, 0.5, 0.6), (1, 0.8, 0.6, 0.8)):
            put(tmp_path, "full", seed, full)
            put(tmp_path, "base", seed, base, seconds=10.0)
            put(tmp_path, "own", seed, own, seconds=20.0 + 10 * seed)
        put(tmp_path, "own", 2, 0.1, seconds=500.0)
        names = (("full", "all"), ("base", "few"), ("own", "few"), ("absent", "few"))
        self.full, self.base, self.own, self.absent = rows = [
            Row(key, annotation, key, full_labels, "supervised") for key, annotation in names
        ]
        return Results(rows, tmp_path)

    def test_differences_are_of_the_seeds_that_both_have(self, results):
        assert results.paired(self.own) == pytest.approx([0.1, 0.2])
        assert results.paired(self.own, self.full) == pytest.approx([-0.3, 0.0])
        assert results.dice(self.own) == [0.6, 0.8, 0.1]

    def test_share_of_the_gap(self, results):
        assert results.closed(self.own) == pytest.approx(0.15 / (0.85 - 0.55))
        assert results.closed(self.base) == 0
        assert results.closed(self.absent) is None

    def test_share_of_full_supervision_is_over_the_seeds_that_both_have(self, results):
        assert results.share_of_full(self.own) == pytest.approx(1.4 / 1.7)
        assert results.share_of_full(self.full) == pytest.approx(1)
        assert results.share_of_full(self.absent) is None

    def test_cost_is_the_median_of_ratios(self, results):
        assert results.cost(self.own) == pytest.approx(2.5)
        assert results.cost(self.full) is None

    def test_the_table_has_a_line_for_each_row_that_was_run(self, results):
        lines = table(results, (("key", lambda _, row: row.key), DICE, DIFFERENCE)).splitlines()
        assert lines[1] == "|---|---|---|"
        assert lines[4] == "| own | 50.0 ± 36.1 | +15.0 (+10.0, +20.0) |"
        assert len(lines) == 5

    def test_no_gap_is_negative_zero(self):
        assert percent(-0.001) == "0 %"

    def test_training_time_is_summed_over_stages(self):
        events = [
            {"kind": "progress", "stage": "first", "step": 5, "rate": 9.0},
            {"kind": "progress", "stage": "first", "step": 10, "rate": 5.0},
            {"kind": "checkpoint"},
            {"kind": "progress", "stage": "last", "step": 20, "rate": 2.0},
        ]
        assert training_seconds(events) == 12.0


class TestTrials:
    @pytest.fixture
    def trained(self, monkeypatch) -> list[Path]:
        """Trainings that take no time; the folders of their runs."""
        begun: list[Path] = []

        def train(run, cohort, options):
            begun.append(run)
            if "bad" in options:
                raise TrialFailed("no")
            return {"mean_dice": 0.5, "seconds": 1.0}

        monkeypatch.setattr(trials, "train_and_measure", train)
        return begun

    @staticmethod
    def trial(folder, key="row", options=("--steps", "5")) -> Trial:
        return Trial(folder, key, 0, options, lambda work, seed: work / "cohort.json")

    def test_a_run_is_not_repeated(self, tmp_path, trained):
        run_trials([self.trial(tmp_path)], jobs=1)
        run_trials([self.trial(tmp_path)], jobs=1)
        assert len(trained) == 1
        assert json.loads((tmp_path / "row-seed0.json").read_text())["mean_dice"] == 0.5
        assert not (tmp_path / "work" / "row-seed0").exists()

    def test_results_of_other_options_are_refused_before_anything_runs(self, tmp_path, trained):
        run_trials([self.trial(tmp_path)], jobs=1)
        others = [self.trial(tmp_path, options=("--steps", "6")), self.trial(tmp_path, "next")]
        with pytest.raises(SystemExit, match=r"row-seed0.json.*--out"):
            run_trials(others, jobs=1)
        assert len(trained) == 1

    def test_one_that_fails_keeps_no_other_from_running(self, tmp_path, trained):
        with pytest.raises(SystemExit, match="worse-seed0 failed: no"):
            run_trials([self.trial(tmp_path, "worse", ["bad"]), self.trial(tmp_path)], jobs=1)
        assert (tmp_path / "row-seed0.json").exists()
        assert not (tmp_path / "worse-seed0.json").exists()


class TestMeasured:
    def test_the_module_has_the_figures_of_the_results(self):
        folders = {study: few_labels.folder_of(study, RESULTS) for study in STUDIES.values()}
        found = measured.measured_rows(folders)
        assert list(MEASURED) == found, "run: python Testing/benchmarks/few_labels.py --measured"

    def test_the_tables_are_those_of_the_results(self, tmp_path):
        for study in STUDIES.values():
            (tmp_path / "few_labels").mkdir(exist_ok=True)
            (tmp_path / "few_labels" / study.name).symlink_to(few_labels.folder_of(study, RESULTS))
            written = few_labels.write_table(study, tmp_path).read_text(encoding="utf-8")
            assert written == (RESULTS / f"few_labels_{study.name}.md").read_text(encoding="utf-8")

    def test_a_row_as_python_is_the_row(self):
        row = Measured(
            "heart", 2, "labels and scribbles", 5, "scribble_crf", ("ramp=0.5",),
            ("cutmix:1,threshold=0.9", "entropy"), 200, 1, 0.5, None, -0.01, None, None, 1.25,
        )  # fmt: skip
        text = measured._line(row)
        assert all(len(line) <= 100 for line in text.splitlines())
        values = ast.literal_eval(text.strip().removeprefix("Measured"))
        assert values == (astuple(row),)


class TestWeakTable:
    def test_it_is_that_of_the_results(self):
        written = (RESULTS / "weak.md").read_text(encoding="utf-8")
        assert written == table(Results(ROWS, RESULTS / "weak"), weak.COLUMNS)


class TestCostBesideGain:
    def test_every_gain_is_that_of_a_row_and_its_term(self):
        keys = {"weak": ROWS, "hippocampus": few_rows(HIPPOCAMPUS)}
        rows = {(name, row.key): row for name, each in keys.items() for row in each}
        requests = {row.request for row in term_cost.ROWS}
        for term, place in cost_beside_gain.GAINS.items():
            assert term in requests
            name = parse_term(term).name
            row = rows[place]
            used = {row.method, *(parse_term(text).name for text in row.terms)}
            own = {"scribble_crf": "crf", "boxes": "candidates"}
            assert name in used or own.get(row.method) == name

    def test_the_table_is_that_of_the_results(self):
        written = (RESULTS / "cost_beside_gain.md").read_text(encoding="utf-8")
        assert written == cost_beside_gain.cost_beside_gain(RESULTS)
        measured_terms = {row.request or "unlabeled batch" for row in term_cost.ROWS}
        costs = json.loads((RESULTS / "term_cost.json").read_text(encoding="utf-8"))
        assert all(set(each) == measured_terms for each in costs.values())


class TestSearch:
    @pytest.mark.parametrize("method", SPACE)
    def test_every_candidate_is_allowed_and_one_is_the_default(self, method):
        found = search.candidates(method)
        assert sum(each.is_default for each in found) == 1
        for each in found:
            get(method)().with_assignments(each.settings)

    def test_the_better_half_goes_on_and_so_does_the_default(self, tmp_path, monkeypatch):
        monkeypatch.setattr(search, "SPACE", {"entropy": search.SPACE["entropy"]})
        arguments = Namespace(
            cohorts=[], out=tmp_path, data=tmp_path, labeled=[1], steps=5, seeds=[10], jobs=1
        )
        made = search.Search(arguments, ())
        made.cohorts = {HEART: Cohort([], [])}
        folder = tmp_path / "search" / "heart"
        put(folder, "supervised-n1", 10, 0.5)
        chosen = search.candidates("entropy")
        for place, each in enumerate(chosen):
            dice = 0.4 if each.is_default else 0.5 + 0.01 * place
            put(folder, each.row(HEART, 1).key, 10, dice)
        kept = made.halved(chosen)
        default = next(each for each in chosen if each.is_default)
        assert default in kept
        assert set(kept) - {default} == set(chosen[-((len(chosen) + 1) // 2) :]) - {default}
        lines = made.table(["entropy"]).splitlines()
        assert lines[2].endswith(f"| {len(chosen) - 1:+.1f} |")
        assert "**" in lines[-1] and "-10.0" in lines[-1]


def test_the_program_computes_small_grids_right_in_short_floats():
    rows, ended = small_grids.answers(2, 0, 3, 2, 1, 1)
    assert ended
    assert len(rows) == len(small_grids.AXES[2]) ** 2
    assert not any(wrong for _, wrong in rows)
    assert small_grids.is_wrong([small_grids.torch.tensor([1.0, float("nan")])], [None])
