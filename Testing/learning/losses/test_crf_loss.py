"""Dense and grid CRF losses against the brute-force pair sum and finite differences."""

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses import Kernel, dense_crf_loss, grid_crf_loss
from SemiWeakSegLib.learning.losses.crf import FORMS
from SemiWeakSegLib.learning.losses.ncut import LEAST_SHARE

KERNELS = [Kernel(1.0, 3.0, 0.2), Kernel(0.5, 1.5)]
CASES = [((6, 6), (1.0, 2.5)), ((5, 5, 5), (3.0, 1.0, 1.5))]
SIGMA = 0.3


def dense(logits, image, spacing, **options):
    return dense_crf_loss(logits, image, spacing, KERNELS, **options)


def grid(logits, image, spacing, **options):
    return grid_crf_loss(logits, image, spacing, SIGMA, **options)


def scene(shape, batch=1, channels=1, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, classes, *shape, generator=generator, dtype=torch.float64)
    image = torch.rand(batch, channels, *shape, generator=generator, dtype=torch.float64)
    return logits, image


def random_mask(shape, batch=1, seed=5):
    return torch.rand(batch, *shape, generator=torch.Generator().manual_seed(seed)) < 0.6


def energy(oracles, probabilities, weights, form):
    if form == "normalised_cut":
        return oracles.normalised_cut(probabilities, weights, LEAST_SHARE)
    return oracles.pair_sum(probabilities, weights, form)


both_losses = pytest.mark.parametrize("loss", [dense, grid])
all_forms = pytest.mark.parametrize("form", FORMS)
both_dimensions = pytest.mark.parametrize(("shape", "spacing"), CASES)


@both_dimensions
@all_forms
@pytest.mark.parametrize("masked", [False, True])
class TestAgainstPairSum:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_dense(self, shape, spacing, form, masked, channels, oracles):
        logits, image = scene(shape, channels=channels)
        weights = oracles.dense_weights(image[0].numpy(), spacing, KERNELS)
        mask = random_mask(shape) if masked else None
        if masked:
            inside = mask.flatten().numpy()
            weights = weights * inside * inside[:, None]
        expected = energy(oracles, oracles.softmax(logits[0].numpy()), weights, form)
        found = dense(logits, image, torch.tensor([spacing]), mask=mask, form=form, tolerance=1e-7)
        assert found.item() == pytest.approx(expected, rel=2e-3)

    @pytest.mark.parametrize("channels", [1, 2])
    def test_grid(self, shape, spacing, form, masked, channels, oracles):
        logits, image = scene(shape, channels=channels)
        weights = oracles.grid_weights(image[0].numpy(), spacing, SIGMA)
        mask = random_mask(shape) if masked else None
        if masked:
            inside = mask.flatten().numpy()
            weights = weights * inside * inside[:, None]
        expected = energy(oracles, oracles.softmax(logits[0].numpy()), weights, form)
        found = grid(logits, image, torch.tensor([spacing]).double(), mask=mask, form=form)
        assert found.item() == pytest.approx(expected, rel=1e-10)


@both_losses
@all_forms
class TestGradient:
    @both_dimensions
    @pytest.mark.parametrize("masked", [False, True])
    def test_by_finite_differences(self, loss, form, shape, spacing, masked, numeric_gradient):
        logits, image = scene(shape, batch=2, classes=2)
        mask = random_mask(shape, batch=2) if masked else None
        spacings = torch.tensor([spacing, spacing[::-1]]).double()

        def value(x):
            return loss(x, image, spacings, mask=mask, form=form)

        variable = logits.clone().requires_grad_()
        (3 * value(variable)).backward()
        expected = 3 * numeric_gradient(value, logits)
        np.testing.assert_allclose(variable.grad, expected, atol=1e-8)
        assert np.abs(expected).max() > 1e-4

    def test_masked_voxels_get_none(self, loss, form):
        logits, image = scene((6, 6))
        mask = random_mask((6, 6))
        logits.requires_grad_()
        loss(logits, image, torch.ones(1, 2), mask=mask, form=form).backward()
        assert not logits.grad[:, :, ~mask[0]].any()
        assert logits.grad[:, :, mask[0]].any()

    def test_half_precision_logits(self, loss, form):
        logits, image = scene((16, 16))
        full = logits.float().requires_grad_()
        half = logits.half().requires_grad_()
        values = [loss(x, image.float(), torch.ones(1, 2), form=form) for x in (full, half)]
        for value in values:
            value.backward()
        torch.testing.assert_close(*values, atol=1e-3, rtol=0)
        assert half.grad.dtype == torch.float16
        torch.testing.assert_close(half.grad.float(), full.grad, atol=1e-4, rtol=0)


@both_losses
@all_forms
class TestConstantLabelling:
    @pytest.mark.parametrize("shape", [(12, 17), (5, 12, 7)])
    def test_zero_including_borders(self, loss, form, shape):
        _, image = scene(shape)
        logits = torch.zeros(1, 3, *shape)
        logits[:, 1] = 60
        logits.requires_grad_()
        value = loss(logits, image.float(), torch.ones(1, len(shape)), form=form)
        value.backward()
        assert value.item() == pytest.approx(0, abs=2e-6)
        assert logits.grad.abs().max() < 1e-8

    def test_an_undecided_labelling(self, loss, form):
        _, image = scene((8, 8), classes=4)
        value = loss(torch.zeros(1, 4, 8, 8), image, torch.ones(1, 2), form=form)
        expected = {"potts": 0.75, "quadratic": 0, "normalised_cut": 0.75 / (1 + 4 * LEAST_SHARE)}
        assert value.item() == pytest.approx(expected[form], abs=1e-6)


@both_losses
@all_forms
class TestNothingToAgree:
    def test_all_masked(self, loss, form):
        logits, image = scene((6, 6), batch=2)
        logits.requires_grad_()
        mask = torch.zeros(2, 6, 6, dtype=torch.bool)
        value = loss(logits, image, torch.ones(2, 2), mask=mask, form=form)
        value.backward()
        assert value.item() == 0
        assert torch.equal(logits.grad, torch.zeros_like(logits))

    def test_a_lone_voxel_has_no_pairs(self, loss, form):
        logits, image = scene((30, 30))
        logits.requires_grad_()
        mask = torch.zeros(1, 30, 30, dtype=torch.bool)
        mask[0, 11, 4] = True
        value = loss(logits, image, torch.ones(1, 2), mask=mask, form=form)
        value.backward()
        assert value.item() == 0
        assert torch.equal(logits.grad, torch.zeros_like(logits))

    def test_a_masked_sample_does_not_dilute_the_others(self, loss, form):
        logits, image = scene((6, 6), batch=2)
        mask = torch.ones(2, 6, 6, dtype=torch.bool)
        mask[1] = False
        torch.testing.assert_close(
            loss(logits, image, torch.ones(2, 2), mask=mask, form=form),
            loss(logits[:1], image[:1], torch.ones(1, 2), form=form),
        )


@both_losses
class TestNormalisedCut:
    def split(self, shape, column):
        """A hard labelling of two classes that part at a column."""
        logits = torch.full((1, 2, *shape), -60.0)
        logits[:, 0, ..., :column] = logits[:, 1, ..., column:] = 60
        return logits

    def test_an_absent_class_costs_nothing(self, loss):
        _, image = scene((12, 12))
        for depth in (20.0, 60.0):
            logits = torch.zeros(1, 3, 12, 12)
            logits[:, 1] = depth
            value = loss(logits, image.float(), torch.ones(1, 2), form="normalised_cut")
            assert value.item() < 1e-4

    def test_it_sees_shares_where_potts_sees_lengths(self, loss):
        """A cut of the same length costs more the less its smaller side holds."""
        image, spacing = torch.full((1, 1, 20, 20), 0.5), torch.ones(1, 2)
        values = {
            form: [loss(self.split((20, 20), k), image, spacing, form=form).item() for k in (3, 10)]
            for form in ("normalised_cut", "potts")
        }
        assert values["normalised_cut"][0] > 1.5 * values["normalised_cut"][1]
        # The dense kernel's cut is a little shorter at the border.
        assert values["potts"][0] <= 1.001 * values["potts"][1]

    def test_the_image_s_own_edge_is_the_best_cut(self, loss):
        image = torch.zeros(1, 1, 16, 16)
        image[..., 5:] = 1
        values = [
            loss(
                self.split((16, 16), column), image, torch.ones(1, 2), form="normalised_cut"
            ).item()
            for column in range(2, 15)
        ]
        assert int(np.argmin(values)) == 5 - 2


@both_losses
class TestBehaviour:
    def test_bounded_whatever_the_size(self, loss):
        for size in (8, 16, 48):
            logits, image = scene((size, size))
            assert 0 < loss(logits, image, torch.ones(1, 2)).item() < 1

    def test_mean_over_the_batch(self, loss):
        logits, image = scene((7, 7), batch=3)
        alone = [loss(logits[b : b + 1], image[b : b + 1], torch.ones(1, 2)) for b in range(3)]
        torch.testing.assert_close(loss(logits, image, torch.ones(3, 2)), torch.stack(alone).mean())

    def test_a_cut_along_an_edge_is_cheaper(self, loss):
        image = torch.zeros(1, 1, 16, 16)
        image[..., 8:] = 1
        values = []
        for column in (8, 5):
            logits = torch.full((1, 2, 16, 16), -60.0)
            logits[:, 0, :, :column] = logits[:, 1, :, column:] = 60
            values.append(loss(logits, image, torch.ones(1, 2)).item())
        assert values[0] < 0.8 * values[1]

    def test_a_step_along_the_gradient_heals_a_hole(self, loss):
        image = torch.full((1, 1, 9, 9), 0.5)
        logits = torch.zeros(1, 2, 9, 9)
        logits[:, 1] = 1.0
        logits[:, :, 4, 4] = torch.tensor([1.0, 0.0])
        logits.requires_grad_()
        loss(logits, image, torch.ones(1, 2)).backward()
        assert logits.grad[0, 1, 4, 4] < 0 < logits.grad[0, 0, 4, 4]

    def test_does_not_touch_its_inputs(self, loss):
        logits, image = scene((6, 6))
        spacing = torch.ones(1, 2)
        mask = random_mask((6, 6))
        copies = [tensor.clone() for tensor in (logits, image, spacing, mask)]
        loss(logits.requires_grad_(), image, spacing, mask=mask).backward()
        for tensor, copy in zip((logits, image, spacing, mask), copies, strict=True):
            assert torch.equal(tensor, copy)

    def test_unknown_form_is_refused(self, loss):
        logits, image = scene((6, 6))
        with pytest.raises(ValueError, match="potts, quadratic"):
            loss(logits, image, torch.ones(1, 2), form="tv")

    def test_wrong_image_is_refused(self, loss):
        logits, image = scene((6, 6))
        with pytest.raises(ValueError, match="image must be"):
            loss(logits, image[:, 0], torch.ones(1, 2))


class TestGridSpacing:
    def test_neighbours_across_thick_slices_bind_less(self):
        logits = torch.full((1, 2, 6, 6), -60.0)  # the classes part between two rows
        logits[:, 0, :3] = logits[:, 1, 3:] = 60
        image = torch.full((1, 1, 6, 6), 0.5)
        thin = grid(logits, image, torch.tensor([[1.0, 1.0]])).item()
        thick = grid(logits, image, torch.tensor([[5.0, 1.0]])).item()
        assert thin == pytest.approx(6 / 60)
        assert thick == pytest.approx((6 / 5) / (30 / 5 + 30))

    def test_a_single_slice_is_a_two_dimensional_image(self):
        logits, image = scene((6, 7))
        for loss in (dense, grid):
            flat = loss(logits, image, torch.tensor([[1.0, 2.0]]))
            deep = loss(logits.unsqueeze(2), image.unsqueeze(2), torch.tensor([[9.0, 1.0, 2.0]]))
            torch.testing.assert_close(deep, flat)

    def test_sigma_must_be_positive(self):
        logits, image = scene((6, 6))
        with pytest.raises(ValueError, match="sigma_intensity"):
            grid_crf_loss(logits, image, torch.ones(1, 2), 0.0)
