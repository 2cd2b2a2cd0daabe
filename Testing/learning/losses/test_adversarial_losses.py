"""Losses of discriminators against NumPy, closed forms and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from SemiWeakSegLib.learning.losses.adversarial import (
    CRITERIA,
    discriminator_loss,
    fooling_loss,
    gradient_penalty,
    predicted_maps,
    realness,
    true_maps,
)
from SemiWeakSegLib.learning.losses.simplex import is_simplex


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def scores_of(seed, shape=(3, 1, 4, 5)):
    return torch.tensor(np.random.default_rng(seed).normal(0, 2, shape))


def masked(values, mask):
    return values[mask].mean() if mask.any() else 0.0


def expected_discriminator(r, f, criterion, rm, fm, eps):
    real, fake = {
        "bce": (
            -(1 - eps) * np.log(sigmoid(r)) - eps * np.log(1 - sigmoid(r)),
            -np.log(1 - sigmoid(f)),
        ),
        "least_squares": ((r - (1 - eps)) ** 2, f**2),
        "hinge": (np.maximum(0, 1 - r), np.maximum(0, 1 + f)),
        "wasserstein": (-r, f),
    }[criterion]
    return 0.5 * (masked(real, rm) + masked(fake, fm))


@pytest.mark.parametrize("shape", [(3, 1), (3, 1, 4, 5), (2, 1, 3, 4, 5)])
@pytest.mark.parametrize("criterion", CRITERIA)
class TestFormulas:
    @pytest.mark.parametrize("smoothing", [0.0, 0.1])
    def test_discriminator(self, criterion, shape, smoothing):
        real, fake = scores_of(0, shape), scores_of(1, shape)
        real_mask, fake_mask = scores_of(2, shape) > -1, scores_of(3, shape) > 0
        value = discriminator_loss(real, fake, criterion, real_mask, fake_mask, smoothing)
        expected = expected_discriminator(
            *(each.numpy() for each in (real, fake)),
            criterion,
            *(each.numpy() for each in (real_mask, fake_mask)),
            smoothing,
        )
        assert value.item() == pytest.approx(expected, rel=1e-10)

    def test_fooling(self, criterion, shape):
        fake, mask = scores_of(1, shape), scores_of(3, shape) > 0
        f = fake.numpy()
        values = {
            "bce": -np.log(sigmoid(f)),
            "least_squares": (f - 1) ** 2,
            "hinge": -f,
            "wasserstein": -f,
        }[criterion]
        expected = masked(values, mask.numpy())
        assert fooling_loss(fake, criterion, mask).item() == pytest.approx(expected, rel=1e-10)
        assert fooling_loss(fake, criterion).item() == pytest.approx(values.mean(), rel=1e-10)

    def test_gradients_agree_with_finite_differences(self, criterion, shape):
        real, fake = scores_of(0, shape).requires_grad_(), scores_of(1, shape).requires_grad_()
        mask = scores_of(3, shape) > 0
        assert torch.autograd.gradcheck(
            lambda r, f: discriminator_loss(r, f, criterion, mask, mask, 0.1), (real, fake)
        )
        assert torch.autograd.gradcheck(lambda f: fooling_loss(f, criterion, mask), (fake,))

    def test_nothing_that_counts_gives_nought(self, criterion, shape):
        scores = scores_of(0, shape).requires_grad_()
        none = torch.zeros(shape, dtype=torch.bool)
        value = discriminator_loss(scores, scores, criterion, none, none) + fooling_loss(
            scores, criterion, none
        )
        value.backward()
        assert value.item() == 0
        assert not scores.grad.any()


class TestBorders:
    def test_sure_scores_stay_finite(self):
        scores = torch.tensor([[1000.0], [-1000.0]])
        for criterion in CRITERIA:
            assert discriminator_loss(scores, scores, criterion, smoothing=0.1).isfinite()
            assert fooling_loss(scores, criterion).isfinite()

    def test_half_floats_are_computed_in_full_precision(self):
        scores = scores_of(0).half()
        assert fooling_loss(scores, "bce").dtype == torch.float32

    def test_an_unknown_criterion_is_named(self):
        scores = scores_of(0)
        for call in (
            lambda: discriminator_loss(scores, scores, "mse"),
            lambda: fooling_loss(scores, "mse"),
            lambda: realness(scores, "mse"),
        ):
            with pytest.raises(ValueError, match="'mse'; known: bce, least_squares, hinge"):
                call()

    def test_a_mask_that_would_broadcast_is_refused(self):
        with pytest.raises(ValueError, match="mask must have the scores' shape"):
            fooling_loss(scores_of(0), "bce", torch.ones(3, 1, 1, 5, dtype=torch.bool))


class TestSlopes:
    def test_one_who_is_seen_through_still_learns_by_cross_entropy(self):
        """log(1 - σ) would leave a slope of 2e-9 here."""
        score = torch.tensor([[-20.0]], requires_grad=True)
        fooling_loss(score, "bce").backward()
        assert score.grad.item() == pytest.approx(-1, abs=1e-6)

    @pytest.mark.parametrize("criterion", ["bce", "least_squares"])
    def test_smoothing_moves_where_the_discriminator_rests(self, criterion):
        score = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS([score], max_iter=100, line_search_fn="strong_wolfe")

        def loss():
            optimiser.zero_grad()
            value = discriminator_loss(score, score.detach() * 0, criterion, smoothing=0.1)
            value.backward()
            return value

        optimiser.step(loss)
        assert realness(score.detach(), criterion).item() == pytest.approx(0.9, abs=1e-4)


class TestRealness:
    def test_scales(self):
        scores = torch.tensor([-3.0, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
        expected = {
            "bce": sigmoid(scores.numpy()),
            "least_squares": [0, 0, 0.5, 1, 1],
            "hinge": [0, 0.5, 0.75, 1, 1],
            "wasserstein": [0, 0.25, 0.375, 0.5, 0.75],
        }
        usual = (torch.tensor(-1.0), torch.tensor(3.0))
        for criterion, values in expected.items():
            np.testing.assert_allclose(realness(scores, criterion, usual), values, atol=1e-12)

    def test_a_critic_needs_its_usual_scores(self):
        with pytest.raises(ValueError, match="usual"):
            realness(scores_of(0), "wasserstein")

    def test_a_critic_that_tells_nothing_apart_gives_finite_numbers(self):
        zero = torch.zeros(())
        assert realness(torch.tensor([-1.0, 0.0, 1.0]), "wasserstein", (zero, zero)).tolist() == [
            0,
            0,
            1,
        ]


@pytest.mark.parametrize("dims", [2, 3])
class TestGradientPenalty:
    def samples(self, dims, size=4):
        source = np.random.default_rng(dims)
        shape = (2, 3, *[size] * dims)
        return [torch.tensor(source.normal(size=shape)) for _ in range(2)]

    def critic(self, dims, slope):
        weight = torch.tensor([slope, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
        return lambda maps: (maps * weight.reshape(1, 3, *[1] * dims)).sum(dim=1, keepdim=True)

    @pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
    @pytest.mark.parametrize("size", [4, 7])
    def test_a_linear_critic_pays_for_its_slope_whatever_the_size(self, dims, slope, size):
        real, fake = self.samples(dims, size)
        value = gradient_penalty(self.critic(dims, slope), real, fake, torch.rand(2))
        assert value.item() == pytest.approx((slope - 1) ** 2, abs=1e-9)

    def test_voxels_that_do_not_count_change_nothing(self, dims):
        real, fake = self.samples(dims)
        mask = torch.zeros(2, 1, *[4] * dims, dtype=torch.bool)
        mask[0, ..., :2] = True  # of the second sample nothing counts
        value = gradient_penalty(self.critic(dims, 3.0), real, fake, torch.rand(2), mask)
        assert value.item() == pytest.approx(4, abs=1e-9)
        mask[:] = False
        assert gradient_penalty(self.critic(dims, 3.0), real, fake, torch.rand(2), mask) == 0

    def test_equals_the_slope_by_finite_differences_where_the_maps_are_mixed(self, dims):
        real, fake = self.samples(dims, 3)
        shares = torch.tensor([0.25, 0.9], dtype=torch.float64)
        torch.manual_seed(0)
        convolution = (nn.Conv2d if dims == 2 else nn.Conv3d)(3, 1, 3, padding=1).double()

        def critic(maps):
            return convolution(maps).tanh()

        share = shares.reshape(-1, *[1] * (dims + 1))
        between = share * real + (1 - share) * fake
        slopes = torch.zeros_like(between)
        flat, out = between.flatten(), slopes.view(-1)
        for index in range(flat.numel()):
            moved = [flat.clone(), flat.clone()]
            moved[0][index] += 1e-5
            moved[1][index] -= 1e-5
            up, down = (critic(each.view_as(between)).flatten(1).mean(dim=1) for each in moved)
            out[index] = (up - down).sum().detach() / 2e-5
        norm = (3**dims * (slopes**2).flatten(1).sum(dim=1)).sqrt()
        value = gradient_penalty(critic, real, fake, shares)
        assert value.item() == pytest.approx(((norm - 1) ** 2).mean().item(), rel=1e-6)

    def test_its_gradient_to_the_weights_agrees_with_finite_differences(self, dims):
        real, fake = self.samples(dims, 3)
        shares = torch.tensor([0.25, 0.9])
        convolve = torch.nn.functional.conv2d if dims == 2 else torch.nn.functional.conv3d
        torch.manual_seed(0)
        weight = torch.randn(1, 3, *[3] * dims, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(
            lambda w: gradient_penalty(
                lambda maps: convolve(maps, w, padding=1).tanh(), real, fake, shares
            ),
            (weight,),
        )

    def test_a_flat_critic_has_a_finite_gradient(self, dims):
        real, fake = self.samples(dims)
        weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        gradient_penalty(lambda maps: maps * weight, real, fake, torch.rand(2)).backward()
        assert weight.grad.isfinite().all()

    def test_maps_of_different_shapes_are_refused(self, dims):
        real, fake = self.samples(dims)
        with pytest.raises(ValueError, match="one shape"):
            gradient_penalty(self.critic(dims, 1.0), real, fake[:1], torch.rand(2))


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)])
class TestMaps:
    def given(self, shape):
        source = np.random.default_rng(0)
        logits = torch.tensor(source.normal(0, 2, (2, 3, *shape)))
        label = torch.tensor(source.integers(0, 3, (2, *shape)))
        label[0, 0] = 255
        return logits, label

    def test_true_maps_are_one_hot_and_nought_where_nothing_is_known(self, shape):
        logits, label = self.given(shape)
        maps = true_maps(label, logits.softmax(dim=1)).numpy()
        expected = np.stack([label.numpy() == k for k in range(3)], axis=1)
        np.testing.assert_array_equal(maps, expected)

    def test_softened_maps_keep_what_the_prediction_is_sure_of(self, shape):
        logits, label = self.given(shape)
        s = logits.softmax(dim=1).numpy()
        maps = true_maps(label, torch.tensor(s), 0.9)
        for place in np.ndindex(2, *shape):
            y, here = int(label[place]), (place[0], slice(None), *place[1:])
            found = maps[here].numpy()
            if y == 255:
                assert not found.any()
                continue
            expected = s[here].copy()
            raised = max(0.9, expected[y])
            expected *= (1 - raised) / (1 - expected[y])
            expected[y] = raised
            np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert is_simplex(maps[1:])

    def test_a_prediction_that_is_all_sure_is_finite(self, shape):
        logits, label = self.given(shape)
        sure = (1000 * logits).softmax(dim=1)
        assert true_maps(label, sure, 0.9).isfinite().all()

    def test_predicted_maps_are_nought_outside_the_mask(self, shape):
        logits, label = self.given(shape)
        mask = (label != 255).unsqueeze(1)
        maps = predicted_maps(logits, mask)
        assert not maps[:, :, 0][0].any()
        torch.testing.assert_close(maps[1], logits[1].softmax(dim=0))
