"""Co-training in real runs: it learns, resumes, is told in the plan, predicts and is exported."""

from __future__ import annotations

import ast
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort.images import read_label
from SemiWeakSegLib.commands.main import main
from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.export import export_bundle, export_onnx, export_torchscript
from SemiWeakSegLib.learning.export.script import ensemble_script
from SemiWeakSegLib.learning.networks import build_network
from SemiWeakSegLib.learning.predict import predict_run
from SemiWeakSegLib.learning.recipes import plan_run
from SemiWeakSegLib.learning.recipes.co_training import member_settings
from SemiWeakSegLib.learning.saved_model import keep_model, load_model, load_tensors, save_model
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods.co_training import CoTraining
from SemiWeakSegLib.methods.terms import parse_term
from SemiWeakSegLib.runs import RunFolder, RunRequest
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.test_export import (
    CLASSES,
    RUN_WITHOUT_PACKAGE,
    VOLUMES,
    call,
    make_images,
    make_plan,
)
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")
NARROW = {
    2: {"channels": "4,8,8,8", "residual_units": 1, "batch_labeled": 4, "batch_unlabeled": 4},
    3: {"channels": "8,8,16", "residual_units": 1, "batch_labeled": 2, "batch_unlabeled": 2},
}


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), scribbled=1)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("volumes"), shape=(8, 12, 16))


@pytest.fixture(scope="module")
def trained(volumes, tmp_path_factory):
    """A run of three planes on volumes that learned something."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("SemiWeakSegLib.learning.worker.write_report", lambda run: None)
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        run = make_run(
            tmp_path_factory.mktemp("trained") / "run",
            volumes,
            "co_training",
            steps=40,
            plan=NARROW[3],
            predict=("test",),
            settings={"learning_rate": 0.02, "validations": 2, "disagreement_weight": 0.1},
        )
        work(run)
        torch.set_num_threads(before)
    return run


def mean_dice(run):
    text = (run.predictions / "metrics.json").read_text(encoding="utf-8")
    return json.loads(text)["mean_dice"]


def stages(run):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == "stage"]


class TestLearning:
    def test_three_planes_segment_volumes_together(self, trained):
        assert mean_dice(trained) > 0.6
        assert load_model(trained.model).network.across == (0, 1, 2)
        assert (stages(trained)[0]["labeled"], stages(trained)[0]["unlabeled"]) == (2, 2)

    def test_the_model_has_all_members_and_they_differ(self, trained):
        weights = load_tensors(trained.model / "weights.pt")
        parts = [
            torch.cat([value.flatten() for n, value in weights.items() if n.split(".")[1] == each])
            for each in "012"
        ]
        assert len(weights) % 3 == 0
        assert not torch.equal(parts[0], parts[1]) and not torch.equal(parts[1], parts[2])

    def test_subsets_segment_slices(self, slices, tmp_path):
        run = make_run(
            tmp_path / "run",
            slices,
            "co_training",
            steps=50,
            plan=NARROW[2],
            predict=("test",),
            settings={"views": "subsets", "learning_rate": 0.02},
        )
        work(run)
        assert mean_dice(run) > 0.7
        notes = [e["message"] for e in EventLog(run.events_path).read()[0] if e["kind"] == "note"]
        assert len(notes) == 1 and "network 1 learns from case0" in notes[0]
        assert all(notes[0].count(name) == 1 for name in ("case00", "case01", "case02"))

    def test_one_labeled_case_is_enough(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=1, unlabeled=2)
        run = make_run(tmp_path / "run", cohort, "co_training", plan=NARROW[2])
        assert work(run) == "finished"
        assert "the same labeled cases" in run.read_plan()["notes"][-1]

    def test_scribbles_and_terms_of_other_methods_go_with_it(self, slices, tmp_path):
        texts = ("entropy:0.1,on=all", "crf:0.1", "pseudo_label:1,teacher=frozen", "mixup")
        terms = [parse_term(text).to_dict() for text in texts]
        run = make_run(tmp_path / "run", slices, "co_training", plan=NARROW[2], terms=terms)
        assert work(run) == "finished"
        assert [event["name"] for event in stages(run)] == ["teacher", "segment"]
        log = EventLog(run.events_path).read()[0]
        (said,) = [event["message"] for event in log if event["kind"] == "warning"]
        assert said.startswith(
            "pseudo_label and mixup: every network learns from the labels of all"
        )

    def test_terms_with_weight_0_are_left_out(self, slices, tmp_path, monkeypatch):
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        off = dict.fromkeys(("agreement_weight", "pseudo_label_weight"), 0.0)
        off["disagreement_weight"] = 0.1
        run = make_run(
            tmp_path / "run", slices, "co_training", plan=NARROW[2], settings=off, steps=3
        )
        work(run)
        progress = [e for e in EventLog(run.events_path).read()[0] if e["kind"] == "progress"]
        assert set(progress[-1]["losses"]) == {"supervised", "disagreement", "total"}


class TestWarnings:
    def warned(self, run):
        assert work(run) == "finished"
        log = EventLog(run.events_path).read()[0]
        return [event["message"] for event in log if event["kind"] == "warning"]

    def test_a_number_of_networks_that_planes_do_not_have_is_said(self, volumes, tmp_path):
        kept = {"plan": NARROW[3], "steps": 2, "settings": {"members": 5}}
        run = make_run(tmp_path / "run", volumes, "co_training", **kept)
        assert any("members=5 is not used" in said for said in self.warned(run))

    def test_a_network_whose_cases_were_not_searched_for_a_class_is_named(self, slices, tmp_path):
        _, *others = [case for case in slices.cases if case.label and case.role == "train"]
        cohort = slices.with_cases(
            [replace(case, looked_at=(1,)) if case in others else case for case in slices.cases]
        )
        cohort.save(tmp_path / "cohort.json")
        run = make_run(
            tmp_path / "run",
            cohort,
            "co_training",
            plan=NARROW[2],
            steps=2,
            settings={"views": "subsets"},
        )
        (said,) = self.warned(run)
        assert "from no case in which" in said and slices.classes[1].name in said


class TestResuming:
    def test_planes_resume_bit_for_bit(self, volumes, tmp_path, monkeypatch):
        kept = {
            "plan": NARROW[3],
            "steps": 24,
            "settings": {"validations": 2, "disagreement_weight": 0.1},
        }
        whole = make_run(tmp_path / "whole", volumes, "co_training", **kept)
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", volumes, "co_training", **kept)
        original, count = trainer.StageTrainer.step, iter(range(100))

        def step(self):
            if next(count) >= 5:
                raise InterruptedError
            original(self)

        with monkeypatch.context() as patch:
            patch.setattr(trainer.StageTrainer, "step", step)
            with pytest.raises(InterruptedError):
                work(broken)
        state = load_tensors(broken.last_checkpoint)
        average, student = state["average"], state["network"]
        moved = [n for n in student if not torch.equal(average[f"module.{n}"], student[n])]
        assert {name.split(".")[1] for name in moved} == {"0", "1", "2"}
        assert all(average[f"module.{name}"].abs().sum() > 0 for name in moved)
        assert keep_model(broken, volumes.classes)
        assert load_model(broken.model).network.across == (0, 1, 2)
        work(broken, resume=True)
        expected, found = (load_tensors(each.model / "weights.pt") for each in (whole, broken))
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)


class TestPlan:
    def test_notes_say_which_networks_there_will_be(self, volumes, tmp_path, capsys):
        path = tmp_path / "cohort.json"
        volumes.save(path)
        assert main(["plan", str(path), "--method", "co_training", "--device", "cpu"]) == 0
        assert "note: co-training: 3 networks of 2-D slices" in capsys.readouterr().out

    def test_what_cannot_be_is_said_before_training(self, slices, tmp_path, capsys):
        path = tmp_path / "cohort.json"
        slices.save(path)
        assert main(["plan", str(path), "--method", "co_training", "--set", "views=planes"]) != 0
        assert "needs volumes" in capsys.readouterr().err

    def test_only_training_cases_count(self, tmp_path):
        cohort = make_cohort(tmp_path, labeled=1, scribbled=1, validation=2)
        settings = CoTraining(views="subsets", members=3)
        with pytest.raises(ValueError, match="there are 2"):
            plan_run(cohort, settings, [], {}, "cpu")


class TestPrediction:
    def test_scores_are_the_mean_of_the_members(self, trained, volumes):
        model = load_model(trained.model)
        image = torch.randn(1, 1, *model.plan.patch_size)
        with torch.no_grad():
            members = [each.softmax(dim=1) for each in model.network.members(image)]
            found = model.network(image).softmax(dim=1)
        torch.testing.assert_close(found, sum(members) / 3)
        assert not torch.allclose(members[0], members[1])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A run that holds a model with random weights, of coronal slices and of whole volumes."""
    plan = make_plan(3)
    plan.network.update(channels=[4, 8], strides=[[2, 2, 2]], residual_units=0)
    settings = {
        "name": "co_training",
        "members": [member_settings(plan, 1), member_settings(plan, None)],
        "across": [1, None],
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # Spread logits keep rounding from deciding a voxel's class.
        state = {name: 2 * value for name, value in build_network(settings).state_dict().items()}
    run = RunFolder.create(tmp_path_factory.mktemp("exported") / "run", RunRequest("co_training"))
    save_model(run.model, settings, state, plan, CLASSES)
    return run


class TestExport:
    def test_torchscript_at_another_size(self, exported, tmp_path):
        file = export_torchscript(exported, tmp_path / "model.ts")
        image = torch.randn(3, 1, 10, 20, 18)
        with torch.no_grad():
            expected = load_model(exported.model).network(image)
            torch.testing.assert_close(torch.jit.load(str(file))(image), expected)

    def test_onnx_at_another_size(self, exported, tmp_path):
        for name in ("onnx", "onnxscript"):
            pytest.importorskip(name)
        onnxruntime = pytest.importorskip("onnxruntime")
        file = export_onnx(exported, tmp_path / "model.onnx")
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        image = torch.randn(3, 1, 10, 20, 18)
        with torch.no_grad():
            expected = load_model(exported.model).network(image).numpy()
        found = session.run(["logits"], {"image": image.numpy()})[0]
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())

    def test_a_bundle_runs_without_this_package(self, exported, tmp_path):
        case = make_images(tmp_path, {"straight": VOLUMES["straight"]})[0]
        row = predict_run(exported, [case], device="cpu", out=tmp_path / "ours")[0]
        bundle = export_bundle(exported, tmp_path / "bundle")
        assert "co-training" in (bundle / "docs" / "README.md").read_text(encoding="utf-8")
        call(tmp_path, "-c", RUN_WITHOUT_PACKAGE, str(tmp_path))
        ours = read_label(tmp_path / "ours" / row["file"])[0]
        theirs = read_label(tmp_path / "out" / "straight.nii.gz")[0]
        assert len(np.unique(ours)) > 1
        assert np.mean(ours == theirs) > 0.999

    def test_the_script_uses_torch_alone(self):
        tree = ast.parse(ensemble_script())
        modules = {
            node.module if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        assert modules == {"__future__", "math", "collections.abc", "torch", "torch.nn"}
