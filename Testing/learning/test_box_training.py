"""Real trainings from boxes: alone, turned, beside scribbles, and resumed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from SemiWeakSegLib.cohort.images import read_label
from SemiWeakSegLib.cohort.simulate import simulate
from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")


def boxed(folder, shape, cases=None, **counts):
    counts = {"labeled": 3, "unlabeled": 0, "validation": 0, "test": 2} | counts
    cohort = make_cohort(folder, shape=shape, **counts)
    return simulate(cohort, "boxes", out_path=folder / "boxes.json", cases=cases)


def mean_dice(run):
    return json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))["mean_dice"]


def filled_boxes(cohort):
    """Mean Dice of boxes taken for the objects, over the training cases."""
    values = []
    for case in cohort.by_role("train"):
        truth, geometry = read_label(case.truth)
        indices = np.stack(np.meshgrid(*[np.arange(n) for n in truth.shape], indexing="ij"), -1)
        points = geometry.to_physical(indices[..., ::-1])
        for box in case.boxes:
            inside, object_ = box.contains(points), truth == box.class_index
            values.append(2 * (inside & object_).sum() / (inside.sum() + object_.sum()))
    return float(np.mean(values))


def turned_boxes(cohort, degrees=35):
    """The same cohort with boxes turned about the objects: diagonal ones, still around balls."""
    angle = np.radians(degrees)
    axes = ((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle)))
    cases = [
        replace(case, boxes=tuple(replace(box, axes=axes) for box in case.boxes))
        for case in cohort.cases
    ]
    return cohort.with_cases(cases)


class TestLearning:
    def test_volumes_well_above_boxes_taken_for_objects(self, tmp_path):
        cohort = boxed(tmp_path / "data", (12, 16, 20))
        # A ball fills 0.52 of its box.
        settings = {"size_low": 0.45, "size_high": 0.6}
        run = make_run(
            tmp_path / "run",
            cohort,
            "boxes",
            steps=40,
            predict=("test",),
            settings=settings,
            plan={"batch_labeled": 2},
        )
        assert work(run) == "finished"
        assert mean_dice(run) > filled_boxes(cohort) + 0.1

    def test_turned_boxes_of_slices(self, tmp_path):
        cohort = turned_boxes(boxed(tmp_path / "data", (24, 24)))
        plan = {"batch_labeled": 4, "channels": "8,16,32,32"}
        run = make_run(tmp_path / "run", cohort, "boxes", steps=60, predict=("test",), plan=plan)
        work(run)
        assert mean_dice(run) > 0.75

    def test_boxed_scribbled_and_unlabeled_cases_in_one_cohort(self, tmp_path):
        cohort = boxed(tmp_path / "data", (24, 24), labeled=2, scribbled=2, unlabeled=1)
        # The last scribbled case gets boxes too: those of a boxed case, whose balls lie alike.
        both = replace(cohort.cases[3], boxes=cohort.cases[1].boxes)
        cohort = cohort.with_cases([*cohort.cases[:3], both, *cohort.cases[4:]])
        kinds = [cohort.annotation_kind(case) for case in cohort.by_role("train")]
        assert kinds == ["boxed", "boxed", "scribbled", "scribbled", "unlabeled"]
        settings = {"entropy_weight": 0.05}
        run = make_run(
            tmp_path / "run",
            cohort,
            "boxes",
            steps=50,
            predict=("test",),
            settings=settings,
            plan={"batch_labeled": 3, "batch_unlabeled": 1},
        )
        work(run)
        assert mean_dice(run) > 0.75


class TestRuns:
    def test_added_to_another_method_and_resumed_bit_for_bit(self, tmp_path, monkeypatch):
        cohort = boxed(tmp_path / "data", (24, 24), unlabeled=1)
        added = [{"name": "boxes", "weight": 1.0}, {"name": "candidates", "weight": 1.0}]
        request = {"terms": added, "steps": 8}
        whole = make_run(tmp_path / "whole", cohort, "supervised", **request)
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", cohort, "supervised", **request)
        original, count = trainer.StageTrainer.step, iter(range(10**6))

        def step(self):
            if next(count) >= 3:
                raise InterruptedError
            original(self)

        with monkeypatch.context() as patch:
            patch.setattr(trainer.StageTrainer, "step", step)
            with pytest.raises(InterruptedError):
                work(broken)
        work(broken, resume=True)
        expected, found = (load_tensors(run.model / "weights.pt") for run in (whole, broken))
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_terms_and_boxes_that_cannot_act_are_named(self, tmp_path):
        cohort = boxed(tmp_path / "data", (24, 24))
        run = make_run(
            tmp_path / "run",
            cohort,
            "boxes",
            steps=1,
            plan={"patch_size": "8,8"},
            terms=[{"name": "mutual_information", "weight": 0.1}],
        )
        work(run)
        said = [e["message"] for e in EventLog(run.events_path).read()[0] if e["kind"] == "warning"]
        assert len(said) == 2
        assert "'mutual_information' does nothing: it acts on unlabeled cases" in said[0]
        assert "boxes are larger than the patch [8, 8]" in said[1]

    def test_a_cohort_without_labels_or_boxes_is_refused(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=0, unlabeled=2)
        run = make_run(tmp_path / "run", cohort, "boxes")
        with pytest.raises(ValueError, match="annotated voxel or a box"):
            work(run)

    def test_a_box_says_its_class_and_where_it_is_not(self, tmp_path):
        """Boxes of one class alone: nothing is known of the other one anywhere."""
        cohort = boxed(tmp_path / "data", (24, 24))
        cases = [
            replace(case, boxes=tuple(b for b in case.boxes if b.class_index == 1))
            for case in cohort.cases
        ]
        run = make_run(tmp_path / "run", cohort.with_cases(cases), "boxes", steps=4)
        assert work(run) == "finished"
