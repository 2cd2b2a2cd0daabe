"""Partial cross-entropy and partial Dice against loops over the annotated voxels."""

import math

import numpy as np
import pytest
import torch
from monai.losses import DiceLoss
from torch.nn import functional

from SemiWeakSegLib.learning.losses import partial_cross_entropy, partial_dice_loss

LOSSES = [partial_cross_entropy, partial_dice_loss]


def sample(batch=3, classes=4, shape=(6, 5), seed=0, unlabeled=0.5, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, classes, *shape, generator=generator, dtype=dtype)
    target = torch.randint(0, classes, (batch, *shape), generator=generator)
    target[torch.rand(batch, *shape, generator=generator) < unlabeled] = 255
    return logits, target


def seen_probabilities(softmax, seen):
    """Background takes over what was not looked at."""
    merged = softmax.copy()
    for k in range(1, len(softmax)):
        if not seen[k]:
            merged[0] += softmax[k]
    return merged


def cross_entropy_oracle(oracles, logits, target, looked_at):
    losses = []
    for b in range(len(logits)):
        p = seen_probabilities(oracles.softmax(logits[b]), looked_at[b])
        for place in np.ndindex(*target.shape[1:]):
            if target[b][place] != 255:
                losses.append(-math.log(p[target[b][place]][place]))
    return sum(losses) / len(losses)


def dice_oracle(oracles, logits, target, looked_at, include_background, smooth=1e-5):
    per_sample = []
    for b in range(len(logits)):
        p = seen_probabilities(oracles.softmax(logits[b]), looked_at[b])
        annotated = target[b] != 255
        losses = []
        for k in range(0 if include_background else 1, len(p)):
            truth = target[b] == k
            if truth.any() and (k == 0 or looked_at[b][k]):
                top = 2 * p[k][truth].sum() + smooth
                losses.append(1 - top / (p[k][annotated].sum() + truth.sum() + smooth))
        if losses:
            per_sample.append(np.mean(losses))
    return np.mean(per_sample)


@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 5)])
class TestAgainstOracle:
    def test_cross_entropy_all_classes(self, shape, oracles):
        logits, target = sample(shape=shape)
        seen = np.ones((3, 4), bool)
        expected = cross_entropy_oracle(oracles, logits.numpy(), target.numpy(), seen)
        assert partial_cross_entropy(logits, target).item() == pytest.approx(expected, rel=1e-10)

    def test_cross_entropy_merges_unseen_classes(self, shape, oracles):
        logits, target = sample(shape=shape)
        seen = torch.tensor([[1, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 1]]).bool()
        numpy_seen = seen.numpy().copy()
        numpy_seen[:, 0] = True
        expected = cross_entropy_oracle(oracles, logits.numpy(), target.numpy(), numpy_seen)
        found = partial_cross_entropy(logits, target, seen)
        assert found.item() == pytest.approx(expected, rel=1e-10)
        assert found < partial_cross_entropy(logits, target)

    @pytest.mark.parametrize("background", [False, True])
    def test_dice(self, shape, background, oracles):
        logits, target = sample(shape=shape)
        target[1][target[1] == 2] = 255
        seen = torch.tensor([[1, 1, 0, 1], [1, 1, 1, 1], [1, 0, 1, 1]]).bool()
        for looked_at in (None, seen):
            rows = np.ones((3, 4), bool) if looked_at is None else seen.numpy()
            expected = dice_oracle(oracles, logits.numpy(), target.numpy(), rows, background)
            found = partial_dice_loss(logits, target, looked_at, background)
            assert found.item() == pytest.approx(expected, rel=1e-10)

    def test_gradients_by_finite_differences(self, shape, numeric_gradient):
        logits, target = sample(batch=2, classes=3, shape=shape)
        seen = torch.tensor([[1, 1, 0], [1, 1, 1]]).bool()
        for loss in LOSSES:
            variable = logits.clone().requires_grad_()
            loss(variable, target, seen).backward()
            expected = numeric_gradient(lambda x, loss=loss: loss(x, target, seen), logits)
            np.testing.assert_allclose(variable.grad, expected, atol=1e-8)


class TestAgainstLibraries:
    def test_cross_entropy_with_ignore_index(self):
        logits, target = sample()
        expected = functional.cross_entropy(logits, target, ignore_index=255)
        torch.testing.assert_close(partial_cross_entropy(logits, target), expected)

    def test_dice_of_monai_where_every_class_is_annotated(self):
        logits, target = sample(shape=(16, 16))
        expected = DiceLoss(
            softmax=True, to_onehot_y=True, ignore_index=255, include_background=False
        )(logits, target.unsqueeze(1))
        torch.testing.assert_close(partial_dice_loss(logits, target), expected)


class TestDenseMaskIsTheSpecialCase:
    def test_perfect_prediction(self):
        _, target = sample(unlabeled=0.0)
        logits = 40 * functional.one_hot(target, 4).movedim(-1, 1).double()
        for loss in LOSSES:
            assert loss(logits, target).item() == pytest.approx(0, abs=1e-6)

    def test_what_is_predicted_on_unlabeled_voxels_does_not_matter(self):
        logits, target = sample()
        other = logits + 5 * torch.randn_like(logits) * (target == 255).unsqueeze(1)
        for loss in LOSSES:
            torch.testing.assert_close(loss(other, target), loss(logits, target))


class TestNothingAnnotated:
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("seen", [None, torch.tensor([[True, False, True, True]] * 3)])
    def test_zero_and_finite_gradient(self, loss, seen):
        logits, target = sample(unlabeled=2.0)
        logits.requires_grad_()
        value = loss(logits, target, seen)
        value.backward()
        assert value.item() == 0
        assert torch.equal(logits.grad, torch.zeros_like(logits))

    def test_an_empty_sample_does_not_dilute_the_dice_of_the_others(self):
        logits, target = sample(batch=2)
        target[1] = 255
        torch.testing.assert_close(
            partial_dice_loss(logits, target), partial_dice_loss(logits[:1], target[:1])
        )

    def test_confident_logits_stay_finite(self):
        logits, target = sample(dtype=torch.float32)
        logits = (1e4 * logits).requires_grad_()
        for loss in LOSSES:
            loss(logits, target, torch.tensor([[True, True, False, True]] * 3)).backward()
            assert torch.isfinite(logits.grad).all()


class TestTraps:
    def test_dice_of_a_batch_is_the_mean_over_its_samples(self):
        logits, target = sample(batch=4)
        target[2][target[2] == 1] = 0
        alone = [partial_dice_loss(logits[b : b + 1], target[b : b + 1]) for b in range(4)]
        torch.testing.assert_close(partial_dice_loss(logits, target), torch.stack(alone).mean())

    def test_without_background_the_first_sample_still_counts(self):
        logits, target = sample(batch=2)
        changed = logits.clone()
        changed[0] = changed[0].roll(1, dims=0)
        assert partial_dice_loss(changed, target) != partial_dice_loss(logits, target)

    def test_unlabeled_voxels_are_not_background(self):
        logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
        target = torch.tensor([[[1, 255], [255, 255]]])
        for loss in LOSSES:
            logits.grad = None
            loss(logits, target).backward()
            assert (logits.grad[0, :, 0, 0] != 0).all()
            logits.grad[0, :, 0, 0] = 0
            assert not logits.grad.any()

    def test_unseen_class_may_hide_in_background(self):
        logits = torch.tensor([0.0, 0.0, 9.0]).view(1, 3, 1, 1)
        target = torch.zeros(1, 1, 1, dtype=torch.long)
        assert partial_cross_entropy(logits, target) > 8
        seen = torch.tensor([[True, True, False]])
        assert partial_cross_entropy(logits, target, seen) < 1e-3

    def test_half_precision_is_summed_in_full(self):
        logits, target = sample(shape=(64, 64), dtype=torch.float32)
        for loss in LOSSES:
            found = loss(logits.half(), target)
            assert found.dtype == torch.float32
            torch.testing.assert_close(found, loss(logits, target), rtol=2e-3, atol=0)

    def test_looked_at_of_a_wrong_shape_is_refused(self):
        logits, target = sample()
        with pytest.raises(ValueError, match="looked_at"):
            partial_cross_entropy(logits, target, torch.ones(3, 3, dtype=torch.bool))


@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 5)])
class TestSampleWeights:
    weights = torch.tensor([0.2, 0.0, 1.5], dtype=torch.float64)

    def test_cross_entropy_weighs_each_voxel_as_its_sample(self, shape):
        logits, target = sample(shape=shape)
        logarithms = logits.log_softmax(dim=1).numpy()
        total = count = 0.0
        for place in zip(*np.nonzero(target.numpy() != 255), strict=True):
            weight = self.weights[place[0]].item()
            total -= weight * logarithms[(place[0], int(target[place]), *place[1:])]
            count += weight
        value = partial_cross_entropy(logits, target, sample_weights=self.weights)
        assert value.item() == pytest.approx(total / count, rel=1e-10)

    def test_dice_weighs_each_sample(self, shape):
        logits, target = sample(shape=shape)
        each = [partial_dice_loss(logits[[b]], target[[b]]).item() for b in range(3)]
        value = partial_dice_loss(logits, target, sample_weights=self.weights)
        assert value.item() == pytest.approx(np.average(each, weights=self.weights), rel=1e-10)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_weights_that_are_all_alike_are_none(self, loss, shape):
        logits, target = sample(shape=shape)
        target[1] = 255
        looked_at = torch.tensor([[True, False, True, True]]).repeat(3, 1)
        alike = torch.full((3,), 0.3)
        for seen in (None, looked_at):
            value = loss(logits, target, seen, sample_weights=alike)
            torch.testing.assert_close(value, loss(logits, target, seen))

    @pytest.mark.parametrize("loss", LOSSES)
    def test_what_has_no_weight_does_not_count(self, loss, shape):
        logits, target = sample(shape=shape)
        value = loss(logits, target, sample_weights=self.weights)
        target[1] = 255
        torch.testing.assert_close(loss(logits, target, sample_weights=self.weights), value)

    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("nothing", ["labels", "weights"])
    def test_nothing_that_counts_is_zero_with_zero_gradient(self, loss, nothing, shape):
        logits, target = sample(shape=shape, dtype=torch.float32)
        logits.requires_grad_()
        weights = torch.zeros(3) if nothing == "weights" else torch.ones(3)
        if nothing == "labels":
            target[:] = 255
        value = loss(logits, target, sample_weights=weights)
        value.backward()
        assert value.item() == 0
        assert torch.equal(logits.grad, torch.zeros_like(logits))
