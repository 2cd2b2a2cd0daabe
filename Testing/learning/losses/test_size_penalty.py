"""Soft proportions and the penalty on sizes outside their bounds."""

import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses import size_penalty, soft_proportions

NAN, INF = math.nan, math.inf


def penalty_of(proportion, lower, upper, **options):
    return size_penalty(
        torch.tensor([[proportion]], dtype=torch.float64),
        torch.tensor([[[lower, upper]]], dtype=torch.float64),
        **options,
    ).item()


class TestSoftProportions:
    @pytest.mark.parametrize("shape", [(4, 6), (2, 3, 4)])
    def test_is_the_mean_of_the_softmax_on_the_mask(self, shape, oracles):
        logits = torch.randn(3, 4, *shape, dtype=torch.float64)
        mask = torch.rand(3, *shape) < 0.6
        for chosen in (None, mask):
            found = soft_proportions(logits, chosen).numpy()
            for b in range(3):
                p = oracles.softmax(logits[b].numpy())
                inside = np.ones(shape, bool) if chosen is None else mask[b].numpy()
                np.testing.assert_allclose(found[b], p[:, inside].mean(axis=1), rtol=1e-10)

    def test_empty_mask_has_no_size(self):
        logits = torch.randn(1, 3, 4, 4, requires_grad=True)
        found = soft_proportions(logits, torch.zeros(1, 4, 4))
        found.sum().backward()
        assert found.tolist() == [[0, 0, 0]]
        assert not logits.grad.any()


class TestSizePenalty:
    @pytest.mark.parametrize("penalty", ["relative", "proportion"])
    @pytest.mark.parametrize("proportion", [0.1, 0.15, 0.2])
    def test_zero_within_bounds(self, penalty, proportion):
        assert penalty_of(proportion, 0.1, 0.2, penalty=penalty) == 0

    def test_literal_values(self):
        assert penalty_of(0.05, 0.1, 0.2, penalty="proportion") == pytest.approx(0.0025)
        assert penalty_of(0.3, 0.1, 0.2, penalty="proportion") == pytest.approx(0.01)
        assert penalty_of(0.05, 0.1, 0.2, slack=0.02) == pytest.approx((0.05 / 0.12) ** 2)
        assert penalty_of(0.3, 0.1, 0.2, slack=0.02) == pytest.approx((0.1 / 0.22) ** 2)

    @pytest.mark.parametrize("unbounded", [(NAN, NAN), (0.0, INF), (-INF, INF), (NAN, INF)])
    @pytest.mark.parametrize("penalty", ["relative", "proportion"])
    def test_unbounded_is_zero_with_zero_gradient(self, unbounded, penalty):
        proportions = torch.tensor([[0.3, 0.7]], requires_grad=True)
        value = size_penalty(proportions, torch.tensor([[unbounded, unbounded]]), penalty)
        value.backward()
        assert value.item() == 0
        assert proportions.grad.tolist() == [[0, 0]]

    def test_one_side_may_be_open(self):
        assert penalty_of(0.9, 0.5, INF) == 0
        assert penalty_of(0.4, 0.5, NAN, penalty="proportion") == pytest.approx(0.01)
        assert penalty_of(0.0, NAN, 0.5) == 0
        assert penalty_of(0.6, NAN, 0.5, penalty="proportion") == pytest.approx(0.01)

    def test_absent_class_is_finite_and_penalised(self):
        assert penalty_of(0.0, 0.0, 0.0) == 0
        assert penalty_of(0.005, 0.0, 0.0, slack=0.01) == pytest.approx(0.25)
        # Twice the slack: 2 · 2 - 1, on the straight line that begins at 1.
        assert penalty_of(0.02, 0.0, 0.0, slack=0.01) == pytest.approx(3.0)

    def test_mean_over_what_is_bounded(self):
        proportions = torch.tensor([[0.3, 0.1, 0.6], [0.5, 0.5, 0.0]])
        bounds = torch.tensor([[[NAN, NAN], [0.2, 0.3], [0.0, INF]], [[NAN, NAN]] * 3])
        value = size_penalty(proportions, bounds, "proportion")
        assert value.item() == pytest.approx(0.01)

    def test_same_value_after_upsampling(self):
        logits = torch.randn(2, 3, 6, 6, dtype=torch.float64)
        larger = logits.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        bounds = torch.tensor([[0.5, 0.6]] * 3).expand(2, 3, 2)
        for penalty in ("relative", "proportion"):
            values = [size_penalty(soft_proportions(x), bounds, penalty) for x in (logits, larger)]
            torch.testing.assert_close(*values)
            assert values[0] > 0

    def test_relative_is_scale_free_and_the_lower_bound_is_not_inert(self):
        small = penalty_of(0.0, 0.04, 0.05, slack=1e-9)
        large = penalty_of(0.0, 0.4, 0.5, slack=1e-9)
        assert small == pytest.approx(large) == pytest.approx(1)

    @pytest.mark.parametrize("penalty", ["relative", "proportion"])
    def test_gradient_by_finite_differences(self, penalty, numeric_gradient):
        logits = torch.randn(2, 3, 4, 4, dtype=torch.float64)
        bounds = torch.tensor([[[0.6, 0.9], [NAN, 0.1], [0.0, INF]], [[0.2, 0.25]] * 3]).double()

        def loss(x):
            return size_penalty(soft_proportions(x), bounds, penalty)

        variable = logits.clone().requires_grad_()
        loss(variable).backward()
        np.testing.assert_allclose(variable.grad, numeric_gradient(loss, logits), atol=1e-8)

    @pytest.mark.parametrize(
        ("bounds", "penalty", "message"),
        [
            (torch.zeros(1, 2), "relative", "bounds"),
            (torch.tensor([[[0.4, 0.2], [0.0, 1.0]]]), "relative", "greater"),
            (torch.zeros(1, 2, 2), "cubic", "one of"),
        ],
    )
    def test_wrong_input_is_refused(self, bounds, penalty, message):
        with pytest.raises(ValueError, match=message):
            size_penalty(torch.tensor([[0.5, 0.5]]), bounds, penalty)
