"""Confident predictions become labels; all else stays unknown."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning import trainer
from SemiWeakSegLib.learning.batches import make_augmentation
from SemiWeakSegLib.learning.pseudo_labels import (
    MEMORY,
    ClassBalancedLabeler,
    ThresholdLabeler,
    make_labeler,
    spread_places,
    threshold_labels,
)
from SemiWeakSegLib.learning.saved_model import load_tensors
from SemiWeakSegLib.learning.terms import PseudoLabelTerm, Step
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import terms as settings
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.steps import make_batch, make_context, make_step, smooth_images
from Testing.learning.tiny import make_cohort, make_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_report")

CPU = torch.device("cpu")


def of(probabilities):
    """(K,) per voxel -> (1, K, voxels)."""
    return torch.tensor(probabilities).T[None]


def shares(shape, seed=0, scale=3.0):
    torch.manual_seed(seed)
    return (scale * torch.randn(shape)).softmax(dim=1)


def balanced(portion=0.5, num_classes=3, end=None):
    labeler = ClassBalancedLabeler(portion, portion if end is None else end)
    labeler.start(num_classes, CPU)
    return labeler


def measured(probabilities, portion, counted=None):
    """c_k and the number of voxels predicted as k, by sorting each class with NumPy."""
    table = np.moveaxis(probabilities.numpy(), 1, -1).reshape(-1, probabilities.shape[1])
    if counted is not None:
        table = table[counted.numpy().ravel()]
    found = []
    for k in range(table.shape[1]):
        values = np.sort(table[table.argmax(1) == k, k])[::-1]
        rank = max(1, int(np.round(np.float32(portion) * np.float32(len(values)))))
        found.append((values[rank - 1] if len(values) else 1.0, len(values)))
    return found


def chosen(probabilities, thresholds):
    """argmax_k s_k / c_k where at least 1, else 255, voxel by voxel."""
    table = np.moveaxis(probabilities.numpy(), 1, -1)
    ratio = table / np.asarray(thresholds, dtype=np.float32)
    return np.where(ratio.max(-1) >= 1, ratio.argmax(-1), 255)


class TestThreshold:
    def test_below_it_is_unlabeled_never_background(self):
        probabilities = of(
            [[0.96, 0.02, 0.02], [0.90, 0.05, 0.05], [0.02, 0.96, 0.02], [0.2, 0.5, 0.3], [0, 0, 1]]
        )
        labels, mask = threshold_labels(probabilities, 0.95)
        assert labels.tolist() == [[0, 255, 1, 255, 2]]
        assert mask.tolist() == [[True, False, True, False, True]]

    @pytest.mark.parametrize("threshold", [0.4, 0.7, 0.95])
    @pytest.mark.parametrize("shape", [(2, 3, 8, 9), (1, 4, 5, 6, 7)])
    def test_agrees_with_a_loop_over_voxels(self, threshold, shape):
        logits = 3 * torch.randn(shape)
        labels, mask = ThresholdLabeler(threshold)(lambda image: logits, logits)
        assert labels.dtype == torch.int64
        flat = logits.double().movedim(1, -1).reshape(-1, shape[1])
        for row, label, known in zip(flat, labels.flatten(), mask.flatten(), strict=True):
            exponents = (row - row.max()).exp()
            parts = exponents / exponents.sum()
            if abs(float(parts.max()) - threshold) > 1e-6:
                assert bool(known) == (float(parts.max()) >= threshold)
                assert int(label) == (int(row.argmax()) if known else 255)

    def test_nought_takes_the_most_probable_class_everywhere(self):
        probabilities = shares((2, 3, 6, 6))
        labels, mask = ThresholdLabeler(0.0).select(probabilities)
        assert torch.equal(labels, probabilities.argmax(dim=1))
        assert mask.all()

    def test_half_precision_logits_are_judged_in_full_precision(self):
        logits = of([[0.9501, 0.0499], [0.9499, 0.0501]]).log().half()
        parts = logits.float().softmax(dim=1).amax(dim=1)
        mask = ThresholdLabeler(0.95)(lambda image: logits, logits)[1]
        assert torch.equal(mask, parts >= 0.95)


@pytest.mark.parametrize("kind", ["threshold", "class_balanced"])
def test_takes_no_gradient_and_uses_the_teacher(kind):
    teacher = nn.Conv2d(1, 3, 1)
    image = torch.randn(2, 1, 6, 6, requires_grad=True)
    labeler = make_labeler(settings.PseudoLabelTerm(selection=kind, threshold=0.4))
    labeler.start(3, CPU)
    labels, mask = labeler(teacher, image)
    labeler.end_step()
    expected = labeler.select(teacher(image).softmax(dim=1))
    # The thresholds of classes are what they were: the first step's.
    assert torch.equal(labels, expected[0])
    assert torch.equal(mask, labels != 255)
    assert not labels.requires_grad
    assert not any(value.requires_grad for value in labeler.state_dict().values())


class TestClassBalanced:
    @pytest.mark.parametrize("shape", [(2, 3, 8, 9), (1, 4, 5, 6, 7), (2, 2, 11, 5)])
    @pytest.mark.parametrize("portion", [0.0, 0.2, 0.5, 1.0])
    def test_agrees_with_sorting_each_class(self, shape, portion):
        probabilities = shares(shape)
        labeler = balanced(portion, shape[1])
        labels, mask = labeler(lambda image: probabilities.log(), probabilities)
        # The softmax of log s is s but for rounding: thresholds are of what was seen.
        seen = probabilities.log().softmax(dim=1)
        thresholds = [value for value, _ in measured(seen, portion)]
        assert np.allclose(labeler.thresholds(), thresholds, rtol=1e-6)
        expected = chosen(seen, labeler.thresholds().numpy())
        assert np.array_equal(labels.numpy(), expected)
        assert torch.equal(mask, labels != 255)

    def test_every_class_gets_the_same_share_also_one_that_is_never_sure(self):
        torch.manual_seed(0)
        sure = torch.stack([torch.rand(800) * 0.04 + 0.95, torch.zeros(800)], dim=1)
        sure[:, 1] = 1 - sure[:, 0]
        unsure = torch.stack([torch.rand(40) * 0.2 + 0.25, torch.zeros(40)], dim=1)
        unsure[:, 1] = 1 - unsure[:, 0]
        probabilities = torch.cat([sure, unsure]).T[None]
        fixed = ThresholdLabeler(0.9).select(probabilities)[0]
        assert not (fixed == 1).any()
        labels = balanced(0.25, 2)(lambda image: probabilities.log(), probabilities)[0]
        assert (labels == 0).sum() == pytest.approx(200, abs=2)
        assert (labels == 1).sum() == pytest.approx(10, abs=1)

    def test_what_is_not_counted_changes_no_threshold(self):
        probabilities = shares((2, 3, 10, 12))
        counted = torch.rand(2, 10, 12) < 0.3
        labeler = balanced()
        labeler.watch(probabilities, counted)
        expected = [value for value, _ in measured(probabilities, 0.5, counted)]
        assert np.allclose(labeler.thresholds(), expected)
        everything = balanced()
        everything.watch(probabilities)
        assert not torch.allclose(everything.thresholds(), labeler.thresholds())

    def test_thresholds_are_an_average_over_steps_weighted_by_voxels(self):
        labeler = balanced(0.3)
        total, weight = np.zeros(3), np.zeros(3)
        for seed in range(4):
            probabilities = shares((1, 3, 9, 9), seed)
            if seed == 2:  # a step without class 2
                probabilities = shares((1, 2, 9, 9), seed)
                probabilities = torch.cat([probabilities, torch.zeros(1, 1, 9, 9)], dim=1)
            labeler.watch(probabilities)
            for k, (value, count) in enumerate(measured(probabilities, 0.3)):
                if count:
                    total[k] = MEMORY * total[k] + value * count / 81
                    weight[k] = MEMORY * weight[k] + count / 81
            before_the_end = labeler.thresholds()
            labeler.end_step()
            assert torch.equal(labeler.thresholds(), before_the_end)
            assert np.allclose(before_the_end, total / weight)

    def test_two_halves_of_a_step_are_one_measure(self):
        first, second = shares((1, 3, 8, 8), 0), shares((1, 3, 8, 8), 1)
        labeler = balanced()
        labeler.watch(first)
        labeler.watch(second)
        values = np.array([measured(each, 0.5) for each in (first, second)])
        expected = values.prod(axis=2).sum(axis=0) / values[..., 1].sum(axis=0)
        assert np.allclose(labeler.thresholds(), expected)

    def test_a_class_not_predicted_so_far_gets_no_labels(self):
        probabilities = of([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1], [0.2, 0.7, 0.1]])
        labeler = balanced(1.0)
        labels, _ = labeler(lambda image: probabilities.log(), probabilities)
        assert labeler.thresholds()[2] == 1
        assert not (labels == 2).any()

    def test_nothing_counted_and_no_step_at_all_leave_it_as_it_was(self):
        labeler = balanced()
        labeler.watch(shares((1, 3, 8, 8)))
        labeler.end_step()
        before = labeler.thresholds()
        labeler.watch(shares((1, 3, 8, 8), 1), torch.zeros(1, 8, 8, dtype=torch.bool))
        assert torch.equal(labeler.thresholds(), before)
        for _ in range(3):
            labeler.end_step()
        assert torch.equal(labeler.thresholds(), before)
        assert before.isfinite().all()

    def test_the_portion_rises_over_the_stage(self):
        labeler = balanced(0.2, end=0.5)
        for progress, portion in ((0.0, 0.2), (0.5, 0.35), (1.0, 0.5), (1.1, 0.5)):
            labeler.at(progress)
            assert labeler.portion == pytest.approx(portion)

    def test_processes_share_what_they_measured(self):
        """As `Processes.average` does: the mean over two processes, in both."""
        halves = [shares((1, 3, 8, 8), seed) for seed in (0, 1)]
        single = balanced()
        for half in halves:
            single.watch(half)
        mean = single.fresh / 2
        pair = [ClassBalancedLabeler(0.5, 0.5) for _ in halves]
        for labeler, half in zip(pair, halves, strict=True):
            labeler.start(3, CPU, average=lambda tensor: mean)
            labeler.watch(half)
            labeler.end_step()
        assert torch.equal(pair[0].kept, pair[1].kept)
        assert torch.allclose(pair[0].thresholds(), single.thresholds())

    def test_state_is_kept(self):
        labeler, again = balanced(), balanced()
        labeler.watch(shares((1, 3, 8, 8)))
        labeler.end_step()
        again.load_state_dict(labeler.state_dict())
        assert torch.equal(again.thresholds(), labeler.thresholds())

    def test_large_batches_are_measured_on_a_sample(self):
        torch.manual_seed(0)
        sure = 0.5 + 0.5 * torch.rand(1, 1, 64, 64, 64)
        labeler = balanced(0.3, 2)
        labeler.watch(torch.cat([sure, 1 - sure], dim=1))
        assert labeler.thresholds()[0] == pytest.approx(0.5 + 0.5 * 0.7, abs=0.005)


class TestSpreadPlaces:
    @pytest.mark.parametrize("count", [1, 2, 7, 64, 1000])
    def test_few_are_all_taken(self, count):
        assert sorted(spread_places(count, 1000, CPU).tolist()) == list(range(count))

    def test_many_are_taken_once_from_all_over(self):
        places = spread_places(128**3, 4096, CPU)
        assert len(set(places.tolist())) == 4096
        # Every part, row and column of a volume gets its share, give or take a little.
        for bins in (places // 128**2, places // 128 % 128, places % 128):
            counts = torch.bincount(bins, minlength=128)
            assert counts.min() >= 24
            assert counts.max() <= 40


class Counting(nn.Conv2d):
    """A network that keeps what it is asked."""

    def __init__(self):
        super().__init__(1, 3, 1)
        self.asked = []

    def forward(self, image):
        self.asked.append(image)
        return super().forward(image)


class TestTerm:
    @pytest.mark.parametrize("strong", [True, False])
    def test_of_scribbled_patches_a_strong_view_is_made(self, strong):
        """Supervision wants the weak one; a teacher's answer to that is learned on another."""
        image = smooth_images((12, 12))
        label = torch.full((2, 12, 12), 255)
        label[:, :3] = 1
        plan_context, _ = make_context((12, 12))
        plan_context.augmentation = make_augmentation("strong", plan_context.plan)
        plan_context.store = SimpleNamespace(entries=[], knowledge={})
        student = Counting()
        term = PseudoLabelTerm(
            settings.PseudoLabelTerm(strong_view=strong, teacher="own", threshold=0.0), 1.0
        )
        term.start(plan_context)
        step = make_step(student, make_batch(image, label), None)
        student.asked.clear()
        term(step).backward()
        assert len(student.asked) == strong
        assert not any(torch.equal(each, image) for each in student.asked)
        assert student.weight.grad.abs().sum() > 0

    def test_acts_where_it_is_told(self):
        term = PseudoLabelTerm(settings.PseudoLabelTerm(on="unlabeled_cases"), 1.0)
        asked = []

        class Watched:
            progress = 0.5
            labeled = None

            def halves(self, which):
                asked.append(which)
                return []

            def zero(self):
                return torch.zeros(())

        assert term(Watched()) == 0
        assert asked == ["unlabeled_cases"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return make_cohort(tmp_path_factory.mktemp("slices"), scribbled=1)


def dice(run):
    text = (run.predictions / "metrics.json").read_text(encoding="utf-8")
    return json.loads(text)["mean_dice"]


def warnings(run):
    log = EventLog(run.events_path).read()[0]
    return [event["message"] for event in log if event["kind"] == "warning"]


# A narrow network and few patches: the tests are of the method, not of the machine.
SMALL = {"channels": [8, 8, 16, 16], "batch_labeled": 2, "batch_unlabeled": 2}


class TestTraining:
    @pytest.mark.parametrize(
        ("method", "values"),
        [
            ("pseudo_label", {"teacher": "own", "threshold": 0.8}),
            ("pseudo_label", {"teacher": "frozen", "first_share": 0.5}),
            ("proposals", {}),
            ("entropy", {}),
        ],
    )
    def test_it_beats_chance_quickly(self, method, values, cohort, tmp_path):
        asked = {"settings": values, "steps": 40, "plan": SMALL, "predict": ("test",)}
        run = make_run(tmp_path / "run", cohort, method, **asked)
        assert work(run) == "finished"
        assert dice(run) > 0.7

    @pytest.mark.parametrize(
        ("method", "values"),
        [
            ("pseudo_label", {"selection": "class_balanced"}),
            ("pseudo_label", {"teacher": "frozen"}),
            ("cutmix", {"selection": "class_balanced"}),
            ("cutmix", {"threshold": 0.6, "on": "unlabeled_cases", "teacher": "own"}),
        ],
    )
    def test_teacher_and_thresholds_are_learned_and_resumed(
        self, method, values, cohort, tmp_path, monkeypatch
    ):
        """Stopped in the middle and resumed, it ends where an uninterrupted run does."""
        asked = {"settings": {**values, "validations": 1}, "steps": 40, "plan": SMALL}
        whole = make_run(tmp_path / "whole", cohort, method, **asked, predict=("test",))
        work(whole)
        assert dice(whole) > 0.7
        monkeypatch.setattr(trainer, "PROGRESS_SECONDS", 0.0)
        broken = make_run(tmp_path / "broken", cohort, method, **asked)

        def stop(event):
            if event["kind"] == "progress" and event["step"] == 17:
                broken.request_stop()

        assert work(broken, progress=stop) == "stopped"
        state = load_tensors(broken.last_checkpoint)
        if values.get("selection") == "class_balanced":
            total, weight = state["terms"][1]["thresholds"]
            assert (weight > 0).sum() >= 2
            assert (total <= weight * (1 + 1e-5)).all()
        for name, value in state["network"].items():
            if name.endswith("conv.weight"):
                teacher = state["average"][f"module.{name}"]
                assert teacher.abs().sum() > 0
                assert not torch.equal(teacher, value)
        assert work(broken, resume=True) == "finished"
        expected = load_tensors(whole.model / "weights.pt")
        found = load_tensors(broken.model / "weights.pt")
        assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.fixture
def seen(monkeypatch):
    """What the terms of every step of the last stage were given, with the student's gradients."""
    steps = []
    weigh = trainer.StageTrainer._weigh

    def watched(self, step):
        if self.stage.name == "segment":
            steps.append(step)
            if step.unlabeled_logits is not None:
                step.unlabeled_logits.retain_grad()
        return weigh(self, step)

    monkeypatch.setattr(trainer.StageTrainer, "_weigh", watched)
    return steps


class TestSteps:
    """What the loop hands to the terms of these methods."""

    @pytest.mark.parametrize("strong", [True, False])
    def test_the_student_sees_a_strong_view_of_unlabeled_patches(
        self, cohort, tmp_path, seen, strong
    ):
        asked = {"settings": {"strong_view": strong}, "steps": 2, "plan": SMALL}
        work(make_run(tmp_path / "run", cohort, "pseudo_label", **asked))
        for step in seen:
            assert (step.unlabeled.image is step.unlabeled.weak_image) is not strong
            assert step.labeled.image is step.labeled.weak_image

    def test_a_frozen_teacher_is_the_first_network_and_stays(
        self, cohort, tmp_path, seen, monkeypatch
    ):
        answered = []
        ask = Step.ask_teacher

        def watched(self, image):
            answered.append(
                {name: each.clone() for name, each in self.teacher.state_dict().items()}
            )
            return ask(self, image)

        monkeypatch.setattr(Step, "ask_teacher", watched)
        run = make_run(
            tmp_path / "run",
            cohort,
            "pseudo_label",
            settings={"teacher": "frozen", "first_share": 0.5},
            steps=12,
            plan=SMALL,
        )
        work(run)
        first = load_tensors(run.checkpoints / "teacher.pt")["network"]
        assert len(answered) >= len(seen) == 6
        for state in (answered[0], answered[-1]):
            assert all(torch.equal(state[name], value) for name, value in first.items())
        student = seen[-1].student.state_dict()
        weights = [name for name in first if name.endswith("conv.weight")]
        assert not any(torch.equal(student[name], first[name]) for name in weights)

    def test_proposals_are_learned(self, cohort, tmp_path, seen):
        work(make_run(tmp_path / "run", cohort, "proposals", steps=4, plan=SMALL))
        for step in seen:
            assert (step.unlabeled.label != 255).any()
            assert step.unlabeled_logits.grad.abs().sum() > 0


class TestProposals:
    def proposals(self, cohort, path, **values):
        run = make_run(path, cohort, "proposals", settings=values, steps=16, plan=SMALL)
        work(run)
        maps = [np.load(each) for each in sorted((run.path / "stages/proposals").glob("*.npy"))]
        assert len(maps) == 2
        return run, np.stack(maps)

    def test_unsure_voxels_stay_unknown_and_the_others_are_the_same(self, cohort, tmp_path):
        run, everything = self.proposals(cohort, tmp_path / "all")
        assert set(np.unique(everything)) <= {0, 1, 2}
        assert not warnings(run)
        _, sure = self.proposals(cohort, tmp_path / "sure", threshold=0.6)
        known = sure != 255
        assert 0 < known.sum() < known.size
        assert np.array_equal(sure[known], everything[known])

    def test_class_balanced_takes_a_share_of_every_class(self, cohort, tmp_path):
        _, maps = self.proposals(cohort, tmp_path / "some", selection="class_balanced", portion=0.4)
        parts = np.array([(maps == value).mean() for value in (0, 1, 2)])
        assert (parts > 0.004).all()
        assert 0.25 < parts.sum() < 0.55

    def test_a_class_that_is_absent_is_not_proposed(self, cohort, tmp_path):
        bare = [
            replace(case, absent=(1,)) if case.label is None and case.role == "train" else case
            for case in cohort.cases
        ]
        tagged = cohort.with_cases(bare)
        tagged.save(tmp_path / "tagged.json")
        _, maps = self.proposals(tagged, tmp_path / "run")
        assert set(np.unique(maps)) == {0, 2, 255}

    def test_a_threshold_nobody_reaches_is_said(self, cohort, tmp_path):
        run, maps = self.proposals(cohort, tmp_path / "none", threshold=1.0)
        assert (maps == 255).all()
        assert any("no voxel of the unlabeled cases" in text for text in warnings(run))
