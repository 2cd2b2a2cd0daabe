"""Weak-to-strong consistency: what is pasted where, which labels count, and what is learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.intensity import IntensityRanges, perturb
from SemiWeakSegLib.learning.losses.partial import partial_dice_loss
from SemiWeakSegLib.learning.pseudo_labels import ClassBalancedLabeler
from SemiWeakSegLib.learning.terms import CutMixTerm, StageContext, Step, cutmix, make_term
from SemiWeakSegLib.learning.worker import work
from SemiWeakSegLib.methods import CutMix, SettingsError, parse_term
from SemiWeakSegLib.methods import terms as settings
from SemiWeakSegLib.runs.events import EventLog
from Testing.learning.scans import make_plan, make_store, save
from Testing.learning.tiny import make_cohort, make_run

CPU = torch.device("cpu")
NAMES = ("dense", "scribbled", "unlabeled")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[(12, 14), (8, 10, 6)], ids=["2d", "3d"])
def store(request, tmp_path):
    """A dense, a scribbled and an unlabeled case that lie within one patch."""
    shape, source = request.param, np.random.default_rng(0)
    cases = []
    for name in NAMES:
        image = source.normal(size=shape).astype(np.float32)
        label = source.integers(0, 3, shape).astype(np.uint8)
        if name == "scribbled":
            label[:, 4:] = 255
        spacing = [0.7, 1.0, 2.5][: len(shape)]
        suffix = "mha" if len(shape) == 2 else "nii.gz"
        path = None
        if name != "unlabeled":
            path = save(tmp_path / f"{name}_l.{suffix}", label, spacing=spacing)
        image_path = save(tmp_path / f"{name}.{suffix}", image, spacing=spacing)
        cases.append(Case(name, (image_path,), label=path))
    plan = make_plan(len(shape), shape, spacing=tuple(spacing[::-1]), whole=True)
    return make_store(tmp_path, cases, plan)


def batch_of(store, name, size, strong_view=False):
    index = NAMES.index(name)
    sampler = PatchSampler(
        store,
        [index],
        size,
        make_augmentation("none", store.plan),
        annotated=index < 2,
        strong_view=strong_view,
    )
    return sampler.draw(seeded(index))


def convolution(store):
    kind = nn.Conv2d if store.plan.dimensions == 2 else nn.Conv3d
    return kind(1, 3, 1)


def sharp(store):
    """A teacher that is sure where the image is bright or dark, and unsure in between."""
    teacher = convolution(store)
    with torch.no_grad():
        teacher.weight.copy_(torch.tensor([-6.0, 6.0, 0.0]).reshape(teacher.weight.shape))
        teacher.bias.zero_()
    return teacher.eval().requires_grad_(False)


def step_of(store, labeled=None, unlabeled=None, strong_view=False):
    """Halves from (name, size); the student is one convolution."""
    torch.manual_seed(1)
    student = convolution(store)
    halves = [
        None if labeled is None else batch_of(store, *labeled),
        None if unlabeled is None else batch_of(store, *unlabeled, strong_view),
    ]
    logits = [None if half is None else student(half.image) for half in halves]
    return Step(1.0, *halves, *logits, student, sharp(store), seeded(5))


def started(store, folder, **values):
    term = CutMixTerm(settings.CutMixTerm(**{"threshold": 0.9, **values}), 1.0)
    augmentation = make_augmentation("none", store.plan)
    term.start(StageContext(store.plan, store, folder, CPU, augmentation=augmentation))
    return term


@pytest.fixture
def seen(monkeypatch):
    """What the term mixed: receivers, donors, boxes and the mixed samples."""
    calls = []
    paste = cutmix.Views.paste

    def watched(self, donors, boxes):
        mixed = paste(self, donors, boxes)
        calls.append((self, donors, boxes, mixed))
        return mixed

    monkeypatch.setattr(cutmix.Views, "paste", watched)
    return calls


class TestBoxes:
    @pytest.mark.parametrize("shape", [(64, 48), (32, 24, 40)])
    def test_each_is_one_solid_box_that_takes_its_share(self, shape):
        boxes = cutmix.random_boxes(60, shape, (0.1, 0.5), seeded(), CPU)
        assert boxes.shape == (60, *shape)
        found = []
        for box in boxes.numpy():
            places = np.argwhere(box)
            extent = np.prod(places.max(axis=0) - places.min(axis=0) + 1)
            assert extent == len(places)
            found.append(len(places) / box.size)
        assert 0.09 < min(found) < 0.2
        assert 0.4 < max(found) < 0.52
        assert 0.25 < np.mean(found) < 0.35

    def test_an_exact_share_is_kept_but_for_rounding(self):
        boxes = cutmix.random_boxes(40, (128, 128), (0.25, 0.25), seeded(), CPU)
        assert np.allclose(boxes.flatten(1).float().mean(dim=1), 0.25, atol=0.01)

    def test_none_and_everything(self):
        assert not cutmix.random_boxes(3, (6, 6), (0.0, 0.0), seeded(), CPU).any()
        assert cutmix.random_boxes(3, (6, 6), (1.0, 1.0), seeded(), CPU).all()

    def test_they_reach_every_voxel_and_take_many_proportions(self):
        boxes = cutmix.random_boxes(400, (16, 16), (0.1, 0.3), seeded(), CPU)
        assert boxes.any(dim=0).all()
        rows = boxes.any(dim=2).sum(dim=1)
        assert rows.min() <= 4
        assert rows.max() >= 14

    def test_the_generator_decides(self):
        first, second = (cutmix.random_boxes(4, (9, 9), (0.2, 0.6), seeded(3), CPU) for _ in "ab")
        assert torch.equal(first, second)


class TestMixing:
    def test_image_label_and_validity_come_from_the_same_sample(self, store, tmp_path, seen):
        step = step_of(store, ("scribbled", 2), ("unlabeled", 3))
        step.unlabeled.valid[1, :, 2:] = False
        started(store, tmp_path)(step)
        [(views, donors, boxes, mixed)] = seen
        assert len(views) == 5
        for row in range(5):
            box = boxes[row]
            for name in ("label", "valid"):
                pasted, own = getattr(donors, name)[row], getattr(views, name)[row]
                assert torch.equal(getattr(mixed, name)[row], torch.where(box, pasted, own))
            expected = torch.where(box, donors.image[row], views.image[row])
            assert torch.equal(mixed.image[row], expected)
            assert box.any()
        assert (mixed.label[~mixed.valid] == 255).all()

    def test_every_sample_gives_a_box_to_another_one(self, store, tmp_path, seen):
        step = step_of(store, ("dense", 2), ("unlabeled", 2))
        term = started(store, tmp_path)
        partners = set()
        for _ in range(20):
            term(step)
            views, donors, *_ = seen[-1]
            same = (donors.image[:, None] == views.image[None]).flatten(2).all(dim=2)
            assert same.sum() == 4
            assert not same.diagonal().any()
            assert same.any(dim=0).all()
            partners.add(int(same[0].nonzero()))
        assert partners == {1, 2, 3}

    def test_a_single_unlabeled_patch_receives_from_an_annotated_one(self, store, tmp_path, seen):
        step = step_of(store, ("dense", 2), ("unlabeled", 1))
        started(store, tmp_path, on="unlabeled_cases", strong_view=False)(step)
        [(views, donors, *_)] = seen
        assert len(views) == len(donors) == 1
        assert torch.equal(views.image, step.unlabeled.weak_image)
        assert torch.equal(donors.image[0], step.labeled.weak_image[0])
        assert torch.equal(donors.label[0], step.labeled.label[0])

    def test_a_patch_alone_receives_from_its_own_other_end(self, store, tmp_path, seen):
        step = step_of(store, None, ("unlabeled", 1))
        started(store, tmp_path, strong_view=False)(step)
        [(views, donors, _, mixed)] = seen
        shape = views.label.shape[1:]
        index = tuple(np.arange(n) - n // 2 for n in shape)
        moved = views.image[0, 0].numpy()[np.ix_(*index)]
        assert np.array_equal(donors.image[0, 0].numpy(), moved)
        assert np.array_equal(donors.label[0].numpy(), views.label[0].numpy()[np.ix_(*index)])
        assert not torch.equal(mixed.image, views.image)

    def test_strong_views_are_of_the_stage_and_not_those_of_the_batch(self, store, tmp_path, seen):
        step = step_of(store, None, ("unlabeled", 2), strong_view=True)
        term = started(store, tmp_path)
        term.strong = IntensityRanges(brightness=3.0, probability=1.0)
        term(step)
        expected = perturb(step.unlabeled.clean, term.strong, seeded(5))
        assert torch.equal(seen[0][0].image, expected)
        assert not torch.equal(expected, step.unlabeled.image)
        augmentation = make_augmentation("none", store.plan)
        assert started(store, tmp_path).strong == augmentation.strong
        bare = CutMixTerm(settings.CutMixTerm(), 1.0)
        bare.start(StageContext(store.plan, store, tmp_path, CPU))
        assert bare.strong == augmentation.strong


class TestLabels:
    def test_annotation_where_there_is_one_else_the_sure_teacher(self, store, tmp_path, seen):
        step = step_of(store, ("scribbled", 2), ("unlabeled", 2))
        started(store, tmp_path)(step)
        views = seen[0][0]
        row = 0
        for batch in (step.labeled, step.unlabeled):
            parts, predicted = step.teacher(batch.weak_image).softmax(dim=1).max(dim=1)
            for sample in range(len(batch)):
                known = batch.label[sample]
                unsure = parts[sample] < 0.9
                expected = predicted[sample].masked_fill(unsure, 255)
                expected = torch.where(known != 255, known, expected)
                assert torch.equal(views.label[row], expected)
                assert (expected == 255).any()
                row += 1

    def test_no_teacher_is_asked_about_dense_patches(self, store, tmp_path):
        step = step_of(store, ("dense", 2))
        step.teacher = None
        assert started(store, tmp_path)(step) > 0

    def test_the_network_itself_answers_for_its_weak_view(self, store, tmp_path, seen):
        for strong_view in (False, True):
            seen.clear()
            step = step_of(store, None, ("unlabeled", 2), strong_view)
            step.teacher = None
            started(store, tmp_path, teacher="own", threshold=0.0)(step)
            expected = step.student(step.unlabeled.weak_image).argmax(dim=1)
            assert torch.equal(seen[0][0].label, expected)

    def test_thresholds_of_classes_are_those_of_voxels_without_a_label(self, store, tmp_path):
        step = step_of(store, ("scribbled", 2))
        step.progress = 0.5
        step.labeled.valid[0, :, :3] = False
        step.labeled.label.masked_fill_(~step.labeled.valid[:, 0], 255)
        term = started(store, tmp_path, selection="class_balanced")
        term(step)
        alone = ClassBalancedLabeler(0.35, 0.35)
        alone.start(3, CPU)
        parts = step.teacher(step.labeled.weak_image).softmax(dim=1)
        alone.watch(parts, (step.labeled.label == 255) & step.labeled.valid[:, 0])
        assert torch.allclose(term.labeler.thresholds(), alone.thresholds())
        term.after_step(step)
        assert torch.equal(term.labeler.kept, alone.fresh)

    def test_background_stays_open_where_a_class_was_not_looked_at(self, store, tmp_path, seen):
        """A class that was looked for is ruled out there, one that was not may be learned."""
        step = step_of(store, ("dense", 2))
        step.labeled.label[:] = 0
        step.labeled.looked_at = torch.tensor([[True, False, True], [True, True, True]])
        started(store, tmp_path, threshold=0.5)(step)
        parts, predicted = step.teacher(step.labeled.weak_image).softmax(dim=1).max(dim=1)
        expected = predicted.masked_fill((parts < 0.5) | (predicted == 2), 255)
        assert {0, 1} <= set(expected[0].unique().tolist())
        assert torch.equal(seen[0][0].label[0], expected[0])
        assert not seen[0][0].label[1].any()


class TestLoss:
    @pytest.mark.parametrize("loss", ["both", "cross_entropy", "dice"])
    def test_is_that_of_the_mixed_images(self, store, tmp_path, seen, loss):
        step = step_of(store, ("scribbled", 2), ("unlabeled", 2))
        step.unlabeled.valid[0, :, :3] = False
        value = started(store, tmp_path, loss=loss)(step)
        mixed = seen[0][3]
        logits = step.student(mixed.image).detach().double()
        known = mixed.label != 255
        assert 0 < known.sum() < mixed.valid.sum() < known.numel()
        log_parts = logits - logits.exp().sum(dim=1, keepdim=True).log()
        picked = log_parts.gather(1, mixed.label.masked_fill(~known, 0)[:, None])[:, 0]
        entropy = -(picked * known).sum() / mixed.valid.sum()
        dice = partial_dice_loss(logits, mixed.label)
        expected = {"both": (entropy + dice) / 2, "cross_entropy": entropy, "dice": dice}[loss]
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)

    def test_the_student_learns_and_the_teacher_does_not(self, store, tmp_path):
        step = step_of(store, ("dense", 2), ("unlabeled", 2))
        started(store, tmp_path)(step).backward()
        assert all(each.grad.abs().sum() > 0 for each in step.student.parameters())
        assert all(each.grad is None for each in step.teacher.parameters())

    @pytest.mark.parametrize("loss", ["both", "cross_entropy", "dice"])
    def test_nothing_known_gives_nought_with_a_gradient_path(self, store, tmp_path, loss):
        unsure = step_of(store, None, ("unlabeled", 2))
        nn.init.zeros_(unsure.teacher.weight)
        outside = step_of(store, ("dense", 2), ("unlabeled", 2))
        for batch in (outside.labeled, outside.unlabeled):
            batch.valid[:] = False
            batch.label[:] = 255
        for step in (unsure, outside):
            value = started(store, tmp_path, loss=loss)(step)
            assert value.item() == 0
            value.backward()
            assert all(not each.grad.any() for each in step.student.parameters())

    def test_no_unlabeled_case_gives_nought_where_it_acts_on_them(self, store, tmp_path):
        step = step_of(store, ("dense", 2))
        value = started(store, tmp_path, on="unlabeled_cases")(step)
        assert value.item() == 0
        assert value.requires_grad

    def test_the_same_generator_gives_the_same_value(self, store, tmp_path):
        first, second = (
            started(store, tmp_path)(step_of(store, ("dense", 1), ("unlabeled", 2))) for _ in "ab"
        )
        assert torch.equal(first, second)


class TestSettings:
    def test_a_smallest_box_above_the_largest_is_named(self):
        with pytest.raises(SettingsError, match=r"smallest_box is 0\.7, must be at most"):
            parse_term("cutmix:1,smallest_box=0.7")
        with pytest.raises(SettingsError) as caught:
            CutMix.from_dict({"smallest_box": 0.7})
        assert len(caught.value.problems) == 1

    def test_a_term_says_whom_it_learns_from(self):
        assert make_term(parse_term("cutmix"), dimensions=2).teacher == "ema"
        assert make_term(parse_term("cutmix:1,teacher=own"), dimensions=2).teacher is None


@pytest.mark.usefixtures("one_thread", "no_report")
class TestTraining:
    def test_it_beats_chance_on_volumes_with_single_patches(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", shape=(8, 12, 16), labeled=1, unlabeled=1)
        plan = {"channels": [8, 8, 8], "batch_labeled": 1, "batch_unlabeled": 1}
        asked = {"steps": 50, "plan": plan, "settings": {"validations": 1}}
        run = make_run(tmp_path / "run", cohort, "cutmix", **asked)
        assert work(run) == "finished"
        log = EventLog(run.events_path).read()[0]
        [validation] = [event for event in log if event["kind"] == "validation"]
        assert validation["mean_dice"] > 0.4

    def test_it_joins_a_method_for_scribbles_and_other_terms(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=0, scribbled=2, unlabeled=1)
        terms = [
            parse_term(text).to_dict()
            for text in ("cutmix", "pseudo_label:1,selection=class_balanced", "entropy")
        ]
        run = make_run(tmp_path / "run", cohort, "scribble_crf", terms=terms, steps=4)
        assert work(run) == "finished"

    def test_it_needs_no_unlabeled_case(self, tmp_path):
        cohort = make_cohort(tmp_path / "data", labeled=1, scribbled=1, unlabeled=0)
        terms = [parse_term("cutmix").to_dict()]
        run = make_run(tmp_path / "run", cohort, terms=terms, steps=4)
        assert work(run) == "finished"
