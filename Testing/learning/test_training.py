"""The training loop: it learns, stops, resumes bit for bit, and says what goes wrong."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort.images import read_label, write_label
from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.in_training import InTraining
from SemiWeakSegLib.learning.predict import predict_run
from SemiWeakSegLib.learning.recipes.sizes import size_terms
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import OracleSize
from SemiWeakSegLib.methods.menu import METHODS
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.tiny import make_cohort, make_run

SHORT = {
    "curriculum_size": {"folds": 2, "regressor": "small"},
    "pseudo_label": {"threshold": 0.5},
    "cutmix": {"threshold": 0.5},
}


READER = {"name": "entropy", "weight": 1e-9, "settings": {"on": "unlabeled_cases", "ramp": 0.0}}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), scribbled=1)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("volumes"), shape=(12, 16, 20))


def events(run, kind):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == kind]


def final_weights(run):
    return load_tensors(run.model / "weights.pt")


class Interrupted(Exception):
    """Stands for the power going off in the middle of a step."""


def interrupt_after(monkeypatch, steps):
    """Makes the loop break down before step number ``steps`` (counted over all stages)."""
    original, count = trainer.StageTrainer.step, iter(range(10**6))

    def step(self):
        if next(count) >= steps:
            raise Interrupted
        original(self)

    monkeypatch.setattr(trainer.StageTrainer, "step", step)


@pytest.mark.usefixtures("no_report")
class TestLearning:
    def test_supervised_segments_slices(self, slices, tmp_path):
        run = make_run(tmp_path / "run", slices, steps=60, predict=("test",))
        assert work(run) == "finished"
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["mean_dice"] > 0.85
        assert events(run, "validation")[-1]["mean_dice"] > 0.85

    def test_supervised_segments_volumes(self, volumes, tmp_path):
        run = make_run(tmp_path / "run", volumes, steps=60, predict=("test",))
        work(run)
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["mean_dice"] > 0.75

    def test_scribbles_alone_are_enough_to_learn(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=0, scribbled=2, unlabeled=1)
        run = make_run(tmp_path / "run", cohort, "scribble_crf", steps=120, predict=("test",))
        work(run)
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["mean_dice"] > 0.75

    def test_losses_fall(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        run = make_run(tmp_path / "run", slices, steps=40)
        work(run)
        losses = [event["losses"]["total"] for event in events(run, "progress")]
        assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.parametrize("method", list(METHODS))
class TestEveryMethod:
    def test_trains_on_slices_and_leaves_a_complete_run(self, method, slices, tmp_path):
        run = make_run(
            tmp_path / "run", slices, method, settings=SHORT.get(method, {}), predict=("unlabeled",)
        )
        assert work(run) == "finished"
        assert run.state() == "finished"
        assert (run.report / "report.html").stat().st_size > 10_000
        rows = json.loads((run.predictions / "predictions.json").read_text(encoding="utf-8"))
        assert {row["case"] for row in rows} == {"case02", "case03", "case04"}

    @pytest.mark.usefixtures("no_report", "short_floats")
    def test_trains_in_short_floats(self, method, slices, tmp_path):
        run = make_run(tmp_path / "run", slices, method, settings=SHORT.get(method, {}), steps=2)
        assert work(run) == "finished"
        assert all(weight.dtype != torch.bfloat16 for weight in final_weights(run).values())
        losses = [event["losses"] for event in events(run, "progress")]
        assert all(math.isfinite(value) for each in losses for value in each.values())

    @pytest.mark.usefixtures("no_report")
    def test_resumes_bit_for_bit(self, method, slices, tmp_path, monkeypatch):
        """A breakdown at any step and a resume give the weights of the uninterrupted run."""
        settings = SHORT.get(method, {})
        whole = make_run(tmp_path / "whole", slices, method, settings=settings, steps=14)
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", slices, method, settings=settings, steps=14)
        for steps in (2, 4, 3):
            with monkeypatch.context() as patch:
                interrupt_after(patch, steps)
                with pytest.raises(Interrupted):
                    work(broken, resume=steps != 2)
        work(broken, resume=True)
        expected, found = final_weights(whole), final_weights(broken)
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.usefixtures("no_report")
class TestStages:
    def test_size_errors_are_known_before_the_second_stage(self, volumes, tmp_path):
        run = make_run(
            tmp_path / "run", volumes, "curriculum_size", settings=SHORT["curriculum_size"]
        )
        work(run)
        log = EventLog(run.events_path).read()[0]
        names = [event.get("name", event["kind"]) for event in log]
        assert names.index("sizes") < names.index("segment")
        sizes = events(run, "sizes")[0]
        assert set(sizes["per_class"]) == {"bright", "dim"}
        assert len(sizes["scatter"]["bright"]["true"]) == 2

    def test_one_labeled_case_bounds_by_its_biggest_size_alone_and_says_so(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=1)
        run = make_run(
            tmp_path / "run", cohort, "curriculum_size", settings=SHORT["curriculum_size"]
        )
        work(run)
        sizes = events(run, "sizes")[0]
        assert "only one labeled case" in sizes["note"]
        assert "not used for bright, dim" in sizes["note"]
        assert sizes["per_class"]["bright"]["relative_width"] is None
        bounds = json.loads((run.path / "stages" / "sizes.json").read_text(encoding="utf-8"))[
            "bounds"
        ]
        label = read_label(cohort.cases[0].label)[0]
        expected = [[0, 1.5 * np.count_nonzero(label == value)] for value in (1, 2)]
        assert bounds["case01"] == [expected]

    def test_sizes_from_a_segmenter(self, slices, tmp_path):
        settings = {**SHORT["curriculum_size"], "sizes_from": "both"}
        run = make_run(tmp_path / "run", slices, "curriculum_size", settings=settings)
        work(run)
        names = [event["name"] for event in events(run, "stage")]
        assert names == ["regressor_1", "segmenter_1", "regressor_2", "segmenter_2", "segment"]

    def test_proposals_learn_from_predictions_of_the_first_stage(self, slices, tmp_path):
        run = make_run(tmp_path / "run", slices, "proposals")
        work(run)
        assert len(list((run.path / "stages" / "proposals").glob("*.npy"))) == 2

    def test_a_frozen_teacher_is_trained_first(self, slices, tmp_path):
        settings = {"teacher": "frozen", "threshold": 0.5}
        run = make_run(tmp_path / "run", slices, "pseudo_label", settings=settings)
        work(run)
        assert [event["name"] for event in events(run, "stage")] == ["teacher", "segment"]

    def test_terms_are_added_to_any_method(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        terms = [{"name": "entropy", "weight": 0.1}, {"name": "crf", "weight": 1.0}]
        run = make_run(tmp_path / "run", slices, terms=terms)
        work(run)
        assert set(events(run, "progress")[-1]["losses"]) == {
            "supervised",
            "entropy",
            "crf",
            "total",
        }

    def test_classes_not_looked_at_stay_open(self, slices, tmp_path):
        """Trained on cases where only one class was looked at each, both are still learned."""
        seen = {"case00": (1,), "case01": (2,)}
        cases = []
        for case in slices.cases:
            if case.id in seen:
                label, geometry = read_label(case.label)
                label[(label > 0) & (label != seen[case.id][0])] = 0
                path = tmp_path / f"{case.id}.mha"
                write_label(path, label, geometry)
                case = replace(case, label=path, looked_at=seen[case.id])
            cases.append(case)
        cohort = slices.with_cases([case for case in cases if case.id != "case02"])
        run = make_run(tmp_path / "run", cohort, steps=120, predict=("test",))
        work(run)
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["per_class"]["bright"]["dice"] > 0.6
        assert metrics["per_class"]["dim"]["dice"] > 0.6

    @pytest.mark.parametrize("budget", [{"steps": 40}, {"steps": None, "minutes": 0.02}])
    def test_the_average_remembers_no_more_than_a_share_of_the_stage(
        self, slices, tmp_path, monkeypatch, budget
    ):
        """Also where the budget is time and the number of steps is not known beforehand."""
        monkeypatch.setattr(trainer, "AVERAGE_SHARE", 0.5)
        decays = []
        update = InTraining.update

        def watched(self, *arguments):
            decays.append(self.average.decay)
            update(self, *arguments)

        monkeypatch.setattr(InTraining, "update", watched)
        run = make_run(tmp_path / "run", slices, settings={"average_decay": 0.99}, **budget)
        assert work(run) == "finished"
        memory = max(1.0, 0.5 * len(decays))
        assert 1 / (1 - decays[-1]) == pytest.approx(memory, rel=0.3)
        assert (len(set(decays)) == 1) is ("minutes" not in budget)

    def test_only_what_a_reference_tells_is_measured(self, slices, tmp_path):
        """A truth tells every class, a label those that were looked at."""
        cases = [
            replace(case, looked_at=(1,)) if case.role == "validation" else case
            for case in slices.cases
        ]
        test = next(case for case in cases if case.role == "test")
        cases.append(replace(test, id="partial", label=test.truth, truth=None, looked_at=(1,)))
        run = make_run(tmp_path / "run", slices.with_cases(cases), steps=40, predict=("test",))
        work(run)
        measured = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        found = {case["case"]: case["per_class"] for case in measured["cases"]}
        assert found[test.id]["dim"] is not None
        assert found["partial"] == {**found[test.id], "dim": None}
        assert events(run, "validation")[-1]["per_class"]["dim"] is not None


class TestSizeWeight:
    """How hard sizes are held: what is best on slices does harm on volumes."""

    @pytest.mark.parametrize(
        ("dimensions", "values", "expected"),
        [
            (2, {}, 655.0),
            (3, {}, 65.0),
            (3, {"penalty": "relative"}, 0.05),
            (2, {"size_weight": 7.0}, 7.0),
            (3, {"size_weight": 0.0}, 0.0),
        ],
    )
    def test_it_follows_plan_and_penalty_unless_given(self, dimensions, values, expected):
        settings = OracleSize.from_dict(values)
        [size] = [term for term in size_terms(settings, dimensions) if term.name == "size"]
        assert size.weight == expected


@pytest.mark.usefixtures("no_report")
class TestValidation:
    def test_a_truth_is_enough_to_validate_but_never_trained_on(self, tmp_path):
        cohort = make_cohort(tmp_path / "data")
        cases = [
            replace(case, label=None) if case.role == "validation" else case
            for case in cohort.cases
        ]
        run = make_run(tmp_path / "run", cohort.with_cases(cases))
        work(run)
        assert events(run, "validation")[-1]["mean_dice"] is not None
        # Two labeled and two unlabeled training cases, though all four have a truth.
        assert events(run, "stage")[0]["labeled"] == 2


@pytest.mark.usefixtures("no_report")
class TestBudget:
    def test_minutes_end_the_training(self, slices, tmp_path):
        run = make_run(tmp_path / "run", slices, steps=None, minutes=0.03)
        work(run)
        last = events(run, "progress")[-1]
        assert last["progress"] == 1.0
        assert last["step"] >= 2

    def test_a_plateau_ends_it_early(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(
            trainer, "validate", lambda network, shop: {"mean_dice": 0.5, "per_class": {}}
        )
        run = make_run(tmp_path / "run", slices, steps=50, settings={"patience": 2})
        work(run)
        assert events(run, "progress")[-1]["step"] == 15
        assert "stopped early" in events(run, "warning")[0]["message"]


class TestStopping:
    @pytest.mark.usefixtures("no_report")
    def test_asked_to_stop_it_leaves_a_checkpoint(self, slices, tmp_path):
        run = make_run(tmp_path / "run", slices, steps=50)

        def ask(event):
            if event["kind"] == "progress":
                run.request_stop()

        assert work(run, progress=ask) == "stopped"
        assert run.state() == "stopped"
        state = load_tensors(run.last_checkpoint)
        assert state["step"] == 1
        assert work(run, resume=True) == "finished"

    @pytest.mark.usefixtures("no_report")
    def test_a_stop_is_heeded_while_cases_are_prepared(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr("SemiWeakSegLib.learning.worker.PROGRESS_SECONDS", 0.0)
        run = make_run(tmp_path / "run", slices)
        seen = []

        def ask(event):
            seen.append(event["kind"])
            if event["kind"] == "preparing" and event["done"] == 2:
                run.request_stop()

        assert work(run, progress=ask) == "stopped"
        assert seen.count("preparing") == 2
        assert "stage" not in seen
        assert work(run, resume=True) == "finished"

    def test_a_stopped_run_can_predict_with_what_it_learned(self, slices, tmp_path):
        run = make_run(tmp_path / "run", slices, steps=50)

        def ask(event):
            if event["kind"] == "validation" and event["step"] >= 25:
                run.request_stop()

        assert work(run, progress=ask) == "stopped"
        rows = predict_run(run, [slices.case("case06")], device="cpu")
        assert (run.predictions / rows[0]["file"]).exists()
        assert "stopped" in (run.report / "report.html").read_text(encoding="utf-8")

    @pytest.mark.usefixtures("no_report")
    def test_a_killed_run_can_predict_with_its_last_checkpoint(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        interrupt_after(monkeypatch, 6)
        run = make_run(tmp_path / "run", slices, steps=50, settings={"validations": 1})
        with pytest.raises(Interrupted):
            work(run)
        predict_run(run, [slices.case("case06")], device="cpu")
        kept, last = final_weights(run), load_tensors(run.last_checkpoint)
        assert last["step"] == 6
        assert all(torch.equal(kept[name], last["average"][f"module.{name}"]) for name in kept)


@pytest.mark.usefixtures("no_report")
class TestFailing:
    def test_divergence_is_named(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        monkeypatch.setattr(
            trainer.StageTrainer,
            "_weigh",
            lambda self, step: _noted(self, step.labeled_logits.sum() * math.nan),
        )
        run = make_run(tmp_path / "run", slices)
        with pytest.raises(trainer.TrainingDiverged, match="learning rate"):
            work(run)
        assert run.state() == "failed"
        assert "learning rate" in events(run, "failed")[0]["message"]

    def test_a_diverged_network_does_not_replace_a_good_checkpoint(
        self, slices, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        original = trainer.StageTrainer._weigh

        def weigh(self, step):
            total = original(self, step)
            return total if self.clock.step < 5 else _noted(self, total * math.nan)

        monkeypatch.setattr(trainer.StageTrainer, "_weigh", weigh)
        run = make_run(tmp_path / "run", slices)
        with pytest.raises(trainer.TrainingDiverged):
            work(run)
        state = load_tensors(run.last_checkpoint)
        assert state["step"] == 5
        assert all(value.isfinite().all() for value in state["network"].values())

    def test_a_validation_that_says_nothing_does_not_lose_the_training(
        self, slices, tmp_path, monkeypatch
    ):
        nothing = {"mean_dice": None, "per_class": {}}
        monkeypatch.setattr(trainer, "validate", lambda network, shop: nothing)
        run = make_run(tmp_path / "run", slices, settings={"patience": 1})
        assert work(run) == "finished"
        assert events(run, "progress")[-1]["step"] == 10
        assert (run.model / "model.json").exists()

    def test_nothing_annotated_is_named(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=0, unlabeled=2)
        run = make_run(tmp_path / "run", cohort)
        with pytest.raises(ValueError, match="annotate at least one"):
            work(run)

    def test_out_of_memory_goes_on_with_half_the_batch(self, slices, tmp_path, monkeypatch):
        original, failures = trainer.StageTrainer.step, iter([True, False])

        def step(self):
            if self.clock.step == 1 and next(failures):
                raise torch.OutOfMemoryError("CUDA out of memory")
            original(self)

        monkeypatch.setattr(trainer.StageTrainer, "step", step)
        run = make_run(tmp_path / "run", slices)
        before = 8
        assert work(run) == "finished"
        event = events(run, "out_of_memory")[0]
        assert (event["batch"], event["next_batch"]) == (before, before // 2)
        assert run.read_plan()["batch_labeled"] == before // 2

    def test_out_of_memory_with_a_fixed_batch_says_what_may_fit(
        self, slices, tmp_path, monkeypatch
    ):
        def step(self):
            raise torch.OutOfMemoryError("CUDA out of memory")

        monkeypatch.setattr(trainer.StageTrainer, "step", step)
        run = make_run(tmp_path / "run", slices, plan={"batch_labeled": 4})
        with pytest.raises(RuntimeError, match=r"batch 2 \+ 4 with patch .* may fit"):
            work(run)


def _noted(stage_trainer, total):
    stage_trainer.losses.end_step(total)
    return total


@pytest.mark.usefixtures("no_report")
class TestPrefetching:
    def test_batches_drawn_ahead_in_a_thread_give_the_same_weights(
        self, slices, tmp_path, monkeypatch
    ):
        plain = make_run(tmp_path / "plain", slices, "pseudo_label")
        work(plain)
        original = trainer.StageTrainer._make_batches

        def make_batches(self):
            original(self)
            self.batches.ahead = True

        monkeypatch.setattr(trainer.StageTrainer, "_make_batches", make_batches)
        ahead = make_run(tmp_path / "ahead", slices, "pseudo_label")
        work(ahead)
        expected, found = final_weights(plain), final_weights(ahead)
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.usefixtures("no_report")
class TestPassesNobodyReads:
    """Mixed and turned views are passes of their own: unlabeled patches need no other."""

    @pytest.mark.parametrize(
        ("method", "settings"),
        [
            ("cutmix", {"threshold": 0.4}),
            ("ict", {}),
            ("transformation", {}),
            ("cutmix", {"threshold": 0.4, "teacher": "own"}),
            ("transformation", {"teacher": "own", "gradient": "one", "weight": 0.5}),
        ],
    )
    def test_leaving_them_out_changes_nothing(
        self, method, settings, slices, tmp_path, monkeypatch
    ):
        read, losses = [], []
        original = trainer.StageTrainer._weigh

        def weigh(self, step):
            read.append(step.unlabeled_logits is not None)
            losses.append(original(self, step))
            return losses[-1]

        monkeypatch.setattr(trainer.StageTrainer, "_weigh", weigh)
        request = {"settings": {"ramp": 0.0, "learning_rate": 1e-4, **settings}, "steps": 3}
        work(make_run(tmp_path / "left_out", slices, method, **request))
        assert read == [False] * 3
        # A further term that reads them, with next to no weight.
        request["terms"] = (READER,)
        work(make_run(tmp_path / "made", slices, method, **request))
        assert read[3:] == [True] * 3
        left_out, made = torch.stack(losses).detach().split(3)
        assert torch.allclose(left_out, made, rtol=1e-3)
        assert not torch.allclose(left_out[:2], left_out[1:], rtol=1e-3)

    @pytest.mark.parametrize(
        ("method", "settings"),
        [
            ("transformation", {"teacher": "own"}),
            ("pseudo_label", {}),
        ],
    )
    def test_those_that_read_them_get_them(self, method, settings, slices, tmp_path, monkeypatch):
        given = []
        original = trainer.StageTrainer._weigh

        def weigh(self, step):
            given.append(step.unlabeled_logits)
            return original(self, step)

        monkeypatch.setattr(trainer.StageTrainer, "_weigh", weigh)
        work(make_run(tmp_path / "run", slices, method, settings=settings, steps=2))
        assert len(given) == 2
        assert all(logits.requires_grad for logits in given)


@pytest.mark.usefixtures("no_report")
class TestTeachers:
    def test_two_kinds_of_teacher_in_one_run_are_refused(self, slices, tmp_path):
        terms = [{"name": "pseudo_label", "weight": 1.0, "settings": {"teacher": "frozen"}}]
        run = make_run(tmp_path / "run", slices, "pseudo_label", terms=terms)
        with pytest.raises(ValueError, match="one teacher"):
            work(run)

    def test_a_frozen_teacher_can_be_added_to_another_method(self, slices, tmp_path):
        terms = [{"name": "pseudo_label", "weight": 1.0, "settings": {"teacher": "frozen"}}]
        run = make_run(tmp_path / "run", slices, terms=terms)
        work(run)
        assert [event["name"] for event in events(run, "stage")] == ["teacher", "segment"]


@pytest.mark.usefixtures("no_report")
class TestPairs:
    def test_the_last_stages_of_all_methods_start_alike_and_see_the_same_labels(
        self, slices, tmp_path, monkeypatch
    ):
        """Before any step, and in what is drawn, methods differ by their terms alone."""
        seen = {}

        def step(self):
            if self.stage.name == "segment" and self.clock.step == 0:
                batch = self.batches.of_step(0)[0]
                start = self.network.state_dict()
                seen[method] = {"image": batch.image, "label": batch.label, **start}
            self.clock.advance()

        monkeypatch.setattr(trainer.StageTrainer, "step", step)
        for method in ("supervised", "proposals", "curriculum_size", "oracle_size"):
            settings = SHORT.get(method, {})
            work(make_run(tmp_path / method, slices, method, settings=settings))
        for method in ("proposals", "curriculum_size", "oracle_size"):
            found, expected = seen[method], seen["supervised"]
            differing = [n for n in expected if not torch.equal(found[n], expected[n])]
            assert (method, differing) == (method, [])
