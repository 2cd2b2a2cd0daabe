"""ICT and MixUp: mixtures of images, and what their predictions are compared with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses.partial import partial_dice_loss
from SemiWeakSegLib.learning.mixing import draw_mixture
from SemiWeakSegLib.learning.terms import ICTTerm, MixUpTerm, SupervisedTerm, mixup
from SemiWeakSegLib.methods.mixing_terms import ICTTerm as ICTSettings
from SemiWeakSegLib.methods.mixing_terms import MixUpTerm as MixUpSettings
from Testing.learning.steps import (
    UNLABELED,
    LinearShares,
    Neighbours,
    make_batch,
    make_step,
    total_gradient,
)

SHAPES = [(9, 11), (6, 7, 8)]


def images(shape, batch=2, seed=0):
    source = torch.Generator().manual_seed(seed)
    return 0.1 + 0.8 * torch.rand(batch, 1, *shape, generator=source)


def labels(shape, batch=2, seed=0, unlabeled=0.0):
    source = torch.Generator().manual_seed(100 + seed)
    label = torch.randint(0, 3, (batch, *shape), generator=source)
    hidden = torch.rand(batch, *shape, generator=source) < unlabeled
    return label.masked_fill(hidden, UNLABELED)


def mixture_of(batch, shape, alpha):
    """What a term draws first from the generator of `make_step`."""
    return draw_mixture(batch, shape, alpha, torch.Generator().manual_seed(0))


def shares_of(network, image):
    with torch.no_grad():
        return network(image).double().softmax(dim=1).numpy()


@pytest.mark.parametrize("shape", SHAPES)
class TestICT:
    def test_equals_the_formula(self, shape):
        student, teacher = Neighbours(len(shape)), Neighbours(len(shape), seed=4)
        valid = torch.ones(2, 1, *shape, dtype=torch.bool)
        valid[1, :, :3] = False
        halves = [make_batch(images(shape)), make_batch(images(shape, seed=1), valid=valid)]
        step = make_step(student, *halves, teacher=teacher)
        value = ICTTerm(ICTSettings(alpha=1.0), 1.0)(step)

        mixture = mixture_of(4, shape, 1.0)
        image = torch.cat([half.image for half in halves]).numpy()
        inside = torch.cat([half.valid[:, 0] for half in halves]).numpy()
        answers = shares_of(teacher, torch.from_numpy(image))
        found = []
        for row, partner in enumerate(mixture.order.tolist()):
            share = mixture.share[row].item()
            mixed = share * image[row] + (1 - share) * image[partner]
            target = share * answers[row] + (1 - share) * answers[partner]
            answer = shares_of(student, torch.from_numpy(mixed[None]).float())[0]
            both = inside[row] & inside[partner]
            found.append(((answer - target) ** 2).sum(axis=0)[both])
        assert value.item() == pytest.approx(np.concatenate(found).mean(), rel=1e-4)

    def test_is_nought_for_a_network_that_is_linear_between_images(self, shape):
        network = LinearShares()
        step = make_step(network, make_batch(images(shape)), None, teacher=network)
        assert ICTTerm(ICTSettings(alpha=1.0), 1.0)(step).item() == pytest.approx(0, abs=1e-9)

    def test_only_the_student_learns_and_only_from_the_mixture(self, shape):
        teacher = Neighbours(len(shape), seed=4)
        step = make_step(Neighbours(len(shape)), None, make_batch(images(shape)), teacher=teacher)
        ICTTerm(ICTSettings(), 1.0)(step).backward()
        assert step.student.convolution.weight.grad.abs().sum() > 0
        assert teacher.convolution.weight.grad is None
        assert step.unlabeled_logits.grad is None

    def test_the_teacher_sees_the_weak_view(self, shape):
        network, weak = LinearShares(), images(shape, seed=9)
        batch = make_batch(images(shape), weak_image=weak)
        step = make_step(network, None, batch, teacher=network)
        value = ICTTerm(ICTSettings(), 1.0)(step)
        mixture = mixture_of(2, shape, 0.2)
        difference = mixture.mix(batch.image) - mixture.mix(weak)
        # Two classes whose probabilities differ by 0.8 of the images' difference.
        expected = 2 * (0.8 * difference).square().mean()
        assert value.item() == pytest.approx(expected.item(), rel=1e-4)

    def test_a_lone_patch_is_mixed_with_itself_moved(self, shape):
        step = make_step(
            Neighbours(len(shape)),
            None,
            make_batch(images(shape, batch=1)),
            teacher=Neighbours(len(shape)),
        )
        value = ICTTerm(ICTSettings(alpha=1.0), 1.0)(step)
        value.backward()
        assert value.item() > 0
        assert total_gradient(step) > 0

    def test_acts_on_all_cases_or_on_unlabeled_ones(self, shape):
        teacher = Neighbours(len(shape), seed=4)
        term = ICTTerm(ICTSettings(on="unlabeled_cases"), 1.0)
        batch, other = make_batch(images(shape)), make_batch(images(shape, seed=3))
        step = make_step(Neighbours(len(shape)), batch, None, teacher=teacher)
        value = term(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0
        student = Neighbours(len(shape))
        alone = term(make_step(student, None, batch, teacher=teacher))
        torch.testing.assert_close(term(make_step(student, other, batch, teacher=teacher)), alone)
        assert term.uses_unlabeled
        assert term.teacher == ICTSettings().learns_from == "ema"

    def test_nothing_inside_gives_nought_with_a_gradient_path(self, shape):
        valid = torch.zeros(2, 1, *shape, dtype=torch.bool)
        batch = make_batch(images(shape), valid=valid)
        step = make_step(Neighbours(len(shape)), batch, None, teacher=Neighbours(len(shape)))
        value = ICTTerm(ICTSettings(), 1.0)(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0


def mixup_of(step, **settings):
    return MixUpTerm(MixUpSettings(**settings), 1.0)(step)


def mixed_logits(step, mixture):
    with torch.no_grad():
        return step.student(mixture.mix(step.labeled.image))


@pytest.mark.parametrize("shape", SHAPES)
class TestMixUp:
    def test_cross_entropy_of_dense_labels_is_zhangs_formula(self, shape):
        label = labels(shape, 3)
        step = make_step(Neighbours(len(shape)), make_batch(images(shape, 3), label), None)
        value = mixup_of(step, alpha=1.0, dice_weight=0.0)
        mixture = mixture_of(3, shape, 1.0)
        logarithms = np.log(mixed_logits(step, mixture).double().softmax(dim=1).numpy())
        found = []
        for row, partner in enumerate(mixture.order.tolist()):
            share = mixture.share[row].item()
            both = []
            for truth in (label[row].numpy(), label[partner].numpy()):
                picked = np.take_along_axis(logarithms[row], truth[None], axis=0)
                both.append(-picked.mean())
            found.append(share * both[0] + (1 - share) * both[1])
        assert value.item() == pytest.approx(np.mean(found), rel=1e-5)

    def test_dice_is_that_of_both_labels_by_their_shares(self, shape):
        label = labels(shape, 3)
        step = make_step(Neighbours(len(shape)), make_batch(images(shape, 3), label), None)
        value = mixup_of(step, alpha=1.0, cross_entropy_weight=0.0, dice_weight=2.0)
        mixture = mixture_of(3, shape, 1.0)
        logits = mixed_logits(step, mixture)
        found = 0.0
        for row, partner in enumerate(mixture.order.tolist()):
            share = mixture.share[row].item()
            one = [partial_dice_loss(logits[[row]], label[[at]]).item() for at in (row, partner)]
            found += share * one[0] + (1 - share) * one[1]
        assert value.item() == pytest.approx(2 * found / 3, rel=1e-5)

    def test_scribbles_count_by_the_share_of_their_image(self, shape):
        label = labels(shape, 2, unlabeled=0.7)
        label[1][label[1] == 2] = UNLABELED
        step = make_step(Neighbours(len(shape)), make_batch(images(shape), label), None)
        value = mixup_of(step, alpha=1.0, dice_weight=0.0)
        mixture = mixture_of(2, shape, 1.0)
        logarithms = np.log(mixed_logits(step, mixture).double().softmax(dim=1).numpy())
        total = weight = 0.0
        for row in range(2):
            share = mixture.share[row].item()
            for part, truth in ((share, label[row]), (1 - share, label[1 - row])):
                for place in zip(*np.nonzero(truth.numpy() != UNLABELED), strict=True):
                    total -= part * logarithms[(row, int(truth[place]), *place)]
                    weight += part
        assert value.item() == pytest.approx(total / weight, rel=1e-5)

    def test_an_image_without_a_partners_label_learns_from_its_own(self, shape):
        label = labels(shape)
        label[1] = UNLABELED
        step = make_step(Neighbours(len(shape)), make_batch(images(shape), label), None)
        value = mixup_of(step, alpha=1.0)
        value.backward()
        assert torch.isfinite(value)
        assert total_gradient(step) > 0

    def test_shares_of_one_are_plain_supervision(self, shape, monkeypatch):
        looked_at = torch.tensor([[True, True, False], [True, True, True]])
        batch = make_batch(images(shape), labels(shape, unlabeled=0.3), looked_at=looked_at)
        step = make_step(Neighbours(len(shape)), batch, None)

        def unmixed(*given):
            mixture = draw_mixture(*given)
            mixture.share[:] = 1
            return mixture

        monkeypatch.setattr(mixup, "draw_mixture", unmixed)
        value = mixup_of(step, cross_entropy_weight=2.0, dice_weight=3.0)
        torch.testing.assert_close(value, SupervisedTerm(2.0, 3.0)(step))

    def test_classes_not_looked_at_follow_their_label(self, shape, monkeypatch):
        """Shares of 0: the partner's label, with the classes that its annotator looked at."""
        looked_at = torch.tensor([[True, True, False], [True, True, True]])
        image, label = images(shape), labels(shape)
        step = make_step(
            Neighbours(len(shape)), make_batch(image, label, looked_at=looked_at), None
        )

        def swapped(*given):
            mixture = draw_mixture(*given)
            mixture.share[:] = 0
            return mixture

        monkeypatch.setattr(mixup, "draw_mixture", swapped)
        torch.testing.assert_close(mixup_of(step), SupervisedTerm()(step))

    def test_nothing_annotated_gives_nought_with_a_gradient_path(self, shape):
        step = make_step(Neighbours(len(shape)), make_batch(images(shape)), None)
        value = mixup_of(step)
        value.backward()
        assert value.item() == 0
        assert total_gradient(step) == 0

    def test_without_annotated_cases_it_is_nought(self, shape):
        step = make_step(Neighbours(len(shape)), None, make_batch(images(shape)))
        assert mixup_of(step).item() == 0

    def test_a_lone_patch_is_mixed_with_itself_moved(self, shape):
        batch = make_batch(images(shape, 1), labels(shape, 1))
        value = mixup_of(make_step(LinearThree(), batch, None), alpha=1.0, dice_weight=0.0)
        mixture = mixture_of(1, shape, 1.0)
        share = mixture.share.item()
        axes = tuple(range(1, 1 + len(shape)))
        other = np.roll(batch.label.numpy(), mixture.shift, axis=axes)
        image = batch.image.double().numpy()
        mixed = share * image[:, 0] + (1 - share) * np.roll(image[:, 0], mixture.shift, axis=axes)
        logarithms = np.log(np.stack([mixed / 2, mixed / 2, 1 - mixed], axis=1))
        both = [
            -np.take_along_axis(logarithms, truth[:, None], axis=1).mean()
            for truth in (batch.label.numpy(), other)
        ]
        assert value.item() == pytest.approx(share * both[0] + (1 - share) * both[1], rel=1e-5)


class LinearThree(LinearShares):
    """Three classes: half the image, the other half, and the rest."""

    def forward(self, image):
        share = image[:, :1] + 0 * self.factor
        return torch.cat([share / 2, share / 2, 1 - share], dim=1).log()


class TestSettings:
    def test_a_loss_of_nothing_is_refused(self):
        problems = MixUpSettings(cross_entropy_weight=0.0, dice_weight=0.0).validate()
        assert any("at least one must be above 0" in problem for problem in problems)
        assert not MixUpSettings(cross_entropy_weight=0.0).validate()
