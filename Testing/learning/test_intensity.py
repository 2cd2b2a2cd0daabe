"""Intensity augmentation: deterministic, per sample, in range."""

from __future__ import annotations

import pytest
import torch

from SemiWeakSegLib.learning.intensity import IntensityRanges, perturb

OFF = IntensityRanges(
    noise=0.0, brightness=0.0, contrast=(1.0, 1.0), gamma=(1.0, 1.0), probability=1.0
)
SHAPES = [(4, 2, 16, 18), (3, 1, 8, 9, 10)]


def changed(image, seed=0, **values):
    ranges = IntensityRanges(**({"probability": 1.0} | values))
    return perturb(image, ranges, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", SHAPES)
class TestAny:
    def test_same_generator_same_result(self, shape):
        image = torch.randn(shape)
        first, second = (changed(image, cutout=2) for _ in range(2))
        assert torch.equal(first, second)
        assert not torch.equal(first, changed(image, seed=1, cutout=2))

    def test_keeps_shape_and_the_input(self, shape):
        image = torch.randn(shape)
        before = image.clone()
        found = changed(image, cutout=1)
        assert found.shape == image.shape
        assert torch.isfinite(found).all()
        assert torch.equal(image, before)

    def test_no_change_asked_for_none_made(self, shape):
        image = torch.randn(shape)
        assert torch.equal(perturb(image, OFF, torch.Generator().manual_seed(0)), image)

    def test_probability_nought_changes_nothing(self, shape):
        image = torch.randn(shape)
        assert torch.equal(changed(image, probability=0.0), image)

    def test_a_constant_image_stays_finite(self, shape):
        assert torch.isfinite(changed(torch.full(shape, -1.5))).all()


class TestParameters:
    def quiet(self, image, **values):
        names = {"noise": 0.0, "brightness": 0.0, "contrast": (1.0, 1.0), "gamma": (1.0, 1.0)}
        return changed(image, **(names | values))

    def test_brightness_shifts_each_sample_by_its_own_amount(self):
        image = torch.randn(64, 1, 6, 6)
        shift = (self.quiet(image, brightness=0.5) - image).flatten(1)
        assert torch.allclose(shift, shift[:, :1].expand_as(shift), atol=1e-5)
        assert len(shift[:, 0].unique()) > 60
        assert shift.abs().max() <= 0.5001
        assert shift.min() < -0.4
        assert shift.max() > 0.4

    def test_contrast_scales_each_sample_by_its_own_factor(self):
        image = torch.randn(64, 1, 6, 6)
        factor = (self.quiet(image, contrast=(0.5, 2.0)) / image).flatten(1)
        assert torch.allclose(factor, factor[:, :1].expand_as(factor), rtol=1e-3)
        assert 0.5 <= factor.min() < 0.6
        assert 1.8 < factor.max() <= 2.001

    def test_gamma_keeps_range_and_order(self):
        image = torch.randn(8, 2, 30)[..., None]
        found = self.quiet(image, gamma=(0.5, 2.0))
        assert torch.allclose(found.amin(2), image.amin(2), atol=1e-5)
        assert torch.allclose(found.amax(2), image.amax(2), atol=1e-5)
        assert torch.equal(found.argsort(2), image.argsort(2))
        assert not torch.allclose(found, image, atol=0.05)

    def test_noise_has_a_deviation_of_its_own_in_every_sample(self):
        image = torch.zeros(40, 1, 50, 50)
        deviation = self.quiet(image, noise=0.3).flatten(1).std(dim=1)
        assert deviation.max() < 0.31
        assert deviation.min() < 0.05
        assert deviation.max() > 0.25

    def test_about_the_asked_share_is_changed(self):
        image = torch.randn(400, 1, 3, 3)
        found = self.quiet(image, brightness=0.5, probability=0.3)
        share = ((found - image).flatten(1).abs().amax(1) > 0).float().mean()
        assert share == pytest.approx(0.3, abs=0.07)

    def test_cutout_sets_one_box_to_the_mean(self):
        image = torch.randn(4, 1, 20, 30)
        found = self.quiet(image, cutout=1, cutout_fraction=0.2)
        for before, after in zip(image[:, 0], found[:, 0], strict=True):
            rows, columns = torch.nonzero(before != after, as_tuple=True)
            assert len(rows) == 4 * 6
            assert (int(rows.max() - rows.min()), int(columns.max() - columns.min())) == (3, 5)
            assert torch.allclose(after[rows, columns], before.mean())
