"""Real trainings with consistency and mixing: they learn, combine and resume bit for bit."""

from __future__ import annotations

import json

import pytest
import torch

from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.tiny import make_cohort, make_run

METHODS = {
    "transformation": {},
    "pi_model": {"distance": "kl"},
    "ict": {},
    "mixup": {"alpha": 1.0},
}

# Narrow and few patches a step: seconds instead of half a minute.
SMALL = {"channels": "8,16,32,64", "batch_labeled": 4, "batch_unlabeled": 4}

TOGETHER = {
    "terms": [
        {"name": "transformation", "weight": 0.3, "settings": {"teacher": "own"}},
        {"name": "pi_model", "weight": 0.1, "settings": {"gradient": "both"}},
        {"name": "ict", "weight": 0.5, "settings": {"on": "unlabeled_cases"}},
        {"name": "mixup", "weight": 0.5},
    ],
    "settings": {"threshold": 0.5},
    "plan": {**SMALL, "dropout": 0.1},
    "steps": 8,
}

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), labeled=1, scribbled=1)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("volumes"), shape=(12, 16, 20), labeled=1)


class Interrupted(Exception):
    """Stands for the power going off in the middle of a step."""


def interrupt_after(monkeypatch, steps):
    """Saves after every step, and breaks down before step number ``steps``."""
    original, count = trainer.StageTrainer.step, iter(range(10**6))

    def step(self):
        if next(count) >= steps:
            raise Interrupted
        original(self)

    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(trainer.StageTrainer, "step", step)


def losses(run):
    log = EventLog(run.events_path).read()[0]
    return [event["losses"] for event in log if event["kind"] == "progress"]


@pytest.mark.parametrize("method", list(METHODS))
class TestEachMethod:
    def test_beats_chance_quickly(self, method, slices, tmp_path):
        settings = METHODS[method]
        asked = {"settings": settings, "plan": SMALL, "steps": 50, "predict": ("test",)}
        run = make_run(tmp_path / "run", slices, method, **asked)
        assert work(run) == "finished"
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        # Each ball covers a tenth of the image: a guess reaches 0.2.
        assert metrics["mean_dice"] > 0.7
        assert losses(run)[-1][method] > 0

    def test_trains_on_volumes(self, method, volumes, tmp_path):
        small = {"batch_labeled": 1, "batch_unlabeled": 1}
        run = make_run(
            tmp_path / "run", volumes, method, settings=METHODS[method], plan=small, steps=3
        )
        assert work(run) == "finished"
        assert losses(run)[-1][method] > 0


class TestTeacher:
    @pytest.mark.parametrize("method", ["ict", "transformation"])
    def test_is_neither_nought_nor_the_student(self, method, slices, tmp_path, monkeypatch):
        asked = {"settings": METHODS[method], "plan": SMALL, "steps": 100}
        run = make_run(tmp_path / "run", slices, method, **asked)
        interrupt_after(monkeypatch, 8)
        with pytest.raises(Interrupted):
            work(run)
        saved = load_tensors(run.last_checkpoint)
        for name, student in saved["network"].items():
            teacher = saved["average"][f"module.{name}"]
            assert not torch.equal(teacher, student)
            # Not an average of nothing: it lies near the student.
            assert teacher.abs().sum() > 0.1 * student.abs().sum()


class TestTogether:
    def test_all_terms_in_one_run_resume_bit_for_bit(self, slices, tmp_path, monkeypatch):
        """Beside pseudo-labels on strong views, with scribbles, dropout and unlabeled cases."""
        whole = make_run(tmp_path / "whole", slices, "pseudo_label", **TOGETHER)
        work(whole)
        broken = make_run(tmp_path / "broken", slices, "pseudo_label", **TOGETHER)
        with monkeypatch.context() as patch:
            interrupt_after(patch, 5)
            with pytest.raises(Interrupted):
                work(broken)
        work(broken, resume=True)
        names = {"supervised", "pseudo_label", "transformation", "pi_model", "ict", "mixup"}
        assert set(losses(whole)[-1]) == {*names, "total"}
        expected = load_tensors(whole.model / "weights.pt")
        found = load_tensors(broken.model / "weights.pt")
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_flips_of_images_that_know_left_from_right_are_said_to_be_replaced(
        self, slices, tmp_path
    ):
        asked = {"settings": {"transform": "flips"}, "plan": SMALL, "steps": 1}
        run = make_run(tmp_path / "run", slices, "transformation", **asked)
        work(run)
        log = EventLog(run.events_path).read()[0]
        warnings = [event["message"] for event in log if event["kind"] == "warning"]
        assert any("turns and zooms instead of mirroring" in text for text in warnings)
