"""Short real trainings against a discriminator: they learn, go on after a breakdown, and warn."""

from __future__ import annotations

import json

import pytest
import torch

from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.discriminators import ImageDiscriminator, PixelDiscriminator
from SemiWeakSegLib.learning.plan import Plan
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.terms import adversary
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods.terms import parse_term
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")

SMALL = {"discriminator_width": 8}
NETWORKS = {"adversarial": ImageDiscriminator, "adversarial_self_training": PixelDiscriminator}


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), scribbled=1)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("volumes"), shape=(8, 12, 16))


def quick(path, cohort, method, *, terms=(), settings=None, **request):
    narrow = {"channels": "8,8,8" if cohort.cases[0].images[0].suffix == ".gz" else "8,8,8,8"}
    return make_run(
        path,
        cohort,
        method,
        plan={"batch_labeled": 2, "batch_unlabeled": 2, **narrow},
        terms=[parse_term(text).to_dict() for text in terms],
        settings={
            "validations": 2,
            **(SMALL if method in NETWORKS else {}),
            **(settings or {}),
        },
        **request,
    )


class Interrupted(Exception):
    """Stands for the power going off in the middle of a step."""


def interrupted(run, monkeypatch, steps, resume=False):
    """Trains until before step number ``steps`` of this start, with a checkpoint after each."""
    original, count = trainer.StageTrainer.step, iter(range(10**6))

    def step(self):
        if next(count) >= steps:
            raise Interrupted
        original(self)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(trainer.StageTrainer, "step", step)
        with pytest.raises(Interrupted):
            work(run, resume=resume)
    return load_tensors(run.last_checkpoint)


@pytest.mark.parametrize("method", NETWORKS)
class TestLearning:
    def test_slices_are_segmented(self, method, slices, tmp_path):
        run = quick(tmp_path / "run", slices, method, steps=40)
        assert work(run) == "finished"
        events = EventLog(run.events_path).read()[0]
        dices = [event["mean_dice"] for event in events if event["kind"] == "validation"]
        # The two balls cover a tenth of the image each.
        assert max(dices) > 0.7

    def test_volumes_are_trained_on(self, method, volumes, tmp_path):
        run = quick(tmp_path / "run", volumes, method, steps=6, predict=("test",))
        assert work(run) == "finished"
        metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["mean_dice"] is not None

    def test_the_discriminator_learns_beside_the_segmenter(
        self, method, slices, tmp_path, monkeypatch
    ):
        run = quick(tmp_path / "run", slices, method, steps=12)
        first = interrupted(run, monkeypatch, 2)["terms"][1]
        later = interrupted(run, monkeypatch, 6, resume=True)["terms"][1]
        assert (first["updates"], later["updates"]) == (2, 8)
        plan = Plan.from_dict(json.loads((run.path / "plan.json").read_text(encoding="utf-8")))
        channels = plan.num_classes + (method == "adversarial")
        NETWORKS[method](plan, channels, 8, True).load_state_dict(later["network"])
        changed = [
            name
            for name, values in first["network"].items()
            if not torch.equal(values, later["network"][name])
        ]
        assert {name for name in first["network"] if "original" in name} <= set(changed)


def test_both_terms_resume_to_the_bit_beside_a_teacher(slices, tmp_path, monkeypatch):
    """A critic with its random shares, scribbles, strong views of a third term."""
    terms = (
        "adversarial,criterion=wasserstein,discriminator_width=8",
        "adversarial_self_training,discriminator_width=8,self_training_start=0.2",
        "pseudo_label,threshold=0.5",
    )
    whole = quick(tmp_path / "whole", slices, "supervised", terms=terms, steps=9)
    work(whole)
    broken = quick(tmp_path / "broken", slices, "supervised", terms=terms, steps=9)
    interrupted(broken, monkeypatch, 4)
    work(broken, resume=True)
    expected, found = (load_tensors(run.model / "weights.pt") for run in (whole, broken))
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("method", NETWORKS)
def test_goes_on_with_a_smaller_patch_after_it_ran_out_of_memory(
    method, slices, tmp_path, monkeypatch
):
    """The discriminator in the checkpoint is the one of the smaller patch too."""
    original = trainer.StageTrainer.step

    def step(self):
        if self.clock.step == 3 and min(self.workshop.plan.patch_size) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        original(self)

    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(trainer.StageTrainer, "step", step)
    run = make_run(tmp_path / "run", slices, method, settings=SMALL, steps=5)
    assert work(run) == "finished"
    events = EventLog(run.events_path).read()[0]
    shrunk = [event for event in events if event["kind"] == "out_of_memory"]
    assert shrunk[-1]["next_patch"] != shrunk[-1]["patch"]
    assert load_tensors(run.model / "weights.pt")


def test_a_discriminator_that_wins_is_said_in_the_runs_events(slices, tmp_path, monkeypatch):
    monkeypatch.setattr(adversary, "WINDOW", 10)
    monkeypatch.setattr(adversary, "WINS", 0.6)
    # It sees the images of two cases against those of two others, and learns much faster.
    settings = {"discriminator_rate": 0.01, "weight": 0.0001, "ramp": 0.0}
    run = quick(tmp_path / "run", slices, "adversarial", settings=settings, steps=25)
    work(run)
    events = EventLog(run.events_path).read()[0]
    warnings = [event["message"] for event in events if event["kind"] == "warning"]
    assert len([text for text in warnings if "always wins" in text]) == 1
