"""Costs of values outside their bounds: the log-barrier, and the penalty on intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses.bounds import barrier_cost, interval_penalty, log_barrier
from SemiWeakSegLib.learning.losses.size import size_penalty


def barrier(z, t):
    """The formula for one number."""
    if z <= -1 / t**2:
        return -math.log(-z) / t
    return t * z - math.log(1 / t**2) / t + 1 / t


class TestLogBarrier:
    @pytest.mark.parametrize("t", [1.0, 5.0, 33.6])
    def test_is_the_formula(self, t):
        places = np.linspace(-2, 2, 41)
        found = log_barrier(torch.tensor(places), t)
        assert found.numpy() == pytest.approx([barrier(z, t) for z in places])

    @pytest.mark.parametrize("t", [1.0, 5.0, 33.6])
    def test_value_and_slope_go_through_the_turn(self, t):
        turn = -1 / t**2
        z = torch.tensor([turn - 1e-9, turn, turn + 1e-9], dtype=torch.float64, requires_grad=True)
        values = log_barrier(z, t)
        slopes = torch.autograd.grad(values.sum(), z)[0]
        assert torch.allclose(values, values[1].expand(3), atol=1e-6)
        assert torch.allclose(slopes, torch.full_like(slopes, t), rtol=1e-5)

    def test_gradients_by_finite_differences(self):
        z = torch.linspace(-1.5, 1.5, 17, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(lambda each: log_barrier(each, 5.0), z)

    def test_far_violations_and_nought_stay_finite(self):
        z = torch.tensor([-1e6, 0.0, 1e6], requires_grad=True)
        log_barrier(z, 5.0).sum().backward()
        assert z.grad.isfinite().all()

    def test_becomes_the_hard_constraint_as_it_sharpens(self):
        inside = [float(log_barrier(torch.tensor(-0.5), t)) for t in (5.0, 50.0, 500.0)]
        outside = [float(log_barrier(torch.tensor(0.5), t)) for t in (5.0, 50.0, 500.0)]
        assert inside == sorted(inside, reverse=True)
        assert inside[-1] == pytest.approx(0, abs=2e-3)
        assert outside == sorted(outside)

    def test_a_whole_bounds_distance_costs_nothing(self):
        z = torch.tensor([-3.0, -1.0], requires_grad=True)
        cost = barrier_cost(z, 5.0)
        assert cost.tolist() == [0, 0]

    def test_a_sharpness_that_is_not_positive_is_refused(self):
        with pytest.raises(ValueError, match="must be positive"):
            log_barrier(torch.zeros(1), 0.0)


class TestSizeBarrier:
    def test_is_the_barrier_of_the_relative_excess(self):
        source = np.random.default_rng(0)
        values = source.dirichlet([1, 1, 1], 4)
        bounds = np.stack([values * 0.8, values * 1.3], axis=-1)
        bounds[0, 1] = (0.4, np.inf)
        bounds[1, 2] = (0.0, 0.05)
        bounds[2, 0] = (np.nan, np.inf)
        slack, t = 0.02, 7.0
        costs, count = 0.0, 0
        for value, (low, high) in zip(values.reshape(-1), bounds.reshape(-1, 2), strict=True):
            count += low > 0 or math.isfinite(high)
            if low > 0:
                costs += barrier(max(-1, (low - value) / (low + slack)), t)
            if math.isfinite(high):
                costs += barrier(max(-1, (value - high) / (high + slack)), t)
        found = size_penalty(
            torch.tensor(values), torch.tensor(bounds), "log_barrier", slack, sharpness=t
        )
        assert float(found) == pytest.approx(costs / count)

    def test_pushes_off_the_nearer_bound(self):
        values = torch.tensor([[0.5, 0.29], [0.5, 0.21]], requires_grad=True)
        bounds = torch.tensor([[[0, math.inf], [0.2, 0.3]]] * 2)
        size_penalty(values, bounds, "log_barrier").backward()
        assert values.grad[0, 1] > 0 > values.grad[1, 1]
        assert not values.grad[:, 0].any()


class TestIntervalPenalty:
    def example(self):
        source = np.random.default_rng(1)
        values = source.normal(0, 10, (3, 2, 3))
        low = values + source.normal(0, 4, values.shape)
        bounds = np.stack([low, low + source.uniform(0, 6, values.shape)], axis=-1)
        bounds[0, 0] = (-np.inf, np.inf)
        bounds[1, 1, 0] = (np.nan, np.inf)
        bounds[2, 0, :, 1] = np.inf
        return values, bounds, np.array([2.0, 5.0]), source.uniform(0, 1, (3, 2))

    @pytest.mark.parametrize("form", ["quadratic", "log_barrier"])
    def test_is_the_sum_over_what_is_bounded(self, form):
        values, bounds, scale, weights = self.example()
        total, count = 0.0, 0
        for b, k in np.ndindex(3, 2):
            count += bool(np.isfinite(bounds[b, k]).any())
            for axis in range(3):
                for end, sign in ((bounds[b, k, axis, 0], -1), (bounds[b, k, axis, 1], 1)):
                    if not math.isfinite(end):
                        continue
                    z = sign * (values[b, k, axis] - end) / scale[k]
                    if form == "log_barrier":
                        cost = barrier(max(z, -1), 5.0)
                    else:
                        cost = max(z, 0) ** 2 if z < 1 else 2 * z - 1
                    total += weights[b, k] * cost
        given = [torch.tensor(each) for each in (values, bounds, scale, weights)]
        assert count == 5
        assert float(interval_penalty(*given, form)) == pytest.approx(total / count)

    def test_gradients_by_finite_differences(self):
        values, bounds, scale, weights = (torch.tensor(each) for each in self.example())
        values.requires_grad_()
        for form in ("quadratic", "log_barrier"):
            assert torch.autograd.gradcheck(
                lambda each, form=form: interval_penalty(each, bounds, scale, weights, form), values
            )

    def test_is_the_same_at_every_scale(self):
        values, bounds, scale, weights = (torch.tensor(each) for each in self.example())
        small = interval_penalty(values * 1e-4, bounds * 1e-4, scale * 1e-4, weights)
        assert torch.allclose(small, interval_penalty(values, bounds, scale, weights))

    def test_nothing_bounded_gives_nought_with_a_gradient_path(self):
        values = torch.zeros(2, 2, 3, requires_grad=True)
        bounds = torch.tensor([-math.inf, math.inf]).expand(2, 2, 3, 2)
        value = interval_penalty(values, bounds, torch.ones(2), torch.ones(2, 2))
        value.backward()
        assert value.item() == 0
        assert not values.grad.any()

    def test_what_does_not_fit_is_refused(self):
        values, bounds = torch.zeros(2, 2, 3), torch.zeros(2, 2, 3, 2)
        scale, weights = torch.ones(2), torch.ones(2, 2)
        with pytest.raises(ValueError, match=r"\(2, 2, 3\) and \(2, 2, 2\)"):
            interval_penalty(values, bounds[:, :, 0], scale, weights)
        with pytest.raises(ValueError, match="greater"):
            interval_penalty(values, bounds - torch.tensor([0.0, 1.0]), scale, weights)
        with pytest.raises(ValueError, match="must be one of quadratic, log_barrier"):
            interval_penalty(values, bounds, scale, weights, "cubic")
