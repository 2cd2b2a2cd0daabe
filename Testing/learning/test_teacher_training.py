"""Real trainings with teachers: they learn, and go on after a breakdown as if nothing had been."""

from __future__ import annotations

import textwrap

import pytest
import torch

from SemiWeakSegLib.learning import ensemble_store, tiles, trainer
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods.terms import parse_term
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.test_faults import succeed, torchrun
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")

WEIGHTS = {"weight": 1.0, "ramp": 0.1}
NARROW = {2: {"channels": "8,16,16,16"}, 3: {"channels": "8,16,16"}}
CHEAP = {
    "mean_teacher": WEIGHTS | {"strong_view": True},
    "uncertainty_teacher": WEIGHTS | {"passes": 2},
    "temporal_ensembling": WEIGHTS,
}


class Interrupted(Exception):
    """Stands for the power going off."""


def events(run, kind):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == kind]


def interrupt_after(patch, steps):
    original, count = trainer.StageTrainer.step, iter(range(10**6))

    def step(self):
        if next(count) >= steps:
            raise Interrupted
        original(self)

    patch.setattr(trainer.StageTrainer, "step", step)


def break_off(run, steps, monkeypatch, *, resume=False):
    """Trains so many steps, with a checkpoint after each."""
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        interrupt_after(patch, steps)
        with pytest.raises(Interrupted):
            work(run, resume=resume)


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), labeled=1, scribbled=1, unlabeled=3)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    return make_cohort(
        tmp_path_factory.mktemp("volumes"), shape=(12, 16, 20), labeled=1, unlabeled=2
    )


@pytest.mark.parametrize("method", CHEAP)
def test_learns_and_has_a_teacher_of_its_own(method, slices, tmp_path, monkeypatch):
    settings = CHEAP[method]
    run = make_run(tmp_path / "run", slices, method, settings=settings, steps=40, plan=NARROW[2])
    monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
    with monkeypatch.context() as patch:  # its checkpoints are those of the validations
        interrupt_after(patch, 38)
        with pytest.raises(Interrupted):
            work(run)

    state = load_tensors(run.last_checkpoint)
    student, teacher = state["network"], state["average"]
    weights = [name for name, value in student.items() if value.ndim > 1]
    assert all(teacher[f"module.{name}"].any() for name in weights)
    assert not any(torch.equal(teacher[f"module.{name}"], student[name]) for name in weights)

    assert work(run, resume=True) == "finished"
    assert events(run, "validation")[-1]["mean_dice"] > 0.6
    losses = [event["losses"][method] for event in events(run, "progress")]
    assert max(losses) > 0
    assert all(0 <= value < 2 for value in losses)


def test_maps_of_turned_patches_go_on_bit_for_bit(volumes, tmp_path, monkeypatch):
    """Patches smaller than the volumes, turned, zoomed, mirrored; tiles that leave memory."""
    monkeypatch.setattr(ensemble_store, "HELD_BYTES", 30_000)
    monkeypatch.setattr(tiles, "TILE_EDGES", {3: 6})
    asked = {
        "settings": WEIGHTS | {"augmentation": "standard"},
        "steps": 9,
        "plan": NARROW[3] | {"patch_size": "8,12,16"},
    }
    whole = make_run(tmp_path / "whole", volumes, "temporal_ensembling", **asked)
    work(whole)
    broken = make_run(tmp_path / "broken", volumes, "temporal_ensembling", **asked)
    maps = broken.path / "stages" / "temporal" / "process-0"
    for steps, resume in ((2, False), (3, True), (2, True)):
        break_off(broken, steps, monkeypatch, resume=resume)
        assert list(maps.glob("maps-*.bin"))
    work(broken, resume=True)
    expected = load_tensors(whole.model / "weights.pt")
    found = load_tensors(broken.model / "weights.pt")
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    # Done with: nothing is left on the disk.
    assert not maps.exists()
    notes = events(broken, "note")
    assert len(notes) == 4
    assert "temporal ensembling keeps maps of 3 cases" in notes[0]["message"]


def test_added_together_to_another_method(slices, tmp_path):
    """On top of scribbles and of each other: one teacher, one forward of the student."""
    terms = ("mean_teacher", "uncertainty_teacher:0.1,passes=2", "temporal_ensembling", "entropy")
    added = tuple(parse_term(text).to_dict() for text in terms)
    run = make_run(tmp_path / "run", slices, "scribble_crf", steps=6, terms=added, plan=NARROW[2])
    assert work(run) == "finished"
    losses = events(run, "progress")[-1]["losses"]
    assert {"mean_teacher", "uncertainty_teacher", "temporal_ensembling"} <= set(losses)


def test_two_processes_keep_maps_of_their_own_and_go_on_bit_for_bit(tmp_path, monkeypatch):
    """Broken off and resumed in one start of torchrun; then resumed by one process more."""
    cohort = make_cohort(tmp_path / "data")
    names = ("whole", "broken", "grown")
    asked = {"settings": WEIGHTS | {"validations": 1}, "steps": 4, "plan": NARROW[2]}
    runs = {
        name: make_run(tmp_path / name, cohort, "temporal_ensembling", **asked) for name in names
    }
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import os, pathlib
            from SemiWeakSegLib.learning import trainer, worker
            from SemiWeakSegLib.learning.processes import Processes
            from SemiWeakSegLib.runs.folder import RunFolder
            folder = pathlib.Path({str(tmp_path)!r})
            worker.write_report = lambda run: None
            # One group for all runs: each would make and leave one of its own.
            group = Processes("cpu")
            step = trainer.StageTrainer.step
            def stop_at_two(self):
                step(self)
                if self.clock.step == 2:
                    self.workshop.run.request_stop()
            assert worker.work(RunFolder(folder / "whole")) == "finished"
            trainer.StageTrainer.step = stop_at_two
            assert worker.work(RunFolder(folder / "broken")) == "stopped"
            own = folder / "broken" / "stages" / "temporal" / f"process-{{os.environ['RANK']}}"
            assert list(own.glob("maps-*.bin")), own
            trainer.StageTrainer.step = step
            assert worker.work(RunFolder(folder / "broken"), resume=True) == "finished"
            assert not own.exists()
            assert worker.work(RunFolder(folder / "grown"), resume=True) == "finished"
            group.close()
            """
        )
    )
    break_off(runs["grown"], 2, monkeypatch)
    succeed([*torchrun(), str(script)])
    weights = [load_tensors(runs[name].model / "weights.pt") for name in names]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
