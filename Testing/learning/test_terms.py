"""The summands of the loss: on which voxels they act, and what they give when none applies."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.cohort import Case
from SemiWeakSegLib.learning.batches import PatchSampler, make_augmentation
from SemiWeakSegLib.learning.losses.entropy import entropy_loss
from SemiWeakSegLib.learning.losses.partial import partial_cross_entropy, partial_dice_loss
from SemiWeakSegLib.learning.pseudo_labels import ClassBalancedLabeler
from SemiWeakSegLib.learning.schedules import cosine_rate, sigmoid_ramp
from SemiWeakSegLib.learning.terms import (
    CRFTerm,
    EntropyTerm,
    PseudoLabelTerm,
    SizeRegressionTerm,
    SizeTerm,
    StageContext,
    Step,
    SupervisedTerm,
    make_term,
)
from SemiWeakSegLib.learning.terms.base import mean_over
from SemiWeakSegLib.methods import terms as settings
from SemiWeakSegLib.methods.terms import parse_term
from Testing.learning.scans import make_plan, make_store, save


@pytest.fixture
def store(tmp_path):
    """A dense, a scribbled and an unlabeled case of 12 × 12 pixels."""
    source = np.random.default_rng(0)
    cases = []
    for name in ("dense", "scribbled", "unlabeled"):
        image = save(tmp_path / f"{name}.mha", source.normal(size=(12, 12)).astype(np.float32))
        label = source.integers(0, 3, (12, 12)).astype(np.uint8)
        if name == "scribbled":
            label[:, 4:] = 255
        path = None if name == "unlabeled" else save(tmp_path / f"{name}_l.mha", label)
        cases.append(Case(name, (image,), label=path))
    return make_store(tmp_path, cases, make_plan(2, (12, 12), whole=True))


def batch_of(store, index, size=2):
    augmentation = make_augmentation("none", store.plan)
    sampler = PatchSampler(store, [index], size, augmentation, annotated=index < 2)
    return sampler.draw(torch.Generator().manual_seed(0))


def step_of(store, labeled=0, unlabeled=2, *, progress=1.0, teacher=None, scale=1.0):
    torch.manual_seed(0)
    student = nn.Conv2d(1, 3, 1)
    batches, logits = [], []
    for index in (labeled, unlabeled):
        batch = None if index is None else batch_of(store, index)
        batches.append(batch)
        logits.append(None if batch is None else student(batch.image) * scale)
    return Step(progress, *batches, *logits, student, teacher, torch.Generator())


def context_of(store, folder):
    folder.mkdir(exist_ok=True)
    return StageContext(store.plan, store, folder, torch.device("cpu"))


def gradient_of(value, step):
    value.backward()
    return sum(float(each.grad.abs().sum()) for each in step.student.parameters())


class TestSchedules:
    def test_ramp_is_the_sigmoid_shaped_one(self):
        for progress in (0.0, 0.1, 0.25, 0.3):
            expected = math.exp(-5 * (1 - progress / 0.4) ** 2)
            assert sigmoid_ramp(progress, 0.4) == pytest.approx(expected)
        assert sigmoid_ramp(0.0, 0.4) == pytest.approx(math.exp(-5))
        assert sigmoid_ramp(0.4, 0.4) == sigmoid_ramp(1.0, 0.4) == 1
        assert sigmoid_ramp(0.0, 0.0) == 1

    def test_ramp_never_falls(self):
        values = [sigmoid_ramp(k / 100, 0.3) for k in range(101)]
        assert values == sorted(values)

    def test_rate_warms_up_and_falls_to_a_hundredth(self):
        values = [cosine_rate(k / 1000) for k in range(1001)]
        top = int(np.argmax(values))
        assert values[0] == 0.05
        assert values[top] == pytest.approx(1)
        assert top == 20
        assert values[top:] == sorted(values[top:], reverse=True)
        assert values[-1] == pytest.approx(0.01)
        assert cosine_rate(1.2) == pytest.approx(0.01)

    def test_a_terms_weight_follows_its_ramp(self):
        term = EntropyTerm(settings.EntropyTerm(ramp=0.5), weight=0.2)
        assert term.weight_at(0.25) == pytest.approx(0.2 * math.exp(-5 / 4))
        assert term.weight_at(0.5) == term.weight_at(1) == 0.2
        assert SupervisedTerm().weight_at(0.0) == 1


class TestMeanOver:
    def test_weighs_by_what_each_value_stands_for(self, store):
        step = step_of(store)
        values = [(torch.tensor(1.0), 3), (torch.tensor(5.0), torch.tensor(1))]
        assert mean_over(values, step).item() == pytest.approx(2)

    def test_nothing_gives_nought_with_a_gradient_path(self, store):
        step = step_of(store)
        value = mean_over([], step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0

    def test_only_empty_parts_give_nought(self, store):
        step = step_of(store)
        value = mean_over([(step.labeled_logits.sum() * 0, torch.tensor(0))], step)
        assert value.item() == 0

    def test_infinite_logits_do_not_spoil_the_nought(self, store):
        step = step_of(store, scale=math.inf)
        assert step.zero().item() == 0


class TestSupervised:
    def test_is_partial_cross_entropy_and_dice_of_the_labeled_half(self, store):
        step = step_of(store, labeled=1)
        label, logits = step.labeled.label, step.labeled_logits
        expected = 2 * partial_cross_entropy(logits, label) + 3 * partial_dice_loss(logits, label)
        assert torch.allclose(SupervisedTerm(2.0, 3.0)(step), expected)

    def test_voxels_without_annotation_teach_nothing(self, store):
        step = step_of(store, labeled=1)
        step.labeled_logits.retain_grad()
        SupervisedTerm()(step).backward()
        unknown = step.labeled.label == 255
        assert unknown.any()
        assert not step.labeled_logits.grad.movedim(1, -1)[unknown].any()
        assert step.labeled_logits.grad.movedim(1, -1)[~unknown].any()

    def test_on_all_learns_from_the_labels_of_the_unlabeled_half(self, store):
        step = step_of(store, labeled=0, unlabeled=1)
        value = SupervisedTerm(1.0, 0.0, on="all")(step)
        parts = [
            partial_cross_entropy(step.labeled_logits, step.labeled.label),
            partial_cross_entropy(step.unlabeled_logits, step.unlabeled.label),
        ]
        assert torch.allclose(value, sum(parts) / 2)
        assert SupervisedTerm(on="all").uses_unlabeled
        assert not SupervisedTerm().uses_unlabeled

    def test_classes_that_were_not_looked_at_are_left_open(self, store):
        step = step_of(store, labeled=0, unlabeled=None)
        step.labeled.looked_at = torch.tensor([[True, True, False]]).repeat(len(step.labeled), 1)
        step.labeled.label[:] = 0
        value = SupervisedTerm(1.0, 0.0)(step)
        shares = step.labeled_logits.softmax(dim=1)
        assert torch.allclose(value, -(shares[:, 0] + shares[:, 2]).log().mean())


class TestEntropy:
    def test_acts_on_unlabeled_voxels_of_both_halves(self, store):
        step = step_of(store, labeled=1)
        value = EntropyTerm(settings.EntropyTerm(), 1.0)(step)
        masks = [step.labeled.label == 255, torch.ones(2, 12, 12, dtype=torch.bool)]
        assert 0 < masks[0].sum() < masks[0].numel()
        entropies = []
        for logits, mask in zip((step.labeled_logits, step.unlabeled_logits), masks, strict=True):
            shares = logits.softmax(dim=1)
            entropies.append((-(shares * shares.log()).sum(dim=1) / math.log(3))[mask])
        assert torch.allclose(value, torch.cat(entropies).mean())

    def test_a_dense_half_does_not_dilute_it(self, store):
        both, alone = step_of(store), step_of(store, labeled=None)
        term = EntropyTerm(settings.EntropyTerm(), 1.0)
        assert torch.allclose(term(both), term(alone))

    def test_on_unlabeled_cases_and_on_all(self, store):
        step = step_of(store)
        found = EntropyTerm(settings.EntropyTerm(on="unlabeled_cases"), 1.0)(step)
        assert torch.allclose(found, entropy_loss(step.unlabeled_logits))
        everywhere = EntropyTerm(settings.EntropyTerm(on="all"), 1.0)(step)
        both = torch.cat([step.labeled_logits, step.unlabeled_logits])
        assert torch.allclose(everywhere, entropy_loss(both))

    def test_dense_labels_alone_give_nought_with_a_gradient_path(self, store):
        step = step_of(store, labeled=0, unlabeled=None)
        value = EntropyTerm(settings.EntropyTerm(), 1.0)(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0

    def test_outside_the_image_does_not_count(self, store):
        step = step_of(store, labeled=None)
        step.unlabeled.valid[:, :, 6:] = False
        value = EntropyTerm(settings.EntropyTerm(), 1.0)(step)
        assert torch.allclose(value, entropy_loss(step.unlabeled_logits[:, :, :6]))


class TestStep:
    def test_the_teacher_is_asked_once_about_a_weak_view(self, store, tmp_path):
        """It answers all terms alike, and a pass of it costs as much as a prediction."""
        asked = []

        class Teacher(nn.Conv2d):
            def forward(self, image):
                asked.append(image)
                return super().forward(image)

        teacher = Teacher(1, 3, 1).eval().requires_grad_(False)
        step = step_of(store, labeled=1, teacher=teacher)
        for text in ("cutmix", "transformation", "ict", "pseudo_label:1,teacher=ema"):
            term = make_term(parse_term(text), dimensions=2)
            term.start(context_of(store, tmp_path / "products"))
            assert term(step).requires_grad
        assert len(asked) == 2
        for batch in (step.labeled, step.unlabeled):
            expected = nn.functional.conv2d(batch.weak_image, teacher.weight, teacher.bias)
            assert torch.allclose(step.teacher_logits(batch), expected)
        assert len(asked) == 2
        again = dataclasses.replace(step, progress=0.5)
        again.teacher_logits(step.labeled)
        assert len(asked) == 3  # another step, another answer


class TestPseudoLabel:
    def term(self, **values):
        """Of the views that the step has; it makes none of its own."""
        values = {"teacher": "ema", "strong_view": False} | values
        return PseudoLabelTerm(settings.PseudoLabelTerm(**values), 1.0)

    def sharp(self):
        """A teacher that is sure where the image is bright or dark."""
        teacher = nn.Conv2d(1, 3, 1)
        with torch.no_grad():
            teacher.weight.copy_(torch.tensor([-6.0, 6.0, 0.0]).reshape(3, 1, 1, 1))
            teacher.bias.zero_()
        return teacher.eval().requires_grad_(False)

    def test_is_the_cross_entropy_of_confident_unlabeled_voxels(self, store):
        step = step_of(store, labeled=1, teacher=self.sharp())
        value = self.term(threshold=0.9)(step)
        losses = []
        for batch, logits in step.halves("all"):
            shares, labels = step.teacher(batch.weak_image).softmax(dim=1).max(dim=1)
            kept = (shares >= 0.9) & (batch.label == 255)
            assert 0 < kept.sum() < kept.numel()
            losses.append(nn.functional.cross_entropy(logits, labels, reduction="none")[kept])
        assert torch.allclose(value, torch.cat(losses).mean())

    @pytest.mark.parametrize("teacher", ["own", "ema"])
    def test_labels_of_the_weak_view_are_learned_on_the_strong_one(self, store, teacher):
        step = step_of(store, labeled=None, teacher=self.sharp())
        batch = step.unlabeled
        batch.image = 0.3 - 2 * batch.weak_image
        step.unlabeled_logits = step.student(batch.image)
        asked = step.student if teacher == "own" else step.teacher
        labels = asked(batch.weak_image).argmax(dim=1)
        assert not torch.equal(labels, asked(batch.image).argmax(dim=1))
        value = self.term(teacher=teacher, threshold=0.0)(step)
        expected = nn.functional.cross_entropy(step.unlabeled_logits, labels)
        assert torch.allclose(value, expected)

    def test_outside_the_image_there_are_no_labels(self, store):
        step = step_of(store, labeled=None, teacher=self.sharp())
        step.unlabeled.valid[:, :, 6:] = False
        value = self.term(threshold=0.0)(step)
        labels = step.teacher(step.unlabeled.weak_image).argmax(dim=1)[:, :6]
        expected = nn.functional.cross_entropy(step.unlabeled_logits[:, :, :6], labels)
        assert torch.allclose(value, expected)

    def test_thresholds_of_classes_are_those_of_unlabeled_voxels(self, store, tmp_path):
        step = step_of(store, labeled=1, unlabeled=None, teacher=self.sharp())
        term = self.term(selection="class_balanced")
        term.start(context_of(store, tmp_path / "products"))
        term(dataclasses.replace(step, progress=0.5))
        alone = ClassBalancedLabeler(0.35, 0.35)
        alone.start(3, torch.device("cpu"))
        shares = step.teacher(step.labeled.weak_image).softmax(dim=1)
        alone.watch(shares, step.labeled.label == 255)
        assert torch.allclose(term.labeler.thresholds(), alone.thresholds())
        term.after_step(step)
        assert torch.equal(term.labeler.kept, alone.fresh)
        alone.watch(shares)
        assert not torch.allclose(term.labeler.thresholds(), alone.thresholds())

    def test_unconfident_voxels_take_no_gradient(self, store):
        step = step_of(store, labeled=None, teacher=self.sharp())
        step.unlabeled_logits.retain_grad()
        self.term(threshold=0.9)(step).backward()
        unsure = step.teacher(step.unlabeled.weak_image).softmax(dim=1).amax(dim=1) < 0.9
        assert unsure.any()
        assert not step.unlabeled_logits.grad.movedim(1, -1)[unsure].any()

    @pytest.mark.parametrize("teacher", ["own", "ema"])
    def test_nobody_confident_gives_nought_with_a_gradient_path(self, store, teacher):
        unsure = self.sharp()
        nn.init.zeros_(unsure.weight)
        step = step_of(store, teacher=unsure, scale=1e-3)
        value = self.term(teacher=teacher, threshold=0.9)(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0

    def test_dense_labels_alone_give_nought_with_a_gradient_path(self, store):
        step = step_of(store, labeled=0, unlabeled=None, teacher=self.sharp())
        value = self.term()(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0

    def test_a_dense_half_does_not_dilute_it(self, store):
        both = step_of(store, teacher=self.sharp())
        alone = step_of(store, labeled=None, teacher=self.sharp())
        assert torch.allclose(self.term()(both), self.term()(alone))

    def test_own_predictions_need_no_teacher(self, store):
        step = step_of(store, scale=20.0)
        term = self.term(teacher="own", threshold=0.6)
        assert term.teacher is None
        logits = step.unlabeled_logits
        shares, labels = logits.softmax(dim=1).max(dim=1)
        losses = nn.functional.cross_entropy(logits, labels, reduction="none")[shares >= 0.6]
        assert torch.allclose(term(step), losses.mean())
        assert self.term().teacher == "ema"


class TestCRF:
    @pytest.mark.parametrize("neighbourhood", ["dense", "grid"])
    def test_a_constant_decision_costs_nothing_and_noise_does(self, store, tmp_path, neighbourhood):
        term = CRFTerm(settings.CRFTerm(neighbourhood=neighbourhood), 1.0)
        term.start(context_of(store, tmp_path / "products"))
        step = step_of(store)
        noisy = term(step)
        assert 0 < noisy.item() < 1
        assert gradient_of(noisy, step) > 0
        step.labeled_logits = (
            torch.tensor([30.0, -30, -30]).reshape(1, 3, 1, 1).expand(2, 3, 12, 12)
        )
        assert term(step).item() == pytest.approx(0, abs=1e-5)

    def test_acts_on_annotated_cases_unless_told(self, store, tmp_path):
        step, values = step_of(store), {}
        for on in ("annotated_cases", "all"):
            term = CRFTerm(settings.CRFTerm(on=on), 1.0)
            term.start(context_of(store, tmp_path / "products"))
            assert term.uses_unlabeled == (on == "all")
            values[on] = term(step).item()
        assert values["all"] != values["annotated_cases"]

    def test_automatic_reach_is_a_share_of_the_image(self, store, tmp_path):
        term = CRFTerm(settings.CRFTerm(smoothness=0.5), 1.0)
        term.start(context_of(store, tmp_path / "products"))
        assert term.kernels[0].sigma_space == pytest.approx(0.08 * 12)
        assert term.kernels[1].sigma_intensity is None
        fixed = CRFTerm(settings.CRFTerm(sigma_space_mm=7.0), 1.0)
        fixed.start(context_of(store, tmp_path / "products"))
        assert [kernel.sigma_space for kernel in fixed.kernels] == [7.0]

    def test_no_annotated_half_gives_nought_with_a_gradient_path(self, store, tmp_path):
        term = CRFTerm(settings.CRFTerm(), 1.0)
        term.start(context_of(store, tmp_path / "products"))
        step = step_of(store, labeled=None)
        value = term(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0


class TestSize:
    def started(self, store, folder, bounds=None):
        context = context_of(store, folder)
        if bounds is not None:
            (folder / "sizes.json").write_text(json.dumps({"bounds": bounds}), encoding="utf-8")
        term = SizeTerm(settings.SizeTerm(penalty="proportion"), 1.0)
        term.start(context)
        return term

    def test_penalises_what_lies_outside(self, store, tmp_path):
        low, high = 0.6 * 144, 0.7 * 144
        bounds = {"unlabeled": [[[low, high], [None, None]]]}
        term, step = self.started(store, tmp_path / "products", bounds), step_of(store)
        share = step.unlabeled_logits.softmax(dim=1)[:, 1].flatten(1).mean(dim=1)
        assert (share < 0.6).all()
        value = term(step)
        assert torch.allclose(value, ((0.6 - share) ** 2).mean(), atol=1e-6)
        assert gradient_of(value, step) > 0

    def test_what_is_predicted_around_the_image_does_not_count(self, tmp_path):
        image = save(tmp_path / "i.mha", np.ones((6, 8), dtype=np.float32))
        store = make_store(
            tmp_path, [Case("unlabeled", (image,))], make_plan(2, (8, 8), whole=True)
        )
        batch = PatchSampler(
            store, [0], 2, make_augmentation("none", store.plan), annotated=False
        ).draw(torch.Generator().manual_seed(0))
        # The whole image is class 1: 48 of 64 pixels of the patch. Around it all is class 2.
        logits = torch.full((2, 3, 8, 8), -30.0, requires_grad=True)
        with torch.no_grad():
            logits[:, 1] = torch.where(batch.valid[:, 0], 30.0, -30.0)
            logits[:, 2] = -logits[:, 1]
        step = Step(1.0, None, batch, None, logits, nn.Identity(), None, torch.Generator())
        for low, high, expected in (
            (48, 48, 0.0),
            (60, 64, (12 / 64) ** 2),
            (0, 40, (8 / 64) ** 2),
        ):
            bounds = {"unlabeled": [[[low, high], [None, None]]]}
            term = self.started(store, tmp_path / "products", bounds)
            assert term(step).item() == pytest.approx(expected, abs=1e-6)
        bounds = {"unlabeled": [[[None, None], [16, 64]]]}
        term = self.started(store, tmp_path / "products", bounds)
        assert term(step).item() == pytest.approx((16 / 64) ** 2, abs=1e-6)

    def test_inside_the_bounds_costs_nothing(self, store, tmp_path):
        term = self.started(store, tmp_path / "products", {"unlabeled": [[[0, 144], [0, 144]]]})
        assert term(step_of(store)).item() == 0

    def test_an_unbounded_half_does_not_dilute_it(self, store, tmp_path):
        bounds = {"unlabeled": [[[120, 140], [None, None]]]}
        term = self.started(store, tmp_path / "products", bounds)
        assert torch.allclose(term(step_of(store)), term(step_of(store, labeled=None)))

    def test_no_bounds_at_all_give_nought_with_a_gradient_path(self, store, tmp_path):
        term, step = self.started(store, tmp_path / "products"), step_of(store)
        value = term(step)
        assert value.item() == 0
        assert gradient_of(value, step) == 0


class TestSizeRegression:
    def test_is_smooth_l1_in_units_of_the_mean_size(self, store):
        step = step_of(store, unlabeled=None)
        step.student.mean_proportion = torch.tensor([0.25, 0.5])
        step.labeled_logits = torch.tensor([[1.0, 1.0], [2.0, 0.0]], requires_grad=True)
        label = step.labeled.label
        truth = torch.stack([(label == k).flatten(1).float().mean(1) for k in (1, 2)], dim=1)
        expected = nn.functional.smooth_l1_loss(
            step.labeled_logits, truth / torch.tensor([0.25, 0.5])
        )
        assert torch.allclose(SizeRegressionTerm(3)(step), expected)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("entropy:0.3", EntropyTerm),
        ("crf:2", CRFTerm),
        ("pseudo_label", PseudoLabelTerm),
        ("size:0.5", SizeTerm),
    ],
)
def test_what_a_user_writes_becomes_a_term(text, kind):
    request = settings.parse_term(text)
    term = make_term(request, dimensions=2)
    assert type(term) is kind
    assert term.weight == request.weight_on(2)
    assert term.ramp == request.settings.ramp
