"""Label refinement: what is known stays, rounds end, boxes and scribbles become segmentations."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Box, Case
from SemiWeakSegLib.cohort.images import read_label
from SemiWeakSegLib.cohort.simulate import simulate
from SemiWeakSegLib.learning import refinement as rounds
from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.refinement import (
    allowed_classes,
    box_cores,
    keep_boxes_filled,
    known_voxels,
    write_first_labels,
    write_next_labels,
)
from SemiWeakSegLib.learning.saved_model import keep_model, load_tensors
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import Refinement
from SemiWeakSegLib.methods.inference import GraphCut, MeanField
from SemiWeakSegLib.methods.refinement import USUAL_CORES, USUAL_FILLS
from SemiWeakSegLib.methods.terms import parse_term
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.scans import Threshold, ball, make_plan, make_store, save
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (20, 24)


def box_of(value, rows, columns):
    """Around the voxels of a range of rows and columns, on 1 mm voxels; axes as the image's."""
    spans = [(low - 0.5, high - 0.5) for low, high in (columns, rows)]
    return Box(
        value,
        tuple((low + high) / 2 for low, high in spans),
        tuple(high - low for low, high in spans),
        ((1.0, 0.0), (0.0, 1.0)),
    )


def scene():
    """Two discs, bright and dim, and their label map."""
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[ball(SHAPE, (9, 6), 4)], label[ball(SHAPE, (9, 17), 4)] = 2, 1
    noise = np.random.default_rng(0).normal(0, 20, SHAPE)
    return (100.0 * label + noise).astype(np.float32), label


@pytest.fixture
def make(tmp_path):
    """A store and workshop of one case of the scene with some annotation."""

    def made(label=None, **annotation):
        image, _ = scene()
        path = None if label is None else save(tmp_path / "label.mha", label)
        case = Case("a", (save(tmp_path / "image.mha", image),), label=path, **annotation)
        plan = make_plan(2, (16, 16))
        store = make_store(tmp_path, [case], plan)
        events = []
        return SimpleNamespace(
            store=store,
            plan=plan,
            labeled=[0],
            device=torch.device("cpu"),
            products=tmp_path / "stages",
            emit=lambda kind, **fields: events.append({"kind": kind, **fields}),
            count=lambda done, total: None,
            events=events,
        )

    return made


BOXES = (box_of(2, (5, 14), (2, 11)), box_of(1, (5, 14), (13, 22)))


class TestAllowedClasses:
    def test_annotated_voxels_have_their_class_and_others_any(self, make):
        label = np.full(SHAPE, 255, dtype=np.uint8)
        label[0], label[1], label[2] = 0, 1, 2
        allowed = allowed_classes(make(label).store, 0)
        for row in range(3):
            assert allowed[row, 0, row].all()
            assert allowed[:, 0, row].sum() == SHAPE[1]
        assert allowed[:, 0, 3:].all()

    def test_a_class_is_nowhere_outside_its_boxes(self, make):
        allowed = allowed_classes(make(boxes=BOXES).store, 0)
        inside = np.zeros(SHAPE, dtype=bool)
        inside[5:14, 2:11] = True
        assert np.array_equal(allowed[2, 0], inside)
        assert allowed[0].all()

    def test_an_annotated_voxel_outside_the_box_of_its_class_is_believed(self, make):
        label = np.full(SHAPE, 255, dtype=np.uint8)
        label[19, 23] = 2
        allowed = allowed_classes(make(label, boxes=BOXES).store, 0)
        assert allowed[:, 0, 19, 23].tolist() == [False, False, True]

    def test_absent_classes_are_nowhere_and_classes_not_looked_at_may_be(self, make):
        label = np.full(SHAPE, 255, dtype=np.uint8)
        label[:5], label[5] = 0, 1
        shop = make(label, looked_at=(1,))
        allowed = allowed_classes(shop.store, 0)
        assert allowed[2, 0, :5].all()
        assert not allowed[1, 0, :5].any()
        assert not allowed[[0, 2], 0, 5].any()
        absent = allowed_classes(make(label, absent=(2,)).store, 0)
        assert not absent[2].any()

    def test_every_voxel_has_a_class(self, make):
        label = np.full(SHAPE, 255, dtype=np.uint8)
        label[3, 3:20] = 2
        for annotation in ({}, {"boxes": BOXES}, {"absent": (1, 2)}, {"looked_at": (1,)}):
            assert allowed_classes(make(label, **annotation).store, 0).any(axis=0).all()


class TestFirstLabels:
    def test_cores_of_boxes_are_objects_and_what_is_outside_background(self, make):
        shop = make(boxes=BOXES)
        label = box_cores(known_voxels(shop.store, 0), shop.store.knowledge[0], 0.5, "auto")[0]
        assert label[9, 6] == 2
        assert label[9, 17] == 1
        assert label[0, 0] == 0
        assert label[5, 2] == 255
        assert np.count_nonzero(label == 2) == 25

    def test_a_class_with_scribbles_needs_no_core_unless_asked(self, make):
        label = np.full(SHAPE, 255, dtype=np.uint8)
        label[8, 4:8] = 2
        shop = make(label, boxes=BOXES)
        known, knowledge = known_voxels(shop.store, 0), shop.store.knowledge[0]
        counts = {
            start: np.count_nonzero(box_cores(known, knowledge, 0.5, start) == 2)
            for start in ("auto", "scribbles", "boxes")
        }
        assert counts == {"auto": 4, "scribbles": 4, "boxes": 25}
        assert (box_cores(known, knowledge, 0.5, "auto") == 1).any()
        assert not (box_cores(known, knowledge, 0.5, "scribbles") == 1).any()

    def test_a_small_box_lies_over_a_big_one(self, make):
        shop = make(boxes=(box_of(1, (9, 12), (5, 8)), box_of(2, (2, 18), (1, 14))))
        label = box_cores(known_voxels(shop.store, 0), shop.store.knowledge[0], 1.0, "auto")[0]
        assert (label[9:12, 5:8] == 1).all()
        assert label[4, 4] == 2

    @pytest.mark.parametrize("rows", [(8, 10), (8, 9), (6, 9)])
    def test_a_flat_box_has_a_core_too(self, make, rows):
        """No voxel lies within a small share of two rows: both are as near to the middle."""
        shop = make(boxes=(box_of(1, rows, (4, 16)),))
        knowledge = shop.store.knowledge[0]
        label = box_cores(known_voxels(shop.store, 0), knowledge, 0.2, "auto")[0]
        found = np.argwhere(label == 1)
        assert len(found) > 0
        middle = (rows[0] + rows[1] - 1) / 2
        assert set(found[:, 0]) == {int(np.floor(middle)), int(np.ceil(middle))}
        assert np.abs(found[:, 1] - 9.5).max() < 6 * 0.6

    def test_the_usual_core_of_a_flat_box_is_larger_than_of_a_solid_one(self, make):
        shop = make(boxes=BOXES)
        known, knowledge = known_voxels(shop.store, 0), shop.store.knowledge[0]
        assert {box.dimensions for box in knowledge.boxes} == {2}
        usual = box_cores(known, knowledge, None, "auto")
        assert np.array_equal(usual, box_cores(known, knowledge, USUAL_CORES[2], "auto"))
        assert USUAL_CORES[2] > USUAL_CORES[3]

    def test_a_box_beside_the_image_has_none(self, make):
        shop = make(boxes=(box_of(1, (40, 50), (4, 16)),))
        label = box_cores(known_voxels(shop.store, 0), shop.store.knowledge[0], 0.4, "auto")
        assert not (label == 1).any()


class TestFilledBoxes:
    """Each box of BOXES has 9 x 9 voxels."""

    def filled(self, shop, label, scores, share=0.4, allowed=None):
        allowed = allowed_classes(shop.store, 0) if allowed is None else allowed
        found = np.array(label[None])
        keep_boxes_filled(found, scores[:, None], allowed, shop.store.knowledge[0], share)
        return found[0]

    def scores(self):
        """Likelier to the left, for class 1, and to the top, for class 2; never the likeliest."""
        rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
        return np.stack([np.ones(SHAPE), -columns / 100, -rows / 100]).astype(np.float32)

    def test_what_inference_took_away_comes_back_where_it_is_likeliest(self, make):
        shop, label = make(boxes=BOXES), np.zeros(SHAPE, dtype=np.uint8)
        label[13, 21] = 1
        found = self.filled(shop, label, self.scores(), share=28 / 81)
        expected = np.zeros(SHAPE, dtype=np.uint8)
        expected[5:14, 13:16] = 1  # the three columns farthest left, 27 voxels
        expected[13, 21] = 1
        expected[5:8, 2:11] = 2
        expected[8, 2] = 2
        assert np.array_equal(found, expected)

    def test_a_box_that_is_full_enough_stays_as_it_is(self, make):
        shop, label = make(boxes=BOXES), np.zeros(SHAPE, dtype=np.uint8)
        label[8:12, 13:22], label[6:10, 2:11] = 1, 2
        assert np.array_equal(self.filled(shop, label, self.scores()), label)

    def test_a_share_of_nought_still_keeps_one_voxel(self, make):
        label = np.zeros(SHAPE, dtype=np.uint8)
        found = self.filled(make(boxes=BOXES), label, self.scores(), share=0.0)
        assert [np.count_nonzero(found == value) for value in (1, 2)] == [1, 1]

    def test_what_cannot_be_the_class_does_not_become_it(self, make):
        known = np.full(SHAPE, 255, dtype=np.uint8)
        known[:, :15] = 0
        shop = make(known, boxes=BOXES[1:])
        found = self.filled(shop, np.zeros(SHAPE, dtype=np.uint8), self.scores(), share=1.0)
        assert not (found[:, :15] == 1).any()
        assert (found[5:14, 15:22] == 1).all()

    def test_a_small_box_in_a_big_one_is_kept(self, make):
        boxes = (box_of(1, (8, 11), (4, 7)), box_of(2, (4, 16), (2, 20)))
        found = self.filled(make(boxes=boxes), np.zeros(SHAPE, np.uint8), self.scores(), share=1.0)
        assert (found[8:11, 4:7] == 1).all()
        assert np.count_nonzero(found == 2) == 12 * 18 - 9

    def test_flat_boxes_are_fuller_than_solid_ones(self, make):
        assert USUAL_FILLS[2] > USUAL_FILLS[3] > 0
        shop, label = make(boxes=BOXES), np.zeros(SHAPE, dtype=np.uint8)
        usual = self.filled(shop, label, self.scores(), share=None)
        assert np.count_nonzero(usual == 1) == round(USUAL_FILLS[2] * 81)

    def test_a_case_without_boxes_stays_as_it_is(self, make):
        label = scene()[1]
        assert np.array_equal(
            keep_boxes_filled(label[None].copy(), self.scores()[:, None], None, None, 0.4)[0], label
        )


class TestNextLabels:
    @pytest.mark.parametrize("inference", [GraphCut(), MeanField()])
    def test_predictions_and_knowledge_make_them(self, make, inference):
        shop, truth = make(boxes=BOXES), scene()[1]
        write_first_labels(shop, 0.5, "auto")
        write_next_labels(Threshold([50, 150], sharpness=0.05), shop, 1, inference)
        label = np.load(rounds.labels_path(shop, 1, 0))[0]
        assert np.mean(label != truth) < 0.05
        [event] = shop.events
        first = np.load(rounds.labels_path(shop, 0, 0))[0]
        part = ((first != 0) & (first != 255)) | (label != 0)
        expected = np.count_nonzero(part & (label != first)) / np.count_nonzero(part)
        assert event["kind"] == "refinement"
        assert event["change"] == pytest.approx(expected, abs=1e-4)
        assert rounds.change_of(shop, 1) == pytest.approx(expected)
        assert rounds.change_of(shop, 2) is None

    def test_a_class_that_nobody_predicts_keeps_its_boxes(self, make):
        shop = make(boxes=BOXES)
        write_first_labels(shop, 0.5, "auto")
        write_next_labels(Threshold([50, 1e6]), shop, 1, GraphCut(), 0.3)
        label = np.load(rounds.labels_path(shop, 1, 0))[0]
        assert np.count_nonzero(label == 2) == round(0.3 * 81)
        assert not (label[:, 12:] == 2).any()

    def test_the_same_predictions_change_nothing_more(self, make):
        shop = make(boxes=BOXES)
        write_first_labels(shop, 0.5, "auto")
        for number in (1, 2):
            write_next_labels(Threshold([50, 150]), shop, number, GraphCut())
        assert rounds.change_of(shop, 2) == 0

    def test_annotated_voxels_stay_whatever_is_predicted(self, make):
        label = np.full(SHAPE, 255, dtype=np.uint8)
        label[9, 6], label[0] = 1, 2
        shop = make(label)
        write_first_labels(shop, 0.5, "auto")
        write_next_labels(Threshold([50, 150]), shop, 1, GraphCut())
        found = np.load(rounds.labels_path(shop, 1, 0))[0]
        assert (found[label != 255] == label[label != 255]).all()


@pytest.fixture(scope="module")
def boxed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxed")
    cohort = make_cohort(folder, labeled=3, unlabeled=0)
    return simulate(cohort, "boxes", out_path=folder / "boxed.json")


def dice_of(run):
    metrics = json.loads((run.predictions / "metrics.json").read_text(encoding="utf-8"))
    return metrics["mean_dice"]


def events(run, kind):
    return [event for event in EventLog(run.events_path).read()[0] if event["kind"] == kind]


@pytest.mark.usefixtures("no_report")
class TestTraining:
    def test_boxes_become_segmentations(self, boxed, tmp_path):
        settings = {"rounds": 2, "stop_change": 0.0, "validations": 2}
        run = make_run(
            tmp_path / "run",
            boxed,
            "refinement",
            steps=80,
            settings=settings,
            plan={"batch_labeled": 4},
            predict=("test",),
        )
        assert work(run) == "finished"
        assert [event["name"] for event in events(run, "stage")] == ["start", "round_1", "segment"]
        # A ball fills about four fifths of its box in the plane: boxes taken for objects give 0.88.
        assert dice_of(run) > 0.9
        changes = [event["change"] for event in events(run, "refinement")]
        assert changes[1] < changes[0]

    def test_settled_labels_end_the_rounds(self, boxed, tmp_path):
        settings = {"rounds": 4, "stop_change": 1.0}
        run = make_run(tmp_path / "run", boxed, "refinement", steps=10, settings=settings)
        assert work(run) == "finished"
        stages = events(run, "stage")
        assert [event["name"] for event in stages] == ["start", "segment"]
        assert sum(event["steps"] for event in stages) == 10  # nothing of the budget is left over
        assert (run.model / "model.json").exists()

    def test_scribbled_labels_grow(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=0, scribbled=2, unlabeled=0)
        request = {"settings": {"rounds": 1}, "plan": {"batch_labeled": 4}, "steps": 50}
        run = make_run(tmp_path / "run", cohort, "refinement", **request)
        work(run)
        truth = read_label(cohort.cases[0].truth)[0]
        label = np.load(run.path / "stages" / "refinement" / "round_1" / "0.npy")[0]
        assert np.mean(label == truth) > 0.9

    def test_a_breakdown_at_any_step_changes_nothing(self, boxed, tmp_path, monkeypatch):
        settings = {"rounds": 2, "stop_change": 0.0, "validations": 2}
        request = {"steps": 15, "settings": settings, "plan": {"batch_labeled": 2}}
        whole = make_run(tmp_path / "whole", boxed, "refinement", **request)
        work(whole)
        monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", boxed, "refinement", **request)
        original = trainer.StageTrainer.step
        for number, steps in enumerate((3, 5, 4)):
            left = iter(range(steps))

            def step(self, left=left):
                if next(left, None) is None:
                    raise InterruptedError
                original(self)

            with monkeypatch.context() as patch:
                patch.setattr(trainer.StageTrainer, "step", step)
                with pytest.raises(InterruptedError):
                    work(broken, resume=number > 0)
        work(broken, resume=True)
        expected, found = (load_tensors(run.model / "weights.pt") for run in (whole, broken))
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_a_breakdown_while_labels_are_made_changes_nothing(self, boxed, tmp_path, monkeypatch):
        settings = {"rounds": 2, "stop_change": 0.0, "validations": 2}
        request = {"steps": 9, "settings": settings, "plan": {"batch_labeled": 2}}
        runs = [
            make_run(tmp_path / name, boxed, "refinement", **request)
            for name in ("whole", "broken")
        ]
        work(runs[0])
        original, calls = rounds.refine, iter(range(100))

        def refine(*given):
            if next(calls) == 1:
                raise InterruptedError
            return original(*given)

        monkeypatch.setattr(rounds, "refine", refine)
        with pytest.raises(InterruptedError):
            work(runs[1])
        work(runs[1], resume=True)
        expected, found = (load_tensors(run.model / "weights.pt") for run in runs)
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_a_breakdown_between_stages_leaves_the_model_of_the_ended_one(
        self, boxed, tmp_path, monkeypatch
    ):
        original = trainer.StageTrainer.step

        def step(self):
            if self.number == 1:
                raise InterruptedError
            original(self)

        monkeypatch.setattr(trainer.StageTrainer, "step", step)
        settings = {"rounds": 2, "stop_change": 0.0}
        run = make_run(tmp_path / "run", boxed, "refinement", steps=9, settings=settings)
        with pytest.raises(InterruptedError):
            work(run)
        assert keep_model(run, boxed.classes)
        expected = load_tensors(run.checkpoints / "start.pt")["network"]
        found = load_tensors(run.model / "weights.pt")
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_a_stop_while_labels_are_made_is_heeded_at_once(self, boxed, tmp_path, monkeypatch):
        settings = {"rounds": 2, "stop_change": 0.0, "validations": 2}
        whole, stopped = (
            make_run(tmp_path / name, boxed, "refinement", steps=9, settings=settings)
            for name in ("whole", "stopped")
        )
        work(whole)
        original, calls = rounds.refine, []

        def refine(*given):
            if not calls:
                stopped.request_stop()
            calls.append(given)
            return original(*given)

        monkeypatch.setattr(rounds, "refine", refine)
        assert work(stopped) == "stopped"
        assert len(calls) == 1
        stopped.clear_stop()
        assert work(stopped, resume=True) == "finished"
        expected, found = (load_tensors(run.model / "weights.pt") for run in (whole, stopped))
        assert all(torch.equal(expected[name], found[name]) for name in expected)

    def test_a_frozen_teacher_learns_the_latest_labels(self, tmp_path, monkeypatch):
        cohort = make_cohort(tmp_path / "data", labeled=0, scribbled=1, unlabeled=1)
        term = parse_term("pseudo_label:1,teacher=frozen").to_dict()
        settings = {"rounds": 1}
        run = make_run(
            tmp_path / "run", cohort, "refinement", steps=6, settings=settings, terms=[term]
        )
        seen, original = [], trainer.StageTrainer.run

        def look(self):
            [path] = self.workshop.store.proposals.values()
            seen.append((self.stage.name, path.parent.name))
            original(self)

        monkeypatch.setattr(trainer.StageTrainer, "run", look)
        work(run)
        assert seen == [("start", "round_0"), ("teacher", "round_1"), ("segment", "round_1")]

    def test_dense_labels_leave_nothing_to_refine(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", unlabeled=0)
        run = make_run(tmp_path / "run", cohort, "refinement")
        with pytest.raises(ValueError, match="nothing to refine"):
            work(run)


class TestSettings:
    def test_they_name_the_inference(self):
        given = Refinement(inference_weight=2.0, sigma_intensity=0.2)
        assert given.inference_settings() == GraphCut(weight=2.0, sigma_intensity=0.2)
        field = replace(given, inference="mean_field", sigma_space_mm=5.0, iterations=4)
        assert field.inference_settings() == MeanField(
            weight=2.0, sigma_intensity=0.2, sigma_space_mm=5.0, iterations=4
        )


class Undecided(nn.Module):
    """Gives every class the same probability."""

    def forward(self, image):
        return image.new_zeros(len(image), 3, *image.shape[2:])


def test_an_undecided_network_is_led_by_what_is_known(make):
    """Two seeds and the image's edges are enough for a graph cut."""
    label = np.full(SHAPE, 255, dtype=np.uint8)
    label[8:11, 5:8], label[8:11, 16:19], label[0], label[-1] = 2, 1, 0, 0
    shop, truth = make(label), scene()[1]
    write_first_labels(shop, 0.5, "auto")
    write_next_labels(Undecided(), shop, 1, GraphCut(sigma_intensity=0.2))
    found = np.load(rounds.labels_path(shop, 1, 0))[0]
    assert np.mean(found == truth) > 0.9
