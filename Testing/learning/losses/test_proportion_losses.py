"""Losses on class proportions and areas, against the formulas in NumPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses.area import area_loss
from SemiWeakSegLib.learning.losses.equality import FORMS, dual_ascent, equality_loss, start_dual
from SemiWeakSegLib.learning.losses.marginals import (
    class_ratio_loss,
    mean_probabilities,
    mutual_information_loss,
)


def simplex(shape, seed=0):
    return np.random.default_rng(seed).dirichlet([1.0] * shape[-1], shape[:-1])


class TestEquality:
    def test_l2_and_both_divergences(self):
        s, q = simplex((5, 3)), simplex((3,), 1)
        given = torch.tensor(s), torch.tensor(q)
        assert float(equality_loss(*given, "l2")) == pytest.approx(((s - q) ** 2).mean())
        kl = np.mean([sum(a * math.log(a / b) for a, b in zip(row, q, strict=True)) for row in s])
        back = np.mean([sum(b * math.log(b / a) for a, b in zip(row, q, strict=True)) for row in s])
        assert float(equality_loss(*given, "kl")) == pytest.approx(kl)
        assert float(equality_loss(*given, "reverse_kl")) == pytest.approx(back)

    def test_the_dual_equals_the_primal_at_its_best(self):
        s, q = torch.tensor(simplex((1, 4))), torch.tensor(simplex((4,), 1))
        dual = -1 / s[0]
        primal = equality_loss(s, q, "reverse_kl")
        assert torch.allclose(equality_loss(s, q, "prior_aware", dual), primal)
        for wrong in (0.7, 1.4):
            assert equality_loss(s, q, "prior_aware", dual * wrong) < primal

    def test_the_dual_is_linear_so_batches_add_up(self):
        s, q = torch.tensor(simplex((6, 3))), torch.tensor(simplex((3,), 1))
        dual = start_dual(q)
        parts = [equality_loss(s[n : n + 1], q, "prior_aware", dual) for n in range(6)]
        whole = equality_loss(s.mean(dim=0, keepdim=True), q, "prior_aware", dual)
        assert torch.allclose(torch.stack(parts).mean(), whole)

    def test_ascent_climbs_to_the_best_dual_and_stays_negative(self):
        s, q = torch.tensor([[0.9, 0.0999, 0.0001]]), torch.tensor([0.5, 0.4, 0.1])
        dual = start_dual(q)
        before = equality_loss(s, q, "prior_aware", dual)
        values = [before]
        for _ in range(400):
            dual = dual_ascent(dual, s, 0.2)
            values.append(equality_loss(s, q, "prior_aware", dual))
        assert (dual < 0).all()
        assert torch.allclose(dual[:2], -1 / s[0, :2], rtol=1e-3)
        assert all(b >= a - 1e-6 for a, b in itertools.pairwise(values))

    @pytest.mark.parametrize("form", FORMS)
    def test_nought_at_the_target_and_gradients_are_right(self, form):
        q = torch.tensor([0.7, 0.3, 0.0], dtype=torch.float64)
        dual = start_dual(q)
        at = q.clone().expand(2, 3).clone().requires_grad_()
        value = equality_loss(at, q, form, dual)
        value.backward()
        assert value.item() == pytest.approx(0, abs=1e-9)
        assert at.grad.isfinite().all()
        s = torch.tensor(simplex((2, 3)), requires_grad=True)
        assert torch.autograd.gradcheck(lambda each: equality_loss(each, q, form, dual), s)

    def test_a_class_that_has_vanished_is_called_back(self):
        """Far below a voxel's share the divergence from the known still has its full slope."""
        logits = torch.tensor([[[[0.0]], [[-30.0]]]], requires_grad=True)
        share = logits.softmax(dim=1).flatten(2).mean(dim=2)
        assert share[0, 1] < 1e-12
        equality_loss(share, torch.tensor([0.8, 0.2]), "reverse_kl").backward()
        assert logits.grad[0, 1].item() == pytest.approx(-0.2, rel=1e-4)

    def test_what_does_not_fit_is_refused(self):
        s = torch.full((2, 3), 1 / 3)
        with pytest.raises(ValueError, match="got"):
            equality_loss(s, torch.ones(2))
        with pytest.raises(ValueError, match="dual"):
            equality_loss(s, torch.ones(3), "prior_aware")
        with pytest.raises(ValueError, match="must be one of"):
            equality_loss(s, torch.ones(3), "l3")


class TestArea:
    @pytest.mark.parametrize("shape", [(5, 7), (3, 4, 5)])
    @pytest.mark.parametrize("area", [0.0, 0.2, 0.333, 1.0])
    def test_of_one_area_is_the_distance_from_its_template(self, shape, area):
        masks = np.random.default_rng(0).uniform(size=(2, 3, *shape))
        count = math.prod(shape)
        template = np.clip(np.arange(1, count + 1) - (1 - area) * count, 0, 1)
        ordered = np.sort(masks.reshape(2, 3, -1))
        expected = ((ordered - template) ** 2).mean()
        bounds = torch.full((2, 3, 2), area)
        if area == 0:
            bounds[..., 1] = 0
        assert float(area_loss(torch.tensor(masks), bounds)) == pytest.approx(expected, rel=1e-5)

    def test_between_two_areas_decided_masks_cost_nothing(self):
        mask = torch.zeros(1, 1, 10, 10)
        mask[..., :3] = 1
        for low, high, expected in ((0.2, 0.4, 0.0), (0.5, 0.6, 0.2), (0.1, 0.2, 0.1)):
            bounds = torch.tensor([[[low, high]]])
            assert float(area_loss(mask, bounds)) == pytest.approx(expected, abs=1e-6)
        halves = torch.full((1, 1, 10, 10), 0.3)
        assert float(area_loss(halves, torch.tensor([[[0.2, 0.4]]]))) > 0.1

    def test_only_bounded_masks_count(self):
        masks = torch.rand(2, 2, 6, 6, generator=torch.Generator().manual_seed(0))
        bounds = torch.tensor([[[0.0, math.inf], [0.3, 0.3]], [[math.nan, 1.0], [0.0, 1.0]]])
        assert torch.allclose(
            area_loss(masks, bounds), area_loss(masks[:1, 1:], bounds[:1, 1:]), atol=1e-7
        )
        masks.requires_grad_()
        value = area_loss(masks, torch.tensor([0.0, 1.0]).expand(2, 2, 2))
        value.backward()
        assert value.item() == 0
        assert not masks.grad.any()

    def test_gradients_by_finite_differences(self):
        masks = torch.rand(1, 2, 4, 5, generator=torch.Generator().manual_seed(0)).double()
        bounds = torch.tensor([[[0.25, 0.25], [0.3, 0.6]]])
        assert torch.autograd.gradcheck(
            lambda each: area_loss(each, bounds), masks.requires_grad_()
        )

    def test_what_does_not_fit_is_refused(self):
        with pytest.raises(ValueError, match="bounds"):
            area_loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2))
        with pytest.raises(ValueError, match="greater"):
            area_loss(torch.zeros(1, 1, 4, 4), torch.tensor([[[0.5, 0.4]]]))


class TestClassRatio:
    def test_is_the_sum_of_what_is_missing_in_the_batch(self):
        s = torch.tensor([[0.9, 0.1, 0.0], [0.5, 0.3, 0.2]])
        usual = torch.tensor([0.5, 0.3, 0.4])
        # means .7, .2, .1; half of the usual .25, .15, .2: only the last class lacks .1
        assert float(class_ratio_loss(s, usual, 0.5)) == pytest.approx(0.1)
        assert float(class_ratio_loss(s, usual, 1.0)) == pytest.approx(0.1 + 0.3)
        with pytest.raises(ValueError, match="usual"):
            class_ratio_loss(s, usual[:2])


class TestMutualInformation:
    def loss(self, probabilities, marginal=None):
        entropy = -(probabilities * np.log(probabilities)).sum(axis=1).mean()
        if marginal is None:
            marginal = probabilities.mean(axis=(0, *range(2, probabilities.ndim)))
        spread = -(marginal * np.log(marginal)).sum()
        return 1 - (spread - entropy) / math.log(len(marginal))

    @pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
    def test_is_the_formula(self, shape, oracles):
        logits = np.random.default_rng(0).normal(size=(2, 3, *shape))
        probabilities = np.stack([oracles.softmax(each) for each in logits])
        expected = self.loss(probabilities)
        assert float(mutual_information_loss(torch.tensor(logits))) == pytest.approx(expected)
        pool = simplex((3,), 2)
        with_pool = mutual_information_loss(torch.tensor(logits), torch.tensor(pool))
        assert float(with_pool) == pytest.approx(self.loss(probabilities, pool))

    def test_masked_voxels_do_not_count(self):
        logits = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
        mask = torch.zeros(2, 4, 6, dtype=torch.bool)
        mask[:, :, :4] = True
        whole = mutual_information_loss(logits[..., :4])
        assert torch.allclose(mutual_information_loss(logits, mask=mask), whole)

    def test_nought_where_all_classes_are_used_and_all_is_decided(self):
        labels = torch.arange(9).reshape(1, 3, 3) % 3
        logits = 60.0 * torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
        assert float(mutual_information_loss(logits)) == pytest.approx(0, abs=1e-6)
        assert float(mutual_information_loss(torch.zeros(1, 3, 3, 3))) == pytest.approx(1)
        one = torch.zeros(1, 3, 3, 3)
        one[:, 0] = 60
        assert float(mutual_information_loss(one)) == pytest.approx(1)

    def test_gradients_by_finite_differences(self):
        logits = torch.randn(1, 3, 3, 4, generator=torch.Generator().manual_seed(0)).double()
        assert torch.autograd.gradcheck(mutual_information_loss, logits.requires_grad_())

    def test_a_pools_gradient_is_that_of_the_mean_there(self):
        logits = torch.randn(1, 3, 3, 4, dtype=torch.float64, requires_grad=True)
        pool = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
        value = mutual_information_loss(logits, pool)
        found = torch.autograd.grad(value, logits)[0]
        probabilities = logits.softmax(dim=1)
        mean = mean_probabilities(probabilities)
        # Entropy at the pool, linear in the batch's mean.
        spread = -((pool.log() + 1) * mean).sum()
        entropy = -(probabilities * probabilities.log()).sum(dim=1).mean()
        expected = torch.autograd.grad(-(spread - entropy) / math.log(3), logits)[0]
        assert torch.allclose(found, expected)

    def test_an_empty_mask_gives_finite_gradients(self):
        logits = torch.randn(1, 3, 3, 4, requires_grad=True)
        mutual_information_loss(logits, mask=torch.zeros(1, 3, 4, dtype=torch.bool)).backward()
        assert not logits.grad.any()
