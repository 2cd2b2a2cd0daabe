"""Checks at the border of the losses."""

import pytest
import torch

from SemiWeakSegLib.learning.losses.simplex import (
    is_simplex,
    one_hot,
    require_logits,
    require_mask,
    require_target,
)


class TestRequireLogits:
    @pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5, 6, 7)])
    def test_only_two_and_three_dimensions(self, shape):
        with pytest.raises(ValueError, match="batch, classes"):
            require_logits(torch.zeros(shape))

    def test_needs_background_and_a_class(self):
        with pytest.raises(ValueError, match="at least 2"):
            require_logits(torch.zeros(2, 1, 4, 4))

    def test_needs_floating_point(self):
        with pytest.raises(ValueError, match="floating point"):
            require_logits(torch.zeros(2, 3, 4, 4, dtype=torch.long))


class TestRequireTarget:
    logits = torch.zeros(1, 3, 2, 2)

    def test_class_indices_and_unlabeled_pass(self):
        require_target(self.logits, torch.tensor([[[0, 1], [2, 255]]]))

    def test_bytes_pass(self):
        require_target(self.logits, torch.tensor([[[0, 1], [2, 255]]], dtype=torch.uint8))

    @pytest.mark.parametrize("value", [3, -1, 254])
    def test_other_values_are_named(self, value):
        with pytest.raises(ValueError, match=f"value {value}"):
            require_target(self.logits, torch.tensor([[[0, 1], [2, value]]]))

    def test_channel_axis_is_refused(self):
        with pytest.raises(ValueError, match="shape"):
            require_target(self.logits, torch.zeros(1, 1, 2, 2, dtype=torch.long))

    def test_floats_are_refused(self):
        with pytest.raises(ValueError, match="integer"):
            require_target(self.logits, torch.zeros(1, 2, 2))


class TestRequireMask:
    def test_mask_must_not_broadcast_over_the_batch(self):
        with pytest.raises(ValueError, match="mask"):
            require_mask(torch.zeros(4, 3, 2, 2), torch.ones(1, 2, 2, dtype=torch.bool))


class TestOneHot:
    def test_values(self):
        found = one_hot(torch.tensor([[[0, 1], [2, 255]]]), 3)
        assert found.int().tolist() == [[[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]]]


class TestIsSimplex:
    def test_classes_are_on_axis_one(self):
        logits = torch.randn(2, 3, 4, 5)
        assert is_simplex(logits.softmax(dim=1))
        assert not is_simplex(logits.softmax(dim=2))
        assert not is_simplex(logits)
