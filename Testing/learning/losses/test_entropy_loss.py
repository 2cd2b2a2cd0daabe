"""Entropy against a loop, and where it must be 0 or 1."""

import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses import entropy_loss


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
class TestEntropyLoss:
    def test_equals_the_formula_on_the_mask(self, classes, shape, oracles):
        logits = torch.randn(2, classes, *shape, dtype=torch.float64)
        mask = torch.rand(2, *shape) < 0.5
        values = []
        for b in range(2):
            p = oracles.softmax(logits[b].numpy())
            for place in zip(*np.nonzero(mask[b].numpy()), strict=True):
                values.append(-sum(q[place] * math.log(q[place]) for q in p) / math.log(classes))
        assert entropy_loss(logits, mask).item() == pytest.approx(np.mean(values), rel=1e-10)

    def test_no_mask_is_a_full_mask(self, classes, shape):
        logits = torch.randn(2, classes, *shape)
        full = torch.ones(2, *shape, dtype=torch.bool)
        torch.testing.assert_close(entropy_loss(logits), entropy_loss(logits, full))

    def test_uniform_is_one_for_any_number_of_classes(self, classes, shape):
        assert entropy_loss(torch.zeros(2, classes, *shape)).item() == pytest.approx(1, abs=1e-6)

    def test_decided_is_zero_without_nan(self, classes, shape):
        logits = torch.zeros(1, classes, *shape)
        logits[:, 1] = 1e5
        logits.requires_grad_()
        value = entropy_loss(logits)
        value.backward()
        assert value.item() == 0
        assert torch.isfinite(logits.grad).all()

    def test_empty_mask_is_zero_with_zero_gradient(self, classes, shape):
        logits = torch.randn(2, classes, *shape, requires_grad=True)
        value = entropy_loss(logits, torch.zeros(2, *shape, dtype=torch.bool))
        value.backward()
        assert value.item() == 0
        assert torch.equal(logits.grad, torch.zeros_like(logits))

    def test_gradient_by_finite_differences(self, classes, shape, numeric_gradient):
        logits = torch.randn(1, classes, *shape, dtype=torch.float64)
        mask = torch.rand(1, *shape) < 0.5
        variable = logits.clone().requires_grad_()
        entropy_loss(variable, mask).backward()
        expected = numeric_gradient(lambda x: entropy_loss(x, mask), logits)
        np.testing.assert_allclose(variable.grad, expected, atol=1e-8)
