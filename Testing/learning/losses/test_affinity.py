"""The affinity operator against the sum over all pairs."""

import gc

import numpy as np
import pytest
import torch

from SemiWeakSegLib.learning.losses import Kernel, apply_affinity
from SemiWeakSegLib.learning.losses.gaussian import (
    gaussian_axis,
    gaussian_factor,
    gaussian_matrix,
    gaussian_table,
    rounded_sigma,
)

CASES = [((6, 6), (1.0, 1.0)), ((6, 7), (2.5, 0.8)), ((5, 5, 5), (3.0, 1.0, 1.5))]
APPEARANCE = Kernel(1.0, 3.0, 0.2)
SMOOTHNESS = Kernel(0.5, 1.5)


def scene(shape, batch=1, channels=1, classes=3, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(batch, channels, *shape, generator=generator, dtype=dtype)
    scores = torch.rand(batch, classes, *shape, generator=generator, dtype=dtype)
    return scores, image


def smooth_scene(shape, channels=1, noise=0.03, seed=0):
    """Regions with noise, as in an image; white noise would be no image."""
    generator = torch.Generator().manual_seed(seed)
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    coarse = torch.randn(1, channels, *[7] * len(shape), generator=generator)
    image = torch.nn.functional.interpolate(coarse, shape, mode=mode)
    image = 0.4 + 0.3 * torch.tanh(3 * image)
    image = image + noise * torch.randn(image.shape, generator=generator)
    coarse = 3 * torch.randn(1, 3, *[5] * len(shape), generator=generator)
    logits = torch.nn.functional.interpolate(coarse, shape, mode=mode)
    logits = logits + 0.5 * torch.randn(logits.shape, generator=generator)
    return logits.softmax(dim=1).double(), image.clamp(0, 1).double()


def exact(scores, image, spacing, kernels):
    """All pairs at once; checked against the loops of the oracles below."""
    shape = scores.shape[2:]
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, len(shape))
    position = torch.from_numpy(grid * np.asarray(spacing, dtype=float))
    colour = image[0].flatten(1).T.double()
    weights = torch.zeros(len(grid), len(grid), dtype=torch.float64)
    for kernel in kernels:
        exponent = torch.cdist(position, position).square() / kernel.sigma_space**2
        if kernel.sigma_intensity is not None:
            exponent += torch.cdist(colour, colour).square() / kernel.sigma_intensity**2
        weights += kernel.weight * torch.exp(-exponent / 2)
    weights.fill_diagonal_(0)
    return (scores[0].flatten(1).double() @ weights).view(scores.shape)


def potts_gradient(scores, neighbours):
    """Derivative by the logits, where what all classes share is gone."""
    return scores * (neighbours - (scores * neighbours).sum(dim=1, keepdim=True))


class TestAgainstAllPairs:
    @pytest.mark.parametrize(("shape", "spacing"), CASES)
    @pytest.mark.parametrize(
        "kernels", [[APPEARANCE], [SMOOTHNESS], [APPEARANCE, SMOOTHNESS]], ids=len
    )
    @pytest.mark.parametrize("channels", [1, 2])
    def test_small_grids(self, shape, spacing, kernels, channels, oracles):
        scores, image = scene(shape, channels=channels)
        weights = oracles.dense_weights(image[0].numpy(), spacing, kernels)
        expected = (scores[0].flatten(1).numpy() @ weights).reshape(scores.shape)
        found = apply_affinity(scores, image, torch.tensor([spacing]), kernels, 1e-7).numpy()
        assert np.linalg.norm(found - expected) < 3e-3 * np.linalg.norm(expected)
        np.testing.assert_allclose(
            exact(scores, image, spacing, kernels).numpy(), expected, rtol=1e-9
        )

    @pytest.mark.parametrize(
        ("shape", "spacing", "sigma"),
        [
            ((48, 52), (1.0, 1.0), 10.0),
            ((40, 60), (1.5, 0.7), 4.0),
            ((14, 18, 12), (1.0, 1.5, 2.5), 5.0),
            ((6, 22, 20), (8.0, 1.4, 1.4), 9.0),
        ],
    )
    def test_gradient_within_one_percent_at_the_default_tolerance(self, shape, spacing, sigma):
        scores, image = smooth_scene(shape)
        kernels = [Kernel(1.0, sigma, 0.1)]
        expected = potts_gradient(scores, exact(scores, image, spacing, kernels))
        for dtype in (torch.float32, torch.float64):
            neighbours = apply_affinity(
                scores.to(dtype), image.to(dtype), torch.tensor([spacing]), kernels
            )
            found = potts_gradient(scores, neighbours.double())
            assert neighbours.dtype == dtype
            assert (found - expected).norm() < 0.01 * expected.norm()

    @pytest.mark.parametrize("channels", [2, 3])
    def test_several_channels(self, channels):
        scores, image = smooth_scene((48, 48), channels, noise=0.02)
        kernels = [Kernel(1.0, 8.0, 0.15)]
        expected = potts_gradient(scores, exact(scores, image, (1, 1), kernels))
        found = potts_gradient(scores, apply_affinity(scores, image, torch.ones(1, 2), kernels))
        assert (found - expected).norm() < 0.02 * expected.norm()


class TestStructure:
    @pytest.mark.parametrize("channels", [1, 2])
    def test_symmetric(self, channels):
        scores, image = scene((5, 9, 7), classes=2, channels=channels)
        kernels = [APPEARANCE, SMOOTHNESS]
        spacing = torch.tensor([[2.0, 1.0, 1.0]])
        result = apply_affinity(scores, image, spacing, kernels)
        first, second = scores[0]
        np.testing.assert_allclose(
            (first * result[0, 1]).sum(), (second * result[0, 0]).sum(), rtol=1e-10
        )

    def test_nothing_wraps_around(self):
        scores = torch.zeros(1, 1, 40, 40)
        scores[..., 0, 0] = 1
        found = apply_affinity(
            scores, torch.zeros_like(scores), torch.ones(1, 2), [Kernel(1.0, 2.0)], 1e-6
        )
        assert found[0, 0, -1].abs().max() < 1e-5
        assert found[0, 0, :, -1].abs().max() < 1e-5
        assert found[0, 0, 1, 0] == pytest.approx(np.exp(-1 / 8), rel=1e-2)

    def test_a_lone_voxel_has_no_affinity(self):
        scores = torch.zeros(1, 1, 40, 40)
        scores[..., 17, 5] = 1
        image = torch.rand(1, 1, 40, 40)
        found = apply_affinity(scores, image, torch.ones(1, 2), [Kernel(1.0, 6.0, 0.1)])
        assert abs(found[0, 0, 17, 5]) < 1e-5

    def test_spacing_is_per_sample(self):
        scores, image = scene((8, 8), batch=3)
        spacing = torch.tensor([[1.0, 1.0], [1.0, 1.0], [2.0, 0.5]])
        found = apply_affinity(scores, image, spacing, [APPEARANCE])
        for b in range(3):
            alone = [tensor[b : b + 1] for tensor in (scores, image, spacing)]
            torch.testing.assert_close(found[b : b + 1], apply_affinity(*alone, [APPEARANCE]))
        assert not torch.allclose(
            found[2:], apply_affinity(scores[2:], image[2:], spacing[:1], [APPEARANCE])
        )

    def test_only_sigma_over_spacing_matters(self):
        scores, image = scene((8, 8))
        torch.testing.assert_close(
            apply_affinity(scores, image, torch.full((1, 2), 1.0), [Kernel(1, 3.0, 0.1)]),
            apply_affinity(scores, image, torch.full((1, 2), 2.0), [Kernel(1, 6.0, 0.1)]),
        )

    def test_slabs_and_groups_change_nothing(self, monkeypatch):
        scores, image = scene((9, 8, 7))
        kernels = [APPEARANCE, SMOOTHNESS]
        whole = apply_affinity(scores, image, torch.ones(1, 3), kernels)
        module = "SemiWeakSegLib.learning.losses.affinity."
        monkeypatch.setattr(module + "_CPU_SLAB", 3 * 8 * 7 * 2)
        monkeypatch.setattr(module + "_GROUP", 1)
        torch.testing.assert_close(apply_affinity(scores, image, torch.ones(1, 3), kernels), whole)

    def test_same_result_every_time(self):
        scores, image = scene((12, 12), channels=3)
        results = [apply_affinity(scores, image, torch.ones(1, 2), [APPEARANCE]) for _ in "ab"]
        assert torch.equal(*results)

    def test_autocast_is_off_inside(self):
        scores, image = scene((16, 16), dtype=torch.float32)
        expected = apply_affinity(scores, image, torch.ones(1, 2), [APPEARANCE])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = apply_affinity(scores, image, torch.ones(1, 2), [APPEARANCE])
        assert torch.equal(found, expected)

    def test_intensities_outside_the_range_are_clamped(self):
        scores, image = scene((8, 8))
        wide = 3 * image - 1
        for channels in (1, 2):
            pair = [x.repeat(1, channels, 1, 1) for x in (wide, wide.clamp(0, 1))]
            torch.testing.assert_close(
                *[apply_affinity(scores, x, torch.ones(1, 2), [APPEARANCE]) for x in pair]
            )


class TestErrors:
    scores, image = scene((6, 6))

    @pytest.mark.parametrize(
        ("image", "spacing", "kernels", "message"),
        [
            (image[..., :5], torch.ones(1, 2), [APPEARANCE], "image must be"),
            (image, torch.ones(1, 3), [APPEARANCE], "spacing must have"),
            (image, torch.tensor([[1.0, 0.0]]), [APPEARANCE], "positive and finite"),
            (image, torch.tensor([[1.0, np.nan]]), [APPEARANCE], "positive and finite"),
            (image, torch.ones(1, 2), [], "At least one kernel"),
        ],
    )
    def test_inputs(self, image, spacing, kernels, message):
        with pytest.raises(ValueError, match=message):
            apply_affinity(self.scores, image, spacing, kernels)

    @pytest.mark.parametrize("arguments", [(0, 1.0), (1, 0.0), (1, 1.0, 0.0), (1, float("nan"))])
    def test_kernel(self, arguments):
        with pytest.raises(ValueError, match="must be positive"):
            Kernel(*arguments)


class TestGaussianFactors:
    @pytest.mark.parametrize(("size", "sigma"), [(1, 3.0), (7, 0.4), (40, 5.0), (64, 100.0)])
    def test_factor_reproduces_the_matrix(self, size, sigma):
        expected = [
            [np.exp(-((i - j) ** 2) / (2 * sigma**2)) for j in range(size)] for i in range(size)
        ]
        np.testing.assert_allclose(gaussian_matrix(size, sigma), expected, atol=2e-7)
        factor = gaussian_factor(size, sigma, 1e-8)
        np.testing.assert_allclose(factor.T @ factor, expected, atol=1e-5)

    def test_wide_kernels_have_few_rows(self):
        assert gaussian_factor(256, 15.0, 0.01).shape[0] < 20

    def test_no_denormal_numbers(self):
        matrix = gaussian_matrix(200, 2.0).float()
        assert matrix[matrix > 0].min() > 1e-8

    def test_rounding_of_sigma_is_fine(self):
        for sigma in np.geomspace(0.05, 500, 300):
            assert rounded_sigma(sigma) == pytest.approx(sigma, rel=0.0011)
            assert rounded_sigma(rounded_sigma(sigma)) == pytest.approx(rounded_sigma(sigma))

    def test_caches_are_bounded(self):
        assert gaussian_axis.cache_info().maxsize <= 256
        assert gaussian_table.cache_info().maxsize <= 16
        scores, image = scene((4, 4))
        for step in np.linspace(1, 3, 300):
            apply_affinity(scores, image, torch.full((1, 2), step), [SMOOTHNESS])
        gc.collect()
        assert gaussian_axis.cache_info().currsize <= 256
