"""Distances of predictions against NumPy, and where they must be 0 or greatest."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses.consistency import (
    jensen_shannon,
    kl_divergence,
    squared_difference,
)


def shares(logits, oracles):
    """Softmax in NumPy of (B, C, *spatial), classes last: (B, *spatial, C)."""
    return np.moveaxis(np.stack([oracles.softmax(each) for each in logits.numpy()]), 1, -1)


def of_logits(name):
    """Each distance as a function of two tensors of logits and a mask."""
    return {
        "l2": lambda p, q, mask=None: squared_difference(p.softmax(1), q.softmax(1), mask),
        "kl": kl_divergence,
        "jsd": lambda p, q, mask=None: jensen_shannon([p.softmax(1), q.softmax(1)], mask),
    }[name]


def expected(name, p, q):
    """The distance at each voxel of (..., C) probabilities, from its textbook definition."""
    if name == "l2":
        return ((p - q) ** 2).sum(axis=-1)
    if name == "kl":
        return (p * np.log(p / q)).sum(axis=-1)
    mean = (p + q) / 2
    return ((p * np.log(p / mean)).sum(axis=-1) + (q * np.log(q / mean)).sum(axis=-1)) / 2


@pytest.mark.parametrize("name", ["l2", "kl", "jsd"])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 2)])
class TestEveryDistance:
    def test_equals_the_formula_on_the_mask(self, name, classes, shape, oracles):
        first, second = torch.randn(2, 2, classes, *shape, dtype=torch.float64)
        mask = torch.rand(2, *shape) < 0.5
        found = of_logits(name)(first, second, mask)
        each = expected(name, shares(first, oracles), shares(second, oracles))
        assert found.item() == pytest.approx(each[mask.numpy()].mean(), rel=1e-10)

    def test_no_mask_is_a_full_mask(self, name, classes, shape):
        first, second = torch.randn(2, 2, classes, *shape)
        full = torch.ones(2, *shape, dtype=torch.bool)
        distance = of_logits(name)
        torch.testing.assert_close(distance(first, second), distance(first, second, full))

    def test_equal_predictions_are_nought_apart(self, name, classes, shape):
        logits = torch.randn(2, classes, *shape)
        assert of_logits(name)(logits, logits.clone()).item() == pytest.approx(0, abs=1e-6)

    def test_empty_mask_is_zero_with_zero_gradients(self, name, classes, shape):
        first, second = (torch.randn(2, classes, *shape, requires_grad=True) for _ in range(2))
        value = of_logits(name)(first, second, torch.zeros(2, *shape, dtype=torch.bool))
        value.backward()
        assert value.item() == 0
        for each in (first, second):
            assert torch.equal(each.grad, torch.zeros_like(each))

    def test_gradients_by_finite_differences(self, name, classes, shape, numeric_gradient):
        points = torch.randn(2, 1, classes, *shape, dtype=torch.float64)
        mask = torch.rand(1, *shape) < 0.5
        distance = of_logits(name)
        variables = [point.clone().requires_grad_() for point in points]
        distance(*variables, mask).backward()
        slopes = (
            numeric_gradient(lambda x: distance(x, points[1], mask), points[0]),
            numeric_gradient(lambda x: distance(points[0], x, mask), points[1]),
        )
        for variable, slope in zip(variables, slopes, strict=True):
            np.testing.assert_allclose(variable.grad, slope, atol=1e-7)

    def test_opposite_certainties_are_finite_and_far_apart(self, name, classes, shape):
        first, second = torch.zeros(2, 1, classes, *shape)
        first[:, 0], second[:, 1] = 200.0, 200.0
        first, second = first.requires_grad_(), second.requires_grad_()
        value = of_logits(name)(first, second)
        value.backward()
        assert value.item() == pytest.approx({"l2": 2, "kl": 200, "jsd": math.log(2)}[name])
        assert torch.isfinite(first.grad).all()
        assert torch.isfinite(second.grad).all()

    def test_what_the_mask_hides_may_be_anything(self, name, classes, shape):
        first, second = torch.randn(2, 2, classes, *shape)
        mask = torch.ones(2, *shape, dtype=torch.bool)
        mask[0] = False
        distance = of_logits(name)
        value = distance(first, second, mask)
        first[0] = math.nan
        assert torch.equal(distance(first, second, mask), value)

    def test_half_precision_is_computed_in_single(self, name, classes, shape):
        first, second = torch.randn(2, 2, classes, *shape).half()
        if name != "kl":
            first, second = first.softmax(1), second.softmax(1)
        distance = {"l2": squared_difference, "kl": kl_divergence}.get(
            name, lambda p, q: jensen_shannon([p, q])
        )
        value = distance(first, second)
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, distance(first.float(), second.float()))


class TestScale:
    def test_a_class_that_nobody_predicts_changes_nothing(self):
        """The sum over the classes, not their mean."""
        p, q = torch.rand(2, 2, 3, 4, 4).softmax(dim=2)
        nobody = torch.zeros(2, 1, 4, 4)
        wider = [torch.cat([each, nobody], dim=1) for each in (p, q)]
        torch.testing.assert_close(squared_difference(*wider), squared_difference(p, q))
        torch.testing.assert_close(jensen_shannon(wider), jensen_shannon([p, q]))

    def test_the_size_of_the_image_changes_nothing(self):
        p, q = torch.rand(2, 2, 3, 4, 4).softmax(dim=2)
        larger = [each.repeat_interleave(2, dim=-1) for each in (p, q)]
        torch.testing.assert_close(squared_difference(*larger), squared_difference(p, q))


class TestJensenShannon:
    def test_many_that_all_contradict_reach_the_logarithm_of_their_number(self):
        certain = torch.eye(4)[:, None, :, None, None].expand(4, 1, 4, 3, 3)
        for count in (2, 3, 4):
            value = jensen_shannon(list(certain[:count]))
            assert value.item() == pytest.approx(math.log(count), rel=1e-6)

    def test_order_does_not_matter(self):
        predictions = list(torch.randn(3, 2, 4, 5, 5).softmax(dim=2))
        torch.testing.assert_close(jensen_shannon(predictions), jensen_shannon(predictions[::-1]))

    def test_one_prediction_is_refused(self):
        with pytest.raises(ValueError, match="at least two predictions, got 1"):
            jensen_shannon([torch.rand(1, 2, 3, 3)])


class TestMisuse:
    @pytest.mark.parametrize("distance", [squared_difference, kl_divergence])
    def test_shapes_that_differ_are_named(self, distance):
        with pytest.raises(ValueError, match=r"\(1, 2, 3, 3\) and \(1, 3, 3, 3\)"):
            distance(torch.rand(1, 2, 3, 3), torch.rand(1, 3, 3, 3))

    def test_labels_are_refused(self):
        with pytest.raises(ValueError, match=r"floating point, got torch\.int64"):
            squared_difference(torch.rand(1, 2, 3, 3), torch.ones(1, 2, 3, 3, dtype=torch.long))

    def test_a_mask_with_a_channel_is_refused(self):
        p = torch.rand(2, 2, 3, 3)
        with pytest.raises(ValueError, match=r"mask must have the shape \(2, 3, 3\)"):
            squared_difference(p, p, torch.ones(2, 1, 3, 3, dtype=torch.bool))
